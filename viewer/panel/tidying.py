"""What the storage card offers to remove: sessions with nothing in them. Looked at first, asked, and taken back."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtWidgets import QMessageBox, QWidget

from store import empties
from store.empties import KEPT_DAYS, Empties, Empty
from store.errors import StoreError
from viewer import wording
from viewer.jobs import Jobs
from viewer.notice import Remedy
from viewer.panel.questions import ask
from viewer.panel.storage_card import StorageCard
from viewer.panel.toast import Say

SHOWN: Final = 6  # sessions that the question names
NAME: Final = 12  # letters of a name


class Tidying:
    """For one storage card."""

    def __init__(self, jobs: Jobs, db: Path, card: StorageCard, say: Say, parent: QWidget) -> None:
        self._jobs, self._db, self._card, self._say, self._parent = jobs, db, card, say, parent
        self.question: QMessageBox | None = None
        card.empties_wanted.connect(self.look)

    def look(self) -> None:
        """What is there, in a job; then the question."""
        db = self._db
        self._jobs.run(lambda: empties.empties(db), self._asked, self._failed)

    def _asked(self, found: Empties) -> None:
        if found.sessions:
            models = sorted(((count, llm) for llm, (count, _) in found.by_llm.items() if count), reverse=True)
            told = ", ".join(f"{count:,} of {llm or 'an unknown model'}" for count, llm in models[:4])
            many = wording.many(len(found.sessions), "session")
            numbers = [one.number for one in found.sessions]
            self.question = ask(
                self._parent, "remove-empties", f"Remove {many} that never had a message?",
                f"{told}. Nobody wrote a word in them. They can be brought back for {KEPT_DAYS} days; files of agents "
                f"stay as they are.\n\n{_listed(found.sessions)}", "Remove", partial(self.remove, numbers),
            )  # fmt: skip
        elif found.removed:
            self.question = ask(
                self._parent, "restore-empties", f"Bring back {wording.many(found.removed, 'removed session')}?",
                "They have nothing in them.", "Bring back", self.restore,
            )  # fmt: skip
        else:
            self._say("No session is empty.")
            self._card.scan()

    def remove(self, numbers: list[int]) -> None:
        db = self._db
        self._jobs.run(lambda: empties.remove(db, numbers), partial(self._removed, numbers), self._failed)

    def _removed(self, numbers: list[int], count: int) -> None:
        self._say(f"{wording.many(count, 'empty session')} removed.", self._undoing(numbers, count))
        self._card.scan()

    def _undoing(self, numbers: list[int], count: int) -> Remedy | None:
        """These, and none that were removed before."""
        what = f"removal of {wording.many(count, 'empty session')}"
        return Remedy("Undo", partial(self.restore, numbers), what) if count else None

    def restore(self, numbers: list[int] | None = None) -> None:
        """All that were removed, or these."""
        db = self._db
        self._jobs.run(lambda: empties.restore(db, numbers), self._restored, self._failed)

    def _restored(self, count: int) -> None:
        many = wording.many(count, "session")
        self._say(f"{many} brought back." if count else "They are back already, or gone for good.")
        self._card.scan()

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, StoreError):
            self._jobs.failed.emit(error)
        self._say(str(error), failed=True)


def _listed(sessions: list[Empty]) -> str:
    """Which they are, a line each, the newest first."""

    def when(one: Empty) -> int:
        return one.updated or one.started or one.created or 0

    newest = sorted(sessions, key=when, reverse=True)
    lines = [
        " · ".join(filter(None, (_day(when(one)), wording.agent(one.agent), _name(one.key)))) for one in newest[:SHOWN]
    ]
    if len(newest) > SHOWN:
        lines.append(f"and {len(newest) - SHOWN:,} more: playhead sessions empties lists all of them")
    return "\n".join(lines)


def _day(us: int) -> str:
    return wording.full(us)[:10] if us else "–"


def _name(key: str) -> str:
    """As much as fits beside the rest in one line: the first letters tell ids apart."""
    name = wording.named(wording.title_of(key).removesuffix(".jsonl"), 60)
    return name if len(name) <= NAME else f"{name[:NAME]}…"
