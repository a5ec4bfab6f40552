"""Markdown that is read without the engine says, and looks, what the engine makes of it; the rest is the engine's."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter, QTextOption

from store.items import Message
from store.text import Text
from viewer.rows.base import Fold, lay_out
from viewer.rows.clean import clean
from viewer.rows.marks import draw_text
from viewer.rows.message import MessageRow
from viewer.rows.oneline import OneLine
from viewer.rows.parts import COUNT, Lines, Part
from viewer.rows.prose import Prose
from viewer.rows.simple import coded, inline, read
from viewer.rows.words import Words
from viewer.theme import make_look
from viewer.theme.look import Look

WIDTH = 900
SIMPLE = (
    "Just words, on\ntwo lines. " * 6,
    "a **b** `c` *i* [t](http://x.y) e\n\n**Note:** more, **two words**. " * 3,
    "- one\n- two `x`\n\n- three\n\nafter\n\n* star\n* more\n\n## Then\n+ plus",
    "1. one\n   - nested " + "long " * 60 + "\n   - again\n2. two\n\nthen\n\n7) seven\n8) eight",
    "- `code`\n- `more`\n\nand\n\n1. **b**\n2. 漢字\n\n`end`",
    "# Head `c` *i* [t](http://x)\n\n## two\n### 3. **bold**\n#### four",
    "Émile — “quoted” → ✅ 漢字 text. 🎉 **bold** and `code` and [a link](http://é.example). " * 6,
    "| case | before | after it |\n|---|:-:|--:|\n| flaky | 1 in `10` | 0 in **500** |\n| x || z |",
    "text\n\n| a | *b* [t](http://x.y/z) `c` |\n|:--|:--:|\n| c `x` | *dd* e **b** [t](http://x.y/z) |\n\n## more\n\nx",
    "| a | bbb |\n|--:|:-:|",
    "| after it | at |\n|--:|:-:|\n| 0 in 500 now | not by this |",
    "- x\n\n| a |\n|-|\n| b |\n\n- y\n\n| a |\n|-|\n| 🎉 b |\n\nend",
    "snake_case, a -> b, [1], x < y, R&D, C# and @name",
    "code may `say_ *what* it` likes: `~~x~~ & <b>`",
)
FOR_THE_ENGINE = (
    "",
    "> quote",
    "a\n---",
    "---",
    "***",
    "~~gone~~",
    "**bold and ~~gone~~**",
    "www.example.com",
    "see http://x.y",
    "a@b.c",
    "<b>x</b>",
    "&amp;",
    r"\*",
    "![i](u)",
    "[a][b]",
    "[a]: http://x",
    "__init__",
    "_it_",
    "**open",
    "`open",
    "``two``",
    "hard  \nbreak",
    "- [ ] task",
    "- a\n\n  more of it",
    "    code",
    "-",
    "1.",
    "- - x",
    "a\n# b #",
    "#no\n=",
    "| a |",
    "| a |\n| b |",
    "a\n| b |\n|---|\n| c |",
    "| a | b |\n|---|---|\n| c |",
    "| a |\n|---|\nb",
    "x" * 600,
    "مرحبا",
    "e\u0301",
    "\ta",
    "- a\n* b",
    "**`a` b**",
    "***x***",
    "[`c`](u)",
    "**a**b",
)
PIECES = (
    "word",
    "two words",
    "**bold**",
    "**bold words:**",
    "`code`",
    "`a b`",
    "*it*",
    "*",
    "**",
    "`",
    "_",
    "snake_case",
    "[",
    "]",
    "[t](http://x.y)",
    "(x)",
    "![i](u)",
    "<b>",
    "> q",
    "&",
    "\\",
    "~",
    "www.x.y",
    "a@b.c",
    "- ",
    "* ",
    "1. ",
    "2. ",
    "3) ",
    "  - ",
    "   - ",
    "    - ",
    "# ",
    "## ",
    "---",
    "===",
    "\n",
    "\n",
    "\n\n",
    "\n\n",
    " ",
    "  ",
    ":",
    ".",
    ",",
    "!",
    "->",
    "3x4",
    "é",
    "—",
    "✅",
    "🎉",
    "漢字",
    "[ ] ",
    "`a`b",
    "**a**b",
    "|",
    "| a | `b` |\n|---|--:|\n| c | **d** |",
    "\n\n| a |\n|:-:|\n| long words |\n| `c` |\n\n",
)
sources = st.lists(st.sampled_from(PIECES) | st.sampled_from((" ", "word ", "\n\n")), min_size=1, max_size=9).map(
    "".join
)


@pytest.fixture(scope="module")
def look() -> Look:
    return make_look("dark")


def drawn(part: Part, look: Look, selected: tuple[int, int] | None = None) -> QImage:
    image = QImage(WIDTH, part.height + 24, QImage.Format.Format_RGB32)
    image.fill(look.colour("surface.window"))
    with QPainter(image) as painter:
        part.paint(painter, QRectF(image.rect()), selected)
    return image


def both(source: str, look: Look, width: int = 860) -> tuple[Words, Prose] | None:
    simple = read(clean(source))
    if simple is None:
        return None
    words = Words(simple, look, "text.main", 10, 4, width)
    return (words, Prose(source, look, "text.main", 10, 4, width)) if words.widest <= words.width else None


def the_same(words: Words, prose: Prose, look: Look) -> None:
    assert words.height == prose.height
    assert (words.first, words.last) == (prose.first, prose.last)
    assert drawn(words, look) == drawn(prose, look)


@pytest.mark.parametrize("width", [860, 300])
@pytest.mark.parametrize("source", SIMPLE)
def test_it_looks_as_the_engine_has_it(source: str, width: int, look: Look) -> None:
    made = both(source, look, width)
    assert made is not None
    the_same(*made, look)


@settings(max_examples=300, deadline=None)
@given(sources)
def test_whatever_is_read_is_the_same_to_the_pixel(source: str) -> None:
    look = make_look("dark")
    made = both(source, look)
    if made is not None:
        the_same(*made, look)


@pytest.mark.parametrize("source", FOR_THE_ENGINE)
def test_what_might_mean_something_else_is_the_engines(source: str) -> None:
    assert read(source) is None


def test_places_and_links_are_those_of_a_document(look: Look) -> None:
    source = "Some **bold** words, `code` and [a link](http://x.y/z) 🎉 here.\n\n- an item\n- another"
    made = both(source, look)
    assert made is not None
    words, prose = made
    assert words.end() == prose.end()
    assert words.caret() == prose.caret()
    assert words.cut(0, words.end()) == prose.cut(0, prose.end())
    middle = [4 + 4 + 8, words.y + words.height - 8]  # of the first and of the last line
    for y in middle:
        for x in range(0, WIDTH, 7):
            assert words.at(x, y) == prose.at(x, y)
            assert words.link(x, y) == prose.link(x, y)
            assert words.around(words.at(x, y), False) == prose.around(prose.at(x, y), False)
    assert any(words.link(x, middle[0]) == "http://x.y/z" for x in range(0, WIDTH, 7))


def test_a_table_is_copied_with_tabs_and_every_cell_can_be_hit(look: Look) -> None:
    made = both("before\n\n| a | bb |\n|---|---|\n| ccc | d |", look)
    assert made is not None
    words = made[0]
    assert words.cut(0, words.end()) == "before\na\tbb\nccc\td"
    text = words.text
    seen = {text[max(0, words.at(x, y) - 1)] for x in range(10, 140) for y in range(words.y, words.y + words.height)}
    assert seen >= set("abcd")
    first = text.index("ccc")
    assert drawn(words, look, (first, first + 3)) != drawn(words, look)


ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=12)
WORDS = st.tuples(st.sampled_from(["{}", "`{}`", "**{}**", "*{}*", "[{}](http://x.y)"]), ASCII).map(
    lambda one: one[0].format(one[1])
)


def both_rows(source: str, zoom: float, width: int = WIDTH) -> tuple[OneLine, MessageRow] | None:
    look = make_look("dark", zoom)
    laid = lay_out(Message(id="m", text=Text(source)), width, look, Fold())
    if not isinstance(laid, OneLine):
        return None
    assert isinstance(laid.whole, MessageRow)
    return laid, laid.whole


def row_drawn(laid: OneLine | MessageRow, selected: tuple[None, None] | None = None) -> QImage:
    image = QImage(WIDTH, laid.height + 8, QImage.Format.Format_RGB32)
    image.fill(0)
    with QPainter(image) as painter:
        painter.translate(0, 4)
        laid.paint(painter, 0, laid.height, selected)
    return image


@settings(max_examples=150, deadline=None)
@example("X`0`", 0.8)  # the X leans into the code's ground
@given(st.lists(WORDS, min_size=1, max_size=8).map(" ".join), st.sampled_from([0.8, 1.0, 1.25]))
def test_a_message_of_one_line_looks_as_the_sheet_has_it(source: str, zoom: float) -> None:
    made = both_rows(f"So {source}", zoom)
    if made is not None:
        line, whole = made
        assert line.height == whole.height
        drawn = row_drawn(line)
        assert drawn == row_drawn(whole)
        rest = drawn.copy(line.reach, 0, WIDTH - line.reach, drawn.height())
        bare = QImage(rest.size(), rest.format())
        bare.fill(0)
        assert rest == bare
        moved = QImage(drawn.size(), drawn.format())
        moved.fill(0)
        with QPainter(moved) as painter:
            line.draw(painter, 4)
        assert moved == drawn


@given(
    st.lists(st.sampled_from(["`", "``", " ", "a", "b c", ".", "_", "//", "*", "[", "@x"]), max_size=12).map("".join)
)
def test_words_and_code_are_the_ones_that_the_search_finds(source: str) -> None:
    pieces, said = coded(source), inline(source)
    if pieces is not None:
        assert said is not None
        text, runs = said
        assert text == "".join(pieces)
        assert [text[run.start : run.start + run.length] for run in runs] == pieces[1::2]
        assert all(run.form == "code" for run in runs)


def test_a_line_is_laid_out_when_it_is_pointed_at_and_no_sooner(look: Look) -> None:
    source = "Looked at `store/retry.py`, **nothing** to *change* there."
    before = COUNT.laid_chars
    laid = lay_out(Message(id="m", text=Text(source)), WIDTH, look, Fold())
    assert isinstance(laid, OneLine)
    unselected = row_drawn(laid)
    assert COUNT.laid_chars == before
    assert laid.text(None, None) == source
    assert laid.segments == laid.whole.segments
    hit = laid.hit(60, laid.height // 2)
    assert hit.pos is not None
    assert laid.text(*laid.word(hit.pos)) == "Looked"
    assert row_drawn(laid, (None, None)) != unselected
    assert row_drawn(laid) == unselected


@pytest.mark.parametrize(
    "source", ["long " * 50, "two\n\nparagraphs", "[a](http://x)", "Ärger", "# head", "", "`x", "a | b ||| ~~c~~"]
)
def test_what_is_no_line_of_plain_letters_has_a_sheet(source: str) -> None:
    assert both_rows(source, 1.0) is None
    assert both_rows("Words that fit where there is room.", 1.0, 200) is None


def test_what_is_complete_needs_no_document_and_what_streams_does(look: Look) -> None:
    text = Text("A **few** words.\n\n- and\n- items")
    closed = lay_out(Message(id="m", text=text), WIDTH, look, Fold())
    opened = lay_out(Message(id="n", text=text, open=True), WIDTH, look, Fold())
    assert isinstance(closed, MessageRow)
    assert isinstance(opened, MessageRow)
    assert [type(part) for part in closed.parts] == [Words]
    assert [type(part) for part in opened.parts] == [Prose]
    assert closed.height == opened.height


def test_a_table_too_wide_for_one_line_is_the_engines(look: Look) -> None:
    text = Text("| a | b |\n|---|---|\n| " + "many words " * 20 + "| x |")
    laid = lay_out(Message(id="m", text=text), WIDTH, look, Fold())
    assert isinstance(laid, MessageRow)
    assert [type(part) for part in laid.parts] == [Prose]


@pytest.mark.parametrize("role", ["prose", "mono"])
def test_ascii_looks_the_same_unshaped(role: str, look: Look) -> None:
    """The other font is for what is not ASCII; a message that has both must not show it."""
    text = "".join(chr(code) for code in range(32, 127)) + " fi ffl -> => 3x4 10:30 (A) != <= --- www AV"
    images = []
    for font in (look.font(role), look.font_for(role, text)):
        image = QImage(WIDTH * 2, 40, QImage.Format.Format_RGB32)
        image.fill(look.colour("surface.window"))
        with QPainter(image) as painter:
            painter.setFont(font)
            painter.drawText(4, 24, text)
        images.append(image)
    assert images[0] == images[1]
    assert look.font_for(role, "é") == look.font(role)


@pytest.mark.parametrize("zoom", [0.8, 1.0, 1.25])
@pytest.mark.parametrize(
    "text", ["pytest -x -k case_1 -> 3x4", "/a/b/…/c.py", "Ärger", "exit → 1 ✅ 漢字 🎉", "مرحبا", "a\tb"]
)
def test_a_line_looks_the_same_before_and_after_it_was_pointed_at(text: str, zoom: float) -> None:
    look = make_look("dark", zoom)
    for role in ("mono", "ui", "prose"):
        line = Lines(text, look, role, "text.main", 7, 5, 300, wrap=QTextOption.WrapMode.NoWrap)
        fresh = drawn(line, look)
        line.at(10, 10)
        assert drawn(line, look) == fresh


@pytest.mark.parametrize(
    "text", ["Bash", "−12", "0.9 s", "12 more lines · in the inspector", "Ärger → ✅", "漢字", "  …", "مرحبا"]
)
def test_a_kept_label_looks_as_it_was_drawn(text: str, look: Look) -> None:
    images = []
    for kept in (True, False):
        image = QImage(300, 40, QImage.Format.Format_RGB32)
        image.fill(look.colour("surface.window"))
        with QPainter(image) as painter:
            painter.setFont(look.font("ui"))
            painter.setPen(look.colour("text.main"))
            if kept:
                draw_text(painter, 7, 5, text, look, "ui")
            else:
                painter.drawText(7, 5 + look.metrics("ui").ascent(), text)
        images.append(image)
    assert images[0] == images[1]
