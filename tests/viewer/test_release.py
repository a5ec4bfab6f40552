"""004-38: a session that nobody looks at is let go once its agent rests, and comes back in place."""

from __future__ import annotations

import gc
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from builders import assistant, line, user
from fake_live import FakeLive
from pytestqt.qtbot import QtBot

from store.delta import Row
from store.live import Live
from store.paths import data_dir
from store.settings import Settings
from store.sources.journal import Journal, folder
from viewer import theme
from viewer.app import App
from viewer.bench.make_session import write_session
from viewer.jobs import Jobs
from viewer.options import Options
from viewer.place import Places
from viewer.rows.base import Pos
from viewer.window import MainWindow

LONG = 60_000
OLD = (1_700_000_000, 1_700_000_000)  # nobody has written to it lately


@pytest.fixture
def start(qtbot: QtBot, tmp_path: Path) -> Iterator[Callable[..., App]]:
    made: list[App] = []
    before = sys.getswitchinterval()

    def begin(*paths: Path) -> App:
        app = App(Options(paths=tuple(map(str, paths))))
        made.append(app)
        app.start(restore=False)
        return app

    yield begin
    for app in made:
        app.window.close()
        app.shutdown()
        app.window.deleteLater()
    sys.setswitchinterval(before)


def write(path: Path, turns: int, first: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        for turn in range(first, first + turns):
            file.write(line(user(f"question {turn}", f"u{turn}", turn)))
            file.write(
                line(assistant(f"answer {turn}\n\nand more of it", id=f"m{turn}", uuid=f"a{turn}", seconds=turn))
            )
    os.utime(path, OLD)
    return path


def rests(app: App, path: Path) -> bool:
    """The list knows that nobody is at work on it."""
    return app.window.desk._states.get(str(path)) == "ended"


def released(app: App, path: Path) -> bool:
    return app.window.desk.opened(str(path)) is None and str(path) not in app.live.hub.sessions


def test_004_38_it_is_gone_from_memory_and_comes_back_as_it_was(
    start: Callable[..., App], qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "sessions"
    one, two = write(root / "one.jsonl", 150), write(root / "two.jsonl", 3)
    app = start(root)
    window = app.window
    view = window.pane.view
    qtbot.waitUntil(lambda: rests(app, one) and rests(app, two), timeout=LONG)
    window.open_path(str(one))
    qtbot.waitUntil(lambda: view.timeline is not None and view.timeline.length == 300, timeout=LONG)
    view.verticalScrollBar().setValue(2000)
    row = view.visible_rows()[2]
    view.act(row, "fold")
    view.selection.begin(row, Pos(0, 1), Pos(0, 1))
    view.selection.extend(row + 2, Pos(0, 4), Pos(0, 4))
    place, folds, text = view.place(), view.fold_state(), view.selected_text()
    assert folds
    assert text

    opened = window.desk.opened(str(one))
    assert opened is not None
    ingest = app.live.feeds._files[str(one)]
    gone = [weakref.ref(thing) for thing in (opened.model, app.live.hub.sessions[str(one)], ingest)]
    monkeypatch.setattr("viewer.desk.RELEASE", 0)
    window.open_path(str(two))
    opened = ingest = None  # type: ignore[assignment]
    qtbot.waitUntil(lambda: released(app, one), timeout=LONG)
    qtbot.waitUntil(lambda: gc.collect() >= 0 and not any(ref() is not None for ref in gone), timeout=LONG)
    assert not any(thread.name == "ingest one.jsonl" for thread in threading.enumerate())
    assert window.desk._waits == {}  # one shot: nothing looks again and again

    monkeypatch.setattr("viewer.desk.RELEASE", 20_000)
    window.actions_["recent"].trigger()
    assert window.desk.current is not None
    assert window.desk.current.key == str(one)
    qtbot.waitUntil(lambda: view.timeline is not None and view.timeline.length == 300, timeout=LONG)
    assert view.place() == place
    assert view.fold_state() == folds
    assert view.selected_text() == text
    assert view.scene.unread is None  # nothing is new


@pytest.mark.long
@pytest.mark.parametrize("before", [0, 2])
def test_004_38_what_came_meanwhile_is_unread_and_marked(
    start: Callable[..., App], qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """Both what came before it was released and what came after."""
    root = tmp_path / "sessions"
    one, two = write(root / "one.jsonl", 20), write(root / "two.jsonl", 3)
    app = start(root)
    window = app.window
    view = window.pane.view
    qtbot.waitUntil(lambda: rests(app, one) and rests(app, two), timeout=LONG)
    window.open_path(str(one))
    qtbot.waitUntil(lambda: view.timeline is not None and view.timeline.length == 40, timeout=LONG)
    window.open_path(str(two))
    hidden = window.desk.opened(str(one))
    assert hidden is not None
    write(one, before, 20)
    qtbot.waitUntil(lambda: hidden.unread == 2 * before, timeout=LONG)
    qtbot.waitUntil(lambda: rests(app, one), timeout=LONG)
    window.desk._release_if_idle(str(one))
    assert released(app, one)
    with qtbot.waitSignal(
        window.desk.unread, timeout=LONG, check_params_cb=lambda key, count: key == str(one) and count == -1
    ):
        write(one, 1, 100)  # later than all of them: by its time, for the list
    window.open_listed(str(one))
    qtbot.waitUntil(lambda: view.timeline is not None and view.timeline.length == 42 + 2 * before, timeout=LONG)
    qtbot.waitUntil(lambda: view.scene.unread == 40, timeout=LONG)
    assert view.scene.unread_text.startswith(f"{2 + 2 * before} new")
    assert str(one) not in window.places.marks


# ---- what is not released, with a store that is told by hand


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    live = FakeLive()
    jobs = Jobs()
    places = Places(tmp_path / "places.json")
    made = MainWindow(cast(Live, live), Settings(tmp_path / "s.toml"), places, jobs, theme.make_look("light"))
    live.setParent(made)
    jobs.setParent(made)
    qtbot.addWidget(made, before_close_func=lambda _: live.running.clear())
    made.show()
    yield made
    made.jobs.shutdown()


def fake(window: MainWindow) -> FakeLive:
    return cast(FakeLive, window.live)


def opened_and_left(window: MainWindow, state: str = "ended") -> None:
    fake(window).list((Row("/a", path="/a", state=state), Row("/b", path="/b")))
    window.open_path("/a")
    fake(window).tell("/a", added=5, state="idle")
    window.open_path("/b")


def fire(window: MainWindow, key: str = "/a") -> None:
    """Its time is over."""
    window.desk._waits[key].timeout.emit()


def test_004_38_the_time_begins_when_it_is_left_and_ends_with_the_look_at_it(window: MainWindow) -> None:
    opened_and_left(window)
    timer = window.desk._waits["/a"]
    assert list(window.desk._waits) == ["/a"]
    assert timer.isActive()
    assert timer.isSingleShot()
    assert timer.interval() == 20_000
    window.on_recent()
    assert not timer.isActive()
    assert list(window.desk._waits) == ["/b"]
    window.on_recent()
    fire(window)
    assert fake(window).closed == ["/a"]
    assert window.desk._waits == {}


@pytest.mark.parametrize("state", ["live", "idle"])
def test_004_39_one_with_an_agent_stays_until_the_agent_has_gone(window: MainWindow, state: str) -> None:
    opened_and_left(window, state)
    fire(window)
    assert fake(window).closed == []
    assert window.desk._waits == {}
    fake(window).list((Row("/a", path="/a", state=state, bytes=7),))
    fire(window)
    assert fake(window).closed == []
    fake(window).list((Row("/a", path="/a", state="ended"),))
    fire(window)
    assert fake(window).closed == ["/a"]


def test_004_38_one_that_is_being_read_stays_until_it_is_read(window: MainWindow) -> None:
    opened_and_left(window)
    fake(window).progress.emit("/a", 1, 9)
    fire(window)
    assert fake(window).closed == []
    fake(window).progress.emit("/a", 9, 9)
    fire(window)
    assert fake(window).closed == ["/a"]


def test_what_is_closed_while_it_is_read_holds_nobody_up(
    start: Callable[..., App], qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The import of a session that was closed in the middle says that it is over: copies are made again."""
    monkeypatch.setattr("store.ingest.SMALL", 1 << 14)
    monkeypatch.setattr("store.ingest.FIRST", 1 << 12)
    path = tmp_path / "root" / "big.jsonl"
    write_session(path, size=12_000_000, seed=1)
    app = start(path.parent)
    assert app.keeping is not None
    app.window.open_path(str(path))
    qtbot.waitUntil(lambda: str(path) in app.keeping._reading, timeout=LONG)  # type: ignore[union-attr]
    app.window.actions_["close"].trigger()
    qtbot.waitUntil(lambda: not app.keeping._reading and not app.window.desk._reading, timeout=LONG)  # type: ignore[union-attr]


def test_004_38_one_that_the_search_does_not_know_stays(window: MainWindow) -> None:
    """Nobody would say that there is something new in it."""
    window.open_path("/a")
    fake(window).tell("/a", added=5, state="ended")
    window.open_path("/b")
    fire(window)
    assert fake(window).closed == []
    assert window.desk._waits == {}


def test_004_38_streams_and_what_is_looked_at_stay(window: MainWindow) -> None:
    window.on_demo()
    opened_and_left(window)
    assert list(window.desk._waits) == ["/a"]
    window.open_path("/a")
    window.desk._release_if_idle("/a")
    assert fake(window).closed == []


def test_004_38_a_read_that_failed_costs_nothing_of_what_was_kept(window: MainWindow) -> None:
    opened_and_left(window)
    live = fake(window)
    live.tell("/a", added=3, first=5)
    fire(window)
    window.open_path("/a")
    live.tell("/a", state="failed", trouble="/a cannot be read.")
    window.open_path("/b")
    fire(window)
    assert live.closed == ["/a", "/a"]
    window.open_path("/a")
    live.tell("/a", added=8, state="idle")
    assert window.pane.view.scene.unread == 5


def test_004_39_of_many_files_those_at_work_stay_open(window: MainWindow) -> None:
    live = fake(window)
    live.list(tuple(Row(f"/w{n}", path=f"/w{n}", state="live") for n in range(12)))
    for n in range(12):
        window.open_path(f"/w{n}")
        live.tell(f"/w{n}", added=2, state="running")
    for n in range(12):
        window.open_path(f"/s{n}")
        live.tell(f"/s{n}", added=2, state="ended")
    assert [key for key in live.closed if key.startswith("/w")] == []
    assert live.closed == ["/s0", "/s1", "/s2", "/s3"]


def test_a_journal_that_is_opened_from_the_list_is_one_line_of_it(
    start: Callable[..., App], qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its line is named as the stream was, and it is read as a file."""
    journal = Journal(folder(data_dir()), "agent")
    journal.write(write(tmp_path / "said.jsonl", 4).read_bytes())
    journal.end("exit code 0")
    one, two = journal.path, write(tmp_path / "root" / "two.jsonl", 3)
    os.utime(one, OLD)
    app = start(two.parent)
    window = app.window
    id = journal.key
    listed = window.sessions.sessions
    qtbot.waitUntil(lambda: listed.total == 2, timeout=LONG)
    window.open_listed(id)
    view = window.pane.view
    qtbot.waitUntil(lambda: view.timeline is not None and view.timeline.length == 8, timeout=LONG)
    qtbot.waitUntil(lambda: window.desk.current is not None and window.desk.current.header is not None, timeout=LONG)
    assert listed.total == 2
    assert window.sessions.list.painter_delegate.opened == id
    window.open_listed(str(two))
    write(one, 1, 4)
    qtbot.waitUntil(lambda: listed._unread.get(id) == 2, timeout=LONG)
    window.open_listed(id)
    assert not listed._unread.get(id)
    assert len(window.desk._open) == 2
