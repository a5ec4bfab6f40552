"""What our own helper processes have in common: they let others go first, and end with those that work for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Final

FIRST: Final = 10  # what somebody waits for: the painter comes first, and then this


def step_back(nice: int = FIRST, *, idle: bool = False) -> None:
    """This process lets others go first; `idle`: all others. Where the system has no such thing it stays as it is."""
    if sys.platform != "win32":
        with suppress(OSError):
            os.nice(nice)
    if idle and sys.platform == "linux":
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def started(module: str) -> list[str]:
    """The command that starts one of ours, by its `main`; what it is asked comes behind.

    Nobody looks for garbage while it imports, which is a fifth of its start, and never in what it has imported.
    """
    begin = f"import gc; gc.disable(); from {module} import main; gc.freeze(); gc.enable(); raise SystemExit(main())"
    return [sys.executable, "-c", begin]


def kill(process: subprocess.Popen[bytes]) -> None:
    """It, and those that it has started: it leads a session of its own."""
    if sys.platform == "win32":
        process.kill()
        return
    with suppress(ProcessLookupError, PermissionError):  # it ended this very moment; macOS says the second
        os.killpg(process.pid, signal.SIGKILL)
