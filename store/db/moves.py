"""A session through its states, and what holds for an archived one: sealed, its agents kept, late events counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from sqlalchemy import Connection, insert, select, update

from store.db import figures, place
from store.db.session_rows import add_sources, status_of
from store.db.tables import audit, ledger, session, source
from store.db.transactions import Transactions
from store.digest import Digest, step
from store.entries import Sealed
from store.errors import StoreError
from store.figures import folded
from store.known import Source
from store.prices import price, unknown
from store.states import CLOSED


class Moves(Transactions):
    """The writer's part of `store.archive`."""

    def rename(self, path: Path, name: str) -> None:
        """What the user calls it; '' is nothing. By its key: another process may be about to put it in anew."""
        mine = (session.c.key == place.key_of(path, self.path), session.c.state == "ready")
        with self._tx() as tx:
            if not tx.execute(update(session).where(*mine).values(user_title=name or None)).rowcount:
                raise StoreError(f"{path} is not in the database any more: try again.")

    def move(self, number: int, allowed: Callable[[str], str], action: str) -> list[str]:
        """Give a session its next state, which `allowed` tells or refuses; one that is archived is sealed first. The
        keys of sessions that are to be read again: from now on they count what this one counted."""
        now, c = time.time_ns() // 1000, session.c
        again: list[str] = []
        with self._tx() as tx:
            before = status_of(tx, number)
            if before is None:
                raise StoreError("The session was read anew meanwhile: try again.")
            values: dict[str, object] = {"status": allowed(before)}
            if action == "archive":
                digest, anew = folded(tx.exec_driver_sql, number, price)
                if figures.written(tx, number) == digest.watermark:
                    seal(tx, number, digest)
                    figures.save(tx, number, digest, anew=anew)
                    parts = sorted(digest.parts.values(), key=lambda part: part.first)
                    values["agent_ids_json"] = names_json([part.agent for part in parts]) if parts else None
                values["closed"] = now
            elif values["status"] == "deleted":
                values["agent_ids_json"] = None
                if before != "deleted":
                    again = figures.release(tx, number)
            tx.execute(update(session).where(c.id == number).values(values))
            if values["status"] != before:
                tx.execute(insert(audit).values(ts=now, actor="user", action=action, session_id=number))
        return again

    def seed(self, number: int) -> tuple[str, str, str, str, str, str | None, str | None]:
        """What a fork takes over."""
        c = session.c
        with self._tx() as tx:
            wanted = select(c.agent, c.agent_session, c.cwd, c.branch, c.llm, c.model_config, c.system_prompt).where(
                c.id == number
            )
            return tuple(tx.execute(wanted).one())

    def name_agents(self, number: int, names: Sequence[str]) -> None:
        """Keep the agents of an archived session; of another one they may become more."""
        c = session.c
        with self._tx() as tx:
            wanted = update(session).where(c.id == number, c.status.in_(CLOSED))
            tx.execute(wanted.values(agent_ids_json=names_json(names)))

    def ends_of(self, key: str) -> dict[Path, int] | None:
        """Up to which byte of each of its files an archived session goes, the main one first; None for one that is not
        archived."""
        wanted = select(source.c.path, source.c.offset).join(session).order_by(source.c.file)
        wanted = wanted.where(session.c.key == place.key_of(key, self.path))
        with self._tx() as tx:
            wanted = wanted.where(session.c.state == "ready", session.c.status.in_(CLOSED))
            return {Path(path): offset for path, offset in tx.execute(wanted).all()} or None

    def refuse(self, number: int, events: int, looks: Sequence[tuple[int, int]], joined: Sequence[Source] = ()) -> None:
        """So many events came after a session was archived. `looks`: size and mtime_ns of each of its files then; who
        finds them so again has nothing to count. `joined`: files that came since, of which nothing is taken."""
        with self._tx() as tx:
            tx.execute(update(ledger).where(ledger.c.session_id == number).values(refused=events))
            for file, (size, mtime_ns) in enumerate(looks):
                if mtime_ns:
                    there = update(source).where(source.c.session_id == number, source.c.file == file)
                    tx.execute(there.values(size=size, mtime_ns=mtime_ns))
            known = select(source.c.path).where(source.c.session_id == number)
            met = set(tx.execute(known).scalars())  # somebody else may have been here meanwhile
            add_sources(tx, number, len(met), [one for one in joined if str(one.path) not in met])


def seal(tx: Connection, number: int, digest: Digest) -> None:
    """Nothing more will come: written behind the session's last entry, once."""
    if digest.sealed:
        return
    figures.append(tx, number, digest.watermark, [Sealed()])
    step(digest, Sealed(), unknown)
    tx.execute(update(ledger).where(ledger.c.session_id == number).values(entries=digest.watermark))


def names_json(names: Sequence[str]) -> str:
    """The agent set as it lies in the session's row."""
    return msgspec.json.encode(list(names)).decode()
