"""Replay: the right bytes at the right time, by a clock of the test's own; no test here waits for real time to pass."""

from __future__ import annotations

import importlib
import itertools
import threading
from pathlib import Path

import orjson
import pytest

import resources
from store.errors import StoreError
from store.sources.replay import Replay, is_timed, moments

DEMO = Path(resources.__file__).parent / "demo" / "demo.timed.jsonl"


class Time:
    """A clock that jumps: a wait ends at once, later. `at` is what happens when it gets there."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []
        self.at: dict[float, object] = {}

    def clock(self) -> float:
        return self.now

    def wait(self, news: threading.Event, seconds: float | None) -> bool:
        assert seconds is not None, "waits for ever: nobody would wake it"
        self.waits.append(seconds)
        target = self.now + seconds
        for when in sorted(self.at):
            if when <= target:
                self.now = max(self.now, when)
                action = self.at.pop(when)
                assert callable(action)
                action()
                return news.is_set()
        self.now = target
        return False


class Played:
    def __init__(self, path: Path, **how: object) -> None:
        self.time = Time()
        self.got: list[tuple[float, bytes]] = []
        self.ends: list[str] = []
        self.replay = Replay(path, self._out, self.ends.append, clock=self.time.clock, wait=self.time.wait, **how)  # type: ignore[arg-type]

    def _out(self, data: bytes) -> None:
        self.got.append((round(self.time.now - 100, 6), data))

    def run(self) -> list[tuple[float, bytes]]:
        self.replay.run()
        return self.got


@pytest.fixture
def timed(tmp_path: Path) -> Path:
    path = tmp_path / "a.timed.jsonl"
    rows = [(0.5, "one", False), (0.5, "ö", False), (1.0, "two", False), (9.0, "three", False), (9.5, "end", True)]
    path.write_bytes(
        b"".join(
            orjson.dumps({"t": t, "line": line, **({"partial": True} if partial else {})}) + b"\n"
            for t, line, partial in rows
        )
    )
    return path


def test_its_own_pace_with_capped_gaps_and_a_partial_end(timed: Path) -> None:
    played = Played(timed)
    assert played.run() == [(0.5, "one\nö\n".encode()), (1.0, b"two\n"), (3.0, b"three\n"), (3.5, b"end")]
    assert played.ends == [""]


def test_n_times_faster(timed: Path) -> None:
    assert [at for at, _ in Played(timed, speed=10.0).run()] == [0.05, 0.1, 0.3, 0.35]


def test_as_fast_as_possible_never_waits(timed: Path) -> None:
    played = Played(timed, speed=0)
    assert played.run() == [(0.0, "one\nö\ntwo\nthree\nend".encode())]
    assert played.time.waits == []


def test_a_fixed_rate(timed: Path) -> None:
    assert [at for at, _ in Played(timed, rate=4.0).run()] == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_a_session_file_goes_by_its_timestamps(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    lines = [
        b'{"type":"mode"}\n',
        b'{"timestamp":"2026-01-01T10:00:00.000Z","n":1}\r\n',
        b'{"n":2,"timestamp": "2026-01-01T10:00:00.250Z"}\n',
        b"no JSON at all \xff\n",
        b'{"timestamp":"2026-01-01T09:59:00.000Z","why":"a clock that went back"}\n',
        b'{"timestamp":"2026-01-01T10:00:01.000+00:00"}\n',
        b'{"timestamp":"2026-13-41T10:00:01.000Z"}\n',
        b'{"timestamp":"2026-01-02T10:00:00.000Z","why":"the next day"}',
    ]
    path.write_bytes(b"".join(lines))
    got = Played(path).run()
    assert b"".join(data for _, data in got) == b"".join(lines)
    assert [at for at, _ in got] == [0.0, 0.25, 1.0, 3.0]


def test_stop_in_the_middle_of_a_wait(timed: Path) -> None:
    played = Played(timed)
    played.time.at[100.7] = played.replay.stop
    assert played.run() == [(0.5, "one\nö\n".encode())]
    assert played.ends == []


def test_stop_from_another_thread_is_at_once(timed: Path) -> None:
    got: list[bytes] = []
    first = threading.Event()

    def out(data: bytes) -> None:
        got.append(data)
        first.set()

    others = set(threading.enumerate())
    replay = Replay(timed, out, lambda _: None, speed=0.001, gap=0.0005)
    replay.start()
    (own,) = (one for one in set(threading.enumerate()) - others if one.name == "replay")
    replay.set_speed(1000)
    assert first.wait(20)
    replay.set_speed(0.0001)
    replay.stop()
    assert not own.is_alive()


def test_pause_resume_and_another_speed(timed: Path) -> None:
    played = Played(timed)
    replay, time = played.replay, played.time
    real = time.wait

    def wait(news: threading.Event, seconds: float | None) -> bool:
        if seconds is not None:
            return real(news, seconds)
        assert replay.paused
        time.now += 60  # a minute later
        replay.resume()
        return True

    replay._wait = wait
    time.at[100.7] = replay.pause
    time.at[161.5] = lambda: replay.set_speed(2.0)
    assert [at for at, _ in played.run()] == [0.5, 61.0, 62.25, 62.5]
    assert replay.speed == 2.0


def test_the_whole_is_the_bytes_that_were_recorded(recordings: Path) -> None:
    """Every recording of a stdout comes back as the file that was recorded next to it."""
    found = sorted(recordings.glob("claude/*/*/stdout.timed.jsonl"))[::4]
    assert found
    for path in found:
        whole = b"".join(moment.data for moment in moments(path))
        assert whole == path.with_name("stdout.jsonl").read_bytes(), path


def test_damaged_lines_of_a_recording_are_played_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.timed.jsonl"
    path.write_bytes(b'{"t":0.1,"line":"a"}\n\n{"t":"x"}\nnot JSON\n{"t":0.2,"line":"b"}')
    assert b"".join(moment.data for moment in moments(path)) == b'a\n{"t":"x"}\nnot JSON\nb\n'


def test_what_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    missing = Played(tmp_path / "no.jsonl")
    missing.run()
    assert missing.ends == [f"{tmp_path / 'no.jsonl'} does not exist (any more)."]
    with pytest.raises(StoreError, match="folder"):
        list(moments(tmp_path))


class TestDemo:
    """The recording that is built in."""

    def test_it_is_one_and_a_good_length(self) -> None:
        assert is_timed(DEMO)
        played = list(moments(DEMO))
        assert 60 <= played[-1].at <= 95
        assert max(b.at - a.at for a, b in itertools.pairwise(played)) <= 3.0

    def test_it_is_what_its_script_makes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
        lines = importlib.import_module("make_demo").make()
        assert DEMO.read_text("utf-8").splitlines() == lines

    def test_content_shows_within_300_ms(self) -> None:
        first = next(m.at for m in moments(DEMO) if orjson.loads(m.data)["type"] in ("user", "assistant"))
        assert first < 0.3

    def test_it_has_everything_worth_showing_and_nothing_private(self) -> None:
        records = [orjson.loads(moment.data) for moment in moments(DEMO)]
        kinds = {(r["type"], r.get("subtype", "")) for r in records}
        assert {
            ("system", "init"), ("system", "api_retry"), ("system", "compact_boundary"), ("system", "hook_response"),
            ("system", "task_started"), ("result", "success"),
        } <= kinds  # fmt: skip
        tools = {
            block["name"]
            for r in records if r["type"] == "assistant"
            for block in r["message"]["content"] if block["type"] == "tool_use"
        }  # fmt: skip
        assert {"Bash", "Edit", "Read", "TodoWrite", "Agent"} <= tools
        assert any(r.get("parent_tool_use_id") for r in records)
        text = DEMO.read_text("utf-8").lower()
        for private in ("/root", "/work", "lorem", "sk-", "@gmail", "mock"):
            assert private not in text

    def test_streamed_text_and_final_text_agree(self) -> None:
        said: dict[str, str] = {}
        final: dict[str, str] = {}
        for record in (orjson.loads(moment.data) for moment in moments(DEMO)):
            if record["type"] == "stream_event" and record["event"]["type"] == "content_block_delta":
                delta = record["event"]["delta"]
                piece = delta.get("text", "") + delta.get("thinking", "")
                key = f"{record['api_message_id']}"
                said[key] = said.get(key, "") + piece
            elif record["type"] == "assistant" and record["message"]["id"] in said:
                for block in record["message"]["content"]:
                    key = record["message"]["id"]
                    final[key] = final.get(key, "") + block.get("text", "") + block.get("thinking", "")
        assert said
        assert {key: text for key, text in said.items() if text} == {key: text for key, text in final.items() if text}
