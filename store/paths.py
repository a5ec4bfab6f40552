"""Where our own files lie: the places of the system, or all of them below $PLAYHEAD_DATA_DIR. Anybody may call it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import platformdirs

APP: Final = "playhead"
VARIABLE: Final = "PLAYHEAD_DATA_DIR"


def _own(kind: str) -> Path | None:
    """Our folder below the user's own choice, if there is one."""
    chosen = os.environ.get(VARIABLE, "")
    return Path(chosen).expanduser().absolute() / kind if chosen else None


def data_dir() -> Path:
    """What must not be lost: journals, the database."""
    return _own("data") or Path(platformdirs.user_data_dir(APP, appauthor=False))


def state_dir() -> Path:
    """What would be missed: window, places, logs."""
    return _own("state") or Path(platformdirs.user_state_dir(APP, appauthor=False))


def config_dir() -> Path:
    """What the user chose: settings."""
    return _own("config") or Path(platformdirs.user_config_dir(APP, appauthor=False))


def cache_dir() -> Path:
    """What can be made again."""
    return _own("cache") or Path(platformdirs.user_cache_dir(APP, appauthor=False))
