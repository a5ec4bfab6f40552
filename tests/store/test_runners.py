"""Runners: command lines, and what the end of every recorded run means. No process is started here."""

from __future__ import annotations

import json
import signal
from contextlib import closing
from pathlib import Path

import pytest
from opencode_kit import Database, export, user

from store.runners import named, runners, way_on
from store.runners.base import Ask
from store.sources.process import Exited, Killed

# Recorded runs that were no success, and why: 'stale' or 'failed'. Text and plain json are not asked for by us.
ENDS = {
    "claude/errors/03-bad-request": "failed", "claude/errors/04-unauthorized": "failed",
    "claude/errors/05-overload-always": "failed", "claude/kill9/01-kill-text": "failed",
    "claude/resume-unknown/02-unknown-stream-json": "stale", "claude/resume-unknown/05-not-a-uuid": "stale",
    "claude/resume-unknown/07-file-deleted": "stale", "claude/resume-unknown/09-file-garbage": "stale",
    "claude/session-id/02-same-id-again": "failed", "claude/sigint/01-sigint-text": "failed",
    "claude/sigint/03-sigint-tool": "failed", "claude/sigint/05-sigterm-text": "failed",
    "claude/resume/02-resume": "ok", "claude/compact/03-compact": "ok", "claude/subagent/03-background": "ok",
    "codex/errors/01-overload-once": "ok", "codex/errors/02-rate-limited": "failed",
    "codex/errors/06-nobody-listens": "failed", "codex/formats/05-bad-flag": "failed",
    "codex/signals/01-sigint-text": "failed", "codex/signals/09-sigkill-tool": "failed", "codex/resume/04-fork": "ok",
    "gemini/errors/03-bad-request": "failed", "gemini/errors/07-cut": "failed",
    "gemini/resume-unknown/03-unknown-id": "stale", "gemini/resume-unknown/08-file-deleted": "stale",
    "gemini/tour/01-tour": "ok", "opencode/resume/02-resume": "ok", "opencode/resume/05-unknown": "stale",
}  # fmt: skip


@pytest.mark.parametrize("run", ENDS)
def test_what_recorded_ends_mean(run: str, recordings: Path) -> None:
    """003-13, 003-17: from the result record, or where there is none from what that CLI does then."""
    folder = recordings / run
    told = json.loads((folder / "cmd.json").read_text())
    killed = told["killed_by"]
    end = Killed(signal.Signals[killed]) if killed else Exited(told["exit_code"])
    complaint = folder / "stderr.txt"
    stderr = complaint.read_bytes() if complaint.exists() else b""
    name = {"claude": "claude-code"}.get(run.split("/")[0], run.split("/")[0])
    out = named(name).outcome((folder / "stdout.jsonl").read_bytes().splitlines(), stderr, end)
    assert ("ok" if out.ok else "stale" if out.stale else "failed") == ENDS[run]
    assert (out.session is None) == (
        out.stale or run in ("codex/formats/05-bad-flag", "claude/session-id/02-same-id-again")
    )
    assert not out.text or out.ok


def test_figures_that_nobody_believes_are_unknown() -> None:
    """They would not fit into a row: the run would have no end, and the sweep of the next start would fail at it."""
    said = [
        b'{"type":"system","subtype":"init","session_id":"s"}',
        b'{"type":"result","result":"x","num_turns":-1,"total_cost_usd":1e300,"usage":{"input_tokens":%d}}' % (1 << 63),
    ]
    out = named("claude-code").outcome(said, b"", Exited(0))
    assert (out.ok, out.text, out.turns) == (True, "x", 0)
    assert (out.cost_micros, out.input_tokens) == (None, None)
    step = b'{"type":"step_finish","sessionID":"s","part":{"type":"step-finish","reason":"stop","cost":-1e300}}'
    assert named("opencode").outcome([step], b"", Exited(0)).cost_micros is None


def test_a_resumed_session_tells_the_cost_of_all_its_runs(recordings: Path) -> None:
    """What the transcript said before is taken off by `store.runs`."""
    claude = named("claude-code")
    assert claude.spent is not None
    [file] = [path for path in (recordings / "claude/resume/end").rglob("*.jsonl") if "projects" in path.parts]
    assert claude.spent(file) == 124_620


def test_command_lines(tmp_path: Path) -> None:
    asked = Ask('-p "$(id)"', tmp_path, "abc", fork=True, permission="", llm="big")
    for runner in runners():
        if runner.name == "shell" or runner.launch is not None:
            continue
        command = runner.command(asked)
        assert command.argv[0] == runner.program
        assert "abc" in command.argv
        words = [word for word in command.argv if "$(id)" in word]
        assert (words, command.stdin) in (([], asked.prompt.encode()), ([asked.prompt], None))
        if words:
            assert command.argv[-2:] == ("--", asked.prompt), "no option, whatever it begins with"


@pytest.mark.parametrize(
    ("agent", "session", "is_file", "why"),
    [
        ("claude-code", "abc", True, ""),
        ("opencode", "ses_1", True, ""),
        ("claude-code", "--dangerously-skip-permissions", True, "does not say its id"),
        ("claude-code", "", True, "does not say its id"),
        ("claude-stream", "abc", True, "what a command printed"),
        ("cursor", "abc", True, "cannot start cursor"),
        ("raw", "", True, "No agent is known"),
        ("acp", "abc", True, "playhead acp --load abc"),
        ("claude-code", "abc", False, "output of a command"),
    ],
)
def test_which_sessions_can_be_gone_on_with(agent: str, session: str, is_file: bool, why: str) -> None:
    runner, told = way_on(agent, session, is_file)
    assert (runner is None) == bool(why)
    assert why in told


def test_where_transcripts_are(tmp_path: Path, home: Path) -> None:
    opencode = named("opencode").transcript
    assert opencode is not None
    folder = home / ".local/share/opencode"
    folder.mkdir(parents=True)
    with closing(Database(folder / "opencode.db", export(user("Go")))):
        assert opencode("ses_1", tmp_path) == folder / "opencode.db" / "ses_1"
    for name in ("claude-code", "codex", "gemini", "opencode"):
        find = named(name).transcript
        assert find is not None
        for odd in ("", "..", "../../etc/passwd", "ses_*", "no-such-session"):
            assert find(odd, tmp_path) is None
