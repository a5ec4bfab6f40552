"""Our own standard input as a source: `some-agent | playhead -`. For `store.ingest`."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable
from typing import Final

PIECE: Final = 64 << 10


class Stdin:
    """Reads a file descriptor to its end on a thread of its own; starts with `start`.

    `out` gets the bytes as they come. `ended` is called once: with "" at the end of the input, with one sentence when
    it cannot be read (any more). After `stop` neither is called. A callback that blocks holds the writer back.
    """

    def __init__(self, out: Callable[[bytes], None], ended: Callable[[str], None], fd: int = 0) -> None:
        self._out = out
        self._ended = ended
        self._fd = fd
        self._why = ""
        try:
            os.fstat(fd)  # before the pipe below is made: it would get the number of a closed descriptor
        except OSError as error:
            self._why = _sentence(error)
        self._stop = threading.Event()
        self._awake, self._bell = os.pipe()
        self._thread = threading.Thread(target=self._run, name="stdin", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End without waiting for the writer. The descriptor stays open: it is not ours."""
        if not self._stop.is_set():
            self._stop.set()
            os.close(self._bell)  # the other end sees a hang-up
        if self._thread.is_alive() and self._thread is not threading.current_thread() and sys.platform != "win32":
            self._thread.join()

    def join(self, timeout: float | None = None) -> None:
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            why = self._why or self._read()
        except OSError as error:
            why = _sentence(error)
        finally:
            os.close(self._awake)
        if not self._stop.is_set():
            self._ended(why)

    def _read(self) -> str:
        while self._wait():
            try:
                data = os.read(self._fd, PIECE)
            except BlockingIOError:  # shared with a program that made it non-blocking
                continue
            if not data:
                break
            if not self._stop.is_set():
                self._out(data)
        return ""

    def _wait(self) -> bool:
        """Until there may be bytes; False: stopped."""
        if sys.platform != "win32":  # there a thread that reads a console cannot be woken; it ends with the process
            poll = select.poll()
            poll.register(self._fd, select.POLLIN)
            poll.register(self._awake, select.POLLIN)
            if any(fd == self._awake for fd, _ in poll.poll()):
                return False
        return not self._stop.is_set()


def _sentence(error: OSError) -> str:
    return f"Standard input cannot be read: {error.strerror or error}."
