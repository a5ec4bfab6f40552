"""Any agent that talks ACP, by its own command line: one prompt in a new session, or in one that the agent can load.

Nobody is there to answer its questions: the permission mode does, and no mode means that all are refused. Its output is
the journal of the whole conversation, which is its session, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from store.formats.acp_content import dollars, failure, spent
from store.formats.acp_talk import STOPS
from store.formats.acp_wire import Frame, unwrap, way_of
from store.formats.values import string, table
from store.runners.base import (
    YES,
    Abilities,
    Ability,
    Ask,
    Child,
    Command,
    End,
    Outcome,
    Runner,
    count,
    micros,
    records,
    words_of,
)
from store.runners.base import tail as last_words
from store.sources.process import Fact

MODES: Final = ("refuse", "read", "edit", "all")
OPENS: Final = ("session/new", "session/load", "session/resume")
BROKEN_OFF: Final = "The agent broke the turn off."


def command(asked: Ask) -> Command:
    """Raises StoreError for a command line that is none. The prompt is shown as its input: it is a message there."""
    words = words_of(asked.command, "Which agent? Its command line is needed, such as opencode acp.")
    return Command(words, asked.prompt.encode("utf-8", "replace"))


def launch(
    asked: Ask,
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    *,
    out: Callable[[bytes], None],
    fact: Callable[[Fact], None],
) -> Child:
    """Start the conversation."""
    from store.sources.acp_headless import Headless  # it needs abilities from here

    return Headless(
        argv, cwd, env, asked.prompt, out=out, fact=fact, load=asked.resume, mode=asked.permission, llm=asked.llm
    )


def outcome(lines: Iterable[bytes], stderr: bytes, end: End) -> Outcome:
    """The answer to the prompt decides. How the process ended says nothing more: it was we who sent it away."""
    told = _Told()
    for record in records(lines):
        frame = unwrap(record)
        if frame is not None and type(frame.body) is dict:
            told.take(frame, frame.body)
    return told.outcome(stderr)


class _Told:
    """What a journal says, line by line."""

    def __init__(self) -> None:
        self.session: str | None = None
        self._main = ""  # the same, before the agent has said that it is open
        self._requests: dict[str, tuple[str, str]] = {}  # id of ours → method, session
        self._text: list[str] = []
        self._errors: list[str] = []
        self._note = ""
        self._last = ""  # how it ended, if nothing else says it
        self._gone = False
        self._asked = False  # the prompt was sent
        self._reason = ""
        self._result: dict[str, Any] = {}
        self._fresh = True
        self._cost: float | None = None
        self._before: float | None = None

    def take(self, frame: Frame, body: dict[str, Any]) -> None:
        method = string(body, "method")
        if frame.way == "note":
            self._noted(body)
        elif method == "session/update":
            params = table(body, "params")
            if string(params, "sessionId") in ("", self._main):
                self._update(table(params, "update"))
        elif method and way_of(frame, method) == "out":
            self._request(method, body)
        elif method == "session/request_permission":
            self._text = []  # some agents tell of a call by asking for it
        elif not method and frame.way != "out":
            self._answer(body)

    def _noted(self, note: dict[str, Any]) -> None:
        text = string(note, "text")
        if note.get("is") == "ended" and note.get("ok") is not True:
            self._last = text
        elif note.get("level") == "error":
            self._errors.append(text)
            self._gone = self._gone or note.get("gone") is True
        elif note.get("refused") is True:
            self._note = text

    def _request(self, method: str, body: dict[str, Any]) -> None:
        session = string(table(body, "params"), "sessionId")
        self._requests[str(body.get("id"))] = (method, session)
        if method in OPENS:
            self._main, self._fresh = session, method == "session/new"
        if method == "session/prompt":
            self._asked, self._text, self._before = True, [], 0.0 if self._fresh else self._cost

    def _answer(self, body: dict[str, Any]) -> None:
        method, session = self._requests.pop(str(body.get("id")), ("", ""))
        result, error = table(body, "result"), body.get("error")
        if method in OPENS and error is None:
            self.session = string(result, "sessionId") or session or None
            self._main = self.session or ""
        elif method == "session/prompt" and error is not None:
            self._errors.append(failure(error))
        elif method == "session/prompt":
            self._reason, self._result = string(result, "stopReason"), result

    def _update(self, update: dict[str, Any]) -> None:
        kind = update.get("sessionUpdate")
        if kind == "usage_update":
            cost = dollars(update)
            self._cost = self._cost if cost is None else cost
        elif string(table(table(update, "_meta"), "claudeCode"), "parentToolUseId"):
            return  # a subagent's
        elif kind == "agent_message_chunk":
            self._text.append(string(table(update, "content"), "text"))
        elif kind == "tool_call":
            self._text = []  # what is said after the last tool is the answer

    def outcome(self, stderr: bytes) -> Outcome:
        ok = self._reason == "end_turn" and not self._errors
        errors = list(self._errors)
        if self._reason and self._reason != "end_turn":
            errors.append(STOPS[self._reason][1] if self._reason in STOPS else BROKEN_OFF)
            errors += [self._note] if self._note else []
        if not ok and not errors:
            errors = [self._last] if self._last else list(last_words(stderr))
        used = self._used()
        cost = None
        if self._cost is not None and self._before is not None and self._cost >= self._before:
            cost = micros(self._cost - self._before)
        return Outcome(
            ok=ok,
            stale=self._gone and not self._asked,
            session=self.session,
            text="".join(self._text) if ok else "",
            errors=() if ok else tuple(errors),
            turns=1 if self._reason else None,
            cost_micros=cost,
            note=self._note if ok else "",
            input_tokens=used[0],
            output_tokens=used[1],
            cache_read_tokens=used[2],
            cache_write_tokens=used[3],
            told=bool(self._reason or self._gone),
        )

    def _used(self) -> tuple[int | None, int | None, int | None, int | None]:
        """Tokens of the turn: in, out, read from the cache, written to it. What is told per model only may be of the
        whole session: it says something of a new one."""
        usage = table(self._result, "usage")
        if usage or not self._fresh:
            some = (count(usage.get(f"{name}Tokens")) for name in ("input", "output", "cachedRead", "cachedWrite"))
            return next(some), next(some), next(some), next(some)
        told = spent(self._result, "")
        if not told:
            return None, None, None, None
        cached = sum(one.cache_read for one in told) or None  # not told is 0 there
        return sum(one.input for one in told), sum(one.output for one in told), cached, None


RUNNER = Runner(
    name="acp",
    title="ACP agent",
    agent="",  # its sessions are journals of ours: what goes on with one makes another, so no composer can
    program="",
    abilities=Abilities(
        resume=YES,  # an agent that cannot load says so when it is asked: that is a session that is gone
        fork=Ability(False, "The protocol has no stable way to copy a session."),
        compact=Ability(False, "The protocol has no command that makes a session shorter."),
        permissions=YES,
        live=Ability(False, "A prompt is sent when the turn before it has ended."),
        modes=MODES,
        command=YES,
        unsaid="",
    ),
    command=command,
    outcome=outcome,
    launch=launch,
    apart="acp",
    elsewhere="Its agent is gone. Start it again with: playhead acp --load {id} -- COMMAND",
)
