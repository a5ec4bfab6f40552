"""Says that a file may be let go here: a frame and a sentence over the window while one is dragged. For window."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from viewer import wording
from viewer.theme.look import Look


class DropSign(QWidget):
    """Takes no mouse and no focus: what is dropped on it is dropped on the window."""

    def __init__(self, look: Look, parent: QWidget) -> None:
        super().__init__(parent)
        self._look = look
        self._text = ""
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName("Drop to open")
        self.hide()

    def set_look(self, look: Look) -> None:
        self._look = look
        self.update()

    def offer(self, count: int, what: str = "") -> None:
        """So many files or folders are over the window. `what` letting go would do with them, if not open them."""
        more = "" if count == 1 else f" {wording.many(count, 'file' if what else 'session')}"
        self._text = f"{what or 'Drop to open'}{more}"
        parent = self.parentWidget()
        if parent is not None:
            self.setGeometry(parent.rect())
        self.raise_()
        self.show()
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        look = self._look
        px = look.px
        ground = QColor(look.colour("surface.window"))
        ground.setAlphaF(0.72)  # what lies below stays in sight: nothing was left
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.fillRect(self.rect(), ground)
            painter.setPen(QPen(look.colour("accent.main"), px(2), Qt.PenStyle.DashLine))
            margin = px(8)
            frame = QRectF(self.rect()).adjusted(margin, margin, -margin, -margin)
            painter.drawRoundedRect(frame, px(8), px(8))
            painter.setFont(look.font("title"))
            width = look.metrics("title").horizontalAdvance(self._text) + px(48)
            plate = QRectF(0, 0, width, px(48))
            plate.moveCenter(QRectF(self.rect()).center())
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.colour("accent.fill"))
            painter.drawRoundedRect(plate, px(8), px(8))
            painter.setPen(look.colour("accent.text"))
            painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, self._text)


def local_files(data: QMimeData) -> list[str]:
    """Files of this machine that are pasted or dragged; none when anything else is among them."""
    urls = data.urls()
    return [url.toLocalFile() for url in urls] if all(url.isLocalFile() for url in urls) else []
