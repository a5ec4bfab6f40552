"""A file packed with Zstandard, read as what was packed into it: offsets are those of the unpacked stream. For `views`.

Such a file is written once, as a whole; one that changes is another one.
"""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import Final

import zstandard

from store.sources.views import Looks, Watched

PIECE: Final = 64 << 10  # packed bytes that are read at once
BITE: Final = 1 << 10  # of them unpacked at once: whatever they are, that is no more than 32 MB
WINDOW: Final = 128 << 20  # bytes of memory that unpacking may take


class Packed:
    """See the module. Any thread may call; reading on from where it was read last costs what is read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.held: weakref.WeakSet[object] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] = ()
        self._size = 0
        self._rest: tuple[int, bytes] = (0, b"")  # what was unpacked last, and its offset
        self._taken = 0  # packed bytes that were read
        self._given = memoryview(b"")  # of them, those that are still to be unpacked
        self._over = False  # all of them, or what is left is damaged
        self._unpacker: zstandard.ZstdDecompressionObj | None = None  # in the middle of a frame

    def looks(self) -> Looks:
        now = self.path.stat()
        seen = (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns)
        with self._lock:
            if seen != self._seen:
                self._rewind()
                size = 0
                while data := self._unpacked():
                    size += len(data)
                self._rewind()
                self._seen, self._size = seen, size
        identity = hash(seen) & 0xFFFF_FFFF_FFFF
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
                self._rewind()
                start, rest = 0, b""
            while offset >= start + len(rest):
                start += len(rest)
                rest = self._unpacked()
                self._rest = (start, rest)
                if not rest:
                    return b""
            return rest[offset - start : offset - start + size]

    def watched(self) -> Watched:
        return Watched((self.path, self.path.with_suffix("")))

    def place(self, offset: int) -> tuple[str, int]:
        return str(self.path), offset

    def _rewind(self) -> None:
        self._unpacker = None
        self._taken = 0
        self._given = memoryview(b"")
        self._over = False
        self._rest = (0, b"")

    def _unpacked(self) -> bytes:
        """The next bytes; b"" is the end. What is damaged ends there and says so, in a line that is no record."""
        while not self._over:
            if not self._given:
                with self.path.open("rb") as file:  # not kept open: its owner may want to delete it
                    file.seek(self._taken)
                    self._given = memoryview(file.read(PIECE))
                self._taken += len(self._given)
            given, self._given = self._given[:BITE], self._given[BITE:]
            try:
                if not given:
                    self._over = True
                    if self._unpacker is not None:
                        raise zstandard.ZstdError("it was cut off")
                found = self._unpack(bytes(given))
            except zstandard.ZstdError as error:
                self._over = True
                return f"\n# the packed file is damaged from here on: {error}".encode()
            if found:
                return found
        return b""

    def _unpack(self, data: bytes) -> bytes:
        """Frames follow each other."""
        found: list[bytes] = []
        while data:
            if self._unpacker is None:
                self._unpacker = zstandard.ZstdDecompressor(max_window_size=WINDOW).decompressobj()
            found.append(self._unpacker.decompress(data))
            if not self._unpacker.eof:
                break
            data, self._unpacker = self._unpacker.unused_data, None
        return b"".join(found)
