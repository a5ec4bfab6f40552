"""The one line of a tool call: icon, name, title, and at the right its figures and state. Shared by the tool rows."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextOption

from store.items import Tool
from viewer.rows.clean import clean, one_line
from viewer.rows.parts import Lines, Span, advance, elide
from viewer.rows.question import is_open
from viewer.rows.sheet import Sheet, leading, span_text

ICONS = {
    "tool.shell": "terminal",
    "tool.edit": "file-pen",
    "tool.read": "file-text",
    "tool.search": "search",
    "tool.web": "globe",
    "tool.agent": "bot",
    "tool.todo": "list-todo",
    "tool.mcp": "plug",
}
# status → (icon, word, token)
STATES = {
    "pending": ("circle", "pending", "state.idle"),
    "running": ("loader", "running", "state.running"),
    "ok": ("circle-check", "ok", "state.ok"),
    "failed": ("circle-x", "failed", "state.failed"),
    "cancelled": ("ban", "cancelled", "state.idle"),
    "waiting": ("circle-alert", "waiting", "state.waiting"),
}
# What these mean once the session has ended.
OVER = {"pending": "no result", "running": "no result", "waiting": "no answer"}
HEIGHT = 28
MOST = 4_000  # characters of a title that a question shows
RIGHT = Qt.AlignmentFlag.AlignRight


def tool_icon(kind: str) -> str:
    """The icon of a dotted kind, falling back like the renderers do."""
    while kind:
        if kind in ICONS:
            return ICONS[kind]
        kind = kind.rpartition(".")[0]
    return "wrench"


def tool_name(item: Tool) -> str:
    """The tool's name for people: 'mcp__github__search' reads 'github · search'."""
    return one_line(item.name.removeprefix("mcp__").replace("__", " · "), 60) or "tool"


def state_of(item: Tool, *, over: bool = False) -> tuple[str, str, str]:
    """Icon, word and colour of a tool call's state. A state we do not know is said as it is.

    `over`: the session has ended, so that nothing runs, waits for its turn or asks in it any more.
    """
    if over and item.status in OVER:
        return "circle", OVER[item.status], "state.idle"
    icon, word, token = STATES.get(item.status, ("circle", one_line(item.status, 20) or "unknown", "state.idle"))
    if item.status == "failed" and item.exit_code is not None:
        word = f"exit {item.exit_code}"
    return icon, word, token


def duration_of(item: Tool) -> int | None:
    if item.duration_us is not None:
        return item.duration_us
    return item.ended - item.ts if item.ended is not None and item.ts is not None else None


def chevron(sheet: Sheet, opened: bool, y: int, height: int) -> None:
    """What says that a row can be opened, in the margin."""
    look = sheet.look
    name = "chevron-down" if opened else "chevron-right"
    sheet.icon(name, "text.faint", sheet.edge - look.px(16), y + (height - look.px(12)) // 2, 12)


def header(
    sheet: Sheet,
    item: Tool,
    opened: bool,
    *,
    named: bool = True,
    title: str | None = None,
    role: str = "mono",
    counts: tuple[int, int] | None = None,
    foldable: bool = True,
) -> None:
    """Draw the line. `counts` are lines added and removed; they stand right-aligned before the time."""
    look = sheet.look
    px = look.px
    y, height = sheet.y, px(HEIGHT)
    icon, word, token = state_of(item, over=sheet.fold.over)
    if foldable:
        chevron(sheet, opened, y, height)
    quiet = "text.muted" if item.status != "failed" else token
    sheet.icon(tool_icon(item.kind), quiet, sheet.edge, y + (height - px(16)) // 2)

    # From the right: the state's icon stands in one column, so a failure is found by running down the edge.
    x = sheet.right
    sheet.icon(icon, token, x - px(14), y + (height - px(14)) // 2, 14)
    x -= px(14) + px(6)
    roomy = sheet.right - sheet.left > px(360)
    wide = sheet.label(word, "meta", token if item.status != "ok" else "text.muted", x, y, height, RIGHT)
    x -= max(wide, advance(look, "meta", "cancelled") if roomy else 0) + px(12)
    spent = span_text(duration_of(item))
    if spent and roomy:
        wide = sheet.label(spent, "meta", "text.muted", x, y, height, RIGHT)
        x -= max(wide, px(44)) + px(8)
    elif roomy:
        x -= px(52)
    if counts is not None:
        added, removed = counts
        if removed:
            x -= sheet.label(f"−{removed}", "meta", "diff.cut_text", x, y, height, RIGHT) + px(6)
        if added:
            x -= sheet.label(f"+{added}", "meta", "diff.add_text", x, y, height, RIGHT) + px(6)
        x -= px(6)

    start = sheet.left
    name = elide(look, "ui", tool_name(item), max(px(40), (x - start) // 2))
    full = item.title if title is None else title
    line = one_line(full)
    # A path is known by its end: it is cut in its middle, and its folders are quieter than its name.
    path = item.kind.startswith(("tool.read", "tool.edit")) and "/" in line and " " not in line
    room = x - start - px(8) - (advance(look, "ui", name) + px(8) if named else 0)
    shown = elide(look, role, line, room, middle=path) if line else ""
    asked = is_open(item) and not sheet.fold.over and shown != full.strip()
    if named or asked:
        start += sheet.label(name, "ui", "text.muted", start, y, height) + px(8)
    if shown and not asked:
        folders = shown.rfind("/") + 1 if path else 0
        muted = [Span(0, folders, look.colour("text.muted").rgba())] if folders else []
        step = leading(look, role)
        sheet.add(
            Lines(
                shown, look, role, "text.main", start, y + (height - step) // 2, x - start,
                wrap=QTextOption.WrapMode.NoWrap, spans=muted, whole=full if len(full) < 4000 else "",
            )
        )  # fmt: skip
    tip = one_line(full, 600) if shown != full else ""
    sheet.zone(0, y, sheet.right + px(24), height, "fold" if foldable else "", tip)
    if item.ts is not None:
        sheet.zone(x, y, sheet.right - x + px(24), height, when=item.ts)
    sheet.y = y + height
    if asked:
        _all_of(sheet, full, role)


def _all_of(sheet: Sheet, title: str, role: str) -> None:
    """Whoever is asked may have to know the end of it: no part of what a question is about is left out."""
    text = clean(title.strip()[:MOST])
    left = len(title.strip()) - MOST
    more = f"\n… {left:,} more characters: open it to read them" if left > 0 else ""
    width = sheet.right - sheet.left
    sheet.add(
        Lines(text + more, sheet.look, role, "text.main", sheet.left, sheet.y, width, whole=title if left > 0 else "")
    )
    sheet.y += sheet.look.px(4)
