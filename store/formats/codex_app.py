"""What `codex app-server` says: JSON-RPC whose notifications tell the items of `codex exec`. For codex_exec.py only.

Rests on the protocol's published schema (0.133) and fixtures of another reader. A log may hold one direction or both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from store.decode import clean, dump
from store.events import (
    AdapterSeen,
    At,
    Compacted,
    ConfigChanged,
    Event,
    MessageDone,
    NoticeAdded,
    PlanSet,
    PromptText,
    SessionNamed,
    Spent,
    TextDelta,
    ThoughtDelta,
    ToolStarted,
    ToolUpdated,
    TurnEnded,
    Usage,
)  # fmt: skip
from store.formats.codex_items import place
from store.formats.codex_tools import changed, given_of, kind_of, result_of, status_of, title_of
from store.formats.codex_usage import Sums, size_of
from store.formats.values import count, micros, moment, one_line, string, table, texts

_STATE: Final = "the state of the session, shown in its header"
_BETWEEN: Final = "an intermediate state; the end follows"
_ASKED: Final = "what the client asks for; what comes of it is told"
HIDDEN: Final[Mapping[str, str]] = {
    "turn/started": "a turn begins with its first item", "thread/status/changed": _STATE,
    "turn/diff/updated": "the edits of the turn are shown one by one",
    "account/rateLimits/updated": "how much of the account's allowance is used",
    "account/updated": _STATE, "skills/changed": _STATE, "thread/archived": _STATE, "thread/unarchived": _STATE,
    "thread/closed": _STATE, "item/mcpToolCall/progress": _BETWEEN, "item/reasoning/summaryPartAdded": _BETWEEN,
    "serverRequest/resolved": "the answer was told before", "rawResponseItem/completed": "told by the item",
    "response": "the answer to a request; what came of it is told",
    **dict.fromkeys((
        "initialize", "initialized", "thread/start", "thread/resume", "thread/fork", "thread/list", "thread/read",
        "turn/start", "turn/steer", "turn/interrupt", "model/list", "account/read", "account/rateLimits/read",
    ), _ASKED),
}  # fmt: skip
_NAMES: Final = {"collab_agent_tool_call": "collab_tool_call"}
_DELTAS: Final = {
    "item/agentMessage/delta": TextDelta, "item/plan/delta": TextDelta,
    "item/reasoning/textDelta": ThoughtDelta, "item/reasoning/summaryTextDelta": ThoughtDelta,
}  # fmt: skip
_OUTPUTS: Final = ("item/commandExecution/outputDelta", "item/fileChange/outputDelta")
Common: TypeAlias = Callable[[dict[str, Any], bool, At, list[Event]], bool]
"""(item, is it done, …): its rows. False: it is none that is known"""
MOST: Final = 256  # questions that may still be answered


def snake(data: dict[str, Any]) -> dict[str, Any]:
    """The object with its own names as `codex exec` writes them; what is inside of its values is as it was."""
    return {_snake(key): value for key, value in data.items()}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name[:100]).lower()


class App:
    """One per stream. Remembers what it was told in sums, and whose answers are awaited."""

    def __init__(self) -> None:
        self._sums: dict[str, Sums] = {}  # thread → its own
        self._calls: dict[str, str] = {}  # thread of a subagent → the call that began it
        self._thread = ""
        self._llm = ""
        self._asked: dict[Any, str] = {}  # id of a question → the item that it is about

    def events(self, data: dict[str, Any], at: At, out: list[Event], common: Common) -> str:
        """'' when it is understood, else what it is called. `common` knows the items that `codex exec` has, too."""
        method, params = string(data, "method"), table(data, "params")
        if not method:
            return self._answer(data, at, out)
        stamp = params.get("completedAtMs") or params.get("startedAtMs")
        if stamp is not None and at.ts is None:
            at = At(moment(stamp), at.file, at.offset, at.length, at.agent, at.parent)
        thread = string(params, "threadId")
        if thread and self._thread and thread != self._thread:  # a subagent's
            at = At(at.ts, at.file, at.offset, at.length, thread, self._calls.get(thread, at.parent))
        id = string(params, "itemId") or place(at)
        match method:
            case "thread/started":
                self._named(table(params, "thread"), at, out)
            case "thread/name/updated":
                out.append(SessionNamed(at, title=string(params, "threadName"), rank=6))
            case "item/started" | "item/completed":
                item = table(params, "item")
                if not self._any(item, method == "item/completed", at, out, common):
                    return f"{method}/{string(item, 'type') or 'no type'}"
            case "turn/completed":
                self._ended(table(params, "turn"), at, out)
            case "turn/plan/updated":
                plan = params.get("plan")
                steps = [step for step in plan if type(step) is dict] if type(plan) is list else []
                told = tuple((string(step, "step"), _snake(string(step, "status")) or "pending") for step in steps)
                out.append(PlanSet(at, f"plan/{string(params, 'turnId')}", told))
            case "thread/tokenUsage/updated":
                self._spent(thread, table(params, "tokenUsage"), at, out)
            case "error":
                text, again = string(table(params, "error"), "message"), params.get("willRetry") is True
                out.append(_notice(at, "api_error", text, "warning" if again else "error"))
            case "mcpServer/startupStatus/updated":
                if string(params, "status") == "failed":
                    text = f"MCP server {string(params, 'name')} did not start: {string(params, 'error')}"
                    out.append(_notice(at, "info", text, "warning"))
            case _ if method in _DELTAS:
                out.append(_DELTAS[method](at, id, string(params, "delta")))
            case _ if method in _OUTPUTS:
                out.append(ToolUpdated(at, id, output=string(params, "delta"), append=True))
            case _ if method.endswith("/requestApproval") and "id" in data:
                self._asked[str(data["id"])] = id
                if len(self._asked) > MOST:
                    del self._asked[next(iter(self._asked))]
                out.append(ToolUpdated(at, id, "pending"))
            case _:
                return "" if method in HIDDEN else method
        return ""

    def _answer(self, data: dict[str, Any], at: At, out: list[Event]) -> str:
        if "id" not in data or not ("result" in data or "error" in data):
            return "no type"
        result, error = table(data, "result"), data.get("error")
        # Both sides count their requests, each for itself: only an answer to a question decides.
        asked = self._asked.pop(str(data["id"]), "") if "decision" in result else ""
        if asked:
            said = string(result, "decision") or "accept, with a change"  # an object says which
            yes = said.startswith("accept")
            told = f"{'Allowed' if yes else 'Refused'}: {one_line(said, 100)}"
            out.append(ToolUpdated(at, asked, "running" if yes else "cancelled", answer=told))
        elif error is not None:
            words = string(error, "message") if type(error) is dict else clean(str(error))
            out.append(_notice(at, "api_error", words, "error"))
        elif type(result.get("thread")) is dict:
            self._llm = string(result, "model") or self._llm
            if self._llm:
                out.append(ConfigChanged(at, llm=self._llm))
            self._named({"cwd": result.get("cwd"), **result["thread"]}, at, out)
        return ""

    def _named(self, thread: dict[str, Any], at: At, out: list[Event]) -> None:
        id = string(thread, "id")
        if self._thread and id != self._thread:
            return  # a further one: a subagent's, or what was opened besides
        self._thread = id
        out.append(SessionNamed(at, id, string(thread, "name"), 6 if string(thread, "name") else 0,
                                string(thread, "cwd"), string(table(thread, "gitInfo"), "branch")))  # fmt: skip
        out.append(AdapterSeen(at, "codex_app_server", string(thread, "cliVersion")))

    def _any(self, told: dict[str, Any], done: bool, at: At, out: list[Event], common: Common) -> bool:
        item = snake(told)
        kind = _snake(string(told, "type"))
        item["type"] = kind = _NAMES.get(kind, kind)
        item["status"] = _snake(string(told, "status"))
        id = string(told, "id") or place(at)
        match kind:
            case "user_message":
                text, images = texts(told.get("content"))
                origin = "agent" if at.agent else "human"
                out.append(PromptText(at, id, text, origin, images + _images(told.get("content"))))
            case "agent_message" | "plan" if not done and not string(told, "text"):
                pass  # it begins; its pieces follow
            case "reasoning":
                parts = told.get("summary") or told.get("content") or ()
                item["text"] = "\n\n".join(part for part in parts if type(part) is str) if type(parts) is list else ""
                return not done or common(item, done, at, out)
            case "file_change":
                changes = told.get("changes")
                found = {string(one, "path"): _change(one) for one in changes if type(one) is dict} if type(
                    changes) is list else {}  # fmt: skip
                common(item, done, at, out)
                hunks = changed(found)
                if hunks:
                    out.append(ToolUpdated(at, id, hunks=hunks))
            case "dynamic_tool_call" | "image_view" | "image_generation":
                self._tool(kind, item, id, done, at, out)
            case "context_compaction":
                if done:
                    out.append(Compacted(at, id, ""))
            case "entered_review_mode":
                out.append(_notice(at, "mode", f"Review: {string(told, 'review')}", "info", id))
            case "exited_review_mode":
                out.append(MessageDone(at, id, string(told, "review")))
            case _:
                known = common(item, done, at, out)
                took = micros(told.get("durationMs"))
                if known and took is not None:
                    out.append(ToolUpdated(at, id, duration_us=took))
                others = told.get("receiverThreadIds")
                if type(others) is list and len(others) == 1 and type(others[0]) is str and others[0]:
                    if len(self._calls) < MOST:
                        self._calls.setdefault(others[0], id)
                    out.append(ToolUpdated(at, id, child_agent=clean(others[0])))
                return known
        return True

    def _tool(self, kind: str, item: dict[str, Any], id: str, done: bool, at: At, out: list[Event]) -> None:
        name = string(item, "tool") or {"image_view": "view_image"}.get(kind, kind)
        given = given_of(item.get("arguments")) if kind == "dynamic_tool_call" else {
            key: item[key] for key in ("path", "revised_prompt") if item.get(key)}  # fmt: skip
        out.append(ToolStarted(at, id, name, kind_of(name), one_line(title_of(name, given)), clean(dump(given))))
        if done:
            status = "failed" if item.get("success") is False else status_of(string(item, "status")) or "ok"
            result = result_of(item.get("content_items") or string(item, "result"))
            out.append(ToolUpdated(at, id, status, result.text, images=result.images))

    def _ended(self, turn: dict[str, Any], at: At, out: list[Event]) -> None:
        status, took = string(turn, "status"), micros(turn.get("durationMs"))
        end = TurnEnded(at, duration_us=took)
        if status == "failed":
            words = string(table(turn, "error"), "message") or "The turn failed."
            out.append(_notice(at, "result", words, "error"))
            end = TurnEnded(at, "error", took)
        elif status == "interrupted":
            out.append(_notice(at, "interruption", "Turn ended: interrupted", "warning"))
            end = TurnEnded(at, "cancelled", took, reason=status)
        if not at.agent:  # the session goes on when a subagent's turn is over
            out.append(end)

    def _spent(self, thread: str, usage: dict[str, Any], at: At, out: list[Event]) -> None:
        last = snake(table(usage, "last"))
        info: dict[str, Any] = {"last_token_usage": last}
        if type(usage.get("total")) is dict:
            info["total_token_usage"] = snake(usage["total"])
        spent = self._sums.setdefault(thread, Sums()).spent(info, self._llm)
        if len(self._sums) > MOST:
            del self._sums[next(iter(self._sums))]
        if spent is not None:
            out.append(Spent(at, "", spent))
        out.append(Usage(at, size_of(last), count(usage.get("modelContextWindow"))))


def _change(one: dict[str, Any]) -> dict[str, Any]:
    kind = table(one, "kind")
    name, diff = string(kind, "type") or string(one, "kind"), string(one, "diff")
    moved = {"move_path": string(kind, "movePath") or string(kind, "move_path")}
    return {"type": name, "content": diff} if name in ("add", "delete") else {
        "type": name, "unified_diff": diff, **moved}  # fmt: skip


def _images(content: Any) -> int:
    parts = [part for part in content if type(part) is dict] if type(content) is list else []
    return sum(part.get("type") in ("localImage", "local_image") for part in parts)


def _notice(at: At, kind: str, text: str, level: str, item: str = "") -> Event:
    return NoticeAdded(at, item or place(at), kind, one_line(text, 1000), level)  # type: ignore[arg-type]
