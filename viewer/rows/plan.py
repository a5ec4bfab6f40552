"""The agent's plan as a check list. The renderer of 'plan'."""

from __future__ import annotations

from store.items import Item, Plan
from viewer.rows.base import Fold, Laid, layer_for, row
from viewer.rows.checklist import add_checklist, progress
from viewer.rows.header import chevron
from viewer.rows.sheet import Sheet
from viewer.theme.look import Look


@row("plan")
def plan(item: Item, width: int, look: Look, fold: Fold) -> Laid:
    if not isinstance(item, Plan):
        return layer_for("unknown")(item, width, look, fold)
    sheet = Sheet(item, width, look, fold)
    px = look.px
    height = px(28)
    chevron(sheet, fold.open is not False, 0, height)
    sheet.icon("list-todo", "text.muted", sheet.edge, px(6), 16)
    x = sheet.left + sheet.label("Plan", "ui.bold", "text.main", sheet.left, 0, height) + px(8)
    sheet.label(progress(item.entries), "meta", "text.muted", x, 0, height)
    sheet.zone(0, 0, width, height, "fold", when=item.ts)
    sheet.y = height
    if fold.open is not False:
        add_checklist(sheet, item.entries, fold.open is True)
    return sheet.done(4)
