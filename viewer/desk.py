"""The sessions that are open and which of them is in the timeline: models, places, folds, unread. Used by window.

A session that nobody looks at is released after a while, when its agent is not at work: its model, its worker and its
connection go, and what brings it back as it was stays.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from store.delta import Delta, Row, SessionsDelta
from store.paths import there
from viewer import garbage, wording
from viewer.opened import Left, Opened, raw_rows, row_of
from viewer.pace import Pace
from viewer.place import Place, Places
from viewer.timeline.model import TimelineModel

if TYPE_CHECKING:
    from store.live import Live
    from viewer.timeline.pane import TimelinePane

# Headers know whole seconds, and a file is written a little after the moment its record tells.
SLACK: Final = 2 * wording.SECOND
OPEN: Final = 8  # files that are kept open besides those whose agent is at work; the one left longest ago goes
RELEASE: Final = 20_000  # ms after which a session that is not looked at is, if its agent is not at work
LIST: Final = 250  # ms between two changes of a line in the list for a session that goes on
LINES: Final = 2  # lines that change within one frame
LEFT: Final = 50  # released sessions that come back as they were; older ones come back at their place
ACTIVE: Final = ("live", "waiting", "idle")  # what the list says of a session whose agent is there


class Desk(QObject):
    """See the module. Takes every Delta; what is not in the timeline costs its model's apply and nothing else."""

    shown = Signal(str)  # key of the session in the timeline; '' is none
    headed = Signal(str, object)  # key, Header
    listed = Signal(object)  # SessionsDelta: open sessions that the search does not know, streams above all
    closing = Signal(str)  # a session that will be forgotten now
    unread = Signal(str, int)  # key, how many rows came since it was looked at; -1: some

    def __init__(self, live: Live, pane: TimelinePane, places: Places, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._live = live
        self._pane = pane
        self._view = pane.view
        self._places = places
        self._open: OrderedDict[str, Opened] = OrderedDict()  # looked at last: last
        self.follow_default = True
        self._left: OrderedDict[str, Left] = OrderedDict()
        self._waits: dict[str, QTimer] = {}  # until a session is released
        self._due: set[str] = set()  # would be released, but for its agent or its import
        self._reading: set[str] = set()  # sessions that an import is at
        self._states: dict[str, str] = {}  # of the sessions that the search has told about
        self._names: dict[str, str] = {}  # a journal that is read as a file → its name in the list
        self._shown_rows: dict[str, Row] = {}  # and those that only we list
        self._found: dict[str, Row] = {}  # what the search says of streams that are open
        self.current: Opened | None = None
        self._lines = Pace(LIST, self._tell_list, self, LINES)
        live.told.append(self.on_changed)
        live.progress.connect(self.on_progress)

    @property
    def telling(self) -> bool:
        """Whether the list has not heard of everything yet."""
        return self._lines.waiting

    # ---- commands

    def open_file(self, path: str, *, follow: bool = False) -> str:
        """Read a session file and show it; `follow`: at its end, wherever the reader left it."""
        key = self._live.open(path)
        self.show_session(key, file=True)
        if follow:
            self._view.set_follow(True)
        return key

    def show_session(self, key: str, *, file: bool = False) -> None:
        """Put an open session into the timeline, where the reader left it."""
        if self.current is not None and self.current.key == key:
            return
        self._leave()
        opened = self._open.get(key)
        if opened is None:  # before the drain: what it brings must find its model
            place = self._places[key] if key in self._places else Place(follow=self.follow_default)
            left = self._left.pop(key, None)
            if left is not None:
                place = left.place
            opened = self._open[key] = Opened(key, TimelineModel(self), place, file=file, left=left)
        self._look_again(key)
        self._live.drain(key)  # nothing of it may be missing at this moment
        self._open.move_to_end(key)
        self.current = opened
        place = opened.place
        self._view.set_over(opened.header is not None and opened.header.state in wording.OVER)
        self._pane.set_model(opened.model)
        self._view.restore_folds(place.folds)
        if opened.first_unread:
            self._view.mark_unread(opened.model.position_of(opened.first_unread))
        if opened.selected is not None:
            self._view.restore_selection(opened.selected)
            opened.selected = None
        # The view keeps it in mind until its row has been read.
        self._view.restore_place((place.item, place.offset, place.follow))
        self._come_back(opened)
        opened.unread, opened.first_unread = 0, ""
        self._places.visit(key)
        self._places.mark(key, 0)
        self.unread.emit(self.listed_as(key), 0)
        self.shown.emit(key)
        if opened.header is not None:
            self.headed.emit(key, opened.header)
        self._evict()

    def close_session(self, key: str) -> None:
        """Stop reading it. What runs in it is ended: the window has asked before."""
        self._left.pop(key, None)
        opened = self._open.get(key)
        if opened is None:
            return
        if opened is self.current:
            self._leave()
            self._pane.set_model(None)
        self._forget(opened)
        if self.current is None:
            self.shown.emit("")

    def before(self) -> str:
        """The session looked at before this one, released or not; '' when there is none."""
        now = self.current.key if self.current is not None else ""
        there = {*self._open, *self._left} - {now}
        return next((key for key in self._places.recent if key in there), "")

    def show_again(self, key: str) -> None:
        """A session that `before` named."""
        if key in self._open:
            self.show_session(key)
        elif key in self._left:
            self.open_file(key)

    def opened(self, key: str) -> Opened | None:
        return self._open.get(key)

    def listed_as(self, key: str) -> str:
        """The id in the list of an open session."""
        return self._names.get(key, key)

    def save(self) -> None:
        """Remember where the reader is, for the next start."""
        if self.current is not None:
            self._remember(self.current)
        self._places.save()

    # ---- told

    def on_changed(self, delta: Delta) -> None:
        opened = self._open.get(delta.session)
        if opened is None:
            return
        empty = not opened.model.length
        opened.model.apply(delta)
        if opened.left is not None and (empty or delta.rebase is not None):
            self._come_back(opened)
        opened.raw += raw_rows(delta)
        header = delta.header
        if not opened.file:
            header = opened.arrived(header)
        if header is not None:
            opened.header = header
            self.headed.emit(opened.key, header)
        if opened is not self.current and delta.added and delta.rebase is None:
            if not opened.first_unread:
                opened.first_unread = delta.added[0].id
            opened.unread += len(delta.added)
            self._places.mark(opened.key, opened.unread)
            self._lines.news(opened.key)
        elif header is not None:
            self._lines.news(opened.key)

    def as_told(self, delta: SessionsDelta) -> SessionsDelta:
        """The same, with what open streams say of themselves: their files do not tell that somebody is waited for."""
        if all(opened.file for opened in self._open.values()):
            return delta
        return msgspec.structs.replace(delta, put=tuple(map(self._told, delta.put)))

    def _told(self, row: Row) -> Row:
        key = row.id if row.id in self._open else row.path or row.id
        opened = self._open.get(key)
        if opened is None or opened.file or opened.header is None:
            return row
        self._found[key] = row
        return msgspec.structs.replace(row, state=row_of(key, opened.header, False, opened.since).state)

    def on_sessions(self, delta: SessionsDelta) -> None:
        """Sessions that were looked at once and have grown since are unread, also when that was before a restart."""
        for row in delta.put:
            key = row.id if row.id in self._open else row.path or row.id
            self._states[key] = row.state
            ours = self._shown_rows.pop(key, None)
            if key != row.id:
                self._names[key] = row.id
                if ours is not None:
                    self.listed.emit(SessionsDelta(gone=(key,)))
            if key in self._due:
                self._wait(key)
            if key in self._open or key not in self._places:
                continue
            seen, count = self._places[key].seen, self._places.marks.get(key, 0)
            if seen is not None and row.updated is not None and row.updated > seen + SLACK:
                left = self._left.get(key)
                if left is not None and row.updated > (left.updated or 0) + SLACK:
                    count = 0  # more than were counted while it was open
                self.unread.emit(row.id, count or -1)
        for id in delta.gone:
            self._states.pop(id, None)
            for key in [key for key, name in self._names.items() if name == id]:
                del self._names[key]
                self._states.pop(key, None)

    def on_progress(self, key: str, done: int, total: int) -> None:
        """An import that would have to begin anew is not ended for a little memory."""
        if done < total and key in self._open:
            self._reading.add(key)
        else:
            self._reading.discard(key)
            if key in self._due:
                self._wait(key)

    # ---- how

    def _leave(self) -> None:
        if self.current is None:
            return
        self._live.drain(self.current.key)
        self._remember(self.current)
        key, self.current = self.current.key, None
        self._wait(key)

    def _remember(self, opened: Opened) -> None:
        seen = opened.header.updated if opened.header is not None else None
        item, offset, follow = self._view.place()
        opened.place = Place(item, offset, follow, dict(self._view.fold_state()), seen or opened.place.seen)
        opened.selected = self._view.selection_state()
        if opened.file:
            self._places.put(opened.key, opened.place)

    def _tell_list(self, keys: Sequence[str]) -> None:
        """A line in the list for what the search does not find (demos, pipes, processes, files from elsewhere), and
        what is unread in those that are not looked at."""
        lines: list[Row] = []
        for opened in filter(None, map(self._open.get, keys)):
            if opened.key not in self._states and opened.header is not None:
                row = row_of(opened.key, opened.header, opened.file, opened.since)
                if self._shown_rows.get(opened.key) != row:
                    self._shown_rows[opened.key] = row
                    lines.append(row)
            elif opened.key in self._found:
                lines.append(self._told(self._found[opened.key]))
        if lines:
            self.listed.emit(SessionsDelta(tuple(lines)))
        for opened in filter(None, map(self._open.get, keys)):
            if opened is not self.current and opened.unread:
                self.unread.emit(self.listed_as(opened.key), opened.unread)

    # ---- released, and back

    def _wait(self, key: str) -> None:
        """Nobody looks at it: release it in a while, if nobody does until then."""
        self._due.discard(key)
        opened = self._open.get(key)
        if opened is None or not opened.file or opened is self.current or key in self._waits:
            return
        timer = self._waits[key] = QTimer(self)
        timer.setSingleShot(True)
        timer.timeout.connect(lambda: self._release_if_idle(key))
        timer.start(RELEASE)

    def _look_again(self, key: str) -> None:
        self._due.discard(key)
        timer = self._waits.pop(key, None)
        if timer is not None:
            timer.stop()
            timer.deleteLater()

    def _release_if_idle(self, key: str) -> None:
        """Its time is over. If it cannot go now, the news that change this start the time anew."""
        self._look_again(key)
        opened = self._open.get(key)
        if opened is None or opened is self.current:
            return
        # What the search does not know would not be told of any more.
        if key in self._reading or self._at_work(opened) or key not in self._states:
            self._due.add(key)
        else:
            self._release(opened)

    def _at_work(self, opened: Opened) -> bool:
        listed = self._states.get(opened.key)
        if opened.key in self._live.busy() or (opened.header is not None and opened.header.queued):
            return True  # a run of ours works in it, or what was typed waits there
        return opened.at_work if listed is None else listed in ACTIVE

    def _release(self, opened: Opened) -> None:
        """Let go of all that can be had again. Rows that nobody has seen stay unread."""
        self._live.drain(opened.key)
        if opened.key not in self._open:
            return  # whoever heard of what was drained has closed it
        self._left[opened.key] = opened.leave()
        self._left.move_to_end(opened.key)
        while len(self._left) > LEFT:
            self._left.popitem(last=False)
        self._forget(opened)

    def _come_back(self, opened: Opened) -> None:
        """A released session has rows again: what is new, and what was selected."""
        left = opened.left
        if left is None or opened is not self.current or not opened.model.length:
            return
        there = opened.model.position_of(left.last) is not None
        if not there and opened.model.base == 0 and left.last:
            return  # the end of a long session: the whole of it follows
        row = opened.new_row(left)
        opened.left = None
        if row is not None:
            self._view.mark_unread(row)
        if left.selected is not None:
            self._view.restore_selection(left.selected)

    def _evict(self) -> None:
        files = [opened for opened in self._open.values() if opened.file and opened is not self.current]
        idle = [opened for opened in files if not self._at_work(opened)]
        for opened in idle[: max(0, len(idle) + 1 - OPEN)]:
            self._release(opened)

    def _forget(self, opened: Opened) -> None:
        self._lines.drop(opened.key)
        self.closing.emit(opened.key)
        self._look_again(opened.key)
        self._reading.discard(opened.key)
        del self._open[opened.key]
        if (found := self._found.pop(opened.key, None)) is not None:
            self.listed.emit(SessionsDelta((found,)))
        self._live.close(opened.key)
        kept = opened.file and there(opened.key)
        if self._shown_rows.get(opened.key) is not None and not kept:
            del self._shown_rows[opened.key]  # a stream that is closed is gone; a file can be opened again
            self.listed.emit(SessionsDelta(gone=(opened.key,)))
        opened.model.deleteLater()
        QTimer.singleShot(0, garbage.collect)  # after the model is gone
