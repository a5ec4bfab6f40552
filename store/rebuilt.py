"""What a rebuild did, and what is otherwise than before. For `store.rebuild` and `store.rebuild_server`."""

from __future__ import annotations

import sqlite3
import zlib
from array import array
from collections import Counter
from operator import ne
from typing import Final

import msgspec
from msgspec import Struct, field

from store.db import reads
from store.items import pack, unpack

_ROWS: Final = "SELECT kind, payload FROM item WHERE seq >= ? AND seq < ? ORDER BY seq"
_REV: Final = b"\xa3rev"  # how often a row was told anew: that follows how its bytes came, and is none of what it says


class Differs(Struct):
    """A session that is not what it was. `because`: its file has grown, or cannot be read."""

    key: str
    rows: tuple[int, int]
    kinds: dict[str, tuple[int, int]]
    because: str = ""
    other: int = 0  # rows that say something else than the ones before that stood there


class Rebuilt(Struct):
    """What a rebuild did. `copied`: sessions that stay as they were. `backup`: the old file; '' there is none."""

    made: int = 0
    copied: int = 0
    rows: int = 0
    differs: list[Differs] = field(default_factory=list)
    backup: str = ""


class Said(Struct, frozen=True):
    """The rows of a session, so far as they are compared: how many of each kind, and a hash of what each one says."""

    kinds: Counter[str]
    hashes: array[int]


def said_by(connection: reads.Connection | sqlite3.Connection, number: int) -> Said:
    """Reads all of them."""
    said = Said(Counter(), array("I"))
    for kind, payload in connection.execute(_ROWS, (reads.key_of(number, 0), reads.key_of(number + 1, 0))):
        said.kinds[kind] += 1
        said.hashes.append(zlib.crc32(_said(payload)))
    return said


def _said(payload: bytes) -> bytes:
    try:
        plain = zlib.decompress(payload) if payload[0] == reads.ZLIB else payload
        return pack(msgspec.structs.replace(unpack(plain), rev=0)) if _REV in plain else plain
    except reads.BROKEN:
        return payload  # another fold's, or nobody's: then it differs


def compare(key: str, before: Said, after: Said, because: str, done: Rebuilt) -> None:
    """Note a session that is not what it was."""
    was, now = before.kinds, after.kinds
    kinds = {kind: (was[kind], now[kind]) for kind in sorted({*was, *now}) if was[kind] != now[kind]}
    other = sum(map(ne, before.hashes, after.hashes))
    rows = len(before.hashes), len(after.hashes)
    if kinds or other or rows[0] != rows[1]:
        done.differs.append(Differs(key, rows, kinds, because, other))
