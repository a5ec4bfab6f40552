"""What the list of sessions shows of one file, and whether somebody works on it. For `sources.discover` only."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec
import orjson

from store.delta import Row
from store.sources import journal

SMALL: Final = 50  # records; a longer file has content for certain


def row_of(path: Path) -> Row:
    """The row of a session file; its state is 'draft' before the first content record. Raises StoreError."""
    # Here, because tailing a file must not wait for what only the list needs.
    from store.formats import named as format_named
    from store.summary import summary

    row = summary(path)
    part_of = format_named(row.agent).part_of
    if part_of is not None and part_of(path):
        return msgspec.structs.replace(row, state="draft")  # it is shown in the session that it is part of
    if is_draft(path, row):
        return msgspec.structs.replace(row, state="draft")
    meta = journal.read_meta(path) if path.parent.name == journal.FOLDER else None
    if meta is None:
        return row
    title = journal.title_of(meta, row.title)
    cwd = row.cwd or meta.cwd
    return msgspec.structs.replace(
        row, id=journal.key(path), title=title, cwd=cwd, project=Path(cwd).name if cwd else ""
    )


def is_draft(path: Path, row: Row) -> bool:
    """Whether nobody has said or done anything in a session. Raises StoreError."""
    from store.draft import has_content
    from store.whole import events_of

    small = row.records is not None and row.records <= SMALL
    return small and not any(has_content(batch) for batch in events_of(path))


def working(row: Row) -> str | None:
    """'live' or 'idle' when a running program says that it has this session, else None."""
    from store.formats import formats

    for format_ in formats():
        if format_.agent == row.agent and format_.alive is not None:
            told = format_.alive(Path(row.path))
            if told is not None:
                return "live" if told == "busy" else "idle"
    return None


def stem(path: str) -> str:
    """The session's id as its file's name has it."""
    return path.rpartition(os.sep)[2].rpartition(".")[0]


def registry(root: Path) -> Path | None:
    """Where running agents say which session they have, for a root with such a place next to it."""
    return root.parent / "sessions" if root.name == "projects" else None


def named(entry: Path) -> str | None:
    """The session that an entry of a registry names. It is rewritten in place, and may be seen empty or half."""
    if entry.suffix != ".json":  # next to them lie keys, which are none of our business
        return None
    try:
        told = orjson.loads(entry.read_bytes())
    except (OSError, ValueError):
        return None
    session = told.get("sessionId") if isinstance(told, dict) else None
    return session if isinstance(session, str) else None


def all_named(registries: Iterable[Path]) -> set[str]:
    """Every session that a registry names now."""
    found: set[str] = set()
    for place in registries:
        try:
            entries = list(place.iterdir())
        except OSError:
            continue  # nobody ever ran here
        found.update(session for entry in entries if (session := named(entry)))
    return found
