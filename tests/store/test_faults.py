"""X-06: whatever happens to disk, lock, clock, file or process, nothing is half, twice, empty or lost.

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
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from faults import REFUSED, forked, killed_at, locked, playhead, powerless, sound, statements, told, whole
from sqlalchemy import Engine, event

from store import archive
from store.about import closed
from store.archive_import import ArchiveImport
from store.archive_plan import plan
from store.archive_talk import Said
from store.archive_work import Halted, Work
from store.catalog import Catalog
from store.db import reads
from store.db.engine import open_engine
from store.db.search import catch_up
from store.errors import StoreError
from store.figures import figures
from store.intake import take_in
from store.prices import unknown
from viewer.bench.make_session import write_session

OLD = (1_700_000_000, 1_700_000_000)


def write(path: Path, records: int, seed: int) -> Path:
    agents = {"agents": 1, "agent_records": 10} if seed % 3 == 1 else {}
    write_session(path, records=records, seed=seed, **agents)
    os.utime(path, OLD)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "claude" / "projects"


@pytest.fixture
def paths(root: Path) -> list[Path]:
    return [
        write(root / "-p" / f"{number:08x}-0000-4000-8000-000000000000.jsonl", 40 + 20 * number, number)
        for number in range(3)
    ]


@pytest.fixture
def db(home: Path, paths: list[Path]) -> Path:
    """With the first session in it, where the commands look for it."""
    db = home / "playhead" / "data" / "playhead.db"
    take_in(db, paths[0])
    return db


# ---- everything that writes, as (what is done, what it needs)


def do_figures(db: Path, paths: list[Path]) -> None:
    for path in paths[:2]:
        take_in(db, path)
        found = figures(path, db, unknown)
        if found is not None:  # else its file is another one by now
            found.close()


def do_archive(db: Path, paths: list[Path]) -> None:
    archive.archive(db, paths[1], unknown)


def do_delete(db: Path, paths: list[Path]) -> None:
    """What is gone for whoever looks is archived before."""
    if closed(db).get(str(paths[0])) is None:
        archive.archive(db, paths[0], unknown)
    archive.delete(db, paths[0])


def do_index(db: Path, paths: list[Path]) -> None:
    catch_up(db)


def do_import(db: Path, paths: list[Path]) -> None:
    try:
        with closing(Work(db, _failed)) as doing:
            for task in plan(db, [paths[0].parent.parent]).tasks:
                doing.take(task)
            doing.flush()
    except Halted as error:
        raise StoreError(str(error)) from error


def do_list(db: Path, paths: list[Path]) -> None:
    from store.sources.listing import row_of

    with closing(Catalog(db)) as catalog:
        catalog.save({str(path): (path.stat().st_size, path.stat().st_mtime_ns, row_of(path)) for path in paths})


def _failed(said: Said) -> None:
    if said.what == "failed":
        raise StoreError(said.why)


ALL: dict[str, Callable[[Path, list[Path]], None]] = {
    "figures": do_figures, "archive": do_archive, "delete": do_delete, "index": do_index, "import": do_import,
    "list": do_list,
}  # fmt: skip
DONE = ("is archived", "is deleted")  # what is said to whoever does again what was done
MANY = pytest.mark.parametrize("what", list(ALL))


def attempt(what: str, db: Path, paths: list[Path], *words: str) -> bool:
    """Whether it was done. If not, the sentence that says why has one of these words in it."""
    try:
        ALL[what](db, paths)
    except StoreError as error:
        if not any(word in str(error) for word in words):
            raise
        return False
    return True


def copy_of(db: Path, where: Path) -> Path:
    """The database as it is now, in a folder of its own."""
    where.mkdir(parents=True)
    copy = where / db.name
    with closing(sqlite3.connect(db)) as old, closing(sqlite3.connect(copy)) as new:
        new.execute("PRAGMA page_size=16384")
        old.backup(new)
    return copy


def all_is_well(db: Path, paths: list[Path], what: str) -> None:
    """It is done again, now that nothing is in its way, and then everything is there."""
    sound(db)
    attempt(what, db, paths, *DONE)
    do_import(db, paths)
    catch_up(db)
    keys = sound(db)
    assert {str(path) for path in paths} == set(keys)
    with closing(sqlite3.connect(db)) as connection:
        assert connection.execute("SELECT count(*) FROM session WHERE state = 'staged'").fetchone() == (0,)
        hidden = {key for (key,) in connection.execute("SELECT key FROM session WHERE status = 'deleted'")}
    if what == "delete":
        assert hidden == {str(paths[0])}
        archive.restore(db, paths[0])
    whole(db, [path for path in paths if what != "archive" or path != paths[1]])
    if what == "archive":
        digest, _ = told(paths[1], db)  # type: ignore[misc]
        assert digest["digest"]["sealed"] if "digest" in digest else digest["sealed"]


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
    kill_and_go_on(db, paths, tmp_path, what, 3, seed=len(what))


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


def test_x06_the_import_of_the_archive_outlasts_a_lock(db: Path, root: Path, paths: list[Path]) -> None:
    """Its processes are refused in the middle: it says so, and the next one goes on."""
    with locked(db), pytest.raises(StoreError, match="locked by another program"):
        ArchiveImport(db, [root]).run()
    sound(db)
    ArchiveImport(db, [root]).run()
    whole(db, paths)


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


# ---- a database of a newer Playhead


@MANY
def test_x06_a_newer_database_is_refused_and_untouched(db: Path, paths: list[Path], what: str) -> None:
    with closing(sqlite3.connect(db)) as connection:
        connection.execute(f"PRAGMA user_version={reads.SCHEMA + 1}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = hashlib.sha256(db.read_bytes()).digest()
    if what == "figures":
        assert figures(paths[0], db, unknown) is None  # then they are made from the file
    else:
        with pytest.raises(StoreError, match=r"newer Playhead|is not in the database"):
            ALL[what](db, paths)
    with pytest.raises(StoreError, match="newer Playhead"):
        take_in(db, paths[0])
    assert hashlib.sha256(db.read_bytes()).digest() == kept
    assert sorted(path.name for path in db.parent.glob("playhead.db*") if "damaged" in path.name) == []


# ---- a broken file


def test_x06_of_a_broken_database_an_archived_only_copy_is_saved(db: Path, paths: list[Path]) -> None:
    """Its rows, its figures and that it is archived; what has a file is read again, and found again."""
    do_import(db, paths)
    archive.archive(db, paths[2], unknown)
    before = told(paths[2], db)
    paths[2].unlink()
    shutil.rmtree(paths[2].with_suffix(""), ignore_errors=True)
    assert told(paths[2], db) == before
    reads.damage(db)
    open_engine(db).dispose()
    assert "set aside" in reads.take_said(db)
    do_import(db, paths[:2])
    whole(db, paths[:2])
    assert closed(db)[str(paths[2])].status == "archived"
    assert told(paths[2], db) == before


@pytest.mark.parametrize("what", ["figures", "archive", "index", "import", "list"])
def test_x06_pages_that_break_meanwhile_are_met_by_all(db: Path, paths: list[Path], what: str) -> None:
    """Whoever meets them says so, and whoever opens the database next begins anew; nothing but rows is lost."""
    do_import(db, paths)
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = db.stat().st_size
    with db.open("r+b") as file:
        file.seek(16384 * 2)
        file.write(b"\xff" * (size - 16384 * 2))
    for _ in range(3):  # said, set aside, done
        attempt(what, db, paths, "damaged", *DONE)
    if what in ("index", "list"):
        do_figures(db, paths)
    do_import(db, paths)
    assert list(db.parent.glob("playhead.db.damaged-*"))
    whole(db, [path for path in paths if what != "archive" or path != paths[1]])


# ---- two at once


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_x06_two_playheads_do_everything_at_once(db: Path, paths: list[Path]) -> None:
    def everything(order: list[str]) -> Callable[[], None]:
        def run() -> None:
            for what in order:
                attempt(what, db, paths, "anew meanwhile", *DONE)

        return run

    pids = []
    for order in (list(ALL), list(reversed(ALL)), ["import", "archive", "figures"]):
        pid = os.fork()
        if pid == 0:
            os._exit(forked(everything([name for name in order if name != "delete"])))
        pids.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0, 0, 0]
    whole(db, [paths[0], paths[2]])
    assert closed(db)[str(paths[1])].status == "archived"


# ---- the clock


def test_x06_a_clock_that_goes_back_changes_nothing(
    db: Path, root: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step happens a day before the one before it."""
    real, real_ns = time.time, time.time_ns
    back = [0]
    monkeypatch.setattr(time, "time", lambda: real() - back[0])
    monkeypatch.setattr(time, "time_ns", lambda: real_ns() - back[0] * 1_000_000_000)
    for what in ("import", "figures", "list", "index"):
        ALL[what](db, paths)
        back[0] += 86_400
    with paths[0].open("ab") as file:
        file.write(write(db.parent / "more", 30, 50).read_bytes())
    os.utime(paths[0], (1_600_000_000, 1_600_000_000))  # written by the clock that went back
    do_import(db, paths)
    do_figures(db, paths)
    back[0] += 86_400
    do_archive(db, paths)
    archive.delete(db, paths[1])
    back[0] += 86_400
    archive.restore(db, paths[1])
    assert ArchiveImport(db, [root]).run().failed == []
    catch_up(db)
    whole(db, [paths[0], paths[2]])
    with closing(Catalog(db)) as catalog:
        assert set(catalog.load()) == {str(path) for path in paths}


# ---- a file that is rewritten while it is read


@pytest.mark.parametrize("small", [True, False])
def test_x06_a_file_that_is_rewritten_while_it_is_imported_is_read_again(
    db: Path, paths: list[Path], small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.whole.CHUNK", 4_096)
    monkeypatch.setattr("store.intake.BATCH", 20)
    if not small:
        monkeypatch.setattr("store.archive_work.SMALL", 0)
    other = write(paths[2].with_name("other.new"), 30, 77)
    swapped: list[bool] = []

    def between() -> None:
        if not swapped:
            swapped.append(True)
            other.replace(paths[2])

    with closing(Work(db, _failed, between)) as doing:
        for task in plan(db, [paths[0].parent.parent], skip=map(str, paths[:2])).tasks:
            doing.take(task)
        doing.flush()
    assert swapped
    do_import(db, paths)
    whole(db, paths)


@pytest.mark.parametrize("what", ["figures", "archive"])
def test_x06_a_file_that_is_rewritten_while_it_is_folded_is_folded_again(
    db: Path, paths: list[Path], what: str
) -> None:
    """In the middle of the transactions that take it in, fold it and seal it."""
    most = statements(lambda: ALL[what](copy_of(db, db.parent / "counted"), paths))
    for point in random.Random(3).sample(range(1, most), 4):
        copy = copy_of(db, db.parent / f"at{point}")
        kept = paths[1].read_bytes()
        other = write(paths[1].with_name("other.new"), 30, 3 * point)
        left = point

        def on_statement(*_: object, other: Path = other) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                other.replace(paths[1])

        event.listen(Engine, "before_cursor_execute", on_statement)
        try:
            ALL[what](copy, paths)
        finally:
            event.remove(Engine, "before_cursor_execute", on_statement)
        sound(copy)
        do_import(copy, paths)
        if what == "figures":
            whole(copy, paths)
        paths[1].write_bytes(kept)
        os.utime(paths[1], OLD)
