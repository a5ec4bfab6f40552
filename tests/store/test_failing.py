"""The next row that tells of a failure: up and down, in the index or not yet, at a cost that no row count has."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from archive import Archive

from store.db import reads
from store.db.search import catch_up
from store.delta import Delta, Rebase
from store.events import ItemId
from store.failing import failing
from store.fold import Put
from store.items import Item, Notice, Prompt, Tool, failed
from store.known import known
from store.window import DbWindow
from viewer.failures import beyond, far, near
from viewer.timeline.model import TimelineModel


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def row(number: int, wrong: bool) -> Item:
    """One in three of what is wrong is a notice; the words of others say nothing."""
    id = ItemId(f"i{number}")
    if number % 3 == 0:
        return Notice(id=id, text="failed", level="error" if wrong else "info")
    return Tool(id=id, name="Bash", status="failed") if wrong else Prompt(id=id, text="is:error failed")


def opened(archive: Archive, key: str) -> DbWindow:
    found = known(Path(key), archive.db)
    assert found is not None
    return found.window


def test_they_are_found_up_and_down_wherever_the_index_stands(archive: Archive) -> None:
    rng = random.Random(7)
    items = [row(number, rng.random() < 0.02) for number in range(1_200)]
    archive.session("before", [row(number, True) for number in range(50)])
    key = archive.session("a", items)
    archive.session("behind", [row(number, True) for number in range(50)])
    for stands in ("nothing is indexed", "all is", "some is", "it is broken"):
        if stands == "all is":
            catch_up(archive.db)
        elif stands == "some is":
            more = [row(number, number % 5 == 0) for number in range(1_200, 1_300)]
            later = {7: row(7, True), 600: row(600, False), 1_100: row(1_100, True)}
            archive.change(key, [*(Put(at, one) for at, one in later.items()), *map(Put, range(1_200, 1_300), more)])
            items = [later.get(at, one) for at, one in enumerate([*items, *more])]
        elif stands == "it is broken":
            with closing(sqlite3.connect(archive.db)) as connection:
                connection.execute("UPDATE fts_row_data SET block = x'ffffffffffffffff' WHERE id > 100")
                connection.commit()
        with closing(opened(archive, key)) as window:
            for first, end in ((0, len(items)), (8, 1_000), (601, 601), (1_150, len(items))):
                wanted = [(at, one) for at, one in enumerate(items[first:end], first) if failed(one)]
                assert list(window.failing(first, end, 1)) == wanted, stands
                assert list(window.failing(first, end, -1)) == wanted[::-1], stands


def test_a_look_costs_what_there_are_and_not_what_there_are_rows(archive: Archive) -> None:
    """The last of 4,000 and of 12,000 rows: as many rows are read, and the index is asked once more."""
    said: list[str] = []
    costs = []
    for name, rows in (("small", 4_000), ("large", 12_000)):
        key = archive.session(name, [row(number, number == rows - 1) for number in range(rows)])
        catch_up(archive.db)
        with closing(opened(archive, key)) as window, closing(reads.connect(archive.db)) as connection:
            assert isinstance(connection, sqlite3.Connection)
            window._connection.set_trace_callback(said.append)
            connection.set_trace_callback(said.append)
            assert [at for at, _ in failing(window, connection, 0, rows, 1)] == [rows - 1]
            window._connection.set_trace_callback(None)
        asked = [sum(word in one for one in said) for word in ("SELECT payload", "fts_row MATCH")]
        costs.append(asked)
        said.clear()
    assert costs == [[1, 1], [1, 2]]


def test_what_is_newer_in_memory_counts(archive: Archive) -> None:
    """Rows that changed since they were read, and those that the database does not have yet."""
    key = archive.session("a", [row(number, number in (10, 20, 30)) for number in range(40)])
    catch_up(archive.db)
    with closing(opened(archive, key)) as window:
        model = TimelineModel()
        overlay = {10: row(10, False), 15: row(15, True)}
        model.apply(Delta("a", Rebase(window, overlay, tuple(row(number, number == 45) for number in range(40, 50)))))

        def chain(by: int) -> list[str]:
            at, found = -1, []
            while True:
                first, end = beyond(model, at, by)
                apart = model.apart(first, end)
                assert apart is not None
                id = far(apart, by)
                if apart.window is None:
                    assert near(model, first, end, by) == id
                if id is None:
                    return found
                found.append(id)
                at = model.position_of(id) or 0

        assert chain(1) == ["i15", "i20", "i30", "i45"]
        assert chain(-1) == ["i45", "i30", "i20", "i15"]
