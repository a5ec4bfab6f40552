"""Codex's tool calls: what a call is called, what its result says, the diffs of its patches. For codex*.py only."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson

from store.decode import clean, dump
from store.events import Hunk, Status
from store.formats.diffs import DIFF_LINES, unified, whole
from store.formats.values import count, micros, number, one_line, string, table

KINDS: Final[Mapping[str, str]] = {
    "exec_command": "tool.shell", "shell": "tool.shell", "shell_command": "tool.shell", "local_shell": "tool.shell",
    "container.exec": "tool.shell", "unified_exec": "tool.shell", "write_stdin": "tool.shell", "wait": "tool.shell",
    "exec": "tool.shell", "functions.exec": "tool.shell",
    "apply_patch": "tool.edit", "Edit": "tool.edit",
    "view_image": "tool.read", "read_file": "tool.read",
    "list_dir": "tool.search", "grep_files": "tool.search", "tool_search": "tool.search",
    "list_mcp_resources": "tool.mcp", "list_mcp_resource_templates": "tool.mcp", "read_mcp_resource": "tool.mcp",
    "web_search": "tool.web",
    "update_plan": "tool.todo",
    "spawn_agent": "tool.agent", "send_input": "tool.agent", "send_message": "tool.agent", "wait_agent": "tool.agent",
    "close_agent": "tool.agent", "list_agents": "tool.agent", "followup_task": "tool.agent",
    "resume_agent": "tool.agent",
}  # fmt: skip

# In this order the first one that a call has is its title.
_TELLING: Final = (
    "cmd", "command", "path", "file_path", "query", "pattern", "url", "task_name", "message", "prompt", "target",
    "ref_id", "name", "title",
)  # fmt: skip
_SHELLS: Final = frozenset({"bash", "sh", "zsh", "fish", "powershell", "pwsh", "cmd"})
_HEAD: Final = re.compile(
    r"(?:Chunk ID: [^\n]*\n)?(?:Exit code: (?P<code>-?\d{1,9})\n)?(?:Script [^\n]*\n)?"
    r"(?:Wall time:? (?P<wall>[\d.]{1,20}) seconds?\n)?(?:Process exited with code (?P<exit>-?\d{1,9})\n)?"
    r"(?:Process running with session ID (?P<session>\d{1,18})\n)?(?:Original token count: \d+\n)?"
    r"(?:Total output lines: \d+\n)?(?:Output:\n?)?"
)
_STATUS: Final[Mapping[str, Status]] = {
    "completed": "ok", "success": "ok", "ok": "ok", "failed": "failed", "error": "failed", "declined": "cancelled",
    "cancelled": "cancelled", "in_progress": "running", "running": "running",
}  # fmt: skip


class Result(NamedTuple):
    """What the text of a result says."""

    text: str
    status: Status | None  # None: it does not say
    exit_code: int | None
    duration_us: int | None
    session: str  # of the process that goes on, as `write_stdin` names it
    images: int


def kind_of(name: str, namespace: str = "") -> str:
    """The dotted kind of a tool."""
    return KINDS.get(name) or ("tool.mcp" if name.startswith("mcp__") or namespace.startswith("mcp__") else "tool")


def status_of(said: str) -> Status | None:
    return _STATUS.get(said)


def given_of(arguments: Any) -> Any:
    """A call's arguments, which are mostly JSON as text."""
    if type(arguments) is not str:
        return arguments
    try:
        return orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments


def title_of(name: str, given: Any) -> str:
    """A call in one line: the command, the path, the plan's step, …"""
    if name == "apply_patch":
        return one_line(", ".join(paths_of(_patch_text(given))))
    if type(given) is str:
        return one_line(given)
    if type(given) is not dict:
        return ""
    if name == "update_plan":
        steps = [step for step in _list(given.get("plan")) if type(step) is dict]
        done = sum(step.get("status") == "completed" for step in steps)
        now = next((string(step, "step") for step in steps if step.get("status") == "in_progress"), "")
        return one_line(f"{done} of {len(steps)} done{f': {now}' if now else ''}") if steps else ""
    if name == "write_stdin":
        typed = string(given, "chars")
        return one_line(
            f"to process {given.get('session_id')}: {typed!r}" if typed else f"process {given.get('session_id')}"
        )
    for key in _TELLING:
        value = given.get(key)
        if type(value) is str and value:
            return _named(name, one_line(clean(value)))
        if type(value) is list and value and key in ("cmd", "command"):
            return one_line(command_line(value))
    return _named(name, "")


def _named(name: str, title: str) -> str:
    if not name.startswith("mcp__"):
        return title
    server, _, tool = name[5:].partition("__")
    return one_line(f"{server} · {tool}" + (f": {title}" if title else ""))


def command_line(words: Any) -> str:
    """A command as somebody would type it: what a shell was told to run, without the shell."""
    if type(words) is str:
        return clean(words)
    parts = [word for word in _list(words) if type(word) is str]
    if len(parts) == 3 and parts[0].rpartition("/")[2] in _SHELLS and parts[1] in ("-lc", "-c", "-Command", "/c"):
        return clean(parts[2])
    return clean(shlex.join(parts))


def result_of(output: Any) -> Result:
    """What an output says, in whichever of its forms; the head that the program puts before it is taken off."""
    images = 0
    failed: Status | None = None
    if type(output) is list:
        parts: list[str] = []
        for part in output:
            if type(part) is dict:
                images += part.get("type") in ("input_image", "image")
                parts.append(string(part, "text"))
            elif type(part) is str:
                parts.append(clean(part))
        text = "".join(part if part.endswith("\n") else f"{part}\n" for part in parts if part).removesuffix("\n")
    elif type(output) is dict:
        text = string(output, "content") or string(output, "output")
        success = output.get("success")
        failed = None if type(success) is not bool else "ok" if success else "failed"
    else:
        text = clean(output) if type(output) is str else "" if output is None else clean(dump(output))
    exit_code = duration = None
    if text.startswith('{"') and '"metadata"' in text:
        told = given_of(text)
        if type(told) is dict and type(told.get("output")) is str:
            facts = table(told, "metadata")
            exit_code, duration = count(facts.get("exit_code")), micros(facts.get("duration_seconds"), 1_000_000)
            text = string(told, "output")
    session = ""
    head = _HEAD.match(text)
    if head is not None and head.end():
        code, session = head["code"] or head["exit"], head["session"] or ""
        exit_code = int(code) if code else exit_code
        duration = micros(float(head["wall"]), 1_000_000) if _is_number(head["wall"]) else duration
        text = text[head.end() :]
    status = failed
    if exit_code is not None:
        status = "ok" if exit_code == 0 else "failed"
    elif session:
        status = "running"
    return Result(text, status, exit_code, duration, session, images)


def duration_of(data: dict[str, Any], key: str = "duration") -> int | None:
    """A duration as {"secs", "nanos"}, in microseconds."""
    told = data.get(key)
    if type(told) is not dict:
        return None
    seconds, nanos = number(told.get("secs")), number(told.get("nanos"))
    if seconds is None or not 0 <= seconds < 1e9:
        return None
    return int(seconds * 1_000_000) + int((nanos or 0) / 1000)


# ---- patches


def _patch_text(given: Any) -> str:
    if type(given) is dict:
        given = given.get("input") or given.get("patch") or given.get("command")
    if type(given) is list:
        given = next((word for word in given if type(word) is str and "*** Begin Patch" in word), "")
    return given if type(given) is str else ""


def paths_of(patch: str) -> list[str]:
    """The files that a patch touches."""
    found = re.findall(r"^\*\*\* (?:Add|Update|Delete) File: (.{1,1000})$", patch, re.MULTILINE)
    return [clean(path.strip()) for path in found]


def proposed(given: Any) -> tuple[Hunk, ...]:
    """The diff that a patch asks for, before it is known where it falls."""
    hunks: list[Hunk] = []
    path = ""
    lines: list[str] = []
    room = DIFF_LINES

    def close() -> None:
        nonlocal lines
        if lines:
            hunks.append(Hunk(0, 0, tuple(lines), path))
        lines = []

    for line in clean(_patch_text(given)).split("\n"):
        if line.startswith("*** "):
            close()
            word, _, rest = line[4:].partition(" File: ")
            if word in ("Add", "Update", "Delete"):
                path = rest.strip()
        elif line.startswith("@@"):
            close()
        elif line[:1] in ("+", "-", " ") and path and room > 0:
            lines.append(line)
            room -= 1
    close()
    return tuple(hunks)


def changed(changes: Any) -> tuple[Hunk, ...] | None:
    """The diffs of `changes`: path → what was done to it. None when nothing is told."""
    hunks: list[Hunk] = []
    room = DIFF_LINES
    for path, change in changes.items() if type(changes) is dict else ():
        if type(change) is not dict or room <= 0:
            continue
        name = clean(path)
        moved = string(change, "move_path")
        if moved:
            name = f"{name} → {moved}"
        diff, kind = string(change, "unified_diff"), change.get("type")
        found = (
            unified(diff, name, room)
            if diff
            else whole(string(change, "content"), "-" if kind == "delete" else "+", name, room)
        )
        room -= sum(len(hunk.lines) for hunk in found)
        hunks += found
    return tuple(hunks) or None


def _list(value: Any) -> list[Any]:
    return value if type(value) is list else []


def _is_number(text: str | None) -> bool:
    return bool(text) and number(given_of(text)) is not None
