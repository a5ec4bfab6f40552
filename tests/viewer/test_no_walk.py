"""Opening a session and jumping in it reads pages of 64 rows, and as many of them whatever its length."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from store.db import reads
from viewer.bench.rig import Rig
from viewer.bench.seed import seeded
from viewer.timeline.pages import PAGE

SIZES = (47 * PAGE, 1_875 * PAGE)
PARTS = (0.0, 0.5, 0.93, 0.21, 1.0, 0.02, 0.77)  # of the way through, one jump after another


def counts(rows: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What opening a session of so many rows asks of the database, and then each jump."""
    unpacked = [0]
    real = reads.unpress

    def counting(payload: bytes) -> object:
        unpacked[0] += 1
        return real(payload)

    monkeypatch.setattr(reads, "unpress", counting)
    folder.mkdir()
    window = seeded(rows, folder)
    assert window is not None
    window._unpress = counting  # type: ignore[assignment]
    statements: list[str] = []
    connection = window._connection
    assert isinstance(connection, sqlite3.Connection)
    connection.set_trace_callback(statements.append)
    rig = Rig(window, rows)
    view, model = rig.pane.view, rig.model
    view.settle()
    opened = (model.reads, unpacked[0], len(statements))
    bar = view.verticalScrollBar()
    jumps: list[tuple[int, int]] = []
    for part in PARTS:
        before = model.reads, unpacked[0]
        bar.setValue(round(part * bar.maximum()))
        rig.app.processEvents()
        jumps.append((model.reads - before[0], unpacked[0] - before[1]))
    asked = [sql for sql in statements if " item " in f"{sql} "]
    assert all("seq >=" in sql and "seq <" in sql for sql in asked), "rows are asked for by their keys alone"
    rig.pane.close()
    window.close()
    return {"opened": opened, "jumps": jumps}


def test_p02_a_session_of_any_length_is_opened_and_jumped_in_without_a_walk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    """Issue 3: the model reads pages from the store; what it reads does not follow the length."""
    small, big = (counts(rows, tmp_path / str(rows), monkeypatch) for rows in SIZES)
    assert small["opened"] == big["opened"]
    reads_, rows, _ = big["opened"]  # type: ignore[misc]
    assert reads_ <= 2
    assert rows <= 2 * PAGE
    for found in (small, big):
        for pages, unpacked in found["jumps"]:  # type: ignore[attr-defined]
            assert pages <= 2
            assert unpacked <= 2 * PAGE
