"""The transcript on the screen: what the reader can do with it. Made by the pane.

The canvas below it places and paints; this adds keys, mouse, selection and copy, folds, and the place to come back to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractItemView, QMenu, QWidget
from typing_extensions import override

from store.events import ItemId
from store.items import Tool, text_of
from viewer.theme.look import Look
from viewer.timeline import copying, keys, sought
from viewer.timeline.canvas import Canvas, Hint, Index
from viewer.timeline.folds import State
from viewer.timeline.mouse import Mouse
from viewer.timeline.pages import is_waiting
from viewer.timeline.scene import Place
from viewer.timeline.selection import Marked

ALL_PAGES: Final = 1_000_000
# What to do there, and what to do here with its answer or with what it raised.
Work: TypeAlias = Callable[[Callable[[], Any], Callable[[Any], None], Callable[[Exception], None]], object]


class TimelineView(Canvas):
    """See the module."""

    hinted = Signal(str)  # what the pointer is over, '' for nothing; also what an action could not do
    link_clicked = Signal(str)  # http, https or mailto
    acted = Signal(str, str)  # item id, action that the view does not do itself
    raw_wanted = Signal(int)  # row

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(look, parent)
        self.mouse = Mouse(self)
        self._awaited: tuple[ItemId, str] | None = None  # a row that is on its way, and what is looked for in it
        self.work: Work | None = None  # has something done on a worker; without it, it is done here
        self.setMouseTracking(True)
        self.setAccessibleName("Transcript")

    @override
    def _travel(self, move: Callable[[], None]) -> None:
        super()._travel(move)
        self.mouse.on_moved()

    def visible_rows(self) -> list[int]:
        """The rows in sight, from the top."""
        self.settle()
        return [placed.row for placed in self.geo.placed]

    # ---- follow, place, folds, unread

    def place(self) -> Place:
        """Where the reader is: a row's item, how far its top is below the viewport's, whether the end is followed."""
        self.settle()
        return self.scene.where()

    def restore_place(self, place: Place) -> None:
        """Go back there, now or as soon as the row is known; until then, and if it never comes, stay at the end."""
        self.scene.wanted = place
        self.scene.try_place()
        self.settle()

    def fold_state(self) -> State:
        return self.scene.fold_state()

    def restore_folds(self, state: Mapping[ItemId, tuple[bool | None, int, bool]]) -> None:
        """Folds as `fold_state` gave them. Before `restore_place`."""
        self.scene.restore_folds(state)
        self.settle()

    def mark_unread(self, row: int | None, count: int | None = None) -> None:
        """A thin line above a row: 'N new since you looked'. None takes it away."""
        self.scene.mark_unread(row, count)
        self.settle(all_new=True)

    def reveal(self, item: ItemId, words: str = "") -> bool:
        """Go to an item, opening what hides it, and make it current. False: there is no such row.

        `words`: select the first place of them in the row, opening what is folded over it.
        """
        row = None if self.timeline is None else self.timeline.position_of(item)
        if row is None:
            return False
        self.scene.reveal(row)
        self.settle()
        self.set_current(row)
        self.show_row(row, Hint.PositionAtCenter)
        late = bool(words) and is_waiting(self.item(row))
        self._awaited = (item, words) if late else None
        if words and not late:
            sought.show(self, row, words)
        return True

    @override
    def dataChanged(self, top: Index, bottom: Index, roles: object = None) -> None:
        super().dataChanged(top, bottom, roles)
        if self._awaited is not None:  # behind what else is told of these rows
            QTimer.singleShot(0, self, self.on_awaited)

    @Slot()
    def on_awaited(self) -> None:
        """A row of a server that is slow is here: its words are shown, if the reader has not gone on."""
        if self._awaited is None or self.timeline is None:
            return
        row = self.timeline.position_of(self._awaited[0])
        if row is not None and is_waiting(self.item(row)):
            return
        words, self._awaited = self._awaited[1], None
        if row is not None and row == self.currentIndex().row() and row in self.visible_rows():
            sought.show(self, row, words)

    def refold(self, row: int, pages: int) -> None:
        """Open a row, with so many further pages of a long output."""
        self._refold(lambda: self.scene.put_fold(row, True, pages))

    def go_to(self, row: int, top: int) -> None:
        """Let the top of a row stand at a height of the viewport, which may be above it."""
        self._travel(lambda: self.geo.go(row, top, self.scene.height))

    def act(self, row: int, action: str) -> None:
        """Do what a part of a row offers: fold, more, all, children here; everything else is told."""
        item = self.item(row)
        fold = self.folds.fold(row, item.id)
        match action:
            case "fold":
                opened = not self.scene.is_open(row)
                self._refold(lambda: self.scene.put_fold(row, opened, fold.pages))
            case "more":
                self._refold(lambda: self.scene.put_fold(row, True, fold.pages + 1))
            case "all":
                self._refold(lambda: self.scene.put_fold(row, True, ALL_PAGES))
            case "children":
                self._refold(lambda: self.scene.show_children(row, not fold.children))
            case _:
                self.acted.emit(item.id, action)

    def _refold(self, change: Callable[[], None]) -> None:
        self.settle()
        self._arrange(change)

    # ---- current row, keys, mouse

    def set_current(self, row: int) -> None:
        if self.timeline is not None:
            index = self.timeline.index(row)
            self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        event.setAccepted(keys.press(self, event))

    @override
    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.mouse.press(event)

    @override
    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.mouse.move(event)

    @override
    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.mouse.release(event)

    @override
    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mouse.double(event)

    @override
    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        row = (self.indexAt(event.pos()) if by_mouse else self.currentIndex()).row()
        if row >= 0:
            self.set_current(row)
        menu = self.context_menu(row)
        menu.exec(event.globalPos())
        menu.deleteLater()

    def context_menu(self, row: int) -> QMenu:
        """What can be done with a row (-1: none)."""
        menu = QMenu(self)
        menu.addAction("Copy", self.copy).setEnabled(self.selection.ends is not None)
        if row >= 0:
            item = self.item(row)
            if command := copying.command(item):
                menu.addAction("Copy command", lambda: self._to_clipboard(command))
            if isinstance(item, Tool) and item.output:
                menu.addAction("Copy output", lambda: self._to_clipboard(str(item.output)))
            menu.addAction("Copy row as Markdown", lambda: self._to_clipboard(copying.markdown(item)))
            menu.addAction("Copy as JSON", lambda: self._to_clipboard(copying.json(item)))
        menu.addAction("Select all", self.selectAll)
        if row >= 0:
            menu.addSeparator()
            if isinstance(item, Tool) and item.rest:
                menu.addAction("Show all of the output", lambda: self.acted.emit(item.id, "rest"))
            menu.addAction("Show raw record", lambda: self.raw_wanted.emit(row))
        return menu

    @override
    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()  # zoom is the window's
            return
        self.mouse.wheel(event)
        event.accept()

    # ---- selection and copy

    def selection_state(self) -> Marked | None:
        """What is selected, in terms that outlive the model."""
        return self.selection.marked(lambda row: self.item(row).id)

    def restore_selection(self, marked: Marked) -> None:
        """Select what `selection_state` gave, as far as its rows are known."""
        if self.timeline is not None:
            self.selection.restore(marked, self.timeline.position_of)
            self.viewport().update()

    def selected_text(self, limit: int = copying.LIMIT) -> str:
        """The selection as text, cut at a limit, which it says then."""
        return copying.selected(self.scene, limit).text

    @Slot()
    def copy(self) -> None:
        """The selection, or without one the current row, to the clipboard. What is long is read by a worker."""
        wanted, model = copying.wanted(self.scene), self.timeline
        if wanted is None or model is None:
            if self.currentIndex().isValid():
                self._to_clipboard(text_of(self.item(self.currentIndex().row())))
            return
        first, end = wanted.first, wanted.last + 1
        apart = model.apart(first, end) if end - first > copying.FEW or model.late is not None else None
        if apart is None or apart.window is None or self.work is None:
            self._copied(copying.collected(wanted, model.items(first, end), copying.LIMIT))
        else:
            self.hinted.emit(f"Copying {end - first:,} rows…")
            self.work(
                lambda: copying.collected(wanted, apart.items(), copying.LIMIT), self._copied,
                lambda error: self.hinted.emit(f"Nothing was copied. {error}"),
            )  # fmt: skip

    def _copied(self, copied: copying.Copied) -> None:
        self._to_clipboard(copied.text)
        if copied.left_out:
            self.hinted.emit(f"Copied the first {copying.LIMIT:,} characters; {copied.left_out:,} rows did not fit.")
        else:
            self.hinted.emit("Copied.")

    def _to_clipboard(self, text: str) -> None:
        if text:
            QGuiApplication.clipboard().setText(text)

    @override
    def selectAll(self) -> None:
        """Everything that is there now. Costs nothing until it is copied."""
        if self.timeline is not None and self.timeline.length:
            self.selection.rows(0, self.timeline.length - 1)
            self.viewport().update()

    @override
    def clearSelection(self) -> None:
        self.selection.clear()
        self.viewport().update()

    @override
    def moveCursor(self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        row = keys.target(self, action)
        return QModelIndex() if row is None or self.timeline is None else self.timeline.index(row)

    @override
    def keyboardSearch(self, search: str) -> None:
        pass  # would ask every row for its text
