"""`stop` and `cancel` of `playhead threads` and `playhead triggers`: a run is ended, what waits is not run. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from store import stops
from store.errors import StoreError
from store.stops import AtWork, Cancelled

PATIENCE_S: Final = 20.0  # until it is over: it has some seconds to write down what it was doing

Lines = Callable[[Iterable[dict[str, Any]]], None]
Print = Callable[[Iterable[str]], None]


def run(db: Path, work: AtWork | None, json: bool, lines: Lines, print_: Print) -> int:
    """Say how it ended; 1: it goes on. Raises StoreError where nothing runs."""
    if work is None:
        raise StoreError("Nothing runs there now: it has ended, or has not begun.")
    name = work.thread or work.trigger
    asked = stops.stop(db, work, actor="cli")
    row = stops.over(db, work, PATIENCE_S)
    if json:
        state = "running" if row is None else row.state
        lines([{"run": work.run_id, "trigger": work.trigger, "key": work.thread or None, "state": state,
                "reason": "" if row is None else row.reason, "waiting": work.waiting}])  # fmt: skip
    elif row is None:
        print_([f"{name}: asked to stop, and not over after {PATIENCE_S:g} s. “playhead runs” says when it is."])
    elif row.state == "stopped":
        print_([f"{name}: stopped. Its thread is as it was before. {stops.told(work)}".rstrip()])
    else:
        gone = "" if asked else " Nobody was at it any more."
        print_([f"{name}: it ended as {row.state} before it could be stopped. {row.reason}{gone}".rstrip()])
    return 1 if row is None else 0


def cancelled(done: Cancelled, json: bool, lines: Lines, print_: Print) -> int:
    """Say what is not run."""
    if json:
        lines({"delivery": id, "trigger": done.trigger, "key": done.thread or None, "state": "cancelled"}
              for id in done.ids)  # fmt: skip
        return 0
    which = ", ".join(map(str, done.ids))
    one = len(done.ids) == 1
    back = f"To bring {'it' if one else 'one'} back: playhead triggers cancel --undo {which if one else 'N'}"
    print_([f"{done.name}: deliver{'y' if one else 'ies'} {which} cancelled, and not run. {back}."])
    return 0


def brought_back(db: Path, id: int, json: bool, lines: Lines, print_: Print) -> int:
    """One that was cancelled waits again. Raises StoreError where it does not."""
    stops.bring_back(db, (id,), actor="cli")
    if json:
        lines([{"delivery": id, "state": "waiting"}])
    else:
        print_([f"Delivery {id} waits again: it is run by the Playhead that runs triggers, or by the next one."])
    return 0
