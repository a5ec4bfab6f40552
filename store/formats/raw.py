"""Any stream of lines that no other format claims: JSON values and plain text, shown as they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from store.decode import type_of, unreadable
from store.events import Event
from store.formats.base import Format, Record


class Reader:
    """Knows nothing, so every record is a raw row."""

    def events(self, record: Record) -> Sequence[Event]:
        return (unreadable(record, type_of(record.data), "unknown format"),)


def claims(head: bytes, path: Path | None) -> int:
    return 1


FORMAT = Format(agent="raw", title="Other", reader=Reader, claims=claims)
