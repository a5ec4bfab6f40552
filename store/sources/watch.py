"""One thread that says when watched files and folders change. For `store.ingest` and `sources.discover`.

Notifications come from the system; a slow poll of the watched files (never of folders) stands in for network disks,
where none come. Callbacks run on the watcher's thread and must be quick: set an event, put into a queue.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from store.sources.folders import Folders, above, is_folder
from store.sources.notify import Change, Notifier, best
from store.sources.rhythm import Rhythm
from store.sources.watched import UNSEEN, Callback, Calls, File, Tree, key_of, note, stamp_of

log = logging.getLogger(__name__)

POLL: Final = 3.0  # seconds between two looks at the watched files
RARELY: Final = 10  # looks after which a tree without notifications is looked at as a whole
# Seconds from one word to the next: a file that grows all the time is told of in rounds. What comes after a quiet time
# is told at once. Independent news thus wait half of it, in the middle; and a steady writer wakes us once per round,
# which then ends with one of its records (`Rhythm`).
PACE: Final = 0.047
MOST_FOLDERS: Final = 20_000  # of one tree; a home folder given by mistake must not eat the system's watches
_SKIPPED: Final = frozenset({".git", "node_modules", "__pycache__", ".venv"})


class Watcher:
    """See the module. The thread starts with the first watch and ends with `stop`."""

    def __init__(self, notifier: Callable[[], Notifier] = best, poll: float = POLL) -> None:
        self._poll = poll
        self._lock = threading.RLock()
        self._files: dict[str, File] = {}
        self._trees: dict[str, Tree] = {}
        self._over = threading.Event()
        self._looks = 0
        self._told = False  # something, just now
        self.collected = False  # during a round of callbacks: what it tells of was collected for a while
        self._thread: threading.Thread | None = None
        self._notifier: Notifier | None = None
        try:
            self._notifier = notifier()
        except OSError as error:
            log.info("no file notifications, polling instead: %s", error)
        self._bell = threading.Event()
        self._nap = threading.Lock()  # held but for a moment: to acquire it is a sleep that `_wake` ends
        self._nap.acquire()
        self._rhythm = Rhythm()
        self._folders = Folders(self._notifier)
        # What was told last, and who was told: the same news again, as of a file that grows, need not be thought about.
        self._last: list[Change] | None = None
        self._again: tuple[Calls, list[File]] = ({}, [])

    # ---- commands, from any thread

    def watch(self, path: Path | str, callback: Callback) -> None:
        """Call back when this file appears, changes, is replaced or disappears. It need not exist yet.

        When this returns the watch stands: what is written from now on is reported.
        """
        key = key_of(path)
        with self._lock:
            if self._over.is_set():
                return
            self._last = None
            file = self._files.get(key)
            if file is None:
                file = self._files[key] = File(Path(path), above(key))
                self._folders.want(file.folder)
                file.stamp = stamp_of(key)
            file.callbacks.append(callback)
            self._start()
        self._wake()

    def unwatch(self, path: Path | str, callback: Callback | None = None) -> None:
        """No more calls for this file or tree (with a callback: to that one). A call under way may still come."""
        key = key_of(path)
        with self._lock:
            if self._over.is_set():
                return
            self._last = None
            for watched in (self._files.get(key), self._trees.get(key)):
                if watched is None:
                    continue
                if callback is not None:
                    watched.callbacks = [other for other in watched.callbacks if other != callback]
                    if watched.callbacks:
                        continue
                if isinstance(watched, File):
                    del self._files[key]
                    self._folders.drop(watched.folder)
                else:
                    del self._trees[key]
                    for folder in watched.folders or {watched.root}:
                        self._folders.drop(folder)

    def watch_tree(self, root: Path | str, callback: Callback) -> None:
        """Call back with each file that appears, changes or disappears anywhere below `root`, and with `root` itself
        when too much happened to say what: then look at everything. The root need not exist yet."""
        key = key_of(root)
        with self._lock:
            if self._over.is_set():
                return
            self._last = None
            tree = self._trees.get(key)
            if tree is None:
                tree = self._trees[key] = Tree(key)
                tree.folders.add(key)
                self._folders.want(key)
            tree.callbacks.append(callback)
            self._start()
        for _ in self._grow(tree, key):  # without the lock: a session must be openable meanwhile
            pass
        self._wake()

    def stop(self) -> None:
        """End the thread; no callback comes after this. May be called twice, and by a callback."""
        with self._lock:
            if self._over.is_set():
                return
            self._over.set()
            thread = self._thread
        self._wake()
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        if thread is None:
            self._close()

    # ---- trees

    def _grow(self, tree: Tree, folder: str) -> Iterator[str]:
        """Watch a folder of a tree and all below it; yields the files that are in there."""
        todo = [folder]
        real: set[str] = set()
        while todo and len(tree.folders) < MOST_FOLDERS:
            here = todo.pop()
            with self._lock:
                if self._over.is_set() or not tree.callbacks:
                    return  # nobody listens any more: a big tree must not hold up whoever wants to quit
                if here not in tree.folders:
                    self._last = None
                    tree.folders.add(here)
                    self._folders.want(here)
            try:
                with os.scandir(here) as entries:
                    for entry in entries:
                        if not entry.is_dir():
                            yield entry.path
                        elif entry.name not in _SKIPPED:
                            if entry.is_symlink():
                                target = os.path.realpath(entry.path)
                                if target in real or here == target or here.startswith(target + os.sep):
                                    continue
                                real.add(target)
                            todo.append(entry.path)
            except OSError as error:
                log.debug("not watched: %s", error)

    # ---- the thread

    def _start(self) -> None:
        if self._thread is None and not self._over.is_set():
            self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
            self._thread.start()

    def _wake(self) -> None:
        self._bell.set()
        with contextlib.suppress(RuntimeError):  # it is free already
            self._nap.release()
        with self._lock:  # a descriptor that was closed meanwhile may be somebody else's by now
            if self._notifier is not None and self._thread is not None:
                self._notifier.wake()

    def _close(self) -> None:
        with self._lock:
            notifier, self._notifier = self._notifier, None
            if notifier is not None:
                notifier.close()

    def _run(self) -> None:
        due = time.monotonic() + self._poll
        while not self._over.is_set():
            changes = self._wait(due)
            if self._over.is_set():
                break
            if changes:
                self._told = True
                self._tell(changes)
            if time.monotonic() >= due:
                self.collected = False
                self._look()
                due = time.monotonic() + self._poll
        self._close()

    def _wait(self, due: float) -> list[Change]:
        """Block until there is news, or `wake` is called, or it is time for the poll."""
        notifier = self._notifier
        if self._told and notifier is not None:
            self._told = False
            self._nap.acquire(blocking=False)
            if not self._over.is_set():
                # One call: an Event's wait is a dozen, and all of them are cold.
                self._nap.acquire(timeout=self._rhythm.nap(PACE, time.monotonic()))
            changes = notifier.wait(0.0)  # what came meanwhile, however many records it tells of
            if not changes:
                self._rhythm.lost()
            elif notifier.exact:
                changes = self._in_time(notifier, changes)
            if changes or self._over.is_set():
                self.collected = True
                return changes
        self.collected = False
        with self._lock:
            # Folders that are missing or that we may not watch are looked at by the poll; nothing else needs it.
            idle = not self._files and not self._folders.waiting and not self._folders.full
        timeout = None if idle else max(0.0, due - time.monotonic())
        if notifier is not None:
            return notifier.wait(timeout)
        self._bell.wait(timeout)
        self._bell.clear()
        return []

    def _in_time(self, notifier: Notifier, changes: list[Change]) -> list[Change]:
        """The news of a round, and what comes just behind it if the writer keeps a rhythm."""
        patience = self._rhythm.patience()
        if not patience:
            return changes
        began = time.monotonic()
        more = notifier.wait(patience)
        now = time.monotonic()
        self._rhythm.waited(now - began if more else None, now)
        return changes if more is changes or not more else [*changes, *more]

    def _tell(self, changes: list[Change]) -> None:
        with self._lock:
            if changes is self._last:  # a notifier that has the same to say says it with the same list
                calls, files = self._again
                for file in files:
                    file.stamp = UNSEEN
            else:
                calls, files = {}, []
                self._last = None
                for change in changes:
                    self._note_all(change, calls, files)
                if not any(change.made or change.gone or change.lost for change in changes):
                    self._last, self._again = changes, (calls, files)
        self._call(calls)

    def _note_all(self, change: Change, calls: Calls, files: list[File]) -> None:
        """Whom one change concerns; `files` are the watched ones that it is about."""
        if change.lost:
            self._recount(calls)
            for file in self._files.values():
                note(calls, file.callbacks, file.path)
            for tree in self._trees.values():
                if self._folders.missing(tree.root):
                    continue  # told when it is there: who looked before could see what nobody watches yet
                for _ in self._grow(tree, tree.root):
                    pass
                note(calls, tree.callbacks, Path(tree.root))
            return
        exact = self._files.get(change.path)
        if exact is not None:
            exact.stamp = UNSEEN
            files.append(exact)
            note(calls, exact.callbacks, exact.path)
        if change.made and self._folders.waiting:
            self._born(calls)
        if change.gone and (change.folder or change.path in self._folders):
            self._died(change.path, calls)
        for tree in self._trees.values():
            self._tell_tree(tree, change, calls)

    def _tell_tree(self, tree: Tree, change: Change, calls: Calls) -> None:
        path = change.path
        if path != tree.root and above(path) not in tree.folders:
            return
        folder = change.folder or (change.made and is_folder(path))
        if not folder:
            note(calls, tree.callbacks, Path(path))
        elif change.made:
            if path.rpartition(os.sep)[2] in _SKIPPED:
                return
            # What was made together with its new folder was made before we watched it: look.
            for inside in self._grow(tree, path):
                note(calls, tree.callbacks, Path(inside))
        elif change.gone:
            note(calls, tree.callbacks, Path(path))

    def _recount(self, calls: Calls) -> None:
        """Notifications were lost: no one else will tell which folders came or went meanwhile."""
        for folder in self._folders.gone():
            self._died(folder, calls)
            if folder in self._trees:
                note(calls, self._trees[folder].callbacks, Path(folder))
        if self._folders.waiting:
            self._born(calls)

    def _born(self, calls: Calls) -> None:
        """Something was made: is a folder there now that was missing?"""
        for folder in self._folders.born():
            self._renewed(folder, calls)

    def _died(self, folder: str, calls: Calls) -> None:
        """A folder was deleted or moved away: its watch says the old name, or nothing, from now on."""
        below = folder + os.sep
        for tree in self._trees.values():
            for known in [known for known in tree.folders if known == folder or known.startswith(below)]:
                if known != tree.root:
                    self._last = None
                    tree.folders.discard(known)
                    self._folders.drop(known)
        for known in self._folders.died(folder):
            self._renewed(known, calls)

    def _renewed(self, folder: str, calls: Calls) -> None:
        """The watched files of this folder, or its whole tree, may be other ones, or gone, or there at last."""
        for key, file in self._files.items():
            if file.folder == folder:
                stamp = stamp_of(key)
                if stamp != file.stamp:
                    file.stamp = stamp
                    note(calls, file.callbacks, file.path)
        tree = self._trees.get(folder)
        if tree is not None:
            for inside in self._grow(tree, folder):
                note(calls, tree.callbacks, Path(inside))

    def _look(self) -> None:
        """The slow poll: one stat per watched file."""
        calls: Calls = {}
        with self._lock:
            files = list(self._files.items())
            if self._folders.waiting:
                self._born(calls)
            if self._folders.full:
                self._looks += 1
                for tree in self._trees.values():
                    if self._altered(tree) or self._looks % RARELY == 0:
                        note(calls, tree.callbacks, Path(tree.root))
        for key, file in files:
            stamp = stamp_of(key)
            if stamp != file.stamp:
                file.stamp = stamp
                note(calls, file.callbacks, file.path)
        self._call(calls)

    def _altered(self, tree: Tree) -> bool:
        """Whether files came or went in a tree: one stat per folder, none per file."""
        stamps = {folder: stamp_of(folder) for folder in tree.folders}
        before, tree.stamps = tree.stamps, stamps
        if stamps == before:
            return False
        for folder in [folder for folder, stamp in stamps.items() if stamp is None and folder != tree.root]:
            self._last = None
            tree.folders.discard(folder)
            self._folders.drop(folder)
        for _ in self._grow(tree, tree.root):
            pass
        return True

    def _call(self, calls: Calls) -> None:
        for (callback, _), path in calls.items():
            if self._over.is_set():
                return
            try:
                callback(path)
            except Exception:
                # One watcher's bug must not blind the others; it goes to the log with its traceback.
                log.exception("a watcher's callback failed for %s", path)
