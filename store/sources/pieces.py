"""Many small pieces (rows of a table, files, members of an archive) read as one stream that only grows. For `views`.

A piece that changes while somebody reads is told again at the end: what stands behind an offset stays what it was. When
nobody holds the stream any more, it is put together anew, with every piece once and in its place.
"""

from __future__ import annotations

import threading
import weakref
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from store.sources.views import Looks, Watched

KEPT: Final = 16 << 20  # bytes of pieces that stay in memory; others are asked for again, if they still are the same
TOGETHER: Final = 256  # pieces that are asked for at once, until it is known how big they are
MANY: Final = 2048  # at most
AT_ONCE: Final = 4 << 20  # bytes that those are to have
LATE: Final = 10_000  # milliseconds by which a piece's time may be older than that of one that was there before it
NEAR: Final = 32  # pieces of the newest time that are compared by their bytes, as a clock has only so many ticks

Key: TypeAlias = str
Stamp: TypeAlias = tuple[int, ...]


class Pieces(Protocol):
    """What a stream is made of. Methods raise OSError."""

    def looks(self) -> tuple[int, int]:
        """(identity, mtime_ns): cheap, and without a look at each piece."""
        ...

    def signature(self) -> object:
        """Something that is another thing when any piece is; None is not known. Cheaper than to list them."""
        ...

    def listed(self, since: int = 0) -> list[tuple[Key, Stamp]]:
        """Every piece there is now, in order; its stamp, which begins with a time, is another one when it changes. At
        least those whose time is not before `since`."""
        ...

    def fetched(self, keys: Sequence[Key]) -> Iterable[tuple[Key, Stamp, bytes]]:
        """The bytes of some pieces as they are now, without those that are gone; a newline is last. In any order; in
        that of `keys`, one at a time, they need no memory together."""
        ...

    def watched(self) -> Watched: ...

    def label(self, key: Key) -> str:
        """Where a piece lies, for people; '' is in the stream."""
        ...


class Log:
    """See the module. Any thread may call."""

    def __init__(self, path: Path, pieces: Pieces) -> None:
        self.path = path
        self.held: weakref.WeakSet[object] = weakref.WeakSet()
        self.pieces = pieces
        self.fetches = 0  # pieces asked for, for tests
        self._lock = threading.RLock()
        self._times = 0  # how often it was put together
        self._identity = 0
        self._clear()

    def _clear(self) -> None:
        self._times += 1
        self._keys: list[Key] = []
        self._starts: list[int] = []
        self._size = 0
        self._now: dict[Key, tuple[Stamp, int, int]] = {}  # key → its stamp, the number of its entry, a hash
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._held_bytes = 0
        self._mixed = False  # pieces were told that may not be where they would be now
        self._newest = 0  # the newest time of a piece
        self._signature: object = None

    # ---- as a view

    def looks(self) -> Looks:
        with self._lock:
            identity, mtime_ns = self.pieces.looks()
            if identity != self._identity:
                self._identity = identity
                self._clear()
            self._refresh()
            return Looks((identity << 20) + self._times, self._size, mtime_ns)

    def written(self) -> int:
        try:
            return self.pieces.looks()[1]
        except OSError:
            return 0

    def renew(self) -> None:
        with self._lock:
            if self._mixed and not len(self.held):
                self._clear()

    def rest(self) -> None:
        if self._kept and self._lock.acquire(blocking=False):  # whoever has it is not at rest
            try:
                if not len(self.held):
                    self._kept.clear()
                    self._held_bytes = 0
            finally:
                self._lock.release()

    def read(self, offset: int, size: int) -> bytes:
        with self._lock:
            if offset >= self._size:
                return b""
            index = bisect_right(self._starts, offset) - 1
            found: list[bytes] = []
            offset -= self._starts[index]
            while size > 0 and index < len(self._starts):
                data = self._bytes(index)[offset : offset + size]
                found.append(data)
                size -= len(data)
                offset = 0
                index += 1
            return b"".join(found)

    def watched(self) -> Watched:
        return self.pieces.watched()

    def place(self, offset: int) -> tuple[str, int]:
        with self._lock:
            index = bisect_right(self._starts, offset) - 1
            label = self.pieces.label(self._keys[index]) if index >= 0 else ""
            return (label, offset - self._starts[index]) if label else (str(self.path), offset)

    # ---- what is new

    def _refresh(self) -> None:
        signature = self.pieces.signature()
        if signature is not None and signature == self._signature:
            return
        first = not self._keys
        due: list[Key] = []
        near = 0
        newest = self._newest
        listed = self.pieces.listed(max(0, newest - LATE))
        for key, stamp in reversed(listed):
            known = self._now.get(key)
            if known is None or known[0] != stamp:
                due.append(key)
            elif newest and stamp[0] >= newest and near < NEAR:  # within the tick of a clock
                near += 1
                due.append(key)
        due.reverse()
        size = self._size
        start, many = 0, TOGETHER
        while start < len(due):
            some = due[start : start + many]
            start += many
            self.fetches += len(some)
            got: dict[Key, tuple[Stamp, bytes]] = {}
            turn, before = 0, self._size  # whose it is: pieces stand in the order in which they were listed
            for key, stamp, data in self.pieces.fetched(some):
                if turn >= len(some) or key != some[turn]:
                    got[key] = (stamp, data)
                    continue
                self._add(key, stamp, data)
                turn += 1
                while turn < len(some) and some[turn] in got:
                    self._add(some[turn], *got.pop(some[turn]))
                    turn += 1
            for key in some[turn:]:
                if key in got:
                    self._add(key, *got[key])
            each = (self._size - before) // len(some) + 1
            many = max(1, min(MANY, 2 * many, AT_ONCE // each))
        # Now that all of these are here. What was fetched may be newer than others that were not listed yet.
        self._newest = max([newest, *(stamp[0] for _, stamp in listed)])
        self._signature = signature
        self._mixed = self._mixed or (not first and self._size > size)

    def _add(self, key: Key, stamp: Stamp, data: bytes) -> None:
        now, starts = self._now, self._starts
        known = now.get(key)
        print_ = hash(data)
        if known is not None and known[2] == print_:
            now[key] = (stamp, known[1], print_)
            return
        index = len(starts)
        self._keys.append(key)
        starts.append(self._size)
        self._size += len(data)
        now[key] = (stamp, index, print_)
        self._keep(index, data)

    def _bytes(self, index: int) -> bytes:
        data = self._kept.get(index)
        if data is not None:
            return data
        last = bisect_left(self._starts, self._starts[index] + KEPT // 2, index, min(index + TOGETHER, len(self._keys)))
        wanted = [n for n in range(index, max(last, index + 1)) if n not in self._kept]  # what can be kept until then
        keys = {self._keys[n]: n for n in wanted if self._now[self._keys[n]][1] == n}
        self.fetches += len(keys)
        for key, _, got in self.pieces.fetched(list(keys)) if keys else ():
            number = keys[key]
            if hash(got) == self._now[key][2]:
                if number == index:
                    data = got
                self._keep(number, got)
        if data is None:
            # It has changed since, and what it was is forgotten: it is told again further down.
            end = self._starts[index + 1] if index + 1 < len(self._starts) else self._size
            return b" " * (end - self._starts[index] - 1) + b"\n"
        return data

    def _keep(self, index: int, data: bytes) -> None:
        self._kept[index] = data
        self._held_bytes += len(data)
        while self._held_bytes > KEPT and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            self._held_bytes -= len(old)
