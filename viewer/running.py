"""`playhead runs`: what Playhead has started, the newest first, and how each ended. No Qt."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any

from store.report import iso
from store.runs import RunRow, Runs, listed
from viewer import wording

Lines = Callable[[Iterable[dict[str, Any]]], None]
Print = Callable[[Iterable[str]], None]


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many (50)")
    parser.add_argument("--json", action="store_true", help="one JSON object per run")


def run(chosen: argparse.Namespace, lines: Lines, print_: Print, say: Callable[[str], None]) -> int:
    """Raises StoreError."""
    runs = Runs()
    try:
        swept = runs.sweep()  # what a killed Playhead has left does not run
    finally:
        runs.close()
    if swept:
        what = "run was" if swept == 1 else "runs were"
        say(f"{swept} {what} at work when Playhead was ended: see the list for how.")
    found = listed(max(0, chosen.limit))
    if chosen.json:
        lines(map(_object, found))
    else:
        print_(map(_line, found))
    return 0


def _object(row: RunRow) -> dict[str, Any]:
    return {
        "run": row.id,
        "state": row.state,
        "reason": row.reason,
        "runner": row.runner,
        "origin": row.origin,
        "queued": iso(row.queued),
        "started": iso(row.started),
        "ended": iso(row.ended),
        "cwd": row.cwd,
        "argv": list(row.argv),
        "prompt": row.prompt,
        "resumed": _how(row),
        "retry_of": row.retry_of,
        "trigger": row.trigger_id,
        "thread": row.thread_id,
        "delivery": row.delivery_id,
        "asked_session": row.asked_session,
        "session": row.agent_session,
        "key": row.session_key,
        "exit_code": row.exit_code,
        "signal": row.signal,
        "turns": row.turns,
        "in": row.input_tokens,
        "out": row.output_tokens,
        "cache_read": row.cache_read_tokens,
        "cache_create": row.cache_write_tokens,
        "cost_usd": None if row.cost_micros is None else row.cost_micros / 1_000_000,
        "log": row.log,
    }


def _how(row: RunRow) -> str:
    """How it began."""
    if row.resumed == 3:
        return "compacts" if row.asked_session else "handed over"  # what was said before is in its prompt
    return ("fresh", "resumed", "retried")[row.resumed]


def _line(row: RunRow) -> str:
    took = "–"
    if row.started is not None and row.ended is not None:
        took = f"{(row.ended - row.started) / 1_000_000:.1f} s"
    cost = wording.money(row.cost_micros)
    said = " ".join(row.prompt[:200].split())[:60]
    why = f"  ({row.reason})" if row.reason else ""
    line = f"{row.id[:8]}  {iso(row.queued) or '–':<24}  {row.state:<11} {took:>8} {cost:>7}  {_how(row):<11}  "
    return f"{line}{row.runner}: {said}{why}"
