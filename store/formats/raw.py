"""Any stream of lines that no other format claims: JSON values and plain text, shown as they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from store.decode import clean
from store.events import Event, Unreadable
from store.formats.base import Format, Record

EXCERPT = 2000


class Reader:
    """Knows nothing, so every record is a raw row."""

    def events(self, record: Record) -> Sequence[Event]:
        at = record.at
        data = record.data
        kind = data.get("type") if isinstance(data, dict) else None
        name = kind if isinstance(kind, str) and kind else type(data).__name__
        text = record.raw[: 4 * EXCERPT].decode("utf-8", "replace")[:EXCERPT]
        return (Unreadable(at, f"@{at.file}:{at.offset}", name, "unknown format", clean(text)),)


def claims(head: bytes, path: Path | None) -> int:
    return 1


FORMAT = Format(agent="raw", title="Other", reader=Reader, claims=claims)
