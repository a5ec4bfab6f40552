"""Where the bytes lie: transcripts per agent and project, what is ours, and what may be removed. For the panel's page.

Looked at by a job that tells how far it is and can be ended; the last result is shown until then.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget
from typing_extensions import override

from store import storage
from store.storage import Own, Progress, Storage
from viewer import wording
from viewer.jobs import Job, Jobs
from viewer.panel import words
from viewer.panel.parts import FAILED, FAINT, MUTED, Part
from viewer.panel.storage_tree import StorageTree
from viewer.theme.look import Look

OLD: Final = 600 * wording.SECOND  # a result that is older is made anew when the panel is opened


class StorageCard(Part):
    """See the module."""

    empties_wanted = Signal()
    trash_wanted = Signal()
    scanned = Signal(object)  # Storage
    _progressed = Signal(object)  # from the worker

    def __init__(self, jobs: Jobs, db: Path, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(look, parent)
        self._jobs, self._db = jobs, db
        self._job: Job | None = None
        self._over = [False]  # of the scan that runs; a list, so that an older one keeps its own
        self.found: Storage | None = None
        self.sum = self.label("", MUTED, "meta")
        self.sum.setAccessibleName("Storage: when it was looked at")
        self.scan_button = QToolButton()
        self.scan_button.setToolTip("Look at every transcript file again")
        self.tree = StorageTree(look)
        self.nothing = self.label(
            "0 files. Transcripts are listed here once an agent has written some.", MUTED, wrap=True
        )
        self.trouble = self.label("", FAILED, "meta", wrap=True)
        self.retry_button = QPushButton("Try again")
        self.refused = self.label("", MUTED, "meta", wrap=True)
        self.own: dict[str, tuple[QLabel, QLabel, QLabel]] = {}
        self.empties_button = QPushButton("Remove…")
        self.empties_button.setToolTip("Look at them, then take them out; that can be undone for a month")
        self.trash_button = QPushButton("Move old transcripts to the trash…")
        self.trash_button.setToolTip("Choose by age, see what goes and how big it is, then confirm")
        column = QVBoxLayout(self)
        self.spaced(column, 4)
        top = self.line()
        top.addWidget(self.label("Storage", font="ui.bold"))
        top.addWidget(self.sum, 1)
        top.addWidget(self.scan_button)
        column.addLayout(top)
        column.addWidget(self.tree)
        column.addWidget(self.nothing)
        column.addWidget(self.refused)
        self._grid = self.spaced(QGridLayout(), 4, (0, 4, 0, 0))
        self._grid.setColumnStretch(0, 1)
        for name, title in (
            ("index", "Playhead's database"), ("journals", "Streams that were recorded"),
            ("rest", "Locks, logs, copies"), ("only", "Only in Playhead"), ("empties", "Never had a message"),
        ):  # fmt: skip
            self._own(name, title)
        self._grid.addWidget(self.empties_button, self._grid.rowCount() - 1, 3)
        column.addLayout(self._grid)
        column.addWidget(self.trouble)
        bottom = self.line(8, (0, 4, 0, 0))
        bottom.addWidget(self.trash_button)
        bottom.addWidget(self.retry_button)
        bottom.addStretch()
        column.addLayout(bottom)
        column.addStretch()
        for widget in (self.trouble, self.retry_button, self.refused, self.nothing, self.tree):
            widget.hide()
        self.scan_button.clicked.connect(self.on_scan_button)
        self.retry_button.clicked.connect(self.scan)
        self.empties_button.clicked.connect(self.empties_wanted)
        self.trash_button.clicked.connect(self.trash_wanted)
        self._progressed.connect(self.on_progress)
        self.set_look(look)
        self._show_own(Own(""))
        self._idle()

    def _own(self, name: str, title: str) -> None:
        row = self._grid.rowCount()
        labels = (self.label(title), self.label(words.UNKNOWN, MUTED), self.label(words.UNKNOWN))
        self.own[name] = labels
        for column, label in enumerate(labels):
            self._grid.addWidget(label, row, column)
        labels[2].setAlignment(labels[2].alignment() | labels[2].alignment().AlignRight)
        labels[1].setAlignment(labels[1].alignment() | labels[1].alignment().AlignRight)

    @override
    def set_look(self, look: Look) -> None:
        super().set_look(look)
        self.tree.set_look(look)
        self.scan_button.setFont(look.font("ui"))

    # ---- looking

    @property
    def scanning(self) -> bool:
        return self._job is not None

    def open(self) -> None:
        """The panel is shown: what was found last, and a new look if that is long ago."""
        if self.found is not None or self.scanning:
            self._fresh()
            return
        self._jobs.run(storage.last, self._opened)

    def _opened(self, found: Storage | None) -> None:
        if found is not None and self.found is None:
            self._show(found)
        self._fresh()

    def _fresh(self) -> None:
        if self.found is None or time.time_ns() // 1000 - self.found.at > OLD:
            self.scan()

    def scan(self) -> None:
        """Look at everything, in a job. One at a time."""
        if self.scanning:
            return
        over = self._over = [False]
        db, told = self._db, self._progressed.emit
        self._job = self._jobs.run(lambda: storage.scan(db, told, lambda: over[0]), self._done, self._failed)
        self.trouble.hide()
        self.retry_button.hide()
        self.sum.setText("looking…")
        self.scan_button.setText("Cancel")
        self.scan_button.setAccessibleName("Cancel the look at the storage")

    def cancel(self) -> None:
        """End it; what was known before stays."""
        self._over[0] = True

    def on_scan_button(self) -> None:
        if self.scanning:
            self.cancel()
        else:
            self.scan()

    def on_progress(self, progress: Progress) -> None:
        if self.scanning:
            self.sum.setText(f"looking… {wording.many(progress.files, 'file')} · {wording.size(progress.bytes)}")

    def _done(self, found: Storage | None) -> None:
        self._idle()
        if found is None:
            self.sum.setText("Cancelled." if self.found is None else f"Cancelled · {self._when(self.found)}")
            return
        self._show(found)
        self.scanned.emit(found)

    def _failed(self, error: Exception) -> None:
        self._idle()
        self.sum.setText("")
        self.trouble.setText(f"The storage cannot be looked at: {error}")
        self.trouble.show()
        self.retry_button.show()

    def _idle(self) -> None:
        self._job = None
        self.scan_button.setText("Scan again")
        self.scan_button.setAccessibleName("Scan the storage again")

    # ---- showing

    def _when(self, found: Storage) -> str:
        ago, _ = wording.ago(found.at, time.time_ns() // 1000, coarse=True)
        return f"{wording.many(found.files, 'file')} · {wording.size(found.bytes)} · {ago}"

    def _show(self, found: Storage) -> None:
        self.found = found
        self.tree.show_storage(found)
        self.tree.setVisible(bool(found.agents))
        self.nothing.setVisible(not found.agents)
        self.trash_button.setEnabled(bool(found.files))
        self.sum.setText(self._when(found))
        self.sum.setToolTip(f"{wording.full(found.at)}, in {words.duration(found.took_us)}")
        self.refused.setVisible(bool(found.refused_count))
        many = wording.many(found.refused_count, "place")
        self.refused.setText(f"{many} could not be looked at, and nothing in there is counted.")
        self.refused.setToolTip("\n".join(found.refused[:20]))
        self._show_own(found.own)

    def _show_own(self, own: Own) -> None:
        lines = {
            "index": ("", words.size(None if own.database is None else own.database + own.wal)),
            "journals": (wording.many(own.journal_files, "file"), words.size(own.journals)),
            "rest": ("", words.size(own.rest)),
            "only": (words.UNKNOWN if own.only is None else wording.many(own.only, "session"),
                     words.size(None if own.only is None else own.only_bytes)),
            "empties": (words.UNKNOWN if own.empties is None else wording.many(own.empties, "session"), ""),
        }  # fmt: skip
        for name, (number, size) in lines.items():
            self.own[name][1].setText(number)
            self.own[name][2].setText(size)
        states = ", ".join(f"{many:,} {state}" for state, many in own.states.items())
        self.own["index"][0].setToolTip(
            f"{own.place}\n{words.size(own.database)}, and {words.size(own.wal)} that wait in its log"
            + (f"\nSessions: {states}" if states else "")
        )
        self.own["index"][1].setText(wording.many(sum(own.states.values()), "session") if own.states else "")
        self.own["index"][1].setToolTip(states)
        self.own["only"][0].setToolTip(
            "Their agent has deleted the file: the copy here is the only one. As big as it was."
        )
        self.own["rest"][0].setToolTip("In Playhead's own data folder, besides the database and the streams.")
        self.own["empties"][0].setToolTip("Sessions that were saved with nothing in them.")
        for name, there in (("journals", own.journal_files), ("only", own.only), ("rest", own.rest)):
            self.tone(self.own[name][0], FAINT if not there else "text.main")
        self.empties_button.setVisible(bool(own.empties) or bool(own.removed))
        self.empties_button.setText("Remove…" if own.empties else "Bring back…")
        if own.removed:
            self.own["empties"][1].setText(f"{own.empties or 0:,} · {own.removed:,} removed")
        if own.trouble:
            self.trouble.setText(own.trouble)
            self.trouble.show()
            self.retry_button.show()
