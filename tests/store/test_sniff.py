"""No format takes another agent's file: not by its name, its folder, its first bytes, or what stands before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.formats import FEW, HEAD, formats, named, sniff
from store.pipe import Pipe

RECORDED = Path(__file__).parents[1] / "recorded"
CASES = sorted(RECORDED.glob("*/*.jsonl"))
ID = "5e551014-0000-4000-8000-000000000001"
THREAD = "019a0000-0000-7000-8000-00000000000b"
# Where each agent keeps a session: with the name and the folders that are its own.
PLACES = {
    "acp": f"/data/journals/{ID}.jsonl",
    "atif": "/w/trajectory.json",
    "claude-code": f"/home/dev/.claude/projects/-w-demo/{ID}.jsonl",
    "claude-stream": "/w/out/stream.jsonl",
    "codex": f"/home/dev/.codex/sessions/2026/10/01/rollout-2026-10-01T10-00-00-{THREAD}.jsonl",
    "codex-exec": "/w/out/codex.jsonl",
    "copilot": f"/home/dev/.copilot/session-state/{ID}/events.jsonl",
    "copilot-chat": f"/home/dev/.config/Code/User/workspaceStorage/ab/chatSessions/{ID}.json",
    "cursor": f"/home/dev/.cursor/projects/w-demo/agent-transcripts/{ID}/{ID}.jsonl",
    "cursor-stream": "/w/out/cursor.ndjson",
    "gemini": "/home/dev/.gemini/tmp/demo/chats/session-2026-10-01T08-00-abcdef01.json",
    "gemini-stream": "/w/out/gemini.jsonl",
    "inspect": "/w/logs/2026-10-01T08-00-00+00-00_task_abc.eval",
    "kimi": "/home/dev/.kimi-code/sessions/wd_demo_0/session_1/agents/main/wire.jsonl",
    "opencode": "/home/dev/.local/share/opencode/storage/session/p1/ses_1.json",
    "opencode-stream": "/w/out/opencode.jsonl",
    "pi": f"/home/dev/.pi/agent/sessions/--w-demo--/2026-10-01T08-00-00-000Z_{ID}.jsonl",
    "qwen": f"/home/dev/.qwen/projects/-w-demo/chats/{ID}.jsonl",
    "raw": "/w/notes.jsonl",
}


def test_every_agent_has_a_place_here() -> None:
    assert set(PLACES) == {format.agent for format in formats()}


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_recording_is_its_agents_wherever_it_lies(path: Path) -> None:
    """Every recording under the name of every other agent's sessions, and under none."""
    agent, data = path.parent.name, path.read_bytes()[:HEAD]
    found = {place: sniff(data, Path(place)).agent for place in PLACES.values()}
    found[""] = sniff(data).agent
    assert {place: told for place, told in found.items() if told != agent} == {}


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_first_bytes_of_a_recording_are_its_agents_or_nobodys(path: Path) -> None:
    """However few there are yet: no other agent takes what it cannot know."""
    agent, data = path.parent.name, path.read_bytes()
    first = data.find(b"\n") + 1
    second = data.find(b"\n", first) + 1
    for cut in {first, second, len(data) // 2, FEW, 1, 2, 100, 1000, first - 1}:
        for place in (Path(PLACES[agent]), None):
            told = sniff(data[:cut], place).agent
            # Streams of one program share their first record with its session files, and these two their first words.
            likely = {agent, "raw"} | ({"claude-stream"} if agent == "cursor-stream" and cut < first else set())
            assert told in likely or told.split("-")[0] == agent.split("-")[0], (cut, told)


@pytest.mark.parametrize("agent", sorted({path.parent.name for path in CASES}))
def test_another_agents_head_before_it_and_lines_between_raise_nothing(agent: str) -> None:
    """Two agents in one file: whose it is is said once, all bytes are accounted for, and nothing raises."""
    own = next(path for path in CASES if path.parent.name == agent).read_bytes()[:20_000].splitlines(keepends=True)
    for other in sorted({path.parent.name for path in CASES} - {agent}):
        theirs = next(path for path in CASES if path.parent.name == other).read_bytes()[:8000].splitlines(keepends=True)
        mixed = b"".join(piece for pair in zip(theirs[:6], own[:6], strict=False) for piece in pair)
        for data in (theirs[0] + b"".join(own[:12]), mixed):
            seen = 0

            def watch(piece: object, _events: object) -> None:
                nonlocal seen
                seen += piece.at.length  # type: ignore[attr-defined]

            pipe = Pipe(named(agent), watch=watch)
            told = pipe.feed(data) + pipe.close()
            assert "reader failed" not in {getattr(event, "reason", "") for event in told}
            assert seen + data.count(b"\n") >= len(data.rstrip())
