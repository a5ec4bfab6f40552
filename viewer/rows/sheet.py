"""A laid out row: selectable parts, painted marks, places that react. Every row kind fills one in."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter
from typing_extensions import override

from store.items import Item, text_of
from viewer.rows.base import Fold, Hit, Laid, Pos
from viewer.rows.marks import Drawn, Ground, Icon, Label, Mark
from viewer.rows.parts import LEADING, Part, advance
from viewer.theme import icons
from viewer.theme.look import Look

_FAR = 253_402_300_800_000_000  # the year 10000 in microseconds: a record may carry any number
MAX_DEPTH = 6  # deeper nesting is drawn at this depth: indentation must leave room to read


class Zone(NamedTuple):
    """A rectangle that does or says something."""

    x: int
    y: int
    width: int
    height: int
    action: str = ""
    tip: str = ""
    link: str = ""
    when: int | None = None  # said in words when there is no tip: most are never asked


class Sheet(Laid):
    """One item at one width. Row kinds add to it from top to bottom; `y` is where the next thing goes."""

    y = 0
    height = 0
    segments = 0
    _depth = 0
    _tops: list[int] | None = None

    def __init__(self, item: Item, width: int, look: Look, fold: Fold) -> None:
        self.item = item
        self.look = look
        self.fold = fold
        px = look.px
        self.edge = px(24)  # where icons and edges stand
        if fold.depth > 0:
            self._depth = min(fold.depth, MAX_DEPTH)
            self.edge += px(28) * self._depth
        self.left = self.edge + px(24)  # where text stands
        self.right = max(width - px(24), self.left + px(48))
        self.width = width
        self.parts: list[Part] = []
        self.marks: list[Mark] = []
        self.zones: list[Zone] = []

    # ---- filling in ------------------------------------------------------------------------------------------------

    def add(self, part: Part) -> Part:
        """Add a selectable text; `y` moves below it."""
        self.parts.append(part)
        self.segments = len(self.parts)
        self.y = max(self.y, part.y + part.height)
        if self._tops is not None:  # a message that streams has a thousand parts
            self._tops.append(part.y)
        return part

    def mark(self, y: int, height: int, draw: Callable[[QPainter], None]) -> None:
        self.marks.append(Drawn(y, height, draw))

    def fill(self, x: int, y: int, width: int, height: int, token: str, radius: int = 0, border: str = "") -> None:
        """A rectangle of a token's colour, behind what is added later."""
        edge = self.look.colour(border) if border else None
        self.marks.append(Ground(y, height, x, width, self.look.colour(token), radius, edge))

    def icon(self, name: str, token: str, x: int, y: int, size: int = 16) -> None:
        self.marks.append(Icon(y, self.look.px(size), x, name, self.look.colour(token)))

    def draw_icon(self, painter: QPainter, name: str, token: str, x: int, y: int, size: int) -> None:
        """Draw an icon now, for sheets that paint more than marks."""
        icons.draw(painter, name, self.look.colour(token), x, y, self.look.px(size))

    def label(
        self,
        text: str,
        role: str,
        token: str,
        x: int,
        y: int,
        height: int,
        align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    ) -> int:
        """A short fixed text, centred in `height`. With AlignRight, x is its right end. Gives back its width."""
        look = self.look
        wide = advance(look, role, text)
        start = x - wide if align == Qt.AlignmentFlag.AlignRight else x
        top = y + (height - look.metrics(role).height()) // 2
        self.marks.append(Label(y, height, start, top, text, role, look.colour(token), look))
        return wide

    def button(self, text: str, action: str, x: int, y: int, *, strong: bool = False, tip: str = "") -> int:
        """A button with a word on it. Gives back its width."""
        look = self.look
        width = advance(look, "ui", text) + look.px(24)
        height = look.px(28)
        if strong:
            self.fill(x, y, width, height, "accent.fill", look.px(4))
        else:
            self.fill(x, y, width, height, "button.background", look.px(4), "button.border")
        self.label(text, "ui", "accent.text" if strong else "button.text", x + look.px(12), y, height)
        self.zone(x, y, width, height, action, tip)
        return width

    def more(self, text: str, action: str, x: int, gap: int = 4) -> None:
        """A quiet line that can be clicked for more, below what is there."""
        look = self.look
        y, height = self.y + look.px(gap), look.px(20)
        width = self.label(text, "meta", "text.link", x, y, height)
        self.zone(x - look.px(4), y, width + look.px(8), height, action)
        self.y = y + height

    def zone(
        self, x: int, y: int, width: int, height: int, action: str = "", tip: str = "", *, when: int | None = None
    ) -> None:
        """A place that does something, or says it: a tip, or a time."""
        self.zones.append(Zone(x, y, width, height, action, tip, "", when))

    def done(self, bottom: int = 0) -> Sheet:
        """The row is complete: `bottom` units of room below."""
        self.height = self.y + self.look.px(bottom)
        return self

    # ---- the contract ----------------------------------------------------------------------------------------------

    @override
    def paint(self, painter: QPainter, top: int, bottom: int, selected: tuple[Pos | None, Pos | None] | None) -> None:
        look = self.look
        for level in range(self._depth):  # the guides of nested rows
            painter.fillRect(look.px(24 + 28 * level + 8), top, 1, bottom - top, look.colour("line.guide"))
        for mark in self.marks:
            if mark.y < bottom and mark.y + mark.height > top:
                mark.draw(painter)
        clip = QRectF(0, top, self.width, bottom - top)
        most = look.px(20)  # as far as signs stand out of their part
        number = max(0, bisect_right(self._top_list(), top - most) - 1)
        for index in range(number, len(self.parts)):
            part = self.parts[index]
            if part.y >= bottom + most:
                break
            reach = part.reach()
            if part.y + part.height + reach > top and part.y - reach < bottom:
                part.paint(painter, clip, self._range(index, part, selected))

    def _range(self, index: int, part: Part, selected: tuple[Pos | None, Pos | None] | None) -> tuple[int, int] | None:
        if selected is None:
            return None
        start, end = selected
        if (start is not None and start.segment > index) or (end is not None and end.segment < index):
            return None
        first = start.char if start is not None and start.segment == index else 0
        last = end.char if end is not None and end.segment == index else part.end()
        return first, last

    def _top_list(self) -> list[int]:
        if self._tops is None:
            # Only the top of the lowest part so far counts: parts may stand side by side.
            self._tops = [part.y for part in self.parts]
        return self._tops

    def part_at(self, y: int) -> int:
        """The index of the part nearest to a height, or -1."""
        tops = self._top_list()
        if not tops:
            return -1
        index = max(0, bisect_right(tops, y) - 1)
        below = index + 1
        if below < len(tops):
            part = self.parts[index]
            if y - (part.y + part.height) > tops[below] - y:
                return below
        return index

    @override
    def hit(self, x: int, y: int) -> Hit:
        action = tip = link = ""
        for zone in reversed(self.zones):
            if zone.x <= x < zone.x + zone.width and zone.y <= y < zone.y + zone.height:
                action, tip, link = action or zone.action, tip or zone.tip or moment(zone.when), link or zone.link
        index = self.part_at(y)
        if index < 0:
            return Hit(None, link, action, tip)
        part = self.parts[index]
        if not link and part.y <= y < part.y + part.height:
            link = part.link(x, y)
        return Hit(Pos(index, part.at(x, y)), link, action, tip or link)

    @override
    def text(self, start: Pos | None, end: Pos | None) -> str:
        if start is None and end is None:
            return text_of(self.item)
        found: list[str] = []
        for index, part in enumerate(self.parts):
            span = self._range(index, part, (start, end))
            if span is not None:
                found.append(part.cut(*span))
        return "\n".join(found)

    @override
    def word(self, pos: Pos) -> tuple[Pos, Pos]:
        return self._around(pos, whole=False)

    @override
    def paragraph(self, pos: Pos) -> tuple[Pos, Pos]:
        return self._around(pos, whole=True)

    def _around(self, pos: Pos, whole: bool) -> tuple[Pos, Pos]:
        if not 0 <= pos.segment < len(self.parts):
            return pos, pos
        first, last = self.parts[pos.segment].around(pos.char, whole)
        return Pos(pos.segment, first), Pos(pos.segment, last)


def leading(look: Look, role: str) -> int:
    return look.px(LEADING[role])


def clock(ts: int | None) -> str:
    """HH:MM local, or nothing."""
    if ts is None or not 0 <= ts < _FAR:
        return ""
    return time.strftime("%H:%M", time.localtime(ts / 1_000_000))


def moment(ts: int | None) -> str:
    """The absolute time, for a tip."""
    return "" if ts is None else _local(ts, "%Y-%m-%d %H:%M:%S %Z")


def _local(ts: int, form: str) -> str:
    try:
        return datetime.fromtimestamp(ts / 1_000_000).astimezone().strftime(form)
    except (ValueError, OverflowError, OSError):  # a record may carry any number
        return ""


def span_text(us: int | None) -> str:
    """A duration as people say it: '0.9 s', '6 s', '1 m 12 s', '2 h 05 m'. Nothing for none."""
    if us is None or us < 500:
        return ""  # '0 ms' says nothing
    seconds = us / 1_000_000
    if seconds < 0.0995:
        return f"{round(us / 1000)} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86_400} d {whole % 86_400 // 3600:02d} h"


def size_text(chars: int) -> str:
    """A count of characters as a size: '812 characters', '12 kB', '3.4 MB'."""
    if chars < 1000:
        return f"{chars} characters"
    if chars < 1_000_000:
        return f"{chars / 1000:.0f} kB"
    return f"{chars / 1_000_000:.1f} MB"
