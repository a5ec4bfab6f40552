"""`playhead continue`: one prompt more for a session, without a window; the same runs as the composer's. No Qt."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final

from store import report
from store.continuing import continued
from store.runs import Ask, RunRequest, RunResult, Runs, shown
from viewer import endings

Lines = Callable[[Iterable[dict[str, Any]]], None]
Print = Callable[[Iterable[str]], None]
FAILED: Final = 1
STOPPED: Final = 130
HEARS_S: Final = 0.5 if sys.platform == "win32" else None  # there nothing is heard of Ctrl-C by who waits for ever


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", metavar="PATH|ID", help="the session to go on with")
    parser.add_argument("prompt", metavar="PROMPT", help="what to say; - reads it from standard input")
    parser.add_argument("--fork", action="store_true", help="go on in a copy, and leave the session as it is")
    parser.add_argument("--runner", default="", metavar="NAME", help="the program; else the session's own agent's")
    parser.add_argument("--command", default="", metavar="LINE", help="the agent's own, for the runner acp")
    parser.add_argument("--permission", default="", metavar="MODE", help="what the agent may do without asking")
    parser.add_argument("--model", default="", metavar="NAME", help="the model, where the program takes one")
    parser.add_argument("--timeout", type=float, default=0, metavar="S", help="end it after so many seconds")
    parser.add_argument("--dry-run", action="store_true", help="print the command, and start nothing")
    parser.add_argument("--json", action="store_true", help="one JSON object about the run")


def run(chosen: argparse.Namespace, lines: Lines, print_: Print, say: Callable[[str], None]) -> int:
    """0: the agent has answered. 1: it has not. 130: it was interrupted. Raises StoreError."""
    path = report.find_session(chosen.session)
    runner, session, cwd, command = continued(path, chosen.runner, chosen.command, fork=chosen.fork)
    prompt = sys.stdin.read() if chosen.prompt == "-" else chosen.prompt
    asked = Ask(prompt, cwd, session, chosen.fork, chosen.permission, chosen.model, command=command)
    request = RunRequest(runner, asked, "hand", timeout_s=max(0.0, chosen.timeout), resumed=1)
    runs = Runs()
    line = shown(runs.preview(request), cwd)
    if chosen.dry_run:
        print_([line])
        return 0
    say(line)
    over = threading.Event()
    found: list[RunResult] = []

    def done(result: RunResult) -> None:
        found.append(result)
        over.set()

    before = {number: signal.signal(number, signal.default_int_handler) for number in endings.signals()}
    try:
        id = runs.start(request, done)
        try:
            while not over.wait(HEARS_S):
                pass
        except KeyboardInterrupt:
            runs.stop(id, "Interrupted by you.")
            over.wait()
    finally:
        runs.close()
        for number, handler in before.items():
            signal.signal(number, handler)
    [result] = found
    if chosen.json:
        lines([told(result)])
    else:
        print_(result.outcome.text.splitlines())
    if result.state == "cancelled":
        return STOPPED
    if result.reason:
        say(result.reason)
    return 0 if result.state == "ok" else FAILED


def told(result: RunResult) -> dict[str, Any]:
    """A run's end as an object. Unknown is null."""
    out = result.outcome
    return {
        "run": result.run_id,
        "state": result.state,
        "reason": result.reason,
        "exit_code": result.exit_code,
        "signal": result.signal,
        "duration_ms": None if result.duration_us is None else result.duration_us // 1000,
        "session": out.session,
        "path": result.session_key,
        "stale": out.stale,
        "text": out.text,
        "errors": list(out.errors),
        "turns": out.turns,
        "in": out.input_tokens,
        "out": out.output_tokens,
        "cache_read": out.cache_read_tokens,
        "cache_create": out.cache_write_tokens,
        "cost_usd": None if out.cost_micros is None else out.cost_micros / 1_000_000,
        "log": result.log,
    }
