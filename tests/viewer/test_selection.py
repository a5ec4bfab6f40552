"""Selecting text with the mouse and the keys, and what copying gives."""

from __future__ import annotations

import orjson
import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from timeline_kit import (
    ListWindow,
    added,
    changed,
    click,
    drag,
    make_view,
    message,
    mouse,
    rebase,
    same_pixels,
    spot,
    still,
    tool,
    window_model,
)

from store.delta import Delta, Rebase
from store.items import Message, Notice, Plan, Prompt, Raw, Thought, Tool
from store.text import Text
from viewer.bench.seed import seeded
from viewer.jobs import Jobs
from viewer.rows.base import Pos
from viewer.timeline import copying
from viewer.timeline.model import TimelineModel
from viewer.timeline.mouse import may_open
from viewer.timeline.selection import Selection

pytestmark = pytest.mark.usefixtures("slate")
Key = Qt.Key


@pytest.fixture
def view(qtbot, look):
    model = TimelineModel()
    model.apply(added(model, *(message(row, f"**row {row}** alpha beta\nsecond line {row}") for row in range(6))))
    return make_view(qtbot, look, model)


def test_within_one_row(view) -> None:
    drag(view, spot(view, "m1", 2), spot(view, "m1", 7))
    assert view.selected_text() == "row 1"
    same_pixels(view)


def test_backwards_is_the_same(view) -> None:
    drag(view, spot(view, "m1", 7), spot(view, "m1", 2))
    assert view.selected_text() == "row 1"


def test_across_rows_the_middle_is_the_original(view) -> None:
    drag(view, spot(view, "m1", 10), spot(view, "m3", 4))
    assert view.selected_text() == "alpha beta\nsecond line 1\n\n**row 2** alpha beta\nsecond line 2\n\n**ro"
    same_pixels(view)


def test_double_click_takes_words_and_drags_by_words(view) -> None:
    x, y = spot(view, "m2", 12)
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.viewport().rect().topLeft())
    mouse(view, QEvent.Type.MouseButtonDblClick, x, y, timestamp=5)
    assert view.selected_text() == "alpha"
    mouse(view, QEvent.Type.MouseMove, *spot(view, "m2", 17))
    assert view.selected_text() == "alpha beta"
    mouse(view, QEvent.Type.MouseButtonRelease, *spot(view, "m2", 17), held=False, timestamp=6)


def test_triple_click_takes_the_paragraph(view) -> None:
    x, y = spot(view, "m2", 3, line=1)
    click(view, x, y)
    mouse(view, QEvent.Type.MouseButtonDblClick, x, y, timestamp=10)
    mouse(view, QEvent.Type.MouseButtonRelease, x, y, held=False, timestamp=11)
    assert view.selected_text() == "second"
    mouse(view, QEvent.Type.MouseButtonPress, x, y, timestamp=100)
    mouse(view, QEvent.Type.MouseButtonRelease, x, y, held=False, timestamp=101)
    assert view.selected_text() == "second line 2"


def test_shift_click_extends(view) -> None:
    click(view, *spot(view, "m1", 2))
    assert view.selected_text() == ""
    click(view, *spot(view, "m2", 7), modifiers=Qt.KeyboardModifier.ShiftModifier)
    assert view.selected_text() == "row 1** alpha beta\nsecond line 1\n\n**row 2"
    click(view, *spot(view, "m1", 5), modifiers=Qt.KeyboardModifier.ShiftModifier)
    assert view.selected_text() == "row"


def test_survives_appends_growth_and_rebase(view) -> None:
    model = view.timeline
    drag(view, spot(view, "m4", 2), spot(view, "m5", 5))
    want = view.selected_text()
    model.apply(added(model, *(message(row) for row in range(6, 60))))
    assert view.selected_text() == want
    grown = message(5, "**row 5** alpha beta\nsecond line 5\nand more", rev=1)
    model.apply(changed((5, grown)))
    assert view.selected_text() == want
    past = [message(row, "past") for row in range(1000, 1500)]
    now = [model.item(row) for row in range(model.length)]
    model.apply(rebase(ListWindow([*past, *now])))
    assert model.length == 560
    assert view.selected_text() == want
    model.apply(Delta("s", keep=505))
    assert view.selected_text().endswith("second line 4")
    model.apply(Delta("s", keep=500))
    assert view.selected_text() == ""


def test_clicking_elsewhere_and_escape_clear_it(view) -> None:
    drag(view, spot(view, "m1", 0), spot(view, "m2", 3))
    click(view, *spot(view, "m3", 3))
    assert view.selection.ends is None
    drag(view, spot(view, "m1", 0), spot(view, "m2", 3))
    view.setFocus()
    QTest.keyClick(view, Key.Key_Escape)
    assert view.selection.ends is None
    same_pixels(view)


def test_select_all_of_many_rows_costs_nothing_until_copied(qtbot, look) -> None:
    model = window_model(100_000)
    view = make_view(qtbot, look, model)
    reads = model.window.rows_read
    QTest.keyClick(view, Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.qWait(0)
    assert model.window.rows_read == reads
    text = view.selected_text(limit=5000)
    assert text.startswith("row 0 line 0\n\nrow 1 line 0\nrow 1 line 1")
    assert "Copying stopped here, at 5,000 characters." in text
    assert len(text) < 5200
    assert model.window.rows_read - reads < 1200


def test_copy_says_when_something_did_not_fit(view, qtbot, monkeypatch) -> None:
    monkeypatch.setattr(copying, "LIMIT", 40)
    view.selectAll()
    with qtbot.waitSignal(view.hinted) as told:
        QTest.keyClick(view, Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert "did not fit" in told.args[0]
    assert QGuiApplication.clipboard().text().startswith("**row 0")


def test_folded_rows_are_not_copied(qtbot, look) -> None:
    model = TimelineModel()
    model.apply(added(model, tool(0), message(1, "inside", parent="t0"), message(2, "after")))
    view = make_view(qtbot, look, model)
    view.selectAll()
    assert "inside" not in view.selected_text()
    view.act(0, "children")
    assert "inside" in view.selected_text()


def test_c_copies_the_current_row_without_a_selection(view) -> None:
    view.set_current(2)
    QTest.keyClick(view, Key.Key_C)
    assert QGuiApplication.clipboard().text() == "**row 2** alpha beta\nsecond line 2"


def test_drag_beyond_the_edge_scrolls_and_stops(qtbot, look) -> None:
    model = window_model(300)
    view = make_view(qtbot, look, model)
    view.jump_to(0)
    height = view.viewport().height()
    first = spot(view, "m0", 1)
    assert not view.mouse.scrolling
    drag(view, first, (60, 100), (60, height + 60), release=False)
    assert view.mouse.scrolling
    qtbot.waitUntil(lambda: view.geo.anchor > 5)
    mouse(view, QEvent.Type.MouseMove, 60, 100)
    assert not view.mouse.scrolling
    mouse(view, QEvent.Type.MouseMove, 60, height + 60)
    mouse(view, QEvent.Type.MouseButtonRelease, 60, height + 60, held=False)
    assert not view.mouse.scrolling
    start, end = view.selection.ends
    assert start == (0, Pos(0, 1))
    assert end.row > 5


def test_p09_selecting_lets_go_of_the_end(qtbot, look) -> None:
    model = window_model(100)
    view = make_view(qtbot, look, model)
    assert view.follow
    last = spot(view, "m98", 0)
    drag(view, last, (last[0] + 80, last[1]))
    assert not view.follow
    with still(view):
        model.apply(added(model, *(message(row) for row in range(100, 120))))


def test_links_show_their_target_and_open_only_if_harmless(qtbot, look) -> None:
    model = TimelineModel()
    links = ("https://example.org/x", "javascript://alert(1)", "file:///etc/passwd", "mailto:a@b.c", "http://[bad/")
    model.apply(added(model, *(message(row, f"see {link}") for row, link in enumerate(links))))
    view = make_view(qtbot, look, model)
    opened, hints = [], []
    view.link_clicked.connect(opened.append)
    view.hinted.connect(hints.append)
    for row in range(len(links)):
        x, y = spot(view, f"m{row}", 8)
        mouse(view, QEvent.Type.MouseMove, x, y, held=False)
        assert hints[-1] == links[row]
        assert view.viewport().cursor().shape() == Qt.CursorShape.PointingHandCursor
        click(view, x, y)
    assert opened == ["https://example.org/x", "mailto:a@b.c"]
    assert "Not opened: file:///etc/passwd" in hints
    mouse(view, QEvent.Type.MouseMove, *spot(view, "m1", 1), held=False)
    assert hints[-1] == ""
    assert view.viewport().cursor().shape() == Qt.CursorShape.IBeamCursor
    drag(view, spot(view, "m0", 6), spot(view, "m0", 12))
    assert len(opened) == 2, "selecting a link does not open it"
    assert not may_open("")
    assert may_open(" HTTPS://example.org ")


def test_context_menu_copies_and_shows_the_record(view, qtbot) -> None:
    actions = {action.text(): action for action in view.context_menu(2).actions() if action.text()}
    assert list(actions) == ["Copy", "Copy row as Markdown", "Copy as JSON", "Select all", "Show raw record"]
    assert not actions["Copy"].isEnabled()
    actions["Copy as JSON"].trigger()
    assert orjson.loads(QGuiApplication.clipboard().text())["id"] == "m2"
    actions["Copy row as Markdown"].trigger()
    assert QGuiApplication.clipboard().text() == "**row 2** alpha beta\nsecond line 2"
    with qtbot.waitSignal(view.raw_wanted) as told:
        actions["Show raw record"].trigger()
    assert told.args == [2]
    actions["Select all"].trigger()
    assert view.context_menu(-1).actions()[0].isEnabled()


def test_rows_as_markdown() -> None:
    made = tool(1, output=0)
    assert copying.markdown(made) == "**Bash** `run 1`"
    fenced = copying.markdown(tool(1, output=2))
    assert fenced == "**Bash** `run 1`\n\n```\noutput 0\noutput 1\n```"
    hostile = copying.markdown(type(made)(id="t", name="Read", title="a`b", output=Text("````\nx\n````")))
    assert hostile == "**Read** `` a`b ``\n\n`````\n````\nx\n````\n`````"
    assert copying.markdown(Prompt(id="p", text="a\n\nb")) == "> a\n>\n> b"
    assert copying.markdown(Thought(id="t", text=Text("hm"))) == "*Thought:*\n\nhm"
    assert copying.markdown(Plan(id="l", entries=(("do", "completed"),))) == "[x] do"
    for item in (Notice(id="n", text="n"), Raw(id="r", text="r"), Message(id="m", text=Text("m"))):
        assert copying.markdown(item) == item.id


def test_half_a_surrogate_pair_can_be_copied_as_json() -> None:
    assert orjson.loads(copying.json(Prompt(id="p", text="a\ud83dz")))["text"] == "a?z"


def test_selection_by_itself() -> None:
    selection = Selection()
    assert selection.within(0) is None
    assert not selection.anchored
    selection.extend(3, Pos(0, 5), Pos(0, 5))
    assert selection.ends is None
    selection.extend(1, Pos(2, 0), Pos(2, 0))
    assert selection.within(1) == (Pos(2, 0), None)
    assert selection.within(2) == (None, None)
    assert selection.within(3) == (None, Pos(0, 5))
    assert selection.within(4) is None
    selection.shift(-2)
    assert selection.within(0) == (None, None)
    assert selection.within(1) == (None, Pos(0, 5))
    selection.rows(0, 9)
    selection.cut(4)
    assert selection.within(3) == (None, None)
    assert selection.within(4) is None


def test_a_copied_command_has_nothing_that_a_terminal_obeys() -> None:
    """It is pasted: what ends a paste, or goes back over what stands there, would run what nobody saw."""
    given = r'{"command": "ls -l\u001b[201~\r\n\trm x \u009b2J\u0008"}'
    item = Tool(id="c", name="Bash", kind="tool.shell", input=given)
    assert copying.command(item) == "ls -l[201~\n\trm x 2J"


def test_what_is_long_is_read_by_a_worker(qtbot, look, tmp_path) -> None:
    """The window goes on meanwhile. What is copied is what was selected, also when other rows are by then."""
    window = seeded(copying.FEW + 500, tmp_path)
    assert window is not None
    model = TimelineModel()
    model.apply(Delta("s", rebase=Rebase(window, {7: message(7, "newer")}, (message(-1, "the tail"),))))
    view = make_view(qtbot, look, model)
    jobs = Jobs()
    view.work = jobs.run
    reads = model.reads
    view.selectAll()
    text = view.selected_text()
    whole, reads = model.reads - reads, model.reads
    with qtbot.waitSignal(view.hinted, timeout=20_000, check_params_cb=lambda said: said == "Copied."):
        view.copy()
        assert model.reads - reads < whole / 4, "not by the thread that paints"
        view.clearSelection()
        model.apply(changed((9, message(9, "too late"))))
    assert QGuiApplication.clipboard().text() == text
    assert "newer" in text
    assert text.endswith("the tail")
    jobs.shutdown()
    window.close()
