"""Tails of every agent's files: a record costs its own bytes and no other, and what is shown is what the whole says."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from imports import Folded
from ingest_screen import Screen

from store import growth as growth_module
from store.events import Event
from store.fold import Cut, Put, State, fold_run
from store.formats import HEAD, named, sniff
from store.growth import Growth
from store.items import Item, Raw, text_of
from store.pipe import Pipe
from store.whole import Whole
from viewer.bench import tails
from viewer.bench.grown import recordings


class Fed(Pipe):
    """Counts the bytes that it is given."""

    given = 0

    def feed(self, data: bytes) -> list[Event]:
        self.given += len(data)
        return super().feed(data)


@pytest.mark.parametrize("agent", sorted(recordings()))
def test_each_record_is_read_once_and_told_with_its_own_look(agent: str, tmp_path: Path) -> None:
    """Issue 4: tails of every format. A look reads what is new; it is told at once, not when something follows it."""
    data = recordings()[agent].read_bytes()
    path = tmp_path / "session.jsonl"
    path.touch()
    told: list[list[Event]] = []
    growth = Growth(path, told.append, pytest.fail)
    pipe = Fed(named(agent))
    growth.adopt([path], [pipe])
    before, looks = Pipe(named(agent)), 0
    with path.open("ab", buffering=0) as file:
        for line in data.splitlines(keepends=True):
            file.write(line)
            looks += 1
            growth.take()
            ours = [event for events in told for event in events]
            told.clear()
            assert ours == before.feed(line) + (before.finish() if line.startswith((b"}", b"{")) else [])
    assert (pipe.given, growth.reads, growth.anew) == (len(data), looks, None)
    assert pipe.records == before.records


# ---- files that are written whole each time


def message(number: int, **more: Any) -> dict[str, Any]:
    kind = "gemini" if number % 2 else "user"
    return {
        "id": f"m{number}",
        "timestamp": "2026-10-01T08:00:01.000Z",
        "type": kind,
        "content": f"text {number}",
        **more,
    }


def chat(*messages: dict[str, Any], session: str = "s1", last: str = "2026-10-01T09:00:00.000Z") -> bytes:
    head = {"sessionId": session, "projectHash": "ab", "startTime": "2026-10-01T08:00:00.000Z", "lastUpdated": last}
    return orjson.dumps({**head, "messages": messages}, option=orjson.OPT_INDENT_2)


class Written:
    """A chat in a file that is written whole, and what a look at it gives."""

    def __init__(self, path: Path, *messages: dict[str, Any]) -> None:
        self.path = path
        path.write_bytes(chat(*messages))
        self.state = State()
        self.rows: dict[int, Item] = {}
        whole = Whole(path, named("gemini"))
        self.growth = Growth(path, self.put, pytest.fail)
        for events in whole:
            self.put(events)
        self.growth.adopt(whole.files, whole.pipes)
        self.told = 0

    def put(self, events: list[Event]) -> None:
        self.told = len(events)
        for change in fold_run(self.state, events):
            assert not isinstance(change, Cut)
            assert isinstance(change, Put)
            self.rows[change.row] = change.item

    def texts(self) -> list[str]:
        return [text_of(self.rows[row]) for row in sorted(self.rows)]

    def write(self, data: bytes) -> None:
        self.path.write_bytes(data)
        while self.growth.take():
            pass


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path / "session-x.json", message(0), message(1))


def test_a_chat_that_is_written_whole_tells_what_is_new(written: Written) -> None:
    """Also when the answer that was the last one has grown, and when another file was put in its place."""
    written.write(chat(message(0), message(1), message(2), message(3), last="2026-10-01T09:00:01.000Z"))
    assert (written.growth.anew, written.texts()) == (None, [f"text {n}" for n in range(4)])
    assert written.told < 10
    written.write(chat(message(0), message(1), message(2), message(3, content="text 3 and more")))
    assert written.texts()[3] == "text 3 and more"
    other = written.path.with_name("other")
    other.write_bytes(chat(*map(message, range(3)), message(3, content="text 3 and more"), message(4)))
    other.replace(written.path)
    assert not written.growth.take()
    assert (written.growth.anew, len(written.texts())) == (None, 5)
    assert Folded(Whole(written.path, named("gemini"))).rows[4].id == written.rows[4].id


def test_a_chat_that_is_not_whole_yet_is_waited_for(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer cuts it to nothing and writes it in pieces. One that stays broken is read again from its start."""
    whole = chat(*map(message, range(4)))
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        written.write(whole[:size])
        assert (written.growth.anew, len(written.texts())) == (None, 2)
        assert written.growth.due is not None
    written.write(whole)
    assert (written.growth.anew, written.growth.due, len(written.texts())) == (None, None, 4)
    monkeypatch.setattr(growth_module, "TORN", -1.0)
    written.write(whole[:-1])
    assert "again" in (written.growth.anew or "")


@pytest.mark.parametrize("what", ["gone", "other", "said", "order", "list"])
def test_a_chat_that_does_not_go_on_is_read_from_its_start(written: Written, what: str) -> None:
    new = {
        "gone": chat(message(0)),
        "other": chat(message(0), message(1), message(2), session="s2"),
        "said": chat(message(0, content="edited"), message(1), message(2)),
        "order": chat(message(1), message(0), message(2)),
        "list": orjson.dumps([1, 2, 3] * 400),
    }[what]
    written.write(new)
    assert "again" in (written.growth.anew or "")
    assert written.growth.take() is False, "nothing of it is read as if it followed"


def test_a_big_one_is_cut_by_a_glance_and_read_by_the_worker(written: Written) -> None:
    long = [message(0), message(1), *(message(n, content="x" * 5000) for n in range(2, 40))]
    written.path.write_bytes(chat(*long))
    assert written.growth.take(64 << 10), "more than is looked at in passing"
    assert len(written.texts()) == 2
    assert not written.growth.take()
    assert (written.growth.anew, len(written.texts())) == (None, 40)


def test_what_is_written_anew_all_the_time_is_read_in_a_fifth_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However big: reading it waits four times as long as it took, or has taken so far without an end."""
    now = [0.0]
    monkeypatch.setattr(growth_module, "monotonic", lambda: now[0])
    path = tmp_path / "session.jsonl"
    path.write_bytes(b'{"type":"user"}\n')
    growth = Growth(path, lambda _: None, pytest.fail)

    def adopt() -> None:
        pipe = Pipe(named("claude-code"))
        pipe.feed(path.read_bytes())
        growth.adopt([path], [pipe])

    def rewrite() -> None:
        path.write_bytes(path.read_bytes()[:-3] + b'x"}\n')
        growth.take()

    adopt()
    rewrite()
    assert growth.anew, "at once, the first time"
    growth.forget(read=False)
    now[0] = 3.0
    adopt()  # its end, while a child reads the whole
    rewrite()
    assert growth.anew, "nothing is known of how long it takes"
    growth.forget(read=False)  # and the child is not done after three seconds
    adopt()
    rewrite()
    assert (growth.anew, growth.due) == (None, 15.0)
    now[0] = 15.0
    assert growth.anew


def test_a_live_window_has_no_word_of_it(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    """The real worker: rows come in behind those that are there, nothing is put anew, and nothing is said."""
    path = tmp_path / "session-y.json"
    path.write_bytes(chat(message(0), message(1)))
    screen = screens(path)
    screen.until(lambda: len(screen.rows) == 2)
    for count in (3, 4, 7):
        path.write_bytes(chat(*map(message, range(count))))
        screen.until(lambda count=count: len(screen.rows) == count)
    assert (screen.rebases, screen.session.header.trouble) == (1, "")
    assert screen.texts() == [f"text {n}" for n in range(7)]


def test_one_that_stays_broken_is_read_again_though_nobody_tells(
    tmp_path: Path, screens: Callable[..., Screen], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth_module, "TORN", 0.05)
    path = tmp_path / "session-w.json"
    path.write_bytes(chat(message(0), message(1)))
    screen = screens(path)
    screen.until(lambda: len(screen.rows) == 2)
    other = tmp_path / "other"
    other.write_bytes(chat(message(0), message(1), message(2))[:-3])
    other.replace(path)
    screen.until(lambda: "again" in screen.session.header.trouble)


def test_a_chat_that_is_too_big_to_be_read_at_once(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    """Its end is no lines of records: nothing is shown of it until a child has read it. Then it goes on as a small one
    does, from what was kept of its reader."""
    path = tmp_path / "session-z.json"
    long = [message(n, content=f"{n} {'word ' * 600}") for n in range(400)]
    path.write_bytes(chat(*long))
    assert path.stat().st_size > 1 << 20
    assert sniff(path.read_bytes()[:HEAD], path).agent == "gemini", "also when the head holds only a part of it"
    screen = screens(path)
    screen.until(lambda: screen.whole)
    assert len(screen.rows) == 400
    shown = [item for delta in screen.deltas for item in (*delta.added, *(delta.rebase.tail if delta.rebase else ()))]
    assert not any(isinstance(item, Raw) for item in shown)
    rebases = screen.rebases
    path.write_bytes(chat(*long, message(400), message(401)))
    screen.until(lambda: len(screen.rows) == 402)
    assert (screen.rebases, screen.session.header.trouble) == (rebases, "")


def test_the_bench_knows_which_record_brings_which_row(tmp_path: Path) -> None:
    """`bench tails`: rows of the appended records, each by the first that has it; a chat as one that is rewritten."""
    asked = Namespace(records=40, appends=10)
    for agent, steps in (
        (tails.WHOLE, list(tails._rewritten(asked))),
        ("pi", tails._lines(recordings()["pi"], tmp_path, asked)),
    ):
        rows, news = tails._news(agent.removesuffix(".json"), steps, agent == tails.WHOLE)
        assert len(steps) == 11
        assert 5 < rows == len(news) <= 20
        assert sorted(news.values()) == list(news.values())


def test_a_chat_of_vs_code_tells_the_requests_that_are_new() -> None:
    """One whose answer goes on is read from its start: its turn was over."""

    def told(*requests: tuple[str, str]) -> bytes:
        asked = [
            {"requestId": id, "message": {"text": f"ask {id}"}, "response": [{"value": answer}]}
            for id, answer in requests
        ]
        return orjson.dumps({"sessionId": "s1", "requests": asked})

    pipe, state = Pipe(named("copilot-chat")), State()
    fold_run(state, [*pipe.feed(told(("a", "one"))), *pipe.finish()])
    assert pipe.one
    more = pipe.again(told(("a", "one"), ("b", "two")))
    changes = fold_run(state, more or [])
    assert [text_of(change.item) for change in changes if isinstance(change, Put)] == ["ask b", "two"]
    assert pipe.again(told(("a", "one"), ("b", "two, and more"))) is None
    assert pipe.again(told(("b", "two"))) is None
