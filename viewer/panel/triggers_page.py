"""The second page of the panel: receiver, triggers, and what came in for each; their form takes its place.

Everything of the store is done in jobs; lists keep what is chosen while they are read anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMessageBox, QPushButton, QScrollArea, QStackedWidget, QVBoxLayout, QWidget
from typing_extensions import override

from store import stops, triggers
from store.errors import StoreError
from store.offers import Offer, offers
from store.settings import Settings
from store.triggers import Delivery, Saved, Trigger
from viewer.jobs import Jobs
from viewer.notice import Remedy
from viewer.panel.deliveries import delivery_cells, waits, what_ends, works
from viewer.panel.ending import Ending
from viewer.panel.lists import Cell, Column, Lines, LinesView
from viewer.panel.parts import FAILED, MUTED, Part
from viewer.panel.questions import ask
from viewer.panel.receiver_card import ReceiverCard, Service
from viewer.panel.saving import Saving
from viewer.panel.toast import Say
from viewer.panel.trigger_cells import COLUMNS, trigger_cells
from viewer.panel.trigger_form import TriggerForm
from viewer.panel.words import brief
from viewer.theme.look import Look

MOST: Final = 8  # triggers in sight at once


class Loaded(Struct, frozen=True):
    """What the page shows."""

    triggers: tuple[Trigger, ...]
    deliveries: tuple[Delivery, ...]


class TriggersPage(Part):
    """See the module."""

    changed = Signal()  # triggers were added, changed or deleted

    def __init__(
        self, jobs: Jobs, db: Path, settings: Settings, say: Say, look: Look,
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(look, parent)
        self._jobs, self._db, self._settings = jobs, db, settings
        self._say = say
        self.serving: Callable[[], Service | None] = lambda: None  # what runs triggers in this window; for its owner
        self._offers: tuple[Offer, ...] = ()
        self._chosen: int | None = None
        self._asked = 0
        self.question: QMessageBox | None = None
        self.receiver = ReceiverCard(jobs, settings, lambda: self.serving(), look)
        Saving(jobs, db, settings, say).serve(self.receiver)
        self.model = Lines(COLUMNS, self._trigger_cells, look, self)
        self.table = LinesView("Triggers", self.model, look)
        self.log_model = Lines(
            (Column("Received", 116), Column("Event", 168, 540), Column("From", 90, 760), Column("Verdict", 118),
             Column("Thread", 180, 900), Column("Reason", 0)), delivery_cells, look, self,
        )  # fmt: skip
        self.log = LinesView("Deliveries", self.log_model, look)
        self.new_button, self.edit_button = QPushButton("New…"), QPushButton("Edit…")
        self.switch_button, self.delete_button = QPushButton("Switch off"), QPushButton("Delete…")
        self.run_button = QPushButton("Run now")
        self.url_button = QPushButton("Copy URL")
        self.retry_button = QPushButton("Try again")
        self.try_button = QPushButton("Try in the form")
        self.try_button.setToolTip("Open its trigger's form with this payload")
        self.stop_button = QPushButton("Stop run…")
        self.ending = Ending(jobs, db, say, self)
        self.run_button.setToolTip("Start a run by hand, whatever its filter says")
        self.nothing = self.label("", MUTED, wrap=True)
        self.no_log = self.label("", MUTED, wrap=True)
        self.log_heading = self.label("Deliveries", font="ui.bold")
        self._form: TriggerForm | None = None
        self.part(self.receiver)
        self.stack = QStackedWidget()
        self.stack.addWidget(self._list())
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.stack)
        self.new_button.clicked.connect(self.on_new)
        self.edit_button.clicked.connect(lambda: self.on_edit(self.table.current()))
        self.switch_button.clicked.connect(self.on_switch)
        self.delete_button.clicked.connect(lambda: self.on_delete(self.table.current()))
        self.run_button.clicked.connect(self.on_run)
        self.url_button.clicked.connect(self.on_copy)
        self.retry_button.clicked.connect(self.load)
        self.try_button.clicked.connect(lambda: self.on_try(self.log.current()))
        self.table.opened.connect(self.on_edit)
        self.table.ended.connect(self.on_delete)
        self.table.chosen.connect(self.on_chosen)
        self.log.opened.connect(self.on_try)
        self.log.chosen.connect(self.on_delivery)
        self.log.ended.connect(self.on_stop)
        self.stop_button.clicked.connect(lambda: self.on_stop(self.log.current()))
        self.ending.changed.connect(self._after)
        self.set_look(look)
        self.show_loaded(Loaded((), ()), known=False)

    @property
    def form(self) -> TriggerForm:
        """Made when it is first wanted."""
        if self._form is None:
            made = self._form = TriggerForm(self._jobs, self._db, self.look)
            made.set_offers(self._offers)
            made.saved.connect(self.on_saved)
            made.left.connect(self.close_form)
            self.part(made)
            self.stack.addWidget(made)
        return self._form

    def _list(self) -> QWidget:
        inner = QWidget()
        column = self.spaced(QVBoxLayout(inner), 8, (16, 12, 16, 12))
        column.addWidget(self.receiver)
        column.addWidget(self.hairline())
        top = self.line(8)
        top.addWidget(self.label("Triggers", font="ui.bold"))
        top.addStretch()
        for button in (self.run_button, self.url_button, self.switch_button, self.edit_button, self.delete_button,
                       self.new_button):  # fmt: skip
            top.addWidget(button)
        column.addLayout(top)
        column.addWidget(self.nothing)
        column.addWidget(self.retry_button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.table)
        column.addWidget(self.hairline())
        below = self.line(8)
        below.addWidget(self.log_heading)
        below.addStretch()
        below.addWidget(self.stop_button)
        below.addWidget(self.try_button)
        column.addLayout(below)
        column.addWidget(self.no_log)
        column.addWidget(self.log, 1)
        column.addStretch(0)  # where there are no tables, texts stay together
        self.area = QScrollArea()
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what is in it has the focus, and is scrolled to
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QScrollArea.Shape.NoFrame)
        self.area.setWidget(inner)
        return self.area

    @override
    def set_look(self, look: Look) -> None:
        super().set_look(look)
        ground = look.colour("surface.window").name()
        self.area.setStyleSheet(f"QScrollArea, QScrollArea > QWidget > QWidget {{ background: {ground}; }}")
        for view in (self.table, self.log):
            view.set_look(look)
        self.log.setMinimumHeight(look.px(26) * 6)
        self._fit_table()

    def _fit_table(self) -> None:
        """As high as its rows, up to a number: what came in gets the rest."""
        lines = max(1, min(MOST, len(self.model.rows)))
        self.table.setFixedHeight(
            self.table.horizontalHeader().sizeHint().height() + self.look.px(26) * lines + self.look.px(4)
        )

    # ---- reading

    def load(self) -> None:
        """Triggers and deliveries, in a job; the receiver and the runners in others."""
        self.receiver.load()
        db, chosen = self._db, self._chosen
        self._asked += 1
        self._jobs.run(
            lambda: Loaded(triggers.list_triggers(db), triggers.deliveries(db, chosen)),
            partial(self._came, self._asked, self.show_loaded), self._refused,
        )  # fmt: skip
        if not self._offers:
            self._jobs.run(offers, self._offered)
            self._jobs.run(lambda: offers(db), self._offered)  # looks for their programs, which may take seconds

    def _came(self, number: int, show: Callable[[Any], None], found: Any) -> None:
        """Two workers: an older answer that comes last is not shown."""
        if number == self._asked:
            show(found)

    def _offered(self, found: tuple[Offer, ...]) -> None:
        self._offers = found
        if self._form is not None:
            self._form.set_offers(found)

    def show_loaded(self, found: Loaded, *, known: bool = True) -> None:
        """These are they now."""
        self.retry_button.hide()
        self.tone(self.nothing, MUTED)
        self.model.set_rows(found.triggers)
        self._fit_table()
        self.table.setVisible(bool(found.triggers))
        self.nothing.setVisible(not found.triggers)
        self.nothing.setText(
            "No trigger yet. A trigger starts a run when a webhook of GitHub, Linear, ClickUp or any other sender "
            "comes in, when a file changes, or by the clock. Make the first one with New…"
            if known else "Loading triggers…"
        )  # fmt: skip
        if self._chosen is not None and all(row.id != self._chosen for row in found.triggers):
            self._chosen = None
        self.show_deliveries(found.deliveries, known=known)
        self._able()

    def show_deliveries(self, found: tuple[Delivery, ...], *, known: bool = True) -> None:
        self.log_model.set_rows(found)
        self.log.setVisible(bool(found))
        self.no_log.setVisible(not found)
        self.no_log.setText("Nothing came in yet. Every delivery is listed here, also what was refused, and why."
                            if known else "")  # fmt: skip
        chosen = self.table.current()
        self.log_heading.setText(f"Deliveries of {brief(chosen.name, 60)}" if chosen is not None else "Deliveries")
        for button in (self.try_button, self.stop_button):
            button.setVisible(bool(found))
        self.on_delivery(self.log.current())
        self.receiver.set_hooks([row.name for row in self.model.rows if row.enabled and triggers.hook_path(row)])

    def _refused(self, error: Exception) -> None:
        if not isinstance(error, StoreError):
            self._jobs.failed.emit(error)
        self.nothing.setText(f"The triggers cannot be read. {error}")
        self.tone(self.nothing, FAILED)
        self.nothing.show()
        self.retry_button.show()

    def _able(self) -> None:
        row = self.table.current()
        first = "Choose a trigger below first"
        for button in (self.edit_button, self.switch_button, self.delete_button, self.run_button, self.url_button):
            button.setVisible(bool(self.model.rows))
            button.setEnabled(row is not None)
            button.setToolTip(first if row is None else "")
        self.switch_button.setText("Switch on" if row is not None and not row.enabled else "Switch off")
        serving = self.serving() is not None
        self.run_button.setEnabled(row is not None and serving)
        idle = "Nothing runs triggers in this window yet: it has just been opened."
        if row is not None:
            self.run_button.setToolTip("Start a run by hand, whatever its filter says" if serving else idle)
            hooked = bool(triggers.hook_path(row))
            self.url_button.setEnabled(hooked)
            self.url_button.setToolTip("The address for its sender" if hooked else "No webhook starts it: no address")

    def _trigger_cells(self, row: Trigger) -> tuple[Cell, ...]:
        return trigger_cells(row, {one.name: one.title for one in self._offers})

    # ---- what is done

    def on_chosen(self, row: Trigger | None) -> None:
        self._able()
        wanted = None if row is None else row.id
        if wanted != self._chosen:
            self._chosen = wanted
            db = self._db
            self._asked += 1
            self._jobs.run(
                lambda: triggers.deliveries(db, wanted), partial(self._came, self._asked, self.show_deliveries)
            )

    def on_new(self) -> None:
        settings = self._settings
        self.open_form(triggers.blank(settings))

    def on_edit(self, row: Trigger | None) -> None:
        if row is not None:
            self.open_form(row)

    def open_form(self, row: Trigger) -> None:
        self.form.fill(row)
        self.form.preview.set_past(tuple(one for one in self.log_model.rows if one.trigger_id == row.id))
        self.stack.setCurrentWidget(self.form)
        self.form.area.verticalScrollBar().setValue(0)
        self.form.fields["name"].widget.setFocus(Qt.FocusReason.OtherFocusReason)

    def close_form(self) -> None:
        self.stack.setCurrentIndex(0)
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def on_try(self, row: Delivery | None) -> None:
        trigger = next((one for one in self.model.rows if row is not None and one.id == row.trigger_id), None)
        if row is not None and trigger is not None:
            self.open_form(trigger)
            self.form.preview.take(row)

    def on_delivery(self, row: Delivery | None) -> None:
        self.try_button.setEnabled(row is not None and row.trigger_id is not None)
        text, tip, able = what_ends(row)
        self.stop_button.setText(text)
        self.stop_button.setEnabled(able)
        self.stop_button.setToolTip(tip)

    def on_stop(self, row: Delivery | None) -> None:
        db = self._db
        if row is not None and works(row):
            self.ending.ask(lambda: stops.of_delivery(db, row.id))
        elif row is not None and waits(row):
            self._jobs.run(lambda: stops.cancel(db, row.id), self._cancelled, self._failed)

    def _cancelled(self, done: stops.Cancelled) -> None:
        db, name = self._db, brief(done.name)
        back = partial(self._do, lambda: stops.bring_back(db, done.ids), f"The event of {name} waits again.")
        self._say(
            f"The event of {name} is cancelled: no run is made of it.",
            Remedy("Undo", back, f"cancelling the event of {name}"),
        )
        self._after()

    def on_saved(self, done: Saved) -> None:
        self.close_form()
        name = done.trigger.name if done.trigger is not None else ""
        copy = None
        if done.secret:
            copy = Remedy("Copy the secret", partial(QGuiApplication.clipboard().setText, done.secret))
        told = f"{name} is saved. {done.told}".strip()
        self._say(f"{told} Its new secret is shown nowhere else: copy it for its sender." if copy else told, copy,
                  stays=bool(copy))  # fmt: skip
        self._after()

    def on_switch(self) -> None:
        row, db = self.table.current(), self._db
        if row is not None:
            on = not row.enabled
            self._do(lambda: triggers.set_enabled(db, row.id, on), f"{row.name} is switched {'on' if on else 'off'}.")

    def on_delete(self, row: Trigger | None) -> None:
        if row is None:
            return
        db = self._db
        self.question = ask(
            self, "delete-trigger", f"Delete the trigger {brief(row.name)}?",
            "Its threads are forgotten and what waits for it is dropped. Runs, deliveries and transcripts stay. "
            "This cannot be undone.", "Delete",
            lambda: self._do(lambda: triggers.delete_trigger(db, row.id), f"{row.name} is deleted."),
        )  # fmt: skip

    def on_run(self) -> None:
        row, service = self.table.current(), self.serving()
        if row is None or service is None:
            return

        def told(came: tuple[int | None, str]) -> None:
            number, words = came
            self._say(f"{row.name}: {words}", failed=number is None)
            self._after()

        self._jobs.run(lambda: service.fire(row.id), told, self._failed)

    def on_copy(self) -> None:
        row = self.table.current()
        if row is None:
            return
        path = triggers.hook_path(row)
        QGuiApplication.clipboard().setText(f"{self.receiver.url}{path}")
        whole = self.receiver.url != ""
        self._say(f"Copied {self.receiver.url}{path}." if whole else
                  f"Copied {path}: the receiver is off, so its machine and port come before it.")  # fmt: skip

    def _do(self, work: Callable[[], object], told: str) -> None:
        def done(_: object) -> None:
            self._say(told)
            self._after()

        self._jobs.run(work, done, self._failed)

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, StoreError):
            self._jobs.failed.emit(error)
        self._say(str(error), failed=True)
        self.load()

    def _after(self) -> None:
        self.load()
        self.changed.emit()

    def values(self) -> Mapping[str, Any]:
        """What stands in the form."""
        return self.form.values()
