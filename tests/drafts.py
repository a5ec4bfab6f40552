"""A session in memory, on its way into a database: for tests of drafts and of who is empty."""

from __future__ import annotations

from pathlib import Path

from store.db.rows import Rows
from store.db.writer import Made
from store.draft import Draft
from store.events import Event
from store.facts import Facts
from store.fold import State, fold_run
from store.known import Source


def made(key: str, *events: Event, draft: Draft | None = None) -> Made:
    """A session in memory."""
    state, facts = State(), Facts()
    rows = Rows(0, state)
    rows.add(fold_run(state, events))
    facts.add(events)
    source = Source(Path(key), "claude-code", None, "", 0, 0, 0, b"", b"")
    return Made(draft or Draft(key), rows, rows.take(), state, facts, "claude-code", [source])
