"""A recording played as if it happened now: at its own pace, n times faster, or at once. For demos, tests, benchmarks.

Two kinds of recording: `*.timed.jsonl`, one {"t": seconds, "line": text, "partial"?: true} per line; and any other JSON
lines, whose pace is that of the timestamps in the records.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

import orjson
from msgspec import Struct

from store.errors import StoreError, sentence
from store.sources.file import refusal

LONGEST_GAP: Final = 2.0  # seconds; nobody wants to watch somebody's lunch break
PIECE: Final = 64 << 10
_DUE: Final = 1e-6  # seconds: shorter than any wait
_TIME: Final = re.compile(rb'"timestamp"\s*:\s*"(\d{4}-\d\d-\d\dT[^"]{8,24})"')

Clock = Callable[[], float]
Wait = Callable[[threading.Event, float | None], bool]


class Moment(Struct, frozen=True, gc=False):
    """Bytes and when they are due, in seconds since the start of the recording."""

    at: float
    data: bytes


def is_timed(path: Path) -> bool:
    """Whether this is a recording with its own times, not a session file."""
    if path.name.endswith(".timed.jsonl"):
        return True
    with contextlib.suppress(OSError), path.open("rb") as file:
        return _timed(file.readline(1 << 20)) is not None
    return False


def moments(path: Path, rate: float | None = None, gap: float = LONGEST_GAP) -> Iterator[Moment]:
    """What a recording says and when. `rate`: so many lines per second instead of its own times. Raises StoreError."""
    timed = is_timed(path)
    try:
        if refused := refusal(path.stat().st_mode, path):
            raise StoreError(refused)
        with path.open("rb") as file:
            source = _timed_lines(file) if timed else _lines(file)
            now = 0.0
            last: float | None = None
            for index, (at, data) in enumerate(source):
                if rate is not None:
                    now = index / rate
                elif at is not None:
                    # Write order is the order; a clock that went back is no reason to wait.
                    now += min(gap, max(0.0, at - last)) if last is not None else (min(gap, at) if timed else 0.0)
                    last = at if last is None else max(last, at)
                yield Moment(now, data)
    except OSError as error:
        raise StoreError(sentence(error, path)) from error


def _timed(line: bytes) -> tuple[float, bytes] | None:
    try:
        match orjson.loads(line):
            case {"t": int(at) | float(at), "line": str(text), **rest}:
                return at, text.encode("utf-8", "replace") + (b"" if rest.get("partial") else b"\n")
    except orjson.JSONDecodeError:
        return None
    return None


def _timed_lines(file: BinaryIO) -> Iterator[tuple[float | None, bytes]]:
    for line in file:
        if line.strip():
            yield _timed(line) or (None, line)  # damaged: shown as what it is


def _lines(file: BinaryIO) -> Iterator[tuple[float | None, bytes]]:
    for line in file:
        found = _TIME.search(line)
        at = None
        if found is not None:
            with contextlib.suppress(ValueError):
                at = datetime.fromisoformat(found[1].decode("ascii")).timestamp()
        yield at, line


class Replay:
    """Plays on a thread of its own after `start`; `run` plays on the caller's.

    `out` gets the bytes; what is due at the same time comes in one piece, as it was read from the pipe back then.
    `ended` is called once at the end, with one sentence when the recording cannot be read (any more); not after `stop`.
    Time is `clock` and waiting is `wait`, so that a test can play an hour in a moment.
    """

    def __init__(
        self,
        path: Path,
        out: Callable[[bytes], None],
        ended: Callable[[str], None],
        *,
        speed: float = 1.0,
        rate: float | None = None,
        gap: float = LONGEST_GAP,
        clock: Clock = time.monotonic,
        wait: Wait = threading.Event.wait,
    ) -> None:
        self.path = path
        self._moments = moments(path, rate, gap)
        self._out = out
        self._ended = ended
        self._clock = clock
        self._wait = wait
        self._speed = speed
        self._paused = False
        self._began = 0.0  # by the clock, and …
        self._from = 0.0  # … where in the recording that was
        self._lock = threading.Lock()
        self._news = threading.Event()  # stop, pause, another speed: whoever waits looks again
        self._stop = False
        self._thread = threading.Thread(target=self.run, name="replay", daemon=True)

    @property
    def position(self) -> float:
        """Seconds into the recording."""
        with self._lock:
            return self._position()

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def speed(self) -> float:
        return self._speed

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End at once, also in the middle of a wait."""
        self._stop = True
        self._news.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def join(self, timeout: float | None = None) -> None:
        self._thread.join(timeout)

    def pause(self) -> None:
        self._change(self._speed, paused=True)

    def resume(self) -> None:
        self._change(self._speed, paused=False)

    def set_speed(self, speed: float) -> None:
        """n times its own pace; 0 is as fast as possible."""
        self._change(speed, self._paused)

    def run(self) -> None:
        """Play to the end, or to `stop`."""
        with self._lock:
            self._began = self._clock()
        try:
            self._play()
        except StoreError as error:
            if not self._stop:
                self._ended(str(error))
        else:
            if not self._stop:
                self._ended("")

    def _play(self) -> None:
        ready: list[bytes] = []
        size = 0
        for moment in self._moments:
            if size >= PIECE or (ready and not self._due(moment.at)):
                self._out(b"".join(ready))
                ready, size = [], 0
            if not self._until(moment.at):
                return
            ready.append(moment.data)
            size += len(moment.data)
        if ready and not self._stop:
            self._out(b"".join(ready))

    def _position(self) -> float:
        if self._paused or self._speed <= 0:
            return self._from
        return self._from + (self._clock() - self._began) * self._speed

    def _change(self, speed: float, paused: bool) -> None:
        with self._lock:
            self._from = self._position()
            self._began = self._clock()
            self._speed = speed
            self._paused = paused
        self._news.set()

    def _due(self, at: float) -> bool:
        with self._lock:
            return not self._paused and not self._stop and (self._speed <= 0 or at <= self._position() + _DUE)

    def _until(self, at: float) -> bool:
        """Wait for this moment of the recording; False: stopped."""
        while not self._stop:
            self._news.clear()
            with self._lock:
                if self._speed <= 0 and not self._paused:
                    self._from = max(self._from, at)  # so that a later speed goes on from here
                    return not self._stop
                left = None if self._paused else (at - self._position()) / self._speed
            if left is not None and left <= _DUE:
                return not self._stop
            if not self._stop:
                self._wait(self._news, left)
        return False
