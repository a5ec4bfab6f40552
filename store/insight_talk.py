"""What the window and the process that makes its figures say to each other, a line of JSON each. For `store.insight_*`.

No rules and no figures in here: it is loaded by the window.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

FOLD: Final = "fold"  # a stream that is recorded: bring its digest up to its entries, and say no more
FOLLOW: Final = "follow"  # the same, and tell its figures
KEEP: Final = "keep"  # a file: take in what is new of it, then tell its figures
READ: Final = "read"  # a file that the database is to know nothing of: read it, and tell its figures

READY: Final = "ready"
NONE: Final = "none"  # nobody has said or done anything in it
FAILED: Final = "failed"


class Order(Struct, frozen=True, array_like=True):
    """One question. `have`: turns that whoever asks knows already, as they were told last."""

    key: str
    path: bytes
    how: str
    have: int = 0


class Turn(Struct, frozen=True, array_like=True, gc=False):
    """One turn of the main agent, for a line of the outline. None is not known, never 0."""

    number: int  # from 1
    item: str  # id of the row that it starts with; '' when that row is not known
    words: str  # the first of its prompt; '' when it has none
    ts: int | None  # microseconds UTC
    duration: int | None  # microseconds; None also while it is open
    status: str  # '' while it is open
    cost: int | None  # micro-dollars
    partial: bool  # some of its requests have no known price
    tokens: int  # what the agent wrote
    tools: int
    failed: int  # of these
    errors: int
    issues: int
    given: int = 0  # tokens that it was given, without what came out of the cache or went into it
    cached: int = 0  # read from the cache
    stored: int = 0  # written to it


class Spot(Struct, frozen=True, array_like=True, gc=False):
    """Where something went wrong."""

    item: str
    row: int  # from 0
    label: str


class Trouble(Struct, frozen=True, array_like=True):
    """One class of errors or issues: how many, and the first of them."""

    name: str
    severity: str  # error, warning, info
    count: int
    spots: list[Spot]


class Use(Struct, frozen=True, array_like=True):
    """One tool."""

    name: str
    calls: int
    failed: int
    first: Spot | None


class Told(Struct, frozen=True):
    """One answer. `turns` take the place of those from `first` on."""

    key: str
    state: str = READY
    why: str = ""  # a sentence, if it failed
    priced: bool = True  # False: a sketch without any cost; the whole answer follows
    first: int = 0
    turns: list[Turn] = []
    figures: dict[str, Any] = {}  # `store.digest_report.session_wire`, without its samples
    tools: list[Use] = []
    troubles: list[Trouble] = []


_encoder: Final = msgspec.json.Encoder()
_order: Final = msgspec.json.Decoder(Order)
_told: Final = msgspec.json.Decoder(Told)


def line(message: Order | Told) -> bytes:
    """As it goes through the pipe. Paths are bytes, because not all of them are text."""
    return _encoder.encode(message) + b"\n"


def order(line: bytes) -> Order:
    """Raises msgspec.DecodeError."""
    return _order.decode(line)


def told(line: bytes) -> Told:
    """Raises msgspec.DecodeError."""
    return _told.decode(line)
