"""How a session gets its row: `ensure_session`, for everything that writes. A part of the caller's transaction.

The row comes in with the first content, never before, and once, however many are at it: the database decides.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, insert, text, update

from store.db import place
from store.db.lock import hold
from store.db.tables import audit, session
from store.db.transactions import Transactions
from store.draft import UNKNOWN, Draft

MANY: Final = 10_000  # values in one statement
_COLUMNS: Final = (
    "key", "state", "token", "status", "origin", "user_id", "host", "created", "user_title", "model_config",
    "system_prompt", "ended", "end_reason",
)  # fmt: skip
_PARENT: Final = "(SELECT max(id) FROM session WHERE key = :parent AND state = 'ready')"
# One ready session per key (ix_session_key_ready): who comes second adds nothing.
_ENSURE: Final = text(
    f"INSERT INTO session ({', '.join(_COLUMNS)}, parent_session_id) "  # noqa: S608 - names from above
    f"VALUES ({', '.join(f':{name}' for name in _COLUMNS)}, {_PARENT}) ON CONFLICT DO NOTHING RETURNING id"
)
_THERE: Final = text("SELECT id FROM session WHERE key = :key AND state = 'ready'")

_RESTORE: Final = text(
    "UPDATE session SET state = 'ready', closed = NULL WHERE state = 'removed' AND id IN (SELECT max(r.id) FROM "
    "session AS r WHERE r.state = 'removed' GROUP BY r.key) AND NOT EXISTS "
    "(SELECT 1 FROM session AS o WHERE o.key = session.key AND o.state = 'ready')"
)
_RESTORE_ONE: Final = text(f"{_RESTORE.text} AND id = :number")


def ensure_session(tx: Connection, draft: Draft, *, staged: str | None = None) -> bool:
    """The draft has a row from here on, and knows its number. True: it is new; False: there was one.

    Idempotent, and safe with any number of threads and processes. `staged`: nobody sees the row before its importer,
    which holds the lock of this name, makes it ready; until then there may be others of its key. A draft whose
    transaction fails is to be given its number back (`session = None`): the database has not got it.
    """
    if draft.session is not None:
        return False
    seen = staged is None
    values = {
        "key": draft.key, "state": "ready" if seen else "staged", "token": draft.token if seen else staged or None,
        "status": draft.status, "origin": draft.origin or UNKNOWN,
        "user_id": draft.user, "host": draft.host, "created": draft.created, "user_title": draft.title or None,
        "model_config": draft.config, "system_prompt": draft.system_prompt, "ended": draft.ended,
        "end_reason": draft.end_reason, "parent": draft.parent,
    }  # fmt: skip
    added = tx.execute(_ENSURE, values).scalar()
    draft.session = int(tx.execute(_THERE, {"key": draft.key}).scalar_one() if added is None else added)
    return added is not None


class Living(Transactions):
    """The writer's part of `store.recorder`: sessions that somebody works in."""

    def settle(
        self, number: int, *, title: str | None = None, token: str | None = None, ended: Draft | None = None
    ) -> None:
        """What became of a session besides its events: renamed, worked in (`token` names the lock), over."""
        values: dict[str, object] = {}
        if title is not None:
            values |= {"user_title": title, "title": title}
        if token is not None:
            values |= {"token": token, "status": "active"}
        if ended is not None:
            values |= {"token": None, "status": "paused", "ended": ended.ended, "end_reason": ended.end_reason}
        wanted = update(session).where(session.c.id == number, session.c.status.in_(("active", "paused")))
        with self._tx() as tx:
            tx.execute(wanted.values(values))

    def set_removed(self, numbers: Sequence[int]) -> int:
        """Nobody sees these any more, for now."""
        now, c = time.time_ns() // 1000, session.c
        with self._tx() as tx:
            count = 0
            for first in range(0, len(numbers), MANY):
                some = c.id.in_(numbers[first : first + MANY])
                wanted = update(session).where(some, c.state == "ready", c.status == "paused")
                count += int(tx.execute(wanted.values(state="removed", closed=now)).rowcount)
            tx.execute(insert(audit).values(ts=now, actor="user", action="remove empty", detail=f"{count} sessions"))
        return count

    def unset_removed(self, numbers: Sequence[int] | None = None) -> int:
        """Whoever was removed is seen again, all or these, where nobody has come in its place."""
        now = time.time_ns() // 1000
        with self._tx() as tx:
            if numbers is None:
                count = int(tx.execute(_RESTORE).rowcount)
            else:
                count = sum(int(tx.execute(_RESTORE_ONE, {"number": number}).rowcount) for number in numbers)
            tx.execute(insert(audit).values(ts=now, actor="user", action="restore empty", detail=f"{count} sessions"))
        return count

    def live_path(self, token: str) -> Path:
        """The lock file that is held as long as somebody works in the sessions with that token."""
        return self.path.with_name(f"{self.path.name}.live-{token}")

    def interrupted(self) -> int:
        """Sessions that somebody worked in who is gone: nobody does now. Returns how many there were."""
        c = session.c
        with self._tx() as tx:
            wanted = "SELECT DISTINCT token FROM session WHERE status = 'active' AND token IS NOT NULL"
            told = tx.execute(text(wanted + place.mine(self.path)))
            dead = [token for token in told.scalars() if self._gone(self.live_path(token))]
            if not dead:
                return 0
            values = {"status": "paused", "token": None, "end_reason": "interrupted"}
            return int(tx.execute(update(session).where(c.token.in_(dead), c.state == "ready").values(values)).rowcount)

    @staticmethod
    def _gone(path: Path) -> bool:
        if not os.path.lexists(path):
            return True
        try:
            lock = hold(path, wait=False)
        except OSError:
            return False
        if lock is not None:
            lock.drop()
        return lock is not None
