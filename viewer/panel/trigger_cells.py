"""A trigger as a line of the panel's list: its columns, and what stands in them. Pure; for the page of triggers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from store import triggers
from store.trigger import source_title
from store.triggers import Trigger
from viewer import wording
from viewer.panel.lists import Cell, Column
from viewer.panel.words import UNKNOWN

COLUMNS: Final = (
    Column("Name", 0), Column("Started by", 110), Column("On", 0, 760), Column("Runner", 110, 560),
    Column("Works in", 0, 760), Column("Resume", 70, 480), Column("State", 64), Column("Address", 150, 700),
)  # fmt: skip


def trigger_cells(row: Trigger, titles: Mapping[str, str]) -> tuple[Cell, ...]:
    """`titles` of runners, by name, as far as they are known."""
    faint = "text.main" if row.enabled else "text.faint"
    on = Cell("on", "", "state.ok", "circle-check") if row.enabled else Cell("off", "", "text.faint", "circle")
    resume = "Goes on in its thread's session" if row.resume_sessions else "Each event starts a fresh session"
    return (
        Cell(row.name, f"{row.name}\n{row.cwd}", faint), Cell(source_title(row.source), row.schedule, faint),
        Cell(starts_on(row), "", faint), Cell(titles.get(row.runner, row.runner), row.model, faint),
        Cell(wording.home(Path(row.cwd)) if row.cwd else UNKNOWN, row.cwd, faint),
        Cell("yes" if row.resume_sessions else "no", resume, faint), on,
        Cell(triggers.hook_path(row) or UNKNOWN, "", "text.muted"),
    )  # fmt: skip


def starts_on(row: Trigger) -> str:
    """What of its source it takes: 'issue_comment, pull_request · created', '~/notes/*.md', 'daily 02:30'."""
    if row.source == "schedule":
        return row.schedule or UNKNOWN
    if row.source == "file":
        return wording.home(Path(row.watch_path)) if row.watch_path else UNKNOWN
    if row.source == "hand":
        return UNKNOWN
    parts = (", ".join(row.filter.get("event", ())) or "every event", ", ".join(row.filter.get("action", ())))
    return " · ".join(filter(None, parts))
