"""What `codex exec --json` prints, and what `codex app-server` says: threads, turns and items. Found by folder.

Rests on recordings of 0.169, published logs of real runs, fixtures of other readers, and Codex's published source; of
the server on its published schema and fixtures of another reader: no log of a real one was at hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from store.decode import clean, dump, unreadable
from store.events import (
    AdapterSeen,
    At,
    Event,
    MessageDone,
    NoticeAdded,
    PlanSet,
    SessionNamed,
    Status,
    ThoughtDone,
    Tokens,
    ToolStarted,
    ToolUpdated,
    TurnEnded,
)  # fmt: skip
from store.formats.base import Format, Record
from store.formats.codex_app import HIDDEN as APP_HIDDEN
from store.formats.codex_app import App
from store.formats.codex_items import place
from store.formats.codex_sniff import stream
from store.formats.codex_tools import KINDS, command_line, result_of, status_of, title_of
from store.formats.codex_usage import tokens_of
from store.formats.values import count, moment, one_line, string, table

HIDDEN: Final[Mapping[str, str]] = {
    "turn.started": "a turn begins with its first item", "session.created": "part of the transport",
    "item.delta": "an intermediate state; the end follows", **APP_HIDDEN,
}  # fmt: skip


class Reader:
    """One per stream. Ids of items are unique within a run only; after `thread.started` they begin anew."""

    def __init__(self) -> None:
        self._run = ""
        self._error = ("", "")  # the last one: its text and its row
        self._app: App | None = None

    def events(self, record: Record) -> Sequence[Event]:
        data, base = record.data, record.at
        if type(data) is not dict:
            return (unreadable(record, type(data).__name__, "not an object"),)
        stamp = data.get("timestamp")
        at = At(None if stamp is None else moment(stamp), base.file, base.offset, base.length, base.agent, base.parent)
        kind = string(data, "type")
        out: list[Event] = []
        if not kind:
            self._app = self._app or App()
            strange = self._app.events(data, at, out, self._item)
            return (unreadable(record, strange, "unknown type", at),) if strange else out
        if kind in ("thread.started", "thread.resumed"):
            self._run = f"{base.file}:{base.offset}/"
            out.append(SessionNamed(at, string(data, "thread_id")))
            out.append(AdapterSeen(at, "codex_exec"))
        elif kind in ("item.started", "item.updated", "item.completed", "item.created"):
            item = table(data, "item")
            if not item and "item_type" in data:  # as 0.77 said it
                item = {**data, "type": data["item_type"], "id": data.get("item_id")}
            if not self._item(item, kind == "item.completed", at, out):
                label = string(item, "type") or string(item, "item_type") or "no type"
                return (unreadable(record, f"{kind}/{label}", "unknown type", at),)
        elif kind == "turn.completed":
            out.append(TurnEnded(at, used=_used(table(data, "usage"))))
        elif kind == "turn.failed":
            told = string(table(data, "error"), "message") or string(data, "message") or "The turn failed."
            # The same words came before as an error: that row becomes the end.
            out.append(_notice(at, "result", told, "error", self._error[1] if told == self._error[0] else ""))
            out.append(TurnEnded(at, "error", used=_used(table(data, "usage"))))
        elif kind == "error":
            text = string(data, "message") or string(table(data, "error"), "message")
            self._error = (text, place(at))
            out.append(_notice(at, "api_error", text, "warning" if text.startswith("Reconnecting") else "error"))
        elif kind not in HIDDEN:
            return (unreadable(record, kind or "no type", "unknown type", at),)
        return out

    def _item(self, item: dict[str, Any], done: bool, at: At, out: list[Event]) -> bool:
        kind = string(item, "type") or string(item, "item_type")
        own = self._run + (string(item, "id") or place(at))
        text = string(item, "text")
        if not text and "content" in item:  # as older versions said it
            text = string(item, "content") or string(table(item, "content"), "text")
        match kind:
            case "agent_message" | "assistant_message":
                out.append(MessageDone(at, own, text))
            case "reasoning":
                out.append(ThoughtDone(at, own, text, hidden=not text))
            case "plan":
                out.append(MessageDone(at, own, text))
            case "todo_list":
                out.append(PlanSet(at, own, _steps(item)))
            case "error":
                out.append(_notice(at, "api_error", string(item, "message"), "warning"))
            case "command_execution" | "file_change" | "mcp_tool_call" | "collab_tool_call" | "web_search":
                self._call(kind, item, own, done, at, out)
            case _:
                return False
        return True

    def _call(self, kind: str, item: dict[str, Any], own: str, done: bool, at: At, out: list[Event]) -> None:
        status: Status = status_of(string(item, "status")) or ("ok" if done else "running")
        output, images, code = "", 0, None
        if kind == "command_execution":
            given = item.get("command") or table(item, "input").get("command")
            name, dotted, title = "exec_command", "tool.shell", command_line(_unquoted(given))
            output = string(item, "aggregated_output") or string(item, "output")
            code, told = count(item.get("exit_code")), ""
        elif kind == "file_change":
            name, dotted, told = "apply_patch", "tool.edit", clean(dump(item.get("changes")))
            title = _changes(item)
        elif kind == "web_search":
            name, dotted, title = "web_search", "tool.web", string(item, "query")
            told = clean(dump(item["action"])) if item.get("action") is not None else ""
        elif kind == "collab_tool_call":
            name, dotted, title = string(item, "tool") or "agent", "tool.agent", string(item, "prompt")
            told = ""
        else:
            server, tool = string(item, "server"), string(item, "tool")
            name, dotted, given = f"mcp__{server}__{tool}", "tool.mcp", item.get("arguments")
            title, told = title_of(name, given) or f"{server} · {tool}", "" if given is None else clean(dump(given))
            answer = item.get("result")
            result = result_of(answer.get("content") if type(answer) is dict else answer)
            failure = item.get("error")
            output, images = result.text, result.images
            if failure is not None:
                status, output = "failed", string(failure, "message") if type(failure) is dict else clean(str(failure))
        out.append(ToolStarted(at, own, name, dotted, one_line(title or string(item, "content")), told))
        if done or output or status != "running":
            out.append(ToolUpdated(at, own, status, output, False, None, None, code, None, None, None, images))


def _unquoted(command: Any) -> Any:
    """`/bin/bash -lc 'ls'` as its words, where it is that simple."""
    if type(command) is str and "-lc " in command[:40]:
        shell, _, rest = command.partition(" -lc ")
        if len(rest) > 1 and rest[0] == rest[-1] and rest[0] in "'\"" and rest[0] not in rest[1:-1]:
            return [shell, "-lc", rest[1:-1]]
    return command


def _changes(item: dict[str, Any]) -> str:
    changes = item.get("changes")
    return (
        ", ".join(string(change, "path") for change in changes if type(change) is dict) if type(changes) is list else ""
    )


def _steps(item: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    told = item.get("items")
    steps = [step for step in told if type(step) is dict] if type(told) is list else []
    return tuple((string(step, "text"), "completed" if step.get("completed") is True else "pending") for step in steps)


def _used(usage: dict[str, Any]) -> tuple[Tokens, ...]:
    return (tokens_of(usage, ""),) if usage else ()


def _notice(at: At, kind: str, text: str, level: str, item: str = "") -> Event:
    return NoticeAdded(at, item or place(at), kind, one_line(text, 1000), level)  # type: ignore[arg-type]


def names(data: dict[str, Any]) -> str:
    """Of the server's messages; the records of `codex exec` have a type."""
    if "type" in data:
        return ""
    params = table(data, "params")
    item = string(table(params, "item"), "type")
    return "/".join(part for part in (string(data, "method") or "response", item) if part)


FORMAT = Format(
    agent="codex-exec",
    title="Codex",
    reader=Reader,
    claims=stream,
    kinds=KINDS,
    hidden=HIDDEN,
    names=names,
)
