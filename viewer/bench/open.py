"""`bench open`: a big session that was never seen, from the command to its end on the screen and to the whole of it."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import orjson
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QAbstractSlider
from typing_extensions import override

from store.live import Live
from viewer.bench.apart import folder, session
from viewer.bench.common import Report, figure, report, rss_mb, yardstick
from viewer.bench.rig import application
from viewer.theme import make_look
from viewer.timeline.model import TimelineModel
from viewer.timeline.pane import TimelinePane

NAME: Final = "open"
HELP: Final = "a big session: first paint of its end, the whole of it scrollable, and again when it is known"
PATIENCE: Final = 600.0  # seconds


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
            _warm(session(home / "small", records=50))
            before = rss_mb()
            _never_seen(path, figures)
            figures.setdefault("rss_gained_mb", []).append(rss_mb() - before)
            _known(path, figures)
    params = {"size_mb": arguments.size_mb, "repeat": arguments.repeat}
    return [report(NAME, params, {name: figure(values) for name, values in figures.items()})]


def _warm(path: Path) -> None:
    """Fonts and imports belong to `bench start`."""
    opening = Opening(path)
    opening.until(lambda: opening.first > 0)
    opening.close()


def _never_seen(path: Path, figures: dict[str, list[float]]) -> None:
    """Besides the seconds: what they would be where the yardstick is 0.1 s, and how many bare decodes fit into them."""
    first, bare = yardstick(), _bare(path)
    opening = Opening(path)
    view, model = opening.pane.view, opening.model
    opening.until(lambda: opening.first > 0)
    # Somebody reads back while the rest is imported: what is read must not move.
    view.verticalScrollBar().triggerAction(QAbstractSlider.SliderAction.SliderPageStepSub)
    opening.until(lambda: not opening.live.hub.pending)
    before = opening.tops()
    opening.until(lambda: model.base > 0)
    whole = time.perf_counter() - opening.started
    view.viewport().repaint()
    after = opening.tops()
    note(figures, "never_seen", opening)
    figures.setdefault("never_seen_whole_s", []).append(whole)
    figures.setdefault("rows_moved", []).append(sum(after.get(item) != top for item, top in before.items()))
    opening.close()  # and what indexes behind the import: the yardstick is taken alone
    figures.setdefault("scaled_never_seen_whole_s", []).append(whole * 0.2 / (first + yardstick()))
    figures.setdefault("orjson_loads_s", []).append(bare)
    figures.setdefault("times_orjson_loads", []).append(whole / bare)


def _bare(path: Path) -> float:
    """Seconds for decoding every line on one core, and nothing else."""
    loads, start = orjson.loads, time.perf_counter()
    with path.open("rb") as file:
        for line in file:
            loads(line)
    return time.perf_counter() - start


def _known(path: Path, figures: dict[str, list[float]]) -> None:
    opening = Opening(path)
    opening.until(lambda: opening.first > 0)
    rows = opening.model.length
    opening.until(lambda: opening.live.hub.sessions[str(path)].header.state != "opening")
    note(figures, "known", opening)
    figures.setdefault("known_rows", []).append(rows)
    opening.close()


def note(figures: dict[str, list[float]], name: str, opening: Opening) -> None:
    figures.setdefault(f"{name}_first_paint_ms", []).append((opening.first - opening.started) * 1e3)
    figures.setdefault(f"{name}_longest_stall_ms", []).append(opening.stall * 1e3)
    figures.setdefault(f"{name}_longest_stall_cpu_ms", []).append(opening.stall_cpu * 1e3)


class Opening(QObject):
    """One session opened in a pane of its own. `first`: when rows were painted for the first time."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.app = application()
        self.live = Live()
        self.model = TimelineModel()
        self.pane = TimelinePane(make_look("dark"))
        self.first = 0.0
        self.stall = self.stall_cpu = 0.0  # the longest turn of the event loop after that
        self.pane.resize(1200, 900)
        self.pane.set_model(self.model)
        self.pane.show()
        self.app.processEvents()
        self.live.changed.connect(self.model.apply)
        self.pane.view.viewport().installEventFilter(self)
        self.started = time.perf_counter()
        self.live.open(str(path))

    @override
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.Paint or self.first or not self.model.length:
            return False
        watched.removeEventFilter(self)
        watched.event(event)
        self.first = time.perf_counter()
        return True

    def until(self, done: Callable[[], bool]) -> None:
        """Run the event loop, and note how long it was away from it."""
        end = time.perf_counter() + PATIENCE
        while not done():
            began, cpu = time.perf_counter(), time.thread_time()
            if began > end:
                raise TimeoutError(f"nothing came within {PATIENCE:.0f} s")
            there = bool(self.first)
            self.app.processEvents()
            if there:
                self.stall = max(self.stall, time.perf_counter() - began)
                self.stall_cpu = max(self.stall_cpu, time.thread_time() - cpu)
            time.sleep(0.005 if there else 0.001)  # looking all the time would take a share of the importer's core

    def tops(self) -> dict[str, int]:
        """Items that are on the screen and where their tops are."""
        view, model = self.pane.view, self.model
        return {model.item(row).id: view.visualRect(model.index(row)).top() for row in view.visible_rows()}

    def close(self) -> None:
        self.live.shutdown()
        self.pane.close()
