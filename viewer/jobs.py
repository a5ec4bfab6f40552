"""Slow reads off the GUI thread, answers back on it: the only pool. Any widget may hand in work; made once, by app."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, TypeVar

from PySide6.QtCore import QObject, Qt, Signal, Slot

T = TypeVar("T")
log = logging.getLogger(__name__)
WORKERS: Final = 2


class Job:
    """One piece of work that was handed in. `cancel` makes its answer stay away."""

    __slots__ = ("_done", "_failed", "_result", "_work", "cancelled")

    def __init__(
        self, work: Callable[[], Any], done: Callable[[Any], None], failed: Callable[[Exception], None]
    ) -> None:
        self._work = work
        self._done = done
        self._failed = failed
        self._result: tuple[Any, Exception | None] = (None, None)
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

    def run(self) -> None:
        """On a worker."""
        try:
            self._result = self._work(), None
        except Exception as error:  # noqa: BLE001  it is handed to `failed`, on the GUI thread
            self._result = None, error

    def answer(self) -> None:
        """On the GUI thread."""
        if self.cancelled:
            return
        result, error = self._result
        if error is None:
            self._done(result)
        else:
            self._failed(error)


class Jobs(QObject):
    """A few daemon workers: a read that hangs on a dead network disk must not keep the program from quitting."""

    failed = Signal(object)  # an exception nobody asked about
    _answered = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._workers: list[threading.Thread] = []
        self._over = False
        self._answered.connect(self.on_answered, Qt.ConnectionType.QueuedConnection)

    def run(
        self, work: Callable[[], T], done: Callable[[T], None], failed: Callable[[Exception], None] | None = None
    ) -> Job:
        """Do `work` on a worker, then call `done` with its answer, or `failed`, on the GUI thread."""
        job = Job(work, done, failed or self.failed.emit)
        if self._over:
            job.cancel()
            return job
        if len(self._workers) < WORKERS:  # no thread before there is work
            worker = threading.Thread(target=self._work, name=f"job-{len(self._workers)}", daemon=True)
            self._workers.append(worker)
            worker.start()
        self._queue.put(job)
        return job

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            if job.cancelled:
                continue
            job.run()
            try:
                self._answered.emit(job)
            except RuntimeError:  # the window is gone: nobody waits for the answer
                return

    @Slot(object)
    def on_answered(self, job: Job) -> None:
        if not self._over:  # who asked may be gone by now
            job.answer()

    def shutdown(self) -> None:
        """No further work, and no further answers. Does not wait: see the class."""
        self._over = True
        for _ in self._workers:
            self._queue.put(None)
        self._workers.clear()
