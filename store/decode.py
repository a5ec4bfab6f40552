"""One line to its records: the quick way for good JSON, and a patient one that keeps what a damaged line still says.

Called by the pipe. Text that comes out of here can always be encoded as UTF-8.
"""

from __future__ import annotations

import json
from json import JSONDecodeError
from typing import Any, Final

import orjson
from msgspec.structs import replace

from store.events import At, Unreadable
from store.formats.base import Damage, Record

EXCERPT: Final = 2000  # characters of what was not understood, kept for its row
TRIES: Final = 64  # places in a damaged line where a further record is looked for
JOINED: Final = 10_000  # records that are taken apart on one line; more is no accident
_SPACE: Final = " \t\r\n"
_FAILURES: Final = (ValueError, RecursionError, OverflowError)  # JSONDecodeError is a ValueError


def _int(digits: str) -> int | float:
    # Python refuses to convert more than a few thousand digits; orjson gives a float for big integers as well.
    return int(digits) if len(digits) < 400 else float(digits)


_patient: Final = json.JSONDecoder(parse_int=_int, strict=False)


def decode(line: bytes, at: At) -> list[Record | Damage]:
    """The records of one line, and what is no record. Nothing for a blank line. Never raises."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return _patiently(line, at)
    if type(value) is list and value and all(type(child) is dict and "type" in child for child in value):
        return _apart(line, value, at)
    return [Record(value, at, line)]


def _apart(line: bytes, values: list[Any], at: At) -> list[Record | Damage]:
    """An array of records, as `--output-format json --verbose` prints it: each with its own bytes."""
    text = line.decode()
    found: list[Record | Damage] = []
    char = byte = 0
    for index, value in enumerate(values):
        _, end = _patient.raw_decode(text, text.index("{", char))
        stop = len(line)
        if index + 1 < len(values):
            end = text.index(",", end) + 1
            stop = byte + len(text[char:end].encode())
        found.append(Record(value, _part(at, byte, stop), line[byte:stop], "listed"))
        char, byte = end, stop
    return found


def _patiently(line: bytes, at: At) -> list[Record | Damage]:
    bare = line.strip()
    if not bare:
        return []
    if line.startswith(b"\0"):  # a hole that a crash left in the file
        start = len(line) - len(line.lstrip(b"\0"))
        hole = Damage(_part(at, 0, start), "NUL bytes", line[:start])
        return [hole, *decode(line[start:], _part(at, start, len(line)))]
    if bare.startswith((b"#", b"//")):
        return [Damage(at, "comment", line)]
    # Bytes that are no UTF-8 become lone surrogates: every character knows its bytes, and `_encodable` removes them.
    text = line.decode("utf-8", "surrogateescape")
    bom = text.startswith("\ufeff")
    first = len(text) - len(text[bom:].lstrip(_SPACE))
    if not text[first:]:
        return [Damage(at, "not JSON", line)]
    try:
        value, end = _patient.raw_decode(text, first)
    except _FAILURES as error:
        return _records(line, text, first, at) if text[first] == "{" else [Damage(at, _reason(error, text), line)]
    if not text[end:].strip(_SPACE):
        value, dirty = _encodable(value)
        return [Record(value, at, line, "bom" if bom else "repaired text" if dirty else "odd number")]
    return _records(line, text, first, at) if text[first] == "{" else [Damage(at, "not JSON", line)]


def _records(line: bytes, text: str, first: int, at: At) -> list[Record | Damage]:
    """Several objects on one line, whole or cut off. Every byte ends up in one of them."""
    found: list[Record | Damage] = []
    length = len(text)
    tries = TRIES if length < 4 << 20 else 2
    char = byte = 0  # up to here, in characters and in bytes, all is given to something
    position = first

    def cut(until: int) -> tuple[At, bytes]:
        nonlocal char, byte
        start = byte
        byte = start + len(text[char:until].encode("utf-8", "surrogateescape")) if until < length else len(line)
        char = until
        return _part(at, start, byte), line[start:byte]

    while position < length:
        if len(found) >= JOINED:
            part, raw = cut(length)
            found.append(Damage(part, "too many records on one line", raw))
            break
        try:
            value, end = _patient.raw_decode(text, position)
        except _FAILURES as error:
            position, tries = _next(text, position + 1, tries)
            part, raw = cut(position)
            found.append(Damage(part, _reason(error, text), raw))
            continue
        while end < length and text[end] in _SPACE:
            end += 1
        part, raw = cut(end)
        found.append(Record(_encodable(value)[0], part, raw, "joined"))
        position = end
        if end < length and text[end] != "{":
            position, tries = _next(text, end, tries)
            part, raw = cut(position)
            found.append(Damage(part, "not JSON", raw))
    return found


def _next(text: str, position: int, tries: int) -> tuple[int, int]:
    """Where a whole object begins that is followed by nothing or by another one."""
    length = len(text)
    while tries > 0:
        position = text.find('{"', position)
        if position < 0:
            break
        tries -= 1
        try:
            _, end = _patient.raw_decode(text, position)
        except _FAILURES:
            position += 1
            continue
        rest = text[end : end + 64].lstrip(_SPACE)
        if not rest or rest[0] == "{":
            return position, tries
        position += 1
    return length, tries


def _part(at: At, first: int, end: int) -> At:
    return replace(at, offset=at.offset + first, length=end - first)


def _reason(error: Exception, text: str) -> str:
    if isinstance(error, RecursionError):
        return "nested too deep"
    if text.lstrip()[:1] not in ("{", "["):
        return "not JSON"
    if isinstance(error, JSONDecodeError) and (error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")):
        return "cut off"
    return "not JSON"


def _encodable(value: Any) -> tuple[Any, bool]:
    """The value with every lone surrogate replaced, and whether there was one."""
    if isinstance(value, str):
        text = _text(value)
        return text, text is not value
    if not isinstance(value, (dict, list)) or not _dirty(value):
        return value, False
    stack: list[Any] = [value]
    while stack:  # no recursion: the value may be nested as deep as the parser allows
        node = stack.pop()
        if isinstance(node, dict):
            items = list(node.items())
            node.clear()
            for key, child in items:
                node[_text(key)] = _text(child) if isinstance(child, str) else child
                if isinstance(child, (dict, list)):
                    stack.append(child)
        else:
            for index, child in enumerate(node):
                if isinstance(child, str):
                    node[index] = _text(child)
                elif isinstance(child, (dict, list)):
                    stack.append(child)
    return value, True


def _dirty(value: Any) -> bool:
    stack: list[Any] = [value]
    while stack:
        node = stack.pop()
        for child in (*node.keys(), *node.values()) if isinstance(node, dict) else node:
            if isinstance(child, str):
                if _text(child) is not child:
                    return True
            elif isinstance(child, (dict, list)):
                stack.append(child)
    return False


def _text(text: str) -> str:
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        # Two escapes that belong together were joined by the parser already; what is left stands alone.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def clean(text: str) -> str:
    """Text fit to be shown: NUL becomes its picture. Costs next to nothing when there is none."""
    return text.replace("\0", "␀") if "\0" in text else text


def dump(value: Any) -> str:
    """A JSON value as text again, whatever the decoder let through."""
    try:
        return orjson.dumps(value).decode()
    except (TypeError, ValueError):  # nested too deep for it, or an integer too big
        try:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        except (RecursionError, ValueError):
            return "…"


def excerpt(raw: bytes) -> str:
    """The beginning of some bytes as text that can be shown, without the end of their line."""
    size = len(raw) - (2 if raw.endswith(b"\r\n") else raw.endswith(b"\n"))
    text = raw[: min(size, 4 * EXCERPT)].decode("utf-8", "replace")
    return clean(text[:EXCERPT] + "…" if len(text) > EXCERPT or size > 4 * EXCERPT else text)


def unreadable(piece: Record | Damage, kind: str, reason: str, at: At | None = None) -> Unreadable:
    """The row of a record that is not understood, or of bytes that are none."""
    at = at or piece.at
    return Unreadable(at, f"@{at.file}:{at.offset}", kind[:100], reason, excerpt(piece.raw))


def type_of(data: Any) -> str:
    """The type of a record in words: 'user', 'system/api_error', 'attachment/date', …; of anything else, what it is."""
    if type(data) is not dict:
        return type(data).__name__
    kind = data.get("type")
    name = clean(kind) if type(kind) is str else "no type" if kind is None else type(kind).__name__
    inner = data.get("subtype")
    if type(inner) is not str:
        for key in ("attachment", "data", "event", "request", "payload"):
            child = data.get(key)
            if type(child) is dict:
                inner = child.get("subtype") if key == "request" else child.get("type")
                break
    return f"{name}/{clean(inner)}" if type(inner) is str and inner else name
