"""The desktop is told when an agent is done, has failed or needs an answer, while another window is in front.

Only the main agent's turns are told of. A click raises the window with that session. Without a desktop nothing is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from PySide6.QtCore import QObject, Qt, Signal

from viewer.rows.sheet import span_text

LONG: Final = 200  # characters of a title or a question
FAILED: Final = frozenset({"error", "failed", "refusal"})


class Backend(Protocol):
    """Puts one notification on the desktop; `clicked` is called with its session, on any thread."""

    def show(self, session: str, title: str, text: str, clicked: Callable[[str], None]) -> None: ...

    def close(self) -> None:
        """Nobody can click any more: leave nothing behind that waits for it."""


class Notifier(QObject):
    """See the module. `active`: whether the window is in front; `wanted`: whether the user wants any of it."""

    wanted = Signal(str)  # the session of a notification that was clicked
    told = Signal(str, str, str)  # session, title, text: what was shown, for tests and for whoever keeps a log
    _clicked = Signal(str)

    def __init__(
        self,
        active: Callable[[], bool],
        wanted: Callable[[], bool],
        title: Callable[[str], str],
        backend: Backend | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._active, self._wanted, self._title = active, wanted, title
        self._backend = backend
        self._looked = backend is not None
        self._asked: set[tuple[str, str]] = set()  # questions that were told of
        self._clicked.connect(self.wanted, Qt.ConnectionType.QueuedConnection)

    def on_finished(self, key: str, outcome: object) -> None:
        """A turn is over, or a stream is. What the user has stopped is no news."""
        reason = getattr(outcome, "stop_reason", None)
        if reason is not None:
            if reason == "cancelled":
                return
            took = span_text(getattr(outcome, "duration_us", None))
            text = "Failed" if reason in FAILED or reason.startswith("error") else "Finished"
            self._tell(key, f"{text} after {took}" if took else text)
            self._asked = {asked for asked in self._asked if asked[0] != key}
        elif getattr(outcome, "ok", True) is False:
            self._tell(key, f"Ended: {getattr(outcome, 'how', '')}")

    def on_question(self, key: str, question: object) -> None:
        """The agent waits for an answer: said once per question."""
        asked = (key, str(getattr(question, "rpc", "")))
        if asked not in self._asked:
            self._asked.add(asked)
            self._tell(key, f"Needs your answer: {getattr(question, 'title', '')}".rstrip(": "))

    def tell(self, key: str, text: str, title: str) -> None:
        """The same of something that is no open session; a click leads to `key` all the same."""
        self._tell(key, text, title)

    def close(self) -> None:
        """The window is over."""
        self._looked = True
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.close()

    def _tell(self, key: str, text: str, title: str = "") -> None:
        if self._active() or not self._wanted():
            return
        title = " ".join((title or self._title(key)).split())[:LONG] or "Session"
        text = " ".join(text.split())[:LONG]
        if not self._looked:
            from viewer.notify_desktop import desktop  # with the first one

            self._looked, self._backend = True, desktop(self)
        self.told.emit(key, title, text)
        if self._backend is not None:
            self._backend.show(key, title, text, self._clicked.emit)
