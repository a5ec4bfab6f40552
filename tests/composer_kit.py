"""The composer of a real window over a finished session of the scripted `claude`: opened, typed into, looked at."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from apps import running
from builders import assistant, lines, user
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from store.items import Item, text_of
from viewer.app import App
from viewer.composer.control import Composing
from viewer.options import Options

SESSION = "5e551014-0000-4000-8000-00000000000f"
WAIT = 30_000


def session_file(work: Path, id: str = SESSION) -> Path:
    """A finished session of Claude, as it lies on the disk."""
    file = Path(os.environ["CLAUDE_CONFIG_DIR"]) / "projects" / "-work" / f"{id}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    told = [user("first question"), assistant("first answer")]
    file.write_bytes(lines(*[{**one, "cwd": str(work), "sessionId": id} for one in told]))
    return file


@contextmanager
def composed(session: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    with running(Options(paths=(str(session),), size=(1000, 800)), show=False) as made:
        made.start(restore=False)
        qtbot.waitUntil(lambda: len(rows(made)) == 2, timeout=WAIT)
        yield made
        monkeypatch.setattr("viewer.asking.may_end", lambda *_: True)


def rows(app: App) -> list[Item]:
    current = app.window.desk.current
    return [] if current is None else [current.model.item(row) for row in range(current.model.length)]


def texts(app: App) -> list[str]:
    return [text_of(item) for item in rows(app)]


def composing(app: App) -> Composing:
    return app.window.composing


def opened(app: App, qtbot: QtBot) -> Composing:
    """With the composer open, and its look done."""
    app.window.actions_["compose"].trigger()
    found = composing(app)
    qtbot.waitUntil(lambda: found.connected or found.pane.strip.told is not None, timeout=WAIT)
    return found


def say(found: Composing, text: str) -> None:
    found.pane.editor.setPlainText(text)
    QTest.keyClick(found.pane.editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)


def idle(app: App) -> bool:
    header = composing(app).header
    return header is not None and not header.pending


def started(work: Path) -> list[dict[str, Any]]:
    log = work.parent / "started.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
