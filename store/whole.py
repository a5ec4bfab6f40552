"""A whole session read from disk: its main file and its subagents' files as one sequence of events, always the same.

For importers, reports and the opening of a session. A subagent's file is told where its call stands: right after the
record with the call, else after the record that names the subagent; what nobody called comes last.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

from msgspec.structs import replace

from store.errors import StoreError, sentence
from store.events import (
    AdapterSeen,
    Event,
    ItemId,
    SessionNamed,
    Spent,
    ToolStarted,
    ToolUpdated,
    TurnEnded,
    Usage,
)
from store.formats import HEAD, sniff
from store.formats.base import Child, Format
from store.paths import JOURNALS
from store.pipe import Pipe
from store.sources import views

CHUNK: Final = 1 << 20
READ: Final = 256 << 10  # bytes read at once: with all that is made of them they fit into a core's own cache
FRESH_S: Final = 60  # a file that was written to this lately is taken for live when no registry knows better
_OWN: Final = (Spent, Usage, SessionNamed, AdapterSeen)  # of the session that they are said in
DEPTH: Final = 32  # subagents in subagents; deeper ones come last


def open_file(path: Path, *, plain: bool = False) -> BinaryIO:
    """Open a regular file for reading, or (unless `plain`) what is read as one; nothing else, because a named pipe
    would block. Raises StoreError."""
    if not plain and views.at(path) is not None:
        try:
            return views.opened(path)
        except OSError as error:
            raise StoreError(sentence(error, path)) from error
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise StoreError(sentence(error, path)) from error
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode):
        os.close(fd)
        what = "a folder, not a session file" if stat.S_ISDIR(mode) else "not a regular file (a pipe, socket or device)"
        raise StoreError(f"{path} is {what}.")
    return os.fdopen(fd, "rb", buffering=0)


def format_of(path: Path) -> Format:
    """Which format a file is in. Raises StoreError."""
    with open_file(path) as file:
        return sniff(_read(file, HEAD, path), path)


class Whole:
    """Iterate once for batches of events. `upto` bytes of the main file, so that whoever tails it goes on from there.

    With `start`, the main file is read from the first line that begins after that offset: the end of a big session.
    Then only small files of subagents whose calls are met are read with it.
    """

    def __init__(
        self,
        path: Path,
        format: Format | None = None,
        upto: int | None = None,
        start: int = 0,
        ends: Mapping[Path, int] | None = None,
    ) -> None:
        """`ends`: of an archived session, how far each subagent's file is a part of it; others are none."""
        self.path = path
        self.format = format or format_of(path)
        self.upto = upto
        self.start = _next_line(path, start) if start else 0
        self.files: list[Path] = [path]  # by the index that events carry
        self.pipes: list[Pipe] = [Pipe(self.format, start=self.start)]  # one per file, with how far it was read
        self._called: dict[ItemId, list[Child]] = {}
        self._named: dict[str, Child] = {}  # agent → its file, for those whose call is not found
        self._all: dict[Path, Child] = {}
        self._ends = ends

    @property
    def read(self) -> int:
        """Bytes so far, of all files."""
        return sum(pipe.fed for pipe in self.pipes)

    def close(self) -> None:
        """Nothing to do: a file is open only while it is read."""

    def __iter__(self) -> Iterator[list[Event]]:
        if self.format.children is not None:
            for child in self.format.children(self.path):
                if self._ends is not None and not self._ends.get(child.path):
                    continue
                self._all[child.path] = child
                if child.call is not None:
                    self._called.setdefault(child.call, []).append(child)
                self._named[child.agent] = child
        if self.format.named is not None and (named := self.format.named(self.path)) is not None:
            yield [named]
        if self.format.base is not None and not self.start:
            for path, upto in self.format.base(self.path):
                yield from self._base(path, upto)
        yield from self._read_file(0, self.upto, 0)
        while self._all and not self.start:  # whoever is left was called by nobody that is still there
            yield from self._child(next(iter(self._all.values())), None, 0)

    def _base(self, path: Path, upto: int) -> Iterator[list[Event]]:
        """What this session goes on from, without what is counted or said of that one."""
        self.files.append(path)
        self.pipes.append(Pipe(self.format, len(self.pipes)))
        self.pipes[-1].ended = True
        try:
            for events in self._read_file(len(self.pipes) - 1, upto, DEPTH):
                yield [_retold(event) for event in events if type(event) not in _OWN]
        except StoreError:
            return  # gone since it was found

    def _child(self, child: Child, parent: ItemId | None, depth: int) -> Iterator[list[Event]]:
        del self._all[child.path]
        if self.start and _size(child.path) > CHUNK:
            return
        index = len(self.files)
        self.files.append(child.path)
        self.pipes.append(Pipe(self.format, index, child.agent, parent if parent is not None else child.call))
        try:
            yield from self._read_file(index, None if self._ends is None else self._ends[child.path], depth)
        except StoreError:
            return  # deleted meanwhile, or not readable: the session is there without it

    def _read_file(self, index: int, upto: int | None, depth: int) -> Iterator[list[Event]]:
        pipe = self.pipes[index]
        path = self.files[index]
        with open_file(path) as file:
            left = upto
            if index == 0 and self.start:
                file.seek(self.start)
            while left is None or left > 0:
                data = _read(file, READ if left is None else min(READ, left), path)
                if not data:
                    break
                if left is not None:
                    left -= len(data)
                yield from self._among(pipe.feed(data), depth)
            yield from self._among(pipe.finish(), depth)

    def _among(self, events: list[Event], depth: int) -> Iterator[list[Event]]:
        """The events, with the files of subagents between them where they belong."""
        if not self._all or depth >= DEPTH:
            if events:
                yield events
            return
        start = 0
        due: list[tuple[Child, ItemId]] = []
        for index, event in enumerate(events):
            if due and event.at is not events[index - 1].at:
                yield events[start:index]
                start = index
                for child, parent in due:
                    if child.path in self._all:
                        yield from self._child(child, parent, depth + 1)
                due = []
            kind = type(event)
            if kind is ToolStarted:
                item = event.item  # type: ignore[attr-defined]
                due += [(child, item) for child in self._called.pop(item, ())]
            elif kind is ToolUpdated and event.child_agent:  # type: ignore[attr-defined]
                named = self._named.pop(event.child_agent, None)  # type: ignore[attr-defined]
                if named is not None and named.path in self._all:
                    due.append((named, event.item))  # type: ignore[attr-defined]
        if start < len(events):
            yield events[start:]
        for child, parent in due:
            if child.path in self._all:
                yield from self._child(child, parent, depth + 1)


def _retold(event: Event) -> Event:
    """An end of a turn says what it took where it was."""
    return replace(event, cost_usd=None, used=()) if type(event) is TurnEnded else event


def events_of(path: Path, upto: int | None = None) -> Whole:
    """The session's events in batches; `.files` and `.pipes` grow while it is iterated. Raises StoreError."""
    return Whole(path, None, upto)


def live_state(path: Path, format: Format) -> str:
    """What the header says of a session that is opened: 'running', 'waiting' or 'idle' while a living program says so
    (or 'idle' if the file was written to lately), else 'ended'."""
    told = format.alive(path) if format.alive is not None else None
    if told is not None:
        return {"busy": "running", "waiting": "waiting"}.get(told, "idle")
    try:
        fresh = time.time() - views.stat(path).st_mtime < FRESH_S
    except OSError:
        fresh = False
    if fresh and path.parent.name == JOURNALS:
        from store.sources import journal

        fresh = not journal.is_over(path)
    return "idle" if fresh else "ended"


def _next_line(path: Path, start: int) -> int:
    """The offset of the first line that begins at or after `start`; the file's end if there is none.

    Nor is there one in a file that is one value printed over many lines: no line of it is a record.
    """
    with open_file(path) as file:
        if _read(file, 2, path) in (b"{\n", b"{\r", b"[\n", b"[\r"):
            return file.seek(0, os.SEEK_END)
        file.seek(start - 1)
        while data := _read(file, 1 << 16, path):
            at = data.find(b"\n")
            if at >= 0:
                return file.tell() - len(data) + at + 1
        return file.tell()


def _size(path: Path) -> int:
    try:
        return views.stat(path).st_size
    except OSError:
        return 0


def _read(file: BinaryIO, size: int, path: Path) -> bytes:
    try:
        return file.read(size) or b""
    except OSError as error:
        raise StoreError(sentence(error, path)) from error
