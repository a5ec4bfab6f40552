"""What the parts of the panel are made of: labels by tone, rows in our rhythm, a part that can change its look."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter, QPalette, QValidator
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from store.settings import Setting
from viewer.theme.look import Look

MAIN, MUTED, FAILED, WAITING = "text.main", "text.muted", "state.failed", "state.waiting"
Margins = tuple[int, int, int, int]  # left, top, right, bottom, in our units
AnyLayout = TypeVar("AnyLayout", QVBoxLayout, QHBoxLayout, QGridLayout)
NONE: Margins = (0, 0, 0, 0)


class Part(QWidget):
    """A widget whose labels and distances follow the look: what it is made of says once what it should be like."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.look = look
        self._labels: list[tuple[QLabel, str, str]] = []
        self._layouts: list[tuple[QVBoxLayout | QHBoxLayout | QGridLayout, int, Margins]] = []
        self._lines: list[QFrame] = []
        self._parts: list[Part] = []

    def spaced(self, layout: AnyLayout, spacing: int = 8, margins: Margins = NONE) -> AnyLayout:
        """A layout with these distances, in units of our rhythm."""
        self._layouts.append((layout, spacing, margins))
        return layout

    def line(self, spacing: int = 8, margins: Margins = NONE) -> QHBoxLayout:
        return self.spaced(QHBoxLayout(), spacing, margins)

    def label(self, text: str = "", tone: str = MAIN, font: str = "ui", *, wrap: bool = False) -> QLabel:
        made = QLabel(text)
        made.setTextFormat(Qt.TextFormat.PlainText)  # names come from elsewhere: never markup
        made.setWordWrap(wrap)
        self._labels.append((made, tone, font))
        return made

    def hairline(self) -> QFrame:
        made = QFrame()
        made.setFixedHeight(1)
        made.setAutoFillBackground(True)
        self._lines.append(made)
        return made

    def part(self, part: Part) -> Part:
        """One that is told of each new look."""
        self._parts.append(part)
        return part

    def tone(self, label: QLabel, tone: str) -> None:
        """Another tone for a label, from now on."""
        for number, (held, old, font) in enumerate(self._labels):
            if held is label and old != tone:
                self._labels[number] = (label, tone, font)
                self._paint(label, tone, font)

    def set_look(self, look: Look) -> None:
        self.look = look
        for layout, spacing, (left, top, right, bottom) in self._layouts:
            layout.setContentsMargins(look.px(left), look.px(top), look.px(right), look.px(bottom))
            layout.setSpacing(look.px(spacing))
        for label, tone, font in self._labels:
            self._paint(label, tone, font)
        for line in self._lines:
            palette = line.palette()
            palette.setColor(line.backgroundRole(), look.colour("line.hair"))
            line.setPalette(palette)
        for part in self._parts:
            part.set_look(look)

    def _paint(self, label: QLabel, tone: str, font: str) -> None:
        label.setStyleSheet(f"color: {self.look.colour(tone).name()}")
        label.setFont(self.look.font(font))  # a first style sheet takes away the font that was set before it


def paint_ring(view: QAbstractItemView, look: Look) -> None:
    """Where the keyboard is: a line around the current row of a list, or around one that has none. Behind its paint."""
    if not view.hasFocus():
        return
    whole, row = view.viewport().rect(), view.visualRect(view.currentIndex())
    ring = QRect(whole.left(), row.top(), whole.width(), row.height()) if row.isValid() else whole
    painter = QPainter(view.viewport())
    painter.setPen(look.colour("accent.focus"))
    painter.drawRect(ring.adjusted(0, 0, -1, -1))
    painter.end()


def table_sheet(look: Look) -> str:
    """How tables of the panel look."""
    ground, hair = look.colour("surface.window").name(), look.colour("line.hair").name()
    chosen, strong = look.colour("surface.selected").name(), look.colour("text.strong").name()
    return (
        f"QTableView {{ background: {ground}; selection-background-color: {chosen}; selection-color: {strong}; }}"
        f"QTableView::item {{ padding: 0 {look.px(4)}px; border: 0; }}"  # a cell has 3 px of its own
        f"QHeaderView {{ background: {ground}; }}"
        f"QHeaderView::section {{ background: {ground}; color: {look.colour('text.muted').name()}; border: 0; "
        f"border-bottom: 1px solid {hair}; padding: {look.px(6)}px {look.px(4) + 3}px {look.px(4)}px; }}"
        "QHeaderView::up-arrow, QHeaderView::down-arrow { image: none; width: 0; height: 0; }"  # its text says so
    )


class Number(QSpinBox):
    """A whole number that may be typed wrong: what is wrong is said beside it, and nothing is put right in silence."""

    def __init__(self, setting: Setting[int]) -> None:
        super().__init__()
        self.setting = setting
        self.setRange(-99_999, 99_999)
        self.setAccessibleName(setting.title)
        self.setAccessibleDescription(setting.help)
        self.setToolTip(f"{setting.help} {setting.low:g} to {setting.high:g}.".strip())
        self.setObjectName(f"setting.{setting.name}")
        self.setKeyboardTracking(True)

    def set_look(self, look: Look) -> None:
        """Fusion draws outlines in a darker shade of the window's colour: on a dark window nobody would see them."""
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Window, look.colour("line.strong").lighter(140))
        self.setPalette(palette)
        self.lineEdit().setTextMargins(look.px(6), 0, 0, 0)  # the sheet of a number field has no padding there
        self.setMinimumHeight(look.px(28))
        self.setMinimumWidth(look.px(72))

    def typed(self) -> object:
        """What stands there: a number, or a text that is none."""
        text = self.cleanText().strip()
        try:
            return int(text.replace(",", ""))
        except ValueError:
            return text

    @override
    def validate(self, input: str, pos: int) -> tuple[QValidator.State, str, int]:
        """Anything short may be typed: the sentence beside the field says what is wrong with it."""
        return QValidator.State.Acceptable if len(input) <= 6 else QValidator.State.Invalid, input, pos

    @override
    def fixup(self, str: str) -> str:
        return str

    @override
    def valueFromText(self, text: str) -> int:
        try:
            return int(text)
        except ValueError:
            return self.value()

    @override
    def stepBy(self, steps: int) -> None:
        low, high = int(self.setting.low or 0), int(self.setting.high or 0)
        self.setValue(min(max(self.value() + steps, low), high))
