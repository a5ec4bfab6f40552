"""A file packed with Zstandard, read as what was packed into it: offsets are those of the unpacked stream. For `views`.

Such a file is mostly written once, as a whole. One that only gains whole frames is unpacked from where they begin; one
that changes otherwise is another one.
"""

from __future__ import annotations

import os
import threading
import weakref
from pathlib import Path
from typing import Final

import zstandard

from store.sources.views import Looks, Watched

PIECE: Final = 64 << 10  # packed bytes that are read at once
BITE: Final = 1 << 10  # of them unpacked at once: whatever they are, that is no more than 32 MB
WINDOW: Final = 128 << 20  # bytes of memory that unpacking may take
REMEMBERED: Final = 4096  # packed bytes before the end that must still be the same when there are more


class Packed:
    """See the module. Any thread may call; reading on from where it was read last costs what is read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.held: weakref.WeakSet[object] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] = ()
        self._anew = 0  # how often it became another one
        self._size = 0
        self._before = b""  # the last packed bytes that were seen
        self._ahead = Unpacker(path)  # who measures it: is where it ends
        self._reader = Unpacker(path)
        self._rest: tuple[int, bytes] = (0, b"")  # what was unpacked last, and its offset

    def looks(self) -> Looks:
        now = self.path.stat()
        seen = (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns)
        with self._lock:
            if seen != self._seen:
                self._measure(now)
                self._seen = seen
        identity = hash((now.st_dev, now.st_ino, self._anew)) & 0xFFFF_FFFF_FFFF
        return Looks(identity, self._size, now.st_mtime_ns, now.st_dev)

    def written(self) -> int:
        try:
            return self.path.stat().st_mtime_ns
        except OSError:
            return 0

    def renew(self) -> None:
        """It is as it was packed."""

    def rest(self) -> None:
        """What was unpacked last is little."""

    def read(self, offset: int, size: int) -> bytes:
        with self._lock:
            start, rest = self._rest
            if offset < start:
                self._reader = Unpacker(self.path)
                start, rest = 0, b""
            while offset >= start + len(rest):
                start += len(rest)
                rest = self._reader.unpacked()
                self._rest = (start, rest)
                if not rest:
                    return b""
            return rest[offset - start : offset - start + size]

    def watched(self) -> Watched:
        return Watched((self.path, self.path.with_suffix("")))

    def place(self, offset: int) -> tuple[str, int]:
        return str(self.path), offset

    def _measure(self, now: os.stat_result) -> None:
        """How much is packed in it, on from where it was measured last if that still is so."""
        if self._grown(now):
            self._ahead.over = self._reader.over = False
        else:
            self._anew += bool(self._seen)
            self._size = 0
            self._ahead, self._reader = Unpacker(self.path), Unpacker(self.path)
            self._rest = (0, b"")
        while data := self._ahead.unpacked():
            self._size += len(data)
        self._before = self._packed(self._ahead.taken)

    def _grown(self, now: os.stat_result) -> bool:
        """Whether there are only further frames behind those that were seen."""
        if (now.st_dev, now.st_ino) != self._seen[:2] or now.st_size <= self._ahead.taken or self._ahead.damaged:
            return False
        return self._before == self._packed(self._ahead.taken)

    def _packed(self, end: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(max(0, end - REMEMBERED))
            return file.read(min(REMEMBERED, end))


class Unpacker:
    """Who unpacks a file from its start to its end, and on when it has grown. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.taken = 0  # packed bytes that were read
        self.over = False  # all of them were unpacked, or what is left is damaged
        self.damaged = False
        self._given = memoryview(b"")  # of what was read, what is still to be unpacked
        self._frame: zstandard.ZstdDecompressionObj | None = None  # the one that it is in the middle of

    def unpacked(self) -> bytes:
        """The next bytes; b"" is the end. What is damaged ends there and says so, in a line that is no record."""
        while not self.over:
            if not self._given:
                with self.path.open("rb") as file:  # not kept open: its owner may want to delete it
                    file.seek(self.taken)
                    self._given = memoryview(file.read(PIECE))
                self.taken += len(self._given)
            given, self._given = self._given[:BITE], self._given[BITE:]
            try:
                if not given:
                    self.over = True
                    if self._frame is not None:
                        raise zstandard.ZstdError("it was cut off")
                found = self._unpack(bytes(given))
            except zstandard.ZstdError as error:
                self.over = self.damaged = True
                return f"\n# the packed file is damaged from here on: {error}".encode()
            if found:
                return found
        return b""

    def _unpack(self, data: bytes) -> bytes:
        """Frames follow each other."""
        found: list[bytes] = []
        while data:
            if self._frame is None:
                self._frame = zstandard.ZstdDecompressor(max_window_size=WINDOW).decompressobj()
            found.append(self._frame.decompress(data))
            if not self._frame.eof:
                break
            data, self._frame = self._frame.unused_data, None
        return b"".join(found)
