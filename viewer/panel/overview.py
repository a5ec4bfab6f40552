"""The first page of the panel: how threads resume and where the bytes lie, and the live threads below."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget
from typing_extensions import override

from store import settings as st
from store import threads
from store.errors import StoreError
from store.settings import AnySetting, Settings
from store.threads import Cleanup
from viewer.jobs import Jobs
from viewer.panel import words
from viewer.panel.parts import Part
from viewer.panel.resume_card import ResumeCard
from viewer.panel.saving import Saving
from viewer.panel.storage_card import StorageCard
from viewer.panel.threads_card import ThreadsCard
from viewer.panel.tidying import Tidying
from viewer.panel.toast import Say
from viewer.theme.look import Look

if TYPE_CHECKING:
    from viewer.panel.trash_dialog import Moved

WIDE: Final = 820  # px at zoom 1: from here on both cards stand beside each other


class Times(Struct, frozen=True):
    """When the cleanup comes, and what came of the last one."""

    next: int
    last: Cleanup | None


class Overview(Part):
    """See the module."""

    def __init__(
        self, jobs: Jobs, db: Path, settings: Settings, say: Say, look: Look, parent: QWidget | None = None
    ) -> None:
        super().__init__(look, parent)
        self._jobs, self._db, self._settings, self._say = jobs, db, settings, say
        self.resume = ResumeCard(settings, look)
        self.storage = StorageCard(jobs, db, look)
        self.threads = ThreadsCard(jobs, db, settings, say, look)
        for part in (self.resume, self.storage, self.threads):
            self.part(part)
        self._cards = self.spaced(QHBoxLayout(), 32)
        self._cards.addWidget(self.resume, 1)
        self._cards.addWidget(self.storage, 1)
        inner = QWidget()
        column = self._column = self.spaced(QVBoxLayout(inner), 12, (16, 8, 16, 12))
        column.addLayout(self._cards)
        column.addWidget(self.hairline())
        column.addWidget(self.threads, 1)
        self.area = QScrollArea(self)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what is in it has the focus, and is scrolled to
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QScrollArea.Shape.NoFrame)
        self.area.setWidget(inner)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.area)
        self.tidying = Tidying(jobs, db, self.storage, say, self)
        self.storage.trash_wanted.connect(self.on_trash)
        Saving(jobs, db, settings, say).serve(self.resume)
        self.threads.changed.connect(self.load_times)
        settings.watch(self.on_setting)
        self.set_look(look)

    @override
    def set_look(self, look: Look) -> None:
        super().set_look(look)
        ground = look.colour("surface.window").name()
        self.area.setStyleSheet(f"QScrollArea, QScrollArea > QWidget > QWidget {{ background: {ground}; }}")
        self._fit()

    def open(self) -> None:
        """It is shown."""
        self.load_times()
        self.threads.load()
        self.storage.open()

    def refresh(self) -> None:
        """All of it anew; selection and order stay."""
        self.load_times()
        self.threads.load()
        self.storage.scan()

    def on_trash(self) -> None:
        """A dialog shows what would go."""
        from viewer.panel.trash_dialog import TrashDialog

        self.trash = TrashDialog(self._jobs, self._db, self.look, self)
        self.trash.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.trash.moved.connect(self.on_moved)
        self.trash.open()

    def on_moved(self, done: Moved) -> None:
        from viewer.panel.trash_dialog import told

        text, failed = told(done)
        self._say(text, failed=failed)
        self.storage.scan()

    # ---- the cleanup's times

    def load_times(self) -> None:
        """In a job."""
        db, hour = self._db, self._settings[st.CLEANUP_HOUR]
        self._jobs.run(lambda: _times(db, hour), self.show_times, self._untimed)

    def show_times(self, times: Times) -> None:
        """When the cleanup comes, and what came of the last one."""
        last = ""
        if times.last is not None:
            skipped = f", {times.last.skipped:,} skipped" if times.last.skipped else ""
            last = f"{words.moment(times.last.ts, time.time_ns() // 1000)}, {times.last.deleted:,} forgotten{skipped}"
        self.resume.set_cleanup(times.next, last)

    def _untimed(self, error: Exception) -> None:
        if not isinstance(error, StoreError):
            self._jobs.failed.emit(error)
        self.resume.cleanup.setText(f"When the last cleanup was cannot be read: {error}")

    # ---- settings

    def on_setting(self, setting: AnySetting) -> None:
        if setting is st.CLEANUP_HOUR and self.isVisible():
            self.load_times()

    # ---- narrow and wide

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        wide = self.width() >= self.look.px(WIDE)
        way = QBoxLayout.Direction
        self._cards.setDirection(way.LeftToRight if wide else way.TopToBottom)
        self._column.setDirection(way.TopToBottom if wide else way.BottomToTop)  # then what one comes for is above


def _times(db: Path, hour: int) -> Times:
    return Times(threads.next_cleanup(time.time_ns() // 1000, hour), threads.last_cleanup(db))
