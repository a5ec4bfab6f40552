"""Whatever may happen to a transcript and its reader, in any order: nothing jumps, nothing is lost."""

from __future__ import annotations

import importlib
import pkgutil
import random
from itertools import pairwise

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from thorough import seeds
from timeline_kit import ListWindow, added, changed, make_view, message, rebase, same_pixels, tool, tops, wheel

import viewer.rows
from store.delta import Delta
from store.items import Item
from viewer.rows.parts import COUNT
from viewer.theme import make_look
from viewer.timeline.model import TimelineModel
from viewer.timeline.view import TimelineView


class Life:
    """A session and its reader. Each method is one thing that may happen."""

    def __init__(self, qtbot, look, seed: int) -> None:
        self.chance = random.Random(seed)
        self.model = TimelineModel()
        self.tools: list[str] = []
        self.count = 0
        self.model.apply(added(self.model, *self.fresh(30)))
        self.view = make_view(qtbot, look, self.model)

    def fresh(self, count: int) -> list[Item]:
        items: list[Item] = []
        for _ in range(count):
            self.count += 1
            parent = self.chance.choice(self.tools) if self.tools and self.chance.random() < 0.4 else None
            if self.chance.random() < 0.15:
                items.append(tool(self.count, parent=parent))
                self.tools.append(items[-1].id)
            else:
                items.append(message(self.count, parent=parent, open=True))
        return items

    def rows_come(self) -> None:
        before, following = tops(self.view), self.view.follow
        self.model.apply(added(self.model, *self.fresh(self.chance.randint(1, 3))))
        if not following:
            assert all(tops(self.view)[item] == top for item, top in before.items())

    def a_row_changes(self) -> None:
        row = self.chance.randrange(max(0, self.model.length - 12), self.model.length)
        old = self.model.item(row)
        if old.id.startswith("m"):
            text = f"{old.text}\ngrown {old.rev}" if self.chance.random() < 0.7 else "new"
            new = message(int(old.id[1:]), text, old.rev + 1, self.chance.random() < 0.9, old.parent)
            self.model.apply(changed((row, new)))

    def the_wheel_turns(self) -> None:
        wheel(self.view, pixels=self.chance.randint(-350, 350))

    def a_row_is_folded(self) -> None:
        placed = self.chance.choice(self.view.geo.placed)
        self.view.act(placed.row, "children" if self.view.folds.steps(placed.row) else "fold")
        now = tops(self.view)[placed.what.item]
        assert now == placed.top or (placed.top < 0 and now == 0) or self.view.geo.fits

    def follow_is_switched(self) -> None:
        self.view.set_follow(self.chance.random() < 0.5)

    def the_window_is_resized(self) -> None:
        self.view.resize(self.chance.randint(200, 700), self.chance.randint(150, 500))

    def the_session_is_rewound(self) -> None:
        if self.chance.random() < 0.4:
            self.model.apply(Delta("s", keep=self.chance.randrange(max(1, self.model.length - 15), self.model.length)))

    def the_past_is_read(self) -> None:
        if self.chance.random() > 0.3:
            return
        known = [self.model.item(row) for row in range(self.model.length)]
        drop = self.chance.choice((0, 0, 1, 2))
        if any(item.id.startswith("t") for item in known[:drop]):
            drop = 0
        tools, self.tools = self.tools, []
        whole = [*self.fresh(self.chance.randint(0, 40)), *known[drop:]]
        self.tools += tools
        before, following = tops(self.view), self.view.follow
        base = self.chance.randint(0, len(whole))
        self.model.apply(rebase(ListWindow(whole[:base]), whole[base:]))
        after = tops(self.view)
        if not following and not self.view.geo.at_end:
            assert all(after[item] == before[item] for item in before.keys() & after.keys())

    def the_thumb_is_dragged(self) -> None:
        self.view.jump_to(self.chance.randint(0, self.view.geo.heights.total))

    def the_look_changes(self) -> None:
        self.view.set_look(make_look(self.chance.choice(("light", "dark")), self.chance.choice((1.0, 1.5))))

    def the_unread_line_moves(self) -> None:
        self.view.mark_unread(self.chance.choice((None, self.chance.randrange(self.model.length))))

    def a_row_is_asked_for(self) -> None:
        row = self.chance.randrange(self.model.length)
        assert self.view.reveal(self.model.item(row).id)
        assert self.view.scene.placed(row)

    def the_session_is_left_and_opened_again(self) -> None:
        place, folds = self.view.place(), self.view.fold_state()
        self.view.setModel(self.model)
        self.view.restore_folds(folds)
        self.view.restore_place(place)
        assert self.view.follow == place[2] or self.view.geo.at_end

    def keys_are_pressed(self) -> None:
        for key in self.chance.choices("jkgGf ", k=3):
            QTest.keyClicks(self.view, key)

    def check(self) -> None:
        heights, folds = self.view.geo.heights, self.view.folds
        assert len(heights) == self.model.length
        assert all((heights[row] == 0) == folds.hidden(row) for row in range(self.model.length))
        placed = self.view.geo.placed
        assert all(one.bottom == other.top for one, other in pairwise(placed))
        same_pixels(self.view)


THINGS = [value for name, value in vars(Life).items() if not name.startswith("_") and name not in ("fresh", "check")]


@pytest.mark.parametrize("seed", seeds(4, 20))
@pytest.mark.usefixtures("slate")
def test_whatever_happens_nothing_jumps(qtbot, look, seed: int) -> None:
    life = Life(qtbot, look, seed)
    for step in range(120):
        thing = life.chance.choice(THINGS)
        thing(life)
        life.check()
        assert step >= 0, thing


def real_rows() -> None:
    for module in pkgutil.iter_modules(viewer.rows.__path__):
        importlib.import_module(f"viewer.rows.{module.name}")


def test_pixels_are_right_with_the_real_rows(qtbot, look) -> None:
    """Markdown that streams in, tools that open, text that is selected: moved pixels are painted pixels."""
    real_rows()
    chance = random.Random(3)
    text = (
        "# Title\n\nSome *words* with `code` and a [link](https://example.org).\n\n```python\nx = 1\n```\n\n- one\n\n"
    )
    model = TimelineModel()
    rows: list[Item] = [tool(row) if row % 3 == 0 else message(row, text) for row in range(20)]
    model.apply(added(model, *rows))
    view: TimelineView = make_view(qtbot, look, model, 700, 500)
    body = ""
    model.apply(added(model, message(20, "", open=True)))
    for rev in range(1, 60):
        body += text[chance.randrange(40) :][: chance.randint(1, 60)] + ("\n\n" if chance.random() < 0.2 else "")
        model.apply(changed((20, message(20, body, rev=rev, open=True))))
        if rev % 7 == 0:
            wheel(view, pixels=chance.randint(-200, 200))
        if rev % 11 == 0:
            view.set_follow(True)
        if rev % 13 == 0:
            row = chance.choice([placed.row for placed in view.geo.placed])
            view.act(row, "fold")
        same_pixels(view)
    view.selectAll()
    same_pixels(view)
    assert view.counters.grown > 40


def test_lines_that_come_live_are_moved_and_painted_without_a_layout(qtbot, look) -> None:
    real_rows()
    model = TimelineModel()
    model.apply(added(model, *(message(row, "A **line** with `code`.") for row in range(30))))
    view: TimelineView = make_view(qtbot, look, model, 700, 500)
    QApplication.processEvents()
    laid = COUNT.laid_chars
    for row in range(30, 42):
        model.apply(added(model, message(row, f"Line {row}: *looked* at `a/b.py`, done.")))
        same_pixels(view)
    assert COUNT.laid_chars == laid
    view.selectAll()
    same_pixels(view)
    wheel(view, pixels=33)  # a row that the edge cuts is clipped as any other
    same_pixels(view)


PIECES = (
    "Some words that go on ", "and **bold** ", "half a `code", "` span ", "*open ", "emphasis* ", "[a link](",
    "https://e.org) ", "\n", "\n\n", "\n\n# A heading\n\n", "\n- item", "\n  1. deeper ", "\n- [ ] task ",
    "\n- [x] done ", "\n> quoted ", "\n---\n", "\n```python\n", "x = 1  # one\n", '"""a text\n', "\n```\n",
    "\n| a | b |\n", "|---|---|\n", "| 1 | 2 |\n", "\n    indented\n", "\n===\n", "word" * 30, "http://a.b/c ", "<b>",
    "naïve café ", "e\u0301\u0302\u0303 ", "\u65e5\u672c\u8a9e ", "\u05e9\u05dc\u05d5\u05dd ",
    "\u0645\u0631\u062d\u0628\u0627 ", "\U0001f469\u200d\U0001f469\u200d\U0001f467 ", "\U0001f642",
    "A longer sentence, as agents write them all day, which wraps at this width. ",
)  # fmt: skip


@pytest.mark.parametrize("seed", seeds(3, 20))
def test_a_streaming_row_paints_only_what_changed_and_all_of_it(qtbot, look, seed: int) -> None:
    """`grown_from` is exact: whatever Markdown comes next, what it leaves unpainted is what a full paint shows."""
    real_rows()
    chance = random.Random(seed)
    model = TimelineModel()
    model.apply(added(model, *(message(row, "Before it.") for row in range(8))))
    view = make_view(qtbot, look, model, 420, 360)
    body, rev, painted = "", 0, 0
    model.apply(added(model, message(8, "", open=True)))
    for _ in range(90):
        if len(body) > 3000:  # it ends, and the next one begins
            rev += 1
            model.apply(changed((model.length - 1, message(model.length - 1, body, rev=rev))))
            same_pixels(view)
            body, rev = "", 0
            model.apply(added(model, message(model.length, "", open=True)))
        for _ in range(chance.randint(1, 2)):  # two versions between two paints
            body += "".join(chance.choices(PIECES, k=chance.randint(1, 3)))
            rev += 1
            model.apply(changed((model.length - 1, message(model.length - 1, body, rev=rev, open=True))))
        if chance.random() < 0.1:
            wheel(view, pixels=chance.randint(-150, 150))
        if chance.random() < 0.1:
            view.set_follow(True)
        before = view.counters.px_painted
        same_pixels(view)
        painted += view.counters.px_painted - before
    assert view.counters.grown > 60


def test_a_flush_paints_the_same_height_in_a_short_and_a_long_message(qtbot, look) -> None:
    """P-04: what is painted per flush does not depend on what the message holds already."""
    real_rows()
    sentence = "A sentence of an answer, as agents write them, with `code` in it and an end. "
    painted: list[int] = []
    for kilobytes in (10, 1000):
        body = (sentence * 12 + "\n\n") * (kilobytes * 1024 // (len(sentence) * 12))
        body += "```\nboth go on from here\n```\n\n"  # with nothing open
        model = TimelineModel()
        model.apply(added(model, message(0, body, open=True)))
        view = make_view(qtbot, look, model, 700, 500)
        same_pixels(view)
        parsed = COUNT.parsed_chars
        before = view.counters.px_painted
        for rev in range(1, 31):
            body += sentence * 4
            model.apply(changed((0, message(0, body, rev=rev, open=True))))
            QApplication.processEvents()
        painted.append(view.counters.px_painted - before)
        assert view.counters.grown == 30
        assert COUNT.parsed_chars - parsed < 30 * 8_000
    assert painted[0] == painted[1]
    assert painted[0] < 30 * 250
