"""Marks say of every query what the index itself says, and make what is rare among common words cheap to find."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from archive import Archive
from raw import ask

from store import hits
from store.db import fts_sqlite as fts
from store.db import marks, marks_read, marks_seal
from store.db.search import Indexer, catch_up, mark_up
from store.fold import Put
from store.items import Item, Message, Prompt, Thought, Tool
from store.query import And, Facet, Node, Or, Words
from store.search import Search
from store.text import Text

WORDS = ("alpha", "beta", "gamma", "delta", "foo_bar", "Ünï", "日本", "x1", "the", "a")
RARE = ("omega", "psi")
COLUMNS = ("", "", "", "said", "thought", "input", "output")
T0 = 1_780_000_000_000_000


def text(rng: random.Random) -> str:
    if rng.random() < 0.3:
        return " ".join(rng.choices(WORDS[:4], k=rng.randint(3, 8)))
    words = rng.choices(WORDS, weights=range(len(WORDS), 0, -1), k=rng.randint(0, 7))
    return " ".join([*words, rng.choice(RARE)] if rng.random() < 0.05 else words)


def item(rng: random.Random, row: int) -> Item:
    match rng.randrange(4):
        case 0:
            return Prompt(id=f"r{row}", text=text(rng), ts=T0 + row)
        case 1:
            return Message(id=f"r{row}", text=Text(text(rng)), ts=T0 + row)
        case 2:
            return Thought(id=f"r{row}", text=Text(text(rng)), ts=T0 + row)
        case _:
            given, status = Text(text(rng)), rng.choice(("ok", "ok", "failed"))
            name = rng.choice(("Bash", "Edit"))
            return Tool(id=f"r{row}", name=name, input=given, output=Text(text(rng)), status=status, ts=T0 + row)


def node(rng: random.Random, depth: int = 2) -> Node:
    kind = rng.random() if depth else 0.0
    if kind < 0.45:
        words = " ".join(rng.choices((*WORDS[:4], *WORDS, *RARE), k=rng.choice((1, 1, 2, 2, 3, 3, 4))))
        return Words(words, False, rng.choice(COLUMNS))
    if kind < 0.6:
        return rng.choice((Facet("k", "tool"), Facet("k", "message"), Facet("s", "failed"), Facet("t", "Bash")))
    nodes = tuple(node(rng, depth - 1) for _ in range(rng.randint(2, 3)))
    if kind < 0.7:
        return Or(nodes)
    return And(nodes, tuple(node(rng, depth - 1) for _ in range(rng.randint(0, 2))))


def test_any_query_has_the_same_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words, phrases, columns, fields, AND, OR, NOT: in chunks of any size, with rows that changed since and rows in
    none."""
    monkeypatch.setattr(marks_seal, "CHUNK", 40)
    monkeypatch.setattr(marks_read, "SUSPECTS", 10_000)
    monkeypatch.setattr(marks, "LEAST", 3)
    monkeypatch.setattr(marks, "FREQUENT", 3)
    rng = random.Random(5)
    archive = Archive(tmp_path)
    keys = [archive.session(f"s{number}", [item(rng, row) for row in range(70)]) for number in range(3)]
    catch_up(archive.db)
    mark_up(archive.db)
    assert archive.ask("SELECT count(*) FROM fts_mark WHERE word LIKE 'alpha beta %'") > [(3,)]
    for row in rng.sample(range(70), 9):
        archive.change(keys[0], [Put(row, item(rng, row))])
    archive.session("s1", [item(rng, row) for row in range(30)])
    archive.sweep()
    archive.session("s3", [item(rng, row) for row in range(25)])
    with closing(Indexer(archive.db)) as indexer:
        assert indexer.run() == 55
    archive.marked()
    assert ask(archive.db, "SELECT sum(count) FROM fts_loose")[0][0] == 64  # these are looked at one by one
    hits_of_all = 0
    with closing(sqlite3.connect(archive.db)) as connection:
        for number in range(120):
            asked = node(rng)
            wanted = [seq for (seq,) in connection.execute(fts.EVERY, (fts.match(asked),))]
            found = marks_read.few(connection, asked)
            assert found is not None
            assert [seq for some in found.values() for seq in some] == wanted, (number, asked)
            hits_of_all += 0 < len(wanted) < 150
    assert hits_of_all > 50
    catch_up(archive.db)
    mark_up(archive.db)
    archive.marked()
    assert archive.ask("SELECT count(*) FROM fts_loose") == [(0,)]


def test_bits_are_what_they_were() -> None:
    rng = random.Random(1)
    for count in (1, 7, 8, 9, 300, marks.CHUNK):
        for share in (0.001, 0.02, 0.1, 0.5, 1.0):
            places = sorted(rng.sample(range(count), max(1, int(count * share))))
            for common in (True, False):
                bits, told = marks.unpacked(marks.packed(places, count, common))
                assert list(marks.rows_of(bits)) == places
                assert told is common


def test_small_chunks_become_big_ones(tmp_path: Path) -> None:
    """A session that grows by a few rows at a time: chunks stay few, and no row is read for them again and again."""
    archive = Archive(tmp_path)
    rng = random.Random(2)
    key = archive.session("one", [item(rng, 0)])
    read = 0
    documents = Indexer._documents

    def counted(self: Indexer, first: int, count: int) -> list[tuple[int, object]]:
        nonlocal read
        read += count
        return documents(self, first, count)  # type: ignore[return-value]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Indexer, "_documents", counted)
        for turn in range(25):
            archive.change(key, [Put(1 + turn * 3 + at, item(rng, 1 + turn * 3 + at)) for at in range(3)])
            catch_up(archive.db)
            mark_up(archive.db)
    archive.marked()
    assert archive.ask("SELECT count(*) FROM fts_chunk")[0][0] <= 6  # type: ignore[operator]
    assert read <= 76 * 8


def test_rows_that_change_while_they_are_read_are_read_again(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    rng = random.Random(3)
    key = archive.session("one", [item(rng, row) for row in range(20)])
    with closing(Indexer(archive.db)) as indexer:
        indexer.run()
        documents, turns = indexer._documents, 0

        def interrupted(first: int, count: int) -> list[tuple[int, tuple[str, str, str, str, str]]]:
            nonlocal turns
            turns += 1
            found = documents(first, count)
            if turns == 1:
                archive.change(key, [Put(4, Message(id="r4", text=Text("meanwhile")))])
            return found

        indexer._documents = interrupted  # type: ignore[method-assign]
        assert indexer.seal() == 1
        assert turns > 1
    archive.marked()
    with closing(sqlite3.connect(archive.db)) as connection:
        (seqs,) = (marks_read.few(connection, Words("meanwhile")) or {}).values()
    assert [seq & 0xFFFFFFFF for seq in seqs] == [4]


def test_a_long_text_does_not_make_a_chunk_big(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks_seal, "CHARS", 2_000)
    monkeypatch.setattr(marks_seal, "_SLICE", 4)
    archive = Archive(tmp_path)
    archive.session("one", [Message(id=f"m{row}", text=Text("word " * 100)) for row in range(30)])
    catch_up(archive.db)
    mark_up(archive.db)
    archive.marked()
    assert archive.ask("SELECT max(rows), sum(rows) FROM fts_chunk") == [(4, 30)]


def test_what_is_gone_from_chunks_does_not_stay_there(tmp_path: Path) -> None:
    """A session that is read anew, and one whose rows change, again and again: what a search has to go through is what
    there is."""
    archive = Archive(tmp_path)
    rng = random.Random(6)
    key = archive.session("changes", [item(rng, row) for row in range(60)])
    for turn in range(12):
        archive.session("anew", [item(rng, row) for row in range(40)])
        archive.sweep()
        archive.change(key, [Put(row, item(rng, row)) for row in rng.sample(range(60), 20)])
        archive.marked()
        catch_up(archive.db)
        mark_up(archive.db)
        archive.marked()
        ((chunks, rows),) = archive.ask("SELECT count(*), sum(rows) FROM fts_chunk")
        assert chunks <= 3, turn  # type: ignore[operator]
        assert rows <= 200, turn  # type: ignore[operator]
        assert archive.ask("SELECT count(*) FROM fts_run")[0][0] <= 60, turn  # type: ignore[operator]
    archive.session("changes", [])
    archive.session("anew", [])
    archive.sweep()
    mark_up(archive.db)
    left = [archive.ask(f"SELECT 1 FROM {table}") for table in marks.TABLES]  # noqa: S608 - our own names
    assert left == [[], [], [], []]


class Size:
    """An archive of so many sessions: two words of every second row each, three times together in all."""

    def __init__(self, folder: Path, sessions: int) -> None:
        self.archive = Archive(folder)
        rng = random.Random(4)
        for number in range(sessions):
            items: list[Item] = []
            for row in range(60):
                words = ["north" if row % 2 else "south", *rng.choices(WORDS, k=4)]
                if number < 3 and row == 7:
                    words = ["south", "north", "by"]
                made = Tool(
                    id=f"c{row}", name="Bash", output=Text(" ".join(words)), status="ok", ts=T0 + row - 20 * number
                )
                items.append(made)
            self.archive.session(f"s{number}", items)
        catch_up(self.archive.db)
        mark_up(self.archive.db)

    def steps(self, query: str) -> tuple[int, int]:
        """Hits, and how much SQLite does for them, in hundreds of its steps."""
        count = 0

        def step() -> int:
            nonlocal count
            count += 1
            return 0

        with closing(Search(self.archive.db)) as asked:
            asked.waiting()
            connection = asked._connection
            assert isinstance(connection, sqlite3.Connection)
            connection.set_progress_handler(step, 100)
            found = asked.find(query)
        return len(found.hits), count


def test_what_is_rare_costs_the_same_in_an_archive_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Newest 50 of many hits, of few among common words, and of none: four times the rows, the same work."""
    monkeypatch.setattr(hits, "FEW", 100)
    small, big = Size(tmp_path / "small", 6), Size(tmp_path / "big", 24)
    went_through = 0
    newest = hits.Hits._grouped

    def counted(self: hits.Hits, sql: str, *values: object) -> dict[int, list[int]]:
        nonlocal went_through
        went_through += 1
        return newest(self, sql, *values)

    monkeypatch.setattr(hits.Hits, "_grouped", counted)
    for query, many in (("north south", 3), ('"south north"', 3), ('"north south"', 0), ("north by -south", 0)):
        assert (small.steps(query)[0], big.steps(query)[0]) == (many, many), query
        # FTS5 was not asked, which would have gone through all rows that have either word.
        assert went_through == (2 if "by" in query else 0), query
        went_through = 0
    for query in ("north", "north tool:Bash", "south -north", '"south north" OR north', "north is:ok"):
        (few, cheap), (more, dear) = small.steps(query), big.steps(query)
        assert (few, more) == (50, 50), query
        assert dear <= cheap * 1.5 + 5, (query, cheap, dear)
