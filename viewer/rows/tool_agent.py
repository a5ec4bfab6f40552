"""A subagent: its task, how many steps it took, and whether they are shown below. The renderer of 'tool.agent'."""

from __future__ import annotations

from store.items import Item, Tool
from viewer.rows.base import Fold, Laid, layer_for, row
from viewer.rows.header import header
from viewer.rows.question import options
from viewer.rows.sheet import Sheet
from viewer.rows.tool import body, finish, preview, waiting_ground
from viewer.theme.look import Look


@row("tool.agent")
def tool_agent(item: Item, width: int, look: Look, fold: Fold) -> Laid:
    if not isinstance(item, Tool):
        return layer_for("unknown")(item, width, look, fold)
    sheet = Sheet(item, width, look, fold)
    px = look.px
    if item.status == "waiting":
        waiting_ground(sheet)
    opened = fold.open is True
    header(sheet, item, opened, role="ui")
    if fold.steps:
        said = "1 step" if fold.steps == 1 else f"{fold.steps:,} steps"
        y, height = sheet.y - px(4), px(20)
        x = sheet.left
        x += sheet.label(f"{said} · ", "meta", "text.muted", x, y, height)
        wide = sheet.label("Hide" if fold.children else "Show", "meta", "text.link", x, y, height)
        sheet.zone(sheet.left - px(4), y, x - sheet.left + wide + px(8), height, "children")
        sheet.y = y + height + px(4)
    if opened:
        body(sheet, item, fold)
    elif item.status == "failed" and fold.open is None:
        preview(sheet, item)
    options(sheet, item)
    return finish(sheet, item)
