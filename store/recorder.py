"""Live streams on their way into the database: drafts until their first content, then a commit with every tick.

A stream's journal is the truth, and the database follows it: what a commit could not take is read again, so nothing is
kept twice, lost or written twice. One thread for all streams; `store.feeds` owns it, and no Qt is near.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from store.db.lock import Lock, hold
from store.db.reads import BusyError
from store.due import Due
from store.errors import StoreError
from store.told import Started

if TYPE_CHECKING:
    from store.db.writer import Writer
    from store.recording import Recording

log = logging.getLogger(__name__)

PACE: Final = 0.25  # seconds that news waits for a tick; commands have none
REST: Final = 4  # times what a round took, at most PACE: painting comes first, and the journal has it all anyway
AGAIN: Final = 1.0  # seconds until what could not be written is tried again
YOUNG: Final = 2.0  # seconds: what is over sooner starts no process for its figures, and has them when it is asked


class Recorder:
    """See the module. `started` is called once per new session, when its row is there, on the recorder's thread."""

    def __init__(
        self,
        db: Path,
        started: Callable[[Started], None] = lambda _: None,
        fold: Callable[[str, Path], None] | None = None,
        young: float = YOUNG,
    ) -> None:
        """`fold` (session, its journal) is called when a digest is due, on the recorder's thread; it does not wait."""
        self.db = db
        self.commits = 0  # for tests
        self.due: Due[str] = Due(least=PACE)  # digests with something to fold
        self._started = started
        self._fold = fold
        self._young = young
        self._born: dict[str, float] = {}  # when the first of a stream was saved
        self._paths: dict[str, Path] = {}  # its journal
        self._streams: dict[str, Recording] = {}
        self._news: set[str] = set()
        self._again: set[str] = set()  # could not be written
        self._after: dict[str, list[Callable[[], None]]] = {}
        self._changing = threading.Lock()
        self._awake = threading.Event()  # there is news
        self._tick = threading.Event()  # and it is time
        self._stop = threading.Event()
        self._writer: Writer | None = None
        self._lock: Lock | None = None
        self._token = uuid.uuid4().hex
        self._thread: threading.Thread | None = None

    # ---- called by sources and the tick

    def follow(self, recording: Recording) -> None:
        """Save this stream from now on."""
        self._streams[recording.key] = recording
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
            self._thread.start()
        self.news(recording.key)

    def news(self, key: str) -> None:
        """Bytes came. They are written with the next tick."""
        if key not in self._news:
            with self._changing:
                self._news.add(key)
            self._awake.set()

    def tick(self) -> None:
        """What came so far is on the screen: it belongs into the database."""
        if self._news:
            self._tick.set()

    def after(self, key: str, do: Callable[[], None]) -> None:
        """Dispatch something behind the session's row and its start: when the next attempt to save it is made.

        Of a stream that nobody records it is done at once. A database that takes nothing holds nobody back.
        """
        if key not in self._streams:
            do()
            return
        self._after.setdefault(key, []).append(do)
        self.news(key)

    def end(self, key: str) -> None:
        """The stream is over and its journal closed: write the rest of it, and how it ended."""
        recording = self._streams.get(key)
        if recording is not None:
            recording.over = True
            self.news(key)
            self._tick.set()

    def close(self) -> None:
        """Write what there is, once, and end. What the database does not take stays in the journals."""
        self._stop.set()
        self._awake.set()
        self._tick.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    # ---- our thread

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                if self._awake.wait(self._patience()) and not self._again:
                    self._tick.wait(PACE)
                began = time.monotonic()
                self._round()
                self._fold_due(began)
                self._stop.wait(min(PACE, REST * (time.monotonic() - began)))
            if self._news or self._again:
                self._round()  # what came last; one attempt, for whoever quits waits for it
        except Exception:  # ours; the journals have everything, and the next import takes it
            log.exception("streams are not saved any more")
            for recording in list(self._streams.values()):
                recording.tell(trouble="This session is not saved any more: an error of Playhead itself, see the log. "
                               "Its journal has all of it, and the next start takes it in.")  # fmt: skip
        finally:
            if self._writer is not None:
                self._writer.close()
            if self._lock is not None:
                self._lock.drop()

    def _patience(self) -> float | None:
        """Seconds until there is something to do without news; None: there is nothing."""
        again = AGAIN if self._again else None
        due = None if self._fold is None else self.due.next()
        if due is None:
            return again
        left = max(0.0, due - time.monotonic())
        return left if again is None else min(again, left)

    def _fold_due(self, now: float) -> None:
        """Have the digests folded that are due: elsewhere, for what it takes a window must not spend."""
        if self._fold is None:
            return
        for key, entries in self.due.collect(now).items():
            recording = self._streams.get(key)
            if now - self._born.get(key, now) >= self._young:
                self._fold(key, self._paths[key])
            elif recording is not None:
                self.due.note(key, now, entries)
            if recording is None:
                self._born.pop(key, None)
                self._paths.pop(key, None)

    def _round(self) -> None:
        self._awake.clear()
        self._tick.clear()
        with self._changing:
            news, self._news = self._news | self._again, set()
        self._again = set()
        for key in news:
            recording = self._streams.get(key)
            if recording is not None:
                self._save(recording)
            for do in self._after.pop(key, ()):
                do()

    def _save(self, recording: Recording) -> None:
        """One attempt: one commit at most."""
        try:
            new = recording.save(self._open, self._token)
        except (StoreError, OSError) as error:
            self._failed(recording, error)
            return
        if new is None:
            self._again.add(recording.key)
            return
        if recording.troubled:
            recording.troubled = False
            recording.tell(trouble="")
        if recording.written:
            self.commits += 1
            now = time.monotonic()
            if self._fold is not None:
                self._born.setdefault(recording.key, now)
                self._paths[recording.key] = recording.journal.path
            self.due.note(recording.key, now, recording.written, closed=recording.closed_turn or recording.over)
        if new:
            recording.tell(draft=False)
            self._started(Started(recording.key, recording.draft.session or 0))
        if recording.over:
            recording.close()
            del self._streams[recording.key]

    def _failed(self, recording: Recording, error: Exception) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._again.add(recording.key)
        log.info("%s is not saved: %s", recording.key, error)
        if not recording.troubled:  # once per trouble
            recording.troubled = True
            busy = "It is tried again every second." if isinstance(error, BusyError) else "It is tried again."
            recording.tell(trouble=f"This session is not saved yet: {error} Nothing of it is lost. {busy}")

    def _open(self) -> Writer:
        if self._writer is None:
            from store.db.writer import Writer  # with the first stream: a window that has none never needs it

            self._writer = Writer(self.db)
            if self._lock is None:
                self._lock = hold(self._writer.live_path(self._token), wait=False)
            self._writer.interrupted()
        return self._writer
