"""Where a fold stands, the changes it makes, and the few ways to make one. For `store.fold` and its parts.

The state is owned by one caller and changed in place; it holds the rows that may still change, never the transcript.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from store.events import At, ItemId
from store.items import Item, Message, Span, Thought, pack, unpack

RECENT: Final = 4096  # closed rows that late news may still reach
LINE_END: Final = 2  # bytes at most: CR and LF
SPANS: Final = 8  # spans kept apart per row; further ones widen the last

FOLD_VERSION: Final = 3  # goes up when the same bytes make other rows: also when only a format does


class Put(Struct, frozen=True, gc=False):
    """Row `row` is now `item`; row == length appends."""

    row: int
    item: Item


class Cut(Struct, frozen=True, gc=False):
    """Rows from `row` on are gone."""

    row: int


Change: TypeAlias = Put | Cut


class State:
    """How far the fold has come: `rows` so far, the current `turn`, and the latest version of recent rows by id."""

    __slots__ = ("last", "recent", "rows", "turn", "unmatched")

    def __init__(self, rows: int = 0, turn: int = 0) -> None:
        self.rows = rows
        self.turn = turn
        self.recent: OrderedDict[ItemId, tuple[int, Item]] = OrderedDict()
        self.last: dict[str, ItemId] = {}  # agent → its open message or thought
        self.unmatched: dict[str, ItemId] = {}  # text of a prompt sent from here → its row's id

    def dump(self) -> bytes:
        """The state as bytes, for whoever goes on later."""
        recent = [(row, pack(item)) for row, item in self.recent.values()]
        return msgspec.msgpack.encode((FOLD_VERSION, self.rows, self.turn, recent, self.last, self.unmatched))

    @classmethod
    def load(cls, data: bytes) -> State:
        """What `dump` was called on. Raises ValueError for another version's bytes."""
        version, rows, turn, recent, last, unmatched = msgspec.msgpack.decode(data)
        if version != FOLD_VERSION:
            raise ValueError(f"fold state of version {version}")
        state = cls(rows, turn)
        for row, packed in recent:
            item = unpack(packed)
            state.recent[item.id] = (row, item)
        state.last = last
        state.unmatched = unmatched
        return state


NONE: Final[list[Change]] = []


def put(state: State, item: Item) -> list[Change]:
    """Append a new row."""
    row = state.rows
    state.rows = row + 1
    recent = state.recent
    recent[item.id] = (row, item)
    if len(recent) > RECENT:
        recent.popitem(last=False)
    return [Put(row, item)]


def put_again(state: State, row: int, item: Item) -> list[Change]:
    """A new version of an existing row."""
    state.recent[item.id] = (row, item)
    state.recent.move_to_end(item.id)
    return [Put(row, item)]


def widen(spans: tuple[Span, ...], at: At, end: int = 0) -> tuple[Span, ...]:
    """The item's bytes and the record's: neighbours in one file are joined, and there are never many."""
    length, offset = at.length, at.offset
    if length == 0:
        return spans
    if not spans and not end:
        return (Span(at.file, offset, length),)
    if end > offset + length:
        length = end - offset
    if not spans:
        return (Span(at.file, offset, length),)
    last = spans[-1]
    if last.file == at.file and last.offset <= offset:
        gap = offset - (last.offset + last.length)
        if gap + length <= 0:  # what has the record has these bytes: a call and its result in one
            return spans
        if gap <= LINE_END or len(spans) >= SPANS:
            return (*spans[:-1], Span(last.file, last.offset, max(last.length, offset + length - last.offset)))
    elif len(spans) >= SPANS:
        return spans
    return (*spans, Span(at.file, offset, length))


def follows(before: At, at: At) -> bool:
    """Whether the bytes of a record come right after those of another one, nothing but a line end between."""
    return at.file == before.file and 0 <= at.offset - before.offset - before.length <= LINE_END


def close(state: State, agent: str, ts: int | None) -> list[Change]:
    """The open message or thought of an agent ends because something else begins."""
    item_id = state.last.pop(agent, None)
    if item_id is None:
        return NONE
    known = state.recent.get(item_id)
    if known is None:
        return NONE
    row, item = known
    match item:
        case Message(open=True):
            return put_again(state, row, replace(item, open=False, rev=item.rev + 1))
        case Thought(open=True):
            return put_again(state, row, replace(item, open=False, ended=ts, rev=item.rev + 1))
    return NONE
