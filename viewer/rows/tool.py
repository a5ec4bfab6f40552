"""A tool call: one line until it is opened; a failure shows its telling lines. The renderer of 'tool'."""

from __future__ import annotations

import re

from store.items import Item, Tool
from store.text import Text
from viewer.rows.base import Fold, Laid, layer_for, row
from viewer.rows.header import header
from viewer.rows.output import add_input, add_output
from viewer.rows.question import answered, options
from viewer.rows.sheet import Sheet
from viewer.theme.look import Look

PREVIEW = (3, 600)  # lines and characters of a failure that show without being asked for
_TELLING = re.compile(
    r"(?i)^(?:E  |.*\b(?:error|exception|fatal|panic(?:ked)?|failed|failure|denied|not found)\b)", re.MULTILINE
)
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


@row("tool")
def tool(item: Item, width: int, look: Look, fold: Fold) -> Laid:
    if not isinstance(item, Tool):
        return layer_for("unknown")(item, width, look, fold)
    sheet = Sheet(item, width, look, fold)
    if item.status == "waiting":
        waiting_ground(sheet)
    opened = fold.open is True
    header(sheet, item, opened, named=item.kind != "tool.shell" or not item.title)
    if opened:
        body(sheet, item, fold)
    elif item.status == "failed" and fold.open is None:
        preview(sheet, item)
    options(sheet, item)
    return finish(sheet, item)


def body(sheet: Sheet, item: Tool, fold: Fold) -> None:
    """What an opened tool call shows: its input, then its output."""
    look = sheet.look
    if item.input:
        add_input(sheet, item.input)
        sheet.y += look.px(8)
    if item.output:
        failed = item.status == "failed"
        add_output(sheet, item.output, fold.pages, edge="row.failed_edge" if failed else "line.strong")
    elif item.status in ("ok", "failed", "cancelled"):
        note(sheet, "No output")
    elif item.status == "running":
        note(sheet, "No output" if sheet.fold.over else "No output yet")
    if item.rest:
        sheet.more(f"Show all of it, from {item.rest.rpartition('/')[2]} beside the session", "rest", sheet.left)
    if item.images:
        note(sheet, "1 image" if item.images == 1 else f"{item.images} images")
    if item.orphan:
        note(sheet, "The call itself was not recorded; this is its result.")
    sheet.y += look.px(4)


def note(sheet: Sheet, text: str) -> None:
    """A quiet line about the call."""
    look = sheet.look
    sheet.label(text, "meta", "text.faint", sheet.left, sheet.y, look.px(20))
    sheet.y += look.px(20)


def preview(sheet: Sheet, item: Tool) -> None:
    """The telling lines of a failure: from the first that names an error, else from the first."""
    head = _ESCAPE.sub("", item.output.head(16_384)).lstrip("\n")
    if not head.strip():
        return
    found = _TELLING.search(head)
    start = head.rfind("\n", 0, found.start() + 1) + 1 if found else 0
    some = head[start:]
    lines = [line for line in some.split("\n", 12)[:12] if line.strip()][: PREVIEW[0]]
    if item.output.length <= 16_384:
        every = [line for line in head.split("\n") if line.strip()]
        if len(every) <= PREVIEW[0] + 1 and len(head) <= PREVIEW[1]:
            lines = every  # one line is not worth a click
        rest = len(every) - len(lines)
        said = "1 more line" if rest == 1 else f"{rest} more lines"
    else:
        rest, said = 1, "all of the output"
    add_output(sheet, Text("\n".join(lines)[: PREVIEW[1]]), 0, edge="row.failed_edge", ink="text.main")
    if rest > 0:
        sheet.more(said, "fold", sheet.left + sheet.look.px(12), 0)
    sheet.y += sheet.look.px(4)


def waiting_ground(sheet: Sheet) -> None:
    """Reserve the ground of a call that waits for an answer; `finish` draws it when the height is known."""
    sheet.y += sheet.look.px(4)


def finish(sheet: Sheet, item: Tool) -> Laid:
    """Close the row; a call that waits stands on its own ground with an edge."""
    look = sheet.look
    answered(sheet, item)
    if item.status == "waiting" and not sheet.fold.over:
        height, px = sheet.y, look.px
        before = len(sheet.marks)
        x = sheet.edge - px(22)
        sheet.fill(x, px(2), sheet.right - x + px(12), height - px(4), "row.waiting_background")
        sheet.fill(x, px(2), px(2), height - px(4), "state.waiting")
        sheet.marks[:0] = sheet.marks[before:]
        del sheet.marks[before + 2 :]
        sheet.zones.insert(0, sheet.zones[0]._replace(action="", tip=""))
    return sheet.done()
