"""The window's hand on the process that makes figures: started with the first question, and again when it has ended.

Per session one question is on its way and the newest one waits for it. No Qt, and no figures: `store.insight_child`.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from store.child import started
from store.insight_talk import FAILED, Order, Told, line, told
from store.relay import environment

log = logging.getLogger(__name__)

TRIES: Final = 2  # processes that one question may cost


class Question(Struct):
    """An order and, for a stream without a file, the bytes to be read in its place."""

    order: Order
    data: bytes = b""
    name: str = ""  # of the file that they are from: it tells the format
    over: bool = False  # nothing more will come of it
    tries: int = 0


class InsightHand:
    """`told` is called on a thread of ours, and not after `close`. All methods may be called on any thread."""

    def __init__(self, db: Path, told: Callable[[Told], None], idle: float | None = None) -> None:
        """`idle`: seconds without a question after which the process ends; None is its own rule."""
        self._db = db
        self._told = told
        self._idle = idle
        self._changing = threading.Condition()
        self._next: OrderedDict[str, Question] = OrderedDict()  # by session: to be asked
        self._asked: OrderedDict[str, Question] = OrderedDict()  # on their way
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._folder: Path | None = None
        self.started = 0  # processes; for tests

    def ask(self, question: Question) -> None:
        """Ask it; of a session that is asked about already the newest question takes the place of older ones."""
        with self._changing:
            if self._closed:
                return
            self._next[question.order.key] = question
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="insight", daemon=True)
                self._thread.start()
            self._changing.notify_all()

    @property
    def running(self) -> bool:
        """Whether there is a process."""
        with self._changing:
            return self._process is not None

    def close(self) -> None:
        """End it now. Nothing is lost: whoever asks next folds what is missing."""
        with self._changing:
            self._closed = True
            self._next.clear()
            if self._process is not None:
                self._process.kill()
            self._changing.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    # ---- the thread that asks

    def _run(self) -> None:
        while True:
            with self._changing:
                while not self._closed and not self._ready():
                    self._changing.wait()
                if self._closed:
                    break
                question = self._next.pop(self._ready())
                self._asked[question.order.key] = question
                process = self._process
            try:
                process = process or self._start()
                order = self._put_down(question)
                assert process.stdin is not None  # noqa: S101 - for the type checker
                process.stdin.write(line(order))
            except (BrokenPipeError, ValueError):
                continue  # it has just ended, and its reader asks again
            except OSError as error:
                self._answer(Told(question.order.key, FAILED, f"Figures cannot be made: {error.strerror or error}."))
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.join()

    _reader: threading.Thread | None = None

    def _ready(self) -> str:
        """A session that something is to be asked of, and nothing is on its way for; '' for none."""
        return next((key for key in self._next if key not in self._asked), "")

    def _start(self) -> subprocess.Popen[bytes]:
        command = [*started("store.insight_child"), "--db", str(self._db)]
        if self._idle is not None:
            command += ["--idle", str(self._idle)]
        with self._changing:
            if self._closed:
                raise BrokenPipeError
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=environment(),
                start_new_session=True,
            )  # fmt: skip
            self._process = process
            self.started += 1
        self._reader = threading.Thread(target=self._listen, args=(process,), name="insight-answers", daemon=True)
        self._reader.start()
        return process

    def _put_down(self, question: Question) -> Order:
        """The order, with a file for the bytes of a stream that has none."""
        if not question.data:
            return question.order
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="playhead-figures-"))
        path = self._folder / (question.name or "stream.jsonl")
        path.write_bytes(question.data)
        if question.over:
            os.utime(path, (1, 1))  # nobody works in it
        return msgspec.structs.replace(question.order, path=os.fsencode(path))

    # ---- the thread that listens

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None  # noqa: S101 - for the type checker
        assert process.stdout is not None  # noqa: S101
        with os.fdopen(os.dup(process.stdout.fileno()), "rb") as stdout:
            for said in stdout:
                try:
                    self._answer(told(said))
                except msgspec.DecodeError:
                    log.warning("the figures said: %s", said[:200])
        process.wait()
        self._over(process.returncode)
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                pipe.close()

    def _answer(self, answer: Told) -> None:
        with self._changing:
            if answer.priced:  # else the whole of it follows
                self._asked.pop(answer.key, None)
            closed = self._closed
            self._changing.notify_all()
        if not closed:
            self._told(answer)

    def _over(self, code: int) -> None:
        """The process has ended. What it had not answered is asked once more, for it may just have been idle."""
        lost: list[str] = []
        with self._changing:
            self._process = None
            for key, question in [*self._asked.items()]:
                question.tries += 1
                if question.tries >= TRIES:
                    lost.append(key)
                else:
                    del self._asked[key]
                    self._next.setdefault(key, question)
            self._changing.notify_all()
        for key in lost:
            self._answer(Told(key, FAILED, f"Figures cannot be made: their process ended with code {code}. Try again."))
