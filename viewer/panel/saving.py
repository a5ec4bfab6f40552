"""Writing what a card of settings was asked to apply: the file and the audit log in a job, what is in force here."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from store import audit
from store import settings as st
from store.errors import StoreError
from store.settings import Settings
from viewer import wording
from viewer.jobs import Jobs
from viewer.panel.settings_card import SettingsCard
from viewer.panel.toast import Say


class Saving:
    """For the cards of one panel."""

    def __init__(self, jobs: Jobs, db: Path, settings: Settings, say: Say) -> None:
        self._jobs, self._db, self._settings, self._say = jobs, db, settings, say

    def serve(self, card: SettingsCard) -> None:
        card.wanted.connect(partial(self.write, card))

    def write(self, card: SettingsCard, changed: dict[str, Any]) -> None:
        """One write of the file, one line in the log."""
        settings, db = self._settings, self._db
        told = "; ".join(
            f"{name}: {said(settings[st.declared(name)])} → {said(value)}" for name, value in changed.items()
        )

        def work() -> str:
            settings.write(changed)
            try:
                audit.note(db, "settings", told)
            except StoreError as error:
                return str(error)
            return ""

        self._jobs.run(work, partial(self._written, card, changed), partial(self._unwritten, card))

    def _written(self, card: SettingsCard, changed: dict[str, Any], unlogged: str) -> None:
        self._settings.adopt(changed)
        card.written()
        many = wording.many(len(changed), "setting")
        if unlogged:
            self._say(f"{many} saved, but not in the audit log: {unlogged}", failed=True)
        else:
            self._say(f"{many} saved, in force from the next run on.")

    def _unwritten(self, card: SettingsCard, error: Exception) -> None:
        if isinstance(error, OSError):
            card.fail(f"{self._settings.path} cannot be written: {error.strerror or error}.")
        else:
            card.fail("Not saved: an error of Playhead itself, see the log.")
            self._jobs.failed.emit(error)


def said(value: object) -> str:
    """A setting's value for the log."""
    return ("on" if value else "off") if isinstance(value, bool) else str(value)
