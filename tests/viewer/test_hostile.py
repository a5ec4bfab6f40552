"""Rows on hostile input: bounded in height and in what is laid out, whatever the text is; nothing raises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication

from store.events import Hunk, Option
from store.items import Item, Message, Notice, Plan, Prompt, Raw, Thought, Tool
from store.text import Text
from viewer.rows.base import Fold, lay_out
from viewer.rows.parts import COUNT
from viewer.theme import make_look
from viewer.theme.look import Look

LAID = 120_000  # characters that one row may lay out, all in all
TALL = 120_000  # px


@pytest.fixture(scope="module")
def look(qapp: QApplication) -> Look:
    return make_look("light")


HOSTILE = {
    "a word of a million characters": lambda: "x" * 1_000_000,
    "a table of 20,000 rows": lambda: "a|b\n-|-\n" + "1|2\n" * 20_000,
    "a table of 5,000 columns": lambda: "\n".join("|".join(cell * 5000) for cell in "a-1"),
    "300k nested quotes": lambda: ">" * 300_000 + " deep",
    "300k nested lists": lambda: "- " * 300_000 + "deep",
    "300k nested lists, wide": lambda: ("-" + " " * 8) * 30_000 + "deep",
    "a rule with spaces": lambda: "a|b\n-" + " " * 300_000 + "x|",
    "dashes in code": lambda: "```yaml\n" + "-" * 30_000 + "!",
    "names in code": lambda: "```html\n" + "a:-" * 10_000 + "!",
    "nested lists by indentation": lambda: "\n".join("  " * n + "- x" for n in range(400)),
    "300k brackets": lambda: "[" * 300_000,
    "300k emphasis": lambda: "*" * 300_000 + "x",
    "300k links": lambda: "[a](b)" * 50_000,
    "300k backticks": lambda: "`" * 300_000,
    "an open fence": lambda: "```python\n" + "x = 1\n" * 100_000,
    "many fences": lambda: "```\nx\n```\n" * 30_000,
    "many headings": lambda: "# x\n\n" * 50_000,
    "many rules": lambda: "---\n\n" * 50_000,
    "many images": lambda: "![x](file:///etc/passwd)" * 10_000,
    "newlines": lambda: "\n" * 500_000,
    "spaces": lambda: " " * 1_000_000 + "x",
    "tabs": lambda: "\t" * 300_000,
    "NULs": lambda: "\x00" * 200_000,
    "bidi": lambda: "\u202e\u2066abc" * 50_000,
    "combining": lambda: "a" + "\u0301" * 200_000,
    "emoji": lambda: "👩‍👩‍👧‍👦" * 20_000,
    "surrogates": lambda: "\ud800x" * 100_000,
    "paragraph separators": lambda: "a\u2029" * 100_000,
    "definitions": lambda: "[a]: b\n" * 50_000 + "[a] " * 50_000,
    "HTML": lambda: "<div><script>x</script>" * 20_000,
    "entities": lambda: "&amp;&#0;&#x202e;" * 20_000,
    "front matter": lambda: "---\n" + "a: b\n" * 50_000 + "---\n",
    "escapes": lambda: "\x1b[31mx\x1b[0m" * 50_000,
    "carriage returns": lambda: "x\r" * 200_000,
    "rtl": lambda: "שלום עולם " * 30_000,
    "cjk": lambda: "漢字" * 200_000,
}  # fmt: skip


def items(text: str) -> list[Item]:
    return [
        Message(id="m", text=Text(text)),
        Message(id="mo", text=Text(text), open=True),
        Thought(id="t", text=Text(text)),
        Prompt(id="p", text=text),
        Prompt(id="pi", text=text, origin="injected"),
        Tool(id="c", name=text, title=text, input=Text(text), output=Text(text), status="ok"),
        Tool(id="cf", title=text, kind="tool.shell", output=Text(text), status="failed", exit_code=2),
        Tool(id="ce", title=text, kind="tool.edit", hunks=(Hunk(1, 1, ("-" + text, "+" + text)),), status="ok"),
        Tool(id="cw", title=text, status="waiting", options=(Option(text, text),) * 3),
        Tool(id="ct", kind="tool.todo", input=Text('{"todos":[{"content":"x"}]}'), status=text[:30]),
        Plan(id="l", entries=((text, "pending"), ("x", text[:20]))),
        Notice(id="n", text=text, detail=text),
        Notice(id="ne", text=text, level="error", kind=text[:50]),
        Raw(id="r", type=text, reason=text, text=text),
    ]


@pytest.mark.parametrize("name", list(HOSTILE))
def test_P02_hostile_text_is_bounded_in_every_row(look: Look, name: str) -> None:
    """2.2, 2.5: bounds on what is laid out, not on time."""
    text = HOSTILE[name]()
    for item in items(text):
        for fold in (Fold(), Fold(open=True)):
            before = COUNT.laid_chars, COUNT.parsed_chars
            laid = lay_out(item, 700, look, fold)
            assert COUNT.laid_chars - before[0] <= LAID, item.id
            assert COUNT.parsed_chars - before[1] <= LAID, item.id
            assert 0 < laid.height <= TALL, item.id
            image = QImage(700, 400, QImage.Format.Format_RGB32)
            with QPainter(image) as painter:
                laid.paint(painter, 0, 400, (None, None))
            laid.hit(300, 200)


def test_an_output_of_200_MB_in_one_line_costs_what_is_shown(look: Look) -> None:
    """Bad input: a 200 MB single line."""
    huge = Text("x" * 200_000_000)
    item = Tool(id="c", name="Bash", kind="tool.shell", title="cat", output=huge, status="ok")
    before = COUNT.laid_chars
    for fold in (Fold(), Fold(open=True), Fold(open=True, pages=2)):
        assert lay_out(item, 700, look, fold).height < 20_000
    assert COUNT.laid_chars - before < 60_000


def test_pages_asked_for_without_end_are_bounded(look: Look) -> None:
    item = Tool(id="c", title="x", output=Text("line\n" * 1_000_000), status="ok")
    before = COUNT.laid_lines
    lay_out(item, 700, look, Fold(open=True, pages=10_000))
    assert COUNT.laid_lines - before < 3_000


def test_streaming_hostile_text_is_bounded_per_flush(look: Look) -> None:
    for name in (
        "a word of a million characters",
        "a table of 20,000 rows",
        "300k nested lists",
        "newlines",
        "300k backticks",
    ):
        source = HOSTILE[name]()[:60_000]
        text = Text()
        laid = lay_out(Message(id="m", text=text, open=True), 700, look, Fold())
        for rev, at in enumerate(range(0, len(source), 2_000), 1):
            text = text.append(source[at : at + 2_000])
            before = COUNT.laid_chars
            assert laid.grow(Message(id="m", rev=rev, text=text, open=True)), name
            assert COUNT.laid_chars - before <= 40_000, name


@given(st.text(max_size=300), st.integers(-50, 900), st.booleans())
def test_no_text_breaks_any_row(text: str, width: int, is_open: bool) -> None:
    look = make_look("dark")
    for item in items(text):
        lay_out(item, width, look, Fold(open=is_open, depth=3))
    laid = lay_out(Message(id="m", text=Text(), open=True), width, look, Fold())
    laid.grow(Message(id="m", rev=1, text=Text(text), open=True))
