"""Bytes to lines with their offsets, however the bytes were cut; for the pipe, which is the only caller."""

from __future__ import annotations

from io import BytesIO


class Lines:
    """Splits on the newline byte only: other separators may stand raw inside JSON strings.

    The unfinished rest is kept as pieces and joined once, so a line of any size costs its length and no more.
    """

    __slots__ = ("_parts", "_size", "start")

    def __init__(self, start: int = 0) -> None:
        self.start = start  # offset of the first byte that belongs to no finished line
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
                self._parts.append(last)
                self._size += len(last)
            return pieces
        self.start += self._size + len(data) - len(last)
        if self._parts:
            self._parts.append(pieces[0])
            pieces[0] = b"".join(self._parts)
        self._parts = [last] if last else []
        self._size = len(last)
        return pieces

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
