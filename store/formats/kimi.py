"""Kimi Code's wire records, the wire of the older Kimi CLI, and its context file. Found by folder.

After MoonshotAI/kimi-code (the record types of protocols 1.0 to 1.5), MoonshotAI/kimi-cli (`wire/types.py`,
`wire/file.py`, `soul/context.py`) and files of protocols 1.4 and 1.5. A request's tokens stand in `usage.record` and
once more in the end of its step: they count once. Which session it is only the folder says, and `state.json` in it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from store.decode import unreadable
from store.events import (
    AdapterSeen,
    At,
    Compacted,
    Compacting,
    ConfigChanged,
    Event,
    MessageDone,
    NoticeAdded,
    PromptText,
    Rewound,
    SessionNamed,
    Spent,
    ThoughtDone,
    Tokens,
    TurnEnded,
    Usage,
)
from store.formats import kimi_tools as tools
from store.formats.base import Format, Record
from store.formats.calls import given_of, plan_of, text_of
from store.formats.kimi_files import beside, children, claims, joins, named, owns, part_of
from store.formats.kimi_hidden import HIDDEN
from store.formats.kimi_old import Old, is_old
from store.formats.values import count, micros, moment, one_line, string, table
from store.formats.values import tokens as taken

KNOWN: Final = 4096  # calls that are remembered
_ORIGINS: Final[Mapping[str, str]] = {
    "user": "human", "": "human", "shell_command": "command", "skill_activation": "command",
    "plugin_command": "command", "task": "task", "background_task": "task", "cron_job": "task", "cron_missed": "task",
}  # fmt: skip
_STATUS: Final[Mapping[str, str]] = {
    "completed": "success", "cancelled": "cancelled", "aborted": "cancelled", "failed": "error", "error": "error",
}  # fmt: skip


class Reader:
    """One per file. Remembers prompts that are told again, calls whose ids come again, and usage that is told twice."""

    def __init__(self) -> None:
        self._old = Old()
        self._llm = ""
        self._llms: dict[str, str] = {}  # what the user calls a model → what it is
        self._named = False
        self._mode = ""  # before a plan was asked for
        self._told: list[str] = []  # prompts that will stand in the context too
        self._prompts: list[str] = []  # rows of prompts, for those that are taken back
        self._calls: OrderedDict[str, tuple[str, str, bool]] = OrderedDict()  # id → (row, kind, is it over)
        self._step = ("", Tokens())  # the last step's key and usage, until its record
        self._record: Tokens | None = None  # the last record's usage, until its step
        self._summary = ""

    def events(self, record: Record) -> Sequence[Event]:
        data, base = record.data, record.at
        if type(data) is not dict:
            return (unreadable(record, type(data).__name__, "not an object"),)
        out: list[Event] = []
        if is_old(data):
            understood, label = self._old.take(data, base, out)
            return out if understood else (unreadable(record, label, "unknown type"),)
        kind = string(data, "type")
        stamp = data.get("time", data.get("created_at"))
        at = At(None if stamp is None else moment(stamp), base.file, base.offset, base.length, base.agent, base.parent)
        own = f"@{at.file}:{at.offset}"
        if kind == "context.append_loop_event":
            event = table(data, "event")
            if not self._loop(event, string(event, "type"), own, at, out):
                return (unreadable(record, f"{kind}/{string(event, 'type') or 'no type'}", "unknown type", at),)
        elif not (self._talk(kind, data, own, at, out) or self._around(kind, data, own, at, out) or kind in HIDDEN):
            return (unreadable(record, kind or "no type", "unknown type", at),)
        return out

    # ---- what is said

    def _talk(self, kind: str, data: dict[str, Any], own: str, at: At, out: list[Event]) -> bool:
        if kind in ("turn.prompt", "turn.steer"):
            text, images = text_of(data.get("input"))
            origin = self._origin(data, at)
            if origin == "human" and kind == "turn.steer":
                origin = "queued"
            self._told = [*self._told[-7:], text]
            self._prompt(text, images, origin, own, at, out)
        elif kind == "context.append_message":
            self._message(table(data, "message"), own, at, out)
        elif kind == "turn.cancel":
            out.append(NoticeAdded(at, own, "interruption", "Interrupted"))
            out.append(TurnEnded(at, "cancelled"))
        elif kind == "turn.ended":
            reason = string(data, "reason")
            out.append(TurnEnded(at, _STATUS.get(reason, "success"), micros(data.get("durationMs"))))
        else:
            return False
        return True

    def _origin(self, data: dict[str, Any], at: At) -> str:
        origin = _ORIGINS.get(string(table(data, "origin"), "kind"), "injected")
        trigger = table(data, "origin").get("kind") == "system_trigger"
        return "agent" if at.agent and (origin == "human" or trigger) else origin

    def _prompt(self, text: str, images: int, origin: str, own: str, at: At, out: list[Event]) -> None:
        if origin in ("human", "command", "queued") and not at.agent:
            if not self._named and text.strip():
                self._named = True
                out.append(SessionNamed(at, title=one_line(text, 200), rank=1))
            self._prompts = [*self._prompts[-99:], own]
        out.append(PromptText(at, own, text, origin, images))

    def _message(self, message: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        """A message of the context: prompts that are told already, what the program adds, copies in a fork."""
        role, content = string(message, "role"), message.get("content")
        if role == "user":
            text, images = text_of(content)
            if text in self._told:
                self._told.remove(text)
            elif string(table(message, "origin"), "kind") != "compaction_summary" or text != self._summary:
                self._prompt(text, images, self._origin(message, at), own, at, out)
        elif role == "tool":
            self._result(string(message, "toolCallId"), {"output": content, "isError": message.get("isError")}, at, out)
        else:
            parts = content if type(content) is list else [{"type": "text", "text": content}]
            for index, part in enumerate(parts):
                if type(part) is dict:
                    self._part(part, f"{own}#{index}", at, out)
            calls = message.get("toolCalls")
            for one in calls if type(calls) is list else ():
                if type(one) is dict:
                    made = table(one, "function") or one
                    self._call(string(one, "id"), string(made, "name"), made.get("arguments"), "", own, at, out)

    # ---- a step of the loop

    def _loop(self, event: dict[str, Any], kind: str, own: str, at: At, out: list[Event]) -> bool:
        if kind == "content.part":
            self._part(table(event, "part"), string(event, "uuid") or own, at, out)
        elif kind == "tool.call":
            said = string(event, "description")
            self._call(string(event, "toolCallId"), string(event, "name"), event.get("args"), said, own, at, out)
        elif kind == "tool.result":
            told = event.get("result")
            self._result(
                string(event, "toolCallId"), told if type(told) is dict else {"output": told}, at, out
            )  # fmt: skip
        elif kind == "step.end":
            usage, key = table(event, "usage"), f"kimi {string(event, 'uuid') or own}"
            if usage:
                tokens = _tokens(usage, self._llm)
                if self._record is None or not _same(self._record, tokens):
                    self._step = (key, tokens)
                    self._spend(key, tokens, at, out)
            self._record = None
            if string(event, "finishReason") in ("end_turn", "stop", "completed"):
                out.append(TurnEnded(at, reason="end_turn"))
        else:
            return kind == "step.begin"
        return True

    def _part(self, part: dict[str, Any], item: str, at: At, out: list[Event]) -> None:
        kind = string(part, "type")
        if kind == "think":
            out.append(ThoughtDone(at, item, string(part, "think"), hidden=not part.get("think")))
        elif kind == "text":
            if string(part, "text"):
                out.append(MessageDone(at, item, string(part, "text"), self._llm))
        else:
            out.append(MessageDone(at, item, f"[{kind or 'unknown part'}]", self._llm))

    def _call(self, id: str, name: str, given: Any, said: str, own: str, at: At, out: list[Event]) -> None:
        """Ids are unique within a file, and not always there: one that comes again is another call."""
        row = f"{at.agent}/{id}" if at.agent else id
        known = self._calls.get(id)
        if not id or (known is not None and known[2]):
            row = f"{row}{own}"
        self._calls[id] = (row, tools.kind_of(name), False)
        self._calls.move_to_end(id)
        if len(self._calls) > KNOWN:
            self._calls.popitem(last=False)
        out += tools.call(row, name, given, at, said)
        if tools.kind_of(name) == "tool.todo" and plan_of(given_of(given)):
            out.append(tools.planned(at, plan_of(given_of(given))))

    def _result(self, id: str, told: dict[str, Any], at: At, out: list[Event]) -> None:
        row, kind, _ = self._calls.get(id) or (f"{at.agent}/{id}" if at.agent else id, "", False)
        self._calls[id] = (row, kind, True)
        out += tools.result(told, row or f"@{at.file}:{at.offset}", kind, at)

    def _spend(self, key: str, tokens: Tokens, at: At, out: list[Event]) -> None:
        out.append(Spent(at, key, tokens))
        filled = tokens.input + tokens.cache_read + tokens.cache_write + tokens.output
        if filled and not at.agent:
            out.append(Usage(at, filled))

    # ---- around it

    def _around(self, kind: str, data: dict[str, Any], own: str, at: At, out: list[Event]) -> bool:
        if kind == "usage.record":
            llm = string(data, "model")
            tokens = _tokens(table(data, "usage"), self._llms.get(llm, llm) or self._llm)
            key, step = self._step
            if key and _same(step, tokens):  # it is that step's: told under the same name it counts once
                self._step = ("", step)
                out.append(Spent(at, key, tokens))
            else:
                self._record = tokens
                self._spend("", tokens, at, out)
        elif kind == "metadata":
            if not at.agent:
                out.append(AdapterSeen(at, "kimi", f"wire {string(data, 'protocol_version')}"))
        elif kind in ("config.update", "profile.bind"):
            cwd, llm = string(data, "cwd"), string(data, "modelAlias")
            if cwd and not at.agent:
                out.append(SessionNamed(at, cwd=cwd))
            self._model(self._llms.get(llm, llm), at, out)
        elif kind == "llm.request":
            llm = string(data, "model")
            if len(self._llms) < 256:
                self._llms[string(data, "modelAlias")] = llm
            self._model(llm, at, out)
        elif kind == "tools.update_store":
            if data.get("key") == "todo":
                out.append(tools.planned(at, plan_of(data.get("value"))))
        elif kind == "permission.set_mode":
            self._mode = string(data, "mode")
            if not at.agent:
                out.append(ConfigChanged(at, self._mode or None))
        elif kind.startswith(("plan_mode.", "swarm_mode.", "tower_mode.", "coordinator_mode.")):
            what, _, how = kind.partition("_mode.")
            out.append(NoticeAdded(at, own, "mode", f"{what.capitalize()} mode {'on' if how == 'enter' else 'off'}"))
            if what == "plan" and not at.agent:
                out.append(ConfigChanged(at, "plan" if how == "enter" else self._mode or "manual"))
        elif kind.startswith("full_compaction."):
            out.append(Compacting(at, on=kind.endswith(".begin")))
            if kind.endswith(".cancel"):
                out.append(NoticeAdded(at, own, "compaction", "Compaction was cancelled", "warning"))
        elif kind == "context.apply_compaction":
            self._summary = string(data, "contextSummary")
            sizes = (count(data.get(key)) for key in ("tokensBefore", "tokensAfter"))
            out.append(Compacted(at, own, string(data, "summary"), *sizes))
        else:
            return self._rare(kind, data, own, at, out)
        return True

    def _rare(self, kind: str, data: dict[str, Any], own: str, at: At, out: list[Event]) -> bool:
        level, notice, text = "info", "info", ""
        if kind in ("context.undo", "snapshot.rewind"):
            gone = count(data.get("count"))
            gone = 1 if gone is None else gone
            if 0 < gone <= len(self._prompts) and not at.agent:
                out.append(Rewound(at, self._prompts[-gone]))
                del self._prompts[-gone:]
            notice, text = "branch", "Rewound to an earlier prompt"
        elif kind == "context.clear":
            text = "Context cleared"
        elif kind == "forked":
            notice, text = "branch", "Forked from another session"
        elif kind == "turn.step.interrupted":
            notice, text = "interruption", "A step was interrupted"
        elif kind == "turn.step.retrying":
            notice, level = "api_error", "warning"
            why = string(data, "errorMessage") or string(table(data, "error"), "message")
            text = f"Request retried{f': {why}' if why else ''}"
        elif kind == "permission.record_approval_result":
            if table(data, "result").get("decision") in ("approved", None):
                return True
            level, text = "warning", f"Refused: {string(data, 'action') or string(data, 'toolName')}"
        elif kind in ("goal.create", "goal.update"):
            text = string(data, "objective") or string(data, "status")
            if not text:
                return True
            text = f"Goal: {text}"
        elif kind == "micro_compaction.apply":
            notice, text = "compaction", "Old tool results left the context"
        else:
            return False
        out.append(NoticeAdded(at, own, notice, one_line(text, 1000), level))  # type: ignore[arg-type]
        return True

    def _model(self, llm: str, at: At, out: list[Event]) -> None:
        if llm and llm != self._llm:
            self._llm = llm
            if not at.agent:
                out.append(ConfigChanged(at, None, llm))


def _tokens(usage: dict[str, Any], llm: str) -> Tokens:
    keys = ("inputOther", "output", "inputCacheRead", "inputCacheCreation")
    given, output, read, written = (taken(usage.get(key)) for key in keys)
    return Tokens(llm, given, output, read, written)


def _same(one: Tokens, other: Tokens) -> bool:
    return (one.input, one.output, one.cache_read, one.cache_write) == (
        other.input, other.output, other.cache_read, other.cache_write,
    )  # fmt: skip


def names(data: dict[str, Any]) -> str:
    return string(data, "role") or string(table(data, "message"), "type") if is_old(data) else ""


FORMAT = Format(
    agent="kimi",
    title="Kimi",
    reader=Reader,
    claims=claims,
    where=("$KIMI_CODE_HOME/sessions", "~/.kimi-code/sessions", "$KIMI_SHARE_DIR/sessions", "~/.kimi/sessions"),
    owns=owns,
    part_of=part_of,
    named=named,
    children=children,
    beside=beside,
    joins=joins,
    kinds=tools.KINDS,
    hidden=HIDDEN,
    names=names,
)
