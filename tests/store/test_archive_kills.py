"""X-06 for the import of the archive: killed anywhere, it leaves whole sessions, and the next one goes on."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from imports import REPO, Folded
from sqlalchemy import Engine, event

from store.archive_import import ArchiveImport, Progress
from store.archive_plan import plan
from store.archive_work import Work
from store.errors import StoreError
from store.known import known
from store.whole import Whole
from viewer.bench.make_session import write_session

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and kill -9")

# Runs an import and says a line for each word about how far it is; ends when it is killed.
IMPORT = """
import sys
from pathlib import Path
import store.archive_import as archive
archive.EVERY = 0
def tell(progress):
    print(progress.done, flush=True)
archive.ArchiveImport(Path(sys.argv[1]), [Path(sys.argv[2])], tell).run()
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "claude" / "projects"
    for number in range(8):
        write_session(
            root / "-p" / f"{number:08x}-0000-4000-8000-000000000000.jsonl",
            records=30 + 20 * number, seed=number, agents=1 if number == 2 else 0, agent_records=20,
        )  # fmt: skip
    return root


def paths(root: Path) -> list[Path]:
    return sorted(root.glob("*/*.jsonl"))


def seen(db: Path) -> list[str]:
    """The sessions that are to be seen, each of which is whole."""
    if not db.exists():
        return []
    with closing(sqlite3.connect(db)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        there = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'session'").fetchone()
        if there == (0,):
            return []  # killed before it had made its tables
        keys = [key for (key,) in connection.execute("SELECT key FROM session WHERE state = 'ready' ORDER BY key")]
    for key in keys:
        found = known(Path(key), db)
        assert found is not None
        with closing(found.window):
            assert found.window.read(0, found.rows) == Folded(Whole(Path(key))).rows
    return keys


def finish(db: Path, root: Path) -> None:
    """The next import goes on, and everything is there; the one after it has nothing to do."""
    before = len(seen(db))
    totals = ArchiveImport(db, [root]).run()
    assert (totals.sessions, totals.unchanged, totals.failed) == (8 - before, before, [])
    assert seen(db) == [str(path) for path in paths(root)]
    with closing(sqlite3.connect(db)) as connection:
        assert connection.execute("SELECT count(*) FROM session WHERE state <> 'ready'").fetchone() == (0,)
    assert not list(db.parent.glob("*.import-*"))
    assert ArchiveImport(db, [root]).run().files_parsed == 0


def killed_at(statement: int, work: Callable[[], object]) -> int:
    """Run it in a fork that dies before its n-th statement; returns what ended it."""
    pid = os.fork()
    if pid == 0:
        left = statement

        @event.listens_for(Engine, "before_cursor_execute")
        def on_statement(*_: object) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def one_by_one(db: Path, root: Path, *, small: bool) -> None:
    # Small pieces, so that there are many statements to die at; and only here.
    with pytest.MonkeyPatch.context() as patch, closing(Work(db, lambda _: None)) as doing:
        patch.setattr("store.archive_work.ROWS", 60)
        patch.setattr("store.intake.BATCH", 20)
        if not small:
            patch.setattr("store.archive_work.SMALL", 0)
        for task in plan(db, [root]).tasks:
            doing.take(task)
        doing.flush()


@pytest.mark.parametrize("small", [True, False])
def test_killed_at_any_statement_sessions_are_whole_or_not_there(root: Path, tmp_path: Path, small: bool) -> None:
    kills = 0
    for point in sorted(random.Random(small).sample(range(40, 140), 2)):
        db = tmp_path / f"at{point}" / "playhead.db"
        kills += killed_at(point, lambda db=db: one_by_one(db, root, small=small)) == -signal.SIGKILL  # type: ignore[misc]
        assert set(seen(db)) <= {str(path) for path in paths(root)}
        # The rest is read in this process: with those of its own it would take long.
        one_by_one(db, root, small=True)
        assert seen(db) == [str(path) for path in paths(root)]
        with closing(sqlite3.connect(db)) as connection:
            duplicates = "SELECT key FROM session WHERE state = 'ready' GROUP BY key HAVING count(*) > 1"
            assert connection.execute(duplicates).fetchall() == []
    assert kills >= 1


@pytest.mark.parametrize("words", [4, *(pytest.param(words, marks=pytest.mark.soak) for words in (1, 2, 3, 5, 6, 7))])
def test_killed_with_all_of_its_processes(root: Path, tmp_path: Path, words: int) -> None:
    db = tmp_path / "data" / "playhead.db"
    command = [sys.executable, "-c", IMPORT, str(db), str(root)]
    process = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    with process.stdout:
        for _ in range(words):
            process.stdout.readline()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.read()  # ends when all of them have
    finish(db, root)


def test_killed_alone_its_processes_end_and_do_no_harm(root: Path, tmp_path: Path) -> None:
    """They may still write what they were at; the next one takes it as it is, or as it comes."""
    db = tmp_path / "data" / "playhead.db"
    command = [sys.executable, "-c", IMPORT, str(db), str(root)]
    process = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    with process.stdout:
        process.stdout.readline()
        process.kill()
        process.wait()
        totals = ArchiveImport(db, [root]).run()
        assert totals.failed == []
    assert seen(db) == [str(path) for path in paths(root)]


def test_a_process_that_dies_is_replaced(root: Path, tmp_path: Path) -> None:
    db = tmp_path / "data" / "playhead.db"
    killed: list[int] = []

    def kill(_: Progress) -> None:
        for hand in running._hands:
            if not killed:
                killed.append(hand.process.pid)
                hand.process.kill()

    running = ArchiveImport(db, [root], kill, workers=2)
    totals = running.run()
    assert len(killed) == 1
    assert totals.failed == []
    assert seen(db) == [str(path) for path in paths(root)]


def test_processes_that_always_die_are_given_up(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db = tmp_path / "data" / "playhead.db"

    monkeypatch.setattr("store.archive_import.EVERY", 0)
    monkeypatch.setattr("store.archive_import.TRIES", 100)

    def kill(_: Progress) -> None:
        for hand in running._hands:
            hand.process.kill()

    running = ArchiveImport(db, [root], kill)
    with pytest.raises(StoreError, match=r"stopped unexpectedly \(signal 9\)"):
        running.run()
    assert running.totals.state == "failed"
    finish(db, root)
