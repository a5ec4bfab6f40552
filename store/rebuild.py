"""Makes what can be made from session files again, in a new database beside the old one, and says what differs.

For `playhead doctor --rebuild`. What has no file any more is copied as it is. The old file becomes a backup, which goes
with the next start of a window; nobody else writes into it meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from store.db import place, reads
from store.db.engine import open_engine, swap
from store.db.salvage import keys
from store.db.search import catch_up
from store.db.session_rows import OWN
from store.errors import StoreError
from store.intake import take_in
from store.known import Source, known, look
from store.rebuilt import Differs, Rebuilt, compare, said_by
from store.states import CLOSED

Tell = Callable[[int, int, str], None]  # sessions done, in all, the next one

_SOURCES: Final = (
    'SELECT path, agent, parent, identity, size, mtime_ns, "offset", head, tail FROM source '
    "WHERE session_id = ? ORDER BY file"
)
# Whole tables that are not about one session; what others refer to first.
_BESIDES: Final = ("catalog", "price", "import_run", "trigger", "trigger_session_threads", "delivery", "run")
_OF_SESSION: Final = ("source", "strip", "agent", "turn", "digest", "entry", "ledger", "request")
"""What goes with a session that is copied. Its rows are of no table's key, and the search makes its index anew."""


def rebuild(db: Path, tell: Tell | None = None, *, broken: bool = False) -> Rebuilt:
    """Do it. Raises StoreError; then the old database is as it was. A broken one is set aside and not compared."""
    if place.server(db) is not None:
        from store.rebuild_server import rebuild_in_place

        return rebuild_in_place(db, tell or _silent)
    fresh = db.with_name(f"{db.name}.rebuild")
    listed = keys(db) if broken else []
    if broken:
        reads.damage(db)  # opening it takes over what only it has
    open_engine(db).dispose()  # one of an earlier version is upgraded first, a broken one set aside
    _clear(fresh)
    done = Rebuilt()
    try:
        with closing(sqlite3.connect(db, isolation_level=None, timeout=10)) as old:
            old.execute("BEGIN IMMEDIATE")  # whoever writes now would write for nothing
            open_engine(fresh).dispose()
            _make(old, fresh, done, tell or _silent)
            for key in listed:
                _read_again(fresh, key, done)
            catch_up(fresh)
            with closing(sqlite3.connect(fresh, isolation_level=None)) as new:
                new.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        done.backup = swap(db, fresh).name
    except sqlite3.Error as error:
        raise reads.trouble(error, db) from error
    finally:
        _clear(fresh)
    return done


def _clear(fresh: Path) -> None:
    for suffix in ("", "-wal", "-shm", ".lock", ".index", ".damaged", ".said"):
        with suppress(FileNotFoundError):
            fresh.with_name(fresh.name + suffix).unlink()


def _silent(_done: int, _total: int, _key: str) -> None:
    """Nobody asked."""


def _make(old: sqlite3.Connection, fresh: Path, done: Rebuilt, tell: Tell) -> None:
    wanted = "SELECT id, key, state, rows, status FROM session WHERE state IN ('ready', 'old') ORDER BY id"
    sessions = old.execute(wanted).fetchall()
    numbers: dict[int, int] = {}
    for position, (number, key, state, rows, status) in enumerate(sessions):
        tell(position, len(sessions), key)
        sources = [Source(Path(path), *rest) for path, *rest in old.execute(_SOURCES, (number,))]
        now = [look(source) for source in sources]
        gone = not now or any(source is not None and source.missing for source in now)
        if state == "old" and not gone:
            continue  # it was read again since
        because = "" if all(source is not None and not source.touched for source in now) else "its file has changed"
        if not gone:
            try:
                outcome = take_in(fresh, Path(key), sources[0].offset if status in CLOSED else None)
            except StoreError as error:
                because, gone = str(error), True
            else:
                made = outcome.session
                if made is None:
                    gone = True  # its file has no content (any more): it stays as it is
                else:
                    numbers[number] = made
                    done.made += 1
                    done.rows += outcome.rows
                    with closing(sqlite3.connect(fresh)) as new:
                        compare(key, said_by(old, number), said_by(new, made), because, done)
        if gone:
            numbers[number] = _copy(old, fresh, number)
            done.copied += 1
            done.rows += rows
            if because and sources and not (now[0] is not None and now[0].missing):
                done.differs.append(Differs(key, (rows, rows), {}, because))
    _hand_over(old, fresh, numbers)


def _read_again(fresh: Path, key: str, done: Rebuilt) -> None:
    """A session of a database that was set aside."""
    found = known(Path(key), fresh)
    if found is not None:
        found.window.close()
        return
    try:
        outcome = take_in(fresh, Path(key))
    except StoreError as error:
        done.differs.append(Differs(key, (0, 0), {}, str(error)))
        return
    if outcome.session is not None:
        done.made += 1
        done.rows += outcome.rows


# ---- what is copied


def _copy(old: sqlite3.Connection, fresh: Path, number: int) -> int:
    """A session as it is, under a number of the new database."""
    with closing(sqlite3.connect(fresh, isolation_level=None)) as new:
        new.execute("BEGIN IMMEDIATE")
        columns, values = _row(old, "session", "id = ?", number)
        at = columns.index("id")
        rest = [name for name in columns if name != "id"]
        kept = [None if name == "parent_session_id" else value for name, value in zip(columns, values, strict=True)]
        sql = f"INSERT INTO session ({_names(rest)}) VALUES ({_marks(rest)})"  # noqa: S608 - columns of our own tables
        added = new.execute(sql, [*kept[:at], *kept[at + 1 :]]).lastrowid or 0
        for table in _OF_SESSION:
            _entries(old, new, table, number, added)
        base, moved = reads.key_of(number, 0), reads.key_of(added, 0) - reads.key_of(number, 0)
        names = _columns(old, "item")
        place = names.index("seq")
        read = f"SELECT {_names(names)} FROM item WHERE seq >= ? AND seq < ?"  # noqa: S608
        write = f"INSERT INTO item ({_names(names)}) VALUES ({_marks(names)})"  # noqa: S608
        rows = old.execute(read, (base, reads.key_of(number + 1, 0)))
        new.executemany(write, ((*row[:place], row[place] + moved, *row[place + 1 :]) for row in rows))
        new.execute("COMMIT")
    return added


def _entries(old: sqlite3.Connection, new: sqlite3.Connection, table: str, number: int, added: int) -> None:
    names = _columns(old, table)
    place = names.index("session_id")
    read = f"SELECT {_names(names)} FROM {table} WHERE session_id = ?"  # noqa: S608 - tables of our own
    # A request that another one has counted meanwhile stays that one's.
    write = f"INSERT OR IGNORE INTO {table} ({_names(names)}) VALUES ({_marks(names)})"  # noqa: S608
    rows = old.execute(read, (number,))
    new.executemany(write, ((*row[:place], added, *row[place + 1 :]) for row in rows))


def _hand_over(old: sqlite3.Connection, fresh: Path, numbers: dict[int, int]) -> None:
    """What no file says: the sessions' own columns, who belongs to whom, the books."""
    with closing(sqlite3.connect(fresh, isolation_level=None)) as new:
        new.execute("BEGIN IMMEDIATE")
        for was, now in numbers.items():
            columns, values = _row(old, "session", "id = ?", was)
            own = dict(zip(columns, values, strict=True))
            own["parent_session_id"] = numbers.get(own["parent_session_id"] or 0)
            wanted = ", ".join(f'"{name}" = ?' for name in OWN)
            new.execute(f"UPDATE session SET {wanted} WHERE id = ?", [*(own[name] for name in OWN), now])  # noqa: S608
        for table in _BESIDES:
            names = _columns(old, table)
            listed = _names(names)
            write = f'INSERT INTO "{table}" ({listed}) VALUES ({_marks(names)})'  # noqa: S608 - tables of our own
            new.executemany(write, old.execute(f'SELECT {listed} FROM "{table}"'))  # noqa: S608
        books = old.execute("SELECT ts, actor, action, session_id, detail FROM audit ORDER BY id")
        write = "INSERT INTO audit (ts, actor, action, session_id, detail) VALUES (?, ?, ?, ?, ?)"
        new.executemany(write, ((*row[:3], numbers.get(row[3] or 0), row[4]) for row in books))
        new.execute("COMMIT")


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [str(row[1]) for row in connection.execute(f"PRAGMA table_info('{table}')")]


def _row(connection: sqlite3.Connection, table: str, where: str, value: int) -> tuple[list[str], list[Any]]:
    cursor = connection.execute(f"SELECT * FROM {table} WHERE {where}", (value,))  # noqa: S608 - written here
    return [str(column[0]) for column in cursor.description], list(cursor.fetchone())


def _names(columns: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _marks(columns: list[str]) -> str:
    return ", ".join("?" * len(columns))
