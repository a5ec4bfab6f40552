"""The rules for every reader (FORMATS section 0), one test each, over every format there is."""

from __future__ import annotations

import os
import threading
import tracemalloc
from pathlib import Path

import pytest
from builders import SESSION, answer, assistant, call, events, line, lines, rows, said, told, user

from store import events as ev
from store.formats import formats, named
from store.items import Message, Prompt, Raw, Tool, text_of
from store.pipe import Pipe
from store.report import Coverage
from store.whole import Whole

AGENTS = [format_.agent for format_ in formats()]


def test_rule_1_separators_inside_strings() -> None:
    """U+2028, U+2029 and U+0085 stand raw in JSON strings and end no line; CRLF and blank lines are fine."""
    text = "one\u2028two\u2029three\u0085four"
    data = line(user(text, "u1"))[:-1] + b"\r\n\r\n\n" + line(user("next", "u2"))
    assert told(rows(data)) == [f"prompt: {text}", "prompt: next"]


def test_rule_2_the_end_of_a_file() -> None:
    """Many files have no final newline; a rest that does not parse is not complete yet."""
    data = lines(user("one", "u1"), user("two", "u2"))
    assert len(rows(data[:-1])) == 2
    assert told(rows(data[:-9])) == ["prompt: one"]


def test_rule_3_the_offset_says_where_to_go_on() -> None:
    """The offset is behind the last newline whatever came after it: what a tail compares and starts from again."""
    first = line(user("one"))
    pipe = Pipe(named("claude-code"))
    pipe.feed(first + b'{"half')
    assert (pipe.offset, pipe.fed, pipe.rest) == (len(first), len(first) + 6, b'{"half')


def test_rule_4_damage_never_stops_the_reader(tmp_path: Path) -> None:
    good = line(assistant("fine", id="m9"))
    bad = [b"# note", b"// note", b"\0\0\0", b'{"a":"cut', b"\xff\xfe", b"[", b"}", b'"', b'{"a":}', b"-", b"{'a':1}"]
    data = b"\n".join(bad) + b"\n" + line(user("a", "u1"))[:-1] + line(user("b", "u2")) + good
    shown = rows(data)
    assert [text_of(item) for item in shown if isinstance(item, (Prompt, Message))] == ["a", "b", "fine"]
    assert len([item for item in shown if isinstance(item, Raw)]) == len(bad)
    file = tmp_path / "x.jsonl"
    file.write_bytes(data)
    coverage = Coverage()
    coverage.add(file)
    assert coverage.damaged == len(bad)  # counted, and the count is shown


@pytest.mark.parametrize("agent", AGENTS)
def test_rule_5_any_value_and_any_type(agent: str) -> None:
    """A line may be anything; what is not understood is kept, shown as it is, and the reader goes on."""
    values = ["text", 7, -0.5, None, True, [], [1], {}, {"type": "from-the-future", "x": 1}]
    data = lines(*values)
    shown = [item for item in rows(data, agent) if isinstance(item, Raw)]
    assert len(shown) == len(values)
    assert shown[-1].type == "from-the-future"
    assert [item.spans[0].offset for item in shown] == [data.index(piece) for piece in data.splitlines()] or agent
    assert '"from-the-future"' in shown[-1].text


def test_rule_6_giant_lines_are_not_kept() -> None:
    """Lines of several MB are normal: a raw row holds an excerpt, offset and length, and the pipe holds no line."""
    data = lines({"type": "from-the-future", "blob": "A" * (8 << 20)})
    pipe = Pipe(named("claude-code"))
    pipe.feed(lines(user("x")))
    tracemalloc.start()
    try:
        found = pipe.feed(data)
        pipe.feed(lines(user("y", "u2")))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    (item,) = rows(found)
    assert isinstance(item, Raw)
    assert (len(item.text), item.spans[0].length) == (2001, len(data) - 1)
    assert kept < 1 << 20


def strings(value: object) -> list[str]:
    """Every string in an event."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, tuple):
        return [text for child in value for text in strings(child)]
    names = getattr(value, "__struct_fields__", ())
    return [text for name in names for text in strings(getattr(value, name))]


def test_rule_7_text_can_be_encoded_and_shown() -> None:
    """Lone surrogates, NUL, ANSI, bidi controls: everything an event says can be written as UTF-8, and has no NUL."""
    evil = r"\ud83d \u0000 \u001b[31m \u202e \udfff"
    template = lines(
        user("EVIL", cwd="EVIL", gitBranch="EVIL", version="EVIL"), assistant("EVIL", call("Bash", command="EVIL")),
        answer("EVIL", toolUseResult={"structuredPatch": [{"lines": ["+EVIL"]}], "agentId": "EVIL"}),
        {"type": "custom-title", "customTitle": "EVIL"}, {"type": "EVIL", "sessionId": SESSION},
        {"type": "system", "subtype": "informational", "content": "EVIL", "sessionId": SESSION},
    )  # fmt: skip
    for agent in AGENTS:
        for event in events(template.replace(b"EVIL", evil.encode()), agent):
            for text in strings(event):
                text.encode()
                assert "\0" not in text


@pytest.mark.parametrize(
    ("stamp", "micros"),
    [
        ("2026-09-14T15:07:08.158Z", 1789398428158000), ("2026-09-14T15:07:08Z", 1789398428000000),
        ("2026-09-14T17:07:08.158+02:00", 1789398428158000), (1789398428158, 1789398428158000), (1789398428,
        1789398428000000),
        (1789398428.5, 1789398428500000), ("yesterday", None), (None, None), ({}, None), (-5, None), ("", None),
    ],
)  # fmt: skip
def test_rule_8_timestamps(stamp: object, micros: int | None) -> None:
    (item,) = rows(lines({**user("x"), "timestamp": stamp}))
    assert item.ts == micros


def test_rule_8_the_order_of_the_file_beats_timestamps() -> None:
    assert told(rows(lines(user("late", "u1", 50), user("early", "u2", 1)))) == ["prompt: late", "prompt: early"]


def test_rule_9_token_counts() -> None:
    """Null counts as nothing in a sum; all unknown is unknown, not zero."""

    def used(usage: object) -> list[int | None]:
        record = assistant("x")
        record["message"]["usage"] = usage
        return [event.used for event in events(lines(record)) if isinstance(event, ev.Usage)]

    assert used({"input_tokens": 5, "cache_read_input_tokens": None, "cache_creation_input_tokens": 2.0}) == [7]
    assert used({"input_tokens": None, "output_tokens": 9}) == []
    assert used({"input_tokens": "many"}) == []
    assert used(None) == []


def test_rule_10_untrusted_text_stays_text(tmp_path: Path) -> None:
    """Names and paths out of records are shown as written, and none of them is opened."""
    trap = tmp_path / "trap"
    os.mkfifo(trap)  # whoever opens it hangs
    text = f"<img src='file://{trap}'> {trap}"
    data = lines(
        user(text), assistant(call("Read", file_path=str(trap))),
        answer(f"<persisted-output>Full output saved to: {trap}</persisted-output>",
        toolUseResult={"persistedOutputPath": str(trap)}),
    )  # fmt: skip
    file = tmp_path / "x.jsonl"
    file.write_bytes(data)
    worker = threading.Thread(target=lambda: [batch for batch in Whole(file)], daemon=True)  # noqa: C416
    worker.start()
    worker.join(20)
    assert not worker.is_alive()
    prompt, tool = rows(data)
    assert text_of(prompt) == text
    assert isinstance(tool, Tool)
    assert tool.title == str(trap)


def test_rule_11_private_bookkeeping_is_not_shown() -> None:
    """Account ids and the environment stay in the file."""
    data = lines(
        {"type": "bridge-session", "bridgeSessionId": "secret", "ownerAccountUuid": "secret", "sessionId": SESSION},
        {"type": "attachment", "attachment": {"type": "session_context", "context": {"mail": "secret"}},
        "sessionId": SESSION},
        {"type": "attachment", "attachment": {"type": "environment", "snapshot": "secret"}, "sessionId": SESSION},
    )  # fmt: skip
    assert events(data) == []


def test_rule_12_a_cost_is_only_what_the_stream_says() -> None:
    """An estimate is passed on as told, never made up."""
    result = {"type": "result", "subtype": "success", "total_cost_usd": 0.066, "session_id": SESSION}
    (end,) = (event for event in events(lines(result), "claude-stream") if isinstance(event, ev.TurnEnded))
    assert end.cost_usd == 0.066
    for cost in (None, "1", {}, float("nan")):
        (end,) = (
            event
            for event in events(lines({**result, "total_cost_usd": cost}), "claude-stream")
            if isinstance(event, ev.TurnEnded)
        )
        assert end.cost_usd is None
    assert not any(
        isinstance(event, ev.TurnEnded) and event.cost_usd for event in events(lines(said("x")), "claude-stream")
    )
