"""`bench million`: a session of a million rows in the real window: open it, jump in it, what it costs, also meanwhile.

Meanwhile is: while the archive is imported behind the window, into the database that the rows are read from.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from viewer.bench.apart import folder
from viewer.bench.common import Report, figure, percentile, report, rss_mb

if TYPE_CHECKING:
    from viewer.app import App

NAME: Final = "million"
HELP: Final = "a session of a million rows: open, jump, memory, and all of it while the archive is imported"
ALL: Final = ((),)
PAGE: Final = 64  # rows that the model reads at once
FRAME: Final = 0.016
CHUNKS: Final = 15  # per frame
PATIENCE: Final = 120.0  # seconds
WARM: Final = 20  # jumps that are told apart: the first of their kind load modules and fonts
LOOP: Final = 20_000  # turns of a loop that takes about as long as a read
COPIES: Final = 6  # of the archive that is imported meanwhile
_SEED: Final = (
    "import sys; from pathlib import Path; from viewer.bench.seed import filled; "
    "filled(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], Path(sys.argv[3]))"
)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--jumps", type=int, default=200)
    parser.add_argument("--frames", type=int, default=300, help="frames of a stream, at rest and while importing")
    parser.add_argument("--repeat", type=int, default=7, help="openings")
    parser.add_argument("--size-mb", type=int, default=200, help="size of the archive that is imported meanwhile")


def measure(arguments: argparse.Namespace) -> list[Report]:
    figures: dict[str, list[float]] = {}
    with folder() as home:
        # Before anything of ours asks for them: the database and settings of this bench, not of this user.
        for name, below in (("PLAYHEAD_DATA_DIR", "playhead"), ("HOME", "home"), ("CLAUDE_CONFIG_DIR", "claude")):
            os.environ[name] = str(home / below)
        path = home / "session.jsonl"
        path.write_text('{"type":"summary","summary":"A long day"}\n')
        db = home / "playhead" / "data" / "playhead.db"
        db.parent.mkdir(parents=True)
        # In a process of its own: what the writing takes would hide what the reading does.
        subprocess.run([sys.executable, "-c", _SEED, str(db), str(arguments.rows), str(path)], check=True)
        with window(home / "nothing") as app:
            before = rss_mb()
            _open(app, path, figures, arguments)
            _jump(app, figures, arguments)
            figures["memory_mb"] = [rss_mb() - before]
            _meanwhile(app, home, figures, arguments)
    params = {"rows": arguments.rows, "frames": arguments.frames, "size_mb": arguments.size_mb}
    return [report(NAME, params, {name: figure(values) for name, values in figures.items()})]


@contextmanager
def window(nothing: Path) -> Iterator[App]:
    """The app, with no session anywhere, once it is at rest."""
    from store import settings
    from viewer.app import App
    from viewer.options import Options

    nothing.mkdir()
    app = App(Options(paths=(str(nothing),), size=(1200, 900)))
    app.settings[settings.KEEP] = False  # the bench says when: two imports at once are none
    told: list[object] = []
    app.live.sessions.connect(lambda delta: told.append(delta.total))
    app.start(restore=False)
    _until(app, lambda: any(total is not None for total in told))
    try:
        yield app
    finally:
        app.window.close()
        app.shutdown()


def _open(app: App, path: Path, figures: dict[str, list[float]], arguments: argparse.Namespace) -> None:
    """From the click to the rows on the screen."""
    view = app.window.pane.view
    for turn in range(arguments.repeat + 1):  # the first warms fonts up and loads modules: that is `bench start`
        start = time.perf_counter()
        app.window.open_path(str(path))
        _until(app, lambda: view.timeline is not None and view.timeline.length >= arguments.rows, pause=0.0)
        view.viewport().repaint()
        spent = (time.perf_counter() - start) * 1e3
        if turn:
            figures.setdefault("open_first_paint_ms", []).append(spent)
        assert view.timeline is not None
        figures.setdefault("open_pages_read", []).append(view.timeline.reads)
        if turn < arguments.repeat:
            app.window.desk.close_session(str(path))
            app.qt.processEvents()


def _jump(app: App, figures: dict[str, list[float]], arguments: argparse.Namespace) -> None:
    """Anywhere: what it costs the GUI thread until it is painted."""
    bar, rng = app.window.pane.view.verticalScrollBar(), random.Random(1)
    jumps = []
    for _ in range(WARM + arguments.jumps):
        start = time.thread_time()
        bar.setValue(rng.randrange(bar.maximum() + 1))
        app.qt.processEvents()
        jumps.append((time.thread_time() - start) * 1e3)
    figures["jump_first_ms"], jumps = [max(jumps[:WARM])], jumps[WARM:]  # loads what colours code and lays out tables
    figures["jump_ms"] = jumps
    figures["jump_p99_ms"] = [percentile(jumps, 0.99)]


def _meanwhile(app: App, home: Path, figures: dict[str, list[float]], arguments: argparse.Namespace) -> None:
    """Frames of a stream and windows of 64 rows: at rest, and while the archive is imported."""
    from store.archive_child import Background
    from viewer.bench.archive import make

    archive = home / "claude" / "projects"
    make(archive, 200, arguments.size_mb * 1_000_000)
    for copy in range(COPIES - 1):  # so much that there is work until the last frame
        _link(archive, archive.with_name(f"projects-{copy}"))
    stream = Stream(app)
    stream.run(60)  # fonts and caches
    _note(figures, "", stream.run(arguments.frames))
    told: list[object] = []
    over: list[object] = []
    background = Background([str(folder) for folder in home.glob("claude/projects-*")], told.append, over.append)
    background.start()
    _until(app, lambda: bool(told or over))
    if over:
        raise RuntimeError(f"The import ended before the frames did: {over[0]}.")
    before = told[-1]
    _note(figures, "_importing", stream.run(arguments.frames))
    figures["import_went_on"] = [float(not over)]
    figures["imported_meanwhile"] = [float(getattr(told[-1], "done", 0) - getattr(before, "done", 0))]
    background.cancel()
    figures["frame_cpu_over_idle_ms"] = [
        figures["frame_cpu_p99_importing_ms"][0] - figures["frame_cpu_p99_ms"][0],
    ]


def _link(archive: Path, copy: Path) -> None:
    """The same sessions in another place, which is another archive to whoever imports it."""
    for path in archive.rglob("*"):
        if path.is_file():
            target = copy / path.relative_to(archive)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target)


def _note(figures: dict[str, list[float]], when: str, told: Told) -> None:
    frames, reads, cpu, loops = told
    figures[f"frame_cpu_p50{when}_ms"] = [percentile(frames, 0.5)]
    figures[f"frame_cpu_p99{when}_ms"] = [percentile(frames, 0.99)]
    figures[f"read_64_p50{when}_ms"] = [percentile(reads, 0.5)]
    figures[f"read_64_p99{when}_ms"] = [percentile(reads, 0.99)]
    figures[f"read_64_cpu_p99{when}_ms"] = [percentile(cpu, 0.99)]  # what others do on this machine is not in it
    # What the same machine made of a loop that reads nothing, about as long: its tail is waiting for a core.
    figures[f"loop_p50{when}_ms"] = [percentile(loops, 0.5)]
    figures[f"loop_p99{when}_ms"] = [percentile(loops, 0.99)]


class Told(NamedTuple):
    """CPU ms per frame; ms per read of 64 rows, as the clock on the wall says, and of CPU; ms per loop, by the wall."""

    frames: list[float]
    reads: list[float]
    cpu: list[float]
    loops: list[float]


class Stream:
    """A message that grows by some pieces per frame, painted in a pane of its own; pages are read beside it."""

    def __init__(self, app: App) -> None:
        from store.formats import named
        from store.pipe import Pipe
        from viewer.bench.rig import Rig

        model = app.window.pane.view.timeline
        assert model is not None
        assert model.window is not None
        self._window = model.window
        self._pipe = Pipe(named("claude-stream"))
        self._rig = Rig(None, 0)
        self._rng = random.Random(2)
        self._turn = 0

    def run(self, frames: int) -> Told:
        """So many frames, each with four reads and four loops."""
        from viewer.bench.stream import _begin, _wire

        costs: list[float] = []
        reads: list[float] = []
        cpu: list[float] = []
        loops: list[float] = []
        for frame in range(frames):
            if frame % 60 == 0:  # a message per second
                self._turn += 1
                self._rig.step(self._pipe.feed(_begin(f"m{self._turn}")))
            due = time.perf_counter() + FRAME
            data = b"".join(_wire(frame * CHUNKS + n, f"m{self._turn}", 0) for n in range(CHUNKS))
            costs.append(self._rig.step(self._pipe.feed(data)).whole * 1e3)
            for _ in range(4):
                first = self._rng.randrange(self._window.length - PAGE)
                start, spent = time.perf_counter(), time.thread_time()
                self._window.read(first, PAGE)
                cpu.append((time.thread_time() - spent) * 1e3)
                reads.append((time.perf_counter() - start) * 1e3)
                start = time.perf_counter()
                for _number in range(LOOP):
                    pass
                loops.append((time.perf_counter() - start) * 1e3)
            time.sleep(max(0.0, due - time.perf_counter()))
        return Told(costs, reads, cpu, loops)


def _until(app: App, done: Callable[[], bool], pause: float = 0.001) -> None:
    end = time.perf_counter() + PATIENCE
    while not done():
        if time.perf_counter() > end:
            raise TimeoutError(f"nothing came within {PATIENCE:.0f} s")
        app.qt.processEvents()
        if pause:
            time.sleep(pause)
