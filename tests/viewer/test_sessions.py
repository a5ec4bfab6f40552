"""The session list: order, grouping, filter, unread marks and keys, on a real model and a real pane."""

from __future__ import annotations

import random
import time

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible, QGuiApplication, QImage, QPainter
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from sessions_kit import NOW, expected, lines, model, pane, row
from thorough import seeds

from store.delta import Row, SessionsDelta, Spent
from store.insight_talk import Told
from store.states import Closed
from viewer import wording
from viewer.jobs import Jobs
from viewer.sessions.delegate import COSTS, SessionDelegate
from viewer.sessions.filter import Filter, haystack
from viewer.sessions.model import Heading, SessionsModel
from viewer.sessions.pane import SessionsPane
from viewer.sessions.spending import Spending
from viewer.theme import make_look

__all__ = ["model", "pane"]  # fixtures


def test_newest_first_within_and_between_projects(model: SessionsModel) -> None:
    model.apply(SessionsDelta((row("a", "x", 50), row("b", "y", 10), row("c", "x", 20), row("d", "y", 90))))
    assert lines(model) == ["# y", "b", "d", "# x", "c", "a"]
    model.apply(SessionsDelta((row("a", "x", 1),)))
    assert lines(model) == ["# x", "a", "c", "# y", "b", "d"]
    model.apply(SessionsDelta(gone=("c", "a")))
    assert lines(model) == ["# y", "b", "d"]
    assert (model.total, model.bytes, model.live) == (2, 20, 0)


@pytest.mark.parametrize("seed", seeds(3, 12))
def test_any_sequence_of_updates_ends_like_sorting_anew(model: SessionsModel, seed: int) -> None:
    """Under Qt's model tester, so every signal on the way is right as well."""
    rng = random.Random(seed)
    rows: dict[str, Row] = {}
    text = ""
    grouped = True
    for _ in range(120):
        match rng.randrange(12):
            case 0:
                gone = tuple(rng.sample(sorted(rows), min(len(rows), 2)))
                for id in gone:
                    del rows[id]
                model.apply(SessionsDelta(gone=gone))
            case 1:
                text = rng.choice(["", "title", "s1", "xp", "atlas 3"])
                model.set_filter(text)
            case 2:
                grouped = not grouped
                model.set_grouped(grouped)
            case _:
                put = [
                    row(
                        f"s{rng.randrange(30)}",
                        rng.choice(["atlas", "xp", "beacon"]),
                        rng.choice([1, 5, 9, 1e5, 9e5, 9e6]),
                        state=rng.choice(["live", "idle"]),
                    )
                    for _ in range(rng.randrange(1, 4))
                ]
                rows.update((each.id, each) for each in put)
                model.apply(SessionsDelta(tuple(put)))
        assert lines(model) == expected(rows, Filter(text), grouped)
        assert model.live == sum(each.state == "live" for each in rows.values())
        assert model.bytes == sum(each.bytes for each in rows.values())


def test_one_change_is_one_signal(model: SessionsModel) -> None:
    model.apply(SessionsDelta(tuple(row(f"s{n}", f"p{n % 5}", n) for n in range(50))))
    signals = (model.dataChanged, model.rowsMoved, model.rowsInserted, model.rowsRemoved, model.modelReset)
    spies = [QSignalSpy(signal) for signal in signals]
    model.apply(SessionsDelta((row("s0", "p0", 0, title="new title"),)))
    assert [spy.count() for spy in spies] == [1, 0, 0, 0, 0]
    model.apply(SessionsDelta((row("s0", "p0", 0, title="new title"),)))  # nothing new: nothing said
    assert [spy.count() for spy in spies] == [1, 0, 0, 0, 0]
    model.apply(SessionsDelta((row("s45", "p0", -1),)))  # the last of the newest project becomes its first
    assert [spy.count() for spy in spies] == [2, 1, 0, 0, 0]
    assert model.rebuilds == 0


def test_ten_thousand_sessions_sort_within_a_bounded_number_of_rebuilds(model: SessionsModel) -> None:
    """Issue 2: 10,000 rows. Time is for the bench; here: once for all, and no rebuild for later changes."""
    big = SessionsModel(clock=lambda: NOW)
    big.apply(SessionsDelta(tuple(row(f"s{n:05}", f"p{n % 300}", (n * 7919) % 1_000_000) for n in range(10_000))))
    assert big.rowCount() == 10_300
    assert big.rebuilds == 1
    for n in range(200):
        big.apply(SessionsDelta((row(f"s{n:05}", f"p{n % 300}", -n),)))
    assert big.rebuilds == 1
    assert lines(big)[:2] == ["# p199", "s00199"]


def test_filter_words_are_all_needed_and_look_everywhere() -> None:
    hay = haystack(row("a", "Atlas", title="Fix the Flaky test", cwd="/home/me/atlas-api", session="ab12"))
    for text in ("flaky", "FIX atlas", "claude test", "/home/ME", "ab12 a.jsonl", ""):
        assert Filter(text).matches(hay)
    for text in ("flaky beacon", "flakyy"):
        assert not Filter(text).matches(hay)
    assert Filter("flak at").narrows(Filter("fla"))
    assert not Filter("fl").narrows(Filter("fla"))


def test_a_stream_of_ours_is_found_by_its_file(model: SessionsModel) -> None:
    """Its line has another name than its file: what the user calls it, and that it is archived, are told by path."""
    model.apply(SessionsDelta(put=(Row("journal:one", title="make", path="/j/one.jsonl"), row("b"))))
    model.set_names({"/j/one.jsonl": "mine"})
    assert model.index_of("journal:one").data() == "mine"
    model.set_names({})
    assert model.index_of("journal:one").data() == "make", "as its agent calls it"
    model.set_closed({"/j/one.jsonl": Closed("deleted", 0)})
    assert not model.index_of("journal:one").isValid()


def test_by_day_headings(model: SessionsModel) -> None:
    model.set_grouped(False)
    model.apply(SessionsDelta((row("a", age_s=60), row("b", age_s=86_400), row("c", age_s=86_400 * 60))))
    assert lines(model) == ["# Today", "a", "# Yesterday", "b", "# April 2026", "c"]


def test_keys_open_filter_and_leave(qtbot: QtBot, pane: SessionsPane) -> None:
    """Enter, /, j, k, Escape; headings are stepped over."""
    pane.apply(SessionsDelta((row("a", "x", 1), row("b", "x", 2), row("c", "y", 3))))
    opened: list[str] = []
    pane.opened.connect(opened.append)
    qtbot.keyClick(pane.filter_box, Qt.Key.Key_Down)
    assert pane.list.current_id() == "a"
    for key, at in ((Qt.Key.Key_J, "b"), (Qt.Key.Key_J, "c"), (Qt.Key.Key_K, "b")):
        qtbot.keyClick(pane.list, key)
        assert pane.list.current_id() == at
    qtbot.keyClick(pane.list, Qt.Key.Key_Return)
    assert opened == ["b"]
    qtbot.keyClicks(pane.filter_box, "title /s/c.")
    assert lines(pane.sessions) == ["# y", "c"]
    qtbot.keyClick(pane.filter_box, Qt.Key.Key_Return)
    assert opened == ["b", "c"]
    with qtbot.assertNotEmitted(pane.left):
        qtbot.keyClick(pane.filter_box, Qt.Key.Key_Escape)
    assert pane.sessions.shown() == 3
    with qtbot.waitSignal(pane.left):
        qtbot.keyClick(pane.filter_box, Qt.Key.Key_Escape)


def test_slash_asks_for_the_filter(qtbot: QtBot, pane: SessionsPane) -> None:
    pane.apply(SessionsDelta((row("a"),)))
    with qtbot.waitSignal(pane.list.filter_wanted):
        qtbot.keyClick(pane.list, Qt.Key.Key_Slash)


def test_the_current_session_stays_current_through_filter_and_bulk(pane: SessionsPane) -> None:
    pane.apply(SessionsDelta(tuple(row(f"s{n}", "x", n) for n in range(40))))
    pane.list.select(pane.sessions.index_of("s20"))
    pane.filter_box.setText("s20")
    assert pane.list.current_id() == "s20"
    pane.filter_box.clear()
    assert pane.list.current_id() == "s20"
    pane.apply(SessionsDelta(tuple(row(f"t{n}", "y", n - 99) for n in range(400))))
    assert pane.list.current_id() == "s20"


def test_footer_and_empty_states(pane: SessionsPane) -> None:
    assert pane.nothing.text() == "Sessions appear here."
    assert pane.footer.text() == ""  # nothing is said twice
    pane.apply(SessionsDelta(scanned=12))
    assert pane.nothing.text() == "Looking for sessions…"
    assert "12 files" in pane.footer.text()
    pane.apply(SessionsDelta(tuple(row(f"s{n}", bytes=2_000_000) for n in range(1204)), scanned=1300, total=1300))
    assert pane.footer.text() == "1,204 sessions · 2.4 GB"
    pane.filter_box.setText("nowhere")
    assert pane.nothing.text() == "Nothing matches “nowhere”."
    pane.clear_button.click()
    assert pane.stack.currentIndex() == 0


def test_menu_copies_the_path(pane: SessionsPane) -> None:
    pane.apply(SessionsDelta((row("a"),)))
    actions = {action.text(): action for action in pane.menu_for("a").actions()}
    actions["Copy path"].trigger()
    assert QGuiApplication.clipboard().text() == "/s/a.jsonl"


def test_unread_and_state_are_words_too(pane: SessionsPane) -> None:
    """Never the colour alone."""
    pane.apply(SessionsDelta((row("a", state="failed"),)))
    pane.sessions.set_unread("a", 3)
    index = pane.sessions.index_of("a")
    spoken = index.data(Qt.ItemDataRole.AccessibleTextRole)
    assert "failed" in spoken
    assert "3 unread" in spoken
    assert "failed" in index.data(Qt.ItemDataRole.ToolTipRole)
    face = QAccessible.queryAccessibleInterface(pane.list)
    assert face.role() == QAccessible.Role.List
    assert face.childCount() == 2
    assert "3 unread" in face.child(1).text(QAccessible.Text.Name)


def test_the_only_copy_of_a_session_says_so(pane: SessionsPane) -> None:
    """In words, on the line, at the mouse and for screen readers; painted with a badge and without room too."""
    pane.apply(SessionsDelta((row("a", missing=True), row("b"))))
    index = pane.sessions.index_of("a")
    assert index.data(Qt.ItemDataRole.ToolTipRole).endswith("its agent has deleted the file: this is the only copy")
    assert ", only copy, " in index.data(Qt.ItemDataRole.AccessibleTextRole)
    other = pane.sessions.index_of("b")
    assert "only copy" not in other.data(Qt.ItemDataRole.AccessibleTextRole)
    assert pane.grab().size().width() > 0


def test_costs_and_failures_are_told_as_far_as_they_are_known(pane: SessionsPane) -> None:
    """'–' is not known, '≥' is not all of it; a session that goes on or has gone on since has not failed."""
    many = [row(f"z{n}") for n in range(300)]
    pane.apply(SessionsDelta((row("a"), row("b"), row("c", bytes=11), row("d", state="live"), *many)))
    spent = Spent(1_280_000, failed=True, bytes=10)
    told = QSignalSpy(pane.sessions.dataChanged)
    pane.sessions.set_spent({f"/s/{id}.jsonl": spent for id in "abcd"} | {"/s/gone.jsonl": spent})
    assert told.count() == 4
    pane.sessions.set_spent({"/s/a.jsonl": spent, "/s/b.jsonl": Spent(None, bytes=10)})
    assert told.count() == 5, "what is as before is no news"
    said = {
        id: pane.sessions.index_of(id).data(Qt.ItemDataRole.AccessibleTextRole) for id in ("a", "b", "c", "d", "z1")
    }
    assert {id for id, text in said.items() if "failed" in text} == {"a"}
    assert ["$1.28" in text for text in said.values()] == [True, False, True, True, False]
    assert "≥ $1.28" in said["c"]
    tips = {id: pane.sessions.index_of(id).data(Qt.ItemDataRole.ToolTipRole) for id in ("a", "b", "c", "z1")}
    assert tips["a"].startswith("title of a\nfailed · 10 B\ncost $1.28\n")
    assert "\ncost not known: not every model in it has a known price\n" in tips["b"]
    assert "\ncost $1.28, and what it did since\n" in tips["c"]
    assert "\ncost not added up yet\n" in tips["z1"]
    pane.grab()
    assert {"–", "$1.28", "≥ $1.28"} <= set(pane.list.painter_delegate._widths), "and painted"
    pane.sessions.set_spent({each.path: spent for each in many})
    assert told.count() == 6, "many at once are one change"


def test_figures_that_the_window_had_made_are_listed_at_once(qtbot: QtBot) -> None:
    spending = Spending(Jobs())
    heard: list[dict[str, Spent]] = []
    spending.found.connect(heard.append)
    for figures in ({"cost_usd": 0.5, "unpriced_requests": 0, "outcome": "error"},
                    {"cost_usd": 0.5, "unpriced_requests": 1, "outcome": "success"}, {}):  # fmt: skip
        spending.told(Told("a", figures=figures), row("a"))
    spending.told(Told("a", priced=False, figures={"cost_usd": None}), row("a"))
    assert heard == [{"/s/a.jsonl": Spent(500_000, failed=True, bytes=10)}, {"/s/a.jsonl": Spent(None, bytes=10)}]


def test_nothing_ticks_while_nothing_can_change(pane: SessionsPane) -> None:
    """A list of old sessions arms no timer; a fresh one is planned to the minute, not polled."""
    pane.apply(SessionsDelta((Row("old", updated=1_000_000_000_000_000),)))
    assert not pane._clock.isActive()
    pane.apply(SessionsDelta((Row("new", updated=time.time_ns() // 1000),)))
    assert 50_000 < pane._clock.remainingTime() < 65_000


def test_hostile_rows_are_painted(pane: SessionsPane) -> None:
    hostile = [("", None), ("a\nb\0c" * 999, -5), ("\u202eevil", 10**18), ("x" * 10**6, 0)]
    rows = (
        Row(f"h{n}", title=title, project=title, updated=when, state="future", agent="?")
        for n, (title, when) in enumerate(hostile)
    )
    pane.apply(SessionsDelta(tuple(rows)))
    assert not pane.grab().isNull()


def test_no_cost_of_an_update_follows_the_length_of_the_list(qtbot: QtBot) -> None:
    """A stock list view asks a Python model about every row after each move; ours about the ones on the screen."""
    asked: dict[int, int] = {}
    for length in (300, 6000):
        pane = SessionsPane(make_look("light"))
        qtbot.addWidget(pane)
        pane.resize(280, 600)
        pane.show()
        pane.apply(SessionsDelta(tuple(row(f"s{n:04}", f"p{n % 7}", n) for n in range(length))))
        pane.grab()
        calls = [0]
        whole = SessionsModel.rowCount

        def counting(self: SessionsModel, *args: object, calls: list[int] = calls, whole: object = whole) -> int:
            calls[0] += 1
            return whole(self, *args)  # type: ignore[operator,no-any-return]

        SessionsModel.rowCount = counting  # type: ignore[method-assign,assignment]
        try:
            pane.apply(SessionsDelta((row("s0200", "p4", -1),)))
            QApplication.processEvents()
            pane.grab()
        finally:
            SessionsModel.rowCount = whole  # type: ignore[method-assign]
        asked[length] = calls[0]
    assert asked[6000] <= asked[300] + 20


def test_click_and_page_keys(qtbot: QtBot, pane: SessionsPane) -> None:
    pane.apply(SessionsDelta(tuple(row(f"s{n:02}", "x" if n < 20 else "y", n) for n in range(40))))
    with qtbot.waitSignal(pane.opened) as told:
        where = pane.list.visualRect(pane.sessions.index_of("s03")).center()
        qtbot.mouseClick(pane.list.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert told.args == ["s03"]
    assert pane.list.current_id() == "s03"
    with qtbot.assertNotEmitted(pane.opened):  # a heading
        qtbot.mouseClick(pane.list.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(20, 5))
    qtbot.keyClick(pane.list, Qt.Key.Key_End)
    assert pane.list.current_id() == "s39"
    assert pane.list.viewport().rect().contains(pane.list.visualRect(pane.list.currentIndex()))
    qtbot.keyClick(pane.list, Qt.Key.Key_PageUp)
    assert pane.list.current_id() < "s39"
    qtbot.keyClick(pane.list, Qt.Key.Key_Home)
    assert pane.list.current_id() == "s00"
    assert pane.list.verticalScrollBar().value() == 0


def test_heading_is_no_session() -> None:
    assert Heading("x").text == "x"


@pytest.mark.parametrize(
    ("age", "text"),
    [(0, "now"), (5, "5 s ago"), (37, "30 s ago"), (60, "1 min ago"), (3599, "59 min ago"), (7300, "2 h ago"),
     (86_400 * 1.2, "yesterday"), (86_400 * 3, "3 days ago"), (86_400 * 40, "1 May"), (86_400 * 400, "May 2025")],
)  # fmt: skip
def test_relative_times_say_when_they_change(age: float, text: str) -> None:
    said, seconds = wording.ago(NOW - int(age * 1e6), NOW)
    assert said == text
    assert seconds > 0
    if seconds < 3600:  # just before it is still right, just after it is not
        assert wording.ago(NOW - int(age * 1e6), NOW + int((seconds - 0.2) * 1e6))[0] == text
        assert wording.ago(NOW - int(age * 1e6), NOW + int((seconds + 0.2) * 1e6))[0] != text


@pytest.mark.parametrize("zoom", [0.9, 1.0, 1.1, 1.5])
def test_a_time_is_never_cut_where_there_is_room(qapp: QApplication, model: SessionsModel, zoom: float) -> None:
    """A width is rounded, and half a pixel less than a text needs costs it three letters."""
    now = time.time_ns() // 1000
    ages = [0, *(60 * n for n in range(1, 60)), *(3600 * n for n in range(1, 24)), 86_400, 40 * 86_400]
    model.apply(SessionsDelta(tuple(row(f"s{age}", age_s=age - (now - NOW) / 1e6) for age in ages)))
    painted = SessionDelegate(make_look("light", zoom))
    image = QImage(400, 80, QImage.Format.Format_RGB32)
    with QPainter(image) as painter:
        for number in range(model.rowCount()):
            painted.paint(painter, image.rect(), model.line(number), hovered=False, focused=False)
    assert len(painted._widths) > 70, "the times that were measured"
    assert {text for text, font, _ in painted._fitted if font == "meta"} >= set(painted._widths) - {COSTS}
    cut = [text for (text, font, _), shown in painted._fitted.items() if font == "meta" and shown.text() != text]
    assert cut == []
