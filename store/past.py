"""What `store.ingest` needs to show a session's past: rows gathered for a Rebase, and looks at files and events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from store.events import Event, ToolStarted, ToolUpdated
from store.facts import Facts
from store.fold import Change, Cut, Put, State, fold_run
from store.formats import HEAD
from store.items import Item
from store.whole import open_file


class Rows:
    """Collects changes into what a Rebase needs: newer versions of the window's rows, and the rows behind it."""

    def __init__(self, state: State, base: int) -> None:
        self.state = state
        self.base = base
        self.facts = Facts()
        self.overlay: dict[int, Item] = {}
        self.tail: list[Item] = []

    def add(self, events: Sequence[Event]) -> None:
        self.facts.add(events)
        for change in fold_run(self.state, events):
            if isinstance(change, Put):
                row = change.row - self.base
                if row < 0:
                    self.overlay[change.row] = change.item
                elif row < len(self.tail):
                    self.tail[row] = change.item
                else:
                    self.tail.append(change.item)
            elif change.row >= self.base:
                del self.tail[change.row - self.base :]
            else:  # a rewind into the window: those rows are not part of the live path any more
                self.tail.clear()
                self.overlay = {row: item for row, item in self.overlay.items() if row < change.row}
                self.base = change.row

    def changes(self, rows: int) -> list[Change]:
        """The same as changes, for a screen that shows the window's rows already."""
        cut: list[Change] = [Cut(self.base)] if self.base < rows else []
        newer = [Put(row, item) for row, item in sorted(self.overlay.items(), key=lambda entry: entry[0])]
        return [*cut, *newer, *(Put(row, item) for row, item in enumerate(self.tail, self.base))]


def speaks_of_child(event: Event) -> bool:
    kind = type(event)
    if kind is ToolStarted:
        return event.kind == "tool.agent"  # type: ignore[attr-defined, no-any-return]
    return kind is ToolUpdated and bool(event.child_agent)  # type: ignore[attr-defined]


def has_line(path: Path) -> bool:
    """Whether there is a whole line to sniff at, or as much of one as is ever looked at. Raises StoreError."""
    with open_file(path) as file:
        head = file.read(HEAD) or b""
    return b"\n" in head or len(head) >= HEAD or head.rstrip().endswith(b"}")


def size_of_file(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
