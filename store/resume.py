"""Going on with a session that the database knows: its pipes stand where the fold stopped, and only new bytes are read.

For the importer and for whoever follows a known session live.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from typing_extensions import override

from store.events import Event
from store.formats.base import Child, Format
from store.known import Known, Source
from store.pipe import Pipe
from store.sources import views
from store.whole import CHUNK, Whole, open_file

LOOKBACK: Final = 8 << 20  # bytes before the offset that the reader sees again, if what it knew was not kept


def pipe_at(format: Format, index: int, source: Source) -> Pipe:
    """A pipe that goes on at the source's offset.

    A reader remembers what the wire leaves out, such as how many blocks of an answer there were, and that was kept with
    the session. Where it was not, it sees the records before again; their events are in the database and are dropped.
    Raises StoreError.
    """
    if source.reader:
        from store.reader_state import load  # here: a session that did not change needs none of it

        reader = load(source.reader, format)
        if reader is not None:
            return Pipe(format, index, source.agent, source.parent, source.offset, reader=reader)
    start = max(0, source.offset - LOOKBACK)
    with open_file(source.path) as file:
        file.seek(start)
        data = views.read(file, source.offset - start)
    if start:
        cut = data.find(b"\n") + 1
        start, data = (start + cut, data[cut:]) if cut else (source.offset, b"")
    pipe = Pipe(format, index, source.agent, source.parent, start)
    for first in range(0, len(data), CHUNK):
        pipe.feed(data[first : first + CHUNK])
    pipe.finish()  # the last record may have had no newline yet
    return pipe


class Rest(Whole):
    """Iterate once for the events behind what `known` holds: its files in order, then the files of new subagents.

    New subagents stand at their calls where those are new, too; `files` and `pipes` are as in Whole.
    """

    def __init__(self, path: Path, before: Known, format: Format | None = None, upto: int | None = None) -> None:
        super().__init__(path, format, upto)
        self.files = [source.path for source in before.sources]
        ended = {file for file, _ in self.format.base(path)} if self.format.base is not None else set()
        self._grown = [index for index, one in enumerate(before.sources) if _grew(one) and one.path not in ended]
        self.pipes = [
            pipe_at(self.format, index, source) if index in self._grown else _still(self.format, index, source)
            for index, source in enumerate(before.sources)
        ]
        self.asleep: dict[int, Callable[[], Pipe]] = {}  # how to go on with the others, should they grow
        for index, source in enumerate(before.sources):
            self.pipes[index].ended = source.path in ended
            if index not in self._grown and not source.missing:
                self.asleep[index] = partial(pipe_at, self.format, index, source)

    @override
    def __iter__(self) -> Iterator[list[Event]]:
        had = set(self.files)
        for child in self.format.children(self.path) if self.format.children is not None else ():
            if child.path not in had:
                self._expect(child)
        if self.format.named is not None and (named := self.format.named(self.path)) is not None:
            yield [named]
        for index in self._grown:
            yield from self._read_on(index, self.upto if index == 0 else None)
        while self._all:
            yield from self._child(next(iter(self._all.values())), None, 0)

    def _expect(self, child: Child) -> None:
        self._all[child.path] = child
        if child.call is not None:
            self._called.setdefault(child.call, []).append(child)
        else:
            self._named[child.agent] = child

    def _read_on(self, index: int, upto: int | None) -> Iterator[list[Event]]:
        pipe = self.pipes[index]
        with open_file(self.files[index]) as file:
            file.seek(pipe.fed)
            while upto is None or pipe.fed < upto:
                data = file.read(CHUNK if upto is None else min(CHUNK, upto - pipe.fed))
                if not data:
                    break
                yield from self._among(pipe.feed(data), 0)
            yield from self._among(pipe.finish(), 0)


def _grew(source: Source) -> bool:
    return source.touched and not source.missing


def _still(format: Format, index: int, source: Source) -> Pipe:
    """For a file that has nothing new: only its offset is asked for, until it has."""
    return Pipe(format, index, source.agent, source.parent, source.offset)
