"""What Playheads tell each other: heard in another process, at once, with nothing done while nothing is told."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import REPO

from store import word
from store.sources import watch
from store.sources.watch import Watcher
from store.word import Ear

WAIT = 30


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    with closing(Ear(tmp_path / "data")) as made:
        yield made


def test_a_word_of_another_process_is_heard_by_who_listens_for_it(ear: Ear) -> None:
    runs, stops = threading.Event(), threading.Event()
    off = ear.on(word.RUNS, runs.set)
    ear.on(word.STOPS, stops.set)
    told = "import pathlib, sys; from store import word; word.tell(pathlib.Path(sys.argv[1]), sys.argv[2])"
    for name in (word.RUNS, word.STOPS):
        assert ear.heard[name] == 0
        subprocess.run([sys.executable, "-c", told, str(ear.data), name], cwd=REPO, check=True)
        assert (runs if name == word.RUNS else stops).wait(WAIT)
    assert ear.heard == {word.RUNS: 1, word.STOPS: 1}
    off()
    runs.clear()
    stops.clear()
    word.tell(ear.data, word.RUNS)
    word.tell(ear.data, word.STOPS)
    assert stops.wait(WAIT)
    assert not runs.is_set()
    sizes = {path.name: path.stat().st_size for path in word.folder(ear.data).iterdir()}
    assert sizes == {**dict.fromkeys(word.WORDS, 0), word.RUNS: 1, word.STOPS: 1}  # however often they are told


def test_what_nobody_listens_for_leaves_nothing(tmp_path: Path) -> None:
    word.tell(tmp_path, word.RUNS)
    assert not word.folder(tmp_path).exists()


@pytest.mark.parametrize("gone", ["folder", "word"])
def test_what_is_deleted_under_a_listener_comes_back_by_itself(
    ear: Ear, gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what was said in between is looked at: whoever listens is called once it stands again."""
    monkeypatch.setattr(word, "AGAIN", 0.05)
    called = threading.Event()
    ear.on(word.RUNS, called.set)
    place = word.folder(ear.data)
    shutil.rmtree(place) if gone == "folder" else (place / word.RUNS).unlink()
    while True:  # it is called for the deletion, too
        assert called.wait(WAIT)
        called.clear()
        if (place / word.RUNS).exists():
            break
    called.clear()
    word.tell(ear.data, word.RUNS)
    assert called.wait(WAIT)


def test_an_ear_that_is_closed_leaves_a_watcher_to_its_owner(ear: Ear) -> None:
    watcher = Watcher(poll=60)
    given, heard = Ear(ear.data, watcher), threading.Event()
    given.on(word.QUEUE, heard.set)
    given.close()
    again, called = Ear(ear.data, watcher), threading.Event()
    again.on(word.QUEUE, called.set)
    word.tell(ear.data, word.QUEUE)
    assert called.wait(WAIT)
    assert not heard.is_set()
    watcher.stop()


def test_without_notifications_a_slow_look_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a network disk nobody tells of changes: the watcher looks at the folder now and then, and sees that it is
    another one by its time: nothing was made in it."""
    monkeypatch.setattr(watch, "RARELY", 1 << 30)  # and looks at all there is in it

    def none() -> object:
        raise OSError("no more of them")

    watcher = Watcher(none, poll=0.05)  # type: ignore[arg-type]
    with closing(Ear(tmp_path, watcher)) as ear:
        called = threading.Event()
        ear.on(word.RUNS, called.set)
        for _ in range(2):  # the first look finds a folder that it has not seen before
            word.tell(tmp_path, word.RUNS)
            assert called.wait(WAIT)
            called.clear()
    watcher.stop()
