"""The window without its commands: its parts, where they stand and how they look, and what is dropped on them.

Base of commands.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QMimeData, QSettings, QSize, Qt
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import QDockWidget, QMainWindow, QStackedWidget, QVBoxLayout, QWidget
from typing_extensions import override

from viewer import geometry
from viewer.composer.pane import ComposerPane
from viewer.docks import Column, Docks
from viewer.drop import DropSign
from viewer.header import HeaderBar
from viewer.notice import NoticeBar
from viewer.sessions.pane import SessionsPane
from viewer.status import StatusLine
from viewer.theme.look import Look
from viewer.timeline.pane import TimelinePane

LOW: Final = 120  # px that a page has at least


class Pages(QStackedWidget):
    """No higher than the page that is shown asks for: one that is not must not make a window higher than its screen."""

    def __init__(self) -> None:
        super().__init__()
        self.currentChanged.connect(lambda _: self.updateGeometry())

    @override
    def minimumSizeHint(self) -> QSize:
        page = self.currentWidget()
        high = 0 if page is None else page.minimumSizeHint().height()
        return QSize(super().minimumSizeHint().width(), max(LOW, high))


class Frame(QMainWindow):
    """Parts only: nobody is told of anything here."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look
        self.setWindowTitle("Playhead")
        self.setObjectName("main")
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(False)

        self.header = HeaderBar(look)
        self.notice = NoticeBar(look)
        self.pane = TimelinePane(look)
        self.stack = Pages()
        self.stack.addWidget(self.pane)
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.hair = QWidget()
        self.hair.setFixedHeight(1)
        for widget in (self.header, self.hair, self.notice):
            column.addWidget(widget)
        column.addWidget(self.stack, 1)
        self.composer = ComposerPane(look)
        column.addWidget(self.composer)
        self.setCentralWidget(middle)

        self.sessions = SessionsPane(look)
        self.left = QStackedWidget()  # the list, or what a search found
        self.left.addWidget(self.sessions)
        self.sessions_dock = self._dock("Sessions", self.left, Qt.DockWidgetArea.LeftDockWidgetArea)
        self.inspector_dock = self._dock("Raw record", None, Qt.DockWidgetArea.RightDockWidgetArea)
        self.inspector_dock.hide()
        self.insight_dock = self._dock("Turns and figures", None, Qt.DockWidgetArea.RightDockWidgetArea)
        self.insight_dock.hide()
        self.docks = Docks(self, self.sessions_dock, (self.inspector_dock, self.insight_dock))
        self.status = StatusLine(look)
        self.setStatusBar(self.status)
        self.drop_sign = DropSign(look, self)
        self._dress()  # the parts were made with this look

    @abstractmethod
    def open_path(self, path: str, *, follow: bool = False) -> None:
        """Show a session file or the sessions of a folder."""

    def _dock(self, title: str, widget: QWidget | None, area: Qt.DockWidgetArea) -> Column:
        dock = Column(title, self)
        dock.setObjectName(f"dock.{title}")
        dock.setTitleBarWidget(QWidget(dock))  # the panes have their own first line
        dock.setFeatures(QDockWidget.DockWidgetFeature.DockWidgetClosable)
        dock.setAllowedAreas(area)
        if widget is not None:
            dock.setWidget(widget)
        self.addDockWidget(area, dock)
        return dock

    # ---- looks

    def set_look(self, look: Look) -> None:
        """Another theme or zoom."""
        self.look = look
        for part in (self.header, self.notice, self.pane, self.composer, self.sessions, self.status, self.drop_sign):
            part.set_look(look)
        self._dress()

    def _dress(self) -> None:
        """The look of what is the window's own."""
        look = self.look
        self.docks.set_look(look)
        palette = self.hair.palette()
        palette.setColor(self.hair.backgroundRole(), look.colour("line.hair"))
        self.hair.setPalette(palette)
        self.hair.setAutoFillBackground(True)

    def restore(self, kept: QSettings | None) -> None:
        """Where the window was, on a screen that is there."""
        self.resize(self.look.px(1280), self.look.px(860))
        if kept is not None:
            geometry.restore(self, kept)
            self.docks.restore(kept)
        self.docks.fit()

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.docks.fit()

    # ---- files from elsewhere

    @override
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if paths := local_paths(event.mimeData()):
            self.drop_sign.offer(len(paths))
            event.acceptProposedAction()

    @override
    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.drop_sign.hide()

    @override
    def dropEvent(self, event: QDropEvent) -> None:
        self.drop_sign.hide()
        for path in local_paths(event.mimeData()):
            self.open_path(path)
        event.acceptProposedAction()


def local_paths(data: QMimeData) -> Sequence[str]:
    """Files and folders that are being dragged."""
    return [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
