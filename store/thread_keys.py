"""The key of a thread: where it comes from, and which texts can be one. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from store.webhooks.base import Event, word

LONGEST: Final = 300  # characters
_STEP: Final = re.compile(r"([^.\[\]]+)|\[(\d+|\*)\]")


class UnusableError(ValueError):
    """This cannot be a key; the text is one sentence."""


def key_of(event: Event, payload: Mapping[str, Any], path: str = "") -> tuple[str, str]:
    """(key, how it was derived). With a `path` that decides, else the sender's rule. ('', why) when there is none.

    Raises UnusableError for a key that cannot be used: such an event must not run, let alone in another's thread.
    """
    if not path.strip():
        if event.unusable:
            raise UnusableError(event.unusable)
        return (usable(event.key), event.how) if event.key else ("", event.how)
    found = values_at(payload, path)
    if not found:
        return "", f"The payload has nothing at {path}."
    if len(found) > 1:
        return "", f"The payload has {len(found)} values at {path}: a key needs one."
    text = word(found[0]).strip()
    if not text:
        if found[0] is None or found[0] == "":
            return "", f"The payload has nothing at {path}."
        raise UnusableError(f"What is at {path} is no text and no whole number.")
    return usable(f"{event.source}:{text}"), path


def usable(key: str) -> str:
    """The key itself. Raises UnusableError: too long, control characters, parts of a path that lead elsewhere."""
    if len(key) > LONGEST:
        raise UnusableError(f"The key has {len(key):,} characters: at most {LONGEST} can be used.")
    odd = next((one for one in key if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")), "")
    if odd:
        raise UnusableError(f"The key has a control character (U+{ord(odd):04X}).")
    source, _, rest = key.partition(":")
    if not source or not rest.strip():
        raise UnusableError("The key is empty.")
    parts = re.split(r"[/:]", rest)
    if "\\" in key or ".." in parts or "." in parts or rest.startswith(("/", "~")) or "//" in rest:
        raise UnusableError(f"The key looks like a path: {key[:80]}.")
    return key


def values_at(value: object, path: str) -> list[Any]:
    """What lies at `data.ticket.id`, `labels[0].name` or `labels[*].name`; [] when there is nothing."""
    found = [value]
    for match in _STEP.finditer(path.strip().removeprefix("$.")):
        name, index = match.groups()
        if name == "*":
            name, index = None, "*"
        found = [below for one in found for below in _below(one, name, index)]
    return found


def _below(value: object, name: str | None, index: str | None) -> list[Any]:
    if name is not None:
        return [value[name]] if isinstance(value, dict) and name in value else []
    if not isinstance(value, list):
        return []
    if index == "*":
        return value
    number = int(index or 0)
    return [value[number]] if number < len(value) else []
