"""Sessions that are no plain file, read as if they were one: what stands packed, in a database or in many small files.

`at` says what stands behind a path; None is a plain file, and nearly every path is. A view gives bytes by offset that
only ever grow while somebody holds it, so that spans, tails and imports work as they do with files.
"""

from __future__ import annotations

import io
import os
import threading
import weakref
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct
from typing_extensions import Buffer, override

if TYPE_CHECKING:
    from typing import BinaryIO

BUSY: Final = 2  # views that keep what they have read, besides those that somebody holds
FEW: Final = 16  # views that are remembered although nobody holds them
PACKED: Final = ".zst"  # behind the name of a session that was packed; it goes on being called as before
_LINES: Final = (".jsonl", ".ndjson")


class Looks(Struct, frozen=True, gc=False):
    """What `os.stat` says of a file, for a view. `st_ino` is another one when all that was read of it is void."""

    st_ino: int
    st_size: int  # bytes that can be read
    st_mtime_ns: int
    st_dev: int = 0

    @property
    def st_mtime(self) -> float:
        return self.st_mtime_ns / 1e9


class Watched(Struct, frozen=True):
    """Where news of a view show."""

    files: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    again: float = 0.0  # seconds after the last news in which some of it may begin to count, which nothing tells


class View(Protocol):
    """Bytes of a session. Every method raises OSError when what it stands on cannot be read."""

    held: weakref.WeakSet[object]  # by whom offsets are remembered

    def looks(self) -> Looks:
        """As it is now."""
        ...

    def written(self) -> int:
        """When it was written to last, as `looks` says it, without a look at all of it; 0 when it is gone."""
        ...

    def renew(self) -> None:
        """Somebody begins to read: nobody remembers an offset, so it may be put together anew."""
        ...

    def rest(self) -> None:
        """Others are read now: what is only kept for quickness may go, if nobody reads this one."""
        ...

    def read(self, offset: int, size: int) -> bytes:
        """At most so many bytes from there on, and some unless there are none."""
        ...

    def watched(self) -> Watched: ...

    def place(self, offset: int) -> tuple[str, int]:
        """Where these bytes really lie, for people: what, and the offset in it."""
        ...


_lock: Final = threading.Lock()
_views: Final[weakref.WeakValueDictionary[str, View]] = weakref.WeakValueDictionary()
_late: Final[OrderedDict[str, View]] = OrderedDict()  # the last ones asked for


def at(path: Path | str) -> View | None:
    """The view that a path names, or None: a plain file, or nothing at all. Reads nothing of it."""
    name = os.fspath(path)
    if name.endswith(_LINES) and (not os.path.lexists(name + PACKED) or os.path.lexists(name)):
        return None
    with _lock:
        view = _views.get(name)
        if view is None:
            view = _made(Path(name))
            if view is None:
                return None
            _views[name] = view
        _late[name] = view
        _late.move_to_end(name)
        if len(_late) > FEW:
            _late.popitem(last=False)
        if len(_late) > BUSY:
            _late[list(_late)[-1 - BUSY]].rest()
        return view


def _made(path: Path) -> View | None:
    if path.name.endswith(_LINES) or path.name.removesuffix(PACKED).endswith(_LINES):
        from store.sources.packed import Packed  # here: it loads Zstandard

        return Packed(path if path.suffix == PACKED else path.with_name(path.name + PACKED))
    from store.formats import formats  # here: whoever opens lines needs no list of all formats

    for format_ in formats():
        if format_.view is not None and (pieces := format_.view(path)) is not None:
            from store.sources.pieces import Log

            return Log(path, pieces)
    return None


def stat(path: Path | str) -> os.stat_result | Looks:
    """What a path looks like, a view or a file. Raises OSError."""
    view = at(path)
    return os.stat(path) if view is None else view.looks()  # noqa: PTH116 - a Path costs more than the look


def exists(path: Path | str) -> bool:
    """Whether there is such a session. A database is asked only when it has changed."""
    name = os.fspath(path)
    above = os.path.dirname(name)  # noqa: PTH120 - text only
    if not above.endswith(".db"):
        return os.path.lexists(name) or at(name) is not None
    from store.sources.scan import inside

    try:
        return name in inside(above)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # it cannot be read now


def opened(path: Path) -> BinaryIO:
    """Its bytes, for reading. Raises OSError."""
    view = at(path)
    if view is None:
        return path.open("rb")
    view.renew()
    view.looks()
    return File(view)  # type: ignore[return-value]


def read(file: BinaryIO, size: int) -> bytes:
    """So many bytes, or as many as there are: a view may give fewer at a time. Raises OSError."""
    parts: list[bytes] = []
    while size > 0 and (data := file.read(size)):
        parts.append(data)
        size -= len(data)
    return b"".join(parts)


def looks_of(file: BinaryIO) -> os.stat_result | Looks:
    """What a file that `opened` gave looks like. Raises OSError."""
    return file.view.looks() if isinstance(file, File) else os.fstat(file.fileno())


def watched(path: Path) -> Watched:
    """What to watch for news of a session: itself, or what it is made of."""
    view = at(path)
    return Watched((path,)) if view is None else view.watched()


def place(path: Path, offset: int) -> tuple[str, int]:
    """Where bytes of a session lie, for people."""
    view = at(path)
    return (str(path), offset) if view is None else view.place(offset)


class File(io.RawIOBase):
    """A view as a file that is open."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._at = 0
        view.held.add(self)

    @override
    def close(self) -> None:
        self.view.held.discard(self)
        super().close()

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = 0 if whence == os.SEEK_SET else self._at if whence == os.SEEK_CUR else self.view.looks().st_size
        self._at = max(0, base + offset)
        return self._at

    @override
    def tell(self) -> int:
        return self._at

    @override
    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer)
        data = self.view.read(self._at, len(view))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)
