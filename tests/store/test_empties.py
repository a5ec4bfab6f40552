"""Sessions that lie in a database with nothing in them: found, removed and brought back, and nothing else with them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from builders import assistant, lines, user
from drafts import made

from store import events as ev
from store.db.sessions import ensure_session
from store.db.writer import Writer
from store.draft import Draft
from store.empties import empties, remove, restore
from store.events import At
from store.intake import take_in
from viewer import cli

AT = At(ts=1)
PROMPT = ev.PromptText(AT, "p", "go")


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a session of every kind that there may be; only `ghost` and `hooked` are empty and nobody's."""
    monkeypatch.setenv("PLAYHEAD_DATA_DIR", str(tmp_path / "own"))
    from store.paths import data_dir

    path = data_dir() / "playhead.db"
    with closing(Writer(path)) as writer:
        with writer._tx() as tx:
            for draft in (
                Draft("/w/ghost.jsonl", "run", 7),
                Draft("/w/named.jsonl", "run", title="Mine"),
                Draft("/w/parent.jsonl", "run"),
                Draft("/w/active.jsonl", "run", status="active"),
                Draft("/w/archived.jsonl", "run", status="archived"),
                Draft(str(tmp_path / "live.jsonl"), "file"),
            ):
                ensure_session(tx, draft)
        hook = ev.NoticeAdded(AT, "h", "hook", "SessionStart")
        model = ev.ConfigChanged(AT, llm="opus")
        writer.admit([
            made("/w/hooked.jsonl", hook, model),
            made("/w/titled.jsonl", hook, ev.SessionNamed(AT, title="By its agent", rank=2)),
            made("/w/used.jsonl", PROMPT, model),
            made("/w/child.jsonl", PROMPT, draft=Draft("/w/child.jsonl", "run", parent="/w/parent.jsonl")),
        ])  # fmt: skip
    (tmp_path / "live.jsonl").write_bytes(lines(user("go"))[:20])
    return path


def keys(db: Path) -> set[str]:
    with closing(sqlite3.connect(db)) as connection:
        found = connection.execute("SELECT key FROM session WHERE state = 'ready'").fetchall()
    return {Path(key).stem for (key,) in found}


ALL = {"ghost", "named", "parent", "active", "archived", "live", "hooked", "titled", "used", "child"}


def test_002_07_only_what_is_over_unnamed_childless_and_without_content(db: Path) -> None:
    found = empties(db)
    assert [Path(one.key).stem for one in found.sessions] == ["ghost", "hooked"]
    assert (found.sessions[0].created, found.sessions[0].origin, found.removed) == (7, "run", 0)
    assert keys(db) == ALL, "looking changes nothing"


def test_002_03_the_share_of_empty_ones_by_model(db: Path) -> None:
    assert empties(db).by_llm == {"": (1, 8), "opus": (1, 2)}


def test_002_07_removed_and_brought_back(db: Path) -> None:
    found = empties(db)
    assert remove(db, [one.number for one in found.sessions]) == 2
    assert keys(db) == ALL - {"ghost", "hooked"}
    assert (empties(db).sessions, empties(db).removed) == ([], 2)
    with closing(Writer(db)) as writer:
        assert writer.leftovers() == [], "the next import leaves them alone"
    assert restore(db) == 2
    assert keys(db) == ALL
    assert [one.number for one in empties(db).sessions] == [one.number for one in found.sessions]
    with closing(sqlite3.connect(db)) as connection:
        told = connection.execute("SELECT action, detail FROM audit ORDER BY id").fetchall()
    assert told == [("remove empty", "2 sessions"), ("restore empty", "2 sessions")]
    first, second = [one.number for one in found.sessions]
    assert [remove(db, [first]), remove(db, [second])] == [1, 1]
    assert restore(db, [second]) == 1, "whoever takes back a removal gets these, and none that were removed before"
    assert [one.number for one in empties(db).sessions] == [second]
    assert [restore(db, [second]), restore(db)] == [0, 1]


def test_002_07_what_is_no_longer_empty_is_not_removed(db: Path) -> None:
    """Between preview and removal somebody named it, and another one goes on from the other."""
    numbers = [one.number for one in empties(db).sessions]
    with closing(Writer(db)) as writer:
        writer.settle(numbers[0], title="Mine after all")
        writer.admit([made("/w/next.jsonl", PROMPT, draft=Draft("/w/next.jsonl", parent="/w/hooked.jsonl"))])
    assert remove(db, [*numbers, 9999]) == 0
    assert keys(db) == ALL | {"next"}


def test_002_07_who_came_in_its_place_stays(db: Path, tmp_path: Path) -> None:
    """Its file got content after all: brought back are only those in whose place nobody is."""
    path = tmp_path / "late.jsonl"
    with closing(Writer(db)) as writer, writer._tx() as tx:
        ensure_session(tx, Draft(str(path), "file"))
    assert remove(db, [one.number for one in empties(db).sessions]) == 3
    path.write_bytes(lines(user("go"), assistant("ok")))
    os.utime(path, (1, 1))
    assert take_in(db, path).rows == 2
    assert restore(db) == 2
    assert keys(db) == ALL | {"late"}
    assert empties(db).removed == 1


def test_002_07_gone_for_good_after_a_month(db: Path) -> None:
    numbers = [one.number for one in empties(db).sessions]
    remove(db, numbers)
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("UPDATE session SET closed = 1 WHERE state = 'removed'")
        connection.commit()
    with closing(Writer(db)) as writer:
        assert writer.leftovers() == numbers
        writer.sweep(numbers)
    assert restore(db) == 0


@pytest.fixture
def said(capsysbinary: pytest.CaptureFixture[bytes]) -> Callable[..., str]:
    def run(*arguments: str) -> str:
        assert cli.main(["sessions", "empties", *arguments]) == 0
        return capsysbinary.readouterr().out.decode()

    return run


def test_002_07_the_command(db: Path, said: Callable[..., str]) -> None:
    """Preview, removal and undo, as one would type it."""
    assert keys(db) == ALL
    preview = said()
    assert "/w/ghost.jsonl" in preview
    assert "2 sessions with nothing in them." in preview
    assert "opus: 1 of 2 (50.0 %)" in preview
    assert "/w/used.jsonl" not in preview
    assert keys(db) == ALL
    assert "2 sessions with nothing in them removed." in said("--remove")
    assert keys(db) == ALL - {"ghost", "hooked"}
    assert '"count":0,"removed":0,"restored":0,"can_be_restored":2' in said("--json")
    assert said("--undo") == "2 sessions brought back.\n"
    assert keys(db) == ALL


def test_no_database_has_none(tmp_path: Path) -> None:
    assert empties(tmp_path / "none.db").sessions == []
    assert restore(tmp_path / "none.db") == 0
    assert not (tmp_path / "none.db").exists()
