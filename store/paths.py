"""Where our own files lie: the places of the system, or all of them below $PLAYHEAD_DATA_DIR; and how one is written.

Anybody may call it.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

APP: Final = "playhead"
VARIABLE: Final = "PLAYHEAD_DATA_DIR"
JOURNALS: Final = "journals"  # folder of the streams that have no file of their own


def _own(kind: str) -> Path | None:
    """Our folder below the user's own choice, if there is one."""
    chosen = os.environ.get(VARIABLE, "")
    return Path(chosen).expanduser().absolute() / kind if chosen else None


def _system(kind: str) -> Path:
    import platformdirs  # here, because a start from a folder of the user's own choice does without it

    dirs = platformdirs.PlatformDirs(APP, appauthor=False)
    return Path(getattr(dirs, f"user_{kind}_dir"))


def there(path: Path | str) -> bool:
    """Whether a session's path leads to something: a file, one that was packed, or one in a database. Only looks at
    names: a session that was deleted out of its database still counts."""
    name = os.fspath(path)
    return os.path.lexists(name) or os.path.lexists(f"{name}.zst") or Path(name).parent.is_file()


def holds_sessions(path: Path | str) -> bool:
    """Whether a path is a place of sessions rather than one: a folder, or a database. Only looks at names."""
    return Path(path).is_dir() or (os.fspath(path).endswith(".db") and Path(path).is_file())


def is_session(path: Path | str) -> bool:
    """Whether a path seems to be that of one session. Only looks at names."""
    return there(path) and not holds_sessions(path)


def data_dir() -> Path:
    """What must not be lost: journals, the database."""
    return _own("data") or _system("data")


def state_dir() -> Path:
    """What would be missed: window, places, logs."""
    return _own("state") or _system("state")


def config_dir() -> Path:
    """What the user chose: settings."""
    return _own("config") or _system("config")


def put(path: Path, data: bytes, *, private: bool = False, safe: bool = False) -> None:
    """Write a file of ours, with its folder: whole or not at all, whoever else does so. Raises OSError.

    `private`: nobody but the user may read it. `safe`: it is on the disk when this returns.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    path.parent.mkdir(mode=0o700 if private else 0o777, parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(fresh, flags, 0o600 if private else 0o666), "wb") as out:
            out.write(data)
            if safe:
                out.flush()
                os.fsync(out.fileno())
        fresh.replace(path)
    except OSError:
        with suppress(OSError):
            fresh.unlink()
        raise
