"""`playhead continue` and `playhead runs`: the same runs as the window's, with real processes and without a window."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from agent_cli import installed
from builders import assistant, lines, user

from store import runs_shell
from viewer.cli import main

REPO = Path(__file__).resolve().parents[2]
SESSION = "5e551014-0000-4000-8000-00000000000f"


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    work = tmp_path / "project"
    work.mkdir()
    monkeypatch.setenv("PATH", f"{installed(tmp_path / 'bin', 'claude')}:{os.environ['PATH']}")
    monkeypatch.setenv("SHELL", "/bin/sh")
    runs_shell.forget()
    file = Path(os.environ["CLAUDE_CONFIG_DIR"]) / "projects" / "-work" / f"{SESSION}.jsonl"
    file.parent.mkdir(parents=True)
    told = [user("first question"), assistant("first answer")]
    file.write_bytes(lines(*[{**one, "cwd": str(work), "sessionId": SESSION} for one in told]))
    return file


def test_continue_and_runs(session: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["continue", SESSION, "What did we do?"]) == 0
    out, err = capfdbinary.readouterr()
    assert out == b"You have asked 1 times before.\n"
    assert b"claude -p" in err, "the command is shown before it starts"
    assert main(["continue", str(session), "Say hello", "--fork", "--json"]) == 0
    told = json.loads(capfdbinary.readouterr()[0])
    assert (told["state"], told["out"], told["stale"]) == ("ok", 17, False)
    assert told["session"] not in (None, SESSION)
    assert Path(told["path"]).stem == told["session"]
    assert main(["continue", SESSION, "refuse"]) == 1
    assert b"400 session refused" in capfdbinary.readouterr()[1]
    assert main(["continue", SESSION, "hi", "--dry-run"]) == 0
    assert capfdbinary.readouterr()[0].decode().endswith(f"--resume {SESSION} <<< hi\n")
    assert main(["continue", SESSION, "hi", "--permission", "nonsense"]) == 2
    assert b"no permission mode" in capfdbinary.readouterr()[1]
    assert main(["runs", "--json"]) == 0
    found = [json.loads(line) for line in capfdbinary.readouterr()[0].splitlines()]
    assert [(row["state"], row["prompt"]) for row in found] == [
        ("failed", "refuse"), ("ok", "Say hello"), ("ok", "What did we do?")
    ]  # fmt: skip
    assert found[0]["cost_usd"] is None or found[0]["cost_usd"] == 0
    assert main(["runs"]) == 0
    assert capfdbinary.readouterr()[0].count(b"\n") == 3
    assert main(["archive", SESSION]) == 0
    assert main(["continue", SESSION, "hi", "--fork", "--dry-run"]) == 0
    assert main(["continue", SESSION, "hi", "--dry-run"]) == 2, "as in the window: nothing that it says would be shown"
    assert b"is archived: nothing is added to it. Go on with a copy" in capfdbinary.readouterr()[1]


@pytest.mark.skipif(os.name == "nt", reason="no terminal hangs up there")
def test_a_terminal_that_is_closed_ends_the_agent(session: Path, tmp_path: Path) -> None:
    noted = tmp_path / "noted"
    os.mkfifo(noted)
    process = subprocess.Popen(
        [sys.executable, "-m", "viewer.cli", "continue", SESSION, "hang"], cwd=REPO,
        env=os.environ | {"AGENT_CLI_LOG": str(noted)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with noted.open() as lines_:
        told = json.loads(lines_.readline())
    assert told["prompt"] == "hang"
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 130
    with pytest.raises(ProcessLookupError):
        os.kill(told["pid"], 0)


def test_without_runs(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["runs", "--json"]) == 0
    assert capfdbinary.readouterr() == (b"", b"")
    assert main(["continue", "nothing-there", "hi"]) == 2
