"""All that starts runs by itself: receiver, scheduler, file triggers, queue. For the window and `playhead serve`.

One object; start, apply and stop it from any one thread. Settings are read from their file each time they count, so
that a change takes effect with the next run.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from msgspec import Struct

from store import settings, word
from store.aftermath import Fired
from store.attempts import Attempts
from store.calm import Calm
from store.db import deliveries_db, reads
from store.db.serving import Serving
from store.deliver import Deliver
from store.errors import StoreError
from store.file_triggers import FileTriggers
from store.inbox import Accepted, Inbox
from store.receiver import Receiver
from store.runs import Runs
from store.scheduler import Scheduler
from store.settings import Setting
from store.trigger import Trigger
from store.triggers import find

__all__ = ["Chosen", "Fired", "ReceiverStatus", "Service", "wanted"]

log = logging.getLogger(__name__)

T = TypeVar("T")


class ReceiverStatus(Struct, frozen=True):
    """`state`: off, on, failed (`reason` says why). `url`: what `/hooks/…` is below. Counts are since the start."""

    state: str = "off"
    url: str = ""
    reason: str = ""
    received: int = 0
    refused: int = 0
    waiting: int = 0  # deliveries that have not begun
    running: int = 0
    done: int = 0
    open: bool = False  # others than programs of this machine can reach it


class Chosen:
    """The values of a settings file as it is now; from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._values: dict[str, Any] = {}
        self._instead: dict[str, Any] = {}

    def put(self, setting: Setting[T], value: T) -> None:
        """This value instead of the file's, for as long as we live."""
        self._instead[setting.name] = value

    def __getitem__(self, setting: Setting[T]) -> T:
        if setting.name in self._instead:
            return cast(T, self._instead[setting.name])
        with self._lock:
            try:
                stat = self._path.stat()
                stamp = (stat.st_mtime_ns, stat.st_size)
                if stamp != self._stamp:
                    self._values, _ = settings.read(self._path)
                    self._stamp = stamp
            except FileNotFoundError:
                self._values, self._stamp = {}, None
            except (OSError, ValueError) as error:
                log.warning("%s is not read: %s", self._path, error)  # as it was
            return cast(T, self._values.get(setting.name, setting.default))


class Service:
    """See the module. `told` is called on any thread when something has changed that a list shows; `ended` with each
    delivery's run that is over, on its worker."""

    def __init__(
        self, db: Path, settings_file: Path, runs: Runs, told: Callable[[], None] = lambda: None, *,
        quiet: bool = False, ended: Callable[[Fired], None] = lambda _: None,
    ) -> None:  # fmt: skip
        """`quiet`: only what is fired by hand; nothing is received, watched or done by the clock. Raises StoreError."""
        self.db, self.runs, self.told, self._quiet = db, runs, told, quiet
        self.chosen = Chosen(settings_file)
        self.calm = Calm()
        self._serving = Serving(db)
        self._attempts = Attempts(
            db, self._serving, runs, lambda: self.chosen[settings.COMPACT_TURNS], ended, self._changed
        )
        self.inbox = Inbox(db, self._serving, self._take, self._room, self._changed, self.calm)
        known = self.inbox.known
        self.queue = Deliver(self._attempts, lambda: self.chosen[settings.PARALLEL], known.id, self._changed, self.calm)
        self._files = FileTriggers(self._fired)
        self.scheduler = Scheduler(
            db, self._serving, known.every, self._fired, lambda: self.chosen[settings.CLEANUP_DAYS],
            lambda: self.chosen[settings.CLEANUP_HOUR], self._often,
        )  # fmt: skip
        self._lock = threading.RLock()
        self._receiver: Receiver | None = None
        self._at: tuple[str, int] | None = None
        self._failed = ""
        self._started = False
        self._deaf: list[Callable[[], None]] = []  # ends that words of others are heard

    # ---- its life

    def start(self) -> None:
        """Take up what a former one left, then listen. Raises StoreError, and is stopped then by who has made it; a
        receiver that cannot listen says so in `receiver`, and the rest goes on."""
        self._serving.live()
        self.sweep()
        self._attempts.links.load()
        self._started = True
        if self._quiet:
            return
        for told, call in (
            (word.RUNS, self.queue.soon),
            (word.QUEUE, self.scheduler.look),
            (word.TRIGGERS, self.scheduler.look),
        ):
            self._deaf.append(self.runs.ear.on(told, call))
        self.inbox.start()
        self._refill()
        self.apply()
        self.scheduler.start()

    def stop(self) -> None:
        """Nothing new begins, and what runs is stopped; what waits is run by the next one. Blocks for that long."""
        with self._lock:
            self._started = False
            self.calm.end()
            self._listen(None)
        for end in self._deaf:
            end()
        self._files.stop()
        self.scheduler.stop()
        if self.inbox.started:
            self.inbox.stop()
        else:
            self.inbox.spool.close()
        self.queue.stop()
        self._attempts.end()
        for row in self.runs.running():
            if row.origin == "trigger":
                self.runs.stop(row.id, "Playhead was closed.")
        self.queue.join()
        self._serving.close()

    def sweep(self) -> int:
        """Threads and deliveries of a Playhead that was killed are usable again. Returns how many threads were held."""
        return self._attempts.sweep()

    def apply(self) -> ReceiverStatus:
        """Settings or triggers have changed: listen as they say now."""
        with self._lock:
            if not self._started or self._quiet:
                return self.receiver()
            self.inbox.known.forget()
            self._files.set(self.inbox.known.every())
            at = (self.chosen[settings.RECEIVER_HOST], self.chosen[settings.RECEIVER_PORT])
            self._listen(at if self.chosen[settings.RECEIVER] else None)
            return self.receiver()

    def receiver(self) -> ReceiverStatus:
        """What the receiver does, and how much there is to do."""
        counts = (self.queue.waiting(), self.queue.running(), self.queue.done)
        one = self._receiver
        if one is None:
            return ReceiverStatus("failed" if self._failed else "off", "", self._failed, 0, 0, *counts)
        return ReceiverStatus("on", one.url, "", one.received, one.refused, *counts, open=one.open)

    def fire(self, trigger_id: int, payload: bytes = b"{}", event: str = "") -> tuple[int | None, str]:
        """By hand, whatever its filter says and also when it is off: (the delivery that is run, or None; the verdict in
        words). `event`: what the sender called it. Raises StoreError."""
        headers = dict.fromkeys(("x-github-event", "linear-event", "x-event"), event)
        return self.inbox.put(find(self.db, trigger_id), payload, headers, hand=True)

    # ---- how

    def _listen(self, at: tuple[str, int] | None) -> None:
        if at == self._at and (self._receiver is not None or at is None):
            return
        if self._receiver is not None:
            self._receiver.stop()
            self._receiver = None
        self._at = at
        if at is None:
            self._failed = ""
            return
        try:
            self._receiver = Receiver(*at, self.inbox.check, self.inbox.spool.put, stir=self.calm.stir)
        except StoreError as error:
            self._failed = str(error)
            log.info("%s", error)  # whoever asks for `receiver` is told
            return
        self._failed = ""  # not before: whoever asks meanwhile would be told that it is off
        self._receiver.start()

    def _fired(self, trigger: Trigger, payload: bytes) -> tuple[int | None, str]:
        return self.inbox.put(trigger, payload)

    def _take(self, one: Accepted) -> None:
        self.queue.take(one)

    def _room(self, trigger: int, key: str, beside: int) -> str:
        return self.queue.room(trigger, key, beside)

    def _refill(self) -> None:
        """What waits in the database, and nothing else: of a Playhead that is gone, brought back; but not cancelled."""
        host, before = self._serving.host, self.queue.known()
        waiting = self._serving.write(lambda tx: deliveries_db.waiting(tx, host))
        self.queue.forget(before - {number for number, _, _ in waiting})
        for one in waiting:
            self.queue.take(Accepted(*one))

    def _often(self) -> None:
        self.sweep()
        self.inbox.look()
        self._refill()
        self._attempts.links.write(self._serving)
        self.apply()

    def _changed(self) -> None:
        word.tell(self.db.parent, word.RUNS)
        self.told()


def wanted(db: Path, settings_file: Path) -> bool:
    """Whether there is anything to do for one: cheap, and nothing is made. A window need not have one otherwise."""
    from store.triggers import list_triggers

    if Chosen(settings_file)[settings.RECEIVER]:
        return True
    try:
        return reads.there(db) and any(one.enabled for one in list_triggers(db))
    except StoreError as error:
        log.info("no triggers yet: %s", error)
        return False
