"""What importers leave behind: sessions that were read again, and those whose importer was killed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from sqlalchemy import delete, select

from store.db import place, reads, search
from store.db.tables import item, session, source
from store.db.transactions import Transactions
from store.draft import too_old
from store.sources import views

SWEEP: Final = 2_000  # rows deleted per transaction


class Leftovers(Transactions):
    """Which they are, and their end."""

    def leftovers(self) -> list[int]:
        """Sessions that were replaced, whose importer is dead, or that the user has removed long ago."""
        with self._tx() as tx:
            gone = (session.c.state != "removed") | (session.c.closed < too_old())
            wanted = select(session.c.id, session.c.state, session.c.token).where(session.c.state != "ready", gone)
            if self.on_server:  # what another host has read again is its own to look after: the files are there
                wanted = wanted.where((session.c.state != "old") | (session.c.host == place.host()))
            found = tx.execute(wanted).all()
        left = [
            number
            for number, state, token in found
            if (self._replaced(number) if state == "old" else self._dead(token))
        ]
        for path in self.path.parent.glob(f"{self.path.name}.import-*"):  # killed before its session was in the table
            self._dead(path.name.rpartition("-")[2])
        return left

    def _replaced(self, number: int) -> bool:
        """Whether a session that was read again may go: not if it is the only copy of a file that is gone by now.

        That is so for the files of subagents, which agents delete before those of their sessions.
        """
        with self._tx() as tx:
            keys = select(session.c.key).where(session.c.id == number)
            paths = select(source.c.path).where(source.c.session_id == number)
            again = select(source.c.path).join(session).where(session.c.state == "ready", session.c.key.in_(keys))
            unread = tx.execute(paths.where(source.c.path.not_in(again))).scalars().all()
        return all(map(_there, unread))

    def sweep(self, numbers: Sequence[int]) -> None:
        """Delete such sessions, in small steps so that other writers get their turn."""
        for number in numbers:
            low, end = reads.key_of(number, 0), reads.key_of(number + 1, 0)
            while True:
                with self._tx() as tx:
                    last = tx.exec_driver_sql("SELECT max(seq) FROM item WHERE seq < ?", (end,)).scalar()
                    if last is None or last < low:
                        tx.execute(delete(session).where(session.c.id == number))
                        break
                    # From the end: what is left is still dense, so a step begun again finds its place.
                    first = max(low, last - SWEEP + 1)
                    search.forget_rows(tx, number, first - low)
                    tx.execute(delete(item).where(item.c.seq >= first, item.c.seq < end))


def _there(path: str) -> bool:
    """Whether a file can be read again: not what a link only names, but also what lies packed or in a database. Where
    that cannot be told, its rows stay."""
    view = views.at(path)
    return os.path.exists(path) if view is None else bool(view.written())  # noqa: PTH110 - text only
