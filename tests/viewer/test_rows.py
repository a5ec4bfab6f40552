"""Rows: every kind in every state paints, folds, says its state in words, and copies what it is."""

from __future__ import annotations

import random

import pytest
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication

from store.events import Hunk, Option
from store.items import Item, Message, Notice, Plan, Prompt, Raw, Thought, Tool, text_of
from store.text import Text
from viewer.rows import ansi, gallery
from viewer.rows.base import Fold, Laid, Pos, lay_out, layer_for
from viewer.rows.clean import clean
from viewer.rows.header import STATES, state_of
from viewer.rows.output import paged, pretty
from viewer.rows.parts import Lines
from viewer.rows.sheet import span_text
from viewer.theme import Scheme, make_look
from viewer.theme.look import Look

KINDS: tuple[Item, ...] = (
    Prompt(id="p", text="x"),
    Message(id="m", text=Text("x")),
    Thought(id="t", text=Text("x")),
    Tool(id="c", name="X"),
    Plan(id="l", entries=(("x", "pending"),)),
    Notice(id="n", text="x"),
    Raw(id="r", type="x", text="x"),
)
ALL_KINDS = [
    "tool",
    "tool.shell",
    "tool.edit",
    "tool.read",
    "tool.search",
    "tool.web",
    "tool.agent",
    "tool.todo",
    "tool.mcp",
    "tool.mcp.github",
    "plan",
    "raw",
    "message",
    "thought",
    "prompt",
    "prompt.command",
    "prompt.injected",
    "notice",
    "notice.hook",
    "notice.api_error",
    "unknown",
    "something.else",
]


@pytest.fixture(scope="module")
def look(qapp: QApplication) -> Look:
    return make_look("light")


def paint(laid: Laid, width: int, selected: tuple[Pos | None, Pos | None] | None = None) -> QImage:
    image = QImage(max(width, 1), max(1, min(laid.height, 3000)), QImage.Format.Format_RGB32)
    image.fill(0xFFFFFFFF)
    with QPainter(image) as painter:
        laid.paint(painter, 0, image.height(), selected)
    return image


def actions(laid: Laid, width: int = 900) -> set[str]:
    return {laid.hit(x, y).action for x in range(0, width, 6) for y in range(0, laid.height, 4)} - {""}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [80, 640, 1600])
def test_every_kind_and_state_paints_and_answers(qapp: QApplication, scheme: Scheme, width: int) -> None:
    look = make_look(scheme)
    for item, fold in gallery.samples():
        for state in (fold, fold._replace(open=True), fold._replace(open=False), fold._replace(depth=9, pages=3)):
            laid = lay_out(item, width, look, state)
            assert laid.height >= 20
            image = paint(laid, width)  # held: its bits are only borrowed
            pixels = bytes(image.constBits())
            assert pixels != pixels[:4] * (len(pixels) // 4), f"{item.id} is one colour"
            for point in ((-5, -5), (width // 2, 4), (width + 50, laid.height + 50), (60, laid.height // 2)):
                hit = laid.hit(*point)
                if laid.segments:
                    assert hit.pos is not None
                    assert 0 <= hit.pos.segment < laid.segments
                    first, last = laid.word(hit.pos)
                    assert laid.paragraph(hit.pos)[0] <= first <= last
            assert laid.text(None, None) == text_of(item)


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_every_kind_has_a_renderer_that_takes_any_item(look: Look, kind: str) -> None:
    for item in KINDS:
        assert layer_for(kind)(item, 700, look, Fold(open=True)).height > 0


def test_selection_is_painted(look: Look) -> None:
    ground = look.colour("selection.background").rgb()
    for item, fold in gallery.samples():
        laid = lay_out(item, 900, look, fold)
        if not laid.segments:
            continue
        plain, chosen = paint(laid, 900), paint(laid, 900, (None, None))
        tinted = any(chosen.pixel(x, y) == ground for x in range(0, 900, 2) for y in range(chosen.height()))
        assert tinted, item.id
        assert plain != chosen


def test_painting_a_slice_is_the_same_as_painting_it_all(look: Look) -> None:
    """The view paints exposed strips: they must fit together."""
    for item, fold in gallery.samples():
        laid = lay_out(item, 700, look, fold)
        whole = paint(laid, 700)
        strips = QImage(whole.size(), whole.format())
        strips.fill(0xFFFFFFFF)
        with QPainter(strips) as painter:
            for top in range(0, whole.height(), 13):
                painter.save()
                painter.setClipRect(0, top, 700, 13)
                laid.paint(painter, top, top + 13, None)
                painter.restore()
        assert strips == whole, item.id


@pytest.mark.parametrize("status", list(STATES))
def test_every_state_has_an_icon_a_word_and_a_colour(look: Look, status: str) -> None:
    icon, word, token = state_of(Tool(id="c", status=status))
    assert icon
    assert word
    assert token.startswith("state.")
    assert state_of(Tool(id="c", status="failed", exit_code=1))[1] == "exit 1"


def test_a_tool_is_one_line_until_it_is_opened(look: Look) -> None:
    item = Tool(id="c", name="Bash", kind="tool.shell", title="ls", output=Text("x\n" * 500), status="ok")
    folded = lay_out(item, 900, look, Fold())
    assert folded.height == look.px(28)
    assert folded.hit(300, 10).action == "fold"
    opened = lay_out(item, 900, look, Fold(open=True))
    assert opened.text(Pos(1, 0), None).count("x") == 40
    assert opened.hit(80, opened.height - 14).action == "more"
    assert lay_out(item, 900, look, Fold(open=True, pages=1)).text(Pos(1, 0), None).count("x") == 240


def test_a_path_keeps_its_file_name_and_copies_whole(look: Look) -> None:
    path = "/home/someone/" + "folder/" * 40 + "the_file.py"
    laid = lay_out(Tool(id="c", name="Read", kind="tool.read", title=path, status="ok"), 700, look, Fold())
    cut = laid.text(Pos(0, 0), Pos(0, 400))
    assert cut == path
    first, last = laid.word(laid.hit(300, 14).pos or Pos(0, 0))
    assert first <= last
    part = laid.text(Pos(0, 1), None)
    assert "…" in part
    assert part.endswith("the_file.py")
    assert laid.hit(300, 14).tip == path


def test_a_failure_shows_its_telling_lines(look: Look) -> None:
    item = Tool(id="c", title="pytest", kind="tool.shell", output=Text(gallery.FAILURE), status="failed", exit_code=1)
    laid = lay_out(item, 900, look, Fold())
    assert "AssertionError: assert 2 == 3" in laid.text(Pos(1, 0), None)
    assert laid.hit(80, laid.height - 14).action == "fold"
    assert lay_out(item, 900, look, Fold(open=False)).height == look.px(28)


def test_a_waiting_tool_offers_its_answers(look: Look) -> None:
    options = tuple(Option(f"o{n}", f"A rather long answer number {n}") for n in range(6))
    laid = lay_out(Tool(id="c", title="rm -rf build", status="waiting", options=options), 700, look, Fold())
    assert {f"answer:o{n}" for n in range(6)} <= actions(laid, 700)


@pytest.mark.parametrize("opened", [None, True])
@pytest.mark.parametrize("kind", ["tool.shell", "tool.read", "tool.edit", "tool.agent", "tool.todo", "tool"])
@pytest.mark.parametrize("status", ["pending", "running", "waiting"])
def test_what_has_no_result_when_the_session_ends_no_longer_runs(
    look: Look, status: str, kind: str, opened: bool | None
) -> None:
    """The word and the icon change, the height does not: rows must not move when a session ends."""
    options = (Option("o", "Yes"),) if status == "waiting" else ()
    item = Tool(id="c", name="T", title="look", kind=kind, status=status, options=options)
    live, over = (lay_out(item, 900, look, Fold(open=opened, over=over)) for over in (False, True))
    assert live.height == over.height
    assert paint(live, 900) != paint(over, 900)
    done = Tool(id="c", name="T", title="look", kind=kind, status="ok")
    same = (lay_out(done, 900, look, Fold(over=over)) for over in (False, True))
    assert paint(next(same), 900) == paint(next(same), 900)


def test_a_subagent_shows_and_hides_its_steps(look: Look) -> None:
    item = Tool(id="c", name="Task", kind="tool.agent", title="look", status="running")
    assert "children" not in actions(lay_out(item, 900, look, Fold()))
    assert "children" in actions(lay_out(item, 900, look, Fold(steps=3)))


def test_nested_rows_are_indented(look: Look) -> None:
    item = Message(id="m", text=Text("words"))
    flat, deep = (paint(lay_out(item, 900, look, Fold(depth=depth)), 900) for depth in (0, 1))

    def left(image: QImage) -> int:
        return min(x for x in range(40, 900) for y in range(image.height()) if image.pixelColor(x, y).lightness() < 90)

    assert left(deep) - left(flat) == look.px(28)


def test_a_prompt_keeps_its_line_breaks_and_is_no_markdown(look: Look) -> None:
    laid = lay_out(Prompt(id="p", ts=0, text="one\n  two\n\n# three *x* <b>"), 900, look, Fold())
    assert laid.text(Pos(0, 0), None) == "one\n  two\n\n# three *x* <b>"
    tip = laid.hit(870, 24).tip
    assert tip.startswith("1970-01-01")


def test_a_prompt_is_read_in_the_direction_of_its_first_letter(look: Look) -> None:
    """As what the agent says is; code and titles go from left to right whatever they begin with."""

    def begins(text: str) -> float:
        (line,) = [part for part in lay_out(Prompt(id="p", text=text), 900, look, Fold()).parts if part.text == text]
        assert isinstance(line, Lines)
        return float(line.lay().lineAt(0).cursorToX(0)[0]) / line.width

    assert begins("Why does it fail (42)?") == 0
    assert begins("למה הבדיקה נכשלת (42)? Why") == 1
    assert begins("42 الاختبار") > 0.9
    assert begins("x = 'למה'") == 0


def test_injected_prompts_are_quiet_and_folded(look: Look) -> None:
    item = Prompt(id="p", text="line\n" * 30, origin="injected")
    assert lay_out(item, 900, look, Fold()).height == look.px(28)
    assert lay_out(item, 900, look, Fold(open=True)).height > 400


def test_a_hidden_thought_has_nothing_to_open(look: Look) -> None:
    assert actions(lay_out(Thought(id="t", hidden=True), 900, look, Fold())) == set()


def test_a_folded_thought_grows_for_nothing(look: Look) -> None:
    text = Text("a")
    laid = lay_out(Thought(id="t", text=text, open=True), 900, look, Fold())
    assert laid.grow(Thought(id="t", rev=1, text=text.append("b"), open=True))
    assert not laid.grow(Thought(id="t", rev=2, text=text.append("c"), ended=5))


def test_notices_fold_their_detail(look: Look) -> None:
    item = Notice(id="n", kind="hook", text="PostToolUse", detail="1 file\n2 files")
    assert lay_out(item, 900, look, Fold()).hit(100, 8).action == "fold"
    assert "2 files" in lay_out(item, 900, look, Fold(open=True)).text(Pos(1, 0), None)
    assert actions(lay_out(Notice(id="n", text="x"), 900, look, Fold())) == set()


def test_todo_rows_take_the_list_whatever_it_is_called(look: Look) -> None:
    for source in (
        '{"todos":[{"content":"Fix it","status":"completed"}]}',
        '{"plan":[{"step":"Fix it","status":"in_progress"}]}',
    ):
        item = Tool(id="c", name="Todo", kind="tool.todo", input=Text(source), status="ok")
        assert "Fix it" in lay_out(item, 900, look, Fold()).text(Pos(0, 0), None)
    broken = Tool(id="c", name="Todo", kind="tool.todo", input=Text('{"todos":['), status="running")
    assert lay_out(broken, 900, look, Fold()).height == look.px(28)


def test_pages_lose_no_character() -> None:
    rng = random.Random(7)
    for _ in range(50):
        source = "".join(rng.choice(["a", "\n", "word ", "é😀"]) * rng.randrange(1, 300) for _ in range(200))
        found = paged(Text(source), 99, (40, 6_000))
        joined = "".join(found.pieces)
        assert source.startswith(joined)
        assert len(joined) + found.left_chars == len(source) or not source[len(joined) :].strip("\n")
        assert all(piece.count("\n") <= 200 and len(piece) <= 16_384 for piece in found.pieces)


def test_json_input_is_for_people() -> None:
    assert pretty(Text('{"command":"ls\\n-la","n":3}')) == ("command\nls\n-la\nn  3", [(0, 7), (15, 1)])
    assert pretty(Text('{"a":{"b":1}}'))[0] == '{\n  "a": {\n    "b": 1\n  }\n}'
    assert pretty(Text('{"a": tru'))[0] == '{"a": tru'


def test_terminal_colours_are_decoded() -> None:
    text, runs, style = ansi.decode("a\x1b[1;31mred\x1b[0m b\x1b[38;5;208mo\x1b[38:2::1:2:3mt\x1b[m")
    assert text == "ared bot"
    assert [(run.start, run.length) for run in runs] == [(1, 3), (6, 1), (7, 1)]
    assert runs[0].style.bold
    assert (runs[0].style.ink, runs[1].style.ink, runs[2].style.ink) == (1, 208, (1, 2, 3))
    assert style == ansi.PLAIN


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("10%\r50%\r100%", "100%"),
        ("a\r\nb", "a\nb"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]8;;http://e\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b[2J\x1b[Hx", "x"),
        ("x\x1b", "x"),
        ("x\x1b[31", "x"),
        ("_\x08x", "x"),
        ("\x1b(Bx", "x"),
        ("\x1bPq#0;2;0\x1b\\x", "x"),
    ],
)
def test_other_escapes_are_dropped_and_never_obeyed(source: str, shown: str) -> None:
    assert ansi.decode(source)[0] == shown


def test_what_cannot_be_seen_is_shown() -> None:
    assert clean("a\u202eb") == "a⟨RLO⟩b"
    assert clean("\x00") == "⟨NUL⟩"
    assert clean("".join(chr(0xE0000 + ord(c)) for c in "obey")) == "⟨hidden: obey⟩"
    assert clean("\ud800\ufdd0") == "\ufffd\ufffd"
    assert clean("👩‍💻 می‌خواهم é") == "👩‍💻 می‌خواهم é"


def test_durations_have_units() -> None:
    assert [span_text(us) for us in (None, -1, 4_000, 912_000, 6_000_000, 72_000_000, 7_500_000_000)] == [
        "", "", "4 ms", "0.9 s", "6 s", "1 m 12 s", "2 h 05 m",
    ]  # fmt: skip


def test_copied_text_counts_characters_outside_the_basic_plane(look: Look) -> None:
    laid = lay_out(Prompt(id="p", text="😀😀 word"), 900, look, Fold())
    first, last = laid.word(Pos(0, 6))
    assert laid.text(first, last) == "word"


def test_the_gallery_writes_its_pictures(qapp: QApplication, tmp_path: object) -> None:
    assert gallery.main([str(tmp_path)]) == 0
    assert gallery.main([]) == 2


def test_the_setting_says_how_many_lines_a_row_shows() -> None:
    """timeline.row_lines: output, prompts and opened diffs show that many lines, and the rest waits behind 'more'."""
    source = "".join(f"line {number}\n" for number in range(120))
    hunk = Hunk(1, 1, tuple(f"+line {number}" for number in range(120)))
    rows = (
        (Tool(id="t", name="Bash", kind="tool.shell", status="ok", output=Text(source)), Fold(open=True)),
        (Prompt(id="p", text=source), Fold()),
        (Tool(id="e", name="Edit", kind="tool.edit", status="ok", hunks=(hunk,)), Fold(open=True)),
    )
    for item, fold in rows:
        heights = []
        for lines in (5, 40, 100):
            laid = lay_out(item, 900, make_look("light", lines=lines), fold)
            shown = laid.text(Pos(0, 0), None)
            assert f"line {lines - 1}\n" in f"{shown}\n", item.id
            assert f"line {lines}\n" not in f"{shown}\n", item.id
            heights.append(laid.height)
        assert heights == sorted(set(heights)), item.id
