"""Telling Qwen Code's chats from Claude's files, which look alike; where its subagents' files lie. For qwen.py only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any, Final

import orjson

from store.decode import clean
from store.formats.base import Child
from store.formats.heads import head_of
from store.formats.values import one_line, string, table

_TYPES: Final = frozenset({"user", "assistant", "tool_result", "system"})
_PARTS: Final = re.compile(rb'"message"\s*:\s*\{\s*"role"\s*:\s*"(?:user|model|system)"\s*,\s*"parts"\s*:\s*\[')
_UNSAFE: Final = re.compile(r"[^a-zA-Z0-9_-]")


def claims(head: bytes, path: Path | None) -> int:
    """How surely these are the bytes of a chat. Claude's records have the same names, but `content`, not `parts`."""
    records, broken = head_of(head)
    cut = sum(b'"parentUuid"' in line and _PARTS.search(line) is not None for line in broken)  # or two on one line
    found, seen = sum(map(_is_ours, records)) + cut, len(records) + cut
    others = any("content" in table(record, "message") for record in records)
    if not found:
        return 0
    return 95 if not others else 90 * found // seen


def _is_ours(record: dict[str, Any]) -> bool:
    kind = string(record, "type")
    if kind not in _TYPES or not string(record, "uuid") or "sessionId" not in record:
        return False
    if kind == "system" and string(record, "subtype"):
        return "systemPayload" in record or type(table(record, "message").get("parts")) is list
    return type(table(record, "message").get("parts")) is list


def owns(path: PurePath) -> bool:
    return path.suffix == ".jsonl" and path.parent.name == "chats"


def children(path: Path) -> Iterable[Child]:
    """The files of a session's subagents, beside the folder of the chats."""
    folder = _folder(path)
    if not folder.is_dir():
        return
    for file in sorted(folder.glob("agent-*.jsonl")):
        meta: object = None
        with suppress(OSError, ValueError):  # without it only the name is known
            meta = orjson.loads(file.with_suffix(".meta.json").read_bytes())
        told: dict[str, Any] = meta if isinstance(meta, dict) else {}
        agent = string(told, "agentId") or clean(file.stem.removeprefix("agent-"))
        yield Child(file, agent, string(told, "toolUseId") or None, one_line(string(told, "description")))


def beside(path: Path, _session: str = "") -> Iterable[Path]:
    return (_folder(path),)


def _folder(path: Path) -> Path:
    return path.parent.parent / "subagents" / _UNSAFE.sub("_", path.stem)
