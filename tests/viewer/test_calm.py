"""Words put behind a paragraph without a parse: the document is the one a parse of all of it makes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtGui import QTextCharFormat
from PySide6.QtWidgets import QApplication
from thorough import examples

from viewer.rows.calm import calm, runs
from viewer.rows.clean import BREAK, breakable
from viewer.rows.parts import COUNT
from viewer.rows.prose import Prose
from viewer.theme import make_look
from viewer.theme.look import Look

HEADS = (
    "Hey ",
    "- item ",
    "1. one ",
    "para\n\n- the ",
    "# Head\n\nThe ",
    "some\nlines ",
    "a\n---\nbb ",
    "> quo\n\nand ",
)
CALM = (
    "the ",
    "loop ",
    "x. ",
    "(see ",
    "`code` ",
    "**bold** ",
    "**two words**, ",
    "`a b`. ",
    "é ",
    "🙂 ",
    "long-er ",
    "",
)
ODD = (
    "*", "**", "`", "_a_", "http:", "//x", "ww", "w.x.y", "a|b", "<b>", "&amp;", "\n", "\n\n", "\n- ", "1) ", "`x`y",
    "foo`z`", "  ", "\\", "[l](x)", "~~s~~", "**x**,", "@", "\x01", "\u200b", "x" * 300, "=", "# ", "!", "\t",
)  # fmt: skip
chunks = st.lists(st.sampled_from(CALM) | st.sampled_from(CALM) | st.sampled_from(ODD), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def look(qapp: QApplication) -> Look:
    return make_look("light")


def made(prose: Prose) -> list[Any]:
    """All there is to see of a piece."""
    document = prose._made()
    found: list[Any] = [prose.height, prose.first, prose.last, prose.caret()]
    block = document.begin()
    while block.isValid():
        forms = [(run.start, run.length, QTextCharFormat(run.format)) for run in block.textFormats()]
        found.append((block.text(), block.blockFormat(), forms, block.layout().lineCount()))
        block = block.next()
    return found


def prose_of(source: str, look: Look) -> Prose:
    return Prose(source, look, "text.main", 0, 0, 300)


@settings(max_examples=examples(100), deadline=None)
@given(st.sampled_from(HEADS), st.lists(chunks, min_size=1, max_size=6), st.integers(1, 40))
def test_what_is_appended_is_what_a_parse_gives(look: Look, head: str, flushes: list[list[str]], cut: int) -> None:
    prose = prose_of(head, look)
    for flush in flushes:
        for new in ("".join(flush)[:cut], "".join(flush)[cut:]):
            source = prose.source + new
            if prose.become(source):
                assert made(prose) == made(prose_of(source, look))
            else:
                assert prose.source != source
                prose.reparse(source)


def test_words_code_and_bold_cost_no_parse(look: Look) -> None:
    prose = prose_of("It begins", look)
    document = prose._made()
    assert prose.become(prose.source + " with **x** and `y`")  # the first time for a look, its formats are found out
    for number in range(50):
        before = COUNT.parsed_chars
        new = " and goes on with **x** and `y`."
        assert prose.become(prose.source + new)
        assert COUNT.parsed_chars - before == len(new), number
    assert prose._made() is document


@pytest.mark.parametrize("sign", ["*", "`", "_", "[", "<", "&", "\\", "|", "~", "\n", "http://x", "www.", "  ", "\x01"])
def test_a_sign_asks_the_engine(sign: str) -> None:
    assert calm("It begins ")
    assert runs("It begins ", f"and {sign}goes") is None


@pytest.mark.parametrize("source", ["", "1", "-", "# a head", "> quote", "    code", "a *b", "a `b", "| a", "==", "\n"])
def test_a_line_that_may_become_something_else_is_not_calm(source: str) -> None:
    assert not calm(source)


@given(st.lists(st.sampled_from((" ", "\n", "\t", "a", "x" * 499, "y" * 500, "z" * 501)), max_size=12))
def test_a_run_can_break_wherever_it_stands(parts: list[str]) -> None:
    text = "".join(parts)
    shown = breakable(text)
    assert shown.replace(BREAK, "") == text
    assert all(len(run) <= 500 for part in shown.split(BREAK) for run in part.split())
