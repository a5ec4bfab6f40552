"""Gemini CLI: lines that replace a message, checkpoints, rewinds, results, and tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from builders import rows

from store.events import (
    At,
    ConfigChanged,
    Event,
    NoticeAdded,
    PromptText,
    SessionNamed,
    Spent,
    Tokens,
    TurnEnded,
    Usage,
)
from store.formats import named, sniff
from store.formats.gemini_tools import answered
from store.items import Message, Notice, Prompt, Thought, Tool
from store.pipe import Pipe
from store.whole import Whole

RECORDED = Path(__file__).parents[1] / "recorded"
HEAD = {"sessionId": "s1", "projectHash": "ab", "startTime": "2026-10-01T08:00:00.000Z", "kind": "main"}
STAMP = "2026-10-01T08:00:01.000Z"


def user(text: str, id: str = "u1") -> dict[str, Any]:
    return {"id": id, "timestamp": STAMP, "type": "user", "content": [{"text": text}]}


def said(text: str, id: str = "g1", **more: Any) -> dict[str, Any]:
    return {"id": id, "timestamp": STAMP, "type": "gemini", "content": text, "model": "gemini-2.5-pro", **more}


def called(status: str = "success", output: str = "ok", **more: Any) -> dict[str, Any]:
    response = {"functionResponse": {"id": "c1", "name": "run_shell_command", "response": {"output": output}}}
    return {
        "id": "c1",
        "name": "run_shell_command",
        "args": {"command": "ls"},
        "status": status,
        "result": [response],
        **more,
    }


def events(*records: dict[str, Any], agent: str = "gemini", of: str = "") -> list[Event]:
    pipe = Pipe(named(agent), agent=of)
    return pipe.feed(b"".join(orjson.dumps(record) + b"\n" for record in records)) + pipe.close()


def test_a_line_that_replaces_a_message_adds_what_is_new() -> None:
    found = rows(events(HEAD, user("Go"), said("Looking."), said("Looking.", toolCalls=[called()])))
    assert [type(row) for row in found] == [Prompt, Message, Tool]
    assert isinstance(found[2], Tool)
    assert (found[2].kind, found[2].title, found[2].status) == ("tool.shell", "ls", "ok")


def test_results_for_the_model_are_in_the_calls_already() -> None:
    result = {"id": "u2", "timestamp": STAMP, "type": "user", "content": called()["result"]}
    assert [type(row) for row in rows(events(HEAD, said("", toolCalls=[called()]), result))] == [Tool]


def test_a_checkpoint_tells_only_what_follows_what_is_known() -> None:
    first = [user("Context", "u0")]
    again = [*first, user("Go"), said("Done.")]
    found = events(
        HEAD, {"$set": {"messages": first}}, user("Go"), said("Done."),
        HEAD, {"$set": {"messages": first}}, {"$set": {"messages": [*again, user("New", "u9")]}}, user("More", "u2"),
    )  # fmt: skip
    assert [(one.text, one.origin) for one in found if isinstance(one, PromptText)] == [
        ("Context", "injected"), ("Go", "human"), ("New", "human"), ("More", "human"),
    ]  # fmt: skip
    assert len(rows(found)) == 5
    assert [one.title for one in found if isinstance(one, SessionNamed) and one.title] == ["Go"]


def test_a_reader_that_begins_in_the_middle_tells_no_checkpoint_again() -> None:
    pipe = Pipe(named("gemini"), start=5 << 20)
    found = pipe.feed(orjson.dumps({"$set": {"messages": [user("Go"), said("Done.")]}}) + b"\n")
    assert rows(found) == []


def test_a_rewind_takes_what_followed() -> None:
    found = rows(events(HEAD, user("One"), said("1"), user("Two", "u2"), said("2", "g2"), {"$rewindTo": "u2"}))
    assert [type(row) for row in found] == [Prompt, Message, Notice]
    everything = rows(events(HEAD, user("One"), said("1"), {"$rewindTo": "nobody knows"}))
    assert [type(row) for row in everything] == [Notice]


def test_thoughts_come_before_the_answer_and_may_be_plain() -> None:
    found = rows(events(HEAD, said("Hi", thoughts=[{"subject": "Plan", "description": "Look."}, "Then say it."])))
    assert [type(row) for row in found] == [Thought, Message]
    assert str(found[0].text) == "**Plan**\n\nLook.\n\nThen say it."  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("used", "tokens", "filled"),
    [
        ({"input": 100, "output": 20, "cached": 40, "thoughts": 5, "tool": 0, "total": 125}, (60, 25, 40), 125),
        ({"input": 100, "output": 25, "cached": 0, "thoughts": 5, "tool": 0, "total": 125}, (100, 25, 0), 125),
        ({"input": 100, "output": 20, "cached": 40, "thoughts": 5}, (60, 25, 40), 125),
        ({"input": None, "output": "x"}, (0, 0, 0), None),
    ],
)
def test_tokens_hold_the_thoughts_once(used: dict[str, Any], tokens: tuple[int, int, int], filled: int | None) -> None:
    found = events(HEAD, said("Hi", tokens=used), said("Hi", tokens=used))
    told = {one.key: one.tokens for one in found if isinstance(one, Spent)}
    assert told == {"s1 g1": Tokens("gemini-2.5-pro", *tokens)}
    assert [one.used for one in found if isinstance(one, Usage)] == ([filled] * 2 if filled else [])


def test_a_command_that_failed_says_so_in_its_text() -> None:
    text = "<untrusted_context>\nOutput: no\nExit Code: 3\nProcess Group PGID: 1\n</untrusted_context>"
    done = answered("c", "ok", {"output": text}, None, At())
    assert (done.status, done.exit_code) == ("failed", 3)
    assert done.output == "no\nExit Code: 3\nProcess Group PGID: 1"
    assert answered("c", "ok", {"error": "no such tool"}, None, At()).status == "failed"


def test_an_edit_shows_the_diff_that_was_shown() -> None:
    diff = "Index: a.py\n====\n--- a.py\tOriginal\n+++ a.py\tWritten\n@@ -1,2 +1,2 @@\n-old\n+new\n same\n"
    call = called(resultDisplay={"fileDiff": diff}) | {"name": "replace", "args": {"file_path": "/a.py"}}
    (row,) = rows(events(HEAD, said("", toolCalls=[call])))
    assert isinstance(row, Tool)
    assert [hunk.lines for hunk in row.hunks or ()] == [("-old", "+new", " same")]


def test_notices_and_an_older_file_of_one_object(tmp_path: Path) -> None:
    messages = [user("Go"), {"id": "e", "type": "error", "content": "No quota", "timestamp": STAMP}, said("Done.")]
    path = tmp_path / "session-2026-10-01T08-00-abc.json"
    path.write_bytes(orjson.dumps(HEAD | {"messages": messages}, option=orjson.OPT_INDENT_2))
    assert sniff(path.read_bytes(), path).agent == "gemini"
    found = [one for batch in Whole(path) for one in batch]
    assert [type(row) for row in rows(found)] == [Prompt, Notice, Message]
    assert [one.level for one in found if isinstance(one, NoticeAdded)] == ["error"]


def test_subagents_lie_in_a_folder_named_like_the_session(tmp_path: Path) -> None:
    main = tmp_path / "session-2026-10-01T08-00-abc.jsonl"
    main.write_bytes(b"\n".join(map(orjson.dumps, (HEAD, said("", toolCalls=[called(agentId="a7")])))) + b"\n")
    child = tmp_path / "s1" / "a7.jsonl"
    child.parent.mkdir()
    child.write_bytes(
        b"\n".join(map(orjson.dumps, (HEAD | {"kind": "subagent"}, user("Look"), said("Found.")))) + b"\n"
    )
    found = rows([one for batch in Whole(main) for one in batch])
    assert [(row.agent, row.parent) for row in found] == [("", None), ("a7", "c1"), ("a7", "c1")]


# ---- the stream


def stream(*records: dict[str, Any]) -> list[Event]:
    return events(*records, agent="gemini-stream")


def test_text_between_two_calls_is_one_message() -> None:
    def piece(text: str) -> dict[str, Any]:
        return {"type": "message", "role": "assistant", "content": text, "delta": True, "timestamp": STAMP}

    call = {"type": "tool_use", "tool_name": "read_file", "tool_id": "t", "parameters": {"file_path": "a"}}
    end = {"type": "message", "role": "assistant", "content": "Bye!", "delta": False}
    first, tool, last = rows(stream(piece("Hel"), piece("lo"), call, piece("Bye"), end))
    assert isinstance(first, Message)
    assert isinstance(tool, Tool)
    assert isinstance(last, Message)
    assert (str(first.text), tool.title, str(last.text)) == ("Hello", "a", "Bye!")


def test_the_end_tells_tokens_per_model_and_failures() -> None:
    stats = {"duration_ms": 40, "models": {"gemini-2.5-pro": {"input_tokens": 100, "output_tokens": 7, "cached": 30}}}
    (end,) = [
        one for one in stream({"type": "result", "status": "success", "stats": stats}) if isinstance(one, TurnEnded)
    ]
    assert (end.status, end.duration_us, end.used) == ("success", 40_000, (Tokens("gemini-2.5-pro", 70, 7, 30),))
    failed = stream({"type": "result", "status": "error", "error": {"message": "no"}, "stats": {}})
    assert [one.text for one in failed if isinstance(one, NoticeAdded)] == ["no"]


def test_the_tour_tells_its_model_and_what_it_took() -> None:
    data = (RECORDED / "gemini-stream" / "tour.jsonl").read_bytes()
    pipe = Pipe(named("gemini-stream"))
    found = pipe.feed(data) + pipe.close()
    assert [one.llm for one in found if isinstance(one, ConfigChanged)] == ["gemini-2.5-pro"]
    (end,) = [one for one in found if isinstance(one, TurnEnded)]
    assert [(one.input + one.cache_read, one.output) for one in end.used] == [(16_770, 998)]
