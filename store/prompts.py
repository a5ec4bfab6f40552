"""The prompt of a run: a template with fields of the payload, and payloads made shorter by whole fields. Pure.

JSON is never cut in the middle: what does not fit is left out as a whole and the place says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson
from msgspec import Struct

from store.filters import said
from store.thread_keys import values_at
from store.webhooks.base import Event

LIMIT: Final = 20_000  # characters of a payload in a prompt, by default
MOST: Final = 100_000  # a single argument of a program can have 128 KiB
_FIELD: Final = re.compile(r"\{\{\s*([^{}\s][^{}]*?)\s*\}\}")
_NOISE: Final = re.compile(r".*_url|url|node_id|_links|avatar_url|gravatar_id|performed_via_github_app")
# (characters of a text, entries of a list or an object, depth): the first that fits is taken.
_STEPS: Final = (
    (100_000, 10_000, 64), (4_000, 200, 16), (1_000, 60, 8), (300, 40, 6), (120, 30, 5), (80, 20, 4), (60, 12, 3),
    (40, 8, 2), (24, 6, 1),
)  # fmt: skip
_LEFT: Final = "…"


class Prompt(Struct, frozen=True):
    """What a run is given. `missing`: fields that the payload has not. `cut`: what was left out, or ''."""

    text: str
    missing: tuple[str, ...] = ()
    cut: str = ""


def fields(template: str) -> list[str]:
    """The fields that a template names."""
    return list(dict.fromkeys(match[1] for match in _FIELD.finditer(template)))


def filled(template: str, event: Event, payload: Mapping[str, Any], key: str = "", limit: int = LIMIT) -> Prompt:
    """The prompt. A value is put in as it is and never looked into again: no field of a payload names another."""
    missing: list[str] = []
    cut: list[str] = []

    def put(match: re.Match[str]) -> str:
        name = match[1]
        text, left = _value(name, event, payload, key, limit)
        if text is None:
            missing.append(name)
            return f"[no {name}]"
        if left:
            cut.append(f"{name}: {left}")
        return text

    text = _FIELD.sub(put, template).replace("\0", "�")
    return Prompt(text, tuple(dict.fromkeys(missing)), "; ".join(dict.fromkeys(cut)))


def _value(name: str, event: Event, payload: Mapping[str, Any], key: str, limit: int) -> tuple[str | None, str]:
    own = {
        "event": event.event, "event_type": event.event, "action": event.action, "sender": event.sender,
        "repo": event.repo, "branch": event.branch, "key": key, "source": event.source,
    }  # fmt: skip
    if name == "payload":
        return shortened(payload, limit)
    if own.get(name):
        return own[name], ""
    found = values_at(payload, name)
    if not found:
        return ("", "") if name in own else (None, "")
    if len(found) > 1:
        return shortened(found, limit)
    plain = said(found[0])
    if plain is None:
        return shortened(found[0], limit)
    return _text(plain, limit)


def _text(text: str, limit: int) -> tuple[str, str]:
    if len(text) <= limit:
        return text, ""
    at = text.rfind(" ", limit // 2, limit)
    at = at if at > 0 else limit
    return f"{text[:at]} [… {len(text) - at:,} more characters]", f"{len(text) - at:,} of {len(text):,} characters"


def shortened(value: object, limit: int = LIMIT) -> tuple[str, str]:
    """(JSON of at most `limit` characters, what was left out: '' for nothing). Always whole JSON."""
    whole = _json(value)
    if len(whole) <= limit:
        return whole, ""
    for texts, entries, depth in _STEPS:
        told = _json(_less(value, texts, entries, depth))
        if len(told) <= limit:
            return told, f"shortened from {len(whole):,} to {len(told):,} characters (limit {limit:,})"
    told = _json({_LEFT: f"{len(whole):,} characters left out"})
    return (told if len(told) <= limit else "{}"), f"all of its {len(whole):,} characters (limit {limit:,})"


def _less(value: object, texts: int, entries: int, depth: int) -> object:
    if isinstance(value, str):
        return value if len(value) <= texts else f"{value[:texts]}{_LEFT} ({len(value) - texts:,} more characters)"
    if isinstance(value, Mapping):
        kept = [(name, one) for name, one in value.items() if name == "html_url" or not _NOISE.fullmatch(str(name))]
        if depth <= 0:
            return f"{_LEFT} ({len(value):,} fields)"
        less = {name: _less(one, texts, entries, depth - 1) for name, one in kept[:entries]}
        if len(less) < len(value):
            less[_LEFT] = f"{len(value) - len(less):,} fields left out"
        return less
    if isinstance(value, (list, tuple)):
        if depth <= 0:
            return f"{_LEFT} ({len(value):,} entries)"
        some = [_less(one, texts, entries, depth - 1) for one in value[:entries]]
        return [*some, f"{_LEFT} ({len(value) - entries:,} more entries)"] if len(value) > entries else some
    return value


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode()
