"""How things look right now: colours, fonts, measures by meaning. Made by viewer.theme, read by all that paints."""

from __future__ import annotations

from PySide6.QtGui import QColor, QFont, QFontMetrics


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
        self._metrics = {name: QFontMetrics(font) for name, font in fonts.items()}

    def colour(self, token: str) -> QColor:
        """A colour by meaning, such as 'row.tool.text'. Unknown tokens raise KeyError: they are typing errors."""
        return self._colours[token]

    def font(self, role: str) -> QFont:
        """ui, ui.bold, prose, mono, meta, meta.bold, title."""
        return self._fonts[role]

    def metrics(self, role: str) -> QFontMetrics:
        return self._metrics[role]

    def px(self, units: float) -> int:
        """Device-independent pixels for a measure in the 4 px rhythm, at this zoom."""
        return round(units * self.zoom)
