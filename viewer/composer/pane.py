"""Below the transcript: a line that says whether the session can be gone on with, and the composer it opens into.

Parts only; who sends what is in control. Until it is opened there is one button, so that a start makes nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget
from typing_extensions import override

from viewer import tips
from viewer.drop import DropSign, local_files
from viewer.theme import icons
from viewer.theme.look import Look

if TYPE_CHECKING:
    from viewer.composer.choosing import Chooser
    from viewer.composer.editor import PromptEdit
    from viewer.composer.files import FilesBar
    from viewer.composer.strip import Strip
    from viewer.composer.waiting import WaitingPane

INVITE = "Continue this session…"


class ComposerPane(QWidget):
    """See the module."""

    open_wanted = Signal()
    close_wanted = Signal()
    send_wanted = Signal()
    stop_wanted = Signal()
    files_given = Signal(object)  # paths, by hand
    image_given = Signal(object)  # QImage

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._made = False
        self._working = False
        self._failed = False  # what the hint says
        self.setObjectName("composer")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.bar = QToolButton(self)
        self.bar.setSizePolicy(self.bar.sizePolicy().Policy.Expanding, self.bar.sizePolicy().Policy.Fixed)
        self.bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.bar.clicked.connect(self.open_wanted)
        self._column = QVBoxLayout(self)
        self._column.addWidget(self.bar)
        self.set_look(look)
        self.hide()

    # ---- made when it is first opened

    strip: Strip
    waiting: WaitingPane
    files: FilesBar
    choosers: tuple[Chooser, ...]
    editor: PromptEdit

    @property
    def made(self) -> bool:
        """Whether it was ever opened."""
        return self._made

    @property
    def opened(self) -> bool:
        return self._made and not self._body.isHidden()

    def _make(self) -> None:
        from viewer.composer.choosing import Chooser
        from viewer.composer.editor import PromptEdit
        from viewer.composer.files import FilesBar
        from viewer.composer.strip import Strip
        from viewer.composer.waiting import WaitingPane

        look = self._look
        self._made = True
        self._body = QWidget(self)
        self._body_column = QVBoxLayout(self._body)
        self._body_column.setContentsMargins(0, 0, 0, 0)
        self.strip = Strip(look, self._body)
        self.waiting = WaitingPane(look, self._body)
        self.files = FilesBar(look, self._body)
        self.editor = PromptEdit(look, self._body)
        self.attach = QToolButton(self._body)
        self.attach.setAccessibleName("Attach files")
        self.attach.setToolTip("Attach files (Ctrl+Shift+O); images can be pasted, and files dropped")
        self.send = QPushButton("Send", self._body)
        self.send.setDefault(True)
        self.stop = QPushButton("Stop", self._body)
        self.stop.setToolTip("Interrupt the agent")
        self.hint = QLabel(self._body)
        self.hint.setTextFormat(Qt.TextFormat.PlainText)
        self.hint.setWordWrap(True)  # a reason is read whole, and never asks the window to be wider
        self.hint.setAccessibleName("What sending does")
        self.keys = QLabel(self._body)
        self.choosers = tuple(Chooser(category, look, self._body) for category in ("mode", "model"))
        line = QHBoxLayout()
        line.addWidget(self.attach, 0, Qt.AlignmentFlag.AlignBottom)
        line.addWidget(self.editor, 1)
        for button in (self.stop, self.send):
            line.addWidget(button, 0, Qt.AlignmentFlag.AlignBottom)
        foot = QHBoxLayout()
        foot.addWidget(self.hint, 1)
        for chooser in self.choosers:
            foot.addWidget(chooser)
        foot.addWidget(self.keys)
        self._lines = (line, foot)
        for part in (self.strip, self.waiting, self.files):
            self._body_column.addWidget(part)
        self._body_column.addLayout(line)
        line.setAlignment(self.editor, Qt.AlignmentFlag.AlignBottom)
        self._body_column.addLayout(foot)
        self._column.addWidget(self._body)
        self.editor.sent.connect(self.send_wanted)
        self.editor.left.connect(self.close_wanted)
        self.editor.files_given.connect(self.files_given)
        self.editor.image_given.connect(self.image_given)
        self.waiting.list.left.connect(self.close_wanted)
        self.send.clicked.connect(self.send_wanted)
        self.stop.clicked.connect(self.stop_wanted)
        QWidget.setTabOrder(self.editor, self.attach)
        QWidget.setTabOrder(self.attach, self.send)
        self.setAcceptDrops(True)
        self._drop_sign = DropSign(look, self)
        self._body.hide()
        self.set_look(look)
        self.show_working(self._working)

    def open(self) -> None:
        """Show the whole of it."""
        if not self._made:
            self._make()
        self.bar.hide()
        self._body.show()

    def close_up(self) -> None:
        """Back to one line."""
        if self._made:
            self._body.hide()
        self.bar.show()

    def show_offer(self, text: str, why: str) -> None:
        """What the one line says; `why`: it cannot be gone on with, and why."""
        self.bar.setText(f"  {text}")
        self.bar.setEnabled(not why)
        self.bar.setToolTip(why or "Send a prompt to its agent (Ctrl+L)")
        self.bar.setAccessibleDescription(why)

    def show_working(self, working: bool) -> None:
        """Whether a turn runs that can be stopped here."""
        self._working = working
        if self._made:
            self.stop.setVisible(working)

    def show_keys(self, enter: str, escape: str) -> None:
        """What the two keys do now: 'sends', 'leaves'."""
        self.keys.setText(f"Ctrl+Enter {enter} · Esc {escape}")

    def show_hint(self, text: str, *, failed: bool = False) -> None:
        """What sending would do, or why it cannot be."""
        self._failed = failed
        self.hint.setText(text)
        self.hint.setToolTip(tips.plain(text))
        token = "state.failed" if failed else "text.muted"
        self.hint.setStyleSheet(f"color: {self._look.colour(token).name()};")

    # ---- files that are dropped

    @override
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """On the closed line they are the window's: it opens them."""
        paths = local_files(event.mimeData()) if self.opened else []
        event.setAccepted(bool(paths))
        if paths:
            self._drop_sign.offer(len(paths), "Drop to attach")
            event.acceptProposedAction()

    @override
    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._drop_sign.hide()

    @override
    def dropEvent(self, event: QDropEvent) -> None:
        self._drop_sign.hide()
        self.files_given.emit(local_files(event.mimeData()))
        event.acceptProposedAction()
        self.editor.setFocus(Qt.FocusReason.OtherFocusReason)

    # ---- looks

    def set_look(self, look: Look) -> None:
        self._look = look
        self.setStyleSheet(
            f"#composer {{ background: {look.colour('surface.window').name()};"
            f" border-top: 1px solid {look.colour('line.hair').name()}; }}"
        )
        self._column.setContentsMargins(look.px(12), look.px(6), look.px(12), look.px(6))
        self.bar.setFont(look.font("ui"))
        self.bar.setIcon(icons.icon("message-square", look))
        self.bar.setIconSize(QSize(look.px(16), look.px(16)))
        self.bar.setStyleSheet(
            f"QToolButton {{ color: {look.colour('text.muted').name()}; text-align: left;"
            f" background: {look.colour('surface.raised').name()}; border: 1px solid {look.colour('line.hair').name()};"
            f" padding: {look.px(5)}px {look.px(8)}px; }}"
            f"QToolButton:hover:enabled {{ background: {look.colour('surface.hover').name()};"
            f" color: {look.colour('text.main').name()}; }}"
            f"QToolButton:focus {{ border-color: {look.colour('accent.focus').name()}; }}"
            f"QToolButton:disabled {{ color: {look.colour('text.faint').name()}; background: transparent; }}"
        )
        if not self._made:
            return
        for part in (self.strip, self.waiting, self.files, self.editor, self._drop_sign):
            part.set_look(look)
        for chooser in self.choosers:
            chooser.set_look(look)
        self.attach.setIcon(icons.icon("paperclip", look))
        self.attach.setIconSize(QSize(look.px(16), look.px(16)))
        self.attach.setFixedSize(self.editor.line_height(), self.editor.line_height())
        self.show_hint(self.hint.text(), failed=self._failed)
        self._body_column.setSpacing(look.px(6))
        for button in (self.stop, self.send):
            button.setMinimumSize(look.px(72), self.editor.line_height())
        for line in self._lines:
            line.setSpacing(look.px(8))
        for label in (self.hint, self.keys):
            label.setFont(look.font("meta"))
        self.keys.setStyleSheet(f"color: {look.colour('text.faint').name()};")
