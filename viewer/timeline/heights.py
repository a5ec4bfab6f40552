"""How tall every row is: estimates until it was seen, prefix sums over blocks of 256. Held by the geometry. No Qt."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

SHIFT: Final = 8
BLOCK: Final = 1 << SHIFT


class Guess(NamedTuple):
    """Estimated heights of some rows, and the sum of every BLOCK of them."""

    heights: array[int]
    sums: list[int]


def guess(weights: array[int], pad: int, line: int, per_line: int, most: int) -> Guess:
    """Heights for weights (characters per row): `pad` and one `line` per `per_line` characters, at most `most` lines.

    A million rows cost about 15 ms, because no row is touched one by one: a row's lines are looked up through the two
    bytes of its weight (short texts by the low byte, long ones, coarsely, by the high one).
    """
    per_line, most = max(20, per_line), max(1, min(255, most))
    raw = weights.tobytes()
    first = 0 if sys.byteorder == "little" else 1
    low, high = raw[first::2], raw[1 - first :: 2]
    short = bytes(min(15, 1 + w // per_line) for w in range(256))
    tall = bytes(-(-min(most, 1 + (h * 256 + 128) // per_line) * 15 // most) << 4 if h else 0 for h in range(256))
    # One byte per row says both: the upper half for long rows, else the lower one.
    both = int.from_bytes(low.translate(short), "little") | int.from_bytes(high.translate(tall), "little")
    code = both.to_bytes(len(low), "little")
    lines = [max(1, (c >> 4) * most // 15) if c >> 4 else c & 15 for c in range(256)]
    sizes = [min(65535, pad + count * line) for count in lines]
    cells = bytearray(4 * len(low))
    offset = 0 if sys.byteorder == "little" else 3
    cells[offset::4] = code.translate(bytes(size & 255 for size in sizes))
    cells[1 if offset == 0 else 2 :: 4] = code.translate(bytes(size >> 8 for size in sizes))
    heights = array("i")
    heights.frombytes(bytes(cells))
    counts = code.translate(bytes(lines))
    starts = range(0, len(low), BLOCK)
    sums = [pad * min(BLOCK, len(low) - start) + line * sum(counts[start : start + BLOCK]) for start in starts]
    return Guess(heights, sums)


def plain(heights: Iterable[int]) -> Guess:
    """The same for a few rows whose heights are known one by one."""
    known = array("i", heights)
    return Guess(known, _sums(known))


def _sums(heights: array[int], start: int = 0) -> list[int]:
    return [sum(heights[at : at + BLOCK]) for at in range(start, len(heights), BLOCK)]


class Heights:
    """Heights by row, 0 for a row that is not shown. All is O(log rows), but insert_front, drop_front and forget."""

    __slots__ = ("_heights", "_seen", "_tree", "total")

    def __init__(self) -> None:
        self._heights: array[int] = array("i")
        self._seen = bytearray()  # 1: measured at the current width
        self._tree = [0]  # Fenwick tree over block sums, from 1
        self.total = 0

    def __len__(self) -> int:
        return len(self._heights)

    def __getitem__(self, row: int) -> int:
        return self._heights[row]

    def seen(self, row: int) -> bool:
        return bool(self._seen[row])

    # ---- sums

    def prefix(self, row: int) -> int:
        """The height of all rows before `row`."""
        block = row >> SHIFT
        result = sum(self._heights[block << SHIFT : row])
        tree = self._tree
        while block > 0:
            result += tree[block]
            block &= block - 1
        return result

    def find(self, y: int) -> int:
        """The row that covers pixel `y`; the first or last shown one beyond the ends. Raises LookupError if none is."""
        if self.total <= 0:
            raise LookupError("no row is shown")
        y = min(max(y, 0), self.total - 1)
        tree = self._tree
        block = 0
        step = 1 << ((len(tree) - 1).bit_length() - 1)
        while step:
            further = block + step
            if further < len(tree) and tree[further] <= y:
                block = further
                y -= tree[further]
            step >>= 1
        row = block << SHIFT
        for height in self._heights[row : row + BLOCK]:
            if y < height:
                break
            y -= height
            row += 1
        return row

    def after(self, row: int) -> int | None:
        """The next shown row. A long run of folded ones costs no more than one."""
        row += 1
        if row >= len(self._heights):
            return None
        if self._heights[row] > 0:
            return row
        y = self.prefix(row)
        return self.find(y) if y < self.total else None

    def before(self, row: int) -> int | None:
        """The shown row above; `len(heights)` asks for the last one."""
        if row <= 0:
            return None
        if self._heights[row - 1] > 0:
            return row - 1
        y = self.prefix(row)
        return self.find(y - 1) if y > 0 else None

    # ---- changes

    def set(self, row: int, height: int) -> bool:
        """A measured height. True if the row had not been measured yet."""
        if height != self._heights[row]:
            self._put(row, height)
        fresh = not self._seen[row]
        self._seen[row] = 1
        return fresh

    def suppose(self, row: int, height: int) -> None:
        """An estimate again, such as 0 for a row that is folded away."""
        self._put(row, height)
        self._seen[row] = 0

    def _put(self, row: int, height: int) -> None:
        change = height - self._heights[row]
        if change:
            self._heights[row] = height
            self.total += change
            self._add(row >> SHIFT, change)

    def _add(self, block: int, change: int) -> None:
        tree = self._tree
        at = block + 1
        while at < len(tree):
            tree[at] += change
            at += at & -at

    def stale(self, row: int) -> None:
        """The row must be measured again; until then its height is the estimate."""
        self._seen[row] = 0

    def forget(self) -> None:
        """All rows must be measured again: the width or the font changed."""
        self._seen = bytearray(len(self._heights))

    def append(self, estimates: Sequence[int]) -> None:
        """Rows at the end."""
        for height in estimates:
            block = len(self._heights) >> SHIFT
            self._heights.append(height)
            self.total += height
            if block + 1 == len(self._tree):
                self._open_block(height)
            else:
                self._tree[-1] += height  # the last node is the only one that covers the last block
        self._seen.extend(bytes(len(estimates)))

    def _open_block(self, height: int) -> None:
        at = len(self._tree)
        covered = height
        below = at - 1
        stop = at - (at & -at)
        while below > stop:
            covered += self._tree[below]
            below &= below - 1
        self._tree.append(covered)

    def insert_front(self, estimates: Guess) -> None:
        """Rows before all others. O(rows), done once per session."""
        new = estimates.heights
        whole = len(new) >> SHIFT
        self._heights = new + self._heights
        self._seen = bytearray(len(new)) + self._seen
        self._build(estimates.sums[:whole] + _sums(self._heights, whole << SHIFT))

    def drop_front(self, count: int) -> None:
        """Forget the first rows. O(rows)."""
        del self._heights[:count]
        del self._seen[:count]
        self._build(_sums(self._heights))

    def _build(self, sums: list[int]) -> None:
        self.total = sum(sums)
        tree = [0, *sums]
        for at in range(1, len(tree)):
            parent = at + (at & -at)
            if parent < len(tree):
                tree[parent] += tree[at]
        self._tree = tree

    def cut(self, row: int) -> None:
        """Rows from `row` on are gone. O(what goes)."""
        if row >= len(self._heights):
            return
        gone = sum(self._heights[row:])
        blocks = (row + BLOCK - 1) >> SHIFT
        rest = sum(self._heights[row : blocks << SHIFT])  # of the block that is cut in two
        del self._heights[row:]
        del self._seen[row:]
        del self._tree[blocks + 1 :]  # a Fenwick tree stays right when its end is cut off
        self.total -= gone
        if rest:
            self._add(blocks - 1, -rest)
