"""The fields of the trigger form: how each is read, written, explained and complained about. For that form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from PySide6.QtCore import Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget
from typing_extensions import override

from viewer.panel.parts import FAILED, MUTED, Part
from viewer.theme.look import Look


class Field(Part):
    """A title, a widget, what it is for, and what is wrong with it."""

    changed = Signal()

    def __init__(self, name: str, title: str, about: str, look: Look) -> None:
        super().__init__(look)
        self.name = name
        self.widget: QWidget
        self.read: Callable[[], Any]
        self.write: Callable[[Any], None]
        self.title = self.label(title, MUTED, "meta")
        self.about = self.label(about, MUTED, "meta", wrap=True)
        if not about:  # never shown before it has a parent: it would be a window, and take the keyboard
            self.about.hide()
        self.error = self.label("", FAILED, "meta", wrap=True)
        self.error.hide()
        self.column = self.spaced(QVBoxLayout(self), 2)
        self.column.addWidget(self.title)
        self._text = title

    def hold(self, widget: QWidget, *more: QWidget) -> None:
        """The widget goes in here."""
        self.widget = widget
        widget.setAccessibleName(self._text)
        widget.setAccessibleDescription(self.about.text())
        widget.setObjectName(f"trigger.{self.name}")
        self.title.setBuddy(widget)
        if more:
            line = QHBoxLayout()
            line.addWidget(widget, 1)
            for other in more:
                line.addWidget(other)
            self.column.addLayout(line)
        else:
            self.column.addWidget(widget)
        self.column.addWidget(self.about)
        self.column.addWidget(self.error)
        self.set_look(self.look)

    def beside(self, other: QWidget) -> None:
        """What belongs to the widget stands at its right."""
        at = self.column.indexOf(self.widget)
        self.column.removeWidget(self.widget)
        line = QHBoxLayout()
        line.addWidget(self.widget, 1)
        line.addWidget(other)
        self.column.insertLayout(at, line)

    @override
    def set_look(self, look: Look) -> None:
        super().set_look(look)
        if hasattr(self, "widget"):
            palette = self.widget.palette()  # see Number
            palette.setColor(QPalette.ColorRole.Window, look.colour("line.strong").lighter(140))
            self.widget.setPalette(palette)
            if isinstance(self.widget, QComboBox):
                self.widget.setMinimumHeight(look.px(28))

    def explain(self, about: str) -> None:
        """Another sentence below it."""
        self.about.setText(about)
        self.about.setVisible(bool(about))
        self.widget.setAccessibleDescription(about)

    def complain(self, sentence: str) -> None:
        self.error.setText(sentence)
        self.error.setVisible(bool(sentence))

    def allow(self, able: bool, why: str) -> None:
        """Whether it may be touched; `why` not, as its tip."""
        self.widget.setEnabled(able)
        self.widget.setToolTip("" if able else why)


def line(name: str, title: str, about: str, look: Look, hint: str = "") -> Field:
    """One line of text."""
    field, box = Field(name, title, about, look), QLineEdit()
    box.setPlaceholderText(hint)
    box.textChanged.connect(field.changed)
    field.read, field.write = box.text, lambda value: box.setText(str(value))
    field.hold(box)
    return field


def area(name: str, title: str, about: str, look: Look, lines: int, hint: str = "") -> Field:
    """Some lines of text."""
    field, box = Field(name, title, about, look), QPlainTextEdit()
    box.setProperty("field", "true")
    box.setTabChangesFocus(True)
    box.setPlaceholderText(hint)
    box.setFixedHeight(look.metrics("ui").lineSpacing() * lines + look.px(16))
    box.textChanged.connect(field.changed)
    field.read, field.write = box.toPlainText, lambda value: box.setPlainText(str(value))
    field.hold(box)
    return field


def choice(name: str, title: str, about: str, look: Look, choices: Mapping[str, str]) -> Field:
    """One of some: value → what it is called."""
    field, box = Field(name, title, about, look), QComboBox()
    offer(box, choices)
    box.currentIndexChanged.connect(field.changed)

    def write(value: Any) -> None:
        at = box.findData(value)
        if at < 0 and value:
            box.addItem(f"{value} (not there)", value)  # it is shown as it is, and saving says what is wrong
            at = box.count() - 1
        box.setCurrentIndex(max(at, 0))

    field.read, field.write = box.currentData, write
    field.hold(box)
    return field


def offer(box: QComboBox, choices: Mapping[str, str]) -> None:
    """Other choices; what was chosen stays chosen if it is among them."""
    kept = box.currentData()
    box.blockSignals(True)
    box.clear()
    for value, text in choices.items():
        box.addItem(text, value)
    box.setCurrentIndex(max(box.findData(kept), 0))
    box.blockSignals(False)


def check(name: str, title: str, about: str, look: Look) -> Field:
    """On or off."""
    field, box = Field(name, title, about, look), QCheckBox(title)
    field.title.hide()
    box.toggled.connect(field.changed)
    field.read, field.write = box.isChecked, lambda value: box.setChecked(bool(value))
    field.hold(box)
    return field


def filter_text(wanted: Mapping[str, tuple[str, ...]]) -> str:
    """A filter as lines: 'action: opened, reopened'."""
    return "\n".join(f"{name}: {', '.join(some)}" for name, some in wanted.items())


def filter_of(text: str) -> Any:
    """The lines read back; JSON stays JSON. Whether it is right is the store's to say."""
    if text.lstrip().startswith("{"):
        return text
    found: dict[str, tuple[str, ...]] = {}
    for one in text.splitlines():
        name, colon, patterns = one.partition(":")
        if one.strip():
            some = tuple(part.strip() for part in patterns.split(",") if part.strip())
            found[name.strip() if colon else one.strip()] = some
    return found


def headers_of(text: str) -> dict[str, str]:
    """Header lines, as they are pasted from a sender's page; JSON too."""
    if text.lstrip().startswith("{"):
        try:
            told = orjson.loads(text)
        except orjson.JSONDecodeError:
            return {}
        return {str(name): str(value) for name, value in told.items()} if isinstance(told, dict) else {}
    pairs = (one.partition(":") for one in text.splitlines() if ":" in one)
    return {name.strip(): value.strip() for name, _, value in pairs}
