"""Triggers, threads and runs are only copies: they outlive upgrades, rebuilds and damage, and go where they must."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from hooks import Web, agents
from raw import ask as asked

from store.db import reads
from store.db.engine import _engine, open_engine
from store.db.serving import Serving
from store.db.upgrade import config
from store.links import Links
from store.rebuild import rebuild
from store.secrets import fetch
from store.threads import list_threads
from store.triggers import deliveries, list_triggers, save_trigger

TABLES = ("trigger", "trigger_session_threads", "delivery", "run")


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Web:
    """One that has worked and is over."""
    made = Web(tmp_path / "data", agents(tmp_path, monkeypatch))
    made.service.start()
    made.trigger()
    made.sent_and_done("Say hello")
    made.sent_and_done("What did we do?")
    made.close()
    return made


def content(db: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(db)) as connection:
        return {table: connection.execute(f'SELECT * FROM "{table}" ORDER BY id').fetchall() for table in TABLES}  # noqa: S608


def test_down_and_up_on_a_filled_database(web: Web) -> None:
    """003-09, 003-10, 003-90: the tables go and come; what else there is stays."""
    assert [len(rows) for rows in content(web.db).values()] == [1, 1, 2, 2]
    with closing(sqlite3.connect(web.db)) as connection:
        books = connection.execute("SELECT * FROM audit").fetchall()
        columns = [row[1] for row in connection.execute("PRAGMA table_info(trigger_session_threads)")]
        assert columns[:6] == ["id", "trigger_id", "dedup_key", "claude_session_id", "last_used_at", "created_at"]
        [key] = connection.execute("PRAGMA foreign_key_list(trigger_session_threads)").fetchall()
        assert (key[2], key[3], key[6]) == ("trigger", "trigger_id", "CASCADE")
        keys = {
            (bool(unique), *(told[2] for told in connection.execute(f"PRAGMA index_info({name})")))
            for _, name, unique, *_ in connection.execute("PRAGMA index_list(trigger_session_threads)").fetchall()
        }
        assert keys == {(True, "trigger_id", "dedup_key"), (False, "trigger_id", "last_used_at")}
    for revision in ("0004", "0005", "0005"):
        engine = _engine(web.db, enforce=False)
        with engine.connect() as connection, connection.begin():
            (command.downgrade if revision == "0004" else command.upgrade)(config(connection), revision)
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall() == []
        engine.dispose()
    assert [len(rows) for rows in content(web.db).values()] == [0, 0, 0, 0]
    with closing(sqlite3.connect(web.db)) as connection:
        assert connection.execute("SELECT * FROM audit").fetchall() == books


def test_a_rebuild_keeps_them(web: Web) -> None:
    before = content(web.db)
    rebuild(web.db)
    assert content(web.db) == before


def test_a_damaged_database_gives_them_back(web: Web) -> None:
    """As far as its pages can be read; a second opening takes nothing twice."""
    before = content(web.db)
    reads.damage(web.db)
    open_engine(web.db).dispose()
    assert content(web.db) == before
    (trigger,) = list_triggers(web.db)
    assert fetch(web.db, trigger.secret_ref)
    assert list_threads(web.db).total == 1
    assert asked(web.db, "SELECT detail FROM audit WHERE action = 'triggers taken over'") == [
        ("1 triggers, 1 threads",)
    ]


def test_a_new_session_has_the_old_one_as_its_parent(web: Web) -> None:
    """X-04, 003-101: written down once both are in the database."""
    (row,) = list_threads(web.db).rows
    with closing(Serving(web.db)) as serving:
        links = Links(web.db)
        links.add("new", str(row.session))
        links.add("same", "same")
        assert links.write(serving) == 1  # neither is there yet
        for name in ("new", str(row.session)):
            add = f"INSERT INTO session (key, state, agent_session) VALUES ('/{name}', 'ready', '{name}')"  # noqa: S608
            serving.write(lambda tx, add=add: tx.exec_driver_sql(add))
        assert links.write(serving) == 0
    told = "SELECT p.agent_session FROM session AS c JOIN session AS p ON p.id = c.parent_session_id"
    assert asked(web.db, told) == [(row.session,)]


@pytest.mark.parametrize("database", ["server"], indirect=True)
def test_on_a_server(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """003-10, 003-91: the whole way with PostgreSQL behind it."""
    web = Web(database.parent, agents(tmp_path, monkeypatch))
    assert web.db == database
    web.service.start()
    try:
        web.trigger()
        web.sent_and_done("Say hello")
        session = web.thread().session
        web.sent_and_done("What did we do?")
        assert (web.thread().session, web.thread().resume_hits, web.thread().turns) == (session, 1, 2)
        assert [one.verdict for one in deliveries(database)] == ["accepted", "accepted"]
        assert save_trigger(database, {"enabled": False}, web.thread().trigger_id).trigger is not None
    finally:
        web.close()
