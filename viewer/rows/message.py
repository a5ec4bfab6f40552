"""An answer of the agent: Markdown, growing in place while it streams. The renderer of 'message'."""

from __future__ import annotations

from typing_extensions import override

from store.items import Item, Message
from viewer.rows.base import ANYWHERE, Fold, Laid, layer_for, row
from viewer.rows.markdown import StreamDoc
from viewer.rows.oneline import one_line
from viewer.rows.typeset import measure
from viewer.rows.words import Words
from viewer.theme.look import Look


class MessageRow(StreamDoc):
    """A message; `grow` takes the next version at the cost of what is new."""

    @override
    def grow(self, item: Item) -> bool:
        self.reach = ANYWHERE
        return isinstance(item, Message) and item.id == self.item.id and self.take(item, item.text, item.open)


@row("message")
def message(item: Item, width: int, look: Look, fold: Fold) -> Laid:
    if not isinstance(item, Message):
        return layer_for("unknown")(item, width, look, fold)
    return one_line(item, width, look, fold, lambda: _sheet(item, width, look, fold)) or _sheet(item, width, look, fold)


def _sheet(item: Message, width: int, look: Look, fold: Fold) -> MessageRow:
    sheet = MessageRow(item, width, look, fold)
    sheet.y = look.px(8)
    sheet.start_text(item.text, item.open, look.px(8))
    if not item.text:
        sheet.height += look.px(20)  # room for the first line, so that nothing jumps when it comes
    if not (sheet.marks or item.open):
        words = [part for part in sheet.parts if isinstance(part, Words) and not part.widest]
        if words and len(words) == len(sheet.parts):  # no table, no code: their lines end where prose does
            sheet.reach = words[0].x + min(words[0].width, measure(look)) + look.px(8)
    return sheet
