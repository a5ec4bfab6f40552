"""Events and their rows become the entries that a digest is folded from. Called next to the fold, by whoever runs it.

The same events make the same entries, however they are cut.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from store import entries as en
from store import events as ev
from store.entries import Entry
from store.events import TERMINAL, Event, ItemId
from store.fold import Change, Cut, State, fold_run
from store.items import Tool
from store.requests import Requests, whole_of

LEDGER_VERSION: Final = 1  # goes up when entries can no longer be read: then an only copy loses its figures.
# What makes other entries of the same bytes is told by FOLD_VERSION: sessions that can are read again, whole.
SLICE: Final = 1024  # events after which rows are looked up: far fewer than the rows that the fold still knows
ASKED: Final = 64  # open questions
ODD: Final = 256  # tool rows that came before their call
_SAID: Final = frozenset({"task", "steer"})  # origins of what is given to an agent that works, or to wake it


class Ledger:
    """`fold` in the place of `fold_run`; `take` what was noted."""

    def __init__(self, requests: Requests | None = None) -> None:
        self.requests = requests or Requests()
        self.entries: list[Entry] = []
        self._rows = 0  # rows that were told
        self._skipped: set[int] = set()  # rows before those that nothing was said of yet: prompts sent from here
        self._agents: set[str] = set()
        self._odd: OrderedDict[ItemId, None] = OrderedDict()
        self._asked: OrderedDict[str, ItemId] = OrderedDict()  # question → the call it is about
        self._prompt: str = ""  # the running one, by its JSON-RPC id

    def fold(self, state: State, events: Sequence[Event]) -> list[Change]:
        """The changes of the events, as `fold_run` gives them; their entries are noted."""
        kinds = set(map(type, events))
        spent = ev.Spent
        if spent in kinds:
            self.requests.expect([event.key for event in events if type(event) is spent])
        if ev.Rewound not in kinds and len(events) <= SLICE:
            return self._run(state, events)
        changes: list[Change] = []
        if ev.Rewound not in kinds:
            for first in range(0, len(events), SLICE):
                changes += self._run(state, events[first : first + SLICE])
            return changes
        first = 0
        for index, event in enumerate(events):
            if type(event) is ev.Rewound:
                changes += self._run(state, events[first:index])
                first = index + 1
                changes += self._rewound(state, event)
            elif index - first >= SLICE:
                changes += self._run(state, events[first:index])
                first = index
        return changes + self._run(state, events[first:] if first else events)

    def take(self) -> list[Entry]:
        """What was noted since the last time."""
        taken, self.entries = self.entries, []
        return taken

    def _run(self, state: State, run: Sequence[Event]) -> list[Change]:
        changes = fold_run(state, run)
        notes = NOTES
        for event in run:
            note = notes.get(type(event))
            if note is not None:
                note(self, state, event)
        return changes

    def _rewound(self, state: State, event: ev.Rewound) -> list[Change]:
        changes = fold_run(state, (event,))
        for change in changes:
            if isinstance(change, Cut):
                self.entries.append(en.Taken(change.row, event.at.ts, event.at.agent))
                self._rows = min(self._rows, change.row)
                self._skipped = {row for row in self._skipped if row < change.row}
        return changes

    # ---- rows

    def _row(self, state: State, event: Any) -> tuple[int, bool]:
        """The row that shows an event's item, and whether the event made it."""
        agent = event.at.agent
        if agent and agent not in self._agents:
            self._agents.add(agent)
            self.entries.append(en.Joined(-1, event.at.ts, agent, event.at.parent or ""))
        known = state.recent.get(event.item)
        if known is None:
            return -1, False
        row = known[0]
        if row == self._rows:  # the usual case
            self._rows = row + 1
            return row, True
        if row < self._rows:
            if row in self._skipped:
                self._skipped.discard(row)
                return row, True
            return row, False
        self._skipped.update(range(self._rows, row))
        self._rows = row + 1
        return row, True

    # ---- what is said

    def _prompt_text(self, state: State, event: ev.PromptText) -> None:
        row, new = self._row(state, event)
        if not new:
            return
        at, origin = event.at, event.origin
        if origin == "injected":
            self.entries.append(en.Shown(row, at.ts, at.agent))
        elif origin in _SAID:
            self.entries.append(en.Said(row, at.ts, at.agent, "input"))
        else:
            self.entries.append(en.Started(row, at.ts, at.agent, event.item, True, origin == "queued"))

    def _prompt_sent(self, state: State, event: ev.PromptSent) -> None:
        row, new = self._row(state, event)
        if not event.steer:
            self._prompt = repr(event.rpc)
        if not new:
            return
        at = event.at
        if event.steer:
            self.entries.append(en.Said(row, at.ts, at.agent, "input"))
        else:
            self.entries.append(en.Started(row, at.ts, at.agent, event.item, True))

    def _text(self, state: State, event: ev.TextDelta | ev.MessageDone) -> None:
        row, new = self._row(state, event)
        if new:
            self.entries.append(en.Said(row, event.at.ts, event.at.agent, "text"))

    def _thought(self, state: State, event: ev.ThoughtDelta | ev.ThoughtDone) -> None:
        row, new = self._row(state, event)
        if new:
            self.entries.append(en.Said(row, event.at.ts, event.at.agent, "thought"))

    def _shown(self, state: State, event: ev.PlanSet | ev.Compacted | ev.Unreadable) -> None:
        row, new = self._row(state, event)
        if new:
            self.entries.append(en.Shown(row, event.at.ts, event.at.agent))

    def _notice(self, state: State, event: ev.NoticeAdded) -> None:
        row, new = self._row(state, event)
        if not new:
            return
        at = event.at
        if event.level == "error" and event.kind != "result":  # an end that failed is told by the end
            self.entries.append(en.Failed(row, at.ts, at.agent, "" if event.kind == "info" else event.kind))
        else:
            self.entries.append(en.Shown(row, at.ts, at.agent))

    # ---- tools

    def _early(self, item: ItemId) -> None:
        self._odd[item] = None
        if len(self._odd) > ODD:
            self._odd.popitem(last=False)

    def _tool_started(self, state: State, event: ev.ToolStarted) -> None:
        row, new = self._row(state, event)
        if new or event.item in self._odd:
            self._odd.pop(event.item, None)
            self.entries.append(en.Called(row, event.at.ts, event.at.agent, event.item, event.name))

    def _tool_updated(self, state: State, event: ev.ToolUpdated) -> None:
        row, new = self._row(state, event)
        if row < 0:
            return
        at, status = event.at, event.status
        if new:
            self._early(event.item)
        if status in TERMINAL:
            ended = str(status)
        elif status == "running" and event.output is not None:
            ended = "background"  # it was launched, and that is what its result says
        else:
            if new:
                self.entries.append(en.Shown(row, at.ts, at.agent))
            return
        odd = event.item in self._odd
        tool = state.recent[event.item][1]
        name = tool.name if isinstance(tool, Tool) and not odd else ""
        self.entries.append(en.Answered(row, at.ts, at.agent, event.item, ended, name, not odd))

    def _asks(self, state: State, event: ev.Asked) -> None:
        row, new = self._row(state, event)
        if row < 0:
            return
        if new:
            self._early(event.item)
        self._asked[repr(event.rpc)] = event.item
        if len(self._asked) > ASKED:
            self._asked.popitem(last=False)
        self.entries.append(en.Asked(row, event.at.ts, event.at.agent, event.item, event.title))

    # ---- ends

    def _reply(self, state: State, event: ev.Answered | ev.Called) -> None:
        rpc, at = repr(event.rpc), event.at
        item = self._asked.pop(rpc, None)
        if item is not None:
            self.entries.append(en.Settled(-1, at.ts, at.agent, item))
        elif type(event) is ev.Answered and rpc == self._prompt:
            # The answer of another prompt is late: its turn is over.
            if event.stop_reason is not None:
                cost = _micros(event.cost_usd)
                self.entries.append(en.Ended(-1, at.ts, at.agent, None, event.stop_reason, cost, event.used))
            elif event.error:
                self.entries.append(en.Ended(-1, at.ts, at.agent, "error"))
            else:
                return
            self._prompt = ""

    def _turn_ended(self, state: State, event: ev.TurnEnded) -> None:
        at = event.at
        cancelled = event.status == "cancelled"
        cost = _micros(event.cost_usd)
        self.entries.append(
            en.Ended(
                -1, at.ts, at.agent, None if cancelled else event.status, "cancelled" if cancelled else event.reason,
                cost, event.used, event.duration_us, event.since,
            )
        )  # fmt: skip

    def _spent(self, state: State, event: ev.Spent) -> None:
        at, requests = event.at, self.requests
        told = event.tokens
        tokens = requests.take(event.key, told)
        if tokens is not None:
            # All that was told is new: then it is all there is. (Of a request without a name nothing is known.)
            whole = requests.whole(event.key) if tokens is not told or not event.key else whole_of(told)
            self.entries.append(en.Used(-1, at.ts, at.agent, tokens, whole))

    # ---- for whoever goes on later

    def dump(self) -> bytes:
        """Where it stands, next to the dump of the fold's state and the entries themselves."""
        return msgspec.msgpack.encode((
            self._rows, sorted(self._skipped), sorted(self._agents), list(self._odd), list(self._asked.items()),
            self._prompt, self.requests.dump(), sorted(self.requests.shared),
        ))  # fmt: skip

    @classmethod
    def load(cls, data: bytes, requests: Requests | None = None) -> Ledger:
        """What `dump` was called on."""
        ledger = cls(requests)
        rows, skipped, agents, odd, asked, prompt, recent, *shared = msgspec.msgpack.decode(data)
        ledger._rows, ledger._prompt = rows, prompt
        ledger._skipped, ledger._agents = set(skipped), set(agents)
        ledger._odd = OrderedDict.fromkeys(odd)
        ledger._asked = OrderedDict((rpc, item) for rpc, item in asked)
        ledger.requests.load(recent)
        ledger.requests.shared.update(*shared)
        return ledger


def _micros(dollars: float | None) -> int | None:
    return None if dollars is None or not 0 <= dollars < 1e9 else round(dollars * 1_000_000)


def shared_of(data: bytes) -> set[int]:
    """The requests that are told in a session and counted by another one, out of what `dump` gave."""
    return set().union(*msgspec.msgpack.decode(data)[7:])


NOTES: Final[dict[type[Event], Callable[[Ledger, State, Any], None]]] = {
    ev.PromptText: Ledger._prompt_text,
    ev.PromptSent: Ledger._prompt_sent,
    ev.TextDelta: Ledger._text,
    ev.MessageDone: Ledger._text,
    ev.ThoughtDelta: Ledger._thought,
    ev.ThoughtDone: Ledger._thought,
    ev.ToolStarted: Ledger._tool_started,
    ev.ToolUpdated: Ledger._tool_updated,
    ev.NoticeAdded: Ledger._notice,
    ev.PlanSet: Ledger._shown,
    ev.Compacted: Ledger._shown,
    ev.Unreadable: Ledger._shown,
    ev.Asked: Ledger._asks,
    ev.Answered: Ledger._reply,
    ev.Called: Ledger._reply,
    ev.TurnEnded: Ledger._turn_ended,
    ev.Spent: Ledger._spent,
}
