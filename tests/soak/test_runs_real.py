"""Runs of the real `claude` and `codex` against a scripted model, where they are installed."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from conftest import SHARED

from store import runs_shell
from store.runners import named
from store.runners.base import Ask
from store.runs import RunRequest, RunResult, Runs

SCRIPT = SHARED / "real-cli" / "real-cli.sh"
CACHE = Path(os.environ.get("REALCLI_CACHE", "/tmp/real-cli/cache"))  # noqa: S108 - where that script puts it
PACKAGES = {"claude-code": "@anthropic-ai/claude-code-", "codex": "@openai/codex"}
UNKNOWN = "00000000-1111-4222-8333-444444444444"
pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., RunResult]]:
    if not SCRIPT.exists():
        pytest.skip("there are no real agents beside the repository")
    up = subprocess.run(["bash", str(SCRIPT), "up"], capture_output=True, text=True, check=False, timeout=120)
    if up.returncode:
        pytest.skip(f"no network namespace for real agents: {up.stderr.strip()[-200:]}")
    shims = tmp_path / "shims"
    subprocess.run(["bash", str(SCRIPT), "shims", str(shims)], check=True, capture_output=True)
    project = Path(os.environ.get("REALCLI_PROJECT", "/tmp/demo-project"))  # noqa: S108 - where that script puts it
    state = Path(os.environ.get("REALCLI_STATE", "/tmp/real-cli/state"))  # noqa: S108
    monkeypatch.setenv("HOME", str(state / "home"))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR")
    monkeypatch.setenv("PATH", f"{shims}:{os.environ['PATH']}")
    monkeypatch.setenv("SHELL", "/bin/sh")
    runs_shell.forget()
    runs = Runs(tmp_path / "data")

    def run(
        prompt: str, runner: str = "claude-code", answers: Sequence[str] = (), stop: bytes = b"", **asked: Any
    ) -> RunResult:
        """`answers`: to what it asks, one after the other. `stop`: it is stopped when it prints that."""
        package = PACKAGES[runner]
        if not any(CACHE.glob(f"node_modules/{package}*")):  # a shim is there all the same
            pytest.skip(f"{package} is not installed: {SCRIPT} install {named(runner).program}")
        left, said, id = list(answers), queue.SimpleQueue[bytes](), ""

        def follow() -> None:
            while data := said.get():
                for line in data.split(b"\n"):
                    if stop and stop in line:
                        runs.stop(id)
                    elif b'"can_use_tool"' in line:
                        reply = runs.answer(id, orjson.loads(line)["request_id"], left.pop(0))
                        assert reply is not None

        asked |= {"attended": bool(answers or stop)}
        id = runs.start(RunRequest(runner, Ask(prompt, project, **asked), timeout_s=120), out=said.put)
        watch = threading.Thread(target=follow)
        watch.start()
        result = runs.wait(id, 150)
        said.put(b"")
        watch.join()
        assert result is not None
        assert left == []
        return result

    yield run
    runs.close()


def test_the_real_claude_is_answered(run: Callable[..., RunResult]) -> None:
    """What the scripted one imitates: it asks on its output and waits; stopped, it says so before any signal."""
    project = Path(os.environ.get("REALCLI_PROJECT", "/tmp/demo-project"))  # noqa: S108
    guarded = project / "guarded.txt"
    guarded.unlink(missing_ok=True)
    for answer, there in (("deny", False), ("allow", True), ("always", True)):
        done = run("Touch something that needs permission", answers=[answer])
        assert (done.state, done.outcome.note, guarded.exists()) == ("ok", "", there)
        guarded.unlink(missing_ok=True)
    alone = run("Touch something that needs permission")
    assert (alone.state, guarded.exists()) == ("ok", False)
    assert alone.reason == ("1 call was not allowed (Write): its permission mode has to allow them beforehand.")
    told = run("Ask me something", answers=["0:1"])
    assert told.session_key is not None
    assert '=\\"Green\\"' in Path(told.session_key).read_text("utf-8")
    stopped = run("Touch something that needs permission", stop=b'"can_use_tool"')
    assert (stopped.state, stopped.outcome.errors, stopped.signal) == ("cancelled", ("It was interrupted.",), None)
    assert stopped.session_key is not None
    assert "[Request interrupted by user" in Path(stopped.session_key).read_text("utf-8")


def test_the_real_claude_is_listened_to_until_its_background_is_done(run: Callable[..., RunResult]) -> None:
    """A command that outlives its turn calls the model once more; then its input is closed, and it ends by itself."""
    done = run("Start a background command", answers=["allow"])
    assert (done.state, done.exit_code) == ("ok", 0)
    assert "it has finished" in done.outcome.text
    assert done.log is not None
    assert Path(done.log).read_bytes().count(b'"type":"result"') == 2


def test_the_real_claude(run: Callable[..., RunResult]) -> None:
    """What the scripted one imitates: resume, fork, compact on standard input, prompts that look like options."""
    first = run("Say hello")
    assert (first.state, first.outcome.text) == ("ok", "Hello! The demo model is here and ready.")
    session = first.outcome.session
    assert first.session_key is not None
    assert Path(first.session_key).stem == session
    second = run("--help is what I say", resume=session)
    assert (second.state, second.outcome.session) == ("ok", session)
    assert second.outcome.cost_micros is not None
    assert first.outcome.cost_micros is not None
    assert second.outcome.cost_micros < 2 * first.outcome.cost_micros, "its own, not the session's"
    short = run("", resume=session, compact=True)
    assert (short.state, short.outcome.turns) == ("ok", 0)
    assert b"compact_boundary" in Path(first.session_key).read_bytes()
    fork = run("What did we do?", resume=session, fork=True)
    assert fork.state == "ok"
    assert fork.outcome.session not in (None, session)
    assert run("x" * 300_000, resume=session).state == "ok"
    gone = run("hi", resume=UNKNOWN)
    assert (gone.state, gone.outcome.stale) == ("failed", True)
    refused = run("Send a request that is refused", resume=session)
    assert (refused.state, refused.outcome.stale, refused.outcome.session) == ("failed", False, session)


def test_the_real_codex(run: Callable[..., RunResult]) -> None:
    first = run("Say hello", "codex")
    assert first.state == "ok"
    session = first.outcome.session
    assert first.session_key is not None
    again = run("What did we do?", "codex", resume=session, permission="read-only")
    assert (again.state, again.outcome.session, again.session_key) == ("ok", session, first.session_key)
    fork = run("What did we do?", "codex", resume=session, fork=True)
    assert fork.outcome.session not in (None, session)
    gone = run("hi", "codex", resume=UNKNOWN)
    assert (gone.state, gone.outcome.stale) == ("failed", True)
