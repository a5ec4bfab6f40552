"""Which signals end Playhead as its menu does, so that what it started ends with it. For app and serving."""

from __future__ import annotations

import signal
import sys


def signals() -> list[signal.Signals]:
    """Those of the keyboard, of the system, and of a terminal that is closed; not one that somebody wants ignored."""
    wanted = [signal.SIGINT, signal.SIGTERM]
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        wanted.append(signal.SIGHUP)
    return wanted
