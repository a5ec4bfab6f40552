"""The list of sessions as a model: grouped, newest first by last record, sorted by bisection. Fed by SessionsDelta."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Mapping
from typing import Final

import msgspec
from PySide6.QtCore import QModelIndex, Signal

from store.delta import Row, SessionsDelta, Spent
from store.states import Closed
from viewer import wording
from viewer.sessions.filter import Filter, haystack
from viewer.sessions.groups import Group, Key, key_of, order, settled
from viewer.sessions.listed import ClosedRole, Heading, Line, Listed, SessionRole, SpentRole, UnreadRole

__all__ = ["ClosedRole", "Heading", "Line", "SessionRole", "SessionsModel", "SpentRole", "UnreadRole"]

BULK: Final = 256  # more rows than this at once are sorted as a whole
LIVE: Final = ("live", "waiting")  # its agent is at work, or would be if it had an answer


class SessionsModel(Listed):
    """See the module. A change of one session is one dataChanged, and moves if it has become the newest.

    While `holds` is set it stays where it is until `settle`: rows that change places all the time cannot be read.
    """

    counted = Signal()  # number or bytes of the sessions, or how many are live, changed

    # ---- what changes

    def apply(self, delta: SessionsDelta) -> None:
        before = (self.total, self.bytes, self.live)
        for id in delta.gone:
            self._forget(id)
        put = map(self._called, delta.put) if self._names else delta.put
        if len(delta.put) > BULK:
            for row in put:
                self._take(row)
            self._rebuild(self._visible())
        else:
            for row in put:
                self._put(row)
        if before != (self.total, self.bytes, self.live):
            self.counted.emit()

    def settle(self) -> bool:
        """Sessions that were held go where they belong, as one change. False: that is where they are."""
        held, self._held = self._held, set()
        moves: dict[str, list[tuple[Key, Key]]] = {}
        places: dict[str, tuple[Key, str]] = {}
        for id in held & self._shown.keys():
            (key, name), fresh = self._shown[id], key_of(self._rows[id])
            if key != fresh:
                moves.setdefault(name, []).append((key, fresh))
                places[id] = (fresh, name)
        if not moves:
            return False
        groups = settled(self._groups, moves)
        flat = _lines(groups)
        if flat == self._flat:
            self._groups = groups
            self._shown |= places
            return False
        self.moves += 1
        self.layoutAboutToBeChanged.emit()
        kept = self.persistentIndexList()
        entries = [self._flat[index.row()] for index in kept]
        self._groups, self._flat = groups, flat
        self._shown |= places
        self.changePersistentIndexList(kept, list(map(self._index_of, entries)))
        self.layoutChanged.emit()
        return True

    def set_filter(self, text: str) -> None:
        fresh = Filter(text)
        if fresh.words == self._filter.words:
            return
        narrower, self._filter = fresh.narrows(self._filter), fresh
        among: Iterable[str] = list(self._shown) if narrower else self._rows
        self._rebuild(id for id in among if self._lets_in(id))

    def set_names(self, names: Mapping[str, str]) -> None:
        """What the user calls sessions, by path, over what their agents call them."""
        before, self._names = self._names, names
        changed = {path for path in {*before, *names} if before.get(path) != names.get(path)}
        for row in self._at(changed):
            self._put(self._called(msgspec.structs.replace(row, title=self._titles.pop(row.id, row.title))))

    def _called(self, row: Row) -> Row:
        """With the user's name for it; what its agent calls it is kept for when that is taken back."""
        name = self._names.get(row.path)
        if not name:
            self._titles.pop(row.id, None)
            return row
        self._titles[row.id] = row.title
        return msgspec.structs.replace(row, title=name)

    def set_closed(self, closed: Mapping[str, Closed]) -> None:
        """Which sessions are archived or deleted, by path."""
        before, self._closed = self._closed, closed
        rows = self._at({path for path in {*before, *closed} if before.get(path) != closed.get(path)})
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

    def _at(self, paths: Collection[str]) -> list[Row]:
        """The sessions of these files. Most are called as their file is; a stream of ours is not."""
        return [row for row in self._rows.values() if row.path in paths] if paths else []

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
            if place[0] != fresh[0] and self.holds:
                self._held.add(row.id)
            elif place[0] != fresh[0]:
                self.moves += 1
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

    def _index_of(self, entry: str | Heading) -> QModelIndex:
        return self.index(self._start(entry.text)[1]) if isinstance(entry, Heading) else self.index_of(entry)

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
        self._flat = _lines(self._groups)
        self._held.clear()
        self.endResetModel()


def _lines(groups: Iterable[Group]) -> list[str | Heading]:
    found: list[str | Heading] = []
    for group in groups:
        found.append(Heading(group.name))
        found += [key.id for key in group.keys]
    return found
