"""Bytes to lines with their offsets, however the bytes were cut; for the pipe, which is the only caller."""

from __future__ import annotations

from io import BytesIO
from typing import Final

MOST: Final = 128_000_000  # bytes of a line that are kept: a value takes five to ten times as much when it is decoded
HEAD: Final = 64 << 10  # bytes of a longer one that are


class Lines:
    """Splits on the newline byte only: other separators may stand raw inside JSON strings.

    The unfinished rest is kept as pieces and joined once, so a line of any size costs its length and no more. Of one
    that is longer than `MOST` only the beginning is kept; with its end it is `long`, and none of the lines.
    """

    __slots__ = ("_parts", "_size", "long", "start")

    def __init__(self, start: int = 0) -> None:
        self.start = start  # offset of the first byte that belongs to no finished line
        self.long: tuple[int, int, bytes] | None = None  # offset, length and beginning: before the lines of this cut
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The lines that these bytes finish: (offset, line without its line end). A final CR is part of the end."""
        offset = self.start
        lines: list[tuple[int, bytes]] = []
        for piece in self.cut(data):
            lines.append((offset, piece[:-2] if piece.endswith(b"\r\n") else piece[:-1]))
            offset += len(piece)
        return lines

    def cut(self, data: bytes) -> list[bytes]:
        """The same lines with their line ends; the first one begins at the `start` of before."""
        pieces = BytesIO(data).readlines()  # finds line ends by memchr, where bytes.split looks at every byte
        last = pieces.pop() if not data.endswith(b"\n") and pieces else b""
        if not pieces:
            if last:
                self._keep(last)
            return pieces
        before, self.start = self.start, self.start + self._size + len(data) - len(last)
        if self._size and self._size + len(pieces[0]) - 1 > MOST:
            self.long = (before, self._size + len(pieces.pop(0)) - 1, self.rest[:HEAD])
        elif self._parts:
            self._parts.append(pieces[0])
            pieces[0] = b"".join(self._parts)
        self._parts = [last] if last else []
        self._size = len(last)
        return pieces

    def _keep(self, data: bytes) -> None:
        """More of a line that has no end yet."""
        if self._size <= MOST:
            self._parts.append(data)
        self._size += len(data)
        if self._size > MOST and len(self._parts) > 1:
            head = b""
            for part in self._parts:
                head += part[:HEAD]
                if len(head) >= HEAD:
                    break
            self._parts = [head[:HEAD]]

    @property
    def too_long(self) -> bool:
        """What waits for its end is none any more: `rest` and `finish` give its beginning."""
        return self._size > MOST

    @property
    def rest(self) -> bytes:
        """The bytes after the last newline."""
        if len(self._parts) > 1:
            self._parts = [b"".join(self._parts)]
        return self._parts[0] if self._parts else b""

    @property
    def offset(self) -> int:
        """The offset behind everything that was fed."""
        return self.start + self._size

    def finish(self) -> tuple[int, bytes]:
        """Take the rest as a line, because no more bytes will come."""
        line = (self.start, self.rest)
        self.start += self._size
        self._parts = []
        self._size = 0
        return line
