"""A session on disk as a conversation: each prompt is a run of its agent's own program. For `store.feeds`.

The agent's file is the truth. Where the rows of its output have the same ids, its text is shown as it comes, ahead of
the file; the record takes its place when it is written. Before the end of a run is told, the file is read to its end.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from store.attach import Attached, form, line, refused
from store.conversation import Choice
from store.errors import StoreError
from store.events import (
    Answered,
    Asked,
    At,
    Called,
    Event,
    Rewound,
    TextDelta,
    ThoughtDelta,
    ToolInput,
    ToolStarted,
    ToolUpdated,
)
from store.formats import named as format_named
from store.hub import Hub
from store.pipe import Pipe
from store.runners.base import Abilities, Ask, Runner
from store.runs import RunRequest, RunResult, Runs
from store.session import Session
from store.sources import views
from store.told import Queued

log = logging.getLogger(__name__)

AHEAD: Final = (TextDelta, ThoughtDelta, ToolStarted, ToolInput, Asked, Called)
"""What is shown before the file has it; questions the file never has."""
_NOWHERE: Final = At()


class Target(Struct, frozen=True):
    """What is gone on with: the agent's session, its folder and file. `permission`, `llm`: '' is the program's own."""

    runner: Runner
    session: str
    cwd: Path
    file: Path
    permission: str = ""
    llm: str = ""
    fork: bool = False
    timeout_s: float = 0.0  # a person watches: they stop it


class RunTalk:
    """See the module; `Conversation` says what is called. `key` is the session's in the hub.

    `catch_up`: reads the session's file to its end, here and now. `told` hears of every run that ended, on its thread.
    """

    def __init__(
        self,
        key: str,
        hub: Hub,
        runs: Callable[[], Runs],
        target: Target,
        catch_up: Callable[[], None],
        told: Callable[[RunResult], None] = lambda _: None,
    ) -> None:
        self.key = key
        self.target = target
        self._hub = hub
        self._runs = runs
        self._catch_up = catch_up
        self._told = told
        self._lock = threading.Lock()
        self._run = ""  # the one at work; 'starting' until it has an id
        self._stopped = ""  # it was stopped before it had one
        self._closed = False
        self._asked = ""  # id of the prompt that is being answered
        self._ahead: Ahead | None = None
        self._opened: Callable[[str], None] | None = None  # of a fork, until its file is there
        self._unmade: Callable[[str], None] | None = None  # and who is told why that never was
        self._first: tuple[Queued, int] | None = None  # what a fork began with, and when: microseconds UTC
        self._homeless = False  # a fork whose file is not open yet
        self._result: RunResult | None = None  # of a fork that was over before its file was open

    @property
    def abilities(self) -> Abilities:
        return self.target.runner.abilities

    @property
    def choices(self) -> Sequence[Choice]:
        return ()  # what its program is started with is chosen before: `permit`

    def choose(self, category: str, id: str) -> None:
        """There is nothing to choose."""

    @property
    def busy(self) -> bool:
        return bool(self._run)

    @property
    def wanted(self) -> bool:
        """A fork that somebody may still open."""
        return self.busy or (self._homeless and self._unmade is None)

    def shown(self, text: str, files: Sequence[Attached]) -> tuple[str, int]:
        """Images go along where the program takes any; of all else it is told the place."""
        forms = [form(file, self.abilities)[0] for file in files]
        lines = [line(file, file.path) for file, how in zip(files, forms, strict=True) if how != "image"]
        return "\n".join([text, *lines] if text else lines), forms.count("image")

    def send(self, text: str, id: str, files: Sequence[Attached] = ()) -> bool:
        if why := refused(files, self.abilities):
            raise StoreError(why)
        with self._lock:
            if self._run or self._closed:
                return False
            self._run, self._stopped = "starting", ""
        # The login shell's environment, a row in the database, a process: none of it may hold up the window.
        threading.Thread(
            target=self._start, args=(Queued(id, text, files=tuple(files)),), name=f"send {self.key[-8:]}",
            daemon=True,
        ).start()  # fmt: skip
        return True

    def fork(
        self,
        text: str,
        files: tuple[Attached, ...],
        opened: Callable[[str], None],
        unmade: Callable[[str], None],
    ) -> None:
        """Begin a copy of the session with this prompt; `opened` gets its file, on a run's thread, when it is there.

        If there never is one, `unmade` gets the reason. What the agent says meanwhile waits for `belongs`. Raises
        StoreError for files that cannot go along.
        """
        if why := refused(files, self.abilities):
            raise StoreError(why)
        self._run, self._unmade, self._homeless = "starting", unmade, True
        self._ahead = Ahead("", self._hub, self.target.runner.stream) if self.target.runner.provisional else None
        self._opened = opened
        queued = Queued(uuid.uuid4().hex, text, files=files)
        threading.Thread(target=self._start, args=(queued,), name=f"fork {queued.id[:8]}", daemon=True).start()

    def belongs(self, key: str, catch_up: Callable[[], None], told: Callable[[RunResult], None]) -> None:
        """The copy is open in the hub by that name: what comes goes there, and its end is told so."""
        began, run = time.time_ns() // 1000, self._asked
        with self._lock:
            self.key, self._catch_up, self._told = key, catch_up, told
            if self._run:
                ahead = self._ahead is not None
                if self._first is not None:
                    queued, since = self._first
                    shown = self.shown(queued.text, queued.files)
                    self._hub.put(key, lambda session: session.sent_before(queued, since, shown))
                self._hub.put(key, lambda session: session.run_began(run, began, ahead=ahead))
            self._homeless, result = False, self._result
        if result is not None:  # its file has all that it said
            since = began - (result.duration_us or 0)
            self._hub.put(key, lambda session: session.run_began(run, since))
            self._tell_over(key, run, result)
        elif self._ahead is not None:
            self._ahead.go_to(key)

    def permit(self, permission: str) -> None:
        """What the agent may do from the next prompt on."""
        self.target = replace(self.target, permission=permission)

    def cancel(self) -> None:
        with self._lock:
            run, self._stopped = self._run, "Stopped by you."
        if run and run != "starting":
            self._runs().stop(run)

    def answer(self, rpc: str | int, option: str) -> None:
        with self._lock:
            run, ahead = self._run, self._ahead
        asked = None if ahead is None else ahead.asked.get(rpc)
        reply = None if asked is None else self._runs().answer(run, str(rpc), option)
        if asked is None or reply is None:  # it is not open any more: its row says so with the next record
            return
        if reply.options:
            again: list[Event] = [ToolUpdated(_NOWHERE, asked.item, title=reply.text),
                                  Asked(_NOWHERE, rpc, asked.item, reply.text, reply.options)]  # fmt: skip
            self._hub.put(self.key, again)
            return
        self._hub.put(
            self.key, [Answered(_NOWHERE, rpc), ToolUpdated(_NOWHERE, asked.item, "running", answer=reply.text)]
        )

    def close(self) -> None:
        """Nobody looks any more: what runs is stopped, its file keeps what it has said so far."""
        with self._lock:
            self._closed = True
        self.cancel()

    # ---- on threads of ours

    def _start(self, queued: Queued) -> None:
        began = time.time_ns() // 1000
        # Told first: what the agent says comes behind it, and an end that is told before its beginning is no end.
        run = self._asked = queued.id
        target = self.target
        if target.fork:
            self._first = queued, began
        else:
            ahead = target.runner.provisional
            self._hub.put(self.key, lambda session: session.run_began(run, began, ahead=ahead))
            self._ahead = Ahead(self.key, self._hub, target.runner.stream) if ahead else None
        images = tuple(file for file in queued.files if form(file, self.abilities)[0] == "image")
        text, _ = self.shown(queued.text, queued.files)
        asked = Ask(text, target.cwd, target.session, target.fork, target.permission, target.llm, images=images,
                    attended=True)  # fmt: skip
        request = RunRequest(target.runner.name, asked, "composer", timeout_s=target.timeout_s, resumed=1)
        try:
            if self._closed:
                raise StoreError("The session was closed before it was sent.")
            runs = self._runs()
            id = runs.start(request, lambda result: self._done(run, result), out=self._take, seen=self._seen)
        except (StoreError, OSError) as error:
            why = str(error)
            with self._lock:
                self._run = ""
            if self._unmade is not None:
                self._unmade(why)
            else:
                self._hub.put(self.key, lambda session: session.unsent(queued, why))
            return
        with self._lock:
            if not self._run:  # it is over already
                return
            self._run = id
            stopped = self._stopped
        if stopped:
            runs.stop(id, stopped)

    def _take(self, data: bytes) -> None:
        if self._ahead is not None:
            self._ahead.take(data)

    def _seen(self, session: str, file: Path | None) -> None:
        """The agent said which session it is, and where its file is once there is one. On a reader's thread."""
        if file is None:
            return
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None:
            self.target = replace(self.target, session=session, file=file, fork=False)
            self._unmade = None
            opened(str(file))

    def _done(self, run: str, result: RunResult) -> None:
        session, file = result.outcome.session, result.session_key
        if self._unmade is not None and session and file and views.exists(file):
            self._seen(session, Path(file))  # it was over before its file was found
        try:
            self._catch_up()
        except Exception:  # its worker says so itself; a run that is over is over all the same
            log.exception("the end of run %s in %s", result.run_id, self.key)
        with self._lock:
            self._run = ""
            key, told, unmade = self.key, self._told, self._unmade
            if self._homeless:
                self._result = result
        if unmade is not None:
            unmade(result.reason or "the agent has not written it down.")
            return
        self._tell_over(key, run, result)
        told(result)

    def _tell_over(self, key: str, run: str, result: RunResult) -> None:
        over = time.time_ns() // 1000
        why = "" if result.state == "ok" else f"{self.target.runner.title}: {result.reason}"
        self._hub.put(key, lambda session: session.run_over(run, result.state, over, why))


class Ahead:
    """What an agent prints, as rows that its file does not have yet: without bytes, which are the file's to tell."""

    def __init__(self, key: str, hub: Hub, stream: str) -> None:
        self._key = key  # '': what comes waits until it is known
        self._hub = hub
        self._pipe = Pipe(format_named(stream))
        self._waiting: list[bytes] = []
        self._lock = threading.Lock()
        self.asked: dict[str | int, Asked] = {}  # what the agent has asked so far

    def go_to(self, key: str) -> None:
        """Where it is shown."""
        with self._lock:
            self._key = key
            waiting, self._waiting = self._waiting, []
            for data in waiting:
                self._show(data)

    def take(self, data: bytes) -> None:
        """The next bytes of its output, on a reader's thread."""
        with self._lock:
            if self._key:
                self._show(data)
            else:
                self._waiting.append(data)

    def _show(self, data: bytes) -> None:
        events: list[Event] = []
        for event in self._pipe.feed(data):
            if event.at.agent:
                continue  # a subagent's rows have other names in its file
            if isinstance(event, Asked):
                self.asked[event.rpc] = event
            if isinstance(event, AHEAD):
                events.append(replace(event, at=replace(_NOWHERE, ts=event.at.ts)))
            elif isinstance(event, Rewound):
                if events:
                    self._hub.put(self._key, events)
                    events = []
                self._hub.put(self._key, partial(Session.broke_off, item=event.item))
        if events:
            self._hub.put(self._key, events)
