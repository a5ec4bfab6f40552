"""`bench open`: a big session that was never seen, from the command to its end on the screen and to the whole of it."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Final

from viewer.bench.apart import folder, session
from viewer.bench.common import Report, figure, report, rss_mb

NAME: Final = "open"
HELP: Final = "a big session: first paint of its end, the whole of it scrollable, and again when it is known"
ALL: Final = ((),)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--size-mb", type=int, default=1000, help="size of the session file")
    parser.add_argument("--repeat", type=int, default=1)


def measure(arguments: argparse.Namespace) -> list[Report]:
    figures: dict[str, list[float]] = {}
    for _ in range(arguments.repeat):
        with folder() as home:
            # Before anything of ours asks for it: the database and settings of this bench, not of this user.
            os.environ["PLAYHEAD_DATA_DIR"] = str(home / "playhead")
            path = session(home, size=arguments.size_mb * 1_000_000)
            _warm(home)
            _cold(path, figures)
            _known(path, figures)
    params = {"size_mb": arguments.size_mb, "repeat": arguments.repeat}
    return [report(NAME, params, {name: figure(values) for name, values in figures.items()})]


def _warm(home: Path) -> None:
    """Fonts and imports belong to `bench start`."""
    _shown(session(home / "small", records=50), lambda view, live: bool(view.timeline and view.timeline.length), {}, "")


def _cold(path: Path, figures: dict[str, list[float]]) -> None:
    moved: list[int] = []
    gaps: list[float] = [0.0]
    before: list[tuple[str, int]] = []

    def whole(view: object, live: object) -> bool:
        model = view.timeline  # type: ignore[attr-defined]
        if model is None or not model.length:
            return False
        if not before:
            before.extend(_tops(view))
            gaps.append(0.0)
        if model.base == 0:
            return False
        view.repaint()  # type: ignore[attr-defined]
        after = dict(_tops(view))
        moved.append(sum(after.get(item) != top for item, top in before))
        return True

    _shown(path, whole, figures, "never_seen")
    figures.setdefault("rows_moved", []).append(moved[0])
    figures.setdefault("rss_mb", []).append(rss_mb())


def _known(path: Path, figures: dict[str, list[float]]) -> None:
    _shown(path, lambda view, live: bool(view.timeline and view.timeline.base), figures, "known")


def _tops(view: object) -> list[tuple[str, int]]:
    """Items that are on the screen and where their tops are."""
    model = view.timeline  # type: ignore[attr-defined]
    rows = view.visible_rows()  # type: ignore[attr-defined]
    return [(model.item(row).id, view.visualRect(model.index(row)).top()) for row in rows]  # type: ignore[attr-defined]


def _shown(path: Path, done: object, figures: dict[str, list[float]], name: str) -> None:
    """Open a session in a pane; note when its first rows were painted and when `done` says so."""
    from store.live import Live
    from viewer.bench.rig import application
    from viewer.theme import make_look
    from viewer.timeline.model import TimelineModel
    from viewer.timeline.pane import TimelinePane

    app = application()
    live = Live()
    model = TimelineModel()
    pane = TimelinePane(make_look("dark"))
    pane.resize(1200, 900)
    pane.set_model(model)
    pane.show()
    app.processEvents()
    live.changed.connect(model.apply)
    start = time.perf_counter()
    live.open(str(path))
    first = longest = 0.0
    while not done(pane.view, live):  # type: ignore[operator]
        before = time.perf_counter()
        app.processEvents()
        spent = time.perf_counter() - before
        if not first and model.length:
            first = time.perf_counter() - start
        elif first:
            longest = max(longest, spent)
        time.sleep(0.001)
    whole = time.perf_counter() - start
    if name:
        figures.setdefault(f"{name}_first_paint_ms", []).append(first * 1e3)
        figures.setdefault(f"{name}_whole_s", []).append(whole)
        figures.setdefault(f"{name}_longest_stall_ms", []).append(longest * 1e3)
        figures.setdefault(f"{name}_rows", []).append(model.length)
    live.shutdown()
    pane.close()
