"""Markdown rows: flat cost of streaming, no loads, HTML stays text, exact links, copies that give the original."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter, QTextTable
from PySide6.QtWidgets import QApplication

from store.items import Message, Thought
from store.text import Text
from viewer.rows.base import Fold, Laid, Pos, lay_out
from viewer.rows.dress import Dresser
from viewer.rows.markdown import StreamDoc
from viewer.rows.parts import COUNT
from viewer.rows.pieces import PROSE_MAX, Splitter, fits
from viewer.rows.prose import KEPT, Prose, kept
from viewer.rows.syntax import lex
from viewer.rows.typeset import measure
from viewer.theme import make_look
from viewer.theme.look import Look

PARAGRAPH = "Some **bold** words and `code` in a paragraph that goes on for a while, as the answers of agents do.\n\n"


@pytest.fixture(scope="module")
def look(qapp: QApplication) -> Look:
    return make_look("light")


def message(text: str, *, is_open: bool = False, rev: int = 0) -> Message:
    return Message(id="m", rev=rev, text=Text(text), open=is_open)


def shown(laid: Laid) -> str:
    """All that is laid out, as a partial selection copies it."""
    return laid.text(Pos(0, 0), None)


def painted(laid: Laid, width: int = 700) -> QImage:
    image = QImage(width, max(1, min(laid.height, 2000)), QImage.Format.Format_RGB32)
    image.fill(0xFFFFFFFF)
    with QPainter(image) as painter:
        laid.paint(painter, 0, image.height(), None)
    return image


def grown(pieces: list[str], look: Look) -> StreamDoc:
    """A message that came in pieces and was then closed."""
    text = Text()
    laid = lay_out(Message(id="m", text=text, open=True), 700, look, Fold())
    for rev, piece in enumerate(pieces, 1):
        text = text.append(piece)
        item = Message(id="m", rev=rev, text=text, open=True)
        if not laid.grow(item):
            laid = lay_out(item, 700, look, Fold())
    done = Message(id="m", rev=len(pieces) + 1, text=text)
    if not laid.grow(done):
        laid = lay_out(done, 700, look, Fold())
    assert isinstance(laid, StreamDoc)
    return laid


@pytest.mark.parametrize("kilobytes", [10, 1024])
def test_P04_a_flush_parses_the_open_tail_only(look: Look, kilobytes: int) -> None:
    """004-25: the cost of a flush does not depend on the message's length."""
    text = Text(PARAGRAPH * (kilobytes * 1024 // len(PARAGRAPH)))
    laid = lay_out(Message(id="m", text=text, open=True), 700, look, Fold())
    more = PARAGRAPH * 200
    for flush in range(60):
        text = text.append(more[flush * 360 : flush * 360 + 360])
        before = COUNT.parsed_chars, COUNT.laid_chars
        assert laid.grow(Message(id="m", rev=flush + 1, text=text, open=True))
        assert COUNT.parsed_chars - before[0] <= 2 * PROSE_MAX
        assert COUNT.laid_chars - before[1] <= 2 * PROSE_MAX


@pytest.mark.parametrize(
    "line", ["a paragraph that never ends and has no border ", "word" * 100, "- an item\n", "| a | b |\n", "    code\n"]
)
def test_the_open_tail_is_bounded_whatever_it_is(look: Look, line: str) -> None:
    text = Text(line)
    laid = lay_out(Message(id="m", text=text, open=True), 700, look, Fold())
    for flush in range(50):  # 20,000 characters: more than the bound lets one of them parse
        text = text.append(line * (400 // len(line) + 1))
        before = COUNT.parsed_chars
        assert laid.grow(Message(id="m", rev=flush + 1, text=text, open=True))
        assert COUNT.parsed_chars - before <= 3 * PROSE_MAX


def test_an_open_fence_grows_without_markdown(look: Look) -> None:
    text = Text("Look:\n\n```python\n")
    laid = lay_out(Message(id="m", text=text, open=True), 700, look, Fold())
    for flush in range(100):
        text = text.append("def f(x):\n    return x  # one\n")
        before = COUNT.parsed_chars, COUNT.laid_lines
        assert laid.grow(Message(id="m", rev=flush + 1, text=text, open=True))
        assert COUNT.parsed_chars - before[0] <= 20  # the words above it, once
        assert COUNT.laid_lines - before[1] <= 120


SAMPLE = (
    "# Title\n\nOne **para** with [a link](http://x.y/z).\n\n- one\n- two\n\n  more of two\n\n"
    "```py\na = 1\n\nb = 2\n```\n\n"
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n> quoted\n> text\n\n1. first\n2. second\n\n"
    "~~~\ntilde ``` inside\n~~~\n\nThe *end*.\n"
)


@given(st.lists(st.integers(0, 3 * len(SAMPLE)), max_size=12))
def test_any_cut_of_the_stream_gives_the_same_pieces(cuts: list[int]) -> None:
    whole = SAMPLE * 3
    splitter, once = Splitter(), Splitter()
    at = 0
    pieces = []
    for cut in [*sorted(cuts), len(whole)]:
        pieces += splitter.feed(whole[at:cut])
        splitter.tail()
        at = max(at, cut)
    pieces += splitter.finish()
    expected = [*once.feed(whole), *once.finish()]
    assert [(p.kind, p.source, p.language, p.number) for p in pieces] == [
        (p.kind, p.source, p.language, p.number) for p in expected
    ]


@given(st.text(alphabet="ab \n`~-*|>#1.", max_size=400))
def test_the_splitter_loses_no_word(source: str) -> None:
    splitter = Splitter()
    pieces = [*splitter.feed(source), *splitter.finish()]
    kept_words = "".join(piece.source for piece in pieces)
    for letter in "ab":
        # Only fences' own lines go; a word on one of them is its info string.
        lost = source.count(letter) - kept_words.count(letter)
        info = sum(line.count(letter) for line in source.split("\n") if line.lstrip(" ")[:3] in ("```", "~~~"))
        assert 0 <= lost <= info


def test_streamed_and_whole_look_the_same(look: Look) -> None:
    source = SAMPLE * 4
    streamed = grown([source[at : at + 7] for at in range(0, len(source), 7)], look)
    whole = lay_out(message(source), 700, look, Fold())
    assert shown(streamed) == shown(whole)
    assert streamed.height == whole.height
    assert streamed.segments == whole.segments
    assert painted(streamed) == painted(whole)


def test_a_link_defined_at_the_end_is_a_link_above(look: Look) -> None:
    source = f"See [the docs][d].\n\n{PARAGRAPH * 30}\n\n[d]: https://example.org/late\n"
    laid = grown([source[at : at + 50] for at in range(0, len(source), 50)], look)
    links = {laid.hit(x, 18).link for x in range(40, 200, 4)}
    assert "https://example.org/late" in links


def test_a_local_image_is_never_read(look: Look, tmp_path: Path) -> None:
    """2.5: Qt reads image files during layout unless it is told not to."""
    picture = QImage(333, 177, QImage.Format.Format_RGB32)
    picture.fill(0xFFFF0000)
    file = tmp_path / "secret.png"
    assert picture.save(str(file))
    for target in (str(file), file.as_uri(), f"<{file}>"):
        laid = lay_out(message(f"before ![the *alt*]({target}) after"), 700, look, Fold())
        assert laid.height < 100
        image = painted(laid)
        assert not any(
            image.pixelColor(x, y).getRgb()[:3] == (255, 0, 0) for x in range(0, 700, 5) for y in range(image.height())
        )
        assert "[image: the alt]" in shown(laid)
        assert "￼" not in shown(laid)


def test_an_image_says_where_it_points_and_links_there(look: Look) -> None:
    laid = lay_out(message("![x](https://example.org/a.png)"), 700, look, Fold())
    assert "(https://example.org/a.png)" in shown(laid)
    assert laid.hit(80, 18).link == "https://example.org/a.png"


def test_html_stays_text(look: Look) -> None:
    source = 'List<String> and <system-reminder>x</system-reminder> <b>bold</b> <a href="javascript:x()">y</a>'
    text = shown(lay_out(message(source), 700, look, Fold()))
    assert text == source


def test_front_matter_is_not_swallowed(look: Look) -> None:
    assert "title: x" in shown(lay_out(message("---\ntitle: x\n---\n\nbody"), 700, look, Fold()))


@pytest.mark.parametrize("target", ["javascript:alert(1)", "file:///etc/passwd", "https://example.org/?a=1&b=%20"])
def test_a_link_tells_its_exact_target(look: Look, target: str) -> None:
    laid = lay_out(message(f"[a rather long text to point at]({target})"), 700, look, Fold())
    hit = laid.hit(100, 18)
    assert hit.link == target
    assert hit.tip == target


def test_a_link_longer_than_a_line_break_mark_is_exact(look: Look) -> None:
    target = "https://example.org/" + "x" * 1200
    laid = lay_out(message(f"[point at this text]({target})"), 700, look, Fold())
    assert laid.hit(80, 18).link == target


def test_copy_of_all_is_the_original_and_of_a_part_is_plain(look: Look) -> None:
    source = "A **bold** word and `code`.\n\n" + "x" * 1300
    laid = lay_out(message(source), 700, look, Fold())
    assert laid.text(None, None) == source
    assert shown(laid).startswith("A bold word and code.")
    assert "\u200b" not in shown(laid)
    assert "x" * 1300 in shown(laid)


def test_copying_between_two_places_of_two_segments(look: Look) -> None:
    laid = lay_out(message("Before it.\n\n```\none\ntwo\n```\n\nAfter it."), 700, look, Fold())
    assert laid.segments == 3
    assert laid.text(Pos(0, 7), Pos(2, 5)) == "it.\none\ntwo\nAfter"


def test_a_word_and_a_paragraph_around_a_place(look: Look) -> None:
    laid = lay_out(message("One 😀 emoji before a word.\n\n```\nfirst line\nsecond\n```"), 700, look, Fold())
    hit = laid.hit(52, 18)
    assert hit.pos is not None
    first, last = laid.word(hit.pos)
    assert laid.text(first, last) == "One"
    first, last = laid.paragraph(Pos(1, 2))
    assert laid.text(first, last) == "first line"


def test_a_fenced_block_can_be_copied_alone(look: Look) -> None:
    code = "\n".join(f"line {n}" for n in range(200))
    laid = lay_out(message(f"a\n\n```py\nx = 1\n```\n\n```\n{code}\n```\n"), 700, look, Fold())
    assert laid.block(0) == "x = 1"
    assert laid.block(1) == code
    actions = {laid.hit(660, y).action for y in range(0, laid.height, 4)}
    assert {"copy:0", "copy:1"} <= actions


def test_a_selection_survives_what_is_appended(look: Look) -> None:
    source = PARAGRAPH * 40
    laid = lay_out(message(source, is_open=True), 700, look, Fold())
    start, end = Pos(1, 5), Pos(1, 30)
    before = laid.text(start, end)
    assert before
    assert laid.grow(message(source + PARAGRAPH * 10, is_open=True, rev=1))
    assert laid.text(start, end) == before


def test_growing_refuses_another_text(look: Look) -> None:
    laid = lay_out(message("one two three", is_open=True), 700, look, Fold())
    assert not laid.grow(message("one", is_open=True, rev=1))
    assert not laid.grow(message("quite another text", rev=2))
    assert not laid.grow(Message(id="other", rev=3, text=Text("one two three four"), open=True))


def test_prose_keeps_its_measure_and_code_the_whole_width(look: Look) -> None:
    laid = lay_out(message("word " * 200 + "\n\n```\n" + "c " * 400 + "\n```\n"), 1600, look, Fold())
    image = painted(laid, 1600)
    ground = image.pixelColor(1599, 2)
    rightmost = max(
        x for y in range(8, 40) for x in range(0, 1600) if image.pixelColor(x, y).lightness() < ground.lightness() - 90
    )
    assert rightmost <= 48 + measure(look) + 4
    assert isinstance(laid, StreamDoc)
    assert max(part.width for part in laid.parts if not isinstance(part, Prose)) > 1400


def test_the_caret_is_there_while_it_streams_only(look: Look) -> None:
    accent = look.colour("accent.main").rgb()

    def has_caret(item: Message) -> bool:
        image = painted(lay_out(item, 700, look, Fold()))
        return any(image.pixel(x, y) == accent for x in range(700) for y in range(image.height()))

    assert has_caret(message("plain words", is_open=True))
    assert not has_caret(message("plain words"))


def test_documents_are_kept_up_to_a_limit_and_made_again(look: Look) -> None:
    rows = [lay_out(message(f"{n}\n\n{PARAGRAPH * 100}"), 700, look, Fold()) for n in range(60)]
    assert kept() <= KEPT
    assert rows[0].hit(60, 18).pos is not None  # dropped long ago
    assert shown(rows[0]).startswith("0\n")


def test_a_long_message_is_paged_and_an_open_one_shows_its_end(look: Look) -> None:
    source = PARAGRAPH * 8000 + "THE END"
    before = COUNT.laid_chars
    laid = lay_out(message(source), 700, look, Fold())
    assert COUNT.laid_chars - before < 40_000
    assert laid.hit(60, laid.height - 20).action == "more"
    taller = lay_out(message(source), 700, look, Fold(pages=1))
    assert taller.height > laid.height
    tail = lay_out(message(source, is_open=True), 700, look, Fold())
    assert "THE END" in shown(tail)
    assert laid.text(None, None) == source


def test_the_window_of_an_open_message_knows_it_begins_inside_a_fence(look: Look) -> None:
    source = "intro\n\n```python\n" + "x = 1  # *not emphasis*\n" * 4000
    tail = lay_out(message(source, is_open=True), 700, look, Fold())
    assert "# *not emphasis*" in shown(tail)


def test_what_is_quadratic_in_the_engine_is_preformatted() -> None:
    assert fits("| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 150)
    assert not fits("a|b\n-|-\n" + "1|2\n" * 300)
    assert not fits("|".join("a" * 200) + "\n" + "|".join("-" * 200))
    assert not fits(">" * 300 + " deep")
    assert not fits("- " * 40 + "deep")
    assert fits("---------------------------------------\n\n***\n")


def test_code_is_coloured_also_across_pieces() -> None:
    tokens, state = lex('x = """one\ntwo', "python")
    assert state == '"""'
    assert [(t.start, t.kind) for t in tokens] == [(4, "string")]
    tokens, state = lex('three"""\nreturn 1', "python", state)
    assert state == ""
    assert [t.kind for t in tokens] == ["string", "keyword", "number"]
    assert lex("anything", "no-such-language") == ([], "")


def test_a_thought_folds_and_opens(look: Look) -> None:
    item = Thought(id="t", ts=0, ended=6_000_000, text=Text("I should **look**."))
    folded = lay_out(item, 700, look, Fold())
    opened = lay_out(item, 700, look, Fold(open=True))
    assert folded.height < opened.height
    assert folded.hit(100, 10).action == "fold"
    assert "I should look." in shown(opened)


def test_the_head_of_a_table_stands_over_its_column(look: Look) -> None:
    """Qt aligns the cells of a column as its dashes say, but not the head; both begin or end at the same place."""
    source = "| l | c | r | n |\n|:--|:-:|--:|---|\n" + "| wide cell | wide cell | wide cell | wide cell |\n" * 2
    document = Dresser(source, look, "text.main", 800).document
    table = next(frame for frame in document.rootFrame().childFrames() if isinstance(frame, QTextTable))
    sides = Qt.AlignmentFlag.AlignHorizontal_Mask
    rows = [
        [table.cellAt(row, column).firstCursorPosition().blockFormat().alignment() & sides for column in range(4)]
        for row in range(3)
    ]
    left, centre, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignRight
    assert rows == [[left, centre, right, left]] * 3
