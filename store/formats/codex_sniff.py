"""Telling Codex's rollouts and the stream of `codex exec --json` from anything else. For codex*.py only."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from store.formats.heads import head_of, share
from store.formats.values import string

_ENVELOPES: Final = frozenset({
    "session_meta", "turn_context", "response_item", "event_msg", "compacted", "token_usage_record", "world_state",
    "inter_agent_communication", "inter_agent_communication_metadata",
})  # fmt: skip
_BARE: Final = frozenset({
    "reasoning", "function_call", "function_call_output", "local_shell_call", "custom_tool_call",
    "custom_tool_call_output",
})  # fmt: skip
_SERVER: Final = ("thread/", "turn/", "item/")  # what the methods of `codex app-server` begin with
_EXEC: Final = frozenset({
    "thread.started", "turn.started", "turn.completed", "turn.failed", "item.started", "item.updated", "item.completed",
})  # fmt: skip


def rollout(head: bytes, path: Path | None) -> int:
    """How surely these are the bytes of a rollout."""
    named = path is not None and path.name.startswith("rollout-")
    records, broken = head_of(head)
    found = sum(map(_vote, records))
    seen = len(records)
    for line in broken:
        guessed = _is_long(line)
        seen += guessed
        found += guessed
    return max(90 * found // seen, 50 if named and found else 0) if seen else 0


def stream(head: bytes, path: Path | None) -> int:
    """How surely these are the bytes of `codex exec --json`, or of `codex app-server`."""
    return share(head, lambda record: string(record, "type") in _EXEC) or _served(head)


def _served(head: bytes) -> int:
    """Requests by name; answers and what is new say nothing."""
    records = head_of(head).records
    votes = sum(string(record, "method").startswith(_SERVER) for record in records)
    others = sum("method" not in record and ("id" not in record or "type" in record) for record in records)
    return 90 * votes // (votes + others) if votes else 0


def _vote(record: dict[str, Any]) -> bool:
    kind = string(record, "type")
    if kind in _ENVELOPES:
        return type(record.get("payload")) is dict
    if kind in _BARE:
        return "call_id" in record or kind == "reasoning"
    if kind == "message":
        return type(record.get("content")) is list and "role" in record
    return record.get("record_type") == "state" or ("instructions" in record and "id" in record)


def _is_long(line: bytes) -> bool:
    """Whether a record that is too long for the head seems to be one."""
    first = line[:4096].replace(b'": ', b'":')
    return b'"payload":{' in first and any(f'"type":"{kind}"'.encode() in first for kind in _ENVELOPES)
