"""Rows by row number for the screen, out of the database. Standard library only: this is first paint."""

from __future__ import annotations

import sqlite3
import zlib
from array import array
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from store.db import reads
from store.errors import StoreError
from store.events import ItemId
from store.items import Item, Raw

PATIENCE: Final = 1_000  # milliseconds that a server has to say whether it knows a session: its file can be read, too
SLOW: Final = 30_000  # and for what nobody waits for
BULK: Final = 512  # rows per statement where many are wanted
STRIPS: Final = 2  # strips of hashes that a window keeps: half a megabyte
WEIGHT: Final = 65_535  # of a row, at most: what it is estimated to need
_ITEMS: Final = "SELECT payload FROM item WHERE seq >= ? AND seq < ? ORDER BY seq"


def hash_of(item: ItemId) -> bytes:
    """What a strip has of a row's id."""
    return array("I", (zlib.crc32(item.encode("utf-8", "replace")),)).tobytes()


def places(hashes: bytes, wanted: bytes) -> Iterator[int]:
    """Where in a row of hashes one stands."""
    at = hashes.find(wanted)
    while at >= 0:
        if at % 4 == 0:
            yield at // 4
        at = hashes.find(wanted, at + 1)


class DbWindow:
    """A window on rows [0, length) of a session in the database. `close` it when it is not needed."""

    def __init__(
        self,
        path: Path,
        session: int,
        length: int,
        connection: reads.Connection | None = None,
        *,
        kept: bool = False,
    ) -> None:
        """`kept`: another version folded the rows, and no file is left to fold them again."""
        self.path = path
        self.kept = kept
        self._unpress = _unpress if kept else reads.unpress
        self.session = session
        self._length = length
        self._ids: dict[int, bytes] = {}  # some strips of hashes
        self._version: list[tuple[Any, ...]] = []  # of the database, when they were read
        try:
            self._connection = connection or reads.connect(path, PATIENCE)
        except sqlite3.Error as error:
            raise reads.trouble(error, path) from error

    @property
    def length(self) -> int:
        return self._length

    def close(self) -> None:
        self._connection.close()

    def again(self, patience: int) -> DbWindow:
        """The same with a connection of its own, for another thread; a server has so many milliseconds."""
        try:
            connection = reads.connect(self.path, patience)
        except sqlite3.Error as error:
            raise reads.trouble(error, self.path) from error
        return DbWindow(self.path, self.session, self._length, connection, kept=self.kept)

    def read(self, first: int, count: int) -> list[Item]:
        first, stop = max(0, first), min(self._length, first + count)
        if stop <= first:
            return []
        base = reads.key_of(self.session, 0)
        found = self._ask(_ITEMS, base + first, base + stop)
        if len(found) != stop - first:
            raise StoreError(f"Rows of this session are gone from {self.path}: open the session again.")
        unpress = self._unpress
        try:
            return [unpress(payload) for (payload,) in found]
        except reads.BROKEN as error:
            raise reads.damage(self.path) from error

    def run(self, first: int, end: int) -> Iterator[Item]:
        """Rows [first, end), one after the other, over a connection of their own: on a worker. Raises StoreError."""
        with closing(self.again(SLOW)) as window:
            for at in range(first, end, BULK):
                yield from window.read(at, min(BULK, end - at))

    def failing(self, first: int, end: int, by: int) -> Iterator[tuple[int, Item]]:
        """The same of those that tell of a failure; see `Runs`."""
        from store.failing import failing

        with closing(self.again(SLOW)) as window:
            yield from failing(window, window._connection, max(0, first), min(end, self._length), by)

    def weights(self) -> array[int]:
        weights = array("H")
        for (data,) in self._strips("weights"):
            weights.frombytes(data)
        del weights[self._length :]
        return weights

    def nested(self) -> array[int]:
        pairs = array("i")
        for (data,) in self._strips("nested"):
            pairs.frombytes(data)
        while len(pairs) and pairs[-2] >= self._length:  # the session grew since this window was opened
            del pairs[-2:]
        return pairs

    def hashes(self) -> bytes:
        """What `places` looks for, of all rows: four bytes each."""
        return b"".join(data for (data,) in self._strips("ids"))[: 4 * self._length]

    def find(self, item: ItemId) -> int | None:
        wanted = hash_of(item)
        version = self._ask("PRAGMA data_version")
        if version != self._version:
            self._version, self._ids = version, {}
        # Newest first, because what is asked for is nearly always near the end.
        for (first,) in self._ask("SELECT first FROM strip WHERE session_id = ? ORDER BY first DESC", self.session):
            for at in places(self._ids_of(first), wanted):
                row = first + at
                if row < self._length and self.read(row, 1)[0].id == item:
                    return int(row)
        return None

    def _ids_of(self, first: int) -> bytes:
        """One strip of hashes. The last two stay in memory: whoever asks for one item nearly always asks for more."""
        data = self._ids.get(first)
        if data is None:
            sql = "SELECT ids FROM strip WHERE session_id = ? AND first = ?"
            found = self._ask(sql, self.session, first)
            data = found[0][0] if found else b""
            if len(self._ids) >= STRIPS:
                del self._ids[next(iter(self._ids))]
            self._ids[first] = data
        return data

    def _strips(self, column: str) -> list[tuple[Any, ...]]:
        return self._ask(f"SELECT {column} FROM strip WHERE session_id = ? ORDER BY first", self.session)  # noqa: S608

    def _ask(self, sql: str, *values: int) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise reads.trouble(error, self.path) from error


def _unpress(payload: bytes) -> Item:
    """A row of another version: one that is not understood says so, and is no damage."""
    try:
        return reads.unpress(payload)
    except reads.BROKEN as error:
        id = ItemId(f"kept:{zlib.crc32(payload):08x}")
        return Raw(id=id, reason=f"kept by another version of Playhead and not understood ({error})")
