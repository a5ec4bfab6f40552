"""The live path through a file whose entries name their parents: what leaves it, and what comes back. For the formats.

An entry that goes on from an earlier one leaves what followed that one behind: those rows are rewound. One that goes on
from an entry left behind brings that one back, with all before it up to the path: their events are told again.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from store import events as ev
from store.events import Event, ItemId

ENTRIES: Final = 8192  # of the live path that are remembered, and as many that were left
KEPT: Final = 8 << 20  # bytes of records whose events are remembered, to be told again
_ROWS: Final[frozenset[type[Event]]] = frozenset({
    ev.PromptText, ev.MessageDone, ev.ThoughtDone, ev.ToolStarted, ev.NoticeAdded, ev.Compacted, ev.PlanSet,
    ev.Unreadable,
})  # fmt: skip


class _Entry:
    __slots__ = ("events", "parent", "row", "size")

    def __init__(self, parent: str | None, row: ItemId, events: Sequence[Event] | None, size: int) -> None:
        self.parent = parent
        self.row = row  # its first one; '' if it made none
        self.events = events  # None: forgotten
        self.size = size


class Turn(NamedTuple):
    """What it takes to go on from an entry."""

    rewound: ItemId  # the first row that leaves; '' when none does
    again: list[Event]  # of the entries that come back


class Tree:
    """One per file. `turn` before an entry's own events, `add` behind them."""

    def __init__(self) -> None:
        self._live: OrderedDict[str, _Entry] = OrderedDict()
        self._left: OrderedDict[str, _Entry] = OrderedDict()
        self._kept: deque[_Entry] = deque()
        self._size = 0
        self._last: str | None = None  # where the live path ends; None when it is empty

    def turn(self, parent: str | None) -> Turn | None:
        """None when the entry follows the one before, or nothing is known of its parent. None is the root's."""
        if parent == self._last or self._last is None:
            return None
        live, left = self._live, self._left
        if parent is None or parent in live:
            return Turn(self._cut(parent), [])
        back: list[str] = []
        found: str | None = parent
        while found is not None and found not in live:
            entry = left.get(found)
            if entry is None or entry.events is None or len(back) > ENTRIES:
                return None
            back.append(found)
            found = entry.parent
        row = self._cut(found)
        again: list[Event] = []
        for id in reversed(back):
            entry = left.pop(id)
            live[id] = entry
            again += entry.events or ()
        self._last = parent
        return Turn(row, [_again(event) for event in again if type(event) is not ev.Spent])

    def add(self, id: str, parent: str | None, events: Sequence[Event], size: int) -> None:
        """An entry goes on where the path ends. `events` are its own, `size` is what is counted for keeping them."""
        row = ""
        for event in events:
            if type(event) in _ROWS:
                row = event.item  # type: ignore[attr-defined]
                break
        entry = _Entry(parent, row, events, size)
        live = self._live
        live.pop(id, None)  # the same entry twice: it stands where it was told last
        live[id] = entry
        self._last = id
        self._kept.append(entry)
        self._size += size
        while self._size > KEPT:
            oldest = self._kept.popleft()
            oldest.events = None
            self._size -= oldest.size
        if len(live) > ENTRIES:
            live.popitem(last=False)
        while len(self._left) > ENTRIES:
            self._left.popitem(last=False)

    def _cut(self, parent: str | None) -> ItemId:
        """All behind an entry, or all, leaves: its first row, or ''."""
        row = ""
        while self._live and next(reversed(self._live)) != parent:
            id, entry = self._live.popitem()
            row = entry.row or row
            self._left[id] = entry
        self._last = next(reversed(self._live), None)
        return row


def _again(event: Event) -> Event:
    """Of an end that was told before the cost is counted already."""
    return replace(event, cost_usd=None, used=()) if type(event) is ev.TurnEnded else event
