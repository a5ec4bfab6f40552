"""The sessions panel as the window shows it: its pages, what is remembered of it, and what it tells. For window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSettings, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QStackedWidget, QTabBar, QToolButton, QVBoxLayout, QWidget
from typing_extensions import override

from store import threads
from store.errors import StoreError
from store.settings import Settings
from store.threads import ThreadRow, Threads
from viewer.jobs import Jobs
from viewer.notice import Remedy
from viewer.panel.overview import Overview
from viewer.panel.parts import Part
from viewer.panel.toast import Toast
from viewer.theme import icons
from viewer.theme.look import Look
from viewer.undo import Undo

if TYPE_CHECKING:
    from viewer.panel.audit_page import AuditPage
    from viewer.panel.receiver_card import Service
    from viewer.panel.triggers_page import TriggersPage

NAMES: Final = ("Threads and storage", "Triggers", "Audit log")
OVERVIEW, TRIGGERS, AUDIT = range(3)


class SessionsPanel(Part):
    """See the module."""

    closed = Signal()  # put it away
    session_wanted = Signal(str, str)  # the session's key in the list or '', and the agent's own id for it
    counted = Signal(object)  # Threads: what is known of them now
    triggers_changed = Signal()

    def __init__(self, jobs: Jobs, db: Path, settings: Settings, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(look, parent)
        self._jobs, self._db, self._settings = jobs, db, settings
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setAccessibleName("Pages of the sessions panel")
        for number, name in enumerate(NAMES):
            self.tabs.addTab(name)
            self.tabs.setTabToolTip(number, f"{name} (Alt+{number + 1})")
        self.close_button = QToolButton()
        self.close_button.setAccessibleName("Close the sessions panel")
        self.close_button.setToolTip("Close the sessions panel (Esc)")
        self.toast = Toast(look, self)
        self.undo = Undo(self)
        self.toast.keep = lambda remedy: self.undo.keep(remedy, "panel")
        self.overview = Overview(jobs, db, settings, self.toast.say, look)
        self._triggers: TriggersPage | None = None
        self._audit: AuditPage | None = None
        self.serving: Callable[[], Service | None] = lambda: None  # what runs triggers in this window; for its owner
        self.pages = QStackedWidget()
        for page in (self.overview, QWidget(), QWidget()):  # the others are made when they are first wanted
            self.pages.addWidget(page)
        self.part(self.overview)
        self._top = self.line(8, (8, 4, 8, 0))
        self._top.addWidget(self.tabs)
        self._top.addStretch()
        self._top.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._top)
        column.addWidget(self.hairline())
        column.addWidget(self.pages, 1)
        self.setAutoFillBackground(True)
        self.tabs.currentChanged.connect(self.on_tab)
        self.close_button.clicked.connect(self.closed)
        cards = self.overview.threads
        cards.opened.connect(self.on_opened)
        cards.loaded.connect(self.counted)
        cards.refresh_button.clicked.connect(self.refresh)
        cards.first_wanted.connect(self.on_first)
        self._key("F5", self.refresh)
        self._undo_key = self._key("Ctrl+Z", self.on_undo)
        for number in range(len(NAMES)):
            self._key(f"Alt+{number + 1}", lambda number=number: self.tabs.setCurrentIndex(number))
        self.set_look(look)
        self.toast.raise_()

    @property
    def triggers(self) -> TriggersPage:
        if self._triggers is None:
            from viewer.panel.triggers_page import TriggersPage

            made = self._triggers = TriggersPage(self._jobs, self._db, self._settings, self.toast.say, self.look)
            made.serving = lambda: self.serving()
            made.changed.connect(self.triggers_changed)
            self._put(TRIGGERS, made)
        return self._triggers

    @property
    def audit(self) -> AuditPage:
        if self._audit is None:
            from viewer.panel.audit_page import AuditPage

            self._audit = AuditPage(self._jobs, self._db, self.look)
            self._put(AUDIT, self._audit)
        return self._audit

    def _put(self, number: int, page: Part) -> None:
        """In the place of what stands for it."""
        shown = self.pages.currentIndex()
        blank = self.pages.widget(number)
        if blank is not None:
            self.pages.removeWidget(blank)
            blank.deleteLater()
        self.pages.insertWidget(number, page)
        self.pages.setCurrentIndex(shown)
        self.part(page)

    def share_undo(self, undo: Undo) -> None:
        """The window has one for all that can be taken back, and the key for it."""
        self.undo = undo
        self._undo_key.setEnabled(False)

    def _key(self, keys: str, act: Callable[..., object]) -> QShortcut:
        shortcut = QShortcut(QKeySequence(keys), self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(act)
        return shortcut

    @override
    def set_look(self, look: Look) -> None:
        super().set_look(look)
        palette = self.palette()
        palette.setColor(self.backgroundRole(), look.colour("surface.window"))
        self.setPalette(palette)
        accent, muted, main = (look.colour(name).name() for name in ("accent.main", "text.muted", "text.strong"))
        self.tabs.setFont(look.font("ui"))
        self.tabs.setStyleSheet(
            f"QTabBar {{ background: transparent; }}"
            f"QTabBar::tab {{ background: transparent; color: {muted}; padding: {look.px(7)}px {look.px(10)}px; "
            f"border: 0; border-bottom: {look.px(2)}px solid transparent; }}"
            f"QTabBar::tab:selected {{ color: {main}; border-bottom-color: {accent}; }}"
            f"QTabBar::tab:hover {{ color: {main}; }}"
            f"QTabBar::tab:focus {{ color: {accent}; }}"
        )
        size = look.px(16)
        self.close_button.setIcon(icons.icon("x", look))
        self.close_button.setIconSize(QSize(size, size))
        self.toast.set_look(look)

    # ---- shown, refreshed, remembered

    def open(self) -> None:
        """It is shown: its page reads what it needs."""
        self.on_tab(self.tabs.currentIndex())

    def refresh(self) -> None:
        """The page that is shown, all of it."""
        if self.pages.currentIndex() == OVERVIEW:
            self.overview.refresh()
        else:
            self.on_tab(self.tabs.currentIndex())

    def news(self) -> None:
        """A run, a delivery, a trigger or the clock has changed something."""
        self.overview.threads.ending.look()
        if self._triggers is not None:
            self._triggers.ending.look()
        if self.isVisible():
            if self.pages.currentIndex() == OVERVIEW:
                self.overview.threads.load()
                self.overview.load_times()
            else:
                self.on_tab(self.tabs.currentIndex())

    def on_tab(self, number: int) -> None:
        if number == OVERVIEW:
            self.overview.open()
        elif number == TRIGGERS:
            self.triggers.load()
        else:
            self.audit.load()
        self.pages.setCurrentIndex(number)

    def remember(self, kept: QSettings) -> None:
        """For the next start."""
        kept.setValue("panel/tab", self.tabs.currentIndex())
        header = self.overview.threads.view.horizontalHeader()
        kept.setValue("panel/sort", f"{header.sortIndicatorSection()} {header.sortIndicatorOrder().value}")

    def restore(self, kept: QSettings) -> None:
        """As it was."""
        tab = str(kept.value("panel/tab", "0"))
        self.tabs.setCurrentIndex(int(tab) if tab.isdigit() and int(tab) < len(NAMES) else 0)
        column, _, order = str(kept.value("panel/sort", "")).partition(" ")
        view = self.overview.threads.view
        if column.isdigit() and order in ("0", "1") and int(column) < view.model().columnCount():
            view.sortByColumn(int(column), Qt.SortOrder(int(order)))

    # ---- what happens here

    def on_undo(self) -> None:
        self.undo.undo()

    def on_first(self) -> None:
        self.tabs.setCurrentIndex(TRIGGERS)
        self.triggers.on_new()

    def on_opened(self, row: ThreadRow) -> None:
        """The session of a thread: where it is in the list is asked of the database."""
        if not row.session:
            self.toast.say(f"{row.key} has no session yet: its next event starts one.")
            return
        db, session = self._db, row.session

        def found(key: str | None) -> None:
            self.session_wanted.emit(key or "", session)

        self._jobs.run(lambda: threads.session_of(db, row.id), found, self._failed)

    def say(self, sentence: str, remedy: Remedy | None = None, *, failed: bool = False) -> None:
        self.toast.say(sentence, remedy, failed=failed)

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, StoreError):
            self._jobs.failed.emit(error)
        self.toast.say(str(error), failed=True)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            if self.toast.isVisible():
                self.toast.hide()
            else:
                self.closed.emit()
            return
        super().keyPressEvent(event)


def known(found: Threads) -> str:
    """The chip of the status line."""
    return f"threads {found.active:,} ▸" if found.total else "threads ▸"
