"""The raw record: read off the GUI thread, bounded on the screen, whole in the clipboard and on the disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from store.errors import StoreError
from viewer import theme
from viewer.inspector.pane import SHOWN, InspectorPane, pretty
from viewer.jobs import Jobs


@pytest.fixture
def pane(qtbot: QtBot) -> Iterator[InspectorPane]:
    jobs = Jobs()
    made = InspectorPane(jobs, theme.make_look("light"))
    qtbot.addWidget(made)
    made.resize(320, 500)
    made.show()
    yield made
    jobs.shutdown()


def test_records_are_indented_with_file_and_bytes(pane: InspectorPane, qtbot: QtBot) -> None:
    threads: list[int] = []

    def read() -> list[tuple[str, int, bytes]]:
        threads.append(threading.get_ident())
        return [("/s/a.jsonl", 1200, b'{"type":"user","n":[1]}'), ("/s/b.jsonl", 7, b"no json\x00\xff")]

    pane.load(read, "Row 7")
    qtbot.waitUntil(lambda: "a.jsonl" in pane.text.toPlainText())
    text = pane.text.toPlainText()
    assert threads[0] != threading.get_ident()
    assert pane.heading.text() == "Row 7"
    assert "a.jsonl  bytes 1,200–1,223" in text
    assert '  "type": "user",' in text
    assert "no json␀�" in text
    pane.copy_button.click()
    assert QGuiApplication.clipboard().text() == '{"type":"user","n":[1]}\nno json␀�'


def test_a_giant_record_is_bounded_on_the_screen_and_whole_on_the_disk(
    pane: InspectorPane, qtbot: QtBot, tmp_path: Path
) -> None:
    data = b'{"x":"' + b"a" * 5_000_000 + b'"}'
    pane.load(lambda: [("/s/a.jsonl", 0, data)], "Row 1")
    qtbot.waitUntil(lambda: pane.copy_button.isEnabled())
    assert len(pane.text.toPlainText()) < SHOWN + 1000
    assert pane.note.text() == "Too long to show whole: save it to see the rest."
    pane.save(tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == data + b"\n"
    pane.save(tmp_path / "missing" / "out.jsonl")
    assert "cannot be written" in pane.note.text()


def test_a_newer_row_wins_over_a_slow_older_one(pane: InspectorPane, qtbot: QtBot) -> None:
    go = threading.Event()

    def slow() -> list[tuple[str, int, bytes]]:
        go.wait(10)
        return [("old", 0, b"1")]

    pane.load(slow, "old")
    pane.load(lambda: [("new", 0, b"2")], "new")
    qtbot.waitUntil(lambda: pane.heading.text() == "new")
    go.set()
    done: list[object] = []
    pane._jobs.run(lambda: time.monotonic(), done.append)
    qtbot.waitUntil(lambda: bool(done))
    assert pane.heading.text() == "new"


def test_a_file_that_is_gone_is_said(pane: InspectorPane, qtbot: QtBot) -> None:
    def read() -> list[tuple[str, int, bytes]]:
        raise StoreError("/s/a.jsonl cannot be read: gone.")

    pane.load(read, "Row 1")
    qtbot.waitUntil(lambda: "gone" in pane.note.text())
    assert not pane.copy_button.isEnabled()


def test_a_row_without_a_record_says_so(pane: InspectorPane, qtbot: QtBot) -> None:
    pane.load(list, "Row 1")
    qtbot.waitUntil(lambda: pane.note.text() == "This row has no record in a file.")


HOSTILE = [b"", b"{", b"\xff\xfe", b"[" * 5000, b'{"a":1e999}', b'"\\ud800"', b"NaN", b"\x00" * 100]


@pytest.mark.parametrize("data", HOSTILE)
def test_pretty_never_raises(data: bytes) -> None:
    assert isinstance(pretty(data), str)
