"""Moving old transcripts to the trash of the desktop: chosen by age, shown with their bytes, confirmed, then moved.

The only place where Playhead touches files of agents, and only when asked to. Opened by the panel's page.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import Struct
from PySide6.QtCore import QFile, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from store import audit
from store.errors import StoreError
from store.storage_trash import Plan, plan
from viewer import wording
from viewer.jobs import Jobs
from viewer.panel import fields
from viewer.theme.look import Look

log = logging.getLogger(__name__)
DAYS: Final = 30
SHOWN: Final = 500  # files that are listed one by one


class Moved(Struct, frozen=True):
    """What came of it."""

    files: int
    bytes: int
    left: tuple[str, ...]  # could not be moved, and lie where they were
    unlogged: str = ""


class TrashDialog(QDialog):
    """See the module."""

    moved = Signal(object)  # Moved
    _progressed = Signal(int)

    def __init__(self, jobs: Jobs, db: Path, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._jobs, self._db = jobs, db
        self._asked = 0
        self._over = [False]
        self._moving = False
        self.plan = Plan()
        self.setObjectName("trash")
        self.setWindowTitle("Move old transcripts to the trash")
        self.days = QSpinBox()
        self.days.setRange(1, 3650)
        self.days.setValue(DAYS)
        self.days.setAccessibleName("Not written for so many days")
        self.agent = QComboBox()
        self.agent.addItem("all agents", "")
        self.agent.setAccessibleName("Of which agent")
        self.copied = QCheckBox("Only what Playhead has a whole copy of")
        self.copied.setChecked(True)
        self.copied.setToolTip("What is moved then can still be read and searched here")
        self.warning = QLabel("Without a copy, what is in the trash is all there is: empty it, and it is gone.")
        self.warning.setWordWrap(True)
        self.warning.hide()
        self.sum = QLabel("Looking…")
        self.sum.setAccessibleName("What would be moved")
        self.kept = QLabel()
        self.kept.setWordWrap(True)
        self.list = QPlainTextEdit()
        self.list.setReadOnly(True)
        self.list.setProperty("field", "true")
        self.list.setAccessibleName("Files that would be moved, oldest first")
        self.list.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.move_button = QPushButton("Move to the trash")
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setDefault(True)
        self.move_button.setAutoDefault(False)
        column = self._column = QVBoxLayout(self)
        line = QHBoxLayout()
        for widget in (QLabel("Not written for"), self.days, QLabel("days, of"), self.agent):
            line.addWidget(widget)
        line.addStretch()
        column.addLayout(line)
        column.addWidget(self.copied)
        self.kept.setWordWrap(True)
        for label in (self.warning, self.sum, self.kept):
            label.setTextFormat(Qt.TextFormat.PlainText)
            column.addWidget(label)
        column.addWidget(self.list, 1)
        buttons = QHBoxLayout()
        buttons.addStretch()
        buttons.addWidget(self.move_button)
        buttons.addWidget(self.cancel_button)
        column.addLayout(buttons)
        self.set_look(look)
        self.resize(look.px(760), look.px(460))
        self.days.valueChanged.connect(self.work)
        self.agent.currentIndexChanged.connect(self.work)
        self.copied.toggled.connect(self.work)
        self.cancel_button.clicked.connect(self.reject)
        self.move_button.clicked.connect(self.move_files)
        self._progressed.connect(lambda count: self.sum.setText(f"Moving… {count:,} of {len(self.plan.files):,}"))
        self.work()

    def set_look(self, look: Look) -> None:
        """Another theme or zoom."""
        self._column.setContentsMargins(look.px(24), look.px(16), look.px(24), look.px(16))
        self._column.setSpacing(look.px(8))
        self.warning.setStyleSheet(f"color: {look.colour('state.waiting').name()}")
        self.kept.setStyleSheet(f"color: {look.colour('text.muted').name()}")
        self.sum.setFont(look.font("ui.bold"))
        self.list.setFont(look.font("mono"))
        self.days.lineEdit().setTextMargins(look.px(6), 0, 0, 0)
        for field in (self.days, self.agent, self.copied):
            palette = field.palette()  # see Number
            palette.setColor(palette.ColorRole.Window, look.colour("line.strong").lighter(140))
            field.setPalette(palette)
            field.setMinimumHeight(look.px(28))

    # ---- what would go

    def work(self) -> None:
        """In a job; an older answer that comes late is not shown."""
        if self._moving:
            return
        self._over[0] = True
        over = self._over = [False]
        self._asked += 1
        number, db, days, agent = self._asked, self._db, self.days.value(), self.agent.currentData()
        copied = self.copied.isChecked()
        self.warning.setVisible(not copied)
        self.move_button.setEnabled(False)
        self.sum.setText("Looking…")
        self._jobs.run(
            lambda: plan(db, days, agent, only_copied=copied, over=lambda: over[0]),
            partial(self._planned, number), partial(self._failed, number),
        )  # fmt: skip

    def _planned(self, number: int, found: Plan) -> None:
        if number != self._asked:
            return
        self.plan = found
        fields.offer(self.agent, {"": "all agents"} | dict(found.agents))
        many = wording.many(len(found.files), "file")
        self.sum.setText(f"{many}, {wording.size(found.bytes)}" if found.files else "Nothing to move.")
        stay = ", ".join(f"{count:,} {why}" for why, count in sorted(found.kept.items()))
        self.kept.setText(f"Stay where they are: {stay}." if stay else "")
        lines = [
            f"{wording.full(file.mtime_ns // 1000)[:10]}  {wording.size(file.size):>8}  {wording.home(Path(file.path))}"
            for file in found.files[:SHOWN]
        ]
        if len(found.files) > SHOWN:
            lines.append(f"… and {len(found.files) - SHOWN:,} more")
        self.list.setPlainText("\n".join(lines))
        self.move_button.setEnabled(bool(found.files))
        size = f" {wording.size(found.bytes)}" if found.files else ""
        self.move_button.setText(f"Move{size} to the trash")

    def _failed(self, number: int, error: Exception) -> None:
        if number != self._asked:
            return
        if not isinstance(error, StoreError):
            self._jobs.failed.emit(error)
        self.sum.setText(str(error))

    # ---- moving

    def move_files(self) -> None:
        """Move what is shown, in a job."""
        if self._moving or not self.plan.files:
            return
        self._moving = True
        self.move_button.setEnabled(False)
        files, db, days, tell = self.plan.files, self._db, self.days.value(), self._progressed.emit
        over = self._over = [False]

        def work() -> Moved:
            left: list[str] = []
            count = size = 0
            due = time.monotonic()
            for file in files:
                if over[0]:
                    break
                try:
                    same = Path(file.path).stat().st_mtime_ns == file.mtime_ns
                except OSError:
                    continue  # gone meanwhile: nothing is left of it to move
                if same and QFile.moveToTrash(file.path):
                    count, size = count + 1, size + file.size
                else:
                    left.append(file.path)
                if time.monotonic() >= due:
                    due = time.monotonic() + 0.1
                    tell(count)
            unlogged = ""
            if count:
                try:
                    told = f"{wording.many(count, 'transcript')}, {wording.size(size)}, not written for {days} days"
                    audit.note(db, "moved to the trash", told)
                except StoreError as error:
                    unlogged = str(error)
            return Moved(count, size, tuple(left), unlogged)

        self._jobs.run(work, self._done, self._broken)

    def _broken(self, error: Exception) -> None:
        self._moving = False
        self._failed(self._asked, error)

    def _done(self, done: Moved) -> None:
        self._moving = False
        if done.left:
            log.warning("not moved to the trash: %s", ", ".join(done.left[:20]))
        self.moved.emit(done)
        self.accept()

    @override
    def reject(self) -> None:
        """While it moves: no further file; what was moved stays in the trash."""
        self._over[0] = True
        if not self._moving:
            self._asked += 1  # an answer that is still to come has nobody to show it
            super().reject()


def told(done: Moved) -> tuple[str, bool]:
    """(what came of it, whether something went wrong)."""
    text = f"{wording.many(done.files, 'transcript')}, {wording.size(done.bytes)}, moved to the trash."
    if done.left:
        text += f" {wording.many(len(done.left), 'file')} could not be moved: written to meanwhile, or no trash there."
    if done.unlogged:
        text += f" It is not in the audit log: {done.unlogged}"
    return text, bool(done.left or done.unlogged)
