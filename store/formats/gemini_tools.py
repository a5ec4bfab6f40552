"""Gemini's tool calls: kinds, titles, results and diffs. For gemini*.py, and for qwen*.py, which grew out of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from store.decode import clean, dump
from store.events import At, Event, Hunk, Status, ToolStarted, ToolUpdated
from store.formats.diffs import DIFF_LINES, unified, whole
from store.formats.values import moment, one_line, string, table

KINDS: Final[Mapping[str, str]] = {
    "run_shell_command": "tool.shell", "run_command": "tool.shell", "shell": "tool.shell",
    "write_file": "tool.edit", "replace": "tool.edit", "edit": "tool.edit", "smart_edit": "tool.edit",
    "read_file": "tool.read", "read_many_files": "tool.read",
    "list_directory": "tool.search", "glob": "tool.search", "search_file_content": "tool.search",
    "grep_search": "tool.search",
    "web_fetch": "tool.web", "google_web_search": "tool.web",
    "write_todos": "tool.todo",
    "codebase_investigator": "tool.agent", "delegate_to_agent": "tool.agent", "invoke_agent": "tool.agent",
}  # fmt: skip

_TELLING: Final = (
    "command", "file_path", "absolute_path", "path", "dir_path", "pattern", "query", "url", "prompt", "objective",
    "fact", "description", "name",
)  # fmt: skip
_STATUS: Final[Mapping[str, Status]] = {
    "success": "ok", "error": "failed", "cancelled": "cancelled", "executing": "running", "validating": "pending",
    "scheduled": "pending", "awaiting_approval": "waiting",
}  # fmt: skip
_EXIT: Final = re.compile(r"^Exit Code: (-?\d{1,9})$", re.MULTILINE)
_AROUND: Final = re.compile(r"\A<untrusted_context>\n|\n?</untrusted_context>\Z")


def started(item: str, name: str, given: Any, at: At, title: str = "", kinds: Mapping[str, str] = KINDS) -> list[Event]:
    """A call."""
    kind = kinds.get(name) or ("tool.mcp" if name.startswith("mcp_") or "__" in name else "tool")
    told = "" if given is None else clean(dump(given))
    events: list[Event] = [ToolStarted(at, item, name, kind, title_of(given) or one_line(title), told)]
    if kind == "tool.edit" and type(given) is dict:
        hunks = _proposed(given)
        if hunks:
            events.append(ToolUpdated(at, item, hunks=hunks))
    return events


def title_of(given: Any) -> str:
    """A call in one line: the command, the path, the pattern, …"""
    if type(given) is dict:
        for key in _TELLING:
            value = given.get(key)
            if type(value) is str and value:
                return one_line(clean(value))
    return ""


def recorded(call: dict[str, Any], item: str, at: At) -> list[Event]:
    """A call as a session file has it, mostly with its result."""
    events = started(item, string(call, "name"), call.get("args"), at, string(call, "description"))
    said = string(call, "status")
    status = _STATUS.get(said)
    if status is None and not call.get("result"):
        return events
    response: dict[str, Any] = {}
    for part in call.get("result") if type(call.get("result")) is list else ():  # type: ignore[union-attr]
        if type(part) is dict:
            response = table(table(part, "functionResponse"), "response") or response
    events.append(
        answered(item, status or "ok", response, call.get("resultDisplay"), at, moment(call.get("timestamp")))
    )
    child = string(call, "agentId")
    if child:
        events.append(ToolUpdated(at, item, child_agent=child))
    return events


def answered(
    item: str, status: Status, response: dict[str, Any], display: Any, at: At, ended: int | None = None
) -> Event:
    """The result of a call: what the model sees, and what the screen showed."""
    raw = string(response, "output") or string(response, "error")
    code = _EXIT.search(raw)
    exit_code = int(code[1]) if code is not None else None
    if exit_code and status == "ok":
        status = "failed"
    output = raw
    hunks: tuple[Hunk, ...] | None = None
    if type(display) is str and display:
        output = clean(display)
    elif raw:
        output = _AROUND.sub("", raw).removeprefix("Output: ")
    if type(display) is dict:
        diff = string(display, "fileDiff")
        hunks = tuple(unified(diff)) or None
    if "error" in response and status == "ok":
        status = "failed"
    took = None if ended is None or at.ts is None or ended < at.ts else ended - at.ts
    return ToolUpdated(at, item, status, output, exit_code=exit_code, hunks=hunks, duration_us=took)


def status_of(said: str) -> Status:
    return _STATUS.get(said, "ok")


def _proposed(given: dict[str, Any]) -> tuple[Hunk, ...]:
    if type(given.get("content")) is str:
        return tuple(whole(string(given, "content")))
    old, new = string(given, "old_string"), string(given, "new_string")
    lines = [f"-{line}" for line in old.split("\n")] if old else []
    lines += [f"+{line}" for line in new.split("\n")] if new else []
    return (Hunk(0, 0, tuple(lines[:DIFF_LINES])),) if lines else ()
