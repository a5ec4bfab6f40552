"""The Agent Client Protocol: wire logs of version 1 and of the draft of version 2, and the journals of our own client.

After agentclientprotocol.com (schema 1.19, draft of version 2), and after real sessions of claude-agent-acp, codex-acp,
Gemini CLI, OpenCode and Zed's codex-acp. Found by folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from store.decode import clean, unreadable
from store.events import AdapterSeen, Answered, At, Called, Event, NoticeAdded, SessionNamed
from store.formats import acp_content as content
from store.formats.acp_client import Client
from store.formats.acp_talk import Talk
from store.formats.acp_wire import EDITOR, Frame, name_of, own, unwrap, way_of
from store.formats.base import Format, Record
from store.formats.heads import head_of
from store.formats.values import one_line, string, table

HIDDEN: Final[Mapping[str, str]] = {
    "available_commands_update": "the commands that can be typed, which the agent's own window offers",
    "usage_update": "shown as the gauge in the header",
    "session_info_update": "the title is shown in the list and the header",
    "config_option_update": "mode and model are shown in the header",
    "_auth/status_update": "how the agent is signed in",
    "initialize": "the two sides say what they can do",
    "session/list": "other sessions of the agent",
    "plan_removed": "the plan is not followed any more; its row stays",
    "elicitation/complete": "the question it is about was answered",
    "mcp/connect": "talk with a tool server that the client lends", "mcp/disconnect": "the end of such a talk",
    "mcp/message": "what is said in such a talk: in the raw record",
}  # fmt: skip
PENDING: Final = 4096  # requests that may still be answered
_LOADS: Final = ("session/load", "session/resume")
_OPENS: Final = ("session/new", "session/fork", *_LOADS)


class Reader:
    """One per wire log. Remembers what was asked, so that an answer is understood, and what is open."""

    def __init__(self) -> None:
        self._talks: dict[str, Talk] = {}
        self._main: Talk | None = None
        self._answered: dict[str, None] = {}  # ids of our requests that were answered
        self._loading: set[str] = set()  # sessions whose past is being told
        self._asked: dict[tuple[str, str], tuple[str, dict[str, Any], Any]] = {}  # (way, id) → method, params, id
        self.client = Client()

    def events(self, record: Record) -> Sequence[Event]:
        data, base = record.data, record.at
        if type(data) is not dict:
            return (unreadable(record, type(data).__name__, "not an object"),)
        frame = unwrap(data)
        if frame is None:
            return (unreadable(record, string(data, "type") or "no message", "no message of the protocol"),)
        at = At(frame.ts, base.file, base.offset, base.length, base.agent, base.parent)
        body = frame.body
        if type(body) is not dict:
            kind = "text" if "text" in data else type(body).__name__
            return (unreadable(record, kind, "not JSON" if "text" in data else "not an object", at),)
        out: list[Event] = []
        if frame.way == "note":
            understood = self.client.note(body, at, out, self._talk(""))
        elif type(body.get("method")) is str:
            understood = self._method(frame, body, at, out)
        elif "error" in body or ("id" in body and "result" in body):
            understood = self._response(frame, body, at, out)
        else:
            understood = False
        if not understood:
            kind = string(body, "method") or ("response" if "id" in body else "no method")
            kind = string(table(table(body, "params"), "update"), "sessionUpdate") or kind
            return (*out, unreadable(record, kind, "unknown type", at))
        return out

    # ---- sessions

    def _talk(self, id: str) -> Talk:
        """The session of that id; '' is the first one."""
        if not id and self._main is not None:
            return self._main
        talk = self._talks.get(id)
        if talk is None:
            if self._main is not None and not self._main.id:
                talk = self._main  # so far it had no name
                talk.id = id
            else:
                talk = Talk(id, "" if self._main is None else id)
            self._main = self._main or talk
            talk.loading = id in self._loading
            if id:
                self._talks[id] = talk
        return talk

    def _of(self, params: dict[str, Any], at: At) -> tuple[Talk, At]:
        talk = self._talk(string(params, "sessionId"))
        return talk, at if not talk.agent else msgspec.structs.replace(at, agent=talk.agent)

    # ---- requests and notifications

    def _method(self, frame: Frame, body: dict[str, Any], at: At, out: list[Event]) -> bool:
        method, params = body["method"], table(body, "params")
        if method == "session/update":
            talk, at = self._of(params, at)
            return self._update(talk, table(params, "update"), at, out)
        way = way_of(frame, method)
        rpc = body.get("id")
        if "id" not in body:
            return self._notification(method, params, way, at, out)
        self._asked[(way, name_of(rpc))] = (method, params, rpc)
        if len(self._asked) > PENDING:
            del self._asked[next(iter(self._asked))]
        if way == "out" and method != "session/prompt":
            self._call(method, params, rpc if type(rpc) in (int, str) else name_of(rpc), at, out)
            return True
        talk, at = self._of(params, at)
        if way == "in":
            talk.close(at.agent)
            key = self.client.key(frame, rpc)
            self.client.called(key, name_of(rpc))
            return self.client.request(method, params, key, at, out, talk)
        rpc = rpc if type(rpc) in (int, str) else name_of(rpc)
        item = string(frame.wrapped, "item") or f"@{at.file}:{at.offset}"
        talk.prompt(params, rpc, item, at, out)
        return True

    def _call(self, method: str, params: dict[str, Any], rpc: Any, at: At, out: list[Event]) -> None:
        """What else the client asks."""
        if method in _LOADS:
            id = string(params, "sessionId")
            self._loading.add(id)
            if id in self._talks:
                self._talks[id].loading = True
        if method in _OPENS and string(params, "cwd") and not (self._main is not None and self._main.id):
            out.append(SessionNamed(at, cwd=string(params, "cwd")))
        out.append(Called(at, rpc, clean(method)[:100]))

    def _notification(self, method: str, params: dict[str, Any], way: str, at: At, out: list[Event]) -> bool:
        if method == "$/cancel_request":
            rpc = name_of(params.get("requestId", params.get("id")))
            self.client.withdrawn(rpc, at, out)
            return True
        return method in HIDDEN or (way == "out" and (method == "session/cancel" or method.startswith(EDITOR)))

    # ---- answers

    def _response(self, frame: Frame, body: dict[str, Any], at: At, out: list[Event]) -> bool:
        rpc, result, error = body.get("id"), table(body, "result"), body.get("error")
        name = name_of(rpc)
        # An answer goes the other way than its request.
        ways = {"in": ("out",), "out": ("in",)}.get(frame.way, ("out", "in"))
        way, known = next(
            ((way, self._asked.pop((way, name))) for way in ways if (way, name) in self._asked), ("", None)
        )
        method, params = (known[0], known[1]) if known is not None else (string(frame.wrapped, "re"), {})
        again = not method and rpc is not None and name in self._answered
        if not method and not again and "stopReason" in result:
            method = "session/prompt"
        if (way or ways[0]) == "out" and method:
            self._answered[name] = None
            if len(self._answered) > PENDING:
                del self._answered[next(iter(self._answered))]
        talk = self._talks.get(string(params, "sessionId")) or self._talk("")
        if talk.agent:
            at = msgspec.structs.replace(at, agent=talk.agent)
        if (way or ways[0]) == "in":
            key = self.client.key(frame, rpc)
            out.append(Answered(at, key))
            return self.client.answered(method, key, body, at, out, talk)
        rpc = rpc if type(rpc) in (int, str) else name
        if not method:
            if not frame.way and not again and ("outcome" in result or not self._asked):
                return True  # a log that begins in the middle
            said = "The agent answered a request a second time." if again else "The agent answered what nobody asked."
            if error is not None:
                said = one_line(f"The agent says: {content.failure(error)}", 1000)
            out.append(NoticeAdded(at, f"@{at.file}:{at.offset}", "agent_error", said, "warning"))
            return True
        if error is not None:
            self._failed(method, rpc, content.failure(error), talk, at, out)
            return True
        self._done(method, rpc, body.get("result"), params, talk, at, out)
        return True

    def _failed(self, method: str, rpc: Any, why: str, talk: Talk, at: At, out: list[Event]) -> None:
        if method == "session/prompt":
            talk.refused(rpc, why, at, out)
            return
        text = f"{method} failed: {why}"
        out.append(NoticeAdded(at, f"@{at.file}:{at.offset}", "agent_error", one_line(text, 1000), "error"))
        out.append(Called(at, rpc, clean(method)[:100]))
        if method in _LOADS:
            self._loading.clear()
            talk.loaded(at, out)

    def _done(
        self, method: str, rpc: Any, told: Any, params: dict[str, Any], talk: Talk, at: At, out: list[Event]
    ) -> None:
        result = told if type(told) is dict else {}
        if method == "session/prompt":
            reason = string(result, "stopReason")
            if reason:
                talk.stopped(rpc, reason, result, at, out)
            else:
                out.append(Called(at, rpc, method))  # version 2: taken; its end is told by an update
            return
        if method == "initialize":
            info = table(result, "agentInfo") or table(result, "info")
            name = string(info, "title") or string(info, "name")
            if name:
                out.append(AdapterSeen(at, one_line(name, 60), string(info, "version")))
        elif method in _OPENS:
            id = string(result, "sessionId") or string(params, "sessionId")
            talk = self._talk(id) if id else talk
            if talk.agent:
                at = msgspec.structs.replace(at, agent=talk.agent)
                out.append(
                    NoticeAdded(at, f"@{at.file}:{at.offset}", "info", f"A further session in this connection: {id}")
                )
            else:
                out.append(SessionNamed(at, id))
            self._loading.discard(id)
            talk.loaded(at, out)
            talk.began(method == "session/new")
            talk.configure(*content.config_of(result), at, out)
        elif method in ("session/set_config_option", "session/set_mode", "session/set_model"):
            mode, llm = content.config_of(result)
            talk.configure(mode or string(params, "modeId") or None, llm or string(params, "modelId") or None, at, out)
        out.append(Called(at, rpc, clean(method)[:100]))

    # ---- updates

    def _update(self, talk: Talk, update: dict[str, Any], at: At, out: list[Event]) -> bool:
        kind = update.get("sessionUpdate")
        if "_meta" in update:
            at = talk.place(at, update, out)
        if kind == "agent_message_chunk":
            return talk.chunk("m", update, at, out)
        if kind == "agent_thought_chunk":
            return talk.chunk("t", update, at, out)
        match kind:
            case "tool_call" | "tool_call_update":
                known = talk.calls.knows(string(update, "toolCallId"))
                before = len(out)
                call = talk.calls.take(update, at, out, creates=kind == "tool_call")
                if talk.calls.joined:
                    self.client.joined(talk.calls, at, out)
                if not known or (kind == "tool_call" and len(out) > before):
                    talk.close(at.agent)
                return call is not None
            case "user_message_chunk" | "user_message":
                return talk.user(update, at, out)
            case "agent_message":
                talk.whole("m", update, at, out)
            case "agent_thought":
                talk.whole("t", update, at, out)
            case "usage_update":
                talk.used(update, at, out)
            case "plan":
                talk.close(at.agent)
                talk.plan(update.get("entries"), "", at, out)
            case "plan_update":
                plan = table(update, "plan")
                talk.close(at.agent)
                text = string(plan, "content") or string(plan, "uri")  # a plan as text, or in a file
                entries = plan.get("entries") or ([{"content": text}] if text else None)
                talk.plan(entries, string(plan, "planId") or string(plan, "id"), at, out)
            case "current_mode_update":
                talk.close(at.agent)
                talk.configure(string(update, "currentModeId") or None, None, at, out, told=True)
            case "config_option_update":
                talk.close(at.agent)
                talk.configure(*content.config_of(update), at, out, told=True)
            case "session_info_update":
                if string(update, "title") and not at.agent:
                    out.append(SessionNamed(at, title=one_line(string(update, "title"), 200), rank=2))
            case "state_update":
                return self._state(talk, update, at, out)
            case "tool_call_content_chunk":
                return self.client.content_chunk(update, at, out, talk)
            case "terminal_update" | "terminal_output_chunk":
                return self.client.terminal(update, at, out, talk)
            case _:
                return type(kind) is str and kind in HIDDEN
        return True

    def _state(self, talk: Talk, update: dict[str, Any], at: At, out: list[Event]) -> bool:
        """Version 2: whether the agent is at work."""
        state = string(update, "state")
        if state == "idle":
            talk.stopped(None, string(update, "stopReason") or "end_turn", update, at, out)
        return state in ("idle", "running", "requires_action")


def claims(head: bytes, path: Path | None) -> int:
    """How surely these are lines of the protocol. Answers and unknown messages say nothing against it."""
    head_ = head_of(head)
    votes = [own(record) for record in head_.records]
    sure, no = votes.count(1), votes.count(-1)
    if votes and votes[0] == 1 and "dir" in head_.records[0]:
        return 96  # it begins as a journal does, whatever the agent says later
    if not sure or no > len(votes) // 10:
        first = head_.broken[0][:300] if head_.broken and not votes else b""
        return 90 if b'"dir":' in first and b'"jsonrpc":' in first else 0
    return 96


def names(data: dict[str, Any]) -> str:
    """The method or the update; of an answer, and of a note of ours, that it is one."""
    frame = unwrap(data)
    if frame is None or type(frame.body) is not dict:
        return ""
    if frame.way == "note":
        return f"note/{string(frame.body, 'is')}"
    return (
        string(table(table(frame.body, "params"), "update"), "sessionUpdate")
        or string(frame.body, "method")
        or "response"
    )


FORMAT = Format(agent="acp", title="ACP", reader=Reader, claims=claims, kinds=content.KINDS, hidden=HIDDEN, names=names)
