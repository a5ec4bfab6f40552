"""Issue 2, bad input: every file ever collected opens in the real window, is painted, and adds up to the byte."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from store import report
from store.whole import format_of, open_file
from viewer.app import App
from viewer.options import Options

STREAMS = ("stdout.jsonl", "wire.jsonl", "stdout.timed.jsonl")


@pytest.fixture
def app(qtbot: QtBot, caplog: pytest.LogCaptureFixture) -> Iterator[App]:
    """One window for all files of a test: what one of them leaves behind, the next one meets."""
    before = sys.getswitchinterval()
    app = App(Options(safe=True, size=(700, 500)))
    app.window.show()
    broken: list[object] = []
    app.broke.connect(broken.append)
    yield app
    app.window.close()
    app.shutdown()
    app.window.deleteLater()
    sys.setswitchinterval(before)
    assert broken == []
    # A row that cannot be laid out is shown as a raw one, and said in the log: here there must be none.
    said = [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.WARNING]
    assert [line for line in said if "propagateSizeHints" not in line] == []


def shows(app: App, qtbot: QtBot, path: Path) -> int:
    """Open a file in the window, see that it is read to its end and painted, close it; returns its rows."""
    window = app.window
    window.open_path(str(path))
    opened = window.desk.current
    assert opened is not None
    assert opened.key == str(path)
    # 'opening' ends when the past was read: whole, or its end first.
    qtbot.waitUntil(lambda: opened.header is not None and opened.header.state != "opening", timeout=20_000)
    window.pane.view.set_follow(True)
    assert opened.header is not None
    assert opened.header.trouble == "", path
    image = QImage(window.size(), QImage.Format.Format_ARGB32)
    window.render(image)
    rows = opened.model.length
    view = window.pane.view
    for row in (0, rows // 2, rows - 1):  # a far jump, and back: rows are laid out that nobody asked for yet
        if 0 <= row < rows:
            view.scrollTo(opened.model.index(row))
            window.render(image)
    assert "error" not in window.notice.key, window.notice.text.text()
    window.desk.close_session(opened.key)
    return rows


def adds_up(path: Path) -> None:
    """`coverage` of one file: every byte in exactly one of four places."""
    coverage = report.Coverage()
    coverage.add(path)
    found = coverage.result
    parts = [found[f"bytes_{name}"] for name in ("understood", "raw", "damaged", "blank")]
    with open_file(path, plain=path.suffix == ".json") as file:  # what is packed adds up unpacked
        data = b"".join(iter(lambda: file.read(1 << 20), b""))
    assert found["bytes"] == len(data) == sum(parts), path
    assert min(parts) >= 0, path
    assert found["records"] == found["understood"] + found["raw"], path
    # What is neither a record nor damage may only be white space.
    blank = sum(map(data.count, (b"\n", b"\r", b" ", b"\t", b"\x0b", b"\x0c")))
    assert found["bytes_blank"] <= blank, path


# In the suite some of them are opened (that all of them add up is in tests/store/test_coverage.py); `make soak` opens
# all.
EACH = pytest.mark.parametrize("each", [12, pytest.param(1, marks=pytest.mark.soak)])


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file() and path.suffix in report.SUFFIXES)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("folder", ["claude-code", "claude-stream-json"])
@pytest.mark.parametrize("each", [4, pytest.param(1, marks=pytest.mark.soak)])
def test_every_file_of_claude(app: App, qtbot: QtBot, data_dir: Path, folder: str, each: int) -> None:
    found = files(data_dir / folder)
    assert len(found) > 20
    rows = [shows(app, qtbot, path) for path in found[::each]]
    for path in found[::each]:
        adds_up(path)
    assert sum(rows) > 500 // each


@EACH
@pytest.mark.timeout(300)
def test_every_file_of_other_agents(app: App, qtbot: QtBot, data_dir: Path, each: int) -> None:
    """Nothing is understood that is not, and nothing is lost."""
    for number, path in enumerate(files(data_dir)):
        if number % each == 0 and path.relative_to(data_dir).parts[0] not in ("claude-code", "claude-stream-json"):
            if path.stat().st_size < 300_000:
                shows(app, qtbot, path)
            adds_up(path)


@EACH
@pytest.mark.timeout(600)
def test_every_recording(app: App, qtbot: QtBot, recordings: Path, each: int) -> None:
    """What real programs wrote: streams, the session files that their homes had at the end, protocols as raw rows."""
    understood = 0
    for number, path in enumerate(files(recordings)):
        session = path.name in STREAMS or "sessions" in path.parts or "projects" in path.parts
        if session and path.stat().st_size < 1 << 20:
            if number % each == 0:
                shows(app, qtbot, path)
            understood += format_of(path).agent.startswith("claude")
        if number % each == 0:
            adds_up(path)
    assert understood > 50
