"""A record or line that was not understood: kept and quiet, its text bounded. The renderer of 'raw'."""

from __future__ import annotations

from PySide6.QtGui import QTextOption

from store.items import Item, Raw
from store.text import Text
from viewer.rows.base import Fold, Laid, layer_for, row
from viewer.rows.clean import one_line
from viewer.rows.header import chevron
from viewer.rows.output import add_output
from viewer.rows.parts import Lines, elide
from viewer.rows.sheet import Sheet
from viewer.theme.look import Look


@row("raw")
def raw(item: Item, width: int, look: Look, fold: Fold) -> Laid:
    if not isinstance(item, Raw):
        return layer_for("unknown")(item, width, look, fold)
    sheet = Sheet(item, width, look, fold)
    px = look.px
    height = px(24)
    opened = fold.open is True
    if item.text:
        chevron(sheet, opened, 0, height)
    sheet.icon("circle-dot", "text.faint", sheet.edge + px(1), (height - px(14)) // 2, 14)
    said = f"unknown: {one_line(item.type, 60)}" if item.type else "unknown"
    if item.reason and item.reason != "unknown type":
        said += f" · {one_line(item.reason, 120)}"
    said = elide(look, "meta", said, sheet.right - sheet.left)
    x = sheet.left + sheet.label(said, "meta", "text.muted", sheet.left, 0, height) + px(12)
    room = sheet.right - x
    if item.text and not opened and room > px(80):
        shown = elide(look, "mono", one_line(item.text), room)
        part = Lines(
            shown, look, "mono", "text.faint", x, (height - px(18)) // 2, room,
            wrap=QTextOption.WrapMode.NoWrap, whole=item.text[:4000],
        )  # fmt: skip
        sheet.add(part)
    sheet.zone(0, 0, width, height, "fold" if item.text else "", when=item.ts)
    sheet.y = height
    if opened and item.text:
        add_output(sheet, Text(item.text), fold.pages, ink="text.muted")
        sheet.y += px(4)
    return sheet.done()
