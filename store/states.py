"""The states of a session and what leads from one to the other: pure, for the database, the commands and the window."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from store.errors import StoreError

STATES: Final = ("active", "paused", "archived", "deleted")
FINE: Final = frozenset({None, "", "success", "end_turn", "completed", "cancelled", "closed", "terminated"})
"""What a digest may say of the end of its last turn without it having failed."""
CLOSED: Final = ("archived", "deleted")  # nothing leads out of these, and nothing comes in
ACTIONS: Final = ("resume", "pause", "archive", "fork", "delete", "restore")
MOVES: Final = {
    ("paused", "resume"): "active",
    ("active", "pause"): "paused",  # also when its agent died
    ("active", "archive"): "archived",
    ("paused", "archive"): "archived",
    ("archived", "fork"): "archived",
    ("archived", "delete"): "deleted",
    ("deleted", "delete"): "deleted",
    ("deleted", "restore"): "archived",  # and no further: what was archived stays so
}
"""(state, action) → state. What is not in here is refused."""
_HINTS: Final = {
    "delete": "archive it first",
    "fork": "archive it first, or go on with it",
    "resume": "fork it instead",
    "pause": "nobody works in it",
    "archive": "it is there already",
    "restore": "it is not deleted",
}


class Closed(Struct, frozen=True):
    """A session that nothing comes into any more."""

    status: str  # archived, deleted
    refused: int = 0  # events that came too late


def next_state(state: str, action: str) -> str:
    """Raises StoreError for a move that there is not."""
    found = MOVES.get((state, action))
    if found is None:
        raise StoreError(f"A session that is {state} has no {action}: {hint(state, action)}.")
    return found


def hint(state: str, action: str) -> str:
    """Why there is no such move, or what to do instead; '' when there is."""
    if (state, action) in MOVES:
        return ""
    if state == "deleted":
        return "restore it first" if action == "fork" else "what was archived stays so"
    return _HINTS[action]
