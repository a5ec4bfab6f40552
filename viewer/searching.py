"""Search in the window: the page beside the transcript, and the way from a hit to its row. Base of the window.

On top of the composer's part. The page is made when it is first wanted.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from typing_extensions import override

from store.events import ItemId
from store.paths import data_dir
from viewer.composer.window import Prompting
from viewer.sessions.filter import ARCHIVED, DELETED
from viewer.trail import Spot, Trail

if TYPE_CHECKING:
    from store.search import Hit
    from viewer.search.pane import SearchPane
    from viewer.timeline.model import TimelineModel


class Searching(Prompting):
    """See the module."""

    trail: Trail  # where the reader was before each jump
    _search: SearchPane | None = None
    _sought: tuple[str, ItemId, TimelineModel, str] | None = None  # where to go, and for what, once it has been read
    _sought_at = 0  # travels of the view then

    @property
    def search(self) -> SearchPane:
        if self._search is None:
            from viewer.search.asker import Asker
            from viewer.search.pane import SearchPane

            made = self._search = SearchPane(Asker(self.jobs, data_dir() / "playhead.db", self), self.look)
            made.chosen.connect(self.on_hit)
            made.left.connect(self.close_search)
            self.left.addWidget(made)
            made.set_session(self._searchable())
        return self._search

    def make_search(self) -> None:
        """Called once, by the window."""
        self.trail = Trail()
        self._show_trail()
        self.desk.shown.connect(self.on_shown_to_search)
        self.sessions.search_wanted.connect(self.search_for)
        for name in ("next_failure", "previous_failure"):  # letters: fields and lists have their own
            action = self.actions_[name]
            self.removeAction(action)
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            self.pane.addAction(action)

    def on_find(self) -> None:
        """In the open session, if there is one."""
        self._show_search(here=True)

    def on_search(self) -> None:
        self._show_search(here=False)

    def search_for(self, text: str) -> None:
        """What was typed to filter sessions by name, in their texts."""
        self._show_search(here=False)
        self.search.search(" ".join(word for word in text.split() if word not in (ARCHIVED, DELETED)))

    def _show_search(self, *, here: bool) -> None:
        self.sessions_dock.show()
        self.left.setCurrentWidget(self.search)
        self.search.open(here=here)

    def close_search(self) -> None:
        """Back to the list and to the transcript."""
        self.search.stop()
        self.left.setCurrentWidget(self.sessions)
        (self.pane if self.desk.current is not None else self.sessions.list).setFocus(Qt.FocusReason.OtherFocusReason)

    def on_next_hit(self) -> None:
        self._step(1)

    def on_previous_hit(self) -> None:
        self._step(-1)

    def _step(self, by: int) -> None:
        if self._search is None or not self.search.list.step(by):
            self.status.set_hint("No further hit." if self._search is not None else "Search first: Ctrl+Shift+F.")

    # ---- to the row

    def on_hit(self, hit: Hit, go: bool) -> None:
        """Show the row. `go`: and go on there with the keyboard."""
        self._forget_sought()
        self.leave_place()
        self.close_panel()
        current = self.desk.current
        if current is None or current.key != hit.session:
            self.open_path(hit.session)
            current = self.desk.current
        if current is None or current.key != hit.session:
            return  # it could not be opened: that has been said
        view = self.pane.view
        if not view.geo.fits or current.model.position_of(ItemId(hit.item)) is None:
            view.set_follow(False)  # what comes at the end must not lead away from it
        snippet = hit.snippet
        words = " ".join(snippet.text[start:end] for start, end in snippet.matches[:1])
        if not view.reveal(ItemId(hit.item), words):
            self._sought = (hit.session, ItemId(hit.item), current.model, words)
            self._sought_at = view.travels
            current.model.applied.append(self._seek)
        self.land_place()
        if go:
            self.pane.setFocus(Qt.FocusReason.OtherFocusReason)

    def _seek(self) -> None:
        """More of the session has been read. Who has gone on meanwhile is not called back."""
        if self._sought is not None and self.pane.view.travels != self._sought_at:
            self._forget_sought()
        elif self._sought is not None and self.pane.view.reveal(self._sought[1], self._sought[3]):
            self._forget_sought()
            self.land_place()

    def on_item_chosen(self, item: str) -> None:
        """A line of the turns and figures leads to a row."""
        self.leave_place()
        if self.pane.view.reveal(ItemId(item)):
            self.land_place()
            (self.panel if self.panel_shown else self.pane).setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.status.set_hint("This row is not read yet.")

    # ---- and back

    @override
    def leave_place(self) -> None:
        here = self._here()
        if here is not None:
            self.trail.leave(here)
            self._show_trail()

    @override
    def land_place(self) -> None:
        here = self._here()
        if here is not None:
            self.trail.land(here)

    def on_back(self) -> None:
        self._go(self.trail.back(self._here(), self._reachable))

    def on_forward(self) -> None:
        self._go(self.trail.forward(self._here(), self._reachable))

    def _reachable(self, spot: Spot) -> bool:
        """What was deleted does not come back by this, and a stream that was closed is gone."""
        path = self.path_of(spot.session)
        opened = self.desk.opened(spot.session) is not None
        return opened or (Path(path).is_absolute() and self.shelf.state_of(path) != "deleted")

    def _here(self) -> Spot | None:
        current = self.desk.current
        return None if current is None else Spot(current.key, self.pane.view.place())

    def _go(self, spot: Spot | None) -> None:
        self._show_trail()
        if spot is None:
            return
        self._forget_sought()
        self.close_panel()
        key = spot.session
        if self.desk.opened(key) is not None:
            self.desk.show_session(key)
        else:
            self.open_path(key := self.path_of(key))  # a stream that is over is read as a file
        if self.desk.current is not None and self.desk.current.key == key:
            self.pane.view.clearSelection()
            self.pane.view.restore_place(spot.place)
            self.pane.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_trail(self) -> None:
        for name, able in zip(("back", "forward"), self.trail.can, strict=True):
            self.actions_[name].setEnabled(able)

    def _forget_sought(self) -> None:
        if self._sought is not None:
            self._sought[2].applied.remove(self._seek)
            self._sought = None

    def on_shown_to_search(self, key: str) -> None:
        if self._sought is not None and self._sought[0] != key:
            self._forget_sought()
        if self._search is not None:
            self._search.set_session(self._searchable())

    def _searchable(self) -> str:
        current = self.desk.current
        return current.key if current is not None else ""
