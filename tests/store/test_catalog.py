"""The catalog: the list of sessions survives a restart, costs one query, and is never worth an exception at start."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from store.catalog import Catalog, Entry
from store.delta import Row
from store.errors import StoreError


def entry(number: int, title: str = "t") -> tuple[str, Entry]:
    path = f"/home/x/{number}.jsonl"
    row = Row(path, "claude-code", f"{title} {number} é", "/w", "w", number, number + 5, "ended", 100 + number, path, 7)
    return path, (100 + number, 1_000_000_000_000_000_000 + number, row)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "data" / "playhead.db"


def test_what_is_saved_is_loaded_by_the_next_start(db: Path) -> None:
    entries = dict(entry(number) for number in range(10_000))
    first = Catalog(db)
    first.save(entries)
    first.close()
    assert Catalog(db).load() == entries


def test_saving_again_replaces_and_forgetting_removes(db: Path) -> None:
    catalog = Catalog(db)
    catalog.save(dict(entry(number) for number in range(3)))
    path, new = entry(1, "new")
    catalog.save({path: new})
    catalog.save({})
    catalog.forget([entry(0)[0], "/never/seen"])
    catalog.close()
    assert catalog.load() == {path: new, entry(2)[0]: entry(2)[1]}


def test_without_a_database_it_is_empty(db: Path) -> None:
    assert Catalog(db).load() == {}
    db.parent.mkdir()
    db.write_bytes(b"no database" * 1000)
    assert Catalog(db).load() == {}


def test_a_row_that_cannot_be_read_costs_the_cache_and_nothing_else(db: Path) -> None:
    catalog = Catalog(db)
    catalog.save(dict([entry(1)]))
    connection = sqlite3.connect(db)
    connection.execute("UPDATE catalog SET row = x'c1'")
    connection.commit()
    connection.close()
    assert catalog.load() == {}
    catalog.save(dict([entry(1)]))
    assert catalog.load() == dict([entry(1)])
    catalog.close()


def test_a_newer_database_is_not_read_and_not_written(db: Path) -> None:
    catalog = Catalog(db)
    catalog.save(dict([entry(1)]))
    catalog.close()
    connection = sqlite3.connect(db)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    assert catalog.load() == {}
    with pytest.raises(StoreError, match="newer"):
        catalog.save(dict([entry(2)]))


def test_it_lies_in_the_data_folder(home: Path) -> None:
    catalog = Catalog()
    catalog.save(dict([entry(1)]))
    catalog.close()
    assert (home / "playhead" / "data" / "playhead.db").exists()
