"""The live threads as rows of a table, and their order and filter. A refresh changes rows in place: nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import QModelIndex, QObject, QSortFilterProxyModel, Qt
from typing_extensions import override

from store.threads import ThreadRow, saved
from viewer import tips, wording
from viewer.panel import words
from viewer.panel.lists import Index, Table
from viewer.theme import icons
from viewer.theme.look import Look

ThreadRole: Final = int(Qt.ItemDataRole.UserRole) + 1
SortRole: Final = ThreadRole + 1
TRIGGER, THREAD, STATE, AGE, TURNS, LAST, SESSION, SAVED, STOP, ACTION = range(10)
HEADS: Final = ("Trigger", "Thread", "State", "Age", "Turns", "Last", "Session", "Resumed", "", "")
NUMBERS: Final = frozenset((AGE, TURNS, SAVED))
# state → (icon, colour, word, what it means)
STATES: Final = {
    "running": ("circle-dot", "state.running", "running", "A run works in its session now."),
    "resumable": ("circle", "state.idle", "idle", "The next event goes on in its session."),
    "fresh": ("circle", "state.idle", "fresh", "The next event starts a fresh session."),
    "stale": ("circle-alert", "state.waiting", "lost", "Its session is gone: the next event starts a fresh one."),
    "old": ("clock", "state.waiting", "stale", "Not used for longer than the limit: the next cleanup forgets it."),
}
FAILED: Final = ("failed", "timeout", "interrupted", "cancelled", "refused", "error")


def state_of(row: ThreadRow) -> str:
    """What is shown of it: one that runs is not called stale, however old it is."""
    return "old" if row.stale and row.state != "running" else row.state


class ThreadsModel(Table):
    """One row per thread, in the order they came; the proxy sorts."""

    rows: list[ThreadRow]

    def __init__(self, look: Look, parent: QObject | None = None) -> None:
        super().__init__(HEADS, look, parent)
        self.busy: set[int] = set()  # threads that something is being done with

    def set_rows(self, rows: Sequence[ThreadRow]) -> None:
        """As they are now: rows go, change and come one by one, so that what is chosen stays chosen."""
        fresh = {row.id: row for row in rows}
        for at in range(len(self.rows) - 1, -1, -1):
            if self.rows[at].id not in fresh:
                self.beginRemoveRows(QModelIndex(), at, at)
                del self.rows[at]
                self.endRemoveRows()
        for at, row in enumerate(self.rows):
            new = fresh.pop(row.id)
            if new != row:
                self.rows[at] = new
                self.dataChanged.emit(self.index(at, 0), self.index(at, ACTION))
        if fresh:
            self.beginInsertRows(QModelIndex(), len(self.rows), len(self.rows) + len(fresh) - 1)
            self.rows += fresh.values()
            self.endInsertRows()

    def set_busy(self, thread: int, busy: bool) -> None:
        (self.busy.add if busy else self.busy.discard)(thread)
        for at, row in enumerate(self.rows):
            if row.id == thread:
                self.dataChanged.emit(self.index(at, ACTION), self.index(at, ACTION))

    def set_look(self, look: Look) -> None:
        self.look = look
        if self.rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.rows) - 1, ACTION))

    @override
    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.TextAlignmentRole and section in NUMBERS:
                return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            if role == Qt.ItemDataRole.ToolTipRole and section == SAVED:
                return "What a resumed run cost compared with a fresh one of the same thread, with the number of runs."
        return super().headerData(section, orientation, role)

    @override
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, column = self.rows[index.row()], index.column()
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._text(row, column)
            case Qt.ItemDataRole.ToolTipRole:
                return tips.plain(self._tip(row, column))
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{HEADS[column]} {self._text(row, column)}".strip()
            case Qt.ItemDataRole.DecorationRole if column == STATE:
                name, colour, _, _ = STATES.get(state_of(row), STATES["fresh"])
                return icons.icon(name, self.look, colour, 14)
            case Qt.ItemDataRole.ForegroundRole:
                return self._colour(row, column)
            case Qt.ItemDataRole.TextAlignmentRole:
                side = Qt.AlignmentFlag.AlignRight if column in NUMBERS else Qt.AlignmentFlag.AlignLeft
                return side | Qt.AlignmentFlag.AlignVCenter
            case Qt.ItemDataRole.FontRole if column == SESSION:
                return self.look.font("mono")
            case _ if role == ThreadRole:
                return row
            case _ if role == SortRole:
                return self._order(row, column)
        return None

    def _text(self, row: ThreadRow, column: int) -> str:
        match column:
            case 0:
                return row.trigger
            case 1:
                return row.key
            case 2:
                return STATES.get(state_of(row), STATES["fresh"])[2]
            case 3:
                return words.age(row.age_us)
            case 4:
                return words.count(row.turns)
            case 5:
                return row.last_outcome or words.UNKNOWN
            case 6:
                return words.short(row.session)
            case 7:
                return words.change(saved(row.fresh, row.resumed).cost)
            case 8:
                return "Stop" if row.state == "running" else ""
            case _:
                return "…" if row.id in self.busy else "Reset"

    def _tip(self, row: ThreadRow, column: int) -> str:
        match column:
            case 2:
                last = f"\nThe last run: {row.last_outcome}" if row.last_outcome else ""
                return STATES.get(state_of(row), STATES["fresh"])[3] + last
            case 3:
                return f"Last used {wording.full(row.last_used)}"
            case 4:
                return f"{row.turns:,} turns, {row.compact_turns:,} since the last compaction, in {row.runs:,} runs"
            case 5:
                return f"{row.resume_hits:,} resumed, {row.stale_retries:,} times the session was gone"
            case 6:
                return f"{row.session}\nClick to open it" if row.session else "No session: the next event starts one"
            case 7:
                return words.compared(row.fresh, row.resumed)
            case 8:
                return (
                    "End the run that works in it (S). The thread stays as it was before."
                    if row.state == "running"
                    else ""
                )
            case 9:
                return "Forget the session of this thread: its next event starts a fresh one. The transcript stays."
            case _:
                return self._text(row, column)

    def _colour(self, row: ThreadRow, column: int) -> Any:
        if column in (STOP, ACTION) or (column == SESSION and row.session and not row.stale):
            return self.look.colour("text.link")
        if column == LAST and any(word in (row.last_outcome or "") for word in FAILED):
            return self.look.colour("state.failed")
        if column == STATE:
            return self.look.colour(STATES.get(state_of(row), STATES["fresh"])[1])
        return self.look.colour("text.faint" if state_of(row) == "old" else "text.main")

    def _order(self, row: ThreadRow, column: int) -> Any:
        match column:
            case 3:
                return row.age_us
            case 4:
                return row.turns
            case 7:
                cost = saved(row.fresh, row.resumed).cost
                return 1000 if cost is None else cost
            case _:
                return f"{self._text(row, column)}\0{row.key}".casefold()


class ThreadsOrder(QSortFilterProxyModel):
    """Sorted by the chosen column; shown are those with all words of the filter in trigger, key, state or id."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._words: list[str] = []
        self.setSortRole(SortRole)
        self.setDynamicSortFilter(True)

    def set_filter(self, text: str) -> None:
        self._words = text.casefold().split()
        self.invalidate()

    @override
    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        if not self._words:
            return True
        row = self.sourceModel().index(source_row, 0).data(ThreadRole)
        word = STATES.get(state_of(row), STATES["fresh"])[2]
        text = f"{row.trigger} {row.key} {word} {row.session or ''} {row.last_outcome or ''}".casefold()
        return all(word in text for word in self._words)

    @override
    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        found = super().headerData(section, orientation, role)
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            sign = "↑" if self.sortOrder() == Qt.SortOrder.AscendingOrder else "↓"
            return f"{found} {sign}" if section == self.sortColumn() and found else found
        return found

    @override
    def lessThan(self, source_left: Index, source_right: Index) -> bool:
        left, right = source_left.data(SortRole), source_right.data(SortRole)
        return bool(left < right) if left != right else source_left.row() < source_right.row()
