"""Records, files and rows for tests, in one short call each. Nothing in here is a copy of a real session."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from store.events import Event
from store.fold import Cut, State, fold_run
from store.formats import named
from store.items import Item, Notice, Prompt, Tool, kind_of, text_of
from store.pipe import Pipe
from store.report import rows_of

SESSION = "5e551014-0000-4000-8000-000000000001"


def line(record: Any) -> bytes:
    """A record as a line."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def lines(*records: Any) -> bytes:
    return b"".join(line(record) for record in records)


def stamp(seconds: float = 0) -> str:
    """A time, so many seconds after a fixed one."""
    whole = int(seconds)
    return f"2026-09-14T15:{7 + whole // 60:02}:{whole % 60:02}.{int(seconds * 1000) % 1000:03}Z"


# ---- Claude's session files


def _envelope(kind: str, uuid: str, seconds: float, more: dict[str, Any]) -> dict[str, Any]:
    return {
        "parentUuid": None, "isSidechain": False, "type": kind, "uuid": uuid, "timestamp": stamp(seconds),
        "sessionId": SESSION, "cwd": "/w/demo", "gitBranch": "main", "version": "2.1.300", **more,
    }  # fmt: skip


def user(content: Any, uuid: str = "u1", seconds: float = 0, **more: Any) -> dict[str, Any]:
    """Something said to Claude."""
    return _envelope("user", uuid, seconds, {"message": {"role": "user", "content": content}, **more})


def assistant(
    *blocks: dict[str, Any] | str, id: str = "msg_1", uuid: str = "a1", seconds: float = 1, **more: Any
) -> dict[str, Any]:
    """A record of an answer, with one block or several."""
    content = [{"type": "text", "text": block} if isinstance(block, str) else block for block in blocks]
    message = {
        "id": id, "role": "assistant", "model": "claude-opus-5", "content": content, "stop_reason": None,
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 1000, "cache_creation_input_tokens": 90},
    }  # fmt: skip
    return _envelope("assistant", uuid, seconds, {"message": message, **more})


def call(name: str, id: str = "toolu_1", **given: Any) -> dict[str, Any]:
    """The block of a tool call."""
    return {"type": "tool_use", "id": id, "name": name, "input": given}


def answer(content: Any, id: str = "toolu_1", uuid: str = "r1", seconds: float = 2, **more: Any) -> dict[str, Any]:
    """The record of a tool's result; `error=True` says that it failed."""
    block = {"type": "tool_result", "tool_use_id": id, "content": content, "is_error": more.pop("error", False)}
    return user([block], uuid, seconds, **more)


def system(subtype: str, uuid: str = "s1", seconds: float = 3, **more: Any) -> dict[str, Any]:
    return _envelope("system", uuid, seconds, {"subtype": subtype, **more})


def attached(body: dict[str, Any], uuid: str = "t1", seconds: float = 3) -> dict[str, Any]:
    return _envelope("attachment", uuid, seconds, {"attachment": body})


# ---- Claude's stream


def streamed(event: dict[str, Any], parent: str | None = None) -> dict[str, Any]:
    return {"type": "stream_event", "event": event, "parent_tool_use_id": parent, "session_id": SESSION, "uuid": "w"}


def begun(id: str = "msg_1", parent: str | None = None) -> dict[str, Any]:
    message = {"id": id, "role": "assistant", "model": "claude-opus-5", "content": [], "usage": {"input_tokens": 7}}
    return streamed({"type": "message_start", "message": message}, parent)


def opened(index: int = 0, parent: str | None = None, **block: Any) -> dict[str, Any]:
    block = block or {"type": "text", "text": ""}
    return streamed({"type": "content_block_start", "index": index, "content_block": block}, parent)


def piece(text: str, index: int = 0, kind: str = "text", parent: str | None = None) -> dict[str, Any]:
    """A delta of a text, a thought ('thinking') or a tool's input ('json')."""
    delta = (
        {"type": "input_json_delta", "partial_json": text} if kind == "json" else {"type": f"{kind}_delta", kind: text}
    )
    return streamed({"type": "content_block_delta", "index": index, "delta": delta}, parent)


def ended(delta: bool = True, parent: str | None = None) -> list[dict[str, Any]]:
    """The end of a streamed message; without the delta it broke off."""
    end = (
        [streamed({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}}, parent)]
        if delta
        else []
    )
    return [*end, streamed({"type": "message_stop"}, parent)]


def said(*blocks: dict[str, Any] | str, id: str = "msg_1", parent: str | None = None, **more: Any) -> dict[str, Any]:
    """The complete record of an answer in a stream."""
    record = assistant(*blocks, id=id, **more)
    return {
        "type": "assistant", "message": record["message"], "parent_tool_use_id": parent, "session_id": SESSION,
        "uuid": record["uuid"], **more,
    }  # fmt: skip


def init(**more: Any) -> dict[str, Any]:
    return {
        "type": "system", "subtype": "init", "cwd": "/w/demo", "session_id": SESSION, "model": "claude-opus-5",
        "permissionMode": "default", "claude_code_version": "2.1.300", "tools": [], "uuid": "i1", **more,
    }  # fmt: skip


def over(text: str = "Done.", **more: Any) -> dict[str, Any]:
    """The result that ends a turn."""
    return {
        "type": "result", "subtype": "success", "is_error": False, "duration_ms": 1500, "num_turns": 1, "result": text,
        "session_id": SESSION, "total_cost_usd": 0.02, "uuid": "z1", **more,
    }  # fmt: skip


# ---- from bytes to rows


def events(data: bytes, agent: str = "claude-code", cuts: Sequence[int] = ()) -> list[Event]:
    """The events of some bytes, fed in pieces that end at `cuts`, to their very end."""
    pipe = Pipe(named(agent))
    found: list[Event] = []
    before = 0
    for cut in [*sorted(cuts), len(data)]:
        found += pipe.feed(data[before:cut])
        before = cut
    return found + pipe.finish()


def rows(data: bytes | Iterable[Event], agent: str = "claude-code") -> list[Item]:
    """The rows of some bytes or events."""
    found: list[Item] = []
    for change in fold_run(State(), events(data, agent) if isinstance(data, bytes) else data):
        if isinstance(change, Cut):
            del found[change.row :]
        elif change.row == len(found):
            found.append(change.item)
        else:
            found[change.row] = change.item
    return found


def told(items: Iterable[Item]) -> list[str]:
    """Rows in a word each, and what they say."""
    return [f"{kind_of(item)}: {text_of(item)}" for item in items]


def picture(path: Path) -> str:
    """The rows of a session file as text, one line each: what a `.rows.txt` holds."""
    out: list[str] = []
    items, _ = rows_of(path)
    for index, item in enumerate(items):
        more: list[str] = []
        if isinstance(item, Tool):
            more.append(item.status)
            if item.exit_code is not None:
                more.append(f"exit {item.exit_code}")
            if item.hunks:
                added = sum(line.startswith("+") for hunk in item.hunks for line in hunk.lines)
                taken = sum(line.startswith("-") for hunk in item.hunks for line in hunk.lines)
                more.append(f"+{added} -{taken}")
            if item.images:
                more.append(f"{item.images} images")
        if isinstance(item, Prompt) and item.images:
            more.append(f"{item.images} images")
        if isinstance(item, Notice):
            more.append(item.level)
            if item.detail:
                more.append(f"detail {len(item.detail)}")
        where = f"{item.agent} < {item.parent}" if item.agent else "main"
        text = json.dumps(text_of(item), ensure_ascii=False)
        text = text if len(text) <= 160 else f"{text[:160]}… {len(text)}"
        out.append(
            f"{index} turn {item.turn} {kind_of(item)} [{where}] {' '.join(f'({word})' for word in more)} {text}"
        )
    return "\n".join(out) + "\n"
