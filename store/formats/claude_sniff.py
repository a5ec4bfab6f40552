"""Telling Claude's session files and Claude's stream from each other and from anything else. For claude_*.py only."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson

LINES: Final = 40  # lines of the head that are looked at
SURE: Final = 90
GUESSED: Final = 45  # of one value over many lines that is longer than the head: others print theirs like that, too

_BOOKKEEPING: Final = frozenset({
    "summary", "custom-title", "ai-title", "agent-name", "last-prompt", "mode", "permission-mode", "queue-operation",
    "file-history-snapshot", "file-history-delta", "cost-state", "api-request", "api-request-shape", "attachment",
    "progress", "pr-link", "bridge-session", "worktree-state", "atis-latch", "tools-used", "tag", "relocated",
    "frame-link", "api-request-blob",
})  # fmt: skip
_STREAM: Final = frozenset({
    "stream_event", "result", "control_request", "control_response", "control_cancel_request", "rate_limit_event",
    "tool_progress", "keep_alive", "conversation_reset",
})  # fmt: skip
_TALK: Final = frozenset({"user", "assistant"})


def disk(head: bytes, path: Path | None) -> int:
    """How surely these are the bytes of a session file."""
    return _score(head)[0]


def stream(head: bytes, path: Path | None) -> int:
    """How surely these are the bytes of `claude -p --output-format stream-json` or `json`."""
    return _score(head)[1]


def _score(head: bytes) -> tuple[int, int]:
    """The votes of the first lines that are records, for (session file, stream)."""
    on_disk = on_stream = seen = 0
    sure = SURE
    lines = head.split(b"\n", LINES)[:LINES]
    if next((line.strip() for line in lines if line.strip()), b"") in (b"[", b"{"):
        lines = [head]  # one value over many lines
    for line in lines:
        start = line.lstrip(b" \t\0\xef\xbb\xbf")[:1]
        if start not in (b"{", b"["):
            continue
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            value = _guess(line)
            sure = GUESSED if line is head else SURE
        for record in value[:8] if type(value) is list else (value,):
            if type(record) is dict:
                seen += 1
                vote = _vote(record)
                on_disk += vote > 0
                on_stream += vote < 0
    if not seen:
        return 0, 0
    return sure * on_disk // seen, sure * on_stream // seen


def _vote(record: dict[str, Any]) -> int:
    """1: a session file's, -1: the stream's, 0: of neither."""
    kind = record.get("type")
    message = record.get("message")
    if "_recording" in record:
        return -1
    if type(kind) is not str and kind is not None:
        return 0
    if kind == "system":
        if "session_id" in record and "sessionId" not in record:
            return -1
        return 1 if "uuid" in record or "parentUuid" in record or "sessionId" in record else -("subtype" in record)
    if kind in _TALK:
        if type(message) is not dict:
            return 0
        if "sessionId" in record or "parentUuid" in record or ("timestamp" in record and "session_id" not in record):
            return 1
        return -1 if "parent_tool_use_id" in record or "session_id" in record or "content" in message else 0
    if kind in _STREAM:
        return 1 if "key" in record and kind == "result" else -1
    if kind in _BOOKKEEPING:
        return 1
    if kind is None and type(message) is dict:
        return 1 if "sessionId" in record and message.get("role") in _TALK else 0
    return 1 if kind is not None and "sessionId" in record and "payload" not in record else 0


def _guess(line: bytes) -> dict[str, Any]:
    """What a record that is cut off, or too long for the head, seems to be."""
    found: dict[str, Any] = {}
    compact = line.replace(b'": "', b'":"')
    for key in ("sessionId", "session_id", "parentUuid", "uuid", "timestamp", "parent_tool_use_id", "subtype"):
        if f'"{key}"'.encode() in line:
            found[key] = ""
    for kind in (*_TALK, "system", *_STREAM, *_BOOKKEEPING):
        if f'"type":"{kind}"'.encode() in compact:
            found["type"] = kind
            if kind in _TALK:
                found["message"] = {"content": ""}
            break
    return found
