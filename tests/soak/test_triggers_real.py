"""Webhook → run → thread → `--resume` → stale → compaction with the real `claude`, in a network namespace of its own.

The model is a stand-in on loopback; the program is npm's, pinned with it. Skipped where either is
not on this machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hooks import Web
from real_cli import real_agents

from store.threads import reset

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder it works in. Its home is one of its own."""
    with real_agents(tmp_path, monkeypatch, "claude") as made:
        yield made.project


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
