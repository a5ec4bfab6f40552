"""Tool calls as many agents tell them: arguments, titles, results, plans, diffs that are asked for. For formats."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from store.decode import clean, dump
from store.events import At, Event, Hunk, Status, ToolStarted, ToolUpdated
from store.formats.diffs import DIFF_LINES, unified, whole
from store.formats.values import one_line, string

# In this order the first one that a call has is its title.
_TELLING: Final = (
    "command", "cmd", "keystrokes", "file_path", "filePath", "target_file", "pattern", "glob_pattern", "globPattern",
    "regex", "query", "search_term", "path", "paths", "target_notebook", "url", "description", "prompt", "question",
    "task", "objective", "intent", "skill", "name", "title", "message",
)  # fmt: skip
_RANK: Final = {key: rank for rank, key in enumerate(_TELLING)}
_OLD: Final = ("old_string", "old_str", "oldText", "old_text", "old")
_NEW: Final = ("new_string", "new_str", "newText", "new_text", "new")
_WHOLE: Final = ("file_text", "content", "contents", "streamContent")
_EXIT: Final = re.compile(r"exit code:? (-?\d{1,9})\b", re.IGNORECASE)
_ITEMS: Final = ("todos", "items", "tasks", "plan")
_WORDS: Final = ("content", "title", "text", "step", "description")
_STATES: Final[Mapping[str, str]] = {
    "done": "completed", "completed": "completed", "complete": "completed", "in_progress": "in_progress",
    "in-progress": "in_progress", "cancelled": "cancelled", "TODO_STATUS_COMPLETED": "completed",
    "TODO_STATUS_IN_PROGRESS": "in_progress", "TODO_STATUS_CANCELLED": "cancelled",
}  # fmt: skip


def given_of(arguments: Any) -> Any:
    """A call's arguments, which may be JSON as text."""
    if type(arguments) is not str or arguments[:1] not in ("{", "["):
        return arguments
    try:
        return orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments


def title_of(given: Any) -> str:
    """A call in one line: the command, the path, the pattern, …"""
    if type(given) is str:
        return one_line(clean(given))
    if type(given) is not dict:
        return ""
    telling = [key for key in given if key in _RANK]
    if len(telling) > 1:
        telling.sort(key=_RANK.__getitem__)
    for key in telling:
        value = given[key]
        if type(value) is str and value:
            return one_line(clean(value))
        if type(value) is list and value and all(type(word) is str for word in value):
            return one_line(clean((" " if key in ("command", "cmd") else ", ").join(value)))
    entries = plan_of(given)
    if not entries:
        return ""
    done = sum(state == "completed" for _, state in entries)
    now = next((text for text, state in entries if state == "in_progress"), "")
    return one_line(f"{done} of {len(entries)} done{f': {now}' if now else ''}")


def started(
    item: str,
    name: str,
    kind: str,
    arguments: Any,
    at: At,
    said: str = "",
    status: Status = "running",
    title: str = "",
) -> list[Event]:
    """A call, and the diff that it asks for. `said` is told of it where its arguments tell nothing; `title` wins."""
    given = given_of(arguments)
    told = "" if given is None else clean(given) if type(given) is str else clean(dump(given))
    title = (one_line(title) if title else "") or title_of(given) or (one_line(said) if said else "")
    events: list[Event] = [ToolStarted(at, item, name, kind, title, told, status)]
    if kind == "tool.edit":
        hunks = proposed(given)
        if hunks:
            events.append(ToolUpdated(at, item, hunks=hunks))
    return events


def mcp_title(name: str) -> str:
    """`mcp__server__tool` for people; '' for a tool of another name."""
    if not name.startswith("mcp__"):
        return ""
    server, _, tool = name[5:].partition("__")
    return f"{server} · {tool}"


def proposed(given: Any) -> tuple[Hunk, ...]:
    """The diff that a call asks for, before it is known where it falls."""
    if type(given) is str:
        return patched(given)
    if type(given) is not dict:
        return ()
    edits = given.get("edits") or given.get("edit")
    hunks: list[Hunk] = []
    for edit in edits if type(edits) is list else (edits,) if type(edits) is dict else (given,):
        if type(edit) is dict:
            lines = [f"-{line}" for line in _lines(edit, _OLD)] + [f"+{line}" for line in _lines(edit, _NEW)]
            if lines:
                hunks.append(Hunk(0, 0, tuple(lines[:DIFF_LINES])))
    if not hunks:
        text = next((string(given, key) for key in _WHOLE if string(given, key)), "")
        hunks += whole(text) if text else []
    for key in ("patch", "input", "diff"):
        if not hunks:
            hunks += patched(string(given, key))
    return tuple(hunks)


def patched(text: str, path: str = "") -> tuple[Hunk, ...]:
    """The hunks of a text, where it is a diff."""
    return tuple(unified(clean(text), path)) if "@@ -" in text[:100_000] else ()


def plan_of(given: Any) -> tuple[tuple[str, str], ...]:
    """The entries of a plan, as (text, status), in any of the ways to tell one."""
    told = given
    if type(given) is dict:
        told = next((given[key] for key in _ITEMS if type(given.get(key)) is list), None)
    if type(told) is not list:
        return ()
    entries = [entry for entry in told if type(entry) is dict]
    return tuple(
        (
            next((string(entry, key) for key in _WORDS if string(entry, key)), ""),
            _STATES.get(string(entry, "status"), "pending"),
        )
        for entry in entries
    )


def text_of(content: Any) -> tuple[str, int]:
    """A result's text and how many images it has: a string, parts, or anything else as JSON."""
    if type(content) is str:
        return clean(content), 0
    if content is None:
        return "", 0
    if type(content) is not list:
        return clean(dump(content)), 0
    parts: list[str] = []
    images = 0
    for part in content:
        if type(part) is str:
            parts.append(clean(part))
        elif type(part) is dict:
            kind = string(part, "type")
            images += "image" in kind
            parts.append(string(part, "text") or string(part, "think") or string(part, "thinking"))
    return "\n".join(filter(None, parts)), images


def exit_code_of(text: str) -> int | None:
    """The exit code that the last line of a shell's output tells."""
    found = _EXIT.search(text[-300:].rstrip().rpartition("\n")[2])
    return int(found[1]) if found else None


def _lines(edit: dict[str, Any], keys: tuple[str, ...]) -> list[str]:
    text = next((string(edit, key) for key in keys if string(edit, key)), "")
    return text.split("\n") if text else []
