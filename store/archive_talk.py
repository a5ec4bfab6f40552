"""What the processes of an import of the archive say to each other, a line of JSON each. For `store.archive_import`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

PAUSE: Final = b"pause\n"  # in the place of a task
GO: Final = b"go\n"


class Task(Struct, frozen=True, array_like=True):
    """One session to be read."""

    path: bytes
    size: int  # of its main file, as it was found
    mtime_ns: int
    session: int | None = None  # what the database has of it
    files: int = 1  # that are known of it, those of subagents too


class Said(Struct, array_like=True, tag=0):
    """What became of a session; or with `what` 'at', how far it is."""

    path: bytes
    what: str  # new, grown, same, draft, failed, at
    files: int = 0  # that something was read of
    read: int = 0  # bytes
    records: int = 0
    why: str = ""  # a sentence, if it failed
    part: str = ""  # a draft that is part of another session: of which, as its agent calls it


class Stop(Struct, array_like=True, tag=1):
    """Nothing more can be written: why, in a sentence."""

    why: str


Word: TypeAlias = Said | Stop

_encoder: Final = msgspec.json.Encoder()
_task: Final = msgspec.json.Decoder(Task)
_word: Final[msgspec.json.Decoder[Word]] = msgspec.json.Decoder(Word)


def line(message: Task | Word) -> bytes:
    """As it goes through the pipe. Paths are bytes, because not all of them are text."""
    return _encoder.encode(message) + b"\n"


def lines(fd: int) -> Iterator[bytes]:
    """Lines as they come in, until the end. Not through a file object: a thread that waits in one cannot be left."""
    rest = b""
    while data := os.read(fd, 1 << 16):
        *whole, rest = (rest + data).split(b"\n")
        for one in whole:
            yield one + b"\n"


def task(line: bytes) -> Task:
    return _task.decode(line)


def word(line: bytes) -> Word:
    return _word.decode(line)
