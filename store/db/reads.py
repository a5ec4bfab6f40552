"""Reading the archive with the standard library alone: the GUI thread's way in, before and without SQLAlchemy.

Also what readers and writers must agree on: the numbers of the schema, how a row's key is made, how payloads lie.
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol, TypeGuard, TypeVar
from urllib.parse import quote

import msgspec

from store.db import place
from store.errors import StoreError
from store.items import Item, pack, unpack

SCHEMA: Final = 8  # PRAGMA user_version: the number of the last revision in `migrations/`, kept in step with it
APPLICATION: Final = 0x504C4159  # PRAGMA application_id: tells our files from other programs'
VERSION: Final = "SELECT user_version, application_id FROM pragma_user_version, pragma_application_id"
STARTED: Final = time.time()  # of this process, nearly: what is older was there before
ROW_BITS: Final = 32  # item.seq = session << ROW_BITS | row: one integer key, appended in order
STRIP: Final = 65_536  # rows per record of table `strip`
BIG: Final = 15_360  # payloads above are compressed: those that do not fit into a page
ZLIB: Final = 0x78  # first byte of zlib data; MessagePack maps never begin with it
PATIENCE: Final = 30.0  # seconds that an import waits for whoever holds the database

BROKEN: Final = (zlib.error, msgspec.DecodeError, UnicodeDecodeError, IndexError, TypeError)

T = TypeVar("T")


def key_of(session: int, row: int) -> int:
    """The primary key of a row."""
    return session << ROW_BITS | row


def press(item: Item) -> bytes:
    """The item as it lies in the database."""
    payload = pack(item)
    return payload if len(payload) <= BIG else squeeze(payload)


def squeeze(payload: bytes) -> bytes:
    """A big payload, compressed if that is worth it."""
    small = zlib.compress(payload, 1)
    return small if len(small) < len(payload) * 0.9 else payload


def unpress(payload: bytes) -> Item:
    """The item that `press` was given. Raises BROKEN when it is not what was written."""
    return unpack(zlib.decompress(payload) if payload[0] == ZLIB else payload)


class Rows(Protocol):
    """What a statement found."""

    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """What readers need of a connection: sqlite3's own has it, and the one to a server."""

    def execute(self, sql: str, values: Sequence[Any] = ..., /) -> Rows: ...
    def interrupt(self) -> None: ...
    def close(self) -> None: ...


def there(path: Path) -> bool:
    """Whether there is something to read: a file that is not known to be damaged, or a server in its place."""
    return place.server(path) is not None or (path.exists() and not mark(path).exists())


def connect(path: Path, patience: int | None = None) -> Connection:
    """A read-only connection to the archive, usable from any one thread at a time. Raises sqlite3.Error.

    `patience`: milliseconds that a server has for a statement.
    """
    url = place.server(path)
    if url is None:
        return connect_file(path)
    try:
        from store.db import reads_postgres  # psycopg: only for who has a server
    except ImportError as error:
        raise unequipped(error) from error
    return reads_postgres.connect(url) if patience is None else reads_postgres.connect(url, patience)


def is_file(connection: Connection) -> TypeGuard[sqlite3.Connection]:
    """Whether it reads a file."""
    return isinstance(connection, sqlite3.Connection)


def connect_file(path: Path) -> sqlite3.Connection:
    """The same to a file, also where a server holds the archive: the list of last time lies in it."""
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    connection = _open(uri)
    try:
        connection.execute("PRAGMA schema_version")
    except sqlite3.OperationalError:
        connection.close()
        if path.with_name(path.name + "-wal").exists():
            raise
        # A folder that cannot be written has no place for the WAL's index; without a WAL the file alone is the truth.
        connection = _open(uri + "&immutable=1")
    return connection


def _open(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, timeout=1.0, isolation_level=None, check_same_thread=False)


class ServerError(sqlite3.OperationalError):
    """What went wrong with a server, as the kind of error that whoever reads expects."""

    told: StoreError
    sqlite_errorcode = 0


def unequipped(error: ImportError) -> ServerError:
    """What to raise where the driver is not there."""
    found = ServerError(str(error))
    found.told = StoreError(f"{place.VARIABLE} is set, but psycopg is missing: install playhead[postgres] ({error}).")
    return found


class BusyError(StoreError):
    """Another program writes; later it will not."""


def patiently(do: Callable[[], T], between: Callable[[], bool | None] = lambda: None) -> T:
    """Again from the start while another program holds the database, if nobody says meanwhile that it is enough."""
    end: float | None = None  # from the first refusal on: what is done may have taken longer than that by then
    while True:
        try:
            return do()
        except BusyError:  # SQLite has waited for seconds before it gave up
            end = end or time.monotonic() + PATIENCE
            if between() or time.monotonic() >= end:
                raise


class DamagedError(StoreError):
    """The database file itself is broken. Whoever opens it next for writing sets it aside."""


def mark(path: Path) -> Path:
    """The file that says so: damage is often met by a reader, and only a writer can begin anew."""
    return path.with_name(path.name + ".damaged")


def backup(path: Path, version: int) -> Path:
    """What an upgrade from a version leaves beside the database."""
    return path.with_name(f"{path.name}.backup-{version}")


def drop_backups(path: Path) -> None:
    """The database serves its second start since it was upgraded: the copies of what it was before may go."""
    for copy in path.parent.glob(f"{path.name}.backup-*"):
        with suppress(OSError):  # gone meanwhile, or a folder that cannot be written: it does no harm
            if copy.stat().st_mtime < STARTED:
                copy.unlink()


def said(path: Path) -> Path:
    """Where it is written what has happened to the database, until a window has said so."""
    return path.with_name(path.name + ".said")


def take_said(path: Path) -> str:
    """What is to be said about the database, once; '' is nothing."""
    file = said(path)
    try:
        text = file.read_text("utf-8")
        file.unlink()
    except (OSError, UnicodeDecodeError):
        return ""
    return text


def damage(path: Path) -> DamagedError:
    """What to raise when the file turns out to be broken."""
    with suppress(OSError):
        mark(path).touch()
    return DamagedError(f"{path} is damaged: open the session again; the file is set aside and the session read anew.")


def trouble(error: sqlite3.Error, path: Path) -> StoreError:
    """One sentence for an error of the database: what is wrong and what to do."""
    if isinstance(error, ServerError):
        return error.told
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    match code:
        case sqlite3.SQLITE_FULL:
            text = f"The disk with {path} is full: free some space, then try again."
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return BusyError(f"{path} is locked by another program: close it, or try again in a moment.")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            text = f"{path} cannot be written: check the owner and mode of its folder."
        case sqlite3.SQLITE_CANTOPEN:
            text = f"{path} cannot be opened: check that its folder exists and can be written."
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return damage(path)
        case sqlite3.SQLITE_IOERR:
            text = f"{path} could not be read or written ({error}): check the disk and the space left on it."
        case _:
            text = f"{path} cannot be used: {error}."
    return StoreError(text)


def newer(path: Path | str, version: int) -> StoreError:
    """The refusal of a database that a later Playhead made. Text: the name of one on a server."""
    other = "PLAYHEAD_DATA_DIR to another folder" if isinstance(path, Path) else f"{place.VARIABLE} to another database"
    return StoreError(
        f"{path} belongs to a newer Playhead (schema {version}, this one knows {SCHEMA}): "
        f"get that version, or set {other}."
    )


def unfit(path: Path, version: int) -> StoreError:
    """What to raise where a reader finds a database of another version: who writes makes an earlier one right."""
    if version > SCHEMA:
        url = place.server(path)
        return newer(path if url is None else place.name_of(url), version)
    return StoreError(f"{path} is of an earlier version: start Playhead once, then ask again.")
