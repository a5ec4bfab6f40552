"""How a delivery stands in its log: verdict or state, with sign and colour, and why. For the page of triggers."""

from __future__ import annotations

import time
from typing import Final

from store.triggers import Delivery
from viewer import wording
from viewer.panel.lists import Cell
from viewer.panel.words import UNKNOWN, moment

VERDICTS: Final = {
    "accepted": ("circle-check", "state.ok"),
    "skipped": ("circle", "state.idle"),
    "refused": ("circle-x", "state.failed"),
    "cancelled": ("circle", "state.idle"),
}

AT_WORK: Final = ("at work", "circle-dot", "state.running")
WAITING: Final = ("waiting", "clock", "state.waiting")  # behind others of its thread, or for somebody who works there
COMPACTING: Final = ("compacting", "circle-dot", "state.running")  # its thread's session is made shorter before
STATES: Final = {"running": AT_WORK, "waiting": WAITING, "compacting": COMPACTING}


def works(row: Delivery) -> bool:
    """Whether a run of it goes on."""
    return row.state in ("running", "compacting")


def waits(row: Delivery) -> bool:
    """Whether it is in the queue, and its run has not begun."""
    return row.state == "waiting"


def what_ends(row: Delivery | None) -> tuple[str, str, bool]:
    """Of the button below the log: its text, its tip, whether it can be pressed."""
    if row is not None and waits(row):
        return "Cancel event", "Take it out of the queue: no run is made of it (Del)", True
    if row is not None and works(row):
        return "Stop run…", "End its run, and all it has started (Del)", True
    return "Stop run…", "It neither runs nor waits" if row is not None else "Choose a delivery below first", False


def delivery_cells(row: Delivery) -> tuple[Cell, ...]:
    """Received, event, from, verdict, thread, reason."""
    icon, tone = VERDICTS.get(row.verdict, ("circle", "text.muted"))
    what = " · ".join(part for part in (row.event, row.action) if part) or row.source
    verdict, icon, tone = STATES.get(row.state, (row.verdict, icon, tone))
    return (
        Cell(moment(row.received, time.time_ns() // 1000), f"{wording.full(row.received)}, "
             f"{wording.size(row.bytes)}, {row.delivery_id or 'no delivery id'}", "text.muted"),
        Cell(what, what), Cell(row.sender or UNKNOWN), Cell(verdict, row.reason, tone, icon),
        Cell(row.thread_key or UNKNOWN, row.thread_key or "", "text.muted"),
        Cell(row.reason or UNKNOWN, row.reason, "text.muted"),
    )  # fmt: skip
