"""What every test of the window gets: an application, whichever test comes first, and an eye on its main thread."""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from timeline_kit import look, slate

__all__ = ["look", "slate"]  # fixtures

VIEWER = f"{Path(__file__).resolve().parents[2] / 'viewer'}/"
COMMANDS = (f"{VIEWER}cli.py", f"{VIEWER}bench/")


@pytest.fixture(autouse=True, scope="session")
def application(qapp: QApplication) -> QApplication:
    """Models too need one: without it Qt aborts the process at the first pixmap or font."""
    return qapp


@pytest.fixture(autouse=True, scope="session")
def databases_opened() -> Iterator[list[str]]:
    """Where code of the window has opened a database on the thread that paints."""
    found: list[str] = []
    connect = sqlite3.connect

    def noted(*values: object, **named: object) -> sqlite3.Connection:
        if threading.current_thread() is threading.main_thread():
            found.extend(_window_code())
        return connect(*values, **named)  # type: ignore[arg-type, no-any-return, call-overload]

    sqlite3.connect = noted  # type: ignore[assignment]
    yield found
    sqlite3.connect = connect


def _window_code() -> list[str]:
    """The innermost place in the viewer that led here; none when a command or a test did."""
    places: list[str] = []
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(COMMANDS):
            return []
        if name.startswith(VIEWER):
            places.append(f"{name.removeprefix(VIEWER)}:{frame.f_lineno}")
        frame = frame.f_back  # type: ignore[assignment]
    return places[:1]


@pytest.fixture(autouse=True)
def no_database_on_the_thread_that_paints(databases_opened: list[str]) -> Iterator[None]:
    """Issue 3: it reads windows by integer key over a connection that a worker has opened, and nothing else."""
    databases_opened.clear()  # a test of the store, which has no window, may have called code of it before this one
    yield
    assert databases_opened == []
