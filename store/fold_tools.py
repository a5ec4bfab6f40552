"""Tool calls and what is asked about them: the part of the fold that pairs a call with its news."""

from __future__ import annotations

from typing import Any

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
    news = _news(old, event)
    if not news:
        return changes
    new = replace(old, rev=old.rev + 1, spans=widen(old.spans, at), **news)
    if changes and isinstance(changes[-1], Put) and changes[-1].row == row:
        changes = changes[:-1]
        new = replace(new, rev=0)
    return changes + put_again(state, row, new)


def _news(old: Tool, event: ev.ToolUpdated) -> dict[str, Any]:
    """What an update changes in a call; most say little."""
    news: dict[str, Any] = {}
    status, said = old.status, event.status
    if said is not None and (said in TERMINAL or status not in TERMINAL):
        if said != status:
            status = news["status"] = said
        if old.ended is None and said in TERMINAL and event.at.ts is not None:
            news["ended"] = event.at.ts
    if event.output is not None:
        output = old.output.append(event.output) if event.append else Text(event.output)
        if news or output != old.output:
            news["output"] = output
    if event.title is not None and event.title != old.title:
        news["title"] = event.title
    if event.kind is not None and event.kind != old.kind:
        news["kind"] = event.kind
    if event.exit_code is not None and event.exit_code != old.exit_code:
        news["exit_code"] = event.exit_code
    if event.hunks is not None and event.hunks != old.hunks:
        news["hunks"] = event.hunks
    if event.child_agent is not None and event.child_agent != old.child_agent:
        news["child_agent"] = event.child_agent
    if event.duration_us is not None and event.duration_us != old.duration_us:
        news["duration_us"] = event.duration_us
    if event.images > old.images:
        news["images"] = event.images
    if event.answer is not None and event.answer != old.answer:
        news["answer"] = event.answer
    if event.rest is not None and event.rest != old.rest:
        news["rest"] = event.rest
    if status != "waiting":  # the question is over
        if old.options:
            news["options"] = ()
        if old.rpc and news:
            news["rpc"] = ""
    return news


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
