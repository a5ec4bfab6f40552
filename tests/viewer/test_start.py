"""Starting and quitting: what a start may import, what its first paint shows, and that the end waits for nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import timeline_kit as kit
from builders import SESSION, assistant, lines, user
from PySide6.QtCore import QEvent, QObject
from pytestqt.qtbot import QtBot
from typing_extensions import override

from store.live import Live
from viewer.app import App
from viewer.bench.make_session import write_session
from viewer.options import Options
from viewer.theme import make_look
from viewer.timeline.model import TimelineModel

REPO = Path(__file__).resolve().parents[2]

# Each of these costs a start between two and a hundred and fifty milliseconds, and no first screen needs it.
LATE = {
    "asyncio", "hashlib", "importlib.metadata", "importlib.resources", "logging.handlers", "pickle", "platformdirs",
    "pygments", "rapidfuzz", "socket", "sqlalchemy", "store.catalog", "store.importer", "store.insight_hand",
    "store.intake", "store.report", "store.sources.discover", "store.sources.journal", "store.sources.process",
    "store.sources.replay", "store.sources.stdin", "store.streams", "subprocess", "tomlkit", "tomllib", "viewer.asking",
    "viewer.gallery", "viewer.home", "viewer.insight.follow", "viewer.inspector.pane", "viewer.screenshot",
    "viewer.settings_dialog", "viewer.shortcuts", "watchfiles",
}  # fmt: skip
# Classes of Qt are made when they are first asked for, with all their enumerations. These tell that somebody asked for
# every class there is, or for those with hundreds of names.
UNMADE = {"QCalendarWidget", "QDialog", "QGraphicsView", "QMessageBox", "QStyle", "QWizard"}
START = """
import json, linecache, sys
from viewer import cli
cli.load()
from PySide6 import QtWidgets
from PySide6.QtCore import QTimer
from viewer.app import App
app = App(cli.window_options(sys.argv[1:]))
view = app.window.pane.view
paint = view.paintEvent
def painted(event):
    paint(event)
    if view.timeline is not None and view.timeline.length:
        print(json.dumps([sorted(sys.modules), sorted(vars(QtWidgets)), sorted(linecache.cache)]), flush=True)
        QTimer.singleShot(0, app.window.close)
        view.paintEvent = paint
view.paintEvent = painted
app.start()
sys.exit(app.execute())
"""


def test_a_start_imports_no_more_than_its_first_screen_needs() -> None:
    code = "import json, sys, viewer.cli, viewer.app; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    came = set(json.loads(done.stdout))
    assert sorted(came & LATE) == []
    assert {name for name in came if name.startswith("PySide6.Qt")} == {
        "PySide6.QtCore", "PySide6.QtGui", "PySide6.QtSvg", "PySide6.QtWidgets"
    }  # fmt: skip


def test_a_first_paint_makes_no_more_than_it_shows(tmp_path: Path) -> None:
    """The same at the moment when the session is on the screen, and for the classes of Qt."""
    path = tmp_path / f"{SESSION}.jsonl"
    path.write_bytes(lines(user("hello"), assistant("**hi**")))
    own = {"QT_QPA_PLATFORM": "offscreen", "PLAYHEAD_DATA_DIR": str(tmp_path / "data"), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", START, str(path)], cwd=REPO, capture_output=True, text=True, env={**os.environ, **own}
    )
    assert done.stderr == ""
    modules, classes, read = map(set, json.loads(done.stdout))
    assert sorted(modules & LATE) == []
    ours = (f"{REPO}/store", f"{REPO}/viewer")
    assert not [name for name in read if name.startswith(ours)], "PySide6 reads the source of what is imported"
    assert sorted(classes & UNMADE) == []


class Paints(QObject):
    """How many rows there were at each paint of the transcript."""

    def __init__(self, app: App) -> None:
        super().__init__()
        self.rows: list[int] = []
        self.ticks: list[int] = []  # so far, at each of them
        self._live = app.live
        self._view = app.window.pane.view
        self._view.viewport().installEventFilter(self)

    @override
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            model = self._view.timeline
            self.rows.append(0 if model is None else model.length)
            self.ticks.append(self._live.ticks)
        return False


@pytest.fixture
def make(qtbot: QtBot) -> Iterator[Callable[..., App]]:
    """Apps that are made, but not started."""
    before = sys.getswitchinterval()
    made: list[App] = []

    def make(*paths: Path) -> App:
        made.append(App(Options(paths=tuple(map(str, paths)))))
        return made[-1]

    yield make
    for app in made:
        app.window.close()
        app.shutdown()
        app.window.deleteLater()
    sys.setswitchinterval(before)


def test_the_session_is_read_while_the_window_is_made(make: Callable[..., App], tmp_path: Path, qtbot: QtBot) -> None:
    """No empty paint before it, and no tick to wait for: the first paint has the rows."""
    path = tmp_path / f"{SESSION}.jsonl"
    path.write_bytes(lines(user("hello"), assistant("hi")))
    app = make(path)
    end = time.monotonic() + 30
    while not app.live.hub.loaded:  # without the event loop: it would take what was loaded before the window is shown
        os.sched_yield()
        assert time.monotonic() < end
    paints = Paints(app)
    app.start(restore=False)
    qtbot.waitUntil(lambda: bool(paints.rows))
    assert paints.rows[0] == 2
    assert paints.ticks[0] == 0


def test_the_list_is_looked_for_after_the_first_paint(make: Callable[..., App], tmp_path: Path, qtbot: QtBot) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    path.write_bytes(lines(user("hello"), assistant("hi")))
    app = make(path)
    paints = Paints(app)
    app.start(restore=False)
    assert app.live.feeds._discovery is None
    qtbot.waitUntil(lambda: app.live.feeds._discovery is not None)
    assert paints.rows


def test_quitting_right_after_the_start_begins_nothing_more(make: Callable[..., App], qtbot: QtBot) -> None:
    before = threading.enumerate()  # of a window whose test has failed, say
    app = make()
    app.start(restore=False)
    app.window.close()
    app.on_shown()  # its timer was armed
    assert app.live.feeds._discovery is None
    begun = [thread.name for thread in threading.enumerate() if thread not in before]
    assert not {"discovery", "watcher"}.intersection(begun)


def test_closing_the_window_ends_the_import(make: Callable[..., App], tmp_path: Path, qtbot: QtBot) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    write_session(path, size=20 << 20, seed=8)
    app = make(path)
    app.start(restore=False)
    ingest = app.live.feeds._files[str(path)]
    qtbot.waitUntil(lambda: ingest._import is not None and ingest._import.pid is not None, timeout=20_000)
    assert ingest._import is not None
    child = ingest._import.pid
    assert child is not None
    os.kill(child, 0)  # it is there
    app.window.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert not any(thread.name.startswith(("import", "ingest")) for thread in threading.enumerate())


def test_two_at_once_read_the_same_session(qtbot: QtBot, tmp_path: Path) -> None:
    """Two Playheads on one database: both import, both stand on the whole, none disturbs the other."""
    path = tmp_path / f"{SESSION}.jsonl"
    records = write_session(path, size=3 << 20, seed=9)
    both = [Live(), Live()]
    for live in both:
        live.open(str(path))
    try:
        sessions = [live.hub.sessions[str(path)] for live in both]
        # The whole session, not its end: a quarter of the records are rows at least.
        qtbot.waitUntil(lambda: all(one.state.rows > records // 4 for one in sessions), timeout=60_000)
        assert sessions[0].state.rows == sessions[1].state.rows
        assert [one.header.trouble for one in sessions] == ["", ""]
    finally:
        for live in both:
            live.shutdown()


class Weighed(kit.ListWindow):
    """Counts how often the weights of all rows are asked for."""

    asked = 0

    @override
    def weights(self) -> array[int]:
        self.asked += 1
        return super().weights()


def test_the_weights_of_all_rows_are_read_once_per_session(qtbot: QtBot) -> None:
    """When an import is over, and not again (700 KB) for each row of a subagent that is opened."""
    rows = [kit.tool(0), *(kit.message(row, parent="t0") for row in range(1, 200))]
    model = TimelineModel()
    model.apply(kit.added(model, *rows[120:]))
    view = kit.make_view(qtbot, make_look("light"), model)
    window = Weighed(rows)
    model.apply(kit.rebase(window))
    assert model.length == len(rows)
    assert window.asked == 1
    for _ in range(3):  # shut or open, whatever the rebase left it
        view.act(0, "children")
    assert window.asked == 1
