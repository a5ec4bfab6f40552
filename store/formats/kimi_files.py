"""Telling Kimi's files from anything else, and where the main agent's and those of subagents lie. For kimi.py only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any, Final

import orjson

from store.events import At, SessionNamed
from store.formats.base import Child
from store.formats.heads import head_of, share
from store.formats.kimi_hidden import HIDDEN
from store.formats.kimi_old import is_old
from store.formats.values import one_line, string

STATE: Final = 1 << 20  # bytes of a state that are read
_OWN: Final = frozenset({
    "metadata", "turn.prompt", "turn.steer", "turn.cancel", "turn.ended", "context.append_message",
    "context.append_loop_event", "context.apply_compaction", "context.clear", "context.undo", "config.update",
    "profile.bind", "usage.record", "llm.request", "full_compaction.begin", "full_compaction.complete",
    "permission.set_mode", "plan_mode.enter", "plan_mode.exit", "plan_mode.cancel", "tools.update_store",
})  # fmt: skip


def claims(head: bytes, path: Path | None) -> int:
    """How surely this is a wire or a context of Kimi's."""
    return share(head, _is_own) if any(map(_is_sure, head_of(head).records)) else 0


def _is_own(record: dict[str, Any]) -> bool:
    kind = string(record, "type")
    return kind in _OWN or kind in HIDDEN or is_old(record)


def _is_sure(record: dict[str, Any]) -> bool:
    """Messages by role alone are many agents': the context has records of its own between them."""
    if string(record, "type") == "metadata":
        return "protocol_version" in record
    return _is_own(record) and string(record, "role")[:1] in ("", "_")


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


def named(path: Path) -> SessionNamed | None:
    """What the folder says of a session, which its records do not: its id, and in `state.json` its title and place."""
    if path.name not in ("wire.jsonl", "context.jsonl"):
        return None
    if path.parts[-3:-1] != ("agents", "main"):  # the older program: a folder per session, and nothing else in it
        return SessionNamed(At(), path.parent.name)
    folder = path.parents[2]
    try:
        with (folder / "state.json").open("rb") as file:
            told = orjson.loads(file.read(STATE))
    except (OSError, orjson.JSONDecodeError):
        told = None
    told = told if type(told) is dict else {}
    title = one_line(string(told, "title"), 200)
    rank = 6 if told.get("isCustomTitle") is True else 4
    return SessionNamed(At(), folder.name, title, rank if title else 0, string(told, "workDir"))


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


def joins(name: str) -> bool:
    return name == "wire.jsonl"


def beside(path: Path, _session: str = "") -> Iterable[Path]:
    return (path.parent.parent,) if path.name == "wire.jsonl" and path.parent.name == "main" else ()
