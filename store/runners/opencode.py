"""opencode: `opencode run --format json`. Its sessions are in a database of its own."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from store.errors import StoreError
from store.runners.base import (
    ARGUMENT,
    YES,
    Abilities,
    Ability,
    Ask,
    Command,
    End,
    Outcome,
    Runner,
    count,
    ended_well,
    micros,
    records,
)
from store.runners.base import tail as last_words
from store.runners.base import text as text_of
from store.sources import views

GONE: Final = "Session not found"


def command(asked: Ask) -> Command:
    """Raises StoreError for a prompt that is no argument."""
    if len(asked.prompt.encode("utf-8", "replace")) > ARGUMENT:
        raise StoreError(f"opencode takes a prompt as an argument only, and this one has more than {ARGUMENT:,} bytes.")
    argv = ["opencode", "run", "--format", "json"]
    if asked.permission == "auto":
        argv.append("--auto")
    if asked.llm:
        argv += ["--model", asked.llm]
    if asked.resume:
        argv += ["--session", asked.resume]
    if asked.fork:
        argv.append("--fork")
    return Command((*argv, "--", asked.prompt))


def outcome(lines: Iterable[bytes], stderr: bytes, end: End) -> Outcome:
    """It has no result line: an error, the exit code, and the last step decide."""
    session: str | None = None
    text = ""
    errors: list[str] = []
    finished = False
    figures: dict[str, int] = {}
    cost: float | None = None
    steps = 0
    for record in records(lines):
        session = text_of(record.get("sessionID")) or session
        part = record.get("part")
        told = part if type(part) is dict else {}
        match record.get("type"):
            case "text":
                text = text_of(told.get("text"))
            case "error":
                error = record.get("error")
                data = error.get("data") if type(error) is dict else None
                message = text_of(data.get("message")) if type(data) is dict else ""
                errors.append(message or text_of(error if type(error) is str else "") or "error")
            case "step_finish":
                steps += 1
                finished = told.get("reason") not in ("tool-calls", "error")
                tokens = told.get("tokens")
                kept = tokens if type(tokens) is dict else {}
                held = kept.get("cache")
                cache = held if type(held) is dict else {}
                for name, value in (("in", kept.get("input")), ("out", kept.get("output")),
                                    ("read", cache.get("read")), ("write", cache.get("write"))):  # fmt: skip
                    if (number := count(value)) is not None:
                        figures[name] = figures.get(name, 0) + number
                price: Any = told.get("cost")
                if micros(price) is not None:
                    cost = (cost or 0) + price
    said = last_words(stderr)
    ok = finished and not errors and ended_well(end)
    return Outcome(
        ok=ok,
        stale=session is None and any(line.endswith(GONE) for line in said),
        session=session,
        text=text if ok else "",
        errors=() if ok else tuple(errors) or said,
        turns=1 if steps else None,
        input_tokens=figures.get("in"),
        output_tokens=figures.get("out"),
        cache_read_tokens=figures.get("read"),
        cache_write_tokens=figures.get("write"),
        cost_micros=micros(cost),
        told=finished,
    )


def transcript(session: str, cwd: Path) -> Path | None:
    """Its place in opencode's database, which is read like a file."""
    if not session.startswith("ses") or "/" in session:
        return None
    data = Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "opencode"
    path = data / "opencode.db" / session
    return path if path.parent.is_file() and views.exists(path) else None


RUNNER = Runner(
    name="opencode",
    title="opencode",
    agent="opencode",
    program="opencode",
    abilities=Abilities(
        resume=YES,
        fork=YES,
        compact=Ability(False, "opencode compacts by itself: it has no command for it here."),
        permissions=YES,
        live=Ability(False, "A prompt is sent when the turn before it has ended."),
        modes=("ask", "auto"),
    ),
    command=command,
    outcome=outcome,
    transcript=transcript,
    terminal=lambda session, fork: ("opencode", "--session", session, *(("--fork",) if fork else ())),
    stream="opencode-stream",
    over=b'"type":"step_finish"',
)
