"""A file packed with Zstandard, read as what was packed into it: offsets are those of the unpacked stream. For `views`.

Such a file is written once, as a whole; one that changes is another one.
"""

from __future__ import annotations

import os
import threading
import weakref
from pathlib import Path
from typing import Final

import zstandard

from store.sources.views import Looks, Watched

PIECE: Final = 1 << 20
WINDOW: Final = 512 << 20  # bytes of memory that unpacking may take


class Packed:
    """See the module. Any thread may call; reading on from where it was read last costs what is read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.held: weakref.WeakSet[object] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] = ()
        self._size = 0
        self._rest: tuple[int, bytes] = (0, b"")  # what was unpacked last, and its offset
        self._reader: zstandard.ZstdDecompressionReader | None = None

    def looks(self) -> Looks:
        now = self.path.stat()
        seen = (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns)
        with self._lock:
            if seen != self._seen:
                self._rewind()
                size = 0
                while data := self._unpacked(PIECE):
                    size += len(data)
                self._rewind()
                self._seen, self._size = seen, size
        identity = hash(seen) & 0xFFFF_FFFF_FFFF
        return Looks(identity, self._size, now.st_mtime_ns, now.st_dev)

    def read(self, offset: int, size: int) -> bytes:
        with self._lock:
            start, rest = self._rest
            if offset < start:
                self._rewind()
                start, rest = 0, b""
            while offset >= start + len(rest):
                start += len(rest)
                rest = self._unpacked(PIECE)
                self._rest = (start, rest)
                if not rest:
                    return b""
            return rest[offset - start : offset - start + size]

    def watched(self) -> Watched:
        return Watched((self.path, self.path.with_suffix("")))

    def place(self, offset: int) -> tuple[str, int]:
        return str(self.path), offset

    def _rewind(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = None
        self._rest = (0, b"")

    def _unpacked(self, size: int) -> bytes:
        """The next bytes; what is damaged ends here, as a file that was cut off does."""
        if self._reader is None:
            fd = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            unpacker = zstandard.ZstdDecompressor(max_window_size=WINDOW)
            self._reader = unpacker.stream_reader(os.fdopen(fd, "rb"), read_across_frames=True)
        try:
            return self._reader.read(size)
        except zstandard.ZstdError:
            return b""
