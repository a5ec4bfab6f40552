"""What was received and is not in the database yet: a file that is written before the sender is answered.

So an answer waits for no database, and neither a kill nor a power cut loses what was answered: whoever finds the file
goes on with it. A record that was being written then was never answered, and its sender sends it again. Records that
arrive together are made safe together: while one `fdatasync` runs, those that come wait for the next, which is theirs.
"""

from __future__ import annotations

import io
import logging
import os
import struct
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from store.db.lock import Lock, hold
from store.errors import StoreError

if sys.platform != "win32":
    import fcntl

log = logging.getLogger(__name__)

MOST: Final = 256 << 20  # bytes that may wait
_HEAD: Final = struct.Struct(">I")
_LONGEST: Final = 64 << 20  # a longer record is damage


class Arrived(Struct, frozen=True, array_like=True):
    """One request. `refused`: why it is not looked at any further; then there is no body. `ts`: microseconds UTC."""

    ts: int
    trigger_id: int | None
    slug: str
    size: int
    headers: Mapping[str, str] = {}
    body: bytes = b""
    refused: str = ""
    hand: bool = False  # the user wants it, whatever the filter says and however often


class FullError(Exception):
    """Too much waits: the sender shall come again."""


class Spool:
    """One process writes and reads one. Written on any thread, read on one."""

    def __init__(self, db: Path, most: int = MOST) -> None:
        self._lock = threading.Lock()
        self._most = most
        self.news = threading.Event()
        self._read = self._written = 0
        self._syncing = threading.Lock()  # whose holder makes safe what everybody has written by then
        self._put = self._safe = 0  # records written, and how many of them the disk has
        self.syncs = 0
        self.waiting = 0  # records
        path = db.with_name(f"{db.name}.inbox-{uuid.uuid4().hex[:12]}")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._held = _held(path)
            path.touch(mode=0o600)
            self._out = path.open("ab", buffering=0)
            self._in = path.open("rb", buffering=0)  # what a buffer has is another record's once the file was emptied
            _keep_name(path.parent)
        except OSError as error:
            raise StoreError(f"{path.parent} cannot be written: {error.strerror or error}.") from error
        self.path = path

    def put(self, record: Arrived) -> None:
        """When this returns, the record outlives us and the machine's power. Raises FullError, OSError."""
        data = msgspec.msgpack.encode(record)
        whole = _HEAD.pack(len(data)) + data
        with self._lock:
            if self._written - self._read + len(whole) > self._most:
                raise FullError
            try:
                done = 0
                while done < len(whole):
                    done += self._out.write(whole[done:])
            except OSError:
                os.ftruncate(self._out.fileno(), self._written)  # a full disk may have taken a part
                raise
            self._written += len(whole)
            self.waiting += 1
            self._put += 1
            mine = self._put
        self.news.set()
        self._sync(mine)

    def _sync(self, mine: int) -> None:
        """Until the disk has that record. Raises OSError."""
        with self._syncing:
            if self._safe >= mine:
                return
            with self._lock:
                many = self._put
            _to_disk(self._out.fileno())
            self._safe = many
            self.syncs += 1

    def take(self, many: int = 64, much: int = 8 << 20) -> tuple[list[Arrived], int]:
        """The next records, and what `done` is to be told when they are in the database."""
        with self._lock:
            end = self._written
            if self._read == end:
                self.news.clear()
        found: list[Arrived] = []
        at = self._read
        for record, after in _records(self._in, at, end):
            found.append(record)
            at = after
            if len(found) >= many or after - self._read > much:
                break
        if not found and at < end:  # somebody else wrote into the file; nothing that follows can be told apart
            log.error("%s is damaged: %d bytes of it are lost", self.path, end - at)
            at = end
        return found, at

    def done(self, at: int, count: int) -> None:
        """These are in the database. An empty file takes no room."""
        with self._lock:
            self._read = at
            self.waiting -= count
            if self._read == self._written:
                os.ftruncate(self._out.fileno(), 0)
                self._read = self._written = 0

    def close(self) -> None:
        """What waits stays in the file, for the next one."""
        with self._lock:
            empty = self._read == self._written
            self._out.close()
            self._in.close()
        if empty:
            self.path.unlink(missing_ok=True)
        self._held.drop()


def left(db: Path) -> Iterator[tuple[list[Arrived], Path]]:
    """What others left behind when they were killed; the caller deletes each file when its records are safe."""
    for path in sorted(db.parent.glob(f"{db.name}.inbox-*")):
        if path.suffix == ".lock":
            continue
        try:
            held = hold(_lock_of(path), wait=False)
            if held is None:
                continue  # somebody works with it
            try:
                with path.open("rb", buffering=0) as file:
                    yield [record for record, _ in _records(file, 0, path.stat().st_size)], path
            except FileNotFoundError:
                continue  # its owner has just ended, and it was empty
            finally:
                held.drop()
        except OSError as error:
            log.warning("%s cannot be read: %s", path, error)


def _records(file: io.FileIO, at: int, end: int) -> Iterator[tuple[Arrived, int]]:
    while at + _HEAD.size <= end:
        file.seek(at)
        (size,) = _HEAD.unpack(file.read(_HEAD.size))
        after = at + _HEAD.size + size
        if size > _LONGEST or after > end:
            return  # was being written when its writer was killed
        try:
            yield msgspec.msgpack.decode(file.read(size), type=Arrived), after
        except msgspec.DecodeError as error:
            log.warning("a record of an inbox is damaged: %s", error)
        at = after


def _to_disk(file: int) -> None:
    if sys.platform == "darwin":
        fcntl.fcntl(file, fcntl.F_FULLFSYNC)  # its fsync stops at the drive's own memory
    elif sys.platform == "win32":
        os.fsync(file)
    else:
        os.fdatasync(file)


def _keep_name(folder: Path) -> None:
    """A new file is found after a power cut only when its folder is on the disk, too."""
    if sys.platform != "win32":  # which has no such thing
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _lock_of(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _held(path: Path) -> Lock:
    held = hold(_lock_of(path), wait=False)
    assert held is not None  # noqa: S101 - nobody else knows this name
    return held
