"""Claude Code's session files, of every version seen: 1.0 to 2.1.329. Found by folder; nothing imports it by name.

Rests on recordings of 2.1.329, published sessions of 1.0 to 2.1.218, and the types of the agent SDK (0.3.329).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

from typing_extensions import override

from store.decode import type_of, unreadable
from store.events import At, Compacted, Event, NoticeAdded, SessionNamed, TurnEnded
from store.formats.base import Format, Record
from store.formats.claude_files import alive, beside, children, joins, named, owns
from store.formats.claude_hidden import HIDDEN, is_hidden
from store.formats.claude_notes import attachment, item_of, system
from store.formats.claude_sniff import disk
from store.formats.claude_talk import Talk
from store.formats.claude_tools import KINDS
from store.formats.claude_usage import key_of
from store.formats.values import moment, one_line, string, table, texts

CHAIN: Final = 4096  # records of subagents inside a main file whose agent is remembered
# How much a title is worth: what the person chose beats what was generated beats what was typed.
TITLES: Final = {
    "custom-title": ("customTitle", 6),
    "ai-title": ("aiTitle", 5),
    "agent-name": ("agentName", 4),
    "last-prompt": ("lastPrompt", 3),
    "summary": ("summary", 2),
}


_STOPS: Final = frozenset({"end_turn", "stop_sequence", "refusal"})


class Reader(Talk):
    """One per file."""

    def __init__(self) -> None:
        super().__init__()
        self._chain: OrderedDict[str, tuple[str, str | None]] = OrderedDict()  # uuid → subagent, its call
        self._envelope: tuple[Any, ...] = ()
        self._calls: OrderedDict[str, str] = OrderedDict()  # prompt of a subagent → the call that gave it

    def events(self, record: Record) -> Sequence[Event]:
        self.record = record
        data = record.data
        base = record.at
        if type(data) is not dict:
            return (unreadable(record, type(data).__name__, "not an object"),)
        get = data.get
        kind = get("type")
        message = get("message")
        if kind is None and type(message) is dict:
            kind = message.get("role")  # some tools keep only the messages
        stamp = get("timestamp")
        ts = None if stamp is None else moment(stamp)
        if get("isSidechain") is True and not base.agent:
            agent, parent = self._side(data)
            at = At(ts, base.file, base.offset, base.length, agent, parent)
        else:
            at = At(ts, base.file, base.offset, base.length, base.agent, base.parent)
        out: list[Event] = []
        cwd = get("cwd")
        if cwd is not None and not at.agent:
            envelope = (get("sessionId"), cwd, get("gitBranch"))
            if envelope != self._envelope:  # nearly every record says the same again
                self._envelope = envelope
                self.place_is(at, out, string(data, "sessionId"), string(data, "cwd"), string(data, "gitBranch"))
            version = get("version")
            if version != self.version:
                self.version_is(at, out, string(data, "version"))
        if kind == "assistant":
            index = get("apiBlockIndex")
            self.assistant(data, at, out, index if type(index) is int else None)
            if type(message) is dict and not at.agent:
                reason = message.get("stop_reason")
                if type(reason) is str and reason in _STOPS and _has_text(message.get("content")):
                    out.append(TurnEnded(at, reason=reason))  # print mode writes no record of its own for it
        elif kind == "user":
            mode = get("permissionMode")
            if mode is not None and not at.agent:
                self.config_is(at, out, mode=string(data, "permissionMode"))
            self.user(data, at, out, get("toolUseResult"))
        elif not self._other(data, kind, at, out):
            label = type_of(data)
            if not is_hidden(label):
                out.append(unreadable(record, label, "unknown type", at))
        return out

    def _other(self, data: dict[str, Any], kind: Any, at: At, out: list[Event]) -> bool:
        """Everything besides the conversation. False when it is not understood here."""
        if type(kind) is not str:
            return False
        if kind == "attachment":
            body = table(data, "attachment")
            if body.get("type") == "queued_command":
                self.queued(body, data, at, out)
                return True
            return attachment(data, at, out)
        if kind == "system":
            if string(data, "subtype") == "local_command":
                self._said(string(data, "content"), 0, data, item_of(data, at), at, out)
                return True
            known = system(data, at, out)
            if out and type(out[-1]) is Compacted:
                self.boundary = out[-1]
            return known
        if kind in TITLES:
            key, rank = TITLES[kind]
            title = one_line(string(data, key), 200)
            if title and not at.agent:
                out.append(SessionNamed(at, title=title, rank=rank))
            return True
        if kind == "progress":
            self._helper_spends(data, at, out)
            return False
        if kind == "permission-mode":
            self.config_is(at, out, mode=string(data, "permissionMode"))
            return True
        if kind == "relocated":
            self.place_is(at, out, "", string(data, "relocatedCwd"))
            return True
        if kind == "pr-link":
            where = f"{string(data, 'prRepository')}#{data.get('prNumber')}"
            url = string(data, "prUrl")
            out.append(NoticeAdded(at, item_of(data, at), "info", f"Pull request {where}", "info", url))
            return True
        if kind == "frame-link":
            title = string(data, "title") or string(data, "path")
            url = string(data, "frameUrl")
            out.append(NoticeAdded(at, item_of(data, at), "info", f"Artifact: {title}", "info", url))
            return True
        if kind == "conversation_reset":
            out.append(NoticeAdded(at, item_of(data, at), "info", "Conversation cleared"))
            return True
        return kind == "result" and "key" in data and "agentId" in data  # a line of a workflow's journal

    # ---- subagents

    def _helper_spends(self, data: dict[str, Any], at: At, out: list[Event]) -> None:
        """What a subagent's request took, as its caller heard of it: where its own file is gone, all there is."""
        body = table(data, "data")
        told = table(body, "message")
        message = table(told, "message")
        usage = message.get("usage")
        if body.get("type") != "agent_progress" or told.get("type") != "assistant" or type(usage) is not dict:
            return
        llm, agent = string(message, "model"), string(body, "agentId")
        if llm != "<synthetic>" and agent:
            stamp = moment(told.get("timestamp"))
            call = string(data, "parentToolUseID") or at.parent
            there = At(at.ts if stamp is None else stamp, at.file, at.offset, at.length, agent, call)
            self.spends(there, out, key_of(message, told), usage, llm)

    @override
    def called(self, block: dict[str, Any], at: At) -> None:
        if block.get("name") in ("Task", "Agent") and block.get("type") == "tool_use" and not at.agent:
            prompt = string(table(block, "input"), "prompt").strip()
            if prompt:
                self._calls[prompt] = string(block, "id")
                if len(self._calls) > 64:
                    self._calls.popitem(last=False)

    def _side(self, data: dict[str, Any]) -> tuple[str, str | None]:
        """Which subagent a record belongs to, and the call that started it: told, or along the chain."""
        before = self._chain.get(string(data, "parentUuid"))
        told = string(data, "agentId") or string(data, "sourceToolUseID")
        if before is not None and (not told or told == before[0]):
            found = before
        else:
            prompt = texts(table(data, "message").get("content"))[0].strip() if data.get("type") == "user" else ""
            call = self._calls.get(prompt) if prompt else None
            found = (told or call or string(data, "uuid") or "sidechain", call)
        uuid = string(data, "uuid")
        if uuid:
            self._chain[uuid] = found
            if len(self._chain) > CHAIN:
                self._chain.popitem(last=False)
        return found


def _has_text(content: Any) -> bool:
    return type(content) is list and any(type(block) is dict and block.get("type") == "text" for block in content)


FORMAT = Format(
    agent="claude-code",
    title="Claude Code",
    reader=Reader,
    claims=disk,
    where=("$CLAUDE_CONFIG_DIR/projects", "~/.claude/projects"),
    owns=owns,
    deep=1,
    children=children,
    named=named,
    beside=beside,
    joins=joins,
    alive=alive,
    fork=("claude", "--resume", "{id}", "--fork-session"),
    kinds=KINDS,
    hidden=HIDDEN,
)
