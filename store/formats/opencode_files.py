"""OpenCode's folder of small files, before 1.2: which belong to a session, and in which order. For opencode.py only.

A session is the file `storage/session/PROJECT/ses_….json`; its messages and their parts lie in folders that are named
by its id and theirs. It is read as these files one behind the other, with its own first and last.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any, Final

import orjson

from store.formats.base import Child
from store.formats.values import number, string, table
from store.sources.pieces import Key, Stamp
from store.sources.views import Watched

WRITING: Final = 5.0  # seconds in which a file that is no JSON may still become some
RECENT: Final = 2  # messages whose parts are watched
_END: Final = "\0end"
_told: dict[str, tuple[Stamp, dict[str, Any]]] = {}  # path → what a small file says


def is_session(path: PurePath) -> bool:
    """Whether a path is that of a session, by its name."""
    return path.suffix == ".json" and path.name.startswith("ses_") and path.parts[-3:-2] == ("session",)


def parent_of(path: Path) -> str:
    return string(_read(path), "parentID") if is_session(path) else ""


def children(path: Path) -> Iterator[Child]:
    """The sessions that this one started; they lie beside it."""
    own = _id(path)
    for name in _names(path.parent):
        file = path.parent / name
        if file != path and is_session(file) and string(_read(file), "parentID") == own:
            yield Child(file, _id(file), None, string(_read(file), "title"))


class Files:
    """A session's files, as `store.sources.pieces` wants them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._storage = path.parents[2]
        self._messages: list[str] = []  # ids, as they were listed last

    def looks(self) -> tuple[int, int]:
        now = self.path.stat()
        newest = now.st_mtime_ns
        reverted = zlib.crc32(string(table(_read(self.path), "revert"), "messageID").encode())
        for folder in (self._storage / "message" / _id(self.path), *self._folders()):
            stamps = [_stamp(os.fspath(path)) for path in _below(folder)]
            newest = max([newest, *(stamp[0] for stamp in stamps if stamp is not None)])
        return now.st_ino ^ reverted, newest

    def signature(self) -> object:
        return None  # it costs as much as to list them

    def listed(self, since: int = 0) -> list[tuple[Key, Stamp]]:
        own = os.fspath(self.path)
        stamp = _stamp(own)
        if stamp is None:
            return []
        found: list[tuple[Key, Stamp]] = [(own, (0,))]
        folder = self._storage / "message" / _id(self.path)
        loose = self._loose()
        messages: list[tuple[float, str, str]] = []
        for name in _names(folder):
            told = _read(folder / name)
            at = number(table(told, "time").get("created")) or 0.0
            messages.append((at, string(told, "id") or name[:-5], os.fspath(folder / name)))
        messages.sort()
        self._messages = [id_ for _, id_, _ in messages if "/" not in id_]
        for _, id_, file in messages:
            parts = [] if "/" in id_ else [os.fspath(path) for path in _below(self._storage / "part" / id_)]
            for one in (file, *parts, *loose.get(id_, ())):
                now = _stamp(one)
                if now is not None:
                    found.append((one, now))
        found.append((own + _END, stamp))
        return found

    def fetched(self, keys: Sequence[Key]) -> Iterator[tuple[Key, Stamp, bytes]]:
        for key in keys:
            name = key.removesuffix(_END)
            stamp = _stamp(name)
            try:
                data = Path(name).read_bytes()
            except OSError:
                continue  # gone since it was listed
            if stamp is None or not (_is_json(data) or time.time() - stamp[0] / 1e9 > WRITING):
                continue  # it is being written
            yield key, (0,) if name == key and name == os.fspath(self.path) else stamp, data.rstrip(b"\n") + b"\n"

    def watched(self) -> Watched:
        message = self._storage / "message" / _id(self.path)
        return Watched((self.path,), (message, *self._folders()))

    def label(self, key: Key) -> str:
        return key.removesuffix(_END)

    def _folders(self) -> list[Path]:
        return [self._storage / "part" / id_ for id_ in self._messages[-RECENT:]]

    def _loose(self) -> dict[str, list[str]]:
        """Parts that lie in no message's folder, as in the oldest layout, by the message that they name."""
        found: dict[str, list[str]] = {}
        folder = self._storage / "part"
        for name in _names(folder):
            message = string(_read(folder / name), "messageID")
            found.setdefault(message, []).append(os.fspath(folder / name))
        return found


def _id(path: Path) -> str:
    told = string(_read(path), "id")
    return told if told and "/" not in told and told not in (".", "..") else path.stem


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.name.endswith(".json"))
    except OSError:
        return []


def _below(folder: Path) -> Iterable[Path]:
    return [folder / name for name in _names(folder)]


def _stamp(name: str) -> Stamp | None:
    try:
        now = os.stat(name)  # noqa: PTH116 - for each of thousands
    except OSError:
        return None
    return now.st_mtime_ns, now.st_size, now.st_ino


def _read(path: Path) -> dict[str, Any]:
    """What a small file says, as it is now; {} when it cannot be read."""
    key = os.fspath(path)
    stamp = _stamp(key)
    known = _told.get(key)
    if known is not None and known[0] == stamp:
        return known[1]
    try:
        told = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    told = told if type(told) is dict else {}
    kept = {name: told[name] for name in ("id", "parentID", "messageID", "title", "time", "revert") if name in told}
    if stamp is not None:
        if len(_told) > 65_536:
            _told.clear()
        _told[key] = (stamp, kept)
    return kept


def _is_json(data: bytes) -> bool:
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True
