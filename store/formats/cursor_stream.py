"""What `cursor-agent -p --output-format stream-json` prints, and the one object of `json`. Found by folder.

After Cursor's docs (cursor.com/docs/cli/reference/output-format, November 2026) and open tools that read the stream.
With `--stream-partial-output` an answer comes in pieces (they have a time and no call) and then once more as a whole.
Tokens are told at the end only, for the whole run; input is taken to be without the cache, as the dashboard counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from store.decode import unreadable
from store.events import (
    AdapterSeen,
    At,
    ConfigChanged,
    Event,
    MessageDone,
    NoticeAdded,
    PromptText,
    SessionNamed,
    TextDelta,
    ThoughtDelta,
    Tokens,
    ToolUpdated,
    TurnEnded,
)
from store.formats import cursor_tools as tools
from store.formats.base import Format, Record
from store.formats.calls import text_of
from store.formats.heads import head_of, share
from store.formats.values import micros, moment, one_line, string, table
from store.formats.values import tokens as taken

HIDDEN: Final[Mapping[str, str]] = {
    "system": "what follows the first one is bookkeeping of the program",
    "interaction_query": "a question of the program, answered by itself",
    "connection": "bookkeeping of the transport",
    "retry": "bookkeeping of the transport",
}
_CLAUDE: Final = frozenset({"uuid", "parent_tool_use_id", "tools", "sessionId", "num_turns", "total_cost_usd"})


class Reader:
    """One per stream. A message has no id: it is the text between two things that are none."""

    def __init__(self) -> None:
        self._llm = ""
        self._said = ""  # the message that is being said, so far
        self._item = ""  # its row
        self._thought = ""
        self._any = False  # anything was said in this run
        self._named = False

    def events(self, record: Record) -> Sequence[Event]:
        data, base = record.data, record.at
        if type(data) is not dict:
            return (unreadable(record, type(data).__name__, "not an object"),)
        stamp = data.get("timestamp_ms")
        at = At(None if stamp is None else moment(stamp), base.file, base.offset, base.length, base.agent, base.parent)
        own, kind = f"@{at.file}:{at.offset}", string(data, "type")
        out: list[Event] = []
        if kind not in ("assistant", "connection", "retry"):
            self._item = self._said = ""
        if kind != "thinking":
            self._thought = ""
        if kind == "system" and data.get("subtype") == "init":
            self._begin(data, at, out)
        elif kind == "user":
            self._prompt(data, own, at, out)
        elif kind == "assistant":
            self._answer(data, own, at, out)
        elif kind == "thinking":
            if data.get("subtype") == "delta" or string(data, "text"):
                self._thought = self._thought or own
                out.append(ThoughtDelta(at, self._thought, string(data, "text")))
            else:
                self._thought = ""
        elif kind == "tool_call":
            self._call(data, own, at, out)
        elif kind == "result":
            self._over(data, own, at, out)
        elif kind == "error":
            text = string(data, "message") or string(table(data, "error"), "message")
            out.append(NoticeAdded(at, own, "api_error", one_line(text, 1000), "error"))
        elif kind not in HIDDEN:
            return (unreadable(record, kind or "no type", "unknown type", at),)
        return out

    def _begin(self, data: dict[str, Any], at: At, out: list[Event]) -> None:
        self._llm = string(data, "model")
        out.append(SessionNamed(at, string(data, "session_id"), cwd=string(data, "cwd")))
        out.append(AdapterSeen(at, "cursor-agent"))
        out.append(ConfigChanged(at, string(data, "permissionMode") or None, self._llm or None))

    def _prompt(self, data: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        text, images = text_of(table(data, "message").get("content"))
        if not self._named and text.strip():
            self._named = True
            out.append(SessionNamed(at, title=one_line(text, 200), rank=1))
        out.append(PromptText(at, own, text, "human", images))

    def _answer(self, data: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        text = text_of(table(data, "message").get("content"))[0]
        if not text:
            return
        self._any = True
        piece = "timestamp_ms" in data and "model_call_id" not in data
        if piece:
            self._item = self._item or own
            self._said += text
            out.append(TextDelta(at, self._item, text))
        elif self._item and text.strip() == self._said.strip():  # the pieces once more
            out.append(MessageDone(at, self._item, text, self._llm))
        else:
            self._item, self._said = own, text
            out.append(MessageDone(at, own, text, self._llm))

    def _call(self, data: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        item = string(data, "call_id") or own
        name, told = tools.named(table(data, "tool_call"))
        if name or data.get("subtype") == "started":
            out += tools.call(item, name, told.get("args"), at, string(told, "description"))
        if data.get("subtype") == "completed" or told.get("result") is not None:
            out.append(tools.result(item, told.get("result"), at))
        elif data.get("subtype") not in ("started", None):
            out.append(ToolUpdated(at, item))

    def _over(self, data: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        failed = data.get("is_error") is True or string(data, "subtype") not in ("", "success")
        text = string(data, "result")
        if failed:
            why = text or string(data, "subtype").replace("_", " ")
            out.append(NoticeAdded(at, own, "result", one_line(f"Ended with an error: {why}", 1000), "error"))
        elif text and not self._any:  # the one object of `json`
            out.append(SessionNamed(at, string(data, "session_id")))
            out.append(MessageDone(at, own, text, self._llm))
        self._any = False
        usage = table(data, "usage")
        used = (_tokens(usage, self._llm),) if usage else ()
        out.append(TurnEnded(at, "error" if failed else "success", micros(data.get("duration_ms")), used=used))


def _tokens(usage: dict[str, Any], llm: str) -> Tokens:
    keys = ("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens")
    given, output, read, written = (taken(usage.get(key)) for key in keys)
    return Tokens(llm, given, output, read, written)


def claims(head: bytes, path: Path | None) -> int:
    """How surely this is that stream: like Claude's, but for what only one of the two has."""
    sure = any(_vote(record) > 1 for record in head_of(head).records)
    return share(head, _vote, 95) if sure else 0


def _vote(record: dict[str, Any]) -> int:
    """2: only this stream says it so, 1: it may be this one's, 0: it is not."""
    kind = string(record, "type")
    if record.keys() & _CLAUDE:
        return 0
    if kind == "tool_call":
        return 2 if type(record.get("tool_call")) is dict and record.get("subtype") in ("started", "completed") else 0
    if kind == "thinking":
        return 2 if record.get("subtype") in ("delta", "completed") else 0
    if kind == "system":
        return 2 if record.get("subtype") == "init" and "apiKeySource" in record and "session_id" in record else 0
    if kind == "result":
        return 2 if "duration_api_ms" in record and "session_id" in record and "request_id" in record else 0
    if kind in ("user", "assistant"):
        return 1 if "session_id" in record and type(table(record, "message").get("content")) is list else 0
    return 0


FORMAT = Format(
    agent="cursor-stream",
    title="Cursor",
    reader=Reader,
    claims=claims,
    kinds=tools.KINDS,
    hidden=HIDDEN,
)
