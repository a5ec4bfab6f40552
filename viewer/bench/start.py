"""`bench start`: from process start to what the user wants to see."""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from viewer.bench.apart import Child, folder, session
from viewer.bench.common import Report, figure, report

NAME: Final = "start"
STICK: Final = 0.1  # seconds: the yardstick of the machine that the goals are meant for
HELP: Final = "process start to the first paint: a session that was never seen, and one that is known"
ALL: Final = ((),)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--records", type=int, default=100_000, help="records of the session")
    parser.add_argument("--repeat", type=int, default=11)


def measure(arguments: argparse.Namespace) -> list[Report]:
    runs: dict[str, list[tuple[float, float]]] = {"never_seen": [], "known": []}  # ms, and at that machine's speed
    with folder() as home:
        path = session(home, records=arguments.records)
        for turn in range(arguments.repeat + 1):  # the first run compiles and fills the page cache
            shutil.rmtree(home / "playhead", ignore_errors=True)
            for name in runs:  # the import of the first run makes the session known
                took = _scaled(lambda: _painted(home, path))
                if turn:
                    runs[name].append(took)
    params = {"records": arguments.records, "repeat": arguments.repeat}
    figures = {f"{name}_painted_ms": figure(raw for raw, _ in taken) for name, taken in runs.items()}
    figures |= {
        f"{name}_painted_at_yardstick_100_ms": figure(scaled for _, scaled in taken) for name, taken in runs.items()
    }
    return [report(NAME, params, figures)]


def _painted(home: Path, path: Path) -> float:
    """Milliseconds from process start to the first paint; waits until the session is imported."""
    child = Child(home, path)
    painted: float = (child.wait("painted") - child.started) * 1e3
    child.wait("done")
    child.end()
    return painted


def _scaled(run: Callable[[], float]) -> tuple[float, float]:
    """What it measures, and the same at that machine's speed.

    Shared machines change theirs by a factor of three within a minute: it is asked right before and right after.
    """
    before = _stick()
    took = run()
    return took, took * STICK / ((before + _stick()) / 2)


def _stick() -> float:
    """The yardstick in a tenth of its time."""
    start = time.perf_counter()
    for _number in range(1_000_000):
        pass
    return (time.perf_counter() - start) * 10
