"""Runs whose owner was killed: what came of each is read from the log that was kept of it. For `store.runs`.

An agent says itself how it ended, and what it printed is in the log a moment later: where its own record of that is
there, the run ended as that says. Only where there is none was it interrupted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from store.db.runs_db import RunRow
from store.errors import StoreError
from store.runners import named
from store.runners.base import End, Outcome
from store.runs_work import RunResult, complaints, lines_of, settled
from store.sources.journal import read_meta
from store.sources.process import Exited, Killed, ended_as

log = logging.getLogger(__name__)

FIGURES: Final = (
    "turns", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_micros",
)  # fmt: skip


def result_of(row: RunRow) -> RunResult | None:
    """What its log says of a run that nobody can tell of any more; None: it does not say how it ended. Reads it all."""
    kept = None if row.log is None else Path(row.log)
    end = _end(row, kept)
    try:
        runner = named(row.runner)
        outcome = runner.outcome(_lines(kept), _complaints(kept), end or Exited(0))
    except (StoreError, OSError) as error:
        log.warning("what came of run %s cannot be read: %s", row.id, error)
        return None
    if end is None and not outcome.told:
        return None
    outcome = settled(outcome, bool(row.asked_session), None if kept is None else _before(kept))
    state = "ok" if outcome.ok else "failed"
    reason = outcome.note if outcome.ok else "; ".join(outcome.errors) or f"{runner.title} ended without a reason."
    code = end.code if isinstance(end, Exited) else None
    number = end.signal if isinstance(end, Killed) else None
    return RunResult(row.id, state, outcome, code, reason, None, number, row.log, row.session_key)


def result_in(row: RunRow) -> RunResult:
    """The result of a run that is over, as its row has it; what was said, and whether its session was gone, as its log
    has it."""
    found = result_of(row)
    told = Outcome(row.state == "ok", session=row.agent_session) if found is None else found.outcome
    figures = {name: getattr(row, name) for name in FIGURES}
    outcome = msgspec.structs.replace(told, ok=row.state == "ok", **figures)
    took = None if row.started is None or row.ended is None else row.ended - row.started
    return RunResult(row.id, row.state, outcome, row.exit_code, row.reason, took, row.signal, row.log, row.session_key)


def columns(row: RunRow, result: RunResult) -> dict[str, Any]:
    """What is to be written into the row of such a run."""
    outcome = result.outcome
    session = outcome.session or row.agent_session
    key = row.session_key
    runner = named(row.runner)
    if runner.transcript is not None and session:
        file = runner.transcript(session, Path(row.cwd))
        key = key if file is None else str(file)
    return {
        "state": result.state, "reason": result.reason, "ended": _written(row), "exit_code": result.exit_code,
        "signal": result.signal, "agent_session": session, "session_key": key,
        **{name: getattr(outcome, name) for name in FIGURES},
    }  # fmt: skip


def _end(row: RunRow, kept: Path | None) -> End:
    """How the process ended, if anybody saw it."""
    if row.exit_code is not None:
        return Exited(row.exit_code)
    if row.signal is not None:
        return Killed(row.signal)
    meta = None if kept is None else read_meta(kept)
    return None if meta is None or not meta.ended else ended_as(meta.exit)


def _before(kept: Path) -> int | None:
    meta = read_meta(kept)
    return None if meta is None else meta.spent


def _lines(kept: Path | None) -> Iterable[bytes]:
    return lines_of(kept) if kept is not None and kept.exists() else ()


def _complaints(kept: Path | None) -> bytes:
    try:
        return b"" if kept is None else complaints(kept).read_bytes()
    except OSError:
        return b""


def _written(row: RunRow) -> int:
    """When it said the last that there is of it; microseconds UTC."""
    try:
        return Path(row.log or "").stat().st_mtime_ns // 1000
    except OSError:
        return time.time_ns() // 1000
