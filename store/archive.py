"""The life of a session in the database: active, paused, archived, deleted. Archived is for ever; nothing comes in.

An archived session is drained, sealed and told its agents before its state says so, in one transaction. What its agent
writes afterwards is refused and counted (`ledger.refused`); it may be forked or deleted, and that is all. Deleting is
hiding: it can be taken back, and no file of an agent is ever touched.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

from msgspec import Struct

from store.about import About, Reader, about
from store.db import reads
from store.errors import StoreError
from store.figures import fold_on, patiently
from store.intake import take_in
from store.prices import Price, price

STATES: Final = ("active", "paused", "archived", "deleted")
ACTIONS: Final = ("resume", "pause", "archive", "fork", "delete", "restore")
MOVES: Final = {
    ("paused", "resume"): "active",
    ("active", "pause"): "paused",  # also when its agent died
    ("active", "archive"): "archived",
    ("paused", "archive"): "archived",
    ("archived", "fork"): "archived",
    ("archived", "delete"): "deleted",
    ("deleted", "delete"): "deleted",
    ("deleted", "restore"): "archived",  # and no further: what was archived stays so
}
"""(state, action) → state. What is not in here is refused."""
_HINTS: Final = {
    "delete": "archive it first",
    "fork": "archive it first, or go on with it",
    "resume": "fork it instead",
    "pause": "nobody works in it",
    "archive": "it is there already",
    "restore": "it is not deleted",
}
_CLOSED: Final = """
SELECT s.key, s.status, coalesce(l.refused, 0) FROM pragma_user_version AS v, session AS s
LEFT JOIN ledger AS l ON l.session_id = s.id
WHERE v.user_version = ? AND s.state = 'ready' AND s.status IN ('archived', 'deleted') ORDER BY s.key
"""


class Closed(Struct, frozen=True):
    """A session that nothing comes into any more."""

    status: str  # archived, deleted
    refused: int = 0  # events that came too late


class Seed(Struct, frozen=True):
    """What a fork of a session begins with. It is written with its first message, as any other."""

    parent: int
    agent: str
    cwd: str
    branch: str
    llm: str
    model_config: str | None
    system_prompt: str | None


def next_state(state: str, action: str) -> str:
    """Raises StoreError for a move that there is not."""
    found = MOVES.get((state, action))
    if found is None:
        raise StoreError(refusal(state, action))
    return found


def refusal(state: str, action: str) -> str:
    """Why there is no such move, in a sentence; '' when there is."""
    if (state, action) in MOVES:
        return ""
    hint = _HINTS[action]
    if state == "deleted":
        hint = "restore it first" if action == "fork" else "what was archived stays so"
    return f"A session that is {state} has no {action}: {hint}."


def closed(db: Path) -> dict[str, Closed]:
    """Every session that is archived or deleted, by the path of its main file. Raises StoreError."""
    with closing(Reader(db)) as reader:
        return {key: Closed(status, refused) for key, status, refused in reader.ask(_CLOSED, (reads.SCHEMA,))}


def archive(db: Path, path: Path, list_price: Price = price) -> None:
    """Drain → seal → agent set → state. What the database does not have yet is read first. Raises StoreError; then the
    session is what it was."""
    path = path.absolute()
    if path.exists() and about(path, db) is None and take_in(db, path).session is None:
        raise StoreError(f"{path} has nothing in it that could be kept.")
    one = _there(db, path)
    next_state(one.status, "archive")
    if path.exists():
        take_in(db, path, anew=not one.complete)
        one = _there(db, path)
    if one.complete:
        fold_on(db, one.number, list_price)  # nearly all of it, before anybody has to wait for us
    number = one.number
    patiently(db, lambda writer: writer.move(number, lambda state: next_state(state, "archive"), "archive"))


def resume(db: Path, path: Path) -> None:
    """An agent works in it again. Raises StoreError."""
    _move(db, path, "resume")


def pause(db: Path, path: Path) -> None:
    """Nobody works in it any more. Raises StoreError."""
    _move(db, path, "pause")


def delete(db: Path, path: Path) -> None:
    """It is gone for whoever looks; its rows stay, and it can be restored. Raises StoreError."""
    _move(db, path, "delete")


def restore(db: Path, path: Path) -> None:
    """Take a deletion back. Raises StoreError."""
    _move(db, path, "restore")


def fork(db: Path, path: Path) -> Seed:
    """What another session takes over from an archived one. Raises StoreError."""
    one = _there(db, path)
    next_state(one.status, "fork")
    return Seed(one.number, *patiently(db, lambda writer: writer.seed(one.number)))


def _move(db: Path, path: Path, action: str) -> None:
    number = _there(db, path).number
    patiently(db, lambda writer: writer.move(number, lambda state: next_state(state, action), action))


def _there(db: Path, path: Path) -> About:
    found = about(path.absolute(), db)
    if found is None:
        raise StoreError(f"{path} is not in the database.")
    return found
