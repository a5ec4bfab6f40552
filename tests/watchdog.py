"""Ends a test that takes too long: one thread for all, where pytest-timeout starts one for each. For conftest.py."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import pytest_timeout


class Watchdog:
    """It sleeps until the time is up of the test that it was told of when it fell asleep, and then looks again."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: tuple[float, pytest.Item, Any] | None = None
        self._wakes = 0.0  # when; 0: there is no thread yet

    def watch(self, item: pytest.Item, settings: Any) -> None:
        due = time.monotonic() + settings.timeout
        with self._changed:
            self._due = due, item, settings
            if not self._wakes:
                self._wakes = due
                threading.Thread(target=self._run, name="watchdog", daemon=True).start()
            elif due < self._wakes:
                self._changed.notify()

    def rest(self) -> None:
        with self._changed:
            self._due = None

    def _run(self) -> None:
        with self._changed:
            while True:
                self._wakes = time.monotonic() + threading.TIMEOUT_MAX / 2 if self._due is None else self._due[0]
                self._changed.wait(self._wakes - time.monotonic())
                if self._due is not None and self._due[0] <= time.monotonic():
                    pytest_timeout.timeout_timer(*self._due[1:])  # says where every thread is, and ends the process
                    self._due = None  # or not, where a debugger is at work


_watchdog = Watchdog()


def set_timer(item: pytest.Item, settings: Any) -> bool | None:
    """None: not ours."""
    if settings.method != "thread":
        return None
    _watchdog.watch(item, settings)
    item.cancel_timeout = _watchdog.rest  # type: ignore[attr-defined]
    return True
