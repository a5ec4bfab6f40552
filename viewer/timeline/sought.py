"""A word that was searched for, in its row: what is folded over it is opened, and it is selected in sight. For view."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from viewer.rows.base import Laid, Pos

if TYPE_CHECKING:
    from viewer.timeline.view import TimelineView

_PARTS: Final = 400  # of a row that are looked at: an opened row may have thousands
_FAR: Final = 1 << 30
PAGES: Final = (0, 3, 12)  # of a long output: further and further, up to all that a row shows


class Found(NamedTuple):
    """Where it stands, and how far below the top of its row."""

    start: Pos
    end: Pos
    y: int


def pattern(words: str) -> re.Pattern[str] | None:
    """As the index compares: letters and digits, whatever stands between them; None: there are none."""
    parts = re.findall(r"[^\W_]+", words)
    return re.compile(r"[\W_]+".join(map(re.escape, parts)), re.IGNORECASE) if parts else None


def find(laid: Laid, sought: re.Pattern[str]) -> Found | None:
    """The first place in a row as it is laid out now."""
    for number in range(min(laid.segments, _PARTS)):
        text = laid.text(Pos(number, 0), Pos(number, _FAR))
        for match in sought.finditer(text):
            at = len(text[: match.start()].encode("utf-16-le", "surrogatepass")) // 2
            long = len(match.group().encode("utf-16-le", "surrogatepass")) // 2
            start, end = Pos(number, at), Pos(number, at + long)
            if laid.text(start, end) == match.group():  # else what is copied is not what is painted
                return Found(start, end, _height_of(laid, start))
    return None


def _height_of(laid: Laid, pos: Pos) -> int:
    """The y of a place: places come in reading order, so it is halved for."""
    low, high = 0, max(0, laid.height - 1)
    while low < high:
        middle = (low + high + 1) // 2
        there = laid.hit(0, middle).pos
        if there is not None and there <= pos:
            low = middle
        else:
            high = middle - 1
    return low


def show(view: TimelineView, row: int, words: str) -> bool:
    """Open the row as far as it needs, select the first place of the words and bring it into sight. False: not there.

    It may stand in what a row never shows, as in an output behind its last page: then the row is open, and that is all.
    """
    sought = pattern(words)
    if sought is None:
        return False
    item = view.item(row)
    found = find(view.scene.laid(row)[1], sought)
    before = view.folds.fold(row, item.id).pages
    for pages in PAGES:
        if found is not None or (pages < before and view.scene.is_open(row)):
            continue
        view.refold(row, max(pages, before))
        found = find(view.scene.laid(row)[1], sought)
    if found is None:
        view.refold(row, before)
        return False
    view.selection.begin(row, found.start, found.end)
    placed, limit = view.scene.placed(row), view.scene.height - view.geo.foot
    line = view.line
    if placed is None or placed.top + found.y < line or placed.top + found.y > limit - 2 * line:
        view.go_to(row, limit // 3 - found.y)
    view.viewport().update()
    return True
