"""What a row shows: one class per kind of row. The fold makes them, the viewer paints them, the database keeps them.

Items are values: a change makes a new item with the same id and the next `rev`. A cache keyed by (id, rev) is right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from store.events import Hunk, ItemId, Option
from store.text import EMPTY, Text


class Span(Struct, frozen=True, gc=False, array_like=True):
    """Bytes of a source: index of the file in the session, offset, length."""

    file: int
    offset: int
    length: int


class Base(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag_field="k"):
    id: ItemId
    rev: int = 0
    ts: int | None = None  # microseconds UTC of the first record
    turn: int = 0
    agent: str = ""
    parent: ItemId | None = None
    spans: tuple[Span, ...] = ()


class Prompt(Base, frozen=True, gc=False, tag="p", kw_only=True, omit_defaults=True):
    text: str = ""
    origin: str = "human"
    images: int = 0
    sending: bool = False  # sent from here, not echoed yet


class Message(Base, frozen=True, gc=False, tag="m", kw_only=True, omit_defaults=True):
    text: Text = EMPTY
    llm: str = ""
    open: bool = False  # still being streamed


class Thought(Base, frozen=True, gc=False, tag="t", kw_only=True, omit_defaults=True):
    text: Text = EMPTY
    open: bool = False
    hidden: bool = False
    ended: int | None = None


class Tool(Base, frozen=True, gc=False, tag="c", kw_only=True, omit_defaults=True):
    name: str = ""
    kind: str = "tool"
    title: str = ""
    input: Text = EMPTY  # JSON
    output: Text = EMPTY
    status: str = "running"
    ended: int | None = None
    duration_us: int | None = None
    exit_code: int | None = None
    hunks: tuple[Hunk, ...] = ()
    child_agent: str = ""
    options: tuple[Option, ...] = ()  # what may be answered while status is 'waiting'
    images: int = 0
    orphan: bool = False  # its call was never seen
    rpc: str = ""  # names the question while status is 'waiting'
    answer: str = ""  # what became of the question, in words
    rest: str = ""  # the file beside the session that has all of the output: folder/name, see `store.rest`


class Plan(Base, frozen=True, gc=False, tag="l", kw_only=True, omit_defaults=True):
    entries: tuple[tuple[str, str], ...] = ()


class Notice(Base, frozen=True, gc=False, tag="n", kw_only=True, omit_defaults=True):
    kind: str = "info"
    text: str = ""
    level: str = "info"
    detail: str = ""


class Raw(Base, frozen=True, gc=False, tag="r", kw_only=True, omit_defaults=True):
    type: str = ""
    reason: str = ""
    text: str = ""


Item: TypeAlias = Prompt | Message | Thought | Tool | Plan | Notice | Raw


def kind_of(item: Item) -> str:
    """The dotted kind that picks a renderer: 'message', 'tool.edit', 'notice.hook', …"""
    match item:
        case Prompt():
            return "prompt" if item.origin == "human" else f"prompt.{item.origin}"
        case Message():
            return "message"
        case Thought():
            return "thought"
        case Tool():
            return item.kind
        case Plan():
            return "plan"
        case Notice():
            return f"notice.{item.kind}"
        case Raw():
            return "raw"


def text_of(item: Item) -> str:
    """The item's own words, as its author wrote them: what copy gives and search finds."""
    match item:
        case Prompt() | Notice() | Raw():
            return item.text
        case Message() | Thought():
            return str(item.text)
        case Tool():
            return f"{item.title}\n{item.output}" if item.output else item.title
        case Plan():
            return "\n".join(f"[{'x' if status == 'completed' else ' '}] {text}" for text, status in item.entries)


def failed(item: Item) -> bool:
    """Whether it tells of a failure: a tool call that failed, or an error of the session."""
    return (isinstance(item, Tool) and item.status == "failed") or (isinstance(item, Notice) and item.level == "error")


def size_of(item: Item) -> int:
    """Characters of the item's text, without joining it: a first guess at its height."""
    match item:
        case Prompt() | Notice() | Raw():
            return len(item.text)
        case Message() | Thought():
            return item.text.length
        case Tool():
            return len(item.title) + item.output.length
        case Plan():
            return sum(len(text) for text, _ in item.entries)


def _dec_hook(kind: type, value: object) -> object:
    if kind is Text and isinstance(value, str):
        return Text(value)
    raise TypeError(kind.__name__)


_encoder = msgspec.msgpack.Encoder(enc_hook=Text.__str__)  # all there is in an item that msgspec does not know
_decoder: msgspec.msgpack.Decoder[Item] = msgspec.msgpack.Decoder(Item, dec_hook=_dec_hook)


pack: Final[Callable[[Item], bytes]] = _encoder.encode
"""The item as bytes for the database."""


def unpack(data: bytes) -> Item:
    """The item that `pack` was given."""
    return _decoder.decode(data)
