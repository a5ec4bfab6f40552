"""Events to changes of rows. Pure: no Qt, no IO, no clock, no random; the same events give the same rows, however cut.

The state is owned by one caller and changed in place; it holds the rows that may still change, never the transcript.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from store import events as ev
from store.events import TERMINAL, At, Event, ItemId
from store.items import Item, Message, Notice, Plan, Prompt, Raw, Span, Thought, Tool, pack, unpack
from store.text import Text

RECENT: Final = 4096  # closed rows that late news may still reach
SPANS: Final = 8  # spans kept apart per row; further ones widen the last

FOLD_VERSION: Final = 1


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


def fold(state: State, event: Event) -> list[Change]:
    """The changes that one event makes."""
    return HANDLERS[type(event)](state, event)


def fold_run(state: State, run: Iterable[Event]) -> list[Change]:
    """The changes of several events. Neighbouring pieces of one text are joined first: one new version, not many."""
    changes: list[Change] = []
    handlers = HANDLERS
    pending: ev.TextDelta | ev.ThoughtDelta | None = None
    parts: list[str] = []
    end = 0
    for event in run:
        kind = type(event)
        if kind is ev.TextDelta or kind is ev.ThoughtDelta:
            if (
                pending is not None
                and type(pending) is kind
                and event.item == pending.item  # type: ignore[attr-defined]
                and event.at.file == pending.at.file
            ):
                parts.append(event.text)  # type: ignore[attr-defined]
                end = event.at.offset + event.at.length
                continue
            if pending is not None:
                changes += _grow(state, pending, "".join(parts), end)
            pending = event  # type: ignore[assignment]
            parts = [event.text]  # type: ignore[attr-defined]
            end = event.at.offset + event.at.length
            continue
        if pending is not None:
            changes += _grow(state, pending, "".join(parts), end)
            pending = None
        changes += handlers[kind](state, event)
    if pending is not None:
        changes += _grow(state, pending, "".join(parts), end)
    return changes


# ---- helpers ------------------------------------------------------------------------------------------------------

_NONE: Final[list[Change]] = []
T = TypeVar("T", bound=Item)


def _put(state: State, item: Item) -> list[Change]:
    """Append a new row."""
    row = state.rows
    state.rows = row + 1
    recent = state.recent
    recent[item.id] = (row, item)
    if len(recent) > RECENT:
        recent.popitem(last=False)
    return [Put(row, item)]


def _set(state: State, row: int, item: Item) -> list[Change]:
    """A new version of an existing row."""
    state.recent[item.id] = (row, item)
    state.recent.move_to_end(item.id)
    return [Put(row, item)]


def _spans(spans: tuple[Span, ...], at: At, end: int = 0) -> tuple[Span, ...]:
    """The item's bytes and the record's: neighbours in one file are joined, and there are never many."""
    if at.length == 0:
        return spans
    length = max(at.length, end - at.offset)
    if spans:
        last = spans[-1]
        if last.file == at.file and last.offset <= at.offset:
            gap = at.offset - (last.offset + last.length)
            if gap <= 1 or len(spans) >= SPANS:
                return (*spans[:-1], Span(last.file, last.offset, max(last.length, at.offset + length - last.offset)))
        elif len(spans) >= SPANS:
            return spans
    return (*spans, Span(at.file, at.offset, length))


def _close(state: State, agent: str, ts: int | None) -> list[Change]:
    """The open message or thought of an agent ends because something else begins."""
    item_id = state.last.pop(agent, None)
    if item_id is None:
        return _NONE
    known = state.recent.get(item_id)
    if known is None:
        return _NONE
    row, item = known
    match item:
        case Message(open=True):
            return _set(state, row, replace(item, open=False, rev=item.rev + 1))
        case Thought(open=True):
            return _set(state, row, replace(item, open=False, ended=ts, rev=item.rev + 1))
    return _NONE


def _grow(state: State, event: ev.TextDelta | ev.ThoughtDelta, text: str, end: int = 0) -> list[Change]:
    """A streamed text grows, or begins."""
    at = event.at
    known = state.recent.get(event.item)
    if known is not None:
        row, item = known
        if isinstance(item, (Message, Thought)) and item.open:
            return _set(
                state, row, replace(item, text=item.text.append(text), rev=item.rev + 1, spans=_spans(item.spans, at, end))
            )
        return _NONE  # the complete text is there already and wins
    changes = _close(state, at.agent, at.ts)
    kind = Message if type(event) is ev.TextDelta else Thought
    state.last[at.agent] = event.item
    new = kind(
        id=event.item,
        ts=at.ts,
        turn=state.turn,
        agent=at.agent,
        parent=at.parent,
        spans=_spans((), at, end),
        text=Text(text),
        open=True,
    )
    return changes + _put(state, new)


# ---- one function per event ---------------------------------------------------------------------------------------


def _prompt_text(state: State, event: ev.PromptText) -> list[Change]:
    at = event.at
    if event.item in state.recent:
        return _NONE
    changes = _close(state, at.agent, at.ts)
    echoed = state.unmatched.pop(event.text, None) if state.unmatched and not at.agent else None
    if not at.agent and event.origin in ("human", "command", "queued"):
        state.turn += echoed is None
    item = Prompt(
        id=event.item, ts=at.ts, turn=state.turn, agent=at.agent, parent=at.parent, spans=_spans((), at),
        text=event.text, origin=event.origin, images=event.images,
    )  # fmt: skip
    if echoed is not None and echoed in state.recent:
        row, old = state.recent.pop(echoed)
        return changes + _set(state, row, replace(item, rev=old.rev + 1))
    return changes + _put(state, item)


def _prompt_sent(state: State, event: ev.PromptSent) -> list[Change]:
    at = event.at
    known = state.recent.get(event.item)
    if known is not None:
        row, old = known
        if isinstance(old, Prompt) and old.sending:
            state.unmatched.pop(old.text, None)
            new = replace(old, sending=False, text=event.text, rev=old.rev + 1, ts=at.ts, spans=_spans(old.spans, at))
            return _set(state, row, new)
        return _NONE
    origin = "steer" if event.steer else "human"
    if not event.steer and event.text in state.unmatched:
        return _prompt_text(state, ev.PromptText(at, event.item, event.text, origin))
    changes = _close(state, at.agent, at.ts)
    state.turn += not event.steer
    item = Prompt(
        id=event.item, ts=at.ts, turn=state.turn, agent=at.agent, parent=at.parent, spans=_spans((), at),
        text=event.text, origin=origin,
    )  # fmt: skip
    return changes + _put(state, item)


def sending(state: State, item: ItemId, text: str, ts: int | None) -> list[Change]:
    """Show a prompt that was sent from here before its echo is back; the echo replaces it in place, found by its text."""
    state.turn += 1
    state.unmatched[text] = item
    return _put(state, Prompt(id=item, ts=ts, turn=state.turn, text=text, sending=True))


def _text_delta(state: State, event: ev.TextDelta) -> list[Change]:
    return _grow(state, event, event.text)


def _thought_delta(state: State, event: ev.ThoughtDelta) -> list[Change]:
    return _grow(state, event, event.text)


def _message_done(state: State, event: ev.MessageDone) -> list[Change]:
    at = event.at
    known = state.recent.get(event.item)
    if known is not None:
        row, old = known
        if not isinstance(old, Message):
            return _NONE
        if state.last.get(at.agent) == event.item:
            del state.last[at.agent]
        text = old.text if old.text.length == len(event.text) and str(old.text) == event.text else Text(event.text)
        if text is old.text and not old.open and old.llm == event.llm:
            return _NONE
        new = replace(
            old, text=text, open=False, llm=event.llm or old.llm, rev=old.rev + 1, spans=_spans(old.spans, at),
            ts=old.ts if old.ts is not None else at.ts,
        )  # fmt: skip
        return _set(state, row, new)
    changes = _close(state, at.agent, at.ts)
    item = Message(
        id=event.item, ts=at.ts, turn=state.turn, agent=at.agent, parent=at.parent, spans=_spans((), at),
        text=Text(event.text), llm=event.llm,
    )  # fmt: skip
    return changes + _put(state, item)


def _thought_done(state: State, event: ev.ThoughtDone) -> list[Change]:
    at = event.at
    known = state.recent.get(event.item)
    if known is not None:
        row, old = known
        if not isinstance(old, Thought) or not old.open:
            return _NONE
        if state.last.get(at.agent) == event.item:
            del state.last[at.agent]
        text = Text(event.text) if event.text else old.text  # some transcripts keep only a signature
        new = replace(
            old, text=text, open=False, hidden=event.hidden and not text, ended=at.ts, rev=old.rev + 1,
            spans=_spans(old.spans, at), ts=old.ts if old.ts is not None else at.ts,
        )  # fmt: skip
        return _set(state, row, new)
    changes = _close(state, at.agent, at.ts)
    item = Thought(
        id=event.item, ts=at.ts, turn=state.turn, agent=at.agent, parent=at.parent, spans=_spans((), at),
        text=Text(event.text), hidden=event.hidden,
    )  # fmt: skip
    return changes + _put(state, item)


def _tool_started(state: State, event: ev.ToolStarted) -> list[Change]:
    at = event.at
    known = state.recent.get(event.item)
    if known is not None:
        row, old = known
        if not isinstance(old, Tool):
            return _NONE
        status = old.status if old.status in TERMINAL or old.status == "waiting" else event.status
        new = replace(
            old,
            name=event.name or old.name,
            kind=event.kind if event.kind != "tool" else old.kind,
            title=event.title or old.title,
            input=Text(event.input) if event.input else old.input,
            status=status,
            orphan=False,
            spans=_spans(old.spans, at),
            ts=old.ts if old.ts is not None else at.ts,
        )
        if replace(new, spans=old.spans) == old:
            return _NONE
        return _set(state, row, replace(new, rev=old.rev + 1))
    changes = _close(state, at.agent, at.ts)
    item = Tool(
        id=event.item, ts=at.ts, turn=state.turn, agent=at.agent, parent=at.parent, spans=_spans((), at),
        name=event.name, kind=event.kind, title=event.title, input=Text(event.input), status=event.status,
    )  # fmt: skip
    return changes + _put(state, item)


def _tool_input(state: State, event: ev.ToolInput) -> list[Change]:
    known = state.recent.get(event.item)
    if known is None or not isinstance(known[1], Tool):
        return _NONE  # its start is always on the wire before; without it there is nothing to show
    row, old = known
    if old.status in TERMINAL:
        return _NONE
    return _set(
        state, row, replace(old, input=old.input.append(event.text), rev=old.rev + 1, spans=_spans(old.spans, event.at))
    )


def _tool_updated(state: State, event: ev.ToolUpdated) -> list[Change]:
    at = event.at
    changes: list[Change] = _NONE
    known = state.recent.get(event.item)
    if known is None:  # the call was never seen: show what there is, and say so
        changes = _close(state, at.agent, at.ts)
        base = Tool(
            id=event.item, ts=at.ts, turn=state.turn, agent=at.agent, parent=at.parent, orphan=True, title=event.title or ""
        )
        changes = changes + _put(state, base)
        row, old = state.rows - 1, base
    else:
        row, found = known
        if not isinstance(found, Tool):
            return _NONE
        old = found
    status = old.status
    ended = old.ended
    if event.status is not None and (status not in TERMINAL or event.status in TERMINAL):
        status = event.status
        if status in TERMINAL and ended is None:
            ended = at.ts
    output = old.output
    if event.output is not None:
        output = output.append(event.output) if event.append else Text(event.output)
    new = replace(
        old,
        status=status,
        ended=ended,
        output=output,
        title=old.title if event.title is None else event.title,
        kind=old.kind if event.kind is None else event.kind,
        exit_code=old.exit_code if event.exit_code is None else event.exit_code,
        hunks=old.hunks if event.hunks is None else event.hunks,
        child_agent=old.child_agent if event.child_agent is None else event.child_agent,
        duration_us=old.duration_us if event.duration_us is None else event.duration_us,
        images=max(old.images, event.images),
        options=old.options if status == "waiting" else (),
        spans=_spans(old.spans, at),
        rev=old.rev + 1,
    )
    if replace(new, rev=old.rev, spans=old.spans) == old:
        return changes
    if changes and isinstance(changes[-1], Put) and changes[-1].row == row:
        changes = changes[:-1]
        new = replace(new, rev=0)
    return changes + _set(state, row, new)


def _asked(state: State, event: ev.Asked) -> list[Change]:
    at = event.at
    known = state.recent.get(event.item)
    if known is not None and isinstance(known[1], Tool):
        row, old = known
        if old.status in TERMINAL:
            return _NONE
        new = replace(
            old, status="waiting", options=event.options, title=old.title or event.title, rev=old.rev + 1,
            spans=_spans(old.spans, at),
        )  # fmt: skip
        return _set(state, row, new)
    changes = _close(state, at.agent, at.ts)
    item = Tool(
        id=event.item, ts=at.ts, turn=state.turn, agent=at.agent, parent=at.parent, spans=_spans((), at),
        title=event.title, status="waiting", options=event.options,
    )  # fmt: skip
    return changes + _put(state, item)


def _notice(state: State, event: ev.NoticeAdded) -> list[Change]:
    at = event.at
    known = state.recent.get(event.item)
    item = Notice(
        id=event.item, ts=at.ts, turn=state.turn, agent=at.agent, parent=at.parent, spans=_spans((), at),
        kind=event.kind, text=event.text, level=event.level, detail=event.detail,
    )  # fmt: skip
    if known is not None:
        row, old = known
        if not isinstance(old, Notice) or replace(item, spans=old.spans, rev=old.rev, ts=old.ts, turn=old.turn) == old:
            return _NONE
        return _set(state, row, replace(item, rev=old.rev + 1, ts=old.ts, turn=old.turn, spans=_spans(old.spans, at)))
    return _close(state, at.agent, at.ts) + _put(state, item)


def _compacted(state: State, event: ev.Compacted) -> list[Change]:
    sizes = [f"{n:,}" for n in (event.before, event.after) if n is not None]
    text = "Conversation compacted" + (f": {' → '.join(sizes)} tokens" if sizes else "")
    return _notice(state, ev.NoticeAdded(event.at, event.item, "compaction", text, "info", event.text))


def _plan(state: State, event: ev.PlanSet) -> list[Change]:
    at = event.at
    known = state.recent.get(event.item)
    if known is not None:
        row, old = known
        if not isinstance(old, Plan) or old.entries == event.entries:
            return _NONE
        return _set(state, row, replace(old, entries=event.entries, rev=old.rev + 1, spans=_spans(old.spans, at)))
    item = Plan(
        id=event.item, ts=at.ts, turn=state.turn, agent=at.agent, parent=at.parent, spans=_spans((), at),
        entries=event.entries,
    )  # fmt: skip
    return _close(state, at.agent, at.ts) + _put(state, item)


def _turn_ended(state: State, event: ev.TurnEnded) -> list[Change]:
    return _close(state, event.at.agent, event.at.ts)


def _answered(state: State, event: ev.Answered) -> list[Change]:
    return _close(state, event.at.agent, event.at.ts) if event.stop_reason is not None else _NONE


def _unreadable(state: State, event: ev.Unreadable) -> list[Change]:
    at = event.at
    if event.item in state.recent:
        return _NONE
    # A raw row stands between others without ending a text that is being streamed around it.
    item = Raw(
        id=event.item, ts=at.ts, turn=state.turn, agent=at.agent, parent=at.parent, spans=_spans((), at),
        type=event.type, reason=event.reason, text=event.excerpt,
    )  # fmt: skip
    return _put(state, item)


def _rewound(state: State, event: ev.Rewound) -> list[Change]:
    known = state.recent.get(event.item)
    if known is None:
        return _NONE
    row = known[0]
    state.rows = row
    state.recent = OrderedDict((key, value) for key, value in state.recent.items() if value[0] < row)
    state.last = {agent: item for agent, item in state.last.items() if item in state.recent}
    return [Cut(row)]


def _nothing(state: State, event: Event) -> list[Change]:
    return _NONE


HANDLERS: Final[dict[type[Event], Callable[[State, Event], list[Change]]]] = {  # tests: every event has one
    ev.PromptText: _prompt_text,
    ev.TextDelta: _text_delta,
    ev.ThoughtDelta: _thought_delta,
    ev.MessageDone: _message_done,
    ev.ThoughtDone: _thought_done,
    ev.ToolStarted: _tool_started,
    ev.ToolInput: _tool_input,
    ev.ToolUpdated: _tool_updated,
    ev.NoticeAdded: _notice,
    ev.PlanSet: _plan,
    ev.TurnEnded: _turn_ended,
    ev.Usage: _nothing,
    ev.ConfigChanged: _nothing,
    ev.AdapterSeen: _nothing,
    ev.Compacting: _nothing,
    ev.Compacted: _compacted,
    ev.SessionNamed: _nothing,
    ev.Rewound: _rewound,
    ev.Unreadable: _unreadable,
    ev.PromptSent: _prompt_sent,
    ev.Answered: _answered,
    ev.Asked: _asked,
    ev.Called: _nothing,
}  # type: ignore[dict-item]
