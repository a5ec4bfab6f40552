"""Codex's rollouts, of every version seen: from bare records of 2025 to 0.169. Found by folder.

Rests on recordings of 0.169, published rollouts of 0.118 to 0.145 and of 2025, and Codex's published source.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from store.decode import type_of, unreadable
from store.events import (
    AdapterSeen,
    At,
    Compacted,
    ConfigChanged,
    Event,
    MessageDone,
    Rewound,
    SessionNamed,
    Spent,
    Tokens,
    ToolStarted,
    ToolUpdated,
    TurnEnded,
    Usage,
)  # fmt: skip
from store.formats.base import Format, Record
from store.formats.codex_files import base, beside, children, joins, owns, part_of
from store.formats.codex_hidden import HIDDEN
from store.formats.codex_items import Items, place
from store.formats.codex_sniff import rollout
from store.formats.codex_tools import KINDS, duration_of, status_of, title_of
from store.formats.codex_usage import Sums, key_of, size_of, tokens_of
from store.formats.values import count, micros, moment, one_line, string, table

_ITEMS: Final = frozenset({
    "message", "reasoning", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output",
    "local_shell_call", "web_search_call", "tool_search_call", "tool_search_output", "image_generation_call",
    "agent_message", "ghost_snapshot", "compaction",
})  # fmt: skip


class Reader(Items):
    """One per file."""

    def __init__(self) -> None:
        super().__init__()
        self._id = ""  # of the thread
        self._replay = False  # what follows is a copy of the parent's records
        self._sums = Sums()
        self._exact = False  # there are records of single answers: the sums are the same once more
        self._place: tuple[str, ...] = ()
        self._mode = ""

    def events(self, record: Record) -> Sequence[Event]:
        data, base = record.data, record.at
        if type(data) is not dict:
            return (unreadable(record, type(data).__name__, "not an object"),)
        stamp = data.get("timestamp")
        ts = None if stamp is None else moment(stamp)
        at = At(ts, base.file, base.offset, base.length, base.agent, base.parent)
        out: list[Event] = []
        kind, body = data.get("type"), data.get("payload")
        if type(body) is not dict:
            understood = self._bare(data, kind, at, out)
        elif kind == "response_item":
            understood = self.response(body, at, out) or _hidden(data)
        elif kind == "event_msg":
            understood = self._event(body, string(body, "type"), at, out) or _hidden(data)
        else:
            understood = self._around(body, kind, at, out)
        if not understood:
            return (unreadable(record, _label(data), "unknown type", at),)
        if self._replay and base.agent:
            return ()  # the parent has it all
        return out

    # ---- around the items

    def _around(self, body: dict[str, Any], kind: Any, at: At, out: list[Event]) -> bool:
        if kind == "session_meta":
            self._meta(body, at, out)
        elif kind == "turn_context":
            self._context(body, at, out)
        elif kind == "token_usage_record":
            self._exact = True
            if not self._replay:
                llm = string(body, "model") or self.llm
                out.append(Spent(at, string(body, "response_id"), tokens_of(table(body, "usage"), llm)))
        elif kind == "compacted":
            out.append(Compacted(at, place(at), string(body, "message")))
        else:
            return type(kind) is str and kind in HIDDEN
        return True

    def _meta(self, body: dict[str, Any], at: At, out: list[Event]) -> None:
        if self._id:
            return  # the parent's, in a copy of its records
        self._id = string(body, "id") or string(body, "session_id") or place(at)
        spawn = table(table(table(body, "source"), "subagent"), "thread_spawn")
        self.path = string(spawn, "agent_path") or self.path
        copied = bool(body.get("forked_from_id") or spawn)
        paged = body.get("history_mode") == "paginated" or "subagent_history_start_ordinal" in body
        self._replay = copied and not paged and self._id[14:15] == "7"
        if not at.agent:
            self._is_at(at, out, self._id, string(body, "cwd"), string(table(body, "git"), "branch"))
            out.append(AdapterSeen(at, "codex", string(body, "cli_version")))

    def _is_at(self, at: At, out: list[Event], id_: str, cwd: str, branch: str) -> None:
        if (cwd, branch) != self._place:
            self._place = (cwd, branch)
            out.append(SessionNamed(at, id_, cwd=cwd, branch=branch))

    def _context(self, body: dict[str, Any], at: At, out: list[Event]) -> None:
        llm = string(body, "model")
        mode = string(table(body, "collaboration_mode"), "mode")
        if mode in ("", "default"):
            mode = string(body, "approval_policy")
        if (llm and llm != self.llm) or (mode and mode != self._mode):
            self.llm, self._mode = llm or self.llm, mode or self._mode
            if not at.agent:
                out.append(ConfigChanged(at, self._mode or None, self.llm or None))
        cwd = string(body, "cwd")
        if cwd and not at.agent and not self._place:
            self._is_at(at, out, "", cwd, "")

    # ---- events

    def _event(self, body: dict[str, Any], kind: str, at: At, out: list[Event]) -> bool:
        if kind == "token_count":
            self._tokens(body, at, out)
        elif kind == "user_message":
            images = sum(len(told) for key in ("images", "local_images") if type(told := body.get(key)) is list)
            self.prompt(string(body, "message"), images, "screen", place(at), at, out)
        elif kind == "agent_message":
            self.said(string(body, "message"), place(at), at, out)
        elif kind == "agent_reasoning":
            self.thought(string(body, "text"), at, out)
        elif kind == "exec_command_end":
            self.ran(string(body, "call_id") or place(at), body, at, out)
        elif kind == "patch_apply_end":
            self.patched(string(body, "call_id") or place(at), body, at, out)
        elif kind == "mcp_tool_call_end":
            self.mcp(string(body, "call_id") or place(at), body, at, out)
        elif kind == "item_completed":
            return self.completed(table(body, "item"), body, at, out)
        else:
            return self._turn(body, kind, at, out) or self._more(body, kind, at, out)
        return True

    def _tokens(self, body: dict[str, Any], at: At, out: list[Event]) -> None:
        info = body.get("info")
        if type(info) is not dict:
            return
        spent = self._sums.spent(info, string(info, "model") or self.llm)
        if self._replay:
            return
        if spent is not None and not self._exact and spent != Tokens(spent.llm):
            out.append(Spent(at, key_of(self._id, info, at.ts), spent))
        used, size = size_of(table(info, "last_token_usage")), count(info.get("model_context_window"))
        if used is not None and not at.agent:
            out.append(Usage(at, used, size))

    def _turn(self, body: dict[str, Any], kind: str, at: At, out: list[Event]) -> bool:
        if kind in ("task_started", "turn_started"):
            turn = string(body, "turn_id")
            if self._replay and turn > self._id:
                self._replay = False
        elif kind in ("task_complete", "turn_complete"):
            failed = body.get("error") is not None
            if failed:
                told = body.get("error")
                self.notice("api_error", string(told, "message") if type(told) is dict else str(told), at, out, "error")
            status = "error" if failed else "success"
            out.append(TurnEnded(at, status, micros(body.get("duration_ms"))))
        elif kind == "turn_aborted":
            reason = string(body, "reason") or "interrupted"
            self.notice("interruption", f"Turn ended: {reason.replace('_', ' ')}", at, out, "warning")
            out.append(TurnEnded(at, "cancelled", micros(body.get("duration_ms")), reason=reason))
        elif kind == "thread_rolled_back":
            self._roll_back(count(body.get("num_turns")) or 0, at, out)
        elif kind == "thread_name_updated":
            title = one_line(string(body, "thread_name"), 200)
            if title and not at.agent:
                out.append(SessionNamed(at, title=title, rank=6))
        elif kind == "thread_settings_applied":
            llm = string(table(body, "thread_settings"), "model")
            if llm and llm != self.llm:
                self.llm = llm
                if not at.agent:
                    out.append(ConfigChanged(at, None, llm))
        else:
            return False
        return True

    def _roll_back(self, turns: int, at: At, out: list[Event]) -> None:
        if 0 < turns <= len(self.prompts):
            out.append(Rewound(at, self.prompts[-turns]))
            del self.prompts[-turns:]
        if turns:
            self.notice("branch", f"Rolled back {turns} turn{'s' if turns > 1 else ''}", at, out)

    def _more(self, body: dict[str, Any], kind: str, at: At, out: list[Event]) -> bool:
        call = string(body, "call_id") or string(body, "callId") or place(at)
        if kind in ("error", "stream_error", "warning"):
            level = "error" if kind == "error" else "warning"
            notice = "info" if kind == "warning" else "api_error"
            detail = string(body, "additional_details") or string(body, "codex_error_info")
            self.notice(notice, string(body, "message") or kind, at, out, level, detail)
        elif kind == "collab_agent_spawn_end":
            name = string(body, "new_agent_nickname") or string(body, "new_agent_role")
            title = one_line(string(body, "prompt") or name)
            out.append(ToolStarted(at, call, "spawn_agent", "tool.agent", title))
            out.append(ToolUpdated(at, call, child_agent=string(body, "new_thread_id") or None))
        elif kind == "sub_agent_activity":
            call, thread = string(body, "event_id"), string(body, "agent_thread_id")
            if body.get("kind") == "started" and call and thread:
                out.append(ToolUpdated(at, call, child_agent=thread))
        elif kind == "web_search_end":
            said = table(body, "action") or {"query": string(body, "query")}
            self._search(call, said, "screen", at, out, "")
        elif kind == "view_image_tool_call":
            path = string(body, "path")
            out.append(ToolStarted(at, call, "view_image", "tool.read", title_of("view_image", {"path": path})))
            out.append(ToolUpdated(at, call, "ok"))
        elif kind == "image_generation_end":
            if not self.twin("screen", "image", string(body, "result")[:1000]):
                self._image(call, body, at, out)
        elif kind == "dynamic_tool_call_request":
            name = string(body, "tool")
            out.append(ToolStarted(at, call, name, "tool", title_of(name, body.get("arguments"))))
        elif kind == "dynamic_tool_call_response":
            failed = body.get("success") is False
            out.append(ToolUpdated(at, call, "failed" if failed else "ok", duration_us=duration_of(body)))
        elif kind == "guardian_assessment":
            status = string(body, "status")
            if status_of(status) != "running":
                text = string(body, "rationale") or string(table(body, "action"), "command")
                self.notice("info", f"Guardian: {status} {one_line(text)}".strip(), at, out)
        elif kind == "entered_review_mode":
            self.notice("mode", f"Review: {string(body, 'user_facing_hint')}".removesuffix(": "), at, out)
        elif kind == "exited_review_mode":
            told = table(body, "review_output")
            text = string(told, "overall_explanation")
            self.notice("mode", "Review ended", at, out)
            if text:
                out.append(MessageDone(at, f"{place(at)}#review", text, self.llm))
        elif kind == "thread_goal_updated":
            self.notice("info", f"Goal: {string(table(body, 'goal'), 'objective')}", at, out)
        elif kind == "undo_completed":
            self.notice("info", string(body, "message") or "Undone", at, out)
        else:
            return False
        return True

    # ---- before September 2025, and hand-made files

    def _bare(self, data: dict[str, Any], kind: Any, at: At, out: list[Event]) -> bool:
        """A record without an envelope."""
        if (type(kind) is str and kind in _ITEMS) or (kind is None and type(data.get("role")) is str):
            return self.response(data, at, out) or (type(kind) is str and f"response_item/{kind}" in HIDDEN)
        if data.get("record_type") == "state":
            return True
        if kind is None and "id" in data and ("instructions" in data or "git" in data):
            self._meta(data, at, out)
            return True
        message = data.get("msg")
        if type(message) is dict:  # proto logs
            return self._event(message, string(message, "type"), at, out)
        return False


def _label(data: dict[str, Any]) -> str:
    """The type of a record in words, down to the item."""
    label = type_of(data)
    if label == "event_msg/item_completed":
        item = table(table(data, "payload"), "item")
        label = f"{label}/{string(item, 'type') or 'no type'}"
    return label


def _hidden(data: dict[str, Any]) -> bool:
    return _label(data) in HIDDEN


FORMAT = Format(
    agent="codex",
    title="Codex",
    reader=Reader,
    claims=rollout,
    where=("$CODEX_HOME/sessions", "~/.codex/sessions", "$CODEX_HOME/archived_sessions", "~/.codex/archived_sessions"),
    owns=owns,
    part_of=part_of,
    base=base,
    children=children,
    beside=beside,
    joins=joins,
    kinds=KINDS,
    hidden=HIDDEN,
)
