"""Following the end: what lets go of it, what takes hold of it again, what the pill says, what keys do."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QSignalSpy, QTest
from PySide6.QtWidgets import QApplication
from timeline_kit import added, changed, make_view, message, spot, still, tool, tops, wheel, window_model

from viewer.timeline.model import TimelineModel
from viewer.timeline.pane import TimelinePane

pytestmark = pytest.mark.usefixtures("slate")
Key = Qt.Key
NONE, SHIFT, CONTROL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)


@pytest.fixture
def view(qtbot, look):
    made = make_view(qtbot, look, window_model(500))
    made.setFocus()
    return made


def at_end(view) -> bool:
    last = view.geo.placed[-1]
    return last.row == view.timeline.length - 1 and last.bottom == view.viewport().height() - view.geo.foot


def feed(view, count: int = 1, text: str | None = None) -> None:
    for _ in range(count):
        view.timeline.apply(added(view.timeline, message(view.timeline.length, text)))


def test_p09_opens_at_the_end_and_follows(view) -> None:
    assert view.follow
    assert at_end(view)
    feed(view, 30)
    assert at_end(view)
    for rev in range(1, 20):
        view.timeline.apply(changed((529, message(529, "line\n" * rev, rev=rev, open=True))))
        assert at_end(view)


@pytest.mark.parametrize(
    "release",
    [
        lambda view: wheel(view, 1),
        lambda view: wheel(view, pixels=1),
        lambda view: QTest.keyClick(view, Key.Key_PageUp),
        lambda view: QTest.keyClick(view, Key.Key_K),
        lambda view: QTest.keyClick(view, Key.Key_Up),
        lambda view: QTest.keyClick(view, Key.Key_Home),
        lambda view: QTest.keyClick(view, Key.Key_G),
        lambda view: QTest.keyClick(view, Key.Key_F),
        lambda view: QTest.keyClick(view, Key.Key_Space, SHIFT),
        lambda view: view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2),
        lambda view: view.verticalScrollBar().triggerAction(view.verticalScrollBar().SliderAction.SliderSingleStepSub),
    ],
    ids=["wheel", "touchpad", "pgup", "k", "up", "home", "g", "f", "shift-space", "thumb", "bar-arrow"],
)
def test_p09_any_way_up_lets_go(view, release) -> None:
    with QSignalCount(view.follow_changed) as told:
        release(view)
    assert told == [False]
    assert not view.follow
    with still(view):
        feed(view, 20)
    assert view.behind == 20


class QSignalCount(list):
    """The arguments of a signal while it is watched."""

    def __init__(self, signal) -> None:
        super().__init__()
        self._signal = signal

    def __enter__(self):
        self._signal.connect(self.append)
        return self

    def __exit__(self, *_: object) -> None:
        self._signal.disconnect(self.append)


@pytest.mark.parametrize(
    "hold",
    [
        lambda view: wheel(view, -40),
        lambda view: QTest.keyClick(view, Key.Key_End),
        lambda view: QTest.keyClick(view, Key.Key_End, CONTROL),
        lambda view: QTest.keyClick(view, Key.Key_G, SHIFT),
        lambda view: QTest.keyClick(view, Key.Key_F),
        lambda view: [QTest.keyClick(view, Key.Key_PageDown) for _ in range(4)],
        lambda view: [QTest.keyClick(view, Key.Key_Space) for _ in range(4)],
        lambda view: [QTest.keyClick(view, Key.Key_J) for _ in range(40)],
        lambda view: [QTest.keyClick(view, Key.Key_Down) for _ in range(99)],
        lambda view: view.verticalScrollBar().setValue(view.verticalScrollBar().maximum()),
    ],
    ids=["wheel", "end", "ctrl-end", "G", "f", "pgdn", "space", "j", "down", "thumb"],
)
def test_p09_reaching_the_end_takes_hold(view, hold) -> None:
    wheel(view, 5)
    feed(view, 3)
    assert not view.follow
    with QSignalCount(view.follow_changed) as told:
        hold(view)
    assert told == [True]
    assert at_end(view)
    assert view.behind == 0
    feed(view, 3)
    assert at_end(view)


def test_a_transcript_that_fits_is_always_followed(qtbot, look) -> None:
    model = TimelineModel()
    model.apply(added(model, message(0), message(1)))
    view = make_view(qtbot, look, model)
    assert tops(view)["m0"] == 0
    wheel(view, 3)
    QTest.keyClick(view, Key.Key_PageUp)
    QTest.keyClick(view, Key.Key_K)
    assert view.follow
    feed(view, 40)
    assert at_end(view)


def test_scrolling_up_and_down_again_at_the_top(view) -> None:
    QTest.keyClick(view, Key.Key_Home)
    assert tops(view)["m0"] == 0
    assert view.currentIndex().row() == 0
    wheel(view, 5)
    assert tops(view)["m0"] == 0
    with still(view):
        feed(view, 5)


def test_behind_counts_rows_that_show(view) -> None:
    model = view.timeline
    wheel(view, 5)
    spy = QSignalSpy(view.behind_changed)
    model.apply(added(model, tool(500), message(501, parent="t500"), message(502, parent="t500"), message(503)))
    assert view.behind == 2
    assert spy.count() == 1
    model.apply(changed((503, message(503, "x", rev=1))))
    assert spy.count() == 1, "growing rows are no new rows"


def test_the_pill(qtbot, look) -> None:
    """P-09: a real button, reachable by Tab, that says how many rows came."""
    pane = TimelinePane(look)
    qtbot.addWidget(pane)
    pane.resize(600, 400)
    pane.set_model(window_model(300))
    with qtbot.waitActive(pane):
        pane.show()
        pane.activateWindow()
    view, pill = pane.view, pane.pill
    assert not pill.isVisible()
    wheel(view, 3)
    assert pill.isVisible()
    assert pill.text() == "Latest ↓"
    feed(view, 1)
    assert pill.accessibleName() == "1 new row. Go to the end and follow"
    feed(view, 1299)
    assert pill.text() == "1,300 new ↓"
    assert QAccessible.queryAccessibleInterface(pill).text(QAccessible.Text.Name).startswith("1,300 new rows.")
    assert pane.rect().contains(pill.geometry())
    assert pill.geometry().right() < view.viewport().geometry().right()
    view.setFocus()
    qtbot.waitUntil(view.hasFocus)
    QTest.keyClick(view, Key.Key_Tab)
    assert pill.hasFocus()
    QTest.keyClick(pill, Key.Key_Space)
    assert view.follow
    assert at_end(view)
    assert not pill.isVisible()
    assert view.hasFocus()
    QTest.keyClick(view, Key.Key_K)
    assert pill.isVisible()
    QTest.mouseClick(pill, Qt.MouseButton.LeftButton)
    assert view.follow


def test_no_pill_where_all_rows_are_in_sight(qtbot, look) -> None:
    """It would lead nowhere; it is there as soon as rows are out of sight."""
    pane = TimelinePane(look)
    qtbot.addWidget(pane)
    pane.resize(600, 400)
    pane.set_model(window_model(1))
    pane.show()
    pane.view.set_follow(False)
    assert not pane.pill.isVisible()
    feed(pane.view, 100)
    assert pane.pill.isVisible()


def test_j_and_k_walk_over_shown_rows(qtbot, look) -> None:
    model = TimelineModel()
    rows = [
        message(0),
        tool(1),
        message(2, parent="t1"),
        message(3, parent="t1"),
        *(message(row) for row in range(4, 60)),
    ]
    model.apply(added(model, *rows))
    view = make_view(qtbot, look, model)
    view.setFocus()
    QTest.keyClick(view, Key.Key_Home)
    walked = []
    for _ in range(4):
        walked.append(view.currentIndex().row())
        QTest.keyClick(view, Key.Key_J)
    assert walked == [0, 1, 4, 5]
    for _ in range(40):
        QTest.keyClick(view, Key.Key_J)
        index = view.currentIndex()
        rect = view.visualRect(index)
        assert rect.top() >= 0
        assert rect.bottom() <= view.viewport().height()
    for _ in range(50):
        QTest.keyClick(view, Key.Key_K)
    assert view.currentIndex().row() == 0
    assert tops(view)["m0"] == 0


def test_enter_left_and_right_fold_the_current_row(qtbot, look) -> None:
    model = TimelineModel()
    model.apply(added(model, message(0), tool(1), tool(2, parent="t1"), message(3)))
    view = make_view(qtbot, look, model)
    view.setFocus()
    view.set_current(1)
    QTest.keyClick(view, Key.Key_Right)
    assert view.folds.shows_children(1)
    QTest.keyClick(view, Key.Key_Right)
    assert view.folds.shows_children(1)
    QTest.keyClick(view, Key.Key_J)
    assert view.currentIndex().row() == 2
    QTest.keyClick(view, Key.Key_Return)
    assert view.fold_state()["t2"][0] is True
    QTest.keyClick(view, Key.Key_Left)
    assert view.fold_state()["t2"][0] is False
    QTest.keyClick(view, Key.Key_Left)
    assert view.currentIndex().row() == 1
    QTest.keyClick(view, Key.Key_Left)
    assert not view.folds.shows_children(1)


def test_arrows_read_a_tall_row_to_its_end(qtbot, look) -> None:
    model = TimelineModel()
    model.apply(added(model, message(0), message(1, "line\n" * 120), message(2), *(message(n) for n in range(3, 30))))
    view = make_view(qtbot, look, model)
    view.setFocus()
    QTest.keyClick(view, Key.Key_Home)
    QTest.keyClick(view, Key.Key_Down)
    assert view.currentIndex().row() == 1
    seen = 0
    while view.currentIndex().row() == 1:
        bottom = view.scene.placed(1).bottom
        QTest.keyClick(view, Key.Key_Down)
        seen += 1
        assert seen < 100
    assert bottom <= view.viewport().height()
    assert seen > 10


def test_keys_of_others_are_left_to_them(view) -> None:
    for key, modifiers in ((Key.Key_X, NONE), (Key.Key_F, CONTROL), (Key.Key_J, CONTROL), (Key.Key_Escape, NONE)):
        place = view.place()
        QTest.keyClick(view, key, modifiers)
        assert view.place() == place
    view.keyboardSearch("row")
    assert not view.currentIndex().isValid()


def test_the_current_row_and_the_focus_are_seen(view, qtbot) -> None:
    wheel(view, 10)
    placed = view.geo.placed[2]
    view.set_current(placed.row)
    QApplication.processEvents()
    image = view.viewport().grab().toImage()
    focused = image.pixelColor(0, placed.top + 3)
    view.clearFocus()
    QApplication.processEvents()
    blurred = view.viewport().grab().toImage().pixelColor(0, placed.top + 3)
    plain = image.pixelColor(0, view.geo.placed[1].top + 3)
    assert len({focused.name(), blurred.name(), plain.name()}) >= 2
    assert plain == view.scene.look.colour("surface.window")
    assert blurred == view.scene.look.colour("line.strong")
    x, y = spot(view, placed.what.item)
    assert view.indexAt(view.viewport().rect().topLeft().__class__(x, y)).row() == placed.row


def test_idle_costs_nothing(view, qtbot) -> None:
    """Nothing animates: no paint and no timer while nothing happens."""
    QApplication.processEvents()
    painted = view.counters.rows_painted
    for _ in range(20):
        QApplication.processEvents()
    assert view.counters.rows_painted == painted
    assert not view.mouse.scrolling
