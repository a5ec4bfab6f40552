"""The transcript as a list model: a Delta in, one insert and one dataChanged out. Made by viewer.app, per session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal, Slot
from typing_extensions import override

from store.delta import Delta, Late, Rebase, Runs, Window
from store.events import ItemId
from store.items import Item
from viewer.timeline.pages import Pages, is_waiting, waits_at
from viewer.timeline.spoken import head, spoken
from viewer.timeline.whole import Whole

if TYPE_CHECKING:
    from viewer.timeline.apart import Apart

Index: TypeAlias = QModelIndex | QPersistentModelIndex
ItemRole: Final = Qt.ItemDataRole.UserRole + 1
SHORT: Final = 200  # characters of a row's text in roles
SAMPLES: Final = 32  # rows that are looked up to find out how far a rebase moves the others
WALK: Final = 8_192  # rows that are compared one by one with what takes their place; more of them are put anew


class TimelineModel(QAbstractListModel):
    """Rows [0, base) lie in a window of the store, newer versions of some of them in memory; the tail is a list.

    It does not query, format or decide. A delta costs what it says; a rebase, once per session, costs the tail.
    """

    # Rows of the window that were waited for, and whether they are here; emitted by its thread, so queued.
    _came = Signal(int, int, bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._came.connect(self.on_came, Qt.ConnectionType.QueuedConnection)
        self.window: Window | None = None
        self.base = 0  # rows that lie in the window; a cut may leave fewer than it has
        self.changed_rows: Sequence[int] = ()  # during dataChanged: the rows between first and last that did change
        self.rebased = False  # during dataChanged: by a rebase, so that even the same revision may differ
        self.backlog = 0
        # Called after a Delta, when all signals of its rows are out. No signal: every frame would pay for that.
        self.applied: list[Callable[[], None]] = []
        self._pages: Pages | None = None
        self._over: dict[int, Item] = {}
        self._tail: list[Item] = []
        self._rows: dict[ItemId, int] = {}  # of tail and changed rows
        self._found: dict[ItemId, int | None] = {}  # what the window said
        self._late: Late | None = None  # the window, if nobody waits for its rows
        self._supposed: dict[int, set[ItemId]] = {}  # what it says by a hash alone, until the row is here

    # ---- asked

    @override
    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else self.base + len(self._tail)

    @property
    def length(self) -> int:
        return self.base + len(self._tail)

    @property
    def reads(self) -> int:
        """How often the store was asked for a page."""
        return 0 if self._pages is None else self._pages.reads

    @property
    def late(self) -> Late | None:
        """The window, if nobody waits for its rows: what needs many of them asks it on a worker."""
        return self._late

    def apart(self, first: int, end: int) -> Apart | None:
        """Rows [first, end) as they are now, for a worker; None: this window is read here only."""
        from viewer.timeline.apart import Apart

        window, base = self.window, max(first, min(end, self.base))
        if base == first:
            return Apart(None, first, first, {}, self._tail[first - self.base : max(end, self.base) - self.base])
        if not isinstance(window, Runs):
            return None
        over = {row: item for row, item in self._over.items() if first <= row < base}
        return Apart(window, first, base, over, self._tail[: max(0, end - self.base)])

    def item(self, row: int) -> Item:
        """The newest version of a row. Reads a page of the window if need be, 0.1 ms."""
        if row >= self.base:
            return self._tail[row - self.base]
        over = self._over.get(row)
        if over is not None:
            return over
        if self._pages is None:
            raise IndexError(row)
        return self._pages.item(row)

    def items(self, first: int, end: int) -> Iterator[Item]:
        """Rows [first, end) one after the other, read in large pieces."""
        if first < self.base and self._pages is not None:
            stop = min(end, self.base)
            over = self._over
            for row, item in enumerate(self._pages.run(first, stop), first):
                yield over.get(row, item)
        for row in range(max(first, self.base), end):
            yield self._tail[row - self.base]

    def position_of(self, item: ItemId) -> int | None:
        """The row of an item, or None."""
        row = self._rows.get(item)
        if row is not None or self.window is None:
            return row
        if item in self._found:
            return self._found[item]
        row = self.window.find(item) if self._late is None else self._suppose(self._late, item)
        if row is not None and row >= self.base:
            row = None  # it was cut
        if len(self._found) > 4096:
            self._found.clear()
        self._found[item] = row
        return row

    def _suppose(self, late: Late, item: ItemId) -> int | None:
        """The row of an item by what is here. One that only seems to be it is found out when it comes."""
        stood = waits_at(item)
        if stood is not None:
            return stood
        for row in late.candidates(item):
            if row >= self.base or self._pages is None:
                continue
            there = self._pages.item(row)
            if is_waiting(there):
                self._supposed.setdefault(row, set()).add(item)
            elif there.id != item:
                continue
            return row
        return None

    @override
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or not 0 <= index.row() < self.length:
            return None
        item = self.item(index.row())
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return head(item, SHORT)
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{spoken(item)}: {head(item, SHORT)}"
            case _ if role == ItemRole:
                return item
        return None

    @override
    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren

    # ---- told

    def apply(self, delta: Delta) -> None:
        """Take one tick's changes: at most one rowsInserted and one dataChanged (a rebase may insert at both ends)."""
        changed = delta.changed
        more: Sequence[Item] = ()
        touched: list[int] = []
        if delta.rebase is not None:
            touched, more = self._rebase(delta.rebase)
        if more and (delta.keep is not None or any(row >= self.length for row, _ in changed)):
            self._append(more)  # else one insert is enough for these and the added ones
            more = ()
        if delta.keep is not None:
            self._cut(delta.keep)
        if delta.added and delta.first != self.length + len(more):
            raise ValueError(f"rows {delta.first} and up do not follow row {self.length + len(more) - 1}")
        if changed or touched:
            self._change(changed, touched, rebased=delta.rebase is not None)
        self._append((*more, *delta.added))
        self.backlog = delta.backlog
        for applied in self.applied:
            applied()

    def _append(self, items: Sequence[Item]) -> None:
        if not items:
            return
        first = self.length
        self.beginInsertRows(QModelIndex(), first, first + len(items) - 1)
        self._tail += items
        for row, item in enumerate(items, first):
            self._rows[item.id] = row
        if self._found:
            self._found = {}  # a parent that was not there may be now
        self.endInsertRows()

    def _change(self, changed: Sequence[tuple[int, Item]], touched: Sequence[int], rebased: bool) -> None:
        for row, item in changed:
            if row >= self.base:
                old = self._tail[row - self.base]
                self._tail[row - self.base] = item
                if old.id != item.id:  # an echo took the place of what was sent from here
                    self._rows.pop(old.id, None)
                    self._rows[item.id] = row
            else:
                self._over[row] = item
                self._rows[item.id] = row
        if changed:
            rows = [row for row, _ in changed]
            self.changed_rows = sorted({*rows, *touched}) if touched else rows
        else:
            self.changed_rows = touched
        self.rebased = rebased
        try:
            first = self.index(self.changed_rows[0])
            several = len(self.changed_rows) > 1
            self.dataChanged.emit(first, self.index(self.changed_rows[-1]) if several else first)
        finally:
            self.changed_rows = ()
            self.rebased = False

    def _cut(self, keep: int) -> None:
        length = self.length
        if keep >= length:
            return
        self.beginRemoveRows(QModelIndex(), keep, length - 1)
        for row, item in enumerate(self._tail[max(0, keep - self.base) :], max(keep, self.base)):
            if self._rows.get(item.id) == row:
                del self._rows[item.id]
        del self._tail[max(0, keep - self.base) :]
        if keep < self.base:
            self.base = keep
            for row in [row for row in self._over if row >= keep]:
                item = self._over.pop(row)
                if self._rows.get(item.id) == row:
                    del self._rows[item.id]
        self._found = {}
        self.endRemoveRows()

    @Slot(int, int, bool)
    def on_came(self, first: int, count: int, here: bool) -> None:
        """Rows of a server that is slow."""
        pages = self._pages
        rows = [] if pages is None else [row for row in pages.forget(first, count) if row < self.base]
        rows = [row for row in rows if row not in self._over]
        if rows:
            self._change((), rows, rebased=True)
        supposed = [row for row in self._supposed if first <= row < first + count] if here else ()
        known = {} if pages is None else {row: pages.item(row) for row in supposed}
        known = {row: item for row, item in known.items() if not is_waiting(item)}
        if any(self._supposed.pop(row) != {item.id} for row, item in known.items()):
            # Two ids in four billion have one hash: what was made of that is made anew.
            self._found, self._supposed = {}, {}
            self.beginResetModel()
            self.endResetModel()

    # ---- the whole session was read

    def _rebase(self, rebase: Rebase) -> tuple[list[int], Sequence[Item]]:
        """Put what is shown onto the window. Returns the rows that differ now, and rows to append at the end.

        Rows keep their place among each other: leading ones that the whole session does not know (a result whose call
        lay before what was read) go, the missing ones come in before the rest, in one insert.
        """
        new = Whole(rebase)
        if isinstance(rebase.window, Late):
            rebase.window.arrived = self._came.emit
        if self.length > WALK or self._late is not None:
            self._put_anew(new, rebase)
            return [], ()
        old = list(self.items(0, self.length))
        shift = self._shift(old, new)
        drop = keep = len(old)
        if shift is not None:
            drop = next((row for row, item in enumerate(old) if new.is_at(row + shift, item.id)), len(old))
            keep = min(len(old), new.length - shift)
        if drop < keep < len(old):
            self._cut(keep)
        if drop:
            self.beginRemoveRows(QModelIndex(), 0, drop - 1)
            self.window, self._pages, self._late, self.base, self._over = None, None, None, 0, {}
            self._tail = old[drop:keep]
            self._rows = {item.id: row for row, item in enumerate(self._tail)}
            self.endRemoveRows()
        kept = old[drop:keep]
        front = shift + drop if shift is not None and kept else new.length
        end = front + len(kept)
        touched = [row for row, item in enumerate(kept, front) if new.item(row) != item]
        if front:
            self.beginInsertRows(QModelIndex(), 0, front - 1)
        # Rows behind `end` are told afterwards; a window that reaches further is let in as if it ended there.
        self._stand(new, rebase, end)
        if front:
            self.endInsertRows()
        return touched, [new.item(row) for row in range(end, new.length)]

    def _put_anew(self, new: Whole, rebase: Rebase) -> None:
        """All rows at once: who shows them finds by their ids what was looked at."""
        self.beginResetModel()
        self._stand(new, rebase, new.length)
        self.endResetModel()

    def _stand(self, new: Whole, rebase: Rebase, end: int) -> None:
        """On the window from now on, as if the session ended there."""
        self.window, self._pages = rebase.window, new.pages
        self._late = rebase.window if isinstance(rebase.window, Late) else None
        self.base = min(new.base, end)
        self._over = {row: item for row, item in rebase.overlay.items() if row < self.base}
        self._tail = [new.item(row) for row in range(self.base, end)]
        self._rows = {item.id: row for row, item in self._over.items()}
        self._rows.update((item.id, row) for row, item in enumerate(self._tail, self.base))
        self._found, self._supposed = {}, {}

    def _shift(self, old: Sequence[Item], new: Whole) -> int | None:
        """How many rows come before what is shown now: what most of a few samples say."""
        if not old:
            return None
        step = max(1, len(old) // SAMPLES)
        votes: Counter[int] = Counter()
        for row in {*range(0, len(old), step), len(old) - 1}:
            found = new.find(old[row].id)
            if found is not None:
                votes[found - row] += 1
        return max(votes, key=lambda shift: (votes[shift], shift)) if votes else None
