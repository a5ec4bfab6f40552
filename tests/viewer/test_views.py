"""Sessions that are no plain file, in the window: listed out of a database, opened, packed while they are shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import opencode_kit as kit
import pytest
from apps import running
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from pytestqt.qtbot import QtBot

from store.items import text_of
from viewer.app import App
from viewer.options import Options
from viewer.sessions.pane import reveal_path


@pytest.fixture
def app(qtbot: QtBot) -> Iterator[App]:
    with running(Options(safe=True, size=(900, 600))) as made:
        yield made


def test_a_database_is_looked_through_and_its_sessions_open_and_grow(app: App, qtbot: QtBot, tmp_path: Path) -> None:
    told = kit.export(kit.user("Go"), kit.answer(kit.part("text", text="Hi")))
    db = kit.Database(tmp_path / "share" / "opencode.db", told)
    window = app.window
    window.open_path(str(db.path))  # as when it is dropped on the window
    path = str(db.session())
    qtbot.waitUntil(lambda: window.sessions.sessions.session(path) is not None, timeout=20_000)
    row = window.sessions.sessions.session(path)
    assert row is not None
    assert row.title == "A title"
    window.open_listed(path)
    opened = window.desk.current
    assert opened is not None
    texts = lambda: [text_of(opened.model.item(row)) for row in range(opened.model.length)]  # noqa: E731
    qtbot.waitUntil(lambda: texts() == ["Go", "Hi"], timeout=20_000)
    db.message(kit.user("On", "msg_5", 5000)["info"])
    db.parts([kit.part("text", "prt_5", "msg_5", text="On")])
    qtbot.waitUntil(lambda: texts() == ["Go", "Hi", "On"], timeout=20_000)
    raw = app.live.raw(opened.key, opened.model.item(2))()
    assert [where for where, _, _ in raw] == [path]
    assert b'"prt_5"' in raw[0][2]
    db.close()


def test_the_folder_of_a_session_in_a_database_is_that_of_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", shown.append)
    (tmp_path / "opencode.db").touch()
    for path in (tmp_path / "opencode.db" / "ses_1", tmp_path / "session.jsonl"):
        reveal_path(str(path))
    assert [url.toLocalFile() for url in shown] == [str(tmp_path)] * 2
