"""The bundled fonts, loaded by file, and the type scale with its one zoom factor. Asked by viewer.theme.scheme only."""

from __future__ import annotations

import logging
from functools import cache

from PySide6.QtGui import QFont, QFontDatabase

from resources import path

log = logging.getLogger(__name__)

FILES = (
    "Inter-Regular.ttf",
    "Inter-Italic.ttf",
    "Inter-Medium.ttf",
    "Inter-SemiBold.ttf",
    "Inter-Bold.ttf",
    "Inter-BoldItalic.ttf",
    "JetBrainsMono-Regular.ttf",
    "JetBrainsMono-Italic.ttf",
    "JetBrainsMono-Bold.ttf",
    "JetBrainsMono-BoldItalic.ttf",
)
# role → (mono?, px at zoom 1, weight)
SCALE: dict[str, tuple[bool, float, QFont.Weight]] = {
    "ui": (False, 13, QFont.Weight.Normal),
    "ui.bold": (False, 13, QFont.Weight.DemiBold),
    "prose": (False, 14, QFont.Weight.Normal),
    "mono": (True, 12.5, QFont.Weight.Normal),
    "meta": (False, 11, QFont.Weight.Normal),
    "meta.bold": (False, 11, QFont.Weight.DemiBold),
    "title": (False, 15, QFont.Weight.DemiBold),
}


@cache
def families() -> tuple[str, str]:
    """The families for words and for code: the bundled ones, or the system's when a file is missing."""
    found: set[str] = set()
    for name in FILES:
        try:
            number = QFontDatabase.addApplicationFont(str(path(f"fonts/{name}")))
        except FileNotFoundError as error:
            log.info("font not shipped, the system's is used: %s", error)
            continue
        found.update(QFontDatabase.applicationFontFamilies(number) if number >= 0 else ())
    words = "Inter" if "Inter" in found else QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont).family()
    fixed = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family()
    code = "JetBrains Mono" if "JetBrains Mono" in found else fixed
    return words, code


def fonts(zoom: float) -> dict[str, QFont]:
    """Every role of the type scale at one zoom."""
    words, code = families()
    made: dict[str, QFont] = {}
    for role, (mono, size, weight) in SCALE.items():
        font = QFont(code if mono else words)
        # Pixels, not points: a QTextDocument lays points out for its own idea of dpi. 12.5 becomes 13 at zoom 1.
        font.setPixelSize(max(6, int(size * zoom + 0.5)))
        font.setWeight(weight)
        if mono:
            font.setStyleHint(QFont.StyleHint.Monospace)
            # Ligatures change what a reader believes was typed: '!=' is two characters.
            font.setFeature(QFont.Tag("liga"), 0)
            font.setFeature(QFont.Tag("calt"), 0)
        elif role == "prose":
            # A quarter of what laying a paragraph out costs, and hardly to be seen at this size.
            font.setKerning(False)
            # Inter's alternates make an arrow of '->' and a sign of the x in '3x4', which is not what was written.
            font.setFeature(QFont.Tag("calt"), 0)
        else:
            font.setFeature(QFont.Tag("tnum"), 1)  # figures of one width: columns of numbers stand still
        made[role] = font
    return made
