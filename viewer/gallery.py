"""Every state of the window as a picture, from sessions made up here and the demo. Run by `viewer.screenshot --all`."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from PySide6.QtCore import QSignalBlocker
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QComboBox, QDialog, QMessageBox, QWidget

from store import settings as st
from store.items import Tool
from store.preflight import Check, Preflight
from viewer import asking, gallery_panel, gallery_question, gallery_search
from viewer.app import App
from viewer.coverage_window import CoverageWindow
from viewer.gallery_sessions import MADE, made_costs, write_drifted, write_sessions
from viewer.notice import Remedy
from viewer.options import Options
from viewer.screenshot import save, turn, wait_until_loaded
from viewer.settings_dialog import SettingsDialog
from viewer.shortcuts import ShortcutSheet

SIZES: Final = {"narrow": (900, 640), "main": (1440, 900), "wide": (1600, 1000)}
LIVE_SPEED: Final = 12.0  # times the recording's own pace: it is caught in the middle


def states(app: App, broken: Path, everything: Path) -> Iterator[str]:
    """Bring the window into one state after the other."""
    window = app.window
    view = window.pane.view
    window.resize(*SIZES["main"])
    turn(60)
    yield "empty"
    app.live.discover([])
    live = app.live.demo(LIVE_SPEED)
    window.start(lambda: live)
    wait_for_list(app)
    window.sessions.sessions.set_spent(made_costs(window.sessions.sessions.sessions()))
    wait_for_rows(app, 17)
    for name, size in SIZES.items():
        window.resize(*size)
        yield name
    window.resize(*SIZES["main"])
    box = asking.question(window, 1, "close this session")
    box.show()
    turn(30)
    yield "closing"
    box.close()
    window.desk.close_session(live)
    window.start(lambda: app.live.demo(0))
    wait_until_loaded(app, ended=True)
    yield "ended"
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)
    yield "reading-back"
    view.set_current(view.indexAt(view.viewport().rect().center()).row())
    window.actions_["inspector"].setChecked(True)
    turn(200)
    yield "inspector"
    window.actions_["inspector"].setChecked(False)
    yield from _insight(app)
    yield from _composer(app, broken)
    window.status.set_waiting(48_211)
    yield "backlog"
    window.status.set_waiting(0)
    window.drop_sign.offer(2)
    yield "drop"
    window.drop_sign.hide()
    yield from _sessions(app, broken, everything)
    yield from _panel(app)
    yield from _question(app)
    yield from gallery_search.search(app, broken)
    app.settings.put({st.ZOOM.name: 1.5})
    yield "zoomed"
    app.settings.put({st.ZOOM.name: 1.0})


def _composer(app: App, session: Path) -> Iterator[str]:
    """Going on with a session: what one look may find, what waits, what went wrong. Nothing is started."""
    window, composing = app.window, app.window.composing
    window.open_path(str(session))
    wait_until_loaded(app)
    window.pane.view.set_follow(True)
    turn(500)
    yield "composer-closed"
    window.run_here.show_run(gallery_panel.at_work())
    for name in ("narrow", "main"):
        window.resize(*SIZES[name])
        yield f"run-here-{name}"
    window.run_here.show_run(None)
    composing.open()
    composing.pane.editor.setPlainText(
        "The preview server is down now. Run it once more,\nand write what would change into NOTES.md."
    )
    for _ in range(500):
        if composing.pane.strip.told is not None:
            break
        turn(20)
    yield "composer-stop"
    checks = (
        Check("elsewhere", "ok", "Not open elsewhere"),
        Check("folder", "ok", "beacon-web"),
        Check("model", "ok", "claude-opus-5-5"),
        Check("size", "warn", "84 % of context"),
        Check("age", "ok", "Last used 2 h ago"),
        Check("compaction", "ok", "Compacted 3 h ago"),
        Check("changes", "warn", "3 uncommitted changes"),
    )
    header = composing.header
    assert header is not None  # noqa: S101  just opened
    told = Preflight(
        header.id, "claude-code", "Claude Code", checks=checks, modes=("default", "plan"), command="claude"
    )
    composing.pane.strip.show_preflight(told)
    composing.update()
    yield "composer"
    window.resize(*SIZES["narrow"])
    yield "composer-narrow"
    window.resize(*SIZES["main"])
    composing.pane.strip.show_preflight(gallery_question.loads(header.id))
    composing.update()
    yield "composer-again"
    composing.pane.strip.show_preflight(told)
    key = composing.key
    app.live.connect_to(key, header)
    app.live.change(key, lambda session: session.run_began("picture", None))
    for text in ("Then bump the version and write the changelog entry.", "Run the whole suite twice."):
        app.live.prompt(key, text)
    composing.pane.editor.clear()
    turn(60)
    yield "composer-queue"
    composing.edit(composing.header.queued[0].id if composing.header is not None else "")
    turn(60)
    yield "composer-edit"
    composing.on_left()
    app.live.hub.put(key, gallery_question.asks())
    turn(200)
    for name, size in (("composer-asking-narrow", "narrow"), ("composer-asking", "main")):
        window.resize(*SIZES[size])
        yield name
    window.desk.close_session(key)
    composing.drafts.put(key, "")


def _question(app: App) -> Iterator[str]:
    """An agent that asks for permission, with the buttons of its question."""
    window, view = app.window, app.window.pane.view
    with tempfile.TemporaryDirectory(prefix="playhead-pictures-") as folder:
        where = Path(folder) / "atlas-api"
        where.mkdir()
        key = app.live.acp(gallery_question.COMMAND, str(where))
        window.start(lambda: key)
        for _ in range(500):
            if app.live.hub.sessions[key].connected:
                break
            turn(20)
        composing = window.composing
        composing.open()
        composing.pane.editor.setPlainText(gallery_question.PROMPT)
        composing.pane.files.show_files(gallery_question.files(where))
        composing.update()
        turn(60)
        for name, size in (("attached-narrow", "narrow"), ("attached", "main")):
            window.resize(*SIZES[size])
            yield name
        composing.pane.editor.clear()
        composing.pane.files.show_files(())
        window.composing.on_left()
        app.live.prompt(key, gallery_question.PROMPT, gallery_question.files(where)[:3])
        wait_for_rows(app, 3)
        turn(300)
        window.actions_["question"].trigger()
        view.setFocus()
        for name, size in (("question-narrow", "narrow"), ("question", "main")):
            window.resize(*SIZES[size])
            yield name
        window.desk.close_session(key)
        composing.drafts.put(key, "")


def _insight(app: App) -> Iterator[str]:
    """The dock with turns and figures, for the session that is shown."""
    window = app.window
    window.actions_["insight"].setChecked(True)
    for _ in range(500):
        if window.insight.pane.known:
            break
        turn(20)
    yield "insight"
    window.resize(*SIZES["narrow"])
    yield "insight-narrow"
    window.resize(*SIZES["main"])
    window.actions_["insight"].setChecked(False)


def _coverage(app: App) -> Iterator[str]:
    """The window that says what was understood."""
    dialog = CoverageWindow(app.look, app.window.desk.current.key if app.window.desk.current else "", app.window)
    dialog.scope.setCurrentIndex(dialog.scope.count() - 1)
    dialog.show()
    yield "coverage-empty"
    dialog.look_button.click()
    dialog.on_told({"done": 412_000_000, "total": 1_730_000_000, "files": 1_204, "of": 5_310})
    yield "coverage-reading"
    wait_for_report(dialog)
    yield "coverage-clean"
    with tempfile.TemporaryDirectory(prefix="playhead-pictures-") as folder:
        dialog._hand.look([str(write_drifted(Path(folder)))])
        dialog.copy_button.setEnabled(False)
        wait_for_report(dialog)
    yield "coverage"
    dialog.resize(app.look.px(520), app.look.px(460))
    yield "coverage-narrow"
    dialog.on_told({"failed": "The process that reads ended with code 137. Check again."})
    yield "coverage-failed"
    dialog.close()


def wait_for_report(dialog: CoverageWindow) -> None:
    """A process of its own reads."""
    for _ in range(1000):
        if dialog.copy_button.isEnabled():
            return
        turn(20)


def _sessions(app: App, broken: Path, everything: Path) -> Iterator[str]:
    window = app.window
    view = window.pane.view
    window.open_path(str(broken))
    wait_until_loaded(app)
    yield "failing"
    window.open_path(str(everything))
    wait_until_loaded(app)
    yield "strange"
    model = view.timeline
    assert model is not None  # noqa: S101  just opened
    tools = [item for item in map(model.item, range(model.length)) if isinstance(item, Tool)]
    view.restore_folds({tool.id: (tool.name in ("Bash", "Grep"), 0, tool.kind == "tool.agent") for tool in tools})
    view.verticalScrollBar().setValue(0)
    yield "subagent"
    gone = str(broken.with_name("gone.jsonl"))
    window.open_path(gone)
    wait_until_loaded(app)
    yield "trouble"
    window.desk.close_session(gone)
    window.sessions.filter_box.setText("nothing like this")
    yield "filtered"
    window.sessions.filter_box.clear()


def _panel(app: App) -> Iterator[str]:
    """The sessions panel: empty, in use, narrow, wide, wrong, undone, triggers, their form, the log."""
    window = app.window
    window.show_panel()
    panel = window.panel
    overview, page = panel.overview, panel.triggers
    turn(600)
    yield "panel-empty"
    overview.threads.show_threads(gallery_panel.threads())
    overview.storage.show_storage(gallery_panel.storage())
    overview.show_times(gallery_panel.times())
    overview.threads.view.select_thread(1)
    for name, size in SIZES.items():
        window.resize(*size)
        yield f"panel-{name}"
    window.resize(*SIZES["main"])
    overview.resume.days.lineEdit().setText("0")
    yield "panel-wrong"
    overview.resume.revert()
    panel.say("github:acme/atlas:pr:12 is reset: its next event starts fresh.", Remedy("Undo", panel.refresh))
    yield "panel-undo"
    panel.toast.hide()
    panel.tabs.setCurrentIndex(1)
    turn(600)
    yield "triggers-empty"
    page.show_loaded(gallery_panel.triggers())
    page.receiver.show_status(gallery_panel.receiver())
    with QSignalBlocker(page.receiver.on):  # as one that listens; none does
        page.receiver.on.setChecked(True)
    for name in ("narrow", "main"):
        window.resize(*SIZES[name])
        yield f"triggers-{name}"
    page.log.select_id(page.log_model.rows[0].id)  # it waits, and can be cancelled
    yield "triggers-waiting"
    page.open_form(page.model.rows[0])
    page.form.preview.headers.setPlainText(gallery_panel.HEADERS)
    page.form.preview.payload.setPlainText(gallery_panel.PAYLOAD)
    turn(800)
    yield "trigger-form"
    window.resize(*SIZES["narrow"])
    yield "trigger-form-narrow"
    page.close_form()
    page.receiver.revert()
    panel.tabs.setCurrentIndex(2)
    turn(300)
    panel.audit.show_books(gallery_panel.books())
    yield "audit-log-narrow"
    window.resize(*SIZES["main"])
    yield "audit-log"
    window.close_panel()


def _popup(dialog: SettingsDialog, shoot: Callable[[QWidget, str], None]) -> None:
    """The list of a combo box."""
    dialog.show()
    box = dialog.findChild(QComboBox)
    assert box is not None  # noqa: S101  the theme
    box.showPopup()
    shoot(box.view().window(), "choices")
    box.hidePopup()
    dialog.close()


def wait_for_list(app: App) -> None:
    """The search for sessions runs beside everything else."""
    for _ in range(200):
        if app.window.sessions.sessions.total >= len(MADE) + 3:
            return
        turn(20)


def wait_for_rows(app: App, rows: int) -> None:
    """Until so much of a session that plays is there."""
    for _ in range(1000):
        current = app.window.desk.current
        if current is not None and current.model.length >= rows:
            return
        turn(20)


def every_state(folder: Path, only: frozenset[str] = frozenset()) -> int:
    """Write STATE-THEME.png for all of them, or for those that are named."""
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="playhead-pictures-") as scratch:
        home = Path(scratch)
        # Nothing of the user's own sessions or settings may get into a picture.
        os.environ["CLAUDE_CONFIG_DIR"] = str(home / ".claude")
        os.environ["PLAYHEAD_DATA_DIR"] = str(home / ".playhead")
        os.environ["HOME"] = str(home)
        broken, everything = write_sessions(home / ".claude")
        for scheme in ("light", "dark"):
            app = App(Options(theme=scheme))
            QCursor.setPos(-100, -100)  # nothing is hovered in a picture
            app.window.restore(None)
            app.window.show()

            def shoot(widget: QWidget, name: str, scheme: str = scheme) -> None:
                turn(60)
                if (not only or name in only) and not save(widget, folder / f"{name}-{scheme}.png"):
                    wrong.append(name)

            for name in states(app, broken, everything):
                box = app.window.findChild(QMessageBox) if name == "closing" else None
                shoot(box or app.window, name)
            settings = SettingsDialog(app.settings, app.look, app.window)
            settings.resize(settings.width(), settings.height() + settings.area.hidden)
            dialogs: tuple[tuple[str, QDialog], ...] = (
                ("settings", settings),
                ("shortcuts", ShortcutSheet(app.look, app.window)),
            )
            for name, dialog in dialogs:
                dialog.show()
                shoot(dialog, name)
                dialog.close()
            _popup(settings, shoot)
            for name in _coverage(app):
                found = app.window.findChild(CoverageWindow)
                assert found is not None  # noqa: S101  just made
                shoot(found, name)
            app.window.close()
            app.shutdown()
            app.window.deleteLater()
            shutil.rmtree(home / ".playhead", ignore_errors=True)  # what was recorded is in no other picture
    if wrong:
        sys.stderr.write(f"not written: {', '.join(wrong)}\n")
    return 2 if wrong else 0
