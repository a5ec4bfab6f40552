"""Files that are one object and are written whole each time: which of their entries are new. For the formats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from store.formats.values import string


class Told:
    """What was told of the entries of such an object: a hash of each, by its id. False: there was no such object."""

    def __init__(self, key: str) -> None:
        """`key`: under which an entry has its id."""
        self._key = key
        self._prints: dict[str, bytes] = {}

    def __bool__(self) -> bool:
        return bool(self._prints)

    def tell(self, entries: Any) -> None:
        """All of these were told, none before."""
        self._prints = self._of(entries)

    def fresh(self, entries: Any, again: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]] | None:
        """Those that are new, and those that are not what they were, in order; they are told now.

        None: some are gone or stand elsewhere, or one has changed that may not be told `again`.
        """
        known, now = self._prints, self._of(entries)
        if not known or list(now)[: len(known)] != list(known):
            return None
        found = [one for one, (name, seen) in zip(entries, now.items(), strict=True) if known.get(name) != seen]
        if not all(again(one) for one in found if one[self._key] in known):
            return None
        self._prints = now
        return found

    def _of(self, entries: Any) -> dict[str, bytes]:
        """Empty when there is one without an id, or two with the same."""
        if type(entries) is not list or not all(type(one) is dict for one in entries):
            return {}
        from hashlib import blake2b  # here, because it loads OpenSSL: a start reads no such file

        found = {string(one, self._key): blake2b(orjson.dumps(one), digest_size=8).digest() for one in entries}
        return found if len(found) == len(entries) and "" not in found else {}
