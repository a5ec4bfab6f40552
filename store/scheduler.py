"""What is done by the clock, by one Playhead of a machine: the daily cleanup of threads, and triggers with a schedule.

Looked at once a minute, so that a machine that slept catches up within a minute, and once for what it missed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final

import orjson

from store import clock, threads
from store.db import deliveries_db
from store.db.lock import Lock, hold
from store.db.serving import Serving, ask
from store.errors import StoreError
from store.trigger import Trigger

log = logging.getLogger(__name__)

TICK_S: Final = 60.0
ACTOR: Final = "scheduler"
KEPT_DAYS: Final = 30  # of the delivery log
PAYLOADS: Final = 2_000  # of the newest deliveries
_FIRED: Final = "SELECT 1 FROM delivery WHERE trigger_id = ? AND delivery_id = ?"

Fire = Callable[[Trigger, bytes], object]


class Scheduler:
    """One thread. `now` and `zone` are the machine's own unless a test says otherwise."""

    def __init__(
        self,
        db: Path,
        serving: Serving,
        triggers: Callable[[], list[Trigger]],
        fire: Fire,
        days: Callable[[], int],
        hour: Callable[[], int],
        often: Callable[[], None] = lambda: None,
        now: Callable[[], int] = lambda: time.time_ns() // 1000,
        zone: tzinfo | None = None,
    ) -> None:
        self._db, self._serving, self._triggers, self._fire = db, serving, triggers, fire
        self._days, self._hour, self._often, self._now, self._zone = days, hour, often, now, zone
        self._began = now()
        self._lock: Lock | None = None
        self._fired: dict[int, int] = {}  # trigger → when it was due last
        self._bell = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="scheduler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._bell.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._lock is not None:
            self._lock.drop(remove=False)  # it stays: who holds a file that is gone holds nothing
            self._lock = None

    def look(self) -> None:
        """Something was changed: look now."""
        self._bell.set()

    def tick(self) -> None:
        """Do what is due. Raises StoreError; what was not done then is done by a later one."""
        if not self._mine():
            return
        now, hour = self._now(), self._hour()
        triggers = self._triggers()
        done = threads.last_cleanup(self._db, ACTOR, until=now)
        # The first one counts from the first trigger: who never works at that hour would else begin anew every day.
        last = done.ts if done is not None else min([self._began, *(one.created for one in triggers)])
        if threads.cleanup_due(last, now, hour, self._zone):
            found = threads.cleanup(self._db, self._days(), now, actor=ACTOR)
            log.info("cleanup: %d threads forgotten, %d in use", found.deleted, found.skipped)
            before = now - KEPT_DAYS * threads.DAY
            self._serving.write(lambda tx: deliveries_db.prune(tx, before, PAYLOADS))
        for trigger in triggers:
            if trigger.source == "schedule" and trigger.enabled:
                try:
                    self._scheduled(trigger, now)
                except (StoreError, ValueError) as error:  # the others are due as well
                    log.warning("%s was not fired: %s", trigger.name, error)

    def _scheduled(self, trigger: Trigger, now: int) -> None:
        due = clock.last_due(clock.parsed(trigger.schedule), now, self._zone)
        # What was due before it was made, or before its schedule was changed, is none of its business.
        # A time that is still to come was read from a clock that was wrong.
        before = [one for one in (self._fired.get(trigger.id, 0), trigger.updated) if one <= now]
        if due <= max(before, default=0):
            return
        when = datetime.fromtimestamp(due / clock.SECOND, UTC).isoformat()
        # The delivery's name is the time it was due: a Playhead that starts anew does not fire it twice.
        name = f"schedule:{when}"
        if ask(self._db, _FIRED, (trigger.id, name)):
            self._fired[trigger.id] = due
            return
        payload = {"event": "schedule", "scheduled": when, "trigger": trigger.name, "delivery": name}
        self._fire(trigger, orjson.dumps(payload))
        self._fired[trigger.id] = due

    def _mine(self) -> bool:
        """One Playhead of this machine does it; should that one go, another takes over within a minute."""
        if self._lock is None:
            try:
                self._lock = hold(self._db.with_name(f"{self._db.name}.scheduler"), wait=False)
            except OSError as error:
                raise StoreError(f"{self._db.parent} cannot be written: {error.strerror or error}.") from error
        return self._lock is not None

    def _work(self) -> None:
        while not self._stopping:
            for work in (self.tick, self._often):
                try:
                    work()
                except StoreError as error:
                    log.warning("what is due by the clock waits: %s", error)
                except Exception:  # the next minute is another one
                    log.exception("the scheduler")
            self._bell.wait(TICK_S)
            self._bell.clear()
