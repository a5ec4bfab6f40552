"""The timeline view: nothing moves what is read, nothing costs the transcript's length, pixels are right."""

from __future__ import annotations

import random

import pytest
from PySide6.QtCore import QModelIndex, QPoint, QRect, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QApplication, QMenu
from timeline_kit import (
    LINE,
    PAD,
    ListWindow,
    Slate,
    added,
    changed,
    click,
    make_view,
    message,
    rebase,
    same_pixels,
    spot,
    still,
    tool,
    tops,
    wheel,
    window_model,
    words,
)

from store.delta import Delta
from store.items import Item
from viewer.theme import make_look
from viewer.timeline.canvas import LONGEST
from viewer.timeline.layouts import KEPT
from viewer.timeline.model import TimelineModel
from viewer.timeline.pane import WAITING, TimelinePane
from viewer.timeline.view import TimelineView

pytestmark = pytest.mark.usefixtures("slate")
Key = Qt.Key


@pytest.fixture
def view(qtbot, look):
    """Reading in the middle of 1,000 rows, most of which nobody has seen."""
    made = make_view(qtbot, look, window_model(1000))
    made.jump_to(20_000)
    assert not made.follow
    return made


# ---- rows above never move -----------------------------------------------------------------------------------------


def test_empty_views_are_safe(qtbot, look) -> None:
    view = TimelineView(look)
    qtbot.addWidget(view)
    view.show()
    view.setModel(TimelineModel())
    for key in (Key.Key_Home, Key.Key_End, Key.Key_PageUp, Key.Key_J, Key.Key_K, Key.Key_Down, Key.Key_Left, Key.Key_C):
        QTest.keyClick(view, key)
    wheel(view, 1)
    click(view, 5, 5)
    assert view.indexAt(QPoint(5, 5)) == QModelIndex()
    assert view.visualRect(QModelIndex()) == QRect()
    assert view.selected_text() == ""
    assert view.place() == ("", 0, True)
    assert view.follow
    assert view.context_menu(-1).actions()
    view.setModel(None)
    QTest.keyClick(view, Key.Key_End)


def test_scrolling_moves_by_the_wheel_and_nothing_else(view) -> None:
    """300 random steps over rows that were never measured."""
    chance = random.Random(1)
    moved = 0
    for _ in range(300):
        before = tops(view)
        pixels = chance.choice((-1, 1)) * chance.randint(1, 350)
        wheel(view, pixels=pixels)
        after = tops(view)
        for item in before.keys() & after.keys():
            moved += after[item] != before[item] + pixels
    assert moved == 0
    same_pixels(view)


def test_late_heights_do_not_move_it(view) -> None:
    model = view.timeline
    first = view.geo.anchor
    with still(view):
        model.apply(changed(*((row, message(row, words(row, 40), rev=1)) for row in range(first))))
    with still(view):
        model.apply(changed(*((row, message(row, "short", rev=2)) for row in range(first))))


def test_appended_and_growing_rows_do_not_move_it(view) -> None:
    model = view.timeline
    with still(view):
        for row in range(1000, 1100):
            model.apply(added(model, message(row, "streaming", open=True)))
    with still(view):
        for rev in range(1, 30):
            model.apply(changed((1050, message(1050, words(0, rev), rev=rev, open=True))))
    last = view.geo.placed[-2].row
    with still(view, f"m{view.geo.placed[-1].row}"):
        model.apply(changed((last, message(last, words(0, 12), rev=1))))
    same_pixels(view)


def test_a_row_cut_by_the_edge_grows_downwards(view) -> None:
    model = view.timeline
    view.scroll_by(10)
    first = view.geo.placed[0]
    assert first.top < 0
    model.apply(changed((first.row, message(first.row, words(0, 30), rev=1, open=True))))
    assert tops(view)[first.what.item] == first.top
    model.apply(changed((first.row, message(first.row, words(0, 44), rev=2, open=True))))
    assert tops(view)[first.what.item] == first.top
    same_pixels(view)


def test_resize_keeps_what_is_read(view) -> None:
    for width, height in ((300, 400), (800, 700), (140, 200), (500, 400)):
        pin = next(placed for placed in view.geo.placed if placed.top >= 0)
        laid = view.counters.laid_out
        view.resize(width, height)
        QApplication.processEvents()
        assert tops(view)[pin.what.item] == pin.top
        assert view.counters.laid_out - laid <= 2 * len(view.geo.placed) + 60
    same_pixels(view)


def test_there_and_back_again_nothing_has_moved(qtbot, look) -> None:
    """Rows above shrink into sight and grow out of it: what stood still goes on doing so until the reader moves."""
    chance, model = random.Random(5), TimelineModel()
    model.apply(rebase(ListWindow([message(row, "word " * (row * 37 % 90 + 1)) for row in range(300)])))
    view = make_view(qtbot, look, model)
    for _ in range(30):
        view.jump_to(chance.randint(0, view.geo.heights.total - 1000))
        before, size = tops(view), view.size()
        for _ in range(3):
            view.resize(chance.randint(140, 900), size.height())
            QApplication.processEvents()
        view.resize(size)
        QApplication.processEvents()
        assert tops(view) == before
    same_pixels(view)


def test_another_font_or_theme_keeps_what_is_read(view) -> None:
    for scheme, zoom in (("dark", 1.0), ("dark", 2.0), ("light", 0.5)):
        pin = next(placed for placed in view.geo.placed if placed.top >= 0)
        view.set_look(make_look(scheme, zoom))
        assert tops(view)[pin.what.item] == pin.top
    same_pixels(view)


def test_004_37_the_past_comes_in_above_without_a_jump(qtbot, look) -> None:
    everything: list[Item] = [message(row) for row in range(3000)]
    model = TimelineModel()
    model.apply(added(model, *everything[2800:]))
    view = make_view(qtbot, look, model)
    for way in (0, -700):
        view.scroll_by(way)
        with still(view):
            if not way:
                model.apply(rebase(ListWindow(everything[:2990]), everything[2990:]))
            else:
                model.apply(rebase(ListWindow([message(-5), *everything]), [message(5000)]))
        same_pixels(view)
    assert len(view.geo.heights) == 3002


def test_orphans_at_the_cut_may_go_but_the_rest_stays(qtbot, look) -> None:
    everything: list[Item] = [message(row) for row in range(500)]
    model = TimelineModel()
    model.apply(added(model, tool(900), tool(901), *everything[480:]))
    view = make_view(qtbot, look, model)
    view.scroll_by(-100_000)
    assert view.geo.anchor == 0
    view.scroll_by(PAD + LINE + 3)
    assert view.geo.anchor == 1
    with still(view):
        model.apply(rebase(ListWindow(everything)))
    same_pixels(view)


def test_the_end_of_a_session_is_told_to_the_rows_in_sight(view) -> None:
    for over in (True, False):
        with still(view):
            view.set_over(over)
        assert {placed.what.laid.fold.over for placed in view.geo.placed} == {over}
        same_pixels(view)


# ---- folding -------------------------------------------------------------------------------------------------------


@pytest.fixture
def nested(qtbot, look):
    """40 rows, a subagent (t40) with 30 rows and one of its own (t60, 5 rows), 40 rows."""
    items: list[Item] = [message(row) for row in range(40)]
    items.append(tool(40))
    items += [tool(row, parent="t40") if row == 60 else message(row, parent="t40") for row in range(41, 71)]
    items += [message(row, parent="t60") for row in range(71, 76)]
    items += [message(row) for row in range(76, 116)]
    model = TimelineModel()
    model.apply(rebase(ListWindow(items)))
    return make_view(qtbot, look, model, height=500)


def shown(view) -> list[int]:
    heights = view.geo.heights
    return [row for row in range(len(heights)) if heights[row]]


def test_004_20_subagents_are_folded_until_asked_for(nested) -> None:
    view = nested
    assert shown(view) == [*range(41), *range(76, 116)]
    assert view.isIndexHidden(view.timeline.index(50))
    assert view.reveal("m73")
    assert set(shown(view)) == set(range(116))
    assert view.currentIndex().row() == 73
    assert "m73" in tops(view)
    view.act(40, "children")
    assert shown(view) == [*range(41), *range(76, 116)]
    view.act(40, "children")
    assert set(shown(view)) == set(range(116)), "what was open inside is open again"


def test_a_click_folds_below_the_row_that_was_clicked(nested) -> None:
    view = nested
    view.show_row(40, QAbstractItemView.ScrollHint.PositionAtCenter)
    assert view.folds.steps(40) == 30
    above = {item: top for item, top in tops(view).items() if top <= tops(view)["t40"]}
    for want in (True, False, True):
        click(view, *spot(view, "t40", 2))
        assert view.folds.shows_children(40) is want
        assert {item: top for item, top in tops(view).items() if item in above} == above
        same_pixels(view)
    click(view, *spot(view, "t40", 2))


def test_folding_above_keeps_what_is_visible(nested) -> None:
    view = nested
    view.reveal("m90")
    for _ in range(2):
        with still(view):
            view.act(40, "children")
    view.reveal("m68")
    assert tops(view).keys() >= {"m66", "m68"}
    view.reveal("m78")
    view.scroll_by(-40)
    seen = {placed.what.item: placed.top for placed in view.geo.placed if placed.row > 75}
    assert any(placed.row < 75 for placed in view.geo.placed)
    view.act(40, "children")
    assert {item: tops(view).get(item) for item in seen} == seen, "what is left of it stays"


def test_opening_a_row_at_the_end_keeps_its_top(qtbot, look) -> None:
    model = TimelineModel()
    model.apply(added(model, *(message(row) for row in range(50)), tool(50, output=60), message(51)))
    view = make_view(qtbot, look, model)
    assert view.follow
    top = tops(view)["t50"]
    click(view, *spot(view, "t50", 1))
    assert tops(view)["t50"] == top
    assert not view.follow, "its end is out of sight now"
    click(view, *spot(view, "t50", 1))
    assert tops(view)["t50"] == top
    same_pixels(view)


def test_closing_a_row_at_the_end_leaves_room_until_new_rows_fill_it(qtbot, look) -> None:
    model = TimelineModel()
    model.apply(added(model, *(message(row) for row in range(50)), tool(50, output=10), message(51)))
    view = make_view(qtbot, look, model)
    click(view, *spot(view, "t50", 1))
    view.set_follow(True)
    top = tops(view)["t50"]
    click(view, *spot(view, "t50", 1))
    assert tops(view)["t50"] == top
    assert view.follow
    with still(view):
        model.apply(added(model, message(52, "one line")))
    for row in range(53, 70):
        model.apply(added(model, message(row, "one line")))
    assert view.geo.placed[-1].what.item == "m69"
    assert view.geo.placed[-1].bottom == view.viewport().height() - view.geo.foot
    same_pixels(view)


def test_more_and_all_pages_and_answers(qtbot, look) -> None:
    model = TimelineModel()
    model.apply(added(model, tool(0), message(1, "[answer]")))
    view = make_view(qtbot, look, model)
    view.act(0, "more")
    view.act(0, "more")
    assert view.fold_state() == {"t0": (True, 2, False)}
    view.act(0, "all")
    assert view.fold_state()["t0"][1] > 1000
    view.act(0, "fold")
    assert view.fold_state()["t0"][0] is False
    with qtbot.waitSignal(view.acted) as told:
        click(view, *spot(view, "m1", 3))
    assert told.args == ["m1", "answer:yes"]


def test_a_kind_that_is_open_by_itself_closes_with_the_first_click(qtbot, look) -> None:
    model = TimelineModel()
    model.apply(added(model, message(0, "one\ntwo\nthree"), message(1)))
    view = make_view(qtbot, look, model)
    view.act(0, "fold")
    assert view.fold_state() == {"m0": (False, 0, False)}
    view.act(0, "fold")
    assert view.fold_state() == {"m0": (True, 0, False)}


def test_new_rows_of_a_folded_subagent_stay_hidden(qtbot, look) -> None:
    model = TimelineModel()
    model.apply(added(model, *(message(row) for row in range(30)), tool(30)))
    view = make_view(qtbot, look, model)
    bottom = view.geo.placed[-1].bottom
    for row in range(31, 51):
        model.apply(added(model, message(row, parent="t30")))
    assert shown(view) == list(range(31))
    assert view.geo.placed[-1].bottom == bottom
    assert "20 steps" in view.geo.placed[-1].what.laid.shown
    view.act(30, "children")
    model.apply(added(model, message(51, parent="t30")))
    assert 51 in shown(view)


def test_rows_that_are_read_are_not_hidden_when_their_parent_is_found(qtbot, look) -> None:
    everything: list[Item] = [*(message(row) for row in range(100)), tool(100)]
    everything += [message(row, parent="t100") for row in range(101, 160)]
    model = TimelineModel()
    model.apply(added(model, *everything[120:]))
    view = make_view(qtbot, look, model)
    assert len(shown(view)) == 40, "nobody knows their parent yet"
    with still(view):
        model.apply(rebase(ListWindow(everything)))
    assert view.folds.shows_children(100)


def test_folds_and_place_come_back_before_and_after_the_rows(nested, qtbot, look) -> None:
    view = nested
    view.reveal("m73")
    view.scroll_by(13)
    folds, place = view.fold_state(), view.place()
    assert place[2] is False
    items = [view.item(row) for row in range(view.timeline.length)]
    for late in (False, True):
        model = TimelineModel()
        if not late:
            model.apply(rebase(ListWindow(items)))
        else:
            model.apply(added(model, *items[100:]))
        other = make_view(qtbot, look, model, height=500)
        other.restore_folds(folds)
        other.restore_place(place)
        if late:
            assert other.follow
            assert other.place() == place, "what is not reached yet is not forgotten either"
            model.apply(rebase(ListWindow(items)))
        assert other.place() == place
        assert not other.follow
        assert tops(other) == tops(view)


def test_a_place_inside_a_folded_subagent_is_its_parent(nested) -> None:
    view = nested
    view.restore_place(("m73", -3, False))
    assert view.place() == ("t40", 0, False)
    view.restore_place(("nobody", 0, False))
    assert view.place() == ("nobody", 0, False)
    view.scroll_by(5)
    assert view.place()[0] == "t40", "the reader went on; the old wish is forgotten"


# ---- cuts ----------------------------------------------------------------------------------------------------------


def test_a_rewind_below_the_reader_moves_nothing(view) -> None:
    with still(view):
        view.timeline.apply(Delta("s", keep=900))


def test_a_rewind_of_what_is_read_shows_the_new_end(view) -> None:
    view.mark_unread(500)
    view.timeline.apply(Delta("s", keep=50, first=50, added=(message(7000),)))
    assert view.follow
    assert view.scene.unread is None
    assert view.geo.placed[-1].what.item == "m7000"
    same_pixels(view)
    view.timeline.apply(Delta("s", keep=0))
    assert not view.geo.placed
    same_pixels(view)


# ---- pixels and cost -----------------------------------------------------------------------------------------------


def test_any_changes_leave_the_right_pixels(qtbot, look) -> None:
    """Pixels that were moved or kept are what painting everything anew gives."""
    chance = random.Random(5)
    model = TimelineModel()
    model.apply(added(model, *(message(row, open=True) for row in range(30))))
    view = make_view(qtbot, look, model)
    for step in range(120):
        row = chance.randrange(max(0, model.length - 12), model.length)
        old = model.item(row)
        match chance.randint(0, 5):
            case 0 | 1:
                model.apply(added(model, *(message(model.length + n, open=True) for n in range(chance.randint(1, 3)))))
            case 2:
                text = f"{old.text}\ngrown {step}" if chance.random() < 0.7 else "new"
                model.apply(changed((row, message(row, text, rev=old.rev + 1, open=chance.random() < 0.9))))
            case 3:
                wheel(view, pixels=chance.randint(-150, 150))
            case 4:
                text = f"{old.text} and\nmore\nlines"
                news = ((row, message(row, text, rev=old.rev + 1, open=True)),)
                model.apply(Delta("s", changed=news, first=model.length, added=(message(model.length, open=True),)))
            case 5:
                view.set_follow(True)
        same_pixels(view)
    assert view.counters.scrolled > 20


@pytest.mark.parametrize("following", [True, False])
def test_p04_no_cost_follows_the_length(qtbot, look, following: bool) -> None:
    """004-25, 004-28: rows measured, laid out and painted are the same in 1,000 rows and in 100,000."""
    costs = []
    for length in (1_000, 100_000):
        model = window_model(length)
        view = make_view(qtbot, look, model)
        if not following:
            view.jump_to(5000)
        QApplication.processEvents()
        base, reads = _counts(view), model.window.rows_read
        for tick in range(30):
            first = model.length
            news = ((first - 1, message(length + tick - 1, words(0, 6), rev=1, open=True)),) if tick else ()
            fresh = tuple(message(length + tick + n, words(n)) for n in range(1))
            model.apply(Delta("s", changed=news, first=first, added=fresh))
            QApplication.processEvents()
        for _ in range(20):
            wheel(view, 1)
            QApplication.processEvents()
        for part in (3, 7):
            view.jump_to(view.geo.heights.total * part // 10)
            QApplication.processEvents()
        costs.append([after - before for before, after in zip(base, _counts(view), strict=True)])
        assert model.window.rows_read - reads <= 1000
    small, large = costs
    # What jumps land on differs; a screen of rows more or less is what that may cost.
    assert all(abs(one - other) <= 60 for one, other in zip(small, large, strict=True)), costs
    assert large[0] < 300


def _counts(view: TimelineView) -> tuple[int, ...]:
    counters = view.counters
    return counters.rows_measured, counters.laid_out, counters.grown, counters.rows_painted


def test_following_moves_pixels_and_paints_only_what_is_new(qtbot, look) -> None:
    model = window_model(1000)
    view = make_view(qtbot, look, model)
    QApplication.processEvents()
    counters = view.counters
    painted, full = counters.rows_painted, counters.full
    for row in range(1000, 1020):
        model.apply(added(model, message(row, "one line")))
        QApplication.processEvents()
    assert counters.full == full
    assert counters.scrolled >= 20
    assert counters.rows_painted - painted <= 20 * 3
    same_pixels(view)


def test_following_moves_no_more_than_what_was_painted(qtbot, look) -> None:
    """What is bare right of all rows stays where it is; a wide row is moved whole until it has left."""
    model = window_model(1000)
    view = make_view(qtbot, look, model)
    moved: list[int] = []
    for step in range(40):
        before = view.counters.px_moved
        text = "wide " * 40 if step == 12 else f"short {step}"
        model.apply(added(model, message(1000 + step, text)))
        same_pixels(view)
        moved.append((view.counters.px_moved - before) // max(1, view._bottom))
        if step == 34:
            view.selectAll()
        if step == 37:
            view.clearSelection()
            same_pixels(view)
    width, narrow = view.viewport().width(), 8 * len("row 0000 line 0")
    assert moved[11] <= narrow
    assert moved[12] == moved[13] == width // 8 * 8
    assert moved[33] <= narrow
    assert moved[35:38] == [width] * 3
    assert moved[39] <= narrow


def test_a_growing_row_is_painted_from_where_it_grew(qtbot, look) -> None:
    model = window_model(10)
    model.apply(added(model, message(10, words(0, 15), open=True)))
    view = make_view(qtbot, look, model)
    QApplication.processEvents()
    laid = view.counters.laid_out
    painted: list[int] = []
    whole = Slate.paint

    def paint(self, painter, top, bottom, selected) -> None:
        painted.append(bottom - top)
        whole(self, painter, top, bottom, selected)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Slate, "paint", paint)
        model.apply(changed((10, message(10, words(0, 16), rev=1, open=True))))
        QApplication.processEvents()
    assert view.counters.laid_out == laid
    assert view.counters.grown == 1
    assert max(painted) <= 2 * LINE + PAD
    same_pixels(view)


def test_layouts_are_kept_for_256_rows_at_most(view) -> None:
    for _ in range(150):
        wheel(view, pixels=-300)
    assert len(view.scene.layouts) == KEPT
    laid = view.counters.laid_out
    for _ in range(3):
        wheel(view, pixels=300)
        wheel(view, pixels=-300)
    assert view.counters.laid_out - laid <= 12


def test_thumb_and_place_are_right_at_a_million_rows(qtbot, look) -> None:
    """Heights of a million rows exceed what a scroll bar counts; the thumb still reaches both ends and the middle."""

    class Million(ListWindow):
        def __init__(self) -> None:
            super().__init__(())

        @property
        def length(self) -> int:
            return 1_000_000

        def read(self, first: int, count: int) -> list[Item]:
            self.rows_read += count
            return [message(row, words(row, 70)) for row in range(first, first + count)]

        def weights(self):
            from array import array

            return array("H", [60_000]) * 1_000_000

        def nested(self):
            from array import array

            return array("i")

    model = TimelineModel()
    model.apply(rebase(Million()))
    zoomed = make_look("light", 3.0)
    view = make_view(qtbot, zoomed, model)
    assert view.geo.heights.total > LONGEST
    assert model.window.rows_read <= 200
    bar = view.verticalScrollBar()
    assert 0 < bar.maximum() <= LONGEST
    assert bar.value() == bar.maximum()
    bar.setSliderDown(True)
    for part in (0.5, 0.25, 0.75):
        value, range_before = int(bar.maximum() * part), bar.maximum()
        bar.setSliderPosition(value)
        assert abs(view.geo.anchor / 1_000_000 - part) < 0.01
        assert (bar.value(), bar.maximum()) == (value, range_before), "the thumb stays under the finger"
    model.apply(added(model, message(1_000_000)))
    assert bar.value() == value
    bar.setSliderPosition(0)
    assert (view.geo.anchor, view.geo.offset) == (0, 0)
    bar.setSliderPosition(bar.maximum())
    assert view.geo.placed[-1].row == 1_000_000
    assert view.follow
    bar.setSliderDown(False)
    assert bar.value() == bar.maximum()
    wheel(view, 1)
    assert not view.follow
    same_pixels(view)
    for _ in range(5):
        with still(view):
            model.apply(added(model, message(model.length)))
    assert model.window.rows_read < 2000


def test_the_scroll_bar_says_where_the_reader_is(view) -> None:
    bar = view.verticalScrollBar()
    assert bar.value() == view.geo.position == view.verticalOffset()
    bar.setValue(bar.value() + 100)
    assert view.geo.position == bar.value()
    bar.triggerAction(bar.SliderAction.SliderToMinimum)
    assert (view.geo.anchor, view.geo.offset) == (0, 0)
    bar.triggerAction(bar.SliderAction.SliderToMaximum)
    assert view.follow
    bar.triggerAction(bar.SliderAction.SliderPageStepSub)
    assert not view.follow


# ---- bad rows ------------------------------------------------------------------------------------------------------


def test_a_row_that_fails_is_a_placeholder_and_is_logged_once(qtbot, look, caplog: pytest.LogCaptureFixture) -> None:
    model = TimelineModel()
    bad = (message(1, "explode when laid out"), message(3, "explode when painted"))
    model.apply(added(model, message(0), bad[0], message(2), bad[1], message(4), message(5, "nothing"), message(6)))
    view = make_view(qtbot, look, model)
    for _ in range(3):
        view.viewport().repaint()
        QApplication.processEvents()
    texts = [record.message for record in caplog.records]
    assert sorted(texts) == ["row m1 cannot be laid out", "row m3 cannot be painted"]
    assert all(record.exc_info for record in caplog.records)
    assert [placed.what.item for placed in view.geo.placed if placed.what.height] == [
        "m0",
        "m1",
        "m2",
        "m3",
        "m4",
        "m6",
    ]
    same_pixels(view)
    click(view, *spot(view, "m1", 0))
    view.selectAll()
    assert "explode when painted" in view.selected_text()


# ---- unread line, current row, accessibility, pane -----------------------------------------------------------------


def test_the_unread_line(view) -> None:
    row = view.geo.placed[3].row
    above = [placed.what.item for placed in view.geo.placed[:3]]
    before = tops(view)
    view.mark_unread(row, 14)
    assert view.scene.unread_text == "14 new since you looked"
    assert [tops(view)[item] for item in above] == [before[item] for item in above]
    assert view.scene.placed(row).what.lead > 0
    assert view.scene.placed(row).top == before[f"m{row}"]
    same_pixels(view)
    with still(view):
        view.timeline.apply(rebase(ListWindow([message(-1), *(view.item(n) for n in range(1000))])))
    assert view.scene.unread == row + 1
    view.mark_unread(None)
    assert view.scene.placed(row + 1).what.lead == 0
    view.mark_unread(990)
    assert view.scene.unread_text == "11 new since you looked"


def test_p02_a_screen_reader_finds_a_list_with_items(view) -> None:
    QAccessible.setActive(True)
    try:
        face = QAccessible.queryAccessibleInterface(view)
        assert face.role() == QAccessible.Role.List
        assert face.childCount() == 1000
        placed = view.geo.placed[2]
        child = face.child(placed.row)
        assert child.role() == QAccessible.Role.ListItem
        assert child.text(QAccessible.Text.Name).startswith(f"Agent: row {placed.row} line 0")
        origin = view.viewport().mapToGlobal(QPoint(0, 0))
        assert child.rect() == QRect(0, placed.top, view.viewport().width(), placed.what.height).translated(origin)
        assert view.indexAt(QPoint(5, placed.top + 1)).row() == placed.row
        view.timeline.apply(added(view.timeline, message(1000)))
        assert face.childCount() == 1001
    finally:
        QAccessible.setActive(False)


def test_context_menu_opens_on_the_row_under_the_pointer(view, qtbot) -> None:
    placed = view.geo.placed[1]
    seen: list[str] = []

    def close() -> None:
        menu = QApplication.activePopupWidget()
        if isinstance(menu, QMenu):
            seen.extend(action.text() for action in menu.actions())
            menu.close()

    from PySide6.QtCore import QTimer
    from PySide6.QtGui import QContextMenuEvent

    point = QPoint(20, max(1, placed.top + 2))
    timer = QTimer(interval=5)
    timer.timeout.connect(close)
    timer.start()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, point, view.viewport().mapToGlobal(point))
    QApplication.sendEvent(view.viewport(), event)
    timer.stop()
    assert "Show raw record" in seen
    assert view.currentIndex().row() == placed.row


def test_the_pane_says_what_is_waited_for(qtbot, look) -> None:
    pane = TimelinePane(look)
    qtbot.addWidget(pane)
    pane.resize(600, 400)
    with qtbot.waitExposed(pane):
        pane.show()
    assert pane.empty.isVisible()
    assert pane.empty.text() == WAITING
    pane.set_empty("Pick a session.")
    model = TimelineModel()
    pane.set_model(model)
    assert pane.empty.text() == "Pick a session."
    assert pane.empty.isVisible()
    model.apply(added(model, message(0)))
    assert not pane.empty.isVisible()
    model.apply(Delta("s", keep=0))
    assert pane.empty.isVisible()
    pane.set_model(window_model(5))
    assert not pane.empty.isVisible()
    pane.set_look(make_look("dark", 1.5))
    assert pane.view.geometry() == pane.rect()
