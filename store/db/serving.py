"""One connection for all that triggers write: for any worker, one transaction at a time, patient with other writers.

Who works with threads holds a name for as long as it lives, so that others can tell a run that goes on from a dead one.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, insert
from typing_extensions import override

from store.db import place, reads
from store.db.tables import audit
from store.db.transactions import Held, Transactions

Result = TypeVar("Result")

PATIENCE_S: Final = 60.0  # for an import that writes: what was acknowledged is not lost for being early
_PREFIX: Final = "serve-"


class Serving(Transactions):
    """Close it. Everything raises StoreError when the disk or the database will not."""

    def __init__(self, path: Path, patience_s: float = PATIENCE_S) -> None:
        super().__init__(path)
        if not self.on_server:
            # What a sender was told is kept is in the spool until it is here: from then on here alone.
            self._connection.connection.cursor().execute("PRAGMA synchronous=FULL")
        self.host = host_here(path)
        self._patience = patience_s
        self._turn = threading.RLock()
        self._name: Held | None = None
        self.token = ""

    def write(self, do: Callable[[Connection], Result]) -> Result:
        """In one transaction, again from the start when the database was busy; `do` must not mind that."""
        end = time.monotonic() + self._patience
        while True:
            try:
                with self._turn, self._tx() as tx:
                    return do(tx)
            except reads.BusyError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)  # SQLite has waited for seconds before it gave up

    @override
    def close(self) -> None:
        with self._turn:
            if self._name is not None:
                self._name.drop()
                self._name = None
            super().close()

    # ---- who is alive

    def live(self) -> str:
        """The name that says that this process is there, held until `close`."""
        with self._turn:
            if self._name is None:
                self.token = _PREFIX + uuid.uuid4().hex[:12]
                self._name = self._hold(self.token)
            return self.token

    def dead(self, holder: str | None) -> bool:
        """Whether whoever wrote this into a thread is gone."""
        token = (holder or "").partition("|")[0]
        if not token:
            return True
        if token == self.token:
            return False
        with self._turn:
            return self._dead(token)

    @override
    def _lock_path(self, token: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{token}")

    # ---- the audit log

    def note(self, action: str, detail: str, actor: str) -> None:
        self.write(lambda tx: note(tx, action, detail, actor))


def note(tx: Connection, action: str, detail: str, actor: str, now: int | None = None) -> None:
    """Write down what was done, in the transaction that does it."""
    ts = time.time_ns() // 1000 if now is None else now
    tx.execute(insert(audit).values(ts=ts, actor=actor, action=action, detail=detail))


def host_here(path: Path) -> str:
    """How rows of triggers say whose they are: '' in a file."""
    return "" if place.server(path) is None else place.host()


def once(path: Path, do: Callable[[Connection], Result]) -> Result:
    """Write something and let go of the database. Raises StoreError."""
    with closing(Serving(path, 10.0)) as serving:
        return serving.write(do)


def ask(path: Path, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Read something; [] where there is no database yet. Raises StoreError."""
    return asked(path, [(sql, values)])[0]


def asked(path: Path, statements: list[tuple[str, tuple[Any, ...]]]) -> list[list[tuple[Any, ...]]]:
    """The same for several statements, which see one state."""
    import sqlite3

    if not reads.there(path):
        return [[] for _ in statements]
    try:
        with closing(reads.connect(path)) as connection:
            version = connection.execute(reads.VERSION).fetchone()[0]
            if version != reads.SCHEMA:
                raise reads.unfit(path, version)
            connection.execute("BEGIN")
            found = [list(map(tuple, connection.execute(*one).fetchall())) for one in statements]
            connection.execute("ROLLBACK")
            return found
    except sqlite3.Error as error:
        raise reads.trouble(error, path) from error
