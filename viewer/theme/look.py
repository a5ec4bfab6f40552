"""How things look right now: colours, fonts, measures by meaning. Made by viewer.theme, read by all that paints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtGui import QColor, QFont, QFontMetrics

BARE: Final = ("prose", "mono")  # roles whose ASCII looks the same unshaped: no ligatures, kerning or figures to choose


class _Pixels(dict[float, int]):
    """Measures at one zoom. Every row asks for some twenty, so each is rounded once."""

    def __init__(self, zoom: float) -> None:
        super().__init__()
        self._zoom = zoom

    def __missing__(self, units: float) -> int:
        made = self[units] = round(units * self._zoom)
        return made


class Look:
    """One theme at one zoom. A new Look has a new `generation`, which is part of every layout cache's key."""

    def __init__(
        self,
        generation: int,
        dark: bool,
        zoom: float,
        colours: dict[str, QColor],
        fonts: dict[str, QFont],
        lines: int,
    ) -> None:
        self.generation = generation
        self.dark = dark
        self.zoom = zoom
        self.lines = lines  # of plain text and of diffs that a row shows before the rest waits behind 'more'
        metrics = {name: QFontMetrics(font) for name, font in fonts.items()}
        self._fonts = fonts
        self._bare = {name: _unshaped(font) if name in BARE else font for name, font in fonts.items()}
        # What every row asks for many times is a dictionary's own method: half the cost of one of ours.
        self.px: Callable[[float], int] = _Pixels(zoom).__getitem__  # device-independent px for a measure in our rhythm
        self.colour: Callable[[str], QColor] = colours.__getitem__  # by meaning, such as 'row.tool.text', else KeyError
        self.font: Callable[[str], QFont] = fonts.__getitem__  # ui, ui.bold, prose, mono, meta, meta.bold, title
        self.metrics: Callable[[str], QFontMetrics] = metrics.__getitem__

    def font_for(self, role: str, text: str) -> QFont:
        """The font of a role for one text: plain ASCII is spared the shaping engine, a third of what a layout costs."""
        return self._bare[role] if text.isascii() else self._fonts[role]


def _unshaped(font: QFont) -> QFont:
    bare = QFont(font)
    bare.setStyleStrategy(QFont.StyleStrategy.PreferNoShaping)
    return bare
