"""Copilot CLI and its chats in VS Code: calls told twice, subagents, tokens of a run, rewinds, notices."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Any

import orjson
import pytest
from builders import lines, rows

from store.digest_report import Session, session_wire
from store.events import (
    AdapterSeen,
    Compacting,
    ConfigChanged,
    Event,
    PromptText,
    SessionNamed,
    Spent,
    Tokens,
    TurnEnded,
    Usage,
)
from store.formats import named, sniff
from store.items import Message, Notice, Prompt, Thought, Tool
from store.pipe import Pipe

RECORDED = Path(__file__).parents[1] / "recorded"
STAMP = "2026-10-02T09:00:01.000Z"


def event(kind: str, id: str = "", /, **data: Any) -> dict[str, Any]:
    return {"type": kind, "data": data, "timestamp": STAMP, **({"id": id} if id else {})}


def start(**more: Any) -> dict[str, Any]:
    return event("session.start", sessionId="s1", copilotVersion="1.0.77", selectedModel="gpt-5-mini", **more)


def user(text: str, id: str = "", **more: Any) -> dict[str, Any]:
    return event("user.message", id, content=text, **more)


def said(text: str, message: str = "m1", *calls: dict[str, Any], out: int = 0, **more: Any) -> dict[str, Any]:
    return event(
        "assistant.message", messageId=message, content=text, toolRequests=list(calls), outputTokens=out, **more
    )


def wants(id: str = "c1", name: str = "bash", **given: Any) -> dict[str, Any]:
    return {"toolCallId": id, "name": name, "arguments": given or {"command": "ls"}}


def done(id: str = "c1", **more: Any) -> dict[str, Any]:
    return event("tool.execution_complete", toolCallId=id, **{"success": True, "result": {"content": "ok"}, **more})


def shutdown(out: int, given: int = 1000, llm: str = "gpt-5-mini") -> dict[str, Any]:
    usage = {"inputTokens": given, "outputTokens": out, "cacheReadTokens": 600, "cacheWriteTokens": 100}
    return event("session.shutdown", shutdownType="routine", currentTokens=70, modelMetrics={llm: {"usage": usage}})


def events(*records: dict[str, Any]) -> list[Event]:
    pipe = Pipe(named("copilot"))
    return pipe.feed(lines(*records)) + pipe.close()


def spent(tmp_path: Path, *records: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The tokens of a session per model, as its digest has them."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(lines(*records))
    session = Session(path, list_price=lambda tokens, ts, whole: None)
    found: dict[str, dict[str, Any]] = session_wire(session.id, session.digest, session.agents)["by_model"]
    return found


def test_who_and_where() -> None:
    where = {"cwd": "/w/demo", "branch": "main"}
    found = events(start(context=where), user("Fix it"), event("session.title_changed", title="A fix"))
    named_ = [one for one in found if isinstance(one, SessionNamed)]
    assert (named_[0].id, named_[0].cwd, named_[0].branch) == ("s1", "/w/demo", "main")
    assert sorted((one.rank, one.title) for one in named_ if one.title) == [(1, "Fix it"), (5, "A fix")]
    assert [(one.adapter, one.version) for one in found if isinstance(one, AdapterSeen)] == [("copilot", "1.0.77")]
    assert [one.llm for one in found if isinstance(one, ConfigChanged)] == ["gpt-5-mini"]


def test_a_call_that_is_asked_for_and_begun_is_one_row() -> None:
    begun = event("tool.execution_start", toolCallId="c1", toolName="bash", arguments={"command": "ls"})
    asked = rows(events(said("", "m1", wants())))
    running = rows(events(said("", "m1", wants()), begun))
    over = rows(events(said("", "m1", wants()), begun, done(result={"content": "a\n<exited with exit code 0>"})))
    assert [[(row.status, row.exit_code) for row in found if isinstance(row, Tool)] for found in
            (asked, running, over)] == [[("pending", None)], [("running", None)], [("ok", 0)]]  # fmt: skip


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ({}, "ok"),
        ({"success": False, "error": {"message": "no", "code": "denied"}}, "cancelled"),
        ({"success": False, "error": {"message": "no"}}, "failed"),
        ({"success": True, "result": {"content": "<exited with exit code 3>"}}, "failed"),
        ({"success": None, "error": "no such tool"}, "failed"),
    ],
)
def test_how_a_call_ends(end: dict[str, Any], status: str) -> None:
    (row,) = rows(events(said("", "m1", wants()), done(**end)))
    assert isinstance(row, Tool)
    assert row.status == status


def test_a_permission_is_waited_for() -> None:
    ask = event("permission.requested", requestId="p", permissionRequest={"toolCallId": "c1"})
    no = event("permission.completed", requestId="p", result={"kind": "denied-interactively-by-user"})
    yes = event("permission.completed", requestId="p", result={"kind": "approved"})
    ends = []
    for answers in ([ask], [ask, yes], [ask, no]):
        (row,) = rows(events(said("", "m1", wants()), *answers))
        assert isinstance(row, Tool)
        ends.append(row.status)
    assert ends == ["waiting", "running", "cancelled"]


def test_a_turn_ends_with_the_answer_that_asks_for_nothing() -> None:
    end = event("assistant.turn_end", turnId="0")
    found = events(user("Go"), said("", "m1", wants()), done(), end, said("Done.", "m2"), end)
    assert len([one for one in found if isinstance(one, TurnEnded)]) == 1
    aborted = events(user("Go"), said("", "m1", wants()), event("abort", reason="user"))
    assert [one.status for one in aborted if isinstance(one, TurnEnded)] == ["cancelled"]


def test_thoughts_are_told_once() -> None:
    thought = event("assistant.reasoning", reasoningId="r", content="Hm.")
    both = rows(events(thought, said("Yes.", "m1", reasoningText="Hm.", reasoningOpaque="x")))
    assert [type(row) for row in both] == [Thought, Message]
    hidden = rows(events(said("Yes.", "m1", reasoningOpaque="x")))
    assert [(row.hidden) for row in hidden if isinstance(row, Thought)] == [True]
    again = rows(events(thought, said("Yes."), said("No.", "m2", reasoningText="Hm.")))
    assert [type(row) for row in again] == [Thought, Message, Thought, Message]


def test_what_the_program_adds_is_told_apart() -> None:
    notification = event("system.notification", content="done", kind={"type": "shell_completed"})
    found = events(
        event("system.message", content="You are", role="system"), user("Go", transformedContent="<now/>Go"),
        user("skill", source="skill-pdf"), notification, user("more", delivery="queued"), user("own", source="user"),
    )  # fmt: skip
    assert [(one.text, one.origin) for one in found if isinstance(one, PromptText)] == [
        ("You are", "injected"), ("Go", "human"), ("skill", "injected"), ("done", "task"), ("more", "queued"),
        ("own", "human"),
    ]  # fmt: skip


def test_a_subagent_works_under_its_call() -> None:
    begun = {**event("subagent.started", toolCallId="t1", agentName="explore"), "agentId": "a7"}
    inside = {**user("List"), "agentId": "a7"}
    failed = {**event("subagent.failed", toolCallId="t1", agentName="explore", error="gone"), "agentId": "a7"}
    found = events(
        said("", "m1", wants("t1", "task", prompt="List")),
        begun,
        inside,
        said("One.", "s1", parentToolCallId="t1"),
        failed,
    )
    shown = rows(found)
    assert [(type(row), row.agent, row.parent) for row in shown] == [
        (Tool, "", None), (Prompt, "t1", "t1"), (Message, "t1", "t1"),
    ]  # fmt: skip
    assert isinstance(shown[0], Tool)
    assert (shown[0].status, shown[0].child_agent) == ("failed", "t1")
    assert [(one.at.agent, one.status) for one in found if isinstance(one, TurnEnded)] == [("t1", "error")]


# ---- tokens


def test_an_end_tells_all_of_its_run(tmp_path: Path) -> None:
    """What answers told before is in it and counts once."""
    found = spent(
        tmp_path, start(), user("1"), said("a", "m1", out=40), event("assistant.turn_end"), user("2"),
        said("b", "m2", out=30), event("assistant.turn_end"), shutdown(90),
    )  # fmt: skip
    assert found == {"gpt-5-mini": {"in": 300, "out": 90, "cache_read": 600, "cache_create": 100, "cost_usd": None}}


def test_without_an_end_there_is_output_only(tmp_path: Path) -> None:
    found = spent(tmp_path, start(), user("1"), said("a", "m1", out=40))
    assert (found["gpt-5-mini"]["in"], found["gpt-5-mini"]["out"]) == (0, 40)


def test_every_end_counts_for_its_own_run(tmp_path: Path) -> None:
    resume = event("session.resume", eventCount=3)
    found = spent(
        tmp_path, start(), user("1"), said("a", "m1", out=40), event("assistant.turn_end"), shutdown(40),
        resume, user("2"), said("b", "m2", out=30), event("assistant.turn_end"), shutdown(35, 2000),
    )  # fmt: skip
    assert found["gpt-5-mini"] == {"in": 1600, "out": 75, "cache_read": 1200, "cache_create": 200, "cost_usd": None}


def test_a_run_that_was_killed_keeps_what_it_told(tmp_path: Path) -> None:
    resume = event("session.resume", eventCount=3)
    found = spent(
        tmp_path, start(), user("1"), said("a", "m1", out=100), event("assistant.turn_end"),
        resume, user("2"), said("b", "m2", out=30), event("assistant.turn_end"), shutdown(35),
    )  # fmt: skip
    assert found["gpt-5-mini"]["out"] == 135


def test_a_subagent_in_the_sums_counts_once(tmp_path: Path) -> None:
    task = wants("t1", "task", prompt="List")
    found = spent(
        tmp_path, start(), user("1"), said("", "m1", task, out=40), said("x", "s1", out=25, parentToolCallId="t1"),
        done("t1"), said("a", "m2", out=5), event("assistant.turn_end"), shutdown(70),
    )  # fmt: skip
    assert found["gpt-5-mini"]["out"] == 70


def test_a_live_usage_is_that_of_its_answer() -> None:
    usage = event("assistant.usage", model="gpt-5-mini", apiCallId="a", inputTokens=50, outputTokens=7, cost=1)
    found = events(said("a", "m1", out=7, apiCallId="a"), usage)
    assert {one.key for one in found if isinstance(one, Spent)} == {"copilot a"}
    assert [one.tokens for one in found if isinstance(one, Spent)][-1] == Tokens("gpt-5-mini", 50, 7)
    info = event("session.usage_info", currentTokens=9, tokenLimit=100)
    assert [(one.used, one.size) for one in events(info) if isinstance(one, Usage)] == [(9, 100)]


# ---- the session


def test_compaction_and_its_failure() -> None:
    good = event("session.compaction_complete", success=True, preCompactionTokens=9000, summaryContent="All is well.")
    bad = event("session.compaction_complete", success=False, error="no room")
    found = events(event("session.compaction_start"), good, event("session.compaction_start"), bad)
    assert [one.on for one in found if isinstance(one, Compacting)] == [True, False, True, False]
    shown = [row for row in rows(found) if isinstance(row, Notice)]
    assert [(row.level, row.detail) for row in shown] == [("info", "All is well."), ("error", "")]


def test_a_rewind_takes_what_followed() -> None:
    back = event("session.snapshot_rewind", upToEventId="e3", eventsRemoved=2)
    found = rows(events(user("One", "e1"), said("1"), user("Two", "e3"), said("2", "m2"), back))
    assert [type(row) for row in found] == [Prompt, Message, Notice]


def test_the_stream_of_events_ends_with_a_result() -> None:
    end = {"type": "result", "timestamp": STAMP, "sessionId": "s1", "exitCode": 1, "usage": {"premiumRequests": 1}}
    found = events(event("assistant.message_delta", messageId="m1", deltaContent="Hel"), said("Hello."), end)
    assert [str(row.text) for row in rows(found) if isinstance(row, Message)] == ["Hello."]
    assert [one.status for one in found if isinstance(one, TurnEnded)] == ["error"]


# ---- VS Code


def test_a_chat_is_told_by_what_it_holds_and_is_one_answer_between_calls() -> None:
    path = RECORDED / "copilot-chat" / "tour.jsonl"
    assert sniff(path.read_bytes()).agent == "copilot-chat"
    assert sniff(orjson.dumps(orjson.loads(path.read_bytes()))).agent == "copilot-chat"
    assert sniff(b'{"requests": [], "sessionId": "x"}').agent == "raw"
    pipe = Pipe(named("copilot-chat"))
    found = pipe.feed(path.read_bytes()) + pipe.close()
    assert [(one.status, one.duration_us) for one in found if isinstance(one, TurnEnded)] == [
        ("success", 4_200_000), ("cancelled", None),
    ]  # fmt: skip
    titles = [(one.rank, one.title) for one in found if isinstance(one, SessionNamed) and one.title]
    assert max(titles) == (5, "Rename the helper")


@pytest.mark.parametrize(
    ("path", "ours"),
    [("s1/events.jsonl", True), ("s1.jsonl", True), ("s1/files/data.jsonl", False), ("s1/workspace.yaml", False)],
)
def test_where_its_sessions_lie(path: str, ours: bool) -> None:
    owns = named("copilot").owns
    assert owns is not None
    assert owns(PurePath(path)) is ours
