"""Real agents in a network namespace of their own, against a scripted model that keeps what it is asked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import SHARED
from hooks import free_port
from msgspec import Struct

from store import runs_shell

SCRIPT = SHARED / "real-cli" / "real-cli.sh"
CACHE = Path(os.environ.get("REALCLI_CACHE", "/tmp/real-cli/cache"))  # noqa: S108 - where that script puts it
PACKAGES = {"claude": "@anthropic-ai/claude-code-*/claude", "codex": "@openai/codex-*", "gemini": "@google/gemini-cli",
            "opencode": "opencode-linux-*"}  # fmt: skip


class Real(Struct):
    """Where the agents work, where they are at home, what their model is asked, and programs by their own names."""

    project: Path
    home: Path
    dump: Path
    shims: Path

    def requests(self, path: str) -> list[dict[str, Any]]:
        """The bodies of what the model was asked at an address that ends so, oldest first."""
        found = [json.loads(file.read_bytes()) for file in sorted(self.dump.glob("*.json"))]
        return [one["body"] for one in found if one["path"].partition("?")[0].endswith(path)]


@contextmanager
def real_agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *programs: str) -> Iterator[Real]:
    """Skips, with the reason, where they cannot be had."""
    if not SCRIPT.exists():
        pytest.skip("there are no real agents beside the repository")
    for program in programs:
        if not any(CACHE.glob(f"node_modules/{PACKAGES[program]}")):
            pytest.skip(f"{program} is not installed: {SCRIPT} install {program}")
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        pytest.skip("unshare and nsenter are needed for a network namespace")
    state = tmp_path / "real"
    made = Real(tmp_path / "project", state / "home", tmp_path / "asked", state / "shims")
    own = {**os.environ, "REALCLI_CACHE": str(CACHE), "REALCLI_STATE": str(state), "REALCLI_PROJECT": str(made.project),
           "REALCLI_PORT": str(free_port()), "MOCK_DUMP": str(made.dump), "MOCK_STAMPS": "1"}  # fmt: skip
    up = subprocess.run([str(SCRIPT), "up"], env=own, capture_output=True, text=True, check=False)
    if up.returncode:
        pytest.skip(f"no network namespace here: {(up.stderr or up.stdout).strip()[-200:]}")
    try:
        subprocess.run([str(SCRIPT), "shims"], env=own, capture_output=True, check=True)
        monkeypatch.setenv("PATH", f"{made.shims}:{os.environ['PATH']}")
        monkeypatch.setenv("HOME", str(made.home))
        monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
        monkeypatch.setenv("SHELL", "/bin/sh")
        runs_shell.forget()
        yield made
    finally:
        subprocess.run([str(SCRIPT), "down"], env=own, capture_output=True, check=False)
