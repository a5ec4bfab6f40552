"""What every kind of folder notification looks like, and which one this system has. For `sources.watch` only."""

from __future__ import annotations

import sys
from typing import Protocol

from msgspec import Struct


class Change(Struct, frozen=True, gc=False):
    """Something happened to `path`. `lost`: something happened somewhere, look at everything."""

    path: str
    folder: bool = False
    made: bool = False
    gone: bool = False
    lost: bool = False


class Notifier(Protocol):
    """Reports what happens directly in a set of folders; `names`: only what comes and goes there need be told.

    `wait` blocks until something happens, `wake` is called or the time (seconds, None: no end) is over. `exact`: it
    keeps to that time, else it may take a while longer.
    """

    exact: bool

    def add(self, folder: str, names: bool = False) -> None: ...
    def remove(self, folder: str) -> None: ...
    def wait(self, timeout: float | None) -> list[Change]: ...
    def wake(self) -> None: ...
    def close(self) -> None: ...


def best() -> Notifier:
    """The notifier for this system. Raises OSError when the system has no more of them."""
    # Imported here: watchfiles brings anyio, which a start on Linux has no use for.
    if sys.platform != "linux":
        from store.sources.rust import Rust

        return Rust()
    from store.sources.inotify import Inotify  # type: ignore[attr-defined, unused-ignore] # on Windows it has none

    return Inotify()
