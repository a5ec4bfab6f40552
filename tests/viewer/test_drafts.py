"""A session file in which nobody has said anything, as the window shows it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from apps import running
from builders import lines, user
from pytestqt.qtbot import QtBot

from viewer.app import App
from viewer.options import Options

WAIT = 20_000


@pytest.fixture
def app(qtbot: QtBot) -> Iterator[App]:
    with running(Options()) as made:
        yield made


def test_001_12_a_file_without_content_is_not_saved_yet(app: App, qtbot: QtBot, tmp_path: Path) -> None:
    """In its header, in the list and in the dock; until its first word."""
    path = tmp_path / "s.jsonl"
    path.write_bytes(lines({"type": "summary", "summary": "x", "leafUuid": "y"}))
    os.utime(path, (1, 1))
    window = app.window
    window.actions_["insight"].trigger()
    window.open_path(str(path))
    header = window.header
    qtbot.waitUntil(lambda: header.state.text() == "not saved yet", timeout=WAIT)
    assert "Nobody has said or done anything" in header.state.toolTip()

    def listed() -> str:
        row = window.sessions.sessions.session(str(path))
        return "" if row is None else row.state

    qtbot.waitUntil(lambda: listed() == "draft", timeout=WAIT)
    note = window.insight.pane.note
    qtbot.waitUntil(lambda: "Nobody has said or done anything" in note.text(), timeout=WAIT)
    with path.open("ab") as file:
        file.write(lines(user("Hello")))
    qtbot.waitUntil(lambda: header.state.text() != "not saved yet", timeout=WAIT)
    qtbot.waitUntil(lambda: listed() not in ("", "draft"), timeout=WAIT)
    qtbot.waitUntil(lambda: [turn.words for turn in window.insight.pane.known] == ["Hello"], timeout=WAIT)
