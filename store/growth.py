"""The files of one session and what they gained: bytes → lines → records → events, file by file. For `store.ingest`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Final

from store.errors import StoreError
from store.events import Event
from store.pipe import Pipe
from store.sources.file import LIMIT, Chunk, Tail
from store.sources.view_tail import ViewTail, moved, tail_of

TORN: Final = 2.0  # seconds in which a file that is written anew must be whole again
QUICK: Final = 0.5  # seconds that reading a whole file takes which may be done as often as it is written
SHARE: Final = 4  # times as long as it took goes by until another one is read again
LONGEST: Final = 60.0  # seconds that may be
QUIET_REST: Final = 1 << 20  # an unfinished line up to this size is tried as a record when the file is quiet


class Growth:
    """`files[i]` is the file that spans and events call i. Not thread safe: one reads at a time.

    `put` takes events in the order in which they were read, `say` a sentence for the user about a file.
    """

    def __init__(self, path: Path, put: Callable[[list[Event]], None], say: Callable[[str], None]) -> None:
        self.files: list[Path] = [path]
        self.pipes: list[Pipe] = []
        self.tails: list[Tail] = []
        self.asleep: dict[int, Callable[[], Pipe]] = {}
        self.reads = 0  # looks at files, for tests
        self._void: str | None = None  # why all of the main file is void
        self._began = self._read = monotonic()  # when it was begun to be read from its start, and when it was read
        self._next = 0.0  # when that may be next
        self._torn: tuple[str, float] | None = None  # the main file is being written anew: why, and until when
        self._put = put
        self._say = say

    def adopt(
        self, files: Sequence[Path], pipes: Sequence[Pipe], asleep: Mapping[int, Callable[[], Pipe]] | None = None
    ) -> None:
        """Go on with these files from where these pipes are. Those that are `asleep` are made when there is news."""
        self.asleep = dict(asleep or {})
        self.files = list(files)
        self.pipes = list(pipes)
        known = {tail.path: tail for tail in self.tails}
        self._read = monotonic()
        self.tails = [
            known[path] if path in known and known[path].offset == pipe.fed else tail_of(path, pipe.fed)
            for path, pipe in zip(files, pipes, strict=True)
        ]
        for tail in self.tails:
            with suppress(StoreError):
                tail.read(0)  # what the file looks like now, so that another one under its name is noticed

    def join(self, path: Path, pipe: Pipe) -> None:
        """One more file, from its start."""
        self.files.append(path)
        self.pipes.append(pipe)
        self.tails.append(tail_of(path))

    def _woken(self, index: int) -> Pipe:
        """The pipe of a file that had nothing new until now."""
        make = self.asleep.pop(index)
        with suppress(StoreError):  # what its reader knew cannot be read any more: it goes on without
            self.pipes[index] = make()
        return self.pipes[index]

    def forget(self, *, read: bool = True) -> None:
        """No file is what it was: all is read from its start now. `read`: that was done the last time."""
        now = monotonic()
        took = (self._read if read else now) - self._began
        # A big file that is written anew all the time would be read all the time, and never to its end.
        self._next = now + min(LONGEST, SHARE * took) if took > QUICK else now
        self._began = self._read = now
        self.tails = []
        self._void = self._torn = None

    @property
    def anew(self) -> str | None:
        """The main file is another one now, as the sentence says: all of it is void, and it is time to read it."""
        return self._void if monotonic() >= self._next else None

    @property
    def due(self) -> float | None:
        """When somebody has to look again, whatever is told (monotonic)."""
        return self._next if self._void is not None else None if self._torn is None else self._torn[1]

    def _again(self, tail: Tail, chunk: Chunk) -> bool:
        """The main file is one value and was written anew, as some agents do with each message: go on with what is new.

        Such a file is not whole for a moment. False: it is another one, too big for that, or stays broken.
        """
        why, until = self._torn or (chunk.why, monotonic() + TORN)
        before = self.pipes[0]
        pipe = self._woken(0) if 0 in self.asleep else self.pipes[0]
        read = pipe.records and pipe is not before  # from the new file, as its reader was not kept
        self._void = why
        if read or not pipe.one or chunk.size > LIMIT or isinstance(tail, ViewTail):
            return False
        try:
            events = None if chunk.more else pipe.again(chunk.data)
        except ValueError:
            if monotonic() >= until:
                return False
        else:
            if events is None and not chunk.more:
                return False
            if events is not None:
                self._void = self._torn = None
                if events:
                    self._put(events)
                return True
        self._void, self._torn = None, (why, until)
        tail.restart()
        return True

    def glance(self, path: Path, limit: int) -> bool:
        """`take` of the file that is said to have changed; of all if it is none of them, but what one is made of."""
        for tail in self.tails:
            if tail.path == path:
                return self.take(limit, tail.path)
        return self.take(limit)

    def take(self, limit: int = LIMIT, told: Path | None = None) -> bool:
        """Hand over what is new, at most so many bytes of each file. True: there is more to do, see `anew` first.

        `told`: somebody says that this file has changed, so no other one is looked at, unless it is none of ours.
        """
        if self._void is not None:
            return False
        torn = self._torn is not None
        more = told is not None
        for index, tail in enumerate(self.tails):
            if self.pipes[index].ended:
                continue
            if told is not None:
                if tail.path is not told and tail.path != told:
                    continue
                more = False
            self.reads += 1
            try:
                chunk = tail.read(limit, told=told is not None)
            except StoreError as error:
                self._say(str(error))
                continue
            if chunk.gone:
                if index == 0 and (why := moved(tail)):
                    self._void = why
                    return True
                if index == 0:
                    self._say(f"{tail.path.name} was deleted. What was read of it is still shown here.")
                continue
            if index == 0 and (chunk.reset or self._torn is not None):
                if not self._again(tail, chunk):
                    return True
                more = more or chunk.more
                continue
            if chunk.reset:
                self._void = chunk.why
                return True
            pipe = self.pipes[index] if not (chunk.data and index in self.asleep) else self._woken(index)
            events = pipe.feed(chunk.data) if chunk.data else []
            if not chunk.more:
                rest = pipe.rest
                if len(rest) <= QUIET_REST and rest[:1] == b"{":
                    events += pipe.finish()
            if events:
                self._put(events)
            more = more or chunk.more
        if self._torn is not None and monotonic() >= self._torn[1]:  # nor can it be read by now
            self._void = self._torn[0]
            return True
        return more or (self._torn is not None and not torn)  # who waits has to know until when
