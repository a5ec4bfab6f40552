"""Settings edited in place: what is typed is judged at once, written by Apply only. Base of the panel's cards.

What another window or the command line writes is shown at once; a field that is being edited keeps what was typed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QPalette
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget
from typing_extensions import override

from store.settings import AnySetting, Setting, Settings, declared
from viewer.panel.parts import FAILED, MUTED, Number, Part
from viewer.theme.look import Look


class Input(NamedTuple):
    """The widget of one setting."""

    setting: AnySetting
    widget: QWidget
    shown: Callable[[], object]
    show: Callable[[Any], object]


class SettingsCard(Part):
    """See the module."""

    wanted = Signal(dict)  # setting's name → value, all right and at least one new: to be written

    def __init__(self, settings: Settings, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(look, parent)
        self.settings = settings
        self.inputs: dict[str, Input] = {}
        self.errors: dict[str, QLabel] = {}
        self._edited: set[str] = set()
        self._writing = False
        self.failed = self.label("", FAILED, "meta", wrap=True)
        self.failed.hide()
        self.news = self.label("", MUTED, "meta", wrap=True)
        self.revert_button = QPushButton("Revert")
        self.apply_button = QPushButton("Apply")
        self.revert_button.clicked.connect(self.revert)
        self.apply_button.clicked.connect(self.apply)
        settings.watch(self.on_setting)

    # ---- what it is made of

    def check(self, setting: Setting[bool]) -> QCheckBox:
        box = QCheckBox(setting.title)
        box.toggled.connect(lambda _: self.on_edit(setting.name))
        self._take(Input(setting, box, box.isChecked, box.setChecked))
        return box

    def number(self, setting: Setting[int]) -> Number:
        box = Number(setting)

        def show(value: int) -> None:
            box.setValue(value)
            box.lineEdit().setText(box.textFromValue(value))  # what was typed wrong is no value to it

        box.lineEdit().textChanged.connect(partial(self._typed, setting.name))
        self._take(Input(setting, box, box.typed, show))
        return box

    def text(self, setting: Setting[str]) -> QLineEdit:
        box = QLineEdit()
        box.textChanged.connect(partial(self._typed, setting.name))
        self._take(Input(setting, box, lambda: box.text().strip(), box.setText))
        return box

    def _take(self, made: Input) -> None:
        widget, setting = made.widget, made.setting
        widget.setObjectName(f"setting.{setting.name}")
        widget.setAccessibleName(setting.title)
        widget.setAccessibleDescription(setting.help)
        widget.setToolTip(widget.toolTip() or setting.help)
        self.inputs[setting.name] = made
        self.errors[setting.name] = self.label("", FAILED, "meta", wrap=True)
        self.errors[setting.name].hide()

    def sentence(self, column: QVBoxLayout, *pieces: str | QWidget) -> None:
        """Words and fields in one line, with what is wrong with them below."""
        line = self.line()
        label: QLabel | None = None
        for piece in pieces:
            if isinstance(piece, str):
                label = self.label(piece)
                line.addWidget(label)
                continue
            line.addWidget(piece)
            if label is not None and label.buddy() is None:
                label.setBuddy(piece)
        line.addStretch()
        column.addLayout(line)
        for name, made in self.inputs.items():
            if made.widget in pieces:
                column.addWidget(self.errors[name])

    def about(self, column: QVBoxLayout, label: QLabel) -> None:
        """A text below its field."""
        inner = self.spaced(QVBoxLayout(), 0, (0, 0, 0, 8))
        inner.addWidget(label)
        column.addLayout(inner)

    def buttons(self) -> QHBoxLayout:
        line = self.line(8, (0, 8, 0, 0))
        line.addWidget(self.news, 1)
        line.addWidget(self.revert_button)
        line.addWidget(self.apply_button)
        return line

    @override
    def set_look(self, look: Look) -> None:
        super().set_look(look)
        for made in self.inputs.values():
            if isinstance(made.widget, Number):
                made.widget.set_look(look)
            else:
                palette = made.widget.palette()  # see Number
                palette.setColor(QPalette.ColorRole.Window, look.colour("line.strong").lighter(140))
                made.widget.setPalette(palette)

    # ---- what is in force

    def on_setting(self, setting: AnySetting) -> None:
        """Written here, in another window, or by the command line."""
        made = self.inputs.get(setting.name)
        if made is None:
            return
        if setting.name in self._edited and made.shown() != self.settings[setting]:
            value = self.settings[setting]
            now = ("on" if value else "off") if isinstance(value, bool) else str(value)
            self.news.setText(f"{setting.title}: now {now}, changed elsewhere. Apply writes yours.")
        else:
            self._show(made)
        self.judge()

    def revert(self) -> None:
        """Show what is in force."""
        for made in self.inputs.values():
            self._show(made)
        self.news.clear()
        self.failed.hide()
        self.judge()

    def _show(self, made: Input) -> None:
        made.show(self.settings[made.setting])
        self._edited.discard(made.setting.name)

    # ---- editing

    def _typed(self, name: str, text: str) -> None:
        self.on_edit(name)

    def on_edit(self, name: str) -> None:
        """Nothing is written; only the buttons and the sentences below the fields know."""
        made = self.inputs.get(name)
        if made is None:
            return
        if made.shown() == self.settings[made.setting]:
            self._edited.discard(name)
        else:
            self._edited.add(name)
        self.judge()

    def wrong(self, made: Input) -> str:
        """What is wrong with what stands there; '' is nothing."""
        try:
            made.setting.check(made.shown())
        except ValueError as error:
            return str(error)
        return ""

    def judge(self) -> bool:
        """Say what is wrong at its field. Whether nothing is."""
        fine = True
        for name, made in self.inputs.items():
            why = self.wrong(made)
            self.errors[name].setText(why)
            self.errors[name].setVisible(bool(why))
            fine = fine and not why
        edited = bool(self._edited)
        self.revert_button.setEnabled(edited)
        self.apply_button.setEnabled(edited and fine and not self._writing)
        same = "Nothing is changed"
        self.revert_button.setToolTip("Show what is in force again (Esc)" if edited else same)
        wrong = "Save; it holds from the next run on (Enter)" if fine else "First mend what is marked red"
        self.apply_button.setToolTip(wrong if edited else same)
        if not edited:
            self.news.clear()
        return fine

    def apply(self) -> None:
        """Ask for one write of all that was edited."""
        if self._writing or not self._edited or not self.judge():
            return
        changed = self.settings.changed({name: self.inputs[name].shown() for name in self._edited})
        if changed:
            self._writing = True
            self.failed.hide()
            self.judge()
            self.wanted.emit(changed)

    def written(self) -> None:
        """It is in the file, and in force."""
        self._writing = False
        for name in list(self._edited):
            if self.inputs[name].shown() == self.settings[declared(name)]:
                self._edited.discard(name)
        self.judge()

    def fail(self, why: str) -> None:
        """It could not be written; what was typed stays."""
        self._writing = False
        self.failed.setText(why)
        self.failed.show()
        self.judge()

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.apply()
        elif event.key() == Qt.Key.Key_Escape and self._edited:
            self.revert()
        else:
            super().keyPressEvent(event)
