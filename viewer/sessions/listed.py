"""What the list of sessions shows, as a model that only answers: its rows, roles and headings. For `model`."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from typing_extensions import override

from store.delta import Row, Spent
from store.states import Closed
from viewer import tips
from viewer.sessions import telling
from viewer.sessions.filter import Filter
from viewer.sessions.groups import Group, Key

Index: TypeAlias = QModelIndex | QPersistentModelIndex
SessionRole: Final = Qt.ItemDataRole.UserRole + 1  # Row, or None for a heading
UnreadRole: Final = Qt.ItemDataRole.UserRole + 2  # how many; -1: some
ClosedRole: Final = Qt.ItemDataRole.UserRole + 3  # Closed, or None: it is archived or deleted
SpentRole: Final = Qt.ItemDataRole.UserRole + 4  # Spent, or None: nobody knows its figures


class Heading(NamedTuple):
    """A line between sessions."""

    text: str


class Line(NamedTuple):
    """A session as it is listed."""

    row: Row
    unread: int = 0  # -1: some
    closed: Closed | None = None
    spent: Spent | None = None


def _now() -> int:
    return time.time_ns() // 1000


class Listed(QAbstractListModel):
    """See the module."""

    def __init__(self, parent: QObject | None = None, clock: Callable[[], int] = _now) -> None:
        super().__init__(parent)
        self.total = 0
        self.bytes = 0
        self.live = 0
        self.rebuilds = 0  # how often everything was sorted
        self.moves = 0  # how often sessions have changed places
        self.holds = False
        self._clock = clock
        self._grouped = True
        self._rows: dict[str, Row] = {}
        self._hay: dict[str, str] = {}
        self._shown: dict[str, tuple[Key, str]] = {}  # what is in a group: its key there, and the group's name
        self._groups: list[Group] = []
        self._flat: list[str | Heading] = []
        self._unread: dict[str, int] = {}
        self._filter = Filter()
        self._closed: Mapping[str, Closed] = {}  # by path
        self._names: Mapping[str, str] = {}  # what the user calls them, by path
        self._titles: dict[str, str] = {}  # of those: what their agents do
        self._spent: dict[str, Spent] = {}  # by path, streams without one by id
        self._gone: set[str] = set()  # ids of sessions that are deleted
        self._held: set[str] = set()  # ids of sessions that belong elsewhere by now

    # ---- what is asked

    @override
    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._flat)

    @override
    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        if isinstance(self._flat[index.row()], Heading):
            return Qt.ItemFlag.ItemNeverHasChildren
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren

    @override
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        entry = self._flat[index.row()]
        if isinstance(entry, Heading):
            texts = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole)
            return entry.text if role in texts else None
        row = self._rows[entry]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return row.title[:500] or "Untitled session"
            case Qt.ItemDataRole.ToolTipRole:
                return tips.plain(telling.tip(row, self._closed.get(row.path), self._spent.get(row.path or row.id)))
            case Qt.ItemDataRole.AccessibleTextRole:
                unread = self._unread.get(row.id, 0)
                closed, spent = self._closed.get(row.path), self._spent.get(row.path or row.id)
                return telling.spoken(row, closed, unread, self._clock(), spent)
            case _ if role == SessionRole:
                return row
            case _ if role == UnreadRole:
                return self._unread.get(row.id, 0)
            case _ if role == ClosedRole:
                return self._closed.get(row.path)
            case _ if role == SpentRole:
                return self._spent.get(row.path or row.id)
        return None

    def line(self, number: int) -> str | Line:
        """What a row shows, for whoever paints it: a heading's text, or a session. Four roles in one question."""
        entry = self._flat[number]
        if isinstance(entry, Heading):
            return entry.text
        row = self._rows[entry]
        path = row.path
        return Line(row, self._unread.get(entry, 0), self._closed.get(path), self._spent.get(path or entry))

    def session(self, id: str) -> Row | None:
        return self._rows.get(id)

    def sessions(self) -> Iterable[Row]:
        return self._rows.values()

    def spent(self, row: Row) -> Spent | None:
        return self._spent.get(row.path or row.id)

    def index_of(self, id: str) -> QModelIndex:
        """The index of a session; invalid when it is filtered out or unknown."""
        place = self._shown.get(id)
        return QModelIndex() if place is None else self.index(self._position(*place))

    @property
    def deleted(self) -> int:
        """How many sessions the list does not show because they are deleted."""
        return 0 if self._filter.deleted else len(self._gone)

    def heads(self) -> list[int]:
        """The rows that are headings, ascending."""
        rows, first = [], 0
        for group in self._groups:
            rows.append(first)
            first += len(group)
        return rows

    def shown(self) -> int:
        """How many sessions the filter lets through."""
        return len(self._shown)

    # ---- where it stands

    def _start(self, name: str) -> tuple[int, int]:
        """(number, first flat row) of a group; (-1, …) when there is none."""
        first = 0
        for number, group in enumerate(self._groups):
            if group.name == name:
                return number, first
            first += len(group)
        return -1, first

    def _position(self, key: Key, name: str) -> int:
        number, first = self._start(name)
        return first + 1 + bisect_left(self._groups[number].keys, key)
