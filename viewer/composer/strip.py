"""One glance before a session is gone on with: what was looked at, and what can be done. Part of the composer."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from store.preflight import Check, Preflight, starts
from viewer import tips
from viewer.composer.flow import Flow
from viewer.theme import icons
from viewer.theme.look import Look

SIGNS: Final = {
    "ok": ("circle-check", "state.ok"),
    "warn": ("triangle-alert", "state.waiting"),
    "stop": ("circle-x", "state.failed"),
}
WORDS: Final = {"ok": "", "warn": "Warning: ", "stop": "Problem: "}
HERE: Final = "The agent goes on in this session"
LOADS: Final = "The agent is started again and loads this session; this one stays as it is"
MODES: Final = {
    "default": "asks for nothing it was not allowed",
    "plan": "plans only",
    "acceptEdits": "may edit files",
    "bypassPermissions": "may do anything",
    "read-only": "may read only",
    "workspace-write": "may write in the folder",
    "danger-full-access": "may do anything",
    "auto_edit": "may edit files",
    "yolo": "may do anything",
}


class Chip(QWidget):
    """One check: its sign and its few words; the sentence is its tip."""

    def __init__(self, check: Check, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        icon, tint = SIGNS[check.level]
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(look.px(4))
        sign, text = QLabel(self), QLabel(check.text, self)
        sign.setPixmap(icons.pixmap(icon, look.colour(tint), look.px(14), self.devicePixelRatioF()))
        text.setTextFormat(Qt.TextFormat.PlainText)
        text.setFont(look.font("meta"))
        token = "text.muted" if check.level == "ok" else tint
        text.setStyleSheet(f"color: {look.colour(token).name()};")
        line.addWidget(sign)
        line.addWidget(text)
        self.setToolTip(tips.plain(check.tip or check.text))
        self.setAccessibleName(f"{WORDS[check.level]}{check.text}")
        self.setAccessibleDescription(check.tip)


class CommandLine(QLineEdit):
    """Can be selected and copied; is never wider than there is room, and until it is used shows its beginning and end:
    there stands which session it goes on with."""

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        room = self.contentsRect().adjusted(2, 0, -2, 0)  # as its base leaves it
        if self.hasFocus() or self.fontMetrics().horizontalAdvance(self.text()) <= room.width():
            super().paintEvent(event)
            return
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, room.width())
        painter = QPainter(self)
        painter.setPen(self.palette().text().color())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
        painter.end()


class Strip(QWidget):
    """See the module. `way` is what was chosen: 'here' or 'fork'."""

    copy_wanted = Signal()
    terminal_wanted = Signal()
    again_wanted = Signal()
    chosen = Signal()

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._told: Preflight | None = None
        self.permission = ""
        self.sentence = QLabel(self)
        self.sentence.setWordWrap(True)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.sentence.setAccessibleName("Why not")
        self._checks = QWidget(self)
        self._flow = Flow()
        self._checks.setLayout(self._flow)
        self.here = self._choice("Continue here", HERE)
        self.fork = self._choice("As a fork", "The agent goes on in a copy; this session stays as it is")
        self._group = QButtonGroup(self)
        for button in (self.here, self.fork):
            self._group.addButton(button)
        self._group.buttonClicked.connect(lambda _: self.chosen.emit())
        self.modes = QToolButton(self)
        self.modes.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.modes.setAccessibleName("Permissions")
        self.copy = self._action("Copy command", "Copy the command that goes on with it in a terminal", "copy")
        self.terminal = self._action("Open in terminal", "Go on with it in your terminal", "terminal")
        self.again = self._action("Look again", "Look at all of it once more", "rotate-ccw")
        self.again.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        self.copy.clicked.connect(self.copy_wanted)
        self.terminal.clicked.connect(self.terminal_wanted)
        self.again.clicked.connect(self.again_wanted)
        self._actions = QWidget(self)
        self._line = Flow(4)
        self._actions.setLayout(self._line)
        for button in (self.here, self.fork, self.modes, self.copy, self.terminal, self.again):
            self._line.addWidget(button)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self.starts = CommandLine(self)
        self.starts.setReadOnly(True)
        self.starts.setFrame(False)
        self.starts.setAccessibleName("Command that a prompt starts")
        self._group.buttonClicked.connect(self._show_start)
        for widget in (self.sentence, self._checks):
            self._column.addWidget(widget)
        self._last = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._last.addWidget(self._actions)
        self._last.addWidget(self.starts, 1)
        self._column.addLayout(self._last)
        self._small = False
        self._tone = "text.muted"  # of the sentence
        self.set_look(look)
        self.show_looking()

    def _choice(self, text: str, tip: str) -> QToolButton:
        button = QToolButton(self)
        button.setText(text)
        button.setCheckable(True)
        button.setToolTip(tip)
        button.setProperty("tip", tip)
        return button

    def _action(self, text: str, tip: str, icon: str) -> QToolButton:
        button = QToolButton(self)
        button.setText(f" {text}")  # the style leaves no room between the two
        button.setAccessibleName(text)
        button.setToolTip(tip)
        button.setProperty("icon-name", icon)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        return button

    @property
    def way(self) -> str:
        """'here', 'fork', or '' when neither can be."""
        if self._told is None:
            return ""
        if self.fork.isChecked() and self.fork.isEnabled():
            return "fork"
        return "here" if self.here.isChecked() and self.here.isEnabled() else ""

    @property
    def told(self) -> Preflight | None:
        return self._told

    def show_looking(self) -> None:
        """The look has begun."""
        self._told, self._small = None, False
        self.setVisible(True)
        self._say("Looking whether this session can be gone on with…", "text.muted")
        self._checks.hide()
        self._actions.hide()
        self.starts.hide()

    def show_small(self, small: bool) -> None:
        """Only what can still be chosen once the session is gone on with, and what the next prompt starts."""
        self._small = small
        there = self._told is not None and bool(self._told.runner)
        self._checks.setVisible(not small and self._told is not None and bool(self._told.checks))
        self.sentence.setVisible(not small and bool(self.sentence.text()))
        for button in (self.here, self.fork, self.again):
            button.setVisible(not small and there)
        for button in (self.copy, self.terminal):
            button.setVisible(not small and self._told is not None and bool(self._told.command))
        self._actions.setVisible(there)
        self._show_start()
        self.setVisible(not small or (there and not (self.modes.isHidden() and self.starts.isHidden())))

    def show_trouble(self, why: str) -> None:
        """The look itself failed."""
        self._told = None
        self._say(why, "state.failed")
        self._checks.hide()
        self.starts.hide()
        self._actions.show()
        for button in (self.here, self.fork, self.modes, self.copy, self.terminal):
            button.hide()

    def show_preflight(self, told: Preflight) -> None:
        """What the look has found."""
        first = self._told is None or self._told.session != told.session
        self._told, self._small = told, False
        while (item := self._flow.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for check in told.checks:
            if check.tip and check.tip == told.why:
                continue  # the sentence above says it
            self._flow.addWidget(Chip(check, self._look, self._checks))
        self._checks.setVisible(bool(told.checks))
        self._say(told.why, "state.failed" if told.checks else "text.muted")
        there = bool(told.runner)
        self.here.setText("Load in a new session" if told.again else "Continue here")
        self.here.setProperty("tip", LOADS if told.again else HERE)
        for button, why in ((self.here, told.why), (self.fork, told.fork_why)):
            button.setVisible(there)
            button.setEnabled(not why)
            button.setToolTip(tips.plain(why or str(button.property("tip"))))
        if first or not self._checked_can():
            (self.fork if told.why and not told.fork_why else self.here).setChecked(True)
        self.copy.setVisible(bool(told.command))
        self.terminal.setVisible(bool(told.command))
        gone = [check.tip for check in told.checks if check.level == "stop" and check.name in ("folder", "program")]
        self.terminal.setEnabled(not gone)
        self.terminal.setToolTip(gone[0] if gone else "Go on with it in your terminal")
        self.again.setVisible(there)
        self._actions.setVisible(there)
        self._menu(told.modes)
        self._show_start()
        self.updateGeometry()

    def _show_start(self) -> None:
        """What would be started, before it is."""
        told, way = self._told, "here" if self._small else self.way
        line = "" if told is None or not way else starts(told, self.permission, fork=way == "fork")
        side = QBoxLayout.Direction
        self._last.setDirection(side.LeftToRight if self._small else side.TopToBottom)
        self.starts.setText(line)
        self.starts.setCursorPosition(0)
        self.starts.setToolTip(tips.plain(f"A prompt starts, in {told.cwd}: {line}") if told is not None else "")
        self.starts.setVisible(bool(line))

    def _checked_can(self) -> bool:
        button = self._group.checkedButton()
        return button is not None and button.isEnabled()

    def _menu(self, modes: tuple[str, ...]) -> None:
        from PySide6.QtWidgets import QMenu  # with the first look, not with the window

        self.modes.setVisible(bool(modes))
        if self.permission not in modes:
            self.permission = ""
        menu = QMenu(self.modes)
        for mode in ("", *modes):
            what = MODES.get(mode, "")
            action = menu.addAction(f"{mode} – {what}" if what else mode or "As the program is set up")
            action.setCheckable(True)
            action.setChecked(mode == self.permission)
            action.triggered.connect(lambda _=False, mode=mode: self.choose_mode(mode))
        old = self.modes.menu()
        self.modes.setMenu(menu)
        if old is not None:
            old.deleteLater()
        self._say_mode()

    def choose_mode(self, mode: str) -> None:
        """The permission mode of what is sent from now on; '' is the program's own."""
        self.permission = mode
        if self._told is not None:
            self._menu(self._told.modes)
            self._show_start()
        self.chosen.emit()

    def _say_mode(self) -> None:
        self.modes.setText(f"Permissions: {self.permission or 'as set up'}")
        what = MODES.get(self.permission, "what the program is set up for")
        self.modes.setToolTip(f"What the agent may do without asking: {what}")

    def _say(self, sentence: str, token: str) -> None:
        self._tone = token
        self.sentence.setText(sentence)
        self.sentence.setVisible(bool(sentence))
        self.sentence.setStyleSheet(f"color: {self._look.colour(token).name()};")

    def set_look(self, look: Look) -> None:
        self._look = look
        self._column.setSpacing(look.px(4))
        self._last.setSpacing(look.px(4))
        self._flow.gap = look.px(12)
        self._line.gap = look.px(8)
        self.sentence.setFont(look.font("ui"))
        self.starts.setFont(look.font("mono"))
        muted = look.colour("text.muted").name()
        self.starts.setStyleSheet(f"QLineEdit {{ background: none; border: none; padding: 0px; color: {muted}; }}")
        border, focus = look.colour("button.border").name(), look.colour("accent.focus").name()
        chosen = look.colour("surface.selected").name()
        for button in (self.here, self.fork, self.modes):
            button.setStyleSheet(
                f"QToolButton {{ border: 1px solid {border}; padding: {look.px(2)}px {look.px(8)}px; }}"
                f"QToolButton:checked {{ background: {chosen}; border-color: {focus}; }}"
                f"QToolButton:focus {{ border-color: {focus}; }}"
                f"QToolButton:disabled {{ background: transparent; border-color: {look.colour('line.hair').name()}; }}"
                f"QToolButton::menu-indicator {{ image: none; }}"
            )
        for button in (self.copy, self.terminal, self.again):
            button.setIcon(icons.icon(str(button.property("icon-name")), look))
            button.setIconSize(QSize(look.px(14), look.px(14)))
            button.setStyleSheet(f"QToolButton {{ padding: {look.px(2)}px {look.px(4)}px; }}")
        self._say(self.sentence.text(), self._tone)
        small = self._small
        if self._told is not None:
            self.show_preflight(self._told)
        if small:
            self.show_small(small)
