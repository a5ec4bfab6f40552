"""Every transcript file of every agent on this machine, looked at and not opened: for storage stats and their cleanup.

One `stat` per file. A file counts once, by whatever names and links it is reached.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from store.formats import formats
from store.sources.scan import expanded, is_session

ENDS: Final = (".jsonl", ".ndjson", ".jsonl.zst")  # a transcript, whoever wrote it and wherever it lies
_OTHER: Final = ".json"  # one if its agent says so


class Ground(Struct, frozen=True, gc=False):
    """A folder in which an agent keeps its sessions; it need not exist."""

    agent: str  # the format's name
    title: str  # 'Claude Code'
    root: str
    real: str  # with all links followed


class File(Struct, frozen=True, gc=False):
    """One transcript file, as it is now."""

    agent: str
    path: str
    size: int  # bytes
    mtime_ns: int
    single: bool = True  # it has one session, or a part of one, and not many


def grounds() -> list[Ground]:
    """The folders of all agents, each once."""
    found: dict[str, Ground] = {}
    for format_ in formats():
        for place in format_.where:
            path = expanded(place)
            if path is not None:
                real = os.path.realpath(path)
                found.setdefault(real, Ground(format_.agent, format_.title, os.fspath(path), real))
    return list(found.values())


class Walk:
    """One look at everything. `refused`: folders and files that could not be looked at."""

    def __init__(self, over: Callable[[], bool] = lambda: False) -> None:
        """`over` is asked for each entry of a folder: when it says so, what was found so far is all there will be."""
        self.refused: list[str] = []
        self.looked = 0  # entries, of whatever kind
        self._over = over
        self._met: set[tuple[int, int]] = set()  # device and inode of what several names may lead to
        self._ours: frozenset[str] = frozenset()
        self._real: tuple[str, ...] = ()

    def files(self, places: list[Ground]) -> Iterator[File]:
        """In no order. What vanishes meanwhile is not there; what links lead to counts as if it lay here."""
        self._real = tuple(place.real for place in places)
        self._ours = frozenset(self._real).union(place.root for place in places)
        for place in places:
            one = Path(place.root)
            if one.is_file():  # an agent that keeps all of its sessions in one
                st = one.stat()
                yield File(place.agent, place.root, st.st_size, st.st_mtime_ns, single=False)
            else:
                yield from self._files(place)

    def _files(self, place: Ground) -> Iterator[File]:
        todo = [(place.root, False)]  # folder, and whether a link led out of the agent's own folder
        while todo:
            here, away = todo.pop()
            try:
                entries = os.scandir(here)
            except OSError as error:
                self._refuse(here, error)
                continue
            with entries:
                for entry in entries:
                    if self._over():
                        return
                    self.looked += 1
                    try:
                        name = entry.name
                        if name.endswith(ENDS) or (name.endswith(_OTHER) and is_session(entry.path, place.root)):
                            found = self._file(place, entry, away)
                            if found is not None:
                                yield found
                        elif entry.is_dir() and self._enters(entry, away):
                            todo.append((entry.path, away or entry.is_symlink()))
                    except OSError as error:
                        self._refuse(entry.path, error)

    def _file(self, place: Ground, entry: os.DirEntry[str], away: bool) -> File | None:
        st = entry.stat()
        if not stat.S_ISREG(st.st_mode):
            return None
        link = entry.is_symlink()
        if link and self._is_ours(os.path.realpath(entry.path)):
            return None  # it is met where it lies
        if (link or away or st.st_nlink > 1) and not self._first(st):
            return None
        return File(place.agent, entry.path, st.st_size, st.st_mtime_ns)

    def _enters(self, entry: os.DirEntry[str], away: bool) -> bool:
        """Whether to go into a folder: into each once, so that circles end."""
        if entry.is_symlink():
            return not self._is_ours(os.path.realpath(entry.path)) and self._first(entry.stat())
        if entry.path in self._ours:
            return False  # that one is gone into by itself
        return not away or (not self._is_ours(os.path.realpath(entry.path)) and self._first(entry.stat()))

    def _first(self, st: os.stat_result) -> bool:
        key = (st.st_dev, st.st_ino)
        if key in self._met:
            return False
        self._met.add(key)
        return True

    def _is_ours(self, target: str) -> bool:
        return any(target == real or target.startswith(real + os.sep) for real in self._real)

    def _refuse(self, path: str, error: OSError) -> None:
        # What is not there (any more) is no trouble: a link to nothing, a file that its agent has just deleted.
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            self.refused.append(path)
