"""Real agents that talk ACP, against a scripted model, where they are installed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from acp_kit import Talk
from conftest import SHARED

SCRIPT = SHARED / "real-cli" / "real-cli.sh"
AGENTS = {"opencode": (["acp"], True), "gemini": (["--acp"], False)}  # arguments; whether we offer files
pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def real() -> Path:
    """The project of the agents, in their network namespace."""
    if not SCRIPT.exists():
        pytest.skip("there are no real agents beside the repository")
    up = subprocess.run(["bash", str(SCRIPT), "up"], capture_output=True, text=True, check=False, timeout=120)
    if up.returncode:
        pytest.skip(f"no network namespace for real agents: {up.stderr.strip()[-200:]}")
    return Path(os.environ.get("REALCLI_PROJECT", "/tmp/demo-project"))  # noqa: S108 - where that script puts it


@pytest.mark.parametrize("name", AGENTS)
def test_a_real_agent_is_worked_with(name: str, real: Path) -> None:
    versions = subprocess.run(["bash", str(SCRIPT), "versions"], capture_output=True, text=True, check=False)
    if name not in versions.stdout:
        pytest.skip(f"{name} is not installed: real-cli.sh install {name}")
    arguments, files = AGENTS[name]
    talk = Talk("", real, files=files, command=["bash", str(SCRIPT), "exec", name, *arguments])
    try:
        talk.ready().prompt("Say hello", "p1")
        talk.idle()
        assert "Hello! The demo model is here" in talk.said()
        talk.prompt("Give me the tour", "p2")
        while talk.session.header.pending:
            talk.until(lambda: talk.asking() or not talk.session.header.pending)
            for asked in talk.asking():
                talk.agent.answer(asked.rpc, next(one.id for one in asked.options if one.kind == "allow_once"))
            talk.until(lambda: not talk.asking())
        kinds = [tool.kind for tool in talk.tools()]
        assert kinds.count("tool.shell") == 3
        assert kinds.count("tool.edit") == 2
        assert not talk.raw()
        talk.prompt("Write slowly", "p3")
        talk.until(lambda: "first block" in talk.said())
        talk.agent.cancel()
        talk.idle()
        assert "Cancelled" in talk.notices()
        talk.stop()
        assert [row.id for row in talk.again()] == [row.id for row in talk.rows()]
    finally:
        talk.feeds.shutdown()
