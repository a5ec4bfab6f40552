"""The child process that folds a session into the database, and the handle that the app has on it. No Qt.

`Import` starts it and reports how far it is; rows never come back this way, the database has them. A thread would hold
the interpreter's lock against the painter for as long as the import takes.
"""

from __future__ import annotations

import argparse
import gc
import logging
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import orjson

from store.child import kill, started, step_back
from store.errors import StoreError
from store.relay import environment

log = logging.getLogger(__name__)

EVERY: Final = 0.1  # seconds between two reports

Progress = Callable[[int, int, int], None]  # bytes done, bytes in all, rows so far
Done = Callable[[str], None]  # '' or one sentence about what went wrong; not called after `cancel`


class Import:
    """One import in a process of its own. The callbacks come from a reader thread."""

    def __init__(
        self, path: Path, on_progress: Progress, on_done: Done, *, upto: int | None = None, db: Path | None = None
    ) -> None:
        self.path = path
        self.seconds = 0.0  # as the child measured it
        self._upto = upto
        self._db = db
        self._on_progress = on_progress
        self._on_done = on_done
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._cancelled = False

    def start(self) -> None:
        """Start the child. A child that cannot be started is reported like any other trouble."""
        if self._db is None:
            from store.paths import data_dir

            self._db = data_dir() / "playhead.db"
        command = [*started("store.importer"), "--db", str(self._db), "--path", str(self.path)]
        if self._upto is not None:
            command += ["--upto", str(self._upto)]
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                env=environment(), start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            self._on_done(f"The import of {self.path.name} could not be started: {error.strerror or error}.")
            return
        name = f"import {self.path.name}"
        with self._lock:  # whoever cancels meets neither of them, or both
            self._process = process
            self._thread = threading.Thread(target=self._listen, args=(process,), name=name, daemon=True)
            self._thread.start()
            if self._cancelled:
                kill(process)

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def cancel(self) -> None:
        """End it now; what it wrote stays invisible and is swept up by a later one. Idempotent."""
        with self._lock:
            self._cancelled = True
            if self._process is not None and self._process.poll() is None:
                kill(self._process)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it is over, after at most so many seconds."""
        if self._thread is not None:
            self._thread.join(timeout)
            return not self._thread.is_alive()
        return True

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        words: deque[str] = deque(maxlen=20)
        outcome: str | None = None
        with process.stdout:
            for line in process.stdout:
                match _message(line):
                    case {"bytes": int(done), "total": int(total), "rows": int(rows)}:
                        if not self._cancelled:
                            self._on_progress(done, total, rows)
                    case {"done": True, "seconds": float(seconds)}:
                        self.seconds, outcome = seconds, ""
                        self._over("")  # it may still sweep up behind itself; nobody has to wait for that
                    case {"error": str(error)}:
                        outcome = error
                    case _:
                        words.append(line.decode("utf-8", "replace").rstrip())
        code = process.wait()
        if outcome is None:
            why = f"signal {-code}" if code < 0 else f"exit code {code}"
            outcome = f"The import of {self.path.name} stopped unexpectedly ({why}{': ' + words[-1] if words else ''})."
        if outcome:
            self._over(outcome)
        elif words:
            log.warning("the import of %s said: %s", self.path, " / ".join(words))

    def _over(self, outcome: str) -> None:
        if not self._cancelled:
            self._on_done(outcome)


def _message(line: bytes) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None  # a traceback, or a word of some library


# ---- the child's side -----------------------------------------------------------------------------------------------


class Teller:
    """Reports to whoever started us, at most every tenth of a second."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, done: int, total: int, rows: int) -> None:
        now = time.perf_counter()
        if now >= self._next:
            self._next = now + EVERY
            _say({"bytes": done, "total": total, "rows": rows})


def _say(message: dict[str, object]) -> None:
    sys.stdout.buffer.write(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="store.importer", description="Fold one session into the database.")
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--path", type=Path, required=True)
    parser.add_argument("--upto", type=int)
    options = parser.parse_args(arguments)
    step_back()  # also where the cores are few; alone on the machine this takes a whole core all the same
    started = time.perf_counter()
    from store.intake import take_in, tidy

    gc.disable()  # one pass over one file: nothing here makes cycles, and looking for them costs a tenth

    try:
        outcome = take_in(options.db, options.path, options.upto, Teller())
    except StoreError as error:
        _say({"error": str(error)})
        return 1
    except BrokenPipeError:
        return 1  # whoever wanted to know is gone
    _say(
        {
            "done": True, "rows": outcome.rows, "bytes": outcome.read, "anew": outcome.anew,
            "seconds": round(time.perf_counter() - started, 3),
        }
    )  # fmt: skip
    with suppress(StoreError):  # the next one tries again
        tidy(options.db, outcome.leftovers)
    from store.db.search import catch_up, mark_up
    from store.figures import fold_on

    try:
        if outcome.session is not None:
            fold_on(options.db, outcome.session)  # before the search: it is much less, and asked for sooner
    except StoreError as error:
        log.warning("figures are folded when they are asked for: %s", error)
    try:
        catch_up(options.db)  # searching comes behind reading; killed here, the next one goes on
        mark_up(options.db)
    except StoreError as error:
        log.warning("the search index is behind: %s", error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
