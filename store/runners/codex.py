"""Codex: `codex exec --json`, and `exec resume` and `exec fork`. The prompt goes in on standard input."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from store.runners.base import YES, Abilities, Ability, Ask, Command, End, Outcome, Runner, count, ended_well, records
from store.runners.base import tail as last_words
from store.runners.base import text as text_of

MODES: Final = ("read-only", "workspace-write", "danger-full-access")
GONE: Final = "no rollout found for thread id"


def command(asked: Ask) -> Command:
    argv = ["codex", "exec"]
    if asked.permission:  # an option of exec itself: behind resume it would be refused
        argv += ["--sandbox", asked.permission]
    if asked.resume:
        argv.append("fork" if asked.fork else "resume")
    argv += ["--json", "--skip-git-repo-check"]
    if asked.llm:
        argv += ["--model", asked.llm]
    if asked.resume:
        argv.append(asked.resume)
    return Command((*argv, "-"), asked.prompt.encode("utf-8", "replace"))


def outcome(lines: Iterable[bytes], stderr: bytes, end: End) -> Outcome:
    """`turn.completed` or `turn.failed` decides: an `error` alone may be a try that is made again."""
    session: str | None = None
    text = ""
    state = ""
    errors: list[str] = []
    turns = 0
    usage: dict[str, int | None] = {}
    for record in records(lines):
        kind = record.get("type")
        if kind == "thread.started":
            session = text_of(record.get("thread_id")) or session
        elif kind == "item.completed":
            item = record.get("item")
            if type(item) is dict and item.get("type") == "agent_message":
                text = text_of(item.get("text"))
        elif kind == "turn.completed":
            state = "completed"
            turns += 1
            told = record.get("usage")
            if type(told) is dict:
                usage = {name: count(told.get(name)) for name in told}
        elif kind == "turn.failed":
            state = "failed"
            error = record.get("error")
            errors.append(text_of(error.get("message")) if type(error) is dict else "")
    said = last_words(stderr)
    # It prints nothing else about it: stdout is empty, and this sentence has a number of its protocol behind it.
    stale = session is None and not state and any(GONE in line for line in said)
    ok = state == "completed" and ended_well(end)
    given, cached = usage.get("input_tokens"), usage.get("cached_input_tokens")
    return Outcome(
        ok=ok,
        stale=stale,
        session=session,
        text=text if ok else "",
        errors=() if ok else tuple(error for error in errors if error) or said,
        turns=turns or None,
        input_tokens=given if given is None or cached is None else max(0, given - cached),
        output_tokens=usage.get("output_tokens"),
        cache_read_tokens=cached,
        cache_write_tokens=usage.get("cache_write_input_tokens"),
        told=bool(state),
    )


def transcript(session: str, cwd: Path) -> Path | None:
    """Its rollout: the name ends with the id; the newest folder first."""
    if not session or any(sign in session for sign in "/*?["):
        return None
    root = Path(os.environ.get("CODEX_HOME") or "~/.codex").expanduser() / "sessions"
    name = f"rollout-*-{session}.jsonl"
    for year in _newest(root):
        for month in _newest(year):
            for day in _newest(month):
                if found := next(iter(day.glob(name)), None):
                    return found
    return None


def _newest(folder: Path) -> list[Path]:
    try:
        return sorted((path for path in folder.iterdir() if path.is_dir()), reverse=True)
    except OSError:
        return []


RUNNER = Runner(
    name="codex",
    title="Codex",
    agent="codex",
    program="codex",
    abilities=Abilities(
        resume=YES,
        fork=YES,
        compact=Ability(False, "Codex compacts by itself when its context is full: it has no command for it here."),
        permissions=YES,
        live=Ability(False, "A prompt is sent when the turn before it has ended."),
        modes=MODES,
    ),
    command=command,
    outcome=outcome,
    transcript=transcript,
    terminal=lambda session, fork: ("codex", "fork" if fork else "resume", session),
    compaction=b'"type":"compacted"',
    over=b'"type":"turn.',
    stream="codex-exec",
)
