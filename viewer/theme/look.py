"""How things look right now: colours, fonts, measures by meaning. Made by viewer.theme, read by all that paints."""

from __future__ import annotations

from typing import Final

from PySide6.QtGui import QColor, QFont, QFontMetrics

BARE: Final = ("prose", "mono")  # roles whose ASCII looks the same unshaped: no ligatures, kerning or figures to choose


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
        self._colours = colours
        self._fonts = fonts
        self._bare = {name: _unshaped(font) if name in BARE else font for name, font in fonts.items()}
        self._metrics = {name: QFontMetrics(font) for name, font in fonts.items()}

    def colour(self, token: str) -> QColor:
        """A colour by meaning, such as 'row.tool.text'. Unknown tokens raise KeyError: they are typing errors."""
        return self._colours[token]

    def font(self, role: str) -> QFont:
        """ui, ui.bold, prose, mono, meta, meta.bold, title."""
        return self._fonts[role]

    def font_for(self, role: str, text: str) -> QFont:
        """The font of a role for one text: plain ASCII is spared the shaping engine, a third of what a layout costs."""
        return self._bare[role] if text.isascii() else self._fonts[role]

    def metrics(self, role: str) -> QFontMetrics:
        return self._metrics[role]

    def px(self, units: float) -> int:
        """Device-independent pixels for a measure in the 4 px rhythm, at this zoom."""
        return round(units * self.zoom)


def _unshaped(font: QFont) -> QFont:
    bare = QFont(font)
    bare.setStyleStrategy(QFont.StyleStrategy.PreferNoShaping)
    return bare
