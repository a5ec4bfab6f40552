"""The sessions that are open and which of them is in the timeline: models, places, folds, unread. Used by window."""

from __future__ import annotations

import time
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from store.delta import Delta, Header, Row, SessionsDelta
from store.items import Raw
from viewer import garbage, wording
from viewer.place import Place, Places
from viewer.timeline.model import TimelineModel

if TYPE_CHECKING:
    from store.live import Live
    from viewer.timeline.pane import TimelinePane

# Headers know whole seconds, and a file is written a little after the moment its record tells.
SLACK: Final = 2 * wording.SECOND
OPEN: Final = 8  # files that are kept open; the one not looked at for longest is closed


class Opened:
    """One open session."""

    __slots__ = ("file", "first_unread", "header", "key", "model", "place", "raw", "since", "unread")

    def __init__(self, key: str, model: TimelineModel, place: Place, *, file: bool) -> None:
        self.key = key
        self.model = model
        self.header: Header | None = None
        self.place = place
        self.file = file  # it can be closed and opened again at no loss
        self.since = time.time_ns() // 1000
        self.unread = 0
        self.first_unread = ""  # the first item that came while nobody looked
        self.raw = 0  # rows that were not understood, as far as they are known

    def arrived(self, told: Header | None) -> Header | None:
        """The header of a stream: what comes comes now, also if recorded yesterday or with no time at all."""
        now = time.time_ns() // 1000
        known = self.header.updated if self.header is not None else None
        header = told or self.header
        if header is None or (told is None and known is not None and now < known + wording.SECOND):
            return None
        return msgspec.structs.replace(header, updated=now)


class Desk(QObject):
    """See the module. Takes every Delta; what is not in the timeline costs its model's apply and nothing else."""

    shown = Signal(str)  # key of the session in the timeline; '' is none
    headed = Signal(str, object)  # key, Header
    listed = Signal(object)  # SessionsDelta: open sessions that the search does not know, streams above all
    unread = Signal(str, int)  # key, how many rows came since it was looked at; -1: some

    def __init__(self, live: Live, pane: TimelinePane, places: Places, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._live = live
        self._pane = pane
        self._view = pane.view
        self._places = places
        self._open: OrderedDict[str, Opened] = OrderedDict()  # looked at last: last
        self.follow_default = True
        self._found: set[str] = set()  # sessions that the search has told about
        self._shown_rows: dict[str, Row] = {}  # and those that only we list
        self.current: Opened | None = None
        live.changed.connect(self.on_changed)

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
            opened = self._open[key] = Opened(key, TimelineModel(self), place, file=file)
        self._live.drain(key)  # nothing of it may be missing at this moment
        self._open.move_to_end(key)
        self.current = opened
        place = opened.place
        self._view.set_over(opened.header is not None and opened.header.state in wording.OVER)
        self._pane.set_model(opened.model)
        self._view.restore_folds(place.folds)
        if opened.first_unread:
            self._view.mark_unread(opened.model.position_of(opened.first_unread))
        # The view keeps it in mind until its row has been read.
        self._view.restore_place((place.item, place.offset, place.follow))
        opened.unread, opened.first_unread = 0, ""
        self._places.visit(key)
        self._places.mark(key, 0)
        self.unread.emit(key, 0)
        self.shown.emit(key)
        if opened.header is not None:
            self.headed.emit(key, opened.header)
        self._evict()

    def close_session(self, key: str) -> None:
        """Stop reading it. What runs in it is ended: the window has asked before."""
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
        """The session looked at before this one; '' when there is none."""
        now = self.current.key if self.current is not None else ""
        return next((key for key in reversed(self._open) if key != now), "")

    def opened(self, key: str) -> Opened | None:
        return self._open.get(key)

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
        opened.model.apply(delta)
        opened.raw += _raw(delta)
        header = delta.header
        if not opened.file:
            header = opened.arrived(header)
        if header is not None:
            opened.header = header
            self._list(opened)
            self.headed.emit(opened.key, header)
        if opened is not self.current and delta.added and delta.rebase is None:
            if not opened.first_unread:
                opened.first_unread = delta.added[0].id
            opened.unread += len(delta.added)
            self._places.mark(opened.key, opened.unread)
            self.unread.emit(opened.key, opened.unread)

    def on_sessions(self, delta: SessionsDelta) -> None:
        """Sessions that were looked at once and have grown since are unread, also when that was before a restart."""
        for row in delta.put:
            self._found.add(row.id)
            self._shown_rows.pop(row.id, None)
            if row.id in self._open or row.id not in self._places:
                continue
            seen = self._places[row.id].seen
            if seen is not None and row.updated is not None and row.updated > seen + SLACK:
                self.unread.emit(row.id, self._places.marks.get(row.id, 0) or -1)

    # ---- how

    def _leave(self) -> None:
        if self.current is None:
            return
        self._live.drain(self.current.key)
        self._remember(self.current)
        self.current = None

    def _remember(self, opened: Opened) -> None:
        seen = opened.header.updated if opened.header is not None else None
        item, offset, follow = self._view.place()
        opened.place = Place(item, offset, follow, dict(self._view.fold_state()), seen or opened.place.seen)
        if opened.file:
            self._places.put(opened.key, opened.place)

    def _list(self, opened: Opened) -> None:
        """A line in the list for what the search does not find: demos, pipes, processes, files from elsewhere."""
        if opened.key in self._found or opened.header is None:
            return
        row = row_of(opened.key, opened.header, opened.file, opened.since)
        if self._shown_rows.get(opened.key) != row:
            self._shown_rows[opened.key] = row
            self.listed.emit(SessionsDelta((row,)))

    def _evict(self) -> None:
        files = [opened for opened in self._open.values() if opened.file and opened is not self.current]
        for opened in files[: max(0, len(files) + 1 - OPEN)]:
            self._forget(opened)

    def _forget(self, opened: Opened) -> None:
        del self._open[opened.key]
        self._live.close(opened.key)
        kept = opened.file and Path(opened.key).exists()
        if self._shown_rows.get(opened.key) is not None and not kept:
            del self._shown_rows[opened.key]  # a stream that is closed is gone; a file can be opened again
            self.listed.emit(SessionsDelta(gone=(opened.key,)))
        opened.model.deleteLater()
        QTimer.singleShot(0, garbage.collect)  # after the model is gone


def row_of(key: str, header: Header, file: bool, since: int) -> Row:
    """The list's line for an open session. `since`: when it was opened, for streams that say no times."""
    state = header.state if header.state in ("idle", "ended", "failed") else "live"
    if header.trouble and header.state == "opening":
        state = "failed"
    folder = header.cwd.rstrip("/").rpartition("/")[2]
    size = 0
    if file:
        try:
            size = Path(key).stat().st_size
        except OSError:
            state = "failed"
    title = header.title or (Path(key).name if file else "")
    return Row(
        key, agent=header.adapter or header.agent, title=title, cwd=header.cwd, project=folder,
        started=header.started, updated=header.updated or since, state=state, bytes=size, path=key if file else "",
        session=header.id,
    )  # fmt: skip


def _raw(delta: Delta) -> int:
    count = sum(isinstance(item, Raw) for item in delta.added)
    if delta.rebase is not None:
        count += sum(isinstance(item, Raw) for item in delta.rebase.tail)
    return count
