"""One of the processes that an import of the archive works with, and the thread that hears it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue

from store.archive_talk import Task, Word, word
from store.child import started
from store.relay import environment


class Hand:
    """A process at work. `news` gets (this, what it says); None is its end."""

    def __init__(self, db: Path, news: SimpleQueue[tuple[Hand, Word | None] | None]) -> None:
        self.doing: dict[bytes, Task] = {}  # in the order in which they were given
        self.ahead = 0  # bytes of these
        self.at = 0  # of the one it is at
        self.alone = False
        self._news = news
        command = [*started("store.archive_work"), "--db", str(db)]
        with _deaf():
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=environment()
            )
        self._thread = threading.Thread(target=self._listen, name="archive", daemon=True)
        self._thread.start()

    def send(self, order: bytes) -> None:
        assert self.process.stdin is not None  # noqa: S101 - for the type checker
        with suppress(BrokenPipeError):  # it is gone: the other pipe says so, too
            self.process.stdin.write(order)

    def end(self) -> None:
        """At once: what it wrote is whole, and what it was at comes another time."""
        self.process.kill()
        self.process.wait()
        self._thread.join()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None  # noqa: S101 - for the type checker
            pipe.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 - for the type checker
        rest = b""
        while data := self.process.stdout.read(1 << 16):
            *lines, rest = (rest + data).split(b"\n")
            for one in lines:
                self._news.put((self, word(one)))
        self._news.put((self, None))


@contextmanager
def _deaf() -> Iterator[None]:
    """A Ctrl-C is for us and not for what is started meanwhile, which inherits that; ours comes a moment later.

    It is noted, too: another thread of ours may be given it, and Python would then interrupt us half way into a start.
    """
    if sys.platform == "win32":
        yield
        return
    came: list[int] = []
    main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, lambda number, _: came.append(number)) if main else None
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if handler is not None:
            signal.signal(signal.SIGINT, handler)
        if came:
            signal.raise_signal(signal.SIGINT)
