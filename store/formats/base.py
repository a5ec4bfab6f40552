"""The contract of a format: one file per agent in this package, found by folder; nothing else names an agent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from store.events import At, Event, SessionNamed

if TYPE_CHECKING:
    from store.sources.pieces import Pieces


class Record(Struct, frozen=True, gc=False):
    """One JSON value of a source, decoded, with the bytes it came from."""

    data: Any
    at: At  # file, offset, length; ts, agent and parent are for the reader to fill in
    raw: bytes = b""  # these, and the end of their line if they are one
    note: str = ""  # how it had to be read: 'surrogates', 'nan', 'joined', …; '' is the normal way


class Damage(Struct, frozen=True, gc=False):
    """Bytes that are no record: kept as a raw row and counted."""

    at: At
    reason: str  # one or two words: 'not JSON', 'cut off', 'NUL bytes', …
    raw: bytes = b""


class Reader(Protocol):
    """One per stream (per file). Remembers only what the wire leaves out. Must not raise on any JSON value."""

    def events(self, record: Record) -> Sequence[Event]:
        """The events of one record, in order. Nothing for bookkeeping; Unreadable for what is not understood.

        A reader of files that are one object, written whole each time, may have `rewritten(record)`: what is new in it
        since the record before, or None when it does not go on from that one. `whole` says that it was such an object.
        """
        ...


class Child(Struct, frozen=True, gc=False):
    """A further file of a session: a subagent's."""

    path: Path
    agent: str
    call: str | None = None  # item id of the tool call that started it, when known
    title: str = ""


class Inside(Struct, frozen=True, gc=False):
    """A session in a database. `size` is a guess: to know it takes reading it."""

    path: Path
    size: int
    mtime_ns: int


class Format(Struct, frozen=True):
    agent: str  # 'claude-code'
    title: str  # 'Claude Code'
    reader: Callable[[], Reader]
    claims: Callable[[bytes, Path | None], int]
    """(first 64 KB, path or None for a pipe) → confidence 0..100; the highest wins, 0 is 'not mine'."""
    where: Sequence[str] = ()  # folders to look in, with ~ and $VARIABLES
    owns: Callable[[PurePath], bool] | None = None  # path below such a folder → its name says it is a session
    deep: int = 64  # folders below them in which sessions may lie
    part_of: Callable[[Path], str] | None = None  # file that was named a session → the session it is part of, or ''
    base: Callable[[Path], Sequence[tuple[Path, int]]] | None = None  # session file → what it goes on from: a file, and
    # how many bytes of it; the earliest first. They are shown, and counted where they were made
    view: Callable[[Path], Pieces | None] | None = None  # what a session that is no file of its own is made of
    inside: Callable[[Path], Iterable[Inside]] | None = None  # database in `where` → its sessions. Raises OSError
    children: Callable[[Path], Iterable[Child]] | None = None  # session file → its subagent files as they are now
    named: Callable[[Path], SessionNamed | None] | None = None  # session file → what other files call that session
    beside: Callable[[Path, str], Iterable[Path]] | None = None  # session file, and what its agent calls the session if
    # that is known, else '' → folders where its subagents' files appear
    joins: Callable[[str], bool] | None = None  # name of a .jsonl file in one of them → it may be a subagent's
    alive: Callable[[Path], str | None] | None = None  # session file → busy, waiting, idle, if a program says so
    fork: Sequence[str] = ()  # the command that goes on with a copy of a session; {id} is its id
    kinds: Mapping[str, str] = {}  # tool name → dotted kind
    hidden: Mapping[str, str] = {}  # record type that is understood but not shown → why
    names: Callable[[dict[str, Any]], str] | None = None  # record → its type, where no `type` of its own says it
