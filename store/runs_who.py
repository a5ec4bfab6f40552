"""Who runs what: when a process began, the locks that say that a run's owner lives, and what an owner left behind.

A number of a process is given again, so it only counts together with the moment that process began.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from store import word
from store.db.lock import Lock, hold
from store.errors import StoreError

FOLDER: Final = "runs"
MARK: Final = "PLAYHEAD_RUN"  # what is started finds the id of its run in this variable
GRACE: Final = 2.0  # seconds that an orphan has to end by itself
_STEP: Final = 0.02
_PROC: Final = Path("/proc/self/stat")


def folder(data_dir: Path) -> Path:
    """Where logs of runs lie whose agents keep a transcript of their own, and the locks of all."""
    return data_dir / FOLDER


def token_of(pid: int) -> str | None:
    """When that process began, in the system's own words; None: it is not there (any more)."""
    if sys.platform == "win32":
        return _windows(pid)
    if _PROC.exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
            fields = stat.rpartition(")")[2].split()
            return None if fields[0] in ("Z", "X") else fields[19]
        except (OSError, IndexError):
            return None
    told = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False,
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},  # the same words whoever asks, also after a summer's end
    )  # fmt: skip
    return told.stdout.strip() or None


def _windows(pid: int) -> str | None:
    told = subprocess.run(
        ["powershell", "-NoProfile", "-Command", f"(Get-Process -Id {int(pid)}).StartTime.Ticks"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return told.stdout.strip() or None


def lives(pid: int | None, token: str | None) -> bool:
    """Whether it is still the same process."""
    return pid is not None and token is not None and token_of(pid) == token


def process_of(id: str, pid: int | None, token: str | None) -> tuple[int | None, str | None]:
    """The process of a run and when it began; looked for where nobody had the time to write it down (Linux only)."""
    if pid is None and _PROC.exists():
        wanted = f"\0{MARK}={id}\0".encode()
        for environ in _PROC.parent.parent.glob("[0-9]*/environ"):
            with suppress(OSError, ValueError):
                number = int(environ.parent.name)
                if wanted in b"\0" + environ.read_bytes() and os.getpgid(number) == number:
                    return number, token_of(number)
    return pid, token


def end_orphan(pid: int | None, token: str | None) -> bool:
    """End the group of an agent whose owner was killed. Whether there was one. Blocks up to 2 × GRACE."""
    if pid is None or not lives(pid, token):
        return False
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(pid)], check=False, capture_output=True)
        return True
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)
        until = time.monotonic() + GRACE
        while time.monotonic() < until:
            if not _anybody(pid):
                return True
            time.sleep(_STEP)  # it is nobody's child: nobody tells us when it ends
    return True


def _anybody(group: int) -> bool:
    """Whether somebody of it is left: what an agent has started may outlive it."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    if not _PROC.exists():
        return True
    for stat in _PROC.parent.parent.glob("[0-9]*/stat"):  # who is dead and buried by nobody counts as somebody above
        with suppress(OSError):
            state, _, its, *_ = stat.read_text(errors="replace").rpartition(")")[2].split()
            if int(its) == group and state not in ("Z", "X"):
                return True
    return False


def hold_run(data_dir: Path, id: str) -> Lock:
    """Say that we live and that this run is ours. Raises StoreError."""
    lock = _hold(data_dir, f"run-{id}")
    if lock is None:
        raise StoreError(f"Run {id} is somebody else's.")
    return lock


def owned(data_dir: Path, id: str) -> bool:
    """Whether the owner of that run lives."""
    path = _path(data_dir, f"run-{id}")
    if not path.exists():
        return False
    lock = _hold(data_dir, f"run-{id}")
    if lock is None:
        return True
    lock.drop()
    return False


def ask_to_stop(data_dir: Path, id: str) -> bool:
    """Have the owner of that run end it, whoever that is. False: nobody is at it any more. Raises StoreError."""
    path = _word(data_dir, id)
    if not owned(data_dir, id):
        return False
    try:
        path.touch(mode=0o600)
        word.tell(data_dir, word.STOPS)
        if owned(data_dir, id):
            return True
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{path.parent} cannot be written: {error.strerror or error}.") from error
    return False


def asked_to_stop(data_dir: Path, id: str) -> bool:
    """Whether somebody has asked for that; cheap."""
    return _word(data_dir, id).exists()


def forget_stop(data_dir: Path, id: str) -> None:
    """It is over."""
    with suppress(OSError):
        _word(data_dir, id).unlink(missing_ok=True)


def forget_stops(data_dir: Path) -> None:
    """Those of runs that nobody is at: who asked came too late, or the owner was killed."""
    for path in folder(data_dir).glob("run-*.stop"):
        id = path.stem.removeprefix("run-")
        if not owned(data_dir, id):
            forget_stop(data_dir, id)


def left(data_dir: Path) -> bool:
    """Whether there may be runs that nobody owns: cheap, for every start."""
    try:
        with os.scandir(folder(data_dir)) as entries:
            return any(entry.name.startswith("run-") and entry.name.endswith(".lock") for entry in entries)
    except OSError:
        return False


def hold_session(data_dir: Path, runner: str, session: str) -> Lock | None:
    """Take an agent's session for one run; None: a run of this or another Playhead has it. Raises StoreError.

    Its file stays: who waits for a name that is unlinked and who makes it anew would both hold it.
    """
    return _hold(data_dir, f"session-{hashlib.sha256(f'{runner}:{session}'.encode()).hexdigest()[:24]}")


def _word(data_dir: Path, id: str) -> Path:
    return folder(data_dir) / f"run-{id}.stop"


def _path(data_dir: Path, name: str) -> Path:
    return folder(data_dir) / f"{name}.lock"


def _hold(data_dir: Path, name: str) -> Lock | None:
    path = _path(data_dir, name)
    try:
        for place in (data_dir, path.parent):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        return hold(path, wait=False)
    except OSError as error:
        raise StoreError(f"{path.parent} cannot be written: {error.strerror or error}.") from error
