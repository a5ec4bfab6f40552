"""A trigger's run stopped in the window: from its session, from its thread, from its delivery; with real runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from apps import running
from hooks import Web, agents, comment
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QAbstractButton, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from store.audit import entries
from store.paths import data_dir
from store.triggers import deliveries
from viewer import run_here, theme
from viewer.app import App
from viewer.jobs import Jobs
from viewer.options import Options
from viewer.panel import ending
from viewer.panel.threads_model import STOP

WAIT = 30_000


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    made = Web(data_dir(), agents(tmp_path, monkeypatch))
    made.service.start()
    yield made
    made.close()


@pytest.fixture
def app(web: Web, qtbot: QtBot) -> Iterator[App]:
    with running(Options()) as made:
        made.window.resize(1200, 800)
        made.hear()
        qtbot.waitSignal(made.hearing.listens, timeout=WAIT).wait()
        yield made


def work(web: Web, number: int) -> None:
    """A run that goes on, and one more event behind it."""
    web.post(comment(text=f"wait {web.work / 'gate'}"))
    web.until(lambda: len(web.started()) == number)
    web.post(comment(text="Say hello"))
    web.until(lambda: web.service.queue.waiting() == 1)


def answer(app: App, qtbot: QtBot, text: str) -> QMessageBox:
    found: list[QMessageBox] = []

    def there() -> bool:
        found[:] = [box for box in app.window.findChildren(QMessageBox) if box.isVisible()]
        return bool(found)

    qtbot.waitUntil(there, timeout=WAIT)
    press(qtbot, next(button for button in found[0].buttons() if button.text().replace("&", "") == text))
    return found[0]


def press(qtbot: QtBot, button: QAbstractButton) -> None:
    assert button.isEnabled()
    assert button.isVisible()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_a_run_is_stopped_from_its_session_its_thread_and_its_delivery(
    web: Web, app: App, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """003-21, 003-70, 003-87: each asks first, says what becomes of what waits, and goes by the keyboard as well.
    That it is over is heard, and not looked for."""
    monkeypatch.setattr(ending, "NET", 3_600_000)
    window = app.window
    web.trigger()
    web.sent_and_done()
    session = web.thread().session
    (file,) = Path.home().glob(f".claude/projects/*/{session}.jsonl")

    before = web.last
    work(web, 2)
    window.open_path(str(file))
    qtbot.waitUntil(lambda: window.run_here.bar is not None and window.run_here.bar.isVisible(), timeout=WAIT)
    bar = window.run_here.bar
    assert bar is not None
    assert bar.text.text().startswith("A run of review works here")
    assert bar.text.text().endswith("1 event behind it")
    assert "github:ada/project:pr:12" in bar.text.toolTip()
    assert window.actions_["stop"].isEnabled()
    press(qtbot, bar.button)
    box = answer(app, qtbot, "Cancel")
    assert box.text() == "Stop the run of github:ada/project:pr:12?"
    assert "The event that waits in its thread goes on." in box.informativeText()
    window.actions_["stop"].trigger()
    answer(app, qtbot, "Stop")
    web.done(before)
    assert [run.state for run in web.runs_made()] == ["ok", "stopped", "ok"]
    assert web.thread().session == session
    qtbot.waitUntil(lambda: bar.isHidden() and not window.actions_["stop"].isEnabled(), timeout=WAIT)

    before = web.last
    work(web, 4)
    window.show_panel()
    cards = window.panel.overview.threads
    qtbot.waitUntil(lambda: not cards.view.isColumnHidden(STOP), timeout=WAIT)
    cards.view.select_thread(web.thread().id)
    cards.view.setFocus()
    qtbot.keyClick(cards.view, Qt.Key.Key_S)
    answer(app, qtbot, "Stop")
    web.done(before)
    qtbot.waitUntil(lambda: "is stopped. The event that waits" in window.panel.toast.text.text(), timeout=WAIT)
    qtbot.waitUntil(lambda: cards.view.isColumnHidden(STOP), timeout=WAIT)

    before = web.last
    work(web, 6)
    window.panel.tabs.setCurrentIndex(1)
    page = window.panel.triggers
    qtbot.waitUntil(lambda: any(row.state == "running" for row in page.log_model.rows), timeout=WAIT)
    page.log.select_id(next(row.id for row in page.log_model.rows if row.state == "running"))
    press(qtbot, page.stop_button)
    answer(app, qtbot, "Stop")
    web.done(before)
    qtbot.waitUntil(lambda: not page.stop_button.isEnabled(), timeout=WAIT)
    assert [run.state for run in web.runs_made()].count("stopped") == 3
    assert [one.reason for one in deliveries(web.db)[:2]] == ["Resumed. It ended well.", "Resumed. Stopped by you."]
    assert [one.action for one in entries(web.db).rows].count("run stopped") == 3


def test_what_another_playhead_does_is_heard_and_what_waits_is_cancelled(web: Web, app: App, qtbot: QtBot) -> None:
    """003-28, 003-87: the log follows by itself; Cancel takes out of the queue, Ctrl+Z puts back; nothing looks."""
    window = app.window
    web.trigger()
    web.sent_and_done()
    (file,) = Path.home().glob(f".claude/projects/*/{web.thread().session}.jsonl")
    window.open_path(str(file))
    here = window.run_here
    # What was told before it was shown is a look of its own, and may be under way when its first is due.
    qtbot.waitUntil(lambda: here.looks > 0 and not here._looking and not here._clock.isActive(), timeout=WAIT)
    window.show_panel()
    window.panel.tabs.setCurrentIndex(1)
    page = window.panel.triggers
    qtbot.waitUntil(lambda: len(page.log_model.rows) == 1, timeout=WAIT)

    def states() -> list[str]:
        return [row.state for row in page.log_model.rows]

    before = web.last
    work(web, 2)
    qtbot.waitUntil(lambda: states() == ["waiting", "running", "done"] and here.work is not None, timeout=WAIT)
    assert here.bar is not None
    assert here.bar.isHidden()  # it belongs to the transcript, and the panel is shown
    window.close_panel()
    qtbot.waitUntil(lambda: here.bar is not None and here.bar.isVisible(), timeout=WAIT)
    window.show_panel()
    again = [timer for timer in here.findChildren(QTimer) if timer.isActive() and not timer.isSingleShot()]
    assert [timer.interval() for timer in again] == [60_000]  # it says how long it goes on, and asks for nothing

    page.log.select_id(page.log_model.rows[0].id)
    assert (page.stop_button.text(), page.stop_button.isEnabled()) == ("Cancel event", True)
    press(qtbot, page.stop_button)
    toast = window.panel.toast
    cancelled = "The event of github:ada/project:pr:12 is cancelled: no run is made of it."
    qtbot.waitUntil(lambda: toast.text.text() == cancelled, timeout=WAIT)  # the log may have heard of it before that
    qtbot.waitUntil(lambda: states() == ["cancelled", "running", "done"], timeout=WAIT)
    web.until(lambda: web.service.queue.waiting() == 0)
    assert (page.stop_button.text(), page.stop_button.isEnabled()) == ("Stop run…", False)
    qtbot.keyClick(page, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: states() == ["waiting", "running", "done"], timeout=WAIT)
    web.until(lambda: web.service.queue.waiting() == 1)
    page.log.setFocus()
    qtbot.keyClick(page.log, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: states() == ["cancelled", "running", "done"], timeout=WAIT)
    (web.work / "gate").touch()
    web.done(before)
    qtbot.waitUntil(lambda: states() == ["cancelled", "done", "done"] and here.work is None, timeout=WAIT)
    assert [one.action for one in entries(web.db).rows].count("delivery cancelled") == 2


@contextmanager
def unreadable(db: Path) -> Iterator[None]:
    """As by a Playhead of another version: whoever asks is told so."""
    with closing(sqlite3.connect(db)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute("PRAGMA user_version = 9999")
        yield
        connection.execute(f"PRAGMA user_version = {version}")


def test_a_look_that_failed_is_made_again_and_nothing_false_is_said(
    web: Web, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it was about is told once: a run that is over would stand below its session, or be called not stopped."""
    monkeypatch.setattr(run_here, "AGAIN", 50)
    monkeypatch.setattr(ending, "NET", 100)
    web.trigger()
    web.sent_and_done()
    (file,) = Path.home().glob(f".claude/projects/*/{web.thread().session}.jsonl")
    said: list[str] = []
    jobs, window = Jobs(), QWidget()
    qtbot.addWidget(window)
    here = run_here.RunHere(jobs, web.db, theme.make_look("light"), lambda _: None, lambda *_, **__: None, window)
    end = ending.Ending(jobs, web.db, lambda text, *_, **__: said.append(text), window)
    here.show_session(str(file))
    # Its own look, a moment after it is shown, is none of those that are counted.
    qtbot.waitUntil(lambda: here.looks == 1 and not here._looking and not here._clock.isActive(), timeout=WAIT)
    before = web.last
    work(web, 2)
    here.on_news()
    qtbot.waitUntil(lambda: here.work is not None and not here._looking, timeout=WAIT)
    assert here.work is not None
    looks = here.looks
    for _ in range(3):  # what is told during a look may be more than that look sees
        here.on_news()
    qtbot.waitUntil(lambda: here.looks == looks + 2 and not here._looking, timeout=WAIT)
    with unreadable(web.db):
        looks = here.looks
        here.on_news()
        end._work, end._left = here.work, 3  # as one that was asked to end
        end.look()
        # It has failed and will look again: one that is on its way might see the run while it is at work.
        qtbot.waitUntil(lambda: here.looks > looks + 1 and here._clock.isActive(), timeout=WAIT)
    web.runs.stop(here.work.run_id)
    web.done(before)
    end.on_time()
    qtbot.waitUntil(lambda: here.work is None and not end.busy, timeout=WAIT)  # and nobody has told them
    (only,) = said
    assert "had ended before: cancelled" in only
    jobs.shutdown()
