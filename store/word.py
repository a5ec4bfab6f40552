"""What Playheads of one machine tell each other as it happens: a run began, somebody wants its end, one was renamed.

A word is a file in a folder of our own that is written to behind the commit; who wants to hear has the folder watched.
It says that something is so, and never what: that is in the database. While nothing is told, nothing is done.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from store.sources.watch import Watcher

log = logging.getLogger(__name__)

RUNS: Final = "runs"  # a run began, said its session or ended; a thread or a delivery changed
STOPS: Final = "stops"  # somebody wants the end of a run
QUEUE: Final = "queue"  # a delivery that waits was cancelled, or brought back
TRIGGERS: Final = "triggers"  # one was made, changed, switched or deleted
SESSIONS: Final = "sessions"  # one was named, archived, deleted or restored
WORDS: Final = (RUNS, STOPS, QUEUE, TRIGGERS, SESSIONS)
AGAIN: Final = 1.0  # seconds until what was deleted is made anew: whoever deletes our folder must get to its end
RARELY: Final = 30.0  # seconds from one try to the next, in the end

Call = Callable[[], None]


def folder(data: Path) -> Path:
    """Where words lie, below our data folder."""
    return data / "words"


def tell(data: Path, word: str) -> None:
    """Behind the commit, never before it. What nobody has ever listened for is not told; nothing is raised."""
    place = folder(data)
    try:
        number = os.open(place / word, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return
    except OSError as error:
        log.info("others are not told of %s: %s", word, error)
        return
    try:
        os.write(number, b".")  # over the one that is there: one piece of news, and a file that does not grow
        os.utime(place)  # for who has no notifications, and looks at folders now and then
    except OSError as error:
        log.info("others are not told of %s: %s", word, error)
    finally:
        os.close(number)


class Ear:
    """Hears words, our own too. `watcher`: one that runs already; else one is made with the first listener.

    What is called is called on the watcher's thread and must be quick. Where the system tells of no changes, the
    watcher looks every few seconds. Words that are deleted under it are made anew a moment later.
    """

    def __init__(self, data: Path, watcher: Watcher | None = None) -> None:
        self.data = data
        self.heard: Counter[str] = Counter()
        self._given = watcher
        self._watcher: Watcher | None = None
        self._lock = threading.Lock()
        self._calls: dict[str, list[Call]] = {word: [] for word in WORDS}
        self._closed = False
        self._mending: threading.Timer | None = None  # words are missing

    def on(self, word: str, call: Call) -> Call:
        """From when this returns nothing is missed, until what it returns is called. May block for a moment."""
        with self._lock:
            self._calls[word].append(call)
            if self._watcher is None and not self._closed:
                self._listen()
        return partial(self._off, word, call)

    def close(self) -> None:
        """Nothing is heard any more; a call under way may still come."""
        with self._lock:
            self._closed = True
            watcher, self._watcher = self._watcher, None
            if self._mending is not None:
                self._mending.cancel()
        if watcher is None:
            return
        if watcher is self._given:
            watcher.unwatch(folder(self.data), self._told)
        else:
            watcher.stop()

    def _listen(self) -> None:
        place = folder(self.data)
        try:
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make(place)
        except OSError as error:
            log.warning("what other Playheads do is seen late: %s", error)
        if self._given is None:
            from store.sources.watch import Watcher

            self._watcher = Watcher()
        else:
            self._watcher = self._given
        self._watcher.watch_tree(place, self._told)

    def _off(self, word: str, call: Call) -> None:
        with self._lock:
            if call in self._calls[word]:
                self._calls[word].remove(call)

    def _told(self, path: Path) -> None:
        """A path that is no word is the folder: too much happened to say what."""
        words = (path.name,) if path.name in self._calls and path.parent.name == "words" else WORDS
        for word in words:
            self.heard[word] += 1
            with self._lock:
                calls = list(self._calls[word])
            for call in calls:
                call()
        if not path.exists():
            self._mend(AGAIN)

    def _mend(self, after: float) -> None:
        with self._lock:
            if self._closed or self._mending is not None:
                return
            self._mending = threading.Timer(after, self._make_anew, (after,))
            self._mending.daemon = True
            self._mending.start()

    def _make_anew(self, waited: float) -> None:
        """What is made is told by the watcher, and so whatever happened in between is looked at."""
        with self._lock:
            self._mending = None
            if self._closed:
                return
            try:
                _make(folder(self.data))
                return
            except OSError as error:  # our whole folder is gone: that is not for us to make
                log.info("words cannot be made anew: %s", error)
        self._mend(min(2 * waited, RARELY))


def _make(place: Path) -> None:
    place.mkdir(mode=0o700, exist_ok=True)
    for word in WORDS:
        (place / word).touch(mode=0o600)
