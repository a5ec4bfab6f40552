"""A real view over a real session for benches: shown offscreen, fed through the hub as the tick does it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QModelIndex, Slot
from PySide6.QtWidgets import QApplication

from store.delta import Rebase, Window
from store.events import Event
from store.fold import State
from store.hub import Hub
from store.session import Session
from store.told import Loaded
from viewer import garbage
from viewer.theme import apply, make_look
from viewer.timeline.model import TimelineModel
from viewer.timeline.pane import TimelinePane

SIZE = (1000, 800)
KEY = "bench"


class Cost(NamedTuple):
    """CPU seconds of a tick, each part with what came before it."""

    store: float  # events folded to one Delta
    flush: float  # the model and the rows' layouts changed
    whole: float  # painted


def application() -> QApplication:
    """The one application of this process."""
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        app = QApplication(["playhead-bench"])
        apply(app, make_look("dark"))
        garbage.tame()  # as the app does, for the life of this process
    return app


class Rig:
    """Hub, session, model and pane, wired as in the app but stepped by hand."""

    def __init__(self, window: Window | None, rows: int) -> None:
        self.app = application()
        self.hub = Hub(lambda: None)
        self.session = Session(KEY)
        self.hub.sessions[KEY] = self.session
        self.model = TimelineModel()
        self.pane = TimelinePane(make_look("dark"))
        self.pane.resize(*SIZE)
        self.pane.set_model(self.model)
        self.pane.show()
        self.inserted = 0
        self.changed = 0
        self.model.rowsInserted.connect(self.on_inserted)
        self.model.dataChanged.connect(self.on_changed)
        state = State(rows, rows // 10 + 1)
        if window is not None:
            self.hub.put(KEY, Loaded(state, Rebase(window, {}, ()), rows))
        self.step()
        self.app.processEvents()
        self.inserted = self.changed = 0

    @Slot(QModelIndex, int, int)
    def on_inserted(self, parent: QModelIndex, first: int, last: int) -> None:
        self.inserted += 1

    @Slot(QModelIndex, QModelIndex)
    def on_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        self.changed += 1

    def step(self, events: Sequence[Event] = ()) -> Cost:
        """One tick and its painting."""
        if events:
            self.hub.put(KEY, list(events))
        start = time.thread_time()
        deltas = self.hub.flush()
        stored = time.thread_time()
        for delta in deltas:
            self.model.apply(delta)
        flushed = time.thread_time()
        self.app.processEvents()
        return Cost(stored - start, flushed - start, time.thread_time() - start)

    def each(self, runs: Sequence[Sequence[Event]]) -> Cost:
        """The old way, for comparison: every event a tick of its own, painted once at the end as a window would."""
        store = 0.0
        start = time.thread_time()
        for events in runs:
            self.hub.put(KEY, list(events))
            before = time.thread_time()
            deltas = self.hub.flush()
            store += time.thread_time() - before
            for delta in deltas:
                self.model.apply(delta)
        flushed = time.thread_time()
        self.app.processEvents()
        return Cost(store, flushed - start, time.thread_time() - start)
