"""Inspect's packed logs: a zip of JSON files, read as one stream in the order of their writing. For inspect.py.

The members are the start, the samples, summaries of them, and at the end of a run the header with its results.
"""

from __future__ import annotations

import errno
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from lzma import LZMAError
from pathlib import Path
from typing import Final

import orjson

from store.sources.pieces import Key, Stamp
from store.sources.views import Watched

MOST: Final = 512 << 20  # bytes of one member; more is no log
LONG: Final = 16 << 20  # bytes from which on a member is put on one line: what stands on many is read only so far
# What the ways of packing raise; ValueError is a name that is no UTF-8, EOFError a member that is cut off, and
# RuntimeError a password or a way of packing that zipfile does not know.
_DAMAGE: Final = (zipfile.BadZipFile, zlib.error, LZMAError, RuntimeError, ValueError, EOFError, OSError)
_NUMBERS: Final = re.compile(r"(\d+)")


def view(path: Path) -> Members | None:
    return Members(path) if path.suffix == ".eval" else None


class Members:
    """The members of a log, as `store.sources.pieces` wants them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def looks(self) -> tuple[int, int]:
        now = self.path.stat()
        return now.st_ino, now.st_mtime_ns

    def signature(self) -> object:
        now = self.path.stat()
        return now.st_ino, now.st_mtime_ns, now.st_size

    def listed(self, since: int = 0) -> list[tuple[Key, Stamp]]:
        with self._open() as archive:
            found = {one.filename: one for one in archive.infolist() if one.filename.endswith(".json")}
        return [(name, (0, found[name].CRC, found[name].file_size)) for name in sorted(found, key=_order)]

    def fetched(self, keys: Sequence[Key]) -> Iterator[tuple[Key, Stamp, bytes]]:
        with self._open() as archive:
            for key in keys:
                try:
                    member = archive.getinfo(key)
                    data = archive.read(member) if member.file_size <= MOST else b"# a member of this size is no log"
                except KeyError:
                    continue
                except _DAMAGE as error:
                    if isinstance(error, OSError) and error.errno is not None:
                        raise  # the file cannot be read; what bzip2 cannot unpack has no number
                    why = str(error) or type(error).__name__
                    data = f"# {key} cannot be unpacked: {why}".encode("utf-8", "replace")
                yield key, (0, member.CRC, member.file_size), _ended(data)

    def watched(self) -> Watched:
        return Watched((self.path,))

    def label(self, key: Key) -> str:
        return f"{self.path}/{key}"

    def _open(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except (zipfile.BadZipFile, ValueError, RuntimeError) as error:
            raise OSError(errno.EIO, f"it is no log that can be unpacked: {error}", str(self.path)) from error


def _order(name: str) -> tuple[int, list[str | int]]:
    place = {"_journal/start.json": 0, "header.json": 3}.get(name, 1 if name.startswith("samples/") else 2)
    words: Iterable[str] = _NUMBERS.split(name)
    return place, [f"{int(word):020}" if word.isdecimal() and len(word) < 20 else word for word in words]


def _ended(data: bytes) -> bytes:
    if len(data) > LONG:
        with suppress(orjson.JSONDecodeError):  # as it is: its lines are raw
            data = orjson.dumps(orjson.loads(data))
    return data.rstrip(b"\r\n") + b"\n"
