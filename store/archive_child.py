"""The import of the archive behind a window: a process of the lowest priority, and the handle that the app has on it.

It is told to pause, to go on and to end by its standard input; it says on its standard output how far it is. No Qt.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from store.archive_import import ArchiveImport, Busy, Progress
from store.archive_talk import GO, PAUSE, lines
from store.child import kill, started, step_back
from store.errors import StoreError
from store.paths import data_dir
from store.relay import cores, environment

log = logging.getLogger(__name__)

NICE: Final = 19
MARKING: Final = 30.0  # seconds for marks: they only make some searches faster, and what comes now is waiting
EVERY: Final = 0.25  # seconds from one word about the index to the next
FRESH: Final = 60  # seconds that a session must have been quiet: one that is being written comes in another time


class Over(Struct, frozen=True, tag=1):
    """It ended. `why` is a sentence when something went wrong."""

    sessions: int = 0
    failed: int = 0
    why: str = ""


class Now(Struct, frozen=True, tag=0):
    progress: Progress


_decoder: Final[msgspec.json.Decoder[Now | Over]] = msgspec.json.Decoder(Now | Over)
_encoder: Final = msgspec.json.Encoder()


class Background:
    """One import in a process of its own. The callbacks come from a reader thread, and not after `cancel`."""

    def __init__(self, extra: Sequence[str], on_progress: Callable[[Progress], None], on_over: Callable[[Over], None]):
        """`extra` are folders besides those of the agents and our own."""
        self._extra = list(extra)
        self._on_progress = on_progress
        self._on_over = on_over
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()  # of the process, while there is one
        self._cancelled = False

    def start(self) -> None:
        """Start it. Trouble is told like any other."""
        command = [*started("store.archive_child"), *map(str, self._extra)]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=environment(),
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            self._on_over(Over(why=f"Sessions cannot be copied: {error.strerror or error}."))
            return
        self._thread = threading.Thread(target=self._listen, args=(self._process,), name="copies", daemon=True)
        self._thread.start()

    def pause(self) -> None:
        self._send(PAUSE)

    def resume(self) -> None:
        self._send(GO)

    def cancel(self) -> None:
        """End it now: what is in is whole, and the rest comes another time. Idempotent."""
        self._cancelled = True
        with self._lock:
            if self._process is not None:
                kill(self._process)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _send(self, order: bytes) -> None:
        with self._lock:
            if self._process is not None and self._process.stdin is not None:
                with suppress(OSError):  # it is over: the other pipe says so
                    self._process.stdin.write(order)

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        over: Over | None = None
        with os.fdopen(os.dup(process.stdout.fileno()), "rb") as stdout:
            for line in stdout:
                try:
                    said = _decoder.decode(line)
                except msgspec.DecodeError:
                    log.warning("the import said: %s", line)
                    continue
                if isinstance(said, Over):
                    over = said
                elif not self._cancelled:
                    self._on_progress(said.progress)
        with self._lock:
            self._process = None
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None  # noqa: S101 - for the type checker
            pipe.close()
        if not self._cancelled:
            self._on_over(over or Over(why="The copying of sessions stopped unexpectedly: see the log."))


# ---- the process


class _Behind:
    """What comes behind the import: it may end at any moment, as whoever started us may.

    All of it is in transactions, and the next import goes on with it.
    """

    def __init__(self, say: Callable[[Now | Over], None]) -> None:
        self._say = say
        self._gone = threading.Event()
        self._begun = threading.Event()
        self._going = threading.Event()
        self._going.set()
        self._rows = self._done = 0
        self._told = self._spent = 0.0

    def pause(self, on: bool) -> None:
        if on:
            self._going.clear()
        else:
            self._going.set()

    def gone(self) -> None:
        """Nobody waits for it any more."""
        self._gone.set()
        if self._begun.is_set():
            os._exit(0)

    def wait(self) -> None:
        """As long as it is paused."""
        self._going.wait()

    def begin(self) -> None:
        self._begun.set()
        if self._gone.is_set():
            os._exit(0)

    def index(self, db: Path, sessions: int) -> None:
        """Make it searchable and say how far that is; paused, between two batches."""
        from store.db.search import behind, catch_up

        self._rows, since = behind(db), time.monotonic()

        def tell(count: int) -> None:
            nonlocal since
            self._done += count
            now = time.monotonic()
            self._spent += now - since
            if now - self._told >= EVERY:
                self._told = now
                rows = max(self._rows, self._done)  # others may have written some meanwhile
                left = (rows - self._done) * self._spent / self._done
                self._say(Now(Progress(sessions, sessions, left=left, indexed=self._done, to_index=rows)))
            self.wait()
            since = time.monotonic()

        catch_up(db, tell)
        rows = max(1, self._done)
        self._say(Now(Progress(sessions, sessions, left=0.0, indexed=rows, to_index=rows)))


def _obey(stdin: int, running: ArchiveImport, behind: _Behind) -> None:
    for order in lines(stdin):
        if order in (PAUSE, GO):
            (running.pause if order == PAUSE else running.resume)()
            behind.pause(order == PAUSE)
    running.cancel()
    behind.gone()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="store.archive_child", description="Import every session, in the background.")
    parser.add_argument("extra", nargs="*", type=Path)
    options = parser.parse_args(arguments)
    step_back(NICE, idle=True)  # whatever else runs on this machine comes first
    from store.sources.journal import folder
    from store.sources.scan import roots

    def say(message: Now | Over) -> None:
        with suppress(BrokenPipeError):  # the orders end as well, and so do we
            sys.stdout.buffer.write(_encoder.encode(message) + b"\n")
            sys.stdout.flush()

    db = data_dir() / "playhead.db"
    running = ArchiveImport(
        db, [*roots(options.extra), folder(data_dir())], lambda progress: say(Now(progress)),
        workers=max(1, cores() - 1), before=time.time_ns() - FRESH * 1_000_000_000,
    )  # fmt: skip
    behind = _Behind(say)
    threading.Thread(target=_obey, args=(sys.stdin.fileno(), running, behind), name="orders", daemon=True).start()
    try:
        totals = running.run()
    except Busy:
        say(Over())  # the other one does it
        return 0
    except StoreError as error:
        say(Over(why=str(error)))
        return 1
    for why in totals.failed:
        log.warning("not imported: %s", why)
    if totals.state == "done":
        behind.begin()
        from store import figures
        from store.db.search import mark_up

        for what, bring_up in (
            ("the search index is", partial(behind.index, sessions=totals.sessions)),
            ("figures are", partial(figures.catch_up, between=behind.wait)),
            ("its marks are", partial(mark_up, seconds=MARKING)),
        ):
            try:
                bring_up(db)
            except StoreError as error:
                log.warning("%s behind: %s", what, error)
    say(Over(totals.sessions, len(totals.failed)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
