"""What copy gives: the selection as its authors wrote it, a row as Markdown, a row as JSON. Called by the view."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from store.items import Item, Message, Plan, Prompt, Thought, Tool, text_of
from viewer.timeline.model import TimelineModel
from viewer.timeline.scene import Scene

LIMIT: Final = 50_000_000  # characters; more than that no clipboard takes gladly
GAP: Final = "\n\n"
_COMMANDS: Final = ("command", "cmd", "script")  # what agents call it in a tool's input
_FENCE: Final = re.compile(r"`{3,}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Copied(NamedTuple):
    """A text, and how many rows did not fit into it."""

    text: str
    left_out: int


def selected(scene: Scene, limit: int) -> Copied:
    """The selection. The two end rows say themselves what of them is selected; those between come from the store."""
    ends, model = scene.selection.ends, scene.model
    if ends is None or model is None:
        return Copied("", 0)
    last = min(ends[1].row, model.length - 1)
    parts: list[str] = []
    size = 0
    for row, text in _texts(scene, model, ends[0].row, last):
        size += len(text) + len(GAP)
        if size > limit:
            room = limit - (size - len(text) - len(GAP))
            left = last - row
            parts.append(text[: max(0, room)])
            parts.append(f"[Copying stopped here, at {limit:,} characters. {left:,} more rows were selected.]")
            return Copied(GAP.join(parts), max(1, left))
        parts.append(text)
    return Copied(GAP.join(parts), 0)


def _texts(scene: Scene, model: TimelineModel, first: int, last: int) -> Iterator[tuple[int, str]]:
    yield first, _end(scene, first)
    for row, item in enumerate(model.items(first + 1, last), first + 1):
        if not scene.folds.hidden(row):
            yield row, text_of(item)
    if last > first and not scene.folds.hidden(last):
        yield last, _end(scene, last)


def _end(scene: Scene, row: int) -> str:
    part = scene.selection.within(row)
    if part is None:
        return ""
    item, laid = scene.laid(row)
    return text_of(item) if part == (None, None) else laid.text(*part)


def markdown(item: Item) -> str:
    """One row as a piece of a Markdown document."""
    match item:
        case Message() | Plan():
            return text_of(item)
        case Prompt():
            return "\n".join(f"> {line}".rstrip() for line in item.text.split("\n"))
        case Thought():
            return f"*Thought:*{GAP}{item.text}"
        case Tool():
            parts = [f"**{item.name or item.kind}** {_code(item.title)}".rstrip()]
            parts += [_fenced("\n".join(hunk.lines), "diff") for hunk in item.hunks]
            if item.output:
                parts.append(_fenced(str(item.output)))
            return GAP.join(parts)
    return text_of(item)


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`" if text else ""


def _fenced(text: str, language: str = "") -> str:
    fence = "`" * max(3, 1 + max((len(found) for found in _FENCE.findall(text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def command(item: Item) -> str:
    """What a shell was told to run, as it can be run again; '' for any other row.

    It is pasted into terminals: signs that one would obey are left out.
    """
    return _CONTROL.sub("", _told(item)) if isinstance(item, Tool) and item.kind == "tool.shell" else ""


def _told(item: Tool) -> str:
    try:
        given: object = orjson.loads(str(item.input))
    except ValueError:
        return item.title
    found = next((given[name] for name in _COMMANDS if given.get(name)), None) if isinstance(given, dict) else None
    match found:
        case str():
            return found
        case list():
            return shlex.join(map(str, found))
    return item.title


def json(item: Item) -> str:
    """One row as the item that it is."""
    plain = msgspec.to_builtins(item, enc_hook=str)
    try:
        return orjson.dumps(plain, option=orjson.OPT_INDENT_2).decode()
    except TypeError:  # half a surrogate pair: recordings have them, UTF-8 does not
        return orjson.dumps(_clean(plain), option=orjson.OPT_INDENT_2).decode()


def _clean(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {_clean(key): _clean(entry) for key, entry in value.items()}
        case list() | tuple():
            return [_clean(entry) for entry in value]
    return value
