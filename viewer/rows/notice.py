"""What happened to the session, not in it: a quiet line, or an edge for trouble. The renderer of 'notice'."""

from __future__ import annotations

from PySide6.QtGui import QTextOption

from store.items import Item, Notice
from store.text import Text
from viewer.rows.base import Fold, Laid, layer_for, row
from viewer.rows.clean import breakable, clean, one_line
from viewer.rows.header import chevron
from viewer.rows.output import add_output
from viewer.rows.parts import Lines, elide
from viewer.rows.sheet import Sheet
from viewer.rows.typeset import measure
from viewer.theme.look import Look

DIVIDERS = frozenset({"compaction", "interruption", "branch", "limit"})  # they part before from after
WORDS_MAX = 2_000
HEADING_MAX = 60  # characters; longer words are a text, not a heading
ICONS = {
    "api_error": "circle-alert",
    "hook": "link",
    "result": "circle-check",
    "limit": "clock",
    "mode": "settings",
    "compaction": "scissors",
    "interruption": "pause",
    "branch": "git-branch",
}
LABELS = {"api_error": "API error", "hook": "Hook", "limit": "Limit"}
SPEAKING = frozenset({"interruption", "result"})  # their text is a heading already


@row("notice")
def notice(item: Item, width: int, look: Look, fold: Fold) -> Laid:
    if not isinstance(item, Notice):
        return layer_for("unknown")(item, width, look, fold)
    sheet = Sheet(item, width, look, fold)
    if item.level == "info" and item.kind in DIVIDERS:
        _divider(sheet, item)
    elif item.level == "info":
        _line(sheet, item, fold)
    else:
        _trouble(sheet, item, fold)
    if item.detail and fold.open is True:
        add_output(sheet, Text(item.detail), fold.pages)
        sheet.y += look.px(8)
    return sheet.done()


def _divider(sheet: Sheet, item: Notice) -> None:
    look = sheet.look
    px = look.px
    height = px(36)
    room = sheet.right - sheet.edge - px(120)
    said = elide(look, "meta", one_line(item.text) or item.kind, max(room, px(60)))
    wide = look.metrics("meta").horizontalAdvance(said)
    icon = ICONS.get(item.kind, "info")
    middle = (sheet.edge + sheet.right) // 2
    start = middle - (wide + px(20)) // 2
    sheet.icon(icon, "text.faint", start, (height - px(14)) // 2, 14)
    part = Lines(
        said, look, "meta", "text.muted", start + px(20), (height - px(16)) // 2, wide + px(4),
        wrap=QTextOption.WrapMode.NoWrap, whole=item.text[:4000],
    )  # fmt: skip
    sheet.add(part)
    y = height // 2
    sheet.fill(sheet.edge, y, max(0, start - px(12) - sheet.edge), 1, "line.hair")
    sheet.fill(start + px(20) + wide + px(12), y, max(0, sheet.right - start - px(32) - wide), 1, "line.hair")
    _zone(sheet, item, height)
    sheet.y = height


def _line(sheet: Sheet, item: Notice, fold: Fold) -> None:
    look = sheet.look
    px = look.px
    height = px(24)
    if item.detail:
        chevron(sheet, fold.open is True, 0, height)
    sheet.icon(ICONS.get(item.kind, "info"), "text.faint", sheet.edge + px(1), (height - px(14)) // 2, 14)
    said = elide(look, "meta", one_line(item.text) or item.kind, sheet.right - sheet.left)
    part = Lines(
        said, look, "meta", "text.muted", sheet.left, (height - px(16)) // 2, sheet.right - sheet.left,
        wrap=QTextOption.WrapMode.NoWrap, whole=item.text[:4000],
    )  # fmt: skip
    sheet.add(part)
    _zone(sheet, item, height)
    sheet.y = height


def _trouble(sheet: Sheet, item: Notice, fold: Fold) -> None:
    look = sheet.look
    px = look.px
    failed = item.level == "error"
    token = "state.failed" if failed else "state.waiting"
    top = px(8)
    sheet.y = top
    label, words = _heading(item)
    sheet.icon("circle-x" if failed else "triangle-alert", token, sheet.left, sheet.y + px(2), 16)
    sheet.label(label, "ui.bold", token, sheet.left + px(24), sheet.y, px(20))
    if item.detail:
        chevron(sheet, fold.open is True, sheet.y, px(20))
    _zone(sheet, item, px(28) + px(8))
    sheet.y += px(20)
    if words:
        x = sheet.left + px(24)
        more = "…" if len(item.text) > WORDS_MAX else ""
        wrap = QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere
        width = min(sheet.right - x, measure(look))
        sheet.add(
            Lines(
                breakable("\n".join(words.split("\n")[:20])) + more,
                look,
                "ui",
                "text.main",
                x,
                sheet.y,
                width,
                wrap=wrap,
            )
        )
    sheet.fill(sheet.edge + px(7), top, px(2), sheet.y - top, "row.failed_edge" if failed else "row.warning_edge")
    sheet.y += px(8)


def _heading(item: Notice) -> tuple[str, str]:
    """The heading of a trouble and what else is to say: nothing twice."""
    words = clean(item.text[:WORDS_MAX]).strip()
    if item.kind in SPEAKING and words:
        first, _, rest = words.partition("\n")
        if len(first) <= HEADING_MAX:
            return first, rest.strip()
    label = LABELS.get(item.kind) or one_line(item.kind.replace("_", " "), 40).capitalize()
    if words[: len(label)].casefold() == label.casefold():
        words = words[len(label) :].lstrip(": ") or words
    return label, words


def _zone(sheet: Sheet, item: Notice, height: int) -> None:
    sheet.zone(0, 0, sheet.width, height, "fold" if item.detail else "", when=item.ts)
