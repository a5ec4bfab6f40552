"""The main window: menus, and who tells whom. It holds no data and decides nothing. Made by app."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QModelIndex, QSettings, Qt, QUrl, Signal
from PySide6.QtGui import QCloseEvent, QDesktopServices, QGuiApplication, QKeySequence, QShowEvent
from PySide6.QtWidgets import QMenu, QWidget
from typing_extensions import override

from store import settings as st
from store.delta import Header, SessionsDelta
from store.errors import StoreError
from store.paths import holds_sessions
from store.settings import Settings
from viewer import geometry, wording
from viewer.actions import Actions
from viewer.desk import Desk
from viewer.jobs import Jobs
from viewer.notice import Remedy
from viewer.place import Places
from viewer.searching import Searching
from viewer.theme.look import Look

if TYPE_CHECKING:
    from store.live import Live
    from viewer.home import HomePage
    from viewer.insight.follow import InsightFollow
    from viewer.inspector.pane import InspectorPane


class MainWindow(Searching):
    """See the module. What the menus do is in the class it comes from."""

    closing = Signal()  # everything is saved; the program may end

    def __init__(
        self, live: Live, settings: Settings, places: Places, jobs: Jobs, look: Look, logs: Path | None = None
    ) -> None:
        super().__init__(look)
        self.live, self.settings, self.places, self.jobs = live, settings, places, jobs
        self.logs = logs
        self._dropped: list[str] = []
        self._home: HomePage | None = None
        self._inspector: InspectorPane | None = None
        self._insight: InsightFollow | None = None
        self.actions_ = Actions(self)
        self.desk = Desk(live, self.pane, places, self)
        self.desk.follow_default = settings[st.FOLLOW]
        self._menu()
        self.pane.view.work = jobs.run
        self.make_shelf(jobs)
        self.make_panels()
        self.make_composer(remember=places.path is not None)
        self.make_search()
        self._wire()
        self.on_keeping(runs=False, paused=False)
        self.on_setting(st.GROUP)
        self.on_setting(st.ABSOLUTE)
        self.on_shown("")
        for warning in settings.warnings:
            self.notice.say("settings", warning)

    # ---- made once

    # What most starts do not show is made when it is first wanted: each costs a start some milliseconds.

    @property
    def home(self) -> HomePage:
        if self._home is None:
            from viewer.home import HomePage

            self._home = HomePage(self.look)
            self._home.set_sessions(self.sessions.sessions.total)
            self._home.demo_wanted.connect(self.on_demo)
            self._home.file_wanted.connect(self.on_open_file)
            self._home.search_wanted.connect(self.on_search)
            self.stack.addWidget(self._home)
        return self._home

    @property
    @override
    def inspector(self) -> InspectorPane:
        if self._inspector is None:
            from viewer.inspector.pane import InspectorPane

            self._inspector = InspectorPane(self.jobs, self.look)
            self._inspector.close_button.clicked.connect(self.inspector_dock.hide)
            self.inspector_dock.setWidget(self._inspector)
        return self._inspector

    @property
    def insight(self) -> InsightFollow:
        if self._insight is None:
            from viewer.insight.follow import InsightFollow

            made = self._insight = InsightFollow(self.live, self.look, lambda: self.settings[st.KEEP], self)
            made.pane.close_button.clicked.connect(self.insight_dock.hide)
            made.pane.chosen.connect(self.on_item_chosen)
            made.pane.left.connect(self.on_focus_timeline)
            self.insight_dock.setWidget(made.pane)
        return self._insight

    def _menu(self) -> None:
        menu = QMenu(self)
        for part in self.actions_.menus(menu):
            menu.addMenu(part)
        self.sessions.menu_button.setMenu(menu)
        buttons = (
            (self.header.sessions_button, "sessions"), (self.header.insight_button, "insight"),
            (self.header.inspector_button, "inspector"),
        )  # fmt: skip
        for button, name in buttons:
            action = self.actions_[name]
            # No default action: the button would take its text whenever the action changes.
            button.clicked.connect(action.trigger)
            button.setAccessibleName(action.text())
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            button.setToolTip(f"{action.toolTip()} ({keys})")

    def _wire(self) -> None:
        live, desk, view = self.live, self.desk, self.pane.view
        live.sessions.connect(self.on_sessions)
        live.ticked.connect(self.on_ticked)
        live.finished.connect(self.on_finished)
        live.progress.connect(self.on_progress)
        desk.shown.connect(self.on_shown)
        desk.headed.connect(self.on_headed)
        desk.listed.connect(self.sessions.apply)
        desk.unread.connect(self.sessions.sessions.set_unread)
        self.sessions.opened.connect(self.open_listed)
        self.sessions.left.connect(self.on_focus_timeline)
        self.sessions.sessions.counted.connect(self.on_counted)
        self.header.follow_wanted.connect(view.set_follow)
        self.status.trouble.clicked.connect(self.on_coverage)
        view.follow_changed.connect(self.on_followed)
        view.raw_wanted.connect(self.on_raw_wanted)
        view.hinted.connect(self.on_hinted)
        view.link_clicked.connect(self.on_link)
        view.acted.connect(self.on_acted)
        view.acted.connect(self.on_rest_wanted)
        self.sessions_dock.visibilityChanged.connect(self.on_sessions_seen)
        self.inspector_dock.visibilityChanged.connect(self.on_inspector_seen)
        self.insight_dock.visibilityChanged.connect(self.on_insight_seen)
        self.settings.watch(self.on_setting)
        self.jobs.failed.connect(self.on_error)

    # ---- sessions

    @override
    def open_path(self, path: str, *, follow: bool = False) -> None:
        """A file is opened, a folder or a database is looked through."""
        try:
            if holds_sessions(path):
                self._dropped.append(path)
                self.live.discover([*self.settings[st.ROOTS], *self._dropped])
            else:
                self.desk.open_file(path, follow=follow)
                self.notice.take_back("open")
        except StoreError as error:
            self.notice.say("open", str(error))

    @override
    def empty_page(self) -> QWidget:
        return self.home

    @override
    def open_listed(self, id: str) -> None:
        """A session of the list."""
        self.leave_place()
        self.close_panel()
        row = self.sessions.sessions.session(id)
        for key in (id, "" if row is None else row.path):
            if self.desk.opened(key) is not None:
                self.desk.show_session(key)
                break
        else:
            if row is not None:
                self.open_path(row.path or id)
        self.on_focus_timeline()

    def on_sessions(self, delta: SessionsDelta) -> None:
        self.sessions.apply(self.desk.as_told(delta))
        self.desk.on_sessions(delta)
        self.listed(delta)
        if delta.trouble:
            self.notice.say("database", delta.trouble)
        if delta.total is not None:
            self.count_threads()
            self.sweep_runs()

    # A dock is unseen in a window that is put away, too: its sign tells whether it is there with the window.

    def on_sessions_seen(self) -> None:
        self.actions_["sessions"].setChecked(not self.sessions_dock.isHidden())

    def on_inspector_seen(self, seen: bool) -> None:
        self.actions_["inspector"].setChecked(not self.inspector_dock.isHidden())
        if seen:
            self.inspector.show()

    def on_insight_seen(self, seen: bool) -> None:
        self.actions_["insight"].setChecked(not self.insight_dock.isHidden())
        if seen or self._insight is not None:
            self.insight.show_session("" if self.desk.current is None else self.desk.current.key)
            self.insight.set_seen(seen)

    def on_counted(self) -> None:
        if self._home is not None:
            self._home.set_sessions(self.sessions.sessions.total)
        self.status.set_live(self.sessions.sessions.live)

    def on_shown(self, key: str) -> None:
        there = bool(key)
        if there or self.isVisible():  # `showEvent` for a window that starts with nothing open
            self.stack.setCurrentWidget(self.pane if there else self.home)
        self.sessions.set_opened(self.desk.listed_as(key))
        self.notice.take_back("session")
        self.status.set_hint("")
        if self._inspector is not None:
            self._inspector.clear()
        if self._insight is not None:
            self._insight.show_session(key)
        for name in ("close", "follow"):
            self.actions_[name].setEnabled(there)
        self.show_stop()
        self.show_shelf()
        opened = self.desk.opened(key)
        self.status.set_progress(0, 0)
        self._raw_count()
        name = wording.title_of(key)
        self.header.show_header(None if opened is None else opened.header or Header(state="opening"), name)
        self.setWindowTitle(f"{name} — Playhead" if there else "Playhead")
        if not self.sessions.filter_box.hasFocus() and (there or self.isVisible()):
            (self.pane if there else self.home).setFocus(Qt.FocusReason.OtherFocusReason)
        if there:  # each model brings its own
            self.pane.view.selectionModel().currentChanged.connect(self.on_row_chosen)
        self.on_followed(self.pane.view.follow)
        self.compose_for(key)

    @override
    def on_headed(self, key: str, header: Header) -> None:
        current = self.desk.current
        if current is None or current.key != key:
            return
        header = self.naming.dressed(self.path_of(key), header)
        self.header.show_header(header, wording.title_of(key))
        self.setWindowTitle(f"{wording.named(header.title) or wording.title_of(key)} — Playhead")
        self.pane.set_empty(wording.no_rows(header.state, header.trouble, draft=header.draft))
        self.pane.view.set_over(header.state in wording.OVER)
        self.compose_header(key, header)
        if header.trouble:
            remedy = Remedy("Open again", self.on_reopen) if current.file else None
            self.notice.say("session", header.trouble, remedy)
        else:
            self.notice.take_back("session")

    def on_reopen(self) -> None:
        current = self.desk.current
        if current is not None and current.file:
            self.desk.close_session(current.key)
            self.open_path(current.key)

    def on_ticked(self, waiting: int) -> None:
        self.status.set_waiting(waiting)
        self.status.set_events(self.live.hub.folded)
        self.status.set_stray(sum(self.live.hub.unknown.values()))
        self._raw_count()

    def on_finished(self, key: str, outcome: object) -> None:
        """A stream is over, or a turn is. How it failed stands in its header."""
        if self.desk.current is not None and self.desk.current.key == key:
            self.show_stop()

    def on_progress(self, key: str, done: int, total: int) -> None:
        if self.desk.current is not None and self.desk.current.key == key:
            self.status.set_progress(done, total)

    def _raw_count(self) -> None:
        current = self.desk.current
        self.status.set_raw(-1 if current is None else current.not_understood)

    def on_followed(self, on: bool) -> None:
        self.header.set_following(on)
        self.actions_["follow"].setChecked(on)

    def on_raw_wanted(self, row: int) -> None:
        self.inspector_dock.show()
        self.inspect(row)

    def on_acted(self, item: str, action: str) -> None:
        """What a part of a row offers and the view leaves to us."""
        kind, _, rest = action.partition(":")
        model = self.pane.view.timeline
        row = None if model is None else model.position_of(item)
        if kind == "copy" and row is not None:
            _, laid = self.pane.view.scene.laid(row)
            QGuiApplication.clipboard().setText(laid.block(int(rest)))
            self.status.set_hint("Copied.")
        elif kind == "answer" and row is not None and self.desk.current is not None:
            asked = getattr(model.item(row), "rpc", "") if model is not None else ""
            if not self.live.answer(self.desk.current.key, asked, rest):
                self.status.set_hint("This session is only watched here: answer where the agent was started.")

    def on_row_chosen(self, index: QModelIndex) -> None:
        if self.inspector_dock.isVisible():
            self.inspect(index.row())

    @override
    def inspect(self, row: int) -> None:
        current = self.desk.current
        if current is None or not 0 <= row < current.model.length:
            self.inspector.clear()
            return
        item = current.model.item(row)
        self.inspector.load(self.live.raw(current.key, item), f"Row {row + 1:,}")

    def on_hinted(self, text: str) -> None:
        """A link that is pointed at stays in sight; what the view says besides does not."""
        pointed = self.pane.view.viewport().cursor().shape() == Qt.CursorShape.PointingHandCursor
        self.status.set_hint(text, stays=pointed)

    def on_link(self, target: str) -> None:
        QDesktopServices.openUrl(QUrl(target))

    def on_focus_timeline(self) -> None:
        (self.panel if self.panel_shown else self.pane).setFocus(Qt.FocusReason.OtherFocusReason)

    def on_setting(self, setting: st.AnySetting) -> None:
        match setting.name:
            case st.GROUP.name:
                self.sessions.set_grouped(self.settings[st.GROUP])
                self.actions_["grouped"].setChecked(self.settings[st.GROUP])
            case st.ABSOLUTE.name:
                self.header.set_absolute(self.settings[st.ABSOLUTE])
                self.sessions.set_absolute(self.settings[st.ABSOLUTE])
            case st.ROOTS.name:
                self.live.discover([*self.settings[st.ROOTS], *self._dropped])
            case st.FOLLOW.name:
                self.desk.follow_default = self.settings[st.FOLLOW]

    def on_error(self, error: BaseException) -> None:
        """Something of ours broke: it is in the log; the window goes on."""
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        remedy = Remedy("Show the log", self.on_logs) if self.logs is not None else None
        self.notice.say("error", f"An error of Playhead itself: {first}", remedy)

    # ---- events

    @override
    def set_look(self, look: Look) -> None:
        super().set_look(look)
        insight = None if self._insight is None else self._insight.pane
        for part in (self._home, self._inspector, insight, self._panel, self._search):
            if part is not None:
                part.set_look(look)
        for dialog in filter(QWidget.isWindow, self.findChildren(QWidget)):  # QDialog is no class that a start makes
            if (dress := getattr(dialog, "set_look", None)) is not None:  # Qt's own go by the palette
                dress(look)

    def remember(self, kept: QSettings | None) -> None:
        """For the next start."""
        self.desk.save()
        self.keep_prompts()
        if kept is not None:
            current = self.desk.current
            self.remember_panel(kept)
            self.docks.remember(kept)
            geometry.remember(self, kept, current.key if current is not None and current.file else "")

    @override
    def showEvent(self, event: QShowEvent) -> None:
        if self.desk.current is None:
            self.stack.setCurrentWidget(self.home)
            self.home.setFocus(Qt.FocusReason.OtherFocusReason)
        super().showEvent(event)

    @override
    def closeEvent(self, event: QCloseEvent) -> None:
        running = len(self.live.busy())
        if running:
            from viewer import asking

            if not asking.may_end(self, running, "quit"):
                event.ignore()
                return
        self.closing.emit()
        event.accept()

    @override
    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange:
            self.actions_["full"].setChecked(self.isFullScreen())
