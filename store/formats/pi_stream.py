"""What `pi --mode json` prints: messages as they grow, tools as they run. For pi.py only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from store.decode import clean
from store.events import (
    At,
    Compacting,
    Event,
    NoticeAdded,
    SessionNamed,
    TextDelta,
    ThoughtDelta,
    ToolInput,
    ToolStarted,
    ToolUpdated,
)
from store.formats import pi_tools as tools
from store.formats.pi_talk import NAME, Talk
from store.formats.values import count, moment, number, one_line, string, table, texts

HIDDEN: Final[Mapping[str, str]] = {
    "agent_start": "a turn begins with its first message",
    "turn_start": "a request begins with its first message",
    "turn_end": "its message and results were told when they ended",
    "agent_settled": "the end was told before",
    "queue_update": "prompts that wait are told when the agent gets them",
    "thinking_level_changed": "how much the model may think; no row is made of it",
    "entry_appended": "an entry of the session file; what it says is told beside it",
    "summarization_retry_attempt_start": "the wait before it was told",
    "summarization_retry_finished": "what came of it is told by the summary",
    "agent_handoff": "part of the transport",
    "bash_execution_update": "an intermediate state; the end follows",
}
TELLING: Final = frozenset({
    "message_start", "message_update", "message_end", "tool_execution_start", "tool_execution_update",
    "tool_execution_end", "agent_end", "compaction_start", "compaction_end", "auto_compaction_start",
    "auto_compaction_end", "auto_retry_start", "auto_retry_end", "summarization_retry_scheduled",
    "session_info_changed", "extension_error",
})  # fmt: skip


class Stream:
    """One per reader. A message has no id: it is where it began."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._own = ""  # the message that is growing
        self._calls: dict[int, str] = {}  # its tool calls, by their place in it
        self._answered: set[str] = set()  # calls that have ended, and whose results follow as messages

    def event(self, kind: str, data: dict[str, Any], at: At, out: list[Event]) -> bool:
        """One record of a kind in TELLING; False if it is not understood."""
        own = f"@{at.file}:{at.offset}"
        if kind == "message_start":
            self._own, self._calls = own, {}
        elif kind == "message_update":
            self._grow(table(data, "assistantMessageEvent"), data, at, out)
        elif kind == "message_end":
            return self._said(table(data, "message"), own, at, out)
        elif kind == "tool_execution_start":
            out += tools.started(string(data, "toolCallId") or own, string(data, "toolName"), data.get("args"), at)
        elif kind == "tool_execution_update":
            text, _ = texts(table(data, "partialResult").get("content"))
            if text:
                out.append(ToolUpdated(at, string(data, "toolCallId") or own, output=text))
        elif kind == "tool_execution_end":
            call = string(data, "toolCallId") or own
            self._answered.add(call)
            out.append(tools.answered(call, table(data, "result"), data.get("isError") is True, at))
        elif kind == "agent_end":
            if data.get("willRetry") is not True:
                self._talk.end(at, out)
        elif kind == "session_info_changed":
            out.append(SessionNamed(at, title=one_line(string(data, "name"), 200), rank=NAME))
        elif kind.endswith("compaction_start"):
            out.append(Compacting(at, on=True))
        elif kind.endswith("compaction_end"):
            self._compacted(data, own, at, out)
        else:
            self._trouble(kind, data, own, at, out)
        return True

    def _said(self, message: dict[str, Any], own: str, at: At, out: list[Event]) -> bool:
        own, self._own = self._own or own, ""
        call = string(message, "toolCallId")
        if call in self._answered:
            self._answered.discard(call)
            return True
        stamp = moment(message.get("timestamp"))
        return self._talk.message(message, own, At(stamp, at.file, at.offset, at.length, at.agent, at.parent), out)

    def _grow(self, piece: dict[str, Any], data: dict[str, Any], at: At, out: list[Event]) -> None:
        if not self._own:
            return  # its beginning was not seen: the end tells all of it
        kind, index, text = string(piece, "type"), count(piece.get("contentIndex")) or 0, string(piece, "delta")
        if kind == "text_delta" and text:
            out.append(TextDelta(at, f"{self._own}#{index}", text))
        elif kind == "thinking_delta" and text:
            out.append(ThoughtDelta(at, f"{self._own}#{index}", text))
        elif kind == "toolcall_start":
            call, name = string(piece, "id"), string(piece, "toolName")
            if not call:  # older versions repeat the message instead
                block = _block(table(piece, "partial") or table(data, "message"), index)
                call, name = string(block, "id"), string(block, "name")
            if call:
                self._calls[index] = call
                out.append(ToolStarted(at, call, name, tools.kind_of(name), status="pending"))
        elif kind == "toolcall_delta" and text and index in self._calls:
            out.append(ToolInput(at, self._calls[index], text))
        elif kind == "toolcall_end":
            block = table(piece, "toolCall")
            call = string(block, "id") or self._calls.get(index, "")
            if call:
                out += tools.started(call, string(block, "name"), block.get("arguments"), at)

    def _compacted(self, data: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        out.append(Compacting(at, on=False))
        result = table(data, "result")
        failure = string(data, "errorMessage")
        if string(result, "summary"):
            self._talk.compacted(result, own, at, out)
        elif failure:
            out.append(NoticeAdded(at, own, "info", f"Compaction failed: {one_line(failure, 1000)}", "error"))
        elif data.get("aborted") is True:
            out.append(NoticeAdded(at, own, "info", "Compaction was stopped", "warning"))

    def _trouble(self, kind: str, data: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        if kind == "auto_retry_end":
            if data.get("success") is not True:
                text = one_line(string(data, "finalError"), 1000) or "The last try failed."
                out.append(NoticeAdded(at, own, "api_error", text, "error"))
            return
        if kind == "extension_error":
            where = clean(string(data, "extensionPath").rpartition("/")[2])
            text = f"Extension {where}: {one_line(string(data, 'error'), 1000)}"
            out.append(NoticeAdded(at, own, "info", text, "error"))
            return
        tries = "/".join(
            str(known) for key in ("attempt", "maxAttempts") if (known := count(data.get(key))) is not None
        )
        wait = number(data.get("delayMs"))
        text = f"Retry {tries}{f' in {wait / 1000:g} s' if wait is not None else ''}"
        message = one_line(string(data, "errorMessage"), 1000)
        out.append(NoticeAdded(at, own, "api_error", f"{text}: {message}" if message else text, "warning"))


def _block(message: dict[str, Any], index: int) -> dict[str, Any]:
    content = message.get("content")
    block = content[index] if type(content) is list and 0 <= index < len(content) else None
    return block if type(block) is dict else {}
