"""Tokens per model and day are those of the real ccusage. Needs Node; `make test ARGS="-m node"` runs it.

Where the two differ, the difference stands here with its reason, and docs/numbers.md tells it with an example.
"""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path

import pytest
from ccusage import differences, ours
from conftest import REPO, SHARED

pytestmark = [pytest.mark.node, pytest.mark.timeout(300)]

# Days and models of the published transcripts on which the two say different things, and why.
SPACES = "ccusage looks for usage by its letters, and does not find it in JSON with spaces"
NO_REQUEST = "without the id of a request ccusage counts every line of an answer"
NO_MODEL = "a rollout that names no model: gpt-5 for ccusage, unknown for Playhead"
PROMPTS = "usage on a record of the user, without any id: no request"
KNOWN = {
    ("claude", "2025-06-14", "claude-3-sonnet-20240229"): SPACES,
    ("claude", "2026-02-20", "claude-opus-4-6"): PROMPTS,
    ("claude", "2026-02-28", "claude-opus-4-6"): NO_REQUEST,
    ("claude", "2026-03-02", "claude-sonnet-4-6"): NO_REQUEST,
    ("claude", "2026-03-09", "claude-opus-4-6"): NO_REQUEST,
    ("codex", "2025-10-31", "gpt-5"): NO_MODEL,
    ("codex", "2025-10-31", "unknown"): NO_MODEL,
    ("codex", "2026-07-18", "gpt-5"): NO_MODEL,
    ("codex", "2026-07-18", "unknown"): NO_MODEL,
}
# Recordings in which one of the two has more, and why.
SPLIT = "the scripted model says what was written to the cache only as a sum, and its parts are 0: ccusage adds those"
KILLED = "a request that was answered before its program was killed: the rollout has it, its sums have not"
SAME = "two sessions whose requests have the same millisecond and size: one for ccusage"
ODD = {"codex/signals": KILLED, "acp-codex/cancel": SAME}


def test_our_own_fixtures(tmp_path: Path) -> None:
    """Every recorded session of this repository, each in a home of its own: ids of the scripted model come again.

    Some are written by hand and tell no output, which ccusage takes for no usage at all.
    """
    compared = 0
    for agent, folder in (("claude-code", ".claude/projects/-w"), ("codex", ".codex/sessions/2026/11/21")):
        for file in sorted((REPO / "tests" / "recorded" / agent).glob("*.jsonl")):
            home = tmp_path / agent / file.stem
            id_ = _session(file) or str(uuid.uuid5(uuid.NAMESPACE_URL, file.name))
            name = id_ if agent == "claude-code" else f"rollout-2026-11-21T01-00-00-{id_}"
            (home / folder).mkdir(parents=True)
            shutil.copy(file, home / folder / f"{name}.jsonl")
            if file.with_suffix("").is_dir():
                shutil.copytree(file.with_suffix(""), home / folder / name)
            compared += len(ours(home))
            for (_, day, model), (mine, other) in differences(home).items():
                hand_made = other is None and isinstance(mine, tuple) and mine[1] == 0
                assert hand_made or _only_the_split(mine, other), (file, day, model, mine, other)
    assert compared > 10


@pytest.mark.skipif(not (SHARED / "recordings").is_dir(), reason="the recordings are not here")
def test_recordings_of_real_programs() -> None:
    """The homes that the real programs left behind."""
    compared = 0
    for home in sorted((SHARED / "recordings").glob("*/*/end/home")):
        scenario = f"{home.parts[-4]}/{home.parts[-3]}"
        compared += len(ours(home))
        for key, (mine, other) in differences(home).items():
            assert scenario in ODD or _only_the_split(mine, other), (scenario, key, mine, other)
    assert compared > 20


@pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="the published sessions are not here")
def test_published_sessions(tmp_path: Path) -> None:
    """Real sessions of two hundred days: the two differ on those that are listed, and on no other."""
    projects, rollouts = tmp_path / ".claude" / "projects", tmp_path / ".codex" / "sessions" / "2026" / "01" / "01"
    rollouts.mkdir(parents=True)
    for file in sorted((SHARED / "data" / "claude-code").glob("*.jsonl")):
        name = f"{_session(file) or uuid.uuid5(uuid.NAMESPACE_URL, file.name)}.jsonl"
        folder = projects / f"-w-{file.name.split('__')[0]}"
        if (folder / name).exists():
            folder = projects / f"-w-{file.stem}"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / name)
    for tree in (SHARED / "data" / "claude-code").glob("tree-*"):
        shutil.copytree(tree, projects / f"-w-{tree.name}")
    for index, file in enumerate(sorted((SHARED / "data" / "codex").glob("*.jsonl"))):
        id_ = _session(file) or uuid.uuid5(uuid.NAMESPACE_URL, file.name)
        shutil.copy(file, rollouts / f"rollout-2026-01-01T00-00-{index:02}-{id_}.jsonl")
    found = differences(tmp_path)
    assert set(found) == set(KNOWN), {key: found.get(key) for key in set(found) ^ set(KNOWN)}
    assert len(ours(tmp_path)) > 60


def _session(file: Path) -> str:
    """The id that the records tell; '' when it is none that a file could be called by."""
    for line in file.read_bytes().splitlines():
        try:
            data = json.loads(line)
        except ValueError:
            continue
        if isinstance(data, dict):
            body = data.get("payload") if data.get("type") == "session_meta" else None
            told = body.get("id") if isinstance(body, dict) else data.get("sessionId")
            try:
                return str(uuid.UUID(told)) if told else ""
            except (ValueError, AttributeError, TypeError):
                return ""
    return ""


def _only_the_split(mine: object, other: object) -> bool:
    """Whether all that differs is what was written to the cache (SPLIT)."""
    return isinstance(mine, tuple) and isinstance(other, tuple) and mine[:3] == other[:3] and other[3] == 0
