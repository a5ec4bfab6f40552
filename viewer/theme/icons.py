"""Lucide icons tinted with a token's colour, cached by name, colour, size and ratio. Every pane and row may ask."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from resources import path
from viewer.theme.look import Look


@lru_cache(maxsize=128)
def _source(name: str) -> str:
    return path(f"icons/{name}.svg").read_text("utf-8")


@lru_cache(maxsize=512)
def _tinted(name: str, rgba: int, size: int, ratio: float) -> QPixmap:
    # QtSvg draws currentColor black, so the colour goes into the source.
    colour = QColor.fromRgba(rgba)
    svg = _source(name).replace("currentColor", colour.name())
    side = max(1, round(size * ratio))
    pixmap = QPixmap(side, side)
    pixmap.fill(Qt.GlobalColor.transparent)
    with QPainter(pixmap) as painter:
        QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(0, 0, side, side))
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def pixmap(name: str, colour: QColor, size: int, ratio: float = 1.0) -> QPixmap:
    """The icon as a pixmap of `size` device-independent pixels. One that is not shipped raises FileNotFoundError."""
    return _tinted(name, colour.rgba(), size, ratio)


def draw(painter: QPainter, name: str, colour: QColor, x: int, y: int, size: int) -> None:
    """Draw the icon at a point, sharp at the device's own ratio."""
    painter.drawPixmap(x, y, _tinted(name, colour.rgba(), size, painter.device().devicePixelRatioF()))


def ratios() -> tuple[float, ...]:
    """For which pixels per unit an icon is drawn: those of the screens there are. App asks again for a new screen."""
    app = QGuiApplication.instance()
    sharpest = app.devicePixelRatio() if isinstance(app, QGuiApplication) else 1.0
    return (1.0, sharpest) if sharpest > 1.0 else (1.0,)


def icon(name: str, look: Look, tint: str = "text.muted", size: int = 16) -> QIcon:
    """The icon for a button or action, with its disabled version."""
    made = QIcon()
    for ratio in ratios():
        made.addPixmap(pixmap(name, look.colour(tint), look.px(size), ratio))
        made.addPixmap(pixmap(name, look.colour("text.disabled"), look.px(size), ratio), QIcon.Mode.Disabled)
    return made
