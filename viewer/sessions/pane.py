"""The panel with the sessions: filter, list, what to do when it is empty, and the sum below. For window."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication, QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from store.delta import Row, SessionsDelta
from store.states import Closed
from viewer import marks, wording
from viewer.sessions.model import SessionRole, SessionsModel
from viewer.sessions.view import SessionList
from viewer.shelf import ACTIONS, Shelf
from viewer.theme import icons
from viewer.theme.look import Look

ORDER: Final = 2_000  # ms between two changes of the order: rows that move all the time can be neither read nor hit


class SessionsPane(QWidget):
    """See the module."""

    opened = Signal(str)  # session id
    left = Signal()  # Escape with nothing to clear
    search_wanted = Signal(str)  # look for this in the texts of sessions
    rename_wanted = Signal(str)  # path
    acted = Signal(str, str)  # action of the shelf, path

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.look = look
        self.shelf: Shelf | None = None  # what may be archived, deleted, restored; set by the window
        self.sessions = SessionsModel(self)
        self.menu_button = QToolButton(self)
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu_button.setAccessibleName("Menu")
        self.menu_button.setToolTip("Menu")
        self.filter_box = QLineEdit(self)
        self.filter_box.setPlaceholderText("Filter sessions…")
        self.filter_box.setProperty("quiet", True)
        self.filter_box.setAccessibleName("Filter sessions")
        self.filter_box.setClearButtonEnabled(True)
        self.filter_box.setAcceptDrops(False)  # what is dropped on the window is opened, not typed
        self.search_button = QToolButton(self)
        self.search_button.setAccessibleName("Search all sessions")
        self.search_button.setToolTip("Search the text of all sessions (Ctrl+Shift+F)")
        self.list = SessionList(self.sessions, look, self)
        self.nothing = QLabel(self)
        self.nothing.setTextFormat(Qt.TextFormat.PlainText)  # it says what was typed
        self.nothing.setWordWrap(True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self.clear_button = QPushButton("Clear the filter", self)
        self.text_button = QPushButton("Search the text instead", self)
        self.text_button.setToolTip("Look in what was said and done, not in names (Ctrl+Shift+F)")
        self.footer = QLabel(self)
        self.footer.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

        blank = QWidget(self)
        below = QVBoxLayout(blank)
        below.addWidget(self.nothing)
        below.addWidget(self.text_button, 0, Qt.AlignmentFlag.AlignHCenter)
        below.addWidget(self.clear_button, 0, Qt.AlignmentFlag.AlignHCenter)
        below.addStretch()
        self.stack = QStackedWidget(self)
        self.stack.addWidget(self.list)
        self.stack.addWidget(blank)
        self._top = QHBoxLayout()
        self._top.addWidget(self.menu_button)
        self._top.addWidget(self.filter_box, 1)
        self._top.addWidget(self.search_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._top)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.footer)

        self._scanned: int | None = None
        self._scan_done = False
        self._clock = QTimer(self)  # for the relative times on the screen; runs only while one will change
        self._clock.setSingleShot(True)
        self._clock.setTimerType(Qt.TimerType.VeryCoarseTimer)
        self._clock.timeout.connect(self.on_clock)
        self._order = QTimer(self)  # runs while sessions that go on stay where they are
        self._order.setSingleShot(True)
        self._order.setInterval(ORDER)
        self._order.timeout.connect(self.on_order)
        self._counted: tuple[object, ...] = ()  # what the line below tells

        self.filter_box.textChanged.connect(self.on_filter)
        self.filter_box.installEventFilter(self)
        self.clear_button.clicked.connect(self.filter_box.clear)
        for button in (self.search_button, self.text_button):
            button.clicked.connect(lambda: self.search_wanted.emit(self.filter_box.text()))
        self.list.opened.connect(self.opened)
        self.list.left.connect(self.on_left)
        self.list.filter_wanted.connect(self.ask_filter)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self.on_menu)
        self.sessions.counted.connect(self._count)
        QWidget.setTabOrder(self.filter_box, self.list)
        self.set_look(look)
        self._count()

    # ---- told by the window

    def apply(self, delta: SessionsDelta) -> None:
        kept, at = self.list.current_id(), self.list.verticalScrollBar().value()
        resets, moves = self.sessions.rebuilds, self.sessions.moves
        self.sessions.holds = self._order.isActive()
        self.sessions.apply(delta)
        if self.sessions.moves != moves:
            self._order.start()
        if self.sessions.rebuilds != resets:
            self._keep(kept)
            self.list.verticalScrollBar().setValue(at)
        if delta.scanned is not None:
            self._scanned, self._scan_done = delta.scanned, False
        if delta.total is not None:
            self._scan_done = True
        if not self.list.current_id():
            self.set_opened(self.list.painter_delegate.opened)  # opened before it was listed
        self._count()
        self._plan(delta.put)

    def set_opened(self, id: str) -> None:
        """Show which session is in the timeline."""
        self.list.set_opened(id)
        index = self.sessions.index_of(id)
        if index.isValid() and not self.list.hasFocus():
            self.list.select(index)

    def set_grouped(self, grouped: bool) -> None:
        self.list.painter_delegate.grouped = grouped
        kept = self.list.current_id()
        self.sessions.set_grouped(grouped)
        self._keep(kept)

    def set_absolute(self, absolute: bool) -> None:
        self.list.painter_delegate.absolute = absolute
        self.list.viewport().update()

    def set_look(self, look: Look) -> None:
        self.look = look
        self.list.set_look(look)
        self.menu_button.setIcon(marks.menu_icon(look))
        self.menu_button.setIconSize(QSize(look.px(16), look.px(16)))
        self.menu_button.setStyleSheet("QToolButton::menu-indicator { image: none; width: 0; }")
        self.search_button.setIcon(icons.icon("search", look))
        self.search_button.setIconSize(QSize(look.px(16), look.px(16)))
        self._top.setContentsMargins(look.px(8), look.px(6), look.px(8), look.px(6))
        self._top.setSpacing(look.px(4))
        # A first style sheet takes away the font and the margins that were set before it.
        muted = f"color: {look.colour('text.muted').name()}"
        self.footer.setStyleSheet(f"{muted}; padding: {look.px(6)}px {look.px(12)}px;")
        self.footer.setFont(look.font("meta"))
        for label in (self.footer, self.nothing):
            label.setIndent(0)  # a label with a padding is indented else
        self.nothing.setStyleSheet(f"{muted}; padding: {look.px(32)}px {look.px(16)}px {look.px(8)}px;")
        self.list.setStyleSheet(f"QListView {{ background: {look.colour('surface.panel').name()} }}")

    def ask_filter(self) -> None:
        """Put the cursor into the filter box."""
        self.filter_box.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter_box.selectAll()

    # ---- what happens here

    def on_filter(self, text: str) -> None:
        kept = self.list.current_id()
        self.sessions.set_filter(text)
        self._keep(kept)
        self._count()

    def on_left(self) -> None:
        if self.filter_box.text():
            self.filter_box.clear()
        else:
            self.left.emit()

    def on_menu(self, point: QPoint) -> None:
        row = self.list.indexAt(point).data(SessionRole)
        if row is not None:
            menu = self.menu_for(row.id)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self.list.viewport().mapToGlobal(point))

    def menu_for(self, id: str) -> QMenu:
        """What can be done with one session."""
        row = self.sessions.session(id)
        menu = QMenu(self)
        if row is None:
            return menu
        path = row.path
        menu.addAction("Open").triggered.connect(lambda *_: self.opened.emit(id))
        menu.addSeparator()
        copy = menu.addAction("Copy path")
        copy.triggered.connect(lambda *_: QGuiApplication.clipboard().setText(path))
        reveal = menu.addAction("Show in file manager")
        reveal.triggered.connect(lambda *_: reveal_path(path))
        for action in (copy, reveal):
            action.setEnabled(bool(path))
        rename = menu.addAction("Rename…")
        rename.setEnabled(bool(path))
        rename.triggered.connect(lambda *_: self.rename_wanted.emit(path))
        if self.shelf is not None:
            menu.addSeparator()
            menu.setToolTipsVisible(True)
            for name, text in ACTIONS.items():
                action = menu.addAction(text)
                why = self.shelf.refusal(name, path or id, row)
                action.setEnabled(not why)
                action.setToolTip(why)
                action.triggered.connect(lambda *_, name=name: self.acted.emit(name, path))
        return menu

    def set_names(self, names: Mapping[str, str]) -> None:
        """What the user calls sessions, by path."""
        self.sessions.set_names(names)

    def set_closed(self, closed: Mapping[str, Closed]) -> None:
        """Which sessions are archived or deleted, by path."""
        kept = self.list.current_id()
        self.sessions.set_closed(closed)
        self._keep(kept)

    def set_filter(self, text: str) -> None:
        """As if it was typed."""
        self.filter_box.setText(text)

    def on_order(self) -> None:
        """Sessions that went on meanwhile go where they belong."""
        if self.sessions.settle():
            self._order.start()

    def on_clock(self) -> None:
        self.list.viewport().update()
        self._plan()

    @override
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._plan()

    @override
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys in the filter box that belong to the list."""
        if watched is self.filter_box and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            match event.key():
                case Qt.Key.Key_Down | Qt.Key.Key_Up:
                    self.list.setFocus()
                    if not self.list.current_id():
                        self.list.select(self.list.first_session())
                    return True
                case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                    id = self.list.current_id()
                    if not id or not self.sessions.index_of(id).isValid():
                        self.list.select(self.list.first_session())
                    if self.list.current_id():
                        self.opened.emit(self.list.current_id())
                    return True
                case Qt.Key.Key_Escape:
                    self.on_left()
                    return True
        return super().eventFilter(watched, event)

    def _keep(self, id: str) -> None:
        """After everything was sorted anew: stay on the same session."""
        index = self.sessions.index_of(id)
        if index.isValid():
            self.list.select(index)

    def _count(self) -> None:
        model, text = self.sessions, self.filter_box.text().strip()
        told = (text, model.total, model.bytes, model.deleted, model.shown(), self._scanned, self._scan_done)
        if told == self._counted:
            return
        self._counted = told
        if text:
            line = f"{model.shown():,} of {wording.many(model.total, 'session')}"
        else:
            line = wording.many(model.total, "session") + (f" · {wording.size(model.bytes)}" if model.bytes else "")
        if model.deleted:
            line += f" · {model.deleted:,} deleted"
        if not model.total:
            line = ""  # the sentence above says so
        if self._scanned is not None and not self._scan_done:
            line += f"{' · ' if line else ''}looking… {wording.many(self._scanned, 'file')}"
        self.footer.setText(line)
        empty = model.shown() == 0
        self.stack.setCurrentIndex(1 if empty else 0)
        if empty:
            looking = self._scanned is not None and not self._scan_done
            if text and model.total:
                self.nothing.setText(f"Nothing matches “{text}”.")
            else:
                self.nothing.setText("Looking for sessions…" if looking else "Sessions appear here.")
            for button in (self.clear_button, self.text_button):
                button.setVisible(bool(text) and model.total > 0)

    def _plan(self, put: Sequence[Row] | None = None) -> None:
        """Wake up when the first relative time on the screen will be wrong, and not before.

        `put`: only these have changed. Where they are not on the screen, that is too early once.
        """
        if not self.isVisible() or self.list.painter_delegate.absolute:
            return
        if put is None:
            lines = map(self.sessions.line, self.list.visible_rows())
            put = [line.row for line in lines if not isinstance(line, str)]
        left = self._clock.remainingTime() / 1000 if self._clock.isActive() else wording.NEVER
        now = time.time_ns() // 1000
        soonest = min((wording.ago(row.updated, now, coarse=True)[1] for row in put), default=wording.NEVER)
        if soonest < left:
            self._clock.start(int(max(5.0, soonest) * 1000) + 200)


def reveal_path(path: str) -> None:
    """Open the folder of a file in the desktop's file manager; of a session in a database, that of the database."""
    folder = Path(path).parent
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder.parent if folder.is_file() else folder)))
