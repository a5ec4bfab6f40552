"""The service behind a window: made when there is something to do for it, follows the settings, ends with the window.

All that it does is done on a thread of its own, for a start takes half a second and an end as long as an agent needs.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Qt, Signal, Slot

from store import settings as st
from store.errors import StoreError

if TYPE_CHECKING:
    from store.service import Fired, ReceiverStatus, Service
    from store.word import Ear

log = logging.getLogger(__name__)

_FOLLOWED: Final = (st.RECEIVER, st.RECEIVER_HOST, st.RECEIVER_PORT)
END_S: Final = 10.0  # that a window waits for runs to end when it is closed


class Serving(QObject):
    """Made by app once the window is shown. `receiver` and `fire` may be called on any thread."""

    news = Signal()  # threads, deliveries or the receiver have changed
    trouble = Signal(str)  # one sentence
    ended = Signal(object)  # store.service.Fired: a run is over
    _told = Signal()  # queued: from any thread

    def __init__(self, db: Path, settings_file: Path, parent: QObject | None = None, ear: Ear | None = None) -> None:
        """`ear`: what others tell is heard with it."""
        super().__init__(parent)
        self._db, self._file, self._ear = db, settings_file, ear
        self._service: Service | None = None
        self._failed = ""
        self._pending = False
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._told.connect(self.on_told, Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._run, name="serving", daemon=True)
        self._thread.start()
        self._work.put(self._begin)

    # ---- what is asked of it

    def on_setting(self, setting: st.AnySetting) -> None:
        """A setting has changed, here or in another window."""
        if setting in _FOLLOWED:
            self.apply()

    def apply(self) -> None:
        """Triggers or settings have changed: the next run and the receiver do as they say now. Does not wait."""
        self._work.put(self._apply)

    def on_triggers(self) -> None:
        """They were changed, maybe elsewhere: the first one makes a service. One that is there has heard it itself."""
        if self._service is None:
            self.apply()

    def receiver(self) -> ReceiverStatus:
        """What the receiver does."""
        from store.service import ReceiverStatus

        if self._service is not None:
            return self._service.receiver()
        return ReceiverStatus("failed" if self._failed else "off", reason=self._failed)

    def fire(self, trigger_id: int, payload: bytes = b"{}", event: str = "") -> tuple[int | None, str]:
        """Run a trigger by hand: (its delivery or None, the verdict in words). Blocks; raises StoreError."""
        done = threading.Event()
        found: list[tuple[int | None, str] | StoreError] = []

        def fire() -> None:
            try:
                self._start()
                assert self._service is not None  # noqa: S101 - it was just started
                found.append(self._service.fire(trigger_id, payload, event))
            except StoreError as error:
                found.append(error)
            finally:
                done.set()

        self._work.put(fire)
        if not done.wait(60) or not found:
            raise StoreError("It could not be fired: Playhead is being closed, or the database is busy. Try again.")
        if isinstance(found[0], StoreError):
            raise found[0]
        return found[0]

    def shutdown(self) -> None:
        """What runs is stopped; what waits is run by the next one."""
        self._work.put(None)
        self._thread.join(END_S)

    # ---- on its thread

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            except StoreError as error:
                self._fail(str(error))
            except Exception:  # the window goes on without it
                log.exception("the service")
                self._fail("Triggers do not run: Playhead's log says why.")
        if self._service is not None:
            try:
                self._service.stop()
                self._service.runs.close()
            except StoreError as error:
                log.warning("the service ended badly: %s", error)

    def _begin(self) -> None:
        from store import service

        if service.wanted(self._db, self._file):
            self._start()

    def _apply(self) -> None:
        if self._service is None:
            self._begin()
        else:
            self._service.apply()
        status = self.receiver()
        if status.state == "failed":
            self._fail(status.reason)
        self._tell()

    def _start(self) -> None:
        from store.runs import Runs
        from store.service import Service

        if self._service is None:
            with ExitStack() as undo:
                runs = Runs(self._db, ear=self._ear)
                undo.callback(runs.close)
                made = Service(self._db, self._file, runs, self._tell, ended=self._tell_end)
                undo.callback(made.stop)
                made.start()
                undo.pop_all()
            self._service, self._failed = made, ""
            status = made.receiver()
            if status.state == "failed":
                self._fail(status.reason)

    def _fail(self, why: str) -> None:
        self._failed = why
        with suppress(RuntimeError):  # the window is gone
            self.trouble.emit(why)
            self._told.emit()

    def _tell(self) -> None:
        if not self._pending:
            self._pending = True
            with suppress(RuntimeError):
                self._told.emit()

    def _tell_end(self, one: Fired) -> None:
        with suppress(RuntimeError):
            self.ended.emit(one)

    @Slot()
    def on_told(self) -> None:
        self._pending = False
        self.news.emit()
