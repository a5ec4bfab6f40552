"""What was said to the agent: plain text with its line breaks. People stand out, machines stay quiet and folded."""

from __future__ import annotations

import re
from urllib.parse import unquote

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextOption

from store.items import Item, Prompt
from store.text import Text
from viewer.rows.base import Fold, Laid, layer_for, row
from viewer.rows.clean import breakable, clean, one_line
from viewer.rows.header import chevron
from viewer.rows.output import Pages, first_page, left_text, paged
from viewer.rows.parts import Lines, elide
from viewer.rows.sheet import Sheet, clock
from viewer.rows.typeset import measure
from viewer.theme.look import Look

WRAP = QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere
NO_WRAP = QTextOption.WrapMode.NoWrap
MOST = 40  # files that are named one by one
IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp")
_FILE = re.compile(r"\[([^\n]{1,300})\]\(((?:file:/)?/[^\n]{1,4096})\)")
LABELS = {
    "human": "You",
    "queued": "You, queued",
    "command": "Command",
    "injected": "Added by the agent's program",
    "task": "Task",
    "agent": "Task for the subagent",
}
QUIET_ICONS = {"command": "terminal", "injected": "info", "task": "inbox", "agent": "corner-down-right"}


@row("prompt")
def prompt(item: Item, width: int, look: Look, fold: Fold) -> Laid:
    if not isinstance(item, Prompt):
        return layer_for("unknown")(item, width, look, fold)
    sheet = Sheet(item, width, look, fold)
    if item.origin in ("human", "queued"):
        return _strong(sheet, item, fold)
    return _quiet(sheet, item, fold)


def _strong(sheet: Sheet, item: Prompt, fold: Fold) -> Laid:
    look = sheet.look
    px = look.px
    sheet.y = px(16)
    top, height = sheet.y, px(20)
    # The label stands on the column of all text; the edge and the weight tell whose words these are.
    said = sheet.label(LABELS[item.origin], "ui.bold", "row.prompt_label", sheet.left, top, height)
    state = "sending…" if item.sending else "waits for its turn" if item.origin == "queued" else ""
    if state:
        sheet.label(state, "meta", "text.muted", sheet.left + said + px(8), top, height)
    time = clock(item.ts)
    if time:
        wide = sheet.label(time, "meta", "text.muted", sheet.right, top, height, Qt.AlignmentFlag.AlignRight)
        sheet.zone(sheet.right - wide, top, wide, height, when=item.ts)
    sheet.y = top + px(24)
    text, files = attached(item.text)
    if text or not files:
        _text(sheet, text, fold, "text.strong")
    images = item.images
    for line in files:
        images -= _file(sheet, line, image=images > 0)
    if images > 0:
        said_images = "1 image attached" if images == 1 else f"{images} images attached"
        sheet.icon("image", "text.muted", sheet.left, sheet.y + px(6), 14)
        sheet.label(said_images, "meta", "text.muted", sheet.left + px(20), sheet.y + px(2), px(20))
        sheet.y += px(24)
    sheet.fill(sheet.edge + px(7), top, px(2), sheet.y - top, "row.prompt_edge")
    return sheet.done(12)


def attached(text: str) -> tuple[str, list[str]]:
    """The words of a prompt, and the lines at its end that are files which went along."""
    files: list[str] = []
    while text.endswith(")") and len(files) < MOST:
        start = text.rfind("\n") + 1
        if _FILE.fullmatch(text, start) is None:
            break
        files.append(text[start:])
        text = text[: max(0, start - 1)]
    return text, files[::-1]


def _file(sheet: Sheet, line: str, *, image: bool) -> bool:
    """One of them; whether it is an image, if one went along."""
    look = sheet.look
    px = look.px
    found = _FILE.fullmatch(line)
    name, place = (found[1], found[2]) if found is not None else (line, "")
    image = image and name.lower().endswith(IMAGES)
    x, y = sheet.left + px(20), sheet.y + px(2)
    sheet.icon("image" if image else "file-text", "text.muted", sheet.left, sheet.y + px(6), 14)
    shown = elide(look, "ui", one_line(name, 200), min(sheet.right - x, measure(look)), middle=True)
    sheet.add(Lines(shown, look, "ui", "text.main", x, y, sheet.right - x, wrap=NO_WRAP, whole=line))
    sheet.y = y + px(22)
    sheet.zone(sheet.left, y, sheet.right - sheet.left, px(22), tip=unquote(place))
    return image


def _text(sheet: Sheet, text: str, fold: Fold, token: str) -> None:
    look = sheet.look
    found: Pages = paged(Text(text), fold.pages, first_page(look))
    width = min(sheet.right - sheet.left, measure(look))
    for number, piece in enumerate(found.pieces):
        last = number == len(found.pieces) - 1
        shown = piece.rstrip() if last and not found.left_chars else piece.removesuffix("\n")
        sheet.add(Lines(breakable(clean(shown)), look, "prose", token, sheet.left, sheet.y, width, wrap=WRAP))
    if found.left_chars:
        if found.last:
            sheet.more(f"{left_text(found)} · in the inspector", "inspect", sheet.left)
        else:
            sheet.more(left_text(found), "more", sheet.left)


def _quiet(sheet: Sheet, item: Prompt, fold: Fold) -> Laid:
    look = sheet.look
    px = look.px
    opened = fold.open is True
    y, height = 0, px(28)
    chevron(sheet, opened, y, height)
    sheet.icon(QUIET_ICONS.get(item.origin, "message-square"), "text.faint", sheet.edge, y + px(6), 16)
    label = LABELS.get(item.origin) or one_line(item.origin, 40).capitalize() or "Prompt"
    x = sheet.left + sheet.label(label, "ui", "text.muted", sheet.left, y, height) + px(8)
    right = sheet.right
    time = clock(item.ts)
    if time:
        wide = sheet.label(time, "meta", "text.faint", right, y, height, Qt.AlignmentFlag.AlignRight)
        right -= wide + px(12)
    shown = elide(look, "ui", one_line(item.text), right - x)
    if shown and not opened:
        line = Lines(
            shown, look, "ui", "text.faint", x, y + px(4), right - x,
            wrap=NO_WRAP, whole=item.text[:4000],
        )  # fmt: skip
        sheet.add(line)
    sheet.zone(0, y, sheet.width, height, "fold")
    if time:
        sheet.zone(right, y, sheet.width - right, height, when=item.ts)
    sheet.y = y + height
    if opened:
        _text(sheet, item.text, fold, "text.muted")
        sheet.y += px(8)
    return sheet.done()
