"""Lock files: who holds one is alive, because the system lets go of it when a process dies. For engine and writer."""

from __future__ import annotations

import errno
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


if sys.platform == "win32":

    def _locked(file: BinaryIO, wait: bool) -> bool:
        """False: wait on. Raises OSError when somebody has it and we do not wait, or it cannot be had at all."""
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if wait and error.errno == errno.EDEADLOCK:
                return False
            raise
        return True


class Lock:
    """A held lock file. `drop` gives it back and removes it."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._file = file

    def drop(self, *, remove: bool = True) -> None:
        if sys.platform == "win32":
            self._file.close()  # there what is open cannot be removed
        if remove:
            with suppress(OSError):
                self.path.unlink()
        self._file.close()


def hold(path: Path, *, wait: bool) -> Lock | None:
    """Take the lock; None when another process has it and we do not wait. Raises OSError when it cannot be made."""
    file = path.open("ab")
    try:
        if sys.platform == "win32":
            file.seek(0)
            while not _locked(file, wait):
                pass  # it has waited ten seconds, which is as long as Windows waits
        else:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        file.close()
        if wait:
            raise
        return None
    return Lock(path, file)
