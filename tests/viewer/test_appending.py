"""What one row at the end of a long transcript costs: one row measured, one part of the viewport painted, no bar."""

from __future__ import annotations

from collections import Counter

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QStyle, QStyleOptionSlider, QWidget
from timeline_kit import added, changed, make_view, message, same_pixels, window_model
from typing_extensions import override

from viewer.timeline.pane import TimelinePane

pytestmark = pytest.mark.usefixtures("slate")
_GRIP = QStyle.SubControl.SC_ScrollBarSlider


class Paints(QObject):
    """Counts paint events of widgets, by class."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()

    @override
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint and isinstance(watched, QWidget):
            self.seen[watched.objectName() or type(watched).__name__] += 1
        return False


def test_a_row_at_the_end_paints_the_viewport_and_nothing_around_it(qtbot, look) -> None:
    model = window_model(20_000)
    pane = TimelinePane(look)
    qtbot.addWidget(pane)
    pane.resize(800, 600)
    pane.show()
    pane.set_model(model)
    qtbot.waitExposed(pane)
    QApplication.processEvents()
    paints = Paints()
    application = QApplication.instance()
    assert application is not None
    application.installEventFilter(paints)
    try:
        for row in range(20_000, 20_020):
            model.apply(added(model, message(row, "one line")))
            QApplication.processEvents()
    finally:
        application.removeEventFilter(paints)
    assert paints.seen.pop("qt_scrollarea_viewport") == 20
    # The thumb gets shorter by less than a pixel in all: the bar is painted once or twice, what is behind it never.
    assert paints.seen.pop("Bar", 0) <= 2
    assert not paints.seen


def test_a_row_at_the_end_is_the_only_one_that_is_measured(qtbot, look) -> None:
    model = window_model(1000)
    view = make_view(qtbot, look, model)
    QApplication.processEvents()
    asked = view.counters.asked
    for row in range(1000, 1030):
        model.apply(added(model, message(row, "one line")))
    assert view.counters.asked - asked == 30
    same_pixels(view)
    # What changes besides is seen: the newest version of a row, also one that came in the same breath.
    model.apply(added(model, message(1030, "one line")))
    model.apply(changed((1028, message(1028, "one line and another", rev=1))))
    assert view.scene.placed(1028).what.rev == 1
    same_pixels(view)


def test_rows_that_only_move_are_neither_looked_at_nor_painted(qtbot, look) -> None:
    model = window_model(1000)
    view = make_view(qtbot, look, model)
    QApplication.processEvents()
    counters = view.counters
    for row in range(1000, 1060, 2):
        asked, painted, px, full = counters.asked, counters.rows_painted, counters.px_painted, counters.full
        kept = {placed.row: placed.top for placed in view.geo.placed}
        model.apply(added(model, message(row, "one line"), message(row + 1, f"two\n\nlines {row}")))
        QApplication.processEvents()
        new = [placed for placed in view.geo.placed if placed.row >= row]
        assert [placed.row for placed in new] == [row, row + 1]
        assert (counters.asked - asked, counters.rows_painted - painted, counters.full - full) == (2, 2, 0)
        way = sum(placed.what.height for placed in new)
        assert counters.px_painted - px == way
        # All others moved up by just that, those at the top out of sight, and the anchor is the first that is left.
        left = [placed for placed in view.geo.placed if placed.row < row]
        assert [placed.top + way for placed in left] == [kept[placed.row] for placed in left]
        assert left[0].top <= 0 < left[0].bottom
        assert (view.geo.anchor, view.geo.offset) == (left[0].row, -left[0].top)
        assert view.geo.placed[-1].bottom == view.viewport().height() - view.geo.foot
    same_pixels(view)


def test_rows_behind_the_reader_cost_nothing_until_they_are_seen(qtbot, look) -> None:
    model = window_model(1000)
    view = make_view(qtbot, look, model)
    view.jump_to(3000)
    QApplication.processEvents()
    before = view.counters.rows_measured, view.counters.rows_painted
    for row in range(1000, 1030):
        model.apply(added(model, message(row, "one line")))
        QApplication.processEvents()
    assert (view.counters.rows_measured, view.counters.rows_painted) == before
    assert view.behind == 30
    view.set_follow(True)
    assert view.geo.placed[-1].row == 1029
    same_pixels(view)


def test_the_bar_says_where_the_end_is_without_being_told_through_signals(qtbot, look) -> None:
    model = window_model(50)
    view = make_view(qtbot, look, model)
    QApplication.processEvents()
    bar = view.bar
    told: list[int] = []
    bar.valueChanged.connect(told.append)
    paints = bar.paints
    for row in range(50, 150):
        model.apply(added(model, message(row, "one line")))
        QApplication.processEvents()
    assert bar.value() == bar.maximum() == view.geo.position
    assert not told
    qtbot.waitUntil(lambda: bar.paints > paints)  # the thumb did get shorter
    assert bar.isEnabled()


def test_the_bar_is_told_of_new_rows_in_a_moment_and_at_once_when_it_is_asked_or_held(qtbot, look) -> None:
    """Rows at the end cost the bar nothing, yet nobody ever meets it as it was before they came."""
    model = window_model(500)
    view = make_view(qtbot, look, model)
    QApplication.processEvents()
    bar, before = view.bar, view.bar.moved_to()
    model.apply(added(model, message(500, "one line")))
    assert bar.moved_to() == before
    qtbot.waitUntil(lambda: bar.moved_to()[1] > before[1])  # by itself
    assert bar.moved_to() == (view.geo.position, view.geo.position)
    model.apply(added(model, message(501, "one line")))
    tops = {placed.row: placed.top for placed in view.geo.placed}
    bar.triggerAction(bar.SliderAction.SliderSingleStepSub)  # by as much as from where it should be
    assert view.scene.placed(498).top == tops[498] + bar.singleStep()
    view.set_follow(True)
    option = QStyleOptionSlider()
    bar.initStyleOption(option)
    grip = bar.style().subControlRect(bar.style().ComplexControl.CC_ScrollBar, option, _GRIP, bar)
    model.apply(added(model, message(502, "one line")))
    QTest.mousePress(bar, Qt.MouseButton.LeftButton, pos=grip.center())
    held = bar.moved_to()
    assert held == (view.geo.position, view.geo.position)
    assert bar.isSliderDown()
    model.apply(added(model, message(503, "one line")))
    assert bar.moved_to() == held, "the thumb stays under the finger"
    QTest.mouseRelease(bar, Qt.MouseButton.LeftButton, pos=grip.center())
    assert bar.moved_to() == (view.geo.position, view.geo.position)
