"""A sessions panel over a real database with real threads in it, for tests of the panel."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QMessageBox
from pytestqt.qtbot import QtBot

from store import threads
from store.settings import Settings
from store.triggers import Trigger, save_trigger
from viewer import theme
from viewer.jobs import Jobs
from viewer.panel.page import SessionsPanel
from viewer.panel.threads_model import ACTION, ThreadRole

DAY = 86_400_000_000
LEFT = Qt.MouseButton.LeftButton


def trigger(db: Path, folder: Path, **values: object) -> Trigger:
    """A trigger as the form saves it."""
    fields = {"name": "review", "source": "github", "cwd": str(folder), "prompt": "Look.", "resume_sessions": True}
    saved = save_trigger(db, fields | values, secret="s")  # noqa: S106  of no use
    assert saved.trigger is not None, saved.errors
    return saved.trigger


def thread(db: Path, trigger_id: int, key: str, age: float = 0, **values: Any) -> int:
    """A thread that was used so many days ago."""
    used = time.time_ns() // 1000 - int(age * DAY)
    row: dict[str, Any] = {
        "trigger_id": trigger_id, "dedup_key": key, "claude_session_id": f"{key}-0000-4000-8000-00000000",
        "last_used_at": used, "created_at": used, "state": "resumable", "turns": 3, "runs": 1, "last_outcome": "fresh",
        "runner": "claude-code", **values,
    }  # fmt: skip
    with closing(sqlite3.connect(db)) as connection, connection:
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        sql = f"INSERT INTO trigger_session_threads ({names}) VALUES ({marks})"  # noqa: S608  our own names
        return int(connection.execute(sql, tuple(row.values())).lastrowid or 0)


def run(db: Path, thread_id: int, resumed: int, seconds: float, tokens: int, dollars: float) -> None:
    """A run of it that ended well."""
    now = time.time_ns() // 1000
    values = (
        f"{thread_id}-{resumed}-{now}", "claude-code", "trigger", thread_id, resumed, "ok", now,
        now - int(seconds * 1e6), now, tokens, round(dollars * 1e6),
    )  # fmt: skip
    with closing(sqlite3.connect(db)) as connection, connection:
        connection.execute(
            "INSERT INTO run (id, runner, origin, thread_id, resumed, state, queued, started, ended, output_tokens, "
            "cost_micros) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )


class Panel:
    """The panel, and hands to press its buttons with."""

    def __init__(self, qtbot: QtBot, db: Path, settings: Settings) -> None:
        self.qtbot, self.db, self.settings = qtbot, db, settings
        self.jobs = Jobs()
        self.panel = SessionsPanel(self.jobs, db, settings, theme.make_look("light"))
        qtbot.addWidget(self.panel)
        self.panel.resize(1200, 800)
        self.panel.show()
        self.overview, self.cards = self.panel.overview, self.panel.overview.threads

    def open(self, tab: int = 0) -> None:
        self.panel.tabs.setCurrentIndex(tab)
        self.panel.open()
        if tab == 0:
            self.until(lambda: self.cards._known and self.overview.storage.found and not self.overview.storage.scanning)

    def until(self, there: Any) -> None:
        self.qtbot.waitUntil(lambda: bool(there()), timeout=30_000)

    def press(self, button: QAbstractButton) -> None:
        assert button.isEnabled(), button.text()
        assert button.isVisible(), button.text()
        self.qtbot.mouseClick(button, LEFT)

    def asked(self) -> QMessageBox:
        """The question that is on the screen."""

        def there() -> list[QMessageBox]:
            return [box for box in self.panel.findChildren(QMessageBox) if box.isVisible()]

        self.until(lambda: bool(there()))
        return there()[0]

    def answer(self, text: str) -> None:
        box = self.asked()
        self.press(next(button for button in box.buttons() if button.text().replace("&", "") == text))

    def keys(self) -> list[str]:
        """The threads in the order of the table."""
        order = self.cards.order
        return [order.index(row, 0).data(ThreadRole).key for row in range(order.rowCount())]

    def says(self, words: str) -> None:
        """What the toast says, once it does."""
        self.until(lambda: words in self.panel.toast.text.text())

    def reset_by_mouse(self, key: str) -> None:
        view, order = self.cards.view, self.cards.order
        row = self.keys().index(key)
        index = order.index(row, ACTION)
        view.scrollTo(index)
        self.qtbot.mouseClick(view.viewport(), LEFT, pos=view.visualRect(index).center())

    def threads(self) -> dict[str, threads.ThreadRow]:
        return {row.key: row for row in threads.list_threads(self.db).rows}
