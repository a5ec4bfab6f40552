"""`playhead run -- COMMAND` and `some-agent | playhead -`: real processes, the real window, journals read again."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nasty_agent
import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from store.items import text_of
from store.report import rows_of
from store.sources.journal import folder, read_meta
from store.sources.listing import row_of
from viewer.app import App
from viewer.options import Options
from viewer.timeline.model import TimelineModel

REPO = Path(__file__).resolve().parents[2]
AGENT = str(REPO / "tests" / "nasty_agent.py")
WAIT = 30_000


@pytest.fixture
def run(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[App]]:
    made: list[App] = []
    before = sys.getswitchinterval()

    class Running(App):
        def __init__(self, what: str) -> None:
            super().__init__(Options(command=(sys.executable, AGENT, what), size=(900, 600)))
            made.append(self)
            self.start()

    yield Running
    for app in made:
        monkeypatch.setattr("viewer.asking.may_end", lambda *_: True)
        app.window.close()
        app.shutdown()
        app.window.deleteLater()
    sys.setswitchinterval(before)


def model(app: App) -> TimelineModel:
    current = app.window.desk.current
    assert current is not None
    return current.model


def state(app: App) -> str:
    current = app.window.desk.current
    return "" if current is None or current.header is None else current.header.state


def journal() -> Path:
    (path,) = folder(Path(os.environ["PLAYHEAD_DATA_DIR"]) / "data").glob("*.jsonl")
    return path


def expected(what: str) -> bytes:
    """What that agent writes, byte for byte, from a run without us."""
    return subprocess.run([sys.executable, AGENT, what], capture_output=True, timeout=60, check=False).stdout


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pids(app: App, qtbot: QtBot) -> list[int]:
    """The processes that the agent tells about in its one row."""
    qtbot.waitUntil(lambda: model(app).length == 1, timeout=WAIT)
    return [int(word) for word in text_of(model(app).item(0)).split()[1:]]


@pytest.mark.parametrize(
    ("what", "ends", "rows", "words"),
    [
        ("fail", "failed", 1, "The command ended with exit code 3: it went wrong"),
        ("die", "failed", 1, "The command was killed by SIGKILL"),
        ("complain", "ended", 1, ""),
        ("garbage", "ended", None, ""),
    ],
)
def test_what_comes_is_shown_and_kept_to_the_byte(
    run: type[App], qtbot: QtBot, what: str, ends: str, rows: int | None, words: str
) -> None:
    """Issue 2, sources: shown, its end said, and its journal a session like any other, with the same rows."""
    app = run(what)  # type: ignore[arg-type]
    qtbot.waitUntil(lambda: state(app) == ends, timeout=WAIT)
    assert rows is None or model(app).length == rows
    assert text_of(model(app).item(model(app).length - 1)) in ("bye", "still here", "after")
    assert not words or app.window.notice.text.text() == words
    assert app.window.notice.isVisible() == bool(words)
    assert app.live.busy() == []
    shown = [text_of(model(app).item(row)) for row in range(model(app).length)]
    path = journal()
    qtbot.waitUntil(lambda: (meta := read_meta(path)) is not None and meta.ended != "")
    assert path.read_bytes() == expected(what)
    assert [text_of(item) for item in rows_of(path)[0]] == shown
    assert (path.stat().st_mode & 0o77, path.parent.stat().st_mode & 0o77) == (0, 0), "nobody else's business"
    qtbot.waitUntil(lambda: app.window.sessions.sessions.total == 1, timeout=WAIT)


@pytest.mark.long
def test_004_40_a_burst_of_50000_events(run: type[App], qtbot: QtBot) -> None:
    """004-40: order kept, nothing lost, every tick bounded, one insert each, and the backlog is said while it lasts."""
    app = run("flood")  # type: ignore[arg-type]
    searched = gc.get_stats()[2]["collections"]
    told: list[tuple[int, int]] = []
    waiting: list[str] = []
    inserts = QSignalSpy(model(app).rowsInserted)
    app.live.changed.connect(lambda delta: told.append((len(delta.added), delta.backlog)))
    app.live.ticked.connect(lambda _: waiting.append(app.window.status.waiting.text()))
    qtbot.waitUntil(lambda: state(app) == "ended" and not app.live.hub.pending, timeout=100_000)
    lines = [text_of(model(app).item(row)) for row in range(model(app).length)]
    assert lines == [f"line {number}" for number in range(50_000)]
    assert any("waiting" in text for text in waiting), "the backlog shows"
    assert waiting[-1] == ""
    assert inserts.count() == sum(added > 0 for added, _ in told) > 10
    # What a tick may take in 8 ms is a matter of the machine; a whole burst at once never is.
    assert max(added for added, _ in told) < 25_000
    assert journal().stat().st_size == len(expected("flood"))
    # A full search for garbage looks at every row: 50 ms at 100,000 of them, in the middle of a frame.
    assert gc.get_stats()[2]["collections"] == searched


def answer(button: QMessageBox.ButtonRole, asked: list[str]) -> None:
    """Press a button of the question, once it is there."""

    def press() -> None:
        box = QApplication.activeModalWidget()
        if not isinstance(box, QMessageBox):
            QTimer.singleShot(5, press)
            return
        asked.append(box.text())
        next(found for found in box.buttons() if box.buttonRole(found) is button).click()

    QTimer.singleShot(0, press)


def test_001_12_a_silent_start_is_listed_as_not_saved_and_gone_on_quit(
    run: type[App], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is seen from its start, also when it says nothing. No row is made of it; the next start knows nothing."""
    app = run("silent")  # type: ignore[arg-type]
    listed = app.window.sessions.sessions
    qtbot.waitUntil(lambda: [row.state for row in listed.sessions()] == ["draft"], timeout=WAIT)
    (row,) = listed.sessions()
    spoken = listed.index_of(row.id).data(Qt.ItemDataRole.AccessibleTextRole)
    assert "not saved yet" in spoken
    qtbot.waitUntil(lambda: app.live.hub.sessions[row.id].header.llm == "x", timeout=WAIT)  # it has connected
    monkeypatch.setattr("viewer.asking.may_end", lambda *_: True)
    path = journal()
    app.window.close()
    app.shutdown()
    assert not (path.parent.parent / "playhead.db").exists()
    assert row_of(path).state == "draft", "no list shows it"


def test_001_12_it_is_saved_with_its_first_word(run: type[App], qtbot: QtBot) -> None:
    """And from then on it is a session like any other; `session:start` is told once."""
    app = run("fail")  # type: ignore[arg-type]
    started = QSignalSpy(app.live.started)
    qtbot.waitUntil(lambda: started.count() == 1 and state(app) == "failed", timeout=WAIT)
    current = app.window.desk.current
    assert current is not None
    qtbot.waitUntil(lambda: not app.live.hub.sessions[current.key].header.draft, timeout=WAIT)
    # The list is told with the header's next change, a tick later.
    qtbot.waitUntil(lambda: [row.state for row in app.window.sessions.sessions.sessions()] == ["failed"], timeout=WAIT)
    assert started.count() == 1


def test_closing_asks_then_ends_the_whole_group(run: type[App], qtbot: QtBot) -> None:
    """Parent and child ignore SIGTERM: asked, refused, asked again, and then nobody of them is left."""
    app = run("family")  # type: ignore[arg-type]
    family = pids(app, qtbot)
    assert len(family) == 2
    assert app.window.actions_["stop"].isEnabled()
    asked: list[str] = []
    answer(QMessageBox.ButtonRole.RejectRole, asked)
    app.window.close()
    assert app.window.isVisible()
    assert all(map(runs, family))
    answer(QMessageBox.ButtonRole.AcceptRole, asked)
    app.window.close()
    assert asked == ["End 1 running agent and quit?"] * 2
    qtbot.waitUntil(lambda: not any(map(runs, family)), timeout=WAIT)
    meta = read_meta(journal())
    assert meta is not None
    assert meta.ended != ""


def test_a_closed_session_ends_behind_the_window(run: type[App], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever ignores SIGTERM gets two seconds; the window does not wait for them."""
    monkeypatch.setattr("viewer.asking.may_end", lambda *_: True)
    app = run("family")  # type: ignore[arg-type]
    family = pids(app, qtbot)
    app.window.actions_["close"].trigger()
    assert any(map(runs, family)), "given time to end"
    assert app.window.desk.current is None
    qtbot.waitUntil(lambda: not any(map(runs, family)), timeout=WAIT)


def test_what_the_user_stops_has_not_failed(run: type[App], qtbot: QtBot) -> None:
    app = run("silent")  # type: ignore[arg-type]
    qtbot.waitUntil(app.window.actions_["stop"].isEnabled, timeout=WAIT)
    app.window.actions_["stop"].trigger()
    qtbot.waitUntil(lambda: app.live.busy() == [], timeout=WAIT)
    qtbot.waitUntil(lambda: state(app) == "ended", timeout=WAIT)
    assert not app.window.notice.isVisible()


def test_what_outlives_the_command_is_said_and_ended(run: type[App], qtbot: QtBot) -> None:
    """The command is gone and its child writes into the same pipe: not over yet, and not left behind."""
    app = run("leave")  # type: ignore[arg-type]
    (child,) = pids(app, qtbot)
    qtbot.waitUntil(lambda: "is still running" in app.window.notice.text.text(), timeout=WAIT)
    assert len(app.live.busy()) == 1
    app.window.actions_["stop"].trigger()
    qtbot.waitUntil(lambda: state(app) == "ended" and not runs(child), timeout=WAIT)
    assert app.live.busy() == []
    assert not app.window.notice.isVisible()


def test_a_pipe_into_the_window_is_a_session_afterwards(tmp_path: Path) -> None:
    """`some-agent | playhead -` and then `playhead sessions` and `playhead show`, as one would type it."""
    script = (
        f'"{sys.executable}" "{AGENT}" fail 2>/dev/null |'
        f' "{sys.executable}" -m viewer.cli - --screenshot "{tmp_path}/picture.png"'
    )
    environment = os.environ | {"PYTHONPATH": str(REPO), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, timeout=100, check=True
    )
    assert done.stdout.decode().strip() == f"{tmp_path}/picture.png"
    assert journal().read_bytes() == expected("fail")
    out = [
        subprocess.run(
            [sys.executable, "-m", "viewer.cli", *arguments, "--json"], cwd=tmp_path, env=environment,
            capture_output=True, timeout=60, check=True,
        ).stdout
        for arguments in (["sessions"], ["show", str(journal())])
    ]  # fmt: skip
    session, row = (json.loads(text) for text in out)
    assert (session["path"], session["id"], session["records"]) == (str(journal()), nasty_agent.SESSION, 2)
    assert (row["kind"], row["text"]) == ("message", "bye")
