"""What `store.ingest` needs to show a session's past: rows gathered for a Rebase, and looks at files and events.

What the database knows of a session is shown at once, and then what its files gained since.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from store.delta import Rebase
from store.draft import has_content
from store.events import Event, ToolStarted, ToolUpdated
from store.facts import Facts
from store.fold import Change, Cut, Put, State, fold_run
from store.formats import HEAD
from store.formats.base import Format
from store.items import Item
from store.known import Known
from store.resume import Rest
from store.sources import views
from store.told import Gained, Loaded
from store.whole import open_file
from store.window import SLOW
from store.window_away import for_screen

if TYPE_CHECKING:
    from store.session import Session


class Rows:
    """Collects changes into what a Rebase needs: newer versions of the window's rows, and the rows behind it."""

    def __init__(self, state: State, base: int) -> None:
        self.state = state
        self.base = base
        self.facts = Facts()
        self.overlay: dict[int, Item] = {}
        self.tail: list[Item] = []
        self.content = False  # somebody has said or done something

    def add(self, events: Sequence[Event]) -> None:
        self.content = self.content or has_content(events)
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


def loaded(rows: Rows, before: Known | None = None, screen: int = 0, *, partial: bool = False) -> Loaded:
    """The past as it was read, behind what the database has of it. `screen`: rows of its end that are shown already;
    `partial`: it was read from somewhere in the middle on."""
    told = list(before.facts.events()) if before is not None else []
    window = for_screen(before.window, screen) if before is not None else None
    past = Rebase(window, rows.overlay, tuple(rows.tail))
    return Loaded(rows.state, past, rows.state.rows, [*told, *rows.facts.events()], partial)


def shown(before: Known) -> Loaded:
    """The past as the database has it: rows are on the screen before anything is read of the fold or of files."""
    state = State(before.rows, before.turn)
    return Loaded(state, Rebase(for_screen(before.window), {}, ()), before.rows, before.facts.events())


def gain(
    path: Path, before: Known, format: Format, *, at_once: bool, screen: int = 0
) -> tuple[Rest, Loaded | Callable[[Session], None]]:
    """Read what the files gained since; what stands there now, and the news of it. `at_once`: `shown` was put before;
    otherwise the screen has so many rows of the end already.

    Raises StoreError.
    """
    window = before.window
    if at_once:  # a connection of our own: the screen reads now
        window = window.again(SLOW)
    rows = Rows(before.state(window), before.rows)
    if at_once:
        window.close()
    rest = Rest(path, msgspec.structs.replace(before, sources=before.reading()), format)
    for events in rest:
        rows.add(events)
    if not at_once:
        return rest, loaded(rows, before, screen)
    news = Gained(rows.state, rows.changes(before.rows), rows.facts.events())
    return rest, lambda session: session.gain(news)


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


def copy_in_words(path: Path, host: str) -> str:
    """What is said of a session whose rows are all there is of it here."""
    if host:
        return f"This session is on {host}. What is shown is what the archive has of it."
    return f"{path.name} was deleted by its agent. This is the copy that Playhead has kept of it."


def size_of_file(path: Path) -> int:
    try:
        return views.stat(path).st_size
    except OSError:
        return 0
