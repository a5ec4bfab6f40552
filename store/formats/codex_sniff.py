"""Telling Codex's rollouts and the stream of `codex exec --json` from anything else. For codex*.py only."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson

from store.formats.values import string

LINES: Final = 40  # lines of the head that are looked at
_ENVELOPES: Final = frozenset({
    "session_meta", "turn_context", "response_item", "event_msg", "compacted", "token_usage_record", "world_state",
    "inter_agent_communication", "inter_agent_communication_metadata",
})  # fmt: skip
_BARE: Final = frozenset({
    "reasoning", "function_call", "function_call_output", "local_shell_call", "custom_tool_call",
    "custom_tool_call_output",
})  # fmt: skip
_EXEC: Final = frozenset({
    "thread.started", "turn.started", "turn.completed", "turn.failed", "item.started", "item.updated", "item.completed",
})  # fmt: skip


def rollout(head: bytes, path: Path | None) -> int:
    """How surely these are the bytes of a rollout."""
    named = path is not None and path.name.startswith("rollout-")
    return _share(head, _vote, sure=bool(named))


def stream(head: bytes, path: Path | None) -> int:
    """How surely these are the bytes of `codex exec --json`."""
    return _share(head, lambda record: string(record, "type") in _EXEC)


def _share(head: bytes, vote: Any, *, sure: bool = False) -> int:
    """The votes of the first lines that are records."""
    found = seen = 0
    lines = head.split(b"\n", LINES)[:LINES]
    for line in lines:
        start = line.lstrip(b" \t\0\xef\xbb\xbf")[:1]
        if start != b"{":
            continue
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            value = _guess(line)
        if type(value) is dict:
            seen += 1
            found += bool(vote(value))
    if not seen:
        return 0
    return max(90 * found // seen, 50 if sure and found else 0)


def _vote(record: dict[str, Any]) -> bool:
    kind = string(record, "type")
    if kind in _ENVELOPES:
        return type(record.get("payload")) is dict
    if kind in _BARE:
        return "call_id" in record or kind == "reasoning"
    if kind == "message":
        return type(record.get("content")) is list and "role" in record
    return record.get("record_type") == "state" or ("instructions" in record and "id" in record)


def _guess(line: bytes) -> dict[str, Any] | None:
    """What a record that is too long for the head seems to be."""
    if b'"payload":{' in line[:4096] or b'"payload": {' in line[:4096]:
        for kind in _ENVELOPES:
            if f'"type":"{kind}"'.encode() in line[:4096].replace(b'": "', b'":"'):
                return {"type": kind, "payload": {}}
    return None
