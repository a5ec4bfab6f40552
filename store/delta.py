"""What the store tells the screen: a Delta per session and tick, and the Window over rows that lie in the database."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct

from store.attach import Attached
from store.events import ItemId
from store.items import Item


class Waiting(Struct, frozen=True, gc=False):
    """A prompt that waits to be sent. `trouble`: why it could not be."""

    id: str
    text: str
    editing: bool = False
    trouble: str = ""
    files: tuple[Attached, ...] = ()


class Header(Struct, frozen=True, gc=False):
    """What the session's header shows. None and '' are unknown, never zero."""

    id: str = ""
    agent: str = ""  # the format's name: claude-code, …
    title: str = ""
    cwd: str = ""
    branch: str = ""
    llm: str = ""
    mode: str = ""
    adapter: str = ""
    version: str = ""
    used: int | None = None  # context tokens
    size: int | None = None
    state: str = "idle"  # running, waiting, compacting, idle, ended, failed
    pending: bool = False  # a prompt is being worked on
    started: int | None = None  # microseconds UTC
    updated: int | None = None  # of the newest record, in whole seconds
    queued: tuple[Waiting, ...] = ()  # in the order in which they go out
    trouble: str = ""  # one sentence for the user: the file was deleted, cannot be read, …
    draft: bool = False  # nothing was said in it yet, so it is not saved; a stream that is only shown is none
    partial: bool = False  # only its end was read so far: what its beginning says is not known


class Window(Protocol):
    """Rows [0, length) that can be read by row number at any time, in any order. Never changes."""

    @property
    def length(self) -> int: ...

    def read(self, first: int, count: int) -> Sequence[Item]:
        """The items of rows [first, first + count). About 0.1 ms for 64 of them; raises StoreError."""
        ...

    def weights(self) -> array[int]:
        """Per row an estimate of its size: min(65535, characters of text). array('H'), one per row."""
        ...

    def nested(self) -> array[int]:
        """Flat pairs (row, parent row) of the rows that belong to a subagent, in row order. array('i')."""
        ...

    def find(self, item: ItemId) -> int | None:
        """The row of an item, or None."""
        ...


@runtime_checkable
class Runs(Window, Protocol):
    """A Window of which many rows may be read on a worker."""

    def run(self, first: int, end: int) -> Iterator[Item]:
        """Rows [first, end), however long it takes. Raises StoreError."""
        ...

    def failing(self, first: int, end: int, by: int) -> Iterator[tuple[int, Item]]:
        """Row and item of those among [first, end) that tell of a failure (`failed` in `items`); `by` < 0: the last
        one first. Costs what there are of them, not what there are rows. Raises StoreError."""
        ...


@runtime_checkable
class Late(Window, Protocol):
    """A Window that nobody waits for. `read` may say LaterError: then `arrived` (first, count, here) is called when it
    is worth to ask again, on any thread; `here`: with an answer, else the question was given up for newer ones."""

    arrived: Callable[[int, int, bool], None] | None

    def candidates(self, item: ItemId) -> Sequence[int]:
        """The rows that may be this item, the newest first. None of them: there is no such row."""
        ...

    def may_be(self, row: int, item: ItemId) -> bool:
        """Whether a row may be this item."""
        ...


class Rebase(Struct, frozen=True, gc=False):
    """The whole session was read: what was shown of its end now stands on a window of everything before."""

    window: Window | None
    overlay: Mapping[int, Item]  # newer versions of rows in the window
    tail: tuple[Item, ...]  # rows from window.length on


class Delta(Struct, frozen=True, gc=False):
    """One tick's worth of change to one session, in the order: rebase, cut, changed, added, header.

    Row numbers count from the session's first known row. `keep`: rows from there on are gone. `changed`: newest
    version of rows that existed before, ascending. `added`: rows [first, first + len(added)).
    """

    session: str
    rebase: Rebase | None = None
    keep: int | None = None
    changed: tuple[tuple[int, Item], ...] = ()
    first: int = 0
    added: tuple[Item, ...] = ()
    header: Header | None = None
    backlog: int = 0  # events that wait for the next tick


class Row(Struct, frozen=True, gc=False):
    """One session in the list of sessions."""

    id: str  # unique key: the path, or journal:NAME
    agent: str = ""
    title: str = ""
    cwd: str = ""
    project: str = ""  # last part of cwd, or of the folder
    started: int | None = None  # microseconds UTC
    updated: int | None = None
    state: str = "ended"  # live, idle, ended, failed, draft
    bytes: int = 0
    path: str = ""
    records: int | None = None
    unread: int = 0
    session: str = ""  # the agent's own id
    missing: bool = False  # its agent has deleted the file: what the database has is the only copy
    host: str = ""  # another one, where its file is: what is here is what the archive has of it


class Spent(Struct, frozen=True, gc=False):
    """What is known of a session's figures, for its line in the list: as they were made last."""

    cost: int | None = None  # micro-dollars; None: not all of its requests have a known price
    failed: bool = False  # its last turn did
    bytes: int = 0  # of its file at that time: a larger one has gone on since


class SessionsDelta(Struct, frozen=True, gc=False):
    """Changes to the list of sessions: one item per session."""

    put: tuple[Row, ...] = ()
    gone: tuple[str, ...] = ()
    scanned: int | None = None  # files looked at so far, while a scan runs
    total: int | None = None  # set when a scan is over
    trouble: str = ""  # one sentence about the database for the user
