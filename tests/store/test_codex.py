"""Codex: what is told twice is shown once, copies of a parent's records count nowhere, and the tokens are right."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pytest
from builders import rows

from store.events import Event, PromptText, Rewound, SessionNamed, Spent, Tokens, ToolUpdated, TurnEnded, Usage
from store.formats import named, sniff
from store.formats.codex_tools import changed, result_of, title_of
from store.items import Message, Prompt, Thought, Tool
from store.pipe import Pipe
from store.whole import Whole

RECORDED = Path(__file__).parents[1] / "recorded"
OWN = "019a0000-0000-7000-8000-00000000000b"
PARENT = "01990000-0000-7000-8000-00000000000a"
LATER = "019b0000-0000-7000-8000-00000000000c"


def line(kind: str, /, **payload: Any) -> bytes:
    return orjson.dumps({"timestamp": "2026-10-01T08:00:00.000Z", "type": kind, "payload": payload}) + b"\n"


def event(kind: str, /, **more: Any) -> bytes:
    return line("event_msg", type=kind, **more)


def item(kind: str, /, **more: Any) -> bytes:
    return line("response_item", type=kind, **more)


def said(role: str, text: str) -> bytes:
    return item(
        "message", role=role, content=[{"type": "output_text" if role == "assistant" else "input_text", "text": text}]
    )


def counted(total: int, last: int, output: int = 0, cached: int = 0) -> bytes:
    sums = {
        "input_tokens": total,
        "cached_input_tokens": cached,
        "output_tokens": output,
        "total_tokens": total + output,
    }
    now = {"input_tokens": last, "cached_input_tokens": 0, "output_tokens": 0, "total_tokens": last}
    info = {"total_token_usage": sums, "last_token_usage": now, "model_context_window": 200_000}
    return event("token_count", info=info, rate_limits=None)


def events(*lines: bytes, agent: str = "") -> list[Event]:
    pipe = Pipe(named("codex"), agent=agent)
    return pipe.feed(b"".join(lines)) + pipe.close()


def spent(found: list[Event]) -> list[Tokens]:
    return [one.tokens for one in found if isinstance(one, Spent)]


@pytest.mark.parametrize("first", ["screen", "model"])
def test_what_is_told_twice_is_one_row(first: str) -> None:
    told = [
        (event("user_message", message="Hello\n", images=[]), said("user", "Hello")),
        (event("agent_reasoning", text="**Think**"),
         item("reasoning", summary=[{"type": "summary_text", "text": "**Think**"}], encrypted_content="x")),
        (event("agent_message", message="Good morning."), said("assistant", "Good morning.")),
    ]  # fmt: skip
    pairs = [pair if first == "screen" else pair[::-1] for pair in told]
    found = rows(events(*(one for pair in pairs for one in pair)))
    assert [type(row) for row in found] == [Prompt, Thought, Message]
    # The same words a second time are said again.
    again = rows(events(*(one for pair in pairs for one in pair), *(one for pair in pairs for one in pair)))
    assert [type(row) for row in again] == [Prompt, Thought, Message] * 2


def test_what_no_event_tells_is_shown_all_the_same() -> None:
    found = rows(events(said("user", "Hello"), said("assistant", "Good morning."), item("reasoning", summary=[])))
    assert [type(row) for row in found] == [Prompt, Message, Thought]
    assert found[2].hidden  # type: ignore[union-attr]


def test_what_the_program_adds_is_told_apart_from_what_a_person_typed() -> None:
    found = events(
        said("developer", "Be brief."),
        said("user", "<environment_context>\n  <cwd>/home</cwd>\n</environment_context>"),
        said("user", "# AGENTS.md instructions for /home"),
        said("user", "Look at <environment_context> for me"),
    )
    assert [one.origin for one in found if isinstance(one, PromptText)] == ["injected"] * 3 + ["human"]


def test_tokens_of_the_recording_are_those_of_its_last_sum() -> None:
    data = (RECORDED / "codex" / "tour.jsonl").read_bytes()
    pipe = Pipe(named("codex"))
    used = spent(pipe.feed(data) + pipe.close())
    assert sum(one.input + one.cache_read + one.cache_write for one in used) == 16_770
    assert sum(one.cache_read for one in used) == 8_100
    assert sum(one.output for one in used) == 992
    assert {one.llm for one in used} == {"gpt-5.5"}
    assert len(used) == 6, "a record per answer; the sums say the same once more"


def test_sums_count_what_came_since_the_sum_before() -> None:
    found = events(counted(100, 100), counted(100, 100), counted(250, 150, 40, 50), counted(30, 30))
    assert spent(found) == [Tokens("", 100), Tokens("", 100, 40, 50), Tokens("", 30)]
    gauge = [(one.used, one.size) for one in found if isinstance(one, Usage)]
    assert gauge[-1] == (30, 200_000)
    assert spent(events(event("token_count", info=None))) == []


def meta(own: str, **more: Any) -> bytes:
    return line("session_meta", id=own, cwd="/home/dev/demo", cli_version="0.145.0", originator="codex-tui", **more)


def copied() -> bytes:
    """What a fork or a subagent finds of its parent, and then its own turn."""
    return b"".join((
        meta(PARENT), event("task_started", turn_id=PARENT), said("user", "The old question"), counted(1_000, 1_000),
        event("task_started", turn_id=LATER), said("user", "The new question"), counted(1_100, 100),
    ))  # fmt: skip


def test_a_fork_shows_what_it_began_with_and_counts_what_is_its_own() -> None:
    found = events(meta(OWN, forked_from_id=PARENT), copied())
    assert [row.text for row in rows(found)] == ["The old question", "The new question"]
    assert spent(found) == [Tokens("", 100)]
    assert [one.id or one.title for one in found if isinstance(one, SessionNamed)] == [OWN, "The old question"]


def test_a_subagent_shows_and_counts_only_what_is_its_own(tmp_path: Path) -> None:
    spawn = {"subagent": {"thread_spawn": {"parent_thread_id": PARENT, "depth": 1, "agent_nickname": "Ada"}}}
    folder = tmp_path / "2026" / "10" / "01"
    folder.mkdir(parents=True)
    main = folder / f"rollout-2026-10-01T10-00-00-{PARENT}.jsonl"
    child = folder / f"rollout-2026-10-01T10-01-00-{OWN}.jsonl"
    child.write_bytes(meta(OWN, source=spawn, parent_thread_id=PARENT) + copied() + said("assistant", "Found it."))
    other = folder / f"rollout-2026-10-01T10-02-00-{LATER}.jsonl"
    other.write_bytes(meta(LATER) + said("user", "Somebody else"))
    main.write_bytes(
        meta(PARENT)
        + said("user", "Ask Ada")
        + item("function_call", name="spawn_agent", call_id="c1", arguments='{"message":"Look for it"}')
        + event("collab_agent_spawn_end", call_id="c1", new_thread_id=OWN, prompt="Look for it", status="running")
        + item("function_call_output", call_id="c1", output='{"agent_id":"x"}')
        + said("assistant", "Ada found it.")
    )
    found = [one for batch in Whole(main) for one in batch]
    shown = rows(found)
    assert [(str(row.text) if not isinstance(row, Tool) else row.title, row.agent) for row in shown] == [
        ("Ask Ada", ""), ("Look for it", ""), ("The new question", OWN), ("Found it.", OWN), ("Ada found it.", ""),
    ]  # fmt: skip
    assert {row.parent for row in shown if row.agent} == {"c1"}
    assert [(one.tokens, one.at.agent) for one in found if isinstance(one, Spent)] == [(Tokens("", 100), OWN)]


def test_a_rollback_takes_the_last_turns_away() -> None:
    found = events(
        said("user", "One"), said("assistant", "1"), said("user", "Two"), said("assistant", "2"),
        event("thread_rolled_back", num_turns=1), said("user", "Three"),
    )  # fmt: skip
    assert sum(isinstance(one, Rewound) for one in found) == 1
    assert [getattr(row, "text", "") for row in rows(found)][-1] == "Three"
    assert "Two" not in [str(getattr(row, "text", "")) for row in rows(found)]


def test_a_process_that_goes_on_ends_with_the_call_that_sees_it_end() -> None:
    def call(id_: str, name: str, given: str, output: str) -> bytes:
        return item("function_call", name=name, call_id=id_, arguments=given) + item(
            "function_call_output", call_id=id_, output=output
        )

    start = call("a", "exec_command", '{"cmd":"make"}', "Chunk ID: 1\nWall time: 10.0 seconds\n"
                 "Process running with session ID 7\nOutput:\nbuilding")  # fmt: skip
    (only,) = rows(events(start))
    assert isinstance(only, Tool)
    assert (only.status, str(only.output)) == ("running", "building")
    poll = call(
        "b",
        "write_stdin",
        '{"session_id":7,"chars":""}',
        "Wall time: 1.5 seconds\nProcess exited with code 2\nOutput:\nno",
    )
    first, second = rows(events(start, poll))
    assert isinstance(first, Tool)
    assert isinstance(second, Tool)
    assert (first.status, first.exit_code) == ("failed", 2)
    assert (second.status, second.duration_us) == ("ok", 1_500_000)


@pytest.mark.parametrize(
    ("output", "text", "status", "code"),
    [
        ("plain", "plain", None, None),
        ('{"output":"a\\n","metadata":{"exit_code":1,"duration_seconds":0.5}}', "a\n", "failed", 1),
        ("Exit code: 0\nWall time: 2 seconds\nOutput:\nok", "ok", "ok", 0),
        ([{"type": "input_text", "text": "Script completed\nWall time 0.2 seconds\nOutput:\n"},
          {"type": "input_text", "text": "hi"}], "hi", None, None),
        ({"content": "no", "success": False}, "no", "failed", None),
        (None, "", None, None),
        (7, "7", None, None),
    ],
)  # fmt: skip
def test_a_result_says_what_it_says_in_every_form(output: Any, text: str, status: str | None, code: int | None) -> None:
    found = result_of(output)
    assert (found.text, found.status, found.exit_code) == (text, status, code)


def test_a_patch_of_several_files_names_each(tmp_path: Path) -> None:
    patch = "*** Begin Patch\n*** Add File: a.py\n+one\n*** Update File: b.py\n@@\n-old\n+new\n*** End Patch"
    assert title_of("apply_patch", patch) == "a.py, b.py"
    (row,) = rows(events(item("custom_tool_call", name="apply_patch", call_id="p", input=patch)))
    assert isinstance(row, Tool)
    assert [(hunk.path, hunk.lines) for hunk in row.hunks or ()] == [("a.py", ("+one",)), ("b.py", ("-old", "+new"))]
    diff = "@@ -3,2 +3,2 @@\n same\n-old\n+new\n"
    hunks = changed(
        {"b.py": {"type": "update", "unified_diff": diff, "move_path": "c.py"}, "d": {"type": "delete", "content": "x"}}
    )
    assert [(hunk.path, hunk.old_start, hunk.lines) for hunk in hunks or ()] == [
        ("b.py → c.py", 3, (" same", "-old", "+new")), ("d", 1, ("-x",)),
    ]  # fmt: skip


def test_turns_end_as_they_are_told_to() -> None:
    found = events(
        event("task_complete", turn_id="t", duration_ms=1500), event("turn_aborted", reason="interrupted"),
        event("task_complete", turn_id="u", error={"message": "no"}),
    )  # fmt: skip
    ends = [(one.status, one.duration_us) for one in found if isinstance(one, TurnEnded)]
    assert ends == [("success", 1_500_000), ("cancelled", None), ("error", None)]


def test_a_subagent_is_found_by_the_thread_that_its_call_names() -> None:
    found = events(event("sub_agent_activity", kind="started", event_id="c9", agent_thread_id=OWN))
    assert [(one.item, one.child_agent) for one in found if isinstance(one, ToolUpdated)] == [("c9", OWN)]


@pytest.mark.parametrize("name", ["codex", "codex-exec"])
def test_its_files_are_told_from_others(name: str) -> None:
    for path in sorted((RECORDED / name).glob("*.jsonl")):
        assert sniff(path.read_bytes()[: 64 << 10], path).agent == name, os.fspath(path)
