"""The row of last resort: an item whose kind has no renderer still shows its words. The renderer of 'unknown'."""

from __future__ import annotations

from store.items import Item, kind_of, size_of, text_of
from store.text import Text
from viewer.rows.base import Fold, Laid, row
from viewer.rows.clean import one_line
from viewer.rows.header import chevron
from viewer.rows.output import add_output
from viewer.rows.sheet import Sheet
from viewer.theme.look import Look


@row("unknown")
def unknown(item: Item, width: int, look: Look, fold: Fold) -> Laid:
    sheet = Sheet(item, width, look, fold)
    px = look.px
    height = px(24)
    chevron(sheet, fold.open is True, 0, height)
    sheet.icon("circle-dot", "text.faint", sheet.edge + px(1), (height - px(14)) // 2, 14)
    sheet.label(f"unknown row: {one_line(kind_of(item), 60)}", "meta", "text.muted", sheet.left, 0, height)
    sheet.zone(0, 0, width, height, "fold", when=item.ts)
    sheet.y = height
    if fold.open is True and size_of(item):
        add_output(sheet, Text(text_of(item)), fold.pages, ink="text.muted")
    return sheet.done()
