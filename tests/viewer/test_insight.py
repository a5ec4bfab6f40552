"""The dock with turns and figures: what it says, where its lines lead, and when it asks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from apps import running
from builders import answer, assistant, call, lines, user
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from pytestqt.qtbot import QtBot

from store.insight_talk import FAILED, NONE, Spot, Told, Trouble, Turn, Use
from viewer import theme
from viewer.app import App
from viewer.insight.lines import Line, figure_lines, name_of, summary, turn_line
from viewer.insight.model import LineModel, spoken
from viewer.insight.pane import InsightPane
from viewer.options import Options
from viewer.theme.tokens import Scheme
from viewer.wording import money

WAIT = 60_000
FIGURES = {
    "active_ms": 494_000, "duration_ms": 3_600_000, "cost_usd": 1.28, "unpriced_requests": 0, "outcome": "success",
    "by_model": {"claude-opus-5": {"in": 10, "out": 900, "cache_read": 985, "cache_create": 5, "cost_usd": 1.28}},
    "tool_total": 13, "tool_failed": 3,
    "latency": {"p50_ms": 12_000.0, "p95_ms": 48_000.0, "samples": 40},
}  # fmt: skip


def turn(number: int, status: str = "success", **more: object) -> Turn:
    known = {
        "number": number, "item": f"i{number}", "words": f"Prompt {number}", "ts": 1_000_000, "duration": 48_000_000,
        "status": status, "cost": 440_000, "partial": False, "tokens": 7_600, "tools": 12, "failed": 0, "errors": 0,
        "issues": 0,
    }  # fmt: skip
    return Turn(**{**known, **more})  # type: ignore[arg-type]


def told(*turns: Turn, first: int = 0) -> Told:
    tools = [Use("Edit", 1, 0, None), Use("Bash", 12, 3, Spot("t1", 4, "Bash"))]
    troubles = [
        Trouble("tool_error", "error", 30, [Spot("t1", 4, "Bash")]),
        Trouble("failed_turn", "error", 1, [Spot("i2", 9, "error")]),
    ]
    return Told("s", first=first, turns=list(turns), figures=FIGURES, tools=tools, troubles=troubles)


def test_a_turn_in_words() -> None:
    """000-27; and 003-104: a run is a turn, and what it got out of the cache is in its tip."""
    assert turn_line(turn(2)).under == "12 tools · 48 s · $0.44 · 7.6k out"
    tip = turn_line(turn(2, given=30, cached=3_000, stored=270)).tip
    assert "Input 30, read from the cache 3,000, written to it 270 tokens" in tip
    still = turn_line(turn(3, "", duration=None, cost=None, tools=1, tokens=0))
    assert (still.running, still.under) == (True, "running · 1 tool"), "an open turn is marked; unknown is not 0"
    wrong = turn_line(turn(4, "error", failed=2, errors=3, words=""))
    assert (wrong.bad, wrong.text, wrong.faint) == ("3", "No prompt", True)
    assert spoken(wrong).startswith("Turn 4, No prompt, error · 12 tools")
    assert "3 failed" in spoken(wrong)


def values(figures: dict[str, object], *turns: Turn) -> dict[str, str]:
    return {line.text: line.value for line in figure_lines(Told("s", figures={**FIGURES, **figures}), list(turns))}


def test_times_of_few_turns_are_their_own() -> None:
    """000-21: nothing is interpolated out of buckets where each time is known."""
    few = [turn(n, duration=n * 10_000_000) for n in (3, 1, 2)] + [turn(4, "", duration=None)]
    said = values({"latency": {"p50_ms": 45_000.0, "p95_ms": 58_500.0, "samples": 3}}, *few)
    assert (said["Time of a turn"], said["Median"], said["Longest"]) == ("3 turns", "20 s", "30 s")
    assert "95 % of them within" not in said
    assert "Time of a turn" not in values({"latency": {"p50_ms": 45_000.0, "samples": 1}}, turn(1)), "it is above"
    idle = turn(5, duration=1_000_000, tokens=0, tools=0)
    said = values({"latency": {"p50_ms": 1.0, "p95_ms": 1.0, "samples": 3}}, *few, idle)
    assert said["Median"] == "20 s", "a turn without work is not counted"
    assert "Median" not in values({"latency": {"p50_ms": 1.0, "p95_ms": 1.0, "samples": 7}}, *few), "or nothing"
    many = [turn(n, duration=n * 1_000_000) for n in range(1, 21)]
    said = values({"latency": {"p50_ms": 1.0, "p95_ms": 1.0, "samples": 20}}, *many)
    assert (said["Median"], said["95 % of them within"], "Longest" in said) == ("10 s", "19 s", False)


def test_a_cost_that_its_models_do_not_add_up_to_says_why() -> None:
    """000-18."""
    said = values({"cost_usd": 1.41})
    assert (said["Cost"], said["As the agent tells"]) == ("$1.41", "$1.28 by list price")
    assert said["Tokens"] == "by list price"
    for figures in ({}, {"cost_usd": None}, {"cost_usd": 1.281}):
        assert values(figures)["Tokens"] == "", figures
        assert "As the agent tells" not in values(figures)


def test_a_session_says_that_it_counts_its_subagents() -> None:
    """000-18."""
    with_two: dict[str, object] = {"agent_ids": ["main", "a", "b"], "cost_usd": 0.94}
    assert values(with_two, turn(1), turn(2, cost=None))["With 2 subagents"] == "", "unknown is not said to be theirs"
    assert values(with_two, turn(1))["With 2 subagents"] == "$0.50 beside the turns"
    assert values({**with_two, "cost_usd": 0.44}, turn(1))["With 2 subagents"] == ""
    assert not any(text.startswith("With") for text in values({"agent_ids": ["main"]}, turn(1)))


def test_figures_in_words() -> None:
    """000-18, 000-19, 000-20, 000-21."""
    found = figure_lines(told(), [turn(1), turn(2)])
    said = {line.text: line.value for line in found}
    assert (said["Time in turns"], said["From first to last"], said["Cost"]) == ("8 m 14 s", "1 h 00 m", "$1.28")
    assert said["1.0k in · 900 out"] == "98 % cached"
    assert [line.text for line in found if line.text in ("Bash", "Edit") and line.kind == "fact"] == ["Bash", "Edit"]
    assert said["29 more"] == "", "the count is exact, also when not all are listed"
    assert next(line.item for line in found if line.text == "Turn 2") == "i2"
    assert (said["Time of a turn"], said["Median"], said["95 % of them within"]) == ("40 turns", "12 s", "48 s")
    assert summary(told(), [turn(1), turn(2)]) == "2 turns · 8 m 14 s · $1.28"
    unknown = {**FIGURES, "cost_usd": None, "latency": {"samples": 0}}
    said = {line.text: line.value for line in figure_lines(Told("s", figures=unknown), [])}
    assert said["Cost"] == "–"
    assert "Time of a turn" not in said
    sketch = Told("s", priced=False, figures=unknown)
    assert {line.text: line.value for line in figure_lines(sketch, [])}["Cost"] == "…", "not known yet is not unknown"
    assert summary(sketch, []).endswith("…")
    assert (money(None), money(0), money(3_200), money(1_280_000, partial=True)) == ("–", "$0.00", "$0.0032", "≥ $1.28")
    assert (name_of("error:rate_limit"), name_of("tool_error")) == ("Rate limit", "Failed tool calls")


def test_the_model_changes_what_changed(qtbot: QtBot) -> None:
    model = LineModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    texts = ["abc", "abcd", "axd", "", "q", "abcdefgh", "h", "xyzh"]
    for text in texts:
        resets: list[QModelIndex] = []
        model.modelReset.connect(lambda: resets.append(QModelIndex()))  # noqa: B023
        model.show([Line("fact", sign) for sign in text])
        assert "".join(model.line(row).text for row in range(model.rowCount())) == text
        assert not resets, "what is selected stays"


@pytest.fixture(params=["light", "dark"])
def pane(request: pytest.FixtureRequest, qtbot: QtBot) -> InsightPane:
    scheme: Scheme = request.param
    made = InsightPane(theme.make_look(scheme))
    qtbot.addWidget(made)
    made.resize(320, 700)
    made.show()
    return made


def test_loading_empty_and_failed_are_said(pane: InsightPane, qtbot: QtBot) -> None:
    assert pane.note.text() == "Open a session to see its turns."
    pane.wait()
    assert (pane.note.text(), pane.split.isVisible()) == ("Adding up…", False)
    pane.show_told(told(turn(1), turn(2)))
    assert (pane.note.isVisible(), pane.split.isVisible(), pane.turns.lines.rowCount()) == (False, True, 2)
    pane.wait()
    assert not pane.note.isVisible(), "what is known stays while it is made anew"
    pane.show_told(Told("s", FAILED, "The disk is gone."))
    assert (pane.note.text(), pane.again_button.isVisible()) == ("The disk is gone.", True)
    assert pane.turns.lines.rowCount() == 2
    with qtbot.waitSignal(pane.again):
        pane.again_button.click()
    pane.show_told(told(turn(2, errors=1), turn(3), first=1))
    assert [line.number for line in map(pane.turns.lines.line, range(3))] == [1, 2, 3]
    assert not pane.again_button.isVisible()
    pane.show_told(Told("s", NONE))
    assert (pane.turns.lines.rowCount(), "Nobody" in pane.note.text()) == (0, True)
    pane.show_told(Told("s", figures=FIGURES))
    assert pane.note.text() == "There is no turn in this session.", "as of a file that no agent is known to write"


def test_keys_and_clicks_lead_to_rows(pane: InsightPane, qtbot: QtBot) -> None:
    """000-19: a click on an error goes to the call. X-09: so does Enter."""
    pane.show_told(told(turn(1), turn(2), turn(3)))
    went: list[str] = []
    pane.chosen.connect(went.append)
    pane.turns.setCurrentIndex(pane.turns.lines.index(0))
    QTest.keyClick(pane.turns, Qt.Key.Key_J)
    QTest.keyClick(pane.turns, Qt.Key.Key_Return)
    rows = [pane.figures.lines.line(row) for row in range(pane.figures.lines.rowCount())]
    spot = next(row for row, line in enumerate(rows) if line.kind == "spot")
    place = pane.figures.visualRect(pane.figures.lines.index(spot)).center()
    pane.figures.scrollTo(pane.figures.lines.index(spot))
    QTest.mouseClick(pane.figures.viewport(), Qt.MouseButton.LeftButton, pos=place)
    head = next(row for row, line in enumerate(rows) if line.kind == "head")
    pane.figures.on_picked(pane.figures.lines.index(head))
    assert went == ["i2", "t1"]
    with qtbot.waitSignal(pane.left):
        QTest.keyClick(pane.figures, Qt.Key.Key_Escape)
    assert pane.turns.accessibleName() == "Turns"
    pane.set_look(theme.make_look("dark"))
    assert not pane.grab().isNull()


@pytest.fixture
def app(qtbot: QtBot) -> Iterator[App]:
    with running(Options(size=(1200, 800))) as made:
        yield made


def test_the_dock_follows_a_session_that_grows(app: App, qtbot: QtBot, tmp_path: Path) -> None:
    """000-01, 000-25: one key; turns as they come; nothing is asked while it is closed, and no row is walked over."""
    path = tmp_path / "s.jsonl"
    path.write_bytes(lines(user("Why?"), assistant(call("Bash")), answer("boom", error=True)))
    window = app.window
    window.open_path(str(path))
    qtbot.waitUntil(lambda: window.desk.current is not None and window.desk.current.model.length == 2, timeout=WAIT)
    assert window._insight is None, "nobody has asked for it"
    window.actions_["insight"].trigger()
    pane = window.insight.pane
    qtbot.waitUntil(lambda: len(pane.known) == 1, timeout=WAIT)
    assert pane.isVisible()
    assert pane.known[0].failed == 1
    with path.open("ab") as file:
        file.write(lines(assistant("Because.", id="m2", uuid="a2"), user("Fix it", uuid="u2", seconds=9)))
    qtbot.waitUntil(lambda: [turn.words for turn in pane.known] == ["Why?", "Fix it"], timeout=WAIT)
    window.on_item_chosen(pane.known[1].item)
    assert window.pane.view.currentIndex().row() == 3
    window.actions_["insight"].trigger()
    asked = window.insight.asked
    with path.open("ab") as file:
        file.write(lines(assistant("Done.", id="m3", uuid="a3", seconds=12)))
    current = window.desk.current
    assert current is not None
    qtbot.waitUntil(lambda: current.model.length == 5, timeout=WAIT)
    assert (window.insight.asked, window.insight._timer.isActive()) == (asked, False)
    window.actions_["insight"].trigger()
    assert window.insight.asked == asked + 1, "and when it is opened again it is up to date"
    qtbot.waitUntil(lambda: pane.known[0].status == "success" and pane.known[1].tokens >= 0, timeout=WAIT)
    window.desk.close_session(str(path))
    assert pane.note.text() == "Open a session to see its turns."


def test_the_demo_has_figures_too(app: App, qtbot: QtBot) -> None:
    """A stream without a file and without a row in the database."""
    app.window.actions_["insight"].trigger()
    app.window.start(lambda: app.live.demo(0))
    pane = app.window.insight.pane
    qtbot.waitUntil(lambda: bool(pane.known) and pane.known[0].tools == 10, timeout=WAIT)
    assert not os.path.lexists(app.live.feeds._hand()._db), "it is not kept"
