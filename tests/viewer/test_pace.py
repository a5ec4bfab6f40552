"""The list of sessions while many of them go on: news at once after a quiet time, then in rounds, and none is lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from store import events as ev
from store.events import At
from store.session import Session
from viewer import cli
from viewer.app import App
from viewer.bench.grown import grow, recordings
from viewer.options import Options
from viewer.pace import Pace


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The yardstick of a bench is nothing that is tested here, and takes a second."""
    monkeypatch.setattr("viewer.bench.common.LOOPS", 10_000)


def test_the_first_at_once_and_then_in_rounds(qtbot: QtBot) -> None:
    told: list[Sequence[str]] = []
    owner = QObject()
    pace = Pace(50, told.append, owner)
    pace.news("a")
    assert told == [["a"]]
    for key in ("b", "a", "b", "c"):
        pace.news(key)
    pace.drop("c")
    assert told == [["a"]], "what follows waits for the round"
    qtbot.waitUntil(lambda: told == [["a"], ["b", "a"]])
    pace.news("d")
    qtbot.waitUntil(lambda: told[2:] == [["d"]])


def test_of_many_only_some_are_told_in_one_frame(qtbot: QtBot) -> None:
    """Each of them once in a round, whatever comes meanwhile, and what is dropped not at all."""
    told: list[Sequence[str]] = []
    owner = QObject()
    pace = Pace(30, told.append, owner, 2)
    for key in "abcdef":
        pace.news(key)
    assert told == [["a"]]
    qtbot.waitUntil(lambda: len(told) == 2)
    for key in "abg":  # of the round after this one
        pace.news(key)
    pace.drop("e")
    qtbot.waitUntil(lambda: len(told) >= 3)
    assert told[:4] in ([["a"], ["b", "c"], ["d", "f"]], [["a"], ["b", "c"], ["d", "f"], ["a", "b"]])
    qtbot.waitUntil(lambda: told[3:] == [["a", "b"], ["g"]])


def test_twenty_streams_end_as_they_are(home: Path, qtbot: QtBot) -> None:
    """However fast they come, the list has their titles and what is unread in the end, in one change for many."""
    app = App(Options(safe=True))
    changes: list[int] = []
    app.window.desk.listed.connect(lambda delta: changes.append(len(delta.put)))
    keys = [f"s{number:02}" for number in range(20)]
    for key in keys:
        app.live.hub.sessions[key] = Session(key)
        app.window.desk.show_session(key)
    for step in range(30):
        for key in keys:
            named = ev.SessionNamed(At(), title=f"{key} {step}", rank=9)
            app.live.hub.put(key, [named, ev.MessageDone(At(), f"m{step}", "x")])
        app.live.drain()
    model = app.window.sessions.sessions

    def settled() -> bool:
        rows = [model.session(key) for key in keys]
        return all(row is not None and row.title.endswith(" 29") for row in rows)

    qtbot.waitUntil(settled)
    assert sum(changes) < 20 * 30, "it was not told of each"
    assert app.window.desk.opened(keys[0]).unread == 30
    app.window.close()
    app.shutdown()


@pytest.mark.parametrize("agent", ["pi", "atif", "claude-code", "opencode.db"])
def test_grown_recordings_are_understood(agent: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What `bench fold` measures is a session: nothing raw that is not raw in its recording, and rows of its own."""
    found = recordings()[agent.removesuffix(".db")]
    count = grow(found, 400, tmp_path / "grown.jsonl")
    assert count >= 400
    small = ["--records", "400", "--repeat", "1"]
    assert cli.main(["bench", "fold", "--agent", agent, *small, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["params"]["rows"] > 100
    assert set(report["figures"]) == {
        "records_per_s", "scaled_records_per_s", "with_entries_per_s", "scaled_with_entries_per_s", "rows_per_s",
        "mb_per_s", "times_a_bare_parse", "yardstick_s",
    }  # fmt: skip


def test_the_bench_of_twenty_streams(capsys: pytest.CaptureFixture[str]) -> None:
    """Every stream's records are folded, in the real window."""
    small = ["--streams", "3", "--seconds", "1", "--before", "30", "--rate", "60"]
    assert cli.main(["bench", "twenty", *small, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["params"]["records"] == 180
    assert report["params"]["rows"] > 20
