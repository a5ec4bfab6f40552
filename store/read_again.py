"""Sessions that lie in the database without entries are read for them, and not for ever: a few times for a file.

Of two that tell the same request and come in at once one has none, and those of a deleted session went with it. What
was tried lies in a note beside the database, with what the file looked like and which fold it was.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from store.db import place, reads
from store.errors import StoreError
from store.fold import FOLD_VERSION
from store.ledger import LEDGER_VERSION
from store.paths import put
from store.sources import views

log = logging.getLogger(__name__)
TRIES: Final = 3  # of one file with one fold: what failed may have been the disk's fault, or another one's lock
_WITHOUT: Final = """
SELECT s.key FROM session AS s LEFT JOIN ledger AS l ON l.session_id = s.id
WHERE s.state = 'ready' AND s.status NOT IN ('archived', 'deleted') AND (l.session_id IS NULL OR l.version = 0)"""
_NEWEST: Final = " ORDER BY s.updated DESC, s.id DESC"


class Tried(msgspec.Struct, frozen=True):
    """How often a file was read for its entries, and what it was then."""

    looks: tuple[int, int, int]  # inode, size, microseconds of its last change
    folds: tuple[int, int] = (FOLD_VERSION, LEDGER_VERSION)
    times: int = 0


def note(db: Path) -> Path:
    """Where it is kept."""
    return db.with_name(f"{db.name}.again")


def read_again(db: Path, between: Callable[[], object] = lambda: None) -> int:
    """Returns how many were read; `between` two of them is called what may wait. Raises StoreError where the database
    cannot be asked."""
    from store.intake import take_in

    try:
        with closing(reads.connect(db)) as connection:
            keys = [key for (key,) in connection.execute(_WITHOUT + place.mine(db, "s") + _NEWEST).fetchall()]
    except sqlite3.Error as error:
        raise reads.trouble(error, db) from error
    before = _load(db)
    tried: dict[str, Tried] = {}
    read = 0
    for key in keys:
        path = Path(place.path_of(key, db))
        now = _looks(path)
        if now is None:
            continue
        known = before.get(key)
        one = tried[key] = known if known is not None and (known.looks, known.folds) == (now.looks, now.folds) else now
        if one.times >= TRIES:
            continue
        between()
        try:
            take_in(db, path, anew=True)
        except (reads.BusyError, reads.DamagedError) as error:  # it never came to read
            log.info("%s has no figures yet: %s", path, error)
            continue
        except StoreError as error:
            log.info("%s has no figures: %s", path, error)
        read += 1
        tried[key] = msgspec.structs.replace(one, times=one.times + 1)
    if tried != before:
        _save(db, tried)
    return read


def _looks(path: Path) -> Tried | None:
    try:
        found = views.stat(path)
    except OSError:
        return None
    return Tried((found.st_ino, found.st_size, found.st_mtime_ns // 1_000))


def _load(db: Path) -> dict[str, Tried]:
    try:
        return msgspec.json.decode(note(db).read_bytes(), type=dict[str, Tried])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}  # there is none, or nobody can read it: then it is tried once more


def _save(db: Path, tried: dict[str, Tried]) -> None:
    try:
        if tried:
            put(note(db), msgspec.json.encode(tried))
        else:
            note(db).unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s cannot be written: %s", note(db), error)
