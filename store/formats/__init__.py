"""The formats, found by folder: every module here that has a FORMAT is one. For store only."""

from __future__ import annotations

import importlib
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from store.agents import TITLES
from store.declared import declared
from store.formats.base import Format

HEAD: Final = 64 << 10  # bytes of a stream that are enough to tell what wrote it
FEW: Final = 8 << 10  # bytes that nearly always are: every format decodes all that it is shown
LEAST: Final = 4  # lines of these
SURE: Final = 85  # that it is one of a format, and of no other


@cache
def formats() -> tuple[Format, ...]:
    """Every format, by name. The one that takes anything is among them."""
    found = declared(__name__, __path__, "FORMAT", Format)
    TITLES.update((format_.agent, format_.title) for format_ in found)
    return tuple(sorted(found, key=lambda format_: format_.agent))


def named(agent: str) -> Format:
    """The format of that name. Raises KeyError. Where its file is called like it, no other one is loaded."""
    with suppress(ImportError):
        format_ = getattr(importlib.import_module(f"{__name__}.{agent.replace('-', '_')}"), "FORMAT", None)
        if isinstance(format_, Format) and format_.agent == agent:
            TITLES[agent] = format_.title
            return format_
    for format_ in formats():
        if format_.agent == agent:
            return format_
    raise KeyError(agent)


def sniff(head: bytes, path: Path | None = None) -> Format:
    """Which format begins like this: the surest one. There always is one, because the raw reader takes anything."""
    few = head[: head.rfind(b"\n", 0, FEW) + 1]
    if few.count(b"\n") >= LEAST:
        claims = {format_.agent: format_.claims(few, path) for format_ in formats()}
        best = max(claims, key=claims.__getitem__)
        if claims.pop(best) >= SURE and max(claims.values()) <= 100 - SURE:
            return named(best)
    return max(formats(), key=lambda format_: format_.claims(head, path))
