"""How far right a message paints: prose says it, so that following moves no more; all else may paint anywhere."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QImage, QPainter

from store.items import Message
from store.text import Text
from viewer.rows.base import ANYWHERE, Fold, Laid, lay_out
from viewer.rows.message import MessageRow
from viewer.theme import make_look

pytestmark = pytest.mark.usefixtures("qapp")
WIDE = 1400
LONG = "mmmmmmmmmm-MMMMMMMMMM `code code` **bold bold** *slanted f* " * 12
BLOCKS = f"# {LONG[:240]}\n\n- {LONG[:240]}\n  - {LONG[:240]}\n\n{'x' * 300}\n\n1. [{'link ' * 40}e](http://x.y)"


def laid(text: str, zoom: float = 1.0, *, is_open: bool = False) -> Laid:
    return lay_out(Message(id="m", text=Text(text), open=is_open), WIDE, make_look("dark", zoom), Fold())


def blank(width: int, height: int) -> QImage:
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(0)
    return image


@pytest.mark.parametrize("zoom", [0.8, 1.0, 1.25])
@pytest.mark.parametrize("source", [LONG, BLOCKS, f"{LONG}\n\n" * 6])
def test_nothing_is_painted_from_there_on(source: str, zoom: float) -> None:
    row = laid(source, zoom)
    assert isinstance(row, MessageRow)
    assert row.reach < WIDE
    image = blank(WIDE, row.height)
    with QPainter(image) as painter:
        row.paint(painter, 0, row.height, None)
    assert image.copy(row.reach, 0, WIDE - row.reach, row.height) == blank(WIDE - row.reach, row.height)
    row.grow(Message(id="m", text=Text(f"{source}\n\n```\n{'c' * 400}\n```"), rev=1))
    assert row.reach == ANYWHERE


@pytest.mark.parametrize("more", [f"| {'a ' * 90} | b |\n|---|---|\n| c | d |", f"```\n{'c' * 400}\n```"])
def test_tables_code_and_what_streams_may_paint_anywhere(more: str) -> None:
    assert laid(f"{LONG}\n\n{more}").reach == ANYWHERE
    assert laid(LONG, is_open=True).reach == ANYWHERE
