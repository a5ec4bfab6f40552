"""What the watcher leaves for the search for sessions: who is woken by what, and that nothing is lost."""

from __future__ import annotations

import threading
from pathlib import Path

from store.sources.news import News


def test_what_is_looked_at_soon_wakes_nobody_and_is_left_all_the_same(tmp_path: Path) -> None:
    """A file that grows all the time: the search sleeps on, and finds it when it is due."""
    busy, other, folder = tmp_path / "busy.jsonl", tmp_path / "other.jsonl", str(tmp_path)
    for path in (busy, other):
        path.touch()
    news, waits = News(lambda path: path == str(busy)), threading.Event()

    def search() -> None:
        with news.ready:
            waits.set()
            news.ready.wait()

    sleeper = threading.Thread(target=search)
    sleeper.start()
    waits.wait()
    with news.ready:  # it sleeps by now
        assert news.ready._waiters  # type: ignore[attr-defined]
    news.on_change(folder, busy)
    news.on_database(str(busy), busy)
    assert news.ready._waiters, "nobody was woken"  # type: ignore[attr-defined]
    news.on_change(folder, other)
    sleeper.join()
    assert news.any()
    assert news.take_changed() == {str(busy), str(other)}
    news.on_change(folder, tmp_path)
    news.on_change(folder, tmp_path / "gone")
    news.on_registry(tmp_path / "entry")
    assert news.take() == (set(), {str(tmp_path / "gone")}, {tmp_path / "entry"}, True)
    assert not news.any()
