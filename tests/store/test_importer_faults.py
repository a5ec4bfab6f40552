"""The import's child process, and what happens when it is killed, the disk is full, the database locked or broken."""

from __future__ import annotations

import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from imports import REPO, SESSION, Folded, check, cuts, stored, take_in_anew
from sqlalchemy import Engine, event

from store.draft import has_content
from store.errors import StoreError
from store.importer import Import
from store.intake import take_in, tidy
from store.known import known
from store.whole import Whole
from viewer.bench.make_session import write_session


@pytest.fixture
def session(tmp_path: Path) -> Path:
    path = tmp_path / "projects" / f"{SESSION}.jsonl"
    write_session(path, records=600, seed=5)
    return path


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "data" / "playhead.db"


# ---- killed


def forked(work: Callable[[], object]) -> int:
    """Run it in a child of this process; returns the signal that ended the child, or 0."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def kill_at(statement: int) -> None:
    """From now on this process dies before its n-th statement, as if by kill -9."""
    left = statement

    @event.listens_for(Engine, "before_cursor_execute")
    def on_statement(*_: object) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


def killed_at(statement: int, db: Path, path: Path, batch: int) -> int:
    def work() -> None:
        import store.intake
        import store.whole

        store.intake.BATCH = batch  # type: ignore[misc]
        store.whole.CHUNK = 8_192  # type: ignore[misc]
        kill_at(statement)
        take_in(db, path)

    return forked(work)


def kill_points(count: int, seed: int) -> list[int]:
    return sorted(random.Random(seed).sample(range(1, 66), count))


def kill_and_go_on(tmp_path: Path, points: list[int], seed: int) -> None:
    whole = tmp_path / "whole" / f"{SESSION}.jsonl"
    write_session(whole, records=260, seed=seed)
    data = whole.read_bytes()
    half = data.index(b"\n", len(data) // 2) + 1
    kills = 0
    for point in points:
        path = tmp_path / f"at{point}" / f"{SESSION}.jsonl"
        path.parent.mkdir()
        db = path.parent / "playhead.db"
        path.write_bytes(data[:half])
        code = killed_at(point, db, path, 5)
        kills += code == -signal.SIGKILL
        # Either nothing of it is to be seen, or all.
        found = known(path, db)
        if found is not None:
            assert found.window.read(0, found.rows) == Folded(Whole(path)).rows
        take_in(db, path)
        check(db, path, Folded(Whole(path)).rows)
        # And once more while the known session grows.
        before = stored(db, path)
        path.write_bytes(data)
        kills += killed_at(1 + point % 13, db, path, 5) == -signal.SIGKILL
        now = stored(db, path)
        assert now == before or now == Folded(Whole(path)).rows
        tidy(db, take_in(db, path).leftovers)
        check(db, path, Folded(Whole(whole)).rows)
        tidy(db, take_in_anew(db, path).leftovers)
        connection = sqlite3.connect(db)
        assert connection.execute("SELECT count(*) FROM session WHERE state = 'staged'").fetchone() == (0,)
        connection.close()
        assert not list(path.parent.glob("*.import-*"))
    assert kills >= len(points)  # it was not a test of nothing


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and kill -9")
def test_killed_anywhere_nothing_is_half(tmp_path: Path) -> None:
    """X-06: no half session, no row twice, whatever the importer was doing."""
    kill_and_go_on(tmp_path, kill_points(5, 8), 8)


@pytest.mark.soak
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and kill -9")
def test_killed_anywhere_a_hundred_times(tmp_path: Path) -> None:
    """X-06 at every statement."""
    kill_and_go_on(tmp_path, list(range(1, 66)), 9)


# ---- the child process


class Heard:
    """What an import says; and what is done at its n-th report."""

    def __init__(self, at: Callable[[int], None] | None = None) -> None:
        self.progress: list[tuple[int, int, int]] = []
        self.outcomes: list[str] = []
        self.over = threading.Event()
        self._at = at

    def on_progress(self, done: int, total: int, rows: int) -> None:
        self.progress.append((done, total, rows))
        if self._at is not None:
            self._at(len(self.progress))

    def on_done(self, error: str) -> None:
        self.outcomes.append(error)
        self.over.set()


def test_child_imports_and_reports(session: Path, db: Path) -> None:
    """P-03: rows never come back over the pipe; the window reads them."""
    heard = Heard()
    job = Import(session, heard.on_progress, heard.on_done, db=db)
    job.start()
    assert heard.over.wait(60)
    assert job.wait(60)
    assert heard.outcomes == [""]
    assert heard.progress
    assert job.seconds > 0
    check(db, session, Folded(Whole(session)).rows)


def test_child_killed_from_outside_is_reported(tmp_path: Path, db: Path) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    write_session(path, size=12_000_000, seed=1)
    heard = Heard(lambda count: os.kill(job.pid or 0, signal.SIGKILL))
    job = Import(path, heard.on_progress, heard.on_done, db=db)
    job.start()
    assert heard.over.wait(60)
    assert "stopped unexpectedly (signal 9)" in heard.outcomes[0]
    assert known(path, db) is None


def test_cancel_kills_the_child_and_says_nothing_more(tmp_path: Path, db: Path) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    write_session(path, size=12_000_000, seed=1)
    first = threading.Event()
    heard = Heard(lambda count: first.set())
    job = Import(path, heard.on_progress, heard.on_done, db=db)
    job.start()
    assert first.wait(60)
    pid = job.pid
    assert pid is not None
    job.cancel()
    job.cancel()
    assert job.wait(0)
    assert heard.outcomes == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert known(path, db) is None


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
def test_child_ends_with_a_window_that_was_killed(tmp_path: Path, db: Path) -> None:
    """X-06: nothing of a killed window keeps burning a core."""
    path = tmp_path / f"{SESSION}.jsonl"
    write_session(path, size=30_000_000, seed=1)
    code = (
        "import sys, threading; from pathlib import Path; from store.importer import Import; "
        "job = Import(Path(sys.argv[1]), lambda *_: print(job.pid, flush=True), print, db=Path(sys.argv[2])); "
        "job.start(); threading.Event().wait()"
    )
    command = [sys.executable, "-c", code, str(path), str(db)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=REPO) as window:
        assert window.stdout is not None
        child = os.pidfd_open(int(window.stdout.readline()))
        window.kill()
    assert select.select([child], [], [], 30)[0]
    os.close(child)
    assert known(path, db) is None


def test_trouble_of_the_child_is_one_sentence(tmp_path: Path, db: Path) -> None:
    heard = Heard()
    job = Import(tmp_path / "nowhere.jsonl", heard.on_progress, heard.on_done, db=db)
    job.start()
    assert heard.over.wait(60)
    assert heard.outcomes == [f"{tmp_path / 'nowhere.jsonl'} does not exist (any more)."]


# ---- the disk and the neighbours


def test_disk_full_is_a_sentence_and_nothing_is_half(session: Path, db: Path) -> None:
    code = (
        "import resource, signal, sys; from store.importer import main; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000)); sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "--db", str(db), "--path", str(session)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPO, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    assert '"error"' in done.stdout
    assert "disk" in done.stdout
    assert "Traceback" not in done.stderr
    assert known(session, db) is None
    take_in(db, session)  # once there is room again
    check(db, session, Folded(Whole(session)).rows)


def test_a_lock_of_another_process_is_waited_for(session: Path, db: Path) -> None:
    """001-09: locked for a second: nothing is lost."""
    take_in(db, session, cuts(session, 1)[0])
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN IMMEDIATE'); "
        "print('locked', flush=True); sys.stdin.readline(); c.execute('ROLLBACK')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(db)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "locked\n"
        timer = threading.Timer(1.2, lambda: holder.communicate("go\n"))
        timer.start()
        take_in(db, session)
        timer.join()
    check(db, session, Folded(Whole(session)).rows)


def test_two_importers_of_one_session_leave_one(session: Path, db: Path) -> None:
    """Two Playheads at once."""
    heard = [Heard(), Heard()]
    jobs = [Import(session, one.on_progress, one.on_done, db=db) for one in heard]
    for job in jobs:
        job.start()
    assert all(one.over.wait(60) for one in heard)
    assert all(job.wait(60) for job in jobs)
    assert [one.outcomes for one in heard] == [[""], [""]]
    check(db, session, Folded(Whole(session)).rows)


def test_a_broken_page_sets_the_file_aside_and_reads_anew(session: Path, db: Path) -> None:
    take_in(db, session, cuts(session, 1)[0])
    connection = sqlite3.connect(db)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    size = db.stat().st_size
    with db.open("r+b") as file:
        file.seek(16384)
        file.write(b"\xff" * (size - 16384))
    outcome = take_in(db, session)
    assert outcome.anew
    check(db, session, Folded(Whole(session)).rows)
    assert [path.name for path in db.parent.glob("playhead.db.damaged-*")]


def test_a_file_replaced_while_it_is_read_is_read_again(session: Path, db: Path) -> None:
    other = session.with_name("other")
    write_session(other, records=200, seed=77)
    told: list[int] = []

    def tell(done: int, _total: int, _rows: int) -> None:
        if not told:
            other.replace(session)
        told.append(done)

    take_in(db, session, None, tell)
    check(db, session, Folded(Whole(session)).rows)


def test_every_made_file_of_every_agent_comes_in(data_dir: Path, db: Path) -> None:
    """Bad input: whatever opens in memory opens from the database."""
    for path in sorted((data_dir / "claude-code").glob("*.jsonl")):
        if path.stat().st_size < 400_000:
            try:
                outcome = take_in(db, path)
            except StoreError as error:
                pytest.fail(f"{path.name}: {error}")
            if outcome.session is None:  # nothing was said in it: it is not kept, and what it shows comes from its file
                assert not any(map(has_content, Whole(path))), path.name
            else:
                assert stored(db, path) == Folded(Whole(path)).rows, path.name
