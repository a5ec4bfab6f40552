"""The list of sessions as a model: grouped, newest first by last record, sorted by bisection. Fed by SessionsDelta."""

from __future__ import annotations

import time
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from typing_extensions import override

from store.delta import Row, SessionsDelta, Spent
from store.states import Closed
from viewer import tips, wording
from viewer.sessions import telling
from viewer.sessions.filter import Filter, haystack
from viewer.sessions.groups import Group, Key, key_of, order

Index: TypeAlias = QModelIndex | QPersistentModelIndex
SessionRole: Final = Qt.ItemDataRole.UserRole + 1  # Row, or None for a heading
UnreadRole: Final = Qt.ItemDataRole.UserRole + 2  # how many; -1: some
ClosedRole: Final = Qt.ItemDataRole.UserRole + 3  # Closed, or None: it is archived or deleted
SpentRole: Final = Qt.ItemDataRole.UserRole + 4  # Spent, or None: nobody knows its figures
BULK: Final = 256  # more rows than this at once are sorted as a whole
LIVE: Final = ("live", "waiting")  # its agent is at work, or would be if it had an answer


class Heading(NamedTuple):
    """A line between sessions."""

    text: str


def _now() -> int:
    return time.time_ns() // 1000


class SessionsModel(QAbstractListModel):
    """See the module. A change of one session is one dataChanged, and moves if it has become the newest."""

    counted = Signal()  # number or bytes of the sessions, or how many are live, changed

    def __init__(self, parent: QObject | None = None, clock: Callable[[], int] = _now) -> None:
        super().__init__(parent)
        self.total = 0
        self.bytes = 0
        self.live = 0
        self.rebuilds = 0  # for tests: how often everything was sorted
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
        self._spent: dict[str, Spent] = {}  # by path, streams without one by id
        self._gone: set[str] = set()  # ids of sessions that are deleted

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

    # ---- what changes

    def apply(self, delta: SessionsDelta) -> None:
        before = (self.total, self.bytes, self.live)
        for id in delta.gone:
            self._forget(id)
        if len(delta.put) > BULK:
            for row in delta.put:
                self._take(row)
            self._rebuild(self._visible())
        else:
            for row in delta.put:
                self._put(row)
        if before != (self.total, self.bytes, self.live):
            self.counted.emit()

    def set_filter(self, text: str) -> None:
        fresh = Filter(text)
        if fresh.words == self._filter.words:
            return
        narrower, self._filter = fresh.narrows(self._filter), fresh
        among: Iterable[str] = list(self._shown) if narrower else self._rows
        self._rebuild(id for id in among if self._lets_in(id))

    def set_closed(self, closed: Mapping[str, Closed]) -> None:
        """Which sessions are archived or deleted, by path."""
        before, self._closed = self._closed, closed
        changed = [path for path in {*before, *closed} if before.get(path) != closed.get(path)]
        rows = [row for path in changed if (row := self._rows.get(path)) is not None]
        for row in rows:
            self._note(row)
            self._place(row)
        if rows:
            self.counted.emit()

    def set_spent(self, spent: Mapping[str, Spent]) -> None:
        """What is known of the figures of sessions, by path; those that are not told stay as they are."""
        changed = {path for path, one in spent.items() if self._spent.get(path) != one}
        self._spent |= {path: spent[path] for path in changed}
        if len(changed) > BULK:  # to find each of them would take longer than to paint what is on the screen
            self.dataChanged.emit(self.index(0), self.index(len(self._flat) - 1))
            return
        for row in [row for row in self._rows.values() if (row.path or row.id) in changed]:
            index = self.index_of(row.id)
            if index.isValid():
                self.dataChanged.emit(index, index)

    def set_grouped(self, grouped: bool) -> None:
        """By project, or by day."""
        if grouped != self._grouped:
            self._grouped = grouped
            self._rebuild(self._visible())

    def set_unread(self, id: str, count: int) -> None:
        if self._unread.get(id, 0) == count:
            return
        self._unread[id] = count
        index = self.index_of(id)
        if index.isValid():
            self.dataChanged.emit(index, index, [UnreadRole])

    # ---- how

    def _visible(self) -> list[str]:
        if not self._filter and not self._gone:
            return list(self._rows)
        return [id for id in self._rows if self._lets_in(id)]

    def _lets_in(self, id: str) -> bool:
        return self._filter.matches(self._hay[id]) and (self._filter.deleted or id not in self._gone)

    def _note(self, row: Row) -> None:
        """What the filter asks about this version of the session."""
        found = self._closed.get(row.path)
        status = found.status if found is not None else ""
        self._hay[row.id] = haystack(row, status)
        if status == "deleted":
            self._gone.add(row.id)
        else:
            self._gone.discard(row.id)

    def _group_of(self, row: Row) -> str:
        if self._grouped:
            return row.project or "No project"
        return wording.day(row.updated or row.started, self._clock())

    def _take(self, row: Row) -> Row | None:
        """Know this version of the session. Returns the one before."""
        old = self._rows.get(row.id)
        if old is None:
            self.total += 1
        else:
            self.bytes -= old.bytes
            self.live -= old.state in LIVE
        self.bytes += row.bytes
        self.live += row.state in LIVE
        self._rows[row.id] = row
        self._note(row)
        return old

    def _put(self, row: Row) -> None:
        old = self._take(row)
        if old != row:
            self._place(row)

    def _place(self, row: Row) -> None:
        """Where it belongs now."""
        place = self._shown.get(row.id)
        if not self._lets_in(row.id):
            if place is not None:
                self._remove(row.id, *place)
            return
        fresh = (key_of(row), self._group_of(row))
        if place is None:
            self._insert(row.id, *fresh)
        elif place[1] != fresh[1]:
            self._remove(row.id, *place)
            self._insert(row.id, *fresh)
        else:
            if place[0] != fresh[0]:
                self._move(row.id, *place, fresh[0])
            index = self.index_of(row.id)
            self.dataChanged.emit(index, index)

    def _forget(self, id: str) -> None:
        row = self._rows.get(id)
        if row is None:
            return
        if id in self._shown:
            self._remove(id, *self._shown[id])
        del self._rows[id], self._hay[id]
        self._gone.discard(id)
        self._unread.pop(id, None)
        self.total -= 1
        self.bytes -= row.bytes
        self.live -= row.state in LIVE

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

    def _insert(self, id: str, key: Key, name: str) -> None:
        number, first = self._start(name)
        if number < 0:
            group = Group(name)
            group.newest = key
            number = bisect_left(self._groups, key, key=order)
            first = sum(map(len, self._groups[:number]))
            self.beginInsertRows(QModelIndex(), first, first + 1)
            group.keys.append(key)
            self._groups.insert(number, group)
            self._flat[first:first] = [Heading(name), id]
            self._shown[id] = (key, name)
            self.endInsertRows()
            return
        group = self._groups[number]
        row = first + 1 + bisect_left(group.keys, key)
        self.beginInsertRows(QModelIndex(), row, row)
        insort(group.keys, key)
        self._flat.insert(row, id)
        self._shown[id] = (key, name)
        self.endInsertRows()
        self._settle(number, first)

    def _remove(self, id: str, key: Key, name: str) -> None:
        number, first = self._start(name)
        group = self._groups[number]
        place = bisect_left(group.keys, key)
        alone = len(group.keys) == 1
        row = first if alone else first + 1 + place
        self.beginRemoveRows(QModelIndex(), row, row + alone)
        del self._flat[row : row + 1 + alone]
        del self._shown[id]
        if alone:
            del self._groups[number]
        else:
            del group.keys[place]
        self.endRemoveRows()
        if not alone:
            self._settle(number, first)

    def _move(self, id: str, old: Key, name: str, new: Key) -> None:
        """Within its group; then the group itself, if that made it the newer one."""
        number, first = self._start(name)
        keys = self._groups[number].keys
        was = bisect_left(keys, old)
        to = bisect_left(keys, new)
        if to not in (was, was + 1):
            self.beginMoveRows(QModelIndex(), first + 1 + was, first + 1 + was, QModelIndex(), first + 1 + to)
        del keys[was]
        insort(keys, new)
        self._shown[id] = (new, name)
        if to not in (was, was + 1):
            del self._flat[first + 1 + was]
            self._flat.insert(first + 1 + to - (to > was), id)
            self.endMoveRows()
        self._settle(number, first)

    def _settle(self, number: int, first: int) -> None:
        """Move a group to where its newest session belongs."""
        group = self._groups[number]
        fresh = group.keys[0]
        if fresh == group.newest:
            return
        others = self._groups[:number] + self._groups[number + 1 :]
        to = bisect_left(others, fresh, key=order)
        if to == number:
            group.newest = fresh
            return
        target = sum(map(len, others[:to]))
        span = len(group)
        before = target if to < number else target + span
        self.beginMoveRows(QModelIndex(), first, first + span - 1, QModelIndex(), before)
        group.newest = fresh
        lines = self._flat[first : first + span]
        del self._flat[first : first + span]
        self._flat[target:target] = lines
        others.insert(to, group)
        self._groups = others
        self.endMoveRows()

    def _rebuild(self, ids: Iterable[str]) -> None:
        self.rebuilds += 1
        groups: dict[str, Group] = {}
        shown: dict[str, tuple[Key, str]] = {}
        for id in ids:
            row = self._rows[id]
            key, name = key_of(row), self._group_of(row)
            group = groups.get(name)
            if group is None:
                group = groups[name] = Group(name)
            group.keys.append(key)
            shown[id] = (key, name)
        for group in groups.values():
            group.keys.sort()
            group.newest = group.keys[0]
        self.beginResetModel()
        self._groups = sorted(groups.values(), key=order)
        self._shown = shown
        self._flat = []
        for group in self._groups:
            self._flat.append(Heading(group.name))
            self._flat += [key.id for key in group.keys]
        self.endResetModel()
