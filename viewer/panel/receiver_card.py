"""The receiver: whether it listens, where, and what came; and how many runs go on at once. For the triggers' page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QToolButton, QVBoxLayout, QWidget
from typing_extensions import override

from store import settings as st
from store.settings import AnySetting, Settings
from viewer import wording
from viewer.jobs import Jobs
from viewer.panel.parts import FAILED, MUTED, WAITING
from viewer.panel.settings_card import SettingsCard
from viewer.panel.words import brief
from viewer.theme import icons
from viewer.theme.look import Look

LOCAL = ("127.0.0.1", "localhost", "::1")


class Status(Protocol):
    """What is told of a receiver; `store.service.ReceiverStatus` is one."""

    @property
    def state(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def received(self) -> int: ...
    @property
    def refused(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    @property
    def running(self) -> int: ...


class Service(Protocol):
    """What the window has to start runs with; `store.service.Service` is one."""

    def receiver(self) -> Status: ...
    def fire(self, trigger_id: int) -> tuple[int | None, str]: ...


class ReceiverCard(SettingsCard):
    """`service` gives what serves in this window, or None. It is asked in a job."""

    def __init__(
        self,
        jobs: Jobs,
        settings: Settings,
        service: Callable[[], Service | None],
        look: Look,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(settings, look, parent)
        self._jobs, self._service = jobs, service
        self.url = ""
        self._hooks: list[str] = []  # triggers that wait for webhooks
        self.on = self.check(st.RECEIVER)
        self.host = self.text(st.RECEIVER_HOST)
        self.port = self.number(st.RECEIVER_PORT)
        self.port.setGroupSeparatorShown(False)
        self.parallel = self.number(st.PARALLEL)
        self.sign = QLabel()
        self.state = self.label("", MUTED, "meta", wrap=True)
        self.state.setAccessibleName("State of the receiver")
        self.state.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.copy_button = QToolButton()
        self.copy_button.setToolTip("Copy the address")
        self.copy_button.setAccessibleName("Copy the address of the receiver")
        self.warning = self.label("", WAITING, "meta", wrap=True)
        column = QVBoxLayout(self)
        self.spaced(column, 4)
        column.addWidget(self.label("Receiver", font="ui.bold"))
        self.sentence(column, self.on, "at", self.host, "port", self.port)
        line = self.line(4)
        line.addWidget(self.sign)
        line.addWidget(self.state, 1)
        line.addWidget(self.copy_button)
        column.addLayout(line)
        column.addWidget(self.warning)
        self.sentence(column, "Up to", self.parallel, "runs at the same time, one per thread")
        column.addWidget(self.failed)
        column.addLayout(self.buttons())
        self.warning.hide()
        self.copy_button.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.url))
        self.host.textChanged.connect(lambda _: self._warn())
        self.set_look(look)
        self.revert()
        self.show_status(None)

    @override
    def set_look(self, look: Look) -> None:
        super().set_look(look)
        self.host.setFixedWidth(look.px(150))
        self.copy_button.setIcon(icons.icon("copy", look))
        self._draw()

    @override
    def on_setting(self, setting: AnySetting) -> None:
        super().on_setting(setting)
        self._warn()

    # ---- what it does

    def load(self) -> None:
        """Ask, in a job."""
        service = self._service()
        if service is None:
            self.show_status(None)
        else:
            self._jobs.run(service.receiver, self.show_status)

    def show_status(self, status: Status | None) -> None:
        self._status = status
        on = self.settings[st.RECEIVER]
        self.url = "" if status is None else status.url
        counts = "" if status is None else f"{status.running:,} running, {status.waiting:,} waiting"
        if status is not None and status.state == "on":
            came = (
                f"{wording.many(status.received, 'delivery', 'deliveries')} since the start, {status.refused:,} refused"
            )
            text = f"Listening at {status.url} · {came} · {counts}"
        elif status is not None and status.state == "failed":
            text = f"Not listening: {status.reason}"
        elif on:
            text = "Switched on, and not listening in this window yet."
        elif self._hooks:
            text = f"Off: no webhook reaches {brief(self._hooks[0], 40)}"
            more = len(self._hooks) - 1
            text += f" and {wording.many(more, 'other trigger')}" if more else ""
            text += ". Tick the box and apply."
        else:
            text = "Off: nothing listens. Triggers by clock, file and hand work without it."
        self.state.setText(text)
        self.tone(self.state, FAILED if status is not None and status.state == "failed" else MUTED)
        self.copy_button.setVisible(bool(self.url))
        self._draw()
        self._warn()

    def set_hooks(self, names: list[str]) -> None:
        """The triggers that a webhook would start: while it is off, that is said."""
        if names != self._hooks:
            self._hooks = names
            self.show_status(self._status)

    def _draw(self) -> None:
        state = getattr(self, "_status", None)
        kind = "off" if state is None else state.state
        name, tint = {"on": ("circle-dot", "state.running"), "failed": ("circle-alert", "state.failed")}.get(
            kind, ("circle", "state.idle")
        )
        size = self.look.px(14)
        self.sign.setPixmap(icons.pixmap(name, self.look.colour(tint), size, self.devicePixelRatioF()))

    def _warn(self) -> None:
        open_ = self.host.text().strip() not in LOCAL
        self.warning.setText("Other machines can reach this address. Deliveries without a right signature are refused.")
        self.warning.setVisible(open_)
