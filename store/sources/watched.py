"""What the watcher knows about a file or a tree that somebody watches. For `sources.watch` only."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

Callback: TypeAlias = Callable[[Path], None]
Stamp: TypeAlias = tuple[int, int, int, int] | None
Calls: TypeAlias = dict[tuple[Callback, str], Path]
UNSEEN: Final = (-1, -1, -1, -1)  # no file's stamp: somebody was told, and the next look tells once more


class File:
    """A watched file, there or not. `stamp` is what it looked like when it was looked at last."""

    __slots__ = ("callbacks", "folder", "path", "stamp")

    def __init__(self, path: Path, folder: str) -> None:
        self.path = path
        self.folder = folder
        self.stamp: Stamp = None
        self.callbacks: list[Callback] = []


class Tree:
    """A folder that is watched with all below it."""

    __slots__ = ("callbacks", "folders", "root", "stamps")

    def __init__(self, root: str) -> None:
        self.root = root
        self.folders: set[str] = set()
        self.stamps: dict[str, Stamp] = {}  # of folders, while notifications do not cover them all
        self.callbacks: list[Callback] = []


def note(calls: Calls, callbacks: list[Callback], path: Path) -> None:
    """Each callback once per path, however much happened to it."""
    for callback in callbacks:
        calls[callback, str(path)] = path


def key_of(path: Path | str) -> str:
    return os.fspath(Path(path).absolute())


def stamp_of(path: str) -> Stamp:
    """What a file looks like, or None when there is none. Never UNSEEN."""
    with contextlib.suppress(OSError):
        st = os.stat(path)  # noqa: PTH116 - for each piece of news, and a Path costs more than the look
        return st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns
    return None
