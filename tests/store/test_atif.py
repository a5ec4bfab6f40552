"""ATIF: steps, calls and what they gave, trajectories in trajectories, tokens and money told once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from builders import rows

from store.digest_report import Session, session_wire
from store.events import AdapterSeen, Event, PromptText, SessionNamed, Spent, Tokens, TurnEnded, Unreadable
from store.formats import named, sniff
from store.items import Message, Notice, Prompt, Tool
from store.pipe import Pipe

RECORDED = Path(__file__).parents[1] / "recorded"


def step(source: str, message: Any = "x", **more: Any) -> dict[str, Any]:
    return {"source": source, "message": message, **more}


def metrics(given: int, out: int, cached: int = 0, cost: float | None = None) -> dict[str, Any]:
    return {"prompt_tokens": given, "completion_tokens": out, "cached_tokens": cached, "cost_usd": cost}


def call(name: str, id: str = "c1", **given: Any) -> dict[str, Any]:
    return {"tool_call_id": id, "function_name": name, "arguments": given}


def trajectory(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    numbered = [{"step_id": index + 1, **one} for index, one in enumerate(steps)]
    agent = {"name": "harness", "version": "2", "model_name": "claude-opus-4-8"}
    return {"schema_version": "ATIF-v1.8", "session_id": "s", "agent": agent, "steps": numbered, **more}


def events(data: dict[str, Any]) -> list[Event]:
    pipe = Pipe(named("atif"))
    return pipe.feed(orjson.dumps(data, option=orjson.OPT_INDENT_2)) + pipe.close()


def figures(path: Path) -> dict[str, Any]:
    session = Session(path, list_price=lambda tokens, ts, whole: None)
    return session_wire(session.id, session.digest, session.agents)


def test_it_is_told_by_its_version_wherever_that_stands() -> None:
    whole = trajectory(step("user", "Go"))
    late = {"agent": whole["agent"], "steps": [step("user", "x" * 8000)], "schema_version": "ATIF-v1.4"}
    for data in (orjson.dumps(whole), orjson.dumps(whole, option=orjson.OPT_INDENT_2), orjson.dumps(late)):
        assert sniff(data).agent == "atif"
    assert sniff(b'{"schema_version": "1", "steps": []}').agent == "raw"
    (raw,) = events({"schema_version": "ATIF-v1.8"})
    assert isinstance(raw, Unreadable)


def test_steps_are_rows() -> None:
    found = events(
        trajectory(
            step("system"), step("user", [{"type": "text", "text": "Go"}, {"type": "image"}]),
            step("agent", "Yes.", reasoning_content="Hm."), step("oracle", "From outside."),
        )
    )  # fmt: skip
    assert [type(row).__name__ for row in rows(found)] == ["Prompt", "Prompt", "Thought", "Message", "Notice"]
    assert [(one.origin, one.images) for one in found if isinstance(one, PromptText)] == [("injected", 0), ("human", 1)]
    assert [(one.adapter, one.version) for one in found if isinstance(one, AdapterSeen)] == [("harness", "2")]
    assert [(one.id, one.title) for one in found if isinstance(one, SessionNamed)] == [("s", ""), ("", "Go")]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Bash", "tool.shell"), ("exec_command", "tool.shell"), ("terminal", "tool.shell"), ("Edit", "tool.edit"),
        ("replace", "tool.edit"), ("read_file", "tool.read"), ("mcp__git__log", "tool.mcp"), ("brand_new", "tool"),
    ],
)  # fmt: skip
def test_tools_of_any_agent_have_their_kinds(name: str, kind: str) -> None:
    (row,) = rows(events(trajectory(step("agent", "", tool_calls=[call(name)]))))
    assert isinstance(row, Tool)
    assert (row.kind, row.status) == (kind, "ok")


def test_results_find_their_calls_also_when_ids_are_alike() -> None:
    results = [{"source_call_id": "c", "content": "1"}, {"source_call_id": "c", "content": "2\nExit code: 2"},
               {"content": "beside"}, {"source_call_id": "x", "content": "lost"}]  # fmt: skip
    calls = [call("Bash", "c", command="a"), call("Bash", "c", command="b")]
    found = rows(events(trajectory(step("agent", "", tool_calls=calls, observation={"results": results}))))
    tools = [(row.title, str(row.output), row.status) for row in found if isinstance(row, Tool)]
    assert tools == [("a", "1", "ok"), ("b", "2\nExit code: 2", "failed")]
    assert [(row.text, row.origin) for row in found if isinstance(row, Prompt)] == [
        ("beside", "injected"), ("lost", "injected"),
    ]  # fmt: skip


def test_a_trajectory_in_a_trajectory_stands_at_its_call() -> None:
    inner = trajectory(step("user", "List"), step("agent", "One.", metrics=metrics(10, 1)), trajectory_id="t1")
    lost = trajectory(step("agent", "Nobody called."), trajectory_id="t2")
    ref = {"source_call_id": "c1", "content": "One.", "subagent_trajectory_ref": [{"trajectory_id": "t1"}]}
    outer = trajectory(
        step("user", "Go"), step("agent", "", tool_calls=[call("Task")], observation={"results": [ref]}),
        step("agent", "Done."), subagent_trajectories=[lost, inner],
    )  # fmt: skip
    found = rows(events(outer))
    assert [(row.agent, type(row)) for row in found] == [
        ("", Prompt), ("", Tool), ("t1", Prompt), ("t1", Message), ("", Message), ("t2", Message),
    ]  # fmt: skip
    assert isinstance(found[1], Tool)
    assert (found[1].child_agent, found[2].parent) == ("t1", found[1].id)


def test_trajectories_may_be_nested_deep() -> None:
    data = trajectory(step("user", "bottom"), trajectory_id="t0")
    for depth in range(1, 60):
        data = trajectory(step("user", str(depth)), trajectory_id=f"t{depth}", subagent_trajectories=[data])
    found = rows(events(data))
    assert [row.text for row in found if isinstance(row, Notice)] == ["Subagent t26 is nested too deep"]


def test_steps_tell_tokens_and_copied_ones_do_not_count() -> None:
    told = [step("user"), step("agent", metrics=metrics(100, 7, 40, 0.5)),
            step("agent", metrics=metrics(9, 9), is_copied_context=True)]  # fmt: skip
    found = events(trajectory(*told, final_metrics={"total_prompt_tokens": 100, "total_completion_tokens": 7}))
    assert [one.tokens for one in found if isinstance(one, Spent)] == [
        Tokens("claude-opus-4-8", 60, 7, 40, cost_usd=0.5)
    ]
    assert [(one.used, one.cost_usd) for one in found if isinstance(one, TurnEnded)] == [((), 0.5)]


def test_sums_count_where_no_step_tells_any(tmp_path: Path) -> None:
    figures_ = figures(RECORDED / "atif" / "sums-only.jsonl")
    assert figures_["by_model"] == {
        "gpt-5.5": {"in": 3000, "out": 80, "cache_read": 6000, "cache_create": 0, "cost_usd": 0.03}
    }


def test_money_of_steps_and_of_the_end(tmp_path: Path) -> None:
    """As the trajectory tells it; where only the end does, it is that of all turns."""
    tour = figures(RECORDED / "atif" / "tour.jsonl")
    assert tour["cost_usd"] == pytest.approx(0.0341)
    assert sum(one["in"] + one["cache_read"] for one in tour["by_model"].values()) == 66_070
    path = tmp_path / "trajectory.json"
    steps = [step("user"), step("agent", metrics=metrics(100, 7)), step("user"), step("agent", metrics=metrics(50, 3))]
    path.write_bytes(orjson.dumps(trajectory(*steps, final_metrics={"total_cost_usd": 0.25})))
    told = figures(path)
    assert told["cost_usd"] == pytest.approx(0.25)
    assert told["by_model"]["claude-opus-4-8"]["in"] == 150
