"""Cursor's tools: kinds, and what a result says. For cursor*.py only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from store.decode import clean, dump
from store.events import At, Event, Hunk, Status, ToolUpdated
from store.formats.calls import mcp_title, patched, started, text_of
from store.formats.values import count, micros, string, table

KINDS: Final[Mapping[str, str]] = {
    "Shell": "tool.shell", "Bash": "tool.shell", "run_terminal_cmd": "tool.shell", "shell": "tool.shell",
    "Await": "tool.shell", "writeShellStdin": "tool.shell",
    "Edit": "tool.edit", "Write": "tool.edit", "StrReplace": "tool.edit", "ApplyPatch": "tool.edit",
    "Delete": "tool.edit", "EditNotebook": "tool.edit", "MultiEdit": "tool.edit", "edit": "tool.edit",
    "write": "tool.edit", "delete": "tool.edit", "edit_file": "tool.edit", "search_replace": "tool.edit",
    "delete_file": "tool.edit", "multiStrReplace": "tool.edit", "edit_notebook": "tool.edit",
    "Read": "tool.read", "read": "tool.read", "read_file": "tool.read", "ReadLints": "tool.read",
    "read_lints": "tool.read", "readLints": "tool.read",
    "Grep": "tool.search", "Glob": "tool.search", "LS": "tool.search", "SemanticSearch": "tool.search",
    "grep": "tool.search", "glob": "tool.search", "ls": "tool.search", "list": "tool.search",
    "semSearch": "tool.search", "codebase_search": "tool.search", "list_dir": "tool.search",
    "glob_file_search": "tool.search", "file_search": "tool.search", "grep_search": "tool.search",
    "WebSearch": "tool.web", "WebFetch": "tool.web", "web_search": "tool.web", "webSearch": "tool.web",
    "webFetch": "tool.web", "fetch": "tool.web",
    "Task": "tool.agent", "Agent": "tool.agent", "Subagent": "tool.agent", "task": "tool.agent",
    "TodoWrite": "tool.todo", "updateTodos": "tool.todo", "readTodos": "tool.todo", "todo_write": "tool.todo",
    "CallMcpTool": "tool.mcp", "mcp": "tool.mcp", "FetchMcpResource": "tool.mcp", "listMcpResources": "tool.mcp",
    "readMcpResource": "tool.mcp", "call_mcp_tool": "tool.mcp",
}  # fmt: skip

_ENDS: Final[Mapping[str, Status]] = {
    "success": "ok", "failure": "failed", "error": "failed", "timeout": "failed", "spawnError": "failed",
    "permissionDenied": "failed", "fileNotFound": "failed", "rejected": "cancelled", "aborted": "cancelled",
    "cancelled": "cancelled",
}  # fmt: skip
_TEXT: Final = (
    "content", "output", "interleavedOutput", "stdout", "stderr", "message", "errorMessage", "error", "reason",
    "markdown", "text",
)  # fmt: skip


def kind_of(name: str) -> str:
    """The dotted kind of a tool."""
    return KINDS.get(name) or ("tool.mcp" if name.startswith(("mcp__", "mcp_")) else "tool")


def call(item: str, name: str, given: Any, at: At, said: str = "") -> list[Event]:
    """A call."""
    title = mcp_title(name)
    if kind_of(name) == "tool.mcp" and type(given) is dict and not title:
        server, tool = string(given, "providerIdentifier") or string(given, "server"), string(given, "toolName")
        title = " · ".join(part for part in (server, tool or string(given, "name")) if part)
    if kind_of(name) == "tool.agent" and type(given) is dict:
        title = string(given, "description")
    return started(item, name, kind_of(name), given, at, said, title=title)


def named(told: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A streamed call's name and what is told of it: `{"readToolCall": {…}}` or `{"function": {…}}`."""
    for key, value in told.items():
        if key.endswith("ToolCall") and type(value) is dict:
            return clean(key.removesuffix("ToolCall")), value
    made = table(told, "function")
    return string(made, "name"), {"args": made.get("arguments"), "result": made.get("result")}


def result(item: str, told: Any, at: At) -> Event:
    """The end of a streamed call: one key says how it went, and its value what came of it."""
    if type(told) is not dict:
        return ToolUpdated(at, item, "ok", text_of(told)[0])
    status: Status = "ok"
    body: Any = told
    for key, end in _ENDS.items():
        if key in told:
            status, body = end, told[key]
            break
    if type(body) is not dict:
        return ToolUpdated(at, item, status, text_of(body)[0])
    code = count(body.get("exitCode"))
    if code and status == "ok":
        status = "failed"
    parts = [text for key in _TEXT if key not in ("stdout", "stderr") and (text := _text(body, key))]
    streams = [text for key in ("stdout", "stderr") if (text := _text(body, key))]
    output = parts[0] if parts else "\n".join(streams)
    hunks: tuple[Hunk, ...] = patched(string(body, "diffString") or string(body, "diff"))
    if not output and not hunks and body:
        output = clean(dump(body))
    took = micros(body.get("executionTime")) if "executionTime" in body else None
    return ToolUpdated(at, item, status, output, False, None, None, code, hunks or None, None, took)


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if type(value) is str:
        return clean(value)
    return text_of(value)[0] if type(value) is list and key == "content" else ""
