"""What tests of the import compare with: a fold in memory, and everything that a window must say about it."""

from __future__ import annotations

import os
import random
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec.structs import replace
from raw import ask, check_sound

from store.db import reads
from store.events import Event, ItemId
from store.fold import Put, State, fold_run
from store.intake import Outcome, take_in
from store.items import Item, size_of
from store.known import known
from store.window import WEIGHT

SESSION = "11111111-2222-4333-8444-555555555555"
REPO = Path(__file__).resolve().parents[1]


class Folded:
    """Rows in memory."""

    def __init__(self, batches: Iterable[list[Event]] = ()) -> None:
        self.state = State()
        self.rows: list[Item] = []
        self.add(batches)

    def add(self, batches: Iterable[list[Event]]) -> None:
        for events in batches:
            for change in fold_run(self.state, events):
                if isinstance(change, Put):
                    self.rows[change.row : change.row + 1] = [change.item]
                else:
                    del self.rows[change.row :]


class ListWindow:
    """A window on items in memory: what one on the database is compared with."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = tuple(items)

    @property
    def length(self) -> int:
        return len(self._items)

    def read(self, first: int, count: int) -> Sequence[Item]:
        return self._items[max(0, first) : max(0, first + count)]

    def weights(self) -> array[int]:
        return array("H", (min(WEIGHT, size_of(item)) for item in self._items))

    def nested(self) -> array[int]:
        rows = {item.id: row for row, item in enumerate(self._items)}
        pairs = array("i")
        for row, item in enumerate(self._items):
            if item.agent:
                pairs.extend((row, rows.get(item.parent, -1) if item.parent is not None else -1))
        return pairs

    def find(self, item: ItemId) -> int | None:
        return next((row for row, found in enumerate(self._items) if found.id == item), None)


def stored(db: Path, path: Path) -> list[Item]:
    found = known(path, db)
    assert found is not None
    try:
        return found.window.read(0, found.rows)
    finally:
        found.window.close()


def check(db: Path, path: Path, wanted: list[Item]) -> None:
    """Rows, figures and places are those of a fold in memory, and the file is sound."""
    found = known(path, db)
    assert found is not None
    window, listed = found.window, ListWindow(wanted)
    try:
        assert window.length == len(wanted)
        # A text that was read in two goes has grown once more, and is the same text.
        assert [replace(item, rev=0) for item in window.read(0, len(wanted))] == [
            replace(item, rev=0) for item in wanted
        ]
        assert window.weights() == listed.weights()
        assert window.nested() == listed.nested()
        for row in range(0, len(wanted), 37):
            assert window.find(wanted[row].id) == row
    finally:
        window.close()
    check_sound(db)
    assert ask(db, "SELECT count(*) FROM session WHERE state = 'ready'") == [(1,)]


def cuts(path: Path, count: int, seed: int = 1) -> list[int]:
    """Ends of lines somewhere in the file."""
    ends = [at + 1 for at, byte in enumerate(path.read_bytes()) if byte == 10]
    return sorted(random.Random(seed).sample(ends[:-1], count))


def take_in_anew(db: Path, session: Path) -> Outcome:
    """The import of a session whose file was replaced by another one."""
    session.write_bytes(session.read_bytes() + b"\n")
    os.utime(session, ns=(1, 1))
    copy = session.with_name("copy")
    copy.write_bytes(session.read_bytes())
    copy.replace(session)
    return take_in(db, session)


def count(db: Path, session: int) -> int:
    """Rows that lie in the database, seen or not."""
    low, end = reads.key_of(session, 0), reads.key_of(session + 1, 0)
    return int(ask(db, "SELECT count(*) FROM item WHERE seq >= ? AND seq < ?", (low, end))[0][0])
