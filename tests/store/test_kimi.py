"""Kimi: what is told twice, ids that come again, subagents' files, the wire and the context of older versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from builders import lines, rows

from store.digest_report import Session, session_wire
from store.events import (
    Compacting,
    ConfigChanged,
    Event,
    PlanSet,
    PromptText,
    Rewound,
    SessionNamed,
    Spent,
    Tokens,
    TurnEnded,
    Usage,
)
from store.facts import Facts
from store.formats import named, sniff
from store.intake import take_in
from store.items import Message, Notice, Plan, Prompt, Thought, Tool
from store.known import known
from store.pipe import Pipe
from store.summary import summary
from store.whole import Whole

RECORDED = Path(__file__).parents[1] / "recorded"
HEAD = {"type": "metadata", "protocol_version": "1.5", "created_at": 1790000000000}
USAGE = {"inputOther": 100, "output": 20, "inputCacheRead": 400, "inputCacheCreation": 10}


def rec(kind: str, /, **more: Any) -> dict[str, Any]:
    return {"type": kind, "time": 1790000001000, **more}


def loop(kind: str, /, **more: Any) -> dict[str, Any]:
    return rec("context.append_loop_event", event={"type": kind, **more})


def prompt(text: str, origin: str = "user", kind: str = "turn.prompt") -> dict[str, Any]:
    return rec(kind, input=[{"type": "text", "text": text}], origin={"kind": origin})


def context(text: str, origin: str = "user") -> dict[str, Any]:
    message = {"role": "user", "content": [{"type": "text", "text": text}], "origin": {"kind": origin}}
    return rec("context.append_message", message=message)


def part(text: str, kind: str = "text", uuid: str = "p1") -> dict[str, Any]:
    return loop("content.part", uuid=uuid, part={"type": kind, kind: text})


def call(id: str = "Bash_0", name: str = "Bash", **given: Any) -> dict[str, Any]:
    return loop("tool.call", toolCallId=id, uuid=id, name=name, args=given or {"command": "ls"})


def result(output: Any, id: str = "Bash_0", **more: Any) -> dict[str, Any]:
    return loop("tool.result", toolCallId=id, result={"output": output, **more})


def step_end(uuid: str = "s1", why: str = "tool_use", **usage: int) -> dict[str, Any]:
    return loop("step.end", uuid=uuid, usage={**USAGE, **usage}, finishReason=why)


def usage(llm: str = "kimi-code/k3", **more: int) -> dict[str, Any]:
    return rec("usage.record", model=llm, usage={**USAGE, **more}, usageScope="turn")


def events(*records: dict[str, Any], of: str = "") -> list[Event]:
    pipe = Pipe(named("kimi"), agent=of)
    return pipe.feed(lines(*records)) + pipe.close()


def total(*records: dict[str, Any], tmp_path: Path) -> dict[str, dict[str, Any]]:
    path = tmp_path / "wire.jsonl"
    path.write_bytes(lines(*records))
    session = Session(path, list_price=lambda tokens, ts, whole: None)
    found: dict[str, dict[str, Any]] = session_wire(session.id, session.digest, session.agents)["by_model"]
    return found


def test_a_prompt_that_the_context_tells_again_is_one_row() -> None:
    found = events(HEAD, prompt("Go"), context("Go"), context("<system-reminder>x</system-reminder>", "injection"))
    assert [(one.text, one.origin) for one in found if isinstance(one, PromptText)] == [
        ("Go", "human"), ("<system-reminder>x</system-reminder>", "injected"),
    ]  # fmt: skip
    assert len(rows(events(HEAD, prompt("Go"), prompt("Go"), context("Go"), context("Go")))) == 2
    assert len(rows(events(HEAD, context("Go"), context("Go")))) == 2  # older: the context alone


@pytest.mark.parametrize(
    ("kind", "origin", "shown"),
    [
        ("turn.prompt", "user", "human"), ("turn.steer", "user", "queued"), ("turn.prompt", "shell_command", "command"),
        ("turn.steer", "background_task", "task"), ("turn.prompt", "cron_job", "task"),
        ("turn.prompt", "hook_result", "injected"), ("turn.prompt", "brand_new", "injected"),
    ],
)  # fmt: skip
def test_who_said_it(kind: str, origin: str, shown: str) -> None:
    assert [one.origin for one in events(HEAD, prompt("x", origin, kind)) if isinstance(one, PromptText)] == [shown]


def test_usage_that_is_told_twice_counts_once(tmp_path: Path) -> None:
    request = rec("llm.request", model="kimi-k3", modelAlias="kimi-code/k3")
    one = {"in": 100, "out": 20, "cache_read": 400, "cache_create": 10, "cost_usd": None}
    assert total(HEAD, prompt("x"), request, step_end(), usage(), tmp_path=tmp_path) == {"kimi-k3": one}
    assert total(HEAD, prompt("x"), request, usage(), step_end(), tmp_path=tmp_path) == {"kimi-k3": one}
    assert total(HEAD, prompt("x"), request, step_end(), tmp_path=tmp_path) == {"kimi-k3": one}
    assert total(HEAD, prompt("x"), usage(), tmp_path=tmp_path) == {"kimi-code/k3": one}
    two = total(HEAD, prompt("x"), request, step_end(), usage(), step_end("s2"), usage(), usage(), tmp_path=tmp_path)
    assert two["kimi-k3"]["in"] == 300  # two steps, and a request of no step


def test_the_context_is_what_the_last_request_filled() -> None:
    assert [one.used for one in events(HEAD, step_end(), usage()) if isinstance(one, Usage)] == [530]


def test_calls_whose_ids_come_again_are_other_calls() -> None:
    again = rows(events(HEAD, call(), result("a"), call(command="pwd"), result("b")))
    assert [(row.title, str(row.output)) for row in again if isinstance(row, Tool)] == [("ls", "a"), ("pwd", "b")]
    parallel = rows(events(HEAD, call("a"), call("b", command="pwd"), result("1", "b"), result("2", "a")))
    assert [(row.title, str(row.output)) for row in parallel if isinstance(row, Tool)] == [("ls", "2"), ("pwd", "1")]
    nameless = rows(events(HEAD, loop("tool.call", name="Bash", args={}), loop("tool.call", name="Bash", args={})))
    assert len(nameless) == 2


@pytest.mark.parametrize(
    ("output", "more", "status", "code"),
    [
        ("a", {}, "ok", None),
        ("no\nCommand failed with exit code: 1.", {"isError": True}, "failed", 1),
        ("User rejected it", {"isError": True}, "cancelled", None),
        ([{"type": "text", "text": "a"}, {"type": "image_url"}], {}, "ok", None),
        ({"x": 1}, {}, "ok", None),
    ],
)
def test_how_a_call_ends(output: Any, more: dict[str, Any], status: str, code: int | None) -> None:
    (row,) = rows(events(HEAD, call(), result(output, **more)))
    assert isinstance(row, Tool)
    assert (row.status, row.exit_code) == (status, code)
    assert row.images == (1 if isinstance(output, list) else 0)


def test_a_plan_is_one_row_that_changes() -> None:
    todo = {"todos": [{"title": "edit", "status": "done"}, {"title": "test", "status": "in_progress"}]}
    stored = rec("tools.update_store", key="todo", value=[{"title": "edit", "status": "done"}])
    found = events(HEAD, call("T", "TodoList", **todo), stored, rec("tools.update_store", key="other", value=[]))
    assert [one.entries for one in found if isinstance(one, PlanSet)] == [
        (("edit", "completed"), ("test", "in_progress")), (("edit", "completed"),),
    ]  # fmt: skip
    assert [type(row) for row in rows(found)] == [Tool, Plan]


def test_compaction_modes_and_the_model() -> None:
    done = rec("context.apply_compaction", summary="All.", contextSummary="Long. All.", tokensBefore=9, tokensAfter=1)
    found = events(
        HEAD, rec("permission.set_mode", mode="yolo"), rec("plan_mode.enter"), rec("plan_mode.cancel"),
        rec("full_compaction.begin"), done, context("Long. All.", "compaction_summary"),
        rec("full_compaction.complete"),
        rec("config.update", modelAlias="mine"), rec("llm.request", model="kimi-k3", modelAlias="mine"),
        rec("config.update", modelAlias="mine"),
    )  # fmt: skip
    assert [(one.mode, one.llm) for one in found if isinstance(one, ConfigChanged)] == [
        ("yolo", None), ("plan", None), ("yolo", None), (None, "mine"), (None, "kimi-k3"),
    ]  # fmt: skip
    assert [one.on for one in found if isinstance(one, Compacting)] == [True, False]
    assert [row.text for row in rows(found) if isinstance(row, Notice)][-1] == "Conversation compacted: 9 → 1 tokens"
    assert not [row for row in rows(found) if isinstance(row, Prompt)]


def test_what_is_undone_leaves() -> None:
    talk = [prompt("One"), part("1"), prompt("Two"), part("2", uuid="p2"), prompt("Three"), part("3", uuid="p3")]
    found = rows(events(HEAD, *talk, rec("context.undo", count=2)))
    assert [type(row) for row in found] == [Prompt, Message, Notice]
    assert not [one for one in events(HEAD, *talk, rec("context.undo", count=9)) if isinstance(one, Rewound)]


def test_turns_end() -> None:
    found = events(HEAD, prompt("x"), step_end(why="end_turn"), prompt("y"), rec("turn.cancel"),
                   rec("turn.ended", reason="failed", durationMs=40))  # fmt: skip
    assert [(one.status, one.duration_us) for one in found if isinstance(one, TurnEnded)] == [
        ("success", None), ("cancelled", None), ("error", 40_000),
    ]  # fmt: skip


def test_subagents_lie_in_folders_beside_the_main_one(tmp_path: Path) -> None:
    """Their calls may have the ids of the main agent's."""
    main, child = (tmp_path / "agents" / name / "wire.jsonl" for name in ("main", "agent-0"))
    for path, records in (
        (main, [HEAD, prompt("x"), call("Bash_1"), result("m", "Bash_1"), call("A", "Agent", description="Look"),
                result("agent_id: agent-0\nstatus: completed", "A"), part("Done.")]),
        (child, [HEAD, prompt("List", "system_trigger"), call("Bash_1"), result("c", "Bash_1"),
                 part("One.", uuid="q")]),
    ):  # fmt: skip
        path.parent.mkdir(parents=True)
        path.write_bytes(lines(*records))
    found = rows([one for batch in Whole(main) for one in batch])
    assert [(row.agent, row.parent, type(row)) for row in found] == [
        ("", None, Prompt), ("", None, Tool), ("", None, Tool), ("agent-0", "A", Prompt), ("agent-0", "A", Tool),
        ("agent-0", "A", Message), ("", None, Message),
    ]  # fmt: skip
    assert [str(row.output) for row in found if isinstance(row, Tool)][::2] == ["m", "c"]
    assert [row.origin for row in found if isinstance(row, Prompt)] == ["human", "agent"]
    named_ = [one for one in events(*[HEAD, prompt("List")], of="agent-0") if isinstance(one, SessionNamed)]
    assert named_ == []


# ---- older versions


def test_the_wire_of_the_older_program() -> None:
    path = RECORDED / "kimi" / "old-wire.jsonl"
    pipe = Pipe(named("kimi"))
    found = pipe.feed(path.read_bytes()) + pipe.close()
    told = [(one.at.agent, one.key, one.tokens) for one in found if isinstance(one, Spent)]
    assert told == [
        ("", "kimi chatcmpl-old-1", Tokens("", 1000, 60, 8000)), ("a7", "kimi chatcmpl-old-2", Tokens("", 10, 5)),
    ]  # fmt: skip
    assert [(one.used, one.size) for one in found if isinstance(one, Usage)] == [(9000, 262_144)]
    assert [(one.at.agent, one.status) for one in found if isinstance(one, TurnEnded)] == [
        ("a7", "success"), ("", "cancelled"), ("", "success"),
    ]  # fmt: skip


def test_the_context_of_the_older_program_and_messages_of_nobody() -> None:
    talk = [{"role": "user", "content": "Go"}, {"role": "assistant", "content": [{"type": "think", "think": "Hm."}]}]
    assert [type(row) for row in rows(events(*talk))] == [Prompt, Thought]
    assert sniff(lines(*talk)).agent == "raw"  # many write so
    assert sniff(lines({"role": "_checkpoint", "id": 0}, *talk)).agent == "kimi"


def test_where_its_sessions_lie(tmp_path: Path) -> None:
    """Only the main agent's wire is a session; a context is one where there is no wire."""
    new = tmp_path / ".kimi-code" / "sessions" / "wd_demo_0" / "session_1" / "agents"
    old = tmp_path / ".kimi" / "sessions" / ("0" * 32)
    files = [new / "main" / "wire.jsonl", new / "agent-0" / "wire.jsonl", old / "a" / "wire.jsonl",
             old / "a" / "context.jsonl", old / "b" / "context.jsonl", old / "b" / "context_1.jsonl"]  # fmt: skip
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lines(HEAD, prompt("x")))
    kimi = named("kimi")
    assert kimi.owns is not None
    assert kimi.part_of is not None
    found = []
    for path in files:
        root = tmp_path / (".kimi" if ".kimi" in path.parts else ".kimi-code") / "sessions"
        if kimi.owns(path.relative_to(root)) and not kimi.part_of(path):
            found.append(path)
    assert found == [files[0], files[2], files[4]]
    assert [kimi.part_of(path) for path in files] == ["", "session_1", "", "a", "", ""]


def test_its_folder_says_which_session_it_is_and_what_it_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "wd_demo_0" / "session_1"
    wire = folder / "agents" / "main" / "wire.jsonl"
    wire.parent.mkdir(parents=True)
    wire.write_bytes(lines(HEAD, prompt("Find the bug, please")))
    assert (summary(wire).session, summary(wire).title, summary(wire).cwd) == ("session_1", "Find the bug, please", "")
    for state, title, cwd in (
        (b'{"title":"The bug","isCustomTitle":true,"workDir":"/w/demo"}', "The bug", "/w/demo"),
        (b'{"title":"Bug","workDir":"/w/demo"}', "Bug", "/w/demo"),
        (b'{"title":7,"workDir":[]}', "Find the bug, please", ""), (b"[1]", "Find the bug, please", ""),
        (b'{"title":', "Find the bug, please", ""),
    ):  # fmt: skip
        (folder / "state.json").write_bytes(state)
        listed = summary(wire)
        assert (listed.session, listed.title, listed.cwd) == ("session_1", title, cwd)
        told = Facts()
        for batch in Whole(wire):
            told.add(batch)
        assert (told.id, told.title, told.cwd) == ("session_1", title, cwd)
    db = tmp_path / "playhead.db"
    take_in(db, wire)
    (folder / "state.json").write_bytes(b'{"title":"Another name","isCustomTitle":true}')
    with wire.open("ab") as file:
        file.write(lines(prompt("More")))
    take_in(db, wire)
    found = known(wire, db)
    assert found is not None
    found.window.close()
    assert (found.facts.id, found.facts.title) == ("session_1", "Another name")
    old = tmp_path / "old" / "abc" / "wire.jsonl"
    old.parent.mkdir(parents=True)
    old.write_bytes(lines(HEAD, prompt("x")))
    assert summary(old).session == "abc"
