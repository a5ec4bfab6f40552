"""What the menus and keys of the window do: one method per line of the table in actions. Base of the window."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, QTimer, QUrl
from PySide6.QtGui import QDesktopServices

from store import settings as st
from store.errors import StoreError
from store.settings import Settings
from viewer.actions import Actions
from viewer.desk import Desk
from viewer.frame import Frame
from viewer.jobs import Jobs

if TYPE_CHECKING:
    from PySide6.QtWidgets import QDialog

    from store.events import ItemId
    from store.live import Live
    from viewer.inspector.pane import InspectorPane
    from viewer.keeping import Keeping
    from viewer.timeline.model import TimelineModel

QUESTIONS: Final = 500  # rows from the end among which one that waits is looked for
SLOW: Final = 400  # ms until it is said that a failure is being looked for
ZOOMS: Final = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.5)


class Commands(Frame):
    """Commands only: the parts come with the frame, and are told by the window."""

    live: Live
    settings: Settings
    jobs: Jobs
    desk: Desk
    logs: Path | None
    actions_: Actions
    keeping: Keeping | None = None
    _failure_asked = 0  # looks for a failure, also those that were answered

    @abstractmethod
    def inspect(self, row: int) -> None:
        """Show the raw record behind a row."""

    @property
    @abstractmethod
    def inspector(self) -> InspectorPane: ...

    @abstractmethod
    def leave_place(self) -> None:
        """A jump begins: Back leads here."""

    @abstractmethod
    def land_place(self) -> None:
        """It has ended."""

    def on_rest_wanted(self, id: str, action: str) -> None:
        """All of an output, where its agent has put it into a file beside the session."""
        current = self.desk.current
        row = None if current is None or action != "rest" else current.model.position_of(id)
        if current is not None and row is not None:
            self.inspector_dock.show()
            job = self.live.rest(current.key, current.model.item(row))
            self.inspector.load(job, f"Row {row + 1:,}: all of the output", plain=True)

    # Dialogs are imported by the command that opens them: most starts of the program see none.

    def on_open_file(self) -> None:
        from PySide6.QtWidgets import QFileDialog

        names, _ = QFileDialog.getOpenFileNames(
            self, "Open a session", "", "Sessions (*.jsonl *.ndjson *.json *.zst *.eval *.db);;All files (*)"
        )
        for name in names:
            self.open_path(name)

    def on_open_folder(self) -> None:
        from PySide6.QtWidgets import QFileDialog

        name = QFileDialog.getExistingDirectory(self, "Look for sessions in")
        if name:
            self._save({st.ROOTS.name: (*self.settings[st.ROOTS], name)})

    def on_demo(self) -> None:
        self.start(self.live.demo)

    def start(self, begin: Callable[[], str]) -> None:
        """Show what a command of the store has started, or why it could not."""
        try:
            self.desk.show_session(begin())
        except (StoreError, OSError) as error:
            self.notice.say("open", str(error))

    def on_question(self) -> None:
        """To the newest row that waits for an answer."""
        from viewer.rows.question import is_open

        model = None if self.desk.current is None else self.desk.current.model
        first = 0 if model is None else max(0, model.length - QUESTIONS)
        for row in range(model.length - 1, first - 1, -1) if model is not None else ():
            item = model.item(row)  # type: ignore[union-attr]
            if is_open(item):
                self.leave_place()
                self.pane.view.reveal(item.id)
                self.land_place()
                self.pane.setFocus(Qt.FocusReason.ShortcutFocusReason)
                return
        self.status.set_hint("Nothing waits for an answer in this session.")

    def on_next_failure(self) -> None:
        self._to_failure(1)

    def on_previous_failure(self) -> None:
        self._to_failure(-1)

    def _to_failure(self, by: int) -> None:
        from viewer.failures import NEAR, beyond, far, near

        asked = self._failure_asked = self._failure_asked + 1
        model, row = self.pane.view.timeline, self.pane.view.currentIndex().row()
        if model is None:
            self._show_failure(None, None, by)
            return
        first, end = beyond(model, row, by)
        apart = model.apart(first, end)
        if apart is None or (apart.window is None and end - first <= NEAR):
            self._show_failure(model, near(model, first, end, by), by)
            return

        def slow() -> None:
            if asked == self._failure_asked:
                self.status.set_hint(f"Looking for the {'next' if by > 0 else 'previous'} failure…")

        def answered(say: Callable[[], None]) -> None:
            if asked == self._failure_asked:  # else it is looked for from another row meanwhile
                self._failure_asked += 1
                say()

        def found(item: ItemId | None) -> None:
            answered(lambda: self._show_failure(model, item, by))

        def broke(error: Exception) -> None:
            if not isinstance(error, StoreError):
                self.jobs.failed.emit(error)
            answered(lambda: self.status.set_hint(str(error)))

        QTimer.singleShot(SLOW, self, slow)
        self.jobs.run(lambda: far(apart, by), found, broke)

    def _show_failure(self, model: TimelineModel | None, item: ItemId | None, by: int) -> None:
        if model is not self.pane.view.timeline:
            return  # another session is looked at meanwhile
        if item is not None:
            self.leave_place()
            if not self.pane.view.geo.fits:
                self.pane.view.set_follow(False)
            self.pane.view.reveal(item)
            self.land_place()
            self.pane.setFocus(Qt.FocusReason.ShortcutFocusReason)
        else:
            self.status.set_hint(f"Nothing failed {'below' if by > 0 else 'above'} here.")

    def on_jump(self) -> None:
        self.left.setCurrentWidget(self.sessions)
        self.sessions_dock.show()
        self.sessions.ask_filter()

    def on_recent(self) -> None:
        key = self.desk.before()
        if key:
            self.leave_place()
            self.desk.show_again(key)

    def on_close_session(self) -> None:
        current = self.desk.current
        if current is None:
            return
        if current.key in self.live.busy():
            from viewer import asking

            if not asking.may_end(self, 1, "close this session"):
                return
        key, after = current.key, self.desk.before()
        self.desk.close_session(key)
        if after:
            self.desk.show_again(after)

    def on_stop(self) -> None:
        if self.desk.current is not None:
            key = self.desk.current.key
            self.jobs.run(lambda: self.live.stop(key), lambda _: None)

    def keep(self, keeping: Keeping) -> None:
        """Say how far the copying of sessions is, and let it be paused and ended."""
        self.keeping = keeping
        keeping.told.connect(self.status.set_copies)
        keeping.ran.connect(self.on_keeping)
        keeping.trouble.connect(self.on_keep_trouble)

    def on_keeping(self, runs: bool, paused: bool) -> None:
        for name in ("keep_pause", "keep_end"):
            self.actions_[name].setEnabled(runs)
        self.actions_["keep_pause"].setChecked(paused)

    def on_keep_trouble(self, why: str) -> None:
        self.notice.say("copies", why)

    def on_keep_pause(self, on: bool) -> None:
        if self.keeping is not None:
            self.keeping.pause(on)

    def on_keep_end(self) -> None:
        if self.keeping is not None:
            self.keeping.end()

    def on_quit(self) -> None:
        self.close()

    def on_toggle_sessions(self, on: bool) -> None:
        self.sessions_dock.setVisible(on)

    def on_grouped(self, on: bool) -> None:
        if on != self.settings[st.GROUP]:
            self._save({st.GROUP.name: on})

    def on_toggle_inspector(self, on: bool) -> None:
        self.inspector_dock.setVisible(on)
        if on:
            self.inspect(self.pane.view.currentIndex().row())

    def on_toggle_insight(self, on: bool) -> None:
        self.insight_dock.setVisible(on)

    def on_follow(self, on: bool) -> None:
        if on != self.pane.view.follow:
            self.pane.view.set_follow(on)

    def on_zoom_in(self) -> None:
        self._zoom(next((zoom for zoom in ZOOMS if zoom > self.settings[st.ZOOM] + 0.01), ZOOMS[-1]))

    def on_zoom_out(self) -> None:
        self._zoom(next((zoom for zoom in reversed(ZOOMS) if zoom < self.settings[st.ZOOM] - 0.01), ZOOMS[0]))

    def on_zoom_reset(self) -> None:
        self._zoom(1.0)

    def _zoom(self, zoom: float) -> None:
        self._save({st.ZOOM.name: zoom})

    def _save(self, values: dict[str, object]) -> None:
        try:
            self.settings.put(values)
        except OSError as error:
            self.notice.say("settings", f"{self.settings.path} cannot be written: {error.strerror or error}.")

    def on_full_screen(self, on: bool) -> None:
        if on:
            self.showFullScreen()
        else:
            self.showNormal()

    def on_settings(self) -> None:
        from viewer.settings_dialog import SettingsDialog

        dialog = SettingsDialog(self.settings, self.look, self)
        dialog.panel_wanted.connect(lambda: self.actions_["panel"].setChecked(True))
        self._open(dialog)

    def on_coverage(self) -> None:
        from viewer.coverage import version
        from viewer.coverage_window import CoverageWindow

        current = self.desk.current
        file = current.key if current is not None and current.file else ""
        window = CoverageWindow(self.look, file, self, version())
        window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        window.chosen.connect(self.inspect_piece)
        window.show()

    def inspect_piece(self, file: str, offset: int, length: int) -> None:
        """Show the bytes at a place, whichever session they are of."""
        from store.coverage import piece

        self.inspector_dock.show()
        self.inspector.load(lambda: [piece(file, offset, length)], "Record that was not understood")

    def on_shortcuts(self) -> None:
        from viewer.shortcuts import ShortcutSheet

        self._open(ShortcutSheet(self.look, self))

    def _open(self, dialog: QDialog) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def on_logs(self) -> None:
        if self.logs is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.logs)))
