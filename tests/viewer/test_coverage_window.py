"""The coverage window: a process reads, lines per agent, version and type, and a click leads to the record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import assistant, lines, user
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QTreeWidgetItem
from pytestqt.qtbot import QtBot

from store.coverage import Coverage, drift, piece
from viewer import cli
from viewer.coverage_lines import summary, tree
from viewer.coverage_window import CoverageWindow, LineRole
from viewer.theme.scheme import make_look

ID = "11111111-2222-4333-8444-555555555555"
WORDS = "my very own words"


def new_kind(**more: object) -> dict[str, object]:
    return {"type": "never-seen", "say": WORDS, WORDS: 1, "parts": [{"n": 1}, {"n": None}], **more}


@pytest.fixture
def session(home: Path) -> Path:
    """Two versions of an agent, a type that only the newer one has, one that is not understood, and damage."""
    path = home / ".claude" / "projects" / "-w" / f"{ID}.jsonl"
    path.parent.mkdir(parents=True)
    older, newer = user("a"), {**user("b", "u2"), "version": "2.2.0"}
    path.write_bytes(
        lines(older, assistant("x"), newer, {"type": "mode", "mode": "normal"}, new_kind(), new_kind())
        + b'{"type": "user", broken\n'
    )
    return path


def told_of(*paths: Path) -> dict[str, object]:
    coverage = Coverage()
    for path in paths:
        coverage.add(path)
    return coverage.told


def below(item: QTreeWidgetItem) -> dict[str, QTreeWidgetItem]:
    return {item.child(row).text(0): item.child(row) for row in range(item.childCount())}


def test_classes(session: Path) -> None:
    """By agent, version and type, with places; what was left out on purpose is told with its reason."""
    told = told_of(session)
    found = {(one["version"], one["type"]): one for one in told["classes"]}
    assert found["2.2.0", "never-seen"]["raw"] == 2
    assert found["2.2.0", "never-seen"]["new"]
    assert not found["2.2.0", "user"]["new"], "an older version has it too"
    assert found["2.2.0", "mode"]["hidden"]
    assert found["2.2.0", ""]["damaged"] == 1
    for place in found["2.2.0", "never-seen"]["places"]:
        _, _, data = piece(place["file"], place["offset"], place["length"])
        assert json.loads(data) == new_kind()
    (agent,) = tree(told["classes"])
    assert [line.name for line in agent.below] == ["2.2.0", "2.1.300"]
    assert (agent.records, agent.raw, agent.damaged) == (told["records"], told["raw"], told["damaged"])
    assert summary(told) == "6 records in 1 file: 66.67 % understood, 2 raw, 1 damaged"


def test_a_drift_report_says_nothing_of_the_session(session: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Types, names of fields and counts: no value, and no name that could be somebody's words."""
    text = drift(told_of(session), "9.9")
    assert "raw × 2: never-seen, new with this version" in text
    assert "    parts[].n: null × 2, number × 2" in text
    assert "damaged × 1: not JSON × 1" in text
    for word in (WORDS, "own words", str(session), ID, "broken"):
        assert word not in text
    assert cli.main(["coverage", str(session), "--drift"]) == 0
    shown = capfdbinary.readouterr().out.decode()
    assert shown.splitlines()[1:] == text.splitlines()[1:]
    assert cli.main(["coverage", str(session), "--hidden"]) == 0
    assert "not shown: 1 × claude-code mode: " in capfdbinary.readouterr().out.decode()


def test_nothing_drifted(home: Path) -> None:
    path = home / "x.jsonl"
    path.write_bytes(lines(user("a")))
    assert "Everything was understood." in drift(told_of(path))


def test_the_window(session: Path, qtbot: QtBot) -> None:
    """Every session is read by a process; a line shows its places, a place asks for its record, and the report is
    copied."""
    window = CoverageWindow(make_look("dark"), str(session), version="9.9")
    qtbot.addWidget(window)
    QAbstractItemModelTester(window.tree.model(), QAbstractItemModelTester.FailureReportingMode.Fatal)
    window.show()
    assert not window.copy_button.isEnabled()
    assert [window.scope.itemText(row) for row in range(2)] == ["This session", "Every session"]
    window.scope.setCurrentIndex(1)
    qtbot.mouseClick(window.look_button, Qt.MouseButton.LeftButton)
    assert window.stop_button.isVisible()
    qtbot.waitUntil(lambda: window.copy_button.isEnabled(), timeout=30_000)
    (agent,) = (window.tree.topLevelItem(row) for row in range(window.tree.topLevelItemCount()))
    assert (agent.text(0), agent.text(1), agent.text(2), agent.text(3)) == ("Claude Code", "6", "2", "1")
    assert "6 records" in agent.data(0, Qt.ItemDataRole.AccessibleTextRole)
    version = below(agent)["2.2.0"]
    line = below(version)["never-seen"]
    assert "new with this version" in line.text(4)
    window.tree.setCurrentItem(line)
    assert window.places.topLevelItemCount() == 2
    chosen: list[tuple[object, ...]] = []
    window.chosen.connect(lambda *place: chosen.append(place))
    place = window.places.topLevelItem(1)
    window.places.setCurrentItem(place)
    qtbot.keyClick(window.places, Qt.Key.Key_Return)
    wanted = place.data(0, LineRole)
    assert chosen == [(str(session), wanted["offset"], wanted["length"])]
    window.tree.setCurrentItem(below(version)["mode"])
    assert not window.places.isVisible()
    qtbot.mouseClick(window.copy_button, Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    assert copied.startswith("Playhead 9.9")
    assert WORDS not in copied
    window.close()


def test_stopping_and_trouble(session: Path, qtbot: QtBot) -> None:
    """Escape ends the reading, then the window; a process that dies is said; an empty machine is said."""
    window = CoverageWindow(make_look("light"))
    qtbot.addWidget(window)
    window.show()
    window.on_look()
    assert window._hand.running
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert not window._hand.running
    assert window.isVisible()
    assert "Stopped" in window.note.text()
    window.on_look()
    process = window._hand._process
    assert process is not None
    process.kill()
    qtbot.waitUntil(lambda: "Check again" in window.note.text(), timeout=30_000)
    session.unlink()
    window.on_look()
    qtbot.waitUntil(lambda: window.note.text() == "There are no sessions to read.", timeout=30_000)
    assert not window.copy_button.isEnabled()
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert not window.isVisible()


def test_wrong_prices_are_said(home: Path, qtbot: QtBot) -> None:
    """A window says that costs are not those of the user's own prices."""
    from viewer.app import App
    from viewer.options import Options

    file = home / "playhead" / "config" / "prices.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('["m"]\ninput = 1\n')
    app = App(Options())
    app.start(restore=False)
    app.on_shown()
    qtbot.waitUntil(lambda: "has no output" in app.window.notice.text.text())
    app.window.close()
    app.shutdown()
