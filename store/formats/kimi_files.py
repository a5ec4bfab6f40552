"""Telling Kimi's files from anything else, and where the main agent's and those of subagents lie. For kimi.py only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Final

import orjson

from store.formats.base import Child
from store.formats.kimi_hidden import HIDDEN
from store.formats.kimi_old import is_old
from store.formats.values import string

LINES: Final = 40  # lines of the head that are looked at
_OWN: Final = frozenset({
    "metadata", "turn.prompt", "turn.steer", "turn.cancel", "turn.ended", "context.append_message",
    "context.append_loop_event", "context.apply_compaction", "context.clear", "context.undo", "config.update",
    "profile.bind", "usage.record", "llm.request", "full_compaction.begin", "full_compaction.complete",
    "permission.set_mode", "plan_mode.enter", "plan_mode.exit", "plan_mode.cancel", "tools.update_store",
})  # fmt: skip


def claims(head: bytes, path: Path | None) -> int:
    """How surely this is a wire or a context of Kimi's."""
    found = seen = sure = 0
    for line in head.split(b"\n", LINES)[:LINES]:
        if not line.startswith(b"{"):
            continue
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if type(value) is dict:
            seen += 1
            kind = string(value, "type")
            own = kind in _OWN or kind in HIDDEN or is_old(value)
            role = string(value, "role")
            found += own
            # Messages by role alone are many agents': the context has records of its own between them.
            sure += own and ("protocol_version" in value if kind == "metadata" else role[:1] in ("", "_"))
    return 90 * found // seen if sure else 0


def owns(path: PurePath) -> bool:
    """The main agent's wire; in the older program's folders, a session's wire or context."""
    if path.name == "wire.jsonl" and path.parts[-3:-1] == ("agents", "main"):
        return True
    return len(path.parts) == 3 and path.name in ("wire.jsonl", "context.jsonl")


def part_of(path: Path) -> str:
    """The folder of the session that a subagent's wire belongs to, or a context beside its wire; else ''."""
    if path.name == "context.jsonl":
        return path.parent.name if path.with_name("wire.jsonl").is_file() else ""
    main = path.parent.with_name("main") / "wire.jsonl"
    below = path.name == main.name and path.parent.parent.name == "agents" and path != main and main.is_file()
    return path.parent.parent.parent.name if below else ""


def children(path: Path) -> Iterable[Child]:
    """The wires of a session's subagents: in folders beside the main agent's."""
    if path.name != "wire.jsonl" or path.parent.name != "main":
        return
    for folder in beside(path):
        try:
            found = sorted(entry for entry in folder.iterdir() if entry.name != "main")
        except OSError:
            continue
        for entry in found:
            if (entry / path.name).is_file():
                yield Child(entry / path.name, entry.name)


def beside(path: Path) -> Iterable[Path]:
    return (path.parent.parent,) if path.name == "wire.jsonl" and path.parent.name == "main" else ()
