"""Files that go with a prompt: what one is, in which form an agent gets it, and its bytes when the prompt is sent.

A file is looked at when the user gives it and read when it is sent: both block, so both belong into a job or a thread.
Nothing but what was given is ever read.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from msgspec import Struct

from store.errors import StoreError
from store.paths import put, state_dir

if TYPE_CHECKING:
    from store.runners.base import Abilities

Form: TypeAlias = Literal["image", "text", "link"]

MOST: Final = 20  # files of one prompt
IMAGE: Final = 5_000_000  # bytes of one image: providers take no larger ones
TEXT: Final = 500_000  # bytes of a text that goes into the prompt itself; of a larger one the agent is told its place
ALL: Final = 20_000_000  # bytes of all that goes with one prompt
HEAD: Final = 4096  # bytes that tell what a file is
KEPT: Final = 14 * 86_400  # seconds that a pasted image stays which no draft names any more
_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)  # fmt: skip
_UNSAID: Final = re.compile("[\\x00-\\x1f\\x7f\\x85\\u2028\\u2029\\ud800-\\udfff]")  # line ends; what is no text


class Attached(Struct, frozen=True):
    """A file that the user gave. `size`: bytes it had then. `mime`: image/…, text/plain, or '' for anything else.

    `pasted`: it came from the clipboard and lies in our own folder, so its place says nothing to an agent.
    """

    path: str
    name: str
    size: int
    mime: str = ""
    pasted: bool = False

    @property
    def is_image(self) -> bool:
        return self.mime.startswith("image/")


def look(path: str) -> Attached:
    """What a file is. Raises StoreError for what cannot go with a prompt."""
    whole = Path(path).absolute()
    if _UNSAID.search(str(whole)) is not None:
        raise StoreError(f"{whole.name!a} cannot be attached: its path has signs that cannot be written down.")
    size, head = _read(str(whole), whole.name, HEAD)
    return Attached(str(whole), whole.name, size, _mime(head, size))


def keep(image: bytes) -> Attached:
    """An image from the clipboard, encoded as PNG, as a file in our own folder. Raises StoreError."""
    import hashlib

    path = pasted_dir() / f"{hashlib.sha256(image).hexdigest()[:32]}.png"
    try:
        put(path, image, private=True)
    except OSError as error:
        raise StoreError(f"The pasted image cannot be kept: {error.strerror or error}.") from error
    return Attached(str(path), "Pasted image.png", len(image), "image/png", pasted=True)


def sweep(named: Iterable[Attached], now: float | None = None) -> int:
    """Delete pasted images that no draft names and that are older than two weeks: how many."""
    wanted = {file.path for file in named}
    before, gone = (time.time() if now is None else now) - KEPT, 0
    try:
        found = list(os.scandir(pasted_dir()))
    except OSError:
        return 0
    for entry in found:
        with suppress(OSError):  # another window was faster
            if entry.path not in wanted and entry.stat().st_mtime < before:
                Path(entry.path).unlink()
                gone += 1
    return gone


def pasted_dir() -> Path:
    """Where pasted images lie until they are sent."""
    return state_dir() / "pasted"


def form(file: Attached, abilities: Abilities) -> tuple[Form | None, str]:
    """How an agent gets a file, and why no better; None: it cannot get it, and the sentence says why."""
    if file.is_image:
        why = abilities.images.why if not abilities.images.ok else ""
        if not why and file.size > IMAGE:
            why = f"An image may have {IMAGE // 1_000_000} MB, and this one has {file.size / 1_000_000:.1f} MB."
        if not why:
            return "image", ""
        return (None if file.pasted else "link"), why
    if file.mime and abilities.texts.ok:
        return ("text", "") if file.size <= TEXT else ("link", f"Its text has more than {TEXT // 1000} kB.")
    return "link", ""


def refused(files: Sequence[Attached], abilities: Abilities) -> str:
    """The sentence that says why these cannot go with a prompt; '' when they can."""
    if len(files) > MOST:
        return f"{MOST} files may go with a prompt, and these are {len(files)}."
    size = 0
    for file in files:
        how, why = form(file, abilities)
        if how is None:
            return f"{file.name} cannot be sent. {why}"
        size += file.size if how != "link" else 0
    return f"The files of a prompt may have {ALL // 1_000_000} MB together." if size > ALL else ""


def read(file: Attached) -> bytes:
    """What goes along of a file, as it is now. Raises StoreError when it is gone, or has grown too large."""
    most = IMAGE if file.is_image else TEXT
    size, data = _read(file.path, file.name, most + 1)
    if size > most or len(data) > most:
        raise StoreError(f"{file.name} has grown to {size / 1_000_000:.1f} MB: remove it, or attach it anew.")
    if file.is_image and _mime(data[:HEAD], len(data)) != file.mime:
        raise StoreError(f"{file.name} is no such image any more: remove it, or attach it anew.")
    return data


def line(file: Attached, place: str) -> str:
    """How a file is named in the words of a prompt; `place` is its path or URI."""
    return f"[{file.name}]({place})"


def _read(path: str, name: str, most: int) -> tuple[int, bytes]:
    """The size of a regular file, and its first bytes."""
    try:
        with open(path, "rb", opener=_unblocked) as opened:
            told = os.fstat(opened.fileno())
            if stat.S_ISREG(told.st_mode):
                return told.st_size, opened.read(most)
    except FileNotFoundError as error:
        raise StoreError(f"{name} is not there (any more): remove it, or put it back.") from error
    except IsADirectoryError as error:
        raise StoreError(f"{name} is a folder: attach files, or write its path into the prompt.") from error
    except OSError as error:
        raise StoreError(f"{name} cannot be read: {error.strerror or error}.") from error
    raise StoreError(f"{name} is no file that can be attached.")


def _unblocked(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe that nobody writes into would hold us for ever


def _mime(head: bytes, size: int) -> str:
    for magic, mime in _MAGIC:
        if head.startswith(magic):
            return mime
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if b"\0" in head:
        return ""
    try:
        head.decode()
    except UnicodeDecodeError as error:  # the last letter may be cut
        if size <= len(head) or error.end < len(head) - 3:
            return ""
    return "text/plain"
