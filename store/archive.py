"""The life of a session in the database: active, paused, archived, deleted. Archived is for ever; nothing comes in.

An archived session is drained, sealed and told its agents before its state says so, in one transaction. What its agent
writes afterwards is refused and counted (`ledger.refused`); it may be forked or deleted, and that is all. Deleting is
hiding: it can be taken back, and no file of an agent is ever touched.
"""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from store import word
from store.about import About, about
from store.db import place
from store.errors import StoreError
from store.figures import fold_on, patiently
from store.formats import named
from store.intake import take_in
from store.prices import Price, price
from store.sources import views
from store.states import next_state


class Seed(Struct, frozen=True):
    """What a fork of a session begins with. It is written with its first message, as any other."""

    parent: int
    agent: str
    id: str  # as the agent calls the session
    cwd: str
    branch: str
    llm: str
    model_config: str | None
    system_prompt: str | None


def archive(db: Path, path: Path, list_price: Price = price) -> None:
    """Drain → seal → agent set → state. What the database does not have yet is read first. Raises StoreError; then the
    session is what it was."""
    path = path.absolute()
    if views.exists(path) and about(path, db) is None and take_in(db, path).session is None:
        raise StoreError(f"{path} has nothing in it that could be kept.")
    one = _there(db, path)
    next_state(one.status, "archive")
    if views.exists(path):
        take_in(db, path, anew=not one.complete)
        one = _there(db, path)
    if one.complete:
        fold_on(db, one.number, list_price)  # nearly all of it, before anybody has to wait for us
    number = one.number
    patiently(db, lambda writer: writer.move(number, lambda state: next_state(state, "archive"), "archive"))
    word.tell(db.parent, word.SESSIONS)


def resume(db: Path, path: Path) -> None:
    """An agent works in it again. Raises StoreError."""
    _move(db, path, "resume")


def pause(db: Path, path: Path) -> None:
    """Nobody works in it any more. Raises StoreError."""
    _move(db, path, "pause")


def delete(db: Path, path: Path) -> None:
    """It is gone for whoever looks; its rows stay, and it can be restored. Raises StoreError."""
    others = _move(db, path, "delete")
    word.tell(db.parent, word.SESSIONS)
    for other in others:
        with suppress(StoreError):  # else it is read again when somebody asks for its figures
            take_in(db, Path(place.path_of(other, db)), anew=True)


def restore(db: Path, path: Path) -> None:
    """Take a deletion back. Raises StoreError."""
    _move(db, path, "restore")
    word.tell(db.parent, word.SESSIONS)


def fork(db: Path, path: Path) -> Seed:
    """What another session takes over from an archived one. Raises StoreError."""
    one = _there(db, path)
    next_state(one.status, "fork")
    return Seed(one.number, *patiently(db, lambda writer: writer.seed(one.number)))


def fork_command(db: Path, path: Path) -> str:
    """What a terminal is given to fork an archived session: its agent goes on with a copy. Raises StoreError."""
    seed = fork(db, path)
    words = [word.format(id=seed.id) for word in named(seed.agent).fork]
    if not words:
        raise StoreError(f"{seed.agent} has no command that forks a session.")
    if not views.exists(path):
        raise StoreError(f"{path} is gone: its agent has nothing left to go on from.")
    return f"cd {shlex.quote(seed.cwd)} && {shlex.join(words)}" if seed.cwd else shlex.join(words)


def _move(db: Path, path: Path, action: str) -> list[str]:
    number = _there(db, path).number
    return patiently(db, lambda writer: writer.move(number, lambda state: next_state(state, action), action))


def _there(db: Path, path: Path) -> About:
    if host := place.host_of(path, db):
        raise StoreError(f"This session is on {host}: a Playhead there can change it.")
    found = about(path.absolute(), db)
    if found is None:
        raise StoreError(f"{path} is not in the database.")
    return found
