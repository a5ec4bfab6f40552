"""Monospaced text that is painted without a layout looks, measures and answers as the one that is laid out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter

from viewer.rows.grid import Grid, mono
from viewer.rows.parts import COUNT, Lines, Span
from viewer.theme import make_look
from viewer.theme.look import Look

CODE = "def retry(limit: int) -> None:\n    for n in range(limit + 1):\n\n        attempt(n)  # 'once' @\nWWW|@%_ggjj"
INK, OTHER, PAPER = 0xFF50C878, 0xFFE06C75, 0xFF3A1D23
SPANS = (
    (),
    (Span(0, 30, INK),),
    (Span(0, 30, INK), Span(31, 30, OTHER), Span(35, 5, OTHER, PAPER)),
    (Span(0, 3, INK), Span(10, 5, OTHER), Span(35, 40, None, PAPER)),  # over a line's end
    (Span(4, 60, INK), Span(90, 4, OTHER, None, False, False, True)),  # underlined: for a layout
    tuple(Span(at, 1, INK if at % 2 else OTHER) for at in range(0, 60, 2)),  # too many runs to paint one by one
)


def laid(text: str, look: Look, width: int, spans: tuple[Span, ...]) -> Lines:
    return Lines(text, look, "mono", "code.text", 21, 7, width, spans=spans)


def picture(part: Lines, look: Look, clip: QRectF, selected: tuple[int, int] | None = None) -> QImage:
    image = QImage(900, 160, QImage.Format.Format_RGB32)
    image.fill(look.colour("code.background"))
    with QPainter(image) as painter:
        painter.setClipRect(clip)
        part.paint(painter, clip, selected)
    return image


WHOLE = QRectF(0, 0, 900, 160)


@pytest.mark.parametrize("zoom", [1.0, 1.25, 0.8])
@pytest.mark.parametrize("spans", SPANS)
def test_it_looks_as_if_laid_out(zoom: float, spans: tuple[Span, ...]) -> None:
    look = make_look("dark", zoom)
    part, other = mono(CODE, look, "code.text", 21, 7, 800, spans=spans), laid(CODE, look, 800, spans)
    assert isinstance(part, Grid)
    assert (part.height, part.line_tops()) == (other.height, other.line_tops())
    assert picture(part, look, WHOLE) == picture(other, look, WHOLE)
    strip = QRectF(0, 30, 900, 23)
    assert picture(part, look, strip) == picture(other, look, strip)
    # A selection, and what is painted after it, is a layout's: nothing moves by it.
    assert picture(part, look, WHOLE, (5, 50)) == picture(other, look, WHOLE, (5, 50))
    assert picture(part, look, WHOLE) == picture(other, look, WHOLE)
    assert part.caret() == other.caret()
    assert [part.at(x, y) for x in (0, 25, 333, 899) for y in (0, 8, 45, 159)] == [
        other.at(x, y) for x in (0, 25, 333, 899) for y in (0, 8, 45, 159)
    ]


def test_nothing_is_laid_out_to_paint_it() -> None:
    look = make_look("dark")
    before = COUNT.laid_chars
    picture(mono(CODE, look, "code.text", 21, 7, 800, spans=SPANS[2]), look, WHOLE)
    assert COUNT.laid_chars == before


@given(st.text("ab W.|'\n", max_size=120), st.integers(40, 330))
@settings(deadline=None, max_examples=60)
def test_its_height_is_that_of_the_layout_at_any_width(text: str, width: int) -> None:
    look = make_look("light")
    part, other = mono(text, look, "code.text", 21, 7, width), laid(text, look, width, ())
    assert (part.height, part.line_tops()) == (other.height, other.line_tops())
    assert part.lay().lineCount() == other.lay().lineCount()


def test_what_does_not_fit_is_laid_out() -> None:
    look = make_look("dark")
    for text, spans in (("x" * 200, ()), ("a\tb", ()), ("é", ()), ("", ()), ("bold", (Span(0, 4, INK, None, True),))):
        assert type(mono(text, look, "code.text", 0, 0, 400, spans=spans)) is Lines


def test_a_longer_text_is_the_same_down_to_what_is_new() -> None:
    look = make_look("dark")
    more = CODE + "\nreturn"
    for spans in (SPANS[0], SPANS[1]):
        old, new = mono(CODE, look, "code.text", 21, 7, 800, spans=spans), mono(more, look, "code.text", 21, 7, 800)
        mine, other = laid(CODE, look, 800, spans), laid(more, look, 800, ())
        assert old.same_until(new) == mine.same_until(other)
