"""The import behind a window: a process that says how far it is, waits when it is told to, and ends when it is to."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from store.archive_child import Background, Over, _Behind
from store.archive_import import Progress
from store.child import started
from store.db import search
from store.db.lock import hold
from store.db.writer import Writer
from store.intake import take_in
from store.paths import data_dir
from store.relay import environment
from viewer.bench.make_session import write_session

LONG = 60.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "sessions"
    for number in range(4):
        path = root / f"{number}.jsonl"
        write_session(path, records=40, seed=number)
        os.utime(path, (1_700_000_000, 1_700_000_000))
    write_session(root / "fresh.jsonl", records=40, seed=9)
    later = time.time() + 3600  # fresh for as long as any of these tests may take
    os.utime(root / "fresh.jsonl", (later, later))
    return root


class Heard:
    """What the callbacks were told."""

    def __init__(self) -> None:
        self.progress: list[Progress] = []
        self.some = threading.Event()
        self.over: list[Over] = []
        self.done = threading.Event()

    def on_progress(self, now: Progress) -> None:
        self.progress.append(now)
        self.some.set()

    def on_over(self, over: Over) -> None:
        self.over.append(over)
        self.done.set()


def ready() -> int:
    with closing(sqlite3.connect(data_dir() / "playhead.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM session WHERE state = 'ready'").fetchone()[0])


def test_quiet_sessions_are_copied_made_searchable_and_added_up(root: Path) -> None:
    heard = Heard()
    child = Background([str(root)], heard.on_progress, heard.on_over)
    child.start()
    assert heard.done.wait(LONG)
    assert heard.over == [Over(4, 0)]  # one is being written: it comes another time
    assert (heard.progress[-1].done, heard.progress[-1].total) == (4, 4)
    assert ready() == 4
    with closing(sqlite3.connect(data_dir() / "playhead.db")) as connection:
        assert connection.execute("SELECT count(*) FROM indexed").fetchone() == (4,)
        assert connection.execute("SELECT count(*) FROM digest WHERE watermark > 0").fetchone() == (4,)
    child.pause()  # of no effect, as is the end
    child.cancel()


def test_paused_it_waits_and_then_goes_on(root: Path) -> None:
    heard = Heard()
    db = data_dir() / "playhead.db"
    Writer(db).close()
    turn = hold(db.with_name(f"{db.name}.archive-turn"), wait=True)  # nothing comes in while we have it
    assert turn is not None
    child = Background([str(root)], heard.on_progress, heard.on_over)
    try:
        child.start()
        assert heard.some.wait(LONG)
        child.pause()
        child.resume()
        assert ready() == 0
    finally:
        turn.drop(remove=False)
    assert heard.done.wait(LONG)
    assert heard.over == [Over(4, 0)]


class Gate(threading.Event):
    """Says when somebody waits at it."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        if not self.is_set():
            self.reached.set()
        return super().wait(timeout)


def test_paused_behind_the_import_it_waits_between_two_transactions(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And lets others write meanwhile. What is left is done once it goes on."""
    db = data_dir() / "playhead.db"
    for number in range(4):
        take_in(db, root / f"{number}.jsonl")
    monkeypatch.setattr(search, "BATCH", 1)
    behind, gate = _Behind(lambda _: None), Gate()
    behind._going = gate  # closed, as when it is paused
    work = threading.Thread(target=behind.index, args=(db, 4))
    work.start()
    try:
        assert gate.reached.wait(LONG)
        left = search.behind(db)
        assert left > 0
        with closing(sqlite3.connect(db, isolation_level=None, timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
    finally:
        behind.pause(False)
        work.join(LONG)
    assert search.behind(db) == 0


def test_cancelled_it_ends_with_its_processes_and_says_nothing_more(root: Path) -> None:
    heard = Heard()
    db = data_dir() / "playhead.db"
    Writer(db).close()
    turn = hold(db.with_name(f"{db.name}.archive-turn"), wait=True)
    assert turn is not None
    child = Background([str(root)], heard.on_progress, heard.on_over)
    child.start()
    assert heard.some.wait(LONG)
    child.cancel()
    assert heard.over == []
    turn.drop(remove=False)
    mine = hold(db.with_name(f"{db.name}.archive"), wait=True)  # free again: its holder is dead
    assert mine is not None
    mine.drop(remove=False)
    assert ready() == 0
    again = Heard()
    child = Background([str(root)], again.on_progress, again.on_over)
    child.start()
    assert again.done.wait(LONG)
    assert again.over == [Over(4, 0)]


def test_what_comes_behind_an_import_ends_with_whoever_started_it(root: Path) -> None:
    """A window that is killed says nothing: its end of the pipe is closed, and that is all."""
    heard, db = Heard(), data_dir() / "playhead.db"
    Background([str(root)], heard.on_progress, heard.on_over).start()
    assert heard.done.wait(LONG)
    assert heard.over == [Over(4, 0)]
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")  # what comes behind waits for us as long as it lives
        connection.execute("UPDATE indexed SET version = 0")
        connection.execute("COMMIT")
        connection.execute("BEGIN IMMEDIATE")
        at_work = db.with_name(f"{db.name}.index")
        at_work.unlink()
        command = [*started("store.archive_child"), str(root)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            while not at_work.exists():
                assert child.poll() is None, child.stdout.read()
                threading.Event().wait(0.01)
            child.stdin.close()
            assert child.stdout.read() == b""  # it had nothing to say any more
            assert child.wait(LONG) == 0
        connection.execute("ROLLBACK")


def test_it_leaves_the_work_to_another_one(root: Path) -> None:
    db = data_dir() / "playhead.db"
    db.parent.mkdir(parents=True, exist_ok=True)
    other = hold(db.with_name(f"{db.name}.archive"), wait=True)
    assert other is not None
    heard = Heard()
    child = Background([str(root)], heard.on_progress, heard.on_over)
    child.start()
    assert heard.done.wait(LONG)
    other.drop(remove=False)
    assert heard.over == [Over()]
