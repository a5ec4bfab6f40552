"""What a reader remembers, as bytes: whoever goes on with a session need not read it again. For `pipe` and `resume`.

The bytes are plain data (MessagePack): values, and which of the formats' own classes they were the fields of. Whoever
wrote them, nothing is called to read them: an archive on a server is shared with others. They belong to exactly these
formats: of others, and where there are too many, nothing is kept, and the session's file is read again instead.
"""

from __future__ import annotations

import logging
import sys
import zlib
from collections import OrderedDict, deque
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from store.events import At
from store.formats.base import Format, Reader, Record

log = logging.getLogger(__name__)

MOST: Final = 4 << 20  # bytes of one reader that are kept, packed
UNPACKED: Final = 64 << 20  # and unpacked
_MARK: Final = 8  # bytes that say which formats they are of
_VALUES: Final = frozenset({type(None), bool, int, float, str, bytes})  # as MessagePack has them
_KNOWN, _TUPLE, _FROZEN, _STRUCT, _RECORD, _LIST, _SET, _DICT, _ORDERED, _QUEUE, _OBJECT = range(11)
_TAGS: Final[dict[type, int]] = {
    tuple: _TUPLE, frozenset: _FROZEN, list: _LIST, set: _SET, dict: _DICT, OrderedDict: _ORDERED, deque: _QUEUE,
}  # fmt: skip


class _Dump:
    """A reader as nested lists: [tag, …]. What may change is told once, and by its number when it is met again."""

    def __init__(self) -> None:
        self.classes: dict[tuple[str, str], int] = {}
        self._met: dict[int, int] = {}  # id → number

    def told(self, value: Any) -> Any:
        kind = type(value)
        if kind in _VALUES:
            return value
        if kind is Record:  # the one that was read last: nothing of it is needed
            return [_RECORD]
        if issubclass(kind, Struct):
            return [_STRUCT, self._class(kind), *(self.told(getattr(value, name)) for name in kind.__struct_fields__)]
        tag = _TAGS.get(kind, _OBJECT)
        if tag in (_TUPLE, _FROZEN):
            return [tag, *map(self.told, value)]
        number = self._met.get(id(value))
        if number is not None:
            return [_KNOWN, number]
        self._met[id(value)] = len(self._met)
        if tag in (_LIST, _SET):
            return [tag, *map(self.told, value)]
        if tag == _QUEUE:
            return [tag, value.maxlen, *map(self.told, value)]
        if tag == _OBJECT:
            return [tag, self._class(kind), *(part for name, of in _fields(value) for part in (name, self.told(of)))]
        return [tag, *(self.told(part) for pair in value.items() for part in pair)]

    def _class(self, kind: type) -> int:
        name = (kind.__module__, kind.__qualname__)
        if _class(*name) is not kind:
            raise TypeError(f"{name} is no part of a reader")
        return self.classes.setdefault(name, len(self.classes))


class _Load:
    """The way back. Raises whatever Python does with data that is no good."""

    def __init__(self, classes: list[tuple[str, str]]) -> None:
        self._classes = [_class(*name) for name in classes]
        self._met: list[Any] = []

    def made(self, told: Any) -> Any:
        if type(told) is not list:
            return told
        tag = told[0]
        if tag == _KNOWN:
            return self._met[told[1]]
        if tag == _TUPLE:
            return tuple(map(self.made, told[1:]))
        if tag == _FROZEN:
            return frozenset(map(self.made, told[1:]))
        if tag == _RECORD:
            return Record(None, At())
        if tag == _STRUCT:
            return self._struct(told)
        return self._filled(tag, told)

    def _struct(self, told: list[Any]) -> Any:
        kind = self._classes[told[1]]
        if not issubclass(kind, Struct) or len(kind.__struct_fields__) != len(told) - 2:
            raise TypeError(f"these are no fields of {kind.__name__}")
        return kind(*map(self.made, told[2:]))

    def _filled(self, tag: int, told: list[Any]) -> Any:
        """What may hold itself: made empty, noted, and then filled."""
        made: Any
        if tag == _OBJECT:
            kind = self._classes[told[1]]
            if issubclass(kind, Struct):
                raise TypeError(f"{kind.__name__} is told by its fields")
            made = object.__new__(kind)
        elif tag == _QUEUE:
            made = deque(maxlen=told[1])
        else:
            made = {_LIST: list, _SET: set, _DICT: dict, _ORDERED: OrderedDict}[tag]()
        self._met.append(made)
        if tag in (_LIST, _QUEUE):
            made.extend(map(self.made, told[1 if tag == _LIST else 2 :]))
        elif tag == _SET:
            made.update(map(self.made, told[1:]))
        elif tag == _OBJECT:
            for name, value in zip(told[2::2], told[3::2], strict=True):
                if type(name) is not str or name.startswith("__") or callable(getattr(kind, name, None)):
                    raise TypeError(f"{name} is nothing that {kind.__name__} remembers")
                object.__setattr__(made, name, self.made(value))
        else:
            for key, value in zip(told[1::2], told[2::2], strict=True):
                made[self.made(key)] = self.made(value)
        return made


def _fields(value: object) -> list[tuple[str, Any]]:
    """What an object remembers: in its dictionary, in its slots."""
    names = [name for kind in type(value).__mro__ for name in kind.__dict__.get("__slots__", ()) if name[:2] != "__"]
    found = [(name, getattr(value, name)) for name in names if hasattr(value, name)]
    return found + list(getattr(value, "__dict__", {}).items())


def _class(module: str, name: str) -> type:
    """A class that a format has made itself, or an event. Raises TypeError."""
    if module.startswith("store.formats.") or module == "store.events":
        found = vars(sys.modules.get(module, object)).get(name)
        # A plain one: nothing of its own is called when one is made.
        if isinstance(found, type) and (found.__module__, found.__qualname__) == (module, name):
            own = {word for kind in found.__mro__[:-1] for word in kind.__dict__}
            if issubclass(found, Struct) or (type(found) is type and own.isdisjoint(("__new__", "__setattr__"))):
                return found
    raise TypeError(f"{module}.{name} is no part of a reader")


def dump(reader: Reader) -> bytes:
    """The reader as bytes; b"" where it is not worth them."""
    out = _Dump()
    try:
        told = out.told(reader)
        data = msgspec.msgpack.encode((list(out.classes), told))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        log.warning("a reader cannot be kept: %s", error)
        return b""
    packed = zlib.compress(data, 1)
    return mark() + packed if len(packed) <= MOST and len(data) <= UNPACKED else b""


def load(data: bytes, format: Format) -> Reader | None:
    """What `dump` was given; None when these bytes are of other formats, or no good."""
    if not data or data[:_MARK] != mark():
        return None
    try:
        unpacking = zlib.decompressobj()
        plain = unpacking.decompress(data[_MARK:], UNPACKED)
        if not unpacking.eof:
            raise ValueError("it is too much, or cut off")
        classes, told = msgspec.msgpack.decode(plain)
        found = _Load(classes).made(told)
    except Exception as error:  # noqa: BLE001 - of damaged bytes it may be any
        log.warning("a reader that was kept cannot be read: %s", error)
        return None
    return found if type(found) is type(format.reader()) else None


@cache
def mark() -> bytes:
    """Which formats these are: another word in any of them, or here, makes another one."""
    digest = blake2b(digest_size=_MARK)
    own = Path(__file__)
    for path in (own, own.with_name("events.py"), *sorted((own.parent / "formats").glob("*.py"))):
        digest.update(path.read_bytes())
    return digest.digest()
