"""What the agent thought: one quiet line, its words when it is opened. The renderer of 'thought'."""

from __future__ import annotations

from typing_extensions import override

from store.items import Item, Thought
from viewer.rows.base import Fold, Laid, layer_for, row
from viewer.rows.header import chevron
from viewer.rows.markdown import StreamDoc
from viewer.rows.sheet import span_text
from viewer.theme.look import Look


class ThoughtRow(StreamDoc):
    """A thought; while it is folded a newer version costs nothing."""

    opened = False

    @override
    def grow(self, item: Item) -> bool:
        if not isinstance(item, Thought) or not isinstance(self.item, Thought) or item.id != self.item.id:
            return False
        if (item.open, item.hidden, item.ended) != (self.item.open, self.item.hidden, self.item.ended):
            return False  # the line itself says something else now
        if self.opened:
            return self.take(item, item.text, item.open)
        if bool(item.text) != bool(self.item.text):
            return False
        self.item = item
        return True


def _said(item: Thought) -> str:
    if item.open:
        return "Thinking…"
    if item.hidden and not item.text:
        return "Thinking (hidden by the provider)"
    spent = span_text(item.ended - item.ts) if item.ended is not None and item.ts is not None else ""
    return f"Thought for {spent}" if spent else "Thought"


@row("thought")
def thought(item: Item, width: int, look: Look, fold: Fold) -> Laid:
    if not isinstance(item, Thought):
        return layer_for("unknown")(item, width, look, fold)
    sheet = ThoughtRow(item, width, look, fold, "text.muted")
    px = look.px
    height = px(28)
    has_text = bool(item.text)
    sheet.opened = fold.open is True and has_text
    if has_text:
        chevron(sheet, sheet.opened, 0, height)
    sheet.icon("brain", "text.faint", sheet.edge, px(6), 16)
    sheet.label(_said(item), "ui", "text.muted", sheet.left, 0, height)
    sheet.zone(0, 0, width, height, "fold" if has_text else "", when=item.ts)
    sheet.y = height
    if sheet.opened:
        sheet.start_text(item.text, item.open, px(8))
        return sheet
    return sheet.done()
