"""The schema over time on a PostgreSQL server: every revision up and down on a filled archive."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic import command
from filled import walked
from imports import REPO
from raw import ask, change
from sqlalchemy import Connection

from store.db import engine_postgres, place, reads
from store.db.engine import open_engine
from store.db.upgrade import config
from store.errors import StoreError
from store.intake import take_in
from store.items import text_of
from store.known import known

RECORDED = REPO / "tests" / "recorded" / "claude-code"
FOLDED = ("entry", "ledger", "request", "turn", "digest", "agent")  # made again from files when somebody asks
REVISIONS = [f"{number:04}" for number in range(1, reads.SCHEMA + 1)]

pytestmark = pytest.mark.parametrize("database", ["server"], indirect=True)


@pytest.fixture
def sessions(database: Path, tmp_path: Path) -> list[Path]:
    """Real ones, one with subagents."""
    folder = tmp_path / "projects"
    folder.mkdir()
    paths = []
    for name in ("tour", "two-helpers", "compact"):
        shutil.copy(RECORDED / f"{name}.jsonl", folder)
        if (RECORDED / name).is_dir():
            shutil.copytree(RECORDED / name, folder / name)
        paths.append(folder / f"{name}.jsonl")
        take_in(database, paths[-1])
    return paths


@contextmanager
def migrating(db: Path) -> Iterator[Connection]:
    url = place.server(db)
    assert url is not None
    engine = engine_postgres._engine(url)
    with engine.connect() as connection, connection.begin():
        yield connection
    engine.dispose()


def tables(db: Path) -> list[str]:
    wanted = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
    return [str(name) for (name,) in ask(db, wanted)]


def grouped(rows: list[tuple[str, ...]]) -> dict[str, list[tuple[str, ...]]]:
    """By the first of each, which is a table."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for table, *rest in rows:
        found.setdefault(table, []).append(tuple(rest))
    return found


def columns(db: Path) -> dict[str, list[tuple[str, ...]]]:
    wanted = (
        "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns "
        "WHERE table_schema = 'public' ORDER BY 1, 2"
    )
    return grouped(ask(db, wanted))


def content(db: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table but those for figures and words, by the names of its columns."""
    found = {}
    names = columns(db)
    with closing(reads.connect(db)) as connection:
        for table in tables(db):
            if table not in (*FOLDED, "fts_row"):
                those = ", ".join(f'"{name}"' for name, *_ in names[table])
                found[table] = sorted(connection.execute(f"SELECT {those} FROM {table}"), key=repr)  # noqa: S608
    return found


def shape(db: Path) -> dict[str, object]:
    indexes = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2"
    keys = (
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2"
    )
    found = (columns(db), grouped(ask(db, indexes)), grouped(ask(db, keys)))
    return {table: [part.get(table) for part in found] for table in tables(db)}


def said(db: Path, paths: list[Path]) -> list[list[str]]:
    texts = []
    for path in paths:
        found = known(path, db)
        assert found is not None
        with closing(found.window):
            texts.append([text_of(item) for item in found.window.read(0, found.rows)])
            assert len(found.window.weights()) == found.rows
    return texts


def test_up_down_and_up_again_with_equal_data(database: Path, sessions: list[Path]) -> None:
    """000-05, on the other dialect: nothing is lost on the way, and windows on the sessions say the same."""
    shapes, contents, texts = {}, {}, said(database, sessions)
    for revision in reversed(REVISIONS):
        with migrating(database) as connection:
            command.downgrade(config(connection), revision)
        shapes[revision], contents[revision] = shape(database), content(database)
        assert ask(database, reads.VERSION) == [(int(revision), reads.APPLICATION)]
    for revision in REVISIONS:
        with migrating(database) as connection:
            command.upgrade(config(connection), revision)
        assert shape(database) == shapes[revision]
        assert content(database) == contents[revision]
        assert ask(database, reads.VERSION) == [(int(revision), reads.APPLICATION)]
    assert said(database, sessions) == texts


def test_no_step_loses_what_both_sides_of_it_have(database: Path, sessions: list[Path]) -> None:
    """000-05: each revision down and up again with a row in every table, those of runs and triggers too."""
    assert sessions
    walked(lambda: migrating(database), REVISIONS, FOLDED)


def test_down_to_nothing_and_up_to_what_a_new_one_has(database: Path) -> None:
    """000-05: the tables in the code are those that the revisions lead to."""
    fresh = shape(database)
    with migrating(database) as connection:
        command.check(config(connection))
        command.downgrade(config(connection), "base")
    assert tables(database) == ["alembic_version"]
    with migrating(database) as connection:
        command.upgrade(config(connection), "head")
        command.check(config(connection))
    assert shape(database) == fresh


def test_opening_an_older_one_brings_it_up_to_date(database: Path, sessions: list[Path]) -> None:
    texts = said(database, sessions)
    with migrating(database) as connection:
        command.downgrade(config(connection), "0001")
    assert known(sessions[0], database) is None
    open_engine(database).dispose()
    assert said(database, sessions) == texts


def test_one_of_a_newer_playhead_is_refused_and_left(database: Path) -> None:
    change(database, "UPDATE alembic_version SET version_num = ?", (f"{reads.SCHEMA + 1:04}",))
    with pytest.raises(StoreError, match=r"newer Playhead .*PLAYHEAD_DATABASE_URL"):
        open_engine(database)
    assert ask(database, reads.VERSION) == [(reads.SCHEMA + 1, reads.APPLICATION)]


def test_a_database_of_another_program_is_refused_and_left(database: Path) -> None:
    change(database, "DROP VIEW pragma_application_id")
    with pytest.raises(StoreError, match="belongs to another program"):
        open_engine(database)
    assert "session" in tables(database)
