"""The service behind a window: made when there is something to do, follows the settings, ends with the window."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hooks import agents, free_port
from pytestqt.qtbot import QtBot

from store.aftermath import Fired
from store.db import deliveries_db
from store.errors import StoreError
from store.paths import config_dir, data_dir
from store.settings import RECEIVER, RECEIVER_PORT, Settings
from store.triggers import deliveries, save_trigger
from store.word import RUNS, TRIGGERS, Ear
from viewer.hearing import Hearing
from viewer.jobs import Jobs
from viewer.serving_window import Serving

LONG = 60_000


@pytest.fixture
def settings() -> Settings:
    return Settings(config_dir() / "settings.toml")


@pytest.fixture
def serving(qtbot: QtBot, settings: Settings) -> Iterator[Serving]:
    made = Serving(data_dir() / "playhead.db", settings.path)
    settings.watch(made.on_setting)
    yield made
    made.shutdown()


def test_nothing_to_do_makes_nothing(serving: Serving) -> None:
    """No thread, no file, no database; and off is what it says."""
    done = threading.Event()
    serving._work.put(done.set)
    assert done.wait(60)
    assert serving.receiver().state == "off"
    assert not (data_dir() / "playhead.db").exists()


def test_it_follows_the_settings(
    qtbot: QtBot, serving: Serving, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P-10: switched on it listens, without a restart; a trigger is run from here too, and the panel is told."""
    work, db = agents(tmp_path, monkeypatch), data_dir() / "playhead.db"
    settings.put({RECEIVER_PORT.name: free_port(), RECEIVER.name: True})
    qtbot.waitUntil(lambda: serving.receiver().state == "on", timeout=LONG)
    port = settings[RECEIVER_PORT]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/hooks/nobody", b"{}")
    assert connection.getresponse().status == 200
    connection.close()
    qtbot.waitUntil(lambda: len(deliveries(db)) == 1, timeout=LONG)
    saved = save_trigger(db, {"name": "hello", "source": "hand", "cwd": str(work), "prompt": "Say hello"})
    assert saved.trigger is not None
    ended: list[Fired] = []
    serving.ended.connect(ended.append)
    with qtbot.waitSignal(serving.news, timeout=LONG):
        number, _ = serving.fire(saved.trigger.id, json.dumps({"a": 1}).encode())
    qtbot.waitUntil(lambda: deliveries(db)[0].handled is not None, timeout=LONG)
    assert deliveries(db)[0].id == number
    qtbot.waitUntil(lambda: bool(ended), timeout=LONG)
    assert (ended[0].trigger, ended[0].state, Path(ended[0].session).suffix) == ("hello", "ok", ".jsonl")
    with pytest.raises(StoreError, match="no trigger 99"):
        serving.fire(99)
    settings.put({RECEIVER.name: False})
    qtbot.waitUntil(lambda: serving.receiver().state == "off", timeout=LONG)


def test_the_first_trigger_that_another_process_makes_is_run_without_a_restart(
    qtbot: QtBot, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P-10: made on the command line while a window is open that had nothing to do."""
    work, db, jobs = agents(tmp_path, monkeypatch), data_dir() / "playhead.db", Jobs()
    ear = Ear(data_dir())
    hearing, serving = Hearing(ear, jobs), Serving(db, settings.path, ear=ear)
    hearing.triggers.connect(serving.on_triggers)
    with qtbot.waitSignal(hearing.listens, timeout=LONG):
        pass
    watched = tmp_path / "watched.txt"
    saved = save_trigger(
        db, {"name": "file", "source": "file", "cwd": str(work), "watch_path": str(watched), "prompt": "Say hello"}
    )
    assert saved.trigger is not None
    qtbot.waitUntil(
        lambda: serving._service is not None and serving._service.scheduler._thread.is_alive(), timeout=LONG
    )
    watched.write_text("news")
    qtbot.waitUntil(lambda: bool(found := deliveries(db)) and found[0].handled is not None, timeout=LONG)
    serving.shutdown()
    ear.close()
    jobs.shutdown()


def test_many_words_before_the_window_gets_to_them_are_one(qtbot: QtBot) -> None:
    ear, jobs, heard = Ear(data_dir()), Jobs(), list[str]()
    hearing = Hearing(ear, jobs)
    hearing.runs.connect(lambda: heard.append("runs"))
    hearing.triggers.connect(lambda: heard.append("triggers"))
    for _ in range(2):
        for word in (RUNS, TRIGGERS, RUNS, RUNS):
            hearing._hear(word)
        heard.append("the window")
        qtbot.waitUntil(lambda: len(heard) % 3 == 0)
    assert heard == ["the window", "runs", "triggers"] * 2
    ear.close()
    jobs.shutdown()


def test_one_that_could_not_start_leaves_nothing_and_the_next_one_starts(
    qtbot: QtBot, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its threads and what it has heard by would stay with the window for as long as that lives."""
    work, db = agents(tmp_path, monkeypatch), data_dir() / "playhead.db"
    assert save_trigger(db, {"name": "a", "source": "github", "cwd": str(work), "prompt": "Say hello"}).trigger
    before = threading.enumerate()
    ear = Ear(data_dir())
    serving = Serving(db, settings.path, ear=ear)
    waiting = deliveries_db.waiting

    def full(*_: object) -> list[tuple[int, int, str]]:
        monkeypatch.setattr(deliveries_db, "waiting", waiting)
        raise StoreError("The disk is full.")

    monkeypatch.setattr(deliveries_db, "waiting", full)
    with qtbot.waitSignal(serving.trouble, timeout=LONG):
        serving.apply()
    assert serving._service is None
    assert not any(ear._calls.values())
    assert not {"inbox", "scheduler"}.intersection(one.name for one in threading.enumerate() if one not in before)
    serving.apply()
    qtbot.waitUntil(lambda: serving._service is not None, timeout=LONG)
    serving.shutdown()
    ear.close()


def test_a_port_that_is_taken_is_said(qtbot: QtBot, serving: Serving, settings: Settings) -> None:
    """And another one that is free is taken."""
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with qtbot.waitSignal(serving.trouble, timeout=LONG) as told:
            settings.put({RECEIVER_PORT.name: other.getsockname()[1], RECEIVER.name: True})
        assert "is taken" in told.args[0]
        assert serving.receiver().state == "failed"
        settings.put({RECEIVER_PORT.name: free_port()})
        qtbot.waitUntil(lambda: serving.receiver().state == "on", timeout=LONG)
