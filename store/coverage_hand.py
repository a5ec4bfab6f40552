"""The window's hand on the process that reads every session: started by `look`, ended by `end`. No Qt."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import orjson

from store.relay import environment

log = logging.getLogger(__name__)

FAILED: Final = "failed"


class CoverageHand:
    """`told` is called on a thread of ours with what the process says (`store.coverage_child`), or {"failed": why}.

    Nothing is told of a look that was ended, or that a newer one has taken the place of.
    """

    def __init__(self, told: Callable[[dict[str, Any]], None]) -> None:
        self._told = told
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._threads: list[threading.Thread] = []

    @property
    def running(self) -> bool:
        with self._lock:
            return self._process is not None

    def look(self, paths: Sequence[str] = ()) -> None:
        """Read these sessions or folders, or every session. An older look is ended."""
        self.end()
        command = [sys.executable, "-m", "store.coverage_child", *paths]
        try:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(), start_new_session=True)
        except OSError as error:
            self._told({FAILED: f"The sessions cannot be read: {error.strerror or error}."})
            return
        thread = threading.Thread(target=self._listen, args=(process,), name="coverage", daemon=True)
        with self._lock:
            self._process = process
            self._threads = [*(one for one in self._threads if one.is_alive()), thread]
        thread.start()

    def end(self) -> None:
        """No more of it."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End, and wait until nothing of it is left."""
        self.end()
        for thread in self._threads:
            thread.join()

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        whole = False
        with process.stdout as stdout:
            for line in stdout:
                with suppress(orjson.JSONDecodeError):  # the last line of one that was ended
                    told = orjson.loads(line)
                    whole = whole or "report" in told
                    self._tell(process, told)
        code = process.wait()
        with self._lock:
            mine = self._process is process
        if mine and not whole:
            self._tell(process, {FAILED: f"The process that reads ended with code {code}. Check again."})
        with self._lock:
            if self._process is process:
                self._process = None

    def _tell(self, process: subprocess.Popen[bytes], told: dict[str, Any]) -> None:
        with self._lock:
            mine = self._process is process
            if mine and ("report" in told or FAILED in told):
                self._process = None
        if mine:
            self._told(told)
