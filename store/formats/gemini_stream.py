"""What `gemini --output-format stream-json` prints, and the one object of `json`. Found by folder.

Rests on recordings of 0.61 and Gemini CLI's documentation of its headless mode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from store.decode import clean, dump, unreadable
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
    Tokens,
    TurnEnded,
)
from store.formats import gemini_tools as tools
from store.formats.base import Format, Record
from store.formats.heads import share
from store.formats.values import count, micros, moment, one_line, string, table

HIDDEN: Final[Mapping[str, str]] = {}
_OWN: Final = frozenset({"init", "tool_use", "tool_result"})


class Reader:
    """One per stream. A message has no id: it is the text between two things that are none."""

    def __init__(self) -> None:
        self._message = ""
        self._llm = ""

    def events(self, record: Record) -> Sequence[Event]:
        data, base = record.data, record.at
        if type(data) is not dict:
            return (unreadable(record, type(data).__name__, "not an object"),)
        at = At(moment(data.get("timestamp")), base.file, base.offset, base.length, base.agent, base.parent)
        own, kind = f"@{at.file}:{at.offset}", string(data, "type")
        out: list[Event] = []
        if kind == "message":
            self._said(data, own, at, out)
            return out
        self._message = ""
        if kind == "init":
            self._llm = string(data, "model")
            out.append(SessionNamed(at, string(data, "session_id")))
            out.append(AdapterSeen(at, "gemini"))
            if self._llm:
                out.append(ConfigChanged(at, None, self._llm))
        elif kind == "tool_use":
            item = string(data, "tool_id") or own
            out += tools.started(item, string(data, "tool_name"), data.get("parameters"), at)
        elif kind == "tool_result":
            failure = table(data, "error")
            output = data.get("output")
            text = clean(output) if type(output) is str else "" if output is None else clean(dump(output))
            response = {"output": text or string(failure, "message")}
            out.append(
                tools.answered(
                    string(data, "tool_id") or own, tools.status_of(string(data, "status")), response, None, at
                )
            )
        elif kind == "error":
            level = "error" if string(data, "severity") == "error" else "warning"
            out.append(NoticeAdded(at, own, "api_error", one_line(string(data, "message"), 1000), level))  # type: ignore[arg-type]
        elif kind == "result":
            self._over(data, table(data, "stats"), own, at, out)
        elif kind == "" and "response" in data and "stats" in data:
            out.append(SessionNamed(at, string(data, "session_id")))
            if string(data, "response"):
                out.append(MessageDone(at, own, string(data, "response")))
            self._over(data, {}, own, at, out)
        else:
            return (unreadable(record, kind or "no type", "unknown type", at),)
        return out

    def _said(self, data: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        text = string(data, "content")
        if data.get("role") == "user":
            self._message = ""
            out.append(SessionNamed(at, title=one_line(text, 200), rank=1))
            out.append(PromptText(at, own, text))
        elif data.get("delta") is True:
            self._message = self._message or own
            out.append(TextDelta(at, self._message, text))
        else:
            out.append(MessageDone(at, self._message or own, text, self._llm))
            self._message = ""

    def _over(self, data: dict[str, Any], stats: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        failure = table(data, "error")
        status = "success" if string(data, "status") in ("", "success") and not failure else "error"
        if status == "error":
            text = string(failure, "message") or "The run failed."
            out.append(NoticeAdded(at, own, "result", one_line(text, 1000), "error"))
        used = table(stats, "models")
        tokens = tuple(_tokens(table(used, llm), clean(llm)) for llm in used)
        out.append(TurnEnded(at, status, micros(stats.get("duration_ms")), None, tokens))


def _tokens(stats: dict[str, Any], llm: str) -> Tokens:
    given, output, cached = (max(0, count(stats.get(key)) or 0) for key in ("input_tokens", "output_tokens", "cached"))
    return Tokens(llm, max(0, given - cached), output, cached)


def claims(head: bytes, path: Path | None) -> int:
    """How surely these are the bytes of such a stream."""
    if head.startswith(b"{\n") and b'"session_id":' in head[:4096] and b'\n  "response":' in head[:4096]:
        return 80
    return share(head, _is_own)


def _is_own(record: dict[str, Any]) -> bool:
    kind = string(record, "type")
    return (
        (kind in _OWN and ("tool_id" in record or "session_id" in record))
        or (kind == "message" and type(record.get("content")) is str and "role" in record)
        or (kind == "result" and "stats" in record)
    )


def names(data: dict[str, Any]) -> str:
    return "" if "type" in data else "json"


FORMAT = Format(
    agent="gemini-stream",
    title="Gemini CLI",
    reader=Reader,
    claims=claims,
    kinds=tools.KINDS,
    hidden=HIDDEN,
    names=names,
)
