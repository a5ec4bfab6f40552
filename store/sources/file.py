"""Tail of one growing file: new bytes since the last look, and what happened to the file meanwhile. For `store.ingest`.

Nothing is kept open between two looks: on Windows an open file could not be renamed or deleted by its owner, and here a
kept handle would go on reading a file that is no longer the one with that name.
"""

from __future__ import annotations

import os
import stat as mode_bits
import sys
from pathlib import Path
from typing import Final

from msgspec import Struct

from store.errors import StoreError, sentence

LIMIT: Final = 4 << 20
REMEMBERED: Final = 4096  # bytes before the offset that must still be the same
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class Chunk(Struct, frozen=True, gc=False):
    """What one look at the file gave. The facts come before the bytes: after a reset everything known is void."""

    data: bytes = b""
    offset: int = 0  # where `data` begins in the file
    reset: bool = False  # the file is another one now: forget what was read, `data` starts at 0
    gone: bool = False  # there is no such file (any more)
    more: bool = False  # more bytes are there already: read again
    size: int = 0
    why: str = ""  # one sentence for the user about `reset` or `gone`


class _Seen(Struct, frozen=True, gc=False):
    """What `stat` said when the bytes up to the offset were known to be right."""

    device: int
    inode: int
    size: int
    mtime: int
    ctime: int


def _seen(st: os.stat_result) -> _Seen:
    return _Seen(st.st_dev, st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns)


def refusal(mode: int, path: object) -> str:
    """Why something that is no regular file is not read; '' for a regular file."""
    if mode_bits.S_ISREG(mode):
        return ""
    if mode_bits.S_ISDIR(mode):
        return f"{path} is a folder, not a session file."
    if mode_bits.S_ISFIFO(mode):
        return f"{path} is a named pipe, which can be read only once: use “playhead - < {path}”."
    if mode_bits.S_ISSOCK(mode):
        return f"{path} is a socket, not a session file."
    return f"{path} is a device, not a session file."


class Tail:
    """One file, read from `offset` on. Not thread safe: it belongs to the worker that reads it.

    A look at an unchanged file costs one `stat`. `read` raises StoreError when the file cannot be read; nothing is lost
    by that, the next `read` tries again from the same place.
    """

    def __init__(self, path: Path | str, offset: int = 0) -> None:
        self.path = Path(path)
        self.offset = offset
        self._name = os.fspath(self.path)  # asked with each look: a Path makes it in three calls
        self._seen: _Seen | None = None
        self._before: bytes | None = b"" if offset == 0 else None  # the last bytes before the offset; None: not looked

    def read(self, limit: int = LIMIT, *, told: bool = False) -> Chunk:
        """The next bytes, at most `limit`, and the facts. Empty with no fact: nothing is new.

        `told`: somebody says that the file has changed, so it is not asked whether it did.
        """
        try:
            if not told or self._seen is None:
                st = os.stat(self._name)  # noqa: PTH116 - see there
                now = _seen(st)
                if now == self._seen and self.offset >= now.size:
                    return Chunk(offset=self.offset, size=now.size)
                if refused := refusal(st.st_mode, self.path):
                    raise StoreError(refused)
            return self._look(limit)
        except FileNotFoundError as error:
            self._seen = None if self._seen is None else _Seen(self._seen.device, self._seen.inode, -1, 0, 0)
            return Chunk(offset=self.offset, gone=True, why=sentence(error, self.path))
        except OSError as error:
            raise StoreError(sentence(error, self.path)) from error

    def restart(self) -> None:
        """Give all of the file with the next look."""
        self.offset, self._before = 0, b""

    def _look(self, limit: int) -> Chunk:
        fd = os.open(self._name, _FLAGS)
        try:
            st = os.fstat(fd)  # the file may have been replaced since the first stat: this is the one that is read
            if refused := refusal(st.st_mode, self.path):
                raise StoreError(refused)
            now = _seen(st)
            start, before = self.offset, self._before
            why = self._another(now)
            data = b""
            if not why:
                if before is None:  # the first look of a tail that begins in mid-file
                    count = min(REMEMBERED, start)
                    before = _pread(fd, count, start - count)
                count = len(before)
                # Also when the file grew: 4 KB more per read is cheaper than a hole in the transcript.
                data = _pread(fd, count + min(limit, max(0, now.size - start)), start - count)
                if not data.startswith(before):
                    why = f"{self.path} was written anew; it is read again from its start."
            if why:
                start, count = 0, 0
                data = _pread(fd, min(limit, now.size), 0)
        finally:
            os.close(fd)
        self._seen = now
        self.offset = start + len(data) - count
        self._before = data[-REMEMBERED:]
        return Chunk(data[count:], start, bool(why), False, self.offset < now.size, now.size, why)

    def _another(self, now: _Seen) -> str:
        """Why what was read before no longer counts, as far as the file's looks say; '' when they say nothing."""
        seen = self._seen
        if seen is not None and (seen.device, seen.inode) != (now.device, now.inode):
            return f"{self.path} was replaced by another file; it is read again from its start."
        if now.size < self.offset:
            return f"{self.path} became shorter; it is read again from its start."
        return ""


if sys.platform != "win32":

    def _pread(fd: int, count: int, offset: int) -> bytes:
        data = os.pread(fd, count, offset) if count > 0 else b""
        if len(data) == count:
            return data
        pieces = [data]  # network file systems may give less than was asked for
        while pieces[-1]:
            got = sum(map(len, pieces))
            pieces.append(os.pread(fd, count - got, offset + got) if got < count else b"")
        return b"".join(pieces)

else:

    def _pread(fd: int, count: int, offset: int) -> bytes:
        os.lseek(fd, offset, os.SEEK_SET)
        pieces: list[bytes] = []
        while count > 0 and (piece := os.read(fd, count)):
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)
