"""Copilot CLI's session events, as it keeps them and as it prints them with `--output-format json`. Found by folder.

After the event types of github/copilot-sdk (`session-events.ts`, of January and of November 2026) and fixtures of
Copilot 0.0.420 to 1.0.77. An answer tells its output tokens only; when the program ends it tells all of its run,
which takes their place (each end counts for itself: a resumed session begins anew). Input tokens include the cache.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any, Final

from store.decode import unreadable
from store.events import (
    AdapterSeen,
    At,
    Compacting,
    ConfigChanged,
    Event,
    MessageDone,
    NoticeAdded,
    PromptText,
    Rewound,
    SessionNamed,
    Spent,
    TextDelta,
    ThoughtDelta,
    ThoughtDone,
    Tokens,
    ToolUpdated,
    TurnEnded,
    Usage,
)
from store.formats import copilot_tools as tools
from store.formats.base import Format, Record
from store.formats.copilot_hidden import HIDDEN
from store.formats.copilot_notes import noticed
from store.formats.copilot_usage import Runs, tokens_of
from store.formats.heads import head_of, share
from store.formats.values import count, micros, moment, one_line, string, table
from store.formats.values import tokens as taken

KNOWN: Final = 8192  # calls and events that are remembered
_OWN: Final = ("session.", "user.", "assistant.", "tool.", "subagent.", "system.", "hook.", "model.", "permission.")


class Reader:
    """One per file. Remembers who runs under which call, which calls are shells, and where each event is shown."""

    def __init__(self) -> None:
        self._session = ""
        self._llm = ""
        self._named = False
        self._agents: OrderedDict[str, str] = OrderedDict()  # subagent → the call that it runs under
        self._shells: OrderedDict[str, bool] = OrderedDict()  # call → is it a shell's
        self._asked: OrderedDict[str, str] = OrderedDict()  # permission request → call
        self._rows: OrderedDict[str, str] = OrderedDict()  # event → its first row
        self._thought: dict[str, str] = {}  # agent → what was told of its thoughts since its last answer
        self._wants = False  # the last answer of the main agent asked for tools
        self._runs = Runs()

    def events(self, record: Record) -> Sequence[Event]:
        data = record.data
        if type(data) is not dict:
            return (unreadable(record, type(data).__name__, "not an object"),)
        kind, body = string(data, "type"), table(data, "data")
        at = self._at(record.at, data, body)
        own = string(data, "id") or f"@{at.file}:{at.offset}"
        out: list[Event] = []
        area = kind.partition(".")[0]
        if kind.startswith(("user.", "assistant.", "system.")):
            understood = self._said(kind, body, own, at, out)
        elif area in ("tool", "subagent", "permission"):
            understood = self._called(kind, body, own, at, out)
        else:
            understood = self._session_event(kind, body, own, at, out) or noticed(kind, body, own, self._llm, at, out)
        if not understood:
            if kind == "result" and "exitCode" in data:
                out.append(SessionNamed(at, string(data, "sessionId")))
                out.append(TurnEnded(at, "success" if data["exitCode"] in (0, None) else "error"))
            elif kind not in HIDDEN:
                return (unreadable(record, kind or "no type", "unknown type", at),)
        if data.get("id"):
            self._rows[own] = next((row for event in out if (row := getattr(event, "item", ""))), "")
            _trim(self._rows)
        return out

    def _at(self, base: At, data: dict[str, Any], body: dict[str, Any]) -> At:
        ts = None if data.get("timestamp") is None else moment(data["timestamp"])
        call, agent = string(body, "parentToolCallId"), string(data, "agentId")
        if string(data, "type").startswith("subagent."):  # told beside the call, by whoever called
            if agent and string(body, "toolCallId"):
                self._agents[agent] = string(body, "toolCallId")
                _trim(self._agents)
            agent = ""
        call = call or self._agents.get(agent, "")
        own = base.agent or call or agent
        return At(ts, base.file, base.offset, base.length, own, (call or None) if own != base.agent else base.parent)

    # ---- what is said

    def _said(self, kind: str, body: dict[str, Any], own: str, at: At, out: list[Event]) -> bool:
        text = string(body, "content")
        if kind == "user.message":
            self._prompt(body, own, at, out)
        elif kind == "assistant.message":
            self._answer(body, own, at, out)
        elif kind == "assistant.reasoning":
            self._thought[at.agent] = text
            out.append(ThoughtDone(at, string(body, "reasoningId") or own, text, hidden=not text))
        elif kind == "assistant.message_delta":
            out.append(TextDelta(at, string(body, "messageId") or own, string(body, "deltaContent")))
        elif kind == "assistant.reasoning_delta":
            out.append(ThoughtDelta(at, string(body, "reasoningId") or own, string(body, "deltaContent")))
        elif kind == "assistant.turn_end":  # one per request: the agent rests after the one that asked for nothing
            if not self._wants and not at.agent:
                out.append(TurnEnded(at))
        elif kind == "assistant.usage":
            key = string(body, "apiCallId") or own
            out.append(Spent(at, f"copilot {key}", tokens_of(body, string(body, "model") or self._llm)))
        elif kind == "system.message":
            out.append(PromptText(at, own, text, "injected"))
        elif kind == "system.notification":
            about = string(table(body, "kind"), "type")
            out.append(PromptText(at, own, text, "task" if "completed" in about else "injected"))
        else:
            return False
        return True

    def _prompt(self, body: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        text, source = string(body, "content"), string(body, "source")
        if at.agent or body.get("parentAgentTaskId"):
            origin = "agent"
        elif source not in ("", "user", "cli"):
            origin = "command" if source.startswith("command") else "injected"
        else:
            origin = "queued" if body.get("delivery") in ("queued", "steering") else "human"
        if origin in ("human", "queued") and not self._named and text.strip():
            self._named = True
            out.append(SessionNamed(at, title=one_line(text, 200), rank=1))
        attached = body.get("attachments")
        images = sum(_is_image(one) for one in attached) if type(attached) is list else 0
        out.append(PromptText(at, own, text, origin, images))
        self._wants = False

    def _answer(self, body: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        llm = string(body, "model") or self._llm
        message = string(body, "messageId") or own
        part = count(body.get("chunkIndex")) or 0
        thought, before = string(body, "reasoningText"), self._thought.pop(at.agent, None)
        if thought and thought != before:
            out.append(ThoughtDone(at, f"{message}#thought", thought))
        elif not thought and before is None and string(body, "reasoningOpaque"):
            out.append(ThoughtDone(at, f"{message}#thought", "", hidden=True))
        text = string(body, "content")
        if text:
            out.append(MessageDone(at, f"{message}#{part}" if part else message, text, llm))
        asked = body.get("toolRequests")
        calls = [one for one in asked if type(one) is dict] if type(asked) is list else []
        for index, one in enumerate(calls):
            out += self._call(one, string(one, "toolCallId") or f"{message}#{index}", at, running=False)
        if not at.agent:
            self._wants = bool(calls)
            if llm != self._llm:
                self._llm = llm
                out.append(ConfigChanged(at, None, llm))
        spent = taken(body.get("outputTokens"))
        if spent:
            key = f"copilot {string(body, 'apiCallId') or message}"
            self._runs.answered(key, llm, spent, aside=bool(at.agent))
            out.append(Spent(at, key, Tokens(llm, 0, spent)))

    # ---- calls

    def _call(self, data: dict[str, Any], item: str, at: At, *, running: bool) -> list[Event]:
        events = tools.call(data, item, at, "running" if running else "pending")
        self._shells[item] = tools.KINDS.get(string(data, "toolName") or string(data, "name")) == "tool.shell"
        _trim(self._shells)
        return events

    def _called(self, kind: str, body: dict[str, Any], own: str, at: At, out: list[Event]) -> bool:
        item = string(body, "toolCallId") or own
        if kind in ("tool.execution_start", "tool.user_requested"):
            out += self._call(body, item, at, running=kind == "tool.execution_start")
        elif kind == "tool.execution_complete":
            out.append(tools.result(body, item, self._shells.get(item, True), at))
        elif kind == "tool.execution_partial_result":
            out.append(ToolUpdated(at, item, output=string(body, "partialOutput"), append=True))
        elif kind == "subagent.started":
            out.append(ToolUpdated(at, item, child_agent=item))
        elif kind in ("subagent.completed", "subagent.failed"):
            why, took = string(body, "error"), micros(body.get("durationMs"))
            if kind == "subagent.failed":
                out.append(ToolUpdated(at, item, "failed", why or None, duration_us=took))
            else:
                out.append(ToolUpdated(at, item, duration_us=took))
            end = At(at.ts, at.file, at.offset, at.length, item, item)
            out.append(TurnEnded(end, "error" if kind == "subagent.failed" else "success", took))
        elif kind == "permission.requested":
            call = string(table(body, "permissionRequest"), "toolCallId")
            if call in self._shells:
                self._asked[string(body, "requestId")] = call
                _trim(self._asked)
                out.append(ToolUpdated(at, call, "waiting"))
        elif kind == "permission.completed":
            call = self._asked.pop(string(body, "requestId"), "")
            if call:
                allowed = string(table(body, "result"), "kind").startswith("approved")
                out.append(ToolUpdated(at, call, "running" if allowed else "cancelled"))
        else:
            return False
        return True

    # ---- the session

    def _session_event(self, kind: str, body: dict[str, Any], own: str, at: At, out: list[Event]) -> bool:
        if kind in ("session.start", "session.resume", "session.context_changed"):
            where = table(body, "context") or body
            self._session = string(body, "sessionId") or self._session
            out.append(SessionNamed(at, self._session, cwd=string(where, "cwd"), branch=string(where, "branch")))
            if kind != "session.context_changed":
                self._runs.begin()
            if kind == "session.start":
                out.append(AdapterSeen(at, "copilot", string(body, "copilotVersion")))
            self._model(string(body, "selectedModel"), at, out)
            if kind == "session.resume":
                out.append(NoticeAdded(at, own, "info", "Session resumed"))
        elif kind == "session.model_change":
            self._model(string(body, "newModel"), at, out)
        elif kind == "session.mode_changed":
            out.append(ConfigChanged(at, string(body, "newMode") or None))
        elif kind == "session.title_changed":
            out.append(SessionNamed(at, title=one_line(string(body, "title"), 200), rank=5))
        elif kind == "session.usage_info":
            out.append(Usage(at, count(body.get("currentTokens")), count(body.get("tokenLimit"))))
        elif kind == "session.compaction_start":
            out.append(Compacting(at, on=True))
        elif kind == "session.snapshot_rewind":
            self._rewind(string(body, "upToEventId"), own, at, out)
        elif kind == "session.shutdown":
            out.append(Usage(at, count(body.get("currentTokens"))))
            if body.get("shutdownType") == "error":
                why = string(body, "errorReason") or "The program ended with an error"
                out.append(NoticeAdded(at, own, "result", one_line(why, 1000), "error"))
            out.append(TurnEnded(at, used=self._runs.end(table(body, "modelMetrics")), since=True))
        elif kind == "abort":
            why = string(body, "reason")
            out.append(NoticeAdded(at, own, "interruption", f"Interrupted{f': {one_line(why)}' if why else ''}"))
            out.append(TurnEnded(at, "cancelled"))
        else:
            return False
        return True

    def _model(self, llm: str, at: At, out: list[Event]) -> None:
        if llm and llm not in (self._llm, "auto"):
            self._llm = llm
            out.append(ConfigChanged(at, None, llm))

    def _rewind(self, event: str, own: str, at: At, out: list[Event]) -> None:
        events = list(self._rows)
        first = events.index(event) if event in self._rows else len(events)
        rows = [row for one in events[first:] if (row := self._rows.pop(one))]
        if rows:
            out.append(Rewound(at, rows[0]))
        out.append(NoticeAdded(at, own, "branch", "Rewound to an earlier message"))


def _is_image(attached: Any) -> bool:
    if type(attached) is not dict:
        return False
    named = string(attached, "path").lower().endswith((".png", ".jpg", ".jpeg", ".gif", ".webp"))
    return named or string(attached, "mimeType").startswith("image/")


def _trim(known: OrderedDict[str, Any]) -> None:
    if len(known) > KNOWN:
        known.popitem(last=False)


def claims(head: bytes, path: Path | None) -> int:
    """How surely these are Copilot's events: an envelope of a dotted type and an object `data`."""
    if not head_of(head).records and b'"data":{' in head[:4096] and b'{"type":"session.start"' in head[:64]:
        return 80
    return share(head, _is_event)


def _is_event(record: dict[str, Any]) -> bool:
    kind = string(record, "type")
    return (kind.startswith(_OWN) or kind in HIDDEN or kind == "abort") and type(record.get("data")) is dict


def owns(path: PurePath) -> bool:
    """A folder per session; older versions had a file for each."""
    return path.name == "events.jsonl" if len(path.parts) == 2 else len(path.parts) == 1 and path.suffix == ".jsonl"


FORMAT = Format(
    agent="copilot",
    title="Copilot CLI",
    reader=Reader,
    claims=claims,
    where=("~/.copilot/session-state",),
    owns=owns,
    kinds=tools.KINDS,
    hidden=HIDDEN,
)
