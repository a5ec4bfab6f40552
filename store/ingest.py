"""The worker of one open session file: its past at once (from the end, or from the database), then every new byte.

One thread per session. It runs source → lines → records → events and hands events to the hub; the fold of live events
belongs to the tick. A few new bytes are read by the watcher's thread, which is awake already. A big file that was never
seen is shown from its end first, while a child process folds the whole of it into the database; then the worker folds
what came meanwhile on top and the session stands on its whole past.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from store.around import Around
from store.draft import has_content
from store.errors import StoreError, sentence
from store.events import Event
from store.fold import State
from store.formats.base import Format
from store.growth import Growth
from store.hub import Hub
from store.known import Known, known, said
from store.late import behind_seal
from store.late import sentence as sentence_of_late
from store.past import Rows, copy_in_words, gain, has_line, loaded, shown, size_of_file, speaks_of_child
from store.pipe import Pipe
from store.sources import views
from store.sources.view_tail import Follower
from store.sources.watch import Watcher
from store.whole import Whole, format_of, live_state

if TYPE_CHECKING:
    from store.importer import Import

log = logging.getLogger(__name__)

SMALL: Final = 1 << 20  # bytes of a session that are read as a whole before the first paint
FIRST: Final = 128 << 10  # bytes of a bigger session's end that are; then SMALL of them, while a child reads it all
SCREEN: Final = 40  # rows that the first bytes must bring
LATER: Final = 0.3  # seconds until more of the end is read: the first paint needs the interpreter for itself
AHEAD: Final = 4 << 20  # new bytes behind what the database knows that are folded here; more goes to the child
FEW: Final = 4  # files of a session that the watcher's thread looks at; a session of more is left to the worker
GLANCE: Final = 64 << 10  # bytes it reads of each

Progress = Callable[[str, int, int], None]  # (session, bytes done, bytes in all)


class FileIngest:
    """See the module. `key` is the session's key in the hub."""

    def __init__(
        self,
        key: str,
        path: Path,
        hub: Hub,
        watcher: Watcher,
        progress: Progress | None = None,
        *,
        database: bool = True,
    ) -> None:
        self.key = key
        self.path = path
        self.growth = Growth(path, self._put, lambda trouble: self._say(trouble=trouble))
        self.around = Around(path, watcher, self._on_change, lambda: self._bell.set())
        self._hub = hub
        self._watcher = watcher
        self._follower = Follower(watcher, self._on_change, lambda: self._bell.set())
        self._progress = progress
        self._database = database
        self._format: Format | None = None
        self._import: Import | None = None
        self._more: tuple[float, int, int] | None = None  # read more of the end: when, from where, if so many files
        self._imported = threading.Event()
        self._why = ""  # why the file was read again from its start
        self._failed = ""
        self._copy = False  # the file is gone, and what is shown is what the database has kept
        self._troubled = False  # it could not be read, and the window says so
        self._collected = False  # what is read now was collected for a while: the watcher waited
        self._archived = False  # nothing comes in any more: what does is counted
        self._late = 0  # such events
        self._draft = False  # nobody has said or done anything in it so far
        self._screen = 0  # rows that were shown before the whole was there
        self._turn = threading.Lock()  # held by whoever reads: the worker, or the watcher's thread for a moment
        self._broken = False  # by an error of our own: nothing more is read
        self._bell = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"ingest {path.name}", daemon=True)

    def start(self) -> None:
        self._follower.follow(self.path)
        self._thread.start()

    def stop(self) -> None:
        """End the worker and its child process. Idempotent."""
        if self._over.is_set():
            return
        self._over.set()
        self._bell.set()
        self._follower.stop()
        self.around.stop()
        self._end_import()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()
        if self._thread is not threading.current_thread():
            with self._turn:  # nothing is handed over once this returns
                pass

    def catch_up(self) -> None:
        """Hand over what the files have by now, whoever told of it or not. For the end of a run, on its thread."""
        with self._turn:
            if not (self._over.is_set() or self._broken or self._format is None):
                self._look()

    def _on_change(self, path: Path) -> None:
        """On the watcher's thread. To read a record here costs less than to wake the worker for it."""
        if not self._turn.acquire(blocking=False):
            self._bell.set()  # the worker is at it, and may have looked at this file already
            return
        try:
            if not self._glance(path):
                self._bell.set()
        except Exception:
            log.exception("reading %s stopped", self.path)
            self._give_up()
        finally:
            self._turn.release()

    # ---- the worker

    def _work(self) -> None:
        try:
            with self._turn:
                self._begin()
                # At once: from now on the tails know what the files looked like, and see whether they are others.
                self._look()
            while True:
                self._bell.wait(self._patience())
                self._bell.clear()
                if self._over.is_set() or self._broken:
                    return
                with self._turn:
                    self._serve()
        except Exception:
            log.exception("reading %s stopped", self.path)
            self._give_up()

    def _give_up(self) -> None:
        """Our own fault: said in the window, with the traceback in the log."""
        self._broken = True
        self._bell.set()
        self._say(trouble=f"Reading {self.path.name} stopped by an error of Playhead; see the log.")

    def _serve(self) -> None:
        """Whatever is due."""
        self._follower.looked()
        if self.growth.anew is not None:
            self._start_over()
        if self._more is not None and time.monotonic() >= self._more[0]:
            self._read_more()
        if self._imported.is_set():
            self._imported.clear()
            self._stand_on_import()
        if self._format is None:
            self._begin()
        self._look()

    def _patience(self) -> float | None:
        """Seconds until something is due that nobody rings for."""
        dues = (self.around.due, self.growth.due, self._follower.due, self._more and self._more[0])
        return max(0.0, min(some) - time.monotonic()) if (some := [due for due in dues if due is not None]) else None

    def _say(self, **changes: object) -> None:
        self._hub.put(self.key, lambda session: session.say(**changes))

    def _begin(self) -> None:
        """Show the past: from the database, as a whole, or its end first."""
        try:
            size = views.stat(self.path).st_size
            self._copy = self._archived = self._draft = False
            self._format = format_of(self.path) if has_line(self.path) else None
            if self._format is None:  # nothing yet that says whose file this is
                self._draft = True
                self._say(trouble=self._why, state="idle", draft=True)
                return
            if self._troubled:  # only then: whatever is said here has the rows wait for the tick
                self._troubled = False
                self._say(trouble=self._why)
            before = known(self.path) if self._database else None
            if before is not None and before.archived:
                self._stand_on_archived(before)
                return
            if before is not None and self._stand_on(before, AHEAD):
                pass
            elif size <= SMALL:
                self._read_whole(0)
            else:
                if self._read_whole(size - FIRST, SCREEN):
                    self._more = (time.monotonic() + LATER, size - SMALL, len(self.growth.files))
                else:
                    self._read_whole(size - SMALL)
                if self._over.is_set():
                    return
                self._begin_import(self.growth.pipes[0].offset)
            state = "idle" if self._draft else live_state(self.path, self._format)
            self._say(trouble=self._why, agent=self._format.agent, state=state, draft=self._draft)
        except StoreError as error:
            self._format, self._troubled = None, True
            self._say(trouble=str(error), state="failed")
        except OSError as error:
            self._format, self._troubled = None, True
            if not (isinstance(error, FileNotFoundError) and self._stand_on_copy()):
                self._say(trouble=sentence(error, self.path), state="failed")

    def _read_more(self) -> None:
        """More of the end of a session that a child is still reading. Not if files joined: they would be lost again."""
        assert self._more is not None  # noqa: S101 - for the type checker
        (_, start, files), self._more = self._more, None
        if self._import is not None and len(self.growth.files) == files:
            self._read_whole(start)

    def _read_whole(self, start: int, least: int = 0) -> bool:
        """Read the session from `start` of its main file on, here and now. False: it was less than so many rows."""
        whole = Whole(self.path, self._format, start=start)
        rows = Rows(State(), 0)
        for events in whole:
            rows.add(events)
            if self._over.is_set():
                return True
        if len(rows.tail) < least:
            return False
        self._adopt(whole.files, whole.pipes)
        self._draft = not (rows.content or start)
        self._screen = len(rows.tail)
        self._hub.put(self.key, loaded(rows, partial=start > 0))
        return True

    def _adopt(
        self, files: list[Path], pipes: list[Pipe], asleep: Mapping[int, Callable[[], Pipe]] | None = None
    ) -> None:
        """Go on with these files from where these pipes are."""
        self.growth.adopt(files, pipes, asleep)
        assert self._format is not None  # noqa: S101 - for the type checker
        self.around.adopt(files[1:], self._format)

    # ---- what the database knows

    def _stand_on(self, before: Known, most: int) -> bool:
        """Show the session as the database has it, with what its files gained since. False: that is too much for here.

        Unless something else is shown already, its rows are on the screen before anything is read of the fold or files.
        """
        sources = before.sources
        gained = sum(size_of_file(source.path) - source.offset for source in sources)
        if gained > most:
            return False
        assert self._format is not None  # noqa: S101 - for the type checker
        at_once = self._import is None
        if at_once:
            self._hub.put(self.key, shown(before))
        rest, news = gain(self.path, before, self._format, at_once=at_once, screen=self._screen)
        self._adopt(rest.files, rest.pipes, rest.asleep)
        self._hub.put(self.key, news)
        return True

    def _stand_on_archived(self, before: Known) -> None:
        """Show what was archived, and nothing else: what its files gained since is counted."""
        self._hub.put(self.key, shown(before))
        rest = behind_seal(self.path, before)
        self._late = sum(map(len, rest))
        self._archived = True
        self._adopt(rest.files, rest.pipes)
        self._say(trouble=sentence_of_late(self._late) or self._why, agent=before.agent, state="archived")

    def _stand_on_copy(self) -> bool:
        """The file is gone: show what the database has kept of it. False: nothing."""
        if self._copy:  # and it still is
            return True
        before = known(self.path) if self._database else None
        if before is None:
            return False
        if not before.only_copy:  # it has just come back
            before.window.close()
            return False
        self._copy = True
        self.growth.files = [source.path for source in before.sources]
        self._hub.put(self.key, shown(before))
        self._say(trouble=copy_in_words(self.path, before.host), agent=before.agent, state="ended")
        return True

    def _begin_import(self, upto: int) -> None:
        """Have the whole session folded by a child process, up to where the live tail began."""
        if not self._database:
            self._on_imported("no database")
            return
        self._failed = ""
        from store.importer import Import  # a known session needs no child

        self._import = Import(self.path, self._on_progress, self._on_imported, upto=upto)
        self._import.start()

    def _end_import(self) -> None:
        """It is not wanted any more; who waits for it is told so."""
        if self._import is not None:
            self._import.cancel()
            self._on_progress(1, 1, 0)

    def _on_progress(self, done: int, total: int, _rows: int) -> None:
        if self._progress is not None:
            self._progress(self.key, done, total)

    def _on_imported(self, error: str) -> None:
        self._failed = error
        self._imported.set()
        self._bell.set()

    def _stand_on_import(self) -> None:
        """The child is done: fold what came meanwhile behind it, and stand on the whole."""
        self._more = None
        if self._progress is not None:
            self._progress(self.key, 1, 1)
        before = None if self._failed else known(self.path)
        done = before is not None and (before.archived or self._stand_on(before, 1 << 62))
        if before is not None and before.archived:  # another version had folded it
            self._stand_on_archived(before)
        self._import = None
        if news := said():
            self._say(trouble=news)
        if done:
            return
        # No database to be had: the session is kept in memory, which costs memory but hides nothing.
        log.warning("no import of %s: %s", self.path, self._failed or "the file changed meanwhile")
        self._read_whole(0)
        if self._failed and self._database:
            self._say(trouble=f"This session is kept in memory only. {self._failed}")

    # ---- new bytes

    def _look(self) -> None:
        """Read what is new in every file of the session, and see whether there are more files."""
        again = self._format is not None
        while again and not self._over.is_set():
            again = self.growth.take()
            if self.growth.anew is not None:
                self._start_over()
                return
            if self.around.time_to_search():
                again = self._look_for_children() or again
        if views.at(self.path) is not None and not self._over.is_set():
            self._follower.follow(self.path)  # it may be made of more by now

    def _glance(self, path: Path) -> bool:
        """The same for a few bytes of one file, no more: other sessions wait. False: the worker has to look."""
        growth = self.growth
        if self._over.is_set() or self._broken or self._format is None or len(growth.tails) > FEW:
            return False
        self._collected = self._watcher.collected
        try:
            if growth.anew is not None or growth.glance(path, GLANCE) or self.around.announced:
                return False
        finally:
            self._collected = False
        return self.around.due is not None and time.monotonic() < self.around.due

    def _put(self, events: list[Event]) -> None:
        if self._archived:
            self._late += len(events)
            self._say(trouble=sentence_of_late(self._late))
            return
        if self._draft and has_content(events):
            self._draft = False
            self._say(draft=False, state=live_state(self.path, self._format) if self._format else "idle")
        self._hub.put(self.key, events, collected=self._collected)
        self.around.announced = self.around.announced or any(map(speaks_of_child, events))

    def _start_over(self) -> None:
        """The file is another one now: read it anew, and say so."""
        self._end_import()
        self._imported.clear()
        self._format = None
        self._why = self.growth.anew or ""  # said until the session is closed: a file that is empty is begun twice
        self.growth.forget(read=self._import is None)
        self._import, self._more = None, None
        self._begin()

    def _look_for_children(self) -> bool:
        """Files of subagents that appeared."""
        assert self._format is not None  # noqa: S101 - for the type checker
        found = False
        for child in self.around.search(self._format):
            self.growth.join(child.path, Pipe(self._format, len(self.growth.pipes), child.agent, child.call))
            found = True
        return found
