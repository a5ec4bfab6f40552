"""A list of steps with their states, bounded. Used by viewer.rows.plan and viewer.rows.tool_todo."""

from __future__ import annotations

from PySide6.QtGui import QTextOption

from viewer.rows.clean import breakable, clean
from viewer.rows.parts import Lines
from viewer.rows.sheet import Sheet
from viewer.rows.typeset import measure

GLANCE, MOST = 12, 200
TEXT_MAX = 1_000
# status → (icon, colour of the icon, colour of the text, word for a reader who does not see the icon)
STEPS = {
    "completed": ("circle-check", "state.ok", "text.muted", "done"),
    "in_progress": ("circle-dot", "state.running", "text.main", "in progress"),
    "pending": ("circle", "text.faint", "text.main", "pending"),
    "cancelled": ("ban", "text.faint", "text.faint", "cancelled"),
    "failed": ("circle-x", "state.failed", "text.main", "failed"),
}


def progress(entries: tuple[tuple[str, str], ...]) -> str:
    """'3 of 7 done'."""
    return f"{sum(status == 'completed' for _, status in entries)} of {len(entries)} done"


def add_checklist(sheet: Sheet, entries: tuple[tuple[str, str], ...], whole: bool) -> None:
    """The steps, the first of them when there are many."""
    look = sheet.look
    px = look.px
    limit = MOST if whole else GLANCE
    if len(entries) <= limit + 1:
        limit = len(entries)
    for text, status in entries[:limit]:
        icon, tint, ink, word = STEPS.get(status, STEPS["pending"])
        x = sheet.left + px(24)
        said = breakable(clean(text[:TEXT_MAX]).replace("\n", " ")) or "…"
        part = Lines(
            said, look, "ui", ink, x, sheet.y + px(2), min(sheet.right - x, measure(look)),
            wrap=QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere,
        )  # fmt: skip
        sheet.icon(icon, tint, sheet.left, sheet.y + px(4), 16)
        sheet.zone(sheet.left, sheet.y, px(20), px(24), "", word)
        sheet.add(part)
        sheet.y += px(2)
    if len(entries) > limit:
        left = len(entries) - limit
        sheet.more(f"{left:,} more steps", "inspect" if whole else "fold", sheet.left + px(24), 0)
    sheet.y += px(4)
