"""Changes of many events become one Delta: the newest version of each row wins. Used by Session. No Qt."""

from __future__ import annotations

from collections.abc import Iterable

from store.delta import Delta, Header, Rebase
from store.fold import Change, Put
from store.items import Item


class Batch:
    """What one session has to tell the screen since the last `take`."""

    __slots__ = ("_base", "_keep", "_rebase", "_rows", "_seen")

    def __init__(self, rows: int = 0) -> None:
        self._base = rows  # rows that the screen knows
        self._seen = rows  # rows after the changes so far
        self._rows: dict[int, Item] = {}
        self._keep: int | None = None
        self._rebase: Rebase | None = None

    def add(self, changes: Iterable[Change]) -> None:
        """Take changes in order. O(changes)."""
        rows = self._rows
        for change in changes:
            if type(change) is Put:
                rows[change.row] = change.item
                if change.row >= self._seen:
                    self._seen = change.row + 1
            else:
                self._cut(change.row)

    def _cut(self, row: int) -> None:
        self._seen = row
        if row < self._base:
            self._keep = row if self._keep is None else min(self._keep, row)
            self._base = row
        for gone in [known for known in self._rows if known >= row]:
            del self._rows[gone]

    def rebase(self, rebase: Rebase, rows: int) -> None:
        """The session was read as a whole; everything said so far is in there, so it need not be said again."""
        self._rows.clear()
        self._keep = None
        self._rebase = rebase
        self._base = self._seen = rows

    @property
    def empty(self) -> bool:
        return not self._rows and self._keep is None and self._rebase is None

    def grown(self, session: str, put: tuple[int, Item], header: Header | None) -> Delta:
        """`add` of a newer version of one known row, and `take`: all that most ticks of a stream do."""
        if self._rows or self._seen != self._base or self._keep is not None or self._rebase is not None:
            self._rows[put[0]] = put[1]
            return self.take(session, header)
        return Delta(session, None, None, (put,), self._base, (), header)

    def take(self, session: str, header: Header | None = None, backlog: int = 0) -> Delta:
        """Everything since the last time, as one Delta."""
        base = self._base
        rows = self._rows
        changed: tuple[tuple[int, Item], ...] = ()
        added: tuple[Item, ...] = ()
        if rows:
            if len(rows) == self._seen - base:
                added = tuple(rows.values())  # all of them are new, and they came in their order: most ticks are that
            else:
                changed = tuple(sorted((row, item) for row, item in rows.items() if row < base)) if base else ()
                added = tuple(rows[row] for row in range(base, self._seen))
            self._rows = {}
        delta = Delta(session, self._rebase, self._keep, changed, base, added, header, backlog)
        self._base = self._seen
        self._keep = None
        self._rebase = None
        return delta
