"""Gemini CLI: `gemini` with stream-json. The prompt goes in on standard input; a `result` line says what came."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import orjson

from store.runners.base import YES, Abilities, Ability, Ask, Command, End, Outcome, Runner, count, ended_well, records
from store.runners.base import tail as last_words
from store.runners.base import text as text_of
from store.sources.process import Exited

MODES: Final = ("default", "auto_edit", "yolo")
GONE: Final = 42  # its exit code for a session that is not there
# It relaunches itself, and the child would survive a signal to the process that we know.
_ALONE: Final = {"GEMINI_CLI_NO_RELAUNCH": "true"}


def command(asked: Ask) -> Command:
    argv = ["gemini", "--output-format", "stream-json"]
    if asked.permission:
        argv += ["--approval-mode", asked.permission]
    if asked.llm:
        argv += ["--model", asked.llm]
    if asked.resume:
        argv += ["--resume", asked.resume]
    return Command(tuple(argv), asked.prompt.encode("utf-8", "replace"), _ALONE)


def outcome(lines: Iterable[bytes], stderr: bytes, end: End) -> Outcome:
    """Its `result` decides; a signal ends it with 0 and without one, which is no success."""
    session: str | None = None
    result: dict[str, Any] | None = None
    text: list[str] = []
    errors: list[str] = []
    for record in records(lines):
        kind = record.get("type")
        if kind == "init":
            session = text_of(record.get("session_id")) or session
        elif kind == "message" and record.get("role") == "assistant":
            text.append(text_of(record.get("content")))
        elif kind == "tool_use":
            text = []  # what is said after the last tool is the answer
        elif kind == "error":
            errors.append(text_of(record.get("message")))
        elif kind == "result":
            result = record
    if result is None:
        said = last_words(stderr, 5)
        stale = session is None and isinstance(end, Exited) and end.code == GONE
        return Outcome(False, stale, session, errors=tuple(error for error in errors if error) or said)
    ok = result.get("status") == "success" and ended_well(end)
    error = result.get("error")
    if type(error) is dict:
        errors.append(text_of(error.get("message")))
    stats = result.get("stats")
    told = stats if type(stats) is dict else {}
    return Outcome(
        ok=ok,
        session=session,
        text="".join(text) if ok else "",
        errors=() if ok else tuple(error for error in errors if error) or last_words(stderr),
        turns=1,
        input_tokens=count(told.get("input")),
        output_tokens=count(told.get("output_tokens")),
        cache_read_tokens=count(told.get("cached")),
        told=True,
    )


def transcript(session: str, cwd: Path) -> Path | None:
    """Its file: the folder of this directory has a name of Gemini's own, and the file the first of its id."""
    if len(session) < 8 or any(sign in session for sign in "/*?["):
        return None
    root = Path("~/.gemini").expanduser()
    try:
        told = orjson.loads((root / "projects.json").read_bytes())
    except (OSError, ValueError):
        told = {}
    known = told.get("projects", told) if type(told) is dict else {}
    name = known.get(str(cwd)) if type(known) is dict else None
    folders = [root / "tmp" / name] if type(name) is str else []
    pattern = f"session-*-{session[:8]}.jsonl"
    for place in (*folders, root / "tmp"):
        where = f"chats/{pattern}" if folders and place == folders[0] else f"*/chats/{pattern}"
        for path in sorted(place.glob(where), reverse=True):
            if _is(path, session):
                return path
    return None


def _is(path: Path, session: str) -> bool:
    """Whether its header says that id; the name has eight of its characters."""
    try:
        with path.open("rb") as file:
            return session.encode() in file.readline(4096)
    except OSError:
        return False


RUNNER = Runner(
    name="gemini",
    title="Gemini CLI",
    agent="gemini",
    program="gemini",
    abilities=Abilities(
        resume=YES,
        fork=Ability(False, "Gemini CLI has no command that copies a session."),
        compact=Ability(False, "Gemini CLI takes /compress as text when it is started for one prompt."),
        permissions=YES,
        live=Ability(False, "A prompt is sent when the turn before it has ended."),
        modes=MODES,
    ),
    command=command,
    outcome=outcome,
    transcript=transcript,
    terminal=lambda session, fork: () if fork else ("gemini", "--resume", session),
    stream="gemini-stream",
    over=b'"type":"result"',
)
