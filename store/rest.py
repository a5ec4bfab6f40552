"""What of an output its agent has put into a file beside the session: found there and nowhere else, read in bounds.

A record says where; only the last parts of that are believed: no record can have us open anything of its choice.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from store.errors import StoreError

MOST: Final = 64 << 20  # bytes that are read of such a file
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9_-][A-Za-z0-9._-]*")


def reader(session: Path | None, rest: str) -> Callable[[], list[tuple[str, int, bytes]]]:
    """A job that reads it: (file, offset, bytes). `rest`: a folder and a name, as its row has them.

    The job raises StoreError with a sentence: it is gone, it is no file, it cannot be read.
    """

    def read() -> list[tuple[str, int, bytes]]:
        if session is None or _NAME.fullmatch(rest) is None:
            raise StoreError("This session has no folder beside it.")
        for folder in (session.with_suffix(""), *session.parents[:3]):  # a subagent's file lies below that folder
            path = folder / rest
            try:
                with open(path, "rb", opener=_careful) as file:
                    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                        return [(str(path), 0, file.read(MOST))]
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error
            raise StoreError(f"{path} is no file.")
        name = rest.rpartition("/")[2]
        raise StoreError(f"{name} does not lie beside this session (any more). Its agent deletes such files some day.")

    return read


def _careful(path: str, flags: int) -> int:
    """No link is followed, and no pipe is waited for."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
