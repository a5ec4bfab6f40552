"""The files that go with a prompt, one chip each: what it is, its size, how the agent gets it. Part of the composer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget
from typing_extensions import override

from store.attach import MOST, Attached, Form, form
from viewer import tips, wording
from viewer.composer.flow import Flow
from viewer.theme import icons
from viewer.theme.look import Look

if TYPE_CHECKING:
    from store.preflight import Abilities

WIDE: Final = 220  # px of a name; the rest of it is in the tip
ICONS: Final = {"image": "image", "text": "file-text", "link": "link"}
SAYS: Final = {"image": "The agent gets the image.", "text": "The agent gets its text.",
               "link": "The agent is told where it lies."}  # fmt: skip
UNKNOWN: Final = "How it is sent is known when the agent has said what it takes."


class Chip(QFrame):
    """One file. Del takes it away, ← and → go to its neighbours, Esc back to the prompt."""

    removed = Signal()
    stepped = Signal(int)
    left = Signal()

    def __init__(self, file: Attached, how: Form | None, said: str, look: Look, parent: QWidget) -> None:
        """`how`: in which form it is sent; None: it cannot be. `said`: the same in a sentence."""
        super().__init__(parent)
        self.file = file
        self.setObjectName("chip")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        ink, line = ("text.main", "line.hair") if how else ("state.failed", "state.failed")
        sign, name, size = QLabel(self), QLabel(self), QLabel(wording.size(file.size), self)
        icon = ICONS[how] if how else "circle-x"
        tint = look.colour("text.muted" if how else "state.failed")
        sign.setPixmap(icons.pixmap(icon, tint, look.px(14), self.devicePixelRatioF()))
        for label, role, token in ((name, "ui", ink), (size, "meta", "text.muted")):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setFont(look.font(role))
            label.setStyleSheet(f"color: {look.colour(token).name()}; border: none;")
        name.setText(look.metrics("ui").elidedText(file.name, Qt.TextElideMode.ElideMiddle, look.px(WIDE)))
        sign.setStyleSheet("border: none;")
        self.remove = QToolButton(self)
        self.remove.setIcon(icons.icon("x", look))
        self.remove.setIconSize(QSize(look.px(12), look.px(12)))
        self.remove.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Del does it; Tab goes from file to file
        self.remove.setAccessibleName(f"Remove {file.name}")
        self.remove.setToolTip("Remove (Del)")
        self.remove.setStyleSheet(f"QToolButton {{ border: none; padding: {look.px(2)}px; }}")
        self.remove.clicked.connect(self.removed)
        row = QHBoxLayout(self)
        row.setContentsMargins(look.px(6), look.px(1), look.px(2), look.px(1))
        row.setSpacing(look.px(5))
        for part in (sign, name, size, self.remove):
            row.addWidget(part)
        place = "Pasted from the clipboard" if file.pasted else file.path
        self.setToolTip(tips.plain(f"{place}\n{said}"))
        self.setAccessibleName(f"{file.name}, {wording.size(file.size)}")
        self.setAccessibleDescription(said)
        self.setStyleSheet(
            f"#chip {{ background: {look.colour('surface.raised').name()};"
            f" border: 1px solid {look.colour(line).name()}; border-radius: {look.px(4)}px; }}"
            f"#chip:focus {{ border-color: {look.colour('accent.focus').name()}; }}"
        )

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Delete | Qt.Key.Key_Backspace:
                self.removed.emit()
            case Qt.Key.Key_Left | Qt.Key.Key_Right:
                self.stepped.emit(-1 if event.key() == Qt.Key.Key_Left else 1)
            case Qt.Key.Key_Escape:
                self.left.emit()
            case _:
                super().keyPressEvent(event)


class FilesBar(QWidget):
    """The chips in lines; hidden while there are none."""

    changed = Signal()  # by the user
    left = Signal()  # back to the prompt

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._able: Abilities | None = None
        self._chips: list[Chip] = []
        self._flow = Flow(look.px(6))
        self.setLayout(self._flow)
        self.setAccessibleName("Attached files")
        self.hide()

    @property
    def files(self) -> tuple[Attached, ...]:
        return tuple(chip.file for chip in self._chips)

    @property
    def chips(self) -> Sequence[Chip]:
        return self._chips

    def add(self, files: Sequence[Attached]) -> int:
        """Behind the others; one that is there already is the same, as it is now. How many there was no room for."""
        known = {file.path: file for file in self.files} | {file.path: file for file in files}
        kept = tuple(known.values())[:MOST]
        if kept != self.files:
            self.show_files(kept)
            self.changed.emit()
        return len(known) - len(kept)

    def show_files(self, files: Sequence[Attached]) -> None:
        """These and no others."""
        if tuple(files) != self.files:
            self._make(files)

    def show_able(self, able: Abilities | None) -> None:
        """What the agent takes; None is not known yet."""
        if able != self._able:
            self._able = able
            self._make(self.files)

    def set_look(self, look: Look) -> None:
        self._look = look
        self._flow.gap = look.px(6)
        self._make(self.files)

    def _make(self, files: Sequence[Attached]) -> None:
        focused = next((number for number, chip in enumerate(self._chips) if chip.hasFocus()), -1)
        while (item := self._flow.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        self._chips = []
        for number, file in enumerate(files):
            chip = Chip(file, *self._how(file), self._look, self)
            chip.removed.connect(lambda number=number: self._remove(number))
            chip.stepped.connect(lambda by, number=number: self._step(number + by))
            chip.left.connect(self.left)
            self._flow.addWidget(chip)
            self._chips.append(chip)
        self.setVisible(bool(files))
        self.updateGeometry()
        if focused >= 0:
            self._step(min(focused, len(self._chips) - 1))

    def _how(self, file: Attached) -> tuple[Form | None, str]:
        if self._able is None:
            return ("image" if file.is_image else "text" if file.mime else "link"), UNKNOWN
        how, why = form(file, self._able)
        return how, f"{SAYS[how] if how else 'It cannot be sent.'} {why}".strip()

    def _remove(self, number: int) -> None:
        files = self.files
        self._make((*files[:number], *files[number + 1 :]))
        self.changed.emit()

    def _step(self, number: int) -> None:
        if not self._chips:
            self.left.emit()
        elif 0 <= number < len(self._chips):
            self._chips[number].setFocus(Qt.FocusReason.TabFocusReason)
