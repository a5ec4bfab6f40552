"""Good files, damaged at random: nothing raises, every byte has a place, and any cut shows the same."""

from __future__ import annotations

import json
import random

import pytest
from builders import rows, user
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import DATA, mutate
from thorough import examples

from store.events import At, PromptText, Unreadable
from store.formats import HEAD, named, sniff
from store.formats.base import Damage, Record
from store.pipe import Pipe


def survives(agent: str, data: bytes, cuts: list[int]) -> None:
    """The whole way from bytes to rows."""
    sniff(data[:HEAD])
    seen: list[Record | Damage] = []
    pipe = Pipe(named(agent), watch=lambda piece, events: seen.append(piece))
    found = pipe.feed(data) + pipe.close()
    assert not [event for event in found if isinstance(event, Unreadable) and event.reason == "reader failed"]
    assert sum(piece.at.length for piece in seen) <= len(data)
    ends = [0]
    for piece in seen:
        assert piece.at.offset >= ends[-1]
        assert not data[ends[-1] : piece.at.offset].strip()
        ends.append(piece.at.offset + piece.at.length)
    assert not data[ends[-1] :].strip()
    for item in rows(found):
        repr(item).encode()
    other = Pipe(named(agent))
    again = []
    before = 0
    for cut in [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]:
        again += other.feed(data[before:cut])
        before = cut
    assert again + other.close() == found


@settings(max_examples=examples(60))
@given(st.integers(0, 1 << 32), st.lists(st.integers(0, 1 << 20), max_size=5))
def test_mutations(seed: int, cuts: list[int]) -> None:
    rng = random.Random(seed)
    agent, data = rng.choice(DATA)
    survives(agent if rng.random() < 0.8 else "raw", mutate(data, rng), cuts)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_ten_thousand_mutations() -> None:
    rng = random.Random(20261121)
    for _ in range(10_000):
        agent, data = rng.choice(DATA)
        survives(
            rng.choice((agent, agent, "claude-code", "claude-stream", "raw")),
            mutate(data, rng),
            [rng.randrange(1 << 20)],
        )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=6), children, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([
    "type", "subtype", "message", "content", "uuid", "id", "role", "usage", "attachment", "toolUseResult",
    "tool_use_id", "event",
    "index", "delta", "text", "input", "name", "request", "request_id", "response", "origin", "kind", "isSidechain",
    "agentId",
    "timestamp", "structuredPatch", "lines", "compactMetadata", "error", "content_block", "result", "errors",
    "parent_tool_use_id",
])  # fmt: skip
WORDS = st.sampled_from([
    "user", "assistant", "system", "attachment", "stream_event", "result", "tool_use", "tool_result", "text",
    "thinking",
    "control_request", "can_use_tool", "message_start", "content_block_start", "content_block_delta", "text_delta",
    "message_stop",
    "compact_boundary", "api_error", "task_notification", "queued_command", "hook_success", "Bash", "Edit",
    "TodoWrite", "Task",
])  # fmt: skip
SHAPES = st.recursive(
    JSON | WORDS,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(NAMES, children, max_size=6),
    max_leaves=14,
)


@settings(max_examples=examples(30))
@given(
    st.lists(st.dictionaries(NAMES, SHAPES, max_size=6), max_size=6),
    st.sampled_from(["claude-code", "claude-stream"]),
)
def test_records_of_the_right_names_and_wrong_shapes(records: list[dict[str, object]], agent: str) -> None:
    data = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    survives(agent, data, [7, 77])


@pytest.mark.parametrize("agent", ["claude-code", "claude-stream"])
@pytest.mark.parametrize(
    "record",
    [
        {}, {"type": None}, {"type": []}, {"type": "user"}, {"type": "user", "message": []}, {"type": "assistant"},
        {"type": "user", "message": {"content": 7}}, {"type": "user", "message": {"content": [None, 7,
        {"type": "tool_result"}]}},
        {"type": "assistant", "message": {"content": [[], None, {"type": {}}, {"type": "tool_use", "input": 7}]}},
        {"type": "assistant", "message": {"content": [{"type": "text", "text": None}], "id": 7,
        "usage": {"input_tokens": "x"}}},
        {"type": "assistant", "message": {"content": "text", "usage": []}}, {"type": "system"}, {"type": "system",
        "subtype": []},
        {"type": "system", "subtype": "api_error", "error": {"error": {"error": {"error": {"error": 7}}}}},
        {"type": "system", "subtype": "stop_hook_summary", "hookErrors": 7}, {"type": "attachment"},
        {"type": "attachment", "attachment": {"type": "queued_command", "prompt": 7, "origin": []}},
        {"type": "attachment", "attachment": {"type": "hook_additional_context", "content": {}}},
        {"type": "user", "isSidechain": True, "parentUuid": 7, "uuid": [], "message": {"content": None}},
        {"type": "stream_event"}, {"type": "stream_event", "event": {"type": "content_block_delta", "index": "x",
        "delta": 7}},
        {"type": "stream_event", "event": {"type": "content_block_start", "index": None, "content_block": {"type": 7}}},
        {"type": "stream_event", "event": {"type": "message_start", "message": None}}, {"type": "result", "errors": 7},
        {"type": "result", "duration_ms": "x", "total_cost_usd": {}, "num_turns": None, "permission_denials": [7]},
        {"type": "control_request"}, {"type": "control_request", "request_id": [], "request": 7},
        {"type": "control_response"},
        {"type": "rate_limit_event", "rate_limit_info": {"status": 7}}, {"type": "pr-link", "prNumber": {}},
        {"type": "custom-title", "customTitle": 7}, {"type": "user", "timestamp": {}, "message": {"content": "x"}},
        {"type": "user", "timestamp": "0001-01-01T00:00:00+14:00", "message": {"content": "x"}},
        {"type": "user", "timestamp": 1e400, "message": {"content": "x"}},
        {"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": 7, "content": {"a": 1}}]},
        "toolUseResult": [7]},
        {"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": "a"}]},
         "toolUseResult": {"structuredPatch": [7, {"lines": 7}, {"lines": [7, "+x"], "oldStart": "x"}],
         "totalDurationMs": -1}},
        {"type": "assistant", "message": {"content": [{"type": "tool_use", "id": "x", "name": "TodoWrite",
        "input": {"todos": [7]}}]}},
        {"type": "assistant", "message": {"content": [{"type": "tool_use", "id": "x", "name": "AskUserQuestion",
        "input": {"questions": [[]]}}]}},
        {"type": "assistant", "message": {"content": [{"type": "tool_use", "id": "x", "name": "MultiEdit",
        "input": {"edits": 7}}]}},
        {"type": "assistant", "message": {"content": [{"type": "tool_use", "id": "x", "name": "Read",
        "input": {"offset": "x", "limit": 1e400}}]}},
    ],
    ids=lambda record: str(record)[:60],
)  # fmt: skip
def test_wrong_types_never_raise(agent: str, record: dict[str, object]) -> None:
    """FORMATS 0.5: missing, null or wrongly typed fields; the record after it is read as ever."""
    reader = named(agent).reader()
    for _ in range(2):
        found = reader.events(Record(record, At(), b"{}"))
        rows(found)
    after = reader.events(Record(user("after", "u77"), At(offset=99), b"{}"))
    assert any(isinstance(event, PromptText) and event.text == "after" for event in after)
