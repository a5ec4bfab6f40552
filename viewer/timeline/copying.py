"""What copy gives: the selection as its authors wrote it, a row as Markdown, a row as JSON. Called by the view."""

from __future__ import annotations

import re
import shlex
from bisect import bisect_right
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from store.items import Item, Message, Plan, Prompt, Thought, Tool, text_of
from viewer.timeline.folds import Folds
from viewer.timeline.scene import Scene

LIMIT: Final = 50_000_000  # characters; more than that no clipboard takes gladly
FEW: Final = 2_000  # rows that are read at once; for more of them the window would stand still
GAP: Final = "\n\n"
_COMMANDS: Final = ("command", "cmd", "script")  # what agents call it in a tool's input
_FENCE: Final = re.compile(r"`{3,}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Copied(NamedTuple):
    """A text, and how many rows did not fit into it."""

    text: str
    left_out: int


class Wanted(NamedTuple):
    """What is to be copied. `ends`: what of the two end rows is selected; None: all of it."""

    first: int
    last: int
    ends: tuple[str | None, str | None]
    hidden: frozenset[int]


def wanted(scene: Scene) -> Wanted | None:
    """The selection. The two end rows say themselves what of them is selected; those between come from the store."""
    ends, model = scene.selection.ends, scene.model
    if ends is None or model is None:
        return None
    first, last = ends[0].row, min(ends[1].row, model.length - 1)
    return Wanted(first, last, (_end(scene, first), _end(scene, last)), _hidden(scene.folds, first, last))


def selected(scene: Scene, limit: int) -> Copied:
    """The selection as it is now."""
    copied = wanted(scene)
    if copied is None or scene.model is None:
        return Copied("", 0)
    return collected(copied, scene.model.items(copied.first, copied.last + 1), limit)


def collected(wanted: Wanted, items: Iterable[Item], limit: int) -> Copied:
    """What these rows give, the first of them being the first wanted one; cut at a limit, which it says then."""
    first, last, ends, hidden = wanted
    parts: list[str] = []
    size = 0
    for row, item in enumerate(items, first):
        if row in hidden:
            continue
        given = ends[0] if row == first else ends[1] if row == last else None
        text = text_of(item) if given is None else given
        size += len(text) + len(GAP)
        if size > limit:
            room = limit - (size - len(text) - len(GAP))
            left = last - row
            parts.append(text[: max(0, room)])
            parts.append(f"[Copying stopped here, at {limit:,} characters. {left:,} more rows were selected.]")
            return Copied(GAP.join(parts), max(1, left))
        parts.append(text)
    return Copied(GAP.join(parts), 0)


def _hidden(folds: Folds, first: int, last: int) -> frozenset[int]:
    nested = folds.nested()
    inside = nested[bisect_right(nested, first) : bisect_right(nested, last)]
    return frozenset(inside if folds.all_hidden else filter(folds.hidden, inside))


def _end(scene: Scene, row: int) -> str | None:
    part = scene.selection.within(row)
    if part is None:
        return ""
    return None if part == (None, None) else scene.laid(row)[1].text(*part)


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
