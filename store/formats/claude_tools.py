"""Claude's tool calls: what a call is called, what its result says, and the diff of an edit. For claude_*.py only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from store.decode import clean, dump
from store.events import At, Event, Hunk, Status, ToolStarted, ToolUpdated
from store.formats.values import count, micros, one_line, plural, string, table, texts

KINDS: Final[Mapping[str, str]] = {
    "Bash": "tool.shell", "BashOutput": "tool.shell", "KillShell": "tool.shell", "KillBash": "tool.shell",
    "Monitor": "tool.shell", "PowerShell": "tool.shell",
    "Edit": "tool.edit", "MultiEdit": "tool.edit", "Write": "tool.edit", "NotebookEdit": "tool.edit",
    "Read": "tool.read", "NotebookRead": "tool.read",
    "Grep": "tool.search", "Glob": "tool.search", "LS": "tool.search", "ToolSearch": "tool.search",
    "LSP": "tool.search",
    "WebFetch": "tool.web", "WebSearch": "tool.web", "web_search": "tool.web", "web_fetch": "tool.web",
    "Task": "tool.agent", "Agent": "tool.agent", "Workflow": "tool.agent", "SendMessage": "tool.agent",
    "TodoWrite": "tool.todo", "TodoRead": "tool.todo", "TaskCreate": "tool.todo", "TaskUpdate": "tool.todo",
    "TaskList": "tool.todo", "TaskGet": "tool.todo",
}  # fmt: skip

# In this order the first one that a call has is its title.
_TELLING: Final = (
    "command", "file_path", "notebook_path", "path", "pattern", "url", "query", "description", "subject", "skill",
    "prompt", "name", "title", "task_id", "taskId", "shell_id", "bash_id", "message",
)  # fmt: skip
_OWN_WORDS: Final = frozenset(
    {"Read", "Grep", "Task", "Agent", "TodoWrite", "TaskUpdate", "AskUserQuestion", "ExitPlanMode"}
)
_CANCELLED: Final = (
    "User rejected", "[Request interrupted", "Sibling tool call errored", "Cancelled:", "<tool_use_error>Cancelled",
    "<tool_use_error>Sibling", "The user doesn't want to proceed", "The user doesn't want to take this action",
    "[Tool call interrupted",
)  # fmt: skip
_FAILED: Final = ("Error", "InputValidationError")
_PERSISTED: Final = "<persisted-output>"
_SAVED: Final = re.compile(r"saved to: ([^\n]+)")
_BESIDE: Final = re.compile(r"[/\\]tool-results[/\\]([\w-][\w.-]*)\s*\Z", re.ASCII)
_WORKFLOW: Final = re.compile(r"wf_[\w-]{1,80}", re.ASCII)
_EXIT: Final = re.compile(r"(?:Error: )?Exit code (-?\d{1,9})\b")
_DURATIONS: Final = (("totalDurationMs", 1_000), ("durationMs", 1_000), ("durationSeconds", 1_000_000))
_TIMED: Final = frozenset(key for key, _ in _DURATIONS)
DIFF_LINES: Final = 20_000  # lines of a diff that are kept; a longer one is a generated file


def kind_of(name: str) -> str:
    """The dotted kind of a tool."""
    return KINDS.get(name) or ("tool.mcp" if name.startswith("mcp__") else "tool")


def title_of(name: str, given: dict[str, Any]) -> str:
    """A call in one line: the command, the path, the pattern, …"""
    if name not in _OWN_WORDS:
        return _told(name, given)
    if name == "Read" and (given.get("offset") or given.get("limit")):
        first = count(given.get("offset")) or 1
        size = count(given.get("limit"))
        return one_line(f"{string(given, 'file_path')}:{first}{f'-{first + size - 1}' if size else ''}")
    if name == "Grep":
        where = string(given, "path") or string(given, "glob")
        return one_line(string(given, "pattern") + (f" in {where}" if where else ""))
    if name in ("Task", "Agent"):
        title = string(given, "description") or string(given, "prompt")
        who = string(given, "subagent_type")
        return one_line(f"{title} ({who})" if who and title else title or who)
    if name == "TodoWrite":
        said = given.get("todos")
        todos = [todo for todo in said if type(todo) is dict] if type(said) is list else []
        done = sum(todo.get("status") == "completed" for todo in todos)
        now = next((string(todo, "activeForm") for todo in todos if todo.get("status") == "in_progress"), "")
        return one_line(f"{done} of {len(todos)} done{f': {now}' if now else ''}") if todos else ""
    if name == "TaskUpdate":
        return one_line(f"#{given.get('taskId')} {string(given, 'status') or string(given, 'subject')}")
    if name == "AskUserQuestion":
        questions = given.get("questions")
        first_one = questions[0] if type(questions) is list and questions and type(questions[0]) is dict else {}
        return one_line(string(first_one, "question"))
    if name == "ExitPlanMode":
        return one_line(string(given, "plan").lstrip("# "))
    return _told(name, given)


def _told(name: str, given: dict[str, Any]) -> str:
    """The first telling value."""
    title = ""
    for key in _TELLING:
        value = given.get(key)
        if type(value) is str and value:
            title = clean(value)
            break
    if name.startswith("mcp__"):
        server, _, tool = name[5:].partition("__")
        return one_line(f"{server} · {tool}" + (f": {title}" if title else ""))
    return one_line(title)


def started(block: dict[str, Any], at: At) -> list[Event]:
    """A complete call."""
    item = string(block, "id") or f"@{at.file}:{at.offset}"
    name = string(block, "name")
    given = block.get("input")
    title = title_of(name, given) if type(given) is dict else ""
    kind = kind_of(name)
    events: list[Event] = [ToolStarted(at, item, name, kind, title, clean(dump(given)) if given is not None else "")]
    if kind == "tool.edit" and type(given) is dict:
        hunks = proposed(name, given)
        if hunks:
            events.append(ToolUpdated(at, item, hunks=hunks))
    return events


def result(block: dict[str, Any], details: Any, record: dict[str, Any], at: At) -> ToolUpdated:
    """The result of a call: the block that the model sees, and what the record tells besides."""
    content = block.get("content")
    if type(content) is str:
        output, images = clean(content), 0
    else:
        output, images = texts(content)
        if content is not None and type(content) is not list:
            output = clean(dump(content))
    said = details if type(details) is str else ""
    more: dict[str, Any] = details if type(details) is dict else {}
    error = block.get("is_error")
    failed = error is True
    status: Status = "failed" if failed else "ok"
    denial = record.get("toolDenialKind")
    if (
        (denial is not None and denial in ("interrupted", "cancelled", "user-rejected"))
        or more.get("interrupted") is True
        or (said and said.startswith(_CANCELLED))
        or (failed and output.startswith(_CANCELLED))
    ):
        status = "cancelled"
    elif denial is not None or (said and error is not False and said.startswith(_FAILED)):
        status = "failed"
    exit_code = count(more["exitCode"]) if "exitCode" in more else None
    if output.startswith("<tool_use_error>"):
        output = output[16:].removesuffix("</tool_use_error>")
    rest = None
    if output.startswith(_PERSISTED) or "runId" in more:
        output, rest = _persisted(output, more)
    if exit_code is None and status == "failed":
        match = _EXIT.match(output) or _EXIT.match(said)
        exit_code = int(match[1]) if match else None
    if not output and more:
        output = "\n".join(part for part in (string(more, "stdout"), string(more, "stderr")) if part)
    if more.get("isAsync") is True or more.get("status") in ("async_launched", "remote_launched"):
        status = "running"  # it tells its end in a notification
    duration = None
    if not _TIMED.isdisjoint(more):
        for key, unit in _DURATIONS:
            if duration is None and key in more:
                duration = micros(more[key], unit)
    item = string(block, "tool_use_id") or f"@{at.file}:{at.offset}"
    child = string(more, "agentId") or None
    # By place, in the order of the fields: twice as fast as by name.
    return ToolUpdated(
        at, item, status, output, False, None, None, exit_code, patched(more) if more else None, child, duration,
        images, None, rest,
    )  # fmt: skip


def _persisted(output: str, more: dict[str, Any]) -> tuple[str, str | None]:
    """The output without its tags, and the file beside the session that has all of it. Its path is another machine's
    as often as not: only what it ends with is believed."""
    if not output.startswith(_PERSISTED):
        run = string(more, "runId")
        return output, f"workflows/{run}.json" if _WORKFLOW.fullmatch(run) else None
    told = _SAVED.search(output, 0, 4096)
    found = _BESIDE.search(string(more, "persistedOutputPath") or (told[1] if told else ""))
    output = output[len(_PERSISTED) :].strip("\n").removesuffix("</persisted-output>").rstrip("\n")
    return output, f"tool-results/{found[1]}" if found else None


# ---- diffs


def patched(details: dict[str, Any]) -> tuple[Hunk, ...] | None:
    """The diff that a result tells; None when it tells none."""
    patch = details.get("structuredPatch")
    if type(patch) is not list:
        return None
    hunks: list[Hunk] = []
    room = DIFF_LINES
    for part in patch:
        lines = part.get("lines") if type(part) is dict else None
        if type(lines) is not list or room <= 0:
            continue
        kept = [line for line in lines[:room] if type(line) is str]
        if "\0" in "".join(kept):
            kept = [clean(line) for line in kept]
        room -= len(kept)
        hunks.append(Hunk(count(part.get("oldStart")) or 0, count(part.get("newStart")) or 0, tuple(kept)))
    if not hunks and details.get("type") == "create":
        return _added(string(details, "content"))
    return tuple(hunks) or None


def proposed(name: str, given: dict[str, Any]) -> tuple[Hunk, ...]:
    """The diff that a call asks for, before it is known where it falls."""
    if name == "Write":
        return _added(string(given, "content"))
    if name == "NotebookEdit":
        return _added(string(given, "new_source"))
    edits = given.get("edits") if name == "MultiEdit" else [given]
    hunks: list[Hunk] = []
    for edit in edits if type(edits) is list else ():
        if type(edit) is dict:
            old, new = string(edit, "old_string"), string(edit, "new_string")
            lines = [f"-{line}" for line in old.split("\n")] if old else []
            lines += [f"+{line}" for line in new.split("\n")] if new else []
            if lines:
                hunks.append(Hunk(0, 0, tuple(lines[:DIFF_LINES])))
    return tuple(hunks)


def _added(text: str) -> tuple[Hunk, ...]:
    if not text:
        return ()
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return (Hunk(0, 1, tuple(f"+{line}" for line in lines[:DIFF_LINES])),)


def denials(value: Any) -> str:
    """The tools that a result says were denied."""
    names = [string(entry, "tool_name") for entry in value if type(entry) is dict] if type(value) is list else []
    return f"{plural(len(names), 'tool call')} denied: {', '.join(names)}" if names else ""


def questions_of(request: dict[str, Any]) -> str:
    """What a permission question is about, in one line."""
    name = string(request, "tool_name")
    title = string(request, "title") or title_of(name, table(request, "input"))
    return one_line(f"{name}: {title}" if title else name)
