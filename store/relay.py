"""A session that another process reads: its events come through a pipe, so that an import has two cores to work on.

`Relay` is what `store.intake` iterates in the place of a Whole; `main` is the process at the other
end: bytes → lines → records → events, in the batches that a Whole would give, packed. It has the time to collect the
facts of the session, too, so that what is told for them alone, a quarter of all events, need not come through the pipe.
"""

from __future__ import annotations

import argparse
import gc
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
from msgspec import Struct

from store.child import started
from store.errors import StoreError
from store.events import AnyEvent, Event, ItemId
from store.facts import Facts
from store.formats import named
from store.formats.base import Format
from store.whole import Whole

PIECE: Final = 256 << 10  # bytes read per message, at least: subagents' files cut a session into many small batches
EVENTS: Final = 8192  # per message of a document, which is one record: whoever takes them has not all at once
PIPE: Final = 1 << 20  # bytes that wait in the pipe, so that neither end waits for the other all the time
HEAD: Final = 8  # bytes before a message that say how long it is


class Brokenoff(Exception):  # noqa: N818
    """The other process ended before its work did."""


class Place(Struct, frozen=True, array_like=True, gc=False):
    """How far a file was read: what a Pipe says of itself."""

    path: bytes
    agent: str
    parent: ItemId | None
    offset: int
    fed: int
    records: int = 0
    ended: bool = False
    reader: bytes = b""

    def reading(self) -> bytes:
        return self.reader


class Piece(Struct, frozen=True, array_like=True, tag=0, gc=False):
    """Some batches of events, and the bytes read so far."""

    read: int
    batches: list[list[AnyEvent]]


class End(Struct, frozen=True, array_like=True, tag=1, gc=False):
    """The session was read, from these files."""

    places: tuple[Place, ...]
    facts: Facts = msgspec.field(default_factory=Facts)


class Trouble(Struct, frozen=True, array_like=True, tag=2, gc=False):
    """It cannot be read, in one sentence for the user."""

    sentence: str


_decoder: Final[msgspec.msgpack.Decoder[Piece | End | Trouble]] = msgspec.msgpack.Decoder(Piece | End | Trouble)
_encoder: Final = msgspec.msgpack.Encoder()


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def environment() -> dict[str, str]:
    """For a Python process that is to find this package."""
    here = str(Path(__file__).resolve().parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))}


class Relay:
    """Iterate once for batches of events, as those of a Whole; then `close` it. Raises OSError and StoreError, and
    Brokenoff when the other process died or said what cannot be understood."""

    def __init__(self, path: Path, format: Format, upto: int | None = None) -> None:
        self.format = format
        self.read = 0  # bytes
        self.files: list[Path] = []  # these three when it is over
        self.pipes: list[Place] = []
        self.facts = Facts()
        command = [*started("store.relay"), "--format", format.agent, "--path", str(path)]
        if upto is not None:
            command += ["--upto", str(upto)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0, env=environment()
        )
        assert self.process.stdout is not None  # noqa: S101 - for the type checker
        self._stdout = self.process.stdout
        self._buffer = bytearray(2 * PIECE)
        _widen(self._stdout)

    def close(self) -> None:
        """The other process ends, if it has not."""
        self._stdout.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def __iter__(self) -> Iterator[list[Event]]:
        while True:
            size = int.from_bytes(self._take(HEAD), "little")
            try:
                message = _decoder.decode(self._take(size))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise Brokenoff(f"said something else: {error}") from error
            match message:
                case Piece():
                    self.read = message.read
                    yield from message.batches
                case End():
                    self.pipes = list(message.places)
                    self.facts = message.facts
                    self.files = [Path(os.fsdecode(place.path)) for place in message.places]
                    self.read = sum(place.fed for place in message.places)
                    return
                case Trouble():
                    raise StoreError(message.sentence)

    def _take(self, size: int) -> memoryview:
        """So many bytes of the pipe; they lie there until the next call."""
        if len(self._buffer) < size:
            self._buffer = bytearray(size)
        view = memoryview(self._buffer)[:size]
        got = 0
        while got < size:
            more = self._stdout.readinto(view[got:])  # type: ignore[attr-defined]
            if not more:
                code = self.process.wait()
                raise Brokenoff(f"ended by signal {-code}" if code < 0 else f"ended with exit code {code}")
            got += more
        return view


def _widen(pipe: Any) -> None:
    """A bigger pipe where the system has such."""
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):  # it is a wish: an unprivileged user may have too many big ones already
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE)


# ---- the other process


class Teller:
    """Packs messages and writes them."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._buffer = bytearray(2 * PIECE)

    def tell(self, message: Piece | End | Trouble) -> None:
        buffer = self._buffer
        _encoder.encode_into(message, buffer, HEAD)
        buffer[:HEAD] = (len(buffer) - HEAD).to_bytes(HEAD, "little")
        with memoryview(buffer) as view:
            done = 0
            while done < len(view):
                done += self._out.write(view[done:])


def relay(whole: Whole, teller: Teller) -> None:
    """Read it all."""
    batches: list[list[Any]] = []
    told = 0
    facts = Facts()
    for events in whole:
        for first in range(0, len(events), EVENTS):  # nearly always all of them; a document is one batch
            batches.append(facts.sift(events[first : first + EVENTS]))
            read = whole.read
            if read - told >= PIECE or len(events) > EVENTS:
                teller.tell(Piece(read, batches))
                batches, told = [], read
    teller.tell(Piece(whole.read, batches))
    places = [
        Place(
            os.fsencode(path), pipe.agent, pipe.parent, pipe.offset, pipe.fed, pipe.records, pipe.ended, pipe.reading()
        )
        for path, pipe in zip(whole.files, whole.pipes, strict=True)
    ]
    teller.tell(End(tuple(places), facts))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="store.relay", description="Read one session and tell its events, packed.")
    parser.add_argument("--format", required=True)
    parser.add_argument("--path", type=Path, required=True)
    parser.add_argument("--upto", type=int)
    options = parser.parse_args(arguments)
    gc.disable()  # as in the importer: one pass, no cycles
    # Whatever else is printed, by whomever, must not come between the messages.
    with os.fdopen(os.dup(1), "wb", buffering=0) as out:
        os.dup2(2, 1)
        teller = Teller(out)
        try:
            relay(Whole(options.path, named(options.format), options.upto), teller)
        except StoreError as error:
            teller.tell(Trouble(str(error)))
        except BrokenPipeError:
            return 1  # whoever wanted to know is gone
    return 0


if __name__ == "__main__":
    sys.exit(main())
