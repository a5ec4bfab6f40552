"""A question of the agent in its row: the answers as buttons with their keys, and what became of it afterwards.

Drawn by the rows of tool calls, in every kind of them; `choice` says which answer a key gives.
"""

from __future__ import annotations

from PySide6.QtCore import Qt

from store.events import Option
from store.items import Item, Tool
from viewer.rows.clean import one_line
from viewer.rows.parts import advance, elide
from viewer.rows.sheet import Sheet

MOST = 60  # buttons of one question
KEYED = 9  # of them have a digit for a key
WHOLE = 48  # characters of an answer that are on its button


def is_open(item: Item) -> bool:
    """Whether the row asks something that can be answered."""
    return isinstance(item, Tool) and item.status == "waiting" and bool(item.options)


def choice(item: Item, key: int) -> str:
    """The id of the answer that a key gives; '' for none.

    Digits choose by place. Enter is the first that allows once, Escape the first that refuses: neither ever chooses
    what holds for longer than this question.
    """
    if not isinstance(item, Tool) or not is_open(item):
        return ""
    options = item.options
    if Qt.Key.Key_1 <= key <= Qt.Key.Key_9:
        place = key - Qt.Key.Key_1
        return options[place].id if place < min(len(options), KEYED) else ""
    if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
        return next((one.id for one in options if one.kind == "allow_once"), "")
    if key == Qt.Key.Key_Escape:
        return next((one.id for one in options if one.kind == "reject_once"), "")
    return ""


def options(sheet: Sheet, item: Tool) -> None:
    """The answers that may be given, as buttons. The agent's own words are on them."""
    if not is_open(item):
        return
    look = sheet.look
    px = look.px
    x, y = sheet.left, sheet.y + px(4)
    main = next((one for one in item.options if one.kind == "allow_once"), None)
    for number, option in enumerate(item.options[:MOST], 1):
        room = sheet.right - sheet.left - px(24)
        label = elide(look, "ui", words(option), room - advance(look, "ui", "9  "))
        label = f"{number}  {label}" if number <= KEYED else label
        width = advance(look, "ui", label) + px(24)
        if x > sheet.left and x + width > sheet.right:
            x, y = sheet.left, y + px(36)
        tip = _tip(option, number)
        x += sheet.button(label, f"answer:{option.id}", x, y, strong=option is main, tip=tip) + px(8)
    sheet.y = y + px(28) + px(8)


def answered(sheet: Sheet, item: Tool) -> None:
    """What became of the question, for as long as the row is there."""
    if not item.answer or is_open(item):
        return
    look = sheet.look
    px = look.px
    allowed = item.answer.startswith(("Allowed", "Answered"))
    height = px(20)
    sheet.icon("circle-check" if allowed else "ban", "text.faint", sheet.left, sheet.y + px(4), 12)
    said = elide(look, "meta", one_line(item.answer), sheet.right - sheet.left - px(18))
    sheet.label(said, "meta", "text.muted", sheet.left + px(18), sheet.y, height)
    sheet.zone(sheet.left, sheet.y, sheet.right - sheet.left, height, "", item.answer[:1000])
    sheet.y += height + px(4)


def words(option: Option) -> str:
    """An answer in the agent's own words, on one line."""
    return one_line(option.name or option.id, WHOLE) or "Answer"


def spoken(item: Tool) -> str:
    """The answers in words, for who hears the row."""
    told = [f"{number} {words(option)}" for number, option in enumerate(item.options[:KEYED], 1)]
    return f"Answers: {', '.join(told)}"


def _tip(option: Option, number: int) -> str:
    keys = [str(number)] if number <= KEYED else []
    match option.kind:
        case "allow_once":
            keys.append("Enter")
        case "reject_once":
            keys.append("Esc")
    full = one_line(option.name or option.id, 300)
    return f"{full} ({' or '.join(keys)})" if keys else full
