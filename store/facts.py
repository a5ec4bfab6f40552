"""What a session's events say about the session besides its rows, kept small: the last word of each kind. Pure.

The importer collects it, the database keeps it, and `events` gives it back to a live session's header.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

from store import events as ev
from store.draft import USER_RANK
from store.events import At, Event

_PROMPTS: Final = ("human", "command", "queued")


PROMPT_RANK: Final = 1  # a title that is the first prompt of a person


def renames(event: ev.SessionNamed, rank: int) -> bool:
    """Whether an event gives the session another title, when the one it has is of this rank (-1: it has none).

    The one rule for the list, the header and the database: a higher rank wins, then the later title. Only a prompt
    never takes the place of a prompt: what reads a file from its end takes a late one for the first.
    """
    if not event.title or event.rank < rank:
        return False
    return not event.rank == rank == PROMPT_RANK


class Facts(Struct, array_like=True):
    """Changed in place by `add`. '' and None are unknown."""

    id: str = ""
    title: str = ""
    rank: int = -1
    cwd: str = ""
    branch: str = ""
    llm: str | None = None
    mode: str | None = None
    adapter: str = ""
    version: str = ""
    used: int | None = None
    size: int | None = None
    compacting: bool = False
    pending: bool = False  # the last prompt has no end of turn yet
    started: int | None = None  # microseconds UTC of the first and the last event that has a time
    updated: int | None = None

    def named(self, title: str) -> Facts:
        """The user has called it so; '' is nothing. Returns itself."""
        if title:
            self.title, self.rank = title, USER_RANK
        return self

    def add(self, run: Iterable[Event]) -> None:
        """Take events in order; those of subagents only count for the times."""
        self.sift(run)

    def sift(self, run: Iterable[Event]) -> list[Event]:
        """The same, and what is left of them: all but those that are facts alone."""
        left: list[Event] = []
        first = last = before = None
        takes, keep = TAKES.get, left.append
        for event in run:
            at = event.at
            if at is not before:  # events of one record share theirs
                before, ts = at, at.ts
                if ts is not None:
                    if first is None:
                        first = last = ts
                    elif ts > last:  # type: ignore[operator]  # set together with first
                        last = ts
            take = takes(type(event))
            if take is not None:
                if not at.agent:
                    take(self, event)
                if type(event) in FACTS_ALONE:
                    continue
            keep(event)
        if self.started is None:
            self.started = first
        if last is not None and (self.updated is None or last > self.updated):
            self.updated = last
        return left

    # ---- what each kind says

    def _usage(self, event: ev.Usage) -> None:
        if type(event.used) is int:
            self.used = event.used
        if type(event.size) is int:
            self.size = event.size

    def _config(self, event: ev.ConfigChanged) -> None:
        self.mode = self.mode if event.mode is None else event.mode
        self.llm = self.llm if event.llm is None else event.llm

    def _adapter(self, event: ev.AdapterSeen) -> None:
        self.adapter = event.adapter
        self.version = event.version or self.version

    def _compacting(self, event: ev.Compacting) -> None:
        self.compacting = event.on

    def _compacted(self, _event: ev.Compacted) -> None:
        self.compacting = False

    def _named(self, event: ev.SessionNamed) -> None:
        if renames(event, self.rank):
            self.title, self.rank = event.title, event.rank
        self.id = event.id or self.id
        self.cwd = event.cwd or self.cwd
        self.branch = event.branch or self.branch

    def _prompt(self, event: ev.PromptText) -> None:
        self.pending = self.pending or event.origin in _PROMPTS

    def _sent(self, event: ev.PromptSent) -> None:
        self.pending = self.pending or not event.steer

    def _ended(self, _event: ev.TurnEnded) -> None:
        self.pending = False

    def _answered(self, event: ev.Answered) -> None:
        self.pending = self.pending and event.stop_reason is None

    def events(self) -> list[Event]:
        """Events that say the same again, for a session that stands on what was read before."""
        at = At(ts=self.updated)
        found: list[Event] = [
            ev.SessionNamed(at, self.id, self.title, max(0, self.rank), self.cwd, self.branch),
        ]
        if self.adapter:
            found.append(ev.AdapterSeen(at, self.adapter, self.version))
        if self.llm is not None or self.mode is not None:
            found.append(ev.ConfigChanged(at, self.mode, self.llm))
        if self.used is not None or self.size is not None:
            found.append(ev.Usage(at, self.used, self.size))
        if self.compacting:
            found.append(ev.Compacting(at, on=True))
        return found


# Kinds that neither a row nor a figure comes of: whoever has these facts can do without them. (A test compares.)
FACTS_ALONE: Final[frozenset[type[Event]]] = frozenset(
    (ev.Usage, ev.ConfigChanged, ev.AdapterSeen, ev.Compacting, ev.SessionNamed)
)
TAKES: Final[dict[type[Event], Callable[[Facts, Any], None]]] = {
    ev.Usage: Facts._usage,
    ev.ConfigChanged: Facts._config,
    ev.AdapterSeen: Facts._adapter,
    ev.Compacting: Facts._compacting,
    ev.SessionNamed: Facts._named,
    ev.Compacted: Facts._compacted,
    ev.PromptText: Facts._prompt,
    ev.PromptSent: Facts._sent,
    ev.TurnEnded: Facts._ended,
    ev.Answered: Facts._answered,
}

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Facts)


def dump(facts: Facts) -> bytes:
    """The facts as bytes for the database."""
    return _encoder.encode(facts)


def load(data: bytes) -> Facts:
    """What `dump` was given."""
    return _decoder.decode(data)
