"""Storage stats: what is counted equals an independent walk, whatever lies there, and nothing is opened for it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from archive import Archive

from store import audit, storage
from store.db.sessions import ensure_session
from store.db.writer import Writer
from store.draft import Draft
from store.items import Message
from store.paths import data_dir
from store.storage import Progress, Storage
from store.storage_trash import plan
from store.storage_walk import ENDS
from store.text import Text

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture
def projects(home: Path) -> Path:
    """Claude Code's folder with sessions, subagents, links of every kind and what is no transcript."""
    root = home / ".claude" / "projects"
    for number in range(20):
        session = root / f"-w-p{number % 3}" / f"{number:08}.jsonl"
        session.parent.mkdir(parents=True, exist_ok=True)
        session.write_bytes(b"x" * (100 + number))
        if number % 5 == 0:
            child = session.with_suffix("") / "subagents" / f"agent-{number}.jsonl"
            child.parent.mkdir(parents=True)
            child.write_bytes(b"y" * 50)
            (session.with_suffix("") / "tool-results.txt").write_bytes(b"z" * 9999)
    (root / "-w-p0" / "empty.jsonl").touch()
    (root / "-w-p0" / "twice.jsonl").symlink_to("00000000.jsonl")
    (root / "-w-p0" / "nothing.jsonl").symlink_to("/nowhere/at/all.jsonl")
    (root / "-w-p0" / "hard.jsonl").hardlink_to(root / "-w-p1" / "00000001.jsonl")
    (root / "-w-p0" / "folder.jsonl").mkdir()
    (root / "-w-circle").symlink_to(root)
    away = home / "elsewhere"
    (away / "deep").mkdir(parents=True)
    (away / "deep" / "far.jsonl").write_bytes(b"f" * 777)
    (away / "deep" / "back").symlink_to(away)
    (root / "-w-away").symlink_to(away / "deep")
    (root / "-w-again").symlink_to(away)
    (root / "-w-p2" / "one-more.jsonl").symlink_to(away / "deep" / "far.jsonl")
    os.mkfifo(root / "-w-p2" / "pipe.jsonl")
    return root


def walked(root: Path) -> tuple[int, int]:
    """The same by other means: every regular file that can be reached, each inode once."""
    met: dict[tuple[int, int], int] = {}
    todo, been = [root], set()
    while todo:
        here = todo.pop().resolve()
        if here in been:
            continue
        been.add(here)
        for path in here.iterdir():
            if path.is_dir():
                todo.append(path)
            elif path.name.endswith(ENDS) and path.exists() and stat.S_ISREG(path.stat().st_mode):
                met[path.stat().st_dev, path.stat().st_ino] = path.stat().st_size
    return len(met), sum(met.values())


def scanned(**more: object) -> Storage:
    found = storage.scan(data_dir() / "playhead.db", **more)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_count_and_bytes_equal_an_independent_walk(projects: Path) -> None:
    """003-60, 003-98, P-06: nested, linked, hard-linked, in circles, empty, and what is no file."""
    before = walked(projects)
    found = scanned()
    (claude,) = found.agents
    assert (claude.files, claude.bytes) == before == (found.files, found.bytes)
    assert (claude.name, claude.title) == ("claude-code", "Claude Code")
    assert str(projects) in claude.places
    assert not any(".codex" in place for place in claude.places), "the places of others are theirs"
    assert found.refused_count == 0


def test_a_missing_folder_is_no_files() -> None:
    """003-61: and no error."""
    found = scanned()
    assert (found.files, found.bytes, found.agents, found.refused) == (0, 0, (), ())
    assert found.own.only is None  # there is no database: unknown, not none


def test_files_that_vanish_meanwhile(projects: Path) -> None:
    """003-60: whole folders go away under the eyes of the scan; what is left is counted."""

    def over() -> bool:
        for number in (0, 2):
            shutil.rmtree(projects / f"-w-p{number}", ignore_errors=True)
        return False

    found = scanned(over=over)
    assert 0 < found.files <= 20
    assert found.refused_count == 0
    assert scanned().files == walked(projects)[0]


REFUSED = """
import os, sys
from pathlib import Path
from store import audit, storage
storage.scan(Path(sys.argv[1]) / "data" / "playhead.db")  # all is imported while we are who may read it
if os.geteuid() == 0:
    os.setuid(65534)
found = storage.scan(Path(sys.argv[1]) / "data" / "playhead.db")
print(found.files, found.bytes, found.refused_count, *found.refused)
"""


def test_what_cannot_be_read_is_said() -> None:
    """003-60: a folder without permission is named, and the rest is counted."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        top.chmod(0o755)
        root = top / ".claude" / "projects"
        for project in ("-open", "-shut"):
            (root / project).mkdir(parents=True)
            (root / project / "a.jsonl").write_bytes(b"12345")
        (root / "-shut").chmod(0)
        own = {"HOME": name, "PLAYHEAD_DATA_DIR": name, "CLAUDE_CONFIG_DIR": f"{name}/.claude", "PYTHONPATH": str(REPO)}
        own |= {kind: f"{name}/{kind}" for kind in os.environ if kind.startswith("XDG_")}
        try:
            done = subprocess.run(
                [sys.executable, "-c", REFUSED, name], capture_output=True, text=True, env=os.environ | own, cwd="/"
            )
        finally:
            (root / "-shut").chmod(0o755)
    assert done.stdout.split() == ["1", "5", "1", str(root / "-shut")], done.stderr


def test_a_scan_tells_how_far_it_is_and_can_be_ended(projects: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """003-62: counted in entries, not in seconds; an ended one is no result."""
    monkeypatch.setattr(storage, "EVERY", 0.0)
    told: list[Progress] = []
    found = scanned(tell=told.append)
    assert told[-1].files == found.files
    assert [one.files for one in told] == sorted(one.files for one in told)
    looks = iter(range(1000))
    assert storage.scan(data_dir() / "playhead.db", over=lambda: next(looks) > 5) is None
    assert next(looks) < 10
    kept = storage.last()
    assert kept is not None
    assert (kept.files, kept.at) == (found.files, found.at)


def test_projects_are_those_of_the_database(home: Path) -> None:
    archive = Archive(home / ".claude" / "projects" / "-w-demo")
    archive.db = data_dir() / "playhead.db"
    archive.session("one", [Message(id="m", text=Text("hello"))], cwd="/w/demo")
    (archive.folder / "unread.jsonl").write_bytes(b"1234567")
    (claude,) = scanned().agents
    assert [(part.cwd, part.files, part.bytes) for part in claude.parts] == [("", 1, 7), ("/w/demo", 1, 3)]


def test_what_is_ours(home: Path) -> None:
    """003-63: database, WAL, journals, sessions by state, only copies, empties."""
    archive = Archive(home / ".claude" / "projects" / "-w-demo")
    archive.db = data_dir() / "playhead.db"
    assert scanned().own.database == 0
    archive.session("one", [Message(id="m", text=Text("hello"))])
    with closing(Writer(archive.db)) as writer, writer._tx() as tx:
        ensure_session(tx, Draft("/w/ghost.jsonl", "run"))
    gone = archive.session("gone", [Message(id="m", text=Text("hello"))])
    Path(gone).unlink()
    journal = data_dir() / "journals" / "a.jsonl"
    journal.parent.mkdir()
    journal.write_bytes(b"12345")
    own = scanned().own
    assert own.database == archive.db.stat().st_size
    assert own.wal == sum(path.stat().st_size for path in archive.db.parent.glob("playhead.db-*"))
    assert (own.journals, own.journal_files) == (5, 1)
    assert own.states == {"paused": 3}
    assert (own.only, own.only_bytes, own.empties) == (1, 3, 1)
    assert own.trouble == ""


def test_a_damaged_result_of_last_time_is_forgotten(home: Path) -> None:
    scanned()
    path = next(home.rglob("storage.json"))
    path.write_bytes(b"{")
    assert storage.last() is None


def test_the_same_in_a_file_and_on_a_server(database: Path, tmp_path: Path) -> None:
    """003-63, 003-85, 003-87: what is ours, what may go and the log, wherever the archive lies."""
    archive = Archive(tmp_path / ".claude" / "projects" / "-w-demo")
    archive.db = database
    archive.session("one", [Message(id="m", text=Text("hello"))], cwd="/w/demo")
    Path(archive.session("gone", [Message(id="m", text=Text("hello"))])).unlink()
    audit.note(database, "settings", "threads.cleanup_days: 7 → 9")
    own = storage.own(database)
    assert (own.trouble, own.states, own.only, own.only_bytes, own.empties) == ("", {"paused": 2}, 1, 3, 0)
    assert own.database
    assert [entry.detail for entry in audit.entries(database).rows] == ["threads.cleanup_days: 7 → 9"]
    assert plan(database, 1).kept == {}
