"""Cursor: transcripts without ids and results, and the stream with its pieces."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Any

import pytest
from builders import init, lines, over, rows, said, user

from store.events import ConfigChanged, Event, PromptText, SessionNamed, Tokens, TurnEnded
from store.formats import named, sniff
from store.items import Message, Prompt, Thought, Tool
from store.pipe import Pipe
from store.whole import Whole


def message(role: str, *content: Any, **more: Any) -> dict[str, Any]:
    parts = [{"type": "text", "text": one} if isinstance(one, str) else one for one in content]
    return {"role": role, "message": {"content": parts}, **more}


def use(name: str = "Shell", **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "name": name, "input": given or {"command": "ls"}}


def events(*records: dict[str, Any], agent: str = "cursor") -> list[Event]:
    pipe = Pipe(named(agent))
    return pipe.feed(lines(*records)) + pipe.close()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Go", [("Go", "human")]),
        ("<user_query>\nGo\n</user_query>", [("Go", "human")]),
        ("<rules>r</rules>\n<user_query>Go</user_query>", [("<rules>r</rules>", "injected"), ("Go", "human")]),
        ("<system_reminder>x</system_reminder>", [("<system_reminder>x</system_reminder>", "injected")]),
        ("<b>bold</b> is what I typed", [("<b>bold</b> is what I typed", "human")]),
    ],
)
def test_what_was_typed_and_what_was_added(text: str, told: list[tuple[str, str]]) -> None:
    found = events(message("user", text))
    assert [(one.text, one.origin) for one in found if isinstance(one, PromptText)] == told


def test_a_call_is_over_when_anything_follows() -> None:
    def states(*more: dict[str, Any]) -> list[str]:
        found = rows(events(message("assistant", use(), use("Read", path="a")), *more))
        return [row.status for row in found if isinstance(row, Tool)]

    assert states() == ["running", "running"]
    assert states(message("assistant", "Done.")) == ["ok", "ok"]
    assert states({"type": "turn_ended", "status": "success"}) == ["ok", "ok"]


def test_results_find_their_calls_by_id_by_name_or_in_order() -> None:
    def outputs(*results: dict[str, Any]) -> list[str]:
        calls = [use("Grep", pattern="x") | {"id": "g"}, use("Read", path="a"), use("Read", path="b")]
        found = rows(events(message("assistant", *calls), message("user", *results)))
        return [str(row.output) for row in found if isinstance(row, Tool)]

    def result(text: str, **more: Any) -> dict[str, Any]:
        return {"type": "tool_result", "content": text, **more}

    assert outputs(result("2", name="Read"), result("1", tool_use_id="g"), result("3")) == ["1", "2", "3"]
    assert outputs(result("1"), result("2"), result("3")) == ["1", "2", "3"]
    assert outputs(result("x", tool_use_id="nobody")) == ["", "", "", "x"]


@pytest.mark.parametrize(
    ("status", "told"),
    [("success", "success"), (None, "success"), ("aborted", "cancelled"), ("error", "error"), ("brand_new", "error")],
)
def test_how_a_turn_ends(status: Any, told: str) -> None:
    (end,) = [one for one in events({"type": "turn_ended", "status": status}) if isinstance(one, TurnEnded)]
    assert end.status == told


def test_parts_of_a_new_kind_show_what_they_say() -> None:
    parts = ({"type": "chart", "text": "A chart."}, {"type": "map"}, {"type": "thinking", "thinking": "Hm."})
    found = rows(events(message("assistant", *parts)))
    assert [type(row) for row in found] == [Message, Message, Thought]
    assert [str(row.text) for row in found if isinstance(row, Message)] == ["A chart.", "[map]"]


def test_subagents_lie_in_a_folder_of_the_session(tmp_path: Path) -> None:
    main = tmp_path / "agent-transcripts" / "s1" / "s1.jsonl"
    child = main.parent / "subagents" / "a7.jsonl"
    child.parent.mkdir(parents=True)
    main.write_bytes(lines(message("user", "Go"), message("assistant", use("Task", description="Look", prompt="List"))))
    child.write_bytes(lines(message("user", "List"), message("assistant", "One.")))
    found = rows([one for batch in Whole(main) for one in batch])
    assert [(row.agent, type(row)) for row in found] == [
        ("", Prompt), ("", Tool), ("a7", Prompt), ("a7", Message),
    ]  # fmt: skip


def test_whose_messages_they_are() -> None:
    """Claude's, pi's and others' messages stand in messages too."""
    assert sniff(lines(message("user", "Go"), message("assistant", "Done."))).agent == "cursor"
    assert sniff(lines(user("Go"))).agent == "claude-code"
    assert sniff(lines({"type": "message", "id": "1", "message": {"role": "user", "content": []}})).agent != "cursor"
    assert sniff(lines({"role": "user", "content": "Go"}, {"role": "assistant", "content": "x"})).agent == "raw"


# ---- the stream


def begin() -> dict[str, Any]:
    return {"type": "system", "subtype": "init", "apiKeySource": "login", "cwd": "/w", "session_id": "s",
            "model": "Auto", "permissionMode": "default"}  # fmt: skip


def piece(text: str, **more: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": text}]
    return {"type": "assistant", "message": {"role": "assistant", "content": content}, "session_id": "s", **more}


def called(how: str, id: str = "t", key: str = "shellToolCall", **more: Any) -> dict[str, Any]:
    told = {key: {"args": {"command": "ls"}, **more}}
    return {"type": "tool_call", "subtype": how, "call_id": id, "tool_call": told, "session_id": "s"}


def stream(*records: dict[str, Any]) -> list[Event]:
    return events(begin(), *records, agent="cursor-stream")


def test_it_is_told_from_claudes_stream() -> None:
    assert sniff(lines(begin())).agent == "cursor-stream"
    assert sniff(lines(init(), said("x"), over())).agent == "claude-stream"
    assert sniff(lines(begin(), piece("x"), called("started"))).agent == "cursor-stream"
    assert sniff(lines(over())).agent == "claude-stream"


def test_pieces_and_the_whole_are_one_message() -> None:
    pieces = [piece("a", timestamp_ms=1), piece("a", timestamp_ms=2), piece("b", timestamp_ms=3)]
    whole = piece("aab", timestamp_ms=4, model_call_id="m")
    (row,) = rows(stream(*pieces, whole))
    assert isinstance(row, Message)
    assert (str(row.text), row.open) == ("aab", False)
    (last,) = rows(stream(*pieces, piece("aab")))
    assert isinstance(last, Message)
    assert str(last.text) == "aab"
    found = rows(stream(piece("One."), called("started"), called("completed", result={"success": {}}), piece("Two.")))
    assert [str(row.text) for row in found if isinstance(row, Message)] == ["One.", "Two."]


@pytest.mark.parametrize(
    ("result", "status", "output", "code"),
    [
        ({"success": {"stdout": "a", "stderr": "", "exitCode": 0}}, "ok", "a", 0),
        ({"failure": {"stdout": "", "stderr": "no", "exitCode": 2}}, "failed", "no", 2),
        ({"error": {"errorMessage": "gone"}}, "failed", "gone", None),
        ({"rejected": {"reason": "not allowed"}}, "cancelled", "not allowed", None),
        ({"success": {"count": 3}}, "ok", '{"count":3}', None),
        ({"timeout": "too long"}, "failed", "too long", None),
        ("plain", "ok", "plain", None),
        (None, "ok", "", None),
    ],
)
def test_how_a_streamed_call_ends(result: Any, status: str, output: str, code: int | None) -> None:
    (row,) = rows(stream(called("started"), called("completed", result=result)))
    assert isinstance(row, Tool)
    assert (row.kind, row.title, row.status, str(row.output), row.exit_code) == (
        "tool.shell", "ls", status, output, code,
    )  # fmt: skip


def test_the_end_tells_the_tokens_of_the_run() -> None:
    usage = {"inputTokens": 10, "outputTokens": 2, "cacheReadTokens": 30, "cacheWriteTokens": 4}
    end = {"type": "result", "subtype": "success", "duration_ms": 40, "duration_api_ms": 40, "is_error": False,
           "result": "Hi", "session_id": "s", "request_id": "r", "usage": usage}  # fmt: skip
    found = stream(piece("Hi"), end)
    assert [(one.status, one.duration_us, one.used) for one in found if isinstance(one, TurnEnded)] == [
        ("success", 40_000, (Tokens("Auto", 10, 2, 30, 4),)),
    ]  # fmt: skip
    assert len(rows(found)) == 1  # the result's text is the message's
    alone = events(end, agent="cursor-stream")
    assert [type(row) for row in rows(alone)] == [Message]
    assert [(one.mode, one.llm) for one in found if isinstance(one, ConfigChanged)] == [("default", "Auto")]
    assert [(one.id, one.cwd) for one in found if isinstance(one, SessionNamed)] == [("s", "/w")]


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        ("w-demo/agent-transcripts/s1/s1.jsonl", True), ("w-demo/agent-transcripts/s1.jsonl", True),
        ("w-demo/agent-transcripts/s1/subagents/a7.jsonl", False), ("w-demo/terminals/1.jsonl", False),
        ("w-demo/agent-transcripts/s1/s1.txt", False),
    ],
)  # fmt: skip
def test_where_its_sessions_lie(path: str, ours: bool) -> None:
    owns = named("cursor").owns
    assert owns is not None
    assert owns(PurePath(path)) is ours
