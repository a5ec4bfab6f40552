"""Bytes to events in one place: any cut gives the same, nothing raises, and everything is bounded."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import orjson
import pytest
from builders import SESSION, assistant, call, line, lines, rows, told, user
from hypothesis import given, settings
from hypothesis import strategies as st

from store.errors import StoreError
from store.events import Event, MessageDone, PromptText, Unreadable
from store.fold import State, fold_run
from store.formats import formats, named
from store.formats.base import Damage, Format, Record
from store.pipe import Pipe
from store.whole import Whole, events_of, live_state, open_file

RECORDED = sorted((Path(__file__).parents[1] / "recorded").glob("*/*.jsonl"), key=lambda path: path.stat().st_size)
SMALL = [path for path in RECORDED if path.stat().st_size < 50_000]


def fed(data: bytes, agent: str, cuts: Sequence[int]) -> tuple[list[Event], Pipe]:
    pipe = Pipe(named(agent))
    found: list[Event] = []
    before = 0
    for cut in [*sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]:
        found += pipe.feed(data[before:cut])
        before = cut
    return found + pipe.finish(), pipe


@settings(max_examples=60)
@given(st.sampled_from(SMALL), st.lists(st.integers(0, 1 << 20), max_size=12), st.integers(1, 40))
def test_any_split_gives_the_same_events_and_rows(path: Path, cuts: list[int], batch: int) -> None:
    """P-09: the same bytes show the same rows, however they arrive and however the fold is fed."""
    data = path.read_bytes()
    whole, one = fed(data, path.parent.name, [])
    found, other = fed(data, path.parent.name, cuts)
    assert found == whole
    assert (one.offset, one.records, one.raw, one.damaged) == (other.offset, other.records, other.raw, other.damaged)
    state = State()
    last: dict[int, object] = {}
    for first in range(0, len(found), batch):
        for change in fold_run(state, found[first : first + batch]):
            last = (
                {row: item for row, item in last.items() if row < change.row} if not hasattr(change, "item") else last
            )
            if hasattr(change, "item"):
                last[change.row] = change.item
    shown = rows(whole)
    assert [(getattr(last[row], "id", ""), told([last[row]])) for row in sorted(last)] == [  # type: ignore[list-item]
        (item.id, told([item])) for item in shown
    ]


@pytest.mark.parametrize("path", SMALL, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_byte_by_byte(path: Path) -> None:
    data = path.read_bytes()[:6000]
    pipe = Pipe(named(path.parent.name))
    found = [event for index in range(len(data)) for event in pipe.feed(data[index : index + 1])]
    assert found + pipe.finish() == fed(data, path.parent.name, [])[0]


def test_an_unfinished_record_waits() -> None:
    """FORMATS 0.2: not complete yet is no error; whole without a newline is a record, once."""
    pipe = Pipe(named("claude-code"))
    record = line(user("héllo", "u1"))
    half = record.index(b"\xa9")  # in the middle of a character
    assert pipe.feed(record[:half]) == []
    assert pipe.finish() == []
    assert (pipe.offset, pipe.fed, pipe.records) == (0, half, 0)
    assert pipe.feed(record[half:-1]) == []
    assert [event.text for event in pipe.finish() if isinstance(event, PromptText)] == ["héllo"]
    assert pipe.finish() == []
    assert pipe.feed(b"\n") == []
    assert (pipe.offset, pipe.records, pipe.damaged) == (len(record), 1, 0)
    assert [event.text for event in pipe.feed(line(user("next", "u2"))) if isinstance(event, PromptText)] == ["next"]


def test_close_says_what_never_came() -> None:
    pipe = Pipe(named("claude-code"))
    pipe.feed(line(user("x"))[:40])
    (event,) = pipe.close()
    assert isinstance(event, Unreadable)
    assert (event.reason, pipe.offset, pipe.damaged) == ("cut off", 40, 1)


def test_a_start_in_the_middle_of_a_file() -> None:
    first, second = line(user("one", "u1")), line(assistant("two"))
    pipe = Pipe(named("claude-code"), file=3, agent="ab", parent="toolu_9", start=len(first))
    (event,) = (event for event in pipe.feed(second) if isinstance(event, MessageDone))
    assert (event.at.offset, event.at.length, event.at.file) == (len(first), len(second) - 1, 3)
    assert (event.at.agent, event.at.parent) == ("ab", "toolu_9")


def test_a_value_printed_over_several_lines() -> None:
    """Pretty JSON is one record, or one per element of an array; anything else is line by line after all."""
    data = b'{\n  "type": "result",\n  "result": "Hi."\n}\n'
    pipe = Pipe(named("claude-stream"))
    assert told(rows(pipe.feed(data)))[0] == "message: Hi."
    assert (pipe.records, pipe.damaged) == (1, 0)
    for end in (b"\n", b"\r\n"):
        seen: list[Record | Damage] = []
        pipe = Pipe(named("raw"), watch=lambda piece, events, seen=seen: seen.append(piece))  # type: ignore[misc]
        text = end.join([b"[", b'  {"type": "a"},', b'  {"type": "b"}', b"]", b"{", b"no", b"{", b' "x": 1'])
        pipe.feed(text)
        pipe.close()
        kinds = [(type(piece).__name__, text[piece.at.offset :][: piece.at.length].strip()) for piece in seen]
        assert kinds[0] == ("Record", b"[" + end + b'  {"type": "a"},')
        assert kinds[1] == ("Record", b'{"type": "b"}' + end + b"]")
        assert kinds[2:] == [("Damage", b"{"), ("Damage", b"no"), ("Damage", b"{"), ("Damage", b'"x": 1')]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_what_is_not_understood_is_shown_without_the_end_of_its_line(end: bytes) -> None:
    text = b'{"type": "new"}'
    found = [event for event in Pipe(named("claude-code")).feed(text + end + text + end) if type(event) is Unreadable]
    assert [event.excerpt for event in found] == [text.decode()] * 2
    assert [(event.at.offset, event.at.length) for event in found] == [(0, 15), (15 + len(end), 15)]


@pytest.mark.parametrize("cut", [1, 7, 300, 100_000])
def test_a_value_that_is_too_big_is_one_row_and_its_bytes_add_up(cut: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """On one line or on many: it is not decoded, what stands around it is, and its beginning is kept."""
    for name in ("store.lines.MOST", "store.pipe.MOST", "store.pipe.BLOCK"):
        monkeypatch.setattr(name, 2000)
    first, second, third = (orjson.dumps({"type": "x", "n": n}) for n in range(3))
    line = orjson.dumps({"type": "big", "text": "x" * 3000})
    block = orjson.dumps({"type": "big", "list": list(range(500))}, option=orjson.OPT_INDENT_2)
    unfinished = orjson.dumps({"list": list(range(500))}, option=orjson.OPT_INDENT_2)[:-1]
    told = [first, line, second, block, third, unfinished, first, line]
    data = b"\n".join(told)
    seen: list[Record | Damage] = []
    pipe = Pipe(named("claude-code"), watch=lambda piece, _events: seen.append(piece))
    for start in range(0, len(data), cut):
        pipe.feed(data[start : start + cut])
    pipe.finish()
    assert [type(piece) is Damage for piece in seen] == [False, True, False, True, False, True, False, True]
    assert [piece.at.offset for piece in seen] == [data.index(one) for one in told[:6]] + [
        len(data) - len(line) - 1 - len(first), len(data) - len(line),
    ]  # fmt: skip
    assert sum(piece.at.length + 1 for piece in seen) == len(data) + 1
    assert "a record of 0 MB; more than 0 MB are not read" in {getattr(piece, "reason", "") for piece in seen}
    assert all(
        len(piece.raw) < len(data) and told[n].startswith(piece.raw.strip()[:50]) for n, piece in enumerate(seen)
    )
    assert (pipe.fed, pipe.close()) == (len(data), [])


def test_a_reader_that_fails_costs_one_record(caplog: pytest.LogCaptureFixture) -> None:
    class Bad:
        def events(self, record: Record) -> Sequence[Event]:
            if record.data.get("bad"):
                raise RuntimeError("ours")
            return (PromptText(record.at, "u", "fine"),)

    pipe = Pipe(Format(agent="bad", title="Bad", reader=Bad, claims=lambda head, path: 0))
    with caplog.at_level(logging.ERROR):
        first, second = pipe.feed(b'{"bad":1}\n{}\n')
    assert isinstance(first, Unreadable)
    assert (first.reason, pipe.raw, pipe.records) == ("reader failed", 1, 2)
    assert isinstance(second, PromptText)
    assert "ours" in caplog.text
    caplog.clear()


@cache
def _answered(number: int) -> bytes:
    """Records of one prompt and its answer."""
    text = f"{number} " + "x" * 50
    return lines(
        user(text, f"u{number}", isSidechain=number % 2 == 0),
        assistant(text, call("Task", f"t{number}", prompt=text), id=f"m{number}", uuid=f"a{number}"),
        {"type": "control_request", "request_id": f"r{number}", "request": {"subtype": "can_use_tool"}},
        {"type": "attachment", "attachment": {"type": "queued_command", "prompt": text}},
    )


@pytest.mark.parametrize("agent", [format_.agent for format_ in formats()])
def test_a_reader_remembers_no_more_than_it_must(agent: str) -> None:
    """A long session must not grow its reader: 8,000 answers, none of them kept."""

    def size(value: object, seen: set[int]) -> int:
        if id(value) in seen:
            return 0
        seen.add(id(value))
        total = sys.getsizeof(value)
        if isinstance(value, dict):
            total += sum(size(key, seen) + size(child, seen) for key, child in value.items())
        elif isinstance(value, (list, tuple, set)) or type(value).__name__ == "deque":
            total += sum(size(child, seen) for child in value)  # type: ignore[attr-defined]
        elif hasattr(value, "__dict__"):
            total += size(vars(value), seen)
        return total

    pipe = Pipe(named(agent))
    sizes = []
    each = 2000 if agent.startswith(("claude", "qwen")) else 200  # for all others these records are raw
    for round_ in range(4):
        for number in range(round_ * each, round_ * each + each):
            pipe.feed(_answered(number))
        sizes.append(size(pipe._reader, set()))
    assert sizes[3] < sizes[2] * 1.2 + 1000


# ---- a session and its subagents


def _session(folder: Path) -> Path:
    main = folder / f"{SESSION}.jsonl"
    below = main.with_suffix("") / "subagents"
    below.mkdir(parents=True)
    main.write_bytes(
        lines(
            user("go"), assistant(call("Agent", "t1", description="one"), id="m1"), assistant("between", id="m2"),
            assistant(call("Agent", "t2", description="two"), id="m3"),
            {**user([{"type": "tool_result", "tool_use_id": "t2", "content": "ok"}], "r2"),
            "toolUseResult": {"agentId": "bb"}},
            assistant("end", id="m4"),
        )
    )  # fmt: skip
    side = {"isSidechain": True}
    (below / "agent-aa.jsonl").write_bytes(
        lines(user("do one", "ua", agentId="aa", **side), assistant(call("Agent", "t9"), id="ma", agentId="aa", **side),
              assistant("one done", id="mb", agentId="aa", **side))
    )  # fmt: skip
    (below / "agent-aa.meta.json").write_text('{"toolUseId":"t1","description":"one"}')
    (below / "agent-bb.jsonl").write_bytes(lines(user("do two", "ub", agentId="bb", **side)))
    (below / "agent-cc.jsonl").write_bytes(lines(user("nobody asked", "uc", agentId="cc", **side)))
    (below / "agent-cc.meta.json").write_text('{"toolUseId":"gone"')
    (below / "agent-dd.jsonl").write_bytes(lines(user("nested", "ud", agentId="dd", **side)))
    (below / "agent-dd.meta.json").write_text('{"toolUseId":"t9"}')
    return main


def test_subagents_stand_at_their_calls(tmp_path: Path) -> None:
    """A1: by meta.json, else by the result that names them; nested ones in their own; orphans at the end."""
    whole = events_of(_session(tmp_path))
    found = [event for batch in whole for event in batch]
    shown = [(item.agent, item.parent, line_) for item, line_ in zip(rows(found), told(rows(found)), strict=True)]
    assert shown == [
        ("", None, "prompt: go"), ("", None, "tool.agent: one"), ("aa", "t1", "prompt.agent: do one"),
        ("aa", "t1", "tool.agent: "), ("dd", "t9", "prompt.agent: nested"), ("aa", "t1", "message: one done"),
        ("", None, "message: between"), ("", None, "tool.agent: two\nok"), ("bb", "t2", "prompt.agent: do two"),
        ("", None, "message: end"), ("cc", None, "prompt.agent: nobody asked"),
    ]  # fmt: skip
    assert [path.stem for path in whole.files] == [SESSION, "agent-aa", "agent-dd", "agent-bb", "agent-cc"]
    assert {event.at.file for event in found} == set(range(5))
    for index, (path, pipe) in enumerate(zip(whole.files, whole.pipes, strict=True)):
        assert (pipe.file, pipe.offset) == (index, path.stat().st_size)


def test_a_session_up_to_a_point(tmp_path: Path) -> None:
    """Whoever tails the file goes on from there, with the same pipe, and nothing is told twice."""
    main = _session(tmp_path)
    data = main.read_bytes()
    everything = [event for batch in Whole(main) for event in batch if event.at.file == 0]
    for upto in (0, 1, len(data) // 2, len(data) - 1, len(data), len(data) + 5):
        whole = Whole(main, upto=upto)
        found = [event for batch in whole for event in batch if event.at.file == 0]
        pipe = whole.pipes[0]
        assert pipe.fed == min(upto, len(data))
        found += pipe.feed(data[pipe.fed :]) + pipe.finish()
        assert found == everything


def test_old_subagents_lie_beside_their_session(tmp_path: Path) -> None:
    """A1: up to 2.0.x."""
    main = tmp_path / f"{SESSION}.jsonl"
    main.write_bytes(lines(user("go")))
    (tmp_path / "agent-ab12.jsonl").write_bytes(lines(user("mine", isSidechain=True, agentId="ab12")))
    (tmp_path / "agent-cd34.jsonl").write_bytes(lines({**user("not mine", isSidechain=True), "sessionId": "another"}))
    assert [path.name for path in _read(main).files] == [main.name, "agent-ab12.jsonl"]


def _read(path: Path) -> Whole:
    whole = Whole(path)
    for _ in whole:
        pass
    return whole


def test_subagents_that_call_each_other_end(tmp_path: Path) -> None:
    main = tmp_path / f"{SESSION}.jsonl"
    below = main.with_suffix("") / "subagents"
    below.mkdir(parents=True)
    main.write_bytes(lines(assistant(call("Agent", "t0"))))
    for index in range(100):
        name = below / f"agent-{index:03}.jsonl"
        name.write_bytes(lines(assistant(call("Agent", f"t{(index + 1) % 100}"), isSidechain=True, id=f"m{index}")))
        name.with_suffix(".meta.json").write_text(f'{{"toolUseId":"t{index}"}}')
    assert len(_read(main).files) == 101


def test_a_subagent_file_that_disappears_costs_only_itself(tmp_path: Path) -> None:
    main = _session(tmp_path)
    whole = Whole(main)
    found: list[Event] = []
    for batch in whole:
        found += batch
        (main.with_suffix("") / "subagents" / "agent-cc.jsonl").unlink(missing_ok=True)
    assert told(rows(found))[-1] == "message: end"


def test_reading_changes_no_file_times(tmp_path: Path) -> None:
    main = _session(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    _read(main)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_what_is_no_file_is_said_in_a_sentence(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "nothing", Path("/dev/null")):
        with pytest.raises(StoreError, match=r"\.$"):
            open_file(path)


def test_live_by_what_a_living_program_says(tmp_path: Path) -> None:
    """A1: the registry of running programs; a process that is gone says nothing."""
    import os

    project = tmp_path / "projects" / "-w"
    project.mkdir(parents=True)
    main = project / f"{SESSION}.jsonl"
    main.write_bytes(lines(user("go")))
    os.utime(main, (1_000_000, 1_000_000))
    format_ = named("claude-code")
    assert live_state(main, format_) == "ended"
    registry = tmp_path / "sessions"
    registry.mkdir()
    mine = registry / f"{os.getpid()}.json"
    mine.write_text("")  # seen while it is written
    assert live_state(main, format_) == "ended"
    for status, state in (("busy", "running"), ("waiting", "waiting"), ("idle", "idle"), ("new word", "idle")):
        mine.write_text(f'{{"sessionId":"{SESSION}","status":"{status}"}}')
        assert live_state(main, format_) == state
    mine.write_text(
        f'{{"sessionId":"{SESSION}","status":"busy","procStart":"1"}}'
    )  # the number was given to another one
    assert live_state(main, format_) == "ended"
