"""Changes of the fold become records for the tables: the newest version of each row, written once where possible.

For the writer's callers (the importer); no SQL here. Rows wait in `pending` until `take`; a later change of a row that
is written already comes out as a late one. Per-row figures for the screen are kept in strips.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

from msgspec import Struct

from store.db.reads import BIG, STRIP, key_of, squeeze
from store.events import ItemId
from store.fold import Change, Put, State
from store.items import Item, Message, Notice, Plan, Prompt, Raw, Thought, Tool, pack
from store.window import WEIGHT

Record: TypeAlias = tuple[int, str, int, int | None, int, int, bytes]  # as the columns of table `item`
Figures: TypeAlias = tuple[str, int, int]  # kind, characters, lines


class Strip(Struct):
    """Figures of up to STRIP rows."""

    weights: array[int]
    ids: array[int]
    nested: dict[int, int]  # row → parent row or -1
    dirty: bool = True


class Taken(Struct, frozen=True):
    """What is to be written, in this order."""

    cut: int | None  # rows from here on are gone
    late: list[Record]  # newer versions of rows that lie there
    fresh: list[Record]  # ascending


class Rows:
    """The rows of one session on their way into the database."""

    def __init__(
        self,
        session: int,
        state: State,
        load: Callable[[int], Strip] | None = None,
        find: Callable[[ItemId], int | None] | None = None,
    ) -> None:
        """`load` and `find` ask the database about rows before state.rows, when there are any."""
        self.session = session
        self.rows = self._written = state.rows
        self.strips: dict[int, Strip] = {}
        self.pending: dict[int, Item] = {}
        self._state = state
        self._cut: int | None = None
        self._load = load
        self._find = find
        self._parents: dict[ItemId, int] = {}
        self._stored = state.rows  # rows whose strips lie in the database

    def add(self, changes: Iterable[Change]) -> None:
        """Take changes in order."""
        pending, rows = self.pending, self.rows
        for change in changes:
            if type(change) is Put:
                row, item = change.row, change.item
                pending[row] = item
                if row >= rows:
                    self.rows = rows = row + 1
                    if item.agent:
                        self._nest(row, item)
            else:
                self._cut_at(change.row)
                rows = self.rows

    def _nest(self, row: int, item: Item) -> None:
        parent = -1
        if item.parent is not None:
            known = self._parents.get(item.parent)
            if known is None:
                recent = self._state.recent.get(item.parent)
                if recent is not None:
                    known = recent[0]
                elif self._find is not None:
                    known = self._find(item.parent)
                # Remembered, because a long subagent outlives its call's place among the recent rows.
                self._parents[item.parent] = known = -1 if known is None else known
            parent = known
        self._strip(row).nested[row] = parent

    def _cut_at(self, row: int) -> None:
        for gone in [known for known in self.pending if known >= row]:
            del self.pending[gone]
        if row < self._written:
            self._cut = row if self._cut is None else min(self._cut, row)
            self._written = row
        for first in [known for known in self.strips if known > row]:
            del self.strips[first]
        strip = self._strip(row)
        strip.nested = {nested: parent for nested, parent in strip.nested.items() if nested < row}
        del strip.weights[row % STRIP :], strip.ids[row % STRIP :]
        strip.dirty = True
        self._stored = min(self._stored, row)
        self._parents = {item: known for item, known in self._parents.items() if known < row}
        self.rows = row

    def _strip(self, row: int) -> Strip:
        first = row - row % STRIP
        strip = self.strips.get(first)
        if strip is None:
            if self._load is not None and first < self._stored:
                strip = self._load(first)
            else:
                strip = Strip(array("H"), array("I"), {})
            self.strips[first] = strip
        return strip

    def take(self) -> Taken:
        """Everything that waits, as records."""
        written, base = self._written, key_of(self.session, 0)
        crc32, figures, pending = zlib.crc32, FIGURES, self.pending
        late: list[Record] = []
        fresh: list[Record] = []
        end = -1
        for row in sorted(pending):
            item = pending[row]
            if row >= end:
                strip = self._strip(row)
                strip.dirty = True
                end = row - row % STRIP + STRIP
                weights, ids = strip.weights, strip.ids
            kind, size, lines = figures[type(item)](item)
            weight = size if size < WEIGHT else WEIGHT
            number = crc32(item.id.encode("utf-8", "replace"))
            payload = pack(item)
            if len(payload) > BIG:
                payload = squeeze(payload)
            record = (base + row, kind, item.turn, item.ts, size, lines, payload)
            if row < written:
                late.append(record)
                weights[row % STRIP] = weight
                ids[row % STRIP] = number
            else:
                fresh.append(record)
                weights.append(weight)
                ids.append(number)
        taken = Taken(self._cut, late, fresh)
        self.pending = {}
        self._cut = None
        self._written = self.rows
        return taken


# ---- figures of an item: `kind_of` and `size_of` in `store.items`, and its lines as its author broke them, in one call


def _of_prompt(item: Prompt) -> Figures:
    text = item.text
    return "prompt" if item.origin == "human" else f"prompt.{item.origin}", len(text), text.count("\n") + 1


def _of_message(item: Message) -> Figures:
    text = str(item.text)
    return "message", len(text), text.count("\n") + 1


def _of_thought(item: Thought) -> Figures:
    text = str(item.text)
    return "thought", len(text), text.count("\n") + 1


def _of_tool(item: Tool) -> Figures:
    output = str(item.output)
    return item.kind, len(item.title) + len(output), output.count("\n") + 2 if output else 1


def _of_plan(item: Plan) -> Figures:
    return "plan", sum([len(text) for text, _ in item.entries]), len(item.entries)


def _of_notice(item: Notice) -> Figures:
    text = item.text
    return f"notice.{item.kind}", len(text), text.count("\n") + 1


def _of_raw(item: Raw) -> Figures:
    return "raw", len(item.text), item.text.count("\n") + 1


FIGURES: Final[dict[type[Item], Callable[[Any], Figures]]] = {  # a test sees that every kind of item is in it
    Prompt: _of_prompt,
    Message: _of_message,
    Thought: _of_thought,
    Tool: _of_tool,
    Plan: _of_plan,
    Notice: _of_notice,
    Raw: _of_raw,
}
