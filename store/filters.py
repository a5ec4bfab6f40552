"""Which events a trigger wants: named fields against patterns, and for each of them why it fits or not. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from msgspec import Struct

from store.thread_keys import values_at
from store.webhooks.base import Event, word

KEYS: Final = {
    "event": "what the sender calls the event: pull_request, Issue, taskUpdated, …",
    "event_type": "the same",
    "action": "what happened to it: opened, created, update, …",
    "sender": "who caused it",
    "repo": "owner/repository (GitHub), the team's key (Linear)",
    "branch": "of a push or a pull request (GitHub)",
    "key": "the thread's key",
}
"""What a filter can name besides any path into the payload, such as `pull_request.base.ref` or `labels[*].name`."""

Filter = Mapping[str, Sequence[str]]


class Tested(Struct, frozen=True):
    """One condition, and what the payload has there."""

    name: str
    wanted: tuple[str, ...]
    has: tuple[str, ...]
    fits: bool

    @property
    def told(self) -> str:
        """One sentence."""
        wanted = " or ".join(self.wanted)
        has = ", ".join(one[:80] for one in self.has) or "nothing"
        return f"{self.name} is {has}, as {wanted} wants." if self.fits else f"{self.name} is {has}, not {wanted}."


def conditions(wanted: Filter, event: Event, payload: Mapping[str, Any], key: str = "") -> list[Tested]:
    """Every condition. All must fit; of several patterns of one field any will do, one with `!` before it must not."""
    found = []
    for name, patterns in wanted.items():
        has = _has(name, event, payload, key)
        some = [one for one in patterns if not one.startswith("!")]
        none = [one[1:] for one in patterns if one.startswith("!")]
        fits = (not some or _any(has, some)) and not _any(has, none)
        found.append(Tested(name, tuple(patterns), has, fits))
    return found


def missed(found: Sequence[Tested]) -> str:
    """Why the event is not wanted; '' when it is."""
    return " ".join(one.told for one in found if not one.fits)


def _any(has: Sequence[str], patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(text.lower(), pattern.lower()) for text in has for pattern in patterns)


def _has(name: str, event: Event, payload: Mapping[str, Any], key: str) -> tuple[str, ...]:
    match name:
        case "event" | "event_type":
            return (event.event,)
        case "action":
            return (event.action,)
        case "sender":
            return event.authors or (event.sender,)
        case "repo":
            return (event.repo,)
        case "branch":
            return (event.branch,)
        case "key":
            return (key,)
    return tuple(text for text in map(said, values_at(payload, name)) if text is not None)


def said(value: object) -> str | None:
    """A plain value as text; None for lists and objects, which no pattern fits."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    return word(value) if isinstance(value, (int, str)) else None


def parsed(value: object) -> dict[str, tuple[str, ...]]:
    """A filter as people write it: `{"action": "opened"}` or lists of patterns. Raises ValueError with a sentence."""
    if value in (None, ""):
        return {}
    if not isinstance(value, Mapping):
        raise ValueError('A filter is an object, such as {"event": "pull_request", "action": ["opened", "reopened"]}.')
    found = {}
    for name, patterns in value.items():
        some = patterns if isinstance(patterns, (list, tuple)) else [patterns]
        texts = tuple(text for text in map(said, some) if text is not None)
        if not isinstance(name, str) or not name.strip() or len(texts) != len(some) or not texts:
            raise ValueError(f"Filter {name!r}: a text, or a list of texts, is needed.")
        found[name.strip()] = texts
    return found
