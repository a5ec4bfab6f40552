"""OpenCode's tool parts: kinds, titles, results and diffs. For opencode*.py only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from store.decode import clean, dump
from store.events import At, Event, Hunk, Status, ToolStarted, ToolUpdated
from store.formats.diffs import unified, whole
from store.formats.values import count, moment, one_line, string, table

KINDS: Final[Mapping[str, str]] = {
    "bash": "tool.shell", "shell": "tool.shell",
    "edit": "tool.edit", "write": "tool.edit", "multiedit": "tool.edit", "patch": "tool.edit",
    "apply_patch": "tool.edit",
    "read": "tool.read",
    "grep": "tool.search", "glob": "tool.search", "list": "tool.search", "ls": "tool.search",
    "codesearch": "tool.search",
    "webfetch": "tool.web", "websearch": "tool.web",
    "todowrite": "tool.todo", "todoread": "tool.todo",
    "task": "tool.agent",
}  # fmt: skip

_TELLING: Final = (
    "command", "filePath", "path", "pattern", "query", "url", "description", "prompt", "name", "tool",
)  # fmt: skip
_STATUS: Final[Mapping[str, Status]] = {
    "pending": "pending", "running": "running", "completed": "ok", "success": "ok", "error": "failed",
}  # fmt: skip
_STOPPED: Final = ("Tool execution aborted", "The user rejected permission", "The user dismissed this question")


def tool(part: dict[str, Any], item: str, at: At) -> list[Event]:
    """A tool part as it is now: the call, and what is known of its result."""
    state, name = table(part, "state"), string(part, "tool")
    given, metadata, time = state.get("input"), table(state, "metadata"), table(state, "time")
    said = string(state, "status")
    status = _STATUS.get(said)
    known = dump(given) if type(given) is dict and given else ""  # it is empty until the model has said all of it
    title = _title(given) or one_line(string(state, "title"))
    first: Status = "pending" if status == "pending" else "running"
    started = At(moment(time.get("start")) or at.ts, at.file, at.offset, at.length, at.agent, at.parent)
    out: list[Event] = [ToolStarted(started, item, name, KINDS.get(name, "tool"), title, clean(known), first)]
    child = string(metadata, "sessionId") or string(metadata, "sessionID") or None
    if status in (None, "pending", "running"):
        shown = metadata.get("output")
        output = clean(shown) if type(shown) is str and shown else None
        if output is not None or child is not None:
            out.append(ToolUpdated(at, item, output=output, child_agent=child))
        return out
    code = count(metadata.get("exit", metadata.get("exitCode")))
    text = string(state, "error") if status == "failed" else _text(state.get("output"))
    if status == "failed":
        text = "\n".join(part for part in (string(metadata, "output"), text) if part)
        status = "cancelled" if string(state, "error").startswith(_STOPPED) else status
    elif code or name == "invalid":
        status = "failed"
    begun, ended = moment(time.get("start")), moment(time.get("end"))
    took = ended - begun if begun is not None and ended is not None and ended >= begun else None
    hunks = tuple(_hunks(given, metadata)) if KINDS.get(name) == "tool.edit" and status == "ok" else ()
    images = state.get("attachments")
    out.append(
        ToolUpdated(
            at, item, status, text, exit_code=code, hunks=hunks or None, child_agent=child, duration_us=took,
            images=len(images) if type(images) is list else 0,
        )
    )  # fmt: skip
    return out


def _title(given: Any) -> str:
    """A call in one line: the command, the path, the pattern, …"""
    if type(given) is dict:
        for key in _TELLING:
            value = given.get(key)
            if type(value) is str and value:
                return one_line(clean(value))
    return ""


def _text(output: Any) -> str:
    return clean(output) if type(output) is str else "" if output is None else clean(dump(output))


def _hunks(given: Any, metadata: dict[str, Any]) -> list[Hunk]:
    """The diff that was shown; of a new file without one, its text."""
    files = metadata.get("files")
    if type(files) is list and files:
        found: list[Hunk] = []
        for file in files:
            if type(file) is dict:
                path = string(file, "relativePath") or string(file, "filePath") or string(file, "file")
                found += unified(string(file, "patch") or string(file, "diff"), path)
        if found:
            return found
    shown = string(metadata, "diff") or string(table(metadata, "filediff"), "patch")
    if shown:
        return unified(shown)
    if metadata.get("exists") is False and type(given) is dict:
        return whole(string(given, "content"))
    return []
