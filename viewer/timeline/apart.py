"""Rows of a transcript as they are at one moment, for a worker to read while the model goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from store.delta import Runs
from store.items import Item, failed


class Apart(Struct, frozen=True):
    """Rows from `first` on: up to `base` out of the window, newer versions of some of them in `over`; behind it the
    tail. Without a window they are all in the tail. Everything blocks, and raises StoreError."""

    window: Runs | None
    first: int
    base: int
    over: Mapping[int, Item]
    tail: Sequence[Item]

    def items(self) -> Iterator[Item]:
        """All of them, in order."""
        if self.window is not None:
            for row, item in enumerate(self.window.run(self.first, self.base), self.first):
                yield self.over.get(row, item)
        yield from self.tail

    def failure(self, by: int) -> tuple[int, Item] | None:
        """The first that tells of a failure, or (`by` < 0) the last; None: there is none."""
        for look in (self._in_window, self._in_tail) if by > 0 else (self._in_tail, self._in_window):
            found = look(by)
            if found is not None:
                return found
        return None

    def _in_tail(self, by: int) -> tuple[int, Item] | None:
        rows = range(len(self.tail))
        at = next((at for at in (rows if by > 0 else reversed(rows)) if failed(self.tail[at])), None)
        return None if at is None else (self.base + at, self.tail[at])

    def _in_window(self, by: int) -> tuple[int, Item] | None:
        if self.window is None:
            return None
        newer = [(row, item) for row, item in self.over.items() if failed(item)]
        older = (one for one in self.window.failing(self.first, self.base, by) if one[0] not in self.over)
        some = [*newer, *([one] if (one := next(older, None)) is not None else [])]
        return (min if by > 0 else max)(some, key=lambda one: one[0], default=None)
