"""Events to changes of rows. Pure: no Qt, no IO, no clock, no random; the same events give the same rows, however cut.

`fold_talk` and `fold_tools` have the functions for what is said and for tool calls; the table of all is here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from store import events as ev
from store import fold_talk, fold_tools
from store.events import Event, ItemId, TextDelta, ThoughtDelta
from store.fold_state import FOLD_VERSION, NONE, Change, Cut, Put, State, close, follows, put, put_again, widen
from store.fold_talk import grow, sending
from store.items import Notice, Plan, Raw

__all__ = ["FOLD_VERSION", "Change", "Cut", "Put", "State", "fold", "fold_run", "sending"]


_PIECES: Final = frozenset((TextDelta, ThoughtDelta))


def fold(state: State, event: Event) -> list[Change]:
    """The changes that one event makes."""
    return HANDLERS[type(event)](state, event)


def fold_run(state: State, run: Sequence[Event]) -> list[Change]:
    """The changes of several events. Pieces of one text are joined first: one new version, not many.

    Only pieces whose bytes are neighbours: the spans of a row are the same, however a stream was cut into runs.
    """
    changes: list[Change] = []
    handlers = HANDLERS
    if _PIECES.isdisjoint(map(type, run)):
        for event in run:
            changes += handlers[type(event)](state, event)
        return changes
    first: Any = None  # of the pieces of one text that are being gathered
    last: Any = None
    kind_of_first: type[Event] | None = None
    item = ""
    parts: list[str] = []
    for event in run:
        kind: Any = type(event)
        if kind is TextDelta or kind is ThoughtDelta:
            if kind is kind_of_first and event.item == item and follows(last.at, event.at):  # type: ignore[attr-defined]
                parts.append(event.text)  # type: ignore[attr-defined]
                last = event
                continue
            if kind_of_first is not None:
                changes += grow(state, first, "".join(parts), last.at)
            first = last = event
            kind_of_first = kind
            item = first.item
            parts = [first.text]
            continue
        if kind_of_first is not None:
            changes += grow(state, first, "".join(parts), last.at)
            kind_of_first = None
        changes += handlers[kind](state, event)
    if kind_of_first is not None:
        changes += grow(state, first, "".join(parts), last.at)
    return changes


def _notice(state: State, event: ev.NoticeAdded) -> list[Change]:
    at = event.at
    known = state.recent.get(event.item)
    item = Notice(
        id=event.item, ts=at.ts, turn=state.turn, agent=at.agent, parent=at.parent, spans=widen((), at),
        kind=event.kind, text=event.text, level=event.level, detail=event.detail,
    )  # fmt: skip
    if known is not None:
        row, old = known
        if not isinstance(old, Notice) or replace(item, spans=old.spans, rev=old.rev, ts=old.ts, turn=old.turn) == old:
            return NONE
        spans = widen(old.spans, at)
        return put_again(state, row, replace(item, rev=old.rev + 1, ts=old.ts, turn=old.turn, spans=spans))
    return close(state, at.agent, at.ts) + put(state, item)


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
            return NONE
        return put_again(state, row, replace(old, entries=event.entries, rev=old.rev + 1, spans=widen(old.spans, at)))
    item = Plan(
        id=event.item, ts=at.ts, turn=state.turn, agent=at.agent, parent=at.parent, spans=widen((), at),
        entries=event.entries,
    )  # fmt: skip
    return close(state, at.agent, at.ts) + put(state, item)


def _turn_ended(state: State, event: ev.TurnEnded) -> list[Change]:
    return close(state, event.at.agent, event.at.ts)


def _answered(state: State, event: ev.Answered) -> list[Change]:
    return close(state, event.at.agent, event.at.ts) if event.stop_reason is not None else NONE


def _unreadable(state: State, event: ev.Unreadable) -> list[Change]:
    at = event.at
    if event.item in state.recent:
        return NONE
    # A raw row stands between others without ending a text that is being streamed around it.
    item = Raw(
        id=event.item, ts=at.ts, turn=state.turn, agent=at.agent, parent=at.parent, spans=widen((), at),
        type=event.type, reason=event.reason, text=event.excerpt,
    )  # fmt: skip
    return put(state, item)


def _rewound(state: State, event: ev.Rewound) -> list[Change]:
    known = state.recent.get(event.item)
    if known is None:
        return NONE
    row = known[0]
    leaving, state.rows = state.rows - row, row
    recent = state.recent
    gone: list[ItemId] = []
    for item, there in reversed(recent.items()):  # the newest rows are nearly always the last that were changed
        if there[0] >= row:
            gone.append(item)
            if len(gone) == leaving:
                break
    for item in gone:
        del recent[item]
    state.last = {agent: item for agent, item in state.last.items() if item in recent}
    return [Cut(row)]


def _nothing(state: State, event: Event) -> list[Change]:
    return NONE


HANDLERS: Final[dict[type[Event], Callable[[State, Any], list[Change]]]] = {  # a test sees that every event is in it
    ev.PromptText: fold_talk.prompt_text,
    ev.TextDelta: fold_talk.text_delta,
    ev.ThoughtDelta: fold_talk.thought_delta,
    ev.MessageDone: fold_talk.message_done,
    ev.ThoughtDone: fold_talk.thought_done,
    ev.ToolStarted: fold_tools.tool_started,
    ev.ToolInput: fold_tools.tool_input,
    ev.ToolUpdated: fold_tools.tool_updated,
    ev.NoticeAdded: _notice,
    ev.PlanSet: _plan,
    ev.TurnEnded: _turn_ended,
    ev.Spent: _nothing,
    ev.Usage: _nothing,
    ev.ConfigChanged: _nothing,
    ev.AdapterSeen: _nothing,
    ev.Compacting: _nothing,
    ev.Compacted: _compacted,
    ev.SessionNamed: _nothing,
    ev.Rewound: _rewound,
    ev.Unreadable: _unreadable,
    ev.PromptSent: fold_talk.prompt_sent,
    ev.Answered: _answered,
    ev.Asked: fold_tools.asked,
    ev.Called: _nothing,
}
