"""The rows of runs: written when one is asked for, begins and ends; read for lists. No ORM object leaves it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import insert, update

from store.db import place, reads
from store.db.run_tables import run
from store.db.transactions import Transactions

LIVE: Final = ("queued", "running")
_COLUMNS: Final = (
    "id, session_key, agent_session, asked_session, runner, CAST(argv AS BLOB), cwd, origin, trigger_id, thread_id, "
    "delivery_id, retry_of, resumed, state, reason, exit_code, signal, queued, started, ended, turns, input_tokens, "
    "output_tokens, cache_read_tokens, cache_write_tokens, cost_micros, pid, pid_token, log, prompt"
)
_argv = msgspec.json.Decoder(tuple[str, ...])


class RunRow(Struct, frozen=True, kw_only=True):
    """One run. Times are microseconds UTC; None is unknown.

    `state`: queued, running, ok, failed, cancelled, stopped, timeout, interrupted. `resumed`: 0 fresh, 1 resumed, 2
    retried fresh, 3 compacted. `log`: path of the journal of its output.
    """

    id: str
    session_key: str | None = None
    agent_session: str | None = None
    asked_session: str | None = None
    runner: str
    argv: tuple[str, ...] = ()
    cwd: str = ""
    origin: str
    trigger_id: int | None = None
    thread_id: int | None = None
    delivery_id: int | None = None
    retry_of: str | None = None
    resumed: int = 0
    state: str
    reason: str = ""
    exit_code: int | None = None
    signal: int | None = None
    queued: int
    started: int | None = None
    ended: int | None = None
    turns: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cost_micros: int | None = None
    pid: int | None = None
    pid_token: str | None = None
    log: str | None = None
    prompt: str = ""


class RunRows(Transactions):
    """The way in. Everything raises StoreError when the disk or the database will not."""

    def add(self, row: RunRow) -> None:
        """A new run."""
        values = msgspec.structs.asdict(row)
        values["argv"] = msgspec.json.encode(row.argv).decode()
        values["host"] = place.host() if self.on_server else ""
        with self._tx() as tx:
            tx.execute(insert(run).values(values))

    def change(self, id: str, **columns: Any) -> None:
        """Set columns of a run."""
        with self._tx() as tx:
            tx.execute(update(run).where(run.c.id == id).values(columns))

    def finish(self, id: str, **columns: Any) -> bool:
        """The same of one that was not over yet. False: somebody else has said how it ended."""
        with self._tx() as tx:
            return tx.execute(update(run).where(run.c.id == id, run.c.state.in_(LIVE)).values(columns)).rowcount == 1


def listed(db: Path, limit: int = 200, *, session: str = "", thread: int | None = None) -> list[RunRow]:
    """The newest runs of this machine first; of one session (its key) or one thread. Raises StoreError."""
    where, values = "", list[Any]()
    if session:
        where, values = " AND session_key = ?", [session]
    if thread is not None:
        where, values = f"{where} AND thread_id = ?", [*values, thread]
    return _read(db, f"{where} ORDER BY queued DESC, id LIMIT ?", (*values, limit))


def one(db: Path, id: str) -> RunRow | None:
    """The run of that id, or the only one whose id begins so. Raises StoreError."""
    begin = id.replace("%", "").replace("_", "")
    found = _read(db, " AND id LIKE ? ORDER BY id LIMIT 2", (f"{begin}%",))
    return found[0] if len(found) == 1 and begin else next((row for row in found if row.id == id), None)


def unfinished(db: Path, session: str = "") -> list[RunRow]:
    """What runs on this machine, as far as the rows say; in one agent session. Raises StoreError."""
    if not session:
        return _read(db, " AND state IN ('queued', 'running') ORDER BY queued", ())
    return _read(
        db, " AND state IN ('queued', 'running') AND (asked_session = ? OR agent_session = ?)", (session, session)
    )


def _read(db: Path, rest: str, values: Sequence[Any]) -> list[RunRow]:
    if not reads.there(db):
        return []
    # One statement: a database of an older schema has no runs, and the next writer makes it right.
    statement = (
        f"SELECT {_COLUMNS} FROM run WHERE (SELECT user_version FROM pragma_user_version) = ?"  # noqa: S608
        f"{place.mine(db, 'run')}{rest}"
    )
    try:
        with closing(reads.connect(db)) as connection:
            version = connection.execute(reads.VERSION).fetchone()[0]
            if version > reads.SCHEMA:
                raise reads.unfit(db, version)
            if version < reads.SCHEMA:
                return []
            rows = connection.execute(statement, (reads.SCHEMA, *values)).fetchall()
    except sqlite3.Error as error:
        raise reads.trouble(error, db) from error
    names = RunRow.__struct_fields__
    found = []
    for row in rows:
        told = dict(zip(names, row, strict=True))
        told["argv"] = _argv.decode(row[names.index("argv")])
        found.append(RunRow(**told))
    return found
