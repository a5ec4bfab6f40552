"""Looks a database over without changing it: is it whole, and do its sessions still have their files? For the commands.

What is trouble is said in sentences. Files that have grown or gone are none: they are read, or kept, at the next turn.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field, to_builtins

from store.db import place, reads
from store.errors import StoreError
from store.fold import FOLD_VERSION
from store.known import Source, look

if TYPE_CHECKING:
    from store.rebuilt import Rebuilt

FEW: Final = 20  # messages of SQLite about a broken file
_SOURCES: Final = (
    'SELECT path, agent, parent, identity, size, mtime_ns, "offset", head, tail FROM source '
    "WHERE session_id = ? ORDER BY file"
)
_RANGE: Final = "SELECT count(*), max(seq) FROM item WHERE seq >= ? AND seq < ?"
_STRIPS: Final = "SELECT first, length(weights) / 2, length(ids) / 4 FROM strip WHERE session_id = ? ORDER BY first"


class Examined(Struct):
    """What was found. `sessions` counts those that can be opened; the numbers after it are of these."""

    path: str
    schema: int | None = None  # None: there is no database, or one that does not even say that
    bytes: int = 0
    sessions: int = 0
    rows: int = 0
    unchanged: int = 0  # their files are as they were
    grown: int = 0
    rewritten: int = 0  # no longer begin with what was read: they are read anew
    only_copies: int = 0  # their agents have deleted the files
    parts_only_here: int = 0  # their agents have deleted files of subagents
    older_fold: int = 0  # read by an earlier Playhead, to be read anew as long as there are files
    elsewhere: int = 0  # their files are on other hosts, and nobody looks for them here
    unfinished: int = 0  # an import is at them, or was killed; swept up by the next one
    replaced: int = 0  # read anew since; swept up, unless something is only in them
    beside: list[str] = field(default_factory=list)  # copies and files set aside that lie next to it
    trouble: list[str] = field(default_factory=list)
    counted: bool = True  # False: the file is too damaged for that, and nobody knows these numbers


COUNTS: Final = (
    "sessions", "rows", "unchanged", "grown", "rewritten", "only_copies", "parts_only_here", "older_fold", "elsewhere",
    "unfinished", "replaced",
)  # fmt: skip


def examine(db: Path) -> Examined:
    """Look everything over; reads the whole file. Raises StoreError when it cannot be looked at at all."""
    found = Examined(str(db))
    names = (f"{db.name}.{kind}-*" for kind in ("backup", "damaged", "foreign"))
    found.beside = sorted(
        path.name for name in names for path in db.parent.glob(name) if not path.name.endswith(("-wal", "-shm"))
    )
    url = place.server(db)
    if url is not None:
        found.path = place.name_of(url)
    elif not db.exists() or not db.stat().st_size:
        return found
    else:
        found.bytes = db.stat().st_size
        if reads.mark(db).exists():
            found.trouble.append("A window met broken pages.")
    try:
        with closing(reads.connect(db)) as connection:
            _look_over(connection, db, found)
    except reads.ServerError as error:
        raise error.told from error
    except sqlite3.Error as error:
        if (getattr(error, "sqlite_errorcode", 0) & 0xFF) not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise reads.trouble(error, db) from error
        found.trouble.append(f"The file is damaged: {error}.")
        found.counted = False
    return found


def _look_over(connection: reads.Connection, db: Path, found: Examined) -> None:
    found.schema, application = connection.execute(reads.VERSION).fetchone()
    if application != reads.APPLICATION:
        raise StoreError(f"{db} belongs to another program.")
    assert found.schema is not None  # noqa: S101 - for the type checker
    if found.schema > reads.SCHEMA:
        raise reads.newer(db, found.schema)
    if reads.is_file(connection):
        found.trouble += _integrity(connection)
    else:
        (found.bytes,) = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        found.trouble += _strays(connection)
    states = dict(connection.execute("SELECT state, count(*) FROM session GROUP BY state").fetchall())
    found.sessions = states.get("ready", 0)
    found.unfinished, found.replaced = states.get("staged", 0), states.get("old", 0)
    wanted = "SELECT id, key, rows, fold_version FROM session WHERE state = 'ready' ORDER BY id"
    for number, key, rows, version in connection.execute(wanted).fetchall():
        found.rows += rows
        found.trouble += [f"{key}: {what}" for what in _session(connection, number, rows)]
        if place.host_of(place.path_of(key, db), db):
            found.elsewhere += 1
        else:
            _files(connection, number, version, found)


def _integrity(connection: sqlite3.Connection) -> Iterator[str]:
    messages = [text for (text,) in connection.execute(f"PRAGMA integrity_check({FEW})")]
    if messages != ["ok"]:
        yield from (f"The file is damaged: {text}." for text in messages)
        return
    broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    if broken:
        tables = ", ".join(sorted({str(row[0]) for row in broken}))
        yield f"{len(broken):,} entries of {tables} belong to sessions that are not there."
    yield from _strays(connection)


def _strays(connection: reads.Connection) -> Iterator[str]:
    numbers = {number for (number,) in connection.execute("SELECT id FROM session")}
    lost = [number for number in _owners(connection) if number not in numbers]
    if lost:
        count = sum(connection.execute(_RANGE, _span(number)).fetchone()[0] for number in lost)
        yield f"{count:,} rows belong to {len(lost):,} sessions that are not there."


def _owners(connection: reads.Connection) -> Iterator[int]:
    """The sessions that rows say they are of; by steps, for there may be millions of rows."""
    seq = -1
    while True:
        (seq,) = connection.execute("SELECT min(seq) FROM item WHERE seq > ?", (seq,)).fetchone()
        if seq is None:
            return
        number = seq >> reads.ROW_BITS
        yield number
        seq = reads.key_of(number + 1, 0) - 1


def _span(number: int) -> tuple[int, int]:
    return reads.key_of(number, 0), reads.key_of(number + 1, 0)


def _session(connection: reads.Connection, number: int, rows: int) -> Iterator[str]:
    count, last = connection.execute(_RANGE, _span(number)).fetchone()
    if count != rows or (last is not None and last != reads.key_of(number, rows - 1)):
        yield f"it should have {rows:,} rows in a row, and has {count:,}."
    figures = connection.execute(_STRIPS, (number,)).fetchall()
    covered = [(first, min(reads.STRIP, rows - first)) for first in range(0, rows, reads.STRIP)]
    if [(first, weights) for first, weights, _ in figures] != covered or any(one != two for _, one, two in figures):
        yield "the figures of its rows do not match the rows."


def _files(connection: reads.Connection, number: int, version: int, found: Examined) -> None:
    sources = [Source(Path(path), *rest) for path, *rest in connection.execute(_SOURCES, (number,))]
    now = [look(source) for source in sources]
    missing = [source is not None and source.missing for source in now]
    if not missing or missing[0]:
        found.only_copies += 1
        return
    found.older_fold += version != FOLD_VERSION and not any(missing)
    found.parts_only_here += any(missing)
    if None in now:
        found.rewritten += 1
    elif any(source is not None and source.touched for source in now):
        found.grown += 1
    else:
        found.unchanged += 1


# ---- what the command says


class Answer(Struct):
    """The same for people and for programs."""

    well: bool
    told: dict[str, Any]
    lines: list[str]


def answer(db: Path | None = None, *, rebuild: bool = False, tell: Callable[[str], None] | None = None) -> Answer:
    """Examine, and rebuild if asked to; `tell` hears how far that is. Raises StoreError."""
    if db is None:
        from store.paths import data_dir

        db = data_dir() / "playhead.db"
    found = examine(db)
    told = to_builtins(found) | ({} if found.counted else dict.fromkeys(COUNTS))
    well, lines = not found.trouble, list(_lines(found))
    if rebuild and (found.schema is not None or not found.counted):
        from store import rebuild as rebuilding  # SQLAlchemy and the import: not for a look

        def at(done: int, total: int, key: str) -> None:
            if tell is not None:
                tell(f"{done + 1:,} of {total:,}: {key}")

        done = rebuilding.rebuild(db, at, broken=bool(found.trouble))
        told["rebuild"] = to_builtins(done)
        well = not any(not one.because for one in done.differs) and not found.trouble
        lines += _rebuilt(done, found)
    return Answer(well, told, lines)


def _lines(found: Examined) -> Iterator[str]:
    if found.schema is None and found.counted:
        yield f"{found.path}: there is no database yet."
        return
    sessions, rows = (f"{found.sessions:,}", f"{found.rows:,}") if found.counted else ("–", "–")
    schema = "–" if found.schema is None else found.schema
    yield f"{found.path}: schema {schema}, {found.bytes:,} bytes, {sessions} sessions, {rows} rows"
    for count, what in (
        (found.unchanged, "as their files are"),
        (found.grown, "whose files have grown"),
        (found.rewritten, "whose files have changed, and are read anew when they are opened"),
        (found.only_copies, "whose files are gone: this is the only copy"),
        (found.parts_only_here, "of which files of subagents are gone"),
        (found.older_fold, "read by an earlier version, and read anew when they are opened"),
        (found.elsewhere, "of other hosts"),
        (found.unfinished, "being imported, or left over from an import that was killed"),
        (found.replaced, "replaced by a newer reading"),
    ):
        if count and found.counted:
            yield f"  {count:>9,}  {what}"
    for name in found.beside:
        yield f"  beside it: {name}"
    for text in found.trouble:
        yield f"  trouble: {text}"


def _rebuilt(done: Rebuilt, found: Examined) -> Iterator[str]:
    if not found.counted and not done.made + done.copied:
        yield "Nothing could be read of it: playhead import reads every session that has a file."
        return
    stay, backup = ("copied", f" Backup: {done.backup}") if done.backup else ("left as they are", "")
    yield f"Made anew: {done.made:,} sessions; {stay}: {done.copied:,}; {done.rows:,} rows.{backup}"
    for one in done.differs:
        why = f" ({one.because})" if one.because else ""
        kinds = ", ".join(f"{kind} {was:,} → {now:,}" for kind, (was, now) in one.kinds.items())
        rows = f"rows {one.rows[0]:,} → {one.rows[1]:,}" if one.rows[0] != one.rows[1] else f"rows {one.rows[0]:,}"
        other = f"{one.other:,} of them say something else" if one.other else ""
        yield f"  differs: {one.key}{why}: {'; '.join(filter(None, (rows, kinds, other)))}"
    if not done.differs:
        yield "  Nothing differs from what was there."
