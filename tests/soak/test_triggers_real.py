"""Webhook → run → thread → `--resume` → stale → compaction with the real `claude`, in a network namespace of its own.

The model is a stand-in on loopback; the program is npm's, pinned with it. Skipped where either is
not on this machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import SHARED
from hooks import Web, free_port

from store import runs_shell
from store.threads import reset

SCRIPT = SHARED / "real-cli" / "real-cli.sh"
CACHE = Path(os.environ.get("REALCLI_CACHE", "/tmp/real-cli/cache"))  # noqa: S108 - where that script puts it

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder it works in. Its home is one of its own."""
    if not SCRIPT.exists():
        pytest.skip("the stand-in of the Messages API is not on this machine")
    if not any(CACHE.glob("node_modules/@anthropic-ai/claude-code-*/claude")):
        pytest.skip(f"claude is not installed: {SCRIPT} install claude")
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        pytest.skip("unshare and nsenter are needed for a network namespace")
    project = tmp_path / "project"
    own = {**os.environ, "REALCLI_CACHE": str(CACHE), "REALCLI_STATE": str(tmp_path / "real"),
           "REALCLI_PROJECT": str(project), "REALCLI_PORT": str(free_port()), "MOCK_STAMPS": "1"}  # fmt: skip
    up = subprocess.run([str(SCRIPT), "up"], env=own, capture_output=True, text=True, check=False)
    if up.returncode:
        pytest.skip(f"no network namespace here: {(up.stderr or up.stdout).strip()[-200:]}")
    told = subprocess.run([str(SCRIPT), "shims"], env=own, capture_output=True, text=True, check=True)
    monkeypatch.setenv("PATH", f"{told.stdout.strip()}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path / "real" / "home"))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    monkeypatch.setenv("SHELL", "/bin/sh")
    runs_shell.forget()
    yield project
    subprocess.run([str(SCRIPT), "down"], env=own, capture_output=True, check=False)


def test_the_real_claude(real: Path, tmp_path: Path) -> None:
    """003-03, 003-94, 003-96, S-03: the same as with the scripted one, and as its notes say."""
    web = Web(tmp_path / "data", real)
    web.service.start()
    web.trigger()
    try:
        first = web.sent_and_done("Say hello")
        assert "ended well" in first.reason, first.reason
        session = web.thread().session
        assert session is not None
        files = list((tmp_path / "real" / "home" / ".claude" / "projects").glob(f"*/{session}.jsonl"))
        assert len(files) == 1

        second = web.sent_and_done("What did we do?")
        assert "ended well" in second.reason, second.reason
        run = web.runs_made()[-1]
        assert (run.asked_session, run.agent_session, run.resumed) == (session, session, 1)
        assert "Say hello" in files[0].read_text("utf-8")

        web.choose(threads__compact_turns=2)
        third = web.sent_and_done("Say hello")
        assert "Compacted after 2 turns." in third.reason, third.reason
        assert '"compact_boundary"' in files[0].read_text("utf-8")
        assert web.thread().compact_turns == 1
        web.choose(threads__compact_turns=50)

        files[0].write_bytes(b"")  # there, and nothing in it: only the result record tells
        fourth = web.sent_and_done("Say hello")
        assert "not known any more" in fourth.reason, fourth.reason
        assert [one.state for one in web.runs_made()[-2:]] == ["failed", "ok"]
        assert web.thread().session not in (None, session)

        files[0].unlink()
        reset(web.db, web.thread().id)
        fifth = web.sent_and_done("Say hello")
        assert "ended well" in fifth.reason
        assert web.runs_made()[-1].asked_session is None
        assert web.thread().cost_micros is not None
    finally:
        web.close()
