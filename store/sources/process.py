"""An agent process that we started: its output as bytes, its end as facts, and the ways to end it. For `store.ingest`.

The process leads a session of its own, so that a signal reaches its children too: wrappers and tools outlive a parent
that is signalled alone. Callbacks run on reader threads; one that blocks holds the process back, as a pipe does.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, TypeAlias

from msgspec import Struct

from store.errors import StoreError

log = logging.getLogger(__name__)

PIECE: Final = 64 << 10
KEPT: Final = 64 << 10  # of stderr
LINGER: Final = 0.5  # seconds that the output may lag behind the exit before the exit is told
_STEP: Final = 0.02


class Closed(Struct, frozen=True):
    """The output is at its end. The process may still live, and a dead process's children may still hold the output."""


class Exited(Struct, frozen=True):
    """The process ended by itself, with this code."""

    code: int


class Killed(Struct, frozen=True):
    """The process was ended by this signal."""

    signal: int


Fact: TypeAlias = Closed | Exited | Killed


def _nothing(_: object) -> None:
    return


class Process:
    """Started by the constructor, which raises StoreError when there is nothing to start.

    `out` gets stdout as it comes, `err` stderr, `fact` each fact once: Closed, and one of Exited and Killed after the
    output that came before it.
    """

    def __init__(
        self,
        argv: Sequence[str],
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        *,
        out: Callable[[bytes], None],
        err: Callable[[bytes], None] = _nothing,
        fact: Callable[[Fact], None] = _nothing,
        given: bytes | None = None,
        talk: bool = False,
    ) -> None:
        """`given`: all that it finds on its standard input; None: nothing is there, at once. `talk`: what is given to
        `write`, until `hush`."""
        self.argv = tuple(argv)
        self.ended: Exited | Killed | None = None
        self._err = err
        self._fact = fact
        self._kept: deque[bytes] = deque()
        self._kept_size = 0
        self._lock = threading.Lock()
        self._empty = False  # nobody is left in the group; its number may be somebody else's by now
        self._popen = _start(self.argv, cwd, env, talk or given is not None)
        self.pid = self._popen.pid
        stdout, stderr = self._popen.stdout, self._popen.stderr
        assert stdout is not None  # noqa: S101  both are pipes: _start asked for them
        assert stderr is not None  # noqa: S101
        self._readers = [
            threading.Thread(target=self._read, args=(stdout, out, True), name=f"stdout-{self.pid}", daemon=True),
            threading.Thread(target=self._read, args=(stderr, self._complain, False), name=f"stderr-{self.pid}",
                             daemon=True),
        ]  # fmt: skip
        self._waiter = threading.Thread(target=self._wait, name=f"wait-{self.pid}", daemon=True)
        if given is not None:  # on a thread: who reads nothing must not hold us
            threading.Thread(target=self._give, args=(given,), name=f"stdin-{self.pid}", daemon=True).start()
        for thread in (*self._readers, self._waiter):
            thread.start()

    @property
    def alive(self) -> bool:
        return self.ended is None

    def write(self, data: bytes) -> bool:
        """Give it something to read. Waits while it does not read: for a thread of its own. False: it reads no more."""
        pipe = self._popen.stdin
        try:
            view = memoryview(data)
            while view and pipe is not None:
                view = view[os.write(pipe.fileno(), view[:PIECE]) :]
        except (OSError, ValueError):  # it has closed it, or has ended; or we have
            return False
        return pipe is not None

    def hush(self) -> None:
        """Nothing more will be written: most programs that talk end with that."""
        if self._popen.stdin is not None:
            with contextlib.suppress(OSError):
                self._popen.stdin.close()

    def stderr(self) -> bytes:
        """The last 64 KB of what it said on stderr."""
        with self._lock:
            return b"".join(self._kept)[-KEPT:]

    def join(self, timeout: float | None = None) -> Exited | Killed | None:
        """Wait for the end; None when the time is over before it."""
        self._waiter.join(timeout)
        return self.ended

    def interrupt(self) -> None:
        """What Ctrl-C does: the whole group is asked to stop what it is doing. It may go on living."""
        if sys.platform == "win32":
            self._popen.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            self._signal(signal.SIGINT)

    def terminate(self, grace: float = 2.0) -> bool:
        """End the whole group: ask, wait at most `grace` seconds, then kill. Blocks that long; not for the GUI thread.

        Returns whether the group is gone. A child that made itself a group of its own is out of our reach.
        """
        if sys.platform == "win32":
            subprocess.run(["taskkill", "/T", "/F", "/PID", str(self.pid)], check=False, capture_output=True)
            return self.join(grace) is not None
        if self._signal(signal.SIGTERM):
            self._signal(signal.SIGCONT)  # a stopped process could not even hear the first
            self._until_gone(grace)
            if self._signal(signal.SIGKILL):
                self._until_gone(grace)
        self.join(grace)
        return not self._signal(0)

    # ---- threads

    def _read(self, pipe: IO[bytes], take: Callable[[bytes], None], main: bool) -> None:
        try:
            with pipe:
                while data := os.read(pipe.fileno(), PIECE):
                    take(data)
        except Exception:
            # Ours, not the world's. The pipe is closed by now, so the process cannot hang on a full one.
            log.exception("the output of %s is no longer read", self.argv[0])
        if main:
            self._fact(Closed())

    def _give(self, data: bytes) -> None:
        pipe = self._popen.stdin
        assert pipe is not None  # noqa: S101  it was asked for
        with contextlib.suppress(OSError), pipe:  # whoever does not want to read it closes it, or has ended
            view = memoryview(data)
            while view:
                view = view[os.write(pipe.fileno(), view[:PIECE]) :]

    def _complain(self, data: bytes) -> None:
        with self._lock:
            self._kept.append(data)
            self._kept_size += len(data)
            while self._kept_size - len(self._kept[0]) >= KEPT:
                self._kept_size -= len(self._kept.popleft())
        self._err(data)

    def _wait(self) -> None:
        code = self._popen.wait()
        # A grandchild may hold the pipe for ever; what the process itself wrote is there at once.
        until = time.monotonic() + LINGER
        for reader in self._readers:
            reader.join(max(0.0, until - time.monotonic()))
        self.ended = Killed(-code) if code < 0 else Exited(code)
        self._fact(self.ended)

    # ---- the group

    def _signal(self, number: int) -> bool:
        """Whether there was anybody to get it."""
        if not self._empty and sys.platform != "win32":
            try:
                os.killpg(self.pid, number)
            except (ProcessLookupError, PermissionError):  # macOS says the second of a group of zombies
                self._empty = True
        return not self._empty

    def _until_gone(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._signal(0):
            self._waiter.join(_STEP)
            if not self._waiter.is_alive():
                time.sleep(_STEP)  # only orphans are left: nobody tells us when they end


def _start(
    argv: Sequence[str], cwd: Path | None, env: Mapping[str, str] | None, talk: bool = False
) -> subprocess.Popen[bytes]:
    if not argv:
        raise StoreError("There is no command to run: write it after “--”.")
    if cwd is not None and not cwd.is_dir():
        raise StoreError(f"{cwd} is no folder, so {argv[0]} cannot be started in it.")
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP
    try:
        return subprocess.Popen(
            list(argv),
            bufsize=0,
            stdin=subprocess.PIPE if talk else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=None if env is None else dict(env),
            start_new_session=True,
            creationflags=flags,
        )
    except FileNotFoundError as error:
        raise StoreError(f"{argv[0]} was not found. Is it installed, and on your PATH?") from error
    except PermissionError as error:
        raise StoreError(f"{argv[0]} may not be started: permission denied. Is it executable?") from error
    except (OSError, ValueError) as error:
        raise StoreError(f"{argv[0]} cannot be started: {error}.") from error


def wording(fact: Exited | Killed) -> str:
    """The end of a process in words for the user."""
    match fact:
        case Exited(code=0):
            return "ended"
        case Exited(code=code):
            return f"ended with exit code {code}"
        case Killed(signal=number):
            with contextlib.suppress(ValueError):
                return f"was killed by {signal.Signals(number).name}"
            return f"was killed by signal {number}"


def ended_as(words: str) -> Exited | Killed | None:
    """The end that `wording` has put into these words; None: they say none."""
    if words == "ended":
        return Exited(0)
    code = words.removeprefix("ended with exit code ")
    if code != words and code.lstrip("-").isdigit():
        return Exited(int(code))
    name = words.removeprefix("was killed by ")
    if name == words:
        return None
    number = name.removeprefix("signal ")
    with contextlib.suppress(KeyError):
        return Killed(int(number) if number.isdigit() else signal.Signals[number])
    return None
