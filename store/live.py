"""The tick: a 16 ms one-shot timer that turns what workers brought into one Delta per session. The only Qt in `store/`.

`Ticker` is the timer around the hub; `Live` adds the sources, and is all of the store that the window talks to.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QMetaMethod, QObject, Qt, QTimer, Signal, Slot

from store.delta import Delta, Header
from store.errors import StoreError
from store.feeds import Feeds
from store.hub import Hub
from store.items import Item, Tool
from store.paths import data_dir
from store.rest import reader
from store.session import Session
from store.told import Completed, Drain, Question, Queued

if TYPE_CHECKING:
    from store.again import Again
    from store.attach import Attached
    from store.conversation import Choice
    from store.preflight import Preflight
    from store.runners.base import Abilities
    from store.word import Ear

TICK_MS: Final = 16
SAID_MS: Final = 1000  # between two words about how many ticks there were: nobody reads figures faster
# The word comes with the next tick then, or so much later if there is none: a timer of its own would be a wake-up more.
SAID_LAST_MS: Final = 250


class Ticker(QObject):
    """Arms one single-shot precise timer with the first news after a quiet time; later news never extends it.

    Nothing pending: no timer, no wake-up. While there is a backlog the timer is armed again after each tick. The past
    of a session that is opened is told at once: it is whole, so waiting would collect nothing. So are the records of a
    file that grows all the time: the watcher has collected them (`PACE` in `store/sources/watch.py`).
    """

    changed = Signal(object)  # store.delta.Delta
    fact = Signal(object)  # store.session.Completed | Question
    # Events that still wait. After a tick with a backlog or the end of one; else not more often than SAID_MS.
    ticked = Signal(int)
    _woken = Signal()  # queued, so that a worker may emit it

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.hub = Hub(self._wake)
        self.ticks = 0
        # (session, prompt) → went out; raises StoreError. Set by who can send.
        self.send: Callable[[str, Queued], bool] | None = None
        # (session, prompt) → how its echo will show it. Set by who knows its agent.
        self.shown: Callable[[str, Queued], tuple[str, int]] = lambda _, queued: (queued.text, 0)
        # Called with each Delta, before `changed`: a signal costs as much as a small tick's fold, so it is only emitted
        # while something is connected to it.
        self.told: list[Callable[[Delta], None]] = []
        self._changed = QMetaMethod.fromSignal(self.changed)
        self._untold: deque[Delta] = deque()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self.on_tick)
        self._said = 0.0  # when `ticked` was emitted last
        self._behind = False  # with a backlog
        self._unsaid = QTimer(self)  # runs while there was a tick since
        self._unsaid.setSingleShot(True)
        self._unsaid.timeout.connect(self.say)
        self._woken.connect(self.on_woken, Qt.ConnectionType.QueuedConnection)

    def _wake(self) -> None:
        self._woken.emit()

    @property
    def armed(self) -> bool:
        return self._timer.isActive()

    @Slot()
    def on_woken(self) -> None:
        if self._timer.isActive() or not self.hub.pending:
            return
        if self.hub.loaded:
            self.on_tick()
        else:
            self._timer.start()

    @Slot()
    def on_tick(self) -> None:
        """Take what is there, within the budget; arm again only if something is left."""
        self.ticks += 1
        self._tell(self.hub.flush())
        hub = self.hub
        if hub.pending:
            self._timer.start()
        elif not (hub.backlog or self._behind):
            left = self._said + SAID_MS / 1000 - time.monotonic()
            if left > 0:
                if not self._unsaid.isActive():
                    self._unsaid.start(int(left * 1000) + SAID_LAST_MS)
                return
        self.say()

    @Slot()
    def say(self) -> None:
        """Emit `ticked`, now."""
        self._unsaid.stop()
        self._said, self._behind = time.monotonic(), bool(self.hub.backlog)
        self.ticked.emit(self.hub.backlog)

    def drain(self, key: str | None = None) -> None:
        """Take everything that waits, now: nothing visible may be missing at this moment, nothing is applied twice."""
        self._tell(self.hub.flush(key, bounded=False))
        if not self.hub.pending:
            self._timer.stop()

    def change(self, key: str, do: Callable[[Session], None]) -> None:
        """Do something to a session's prompts (`store.session_prompts`), and tell of it at once."""
        self.hub.put(key, do)
        self.drain(key)

    def _tell(self, deltas: Sequence[Delta]) -> None:
        if self.hub.flushed is not None:
            self.hub.flushed()
        # Whoever is told may drain: what the outer round has not told yet comes first, then the newer.
        self._untold.extend(deltas)
        while self._untold:
            delta = self._untold.popleft()
            for told in self.told:
                try:
                    told(delta)
                except Exception:  # noqa: BLE001 - whatever it is
                    sys.excepthook(*sys.exc_info())  # as Qt has it with a slot's: nobody else may miss news by it
            if self.isSignalConnected(self._changed):
                self.changed.emit(delta)
        facts, self.hub.facts = self.hub.facts, []
        for fact in facts:
            if isinstance(fact, Drain):
                QTimer.singleShot(0, self, self._drain_later(fact.session))
            else:
                self.fact.emit(fact)

    def _drain_later(self, key: str) -> Callable[[], None]:
        def drain() -> None:
            session = self.hub.sessions.get(key)
            queued = None if session is None else session.next_prompt()
            if session is None or queued is None or self.send is None:
                return
            now, why = time.time_ns() // 1000, ""
            # Before it is tried: what the attempt brings comes behind its row, whichever thread is the faster.
            shown = self.shown(key, queued)
            self.change(key, lambda live: live.sent(queued, now, shown))
            try:
                if self.send(key, queued):
                    return
            except StoreError as error:
                why = str(error)
            self.hub.put(key, lambda live: live.unsent(queued, why))

        return drain


class Live(Ticker):
    """The store as the window sees it. Commands are methods; what happened comes as signals, on the GUI thread."""

    sessions = Signal(object)  # store.delta.SessionsDelta
    finished = Signal(str, object)  # session, store.session.Completed | store.streams.Ended
    progress = Signal(str, int, int)  # session, bytes read, bytes in all; equal at the end
    question = Signal(str, object)  # session, store.session.Question
    started = Signal(object)  # store.told.Started: a session that began here has its row
    ran = Signal(str, object)  # session, store.runs.RunResult: a run of ours in it is over
    forked = Signal(str, str, str)  # session, prompt, the file of the copy begun with it: to be opened, then `adopt`ed
    unforked = Signal(str, str, str)  # session, prompt, why there is no copy
    figured = Signal(object)  # store.insight_talk.Told: an answer to `figures`

    def __init__(self, parent: QObject | None = None, *, database: bool = True) -> None:
        super().__init__(parent)
        # The signals are emitted by workers: the receivers live on the GUI thread, so Qt queues them.
        self.feeds = Feeds(
            self.hub,
            lambda ended: self.finished.emit(ended.session, ended),
            self.progress.emit,
            self.sessions.emit,
            started=self.started.emit,
            figured=self.figured.emit,
            ran=self.ran.emit,
            database=database,
        )
        self.fact.connect(self.on_fact)
        self.send, self.shown = self._send, self._shown

    @Slot(object)
    def on_fact(self, fact: Completed | Question) -> None:
        if isinstance(fact, Completed):
            self.finished.emit(fact.session, fact)
        else:
            self.question.emit(fact.session, fact)

    def open(self, path: str) -> str:
        """Read and follow a session file. Returns the session's key."""
        return self.feeds.open(path)

    def close(self, key: str) -> None:
        self.feeds.close(key)

    def run(self, argv: Sequence[str], cwd: str = "", title: str = "") -> str:
        """Start a command and follow it. Raises StoreError."""
        return self.feeds.run(argv, cwd, title)

    def acp(self, argv: Sequence[str], cwd: str = "", load: str = "", *, files: bool = True) -> str:
        """Start an agent that talks ACP, in a new session or in an earlier one of its own. Raises StoreError."""
        return self.feeds.acp(argv, cwd, load, files=files)

    def load_again(self, again: Again, key: str, text: str, files: tuple[Attached, ...] = ()) -> str:
        """Start an agent again, for a new session that loads the one of that key and goes on with a prompt: its key.

        Raises StoreError.
        """
        path = self.feeds.path_of(key)
        new = self.feeds.acp(again.argv, again.cwd, again.load, parent=key if path is None else str(path))
        self.prompt(new, text, files)
        return new

    def rename(self, key: str, title: str) -> None:
        """Give a stream a title, before it is saved or after. Raises StoreError."""
        self.feeds.rename(key, title)

    def stdin(self) -> str:
        return self.feeds.stdin()

    def demo(self, speed: float = 1.0) -> str:
        return self.feeds.demo(speed)

    def replay(self, path: str, speed: float = 1.0) -> str:
        return self.feeds.replay(path, speed)

    def stop(self, key: str) -> None:
        """End what runs in a session; blocks until it is gone, so call it in a job."""
        self.feeds.stop(key)

    # ---- prompts

    def _send(self, key: str, queued: Queued) -> bool:
        conversation = self.feeds.conversation(key)
        return conversation is not None and conversation.send(queued.text, queued.id, queued.files)

    def _shown(self, key: str, queued: Queued) -> tuple[str, int]:
        conversation = self.feeds.conversation(key)
        return (queued.text, 0) if conversation is None else conversation.shown(queued.text, queued.files)

    def abilities(self, key: str) -> Abilities | None:
        """What the agent of a session can, once prompts can be sent to it; None: it has not said so yet."""
        conversation, session = self.feeds.conversation(key), self.hub.sessions.get(key)
        return None if conversation is None or session is None or not session.connected else conversation.abilities

    def can_send(self, key: str) -> bool:
        """Whether prompts of a session have somewhere to go."""
        return self.feeds.conversation(key) is not None

    def is_recording(self, key: str) -> bool:
        """Whether an open session is only played: nobody can be talked to there."""
        return self.feeds.is_recording(key)

    def why_not(self, key: str, header: Header) -> str:
        """The sentence that says why a session cannot be gone on with here; '' when one look may tell."""
        from store.runners import apart, way_on

        if apart(header.agent) is not None and self.feeds.path_of(key) is not None:
            return ""
        why = way_on(header.agent, header.id, self.feeds.is_file(key))[1]
        return "The beginning of this session is still being read." if why and header.partial else why

    def choices(self, key: str) -> Sequence[Choice]:
        """What the agent of a session lets the user choose at any time; its header says what is chosen."""
        conversation = self.feeds.conversation(key)
        return () if conversation is None else conversation.choices

    def choose(self, key: str, category: str, id: str) -> None:
        """Have the agent change it: its header, or a row, says what came of that."""
        conversation = self.feeds.conversation(key)
        if conversation is not None:
            conversation.choose(category, id)

    def prompt(self, key: str, text: str, files: tuple[Attached, ...] = ()) -> str:
        """Queue a prompt; it goes out at once where nothing is in its way. Returns its id."""
        queued = Queued(os.urandom(16).hex(), text, files=files)
        self.change(key, lambda session: session.put_prompt(queued))
        return queued.id

    def answer(self, key: str, rpc: str, option: str) -> bool:
        """Answer an open question with one of its options. False: nobody here can be told."""
        conversation = self.feeds.conversation(key)
        if conversation is None or not rpc:
            return False
        conversation.answer(rpc, option)
        return True

    def connect_to(self, key: str, header: Header, permission: str = "") -> None:
        """Prompts of an open session go to its agent's program from now on. Raises StoreError when there is no way."""
        self.feeds.talks.connect(key, header, permission)
        self.drain(key)

    def fork(self, key: str, header: Header, text: str, permission: str = "", files: tuple[Attached, ...] = ()) -> None:
        """Go on with a copy of a session: `forked` names its file once it is there, `unforked` says why it never is."""
        self.feeds.talks.fork(
            key, header, text, permission, files,
            lambda file: self.forked.emit(key, text, file), lambda why: self.unforked.emit(key, text, why),
        )  # fmt: skip

    def permission(self, key: str) -> str:
        """What the agent of a session that is gone on with here may do; '' is what its program is set up for."""
        return self.feeds.talks.permission(key)

    def adopt(self, key: str, file: str) -> None:
        """A copy that `forked` has named is open by that key."""
        self.feeds.talks.adopt(key, file)

    def preflight(self, key: str, header: Header) -> Callable[[], Preflight]:
        """A job that looks at what going on with a session would meet."""
        from store.runners import apart

        file = self.feeds.is_file(key) or apart(header.agent) is not None
        path = self.feeds.path_of(key) if file else None
        return lambda: self.feeds.talks.preflight(path, header)

    def sweep(self) -> int:
        """A job: settle the runs that a killed Playhead has left; how many."""
        return self.feeds.talks.sweep()

    def busy(self) -> list[str]:
        return self.feeds.busy()

    def figures(self, key: str, have: int = 0, *, keep: bool = True) -> bool:
        """Have the figures of an open session made: `figured` has them. False: it is not open."""
        return self.feeds.figures(key, have, keep=keep)

    def discover(self, roots: Sequence[str] = ()) -> None:
        self.feeds.discover(roots)

    def ear(self) -> Ear:
        """What other Playheads tell is heard with the watcher that runs already. Close it before `shutdown`."""
        from store.word import Ear

        return Ear(data_dir(), self.feeds.watcher)

    def raw(self, key: str, item: Item) -> Callable[[], list[tuple[str, int, bytes]]]:
        """A job that reads an item's source bytes."""
        return self.feeds.raw(key, item)

    def rest(self, key: str, item: Item) -> Callable[[], list[tuple[str, int, bytes]]]:
        """A job that reads all of an output which lies in a file beside its session."""
        return reader(self.feeds.path_of(key), item.rest if isinstance(item, Tool) else "")

    def shutdown(self) -> None:
        """End everything; blocks until processes are gone."""
        self.drain()
        self._timer.stop()
        self.feeds.shutdown()
