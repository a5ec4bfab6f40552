"""What was received on its way into the database: a verdict, a row in the delivery log, and a place in the queue.

Also for what needs no signature: a file that changed, the clock, the user's own hand.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
import uuid
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
from msgspec import Struct
from sqlalchemy import Connection

from store import secrets, spool, webhooks
from store.calm import Calm
from store.db import deliveries_db
from store.db.serving import Serving
from store.errors import StoreError
from store.judge import ACCEPTED, REFUSED, SKIPPED, judged
from store.spool import Arrived, Spool
from store.trigger import WEBHOOKS, Trigger
from store.triggers import list_triggers
from store.webhooks.base import BODY, digest

log = logging.getLogger(__name__)

FRESH_S: Final = 1.0  # how long the list of triggers is taken as it was read
AGAIN_S: Final = 1.0  # until a database that would not take it is asked once more
REFUSED_STEP: Final = 500  # after so many that were refused the log is made shorter: a flood of them has no end


REPLAYED: Final = "A replay: the very same signed body was here before, as delivery"
MEANT: Final = "If its sender means it twice, let the trigger take the same body again (repeats)."
_AGAIN: Final = {"delivery_id": None, "signed": None}  # of a row that holds up nothing that comes later


class Accepted(Struct, frozen=True):
    """A delivery that is to be run."""

    id: int
    trigger_id: int
    key: str


Take = Callable[[Accepted], None]
Room = Callable[[int, str, int], str]
"""(trigger, key, how many come in with it) → why there is no room in its queue, or ''."""


class Known:
    """The triggers and their secrets as of a moment ago, for any thread."""

    def __init__(self, db: Path) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._read = 0.0
        self._by_id: dict[int, Trigger] = {}
        self._by_slug: dict[str, Trigger] = {}
        self._secrets: dict[str, str] = {}

    def forget(self) -> None:
        """Somebody has changed them."""
        with self._lock:
            self._read = 0.0

    def slug(self, slug: str) -> Trigger | None:
        self._look()
        return self._by_slug.get(slug)

    def id(self, number: int | None) -> Trigger | None:
        self._look()
        return None if number is None else self._by_id.get(number)

    def every(self) -> list[Trigger]:
        self._look()
        return list(self._by_id.values())

    def secret(self, trigger: Trigger) -> str:
        """'' when there is none. Raises StoreError."""
        with self._lock:
            if trigger.secret_ref not in self._secrets:
                self._secrets[trigger.secret_ref] = secrets.fetch(self._db, trigger.secret_ref)
            return self._secrets[trigger.secret_ref]

    def _look(self) -> None:
        with self._lock:
            if time.monotonic() - self._read < FRESH_S and self._read:
                return
            try:
                found = list_triggers(self._db)
            except StoreError as error:
                log.warning("the triggers cannot be read: %s", error)
                return  # as they were: what is sent now is not lost
            if [(one.id, one.updated) for one in found] != [(one.id, one.updated) for one in self._by_id.values()]:
                self._secrets.clear()
            for one in found:
                secrets.mention(one.secret_ref)
            self._by_id = {one.id: one for one in found}
            self._by_slug = {one.slug: one for one in found if one.source in WEBHOOKS}
            self._read = time.monotonic()


class Inbox:
    """One thread that brings the spool into the database, in the order in which it came."""

    def __init__(
        self, db: Path, serving: Serving, take: Take, room: Room, told: Callable[[], None], calm: Calm | None = None
    ) -> None:
        self._serving, self._take, self._room, self._told = serving, take, room, told
        self._calm = calm or Calm()
        self._db = db
        self.known = Known(db)
        self.spool = Spool(db)
        self._stopping = False
        self._refused = 0
        self._left = True  # others may have left something
        self.started = False
        self._thread = threading.Thread(target=self._work, name="inbox", daemon=True)

    def start(self) -> None:
        self.started = True
        self._thread.start()

    def stop(self) -> None:
        """What is not in the database by then stays in the spool."""
        self._stopping = True
        self.spool.news.set()
        self._thread.join()
        self.spool.close()

    def look(self) -> None:
        """Another Playhead may have been killed: take over what it has acknowledged. Does not wait."""
        self._left = True
        self.spool.news.set()

    # ---- the receiver's, on its threads

    def check(self, slug: str, headers: Mapping[str, str], body: bytes, now: float) -> tuple[int | None, str]:
        """Whose it is, and whether its sender is who it says."""
        trigger = self.known.slug(slug)
        why, secret = "", ""
        if trigger is None:
            why = f"There is no trigger at /hooks/{slug}."
        elif not trigger.enabled:
            why = "The trigger is switched off."
        else:
            try:
                secret = self.known.secret(trigger)
            except StoreError as error:
                why = str(error)
            if not secret and not why:
                why = "The trigger has no secret: set one, and give it to the sender."
        if trigger is None or why:
            digest("nobody", body)  # takes as long as a wrong signature: the time tells nobody which triggers there are
            return None if trigger is None else trigger.id, why
        return trigger.id, webhooks.named(trigger.source).verify(headers, body, secret, now)

    # ---- into the database

    def put(
        self, trigger: Trigger, body: bytes, headers: Mapping[str, str] | None = None, *, hand: bool = False
    ) -> tuple[int | None, str]:
        """At once, without the spool: (the delivery that is to be run or None, the sentence of its verdict)."""
        one = Arrived(time.time_ns() // 1000, trigger.id, trigger.slug, len(body), headers or {}, body, hand=hand)
        self.known.forget()  # it may have been made a moment ago
        (accepted, reason), *_ = self._serving.write(lambda tx: self._add(tx, [one]))
        if accepted is not None:
            self._take(accepted)
        self._told()
        return (None if accepted is None else accepted.id), reason

    def _work(self) -> None:
        while not self._stopping:
            if self._left:
                self._left = False
                self._take_over()
            self.spool.news.wait()
            # When there is no end of it all that waits is taken: else what is refused would hold up the rest.
            many = 1 if self._calm.wait() else self.spool.waiting
            while many > 0 and not self._stopping:
                records, at = self.spool.take()
                if records and not self._in(records):
                    break
                self.spool.done(at, len(records))
                many -= max(1, len(records))

    def _take_over(self) -> None:
        for records, path in spool.left(self._db):
            if self._in(records):
                path.unlink(missing_ok=True)
                path.with_name(path.name + ".lock").unlink(missing_ok=True)

    def _in(self, records: Sequence[Arrived]) -> bool:
        """Some records, all or none of them. False: we were stopped before the database took them."""
        while not self._stopping:
            try:
                found = self._serving.write(lambda tx: self._add(tx, records))
            except Exception as error:  # whatever it is: what was acknowledged is not lost, and is asked for again
                if isinstance(error, StoreError):
                    log.warning("deliveries wait in the spool: %s", error)
                else:
                    log.exception("deliveries wait in the spool")
                self.spool.news.clear()
                self.spool.news.wait(AGAIN_S)
                self.spool.news.set()
                continue
            for accepted, _ in found:
                if accepted is not None:
                    self._take(accepted)
            self._told()
            return True
        return False

    def _add(self, tx: Connection, records: Sequence[Arrived]) -> list[tuple[Accepted | None, str]]:
        beside: Counter[tuple[int, str]] = Counter()
        found = []
        for record in records:
            found.append(self._one(tx, record, beside))
            accepted = found[-1][0]
            if accepted is not None:
                beside[accepted.trigger_id, accepted.key] += 1
        self._refused += sum(record.refused != "" for record in records)
        if self._refused >= REFUSED_STEP:
            self._refused = 0
            deliveries_db.forget_refused(tx, deliveries_db.REFUSALS)
        return found

    def _one(
        self, tx: Connection, record: Arrived, beside: Mapping[tuple[int, str], int]
    ) -> tuple[Accepted | None, str]:
        trigger = self.known.id(record.trigger_id)
        row: dict[str, Any] = {
            "trigger_id": None if trigger is None else trigger.id, "host": self._serving.host, "received": record.ts,
            "source": trigger.source if trigger is not None else "", "bytes": record.size, "event": "", "action": "",
            "sender": "",
        }  # fmt: skip
        if record.refused or trigger is None:
            reason = record.refused or "The trigger was deleted meanwhile."
            return _log(tx, row, REFUSED, reason)
        try:
            found = judged(trigger, record.headers, record.body)
        except Exception:  # one of them must not stop all that follow
            log.exception("a delivery for %s could not be judged", trigger.name)
            return _log(tx, row, REFUSED, "It could not be read: Playhead's log says why.")
        event = found.event
        row |= {
            "event": event.event, "action": event.action, "sender": event.sender, "thread_key": found.key or None,
            "delivery_id": event.delivery or None,
        }  # fmt: skip
        if record.hand:
            row |= {"delivery_id": f"hand:{uuid.uuid4().hex}"}
        elif trigger.repeats:
            row |= {"delivery_id": None} if event.delivery.startswith(BODY) else {}  # known by nothing but its bytes
        elif trigger.source in WEBHOOKS:
            said = webhooks.named(trigger.source).signed(record.headers, record.body)
            row |= {"signed": hashlib.sha256(said).hexdigest()}
        if found.verdict != ACCEPTED and not (record.hand and found.verdict == SKIPPED):
            row |= _AGAIN  # once the filter is changed, the sender may send it again
            return _log(tx, row, found.verdict, found.reason, _pressed(found.payload))
        full = self._room(trigger.id, found.key, beside.get((trigger.id, found.key), 0))
        if full:
            row |= _AGAIN
            return _log(tx, row, REFUSED, full, _pressed(found.payload))
        number = deliveries_db.add(
            tx, {**row, "verdict": ACCEPTED, "reason": found.reason, "payload": _pressed(found.payload)}
        )
        if number is None:
            before = deliveries_db.signed_before(tx, trigger.id, event.delivery, row.get("signed"))
            if before is None:
                again = f"A repeat of delivery {event.delivery[:80]}: it was here before."
                return _log(tx, {**row, **_AGAIN}, SKIPPED, again)
            why = f"{REPLAYED} {before[:80]}. {MEANT}"
            return _log(tx, {**row, **_AGAIN}, REFUSED, why, _pressed(found.payload))
        return Accepted(number, trigger.id, found.key), found.reason


def _log(
    tx: Connection, row: dict[str, Any], verdict: str, reason: str, payload: bytes | None = None
) -> tuple[None, str]:
    values = {**row, "verdict": verdict, "reason": reason, "handled": row["received"], "payload": payload}
    deliveries_db.add(tx, values)
    return None, f"{verdict.capitalize()}: {reason}"


def _pressed(payload: Mapping[str, Any]) -> bytes:
    return zlib.compress(orjson.dumps(payload), 1)
