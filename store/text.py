"""A text that grows at its end: appending costs the new piece, never the whole. Every version stays valid."""

from __future__ import annotations

from typing_extensions import override


class Text:
    """An immutable text that shares its pieces with the versions it grew from.

    Appending to the newest version adds to the shared list; appending to an older one copies (that is rare, and only
    then costs the length). `str(text)` joins once and remembers. Lengths are in characters (code points).
    """

    __slots__ = ("_count", "_joined", "_parts", "length")

    def __init__(self, text: str = "") -> None:
        self._parts: list[str] | None = None  # none until it grows, which most texts never do
        self._count = 0
        self._joined: str | None = text
        self.length = len(text)

    def append(self, more: str) -> Text:
        """This text and `more`, as a new version. O(len(more))."""
        if not more:
            return self
        parts = self._parts
        if parts is None:
            parts = [self._joined] if self._joined else []
        elif len(parts) != self._count:  # somebody already grew this version: do not disturb them
            parts = parts[: self._count]
        parts.append(more)
        new = object.__new__(Text)
        new._parts = parts
        new._count = len(parts)
        new._joined = None
        new.length = self.length + len(more)
        return new

    def since(self, start: int) -> str:
        """The characters from `start` on. Cost follows what is returned, not the whole text."""
        if start <= 0:
            return str(self)
        missing = self.length - start
        if missing <= 0:
            return ""
        if self._joined is not None:
            return self._joined[start:]
        taken: list[str] = []
        parts, index = self._parts or [], self._count
        while missing > 0:
            index -= 1
            part = parts[index]
            taken.append(part if len(part) <= missing else part[len(part) - missing :])
            missing -= len(part)
        taken.reverse()
        return "".join(taken)

    def head(self, count: int) -> str:
        """At most the first `count` characters, without joining the rest."""
        if self._joined is not None:
            return self._joined[:count]
        taken: list[str] = []
        for part in (self._parts or [])[: self._count]:
            if count <= 0:
                break
            taken.append(part[:count])
            count -= len(part)
        return "".join(taken)

    @override
    def __str__(self) -> str:
        joined = self._joined
        if joined is None:
            parts = self._parts or []
            joined = self._joined = "".join(parts[: self._count])
            if len(parts) == self._count:
                # The newest version: one piece from now on, so that later joins start from here. Older versions that
                # share the list keep their own count, so they get a list of their own.
                self._parts = [joined]
                self._count = 1
        return joined

    def __len__(self) -> int:
        return self.length

    def __bool__(self) -> bool:
        return self.length > 0

    @override
    def __eq__(self, other: object) -> bool:
        if isinstance(other, Text):
            return self.length == other.length and (self is other or str(self) == str(other))
        return NotImplemented

    @override
    def __hash__(self) -> int:
        return hash(str(self))

    @override
    def __repr__(self) -> str:
        return f"Text({self.head(60)!r}{'…' if self.length > 60 else ''})"


EMPTY = Text()
