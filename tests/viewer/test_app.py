"""The whole program: started as a process, and as objects on the real store. No fakes here."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from viewer import app as app_module
from viewer import logs
from viewer.app import App, has_display
from viewer.options import Options

REPO = Path(__file__).resolve().parents[2]


def record(number: int, kind: str, text: str, session: str) -> str:
    content: object = text if kind == "user" else [{"type": "text", "text": text}]
    message: dict[str, object] = {"role": kind, "content": content}
    if kind == "assistant":
        message |= {"id": f"msg_{number}", "type": "message", "model": "claude-opus-5-5"}
        message["usage"] = {"input_tokens": 900}
    return json.dumps(
        {
            "parentUuid": None, "isSidechain": False, "userType": "external", "cwd": "/home/me/atlas-api",
            "sessionId": session, "version": "2.1.300", "gitBranch": "main", "type": kind, "message": message,
            "uuid": f"00000000-0000-4000-8000-{number:012}", "timestamp": f"2026-06-01T10:{number % 60:02}:00.000Z",
        }
    )  # fmt: skip


def write_session(name: int = 1, turns: int = 3) -> Path:
    """A session where Claude Code would keep it."""
    session = f"5e551014-0000-4000-8000-{name:012}"
    folder = Path(os.environ["CLAUDE_CONFIG_DIR"]) / "projects" / "-home-me-atlas-api"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{session}.jsonl"
    lines = []
    for turn in range(turns):
        lines.append(record(2 * turn, "user", f"question {turn} of session {name}", session))
        lines.append(record(2 * turn + 1, "assistant", f"answer {turn}", session))
    path.write_text("\n".join(lines) + "\n")
    return path


def environment(**more: str) -> dict[str, str]:
    """Ours, without any display."""
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return {name: value for name, value in os.environ.items() if name not in hidden} | more


def playhead(*arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "viewer.cli", *arguments], cwd=cwd, env=environment(PYTHONPATH=str(REPO), **more),
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


# ---- as a process


def test_no_display_says_so_plays_offscreen_and_leaves_a_picture(tmp_path: Path) -> None:
    """Issue 2: `make run` without a display."""
    done = playhead(cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = f"No display: playing the demo offscreen, picture in {tmp_path / 'playhead.png'}"
    assert done.stdout.splitlines() == [said]
    image = QImage(str(tmp_path / "playhead.png"))
    assert (image.width(), image.height()) == (1280, 800)


def test_screenshot_of_a_session_in_both_themes(tmp_path: Path) -> None:
    path = write_session()
    shades = []
    for theme in ("light", "dark"):
        target = tmp_path / f"{theme}.png"
        done = playhead("--screenshot", str(target), "--size", "900x700", "--theme", theme, str(path), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(target)
        image = QImage(str(target))
        assert (image.width(), image.height()) == (900, 700)
        shades.append(image.pixelColor(600, 400).lightness())
    assert shades[0] > 200
    assert shades[1] < 60


def test_a_picture_that_cannot_be_written_is_one_line_and_exit_2(tmp_path: Path) -> None:
    """And a size that no window can have is said, with the one that it has."""
    done = playhead("--screenshot", "/proc/none.png", "--size", "200x100", str(write_session()), cwd=tmp_path)
    assert done.returncode == 2
    size, written = done.stderr.strip().splitlines()
    assert "the window cannot be as small as 200x100: the picture has 4" in size
    assert "cannot be written" in written


def test_a_command_that_cannot_be_started_is_one_line_and_exit_2(tmp_path: Path) -> None:
    """Without a display too, and no picture of another session is left."""
    write_session()
    done = playhead("run", "--", "/no/such/command", cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "was not found" in done.stderr
    assert not list(tmp_path.glob("*.png"))


def test_a_picture_of_what_cannot_be_read_shows_the_sentence_and_says_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    done = playhead("--screenshot", "x.png", str(pipe), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [f"playhead: {pipe} is not a regular file (a pipe, socket or device)."]
    assert not QImage(str(tmp_path / "x.png")).isNull()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_end_it_cleanly_and_what_was_open_is_remembered(
    home: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """And all that is ours lies in PLAYHEAD_DATA_DIR; what agents have written is as it was, to the nanosecond."""
    path = write_session()
    state = Path(os.environ["PLAYHEAD_DATA_DIR"]) / "state"
    before = elsewhere(home, tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", STARTED, str(path)], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment(PYTHONPATH=str(REPO), QT_QPA_PLATFORM="offscreen"),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "shown"
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert errors.replace("This plugin does not support propagateSizeHints()", "").strip() == ""
    assert str(path) in json.loads((state / "places.json").read_text())["recent"]
    assert str(path) in (state / "window.ini").read_text()
    assert elsewhere(home, tmp_path) == before


def elsewhere(*roots: Path) -> dict[str, tuple[int, int, int]]:
    """Mode, size and time of every file below them that is not in our own folder. Fonts have a cache of their own."""
    own, found = Path(os.environ["PLAYHEAD_DATA_DIR"]), {}
    for path in (path for root in roots for path in root.rglob("*")):
        if path.is_file() and own not in path.parents and "fontconfig" not in path.parts:
            told = path.stat()
            found[str(path)] = (told.st_mode, told.st_size, told.st_mtime_ns)
    return found


STARTED = """
import sys
from PySide6.QtCore import QTimer
from viewer.app import App
from viewer.options import Options
app = App(Options(paths=(sys.argv[1],)))
app.start()
def look():
    model = app.window.pane.view.timeline
    if model is not None and model.length:
        print("shown", flush=True)
    else:
        QTimer.singleShot(10, look)
QTimer.singleShot(0, look)  # on the event loop: before it nobody listens for signals
sys.exit(app.execute())
"""


def test_the_first_paint_needs_no_sqlalchemy(tmp_path: Path) -> None:
    """The biggest import of all must not stand between the start and the first paint."""
    late = ("sqlalchemy", "rapidfuzz", "tomlkit")
    code = f"import sys, viewer.app; print([name for name in sys.modules if name.split('.')[0] in {late}])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(PYTHONPATH=str(REPO)), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("names", "shown"),
    [({}, False), ({"DISPLAY": ":0"}, True), ({"WAYLAND_DISPLAY": "w"}, True), ({"QT_QPA_PLATFORM": "x"}, True)],
)
def test_display_is_known_before_qt_is_asked(
    monkeypatch: pytest.MonkeyPatch, names: dict[str, str], shown: bool
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(app_module.sys, "platform", "linux")
    assert has_display() is shown


# ---- as objects


@pytest.fixture
def interval() -> Iterator[None]:
    """The app changes how often Python's threads take turns; the other tests get theirs back."""
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def start(qtbot: QtBot, interval: None) -> Iterator[type[App]]:
    made: list[App] = []

    class Started(App):
        def __init__(self, options: Options | None = None) -> None:
            super().__init__(options or Options())
            made.append(self)
            self.start()

    yield Started
    for app in made:
        app.window.close()
        app.shutdown()
        app.window.deleteLater()


def test_it_finds_the_sessions_and_opens_the_newest(start: type[App], qtbot: QtBot) -> None:
    """P-01, the main job: no argument, no hand: the newest session is on the screen."""
    write_session(1)
    newest = write_session(2, turns=5)
    os.utime(newest, (time.time(), time.time()))
    app = start()  # type: ignore[call-arg]
    window = app.window
    qtbot.waitUntil(lambda: window.sessions.sessions.total == 2, timeout=10_000)
    qtbot.waitUntil(lambda: window.desk.current is not None and window.desk.current.key == str(newest), timeout=10_000)
    qtbot.waitUntil(lambda: window.pane.view.timeline is not None and window.pane.view.timeline.length == 10)
    assert window.header.project.text().startswith("atlas-api")


def test_a_folder_opens_at_its_newest(tmp_path: Path, start: type[App], qtbot: QtBot) -> None:
    """The newest of that folder, not of the machine; where it has none, the way to others."""
    newer = write_session(1)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    older = newer.rename(theirs / newer.name)
    write_session(2, turns=9)
    app = start(Options(paths=(str(theirs),)))  # type: ignore[call-arg]
    qtbot.waitUntil(lambda: app.window.desk.current is not None, timeout=10_000)
    assert app.window.desk.current.key == str(older)


def test_with_nothing_on_the_machine_it_plays_the_demo(start: type[App], qtbot: QtBot) -> None:
    app = start()  # type: ignore[call-arg]
    qtbot.waitUntil(lambda: app.window.desk.current is not None, timeout=10_000)
    assert app.window.desk.current is not None
    assert not app.window.desk.current.file
    qtbot.waitUntil(lambda: app.window.pane.view.timeline.length > 0, timeout=10_000)


def test_appended_records_are_painted_and_followed(start: type[App], qtbot: QtBot) -> None:
    """P-09: a live session's newest row is on the screen by itself."""
    path = write_session(3, turns=60)
    app = start(Options(paths=(str(path),)))
    view = app.window.pane.view
    qtbot.waitUntil(lambda: view.timeline is not None and view.timeline.length == 120, timeout=10_000)
    with path.open("a") as file:
        file.write(record(400, "assistant", "the newest answer", "5e551014-0000-4000-8000-000000000003") + "\n")
    qtbot.waitUntil(lambda: view.timeline.length == 121, timeout=10_000)
    assert view.follow
    assert view.visualRect(view.timeline.index(120)).intersects(view.viewport().rect())


def test_the_raw_record_of_a_row_is_shown(start: type[App], qtbot: QtBot) -> None:
    path = write_session(4)
    app = start(Options(paths=(str(path),)))
    window = app.window
    qtbot.waitUntil(lambda: window.pane.view.timeline is not None and window.pane.view.timeline.length == 6)
    window.pane.view.set_current(1)
    window.actions_["inspector"].trigger()
    qtbot.waitUntil(lambda: '"answer 0"' in window.inspector.text.toPlainText())
    window.pane.view.set_current(2)
    qtbot.waitUntil(lambda: "question 1" in window.inspector.text.toPlainText())


def test_the_place_survives_a_restart(start: type[App], qtbot: QtBot) -> None:
    """Reopened, the last session stands where it was left."""
    path = write_session(5, turns=200)
    first = start(Options(paths=(str(path),)))
    view = first.window.pane.view
    qtbot.waitUntil(lambda: view.timeline is not None and view.timeline.length == 400, timeout=10_000)
    view.verticalScrollBar().setValue(3000)
    place = view.place()
    first.window.close()
    second = start()  # type: ignore[call-arg]
    view = second.window.pane.view
    qtbot.waitUntil(lambda: view.timeline is not None and view.timeline.length == 400, timeout=10_000)
    assert view.place() == place
    assert second.window.desk.current is not None
    assert second.window.desk.current.key == str(path)


def test_safe_mode_neither_reads_nor_writes_what_is_remembered(start: type[App], qtbot: QtBot) -> None:
    path = write_session(6)
    app = start(Options(paths=(str(path),), safe=True))
    qtbot.waitUntil(lambda: app.window.pane.view.timeline is not None and app.window.pane.view.timeline.length == 6)
    app.window.close()
    state = Path(os.environ["PLAYHEAD_DATA_DIR"]) / "state"
    assert not (state / "places.json").exists()
    assert not (state / "window.ini").exists()


def test_errors_reach_the_window_and_the_log(start: type[App], qtbot: QtBot) -> None:
    app = start(Options(paths=(str(write_session(7)),)))

    def work() -> None:
        raise RuntimeError("broken on a worker")

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    qtbot.waitUntil(lambda: app.window.notice.isVisible())
    assert "broken on a worker" in app.window.notice.text.text()
    log = Path(os.environ["PLAYHEAD_DATA_DIR"]) / "state" / "logs" / "playhead.log"
    assert "broken on a worker" in log.read_text()
    assert "Traceback" in log.read_text()


def test_a_full_log_moves_aside_and_the_oldest_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "BYTES", 100)
    undo = logs.install(tmp_path, lambda error: None)
    try:
        for number in range(7):
            logging.getLogger("playhead").warning("%s %s", number, "x" * 100)
    finally:
        undo()
    held = {path.name: path.read_text("utf-8") for path in tmp_path.glob("playhead.log*")}
    assert {name: text.split()[-2] for name, text in held.items()} == {
        f"playhead.log.{n}": str(7 - n) for n in (1, 2, 3)
    }


def test_what_cannot_be_read_is_a_sentence_in_the_window(start: type[App], qtbot: QtBot, tmp_path: Path) -> None:
    missing = tmp_path / "gone.jsonl"
    app = start(Options(paths=(str(missing),)))
    qtbot.waitUntil(lambda: app.window.notice.isVisible(), timeout=10_000)
    assert "gone.jsonl" in app.window.notice.text.text()


def test_zoom_and_theme_change_everything_at_once(start: type[App], qtbot: QtBot) -> None:
    app = start(Options(paths=(str(write_session(8)),)))
    before = app.look
    app.window.actions_["zoom_in"].trigger()
    assert app.look.zoom > before.zoom
    assert app.window.look is app.look
    app.settings.put({"look.theme": "dark"})
    assert app.look.dark
    assert app.qt.palette().window().color() == app.look.colour("surface.panel")
