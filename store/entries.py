"""What a session's digest is folded from: one small fact per event that counts, without any text of the session.

Entries are append-only and dense: the n-th one of a session has seq n. `store.ledger` makes them next to the rows,
`store.digest` folds them, live and from wherever they are kept; packed and compressed they take some 20 bytes each.
Figures are folded from entries and not from rows: a row is only its newest version, and a digest of versions could not
say in which order things happened.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TypeAlias

import msgspec
from msgspec import Struct

from store.events import Tokens


class Base(Struct, frozen=True, gc=False, array_like=True):
    row: int = -1  # the row that shows it: its session ordinal, what anchors point to; -1 is none of its own
    ts: int | None = None  # microseconds UTC
    agent: str = ""  # '' is the main agent


class Joined(Base, frozen=True, gc=False, array_like=True, tag=0):
    """A subagent comes in: always its first entry."""

    parent: str = ""  # id of the tool call that started it


class Started(Base, frozen=True, gc=False, array_like=True, tag=1):
    """A turn starts: a prompt was given, or a program says so."""

    turn: str = ""
    prompt: bool = False  # it is the prompt itself, not a word about one
    joins: bool = False  # where a turn is open already it belongs to that one: what was typed while the agent worked


class Said(Base, frozen=True, gc=False, array_like=True, tag=2):
    """Content. Opens a turn where none is open."""

    what: str = "text"  # text, thought, input (of the user, or what is given to the agent like it)


class Called(Base, frozen=True, gc=False, array_like=True, tag=3):
    id: str = ""
    name: str = ""
    shape: str = ""  # how the wire spells the key of the id, where a format can tell


class Answered(Base, frozen=True, gc=False, array_like=True, tag=4):
    """The result of a call, or an update of it."""

    id: str = ""
    status: str = "ok"  # ok, failed, cancelled; background: launched, its end comes later; else it is still running
    name: str = ""
    known: bool = False  # its call has a row; false: whoever folds has to know the call
    update: bool = False  # says how it goes, which nobody owes: never an orphan
    shape: str = ""


class Asked(Base, frozen=True, gc=False, array_like=True, tag=5):
    """The agent waits for permission for a call."""

    id: str = ""
    name: str = ""


class Settled(Base, frozen=True, gc=False, array_like=True, tag=6):
    """The question about that call is answered or taken back."""

    id: str = ""


class Failed(Base, frozen=True, gc=False, array_like=True, tag=7):
    """An error that is neither a tool's nor a turn's."""

    kind: str = ""


class Used(Base, frozen=True, gc=False, array_like=True, tag=8):
    """What a request took, further to what was told of it before."""

    tokens: Tokens = Tokens()
    whole: int = 0  # all input of the request, cached or not: some prices depend on it


class Ended(Base, frozen=True, gc=False, array_like=True, tag=9):
    """The agent is idle again."""

    status: str | None = None  # None says nothing, which is success
    reason: str = ""  # why it stopped
    cost: int | None = None  # micro-dollars of the turn, when the agent tells them
    used: tuple[Tokens, ...] = ()  # per LLM, when the agent tells it: then it counts instead of the requests
    duration: int | None = None  # microseconds, as told
    since: bool = False  # cost and used are of everything since the last end that told them, not of this turn alone


class Shown(Base, frozen=True, gc=False, array_like=True, tag=10):
    """A row that is no content: a notice, a plan, what was put between, what was not understood."""


class Taken(Base, frozen=True, gc=False, array_like=True, tag=11):
    """Rows from `row` on are gone."""


class Sealed(Base, frozen=True, gc=False, array_like=True, tag=12):
    """Nothing more will come: archived, crashed, stopped."""


Entry: TypeAlias = (
    Joined | Started | Said | Called | Answered | Asked | Settled | Failed | Used | Ended | Shown | Taken | Sealed
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[list[Entry]] = msgspec.msgpack.Decoder(list[Entry])


def pack(entries: Iterable[Entry]) -> bytes:
    """Some entries as bytes for the database."""
    return _encoder.encode(list(entries))


def unpack(data: bytes) -> list[Entry]:
    """What `pack` was given."""
    return _decoder.decode(data)


def press(entries: Iterable[Entry]) -> bytes:
    """The same, compressed: how they lie in the database."""
    return zlib.compress(pack(entries), 1)


def unpress(data: bytes) -> list[Entry]:
    """What `press` was given."""
    return unpack(zlib.decompress(data))
