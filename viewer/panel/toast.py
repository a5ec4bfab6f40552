"""What came of an action, at the foot of the panel: a sentence, at most one button, gone after a while by itself.

It takes no focus. What failed stays until it is put away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget
from typing_extensions import override

from viewer.notice import Remedy
from viewer.theme import icons
from viewer.theme.look import Look

Say = Callable[..., None]  # Toast.say
STAYS: Final = 12_000  # ms: time to read it and to reach for Undo


class Toast(QFrame):
    """Lies over the lower edge of its parent; the newest one wins."""

    def __init__(self, look: Look, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        self.setObjectName("toast")
        self._act: Callable[[], object] | None = None
        self._failed = False
        self.keep: Callable[[Remedy | None], Remedy | None] = lambda remedy: remedy  # notes what can be undone
        self.sign = QLabel(self)
        self.text = QLabel(self)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        self.text.setAccessibleName("What was done")
        self.button = QPushButton(self)
        self.close_button = QToolButton(self)
        self.close_button.setToolTip("Dismiss")
        self.close_button.setAccessibleName("Dismiss")
        for button in (self.button, self.close_button):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # its key is Ctrl+Z: a click must not take the focus either
        self._line = QHBoxLayout(self)
        self._line.addWidget(self.sign)
        self._line.addWidget(self.text, 1)
        self._line.addWidget(self.button)
        self._line.addWidget(self.close_button)
        self._clock = QTimer(self)
        self._clock.setSingleShot(True)
        self._clock.setInterval(STAYS)
        self._clock.timeout.connect(self.hide)
        self.button.clicked.connect(self.act)
        self.close_button.clicked.connect(self.hide)
        parent.installEventFilter(self)
        self.hide()
        self.set_look(look)

    def say(self, sentence: str, remedy: Remedy | None = None, *, failed: bool = False, stays: bool = False) -> None:
        """Show it. `stays`: until it is put away, as what failed does."""
        self._failed = failed
        remedy = self.keep(remedy)
        self._act = None if remedy is None else remedy.act
        self.text.setText(sentence[:600])
        self.button.setText("" if remedy is None else remedy.text)
        self.button.setVisible(remedy is not None)
        self.button.setToolTip("Ctrl+Z" if remedy is not None and remedy.undoes else "")
        self.set_look(self._look)
        self.show()
        self.raise_()
        self._place()
        if failed or stays:
            self._clock.stop()
        else:
            self._clock.start()
        if QAccessible.isActive():
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, sentence))

    def act(self) -> None:
        """Do what its button says, once."""
        act, self._act = self._act, None
        self.hide()
        if act is not None:
            act()

    @override
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and not self.isHidden():
            self._place()
        return False

    def _place(self) -> None:
        whole = self._over.size()
        gap = self._look.px(16)
        wide = min(whole.width() - 2 * gap, self._look.px(560))
        high = self._line.heightForWidth(wide) if self._line.hasHeightForWidth() else self.sizeHint().height()
        self.setGeometry(whole.width() - wide - gap, whole.height() - high - gap, wide, high)

    def set_look(self, look: Look) -> None:
        self._look = look
        edge = look.colour("row.failed_edge" if self._failed else "line.strong").name()
        self.setStyleSheet(
            f"#toast {{ background: {look.colour('surface.raised').name()}; border: 1px solid {edge}; "
            f"border-radius: {look.px(6)}px; }}"
        )
        self._line.setContentsMargins(look.px(12), look.px(8), look.px(8), look.px(8))
        self._line.setSpacing(look.px(8))
        name, tint = ("circle-alert", "state.failed") if self._failed else ("circle-check", "state.ok")
        size = look.px(16)
        self.sign.setPixmap(icons.pixmap(name, look.colour(tint), size, self.devicePixelRatioF()))
        self.close_button.setIcon(icons.icon("x", look))
        self.close_button.setIconSize(QSize(size, size))
        self._place()
