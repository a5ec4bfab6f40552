"""The prompts of one session: the queue of what was typed here, the turn that runs, what is sent. Base of Session.

A prompt goes out one per turn end, in order; one that is being edited, or that failed, holds itself back and all behind
it. Nothing typed is ever lost: it is in the queue, or a row, or both for a moment.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Final

from msgspec.structs import replace

from store.attach import Attached
from store.batch import Batch
from store.delta import Header, Waiting
from store.events import TERMINAL
from store.fold import Cut, Put, State, sending
from store.fold_state import put, put_again
from store.items import Item, Message, Notice, Prompt, Thought, Tool
from store.told import Completed, Drain, Fact, Queued, Tally

SLACK: Final = 5_000_000  # microseconds: an agent's clock may say less than ours
NORMAL: Final = frozenset({"", "success", "end_turn", "completed"})


class Prompts:
    """See the module. What a session has besides is in Session."""

    key: str
    header: Header
    state: State
    batch: Batch
    prompt_id: str | int | None
    compacting: bool
    asked: dict[str | int, str]
    tally: Tally | None
    facts: list[Fact]

    def __init__(self) -> None:
        self.connected = False  # prompts can be sent
        self.queue: list[Queued] = []
        self.run = ""  # a run of ours that works in it: its end is the turn's, whatever records say before
        self._ahead = False  # and what it prints is shown ahead of the session's file
        self._gone: dict[str, Queued] = {}  # by their ids: prompts that went out and have no echo yet
        self._stop_reason = ""  # what the records said of the end of the turn, while such a run goes on

    @abstractmethod
    def _say(self, **changes: object) -> None: ...

    # ---- the turn

    def _turn_over(self, reason: str, ts: int | None, duration: int | None, *, hold: bool = False) -> None:
        """`hold`: what waits keeps waiting, as behind a cancelled turn."""
        tally, self.tally = self.tally, None
        self.prompt_id = None
        self.asked.clear()
        if duration is None and tally is not None and tally.started is not None and ts is not None:
            duration = max(0, ts - tally.started)
        held = hold or reason == "cancelled"
        if self.compacting and (held or reason not in NORMAL):
            self.compacting = False  # neither a cancel nor a failure may leave the queue waiting for ever
        self._say(pending=False, state="idle")
        if self.sendable and not held:
            self._drain()
            return
        output = 0 if tally is None else tally.output
        self.facts.append(Completed(self.key, reason, duration, output))

    def run_began(self, run: str, ts: int | None, *, ahead: bool = False) -> None:
        """A run of ours works in it from now on, and nothing else of ours does. `ahead`: rows may come without bytes,
        which are shown before the session's file has them.
        """
        self.run, self._ahead, self._stop_reason = run, ahead, ""
        if self.tally is None:
            self.tally = Tally(ts)
        self._say(pending=True, trouble="")

    def run_over(self, run: str, state: str, ts: int | None, why: str = "") -> None:
        """That run is over: `state` ok, failed, cancelled or timeout. One that is not the one at work says nothing."""
        if not run or run != self.run:
            return
        said, self.run = self._stop_reason, ""
        self._sent_all("" if state in ("ok", "cancelled") else why or "The run failed.")
        self._none_ahead()
        self._none_asked()
        reason = {"ok": said or "end_turn", "cancelled": "cancelled"}.get(state, "error")
        # A failure would meet the next prompt as well: what waits is sent when the user says so.
        self._turn_over(reason, ts, None, hold=state != "ok")
        if state not in ("ok", "cancelled"):
            self._say(trouble=why)

    def _sent_all(self, failed: str) -> None:
        """Prompts that no echo has taken the place of by the end of their run are as sent as they will ever be.

        `failed`: why it failed, if it did. A prompt behind which the session's file has nothing then never got there.
        """
        for text, item in list(self.state.unmatched.items()):
            known = self.state.recent.get(item)
            row, old = known if known is not None else (0, None)
            if isinstance(old, Prompt) and old.sending:
                if failed and not self._said_behind(row):
                    self._take_back(self._gone.get(item) or Queued(item, old.text), failed)
                    continue
                self.batch.add(put_again(self.state, row, replace(old, sending=False, rev=old.rev + 1)))
            del self.state.unmatched[text]

    def _said_behind(self, row: int) -> bool:
        return any(at > row and (other.spans or not self._ahead) for at, other in self.state.recent.values())

    def _keep_ahead(self, old: State) -> None:
        """The session stands on another past now: what its file does not have yet goes on behind that."""
        state = self.state
        said = {" ".join(item.text.split()): item for _, item in state.recent.values() if isinstance(item, Prompt)}
        mine = set(old.unmatched.values())
        for _, item in sorted(old.recent.values(), key=lambda known: known[0]):
            if item.id in state.recent:
                continue
            if item.id in mine and isinstance(item, Prompt):
                text = " ".join(item.text.split())
                echo = said.get(text)
                if echo is not None and (echo.ts is None or item.ts is None or echo.ts >= item.ts - SLACK):
                    continue
                state.turn += 1
                state.unmatched[text] = item.id
            elif not self._ahead or item.spans or not isinstance(item, (Message, Thought, Tool, Notice)):
                continue
            elif isinstance(item, (Message, Thought)) and item.open:
                state.last[item.agent] = item.id
            self.batch.add(put(state, replace(item, turn=state.turn, rev=item.rev + 1)))
        self._keep_questions(old)

    def _keep_questions(self, old: State) -> None:
        """What a run asks is in no file: its row there waits for the answer as before."""
        for item in self.asked.values():
            before, now = old.recent.get(item), self.state.recent.get(item)
            if before is None or now is None or not isinstance(before[1], Tool) or not isinstance(now[1], Tool):
                continue
            if before[1].status == "waiting" and now[1].status not in TERMINAL:
                new = replace(now[1], status="waiting", options=before[1].options, rpc=before[1].rpc)
                self.batch.add(put_again(self.state, now[0], replace(new, rev=before[1].rev + 1)))

    def _none_behind(self) -> int:
        """The first row that the session's file does not have; as many as there are when it has them all."""
        mine = set(self.state.unmatched.values())
        rows = [row for row, item in self.state.recent.values() if item.id in mine or (self._ahead and not item.spans)]
        return min(rows, default=self.state.rows)

    def broke_off(self, item: str) -> None:
        """A message that was shown ahead of its record will never have one: the agent says it again."""
        known = self.state.recent.get(item)
        if known is None or known[1].spans or not isinstance(known[1], (Message, Thought)):
            return
        row, old = known
        text = str(old.text) if isinstance(old, (Message, Thought)) else ""
        self._give_up(row, old, "An answer broke off and was begun anew", text)

    def _none_ahead(self) -> None:
        """The run is over, so what was shown ahead of its record has none. It says so in its place: no row moves."""
        ahead, self._ahead = self._ahead, False
        for row, old in list(self.state.recent.values()):
            if old.spans or not ahead:
                continue
            match old:
                case Message() | Thought():
                    what = "An answer" if isinstance(old, Message) else "A thought"
                    self._give_up(row, old, f"{what} broke off, and its agent has not kept it", str(old.text))
                case Tool():
                    name = old.title or old.name or "tool"
                    self._give_up(row, old, f"A call broke off before it was made: {name}", str(old.input))

    def _none_asked(self) -> None:
        """The run is over, and nobody waits for these answers any more."""
        for item in self.asked.values():
            row, old = self.state.recent.get(item, (0, None))
            if isinstance(old, Tool) and old.status == "waiting":
                why = "Not answered before the run ended"
                new = replace(old, status="cancelled", options=(), rpc="", answer=why, rev=old.rev + 1)
                self.batch.add(put_again(self.state, row, new))

    def _give_up(self, row: int, old: Item, text: str, detail: str) -> None:
        note = Notice(id=old.id, ts=old.ts, turn=old.turn, kind="info", text=text, detail=detail, rev=old.rev + 1)
        if self.state.last.get(old.agent) == old.id:
            del self.state.last[old.agent]
        self.batch.add(put_again(self.state, row, note))

    # ---- the queue

    @property
    def sendable(self) -> bool:
        """The first queued prompt may go out once the agent is idle."""
        return bool(self.queue) and not self.queue[0].held and self.connected and not self.compacting

    def next_prompt(self) -> Queued | None:
        """At drain time: the one prompt to send now, still in the queue until `sent` says that it went out."""
        return self.queue[0] if self.sendable and not self.header.pending and not self.run else None

    def unheard(self) -> list[Queued]:
        """Prompts that went out and that nothing shows to have come there, oldest first."""
        known = filter(None, (self.state.recent.get(item) for item in self.state.unmatched.values()))
        sent = sorted((row, item.id, item.text) for row, item in known if isinstance(item, Prompt) and item.sending)
        return [self._gone.get(id) or Queued(id, text) for _, id, text in sent]

    def sent(self, queued: Queued, ts: int | None, shown: tuple[str, int] | None = None) -> None:
        """A queued prompt went out: it leaves the queue and is shown as 'sending' until its echo is back.

        `shown`: its words and how many images it has, as that echo will show them.
        """
        text, images = shown or (queued.text, 0)
        self.queue = [other for other in self.queue if other.id != queued.id]
        unheard = set(self.state.unmatched.values())
        self._gone = {id: other for id, other in self._gone.items() if id in unheard} | {queued.id: queued}
        self.batch.add(sending(self.state, queued.id, text, ts, images))
        self._queued(pending=True)

    def sent_before(self, queued: Queued, ts: int, shown: tuple[str, int]) -> None:
        """The same of a prompt that a fork began with: what its agent says comes behind it, whichever is here first.
        Its echo may have been read by now."""
        prompts = [item for _, item in self.state.recent.values() if isinstance(item, Prompt)]
        fresh = [item for item in prompts if item.ts is None or item.ts >= ts - SLACK]
        if all(" ".join(item.text.split()) != " ".join(shown[0].split()) for item in fresh):
            self.sent(queued, ts, shown)

    def not_sent(self, id: str, why: str) -> None:
        """The same as `unsent`, by its id."""
        if id in self._gone:
            self.unsent(self._gone[id], why)

    def unsent(self, queued: Queued, why: str) -> None:
        """It did not go out after all: it is first in the queue again, held, with the reason."""
        self._take_back(queued, why)
        self.run = ""
        self.tally = None
        self._queued(pending=False)

    def _take_back(self, queued: Queued, why: str) -> None:
        self.state.unmatched = {text: item for text, item in self.state.unmatched.items() if item != queued.id}
        known = self.state.recent.pop(queued.id, None)
        if known is not None:
            row, old = known
            self.state.turn -= 1
            if row == self.state.rows - 1:
                self.state.rows = row
                self.batch.add([Cut(row)])
            else:  # rows never move: this one says what became of it
                note = Notice(
                    id=queued.id, ts=old.ts, turn=old.turn, kind="info", text="Not sent", level="error", detail=why,
                    rev=old.rev + 1,
                )  # fmt: skip
                self.batch.add([Put(row, note)])
        queued.trouble = why
        self.queue = [queued, *(other for other in self.queue if other.id != queued.id)]
        self._queued()

    def put_prompt(self, queued: Queued) -> None:
        """Queue a prompt behind the others; it goes out at once when nothing is in its way."""
        self.queue.append(queued)
        self._queued()
        self.may_send()

    def edit(
        self, id: str, text: str | None = None, files: tuple[Attached, ...] = (), *, editing: bool = False
    ) -> None:
        """Change a waiting prompt; `editing` holds it back until it is said otherwise. Text None: all as it was."""
        for queued in self.queue:
            if queued.id == id:
                if text is not None:
                    queued.text, queued.files = text, files
                queued.editing, queued.trouble = editing, ""
        self._queued()
        self.may_send()

    def remove(self, id: str) -> None:
        """Take a waiting prompt back."""
        self.queue = [queued for queued in self.queue if queued.id != id]
        self._queued()
        self.may_send()

    def move(self, id: str, by: int) -> None:
        """Let a waiting prompt go out earlier (by < 0) or later."""
        at = next((index for index, queued in enumerate(self.queue) if queued.id == id), None)
        if at is None:
            return
        queued = self.queue.pop(at)
        self.queue.insert(max(0, min(len(self.queue), at + by)), queued)
        self._queued()
        self.may_send()

    def go_on(self) -> None:
        """The user wants what waits to be sent, also what could not be before."""
        for queued in self.queue:
            queued.trouble = ""
        self._queued()
        self.may_send()

    def connect(self, on: bool) -> None:
        """Prompts can be sent from now on, or cannot any more; what waits goes on waiting then."""
        self.connected = on
        self.may_send()

    def may_send(self) -> None:
        """Something may have become free."""
        if self.sendable and not self.header.pending and not self.run:
            self._drain()

    def _drain(self) -> None:
        drain = Drain(self.key)
        if drain not in self.facts:
            self.facts.append(drain)

    def _queued(self, **changes: object) -> None:
        waiting = tuple(Waiting(one.id, one.text, one.editing, one.trouble, one.files) for one in self.queue)
        self._say(queued=waiting, **changes)
