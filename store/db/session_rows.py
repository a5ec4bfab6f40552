"""A session's rows, and its own row with all that hangs on it: every function here is a part of a transaction."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, delete, insert, select, text, update

from store import facts as facts_
from store.db import reads, search
from store.db.rows import Rows, Strip, Taken
from store.db.tables import audit, item, request, session, source, strip
from store.facts import Facts
from store.fold import FOLD_VERSION, State
from store.known import Source, fold_of

# What a session is besides what its files say: whoever reads them again must not undo it.
OWN: Final = (
    "status", "origin", "parent_session_id", "user_id", "host", "created", "ended", "closed", "end_reason", "outcome",
    "user_title", "model_config", "system_prompt",
)  # fmt: skip
_INSERT: Final = "INSERT INTO item (seq, kind, turn, ts, chars, lines, payload) VALUES (?, ?, ?, ?, ?, ?, ?)"
_REPLACE: Final = (
    f"{_INSERT} ON CONFLICT (seq) DO UPDATE SET kind = excluded.kind, turn = excluded.turn, ts = excluded.ts, "
    "chars = excluded.chars, lines = excluded.lines, payload = excluded.payload"
)

# Every session of an archive pays for these: as text, because putting a statement together costs more than it does.
_STRIP: Final = text(
    "INSERT INTO strip (session_id, first, weights, nested, ids) VALUES (:session_id, :first, :weights, :nested, :ids) "
    "ON CONFLICT (session_id, first) DO UPDATE SET weights = excluded.weights, nested = excluded.nested, "
    "ids = excluded.ids"
)
_FORGET: Final = text("DELETE FROM source WHERE session_id = :number")
_ABOUT: Final = (
    "UPDATE session SET state = 'ready', agent = :agent, agent_session = :agent_session, title = :title, cwd = :cwd, "
    "branch = :branch, llm = :llm, started = :started, updated = :updated, rows = :rows, turn = :turn, "
    "facts = :facts, missing = 0{} WHERE id = :number AND state <> 'old'"
)
_KEPT: Final = text(_ABOUT.format(""))
_FOLDED: Final = text(_ABOUT.format(", fold_version = :fold_version, fold = :fold"))


class Overtaken(Exception):  # noqa: N818
    """Another process changed the session meanwhile: look again."""


def status_of(tx: Connection, number: int) -> str | None:
    return tx.execute(select(session.c.status).where(session.c.id == number)).scalar()


def retire(tx: Connection, key: str, number: int) -> set[int]:
    """The ready session of this key makes room for `number`, and hands over what no file says. The requests that it
    counted, which nobody counts now."""
    handed = (*OWN, "token")  # who works in it goes on doing so
    columns = [session.c[name] for name in handed]
    found = tx.execute(
        select(session.c.id, *columns).where(session.c.key == key, session.c.state == "ready")
    ).one_or_none()
    if found is None:
        return set()
    old, *own = found
    tx.execute(update(session).where(session.c.id == old).values(state="old"))
    tx.execute(update(session).where(session.c.id == number).values(dict(zip(handed, own, strict=True))))
    tx.execute(update(session).where(session.c.parent_session_id == old).values(parent_session_id=number))
    tx.execute(update(audit).where(audit.c.session_id == old).values(session_id=number))
    counted = set(tx.execute(select(request.c.number).where(request.c.session_id == old)).scalars())
    tx.execute(delete(request).where(request.c.session_id == old))
    return counted


def write_rows(tx: Connection, number: int, taken: Taken) -> None:
    if taken.cut is not None:
        low, end = reads.key_of(number, taken.cut), reads.key_of(number + 1, 0)
        search.forget_rows(tx, number, taken.cut)
        tx.execute(delete(item).where(item.c.seq >= low, item.c.seq < end))
        tx.execute(delete(strip).where(strip.c.session_id == number, strip.c.first >= taken.cut))
    if taken.late:
        search.replace_rows(tx, number, ((record[0], record[-1]) for record in taken.late))
        tx.exec_driver_sql(_REPLACE, taken.late)
    if taken.fresh:
        if tx.dialect.name == "sqlite":
            tx.exec_driver_sql(_INSERT, taken.fresh)
        else:
            from store.db import engine_postgres

            engine_postgres.copy_items(tx, taken.fresh)


def write_about(
    tx: Connection, rows: Rows, state: State, facts: Facts, agent: str, sources: Sequence[Source], *, kept: bool = False
) -> None:
    """Everything about a session besides its rows. One that is kept stays of the version that folded its first row."""
    number = rows.session
    dirty = {first: one for first, one in rows.strips.items() if one.dirty}
    if dirty:
        tx.execute(_STRIP, [_strip(number, first, one) for first, one in dirty.items()])
    tx.execute(_FORGET, {"number": number})
    add_sources(tx, number, 0, sources)
    values = {
        "number": number, "agent": agent, "agent_session": facts.id, "title": facts.title, "cwd": facts.cwd,
        "branch": facts.branch, "llm": facts.llm or "", "started": facts.started, "updated": facts.updated,
        "rows": rows.rows, "turn": state.turn, "facts": facts_.dump(facts),
    }  # fmt: skip
    if not kept:
        values |= {"fold_version": FOLD_VERSION, "fold": fold_of(state, sources)}
    if tx.execute(_KEPT if kept else _FOLDED, values).rowcount != 1:
        raise Overtaken


def _strip(number: int, first: int, one: Strip) -> dict[str, object]:
    nested = array("i", [value for pair in sorted(one.nested.items()) for value in pair])
    return {
        "session_id": number, "first": first, "weights": one.weights.tobytes(), "nested": nested.tobytes(),
        "ids": one.ids.tobytes(),
    }  # fmt: skip


def add_sources(tx: Connection, number: int, first: int, sources: Sequence[Source]) -> None:
    """Files of a session, behind the `first` ones."""
    values = [
        {
            "session_id": number, "file": index, "path": str(one.path), "agent": one.agent, "parent": one.parent,
            "identity": one.identity, "size": one.size, "mtime_ns": one.mtime_ns, "offset": one.offset,
            "head": one.head, "tail": one.tail,
        }
        for index, one in enumerate(sources, first)
    ]  # fmt: skip
    if values:
        tx.execute(insert(source), values)
