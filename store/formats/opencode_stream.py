"""What `opencode run --format json` prints: the parts of a session as they end. Found by folder.

Rests on recordings of OpenCode 1.18, its source (`cli/cmd/run.ts`), and published logs of its forks, which also print
parts that have only begun. The stream has no prompt, no model and, before `done` came, no end: the last step ends it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from store.decode import clean, unreadable
from store.events import (
    AdapterSeen,
    At,
    ConfigChanged,
    Event,
    MessageDone,
    NoticeAdded,
    SessionNamed,
    Spent,
    ThoughtDone,
    Tokens,
    TurnEnded,
    Usage,
)
from store.formats import opencode_tools as tools
from store.formats.base import Format, Record
from store.formats.heads import head_of, share
from store.formats.values import moment, number, one_line, string, table, tokens

HIDDEN: Final[Mapping[str, str]] = {
    "step_start": "a step begins with its first part",
    "text/empty": "a part without words",
    "done": "the program is about to leave; the last step has ended the turn",
}
_PARTS: Final = frozenset({"step_start", "step_finish", "text", "reasoning", "tool_use"})
_GOES_ON: Final = frozenset({"tool-calls", "unknown"})  # reasons of a step that another one follows
_REASONS: Final[Mapping[str, str]] = {"stop": "end_turn"}


class Reader:
    """One per stream. Remembers the session, the model, and what the turn has cost so far."""

    def __init__(self) -> None:
        self._session = ""
        self._llm = ""
        self._ended = False  # the turn is over, and nothing came since
        self._begun = False
        self._cost: float | None = 0.0  # None: a step did not tell, or was not seen

    def events(self, record: Record) -> Sequence[Event]:
        data, base = record.data, record.at
        if type(data) is not dict:
            return (unreadable(record, type(data).__name__, "not an object"),)
        at = At(moment(data.get("timestamp")), base.file, base.offset, base.length, base.agent, base.parent)
        kind, part = string(data, "type"), table(data, "part")
        own = string(part, "id") or f"@{at.file}:{at.offset}"
        out: list[Event] = []
        if not self._begun:
            self._begun = True
            self._cost = None if at.offset else 0.0  # steps of this turn may lie before
        session = string(data, "sessionID")
        if session and session != self._session:
            self._session = session
            if not at.agent:
                out.append(AdapterSeen(at, "opencode"))
                out.append(SessionNamed(at, session))
        if kind == "error":
            self._failed(data.get("error"), own, at, out)
        elif kind == "done":
            self._done(data, own, at, out)
        elif kind not in _PARTS or not part:
            out.append(unreadable(record, kind or "no type", "unknown type", at))
        else:
            self._part(kind, part, own, at, out)
        return out

    def _part(self, kind: str, part: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        text = string(part, "text")
        if kind == "text":
            if text.strip():
                out.append(MessageDone(at, own, text, self._llm))
        elif kind == "reasoning":
            out.append(ThoughtDone(at, own, text, hidden=not text.strip()))
        elif kind == "tool_use":
            out += tools.tool(part, own, at)
        elif kind == "step_finish":
            self._finished(part, own, at, out)
            return
        self._ended = False

    def _finished(self, part: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        told = table(part, "model")  # of forks
        llm = string(told, "respondedModelID") or string(told, "modelID")
        if llm and llm != self._llm:
            self._llm = llm
            if not at.agent:
                out.append(ConfigChanged(at, None, llm))
        used = part.get("tokens")
        cost = number(part.get("cost"))
        if type(used) is dict:
            spent = tokens_of(used, self._llm, cost)
            out.append(Spent(at, f"opencode {own}", spent))
            whole = spent.input + spent.cache_read + spent.cache_write + spent.output
            if whole and not at.agent:
                out.append(Usage(at, whole))
            if spent.cost_usd is None and whole:
                self._cost = None
        if self._cost is not None and cost is not None and cost > 0:
            self._cost += cost
        reason = string(part, "reason")
        if reason not in _GOES_ON:
            self._over("success", at, out, _REASONS.get(reason, reason))

    def _over(self, status: str, at: At, out: list[Event], reason: str = "") -> None:
        out.append(TurnEnded(at, status, None, self._cost or None, reason=reason))
        self._ended, self._cost = True, 0.0

    def _failed(self, error: Any, own: str, at: At, out: list[Event]) -> None:
        name, message = ("", clean(error)) if type(error) is str else ("", "")
        detail = ""
        if type(error) is dict:
            name, told = string(error, "name"), table(error, "data")
            message = string(told, "message") or string(error, "message") or name
            detail = string(told, "responseBody")
        stopped = name == "MessageAbortedError"
        kind, level = ("interruption", "warning") if stopped else ("api_error", "error")
        text = one_line(message, 1000) or "The run failed."
        out.append(NoticeAdded(at, own, kind, text, level, detail))  # type: ignore[arg-type]
        if not self._ended:
            self._over("cancelled" if stopped else "error", at, out)

    def _done(self, data: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        rejected = data.get("rejected")
        names = [clean(name) for name in rejected if type(name) is str] if type(rejected) is list else []
        if names:
            out.append(NoticeAdded(at, own, "info", f"Nobody was asked, so not allowed: {', '.join(names)}", "warning"))
        if not self._ended:
            self._over("success", at, out)


def tokens_of(used: dict[str, Any], llm: str, cost: float | None) -> Tokens:
    """What a step took. Where the total says so, reasoning is beside the output, else it is in it.

    A cost of 0 is what OpenCode tells of a model whose price it does not know: it is unknown here.
    """
    cache = table(used, "cache")
    given, output, thought = tokens(used.get("input")), tokens(used.get("output")), tokens(used.get("reasoning"))
    read, write, total = tokens(cache.get("read")), tokens(cache.get("write")), tokens(used.get("total"))
    if total >= given + output + thought + read + write:
        output += thought
    return Tokens(llm, given, output, read, write, cost_usd=cost if cost is not None and cost > 0 else None)


def claims(head: bytes, path: Path | None) -> int:
    """How surely these are the bytes of such a stream."""
    if not head_of(head).records:  # one line, longer than the head
        first = head[:512].replace(b'": "', b'":"')
        return 70 if first.startswith(b"{") and b'"sessionID":"' in first and b'"part":' in first else 0
    return share(head, _is_own)


def _is_own(record: dict[str, Any]) -> bool:
    kind = string(record, "type")
    return "sessionID" in record and (
        (kind in _PARTS and type(record.get("part")) is dict)
        or (kind == "error" and "error" in record)
        or (kind == "done" and "reason" in record)
    )


FORMAT = Format(
    agent="opencode-stream",
    title="OpenCode",
    reader=Reader,
    claims=claims,
    kinds=tools.KINDS,
    hidden=HIDDEN,
)
