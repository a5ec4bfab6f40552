"""Where the bytes lie: transcripts per agent and project, what is ours, and what may be removed. For the panel's page.

Looked at by a job that tells how far it is and can be ended; the last result is shown until then.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QToolButton, QVBoxLayout, QWidget
from typing_extensions import override

from store import storage
from store.storage import Progress, Storage
from viewer import tips, wording
from viewer.jobs import Job, Jobs
from viewer.panel import words
from viewer.panel.parts import FAILED, MUTED, Part
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
        self.empties_button = QPushButton("Remove…")
        self.empties_button.setToolTip("Look at them, then take them out; that can be undone for a month")
        self.trash_button = QPushButton("Trash old transcripts…")
        self.trash_button.setToolTip("Choose by age, see what goes and how big it is, then confirm")
        column = QVBoxLayout(self)
        self.spaced(column, 4)
        top = self.line()
        self.heading = self.label("Storage", font="ui.bold")
        top.addWidget(self.heading)
        top.addWidget(self.sum, 1)
        top.addWidget(self.scan_button)
        column.addLayout(top)
        column.addWidget(self.tree)
        column.addWidget(self.nothing)
        column.addWidget(self.refused)
        column.addWidget(self.trouble)
        bottom = self.line(8, (0, 4, 0, 0))
        bottom.addWidget(self.retry_button)
        bottom.addWidget(self.empties_button)
        bottom.addWidget(self.trash_button)
        bottom.addStretch()
        column.addLayout(bottom)
        column.addStretch()
        for widget in (self.empties_button, self.trouble, self.retry_button, self.refused, self.nothing, self.tree):
            widget.hide()
        self.scan_button.clicked.connect(self.on_scan_button)
        self.retry_button.clicked.connect(self.scan)
        self.empties_button.clicked.connect(self.empties_wanted)
        self.trash_button.clicked.connect(self.trash_wanted)
        self._progressed.connect(self.on_progress)
        self.set_look(look)
        self._idle()

    @override
    def set_look(self, look: Look) -> None:
        super().set_look(look)
        self.tree.set_look(look)
        self.heading.setMinimumHeight(look.px(28))

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
            self.show_storage(found)
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
        self.show_storage(found)
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

    def show_storage(self, found: Storage) -> None:
        self.found = found
        self.tree.show_storage(found)
        self.tree.show()
        self.nothing.setVisible(not found.agents)
        self.trash_button.setEnabled(bool(found.files))
        self.sum.setText(self._when(found))
        self.sum.setToolTip(f"{wording.full(found.at)}, in {words.duration(found.took_us)}")
        self.refused.setVisible(bool(found.refused_count))
        many = wording.many(found.refused_count, "place")
        self.refused.setText(f"{many} could not be looked at, and nothing in there is counted.")
        self.refused.setToolTip(tips.plain("\n".join(found.refused[:20])))
        own = found.own
        self.empties_button.setVisible(bool(own.empties) or bool(own.removed))
        empty = own.empties or own.removed
        self.empties_button.setText(f"{'Remove' if own.empties else 'Bring back'} {empty:,} empty…")
        if own.trouble:
            self.trouble.setText(own.trouble)
            self.trouble.show()
            self.retry_button.show()
