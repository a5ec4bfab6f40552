"""Copilot CLI's tools: kinds, and what a result says. For copilot*.py only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from store.decode import clean
from store.events import At, Event, Status, ToolUpdated
from store.formats.calls import exit_code_of, patched, started, text_of
from store.formats.values import micros, string, table

KINDS: Final[Mapping[str, str]] = {
    "bash": "tool.shell", "shell": "tool.shell", "powershell": "tool.shell", "write_bash": "tool.shell",
    "read_bash": "tool.shell", "stop_bash": "tool.shell", "list_bash": "tool.shell",
    "write_powershell": "tool.shell", "read_powershell": "tool.shell", "stop_powershell": "tool.shell",
    "list_powershell": "tool.shell",
    "edit": "tool.edit", "create": "tool.edit", "str_replace_editor": "tool.edit", "str_replace": "tool.edit",
    "insert": "tool.edit", "apply_patch": "tool.edit", "write": "tool.edit",
    "view": "tool.read", "read": "tool.read", "show_file": "tool.read",
    "grep": "tool.search", "rg": "tool.search", "glob": "tool.search", "ls": "tool.search", "lsp": "tool.search",
    "tool_search_tool_regex": "tool.search", "session_store_sql": "tool.search",
    "web_fetch": "tool.web", "web_search": "tool.web",
    "task": "tool.agent", "read_agent": "tool.agent", "list_agents": "tool.agent", "write_agent": "tool.agent",
    "search_code_subagent": "tool.agent",
    "update_todo": "tool.todo", "TodoWrite": "tool.todo",
}  # fmt: skip

_REFUSED: Final = frozenset({"rejected", "denied", "cancelled", "canceled", "aborted", "interrupted"})


def call(data: dict[str, Any], item: str, at: At, status: Status) -> list[Event]:
    """A call, as it is asked for or as it begins."""
    name = string(data, "toolName") or string(data, "name")
    server = string(data, "mcpServerName")
    kind = KINDS.get(name) or ("tool.mcp" if server else "tool")
    said = string(data, "intentionSummary") or string(data, "toolTitle")
    title = f"{server} · {string(data, 'mcpToolName') or name}" + (f": {said}" if said else "") if server else ""
    if name == "str_replace_editor":  # its `command` says what to do, its path tells
        given = table(data, "arguments")
        title, kind = string(given, "path"), "tool.read" if given.get("command") == "view" else kind
    return started(item, name, kind, data.get("arguments"), at, said, status, title)


def result(data: dict[str, Any], item: str, shell: bool, at: At) -> Event:
    """The end of a call. `shell`: its text may end with an exit code."""
    told, failure = table(data, "result"), table(data, "error")
    output, images = text_of(told.get("content"))
    contents = told.get("contents")
    if type(contents) is list:
        images += text_of(contents)[1]
    if type(data.get("error")) is str:
        output = output or string(data, "error")
    output = output or string(failure, "message") or string(told, "detailedContent")
    success = data.get("success")
    status: Status = "failed" if success is False or data.get("error") else "ok"
    if string(failure, "code").lower() in _REFUSED:
        status = "cancelled"
    code = exit_code_of(output) if shell else None
    if code and status == "ok":
        status = "failed"
    telemetry = table(table(data, "toolTelemetry"), "metrics")
    took = micros(telemetry.get("durationMs")) if "durationMs" in telemetry else None
    hunks = patched(clean(string(told, "detailedContent"))) or None
    return ToolUpdated(at, item, status, output, False, None, None, code, hunks, None, took, images)
