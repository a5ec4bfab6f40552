"""Takes out of a database that was set aside what only it had, row by row, as far as its pages can be read.

Engine calls it when the new database is made, while nobody else opens it, and again if it was interrupted. Sessions
whose files are there are read anew by whoever wants them; of those only what no file says is taken over.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator, Set
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct
from sqlalchemy import Engine

from store import facts as facts_
from store.db import reads
from store.db.figures import Copied
from store.db.rows import Rows
from store.db.salvage_runs import take_over
from store.db.session_rows import OWN
from store.db.writer import Writer
from store.draft import Draft
from store.events import ItemId
from store.facts import Facts
from store.fold import Put, State
from store.items import Item, Notice, Tool
from store.known import Source
from store.ledger import LEDGER_VERSION
from store.sources import views

log = logging.getLogger(__name__)

CHUNK: Final = 512  # rows asked for at once
UNKNOWN: Final = "unknown"  # the path of a file whose name cannot be read
FAR: Final = 64  # chunks in which nothing is found: there is no more
HIGH: Final = 1 << 62  # a number that takes more than a database has
TRIES: Final = 20_000  # ranges in a row that cannot be read: there is no more
MOST: Final = (1 << 63 - reads.ROW_BITS) - 1  # the highest number of a session whose rows have keys
ROW_BYTES: Final = 8  # that a row takes at least
_SESSION: Final = "SELECT * FROM session WHERE id >= ? AND id < ?"
_IDS: Final = "SELECT id FROM session WHERE id >= ? AND id < ?"
_IDS_OF_FILES: Final = "SELECT session_id AS id FROM source WHERE session_id >= ? AND session_id < ?"
_FILES: Final = "SELECT * FROM source WHERE session_id >= ? AND session_id < ?"
_ITEMS: Final = "SELECT seq, payload FROM item WHERE seq >= ? AND seq < ?"
_NEXT: Final = "SELECT min(seq) FROM item WHERE seq >= ? AND seq < ?"
_LEDGER: Final = "SELECT * FROM ledger WHERE session_id >= ? AND session_id < ?"
_ENTRIES: Final = "SELECT first, data FROM entry WHERE session_id = ? ORDER BY first"

Record: TypeAlias = dict[str, Any]


class Found(Struct):
    """What was taken over, and what was not."""

    sessions: int = 0
    rows: int = 0
    lost: int = 0  # rows of these sessions that could not be read
    nameless: int = 0  # sessions with rows of which nothing says any more which they are


def salvage(engine: Engine, path: Path, old: Path) -> Found:
    """Take over from `old` into the database at `path`, and leave a word about it for the window."""
    found = Found()
    with closing(Writer(path, engine)) as writer:
        if old.exists():
            try:
                with closing(reads.connect_file(old)) as connection:
                    take_over(writer, connection)
                    _all(connection, writer, found)
            except sqlite3.Error as error:
                log.warning("nothing more can be read of %s: %s", old, error)
            text = words(path, old, found)
            writer.note("database set aside", text)
            reads.said(path).write_text(text, "utf-8")
    return found


def words(path: Path, old: Path, found: Found) -> str:
    """One or two sentences for the user."""
    foreign = old.name.startswith(f"{path.name}.foreign-")
    was = "belonged to another program" if foreign else "was damaged"
    text = f"{path.name} {was}: it was set aside as {old.name}, and sessions are read again from their files."
    if found.sessions:
        what = "1 session" if found.sessions == 1 else f"{found.sessions:,} sessions"
        text += f" {what} whose files are gone came over, with {found.rows:,} rows"
        text += f"; {found.lost:,} rows could not be read." if found.lost else "."
    if found.nameless:
        what = "1 session has" if found.nameless == 1 else f"{found.nameless:,} sessions have"
        text += f" {what} lost the name: if the file is gone, too, the rows are only in what was set aside."
    return text


def keys(old: Path) -> list[str]:
    """The sessions that a database has, as far as it can be read."""
    found: list[str] = []
    try:
        with closing(reads.connect_file(old)) as connection:
            connection.row_factory = sqlite3.Row
            for number in _numbers(connection):
                session = next(_readable(_asker(connection, _SESSION), number, number + 1), None)
                if session is not None and session["state"] == "ready":
                    found.append(session["key"])
    except sqlite3.Error as error:
        log.warning("no more sessions can be read of %s: %s", old, error)
    return found


def _all(connection: sqlite3.Connection, writer: Writer, found: Found) -> None:
    connection.row_factory = sqlite3.Row
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {"session", "item", "source"} <= names:
        return  # another program's
    numbers = _numbers(connection)
    found.nameless = _nameless(connection, set(numbers))
    for number in numbers:
        session = next(_readable(_asker(connection, _SESSION), number, number + 1), None)
        if session is not None and session.get("state") != "ready":
            continue
        files = _files(connection, number)
        key = session["key"] if session is not None else str(files[0].path) if files else ""
        if not isinstance(key, str) or key in ("", UNKNOWN) or "\0" in key or writer.has(key):
            continue  # nobody could find it; or it came over before we were interrupted
        if files:  # the key is the path of the main file: one of the two may have a broken letter
            files[0] = msgspec.structs.replace(files[0], path=Path(key))
        own = {name: session[name] for name in OWN if session.get(name) is not None} if session is not None else {}
        own |= {"parent_session_id": None, "fold_version": 0}  # that number is another one here
        paths = {key, *(str(file.path) for file in files)} - {UNKNOWN}
        if all(map(views.exists, paths)):
            if own.get("user_title") or own.get("status") == "archived" or own.get("origin", "file") != "file":
                _one(writer, key, iter(()), session or {}, files, own)
            continue
        own["missing"] = int(not views.exists(key))
        rows = _items(connection, number, None if session is None else session["rows"], found)
        lost = found.lost

        def entries(number: int = number, lost: int = lost) -> Copied | None:
            # They name rows by their numbers, which are others behind a gap.
            return _entries(connection, number) if found.lost == lost else None

        found.rows += _one(writer, key, rows, session or {}, files, own, entries)
        found.sessions += 1


def _numbers(connection: sqlite3.Connection) -> list[int]:
    """The sessions there are, also those of which only files are left."""
    last = 0
    for sql in (
        "SELECT seq FROM sqlite_sequence WHERE name = 'session'",
        "SELECT max(id) FROM session",
        "SELECT max(session_id) FROM source",
    ):
        for (number,) in _readable(lambda *_, sql=sql: connection.execute(sql).fetchall(), 0, 1):
            if type(number) is int and number <= MOST:
                last = max(last, number)
    asked = (_asker(connection, _IDS), _asker(connection, _IDS_OF_FILES))
    return sorted({row["id"] for ask in asked for row in _readable(ask, 1, last + 1)})


def _nameless(connection: sqlite3.Connection, numbers: Set[int]) -> int:
    """How many other sessions there are rows of."""
    count = number = 0
    for _ in range(TRIES):
        try:
            (seq,) = connection.execute(_NEXT, (reads.key_of(number, 0), reads.key_of(MOST, 0))).fetchone()
        except sqlite3.DatabaseError:
            number += 1
            continue
        if seq is None:
            break
        number = seq >> reads.ROW_BITS
        count += number not in numbers
        number += 1
    return count


def _asker(connection: sqlite3.Connection, sql: str) -> Callable[[int, int], list[Record]]:
    return lambda low, high: [dict(row) for row in connection.execute(sql, (low, high))]


def _readable(ask: Callable[[int, int], list[Any]], low: int, high: int) -> Iterator[Any]:
    """What lies in [low, high), as far as it can be read: a range that fails as a whole is tried in halves.

    A number with a flipped bit can make a broken page stand for 2⁶² keys: after TRIES in vain the rest is given up.
    """
    left = TRIES
    ranges = [(low, high)]  # those to try, the lowest last
    while ranges:
        low, high = ranges.pop()
        try:
            found = ask(low, high)
        except sqlite3.DatabaseError:
            left -= 1
            if not left:
                log.warning("keys from %d on are given up: too much around them cannot be read", low)
                return
            if high - low > 1:
                middle = (low + high) // 2
                ranges += [(middle, high), (low, middle)]
            continue
        if found:
            left = TRIES
        yield from found


def _files(connection: sqlite3.Connection, number: int) -> list[Source]:
    rows = _readable(_asker(connection, _FILES), number, number + 1)
    known: dict[int, Source] = {}
    for row in rows:
        try:
            path = row["path"] if "\0" not in row["path"] else UNKNOWN
            known[int(row["file"])] = Source(
                Path(path), str(row["agent"]), row["parent"], str(row["identity"]), int(row["size"]),
                int(row["mtime_ns"]), int(row["offset"]), bytes(row["head"]), bytes(row["tail"]),
            )  # fmt: skip
        except (TypeError, ValueError):
            continue  # a broken page may say anything
    # Their numbers are those that the rows' spans count: an unreadable one keeps its place.
    unknown = Source(Path(UNKNOWN), "", None, "", 0, 0, 0, b"", b"")
    return [known.get(file, unknown) for file in range(max(known, default=-1) + 1)]


def _items(connection: sqlite3.Connection, number: int, count: int | None, found: Found) -> Iterator[Item]:
    """The rows in order; where some are lost, a row says how many."""
    base = reads.key_of(number, 0)
    ask = _asker(connection, _ITEMS)
    if count is not None and count > _room(connection):
        count = None  # a broken page may say anything
    wanted = nothing = 0
    first = 0
    while first < count if count is not None else nothing < FAR:
        stop = first + CHUNK if count is None else min(first + CHUNK, count)
        had = wanted
        for record in _readable(ask, base + first, base + stop):
            row = record["seq"] - base
            if row < wanted:
                continue  # a broken page may say anything
            try:
                item = reads.unpress(record["payload"])
            except reads.BROKEN:
                continue
            if not (0 <= item.turn < HIGH and -HIGH < (item.ts or 0) < HIGH):
                continue
            if row > wanted:
                found.lost += row - wanted
                yield _gap(wanted, row)
            wanted = row + 1
            yield item
        nothing = 0 if wanted > had else nothing + 1
        first = stop
        if nothing and count is not None and count > stop:
            first = _next(connection, base + stop, base + count) - base
    if count is not None and wanted < count:
        found.lost += count - wanted
        yield _gap(wanted, count)


def _room(connection: sqlite3.Connection) -> int:
    """More rows than this have no room in the file."""
    (pages,), (size,) = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    return int(pages) * int(size) // ROW_BYTES


def _next(connection: sqlite3.Connection, low: int, high: int) -> int:
    """The next key that there may be something at: a long gap is not asked for piece by piece."""
    try:
        (found,) = connection.execute(_NEXT, (low, high)).fetchone()
    except sqlite3.DatabaseError:
        return low
    return high if found is None else int(found)


def _gap(first: int, stop: int) -> Item:
    lost = "1 row is" if stop - first == 1 else f"{stop - first:,} rows are"
    text = f"{lost} missing here: the database was damaged, and the agent has deleted the file."
    return Notice(id=ItemId(f"lost:{first}"), kind="lost", level="warning", text=text)


def _entries(connection: sqlite3.Connection, number: int) -> Copied | None:
    """What figures are folded from, if all of it can be read."""
    ledger = next(_readable(_asker(connection, _LEDGER), number, number + 1), None)
    if ledger is None or ledger["version"] != LEDGER_VERSION:
        return None
    try:
        pieces = connection.execute(_ENTRIES, (number,)).fetchall()
        values = int(ledger["entries"]), int(ledger["refused"]), bytes(ledger["state"])
        return Copied([(int(first), bytes(data)) for first, data in pieces], *values)
    except (sqlite3.DatabaseError, TypeError, ValueError) as error:
        log.warning("session %d comes over without its figures: %s", number, error)
        return None


def _one(
    writer: Writer,
    key: str,
    items: Iterator[Item],
    session: Record,
    files: list[Source],
    own: dict[str, Any],
    entries: Callable[[], Copied | None] = lambda: None,
) -> int:
    """Write one session. It cannot go on, so its fold is that of version 0: should its file come back, it is read."""
    state = State(0, session.get("turn") or 0)
    draft = Draft(key, "file")
    callers: dict[ItemId, int] = {}
    rows = Rows(0, state, find=callers.get)
    for row, item in enumerate(items):
        if type(item) is Tool and item.kind == "tool.agent":
            callers[item.id] = row
        rows.add([Put(row, item)])
        if len(rows.pending) >= CHUNK:
            writer.put(draft, rows, rows.take())
    state.rows = rows.rows
    agent = session.get("agent") or (files[0].agent if files else "")
    files = files or [Source(Path(key), agent, None, "", 0, 0, 0, b"", b"")]
    writer.publish(draft, rows, rows.take(), state, _facts(session), agent, files, own, entries())
    return rows.rows


def _facts(session: Record) -> Facts:
    try:
        facts = facts_.load(session["facts"])
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
        return _told(session)
    return facts if all(-HIGH < (time or 0) < HIGH for time in (facts.started, facts.updated)) else _told(session)


def _told(session: Record) -> Facts:
    """What the columns say."""
    words = ("agent_session", "title", "cwd", "branch")
    id, title, cwd, branch = (str(session.get(name) or "") for name in words)
    facts = Facts(id, title, 0, cwd, branch, session.get("llm") or None)
    facts.started, facts.updated = session.get("started"), session.get("updated")
    return facts
