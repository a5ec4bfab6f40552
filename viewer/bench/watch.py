"""Sees what the app of `viewer.bench.child` paints, and says so on stdout."""

from __future__ import annotations

import sys
import time

import orjson
from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QPaintEvent

from viewer.app import App


class Watch(QObject):
    """Sees every paint of the transcript, after it happened."""

    def __init__(self, app: App, seconds: float, rows: int) -> None:
        super().__init__()
        self.app = app
        self.seconds = seconds
        self.rows = rows
        self.view = app.window.pane.view
        self.painted: list[tuple[int, float]] = []  # so many rows there were, and when; asked for no more meanwhile
        self.told = False
        self.ready = False
        self.first = self.known = 0
        self.cpu = 0.0
        self.began = 0.0
        paint = self.view.paintEvent

        def painted(event: QPaintEvent) -> None:
            paint(event)
            self.on_painted()

        # In the place of the method, not as an event filter: that would be asked about every event of the view.
        setattr(self.view, "paintEvent", painted)  # noqa: B010 - a method, for the type checker

    def on_painted(self) -> None:
        now = time.monotonic()
        model = self.view.timeline
        if model is None or not model.length:
            return
        if not self.told:
            self.told = True
            say("painted", now)
        if self.ready and model.length > self.known:
            self.known = model.length
            self.painted.append((self.known, now))
            if self.rows and self.known - self.first >= self.rows:
                self.finish()

    def look(self) -> None:
        """Is the whole session there? A big one is imported first."""
        current = self.app.window.desk.current
        ingests = self.app.live.feeds._files.values()
        busy = any(ingest._import is not None for ingest in ingests)
        begun = current is not None and current.header is not None and current.header.state != "opening"
        if not self.told or busy or not begun or self.app.live.hub.pending:
            QTimer.singleShot(20, self.look)
            return
        assert self.view.timeline is not None
        self.first = self.known = self.view.timeline.length
        self.ready = True
        self.began = time.monotonic()
        self.cpu = time.process_time()
        say("ready", self.began)
        QTimer.singleShot(int(self.seconds * 1000), self.finish)

    def finish(self) -> None:
        cpu, seconds = time.process_time() - self.cpu, time.monotonic() - self.began
        painted: dict[str, float] = {}
        model, row = self.view.timeline, self.first
        for end, at in self.painted:
            while model is not None and row < end:
                painted[model.item(row).id] = at
                row += 1
        say("done", {"painted": painted, "cpu": cpu, "seconds": seconds})
        self.app.window.close()
        self.app.shutdown()


def say(what: str, value: object) -> None:
    sys.stdout.buffer.write(orjson.dumps([what, value]) + b"\n")
    sys.stdout.buffer.flush()
