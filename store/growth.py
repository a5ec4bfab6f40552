"""The files of one session and what they gained: bytes → lines → records → events, file by file. For `store.ingest`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from store.errors import StoreError
from store.events import Event
from store.pipe import Pipe
from store.sources.file import LIMIT, Tail
from store.sources.view_tail import moved, tail_of

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
        self.anew: str | None = None  # the main file is another one now, as the sentence says: all of it is void
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

    def forget(self) -> None:
        """No file is what it was."""
        self.tails = []
        self.anew = None

    def take(self, limit: int = LIMIT, told: Path | None = None) -> bool:
        """Hand over what is new, at most so many bytes of each file. True: there is more to do, see `anew` first.

        `told`: somebody says that this file has changed, so no other one is looked at, unless it is none of ours.
        """
        more = told is not None
        for index, tail in enumerate(self.tails):
            if self.pipes[index].ended:
                continue
            if told is not None:
                if tail.path != told:
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
                    self.anew = why
                    return True
                if index == 0:
                    self._say(f"{tail.path.name} was deleted. What was read of it is still shown here.")
                continue
            if chunk.reset:
                self.anew = chunk.why
                return True
            pipe = self.pipes[index] if not (chunk.data and index in self.asleep) else self._woken(index)
            events = pipe.feed(chunk.data) if chunk.data else []
            if not chunk.more and len(pipe.rest) <= QUIET_REST and pipe.rest[:1] == b"{":
                events += pipe.finish()
            if events:
                self._put(events)
            more = more or chunk.more
        return more
