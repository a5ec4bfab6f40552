"""The workers of sessions that are streams: standard input, a process that we started, a recording that is replayed.

Bytes come on the source's own reader thread; here they become events for the hub, and lie in a journal of ours, because
such a stream has no file of its own. Made by `store.feeds`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from store import secrets
from store.draft import USER_RANK, valid_title
from store.errors import StoreError
from store.events import At, SessionNamed
from store.formats import HEAD, sniff
from store.formats.base import Format
from store.hub import Hub
from store.pipe import Pipe
from store.recorder import Recorder
from store.recording import Recording
from store.session import Session
from store.sources.journal import Journal
from store.sources.process import Closed, Exited, Fact, Killed, Process, wording

if TYPE_CHECKING:
    from store.sources.acp import AcpAgent

log = logging.getLogger(__name__)

HELD: Final = 0.2  # seconds between two looks whether a crowded hub has room again, or the stream is to end
KEPT: Final = 64 << 20  # bytes of a stream without a journal that are kept for the raw view


class Ended(Struct, frozen=True):
    """A stream is over: how, in words, and whether that is as it should be."""

    session: str
    how: str
    ok: bool


class Stream:
    """One stream's way from bytes to the hub. `take` and `end` are the callbacks of a source, on its thread."""

    def __init__(
        self,
        key: str,
        hub: Hub,
        told: Callable[[Ended], None],
        journal: Journal | None = None,
        hint: Path | None = None,
        format: Format | None = None,
    ) -> None:
        """`hint`: the file that is replayed, for the sniffing of its format. `format`: it is known already."""
        self.key = key
        self.hub = hub
        self.journal = journal
        self.recorder: Recorder | None = None  # saves it, where there is a database
        self.recording: Recording | None = None
        self.stop_source: Callable[[], None] = lambda: None
        self.ask_source: Callable[[], None] | None = None  # interrupt, where the source can
        self.conversation: AcpAgent | None = None  # prompts go to it
        self.alive = True
        self.kept: bytearray | None = bytearray() if journal is None else None
        self._told = told
        self._hint = hint
        self._format = format
        self._head = b""
        self._pipe: Pipe | None = None
        self._over = threading.Event()

    @property
    def busy(self) -> bool:
        """Something is at work in it that would be lost."""
        talk = self.conversation
        return self.alive and (self.ask_source is not None if talk is None else talk.busy)

    def take(self, data: bytes) -> None:
        """The next bytes. Waits while the hub is crowded: that holds the writer back, as a full pipe does."""
        while not self.hub.room.wait(HELD):
            if self._over.is_set():
                return
        if self._over.is_set():
            return
        if self.journal is not None:
            self.journal.write(data)
        elif self.kept is not None and len(self.kept) < KEPT:
            self.kept += data
        if self._pipe is None:
            self._head += data
            if b"\n" not in self._head and len(self._head) < HEAD:
                return
            data = self._head
            self._head = b""
            self._begin(data)
        if self.recorder is not None:
            self.recorder.news(self.key)
        assert self._pipe is not None  # noqa: S101 - for the type checker
        events = self._pipe.feed(data)
        if events:
            self.hub.put(self.key, events)

    def last(self, data: bytes) -> None:
        """As `take`, for a source that tells how it ended: also when nobody looks any more, for the journal."""
        if not self._over.is_set():
            self.take(data)
        elif self.journal is not None:
            self.journal.write(data)

    def _begin(self, head: bytes) -> None:
        format_ = self._format or sniff(head[:HEAD], self._hint)
        self._pipe = Pipe(format_)
        self.say(agent=format_.agent)
        if self.recorder is not None and self.journal is not None:
            self.recording = Recording(self.key, self.journal, format_, self.say)
            self.recorder.follow(self.recording)

    def end(self, how: str, ok: bool, who: str = "") -> None:
        """No more bytes will come. Once. `who` makes a sentence of `how` where it is none."""
        if self._over.is_set() or not self.alive:
            return
        self.alive = False
        if self._pipe is None:
            self._begin(self._head)
        assert self._pipe is not None  # noqa: S101 - for the type checker
        events = (self._pipe.feed(self._head) if self._head else []) + self._pipe.close()
        self._head = b""
        if events:
            self.hub.put(self.key, events)
        self.say(state="ended" if ok else "failed", pending=False, trouble="" if ok else f"{who}{how}")
        self._close_journal(how)
        self._told(Ended(self.key, how, ok))

    def whole(self) -> tuple[bytes, str]:
        """What came of a stream without a journal, and the name of the file that is replayed."""
        return bytes(self.kept or b""), "" if self._hint is None else self._hint.name

    def say(self, **changes: object) -> None:
        """Tell the session's header, in order with the events."""

        def say(session: Session) -> None:
            session.say(**changes)

        self.hub.put(self.key, say)

    def rename(self, title: str) -> None:
        """What the user calls the session, also before there is anything to save. Raises StoreError; then it is as it
        was."""
        if self.recording is not None:
            self.recording.rename(title)
            assert self.recorder is not None  # noqa: S101 - who records has one
            self.recorder.news(self.key)
        else:
            title = valid_title(title)
            if self.journal is not None:
                self.journal.note(title=title)
        self.hub.put(self.key, [SessionNamed(At(), title=valid_title(title), rank=USER_RANK)])

    def stop(self) -> None:
        """End the source and the journal; nothing is told after this. Blocks until a process group is gone."""
        self._over.set()
        self.alive = False
        try:
            self.stop_source()
        except StoreError as error:
            log.warning("%s: %s", self.key, error)
        self._close_journal("closed by the user")

    def _close_journal(self, how: str) -> None:
        if self.journal is not None:
            self.journal.end(how)
        if self.recorder is not None:
            self.recorder.end(self.key)


class Run:
    """The life of a started process as its stream's: over when the process has ended and nobody writes any more.

    What it started may outlive it and go on writing into the same pipe: that is shown too, and the session stays one
    that is asked for before it is ended.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._closed = False
        self._ended: Exited | Killed | None = None
        self._stopped = False  # the user has ended it: how it took that is no failure
        self._over = False
        self._process: Process | None = None

    def start(self, argv: Sequence[str], cwd: Path) -> None:
        """Raises StoreError when there is nothing to start."""
        with self._lock:  # a command that is over at once tells its end when this is done
            self._process = Process(argv, cwd, secrets.around(), out=self._stream.take, fact=self.fact)

    def interrupt(self) -> None:
        if self._process is not None:
            self._process.interrupt()

    def fact(self, fact: Fact) -> None:
        """The process's callback, on its threads."""
        with self._lock:
            if isinstance(fact, Closed):
                self._closed = True
            else:
                self._ended = fact
            over = self._closed and self._ended is not None
        if over:
            self._end()
        elif not isinstance(fact, Closed):
            self._stream.say(trouble=f"The command {wording(fact)}; what it started is still running.")

    def stop(self) -> None:
        """End the whole group, and the stream with it. Blocks until both are done."""
        self._stopped = self._ended is None
        if self._process is not None:
            self._process.terminate()
        if self._ended is not None:  # what made itself a group of its own is out of our reach: nobody waits for it
            self._end()

    def _end(self) -> None:
        with self._lock:
            if self._over or self._ended is None:
                return
            self._over = True
        ended, process = self._ended, self._process
        ok = ended == Exited(0)
        said = [] if ok or process is None else process.stderr().decode("utf-8", "replace").strip().splitlines()[-1:]
        self._stream.end(": ".join([wording(ended), *said]), ok or self._stopped, "The command ")
