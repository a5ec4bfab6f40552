"""How threads go on: the default for new triggers, the daily cleanup, forced compaction. For the panel's page."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget
from typing_extensions import override

from store import settings as st
from store.settings import Settings
from viewer.panel.parts import MUTED
from viewer.panel.settings_card import SettingsCard
from viewer.panel.words import next_words
from viewer.theme.look import Look


class ResumeCard(SettingsCard):
    """See the module."""

    def __init__(self, settings: Settings, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(settings, look, parent)
        self.resume = self.check(st.RESUME_NEW)
        self.days, self.hour = self.number(st.CLEANUP_DAYS), self.number(st.CLEANUP_HOUR)
        self.turns = self.number(st.COMPACT_TURNS)
        self.cleanup = self.label("", MUTED, "meta", wrap=True)
        self.cleanup.setAccessibleName("Next and last cleanup")
        column = QVBoxLayout(self)
        self.spaced(column, 4)
        self.heading = self.label("Resume", font="ui.bold")
        column.addWidget(self.heading)
        column.addWidget(self.resume)
        default = (
            "Off: each event starts a fresh session. On: a new trigger starts with resume switched on. Triggers that "
            "are there keep what they have."
        )
        self.about(column, self.label(default, MUTED, "meta", wrap=True))
        self.sentence(column, "Forget threads not used for", self.days, "days,", "at", self.hour, "o'clock")
        self.about(column, self.cleanup)
        self.sentence(column, "Compact a thread after", self.turns, "turns")
        compaction = (
            "The next run of the thread then compacts its session first. A runner that cannot compact starts a fresh "
            "session with a summary instead. The run says which of the two it did."
        )
        self.about(column, self.label(compaction, MUTED, "meta", wrap=True))
        column.addWidget(self.failed)
        column.addLayout(self.buttons())
        column.addStretch()
        self.set_look(look)
        self.revert()

    @override
    def set_look(self, look: Look) -> None:
        super().set_look(look)
        self.heading.setMinimumHeight(look.px(28))

    def set_cleanup(self, next_us: int | None, last: str) -> None:
        """When it comes next (µs UTC), and what came of the last one, in words."""
        self.cleanup.setText(next_words(next_us, last))
