"""Prompts, answers and thoughts: the part of the fold that deals with what is said."""

from __future__ import annotations

from msgspec.structs import replace

from store import events as ev
from store.events import At, ItemId
from store.fold_state import LINE_END, NONE, Change, Put, State, close, put, put_again, widen
from store.items import Item, Message, Notice, Prompt, Span, Thought
from store.text import Text


def lengthen(state: State, item_id: ItemId, text: str, at: At, last: At) -> tuple[int, Message | Thought] | None:
    """An open text grows: its row and newest version. None: it is not open here, and nothing was changed."""
    recent = state.recent
    known = recent.get(item_id)
    if known is None:
        return None
    row, item = known
    if type(item) is not Message and type(item) is not Thought:
        return None
    if not item.open:
        again = _reopened(state, item, at)
        if again is None:
            return None
        item = again
    end = last.offset + last.length
    spans = item.spans
    old = spans[-1] if spans else None
    if old is not None and old.file == at.file and 0 <= at.offset - old.offset - old.length <= LINE_END:
        # The way of nearly every piece: its bytes follow those before.
        spans = (*spans[:-1], Span(old.file, old.offset, end - old.offset))
    else:
        spans = widen(spans, at, end)
    new = replace(item, text=item.text.append(text), rev=item.rev + 1, spans=spans)
    grown = recent[item_id] = (row, new)
    recent.move_to_end(item_id)
    return grown


def _reopened(state: State, item: Message | Thought, at: At) -> Message | Thought | None:
    """What is shown ahead of its record goes on, also when the file had something else to say meanwhile."""
    if at.length or item.spans or at.agent in state.last:
        return None
    state.last[at.agent] = item.id
    return replace(item, open=True) if isinstance(item, Message) else replace(item, open=True, ended=None)


def gave_up(item: Item) -> bool:
    """It only says that nothing came of what was shown ahead of its record; should that come after all, it wins."""
    return isinstance(item, Notice) and not item.spans


def grow(state: State, event: ev.TextDelta | ev.ThoughtDelta, text: str, last: At) -> list[Change]:
    """A streamed text grows, or begins. `at` of `event` and `last`: where the first and the last piece come from."""
    at = event.at
    grown = lengthen(state, event.item, text, at, last)
    if grown is not None:
        return [Put(*grown)]
    if event.item in state.recent:
        return NONE  # the complete text is there already and wins
    changes = close(state, at.agent, at.ts)
    kind = Message if type(event) is ev.TextDelta else Thought
    state.last[at.agent] = event.item
    new = kind(
        id=event.item,
        ts=at.ts,
        turn=state.turn,
        agent=at.agent,
        parent=at.parent,
        spans=widen((), at, last.offset + last.length),
        text=Text(text),
        open=True,
    )
    return changes + put(state, new)


def prompt_text(state: State, event: ev.PromptText) -> list[Change]:
    at = event.at
    known = state.recent.get(event.item)
    if known is not None:
        row, said = known
        if not isinstance(said, Prompt) or not event.text.startswith(said.text):
            return NONE
        if len(event.text) == len(said.text) and event.images <= said.images:
            return NONE
        images = max(said.images, event.images)
        more = replace(said, text=event.text, images=images, rev=said.rev + 1, spans=widen(said.spans, at))
        return put_again(state, row, more)
    changes = close(state, at.agent, at.ts)
    echoed = state.unmatched.pop(_said(event.text), None) if state.unmatched and not at.agent else None
    if not at.agent and event.origin in ("human", "command", "queued"):
        state.turn += echoed is None
    item = Prompt(
        id=event.item, ts=at.ts, turn=state.turn, agent=at.agent, parent=at.parent, spans=widen((), at),
        text=event.text, origin=event.origin, images=event.images,
    )  # fmt: skip
    if echoed is not None and echoed in state.recent:
        row, old = state.recent.pop(echoed)
        return changes + put_again(state, row, replace(item, rev=old.rev + 1))
    return changes + put(state, item)


def prompt_sent(state: State, event: ev.PromptSent) -> list[Change]:
    at = event.at
    known = state.recent.get(event.item)
    if known is not None:
        row, old = known
        if isinstance(old, Prompt) and old.sending:
            state.unmatched.pop(_said(old.text), None)
            new = replace(
                old, sending=False, text=event.text, images=event.images, rev=old.rev + 1, ts=at.ts,
                spans=widen(old.spans, at),
            )  # fmt: skip
            return put_again(state, row, new)
        return NONE
    origin = "steer" if event.steer else "human"
    if not event.steer and _said(event.text) in state.unmatched:
        return prompt_text(state, ev.PromptText(at, event.item, event.text, origin, event.images))
    changes = close(state, at.agent, at.ts)
    state.turn += not event.steer
    item = Prompt(
        id=event.item, ts=at.ts, turn=state.turn, agent=at.agent, parent=at.parent, spans=widen((), at),
        text=event.text, origin=origin, images=event.images,
    )  # fmt: skip
    return changes + put(state, item)


def sending(state: State, item: ItemId, text: str, ts: int | None, images: int = 0) -> list[Change]:
    """Show a prompt that was sent from here before its echo is back; the echo, found by its text, takes its place."""
    state.turn += 1
    state.unmatched[_said(text)] = item
    return put(state, Prompt(id=item, ts=ts, turn=state.turn, text=text, images=images, sending=True))


def _said(text: str) -> str:
    """A prompt as it is known again: agents trim what they are told."""
    return " ".join(text.split())


def text_delta(state: State, event: ev.TextDelta) -> list[Change]:
    return grow(state, event, event.text, event.at)


def thought_delta(state: State, event: ev.ThoughtDelta) -> list[Change]:
    return grow(state, event, event.text, event.at)


def message_done(state: State, event: ev.MessageDone) -> list[Change]:
    at = event.at
    known = state.recent.get(event.item)
    if known is not None:
        row, old = known
        if gave_up(old):
            old = Message(id=old.id, ts=old.ts, turn=old.turn, agent=old.agent, parent=old.parent, rev=old.rev)
        if not isinstance(old, Message):
            return NONE
        if state.last.get(at.agent) == event.item:
            del state.last[at.agent]
        text = old.text if old.text.length == len(event.text) and str(old.text) == event.text else Text(event.text)
        if text is old.text and not old.open and old.llm == event.llm:
            return NONE
        new = replace(
            old, text=text, open=False, llm=event.llm or old.llm, rev=old.rev + 1, spans=widen(old.spans, at),
            ts=old.ts if old.ts is not None else at.ts,
        )  # fmt: skip
        return put_again(state, row, new)
    changes = close(state, at.agent, at.ts)
    item = Message(
        id=event.item, ts=at.ts, turn=state.turn, agent=at.agent, parent=at.parent, spans=widen((), at),
        text=Text(event.text), llm=event.llm,
    )  # fmt: skip
    return changes + put(state, item)


def thought_done(state: State, event: ev.ThoughtDone) -> list[Change]:
    at = event.at
    known = state.recent.get(event.item)
    if known is not None:
        row, old = known
        if gave_up(old):
            old = Thought(id=old.id, ts=old.ts, turn=old.turn, agent=old.agent, parent=old.parent, rev=old.rev)
        if not isinstance(old, Thought) or not (old.open or not old.spans):  # without bytes it was shown ahead of them
            return NONE
        if state.last.get(at.agent) == event.item:
            del state.last[at.agent]
        text = Text(event.text) if event.text else old.text  # some transcripts keep only a signature
        new = replace(
            old, text=text, open=False, hidden=event.hidden and not text, ended=at.ts, rev=old.rev + 1,
            spans=widen(old.spans, at), ts=old.ts if old.ts is not None else at.ts,
        )  # fmt: skip
        return put_again(state, row, new)
    changes = close(state, at.agent, at.ts)
    item = Thought(
        id=event.item, ts=at.ts, turn=state.turn, agent=at.agent, parent=at.parent, spans=widen((), at),
        text=Text(event.text), hidden=event.hidden,
    )  # fmt: skip
    return changes + put(state, item)
