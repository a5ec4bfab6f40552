"""The prompts that wait for the end of the turn: in order, to be edited, moved and taken back. Part of the composer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QToolButton, QVBoxLayout, QWidget
from typing_extensions import override

from store.delta import Waiting
from viewer import tips, wording
from viewer.theme import icons
from viewer.theme.look import Look

SEEN: Final = 4  # prompts that are shown at once; further ones are scrolled to


class WaitingList(QListWidget):
    """One line per prompt. Enter edits, Del takes back, Ctrl+Up and Ctrl+Down move."""

    edit_wanted = Signal(str)
    remove_wanted = Signal(str)
    move_wanted = Signal(str, int)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Waiting prompts")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setUniformItemSizes(True)
        self.itemDoubleClicked.connect(lambda item: self.edit_wanted.emit(item.data(Qt.ItemDataRole.UserRole)))

    @property
    def chosen(self) -> str:
        """The id of the prompt that commands are for; '' when there is none."""
        item = self.currentItem()
        return str(item.data(Qt.ItemDataRole.UserRole)) if self.count() and self.currentRow() >= 0 else ""

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        match event.key():
            case Qt.Key.Key_Return | Qt.Key.Key_Enter | Qt.Key.Key_F2:
                self.edit_wanted.emit(self.chosen)
            case Qt.Key.Key_Delete | Qt.Key.Key_Backspace:
                self.remove_wanted.emit(self.chosen)
            case Qt.Key.Key_Up if control:
                self.move_wanted.emit(self.chosen, -1)
            case Qt.Key.Key_Down if control:
                self.move_wanted.emit(self.chosen, 1)
            case Qt.Key.Key_Escape:
                self.left.emit()
            case _:
                super().keyPressEvent(event)


class WaitingPane(QWidget):
    """The list with its buttons; hidden while nothing waits."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._told: tuple[Waiting, ...] = ()
        self.list = WaitingList(self)
        self.edit = self._button("file-pen", "Edit", "Edit the prompt (Enter)")
        self.up = self._button("chevron-up", "Earlier", "Send it earlier (Ctrl+Up)")
        self.down = self._button("chevron-down", "Later", "Send it later (Ctrl+Down)")
        self.remove = self._button("x", "Take back", "Take the prompt back (Del)")
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.list, 1)
        self._column = QVBoxLayout()
        self._row = QHBoxLayout()
        for button in (self.edit, self.up, self.down, self.remove):
            self._row.addWidget(button)
        self._column.addLayout(self._row)
        self._column.addStretch(1)
        line.addLayout(self._column)
        self.edit.clicked.connect(lambda: self.list.edit_wanted.emit(self.list.chosen))
        self.up.clicked.connect(lambda: self.list.move_wanted.emit(self.list.chosen, -1))
        self.down.clicked.connect(lambda: self.list.move_wanted.emit(self.list.chosen, 1))
        self.remove.clicked.connect(lambda: self.list.remove_wanted.emit(self.list.chosen))
        self.list.currentRowChanged.connect(self._offer)
        self.set_look(look)
        self.hide()

    def _button(self, icon: str, name: str, tip: str) -> QToolButton:
        button = QToolButton(self)
        button.setAccessibleName(name)
        button.setToolTip(tip)
        button.setProperty("icon-name", icon)
        return button

    def show_waiting(self, waiting: Sequence[Waiting]) -> None:
        """What waits now; what was chosen stays chosen."""
        told = tuple(waiting)
        if told == self._told:
            return
        self._told = told
        chosen = self.list.chosen
        self.list.clear()
        for number, one in enumerate(told, 1):
            line = " ".join(one.text.split())[:400]
            state = "  (being edited)" if one.editing else f"  (not sent: {one.trouble})" if one.trouble else ""
            if one.files:
                line = f"{line}  + {wording.many(len(one.files), 'file')}" if line else one.files[0].name
            item = QListWidgetItem(f"{number}  {line}{state}")
            item.setData(Qt.ItemDataRole.UserRole, one.id)
            names = "\n".join(file.name for file in one.files)
            item.setToolTip(tips.plain(f"{one.trouble}\n\n{one.text[:2000]}\n{names}".strip()))
            if one.trouble:
                item.setForeground(self._look.colour("state.failed"))
            self.list.addItem(item)
            if one.id == chosen or number == 1:
                self.list.setCurrentItem(item)
        self.setVisible(bool(told))
        self._size()
        self._offer()

    def _offer(self) -> None:
        row, count = self.list.currentRow(), self.list.count()
        self.up.setEnabled(row > 0)
        self.down.setEnabled(0 <= row < count - 1)
        for button in (self.edit, self.remove):
            button.setEnabled(row >= 0)
        for button in (self.up, self.down):
            button.setVisible(count > 1)

    def _size(self) -> None:
        line = self.list.fontMetrics().lineSpacing() + self._look.px(8)
        self.list.setFixedHeight(line * min(SEEN, max(1, self.list.count())) + 2)

    def set_look(self, look: Look) -> None:
        self._look = look
        self.list.setFont(look.font("ui"))
        self.list.setStyleSheet(
            f"QListWidget {{ background: transparent; color: {look.colour('text.main').name()}; }}"
            f"QListWidget::item {{ padding: {look.px(4)}px {look.px(8)}px; border-radius: {look.px(4)}px; }}"
            f"QListWidget::item:selected {{ background: {look.colour('surface.selected').name()};"
            f" color: {look.colour('text.strong').name()}; }}"
        )
        self._row.setSpacing(look.px(2))
        for button in (self.edit, self.up, self.down, self.remove):
            button.setIcon(icons.icon(str(button.property("icon-name")), look))
            button.setIconSize(QSize(look.px(16), look.px(16)))
        told, self._told = self._told, ()
        self.show_waiting(told)
        self._size()
