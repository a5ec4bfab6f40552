"""The import of the archive: everything there is, once, whatever happens; nothing that did not change is opened."""

from __future__ import annotations

import builtins
import io
import os
import random
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue

import orjson
import pytest
from imports import Folded
from raw import IN_A_FILE, ask, check_sound

from store.archive_import import ArchiveImport, Busy, Totals
from store.archive_plan import plan
from store.archive_talk import GO, PAUSE, Said, Task, line
from store.archive_work import Orders, Work, work
from store.catalog import Catalog
from store.db import place, reads
from store.db.writer import Writer
from store.errors import StoreError
from store.intake import take_in
from store.known import known
from store.whole import Whole
from viewer.bench.make_session import write_session

DRAFT = b'{"type":"custom-title","customTitle":"Nothing yet","sessionId":"00000000-0000-4000-8000-000000000009"}\n'


def name(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000.jsonl"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six sessions of two projects, one of them with subagents, and a draft; the higher the number the newer."""
    root = tmp_path / "claude" / "projects"
    for number in range(6):
        path = root / f"-p{number % 2}" / name(number)
        write_session(path, records=40 + 30 * number, seed=number, agents=2 if number == 3 else 0, agent_records=20)
    (root / "-p0" / name(9)).write_bytes(DRAFT)
    for number, path in enumerate(sorted(root.glob("*/*.jsonl"), key=lambda path: path.name)):
        os.utime(path, ns=(0, (1_700_000_000 + number) * 1_000_000_000))
    return root


@pytest.fixture
def db(database: Path) -> Path:
    return database


def sessions(root: Path) -> list[Path]:
    return sorted(path for path in root.glob("*/*.jsonl") if path.read_bytes() != DRAFT)


def imported(db: Path, root: Path) -> Totals:
    return ArchiveImport(db, [root]).run()


def check_all(db: Path, paths: list[Path]) -> None:
    """Every session is there, once, row by row; and nothing else."""
    for path in paths:
        found = known(path, db)
        assert found is not None, path
        with closing(found.window):
            assert found.window.read(0, found.rows) == Folded(Whole(path)).rows
            assert found.unchanged
    keys = ask(db, "SELECT key FROM session WHERE state = 'ready' ORDER BY key")
    assert keys == [(place.key_of(path, db),) for path in sorted(paths)]
    assert ask(db, "SELECT count(*) FROM session WHERE state = 'staged'") == [(0,)]
    check_sound(db)


def whole_or_nothing(db: Path) -> int:
    """What is to be seen is whole; returns how many sessions that are."""
    if not reads.there(db):
        return 0
    try:
        keys = ask(db, "SELECT key FROM session WHERE state = 'ready'")
    except sqlite3.OperationalError:
        return 0  # killed before it had made its tables
    check_sound(db)
    for (key,) in keys:
        key = place.path_of(key, db)
        found = known(Path(key), db)
        assert found is not None
        with closing(found.window):
            assert found.window.read(0, found.rows) == Folded(Whole(Path(key))).rows
    return len(keys)


# ---- everything, once


def test_every_session_comes_in_and_drafts_do_not(root: Path, db: Path) -> None:
    totals = imported(db, root)
    files = [*sessions(root), *root.rglob("agent-*.jsonl")]
    assert (totals.sessions, totals.drafts, totals.unchanged, totals.failed) == (6, 1, 0, [])
    assert totals.files == totals.files_parsed == len(files) + 1, "those of subagents too"
    assert totals.bytes == sum(path.stat().st_size for path in files) + len(DRAFT)
    assert totals.records == sum(path.read_bytes().count(b"\n") for path in files) + 1
    check_all(db, sessions(root))


@pytest.fixture
def openings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every file that Python code of this process opens. No audit hook: that stays, and costs every later test."""
    opened: list[str] = []

    def noted(real: Callable[..., object]) -> Callable[..., object]:
        def noting(path: object, *more: object, **named: object) -> object:
            if not isinstance(path, int):
                opened.append(os.fsdecode(path))  # type: ignore[arg-type]
            return real(path, *more, **named)

        return noting

    for module in (os, io, builtins):
        monkeypatch.setattr(module, "open", noted(module.open))  # type: ignore[attr-defined]
    return opened


@IN_A_FILE
def test_what_did_not_change_is_not_opened(root: Path, db: Path, openings: list[str]) -> None:
    """000-01: a stat per file, drafts and subagents included."""
    imported(db, root)
    openings.clear()
    totals = imported(db, root)
    assert (totals.files_parsed, totals.bytes, totals.sessions, totals.unchanged) == (0, 0, 0, 7)
    assert totals.files == 7 + 2
    assert openings
    assert not [path for path in openings if path.startswith(str(root))]


@IN_A_FILE
def test_the_agents_files_stay_as_they_are(root: Path, db: Path) -> None:
    """X-08: read and never written, those with damage too; what is not understood is kept as it is, and counted."""
    bad = root / "-p0" / name(7)
    bad.write_bytes(sessions(root)[0].read_bytes()[:-40] + b'\nnot JSON\n{"type":"from the future"}\n')
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()}
    assert imported(db, root).sessions == 7
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()} == before
    query = "SELECT count(*) FROM item JOIN session ON session.id = seq >> 32 WHERE key = ? AND kind = 'raw'"
    assert ask(db, query, (place.key_of(bad, db),)) == [(3,)]


@IN_A_FILE
def test_newest_first(root: Path, db: Path) -> None:
    tasks = plan(db, [root]).tasks
    assert [Path(os.fsdecode(task.path)).name for task in tasks] == [name(n) for n in (9, 5, 4, 3, 2, 1, 0)]


def test_what_grew_is_gone_on_with(root: Path, db: Path, tmp_path: Path) -> None:
    """The session itself, a file of a subagent, and a subagent that was not there."""
    grown, parent = root / "-p1" / name(5), root / "-p1" / name(3)
    other = tmp_path / grown.name
    write_session(other, records=260, seed=5)
    more = other.read_bytes()[grown.stat().st_size :]
    first, second = sorted(parent.with_suffix("").rglob("agent-*.jsonl"))
    later = second.rename(tmp_path / "later")
    imported(db, root)
    with grown.open("ab") as file:
        file.write(more)
    totals = imported(db, root)
    assert (totals.sessions, totals.files_parsed, totals.bytes) == (1, 1, len(more))
    assert totals.records == more.count(b"\n")
    later.rename(second)
    size = second.stat().st_size
    totals = imported(db, root)
    assert (totals.sessions, totals.files_parsed, totals.bytes) == (1, 1, size)
    with first.open("ab") as file:
        file.write(orjson.dumps({"type": "system", "content": "late", "uuid": "u"}) + b"\n")
    assert imported(db, root).files_parsed == 1
    assert imported(db, root).files_parsed == 0


@IN_A_FILE
def test_a_draft_with_its_first_message_comes_in(root: Path, db: Path) -> None:
    imported(db, root)
    path = root / "-p0" / name(9)
    path.write_bytes(DRAFT + sessions(root)[0].read_bytes())
    assert imported(db, root).sessions == 1
    check_all(db, sessions(root))


@IN_A_FILE
def test_a_draft_is_not_listed_from_the_note_of_the_import(root: Path, db: Path) -> None:
    imported(db, root)
    with closing(Catalog(db)) as catalog:
        assert catalog.load() == {}


@IN_A_FILE
def test_a_session_that_was_emptied_keeps_what_it_had(root: Path, db: Path) -> None:
    imported(db, root)
    path = sessions(root)[0]
    had = Folded(Whole(path)).rows
    path.write_bytes(DRAFT)
    assert imported(db, root).drafts == 1
    assert imported(db, root).files_parsed == 0
    query = "SELECT rows FROM session WHERE key = ? AND state = 'ready'"
    assert ask(db, query, (place.key_of(path, db),)) == [(len(had),)]


@IN_A_FILE
def test_a_rewritten_session_replaces_what_was(root: Path, db: Path) -> None:
    imported(db, root)
    path = sessions(root)[0]
    write_session(path, records=30, seed=77)
    assert imported(db, root).sessions == 1
    check_all(db, sessions(root))


def test_what_the_agent_deletes_is_still_there(root: Path, db: Path) -> None:
    imported(db, root)
    path = sessions(root)[0]
    rows = Folded(Whole(path)).rows
    path.unlink()
    totals = imported(db, root)
    assert (totals.sessions, totals.files_parsed) == (0, 0)
    found = known(path, db)
    assert found is not None
    assert found.only_copy
    with closing(found.window):
        assert found.window.read(0, found.rows) == rows


@IN_A_FILE
def test_many_sessions_share_a_transaction(root: Path, db: Path) -> None:
    said: list[Said] = []
    doing = Work(db, said.append)
    with closing(doing):
        for task in plan(db, [root]).tasks:
            doing.take(task)
        assert [one.what for one in said] == ["draft"]  # the others wait, and nobody is told that they are in
        assert whole_or_nothing(db) == 0
        doing.flush()
    assert [one.what for one in said] == ["draft", *["new"] * 6]
    check_all(db, sessions(root))


def test_big_sessions_come_in_one_by_one(root: Path, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.archive_work.SMALL", 100_000)
    monkeypatch.setattr("store.archive_work.EVERY", 0)
    said: list[Said] = []
    with closing(Work(db, said.append)) as doing:
        for task in plan(db, [root]).tasks:
            doing.take(task)
        doing.flush()
    assert {one.what for one in said} == {"draft", "new", "at"}
    check_all(db, sessions(root))


def test_the_books_say_what_was_done(root: Path, db: Path) -> None:
    with closing(Writer(db)) as writer:
        writer.begin_run("/elsewhere", 3)  # and is killed
    totals = imported(db, root)
    imported(db, root)  # nothing to do is nothing to write down
    host = "" if place.server(db) is None else f"{place.host()}:"
    found = ask(db, "SELECT root, state, parsed, bytes, records FROM import_run ORDER BY id")
    assert found == [
        (f"{host}/elsewhere", "failed", None, None, None),
        (f"{host}{root}", "done", totals.files_parsed, totals.bytes, totals.records),
    ]


# ---- what gets in the way


@IN_A_FILE
def test_a_file_that_grows_while_it_is_read(root: Path, db: Path, tmp_path: Path) -> None:
    path = sessions(root)[0]
    other = tmp_path / path.name
    write_session(other, records=400, seed=int(path.name[:8], 16))
    more = [other.read_bytes()[path.stat().st_size :]]

    def grow() -> None:
        if more:
            with path.open("ab") as file:
                file.write(more.pop())

    said: list[Said] = []
    with closing(Work(db, said.append, grow)) as doing:
        for task in plan(db, [root]).tasks:
            if os.fsdecode(task.path) == str(path):
                doing.take(task)
        doing.flush()
    assert [one.what for one in said] == ["new"]
    assert not more
    imported(db, root)
    check_all(db, sessions(root))


@IN_A_FILE
def test_one_bad_session_is_told_and_costs_no_other(root: Path, db: Path) -> None:
    gone = root / "-p0" / name(0)
    tasks = plan(db, [root]).tasks
    gone.unlink()
    said: list[Said] = []
    with closing(Work(db, said.append)) as doing:
        for task in tasks:
            doing.take(task)
        doing.flush()
    failed = [one for one in said if one.what == "failed"]
    assert [one.why for one in failed] == [f"{gone} does not exist (any more)."]
    assert len(said) == 7
    check_all(db, sessions(root))


@IN_A_FILE
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_session_is_told(root: Path, db: Path) -> None:
    bad = sessions(root)[0]
    bad.chmod(0)
    totals = imported(db, root)
    assert totals.failed == [f"{bad} cannot be read: permission denied. Check its owner and mode."]
    assert totals.sessions == 5
    bad.chmod(0o600)
    assert imported(db, root).sessions == 1


@IN_A_FILE
def test_bytes_that_are_no_session_are_kept_as_they_are(root: Path, db: Path) -> None:
    (root / "-p0" / name(7)).write_bytes(random.Random(1).randbytes(5_000))
    (root / "-p0" / name(8)).write_bytes(b"")
    totals = imported(db, root)
    assert (totals.sessions, totals.drafts, totals.failed) == (7, 2, [])
    assert imported(db, root).files_parsed == 0


def test_a_window_may_be_faster(root: Path, db: Path) -> None:
    path = sessions(root)[0]
    said: list[Said] = []
    with closing(Work(db, said.append)) as doing:
        for task in plan(db, [root]).tasks:
            doing.take(task)
        take_in(db, path)
        doing.flush()
    assert sorted(one.what for one in said) == ["draft", *["new"] * 5, "same"]
    check_all(db, sessions(root))


@IN_A_FILE
def test_two_at_once_are_refused(root: Path, db: Path) -> None:
    first = ArchiveImport(db, [root])
    running, errors = threading.Event(), []

    def again(_progress: object) -> None:
        if not running.is_set():
            running.set()
            with pytest.raises(Busy, match="Another import"):
                imported(db, root)
            errors.append(None)

    first._tell = again
    assert first.run().sessions == 6
    assert errors == [None]
    assert imported(db, root).files_parsed == 0


@IN_A_FILE
def test_cancelled_it_goes_on_the_next_time(root: Path, db: Path) -> None:
    stopped = ArchiveImport(db, [root], lambda _: stopped.cancel())
    assert stopped.run().state == "cancelled"
    whole_or_nothing(db)
    assert ask(db, "SELECT state FROM import_run") == [("cancelled",)]
    totals = imported(db, root)
    assert totals.state == "done"
    check_all(db, sessions(root))


@IN_A_FILE
def test_paused_nothing_comes_in_until_it_goes_on(root: Path, db: Path) -> None:
    tasks = plan(db, [root]).tasks
    told: SimpleQueue[Said] = SimpleQueue()
    end, into = os.pipe()
    with os.fdopen(end, "rb", buffering=0) as stdin, os.fdopen(into, "wb", buffering=0) as out:
        orders = Orders(stdin.fileno())
        thread = threading.Thread(target=work, args=(db, orders, told.put))
        thread.start()
        out.write(PAUSE)
        for task in tasks:
            out.write(line(task))
        out.close()  # the end of the orders ends the pause: nobody is left who could
        thread.join()
    assert sorted(told.get().what for _ in tasks) == ["draft", *["new"] * 6]
    check_all(db, sessions(root))


@IN_A_FILE
def test_a_pause_holds_the_whole_import(root: Path, db: Path) -> None:
    """Paused before it begins, it starts its processes and nothing comes out of them until it is told to go on."""
    seen: list[int] = []

    def tell(progress: object) -> None:
        seen.append(running.totals.sessions + running.totals.drafts)
        if len(seen) == 5:
            running.resume()

    running = ArchiveImport(db, [root], tell)
    running.pause()
    assert running.run().sessions == 6
    assert seen[:5] == [0] * 5
    assert running._rested > 0


@IN_A_FILE
def test_a_database_of_a_newer_playhead_is_left_alone(root: Path, db: Path) -> None:
    Writer(db).close()
    with closing(sqlite3.connect(db)) as connection:
        connection.execute(f"PRAGMA user_version={reads.SCHEMA + 1}")
    before = db.read_bytes()
    with pytest.raises(StoreError, match="newer Playhead"):
        imported(db, root)
    assert db.read_bytes() == before


def test_go_is_heard() -> None:
    end, into = os.pipe()
    with os.fdopen(end, "rb", buffering=0) as stdin, os.fdopen(into, "wb", buffering=0) as out:
        orders = Orders(stdin.fileno())
        task = Task(b"/a", 1, 2)
        out.write(PAUSE + GO + line(task))
        assert orders.tasks.get() == task
        assert not orders.paused
        out.close()
        assert orders.tasks.get() is None  # its thread has ended: nobody reads from the number of a closed file
