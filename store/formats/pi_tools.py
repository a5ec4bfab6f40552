"""pi's tool calls: kinds, titles, results and diffs. For pi*.py only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from store.decode import clean, dump
from store.events import At, Event, Hunk, Status, ToolStarted, ToolUpdated
from store.formats.diffs import DIFF_LINES, unified, whole
from store.formats.values import one_line, string, table, texts

KINDS: Final[Mapping[str, str]] = {
    "bash": "tool.shell",
    "edit": "tool.edit", "write": "tool.edit",
    "read": "tool.read",
    "grep": "tool.search", "find": "tool.search", "ls": "tool.search",
    "web_search": "tool.web", "web_fetch": "tool.web",
    "todo": "tool.todo", "subagent": "tool.agent", "task": "tool.agent", "mcp": "tool.mcp",
}  # fmt: skip

_TELLING: Final = ("command", "path", "file_path", "pattern", "query", "url", "task", "prompt", "description", "name")
_EXIT: Final = re.compile(r"(?:\A|\n)Command exited with code (\d{1,9})\s*\Z")
_STOPPED: Final = ("Command aborted", "Operation aborted")
_NUMBERED: Final = re.compile(r"([ +-])\s*(\d{1,9}) (.*)", re.DOTALL)


def started(item: str, name: str, given: Any, at: At) -> list[Event]:
    """A call, with the change that it asks for."""
    told = "" if given is None else clean(dump(given))
    out: list[Event] = [ToolStarted(at, item, name, kind_of(name), title_of(given), told)]
    hunks = _proposed(given) if kind_of(name) == "tool.edit" and type(given) is dict else ()
    if hunks:
        out.append(ToolUpdated(at, item, hunks=hunks))
    return out


def kind_of(name: str) -> str:
    return KINDS.get(name, "tool")


def title_of(given: Any) -> str:
    """A call in one line: the command, the path, the pattern, …"""
    if type(given) is dict:
        for key in _TELLING:
            value = given.get(key)
            if type(value) is str and value:
                return one_line(clean(value))
    return ""


def answered(item: str, result: dict[str, Any], failed: bool, at: At) -> Event:
    """What a call gave: `content` for the model, `details` for the screen."""
    text, images = texts(result.get("content"))
    details = table(result, "details")
    status: Status = "failed" if failed else "ok"
    code = _EXIT.search(text) if failed else None
    if failed and text.rstrip().endswith(_STOPPED):
        status = "cancelled"
    hunks: tuple[Hunk, ...] = ()
    if not failed:
        patch = string(details, "patch")
        hunks = tuple(unified(patch) if patch else numbered(string(details, "diff")))
    return ToolUpdated(
        at, item, status, text, exit_code=int(code[1]) if code is not None else None, hunks=hunks or None, images=images
    )


def numbered(diff: str) -> list[Hunk]:
    """The hunks of a diff whose lines begin with a sign and a number, as pi shows it: '- 12 text'."""
    hunks: list[Hunk] = []
    lines: list[str] = []
    old = new = shift = 0
    for line in diff.split("\n")[:DIFF_LINES] if diff else ():
        found = _NUMBERED.fullmatch(line)
        if found is None:  # '    ...': lines were left out
            if lines:
                hunks.append(Hunk(old, new, tuple(lines)))
                lines = []
            continue
        sign, number = found[1], int(found[2])
        if not lines:
            old, new = (number - shift, number) if sign == "+" else (number, number + shift)
        shift += (sign == "+") - (sign == "-")
        lines.append(f"{sign}{found[3]}")
    if lines:
        hunks.append(Hunk(old, new, tuple(lines)))
    return hunks


def _proposed(given: dict[str, Any]) -> tuple[Hunk, ...]:
    """What a call wants to write, as long as no result shows what it did."""
    if type(given.get("content")) is str:
        return tuple(whole(string(given, "content")))
    edits = given.get("edits")
    hunks: list[Hunk] = []
    for edit in edits if type(edits) is list else (given,):
        if type(edit) is dict:
            old, new = string(edit, "oldText"), string(edit, "newText")
            lines = [f"-{line}" for line in old.split("\n")] if old else []
            lines += [f"+{line}" for line in new.split("\n")] if new else []
            if lines:
                hunks.append(Hunk(0, 0, tuple(lines[:DIFF_LINES])))
    return tuple(hunks)
