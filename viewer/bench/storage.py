"""`bench storage`: the look at every transcript, in a job, while the window's event loop is asked how late it is."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Final

from PySide6.QtCore import QEventLoop, Qt, QTimer

from viewer.bench.apart import folder
from viewer.bench.common import Report, figure, percentile, report
from viewer.bench.rig import application
from viewer.jobs import Jobs
from viewer.panel.storage_card import StorageCard
from viewer.theme import make_look

NAME: Final = "storage"
HELP: Final = "look at many transcript files beside a window: how long, and how late its event loop is"
ALL: Final = ((),)
EACH: Final = 1000  # files per project


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)


def measure(arguments: argparse.Namespace) -> list[Report]:
    app = application()
    jobs = Jobs()
    seconds: list[float] = []
    stalls: list[float] = []
    worst: list[float] = []
    told: list[float] = []
    with folder() as home:
        for variable in ("HOME", "PLAYHEAD_DATA_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
            os.environ[variable] = str(home)
        os.environ["CLAUDE_CONFIG_DIR"] = str(home / ".claude")
        _fill(home / ".claude" / "projects", arguments.files)
        for _ in range(arguments.runs):
            card = StorageCard(jobs, home / "data" / "playhead.db", make_look("dark"))
            card.resize(500, 400)
            card.show()
            app.processEvents()
            late: list[float] = []
            words: list[object] = []
            card._progressed.connect(words.append)
            took = _watched(card, late)
            assert card.found is not None
            assert card.found.files == arguments.files
            seconds.append(took)
            stalls.append(1000 * percentile(late, 0.99))
            worst.append(1000 * max(late))
            told.append(len(words))
            card.deleteLater()
    jobs.shutdown()
    figures = {
        "scan_s": figure(seconds),
        "files_per_s": figure([arguments.files / took for took in seconds]),
        "stall_p99_ms": figure(stalls),
        "stall_max_ms": figure(worst),
        "progress_signals": figure(told),
    }
    return [report(NAME, {"files": arguments.files, "runs": arguments.runs}, figures)]


def _watched(card: StorageCard, late: list[float]) -> float:
    """Seconds of a scan; `late` gets by how much each beat of a timer of 1 ms came too late."""
    loop = QEventLoop()
    clock = QTimer()
    clock.setTimerType(Qt.TimerType.PreciseTimer)
    clock.setInterval(1)
    before = time.perf_counter()

    def beat() -> None:
        nonlocal before
        now = time.perf_counter()
        late.append(max(0.0, now - before - 0.001))
        before = now

    clock.timeout.connect(beat)
    card.scanned.connect(loop.quit)
    clock.start()
    begun = time.perf_counter()
    card.scan()
    loop.exec()
    clock.stop()
    return time.perf_counter() - begun


def _fill(projects: Path, files: int) -> None:
    for number in range(files):
        folder = projects / f"-home-dev-project-{number // EACH}"
        if number % EACH == 0:
            folder.mkdir(parents=True)
        (folder / f"{number:08}-0000-4000-8000-000000000000.jsonl").write_bytes(b"{}\n")
