"""What a session is given besides events, and tells besides rows: its past, a queued prompt; a turn that is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

from store.attach import Attached
from store.delta import Rebase
from store.events import Event
from store.fold import Change, State


class Completed(Struct, frozen=True):
    """A turn is over and nothing that can be sent waits behind it. Announced exactly once per turn."""

    session: str
    stop_reason: str
    duration_us: int | None
    output: int  # events of the agent in this turn; 0 is worth a warning


class Question(Struct, frozen=True):
    """The agent waits for an answer; the row of what it asks about exists."""

    session: str
    rpc: str | int
    item: str
    title: str


class Started(Struct, frozen=True):
    """A session that began here has its row: told once, before anything is dispatched to it. Never of one restored."""

    session: str
    number: int  # of its row


class Drain(Struct, frozen=True):
    """Something queued may be sent: look again when the current work is done (never inside it)."""

    session: str


Fact: TypeAlias = Completed | Question | Drain


class Queued(Struct):
    """A prompt that waits for the end of the turn."""

    id: str
    text: str
    editing: bool = False
    trouble: str = ""  # why it did not go out; the user says when it is tried again
    files: tuple[Attached, ...] = ()  # that go with it

    @property
    def held(self) -> bool:
        """It holds itself back, and all behind it."""
        return self.editing or bool(self.trouble)


class Loaded(Struct, frozen=True):
    """The session's past, read elsewhere: where the fold stands, and the rows before."""

    state: State
    rebase: Rebase
    rows: int  # of the fold: window and tail together
    events: Sequence[Event] = ()  # the ones with effects (title, model, usage, …), for the header
    partial: bool = False  # only the end of it


class Gained(Struct, frozen=True):
    """What a session gained behind a past that is shown already; folded elsewhere, like the past."""

    state: State
    changes: Sequence[Change]
    events: Sequence[Event] = ()  # as in Loaded


class Trace(Protocol):
    """Sees every store operation in order; for tests and benchmarks."""

    def __call__(self, operation: str, events: Sequence[Event]) -> None: ...


class Tally(Struct):
    """What the running turn has brought so far."""

    started: int | None
    output: int = 0


Clock: TypeAlias = Callable[[], float]
