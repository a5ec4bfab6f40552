"""Diffs: signs, numbers, words that changed, bounds."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication

from store.events import Hunk, Option
from store.items import Tool
from viewer.rows.base import Fold, Pos, lay_out
from viewer.rows.diff import Line, counts, lines_of, total
from viewer.rows.parts import COUNT
from viewer.theme import make_look
from viewer.theme.look import Look


@pytest.fixture(scope="module")
def look(qapp: QApplication) -> Look:
    return make_look("dark")


def edit(hunks: tuple[Hunk, ...], **more: object) -> Tool:
    return Tool(id="c", name="Edit", kind="tool.edit", title="a.py", hunks=hunks, **{"status": "ok", **more})  # type: ignore[arg-type]


HUNK = Hunk(10, 10, (" same", "-old words here", "+new words here", "+added"))


def test_lines_carry_their_numbers_and_signs() -> None:
    assert [(line.sign, line.old, line.new) for line in lines_of((HUNK,), 99)] == [
        (" ", 10, 10),
        ("-", 11, 0),
        ("+", 0, 11),
        ("+", 0, 12),
    ]
    assert counts((HUNK,)) == (2, 1)


def test_a_second_hunk_says_where_it_is() -> None:
    lines = lines_of((HUNK, Hunk(50, 51, ("+x",))), 99)
    assert lines[4] == Line("@", "line 51", 0, 0)
    assert total((HUNK, Hunk(50, 51, ("+x",)))) == len(lines)


def test_the_words_that_changed_stand_out() -> None:
    cut, add = lines_of((Hunk(1, 1, ("-for n in range(limit):", "+for n in range(limit + 1):")),), 9)
    assert cut.words == ()
    (place,) = add.words
    assert add.text[place[0] : place[0] + place[1]] == " + 1"


def test_another_line_altogether_has_no_words_that_stand_out() -> None:
    cut, add = lines_of((Hunk(1, 1, ("-alpha beta", "+nothing like it at all")),), 9)
    assert cut.words == add.words == ()


def test_a_line_without_newline_at_the_end_is_told() -> None:
    assert lines_of((Hunk(1, 1, ("+x", "\\ No newline at end of file")),), 9)[1].sign == "@"


def test_the_row_shows_a_glance_then_forty_lines_then_pages(look: Look) -> None:
    item = edit((Hunk(1, 1, tuple(f"+line {n}" for n in range(1000))),))
    glance = lay_out(item, 900, look, Fold())
    opened = lay_out(item, 900, look, Fold(open=True))
    paged = lay_out(item, 900, look, Fold(open=True, pages=1))
    closed = lay_out(item, 900, look, Fold(open=False))
    assert closed.height < glance.height < opened.height < paged.height
    assert glance.text(Pos(1, 0), None).count("\n") == 7
    assert opened.text(Pos(1, 0), None).count("\n") == 39
    assert paged.text(Pos(1, 0), None).count("\n") == 239
    assert glance.hit(60, glance.height - 16).action == "fold"
    assert opened.hit(60, opened.height - 16).action == "more"


def test_what_is_asked_for_permission_is_shown_with_its_answers(look: Look) -> None:
    item = edit(
        (HUNK,), status="waiting", options=(Option("y", "Allow", "allow_once"), Option("n", "Reject", "reject_once"))
    )
    laid = lay_out(item, 900, look, Fold())
    assert "new words here" in laid.text(Pos(1, 0), None)
    actions = [laid.hit(x, laid.height - 24).action for x in range(0, 900, 8)]
    assert "answer:y" in actions
    assert "answer:n" in actions


def test_a_monstrous_diff_costs_what_is_shown(look: Look) -> None:
    before = COUNT.laid_chars
    lay_out(edit((Hunk(1, 1, ("-" + "x" * 5_000_000, "+" + "y" * 5_000_000)),)), 900, look, Fold(open=True))
    lay_out(edit((Hunk(1, 1, ("+line",) * 500_000),)), 900, look, Fold(open=True))
    assert COUNT.laid_chars - before < 20_000


def test_signs_that_are_not_of_a_diff_do_not_break_it(look: Look) -> None:
    hunk = Hunk(0, 0, ("", "\t tab", "*odd", "+\x00\u202e", "-" + "\ud800"))
    laid = lay_out(edit((hunk,)), 900, look, Fold(open=True))
    assert "⟨NUL⟩⟨RLO⟩" in laid.text(Pos(1, 0), None)


def test_a_proposed_edit_has_no_line_numbers() -> None:
    """Nobody knows yet where it will stand: unknown is never 0, nor counted on from 0."""
    lines = lines_of((Hunk(0, 0, ("-a", "-b", "+c")), Hunk(0, 0, ("+d",))), 100)
    assert [(line.sign, line.old, line.new) for line in lines] == [
        ("-", 0, 0), ("-", 0, 0), ("+", 0, 0), ("@", 0, 0), ("+", 0, 0),
    ]  # fmt: skip
    assert "0" not in lines[3].text


def test_a_patch_of_several_files_names_each_where_it_begins() -> None:
    hunks = (Hunk(1, 1, ("+a",), "a.py"), Hunk(9, 9, ("+b",), "a.py"), Hunk(0, 1, ("+c",), "b\n.py"))
    lines = lines_of(hunks, 99)
    assert [line.text for line in lines if line.sign == "@"] == ["a.py", "line 9", "b␊.py"]
    assert len(lines) == total(hunks)
    one = hunks[:2]
    assert [line.text for line in lines_of(one, 99)] == ["a", "line 9", "b"]
    assert total(one) == 3
