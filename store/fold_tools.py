"""Tool calls and what is asked about them: the part of the fold that pairs a call with its news."""

from __future__ import annotations

from msgspec.structs import replace

from store import events as ev
from store.events import TERMINAL
from store.fold_state import NONE, Change, Put, State, close, put, put_again, widen
from store.fold_talk import gave_up
from store.items import Tool
from store.text import Text


def tool_started(state: State, event: ev.ToolStarted) -> list[Change]:
    at = event.at
    known = state.recent.get(event.item)
    if known is not None:
        row, old = known
        if gave_up(old):
            old = Tool(id=old.id, ts=old.ts, turn=old.turn, agent=old.agent, parent=old.parent, rev=old.rev)
        if not isinstance(old, Tool) or (old.spans and not at.length):  # what is said ahead of a record adds nothing
            return NONE
        status = old.status if old.status in TERMINAL or old.status == "waiting" else event.status
        new = replace(
            old,
            name=event.name or old.name,
            kind=event.kind if event.kind != "tool" else old.kind,
            title=event.title or old.title,
            input=Text(event.input) if event.input else old.input,
            status=status,
            orphan=False,
            spans=widen(old.spans, at),
            ts=old.ts if old.ts is not None else at.ts,
        )
        if old.spans and replace(new, spans=old.spans) == old:  # without bytes it was shown ahead of them
            return NONE
        return put_again(state, row, replace(new, rev=old.rev + 1))
    changes = close(state, at.agent, at.ts)
    item = Tool(
        id=event.item, ts=at.ts, turn=state.turn, agent=at.agent, parent=at.parent, spans=widen((), at),
        name=event.name, kind=event.kind, title=event.title, input=Text(event.input), status=event.status,
    )  # fmt: skip
    return changes + put(state, item)


def tool_input(state: State, event: ev.ToolInput) -> list[Change]:
    known = state.recent.get(event.item)
    if known is None:
        return NONE  # its start is always on the wire before; without it there is nothing to show
    row, old = known
    if not isinstance(old, Tool) or old.status in TERMINAL or (old.spans and not event.at.length):
        return NONE
    return put_again(
        state, row, replace(old, input=old.input.append(event.text), rev=old.rev + 1, spans=widen(old.spans, event.at))
    )


def tool_updated(state: State, event: ev.ToolUpdated) -> list[Change]:
    at = event.at
    changes: list[Change] = NONE
    known = state.recent.get(event.item)
    if known is None:  # the call was never seen: show what there is, and say so
        changes = close(state, at.agent, at.ts)
        base = Tool(
            id=event.item, ts=at.ts, turn=state.turn, agent=at.agent, parent=at.parent, orphan=True,
            title=event.title or "",
        )  # fmt: skip
        changes = changes + put(state, base)
        row, old = state.rows - 1, base
    else:
        row, found = known
        if not isinstance(found, Tool):
            return NONE
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
    title = old.title if event.title is None else event.title
    kind = old.kind if event.kind is None else event.kind
    exit_code = old.exit_code if event.exit_code is None else event.exit_code
    hunks = old.hunks if event.hunks is None else event.hunks
    child_agent = old.child_agent if event.child_agent is None else event.child_agent
    duration_us = old.duration_us if event.duration_us is None else event.duration_us
    images = event.images if event.images > old.images else old.images
    options, rpc = (old.options, old.rpc) if status == "waiting" else ((), "")
    answer = old.answer if event.answer is None else event.answer
    if (
        status == old.status and output == old.output and hunks == old.hunks and title == old.title
        and kind == old.kind and exit_code == old.exit_code and child_agent == old.child_agent
        and duration_us == old.duration_us and images == old.images and options == old.options and ended == old.ended
        and answer == old.answer
    ):  # fmt: skip
        return changes
    new = replace(
        old, status=status, ended=ended, output=output, title=title, kind=kind, exit_code=exit_code, hunks=hunks,
        child_agent=child_agent, duration_us=duration_us, images=images, options=options, spans=widen(old.spans, at),
        rev=old.rev + 1, rpc=rpc, answer=answer,
    )  # fmt: skip
    if changes and isinstance(changes[-1], Put) and changes[-1].row == row:
        changes = changes[:-1]
        new = replace(new, rev=0)
    return changes + put_again(state, row, new)


def asked(state: State, event: ev.Asked) -> list[Change]:
    at = event.at
    known = state.recent.get(event.item)
    if known is not None:
        row, old = known
        if not isinstance(old, Tool) or old.status in TERMINAL:
            return NONE
        new = replace(
            old, status="waiting", options=event.options, title=old.title or event.title, rev=old.rev + 1,
            spans=widen(old.spans, at), rpc=str(event.rpc), answer="",
        )  # fmt: skip
        return put_again(state, row, new)
    changes = close(state, at.agent, at.ts)
    item = Tool(
        id=event.item, ts=at.ts, turn=state.turn, agent=at.agent, parent=at.parent, spans=widen((), at),
        title=event.title, status="waiting", options=event.options, rpc=str(event.rpc),
    )  # fmt: skip
    return changes + put(state, item)
