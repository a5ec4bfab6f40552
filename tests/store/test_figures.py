"""The figures of whole sessions: they agree with the rows on the screen, and with the same run told another way."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from builders import answer, assistant, call, lines, user

from store.digest_report import Session, session_wire, turn_wire
from store.items import Tool
from store.prices import unknown
from store.report import rows_of

KEYS = {
    "in": "input_tokens", "out": "output_tokens", "cache_read": "cache_read_input_tokens",
    "cache_create": "cache_creation_input_tokens",
}  # fmt: skip
RECORDED = sorted((Path(__file__).parents[1] / "recorded").glob("*/*.jsonl"))


def old(path: Path, tmp_path: Path) -> Path:
    """A copy that was last written long ago: nobody works on it."""
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    beside = path.with_suffix("")
    for file in beside.rglob("*") if beside.is_dir() else ():
        if file.is_file():
            target = copy.with_suffix("") / file.relative_to(beside)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    os.utime(copy, (1, 1))
    return copy


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_figures_agree_with_the_rows(path: Path, tmp_path: Path) -> None:
    """X-07: tools, failures and tokens, counted another way."""
    session = Session(old(path, tmp_path), list_price=unknown)
    figures = session_wire(session.id, session.digest)
    tools = [item for item in rows_of(path)[0] if isinstance(item, Tool)]
    assert figures["tool_total"] == sum(not tool.orphan for tool in tools)
    assert figures["tool_failed"] == sum(tool.status == "failed" for tool in tools)
    assert figures["sealed"]
    assert figures["running"] is None
    told = [turn_wire(turn) for turn in session.turns]
    assert not any(turn["open"] for turn in told)
    assert figures["turn_count"] == sum(turn["agent"] == "main" for turn in told)
    for name in ("error_count", "issue_count", "tool_failed"):
        assert figures[name] == sum(turn[name] for turn in told), name
    assert sum(used["in"] for used in figures["by_model"].values()) == sum(turn["in_tokens"] for turn in told)


def test_a_file_and_the_stream_of_the_same_run_have_the_same_figures(tmp_path: Path) -> None:
    recorded = RECORDED[0].parents[1]
    file, stream = (
        Session(old(recorded / agent / "two-helpers.jsonl", tmp_path)) for agent in ("claude-code", "claude-stream")
    )
    one, other = session_wire(file.id, file.digest), session_wire(stream.id, stream.digest)
    for name in ("by_model", "cost_usd", "tool_total", "turn_count", "error_count", "issue_count", "outcome"):
        assert one[name] == other[name], name
    assert one["cost_usd"] == 0.04552


def counted(paths: list[Path]) -> dict[str, int]:
    """Tokens by the rule of FORMATS A6, the plainest way: one answer per (message id, request id), the most it says."""
    most: dict[tuple[str, str | None], dict[str, int]] = {}
    for path in paths:
        for text in path.read_bytes().split(b"\n"):
            try:
                record = json.loads(text)
            except ValueError:
                continue
            told = record.get("data") if isinstance(record, dict) and record.get("type") == "progress" else None
            if isinstance(told, dict) and told.get("type") == "agent_progress":
                record = told["message"]  # what a caller hears of its subagent's requests
            message = record.get("message") if isinstance(record, dict) else None
            if not isinstance(message, dict) or "usage" not in message:
                continue
            if (record.get("type") or message.get("role")) != "assistant" or message["model"] == "<synthetic>":
                continue
            request = most.setdefault((message.get("id") or text.decode(), record.get("requestId")), {})
            for name in KEYS.values():
                request[name] = max(request.get(name, 0), message["usage"].get(name) or 0)
    return {ours: sum(request[theirs] for request in most.values()) for ours, theirs in KEYS.items()}


def test_tokens_of_real_sessions(data_dir: Path) -> None:
    """Every session that others have published, subagents' files included, against a count of the raw lines."""
    seen = 0
    for path in sorted((data_dir / "claude-code").rglob("*.jsonl")):
        if path.name.startswith("agent-") and not path.name.startswith("agent-sessions"):
            continue
        session = Session(path, list_price=unknown)
        used = session_wire(session.id, session.digest)["by_model"].values()
        told = {name: sum(one[name] for one in used) for name in KEYS}
        assert told == counted(rows_of(path)[1]), path.name
        seen += 1
    assert seen > 50


def test_a_live_session_is_not_judged(tmp_path: Path) -> None:
    """000-22."""
    path = tmp_path / "live.jsonl"
    path.write_bytes(lines(user("go"), assistant("hm"), assistant(call("Bash"), id="msg_2", uuid="a2")))
    session = Session(path, list_price=unknown)
    figures = session_wire(session.id, session.digest)
    assert (figures["sealed"], figures["issue_count"], figures["turn_count"], figures["outcome"]) == (False, 0, 0, None)
    assert figures["running"]["by_model"]["claude-opus-5"]["in"] == figures["by_model"]["claude-opus-5"]["in"] > 0
    assert figures["cost_usd"] is None
    (turn,) = (turn_wire(turn) for turn in session.turns)
    assert (turn["open"], turn["end_seq"], turn["end_ts"], turn["tool_count"]) == (True, 0, None, 1)
    os.utime(path, (1, 1))
    session = Session(path, list_price=unknown)
    figures = session_wire(session.id, session.digest)
    assert sorted(figures["issues"]) == ["incomplete_turn", "missing_tool_result"]
    assert figures["issue_worst_severity"] == "error"
    assert (figures["outcome"], figures["running"]) == ("terminated", None)


def test_background_work_is_not_missing(tmp_path: Path) -> None:
    launched = answer("started", toolUseResult={"isAsync": True, "status": "async_launched", "agentId": "ab"})
    path = tmp_path / "x.jsonl"
    path.write_bytes(lines(user("go"), assistant(call("Task")), launched, assistant("done", id="m2", uuid="a2")))
    os.utime(path, (1, 1))
    figures = session_wire("x", Session(path, list_price=unknown).digest)
    assert (figures["issues"], figures["outcome"]) == ({}, "success")
