"""The wire of Kimi CLI (messages with a time and a payload) and its context (messages by role). For kimi.py only."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from store.events import (
    AdapterSeen,
    At,
    Compacting,
    ConfigChanged,
    Event,
    MessageDone,
    NoticeAdded,
    PromptText,
    SessionNamed,
    Spent,
    TextDelta,
    ThoughtDelta,
    ThoughtDone,
    Tokens,
    ToolInput,
    ToolUpdated,
    TurnEnded,
    Usage,
)
from store.formats import kimi_tools as tools
from store.formats.calls import text_of
from store.formats.kimi_hidden import HIDDEN
from store.formats.values import count, moment, one_line, string, table
from store.formats.values import tokens as taken

KNOWN: Final = 4096  # calls that are remembered
_ROLES: Final = frozenset({"user", "assistant", "tool", "system", "_checkpoint", "_usage", "_system_prompt"})
_ADDED: Final = ("<system>", "<system-reminder>", "<notification>")


def is_old(data: dict[str, Any]) -> bool:
    """Whether a record is one of these."""
    message = data.get("message")
    if type(message) is dict and "timestamp" in data and type(message.get("payload")) is dict:
        return type(message.get("type")) is str
    role = data.get("role")
    if type(role) is not str or role not in _ROLES or "type" in data or "message" in data:
        return False
    if role in ("_checkpoint", "_usage", "_system_prompt"):
        return "id" in data or "token_count" in data or "content" in data
    return "content" in data and "timestamp" not in data and "id" not in data


class Old:
    """One per file. Text without an id is the message that is being said until something else comes."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, str]] = {}  # agent → (kind, row) of the text that goes on
        self._calls: OrderedDict[str, str] = OrderedDict()  # call → kind
        self._last: dict[str, str] = {}  # agent → its last call, whose input may go on
        self._asked: OrderedDict[str, str] = OrderedDict()  # request → call
        self._named = False
        self._seen = False

    def take(self, data: dict[str, Any], base: At, out: list[Event]) -> tuple[bool, str]:
        """The events of one record: whether it was understood, and what it is called."""
        if not self._seen and not base.agent:
            self._seen = True
            out.append(AdapterSeen(base, "kimi"))
        stamp = data.get("timestamp")
        at = At(None if stamp is None else moment(stamp), base.file, base.offset, base.length, base.agent, base.parent)
        own = f"@{at.file}:{at.offset}"
        if "role" in data:
            self._context(data, string(data, "role"), own, at, out)
            return True, ""
        message = table(data, "message")
        kind = string(message, "type")
        return self._wire(kind, table(message, "payload"), own, at, out) or kind in HIDDEN, kind

    def _wire(self, kind: str, body: dict[str, Any], own: str, at: At, out: list[Event]) -> bool:
        if kind == "SubagentEvent":
            inner = table(body, "event")
            call = string(body, "parent_tool_call_id") or string(body, "task_tool_call_id")
            agent = string(body, "agent_id") or call or "subagent"
            child = At(at.ts, at.file, at.offset, at.length, agent, call or None)
            if call and string(body, "agent_id"):
                out.append(ToolUpdated(at, call, child_agent=agent))
            name = string(inner, "type")
            return self._wire(name, table(inner, "payload"), own, child, out) or name in HIDDEN
        if kind == "ContentPart":
            self._part(body, own, at, out)
            return True
        if kind not in ("StatusUpdate", "ToolCallPart"):
            self._open.pop(at.agent, None)
        return self._called(kind, body, own, at, out) or self._around(kind, body, own, at, out)

    # ---- what is said

    def _part(self, part: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        kind = string(part, "type")
        known = self._open.get(at.agent)
        if known is None or known[0] != kind:
            known = self._open[at.agent] = (kind, own)
        if kind == "think":
            out.append(ThoughtDelta(at, known[1], string(part, "think")))
        elif kind == "text":
            out.append(TextDelta(at, known[1], string(part, "text")))
        else:
            out.append(MessageDone(at, known[1], f"[{kind or 'unknown part'}]"))

    def _prompt(self, content: Any, origin: str, own: str, at: At, out: list[Event]) -> None:
        text, images = text_of(content)
        if at.agent:
            origin = "agent"
        elif text.lstrip().startswith(_ADDED):
            origin = "injected"
        elif not self._named and text.strip():
            self._named = True
            out.append(SessionNamed(at, title=one_line(text, 200), rank=1))
        out.append(PromptText(at, own, text, origin, images))

    # ---- calls

    def _called(self, kind: str, body: dict[str, Any], own: str, at: At, out: list[Event]) -> bool:
        if kind == "ToolCall":
            made = table(body, "function")
            self._call(string(body, "id") or own, string(made, "name"), made.get("arguments"), at, out)
        elif kind == "ToolCallPart":
            item = self._last.get(at.agent)
            if item:
                out.append(ToolInput(at, item, string(body, "arguments_part")))
        elif kind == "ToolResult":
            item = string(body, "tool_call_id") or own
            told = table(body, "return_value") or table(body, "result")
            out += tools.result(told, item, self._calls.get(item, ""), at)
        elif kind == "ApprovalRequest":
            item = string(body, "tool_call_id")
            if item in self._calls:
                self._asked[string(body, "id")] = item
                out.append(ToolUpdated(at, item, "waiting"))
                if len(self._asked) > KNOWN:
                    self._asked.popitem(last=False)
        elif kind in ("ApprovalResponse", "ApprovalRequestResolved"):
            item = self._asked.pop(string(body, "request_id"), "")
            if item:
                refused = string(body, "response") == "reject"
                out.append(ToolUpdated(at, item, "cancelled" if refused else "running"))
        else:
            return False
        return True

    def _call(self, item: str, name: str, given: Any, at: At, out: list[Event]) -> None:
        self._calls[item] = tools.kind_of(name)
        self._last[at.agent] = item
        if len(self._calls) > KNOWN:
            self._calls.popitem(last=False)
        out += tools.call(item, name, given, at)

    # ---- around it

    def _around(self, kind: str, body: dict[str, Any], own: str, at: At, out: list[Event]) -> bool:
        if kind in ("TurnBegin", "SteerInput"):
            self._prompt(body.get("user_input"), "human" if kind == "TurnBegin" else "queued", own, at, out)
        elif kind == "TurnEnd":
            out.append(TurnEnded(at))
        elif kind == "StepInterrupted":
            out.append(NoticeAdded(at, own, "interruption", "Interrupted"))
            out.append(TurnEnded(at, "cancelled"))
        elif kind in ("CompactionBegin", "CompactionEnd"):
            out.append(Compacting(at, on=kind == "CompactionBegin"))
            if kind == "CompactionEnd":
                out.append(NoticeAdded(at, own, "compaction", "Conversation compacted"))
        elif kind == "StatusUpdate":
            self._status(body, own, at, out)
        elif kind == "Notification":
            level = string(body, "severity")
            level = level if level in ("warning", "error") else "info"
            said = string(body, "title") or string(body, "type")
            out.append(NoticeAdded(at, own, "info", one_line(said, 1000), level, string(body, "body")))  # type: ignore[arg-type]
        elif kind == "PlanDisplay":
            out.append(MessageDone(at, own, string(body, "content")))
        elif kind == "HookResolved":
            if string(body, "action") == "block":
                text = f"{string(body, 'event')} hook blocked: {string(body, 'reason')}"
                out.append(NoticeAdded(at, own, "hook", one_line(text, 1000), "warning"))
        elif kind in ("BtwBegin", "BtwEnd"):
            said = string(body, "question") or string(body, "response") or string(body, "error")
            what = "Asked aside" if kind == "BtwBegin" else "Answered aside"
            out.append(NoticeAdded(at, own, "info", one_line(f"{what}: {said}", 1000), "info", said))
        else:
            return False
        return True

    def _status(self, body: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        usage = table(body, "token_usage")
        if usage:
            keys = ("input_other", "output", "input_cache_read", "input_cache_creation")
            given, output, read, written = (taken(usage.get(key)) for key in keys)
            id_ = string(body, "message_id")
            out.append(Spent(at, f"kimi {id_}" if id_ else "", Tokens("", given, output, read, written)))
        if at.agent:
            return
        used, size = count(body.get("context_tokens")), count(body.get("max_context_tokens"))
        if used is not None or size is not None:
            out.append(Usage(at, used, size))
        if type(body.get("plan_mode")) is bool:
            out.append(ConfigChanged(at, "plan" if body["plan_mode"] else "default"))

    # ---- the context

    def _context(self, data: dict[str, Any], role: str, own: str, at: At, out: list[Event]) -> None:
        content = data.get("content")
        if role == "_usage":
            out.append(Usage(at, count(data.get("token_count"))))
        elif role in ("user", "system"):
            self._prompt(content, "human" if role == "user" else "injected", own, at, out)
        elif role == "tool":
            item = string(data, "tool_call_id") or own
            text, images = text_of(content)
            failed = text.startswith("<system>ERROR")
            status = "failed" if failed else "ok"
            out.append(ToolUpdated(at, item, status, text, images=images))  # type: ignore[arg-type]
        elif role == "assistant":
            for index, part in enumerate(content if type(content) is list else [{"type": "text", "text": content}]):
                if type(part) is dict and part.get("type") == "think":
                    out.append(ThoughtDone(at, f"{own}#{index}", string(part, "think"), hidden=not part.get("think")))
                elif type(part) is dict and string(part, "text"):
                    out.append(MessageDone(at, f"{own}#{index}", string(part, "text")))
            calls = data.get("tool_calls")
            for index, one in enumerate(calls if type(calls) is list else ()):
                if type(one) is dict:
                    made = table(one, "function")
                    item = string(one, "id") or f"{own}#call{index}"
                    self._call(item, string(made, "name"), made.get("arguments"), at, out)
