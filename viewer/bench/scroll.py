"""`bench scroll`: wheel steps and jumps over rows that were never laid out, at any length."""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path
from typing import Final

from viewer.bench.apart import folder
from viewer.bench.common import Report, figure, percentile, report

NAME: Final = "scroll"
HELP: Final = "scroll 1,000 px over unseen rows, jump anywhere; rows that moved though they should not have"
ALL: Final = (("--rows", "10000"), ("--rows", "1000000"))


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=200)


def measure(arguments: argparse.Namespace) -> list[Report]:
    with folder() as home:
        return [_one(arguments, arguments.rows, home)]


def _one(arguments: argparse.Namespace, rows: int, home: Path) -> Report:
    from viewer.bench.rig import Rig
    from viewer.bench.seed import seeded

    window = seeded(rows, home)
    start = time.perf_counter()
    rig = Rig(window, rows)
    opened = time.perf_counter() - start
    view = rig.pane.view
    bar = view.verticalScrollBar()
    rng = random.Random(1)
    steps: list[float] = []
    wheel: list[float] = []
    moved = 0

    def timed(action: object, *values: object) -> float:
        before = time.thread_time()
        action(*values)  # type: ignore[operator]
        rig.app.processEvents()
        return (time.thread_time() - before) * 1e3

    for _ in range(20):
        timed(view.scroll_by, -1000)
    for _ in range(arguments.steps):
        tops = _tops(view)
        steps.append(timed(view.scroll_by, -1000))
        moved += _moved(tops, _tops(view))
    for _ in range(arguments.steps):
        tops = _tops(view)
        wheel.append(timed(view.scroll_by, -120))
        moved += _moved(tops, _tops(view))
    jumps = [timed(bar.setValue, rng.randrange(bar.maximum() + 1)) for _ in range(arguments.steps)]
    figures = {
        "open_to_paint_ms": figure([opened * 1e3]),
        "scroll_1000px_p99_ms": figure([percentile(steps, 0.99)]),
        "scroll_1000px_ms": figure(steps),
        "wheel_120px_ms": figure(wheel),
        "jump_p99_ms": figure([percentile(jumps, 0.99)]),
        "jump_ms": figure(jumps),
        "rows_moved": figure([moved]),
    }
    rig.pane.close()
    if window is not None:
        window.close()
    return report(NAME, {"rows": rows, "steps": arguments.steps}, figures)


def _tops(view: object) -> dict[int, int]:
    model = view.timeline  # type: ignore[attr-defined]
    rows = view.visible_rows()  # type: ignore[attr-defined]
    return {row: view.visualRect(model.index(row)).top() for row in rows}  # type: ignore[attr-defined]


def _moved(before: dict[int, int], after: dict[int, int]) -> int:
    """Rows on both screens that did not move by what the others moved."""
    shifts = [after[row] - top for row, top in before.items() if row in after]
    return sum(shift != shifts[0] for shift in shifts)
