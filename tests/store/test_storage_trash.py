"""Which old transcripts could go: only old ones, whole copies, nobody's, and a session with all of its files."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from builders import assistant, lines, user
from panel_kit import thread, trigger

from store.errors import StoreError
from store.intake import take_in
from store.paths import data_dir
from store.storage_trash import DATABASE, IN_USE, NEWER, NO_COPY, PARTS, THREAD, plan

DAY = 86400


def aged(path: Path, days: float) -> None:
    when = time.time() - DAY * days
    os.utime(path, (when, when))


@pytest.fixture
def folder(home: Path) -> Path:
    """Sessions of sixty days, all of them in the database but one, and a subagent that is newer than its session."""
    found = home / ".claude" / "projects" / "-w-demo"
    found.mkdir(parents=True)
    for name in ("old", "threaded", "fresh", "uncopied", "parent"):
        path = found / f"{name}.jsonl"
        path.write_bytes(lines(user(name), assistant("done")))
        aged(path, 1 if name == "fresh" else 60)
    child = found / "parent" / "subagents" / "agent-a.jsonl"
    child.parent.mkdir(parents=True)
    child.write_bytes(lines(user("sub"), assistant("done")))
    aged(child, 2)
    for name in ("old", "threaded", "fresh"):
        take_in(data_dir() / "playhead.db", found / f"{name}.jsonl")
    return found


def names(found: object) -> list[str]:
    return sorted(Path(file.path).name for file in found.files)  # type: ignore[attr-defined]


def test_what_goes_and_what_stays(folder: Path, tmp_path: Path) -> None:
    """003-85: with the bytes, and a reason for each that stays."""
    db = data_dir() / "playhead.db"
    number = trigger(db, tmp_path).id
    thread(db, number, "github:a/b:pr:1", claude_session_id="threaded")
    found = plan(db, 30)
    assert names(found) == ["old.jsonl"]
    assert found.bytes == (folder / "old.jsonl").stat().st_size
    assert found.kept == {THREAD: 1, NEWER: 3, NO_COPY: 1}
    assert names(plan(db, 30, only_copied=False)) == ["old.jsonl", "uncopied.jsonl"]
    assert names(plan(db, 1, only_copied=False, now_ns=time.time_ns() + DAY * 10**9)) == [
        "agent-a.jsonl", "fresh.jsonl", "old.jsonl", "parent.jsonl", "uncopied.jsonl"
    ]  # fmt: skip
    assert names(plan(db, 30, "codex")) == []
    assert found.agents == (("claude-code", "Claude Code"),)
    with (folder / "old.jsonl").open("ab") as file:
        file.write(lines(user("more")))
    aged(folder / "old.jsonl", 60)
    assert names(plan(db, 30)) == []  # the copy is not whole any more
    with pytest.raises(StoreError, match="At least one day"):
        plan(db, 0)


def test_a_session_at_work_stays(folder: Path, home: Path) -> None:
    """However long it has not been written to: its agent says that it lives."""
    import json

    registry = home / ".claude" / "sessions"
    registry.mkdir()
    (registry / f"{os.getpid()}.json").write_text(
        json.dumps({"pid": os.getpid(), "sessionId": "old", "status": "busy", "cwd": "/w/demo"})
    )
    found = plan(data_dir() / "playhead.db", 30)
    assert names(found) in ([], ["threaded.jsonl"])
    assert found.kept.get(IN_USE) == 1


def test_without_a_database_nothing_is_copied(folder: Path) -> None:
    db = data_dir() / "playhead.db"
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("SELECT 1")
    for path in db.parent.glob("playhead.db*"):
        path.unlink()
    assert names(plan(db, 30)) == []
    assert names(plan(db, 30, only_copied=False)) == ["old.jsonl", "threaded.jsonl", "uncopied.jsonl"]


def test_files_of_other_kinds_go_or_say_why_they_stay(home: Path) -> None:
    """003-85: a session that is one JSON file goes; one of many files and a database of all of them say where to go."""
    db = data_dir() / "playhead.db"
    chats = home / ".gemini" / "tmp" / "demo" / "chats"
    chats.mkdir(parents=True)
    for name in ("session-2026-09-01T08-00-aaaaaaaa", "session-2026-09-02T08-00-bbbbbbbb"):
        told = {"sessionId": name[-8:], "projectHash": "p", "startTime": "2026-09-01T08:00:00Z",
                "messages": [{"id": "1", "type": "user", "content": "Go"}]}  # fmt: skip
        (chats / f"{name}.json").write_text(json.dumps(told))
        aged(chats / f"{name}.json", 60)
    data = home / ".local" / "share" / "opencode"
    data.mkdir(parents=True, exist_ok=True)
    (data / "opencode.db").write_bytes(b"SQLite format 3\0")
    aged(data / "opencode.db", 60)
    root = data / "storage"
    main = root / "session" / "p1" / "ses_1.json"
    for path, said in (
        (main, {"id": "ses_1", "title": "Parts", "time": {"created": 1, "updated": 2}}),
        (root / "message" / "ses_1" / "msg_1.json",
         {"id": "msg_1", "sessionID": "ses_1", "role": "user", "time": {"created": 1}}),
        (root / "part" / "msg_1" / "prt_1.json",
         {"id": "prt_1", "messageID": "msg_1", "sessionID": "ses_1", "type": "text", "text": "Go"}),
    ):  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(said))
        aged(path, 60)
    take_in(db, chats / "session-2026-09-01T08-00-aaaaaaaa.json")
    take_in(db, main)
    found = plan(db, 30)
    assert names(found) == ["session-2026-09-01T08-00-aaaaaaaa.json"]
    assert found.kept == {DATABASE: 1, NO_COPY: 1, PARTS: 1}
