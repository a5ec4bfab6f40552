"""What a sheet paints besides its texts: icons, short labels, grounds. Made by viewer.rows.sheet.

Every row has some, so each is one tuple: a function for each would be ten objects, and the search for garbage looks at
all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, Protocol

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QStaticText, QTransform

from viewer.theme import icons
from viewer.theme.look import Look


class Mark(Protocol):
    """Something painted that is not selectable."""

    @property
    def y(self) -> int: ...

    @property
    def height(self) -> int: ...

    def draw(self, painter: QPainter) -> None: ...


class Icon(NamedTuple):
    y: int
    height: int  # and width
    x: int
    name: str
    ink: QColor

    def draw(self, painter: QPainter) -> None:
        icons.draw(painter, self.name, self.ink, self.x, self.y, self.height)


class Label(NamedTuple):
    y: int
    height: int
    x: int
    top: int  # of the words, in the middle of the height
    text: str
    role: str
    ink: QColor
    look: Look

    def draw(self, painter: QPainter) -> None:
        painter.setFont(self.look.font(self.role))
        painter.setPen(self.ink)
        draw_text(painter, self.x, self.top, self.text, self.look, self.role)


class Ground(NamedTuple):
    y: int
    height: int
    x: int
    width: int
    colour: QColor
    radius: int
    edge: QColor | None

    def draw(self, painter: QPainter) -> None:
        if not self.radius:
            painter.fillRect(self.x, self.y, self.width, self.height, self.colour)
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self.edge if self.edge is not None else Qt.PenStyle.NoPen)
        painter.setBrush(self.colour)
        inset = 0.5 if self.edge is not None else 0.0
        box = QRectF(self.x, self.y, self.width, self.height).adjusted(inset, inset, -inset, -inset)
        painter.drawRoundedRect(box, self.radius, self.radius)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


class Drawn(NamedTuple):
    """Anything else."""

    y: int
    height: int
    draw: Callable[[QPainter], None]


def draw_text(painter: QPainter, x: int, top: int, text: str, look: Look, role: str) -> None:
    """A short text at its upper edge, in the font that the painter has already, which is the role's."""
    if ours(text):
        painter.drawStaticText(x, top, _shaped(look, role, text))
    else:
        painter.drawText(x, top + look.metrics(role).ascent(), text)


# What another font may have to draw: its lines are of another height, which a static text goes by.
_OTHER = re.compile("[^ -\u024f\u2010-\u2026\u2212]")


def ours(text: str) -> bool:
    """Whether a text is of signs that our fonts have, from left to right, in one line."""
    return (text.isascii() and text.isprintable()) or _OTHER.search(text) is None


@lru_cache(maxsize=2048)
def _shaped(look: Look, role: str, text: str) -> QStaticText:
    """A text whose signs are found already: the same words stand in nearly every row."""
    made = QStaticText(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.prepare(QTransform(), look.font(role))
    return made
