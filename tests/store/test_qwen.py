"""Qwen Code: what was typed and what was added, results, rewinds, tokens, subagents' files, and whose file it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from builders import assistant, lines, rows, told, user

from store.events import (
    AdapterSeen,
    Compacted,
    ConfigChanged,
    Event,
    NoticeAdded,
    PromptText,
    Rewound,
    SessionNamed,
    Spent,
    Tokens,
    TurnEnded,
    Unreadable,
    Usage,
)
from store.formats import named, sniff
from store.formats.qwen import tokens_of
from store.items import Notice, Prompt, Tool
from store.pipe import Pipe
from store.whole import Whole

_BASE = {"sessionId": "s1", "timestamp": "2026-10-08T08:00:00.000Z", "cwd": "/w/demo", "version": "0.24.4"}


def record(kind: str, id: str = "u1", parent: str | None = None, **more: Any) -> dict[str, Any]:
    return {"uuid": id, "parentUuid": parent, **_BASE, "type": kind, **more}


def typed(*texts: str, id: str = "u1", parent: str | None = None, **more: Any) -> dict[str, Any]:
    parts = [{"text": text} for text in texts]
    return record("user", id, parent, message={"role": "user", "parts": parts}, **more)


def said(*parts: Any, id: str = "a1", parent: str | None = "u1", **more: Any) -> dict[str, Any]:
    parts = tuple({"text": part} if isinstance(part, str) else part for part in parts)
    return record("assistant", id, parent, model="qwen3", message={"role": "model", "parts": list(parts)}, **more)


def call(name: str = "run_shell_command", id: str = "c1", **given: Any) -> dict[str, Any]:
    return {"functionCall": {"id": id, "name": name, "args": given}}


def result(response: dict[str, Any], id: str = "c1", **told: Any) -> dict[str, Any]:
    part = {"functionResponse": {"id": id, "name": "x", "response": response}}
    return record("tool_result", "r1", "a1", message={"role": "user", "parts": [part]}, toolCallResult=told)


def system(subtype: str, id: str = "y1", parent: str | None = None, **payload: Any) -> dict[str, Any]:
    return record("system", id, parent, subtype=subtype, systemPayload=payload)


def events(*records: Any, of: str = "") -> list[Event]:
    pipe = Pipe(named("qwen"), agent=of)
    return pipe.feed(b"".join(orjson.dumps(one) + b"\n" for one in records)) + pipe.close()


@pytest.mark.parametrize(
    ("texts", "more", "expected"),
    [
        (["Go"], {}, [("human", "Go")]),
        (["Go", "<qwen:user-prompt-submit-context>\nx"], {},
         [("injected", "<qwen:user-prompt-submit-context>\nx"), ("human", "Go")]),
        (["look at @a: all of a"], {"systemPayload": {"displayText": "look at @a"}},
         [("injected", "look at @a: all of a"), ("human", "look at @a")]),
        (["<system-reminder>x</system-reminder>"], {}, [("injected", "<system-reminder>x</system-reminder>")]),
        (["stop and think"], {"provenance": "goal_control"}, [("injected", "stop and think")]),
        (["done"], {"subtype": "notification"}, [("task", "done")]),
        (["every hour"], {"subtype": "cron"}, [("task", "every hour")]),
        (["also this"], {"subtype": "mid_turn_user_message"}, [("queued", "also this")]),
        (["look around"], {"subtype": "agent_launch_prompt"}, [("agent", "look around")]),
        ([], {}, []),
    ],
)  # fmt: skip
def test_who_said_it(texts: list[str], more: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    found = events(typed(*texts, **more))
    assert [(one.origin, one.text) for one in found if isinstance(one, PromptText)] == expected


def test_who_and_where_are_told_when_they_change() -> None:
    found = events(typed("Go"), said("Hi", gitBranch="main"), said("Ho", id="a2", parent="a1", gitBranch="main"))
    assert [(one.id, one.cwd, one.branch) for one in found if isinstance(one, SessionNamed) and one.id] == [
        ("s1", "/w/demo", ""), ("s1", "/w/demo", "main"),
    ]  # fmt: skip
    assert [(one.adapter, one.version) for one in found if isinstance(one, AdapterSeen)] == [("qwen", "0.24.4")]


@pytest.mark.parametrize(
    ("response", "more", "status", "output"),
    [
        ({"output": "ok"}, {"status": "success"}, "ok", "ok"),
        ({"output": "ok"}, {}, "ok", "ok"),
        ({"output": "Output: x\nExit Code: 3"}, {"status": "success"}, "failed", "x\nExit Code: 3"),
        ({"error": "no such tool"}, {"status": "error"}, "failed", "no such tool"),
        ({}, {"status": "error", "callId": "c1", "error": {"message": "boom"}}, "failed", "boom"),
        ({"output": "all of it"}, {"status": "success", "resultDisplay": "2 lines"}, "ok", "2 lines"),
        ({"output": "mine"}, {"status": "error", "callId": "another"}, "ok", "mine"),
        ({"output": ""}, {"status": "cancelled"}, "cancelled", ""),
    ],
)
def test_results(response: dict[str, Any], more: dict[str, Any], status: str, output: str) -> None:
    (row,) = rows(events(said(call(command="x")), result(response, **more)))
    assert isinstance(row, Tool)
    assert (row.status, str(row.output)) == (status, output)


def test_a_turn_ends_with_an_answer_that_calls_nothing() -> None:
    found = events(
        typed("Go"), said("Let me look.", call(command="ls")), result({"output": ""}), said("Done.", id="a2")
    )
    ends = [index for index, one in enumerate(found) if isinstance(one, TurnEnded)]
    assert ends == [len(found) - 1]


def test_a_rewind_leaves_what_followed() -> None:
    talk = [typed("One"), said("1"), typed("Two", id="u2", parent="a1"), said("2", id="a2", parent="u2")]
    found = events(*talk, system("rewind", "w", "a1", truncatedCount=2), typed("Other", id="u3", parent="w"))
    assert [one.item for one in found if isinstance(one, Rewound)] == ["u2#prompt"]
    assert told(rows(found))[2:] == ["notice.branch: Rewound to an earlier message", "prompt: Other"]
    everything = rows(events(*talk, system("rewind", "w", None, truncatedCount=4)))
    assert [type(row) for row in everything] == [Notice]


def test_what_the_program_writes_beside_the_path_is_no_branch() -> None:
    title = system("custom_title", "t", "a1", customTitle="Mine")
    found = events(typed("One"), said("1"), title, typed("Two", id="u2", parent="a1"))
    assert not [one for one in found if isinstance(one, Rewound | NoticeAdded)]
    assert [(one.title, one.rank) for one in found if isinstance(one, SessionNamed) and one.title][1:] == [("Mine", 6)]


@pytest.mark.parametrize(
    ("used", "tokens", "filled"),
    [
        ((100, 20, 40, 5, 120), (60, 20, 40), 120),
        ((100, 20, 40, 5, 125), (60, 25, 40), 125),
        ((100, 20, 0, 5, None), (100, 20, 0), 120),
        ((None, "x", 1e40, [], {}), (0, 0, 0), 0),
    ],
)
def test_tokens_hold_the_thoughts_once(used: tuple[Any, ...], tokens: tuple[int, int, int], filled: int) -> None:
    names = ("prompt", "candidates", "cachedContent", "thoughts", "total")
    told_ = {f"{name}TokenCount": value for name, value in zip(names, used, strict=True)}
    assert tokens_of(told_, "m") == (Tokens("m", *tokens), filled)


def test_a_copied_session_has_the_same_requests() -> None:
    used = {"promptTokenCount": 10, "candidatesTokenCount": 2, "totalTokenCount": 12}
    answer = said("Hi", usageMetadata=used, contextWindowSize=100)
    found = events(answer) + events(answer | {"sessionId": "s2", "forkedFrom": {"sessionId": "s1"}})
    assert {one.key for one in found if isinstance(one, Spent)} == {"qwen a1"}
    assert {(one.used, one.size) for one in found if isinstance(one, Usage)} == {(12, 100)}


def test_commands_and_what_they_show() -> None:
    def command(phase: str, id: str, **more: Any) -> dict[str, Any]:
        return system("slash_command", id, phase=phase, rawCommand="/about", **more)

    items = [
        {"type": "about", "systemInfo": {"x": 1}},
        {"type": "error", "text": "No."},
        {"type": "info", "text": "a\nb"},
    ]
    found = events(command("invocation", "y1"), command("result", "y2", outputHistoryItems=items))
    prompt, *notices = rows(found)
    assert isinstance(prompt, Prompt)
    assert (prompt.origin, prompt.text) == ("command", "/about")
    assert [(row.text, row.level, row.detail) for row in notices if isinstance(row, Notice)] == [
        ("/about: about", "info", '{"type":"about","systemInfo":{"x":1}}'), ("No.", "error", ""),
        ("a b", "info", "a\nb"),
    ]  # fmt: skip
    assert len([one for one in found if isinstance(one, TurnEnded)]) == 1
    sent = events(command("invocation", "y1", sentToModel=True), command("result", "y2"))
    assert not [one for one in sent if isinstance(one, TurnEnded)]


def test_what_the_program_says() -> None:
    history = [{"role": "user", "parts": [{"text": " "}, {"text": "Short."}]}]
    found = events(
        system("chat_compression", "1", info={"originalTokenCount": 9, "newTokenCount": 3}, compressedHistory=history),
        system("session_model", "2", modelId="qwen3-max", authType="x"),
        system("session_approval_mode", "3", mode="plan"),
        system("ui_telemetry", "4", uiEvent={"error_message": "429"}),
        system("ui_telemetry", "5", uiEvent={"function_name": "x", "error_message": ""}),
        system("at_command", "6", filesRead=["a", "b"], status="success"),
        system(
            "turn_result", "7", state="error", error={"message": "no"}, startedAt=1791446400000, endedAt=1791446401000
        ),
    )
    assert [(one.text, one.before, one.after) for one in found if isinstance(one, Compacted)] == [("Short.", 9, 3)]
    assert [(one.mode, one.llm) for one in found if isinstance(one, ConfigChanged)] == [
        (None, "qwen3-max"),
        ("plan", None),
    ]
    assert [(one.kind, one.text) for one in found if isinstance(one, NoticeAdded)] == [
        ("api_error", "429"), ("info", "Read for the prompt: a, b"), ("result", "no"),
    ]  # fmt: skip
    assert [(one.status, one.duration_us) for one in found if isinstance(one, TurnEnded)] == [("error", 1_000_000)]


def test_new_kinds_of_records_are_raw() -> None:
    found = events(typed("Go"), system("tomorrow"), record("later"))
    assert [one.type for one in found if isinstance(one, Unreadable)] == ["system/tomorrow", "later"]


def test_subagents_lie_beside_the_chats(tmp_path: Path) -> None:
    main = tmp_path / "chats" / "s1.jsonl"
    child = tmp_path / "subagents" / "s1" / "agent-explore-7.jsonl"
    for path, records in (
        (main, [typed("Go"), said(call("task", "c9", description="Look"))]),
        (child, [typed("Look", id="u7", subtype="agent_launch_prompt"), said("Found.", id="a7", parent="u7")]),
    ):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in records))
    child.with_suffix(".meta.json").write_bytes(orjson.dumps({"agentId": "explore-7", "toolUseId": "c9"}))
    found = rows([one for batch in Whole(main) for one in batch])
    assert [(row.agent, row.parent) for row in found] == [
        ("", None), ("", None), ("explore-7", "c9"), ("explore-7", "c9"),
    ]  # fmt: skip
    child.with_suffix(".meta.json").write_text("{")
    (one,) = named("qwen").children(main)  # type: ignore[misc]
    assert (one.agent, one.call) == ("explore-7", None)


def test_whose_file_it_is() -> None:
    assert sniff(lines(user("Go"), assistant("Hi"))).agent == "claude-code"
    assert sniff(lines(typed("x" * 100_000))[: 64 << 10]).agent == "qwen"
    assert sniff(lines(typed("Go"), *(record("system", subtype="tomorrow"),) * 3)).agent == "qwen"
    assert sniff(lines(typed("Go"), said("Hi"), record("system", subtype="tomorrow"))).agent == "qwen"
    assert sniff(lines(typed("Go"))[:-1] + lines(said("Hi"))).agent == "qwen"  # two on one line
