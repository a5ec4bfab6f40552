"""A tool call that keeps a list of steps: shown as the list. The renderer of 'tool.todo'."""

from __future__ import annotations

from functools import lru_cache

import orjson

from store.items import Item, Tool
from viewer.rows.base import Fold, Laid, layer_for, row
from viewer.rows.checklist import add_checklist, progress
from viewer.rows.header import header
from viewer.rows.output import JSON_LIMIT
from viewer.rows.question import options
from viewer.rows.sheet import Sheet
from viewer.rows.tool import body, finish, preview, waiting_ground
from viewer.theme.look import Look


@lru_cache(maxsize=128)
def _entries(source: str) -> tuple[tuple[str, str], ...]:
    """The steps in a call's input: the first list of objects that have words and a status, whatever they are called."""
    try:
        value: object = orjson.loads(source)
    except ValueError:
        return ()
    lists = [value] if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    for steps in lists:
        if not isinstance(steps, list) or not steps:
            continue
        found: list[tuple[str, str]] = []
        for step in steps:
            if not isinstance(step, dict):
                break
            words = next((step[key] for key in ("content", "text", "step", "title", "subject") if key in step), None)
            if not isinstance(words, str):
                break
            status = step.get("status", "pending")
            found.append((words, status if isinstance(status, str) else "pending"))
        if len(found) == len(steps):
            return tuple(found)
    return ()


@row("tool.todo")
def tool_todo(item: Item, width: int, look: Look, fold: Fold) -> Laid:
    if not isinstance(item, Tool):
        return layer_for("unknown")(item, width, look, fold)
    steps = _entries(str(item.input)) if 0 < item.input.length <= JSON_LIMIT else ()
    sheet = Sheet(item, width, look, fold)
    if item.status == "waiting":
        waiting_ground(sheet)
    if not steps:
        opened = fold.open is True
        header(sheet, item, opened, role="ui")
        if opened:
            body(sheet, item, fold)
        elif item.status == "failed" and fold.open is None:
            preview(sheet, item)
    else:
        header(sheet, item, fold.open is not False, title=progress(steps), role="ui")
        if fold.open is not False:
            add_checklist(sheet, steps, fold.open is True)
        if item.status == "failed":
            preview(sheet, item)
    options(sheet, item)
    return finish(sheet, item)
