"""OpenCode's stream: tools as they run and end, failures, what steps took, and which files are not of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from builders import rows

from store.events import AdapterSeen, At, Event, NoticeAdded, SessionNamed, Spent, Tokens, TurnEnded, Usage
from store.formats import named, sniff
from store.formats.opencode_stream import tokens_of
from store.formats.opencode_tools import tool
from store.items import Message, Notice, Thought, Tool
from store.pipe import Pipe

RECORDED = Path(__file__).parents[1] / "recorded" / "opencode-stream"
T0 = 1_791_446_400_000
USED = {"total": 1217, "input": 1200, "output": 17, "reasoning": 0, "cache": {"read": 0, "write": 0}}


def record(kind: str, id: str = "prt_1", **part: Any) -> dict[str, Any]:
    return {"type": kind, "timestamp": T0, "sessionID": "ses_1", "part": {"id": id, **part}}


def called(status: str, name: str = "bash", id: str = "prt_t", **state: Any) -> dict[str, Any]:
    state = {"status": status, "input": {"command": "ls"}, **state}
    return record("tool_use", id, type="tool", tool=name, callID="c1", state=state)


def step(reason: str = "stop", id: str = "prt_s", cost: float = 0.5, **used: Any) -> dict[str, Any]:
    return record("step_finish", id, type="step-finish", reason=reason, cost=cost, tokens=USED | used)


def events(*records: Any, start: int = 0) -> list[Event]:
    pipe = Pipe(named("opencode-stream"), start=start)
    return pipe.feed(b"".join(orjson.dumps(one) + b"\n" for one in records)) + pipe.close()


def test_a_tool_that_is_told_while_it_runs_is_one_row() -> None:
    found = rows(
        events(
            called("pending", input={}),
            called("running", time={"start": T0}),
            called("running", metadata={"output": "a\n"}),
            called("completed", output="a\nb\n", metadata={"exit": 0}, time={"start": T0 + 5, "end": T0 + 25}),
        )
    )
    (row,) = found
    assert isinstance(row, Tool)
    assert (row.kind, row.title, row.status, row.exit_code) == ("tool.shell", "ls", "ok", 0)
    assert (str(row.output), row.duration_us) == ("a\nb\n", 20_000)


def test_output_so_far_ends_no_call() -> None:
    (row,) = rows(events(called("running", metadata={"output": "a\n"})))
    assert isinstance(row, Tool)
    assert (row.status, str(row.output)) == ("running", "a\n")


@pytest.mark.parametrize(
    ("state", "name", "status", "output"),
    [
        ({"status": "completed", "output": "no", "metadata": {"exit": 3}}, "bash", "failed", "no"),
        ({"status": "completed", "output": "x", "metadata": {"exitCode": 0}}, "bash", "ok", "x"),
        ({"status": "error", "error": "no such file"}, "read", "failed", "no such file"),
        ({"status": "error", "error": "Tool execution aborted", "metadata": {"output": "a"}}, "bash", "cancelled",
         "a\nTool execution aborted"),
        ({"status": "completed", "output": "The arguments are invalid."}, "invalid", "failed",
         "The arguments are invalid."),
        ({"status": "completed", "output": {"rows": 2}}, "query", "ok", '{"rows":2}'),
    ],
)  # fmt: skip
def test_how_a_call_ended(state: dict[str, Any], name: str, status: str, output: str) -> None:
    (row,) = rows(tool({"tool": name, "state": {"input": {"path": "a"}, **state}}, "c", At()))
    assert isinstance(row, Tool)
    assert (row.status, str(row.output)) == (status, output)


def test_diffs_come_from_what_was_shown() -> None:
    patch = "--- a\n+++ a\n@@ -1,2 +1,2 @@\n-old\n+new\n same\n"
    shown = {"diff": patch}
    several = {"files": [{"relativePath": "a.py", "patch": patch}, {"relativePath": "b.py", "diff": patch}, "odd"]}
    made = {"exists": False}
    for name, given, metadata, paths in (
        ("edit", {"filePath": "/a"}, shown, [""]),
        ("apply_patch", {"patchText": "x"}, several, ["a.py", "b.py"]),
        ("write", {"filePath": "/a", "content": "one\n"}, made, [""]),
    ):
        state = {"status": "completed", "input": given, "output": "", "metadata": metadata}
        (row,) = rows(tool({"tool": name, "state": state}, "c", At()))
        assert isinstance(row, Tool)
        assert [hunk.path for hunk in row.hunks or ()] == paths
    state = {"status": "completed", "input": {"filePath": "/a", "content": "one"}, "metadata": {"exists": True}}
    (row,) = rows(tool({"tool": "write", "state": state}, "c", At()))
    assert isinstance(row, Tool)
    assert not row.hunks  # what stood there before is not known


def test_a_task_names_the_session_of_its_subagent() -> None:
    state = {"status": "running", "input": {"description": "Look"}, "metadata": {"sessionId": "ses_2"}}
    (row,) = rows(tool({"tool": "task", "state": state}, "c", At()))
    assert isinstance(row, Tool)
    assert (row.kind, row.title, row.child_agent, row.status) == ("tool.agent", "Look", "ses_2", "running")


def test_what_a_step_took_and_when_the_turn_ends() -> None:
    found = events(step("tool-calls", "s1", 0.25), step("stop", "s2", 0.5, input=100, total=117))
    assert [one.key for one in found if isinstance(one, Spent)] == ["opencode s1", "opencode s2"]
    assert [one.used for one in found if isinstance(one, Usage)] == [1217, 117]
    (end,) = [one for one in found if isinstance(one, TurnEnded)]
    assert (end.status, end.reason, end.cost_usd) == ("success", "end_turn", 0.75)


def test_a_cost_that_is_not_known_is_not_zero() -> None:
    free = events(step("tool-calls", "s1", 0), step("stop", "s2", 0.5))
    assert [one.cost_usd for one in free if isinstance(one, TurnEnded)] == [None]
    middle = events(step("stop", "s2", 0.5), start=1 << 20)
    assert [one.cost_usd for one in middle if isinstance(one, TurnEnded)] == [None]
    next_one = events(step("stop", "s2", 0.5), step("stop", "s3", 0.5), start=1 << 20)
    assert [one.cost_usd for one in next_one if isinstance(one, TurnEnded)] == [None, 0.5]


@pytest.mark.parametrize(
    ("used", "output"),
    [
        ({"total": 110, "input": 60, "output": 20, "reasoning": 30}, 50),
        ({"total": 80, "input": 60, "output": 20, "reasoning": 30}, 20),
        ({"input": 60, "output": 20, "reasoning": 30}, 20),
        ({"input": None, "output": "x", "cache": 3, "total": 1e40}, 0),
    ],
)
def test_reasoning_counts_once(used: dict[str, Any], output: int) -> None:
    assert tokens_of(used, "m", None).output == output


def test_cache_is_beside_the_input() -> None:
    used = {"input": 10, "output": 2, "cache": {"read": 300, "write": 40}}
    assert tokens_of(used, "m", 0.1) == Tokens("m", 10, 2, 300, 40, cost_usd=0.1)


@pytest.mark.parametrize(
    ("error", "text", "level", "status"),
    [
        ({"name": "APIError", "data": {"message": "Rate limit", "responseBody": "{}"}}, "Rate limit", "error", "error"),
        ({"name": "MessageAbortedError", "data": {}}, "MessageAbortedError", "warning", "cancelled"),
        ("The operation timed out.", "The operation timed out.", "error", "error"),
        ([1], "The run failed.", "error", "error"),
    ],
)
def test_failures(error: Any, text: str, level: str, status: str) -> None:
    found = events({"type": "error", "timestamp": T0, "sessionID": "s", "error": error})
    assert [(one.text, one.level) for one in found if isinstance(one, NoticeAdded)] == [(text, level)]
    assert [one.status for one in found if isinstance(one, TurnEnded)] == [status]


def test_a_turn_ends_once() -> None:
    done = {"type": "done", "timestamp": T0, "sessionID": "ses_1", "reason": "idle", "rejected": ["bash"]}
    error = {"type": "error", "timestamp": T0, "sessionID": "ses_1", "error": "late"}
    found = events(step(), error, done)
    assert len([one for one in found if isinstance(one, TurnEnded)]) == 1
    assert [type(row) for row in rows(found)] == [Notice, Notice]
    assert len([one for one in events(called("error"), done) if isinstance(one, TurnEnded)]) == 1


def test_texts_and_thoughts() -> None:
    found = rows(
        events(
            record("text", "a", text=""),
            record("reasoning", "b", text=""),
            record("reasoning", "c", text="Hm."),
            record("text", "d", text="Hi"),
        )
    )
    assert [type(row) for row in found] == [Thought, Thought, Message]
    assert [row.hidden for row in found if isinstance(row, Thought)] == [True, False]


def test_the_tour_tells_its_session_once() -> None:
    pipe = Pipe(named("opencode-stream"))
    found = pipe.feed((RECORDED / "tour.jsonl").read_bytes()) + pipe.close()
    assert [one.id for one in found if isinstance(one, SessionNamed)] == ["ses_e0434548cffeMKsI3057LVHY7t"]
    assert [one.adapter for one in found if isinstance(one, AdapterSeen)] == ["opencode"]
    told = [one.tokens for one in found if isinstance(one, Spent)]
    assert (sum(one.input for one in told), sum(one.output for one in told)) == (16_770, 972)
    (end,) = [one for one in found if isinstance(one, TurnEnded)]
    assert end.cost_usd == pytest.approx(0.082695)


def test_stored_messages_are_no_stream() -> None:
    stored = {"id": "msg_1", "sessionID": "ses_1", "role": "user", "time": {"created": T0}}
    assert sniff(orjson.dumps(stored)).agent == "opencode"
    long = orjson.dumps(record("tool_use", text="x" * 100_000))[: 64 << 10]
    assert sniff(long).agent == "opencode-stream"
