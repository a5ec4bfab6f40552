"""How prose is set, whoever lays it out: space between blocks, measure, headings, bold words and code. For rows."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtGui import QFont, QTextCharFormat, QTextFormat, QTextOption

from viewer.theme.look import Look

HEADINGS = {1: 20, 2: 17, 3: 15}  # the height of their font by level
PIXELS = QTextFormat.Property.FontPixelSize.value


@lru_cache(maxsize=1)
def prose_option() -> QTextOption:
    made = QTextOption()
    made.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    return made


@lru_cache(maxsize=512)
def gap(look: Look, before: str, after: str) -> int:
    """The space between two blocks, in px."""
    if not before or "none" in (before, after):
        return 0
    if after == "heading":
        return look.px(12 if before == "heading" else 20)
    if before == "heading":
        return look.px(8)
    if before == after == "item":
        return look.px(4)
    if before == after == "code":
        return 0
    if "rule" in (before, after):
        return look.px(16)
    return look.px(10)


@lru_cache(maxsize=8)
def measure(look: Look) -> int:
    """The width of about 90 characters of prose: longer lines are hard to find the beginning of."""
    sample = "the quick brown fox jumps over the lazy dog and then it runs on to the other side. "
    return round(look.metrics("prose").horizontalAdvance(sample) * 90 / len(sample))


@lru_cache(maxsize=1)
def strong_form() -> QTextCharFormat:
    """Bold words."""
    form = QTextCharFormat()
    form.setFontWeight(QFont.Weight.DemiBold)
    return form


@lru_cache(maxsize=16)
def mono_form(look: Look, code: bool, anchor: bool) -> QTextCharFormat:
    """Code, in a block of its own or among words."""
    form = QTextCharFormat()
    font = look.font("mono")
    form.setFontFamilies([font.family()])
    form.setProperty(PIXELS, font.pixelSize())
    form.setForeground(look.colour("text.link" if anchor else "code.text"))
    if not code:
        form.setBackground(look.colour("code.inline"))
    return form
