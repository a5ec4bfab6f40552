"""Rows of the checklist that need the whole way from events to pixels: one test each, by its number, in counters."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from apps import running
from builders import SESSION, call, init, lines, over, said, user
from PySide6.QtCore import QObject
from PySide6.QtTest import QSignalSpy
from pytestqt.qtbot import QtBot

from store import events as ev
from store import hub
from store.delta import Delta
from store.events import At, Event
from store.formats import named
from store.items import Tool, text_of
from store.live import Ticker
from store.pipe import Pipe
from store.session import Session
from viewer import cli
from viewer.app import App
from viewer.bench import rig as rig_module
from viewer.bench import stream
from viewer.bench.rig import Rig
from viewer.options import Options
from viewer.rows.parts import COUNT

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The yardstick of a bench is nothing that is tested here, and takes a second."""
    monkeypatch.setattr("viewer.bench.common.LOOPS", 10_000)


@pytest.fixture
def rig(qtbot: QtBot) -> Iterator[Rig]:
    """The bench's own: real hub, session, model and view, stepped by hand."""
    made = Rig(None, 0)
    yield made
    made.pane.close()


@pytest.fixture
def app(qtbot: QtBot) -> Iterator[App]:
    with running(Options(safe=True, size=(800, 600))) as made:
        yield made


def chunk(number: int, item: str = "m") -> Event:
    return ev.TextDelta(At(), item, f"word{number} " + ("\n\n" if number % 40 == 39 else ""))


def notes(first: int, count: int) -> list[Event]:
    return [ev.NoticeAdded(At(), f"n{number}", "info", f"note {number}") for number in range(first, first + count)]


def test_004_18_fifty_thousand_chunks_are_one_row_at_linear_cost(rig: Rig) -> None:
    """What is parsed for the second half is what it was for the first, though the text before it is 25,000 chunks."""
    halves = []
    for half in range(2):
        before = COUNT.parsed_chars
        for first in range(half * 25_000, (half + 1) * 25_000, 500):
            rig.step([chunk(number) for number in range(first, first + 500)])
            while rig.hub.pending:
                rig.step()
        halves.append(COUNT.parsed_chars - before)
    assert rig.model.length == 1
    text = text_of(rig.model.item(0))
    assert text.split() == [f"word{number}" for number in range(50_000)]
    assert halves[1] <= 1.5 * halves[0] + 10_000, halves


def test_004_20_child_calls_stand_below_their_parent_while_it_runs(rig: Rig) -> None:
    pipe = Pipe(named("claude-stream"))
    rig.step(pipe.feed(lines(init(), said(call("Task", id="parent", description="look", prompt="x"), uuid="a1"))))
    rig.step(pipe.feed(lines(said(call("Bash", id="child", command="ls"), id="msg_2", uuid="a2", parent="parent"))))
    items = [rig.model.item(row) for row in range(rig.model.length)]
    assert [(item.id, item.parent) for item in items] == [("parent", None), ("child", "parent")]
    assert all(isinstance(item, Tool) and item.status == "running" for item in items)
    view = rig.pane.view
    assert view.folds.steps(0) == 1, "the parent says how many steps it has"
    view.act(0, "children")
    rig.app.processEvents()
    assert view.visualRect(rig.model.index(1)).top() >= view.visualRect(rig.model.index(0)).bottom()
    rig.step(pipe.feed(lines(said("and more", id="msg_3", uuid="a3", parent="parent"), over())))
    assert rig.model.item(2).parent == "parent"


def test_004_27_signals_of_a_streamed_second(rig: Rig) -> None:
    """900 chunks in 60 flushes: at most 63 signals of each kind, where one per chunk would be 900."""
    for tick in range(60):
        rig.step([chunk(tick * 15 + number, f"m{tick // 20}") for number in range(15)])
    assert 0 < rig.inserted <= 63
    assert 0 < rig.changed <= 63
    assert rig.model.length == 3


def test_p09_the_newest_line_is_on_the_screen_after_every_tick(rig: Rig) -> None:
    """P-09: 900 events/s are 15 per 16 ms tick. What a tick takes is painted with it: nothing waits for the next."""
    view = rig.pane.view
    for tick in range(60):
        rig.step([*notes(tick * 14, 14), chunk(tick)])
        assert not rig.hub.pending
        newest = rig.model.index(rig.model.length - 1)
        assert view.visualRect(newest).intersects(view.viewport().rect())
        assert view.visualRect(newest).bottom() <= view.viewport().rect().bottom()
    view.verticalScrollBar().setValue(0)
    rig.step(notes(10_000, 5))
    assert not view.follow, "scrolling up lets go"
    assert view.verticalScrollBar().value() == 0


def test_p02_thirty_thousand_rows_are_not_thirty_thousand_objects(rig: Rig) -> None:
    """P-02: no widget, no layout and no Qt object per row."""
    objects = []
    for count in (100, 29_900):
        rig.step(notes(rig.model.length, count))
        while rig.hub.pending:
            rig.step()
        for part in range(20):
            bar = rig.pane.view.verticalScrollBar()
            bar.setValue(bar.maximum() * part // 20)
            rig.app.processEvents()
        objects.append(len(rig.pane.findChildren(QObject)))
    assert rig.model.length == 30_000
    assert objects[0] == objects[1]
    assert len(rig.pane.view.scene.layouts._entries) <= 256


def test_p01_starts_with_nothing_and_makes_its_folder(qtbot: QtBot, app: App) -> None:
    """P-01: nothing on the machine: a window with the demo. The first session: a database where it belongs."""
    own = Path(os.environ["PLAYHEAD_DATA_DIR"])
    app.start()
    assert app.window.isVisible()
    qtbot.waitUntil(lambda: app.window.desk.current is not None, timeout=20_000)
    project = Path(os.environ["CLAUDE_CONFIG_DIR"]) / "projects" / "-w-demo"
    project.mkdir(parents=True)
    file = project / f"{SESSION}.jsonl"
    file.write_bytes(lines(user("the first words")))
    app.live.discover()
    listed = app.window.sessions.sessions  # the demo is listed, too
    qtbot.waitUntil(lambda: any(row.path == str(file) for row in listed.sessions()), timeout=20_000)
    qtbot.waitUntil(lambda: (own / "data" / "playhead.db").exists(), timeout=20_000)
    assert (own / "data").stat().st_mode & 0o77 == 0, "nobody else's business"


def test_004_22_nothing_is_missing_at_a_switch_and_nothing_comes_twice(qtbot: QtBot, app: App) -> None:
    """What waits for the session that is left and for the one that is entered is applied at that moment, once."""
    live, desk = app.live, app.window.desk
    for key in ("x", "y"):
        live.hub.sessions[key] = Session(key)
    desk.show_session("x")
    live.hub.put("x", notes(0, 5))
    live.hub.put("y", notes(0, 7))
    first = desk.current
    desk.show_session("y")
    second = desk.current
    assert first is not None
    assert second is not None
    assert (first.model.length, second.model.length) == (5, 7)
    live.hub.put("x", notes(5, 1))
    qtbot.waitUntil(lambda: not live.hub.pending and not live.armed)
    assert (first.model.length, second.model.length) == (6, 7)
    live.hub.put("y", notes(7, 3))
    app.window.close()  # quit
    assert second.model.length == 10
    assert live.hub.backlog == 0


def test_004_22_who_is_told_may_drain(qtbot: QtBot) -> None:
    """A drain inside a round of news: the older Delta of a session is told before the newer, each once."""
    ticker = Ticker()
    told: list[tuple[str, int, int]] = []

    def on_changed(delta: Delta) -> None:
        told.append((delta.session, delta.first, len(delta.added)))
        if len(told) == 1:
            ticker.hub.put("b", notes(2, 1))
            ticker.drain("b")

    ticker.changed.connect(on_changed)
    for key in ("a", "b"):
        ticker.hub.sessions[key] = Session(key)
        ticker.hub.put(key, notes(0, 2))
    ticker.drain()
    assert told == [("a", 0, 2), ("b", 0, 2), ("b", 2, 1)]


def test_004_36_text_does_not_repaint_the_sidebar(qtbot: QtBot, app: App) -> None:
    """A line of the list changes with its title, state and unread mark; 20 text events change none of them."""
    live, window = app.live, app.window
    live.hub.sessions["x"] = Session("x")
    window.desk.show_session("x")
    live.hub.put("x", [ev.SessionNamed(At(), title="t"), ev.PromptText(At(), "p", "go")])
    live.drain()
    model = window.sessions.sessions
    signals = (model.dataChanged, model.rowsInserted, model.modelReset, model.layoutChanged)
    spies = [QSignalSpy(signal) for signal in signals]
    for number in range(20):
        live.hub.put("x", [chunk(number)])
        live.drain()
    assert sum(spy.count() for spy in spies) == 0
    live.hub.put("x", [ev.SessionNamed(At(), title="another", rank=9)])
    live.drain()
    qtbot.waitUntil(lambda: sum(spy.count() for spy in spies) > 0)  # five times a second is enough for a list


def test_004_26_the_bench_has_the_figures_of_the_original(capsys: pytest.CaptureFixture[str]) -> None:
    """004-24, 004-25, 004-29, 004-31: both modes, any length, 60 flushes of 15, median of 7 with spread and n."""
    reports = {}
    for mode in ("coalesced", "per-event"):
        small = ["--rows", "200", "--flushes", "4", "--repeat", "2"]
        assert cli.main(["bench", "stream", *small, "--mode", mode, "--json"]) == 0
        reports[mode] = json.loads(capsys.readouterr().out)
    for mode, report in reports.items():
        assert list(report) == ["bench", "yardstick_s", "machine", "versions", "params", "figures"]
        assert (report["params"]["mode"], report["params"]["chunks"]) == (mode, 15)
        for name in (
            "store_write_ms", "main_thread_ms", "frame_cpu_p99_ms", "frame_cpu_max_ms", "rows_inserted_signals",
            "data_changed_signals", "rss_mb",
        ):  # fmt: skip
            assert list(report["figures"][name]) == ["median", "min", "max", "n"]
        assert report["figures"]["store_write_ms"]["n"] == 2
    few, many = (reports[mode]["figures"]["data_changed_signals"]["median"] for mode in ("coalesced", "per-event"))
    assert few <= 4 < many <= 60
    parser = argparse.ArgumentParser()
    stream.options(parser)
    found = parser.parse_args([])
    assert (found.flushes, found.chunks, found.repeat, found.mode) == (60, 15, 7, "coalesced")


def test_004_30_event_to_paint_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """Not CPU alone: a record appended to a file of a real window, until it is painted."""
    assert cli.main(["bench", "tail", "--records", "20", "--appends", "5", "--rate", "50", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert {"append_to_paint_p50_ms", "append_to_paint_p95_ms"} <= set(figures)


def test_004_35_the_bench_is_documented_and_measures_the_real_store() -> None:
    """004-28: no replica: the very classes that the window uses."""
    readme = (REPO / "README.md").read_text("utf-8")
    assert "playhead bench" in readme
    assert "make" in readme
    assert rig_module.Hub is hub.Hub
    assert rig_module.Session is Session
