"""The small signs that the list, the header and the status bar share: dots, badges, gauges. Painted from tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from viewer.theme import icons
from viewer.theme.look import Look

# state → (token, shape). Never the colour alone: each has its own shape, and its word stands beside it or in a tip.
SIGNS: Final[Mapping[str, tuple[str, str]]] = {
    "live": ("state.running", "disc"),
    "running": ("state.running", "disc"),
    "compacting": ("state.running", "half"),
    "waiting": ("state.waiting", "bang"),
    "idle": ("state.idle", "ring"),
    "draft": ("state.idle", "dots"),
    "opening": ("state.idle", "dots"),
    "ended": ("state.idle", "dash"),
    "failed": ("state.failed", "cross"),
}


def paint_state(painter: QPainter, centre: QPointF, state: str, look: Look) -> None:
    """The state's sign, about 9 px wide, around a point."""
    token, shape = SIGNS.get(state, SIGNS["ended"])
    colour = look.colour(token)
    reach = 4.0 * look.zoom
    box = QRectF(centre.x() - reach, centre.y() - reach, 2 * reach, 2 * reach)
    pen = QPen(colour, 1.5 * look.zoom)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(pen)
    inner = box.adjusted(0.75, 0.75, -0.75, -0.75)
    match shape:
        case "disc":
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawEllipse(box)
        case "ring":
            painter.drawEllipse(inner)
        case "half":
            painter.drawEllipse(inner)
            painter.setBrush(colour)
            painter.drawPie(inner, 90 * 16, 180 * 16)
        case "dots":
            pen.setStyle(Qt.PenStyle.DotLine)
            painter.setPen(pen)
            painter.drawEllipse(inner)
        case "cross":
            arm = reach * 0.8
            painter.drawLine(centre + QPointF(-arm, -arm), centre + QPointF(arm, arm))
            painter.drawLine(centre + QPointF(-arm, arm), centre + QPointF(arm, -arm))
        case "bang":
            painter.drawLine(centre + QPointF(0, -reach), centre + QPointF(0, reach * 0.2))
            painter.drawPoint(centre + QPointF(0, reach * 0.95))
        case _:
            painter.drawLine(centre + QPointF(-reach * 0.6, 0), centre + QPointF(reach * 0.6, 0))
    painter.restore()


def badge_width(count: int, look: Look) -> int:
    """Width of `paint_badge`; 0 when there is nothing to paint."""
    if not count:
        return 0
    if count < 0:
        return look.px(8)
    return max(look.px(18), look.metrics("meta.bold").horizontalAdvance(badge_text(count)) + look.px(10))


def badge_text(count: int) -> str:
    return str(count) if count < 1000 else "999+"


def paint_badge(painter: QPainter, right: int, middle: int, count: int, look: Look, width: int = 0) -> None:
    """'3' on the accent; a dot when it is not known how many. `width`: where `badge_width` was asked before."""
    width = width or badge_width(count, look)
    high = look.px(16) if count > 0 else width
    box = QRect(right - width, middle - high // 2, width, high)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(look.colour("accent.fill" if count > 0 else "state.unread"))
    painter.drawRoundedRect(box, high / 2, high / 2)
    if count > 0:
        painter.setPen(look.colour("accent.text"))
        painter.setFont(look.font("meta.bold"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, badge_text(count))
    painter.restore()


def menu_icon(look: Look) -> QIcon:
    """Three lines: the sign for 'everything else is in here'."""
    made = QIcon()
    side = look.px(16)
    for ratio in icons.ratios():
        pixmap = QPixmap(round(side * ratio), round(side * ratio))
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        with QPainter(pixmap) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            pen = QPen(look.colour("text.muted"), 1.4 * look.zoom)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            for line in (0.25, 0.5, 0.75):
                painter.drawLine(QPointF(side * 0.15, side * line), QPointF(side * 0.85, side * line))
        made.addPixmap(pixmap)
    return made


class StateMark(QWidget):
    """A state's sign as a widget."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        self._look = look
        self._state = "idle"
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_look(self, look: Look) -> None:
        self._look = look
        self.updateGeometry()
        self.update()

    def set_state(self, state: str) -> None:
        if state != self._state:
            self._state = state
            self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(self._look.px(12), self._look.px(16))

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            paint_state(painter, QRectF(self.rect()).center(), self._state, self._look)


class Gauge(QWidget):
    """A thin bar: how much of the context is used."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        self._look = look
        self._share = 0.0
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_look(self, look: Look) -> None:
        self._look = look
        self.updateGeometry()
        self.update()

    def set_share(self, share: float) -> None:
        share = min(1.0, max(0.0, share))
        if share != self._share:
            self._share = share
            self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(self._look.px(48), self._look.px(16))

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        look = self._look
        high = look.px(4)
        track = QRectF(0, (self.height() - high) / 2, self.width(), high)
        token = "state.failed" if self._share >= 0.95 else "state.waiting" if self._share >= 0.8 else "accent.main"
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.colour("line.hair"))
            painter.drawRoundedRect(track, high / 2, high / 2)
            if self._share > 0:
                filled = QRectF(track)
                filled.setWidth(max(float(high), track.width() * self._share))
                painter.setBrush(look.colour(token))
                painter.drawRoundedRect(filled, high / 2, high / 2)
