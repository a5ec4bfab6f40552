"""What comes behind the seal of an archived session: counted and said, and that is all. For ingest and intake."""

from __future__ import annotations

from pathlib import Path

import msgspec

from store.formats import named
from store.known import Known, Source
from store.resume import Rest
from store.sources import views


def behind_seal(path: Path, before: Known) -> Rest:
    """The events behind what was archived: all of them, also those that were counted before. Raises StoreError."""
    sources = tuple(msgspec.structs.replace(one, touched=one.touched or _grown(one)) for one in before.sources)
    return Rest(path, msgspec.structs.replace(before, sources=sources), named(before.agent))


def sentence(events: int) -> str:
    """What is said of them; '' when there are none."""
    if not events:
        return ""
    what = "1 event that came later is" if events == 1 else f"{events:,} events that came later are"
    return f"This session is archived: {what} not part of it."


def _grown(source: Source) -> bool:
    try:
        return not source.missing and views.stat(source.path).st_size > source.offset
    except OSError:
        return False
