"""Values of records, any of which may be missing or of the wrong type. For the formats."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from store.decode import clean

_hours: dict[str, int] = {}  # the last one seen: '2026-09-14T15:' → microseconds
_MINUTES: Final = {f"{minute:02}:": minute * 60_000_000 for minute in range(60)}
_SECONDS: Final = {f"{second:02}.": second * 1_000_000 for second in range(60)}
_MILLIS: Final = {f"{milli:03}Z": milli * 1_000 for milli in range(1_000)}
_WHOLE: Final = {f"{second:02}Z": second * 1_000_000 for second in range(60)}

TITLE: Final = 300  # characters of a one-line title
MOST: Final = 10**12  # tokens that are believed; more is damage, and would not fit into a sum


def string(data: dict[str, Any], key: str) -> str:
    """The string under a key, else ''."""
    value = data.get(key)
    if type(value) is not str:
        return ""
    return clean(value) if "\0" in value else value  # asked here: this is called several times per record


def table(data: dict[str, Any], key: str) -> dict[str, Any]:
    """The object under a key, else an empty one."""
    value = data.get(key)
    return value if type(value) is dict else {}


def count(value: Any) -> int | None:
    """A token count or the like: None is unknown."""
    if type(value) is int and abs(value) < 1 << 62:
        return value
    if type(value) is float and abs(value) < 1e18:
        return int(value)
    return None


def tokens(value: Any) -> int:
    """A number of tokens that can be summed; 0 for what is none, or more than is believed."""
    known = value if type(value) is int else count(value)
    return known if known is not None and 0 < known <= MOST else 0


def number(value: Any) -> float | None:
    """A finite number, else None."""
    return float(value) if type(value) in (int, float) and abs(value) < 1e18 else None  # nor is NaN


def micros(value: Any, per: int = 1000) -> int | None:
    """A duration in microseconds; `per` is the unit (milliseconds unless told)."""
    known = number(value)
    return None if known is None or known < 0 or known * per >= 1 << 62 else int(known * per)


def moment(value: Any) -> int | None:
    """A timestamp as microseconds UTC: ISO-8601, or seconds or milliseconds since 1970."""
    if type(value) is str:
        if len(value) == 24:  # as Claude writes it: to the hour it is nearly always known
            try:
                return _hours[value[:14]] + _MINUTES[value[14:17]] + _SECONDS[value[17:20]] + _MILLIS[value[20:]]
            except KeyError:
                pass  # another hour, or another way to write a time
        elif len(value) == 20:
            try:
                return _hours[value[:14]] + _MINUTES[value[14:17]] + _WHOLE[value[17:]]
            except KeyError:
                pass
        try:
            when = datetime.fromisoformat(value)
            if when.tzinfo is None:
                when = when.replace(tzinfo=UTC)
            whole = round(when.timestamp() * 1_000_000)
            if value[14:17] in _MINUTES and (
                value[17:] in _WHOLE or (value[17:20] in _SECONDS and value[20:] in _MILLIS)
            ):
                _hours.clear()
                _hours[value[:14]] = whole - (when.minute * 60 + when.second) * 1_000_000 - when.microsecond
            return whole
        except (ValueError, OverflowError):
            return None
    known = value if type(value) is int else number(value)
    if known is None or known <= 0 or known >= 1e17:
        return None
    return int(known if known > 1e14 else known * 1000 if known > 1e11 else known * 1_000_000)


def one_line(text: str, limit: int = TITLE) -> str:
    """The text on one line, cut with an ellipsis."""
    head = " ".join(text[: limit * 4].split())
    return head if len(head) <= limit else head[: limit - 1] + "…"


def texts(content: Any) -> tuple[str, int]:
    """The text of a message's content, and how many images it has."""
    if type(content) is str:
        return clean(content), 0
    if type(content) is not list:
        return "", 0
    parts: list[str] = []
    images = 0
    for block in content:
        if type(block) is str:
            parts.append(clean(block))
        elif type(block) is dict:
            kind = block.get("type")
            if kind == "text":
                parts.append(string(block, "text"))
            elif kind == "image":
                images += 1
            elif kind == "document":
                parts.append(f"[document {string(block, 'title')}]".replace(" ]", "]"))
            elif kind == "tool_reference":
                parts.append(string(block, "tool_name"))
    return "\n".join(parts), images


def tag(text: str, name: str) -> str:
    """What stands in <name>…</name>, else ''."""
    first = text.find(f"<{name}>")
    if first < 0:
        return ""
    first += len(name) + 2
    end = text.find(f"</{name}>", first)
    return text[first:end] if end >= 0 else text[first:]


def plural(number: int, noun: str) -> str:
    """'1 file', '3 files'."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
