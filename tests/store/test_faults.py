"""X-06: whatever happens to process, disk or lock, nothing is half, twice, empty or lost.

For what works beside the rows of a session: figures, archive states, the search index, the import of the archive.
Rows themselves are in test_importer_faults, the archive's processes in test_archive_kills.
"""

from __future__ import annotations

import hashlib
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from deeds import (
    ALL,
    DONE,
    MANY,
    all_is_well,
    attempt,
    copy_of,
    db,
    do_figures,
    do_import,
    paths,
    root,
)
from faults import REFUSED, forked, killed_at, locked, playhead, powerless, sound, statements, whole

from store import archive
from store.about import closed
from store.archive_import import ArchiveImport
from store.archive_talk import Task
from store.archive_work import Work
from store.catalog import Catalog
from store.db.search import catch_up
from store.errors import StoreError
from store.intake import take_in
from store.prices import unknown
from store.sources.listing import row_of
from store.sources.memory import Memory

__all__ = ["db", "paths", "root"]  # fixtures

# ---- killed


def kill_and_go_on(db: Path, paths: list[Path], tmp_path: Path, what: str, count: int | None, seed: int) -> int:
    """At so many random points, or at all of them."""
    most = statements(lambda: ALL[what](copy_of(db, tmp_path / "counted"), paths))
    points = range(1, most + 1)
    some = points if count is None else sorted(random.Random(seed).sample(points, min(count, most)))
    kills = 0
    for point in some:
        copy = copy_of(db, tmp_path / f"{what}-{point}")
        code = killed_at(point, lambda copy=copy: ALL[what](copy, paths))  # type: ignore[misc]
        assert code in (0, -signal.SIGKILL)
        kills += code != 0
        all_is_well(copy, paths, what)
        shutil.rmtree(copy.parent)
    assert kills >= len(some) - 1  # it was not a test of nothing
    return kills


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and kill -9")
@MANY
def test_x06_killed_anywhere_nothing_is_half(db: Path, paths: list[Path], tmp_path: Path, what: str) -> None:
    """kill -9 of whoever makes figures, archives, deletes, indexes, imports or remembers the list."""
    kill_and_go_on(db, paths, tmp_path, what, 2, seed=len(what))


@pytest.mark.soak
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and kill -9")
@MANY
def test_x06_killed_at_every_statement(db: Path, paths: list[Path], tmp_path: Path, what: str) -> None:
    kill_and_go_on(db, paths, tmp_path, what, None, seed=0)


# ---- the disk


def _limited(size: int, work: Callable[[], object]) -> Callable[[], object]:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        work()

    return limited


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and RLIMIT_FSIZE")
@MANY
def test_x06_a_file_that_takes_no_more_is_a_sentence(
    db: Path, paths: list[Path], what: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """As on a full disk: no file may grow beyond some size."""
    codes = [forked(_limited(size, lambda: ALL[what](db, paths))) for size in (1, 40_000, db.stat().st_size)]
    assert set(codes) <= {0, REFUSED}, capfd.readouterr().err
    assert REFUSED in codes
    all_is_well(db, paths, what)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes, where there are the rights for one."""
    where = tmp_path / "disk"
    where.mkdir()
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("needs the right to mount a tmpfs")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(where)], check=False)
    if made.returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    yield where
    subprocess.run(["umount", "-l", str(where)], check=True)


@pytest.mark.parametrize("what", ["figures", "archive", "index", "import", "list"])
def test_x06_a_full_disk_is_a_sentence_and_room_is_all_it_needs(
    db: Path, paths: list[Path], small_disk: Path, what: str
) -> None:
    copy = copy_of(db, small_disk / "data")
    ballast = small_disk / "ballast"
    for left in (0, 30_000, 120_000):
        ballast.unlink(missing_ok=True)
        with ballast.open("wb") as file:
            free = os.statvfs(small_disk)
            file.write(bytes(max(0, free.f_bavail * free.f_frsize - left)))
        done = attempt(what, copy, paths, "disk", *DONE)
        assert left or not done
    ballast.unlink()
    all_is_well(copy, paths, what)


# ---- locked


@pytest.mark.long
def test_x06_ten_seconds_of_another_ones_lock_lose_nothing(db: Path, paths: list[Path]) -> None:
    """001-09: who writes waits or is refused with a sentence; once the lock is gone, everything is done."""
    refused: list[str] = []

    def patiently(what: str) -> None:
        while not attempt(what, db, paths, "locked by another program"):
            refused.append(what)

    with locked(db) as let_go:
        timer = threading.Timer(10, let_go)
        timer.start()
        with ThreadPoolExecutor(len(ALL)) as pool:
            for done in [pool.submit(patiently, what) for what in ("figures", "archive", "index", "import", "list")]:
                done.result()
        timer.join()
    assert refused  # each waits half of that time
    catch_up(db)
    whole(db, [paths[0], paths[2]])
    assert [key for key, one in closed(db).items() if one.status == "archived"] == [str(paths[1])]


def test_x06_an_import_outlasts_a_lock(db: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Those at work ask again and again, and do what they were given when the database is free."""
    monkeypatch.setattr("store.db.engine.BUSY_MS", 10)
    said: list[tuple[str, str]] = []
    new = shutil.copy(paths[0], paths[0].with_name("new.jsonl"))
    looks = 0
    with locked(db) as let_go:

        def between() -> None:
            nonlocal looks
            looks += 1
            if looks == 40:
                let_go()

        with closing(Work(db, lambda one: said.append((one.path, one.what)), between)) as work:
            work.take(Task(str(new), new.stat().st_size, 0))
            work.flush()
    assert looks >= 40
    assert said == [(str(new), "new")]
    sound(db)


def test_x06_an_import_that_is_locked_out_for_long_says_so(
    db: Path, root: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next one goes on."""
    monkeypatch.setattr("store.db.engine.BUSY_MS", 10)
    monkeypatch.setattr("store.db.reads.PATIENCE", 0.1)
    with locked(db), pytest.raises(StoreError, match="locked by another program"):
        ArchiveImport(db, [root]).run()
    sound(db)
    ArchiveImport(db, [root]).run()
    whole(db, paths)


def saved(memory: Memory) -> None:
    warm = threading.Event()
    memory.warm(warm.set)
    assert warm.wait(60)
    memory.settle(lambda: None)


def test_x06_a_lock_does_not_make_the_list_forget_what_is_kept(
    db: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.db.engine.BUSY_MS", 50)
    with closing(Memory(Catalog(db))) as memory:
        with locked(db):
            memory.learn(str(paths[2]), 1, 1, row_of(paths[2]))
            saved(memory)
            memory.forget(str(paths[1]))
        paths[0].unlink()
        kept = memory.kept(str(paths[0]), None)
        assert kept is not None
        assert kept.missing
        saved(memory)
        assert str(paths[2]) in memory.load()


# ---- a folder that cannot be written


@pytest.mark.skipif(powerless() is None, reason="root without setpriv: file modes do not bind it")
def test_x06_a_read_only_data_folder_is_said_and_everything_readable_is_read(
    db: Path, root: Path, paths: list[Path]
) -> None:
    before = powerless()
    assert before is not None
    take_in(db, paths[1])
    do_figures(db, paths)
    catch_up(db)
    archive.archive(db, paths[1], unknown)
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = hashlib.sha256(db.read_bytes()).digest()
    folders = [db.parent.parent, *db.parent.parent.rglob("*/")]
    for folder in folders:
        folder.chmod(0o555)
    db.chmod(0o444)
    try:
        done = {
            name: playhead(*words, before=before)
            for name, words in {
                "import": ("import", "--root", root),
                "digest": ("digest", paths[0], "--json"),
                "closed": ("digest", paths[1], "--json"),
                "turns": ("turns", paths[2], "--json"),
                "search": ("search", "the"),
                "list": ("sessions", "--root", root, "--json"),
                "show": ("show", paths[2], "--json"),
                "doctor": ("doctor",),
            }.items()
        }
    finally:
        for folder in folders:
            folder.chmod(0o755)
        db.chmod(0o644)
    assert [name for name, one in done.items() if "Traceback" in one.stderr] == []
    assert done["import"].returncode == 2
    assert len(done["import"].stderr.splitlines()) == 1
    for name, one in done.items():
        assert name == "import" or (one.returncode == 0 and one.stdout), (name, one.stderr)
    assert hashlib.sha256(db.read_bytes()).digest() == kept
    assert not list(db.parent.glob("*.damaged*"))
    do_import(db, paths)
    whole(db, [paths[0], paths[2]])
