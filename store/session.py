"""One session in memory: its rows' fold, its prompt state, its queue, and what an event does besides showing a row.

A run of plain notifications is one append and one pass for what its events mean besides rows. An event with a JSON-RPC
id is handled alone, after the run before it. Both ways go through the same `EFFECTS`. No Qt, no IO.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from typing_extensions import override

from store import events as ev
from store.batch import Batch
from store.delta import Delta, Header
from store.events import Event, TextDelta, ThoughtDelta
from store.facts import renames
from store.fold import Cut, State, fold, fold_run
from store.fold_state import LINE_END
from store.fold_talk import lengthen
from store.session_prompts import Prompts
from store.told import Clock, Fact, Gained, Loaded, Question, Tally, Trace

SECOND: Final = 1_000_000  # microseconds
SLICE: Final = 256  # events folded between two looks at the clock
_WITH_ID: Final = frozenset(ev.WITH_ID)


class Session(Prompts):
    """See the module. `key` names it; `header` is what its header shows."""

    def __init__(self, key: str, header: Header | None = None, trace: Trace | None = None) -> None:
        super().__init__()
        self.key = key
        self.header = header or Header()
        self.state = State()
        self.batch = Batch()
        self.trace = trace
        self.appends = 0
        self.passes = 0
        self.prompt_id: str | int | None = None
        self.compacting = False
        self.asked: dict[str | int, str] = {}  # open questions: rpc id → item
        self.tally: Tally | None = None
        self.facts: list[Fact] = []
        self._rank = -1
        self._told: Header | None = None

    # ---- the way in

    def feed(self, events: Sequence[Event], clock: Clock | None = None, deadline: float = 0.0) -> int:
        """Take events in order; stop when the clock passes the deadline. Returns how many were taken (at least one)."""
        total = len(events)
        kinds = set(map(type, events))
        if _WITH_ID.isdisjoint(kinds):
            if total <= SLICE or clock is None:
                self.batch.add(fold_run(self.state, events))
                self._appended(events, kinds)
                return total
            return self._run(events, 0, total, clock, deadline)
        done = 0
        while done < total:
            end = done
            while end < total and type(events[end]) not in _WITH_ID:
                end += 1
            if end > done:
                done = self._run(events, done, end, clock, deadline)
                if done < end:
                    return done
            if end < total:
                self._alone(events[end])
                done = end + 1
            if clock is not None and clock() >= deadline:
                return done
        return done

    def grown(self, events: Sequence[Event]) -> Delta | None:
        """`feed` and `take` in one, for what nearly every tick of a stream is: further pieces of one open text.

        None: it is anything else, and nothing was taken. Cold code is what such a tick costs, so this is one function
        that calls few others, and does for these events what they do.
        """
        first: Any = events[0] if 0 < len(events) <= SLICE else None
        kind = type(first)
        if kind is not TextDelta and kind is not ThoughtDelta:
            return None
        item, at = first.item, first.at
        file, end = at.file, at.offset
        newest = 0
        texts: list[str] = []
        event: Any
        for event in events:
            at = event.at
            start = at.offset
            # As in `fold_run`: only pieces whose bytes are neighbours (`follows`) are joined.
            if type(event) is not kind or event.item != item or not 0 <= start - end <= LINE_END or at.file != file:
                return None
            texts.append(event.text)
            end = start + at.length
            ts = at.ts
            if ts is not None and ts > newest:
                newest = ts
        put = lengthen(self.state, item, "".join(texts), first.at, at)
        if put is None:
            return None
        self.appends += 1
        self.passes += 1
        if self.trace is not None:
            for operation in ("append", "prompt pass", "effects"):
                self.trace(operation, events)
        if self.tally is not None:
            self.tally.output += len(events)
        if newest >= (self.header.updated or 0) + SECOND:
            self._say(updated=newest - newest % SECOND)
        header: Header | None = self.header
        if header is self._told:
            header = None
        else:
            if header == self._told:
                header = None
            self._told = self.header
        return self.batch.grown(self.key, put, header)

    def _run(self, events: Sequence[Event], first: int, end: int, clock: Clock | None, deadline: float) -> int:
        """One append of one run; in slices only so far as the clock is watched."""
        if clock is None or end - first <= SLICE:
            run = events[first:end]
            self.batch.add(fold_run(self.state, run))
            self._appended(run, set(map(type, run)))
            return end
        done = first
        while done < end:
            stop = min(end, done + SLICE)
            self.batch.add(fold_run(self.state, events[done:stop]))
            done = stop
            if clock() >= deadline:
                break
        run = events[first:done]
        self._appended(run, set(map(type, run)))
        return done

    def _appended(self, run: Sequence[Event], kinds: set[type[Event]]) -> None:
        """After the rows of a run: one pass for everything else."""
        self.appends += 1
        self.passes += 1
        if self.trace is not None:
            self.trace("append", run)
            self.trace("prompt pass", run)
        self._after(run, kinds)

    def _alone(self, event: Event) -> None:
        """An event with an id: its own store operation, then its meaning for the prompt."""
        if type(event) is ev.PromptSent and not event.steer:
            operation = "replace"
        else:
            operation = "append"
            self.appends += 1
        self.batch.add(fold(self.state, event))
        if self.trace is not None:
            self.trace(operation, (event,))
        self._after((event,), {type(event)})

    def _after(self, run: Sequence[Event], kinds: set[type[Event]]) -> None:
        """What a run means besides its rows: the one place for both ways in. One pass, in arrival order.

        The prompt state and the effects are walked together: a cancel must see the compaction that began before it in
        the same run, or two ways of cutting a stream would end differently.
        """
        if self.trace is not None:
            self.trace("effects", run)
        if self.asked:
            self._settle(run)
        # Whole seconds: a header that is new with every tick would be read and painted with every tick.
        newest = max([event.at.ts or 0 for event in run], default=0)
        if newest >= (self.header.updated or 0) + SECOND:
            self._say(updated=newest - newest % SECOND)
        if _MEANING.isdisjoint(kinds):
            if self.tally is not None:
                self.tally.output += len(run)
            return
        effects = EFFECTS
        for event in run:
            effect = effects.get(type(event))
            if effect is not None:
                effect(self, event)
            elif self.tally is not None:
                self.tally.output += 1

    # ---- the way out

    def install(self, loaded: Loaded) -> None:
        """Stand on what was read elsewhere instead of on what was known so far."""
        old, self.state = self.state, loaded.state
        self.batch.rebase(loaded.rebase, loaded.rows)
        self._keep_ahead(old)
        self._rank = -1
        self._say(partial=loaded.partial)
        self._recall(loaded.events)

    def gain(self, gained: Gained) -> None:
        """Go on from where what was read elsewhere ends."""
        first, rows = self._none_behind(), self.state.rows
        old, self.state = self.state, gained.state
        if first < rows:
            self.batch.add([Cut(first)])
        self.batch.add(gained.changes)
        self._keep_ahead(old)
        self._recall(gained.events)

    def _recall(self, events: Sequence[Event]) -> None:
        facts, tally, said = list(self.facts), self.tally, self._stop_reason
        self._after(events, set(map(type, events)))
        self.facts = facts  # history is not news
        if self.run:  # nor is it of the turn that runs
            self.tally, self._stop_reason = tally, said
            self._say(pending=True)

    def take(self, backlog: int = 0) -> Delta | None:
        """What changed since the last time, or None."""
        header = self.header if self.header is not self._told and self.header != self._told else None
        if header is None and self.batch.empty and not backlog:
            return None
        self._told = self.header
        return self.batch.take(self.key, header, backlog)

    @override
    def _say(self, **changes: object) -> None:
        """Change header fields; nothing is new when nothing differs."""
        header = self.header
        if all(getattr(header, name) == value for name, value in changes.items()):
            return
        new = msgspec.structs.replace(header, **changes)
        if "state" not in changes and ("pending" in changes or "compacting" in changes):
            new = msgspec.structs.replace(new, state=self._state(new))
        self.header = new

    def say(self, **changes: object) -> None:
        """The same for the source's own news: trouble, ended, …"""
        self._say(**changes)

    def _state(self, header: Header) -> str:
        if self.compacting:
            return "compacting"
        return "running" if header.pending else "idle"

    # ---- effects, one per kind of event

    def _prompt_text(self, event: ev.PromptText) -> None:
        if not event.at.agent and event.origin in ("human", "command", "queued"):
            self.tally = Tally(event.at.ts)
            self._say(pending=True)

    def _turn_ended(self, event: ev.TurnEnded) -> None:
        if self.run and not event.at.agent:
            self._stop_reason = event.status
        elif event.past and not event.at.agent:
            self.tally = None
            self._say(pending=False, state="idle")
        elif not event.at.agent and (self.tally is not None or self.header.pending):
            self._turn_over(event.status, event.at.ts, event.duration_us)

    def _prompt_sent(self, event: ev.PromptSent) -> None:
        if not event.steer:
            self.prompt_id = event.rpc
            self.tally = Tally(event.at.ts)
            self._say(pending=True)

    def _answered(self, event: ev.Answered) -> None:
        # The id is compared before anything is changed: a late answer of a cancelled turn changes nothing.
        if self.prompt_id is None or event.rpc != self.prompt_id:
            return
        if event.stop_reason is not None:
            self._turn_over(event.stop_reason, event.at.ts, None)
        elif event.error:  # the prompt itself was refused
            self._turn_over("error", event.at.ts, None)

    def _settle(self, run: Sequence[Event]) -> None:
        """Questions that a run answers: by their id, or because what they asked about went on."""
        for event in run:
            match event:
                case ev.Answered(rpc=rpc) | ev.Called(rpc=rpc):
                    self.asked.pop(rpc, None)
                case ev.ToolUpdated(item=item, status=str(status)) if status != "waiting":
                    self.asked = {rpc: asked for rpc, asked in self.asked.items() if asked != item}
        if not self.asked and self.header.state == "waiting":
            self._say(state=self._state(self.header))

    def _asked(self, event: ev.Asked) -> None:
        self.asked[event.rpc] = event.item
        self._say(state="waiting")
        self.facts.append(Question(self.key, event.rpc, event.item, event.title))

    def _usage(self, event: ev.Usage) -> None:
        if event.at.agent:
            return
        # Agents have been seen to send null and text; a size that is not said stays the last one known.
        used = event.used if type(event.used) is int else None
        size = event.size if type(event.size) is int else None
        if used is not None:
            self._say(used=used)
        if size is not None:
            self._say(size=size)

    def _config(self, event: ev.ConfigChanged) -> None:
        if event.at.agent:
            return
        if event.mode is not None:
            self._say(mode=event.mode)
        if event.llm is not None:
            self._say(llm=event.llm)

    def _adapter(self, event: ev.AdapterSeen) -> None:
        self._say(adapter=event.adapter, version=event.version or self.header.version)

    def _compacting(self, event: ev.Compacting) -> None:
        if event.at.agent:
            return
        was, self.compacting = self.compacting, event.on
        self._say(state=self._state(self.header))
        if was and not event.on:
            self.may_send()

    def _compacted(self, event: ev.Compacted) -> None:
        if event.at.agent:
            return
        self.compacting = False
        self._say(state=self._state(self.header))
        self.may_send()

    def _named(self, event: ev.SessionNamed) -> None:
        if event.at.agent:
            return
        changes: dict[str, object] = {}
        if renames(event, self._rank):
            self._rank = event.rank
            changes["title"] = event.title
        for name in ("id", "cwd", "branch"):
            value = getattr(event, name)
            if value:
                changes[name] = value
        if changes:
            self._say(**changes)


EFFECTS: Final[dict[type[Event], Callable[[Session, Any], None]]] = {
    ev.PromptText: Session._prompt_text,
    ev.TurnEnded: Session._turn_ended,
    ev.PromptSent: Session._prompt_sent,
    ev.Answered: Session._answered,
    ev.Asked: Session._asked,
    ev.Usage: Session._usage,
    ev.ConfigChanged: Session._config,
    ev.AdapterSeen: Session._adapter,
    ev.Compacting: Session._compacting,
    ev.Compacted: Session._compacted,
    ev.SessionNamed: Session._named,
}
_MEANING: Final = frozenset(EFFECTS)
