"""Entries, turns and digests in the database, on the writer's side: every function here is a part of its transaction.

Entries go in with the rows that they tell of, and figures are folded from them afterwards (`store.figures`). They can
always be made again from the session's files, so what does not fit together is dropped and never patched.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Sequence, Set
from typing import Final

import msgspec
from sqlalchemy import Connection, delete, insert, select, text, update
from sqlalchemy.exc import OperationalError

from store.db import prices_used
from store.db import tables as t
from store.digest import Digest, Turn, dump
from store.digest_report import session_wire
from store.entries import Entry, press, unpress
from store.events import Event
from store.fold import Change, State
from store.ledger import LEDGER_VERSION, Ledger, shared_of
from store.requests import Elsewhere, Requests
from store.sources import views

_CLAIM: Final = "INSERT INTO request (number, session_id) VALUES (?, ?) ON CONFLICT DO NOTHING"
STALE: Final = 0  # version of entries that are to be made again
_ENTRY: Final = "INSERT INTO entry (session_id, first, data) VALUES (?, ?, ?)"

_LEDGER: Final = text(  # as text, because every session of an archive pays for it
    "INSERT INTO ledger (session_id, version, entries, state) VALUES (:number, :version, :entries, :state) "
    "ON CONFLICT (session_id) DO UPDATE SET version = excluded.version, entries = excluded.entries, "
    "state = excluded.state"
)


class Counted(Exception):  # noqa: N818
    """Another session has counted one of these requests meanwhile."""


class Book:
    """The ledger of a session on its way into the database. The writer takes what was noted with every transaction."""

    def __init__(self, ledger: Ledger, entries: int = 0) -> None:
        self.entries = entries  # written so far
        self.ledger = ledger
        self._claimed = set(ledger.requests.counted)

    def fold(self, state: State, events: Sequence[Event]) -> list[Change]:
        return self.ledger.fold(state, events)

    def write(self, tx: Connection, number: int) -> None:
        """The entries that were noted since the last time."""
        noted = self.ledger.take()
        if noted:
            append(tx, number, self.entries, noted)
            self.entries += len(noted)

    def close(self, tx: Connection, number: int, before: Set[int] = frozenset()) -> None:
        """The rest of them, and where to go on; `before`: what a session counted that this one replaces. Raises
        Counted."""
        self.write(tx, number)
        counted = self.ledger.requests.counted
        new = sorted(counted - self._claimed)
        if new and _claim(tx, number, new) != len(new):
            raise Counted
        self._claimed = set(counted)
        values = {"number": number, "version": LEDGER_VERSION, "entries": self.entries, "state": self.ledger.dump()}
        tx.execute(_LEDGER, values)
        lost = before - counted
        if lost:  # its file does not tell them any more, and others may
            recount(tx, lost)


def _claim(tx: Connection, number: int, requests: Sequence[int]) -> int:
    """How many of them were not counted yet, and are now. Two hosts that wait for each other's: one gets none."""
    try:
        return tx.exec_driver_sql(_CLAIM, [(one, number) for one in requests]).rowcount
    except OperationalError as error:
        if type(error.orig).__name__ != "DeadlockDetected":  # psycopg's, which a file's writer has not loaded
            raise
        return -1


class Copied:
    """The entries of a session as they lay in another database, whole: digest and turns are folded from them anew."""

    def __init__(self, pieces: Sequence[tuple[int, bytes]], entries: int, refused: int, state: bytes) -> None:
        """`pieces`: (first, data) as in table `entry`; `entries`, `refused` and `state` as in `ledger`. Raises
        ValueError: a piece is missing or broken, or it cannot be gone on with."""
        self._pieces, self._entries, self._refused, self._state = pieces, entries, refused, state
        try:
            self._counted = sorted(Ledger.load(state, Requests()).requests.counted)
            at = 0
            for first, data in pieces:
                if first != at:
                    raise ValueError(f"no entries between {at} and {first}")
                at += len(unpress(data))
        except (msgspec.DecodeError, UnicodeDecodeError, zlib.error, IndexError, TypeError) as error:
            raise ValueError(str(error)) from error
        if at != entries:
            raise ValueError(f"{at} entries of {entries}")

    def write(self, tx: Connection, number: int) -> None:
        """They come in together."""

    def close(self, tx: Connection, number: int, _before: Set[int] = frozenset()) -> None:
        for first, data in self._pieces:
            tx.exec_driver_sql(_ENTRY, (number, first, data))
        if self._counted:
            tx.exec_driver_sql(_CLAIM, [(one, number) for one in self._counted])
        values = {"version": LEDGER_VERSION, "entries": self._entries, "refused": self._refused, "state": self._state}
        tx.execute(insert(t.ledger).values(session_id=number, **values))


def book_of(tx: Connection, number: int, elsewhere: Elsewhere) -> Book | None:
    """To go on with; None when the session's entries were never made, or otherwise than now."""
    c = t.ledger.c
    found = tx.execute(select(c.version, c.entries, c.state).where(c.session_id == number)).one_or_none()
    if found is None or found.version != LEDGER_VERSION:
        return None
    return Book(Ledger.load(found.state, Requests(elsewhere)), found.entries)


def claims(tx: Connection, number: int) -> set[int]:
    """The requests that a session counts."""
    return set(tx.execute(select(t.request.c.number).where(t.request.c.session_id == number)).scalars())


def recount(tx: Connection, lost: Set[int]) -> tuple[set[int], list[str]]:
    """Nobody counts these requests any more. Of those that another session tells too: which, and the keys of the
    sessions that are to be read again for it. What is the only copy of a file stays as it is.
    """
    found: set[int] = set()
    keys: list[str] = []
    c = t.session.c
    wanted = select(t.ledger.c.session_id, t.ledger.c.state, c.key, t.source.c.path)
    wanted = wanted.join(t.session, c.id == t.ledger.c.session_id)
    wanted = wanted.join(t.source, (t.source.c.session_id == c.id) & (t.source.c.file == 0))
    for number, state, key, path in tx.execute(wanted.where(c.state == "ready", c.status != "deleted")).all():
        both = lost & shared_of(state)
        if both and views.exists(path):
            found |= both
            keys.append(key)
            tx.execute(update(t.ledger).where(t.ledger.c.session_id == number).values(version=STALE))
    return found, keys


def release(tx: Connection, number: int) -> list[str]:
    """A session is deleted: what it counts for others is theirs to count. The keys of those that are to be read again.

    It is read again itself, should it be restored. Its claims stay when its own file is gone: nobody could then.
    """
    path = tx.execute(select(t.source.c.path).where(t.source.c.session_id == number, t.source.c.file == 0)).scalar()
    if path is None or not views.exists(path):
        return []
    shared, keys = recount(tx, claims(tx, number))
    if keys:
        mine = t.request.c.session_id == number
        for some in batched(sorted(shared)):
            tx.execute(delete(t.request).where(mine, t.request.c.number.in_(some)))
        tx.execute(update(t.ledger).where(t.ledger.c.session_id == number).values(version=STALE))
    return keys


def batched(numbers: Sequence[int], size: int = 500) -> Iterator[Sequence[int]]:
    """A statement takes so many values, and no more."""
    return (numbers[at : at + size] for at in range(0, len(numbers), size))


def append(tx: Connection, number: int, first: int, noted: Sequence[Entry]) -> None:
    """Entries behind the `first` ones."""
    tx.exec_driver_sql(_ENTRY, (number, first, press(noted)))


def written(tx: Connection, number: int) -> int | None:
    """How many entries a session has; None: they were never made."""
    return tx.execute(select(t.ledger.c.entries).where(t.ledger.c.session_id == number)).scalar()


def drop(tx: Connection, number: int) -> None:
    """The session goes on without entries: figures of a part of it would be wrong."""
    for table in (t.ledger, t.entry, t.request, t.digest, t.turn, t.agent):
        tx.execute(delete(table).where(table.c.session_id == number))


def save(tx: Connection, number: int, digest: Digest, *, anew: bool = False) -> None:
    """A digest and the turns that changed; `anew`: it was folded from the first entry on. Nothing when there is one of
    later entries already, or when the session is not there any more."""
    there = tx.execute(
        select(t.digest.c.schema_version, t.digest.c.watermark, t.digest.c.sealed).where(
            t.digest.c.session_id == number, t.digest.c.agent == 0
        )
    ).one_or_none()
    later = there is not None and _later(there.schema_version, there.watermark, digest, anew)
    entries = written(tx, number)
    if later or entries is None or entries < digest.watermark:
        return
    now = time.time_ns() // 1000
    if anew:
        tx.execute(delete(t.turn).where(t.turn.c.session_id == number))
    turns = [*digest.turns.values(), *(part.turn for part in digest.parts.values() if part.turn is not None)]
    numbers = _agents(tx, number, digest, turns)
    if turns:
        records = {(numbers[turn.agent], turn.idx): turn for turn in turns}
        gone = "DELETE FROM turn WHERE session_id = ? AND agent = ? AND idx = ?"
        tx.exec_driver_sql(gone, [(number, agent, idx) for agent, idx in records])
        tx.execute(insert(t.turn), [_turn(number, agent, turn) for (agent, _), turn in records.items()])
    tx.execute(delete(t.digest).where(t.digest.c.session_id == number))
    sealed = ((there.sealed if there is not None else None) or now) if digest.sealed else None
    tx.execute(insert(t.digest).values(_digest(number, digest, now, sealed)))
    prices_used.keep(tx, digest)
    digest.turns.clear()


def _later(version: int, watermark: int, digest: Digest, anew: bool) -> bool:
    if version != digest.version:
        return False
    return watermark > digest.watermark or (watermark == digest.watermark and not anew)


def _agents(tx: Connection, number: int, digest: Digest, turns: Sequence[Turn]) -> dict[str, int]:
    """The numbers that agents have here, new ones in the order in which they came in."""
    c = t.agent.c
    there = tx.execute(select(c.name, c.agent).where(c.session_id == number)).all()
    found: dict[str, int] = {name: agent for name, agent in there}  # noqa: C416 - dict() of rows has no types
    last = max(found.values(), default=0)
    firsts = {turn.agent: turn.start_row for turn in turns if turn.idx == 0 and turn.start_row >= 0}
    new = []
    for part in sorted(digest.parts.values(), key=lambda part: part.first):
        if part.agent not in found:
            last += bool(part.agent)
            found[part.agent] = last if part.agent else 0
            new.append({
                "session_id": number, "agent": found[part.agent], "name": part.agent, "call": part.parent or None,
                "first": firsts.pop(part.agent, None),
            })  # fmt: skip
    if new:
        tx.execute(insert(t.agent), new)
    for name, row in firsts.items():
        tx.execute(update(t.agent).where(c.session_id == number, c.agent == found[name]).values(first=row))
    return found


def _turn(number: int, agent: int, turn: Turn) -> dict[str, object]:
    used = turn.used
    return {
        "session_id": number, "agent": agent, "idx": turn.idx, "name": turn.id, "start_seq": turn.start_seq,
        "end_seq": turn.end_seq or None, "start_row": turn.start_row, "end_row": turn.end_row,
        "start_ts": turn.start_ts, "end_ts": turn.end_ts, "duration_us": turn.duration, "status": turn.status,
        "reason": turn.reason, "cost_micros": turn.money.known, "input_tokens": used.input,
        "output_tokens": used.output, "cache_read_tokens": used.cache_read, "cache_write_tokens": used.cache_write,
        "tool_count": turn.tools, "tool_failed": turn.tools_failed, "error_count": turn.errors,
        "issue_count": turn.issues, "synthetic": int(turn.synthetic),
    }  # fmt: skip


def _digest(number: int, digest: Digest, now: int, sealed: int | None) -> dict[str, object]:
    wire = session_wire("", digest)
    cost = wire["cost_usd"]
    same = ("event_count", "turn_count", "duration_ms", "active_ms", "error_count", "issue_count", "tool_total")
    firsts = [part.first_ts for part in digest.parts.values() if part.first_ts is not None]
    lasts = [part.last_ts for part in digest.parts.values() if part.last_ts is not None]
    return {
        "session_id": number, "agent": 0, "schema_version": digest.version, "watermark": digest.watermark,
        "updated": now, "sealed": sealed, "first_ts": min(firsts, default=None), "last_ts": max(lasts, default=None),
        "cost_micros": None if cost is None or wire["unpriced_requests"] else round(cost * 1_000_000),  # all, or none
        "tool_failed": wire["tool_failed"],
        "outcome": wire["outcome"], "figures": dump(digest), **{name: wire[name] for name in same},
    }  # fmt: skip
