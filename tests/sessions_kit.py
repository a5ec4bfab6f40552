"""Sessions of a list, what it shows, and the slow way to sort it; a model and a pane of it. For tests."""

from __future__ import annotations

from datetime import datetime

import pytest
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from store.delta import Row
from viewer import wording
from viewer.sessions.filter import Filter, haystack
from viewer.sessions.model import SessionRole, SessionsModel
from viewer.sessions.pane import SessionsPane
from viewer.theme import make_look

NOW = int(datetime(2026, 6, 10, 12, 0, tzinfo=datetime.now().astimezone().tzinfo).timestamp() * 1_000_000)


def row(id: str, project: str = "atlas", age_s: float = 0, **more: object) -> Row:
    fields: dict[str, object] = {"title": f"title of {id}", "agent": "claude-code", "path": f"/s/{id}.jsonl"}
    fields["bytes"] = 10
    return Row(id, project=project, updated=NOW - int(age_s * 1e6), **(fields | more))  # type: ignore[arg-type]


def lines(model: SessionsModel) -> list[str]:
    found = []
    for number in range(model.rowCount()):
        session = model.index(number).data(SessionRole)
        found.append(f"# {model.index(number).data()}" if session is None else session.id)
    return found


def expected(rows: dict[str, Row], only: Filter | None = None, grouped: bool = True) -> list[str]:
    """The same list, made the slow way."""
    shown = [each for each in rows.values() if only is None or only.matches(haystack(each))]
    shown.sort(key=lambda each: (-(each.updated or 0), each.id))
    groups: dict[str, list[str]] = {}
    for each in shown:
        groups.setdefault(each.project if grouped else wording.day(each.updated, NOW), []).append(each.id)
    return [line for name, ids in groups.items() for line in (f"# {name}", *ids)]


@pytest.fixture
def model(qapp: QApplication) -> SessionsModel:
    made = SessionsModel(clock=lambda: NOW)
    QAbstractItemModelTester(made, QAbstractItemModelTester.FailureReportingMode.Fatal, made)
    return made


@pytest.fixture
def pane(qtbot: QtBot) -> SessionsPane:
    made = SessionsPane(make_look("light"))
    qtbot.addWidget(made)
    made.resize(280, 600)
    made.show()
    return made
