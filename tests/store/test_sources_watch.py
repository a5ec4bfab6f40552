"""The watcher: what happens to files is told, soon, on every notifier we have and on none. Real files only."""

from __future__ import annotations

import contextlib
import os
import platform
import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store.sources import notify
from store.sources.notify import Change, Notifier
from store.sources.rust import Rust
from store.sources.watch import PACE, Watcher

WAIT = 10.0


def none() -> Notifier:
    raise OSError(24, "too many of them")


def stamps(root: Path) -> dict[Path, tuple[int, ...]]:
    """Everything below a folder, also while it goes away under our eyes."""
    found: dict[Path, tuple[int, ...]] = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            found |= stamp(Path(folder, name))
    return found


def stamp(path: Path) -> dict[Path, tuple[int, ...]]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        info = path.lstat()
        return {path: (info.st_ino, info.st_size, info.st_mtime_ns)}
    return {}


class Heard:
    """Collects the calls of a watcher. A call for the root of a tree says "look at everything", so it looks."""

    def __init__(self) -> None:
        self.root: Path | None = None
        self.known: dict[Path, tuple[int, ...]] = {}  # what was there at the last look
        self.calls: queue.Queue[Path] = queue.Queue()
        self.threads: set[str] = set()

    def __call__(self, path: Path) -> None:
        self.threads.add(threading.current_thread().name)
        if path != self.root:
            self.known.pop(path, None)
            self.known.update(stamp(path))
            self.calls.put(path)
            for below in [known for known in self.known if path in known.parents and not path.exists()]:
                del self.known[below]  # went with its folder
                self.calls.put(below)
            return
        before, self.known = self.known, stamps(path)
        for changed in before.keys() | self.known.keys():
            if before.get(changed) != self.known.get(changed):
                self.calls.put(changed)

    def wait(self, *paths: Path) -> None:
        """Until each of these was called."""
        missing = {str(path) for path in paths}
        until = time.monotonic() + WAIT
        while missing:
            try:
                missing.discard(str(self.calls.get(timeout=max(0.01, until - time.monotonic()))))
            except queue.Empty:
                raise AssertionError(f"never called: {missing}") from None

    def forget(self, watcher: Watcher, marker: Path) -> None:
        """Everything so far, also what is still on its way."""
        seen = Heard()
        watcher.watch(marker, seen)
        marker.write_text("x")
        seen.wait(marker)
        watcher.unwatch(marker)
        while not self.calls.empty():
            self.calls.get()


@pytest.fixture(params=["best", "rust", "none"])
def watcher(request: pytest.FixtureRequest) -> Iterator[Watcher]:
    makers: dict[str, Callable[[], Notifier]] = {"best": notify.best, "rust": Rust, "none": none}
    watcher = Watcher(makers[request.param], poll=0.1 if request.param == "none" else 60)
    yield watcher
    watcher.stop()


@pytest.fixture
def heard() -> Heard:
    return Heard()


def append(path: Path, data: str = "x\n") -> None:
    with path.open("a") as file:
        file.write(data)


def test_append_replace_delete_return(watcher: Watcher, heard: Heard, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("1\n")
    watcher.watch(path, heard)
    append(path)
    heard.wait(path)
    heard.forget(watcher, tmp_path / "m1")
    other = tmp_path / "other"
    other.write_text("2\n")
    other.replace(path)
    heard.wait(path)
    heard.forget(watcher, tmp_path / "m2")
    path.unlink()
    heard.wait(path)
    heard.forget(watcher, tmp_path / "m3")
    path.write_text("3\n")
    heard.wait(path)
    assert heard.threads == {"watcher"}


def test_a_file_that_is_not_there_yet_nor_its_folders(watcher: Watcher, heard: Heard, tmp_path: Path) -> None:
    path = tmp_path / "one" / "two" / "a.jsonl"
    watcher.watch(path, heard)
    path.parent.mkdir(parents=True)
    path.write_text("1\n")
    heard.wait(path)


def test_its_folder_is_moved_away_and_made_anew(watcher: Watcher, heard: Heard, tmp_path: Path) -> None:
    path = tmp_path / "p" / "a.jsonl"
    path.parent.mkdir()
    path.write_text("1\n")
    watcher.watch(path, heard)
    path.parent.rename(tmp_path / "old")
    heard.wait(path)
    heard.forget(watcher, tmp_path / "m1")
    path.parent.mkdir()
    path.write_text("22\n")
    heard.wait(path)
    heard.forget(watcher, tmp_path / "m2")
    append(path)
    heard.wait(path)


def test_unwatch_and_two_callbacks(watcher: Watcher, heard: Heard, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("1\n")
    second = Heard()
    watcher.watch(path, heard)
    watcher.watch(path, second)
    append(path)
    heard.wait(path)
    second.wait(path)
    watcher.unwatch(path, heard)
    heard.forget(watcher, tmp_path / "m")
    while not second.calls.empty():
        second.calls.get()
    append(path)
    second.wait(path)
    assert heard.calls.empty()


def test_a_callback_that_fails_does_not_blind_the_others(
    watcher: Watcher, heard: Heard, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("1\n")

    def broken(_: Path) -> None:
        raise ValueError("a bug of ours")

    watcher.watch(path, broken)
    watcher.watch(path, heard)
    append(path)
    heard.wait(path)
    assert "a bug of ours" in caplog.text


class TestTree:
    def test_files_anywhere_below(self, watcher: Watcher, heard: Heard, tmp_path: Path) -> None:
        deep = tmp_path / "projects" / "key" / "uuid" / "subagents"
        deep.mkdir(parents=True)
        heard.root = tmp_path / "projects"
        watcher.watch_tree(heard.root, heard)
        first = deep / "agent-1.jsonl"
        first.write_text("1\n")
        heard.wait(first)
        first.unlink()
        heard.wait(first)

    def test_a_file_made_together_with_its_new_folders(self, watcher: Watcher, heard: Heard, tmp_path: Path) -> None:
        root = tmp_path / "projects"
        root.mkdir()
        heard.root = root
        watcher.watch_tree(root, heard)
        for number in range(8):
            path = root / f"new-{number}" / "deep" / "a.jsonl"
            path.parent.mkdir(parents=True)
            path.write_text("1\n")
            heard.wait(path)
            append(path)
            heard.wait(path)

    def test_a_root_that_comes_goes_and_comes_again(self, watcher: Watcher, heard: Heard, tmp_path: Path) -> None:
        root = tmp_path / "home" / ".claude" / "projects"
        heard.root = root
        watcher.watch_tree(root, heard)
        path = root / "key" / "a.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("1\n")
        heard.wait(path)
        shutil.rmtree(tmp_path / "home")
        heard.wait(path)
        heard.forget(watcher, tmp_path / "m")
        path.parent.mkdir(parents=True)
        path.write_text("2\n")
        heard.wait(path)

    def test_a_folder_moved_in_and_out(self, watcher: Watcher, heard: Heard, tmp_path: Path) -> None:
        root = tmp_path / "projects"
        root.mkdir()
        heard.root = root
        watcher.watch_tree(root, heard)
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "a.jsonl").write_text("1\n")
        moved = outside.rename(root / "inside")
        heard.wait(moved / "a.jsonl")
        append(moved / "a.jsonl")
        heard.wait(moved / "a.jsonl")
        heard.forget(watcher, tmp_path / "m")
        moved.rename(outside)
        heard.wait(moved)

    @pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights there")
    def test_links_that_go_round_in_circles(self, watcher: Watcher, heard: Heard, tmp_path: Path) -> None:
        root = tmp_path / "projects"
        (root / "key").mkdir(parents=True)
        (root / "key" / "self").symlink_to(root)
        (root / "key" / "up").symlink_to(root / "key")
        heard.root = root
        watcher.watch_tree(root, heard)
        path = root / "key" / "a.jsonl"
        path.write_text("1\n")
        heard.wait(path)


class Overrun:
    """A notifier that says nothing but that everything was lost, as inotify does when its queue overflows."""

    exact = True

    def __init__(self) -> None:
        self.folders: set[str] = set()
        self.news: queue.Queue[list[Change]] = queue.Queue()
        self.telling = False

    def add(self, folder: str, names: bool = False) -> None:
        if not Path(folder).is_dir():
            raise FileNotFoundError(folder)
        self.folders.add(folder)

    def remove(self, folder: str) -> None:
        self.folders.discard(folder)

    def wait(self, timeout: float | None) -> list[Change]:
        if self.telling:
            self.news.task_done()
            self.telling = False
        with contextlib.suppress(queue.Empty):
            found = self.news.get(timeout=timeout)
            self.telling = True
            return found
        return []

    def lose(self) -> None:
        """Returns when the watcher has told everybody."""
        self.news.put([Change("", lost=True)])
        self.news.join()

    def wake(self) -> None:
        self.news.put([])

    def close(self) -> None:
        self.folders.clear()


def test_folders_that_came_and_went_while_notifications_were_lost(heard: Heard, tmp_path: Path) -> None:
    notifier = Overrun()
    watcher = Watcher(lambda: notifier, poll=60)
    heard.root = tmp_path / "home" / "projects"
    path = heard.root / "key" / "a.jsonl"
    aside = tmp_path / "aside"
    (aside / "projects" / "key").mkdir(parents=True)
    (aside / "projects" / "key" / "a.jsonl").write_text("1\n")
    try:
        watcher.watch_tree(heard.root, heard)
        for _ in range(2):
            aside.rename(tmp_path / "home")
            notifier.lose()
            heard.wait(path)
            assert notifier.folders == {str(heard.root), str(path.parent)}
            (tmp_path / "home").rename(aside)
            notifier.lose()
            heard.wait(path)
            assert notifier.folders == {str(tmp_path)}
    finally:
        watcher.stop()


def test_the_noise_of_a_big_folder_costs_no_look_at_it(
    heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One watched file among thousands: no listing of the folder, no stat of the others."""
    for number in range(3000):
        (tmp_path / f"{number}.jsonl").touch()
    path = tmp_path / "7.jsonl"
    watcher = Watcher(poll=60)
    listed: list[object] = []
    stats: list[Path] = []
    real = Path.stat

    def counted(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        stats.append(self)
        return real(self, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "scandir", lambda *args: listed.append(args))
    monkeypatch.setattr(Path, "stat", counted)
    try:
        watcher.watch(path, heard)
        for number in range(100, 200):
            append(tmp_path / f"{number}.jsonl")
        append(path)
        heard.wait(path)
    finally:
        watcher.stop()
    assert listed == []
    assert {stat.name for stat in stats} <= {"7.jsonl"}
    assert heard.calls.empty()


def test_a_steady_writer_is_told_of_in_rounds(tmp_path: Path) -> None:
    """The first news is told at once; what follows it closely waits for more, and all of it is told in one call."""
    watcher, path = Watcher(poll=60), tmp_path / "a.jsonl"
    path.write_text("")
    told: list[bool] = []
    heard = threading.Event()

    def call(_: Path) -> None:
        told.append(watcher.collected)
        heard.set()

    watcher.watch(path, call)
    try:
        append(path)
        assert heard.wait(WAIT)
        assert told[0] is False
        began, appends = time.monotonic(), 1
        while sum(told) < 5:
            assert time.monotonic() < began + WAIT
            append(path)
            appends += 1
        seconds = time.monotonic() - began
        # A call at once needs a pause of the writer or of this machine, and a round takes as long: two in each PACE.
        assert len(told) <= 4 + 2 * seconds / PACE
        assert len(told) < appends
    finally:
        watcher.stop()


class Scripted:
    """A notifier that says what a test puts in: for the order of things, which no real writer keeps to."""

    exact = True

    def __init__(self) -> None:
        self.news: queue.Queue[list[Change]] = queue.Queue()

    def add(self, folder: str, names: bool = False) -> None: ...

    def remove(self, folder: str) -> None: ...

    def wait(self, timeout: float | None) -> list[Change]:
        with contextlib.suppress(queue.Empty):
            return self.news.get(timeout=timeout)
        return []

    def wake(self) -> None:
        self.news.put([])

    def close(self) -> None: ...


def test_the_same_news_again_reaches_who_listens_now(tmp_path: Path) -> None:
    """What is told of a growing file is not thought about each time; whoever comes or goes is noticed all the same."""
    notifier = Scripted()
    watcher, path = Watcher(lambda: notifier, poll=60), tmp_path / "a.jsonl"
    path.write_text("")
    same = [Change(str(path))]
    first: queue.Queue[Path] = queue.Queue()
    second: queue.Queue[Path] = queue.Queue()
    tree: queue.Queue[Path] = queue.Queue()
    try:
        watcher.watch(path, first.put)
        for _ in range(3):
            notifier.news.put(same)
            assert first.get(timeout=WAIT) == path
        watcher.watch(path, second.put)
        watcher.watch_tree(tmp_path, tree.put)
        notifier.news.put(same)
        for heard in (first, second, tree):
            assert heard.get(timeout=WAIT) == path
        watcher.unwatch(path, first.put)
        notifier.news.put(same)
        for heard in (second, tree):
            assert heard.get(timeout=WAIT) == path
        assert first.empty()
    finally:
        watcher.stop()


def test_inotify_says_the_same_news_with_the_same_list(tmp_path: Path) -> None:
    if platform.system() != "Linux":
        pytest.skip("inotify is Linux's")
    from store.sources.inotify import Inotify

    path, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    path.write_text("")
    other.write_text("")
    notifier = Inotify()
    try:
        notifier.add(str(tmp_path))
        append(path)
        said = notifier.wait(WAIT)
        assert said == [Change(str(path))]
        append(path)
        assert notifier.wait(WAIT) is said
        append(other)
        assert notifier.wait(WAIT) == [Change(str(other))]
        append(path)
        assert notifier.wait(WAIT) == said
        notifier.add(str(tmp_path / ".."))  # the numbers may mean other folders now
        append(path)
        again = notifier.wait(WAIT)
        assert again == said
        assert again is not said
        assert notifier.wait(0) == []
    finally:
        notifier.close()


def test_a_folder_that_is_only_waited_in_tells_of_names_alone(tmp_path: Path) -> None:
    """A missing folder waits in the one above, which may be ours: the database is written there all day."""
    if platform.system() != "Linux":
        pytest.skip("inotify is Linux's")
    from store.sources.inotify import Inotify

    path = tmp_path / "playhead.db"
    path.write_text("")
    notifier = Inotify()
    try:
        notifier.add(str(tmp_path), names=True)
        append(path)
        assert notifier.wait(0) == []
        made = tmp_path / "journals"
        made.mkdir()
        assert notifier.wait(WAIT) == [Change(str(made), folder=True, made=True)]
        notifier.add(str(tmp_path))
        notifier.add(str(tmp_path), names=True)  # who wants more of it keeps that
        append(path)
        assert notifier.wait(WAIT) == [Change(str(path))]
    finally:
        notifier.close()


def test_stop_is_quick_from_anywhere_and_ends_the_thread(tmp_path: Path) -> None:
    watcher = Watcher()
    done = threading.Event()

    def stop(_: Path) -> None:
        watcher.stop()
        done.set()

    path = tmp_path / "a"
    watcher.watch(path, stop)
    path.write_text("x")
    assert done.wait(WAIT)
    watcher.stop()
    Watcher().stop()
    quiet = Watcher()
    quiet.watch(path, stop)
    began = time.monotonic()
    quiet.stop()
    assert time.monotonic() - began < 2
