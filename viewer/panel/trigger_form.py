"""The form of one trigger: every field, what each is for, what is wrong with it, and its preview.

Nothing is kept before Save. A field that has no meaning for the chosen source or action is not shown; what a runner
cannot do is disabled and says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from store import triggers
from store.errors import StoreError
from store.offers import Offer
from store.trigger import FIELDS
from store.triggers import Saved, Trigger
from viewer.jobs import Jobs
from viewer.panel import fields
from viewer.panel.fields import Field
from viewer.panel.form_fields import COMMAND, PROMPT, RESUME, made, shown_for
from viewer.panel.parts import FAILED, Part
from viewer.panel.trigger_preview import TriggerPreview
from viewer.theme.look import Look

WIDE = 860  # px at zoom 1: from here on the preview stands beside the fields, and neither is cut


class TriggerForm(Part):
    """See the module."""

    saved = Signal(object)  # Saved
    left = Signal()  # without saving

    def __init__(self, jobs: Jobs, db: Path, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(look, parent)
        self._jobs, self._db = jobs, db
        self.trigger = Trigger()
        self._offers: dict[str, Offer] = {}
        self._saving = self._filling = False
        self.heading = self.label("New trigger", font="title")
        self.error = self.label("", FAILED, wrap=True)
        self.error.hide()
        self.cancel_button = QPushButton("Cancel")
        self.save_button = QPushButton("Save")
        self.save_button.setDefault(True)
        self.save_button.setToolTip("Check every field, then save (Enter in a line, Ctrl+Enter anywhere)")
        self.fields: dict[str, Field] = made(look)
        self.secret = fields.line("secret", "Secret", "", look)
        secret_box = self.secret.widget
        assert isinstance(secret_box, QLineEdit)  # noqa: S101  just made
        secret_box.setEchoMode(QLineEdit.EchoMode.Password)
        self.browse_button = QPushButton("Choose…")
        self.browse_button.setAccessibleName("Choose the working directory")
        self.preview = TriggerPreview(jobs, db, self.values_now, look)
        self._left = QWidget()
        left = self.spaced(QVBoxLayout(self._left), 12)
        for name, field in self.fields.items():
            self.part(field)
            left.addWidget(field)
            if name == "source":
                left.addWidget(self.part(self.secret))
            if name == "cwd":
                field.beside(self.browse_button)
            field.changed.connect(partial(self.on_edit, name))
        left.addStretch()
        self.part(self.preview)
        inner = QWidget()
        self._columns = self.spaced(QHBoxLayout(inner), 24, (16, 12, 16, 16))
        self._columns.addWidget(self._left, 5)
        self._columns.addWidget(self.preview, 4)
        self.area = QScrollArea()
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what is in it has the focus, and is scrolled to
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QScrollArea.Shape.NoFrame)
        self.area.setWidget(inner)
        top = self.line(8, (16, 12, 16, 8))
        top.addWidget(self.heading, 1)
        top.addWidget(self.cancel_button)
        top.addWidget(self.save_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        wrong = self.line(0, (16, 0, 16, 8))
        wrong.addWidget(self.error)
        column.addLayout(wrong)
        column.addWidget(self.hairline())
        column.addWidget(self.area, 1)
        self.cancel_button.clicked.connect(self.left)
        self.save_button.clicked.connect(self.save)
        self.browse_button.clicked.connect(self.on_browse)
        self.set_look(look)

    @override
    def set_look(self, look: Look) -> None:
        super().set_look(look)
        ground = look.colour("surface.window").name()
        self.area.setStyleSheet(f"QScrollArea, QScrollArea > QWidget > QWidget {{ background: {ground}; }}")
        self._fit()

    # ---- filled and read

    def set_offers(self, offers: tuple[Offer, ...]) -> None:
        """What the runners can do."""
        self._offers = {one.name: one for one in offers}
        box = self.fields["runner"]
        kept = box.read()
        fields.offer(box.widget, {one.name: one.title for one in offers})  # type: ignore[arg-type]
        box.write(kept or self.trigger.runner)
        self._together()

    def fill(self, trigger: Trigger) -> None:
        """Show this one; `id` 0 is a new one."""
        self.trigger = trigger
        self._filling = True
        self.heading.setText(f"Edit {trigger.name}" if trigger.id else "New trigger")
        self._modes(trigger.runner)
        for name, field in self.fields.items():
            value = getattr(trigger, name)
            if name == "filter":
                value = fields.filter_text(value)
            elif name == "own_authors":
                value = ", ".join(value)
            field.write(value)
            field.complain("")
        box = self.secret.widget
        assert isinstance(box, QLineEdit)  # noqa: S101  it is
        box.clear()
        where = {"keyring": "in the keyring", "file": "in a file for you alone", "env": "in a variable"}
        kept = where.get(trigger.secret_ref.partition(":")[0], "")
        box.setPlaceholderText("Unchanged" if kept else "Left empty: one is made and shown once")
        self.secret.explain(
            (f"Set; it lies {kept} and is never shown. Type a new one to change it." if kept else
             "What its sender signs with. It goes into the keyring, or into a file that only you can read.")
            + " env:NAME reads a variable."
        )  # fmt: skip
        self.error.hide()
        self._filling = False
        self._together()
        self.preview.work()

    def values(self) -> dict[str, Any]:
        """What stands there, as the store takes it."""
        found = {name: self.fields[name].read() for name in FIELDS if name in self.fields}
        found["filter"] = fields.filter_of(found["filter"])
        if self._no_command():
            found["command"] = ""
        if found["action"] == "script":
            found |= {"runner": self._runner(), "permission": "", "model": "", "resume_sessions": False}
        return found

    def values_now(self) -> tuple[Trigger, Mapping[str, Any]]:
        return self.trigger, self.values()

    # ---- what depends on what

    def on_edit(self, name: str) -> None:
        if self._filling:
            return
        self.fields[name].complain("")
        if name in ("source", "action", "runner"):
            self._together()
        self.preview.soon()

    def _runner(self) -> str:
        """The one that stands there, or the one that runs commands."""
        chosen: str = self.fields["runner"].read()
        script = self.fields["action"].read() == "script"
        return next((name for name, one in self._offers.items() if one.script), chosen) if script else chosen

    def _modes(self, runner: str) -> None:
        offer = self._offers.get(runner)
        modes = offer.modes if offer is not None else ()
        unsaid = offer.unsaid if offer is not None else "The program's own default"
        named = ({"": unsaid} if unsaid else {}) | {mode: mode for mode in modes}
        fields.offer(self.fields["permission"].widget, named)  # type: ignore[arg-type]

    def _no_command(self) -> str:
        """Why the agent's command line is not asked for; ''."""
        offer = self._offers.get(self._runner())
        if offer is None:  # not known yet: what stands there stays
            return "" if self.fields["command"].read() else "It is not known yet."
        return offer.no_command

    def _together(self) -> None:
        """Show what has a meaning now, and say why something cannot be had."""
        source, action = self.fields["source"].read(), self.fields["action"].read()
        shown = shown_for(source, action)
        for name, field in self.fields.items():
            field.setVisible(name in shown)
        self.fields["command"].setVisible(not self._no_command())
        self.secret.setVisible("secret" in shown)
        runner = self._runner()
        offer = self._offers.get(runner)
        self._modes(runner)
        why = "" if offer is None else offer.no_resume
        if action == "script":
            why = "A script has no session to go on with."
        self.fields["prompt"].explain(COMMAND if action == "script" else PROMPT)
        resume = self.fields["resume_sessions"]
        resume.allow(not why, why)
        resume.explain(f"Not possible: {why}" if why else RESUME)
        if why:
            resume.write(False)
        if offer is not None:
            permissions = offer.no_permissions or ("" if offer.modes else "This runner has no permission modes.")
            self.fields["permission"].allow(not permissions, permissions)
            self.fields["runner"].explain(offer.missing)
            self.fields["runner"].tone(self.fields["runner"].about, "state.waiting" if offer.missing else "text.muted")

    def on_browse(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Working directory", self.fields["cwd"].read())
        if name:
            self.fields["cwd"].write(name)

    # ---- saving

    def save(self) -> None:
        """Check and save, in a job; what is wrong is said at its field."""
        if self._saving:
            return
        self._saving = True
        self.save_button.setEnabled(False)
        values, number, db = self.values(), self.trigger.id or None, self._db
        secret = self.secret.read() or None
        self._jobs.run(
            lambda: triggers.save_trigger(db, values, number, secret if secret or number else ""),
            self._saved, self._failed,
        )  # fmt: skip

    def _saved(self, done: Saved) -> None:
        self._ready()
        for name, field in self.fields.items():
            field.complain(done.errors.get(name, ""))
        if not done.errors:
            self.error.hide()
            self.saved.emit(done)
            return
        others = [why for name, why in done.errors.items() if name not in self.fields]
        self.error.setText(" ".join(["Not saved: mend the fields in red.", *others]))
        self.error.show()
        first = next((field for name, field in self.fields.items() if name in done.errors), None)
        if first is not None:
            first.setVisible(True)
            self.area.ensureWidgetVisible(first)
            first.widget.setFocus(Qt.FocusReason.OtherFocusReason)

    def _failed(self, error: Exception) -> None:
        self._ready()
        if not isinstance(error, StoreError):
            self._jobs.failed.emit(error)
        self.error.setText(f"Not saved: {error}")
        self.error.show()

    def _ready(self) -> None:
        self._saving = False
        self.save_button.setEnabled(True)

    # ---- keys, narrow and wide

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        line = isinstance(self.focusWidget(), QLineEdit)  # elsewhere Enter is a new line, or presses a button
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and (control or line):
            self.save()
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        wide = self.width() >= self.look.px(WIDE)
        self._columns.setDirection(QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(self.look.px(320), self.look.px(200))
