"""A change of a file: its diff, the first lines of it at once. The renderer of 'tool.edit'."""

from __future__ import annotations

from store.items import Item, Tool
from viewer.rows.base import Fold, Laid, layer_for, row
from viewer.rows.diff import add_diff, counts, total
from viewer.rows.header import header
from viewer.rows.output import MAX_PAGES, PAGE_LINES
from viewer.rows.question import options
from viewer.rows.sheet import Sheet
from viewer.rows.tool import body, finish, preview, waiting_ground
from viewer.theme.look import Look

GLANCE = 8  # lines that show without being asked for


@row("tool.edit")
def tool_edit(item: Item, width: int, look: Look, fold: Fold) -> Laid:
    if not isinstance(item, Tool):
        return layer_for("unknown")(item, width, look, fold)
    sheet = Sheet(item, width, look, fold)
    if item.status == "waiting":
        waiting_ground(sheet)
    opened = fold.open is True
    figures = counts(item.hunks) if item.hunks else None
    header(sheet, item, opened, named=not item.title, counts=figures)
    if item.hunks and fold.open is not False:
        _diff(sheet, item, fold)
    if opened and (not item.hunks or item.status == "failed"):
        body(sheet, item, fold)
    elif fold.open is None and item.status == "failed":
        preview(sheet, item)
    options(sheet, item)
    return finish(sheet, item)


def _diff(sheet: Sheet, item: Tool, fold: Fold) -> None:
    look = sheet.look
    whole = total(item.hunks)
    pages = min(max(fold.pages, 0), MAX_PAGES)
    # A call that waits for an answer must show what is asked: as much as an opened one.
    asked = fold.open is True or item.status == "waiting"
    limit = look.lines + pages * PAGE_LINES if asked or pages else GLANCE
    if limit < whole <= limit + 2:
        limit = whole  # "1 more line" would take the room of the line
    left = add_diff(sheet, item.hunks, limit)
    if left:
        said = f"{left:,} more lines"
        if not asked and not pages:
            sheet.more(said, "fold", sheet.left, 0)
        elif pages >= MAX_PAGES:
            sheet.more(f"{said} · in the inspector", "inspect", sheet.left, 0)
        else:
            sheet.more(said, "more", sheet.left, 0)
    sheet.y += look.px(8)
