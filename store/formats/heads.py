"""The first records of a file, by which formats tell their own: decoded once, however many formats ask."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

LINES: Final = 40  # lines that are looked at


class Head(NamedTuple):
    """`records` are not to be changed: others see them too."""

    records: tuple[dict[str, Any], ...]
    broken: tuple[bytes, ...]  # lines that begin like an object: cut off, damaged, or longer than the head


@lru_cache(maxsize=2)
def head_of(head: bytes) -> Head:
    """The objects among the first lines."""
    records: list[dict[str, Any]] = []
    broken: list[bytes] = []
    for line in head.split(b"\n", LINES)[:LINES]:
        line = line.lstrip(b" \t\0\xef\xbb\xbf")
        if line[:1] != b"{":
            continue
        try:
            records.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            broken.append(line)
    return Head(tuple(records), tuple(broken))


def share(head: bytes, vote: Callable[[dict[str, Any]], object], most: int = 90) -> int:
    """How many of the first records are voted for, `most` being all of them; 0 where there are none."""
    records = head_of(head).records
    return most * sum(bool(vote(record)) for record in records) // len(records) if records else 0
