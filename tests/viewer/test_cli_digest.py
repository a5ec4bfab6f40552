"""`playhead digest` and `playhead turns`, as a script meets them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from builders import SESSION, answer, assistant, call, lines, user

from viewer import cli

RECORDED = Path(__file__).resolve().parents[1] / "recorded"
HELPERS = RECORDED / "claude-code" / "two-helpers.jsonl"
WIRE = {  # SYSTEMS G.4
    "session_id", "agent_ids", "team_id", "watermark_seq", "event_count", "turn_count", "first_ts", "last_ts",
    "duration_ms", "active_ms", "cost_usd", "by_model", "error_count", "errors", "issue_count", "issues",
    "issue_worst_severity", "tool_total", "tool_failed", "tools", "latency", "outcome",
}  # fmt: skip


def printed(capfdbinary: pytest.CaptureFixture[bytes], *arguments: str | Path) -> list[dict[str, object]]:
    assert cli.main([str(argument) for argument in arguments]) == 0
    return [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """Two turns, the second one with a call that failed; nobody works on it any more."""
    path = tmp_path / f"{SESSION}.jsonl"
    failed = answer("Error: no", seconds=12, error=True)
    path.write_bytes(
        lines(
            user("one", "u1", 0),
            assistant("done", id="m1", uuid="a1", seconds=2),
            user("two", "u2", 10),
            assistant(call("Edit"), id="m2", uuid="a2", seconds=11),
            failed,
            assistant("it failed", id="m3", uuid="a3", seconds=15),
        )
    )
    os.utime(path, (1, 1))
    return path


def test_digest_as_json(session: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    (told,) = printed(capfdbinary, "digest", session, "--json")
    assert set(told) >= WIRE
    assert (told["session_id"], told["agent_ids"], told["turn_count"]) == (SESSION, ["main"], 2)
    assert (told["duration_ms"], told["active_ms"]) == (15_000, 7_000)
    used = {"in": 30, "out": 0, "cache_read": 3000, "cache_create": 270, "cost_usd": 0.003339}
    assert told["by_model"] == {"claude-opus-5": used}
    assert told["cost_usd"] == 0.003339
    assert told["errors"] == {
        "tool_error": {
            "count": 1,
            "sample_seqs": [5],
            "sample_ordinals": [3],
            "sample_ts": ["2026-09-14T15:07:11.000Z"],
            "sample_labels": ["Edit"],
        }
    }
    assert told["tools"] == {"Edit": {"calls": 1, "failed": 1, "sample_seqs": [5], "sample_ordinals": [3]}}
    assert (told["issues"], told["issue_worst_severity"], told["outcome"]) == ({}, None, "success")
    latency = told["latency"]
    assert isinstance(latency, dict)
    assert (latency["samples"], latency["p50_ms"], latency["p95_ms"]) == (2, 2500, 4750)
    assert len(latency["counts"]) == len(latency["bounds"]) + 1 == 12


def test_turns_as_json(session: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """000-27."""
    one, two = printed(capfdbinary, "turns", session, "--json")
    assert (one["turn_id"], one["idx"], one["start_ordinal"], one["duration_ms"]) == ("u1", 0, 0, 2000)
    assert (two["turn_id"], two["idx"], two["start_ordinal"], two["duration_ms"]) == ("u2", 1, 2, 5000)
    assert (two["tool_count"], two["tool_failed"], two["error_count"], two["status"]) == (1, 1, 1, "success")
    assert (two["in_tokens"], two["cache_read_tokens"], two["cost_usd"]) == (20, 2000, 0.002226)


def test_turns_page_by_page(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """000-27: by ordinals: of turns with the same time none is dropped; the last one is open and says so."""
    path = tmp_path / "s.jsonl"
    path.write_bytes(lines(*[user(f"turn {number}", f"u{number}", 0) for number in range(7)]))
    whole = printed(capfdbinary, "turns", path, "--json")
    assert len({str(turn["start_ts"]) for turn in whole}) == 1
    paged: list[dict[str, object]] = []
    while page := printed(capfdbinary, "turns", path, "--json", "--limit", "2", "--after", str(_last(paged))):
        assert len(page) <= 2
        paged += page
    assert paged == whole
    assert [turn["idx"] for turn in paged] == list(range(7))
    assert [turn["open"] for turn in paged] == [False] * 6 + [True]


def _last(page: list[dict[str, object]]) -> object:
    return page[-1]["start_seq"] if page else 0


def test_of_one_agent(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    (whole,) = printed(capfdbinary, "digest", HELPERS, "--json")
    names = whole["agent_ids"]
    assert isinstance(names, list)
    assert names[0] == "main"
    parts = [printed(capfdbinary, "digest", HELPERS, "--json", "--agent", name)[0] for name in names]
    assert [part["agent_id"] for part in parts] == names
    for name in ("event_count", "tool_total", "tool_failed", "error_count", "issue_count"):
        assert whole[name] == sum(int(str(part[name])) for part in parts), name
    assert whole["turn_count"] == parts[0]["turn_count"]  # a helper works in a turn of its caller
    assert {turn["agent"] for turn in printed(capfdbinary, "turns", HELPERS, "--json")} == set(names)
    assert cli.main(["digest", str(HELPERS), "--agent", "nobody"]) == 2
    assert b"has no agent nobody" in capfdbinary.readouterr().err


def test_a_fork_counts_only_what_is_its_own(session: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """FORMATS A6: `--fork-session` copies lines; asked for both, each request counts in the first that has it."""
    fork = session.with_name("fork.jsonl")
    more = lines(user("three", "u9", 20), assistant("ok", id="m9", uuid="a9", seconds=21))
    fork.write_bytes(session.read_bytes() + more)
    os.utime(fork, (1, 1))
    first, second = printed(capfdbinary, "digest", session, fork, "--json")
    tokens = [told["by_model"]["claude-opus-5"]["in"] for told in (first, second)]  # type: ignore[call-overload, index]
    assert tokens == [30, 10]
    (alone,) = printed(capfdbinary, "digest", fork, "--json")
    assert alone["by_model"]["claude-opus-5"]["in"] == 40  # type: ignore[call-overload, index]


def test_by_id(home: Path, session: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    project = home / ".claude" / "projects" / "-w"
    project.mkdir(parents=True)
    copy = project / session.name
    copy.write_bytes(session.read_bytes())
    os.utime(copy, (1, 1))
    (told,) = printed(capfdbinary, "digest", SESSION, "--json")
    assert told["turn_count"] == 2
    assert cli.main(["turns", "no-such-session"]) == 2
    assert b"no session no-such-session" in capfdbinary.readouterr().err


def test_as_text(session: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert cli.main(["digest", str(session)]) == 0
    told = capfdbinary.readouterr().out.decode().splitlines()
    assert told == [
        SESSION,
        "  2 turns, 7.0 s of 15.0 s, cost $0.0033",
        "  claude-opus-5: 30 in, 0 out, cache 3,000 read, 270 written, $0.0033",
        "  91 % out of the cache, context 1,100 tokens, at most 1,100",
        "  1 tool call, 1 failed",
        "  1 × tool_error at row 3",
        "Costs are estimates by list price: genai-prices 0.2.3, of 2026-11-10.",
    ]
    assert cli.main(["turns", str(session)]) == 0
    assert len(capfdbinary.readouterr().out.splitlines()) == 2


def test_an_unknown_price_is_no_zero(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    record = assistant("x")
    record["message"]["model"] = "nobody-knows"
    path = tmp_path / "x.jsonl"
    path.write_bytes(lines(user("go"), record))
    (told,) = printed(capfdbinary, "digest", path, "--json")
    assert (told["cost_usd"], told["unpriced_requests"]) == (None, 1)
    assert cli.main(["digest", str(path)]) == 0
    assert "cost –" in capfdbinary.readouterr().out.decode()


def test_each_request(session: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """How full the context was, request by request; the same answer in several records is one."""
    told = printed(capfdbinary, "requests", session, "--json")
    assert [one["context"] for one in told] == [1100] * 3
    assert sum(one["in"] for one in told) == 30
    assert cli.main(["requests", str(session)]) == 0
    assert "context 1,100" in capfdbinary.readouterr().out.decode()


def test_models_that_change(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """The largest context and the last one; where another model went on."""
    records = [user("go")]
    for index, (llm, read) in enumerate((("opus", 10), ("opus", 5000), ("haiku", 700))):
        record = assistant("x", id=f"m{index}", uuid=f"a{index}", seconds=index)
        record["message"]["model"] = llm
        record["message"]["usage"] = {"input_tokens": 1, "cache_read_input_tokens": read, "output_tokens": 2}
        records.append(record)
    path = tmp_path / "x.jsonl"
    path.write_bytes(lines(*records))
    (told,) = printed(capfdbinary, "digest", path, "--json")
    assert told["context"] == {"last": 701, "most": 5001}
    assert told["cache_share"] == round(5710 / 5713, 4)
    assert told["model_changes"]["sample_labels"] == ["opus → haiku"]
    assert told["prices"]["date"]


def test_usage(session: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    (told,) = printed(capfdbinary, "usage", session, "--json", "--utc")
    assert [group["day"] for group in told["groups"]] == ["2026-09-14"]
    assert told["total"]["in"] == 30
    for by in ("day", "model", "session", "project"):
        assert cli.main(["usage", str(session), "--by", by]) == 0
        shown = capfdbinary.readouterr().out.decode().splitlines()
        assert shown[0].split() == [by, "in", "out", "cache", "written", "cache", "read", "cost", "sessions"]
        assert shown[-1].startswith("Costs are estimates by list price")
    assert cli.main(["usage", str(session), "--since", "2027-01-01"]) == 0
    assert capfdbinary.readouterr().out.decode().splitlines() == ["No session has told of any tokens."]
    assert cli.main(["usage", "--since", "2027-13-01"]) == 2
    assert "is no day" in capfdbinary.readouterr().err.decode()


@pytest.mark.parametrize("command", ["digest", "turns", "requests"])
def test_what_cannot_be_read(command: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    for name in (tmp_path, tmp_path / "gone.jsonl"):
        assert cli.main([command, str(name), "--json"]) == 2
        assert capfdbinary.readouterr().err.count(b"\n") == 1
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    told = printed(capfdbinary, command, empty, "--json")
    assert [entry["turn_count"] for entry in told] == ([0] if command == "digest" else [])


OFFLINE = """
import socket, sys

def no(*_, **__):
    raise AssertionError("somebody asks the network")

for name in ("create_connection", "getaddrinfo", "gethostbyname"):
    setattr(socket, name, no)
socket.socket.connect = no
from viewer import cli
session = sys.argv[1]
codes = [cli.main(words) for words in (["import", "--root", session.rpartition("/")[0], "--json"], ["digest", session])]
sys.exit(max(codes))
"""


def test_figures_need_no_network(session: Path, tmp_path: Path) -> None:
    """X-10: prices are those that were installed; no agent is there either."""
    command = [sys.executable, "-c", OFFLINE, str(session)]
    env = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(command, cwd=Path(__file__).resolve().parents[2], capture_output=True, text=True, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert "claude-opus-5: 30 in" in done.stdout
