"""What a payload would lead to, as the form stands: verdict, key and how it came about, filter, prompt, command line.

Worked out in a job, a moment after the last change; an older answer that comes late is not shown.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QComboBox, QLabel, QPlainTextEdit, QVBoxLayout, QWidget
from typing_extensions import override

from store import triggers
from store.errors import StoreError
from store.trigger import checked
from store.triggers import Delivery, Preview, Trigger
from viewer import wording
from viewer.jobs import Jobs
from viewer.panel import fields
from viewer.panel.parts import FAILED, MUTED, Part
from viewer.theme.look import Look

PAUSE: Final = 250  # ms without a change: nobody reads while they type
SHOWN: Final = 20_000  # characters of a prompt on the screen
TOKENS: Final = {"accepted": "state.ok", "skipped": "state.waiting", "refused": "state.failed"}


class TriggerPreview(Part):
    """See the module. `values` gives what stands in the form now."""

    def __init__(
        self, jobs: Jobs, db: Path, values: Callable[[], tuple[Trigger, Mapping[str, Any]]], look: Look,
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(look, parent)
        self._jobs, self._db, self._values = jobs, db, values
        self._asked = self._taken = 0
        self.found: Preview | None = None
        self.past = QComboBox()
        self.past.setAccessibleName("Payload of a past delivery")
        self.past.setToolTip("Take the payload of a delivery that came in")
        self.payload = QPlainTextEdit()
        self.payload.setAccessibleName("Payload")
        self.payload.setPlaceholderText('Paste a payload: {"action": "opened", "pull_request": {"number": 12}, …}')
        self.headers = QPlainTextEdit()
        self.headers.setAccessibleName("Headers")
        self.headers.setPlaceholderText("Headers, one per line: X-GitHub-Event: pull_request")
        for box in (self.payload, self.headers):
            box.setProperty("field", "true")
            box.setTabChangesFocus(True)
            box.textChanged.connect(self.soon)
        self.verdict = self.label("", MUTED, "ui.bold", wrap=True)
        self.verdict.setAccessibleName("What would happen")
        self.lines: dict[str, QLabel] = {}
        column = QVBoxLayout(self)
        self.spaced(column, 6)
        column.addWidget(self.label("Try it", font="ui.bold"))
        column.addWidget(self.past)
        column.addWidget(self.payload)
        column.addWidget(self.headers)
        column.addWidget(self.verdict)
        for name in ("Thread", "Session", "Event", "Filter"):
            self._told(column, name)
        self.prompt, self.command = QPlainTextEdit(), QPlainTextEdit()
        for name, view in (("Prompt", self.prompt), ("Command", self.command)):
            title = self.label(name, MUTED, "meta")
            column.addWidget(title)
            view.setReadOnly(True)
            view.setProperty("field", "true")
            view.setAccessibleName(name)
            view.setTabChangesFocus(True)
            column.addWidget(view)
        self.cut = self.label("", MUTED, "meta", wrap=True)
        column.addWidget(self.cut)
        column.addStretch()
        self._clock = QTimer(self)
        self._clock.setSingleShot(True)
        self._clock.setInterval(PAUSE)
        self._clock.timeout.connect(self.work)
        self.past.activated.connect(self.on_past)
        self.set_look(look)
        self._blank("Paste a payload, or take one that came in, to see what it would do.")

    def _told(self, column: QVBoxLayout, name: str) -> None:
        line = self.line(8)
        title = self.label(name, MUTED, "meta")
        text = self.label("", "text.main", "meta", wrap=True)
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        text.setAccessibleName(name)
        self.lines[name] = text
        line.addWidget(title, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(text, 1)
        column.addLayout(line)
        title.setProperty("wide", True)

    @override
    def set_look(self, look: Look) -> None:
        super().set_look(look)
        high = look.metrics("mono").lineSpacing()
        for box, lines in ((self.payload, 6), (self.headers, 2), (self.prompt, 6), (self.command, 3)):
            box.setFont(look.font("mono"))
            box.setFixedHeight(high * lines + look.px(16))
        for label in self.findChildren(QLabel):
            if label.property("wide"):
                label.setFixedWidth(look.px(56))

    # ---- what it is tried on

    def set_past(self, found: tuple[Delivery, ...]) -> None:
        """Deliveries whose payload can be taken. One that is on its way was another trigger's."""
        self._taken += 1
        self.past.clear()
        self.past.addItem("A past delivery…" if found else "No delivery came in yet", None)
        for one in found[:50]:
            what = " ".join(part for part in (one.event, one.action) if part) or one.source
            self.past.addItem(f"{wording.full(one.received)} · {what} · {one.sender or 'nobody'}", one)
        self.past.setEnabled(bool(found))

    def on_past(self, at: int) -> None:
        one = self.past.itemData(at)
        if one is not None:
            self.take(one)

    def take(self, one: Delivery) -> None:
        """Its payload, as it came; of several that were asked for the last one."""
        self._taken += 1
        db, number = self._db, self._taken

        def failed(error: Exception) -> None:
            if number == self._taken:
                self._blank(str(error), "state.failed")

        def took(payload: bytes) -> None:
            if number != self._taken:
                return
            self.headers.setPlainText(f"X-GitHub-Event: {one.event}" if one.source == "github" and one.event else "")
            self.payload.setPlainText(payload.decode("utf-8", "replace"))

        self._jobs.run(lambda: triggers.payload_of(db, one.id), took, failed)

    # ---- working it out

    def soon(self) -> None:
        """Something has changed."""
        self._clock.start()

    def work(self) -> None:
        """In a job."""
        self._clock.stop()
        self._asked += 1
        text = self.payload.toPlainText()
        if not text.strip():
            self._blank("Paste a payload, or take one that came in, to see what it would do.")
            return
        old, values = self._values()
        headers = fields.headers_of(self.headers.toPlainText())

        def tried() -> Preview:
            made, _ = checked(values, old)
            return triggers.preview(made, text.encode(), headers)

        self._jobs.run(tried, partial(self._show, self._asked), partial(self._failed, self._asked))

    def _blank(self, text: str, tone: str = MUTED) -> None:
        self.found = None
        self.verdict.setText(text)
        self.tone(self.verdict, tone)
        for label in self.lines.values():
            label.setText("–")
        for box in (self.prompt, self.command):
            box.clear()
        self.cut.clear()

    def _failed(self, number: int, error: Exception) -> None:
        if number != self._asked:
            return
        if not isinstance(error, StoreError):
            self._jobs.failed.emit(error)
        self._blank(str(error), FAILED)

    def _show(self, number: int, found: Preview) -> None:
        if number != self._asked:
            return
        self.found = found
        self.verdict.setText(f"{found.verdict.capitalize()}. {found.reason}".strip())
        self.tone(self.verdict, TOKENS.get(found.verdict, MUTED))
        told = {
            "Thread": f"{found.key or '–'}\n{found.how}".strip(),
            "Session": found.why_no_resume or "Goes on in the session of its thread, if it has one.",
            "Event": " · ".join(part for part in (found.event, found.action, found.sender) if part) or "–",
            "Filter": "\n".join(one.told for one in found.conditions) or "None: every event fits.",
        }
        for name, text in told.items():
            self.lines[name].setText(text)
        self.prompt.setPlainText(found.prompt[:SHOWN])
        given = f"  < {wording.size(len(found.stdin))} on standard input" if found.stdin is not None else ""
        self.command.setPlainText(shlex.join(found.command) + given if found.command else "–")
        missing = f"Not in this payload: {', '.join(found.missing)}." if found.missing else ""
        self.cut.setText(" ".join(part for part in (found.cut, missing) if part))
