"""Cursor's transcripts: one line per message, without ids, times, results or usage. Found by folder.

No schema is published: after transcripts under `~/.cursor/projects/…/agent-transcripts` as three open tools read them
(agent-sessions, codetrail, agentsview). What a call gave is mostly not told: it is over when anything follows, and its
output stays empty. The `.txt` transcripts of older versions and `store.db` are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Final

from store.decode import unreadable
from store.events import (
    AdapterSeen,
    At,
    ConfigChanged,
    Event,
    MessageDone,
    PromptText,
    SessionNamed,
    ThoughtDone,
    ToolUpdated,
    TurnEnded,
)
from store.formats import cursor_tools as tools
from store.formats.base import Child, Format, Record
from store.formats.calls import text_of
from store.formats.heads import head_of, share
from store.formats.values import moment, one_line, string, table

HIDDEN: Final[Mapping[str, str]] = {}
_QUERY: Final = re.compile(r"<user_query>\n?(.*?)\n?</user_query>", re.DOTALL)
_ADDED: Final = re.compile(r"\s*<(?:system|user_info|git_status|timestamp|open_and_recently|attached|additional|rules)")
_ENDS: Final[Mapping[str, str]] = {
    "success": "success", "completed": "success", "": "success", "error": "error", "failed": "error",
    "aborted": "cancelled", "cancelled": "cancelled", "interrupted": "cancelled",
}  # fmt: skip
_CALLS: Final = frozenset({"tool_use", "tool_call", "tool-call"})
_RESULTS: Final = frozenset({"tool_result", "tool-result"})
_THOUGHTS: Final = frozenset({"thinking", "reasoning", "redacted_thinking", "redacted-reasoning"})


class Reader:
    """One per file. Remembers the calls that are not over."""

    def __init__(self) -> None:
        self._open: list[tuple[str, str, str]] = []  # (its own id, name, row)
        self._llm = ""
        self._named = False
        self._seen = False

    def events(self, record: Record) -> Sequence[Event]:
        data, base = record.data, record.at
        if type(data) is not dict:
            return (unreadable(record, type(data).__name__, "not an object"),)
        message = table(data, "message")
        role = string(data, "role") or string(message, "role")
        stamp = data.get("timestamp", message.get("created_at"))
        at = At(None if stamp is None else moment(stamp), base.file, base.offset, base.length, base.agent, base.parent)
        own = f"@{at.file}:{at.offset}"
        out: list[Event] = []
        if not self._seen and not at.agent:
            self._seen = True
            out.append(AdapterSeen(at, "cursor"))
        if role in ("user", "assistant", "tool", "system") and ("content" in message or "content" in data):
            content = message.get("content", data.get("content"))
            parts = content if type(content) is list else [{"type": "text", "text": content}]
            llm = string(data, "model") or string(message, "model")
            if llm and llm != self._llm and not at.agent:
                self._llm = llm
                out.append(ConfigChanged(at, None, llm))
            self._all([part for part in parts if type(part) is dict], role, own, at, out)
        elif data.get("type") == "turn_ended":
            self._over(at, out)
            status = string(data, "status")
            out.append(TurnEnded(at, _ENDS.get(status, "error"), reason=status if status not in _ENDS else ""))
        else:
            return (unreadable(record, string(data, "type") or role or "no type", "unknown type", at),)
        return out

    def _all(self, parts: list[dict[str, Any]], role: str, own: str, at: At, out: list[Event]) -> None:
        calls: list[tuple[str, str, str]] = []
        for index, part in enumerate(parts):
            kind, item = string(part, "type"), f"{own}#{index}"
            if kind in _RESULTS:
                self._result(part, item, at, out)
                continue
            self._over(at, out)
            if kind in _CALLS:
                id_ = string(part, "id") or string(part, "toolCallId")
                name = string(part, "name") or string(part, "toolName")
                given = part.get("input", part.get("args"))
                out += tools.call(id_ or item, name, given, at)
                calls.append((id_, name, id_ or item))
            elif kind in _THOUGHTS:
                text = string(part, "thinking") or string(part, "text")
                out.append(ThoughtDone(at, item, text, hidden=not text))
            elif kind == "image" or (role == "user" and kind == "file"):
                out.append(PromptText(at, item, "", "human" if role == "user" else "injected", 1))
            elif role == "user":
                self._prompt(string(part, "text"), item, at, out)
            elif role == "assistant":
                text = text_of([part])[0]
                if text or kind != "text":  # a part of another kind shows what text it has, else its name
                    out.append(MessageDone(at, item, text or f"[{kind or 'unknown part'}]", self._llm))
            else:
                out.append(PromptText(at, item, string(part, "text"), "injected"))
        self._open += calls

    def _prompt(self, text: str, item: str, at: At, out: list[Event]) -> None:
        """What was typed stands in a tag where the program added to it."""
        # Behind the last closing tag nothing is looked for: each opening one would be followed to the text's end.
        tagged, tag, rest = text.rpartition("</user_query>")
        queries = _QUERY.findall(tagged + tag)
        if queries:
            added = (_QUERY.sub("", tagged + tag) + rest).strip()
            if added:
                out.append(PromptText(at, f"{item}+", added, "injected"))
            text = "\n\n".join(queries).strip()
        origin = "agent" if at.agent else "injected" if not queries and _ADDED.match(text) else "human"
        if origin == "human" and not self._named and text.strip():
            self._named = True
            out.append(SessionNamed(at, title=one_line(text, 200), rank=1))
        out.append(PromptText(at, item, text, origin))

    def _result(self, part: dict[str, Any], item: str, at: At, out: list[Event]) -> None:
        id_ = string(part, "tool_use_id") or string(part, "toolCallId") or string(part, "id")
        name = string(part, "name") or string(part, "toolName")
        found = next((one for one in self._open if id_ and one[0] == id_), None)
        found = found or next((one for one in self._open if not id_ and name in ("", one[1])), None)
        if found is not None:
            self._open.remove(found)
        content = part.get("content", part.get("result", part.get("output")))
        output, images = text_of(content)
        status = "failed" if part.get("is_error") is True or part.get("isError") is True else "ok"
        row = found[2] if found is not None else id_ or item
        out.append(ToolUpdated(at, row, status, output, images=images))  # type: ignore[arg-type]

    def _over(self, at: At, out: list[Event]) -> None:
        """Something follows: whatever ran is over."""
        for _, _, row in self._open:
            out.append(ToolUpdated(at, row, "ok"))
        self._open = []


def claims(head: bytes, path: Path | None) -> int:
    """How surely this is a transcript: messages in roles, and nothing else."""
    if not head_of(head).records and head.startswith(
        (b'{"role":"user","message":{"content":[', b'{"role":"assistant","message":{"con')
    ):
        return 70
    sure = 90 if path is not None and "agent-transcripts" in path.parts else 75
    return share(head, lambda one: _is_message(one) or (one.get("type") == "turn_ended" and "turnId" not in one), sure)


def _is_message(record: dict[str, Any]) -> bool:
    message = record.get("message")
    if type(message) is not dict or type(message.get("content")) is not list:
        return False
    if record.keys() & {"type", "uuid", "sessionId", "session_id", "parentUuid", "timestamp_ms"}:
        return False
    role = record.get("role", message.get("role"))
    return type(role) is str and role in ("user", "assistant")


def owns(path: PurePath) -> bool:
    named = path.parent.name in ("agent-transcripts", path.stem)
    return named and "agent-transcripts" in path.parts and path.suffix == ".jsonl"


def children(path: Path) -> Iterable[Child]:
    """The transcripts of a session's subagents."""
    for folder in beside(path):
        try:
            found = sorted(file for file in folder.glob("*.jsonl") if file.is_file())
        except OSError:
            continue
        for file in found:
            yield Child(file, file.stem)


def beside(path: Path, _session: str = "") -> Iterable[Path]:
    return (path.parent / "subagents",) if path.parent.name == path.stem else ()


def names(data: dict[str, Any]) -> str:
    return "" if "type" in data else string(data, "role") or string(table(data, "message"), "role")


FORMAT = Format(
    agent="cursor",
    title="Cursor",
    reader=Reader,
    claims=claims,
    where=("~/.cursor/projects",),
    owns=owns,
    children=children,
    beside=beside,
    kinds=tools.KINDS,
    hidden=HIDDEN,
    names=names,
)
