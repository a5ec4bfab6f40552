"""The database's schema over time: every revision up and down on a filled database, and files of earlier versions."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from archive import marked
from filled import walked
from imports import REPO
from sqlalchemy import Connection

from store.catalog import Catalog
from store.db import reads
from store.db.engine import _engine, open_engine
from store.db.search import catch_up, mark_up
from store.db.upgrade import SCRIPTS, config
from store.errors import StoreError
from store.intake import take_in
from store.items import text_of
from store.known import known

RECORDED = REPO / "tests" / "recorded" / "claude-code"
OLD = REPO / "tests" / "databases"
HOME = Path("/home/ada/.claude/projects/-home-ada-project")  # where the sessions in OLD lay
FOLDED = ("entry", "ledger", "request", "turn", "digest", "agent")  # made again from files when somebody asks
REVISIONS = [f"{number:04}" for number in range(1, reads.SCHEMA + 1)]


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "data" / "playhead.db"


def old(db: Path, version: int) -> None:
    """A database as a former version wrote it."""
    db.parent.mkdir(parents=True)
    with closing(sqlite3.connect(db)) as connection:
        connection.executescript((OLD / f"{version}.sql").read_text("utf-8"))


def filled(db: Path, folder: Path) -> list[Path]:
    """Real sessions, one with subagents, and a list of them."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in ("tour", "two-helpers", "compact"):
        shutil.copy(RECORDED / f"{name}.jsonl", folder)
        if (RECORDED / name).is_dir():
            shutil.copytree(RECORDED / name, folder / name)
        paths.append(folder / f"{name}.jsonl")
        take_in(db, paths[-1])
    return paths


@contextmanager
def migrating(db: Path) -> Iterator[Connection]:
    engine = _engine(db, enforce=False)
    with engine.connect() as connection, connection.begin():
        yield connection
    engine.dispose()


def ask(db: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(db)) as connection:
        return connection.execute(sql).fetchall()


def tables(db: Path) -> list[str]:
    wanted = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    return [str(name) for (name,) in ask(db, wanted)]


def content(db: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table but those for figures, by the names of its columns; ids that were ever given as well."""
    found = {}
    for table in [table for table in (*tables(db), "sqlite_sequence") if table not in FOLDED]:
        names = [str(row[1]) for row in ask(db, f"PRAGMA table_info('{table}')")]
        columns = ", ".join(f'"{name}"' for name in sorted(names))
        found[table] = sorted(ask(db, f"SELECT {columns} FROM {table}"), key=repr)  # noqa: S608
    return found


def shape(db: Path) -> dict[str, object]:
    """Columns in their order, indexes and references of every table."""
    found: dict[str, object] = {}
    for table in tables(db):
        columns = ask(db, f"PRAGMA table_info('{table}')")
        indexes = [row[1:] for row in ask(db, f"PRAGMA index_list('{table}')")]
        what = {row[0]: ask(db, f"PRAGMA index_info('{row[0]}')") for row in indexes}
        keys = sorted(row[2:] for row in ask(db, f"PRAGMA foreign_key_list('{table}')"))
        found[table] = (columns, sorted(indexes), what, keys)
    where = ask(db, "SELECT sql LIKE '%AUTOINCREMENT%' FROM sqlite_master WHERE name = 'session'")
    ready = ask(
        db, "SELECT sql LIKE '%WHERE state = ''ready''%' FROM sqlite_master WHERE name = 'ix_session_key_ready'"
    )
    return {**found, "ids are never given twice": where, "one ready session per file": ready}


# ---- revisions


def test_every_revision_has_a_number_and_the_last_is_ours(tmp_path: Path) -> None:
    scripts = ScriptDirectory(str(SCRIPTS))
    assert scripts.get_current_head() == REVISIONS[-1]
    assert [script.revision for script in reversed(list(scripts.walk_revisions()))] == REVISIONS


def test_up_down_and_up_again_with_equal_data(db: Path, tmp_path: Path) -> None:
    """000-05: nothing is lost on the way, and windows on the sessions say the same."""
    paths = filled(db, tmp_path / "projects")
    with closing(sqlite3.connect(db)) as connection:  # ids beyond the rows that are there
        connection.execute("UPDATE sqlite_sequence SET seq = 77 WHERE name = 'session'")
        connection.commit()
    shapes, contents, texts = {}, {}, said(db, paths)
    for revision in reversed(REVISIONS):
        with migrating(db) as connection:
            command.downgrade(config(connection), revision)
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall() == []
        shapes[revision], contents[revision] = shape(db), content(db)
        assert ask(db, reads.VERSION) == [(int(revision), reads.APPLICATION)]
    for revision in REVISIONS:
        with migrating(db) as connection:
            command.upgrade(config(connection), revision)
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall() == []
        assert shape(db) == shapes[revision]
        assert content(db) == contents[revision]
        assert ask(db, reads.VERSION) == [(int(revision), reads.APPLICATION)]
    assert said(db, paths) == texts
    assert [ask(db, f"SELECT count(*) FROM {table}") for table in FOLDED] == [[(0,)]] * len(FOLDED)  # noqa: S608
    assert ask(db, "PRAGMA integrity_check") == [("ok",)]


def test_no_step_loses_what_both_sides_of_it_have(db: Path, tmp_path: Path) -> None:
    """000-05: each revision down and up again with a row in every table, those of runs and triggers too."""
    filled(db, tmp_path / "projects")
    walked(lambda: migrating(db), REVISIONS, FOLDED)
    assert ask(db, "PRAGMA integrity_check") == [("ok",)]


def test_marks_are_made_anew(db: Path, tmp_path: Path) -> None:
    """000-05: what was marked by another rule waits to be marked again, and nothing that is indexed is left out."""
    filled(db, tmp_path / "projects")
    catch_up(db)
    assert mark_up(db)
    steps = [
        (command.downgrade, "0007"),
        (command.downgrade, "0006"),
        (command.upgrade, "0007"),
        (command.upgrade, "0008"),
    ]
    for step, revision in steps:
        with migrating(db) as connection:
            step(config(connection), revision)
    assert ask(db, "SELECT count(*) FROM fts_chunk") == [(0,)]
    marked(db)
    assert mark_up(db)
    marked(db)


def said(db: Path, paths: list[Path]) -> list[list[str]]:
    texts = []
    for path in paths:
        found = known(path, db)
        assert found is not None
        assert found.unchanged or found.only_copy
        texts.append([text_of(item) for item in found.window.read(0, found.rows)])
        assert len(found.window.weights()) == found.rows
        found.window.close()
    return texts


def test_down_to_nothing_and_up_to_what_a_new_one_has(db: Path, tmp_path: Path) -> None:
    """000-05: the tables in the code are those that the revisions lead to."""
    with open_engine(db).connect():
        fresh = shape(db)
    with migrating(db) as connection:
        command.check(config(connection))
        command.downgrade(config(connection), "base")
    assert tables(db) == ["alembic_version"]
    with migrating(db) as connection:
        command.upgrade(config(connection), "head")
        command.check(config(connection))
    assert shape(db) == fresh


# ---- files of earlier versions


@pytest.mark.parametrize("version", sorted(int(path.stem) for path in OLD.glob("*.sql")))
def test_an_earlier_database_is_upgraded_and_keeps_everything(db: Path, version: int) -> None:
    """000-04, 000-05: its sessions' files are gone, and still they are read."""
    old(db, version)
    before = content(db)
    open_engine(db).dispose()
    after = content(db)
    for table in ("source", "item", "strip", "catalog", "sqlite_sequence"):
        assert after[table] == before[table], table
    assert ask(db, "SELECT count(*), count(agent_ids_json), min(origin), max(missing) FROM session") == [
        (3, 0, "file", 0)
    ]
    paths = [HOME / f"{name}.jsonl" for name in ("tour", "two-helpers", "edits")]
    wanted = [recorded(name) for name in ("tour", "two-helpers", "edits")]
    assert [[text[:60] for text in texts] for texts in said(db, paths)] == wanted
    with closing(sqlite3.connect(reads.backup(db, version))) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("PRAGMA user_version").fetchone() == (version,)
    assert not list(db.parent.glob("*.schema-*"))
    assert {row.path for _, _, row in Catalog(db).load().values()} == {str(path) for path in paths}


def recorded(name: str) -> list[str]:
    """What the recording shows today."""
    from imports import Folded

    from store.whole import Whole

    return [text_of(item)[:60] for item in Folded(Whole(RECORDED / f"{name}.jsonl")).rows]


def test_a_current_database_needs_no_alembic(db: Path) -> None:
    """P-01: it comes in when there is work for it, and costs nothing otherwise. A new database needs none either."""
    code = (
        "import sys; from pathlib import Path; from store.db.engine import open_engine; "
        "open_engine(Path(sys.argv[1])).dispose(); print('alembic' in sys.modules)"
    )
    old(db, 1)
    answers = [
        subprocess.run([sys.executable, "-c", code, str(path)], cwd=REPO, capture_output=True, text=True, check=True)
        for path in (db, db, db.with_name("new.db"))
    ]
    assert [answer.stdout.strip() for answer in answers] == ["True", "False", "False"]


def test_two_processes_upgrade_it_once(db: Path) -> None:
    """X-06: two Playheads at once."""
    old(db, 1)
    code = (
        "import logging, sys; logging.basicConfig(level=20, stream=sys.stdout); from pathlib import Path; "
        "from store.db.engine import open_engine; open_engine(Path(sys.argv[1])).dispose()"
    )
    command = [sys.executable, "-c", code, str(db)]
    both = [subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, text=True) for _ in "ab"]
    words = [process.communicate(timeout=100)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert "".join(words).count("was upgraded from schema 1 to") == 1
    assert ask(db, reads.VERSION) == [(reads.SCHEMA, reads.APPLICATION)]


def test_the_copy_goes_with_the_next_start(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old(db, 1)
    first = Catalog(db)
    assert first.load()
    first.close()
    copy = reads.backup(db, 1)
    assert Catalog(db).load()
    assert copy.exists()  # still the start that upgraded it
    monkeypatch.setattr(reads, "STARTED", copy.stat().st_mtime + 1)
    assert Catalog(db).load()
    assert not copy.exists()


def test_an_upgrade_that_fails_changes_nothing(db: Path) -> None:
    """Killed, or a full disk: it is one transaction."""
    old(db, 1)
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("CREATE TABLE price (mine TEXT)")  # in the way of a later step
    before, there = content(db), shape(db)
    with pytest.raises(StoreError, match="table price already exists"):
        open_engine(db)
    assert (content(db), shape(db)) == (before, there)
    assert ask(db, reads.VERSION) == [(1, reads.APPLICATION)]
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("DROP TABLE price")
    open_engine(db).dispose()
    assert ask(db, reads.VERSION) == [(reads.SCHEMA, reads.APPLICATION)]


def test_an_upgrade_waits_for_no_lock_for_ever(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """X-06: locked by another program: a sentence, and nothing is changed."""
    monkeypatch.setattr("store.db.engine.BUSY_MS", 50)
    old(db, 1)
    with closing(sqlite3.connect(db, isolation_level=None)) as holder:
        holder.execute("PRAGMA journal_mode=WAL")
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked by another program"):
            open_engine(db)
    assert ask(db, reads.VERSION) == [(1, reads.APPLICATION)]
    open_engine(db).dispose()
    assert ask(db, reads.VERSION) == [(reads.SCHEMA, reads.APPLICATION)]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX permissions")
def test_a_folder_that_cannot_be_written_is_a_sentence_and_nothing_is_changed() -> None:
    """Root gives up its rights meanwhile."""
    with tempfile.TemporaryDirectory() as name:
        db = Path(name) / "data" / "playhead.db"
        old(db, 1)
        Path(name).chmod(0o755)
        db.chmod(0o444)
        db.parent.chmod(0o555)
        before, root = db.read_bytes(), os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            with pytest.raises(StoreError, match="cannot be written: check its owner and mode"):
                open_engine(db)
            assert Catalog(db).load() == {}
        finally:
            if root:
                os.seteuid(0)
            db.parent.chmod(0o755)
        assert db.read_bytes() == before
