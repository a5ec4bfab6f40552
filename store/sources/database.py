"""Another program's SQLite database, read without a trace: it is not blocked, not checkpointed, and nothing is made.

A connection lives as long as one short transaction. While the other program has it open, readers and its writer do not
wait for each other; while it has not, the file is opened as one that nobody changes, because even a reader would leave
files beside it. The index of its log is read only, too: of a program that was killed, it stays as it was left.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

WAIT: Final = 0.5  # seconds that a lock is waited for
TRIES: Final = 5
SETTLED: Final = 0.03  # seconds after which what was written to the log is committed, or is not yet
AGAIN: Final = 1.0  # and after which it is looked at once more: on a busy machine a commit takes longer

T = TypeVar("T")


def read(path: Path, work: Callable[[sqlite3.Connection], T]) -> T:
    """What `work` makes of the database, in one transaction. Raises OSError, FileNotFoundError too."""
    trouble: Exception | None = None
    shared = "mode=ro&readonly_shm=1"
    for attempt in range(TRIES):
        if attempt:
            time.sleep(0.01 * attempt)
        before = _look(path)
        try:
            if before.quiet:
                found = _with(_uri(path, "mode=ro&immutable=1"), work)
                if _look(path) == before:
                    return found
                continue  # somebody began to write meanwhile: what was read may be half of it
            if before.shared:
                _settle(path)
                return _with(_uri(path, shared), work)
            return _copied(path, work)
        except (sqlite3.Error, UnicodeDecodeError) as error:  # the module decodes names and messages as UTF-8
            trouble = error
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY:
                shared = "mode=ro"  # there is no mark in the index yet that a reader can hold on to: it makes one
            elif _look(path) == before and not _passing(error):
                break
    raise OSError(errno.EIO, f"the database cannot be read: {trouble or 'it keeps changing'}", str(path))


def watched(path: Path) -> tuple[Path, ...]:
    """The files that show that something was written."""
    return path, path.with_name(f"{path.name}-wal")


class _Look(tuple[object, ...]):
    """What lies there. `quiet`: no log of changes (an index alone is left over); `shared`: one, and its index."""

    quiet = False
    shared = False


def _look(path: Path) -> _Look:
    now = path.stat()
    wal = _size(f"{path}-wal")
    look = _Look((now.st_ino, now.st_size, now.st_mtime_ns, wal > 0))
    index = _size(f"{path}-shm")
    look.quiet = (wal < 0 or (wal == 0 and index < 0)) and _size(f"{path}-journal") < 0
    look.shared = index >= 0 or wal < 0
    return look


def _settle(path: Path) -> None:
    """News come with the first byte of a commit, and it counts a moment later, which nobody tells: wait for that."""
    with suppress(OSError):
        age = time.time() - os.stat(f"{path}-wal").st_mtime  # noqa: PTH116
        if 0 <= age < SETTLED:
            time.sleep(SETTLED - age)


def _size(name: str) -> int:
    with suppress(OSError):
        return os.stat(name).st_size  # noqa: PTH116 - no Path for a name with an ending
    return -1


def _uri(path: Path, how: str) -> str:
    return f"file:{quote(os.fspath(path.absolute()))}?{how}"


def _with(uri: str, work: Callable[[sqlite3.Connection], T]) -> T:
    with closing(sqlite3.connect(uri, WAIT, uri=True, isolation_level=None)) as connection:
        connection.execute("PRAGMA query_only = 1")
        connection.execute("BEGIN")
        try:
            return work(connection)
        except (sqlite3.OperationalError, UnicodeDecodeError) as error:
            if "decode" not in str(error):
                raise
            connection.text_factory = _text  # it takes longer, for each text
            return work(connection)


def _copied(path: Path, work: Callable[[sqlite3.Connection], T]) -> T:
    """A log without its index, as after a move of the files: to read it an index is made, but not there."""
    with tempfile.TemporaryDirectory(prefix="playhead-") as folder:
        copy = Path(folder) / "copy.db"
        shutil.copyfile(path, copy)
        shutil.copyfile(f"{path}-wal", f"{copy}-wal")
        return _with(_uri(copy, "mode=rw"), work)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _passing(error: Exception) -> bool:
    """Whether it may be over the next moment."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL)
