"""Kimi's tools: kinds, titles, and what a result says. For kimi*.py only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from store.events import At, Event, Hunk, PlanSet, Status, ToolUpdated
from store.formats.calls import exit_code_of, given_of, mcp_title, plan_of, started, text_of
from store.formats.diffs import DIFF_LINES
from store.formats.values import string

KINDS: Final[Mapping[str, str]] = {
    "Bash": "tool.shell", "Shell": "tool.shell", "CMD": "tool.shell", "TaskOutput": "tool.shell",
    "TaskStop": "tool.shell", "TaskList": "tool.shell", "Monitor": "tool.shell",
    "Write": "tool.edit", "Edit": "tool.edit", "WriteFile": "tool.edit", "StrReplaceFile": "tool.edit",
    "PatchFile": "tool.edit",
    "Read": "tool.read", "ReadFile": "tool.read", "ReadMediaFile": "tool.read",
    "Grep": "tool.search", "Glob": "tool.search",
    "WebSearch": "tool.web", "SearchWeb": "tool.web", "FetchURL": "tool.web",
    "Agent": "tool.agent", "AgentSwarm": "tool.agent", "Task": "tool.agent", "CreateSubagent": "tool.agent",
    "TodoList": "tool.todo", "SetTodoList": "tool.todo",
}  # fmt: skip

_AGENT: Final = re.compile(r"\Aagent_id: ([\w.-]{1,120})$", re.MULTILINE)
_REFUSED: Final = ("The tool call is rejected", "User rejected", "Tool execution was interrupted", "[Interrupted")


def kind_of(name: str) -> str:
    """The dotted kind of a tool."""
    return KINDS.get(name) or ("tool.mcp" if name.startswith("mcp__") else "tool")


def call(item: str, name: str, arguments: Any, at: At, said: str = "") -> list[Event]:
    """A call. `said` is what the program says of it."""
    kind, title = kind_of(name), mcp_title(name)
    if kind == "tool.agent":
        given = given_of(arguments)
        title = string(given, "description") if type(given) is dict else ""
    return started(item, name, kind, arguments, at, said, title=title)


def result(told: dict[str, Any], item: str, kind: str, at: At) -> list[Event]:
    """The end of a call of that kind, and the plan that it set."""
    output, images = text_of(told.get("output"))
    failed = (told.get("isError") if "isError" in told else told.get("is_error")) is True
    said = string(told, "message") or string(told, "note")
    if said and (failed or not output) and said not in output:
        output = f"{output.rstrip()}\n{said}".lstrip("\n")
    status: Status = "failed" if failed else "ok"
    if failed and output.startswith(_REFUSED):
        status = "cancelled"
    code = exit_code_of(output) if kind == "tool.shell" else None
    child = _AGENT.match(output) if kind == "tool.agent" else None
    hunks: list[Hunk] = []
    plan: tuple[tuple[str, str], ...] = ()
    blocks = told.get("display")
    for block in blocks if type(blocks) is list else ():
        if type(block) is not dict:
            continue
        if block.get("type") == "diff":
            hunks.append(_diff(block))
        elif block.get("type") == "todo":
            plan = plan_of(block)
    events: list[Event] = [
        ToolUpdated(
            at, item, status, output, False, None, None, code, tuple(hunks) or None, child[1] if child else None, None,
            images,
        )
    ]  # fmt: skip
    return [*events, planned(at, plan)] if plan else events


def planned(at: At, entries: tuple[tuple[str, str], ...]) -> Event:
    """The plan of whoever keeps it: there is one."""
    return PlanSet(at, f"{at.agent}#plan", entries)


def _diff(block: dict[str, Any]) -> Hunk:
    old, new = string(block, "old_text"), string(block, "new_text")
    lines = [f"-{line}" for line in old.split("\n")] if old else []
    lines += [f"+{line}" for line in new.split("\n")] if new else []
    return Hunk(0, 0, tuple(lines[:DIFF_LINES]), string(block, "path"))
