"""The table of the live threads: columns that fit the width, keys, and what can be done with one. For its card."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QMouseEvent, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView, QWidget
from typing_extensions import override

from store.threads import ThreadRow
from viewer.arrows import as_arrow
from viewer.panel.parts import paint_ring, table_sheet
from viewer.panel.threads_model import (
    ACTION,
    AGE,
    LAST,
    SAVED,
    SESSION,
    STATE,
    STOP,
    THREAD,
    TRIGGER,
    TURNS,
    ThreadRole,
    ThreadsModel,
    ThreadsOrder,
)
from viewer.theme.look import Look

# Widths at zoom 1; the thread takes the rest. What gives way first where there is no room.
WIDTHS: Final = {
    TRIGGER: 110, STATE: 88, AGE: 64, TURNS: 56, LAST: 124, SESSION: 112, SAVED: 84, STOP: 48, ACTION: 54,
}  # fmt: skip
TIGHT: Final = {
    TRIGGER: 83,
    STATE: 82,
    AGE: 60,
    LAST: 73,
    SESSION: 110,
    STOP: 50,
    ACTION: 51,
}  # where there is little room
# Column, narrower than this it is in the line below only; while something can be stopped, that column comes on top.
GIVES_WAY: Final = ((SAVED, 860), (TURNS, 720))


class ThreadsView(QTableView):
    """See the module."""

    opened = Signal(object)  # ThreadRow: show its session
    reset_wanted = Signal(object)  # ThreadRow
    stop_wanted = Signal(object)  # ThreadRow
    filter_wanted = Signal()
    chosen = Signal(object)  # ThreadRow or None

    def __init__(self, model: ThreadsModel, order: ThreadsOrder, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._threads = model
        order.setSourceModel(model)
        self.setModel(order)
        self.setAccessibleName("Threads")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(True)
        header.setMinimumSectionSize(24)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setSortingEnabled(True)
        self.sortByColumn(AGE, Qt.SortOrder.AscendingOrder)
        self.clicked.connect(self.on_clicked)
        self.activated.connect(self.on_activated)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self.on_menu)
        self.selectionModel().currentRowChanged.connect(lambda *_: self.chosen.emit(self.current()))
        self.set_look(look)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        paint_ring(self, self.look)

    def set_look(self, look: Look) -> None:
        self.look = look
        self.setFont(look.font("ui"))
        self.horizontalHeader().setFont(look.font("meta"))
        self.setStyleSheet(table_sheet(look))
        self.verticalHeader().setDefaultSectionSize(look.px(28))
        self._fit()

    def current(self) -> ThreadRow | None:
        row = self.currentIndex().data(ThreadRole)
        return row if isinstance(row, ThreadRow) else None

    def select_thread(self, thread: int) -> None:
        for at in range(self.model().rowCount()):
            index = self.model().index(at, 0)
            if index.data(ThreadRole).id == thread:
                self.setCurrentIndex(index)
                return

    # ---- what is done with one

    def on_clicked(self, index: QModelIndex) -> None:
        row = index.data(ThreadRole)
        if index.column() == ACTION:
            self.reset_wanted.emit(row)
        elif index.column() == STOP:
            self._stop(row)
        elif index.column() == SESSION and row.session:
            self.opened.emit(row)

    def on_activated(self, index: QModelIndex) -> None:
        """Enter, or a double click."""
        row = index.data(ThreadRole)
        if row is not None and index.column() not in (STOP, ACTION):
            self.opened.emit(row)

    def _stop(self, row: ThreadRow) -> None:
        if row.state == "running":
            self.stop_wanted.emit(row)

    def on_menu(self, point: QPoint) -> None:
        row = self.indexAt(point).data(ThreadRole)
        if row is not None:
            menu = self.menu_for(row)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self.viewport().mapToGlobal(point))

    def menu_for(self, row: ThreadRow) -> QMenu:
        """What can be done with a thread."""
        menu = QMenu(self)
        show = menu.addAction("Open its session")
        show.triggered.connect(lambda *_: self.opened.emit(row))
        show.setEnabled(bool(row.session))
        menu.addSeparator()
        copy = menu.addAction("Copy session id")
        copy.triggered.connect(lambda *_: QGuiApplication.clipboard().setText(row.session or ""))
        copy.setEnabled(bool(row.session))
        key = menu.addAction("Copy thread")
        key.triggered.connect(lambda *_: QGuiApplication.clipboard().setText(row.key))
        menu.addSeparator()
        stop = menu.addAction("Stop its run…")
        stop.triggered.connect(lambda *_: self._stop(row))
        stop.setEnabled(row.state == "running")
        menu.addAction("Reset…").triggered.connect(lambda *_: self.reset_wanted.emit(row))
        return menu

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        row = self.current()
        if event.matches(QKeySequence.StandardKey.Copy) and row is not None:
            QGuiApplication.clipboard().setText(row.session or row.key)
            return
        match event.key():
            case Qt.Key.Key_Return | Qt.Key.Key_Enter if row is not None:
                self.opened.emit(row)
            case Qt.Key.Key_Delete | Qt.Key.Key_Backspace if row is not None:
                self.reset_wanted.emit(row)
            case Qt.Key.Key_J | Qt.Key.Key_K:
                super().keyPressEvent(as_arrow(event))
            case Qt.Key.Key_S if row is not None:
                self._stop(row)
            case Qt.Key.Key_Slash:
                self.filter_wanted.emit()
            case Qt.Key.Key_Menu if row is not None:
                self.on_menu(self.visualRect(self.currentIndex()).center())
            case _:
                super().keyPressEvent(event)

    @override
    def keyboardSearch(self, search: str) -> None:
        """Nothing: letters are commands here, and there is a filter."""

    # ---- how it looks

    @override
    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        index = self.indexAt(event.position().toPoint())
        row = index.data(ThreadRole)
        at = index.column()
        link = at == ACTION or (row is not None and (
            (at == SESSION and bool(row.session)) or (at == STOP and row.state == "running")
        ))  # fmt: skip
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if link else Qt.CursorShape.ArrowCursor)

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def refit(self) -> None:
        """Other rows are there: the column of what only some can is not."""
        self._fit()

    def _fit(self) -> None:
        header, room = self.horizontalHeader(), self.viewport().width()
        idle = all(row.state != "running" for row in self._threads.rows)
        more = 0 if idle else WIDTHS[STOP]
        tight = room < self.look.px(GIVES_WAY[-1][1] + more)
        for column, least in GIVES_WAY:
            self.setColumnHidden(column, room < self.look.px(least + more))
        self.setColumnHidden(STOP, idle)
        self.setColumnHidden(LAST, tight and not idle)  # the tip of its state says it then
        widths = {column: self.look.px(width) for column, width in (WIDTHS | TIGHT if tight else WIDTHS).items()}
        for column, width in widths.items():
            header.resizeSection(column, width)
        others = sum(width for column, width in widths.items() if not self.isColumnHidden(column))
        header.resizeSection(THREAD, max(self.look.px(80), room - others))
