"""What the commands print: lines and objects on standard output, trouble on standard error. No Qt."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import orjson

from store.errors import StoreError


@contextlib.contextmanager
def _stdout() -> Iterator[BinaryIO]:
    """Where the answer goes. A closed one or a full disk is one line, like all trouble."""
    if sys.stdout is None:  # closed by who called: python has no file for it
        raise StoreError("Standard output is closed: there is nowhere to write to.")
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        hush()
        raise StoreError(f"Standard output takes no more: {error.strerror or error}.") from error


def hush() -> None:
    """Let what is still held for stdout go nowhere: Python would complain once more when it flushes at exit."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def lines(objects: Iterable[dict[str, Any]]) -> None:
    """One JSON object per line, as UTF-8 whatever the terminal says."""
    with _stdout() as out:
        for value in objects:
            out.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))


def print_(lines: Iterable[str]) -> None:
    """Text for people."""
    with _stdout() as out:
        for line in lines:
            out.write(_safe(line).encode("utf-8", "replace") + b"\n")


def _safe(text: str) -> str:
    """Text from a session, without what a terminal would obey."""
    return "".join(char if char.isprintable() else "�" for char in text)


def say(text: str) -> None:
    """One line about what went wrong, or goes on."""
    if sys.stderr is None:  # started without a terminal
        return
    sys.stderr.write(f"playhead: {_safe(' '.join(text.split()))}\n")
