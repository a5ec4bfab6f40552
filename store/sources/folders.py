"""Which folders are watched, and for how many users, also those that do not exist yet. For `sources.watch` only."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from store.sources.notify import Notifier

log = logging.getLogger(__name__)


def is_folder(path: str) -> bool:
    return Path(path).is_dir()


def above(path: str) -> str:
    """The folder that holds this path; the root holds itself. Text only: this runs for every notification."""
    return path.rpartition(os.sep)[0] or os.sep


class Folders:
    """Counted wishes for folder notifications. Not thread safe: the watcher's lock is held around every call.

    A folder that is missing is wished for by watching the nearest one above it that exists, for what is made there: it
    may be a home folder, or ours, in which files are written all day.
    """

    def __init__(self, notifier: Notifier | None) -> None:
        self._notifier = notifier
        self._users: dict[str, int] = {}
        self._missing: dict[str, set[str]] = {}  # existing folder above → the missing ones that wait for it
        self.full = notifier is None  # notifications do not cover everything: somebody has to poll

    @property
    def waiting(self) -> bool:
        """Some wished folder does not exist yet."""
        return bool(self._missing)

    def __contains__(self, folder: str) -> bool:
        return folder in self._users

    def want(self, folder: str) -> None:
        self._users[folder] = self._users.get(folder, 0) + 1
        if self._users[folder] == 1 and not self._add(folder):
            self._anchor(folder)

    def drop(self, folder: str) -> None:
        left = self._users.get(folder, 0) - 1
        if left > 0:
            self._users[folder] = left
        elif self._users.pop(folder, None) is not None:
            for anchor, waiting in list(self._missing.items()):
                waiting.discard(folder)
                self._weigh(anchor)
            self._remove(folder)

    def born(self) -> list[str]:
        """The missing folders that are there by now. They are watched when this returns."""
        found: list[str] = []
        for anchor, waiting in list(self._missing.items()):
            for folder in list(waiting):
                if self._add(folder):
                    waiting.discard(folder)
                    found.append(folder)
                elif self._nearest(folder) != anchor:  # a part of the way was made, or the anchor itself went
                    waiting.discard(folder)
                    if self._anchor(folder):
                        found.append(folder)
            self._weigh(anchor)
        return found

    def gone(self) -> list[str]:
        """The folders that we take to be watched and that are not there any more."""
        return [folder for folder in self._users if not self.missing(folder) and not is_folder(folder)]

    def missing(self, folder: str) -> bool:
        return any(folder in waiting for waiting in self._missing.values())

    def died(self, folder: str) -> list[str]:
        """This folder was deleted or moved away: the wished folders in there are other ones now, or missing."""
        below = folder + os.sep
        lost = [known for known in self._users if known == folder or known.startswith(below)]
        for known in lost:
            self._remove(known, whole=True)
            if not self._add(known):
                self._anchor(known)
        return lost

    def _add(self, folder: str, names: bool = False) -> bool:
        """Whether the folder exists; notifications are a bonus on top of the poll."""
        if self._notifier is None:
            return is_folder(folder)
        try:
            self._notifier.add(folder, names)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            if not is_folder(folder):
                return False
            if not self.full:
                self.full = True
                log.info("no more file notifications, polling as well: %s", error)
        return True

    def _anchor(self, folder: str) -> bool:
        """Wait for a missing folder; true if it is there after all, and watched."""
        while True:
            near = self._nearest(folder)
            self._missing.setdefault(near, set()).add(folder)
            self._add(near, names=True)
            there = self._add(folder)
            if not there and self._nearest(folder) == near:
                return False
            # It, or a part of the way to it, was made in this very moment, before we looked: nobody will tell.
            self._missing[near].discard(folder)
            self._weigh(near)
            if there:
                return True

    def _nearest(self, folder: str) -> str:
        near = above(folder)
        while near != above(near) and not is_folder(near):
            near = above(near)
        return near

    def _weigh(self, anchor: str) -> None:
        """Stop watching an anchor that nobody waits for."""
        if not self._missing.get(anchor, True):
            del self._missing[anchor]
            self._remove(anchor)

    def _remove(self, folder: str, whole: bool = False) -> None:
        used = folder in self._users or folder in self._missing
        if self._notifier is not None and (whole or not used):
            self._notifier.remove(folder)
