"""How threads go on: the default for new triggers, the daily cleanup, forced compaction. Written by Apply only.

What another window or the command line writes is shown at once; a field that is being edited keeps what was typed.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QLabel, QPushButton, QVBoxLayout, QWidget
from typing_extensions import override

from store import settings as st
from store.settings import AnySetting, Settings
from viewer.panel.parts import FAILED, MUTED, Number, Part
from viewer.panel.words import next_words
from viewer.theme.look import Look

OURS: Final = (st.RESUME_NEW, st.CLEANUP_DAYS, st.CLEANUP_HOUR, st.COMPACT_TURNS)


class ResumeCard(Part):
    """See the module."""

    wanted = Signal(dict)  # setting's name → value, all right and at least one new: to be written

    def __init__(self, settings: Settings, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(look, parent)
        self.settings = settings
        self._edited: set[str] = set()
        self._writing = False
        self.resume = QCheckBox(st.RESUME_NEW.title)
        self.resume.setToolTip(st.RESUME_NEW.help)
        self.resume.setAccessibleDescription(st.RESUME_NEW.help)
        self.resume.setObjectName(f"setting.{st.RESUME_NEW.name}")
        self.days, self.hour, self.turns = Number(st.CLEANUP_DAYS), Number(st.CLEANUP_HOUR), Number(st.COMPACT_TURNS)
        self.numbers = {number.setting.name: number for number in (self.days, self.hour, self.turns)}
        self.errors = {name: self.label("", FAILED, "meta", wrap=True) for name in self.numbers}
        self.failed = self.label("", FAILED, "meta", wrap=True)
        self.news = self.label("", MUTED, "meta", wrap=True)
        self.cleanup = self.label("", MUTED, "meta", wrap=True)
        self.cleanup.setAccessibleName("Next and last cleanup")
        self.revert_button = QPushButton("Revert")
        self.revert_button.setToolTip("Show what is in force again")
        self.apply_button = QPushButton("Apply")
        self.apply_button.setToolTip("Save; it holds from the next run on (Enter)")
        column = QVBoxLayout(self)
        self.spaced(column, 4)
        self.heading = self.label("Resume", font="ui.bold")
        column.addWidget(self.heading)
        column.addWidget(self.resume)
        column.addLayout(self._about("Off: each event starts a fresh session. On: a new trigger starts with resume "
                                     "switched on. Triggers that are there keep what they have."))  # fmt: skip
        self._number(column, "Forget threads not used for", self.days, "days,", "at", self.hour, "o'clock")
        column.addLayout(self._below(self.cleanup))
        self._number(column, "Compact a thread after", self.turns, "turns")
        column.addLayout(self._about(
            "The run after that compacts the session first. A runner that cannot compact starts a fresh session with a "
            "summary instead. The run says which. No session is compacted in the middle of a run."))  # fmt: skip
        buttons = self.line(8, (0, 8, 0, 0))
        buttons.addWidget(self.news, 1)
        buttons.addWidget(self.revert_button)
        buttons.addWidget(self.apply_button)
        column.addWidget(self.failed)
        column.addLayout(buttons)
        column.addStretch()
        for label in (*self.errors.values(), self.failed):
            label.hide()
        self.resume.toggled.connect(lambda _: self.on_edit(st.RESUME_NEW.name))
        for name, number in self.numbers.items():
            number.lineEdit().textChanged.connect(partial(self.on_typed, name))
        self.revert_button.clicked.connect(self.revert)
        self.apply_button.clicked.connect(self.apply)
        settings.watch(self.on_setting)
        self.set_look(look)
        self.revert()

    def _about(self, text: str) -> QVBoxLayout:
        return self._below(self.label(text, MUTED, "meta", wrap=True))

    def _below(self, label: QLabel) -> QVBoxLayout:
        inner = self.spaced(QVBoxLayout(), 0, (0, 0, 0, 8))
        inner.addWidget(label)
        return inner

    def _number(self, column: QVBoxLayout, *pieces: str | Number) -> None:
        line = self.line()
        for piece in pieces:
            if isinstance(piece, str):
                label = self.label(piece)
                line.addWidget(label)
            else:
                line.addWidget(piece)
                if label.buddy() is None:
                    label.setBuddy(piece)
        line.addStretch()
        column.addLayout(line)
        for piece in pieces:
            if isinstance(piece, Number):
                column.addWidget(self.errors[piece.setting.name])

    @override
    def set_look(self, look: Look) -> None:
        super().set_look(look)
        self.heading.setMinimumHeight(look.px(28))
        for number in self.numbers.values():
            number.set_look(look)
        palette = self.resume.palette()
        palette.setColor(palette.ColorRole.Window, look.colour("line.strong").lighter(140))  # see Number
        self.resume.setPalette(palette)

    # ---- what is in force

    def on_setting(self, setting: AnySetting) -> None:
        """Written here, in another window, or by the command line."""
        if setting not in OURS:
            return
        if setting.name in self._edited and self._shown(setting.name) != self.settings[setting]:
            self.news.setText(f"{setting.title}: now {self._say(setting)}, changed elsewhere. Apply writes yours.")
        else:
            self._show(setting)
        self._judge()

    def revert(self) -> None:
        """Show what is in force."""
        for setting in OURS:
            self._show(setting)
        self.news.clear()
        self.failed.hide()
        self._judge()

    def set_cleanup(self, next_us: int | None, last: str) -> None:
        """When it comes next (µs UTC), and what came of the last one, in words."""
        self.cleanup.setText(next_words(next_us, last))

    def _say(self, setting: AnySetting) -> str:
        value = self.settings[setting]
        return ("on" if value else "off") if isinstance(value, bool) else f"{value:,}"

    def _shown(self, name: str) -> object:
        return self.resume.isChecked() if name == st.RESUME_NEW.name else self.numbers[name].typed()

    def _show(self, setting: AnySetting) -> None:
        value = self.settings[setting]
        if setting is st.RESUME_NEW:
            self.resume.setChecked(bool(value))
        else:
            number = self.numbers[setting.name]
            number.setValue(int(value))
            number.lineEdit().setText(number.textFromValue(int(value)))  # what was typed wrong is no value to it
        self._edited.discard(setting.name)

    # ---- editing

    def on_typed(self, name: str, text: str) -> None:
        self.on_edit(name)

    def on_edit(self, name: str) -> None:
        """Nothing is written; only the buttons and the sentences below the fields know."""
        setting = st.declared(name)
        if self._shown(name) == self.settings[setting]:
            self._edited.discard(name)
        else:
            self._edited.add(name)
        self._judge()

    def _judge(self) -> bool:
        """Say what is wrong at its field. Whether nothing is."""
        fine = True
        for name, number in self.numbers.items():
            why = number.wrong()
            self.errors[name].setText(why)
            self.errors[name].setVisible(bool(why))
            fine = fine and not why
        edited = bool(self._edited)
        self.revert_button.setEnabled(edited)
        self.apply_button.setEnabled(edited and fine and not self._writing)
        if not edited:
            self.news.clear()
        return fine

    def apply(self) -> None:
        """Ask for one write of all that was edited."""
        if self._writing or not self._edited or not self._judge():
            return
        try:
            changed = self.settings.changed({name: self._shown(name) for name in self._edited})
        except ValueError as error:
            self.fail(str(error))
            return
        if changed:
            self._writing = True
            self.failed.hide()
            self._judge()
            self.wanted.emit(changed)

    def written(self) -> None:
        """It is in the file, and in force."""
        self._writing = False
        for name in [name for name in self._edited if self._shown(name) == self.settings[st.declared(name)]]:
            self._edited.discard(name)
        self._judge()

    def fail(self, why: str) -> None:
        """It could not be written; what was typed stays."""
        self._writing = False
        self.failed.setText(why)
        self.failed.show()
        self._judge()

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.apply()
        elif event.key() == Qt.Key.Key_Escape and self._edited:
            self.revert()
        else:
            super().keyPressEvent(event)
