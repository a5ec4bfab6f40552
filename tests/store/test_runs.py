"""Runs: what is started, what comes of it, who owns it; with a scripted agent that ends like the recorded ones."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgspec
import pytest
from hooks import agents

from store import runs_shell, runs_who, word
from store.db import reads
from store.db.runs_db import RunRow, RunRows, listed, one, unfinished
from store.errors import StoreError
from store.figures import figures
from store.intake import take_in
from store.runners.base import Ask
from store.runs import RunRequest, RunResult, Runs, shown

REPO = Path(__file__).resolve().parents[2]
UNKNOWN = "00000000-1111-4222-8333-444444444444"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which agents work; they are on the PATH, and log what they were started with."""
    return agents(tmp_path, monkeypatch)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    made = Runs(tmp_path / "data")
    yield made
    made.close()


@pytest.fixture
def run(runs: Runs, work: Path) -> Callable[..., RunResult]:
    def run(prompt: str, runner: str = "claude-code", timeout_s: float = 60, **asked: Any) -> RunResult:
        id = runs.start(RunRequest(runner, Ask(prompt, work, **asked), timeout_s=timeout_s))
        result = runs.wait(id, 60)
        assert result is not None
        return result

    return run


def started(work: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (work.parent / "started.jsonl").read_text().splitlines()]


def gone(pid: int) -> bool:
    """Wait until a process that is not ours has ended."""
    try:
        end = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([end], [], [], 30)[0])
    finally:
        os.close(end)


def test_a_run_says_what_came_of_it_and_keeps_everything(runs: Runs, run: Callable[..., RunResult], work: Path) -> None:
    """003-13: the id from the result; the log is byte for byte what it printed; the row has all of it."""
    result = run("Say hello")
    assert (result.state, result.exit_code, result.reason) == ("ok", 0, "")
    out = result.outcome
    assert out.text == "Hello! The demo model is here and ready."
    assert (out.turns, out.input_tokens, out.output_tokens, out.cost_micros) == (1, 1200, 17, 5140)
    row = one(runs.db, result.run_id[:8])
    assert row is not None
    assert (row.state, row.agent_session, row.cwd, row.origin) == ("ok", out.session, str(work), "hand")
    assert row.session_key is not None
    assert Path(row.session_key).stem == out.session
    assert row.log is not None
    lines = [json.loads(line) for line in Path(row.log).read_text().splitlines()]
    assert (lines[0]["subtype"], lines[-1]["type"]) == ("init", "result")
    assert Path(row.log).parent.name == "runs", "a session with a file of its own is not listed a second time"
    assert started(work)[0]["prompt"] == "Say hello"


@pytest.mark.parametrize("runner", ["claude-code", "codex", "gemini"])
def test_a_prompt_is_never_part_of_a_command_line(runner: str, run: Callable[..., RunResult], work: Path) -> None:
    """Whatever it says, and however long it is: it goes in on standard input, whole."""
    nasty = "--dangerously-skip-permissions; $(touch owned) `touch owned` && \n'\"\\ \u2028 " + "x" * 300_000
    assert run(nasty, runner).state == "ok"
    [told] = started(work)
    assert told["prompt"] == nasty
    assert not any("owned" in word or "dangerously" in word for word in told["argv"])
    assert list(work.iterdir()) == []


def test_resume_fork_and_cost(run: Callable[..., RunResult], work: Path) -> None:
    """003-02, 003-03, 003-12, 003-102: the second run has --resume and knows the first; its cost is its own."""
    first = run("Say hello").outcome
    second = run("What did we do?", resume=first.session).outcome
    assert (second.session, second.text, second.cost_micros) == (first.session, "You have asked 1 times before.", 5140)
    copy = run("What did we do?", resume=first.session, fork=True).outcome
    assert copy.session not in (None, first.session)
    assert copy.cost_micros == 5140
    short = run("", resume=first.session, compact=True).outcome
    assert (short.ok, short.turns, short.session) == (True, 0, first.session)
    argv = [told["argv"] for told in started(work)]
    assert "--resume" not in argv[0]
    assert argv[1][-2:] == ["--resume", first.session]
    assert argv[2][-3:] == ["--resume", first.session, "--fork-session"]
    assert started(work)[3]["prompt"] == "/compact"


@pytest.mark.parametrize("runner", ["claude-code", "codex", "gemini"])
def test_a_session_that_is_gone_is_stale(runner: str, run: Callable[..., RunResult]) -> None:
    """003-15: from what the CLI says of it; a run that was to begin a new one is never stale."""
    result = run("Say hello", runner, resume=UNKNOWN)
    assert (result.state, result.outcome.stale, result.outcome.session) == ("failed", True, None)
    assert UNKNOWN in result.reason


@pytest.mark.parametrize(
    ("runner", "prompt"),
    [("claude-code", "refuse"), ("claude-code", "die"), ("codex", "refuse"), ("gemini", "fail"), ("codex", "silent")],
)
def test_other_failures_are_not_stale(runner: str, prompt: str, run: Callable[..., RunResult]) -> None:
    """003-17: the word 'session' in what it complains about means nothing."""
    first = run("Say hello", runner).outcome.session
    result = run(prompt, runner, resume=first)
    assert (result.state, result.outcome.ok, result.outcome.stale) == ("failed", False, False)
    assert result.reason
    assert run("Say hello", runner, resume=first).state == "ok", "usable again"


@pytest.mark.parametrize("prompt", ["garbage", "flood", "forks"])
def test_what_it_prints_besides_holds_nobody(prompt: str, run: Callable[..., RunResult], work: Path) -> None:
    """003-22: garbage, a flood on stderr, a child that keeps the pipe: the answer still comes, and nobody is left."""
    result = run(prompt)
    assert (result.state, result.outcome.text) == ("ok", f"You said: {prompt}")
    child = work.parent / "started.jsonl.child"
    if prompt == "forks":
        assert gone(int(child.read_text()))


@pytest.mark.parametrize("prompt", ["hang", "stubborn"])
def test_its_time_is_over(prompt: str, run: Callable[..., RunResult], work: Path, monkeypatch: Any) -> None:
    """003-21, 003-22: the whole group is ended, whatever it ignores; what it said last is kept."""
    monkeypatch.setattr("store.runs_work.GRACE", 0.2)
    result = run(prompt, timeout_s=0.7)
    assert (result.state, result.outcome.ok) == ("timeout", False)
    assert "0.7 s" in result.reason
    assert runs_who.token_of(started(work)[0]["pid"]) is None
    if prompt == "stubborn":
        assert result.log is not None
        assert "cannot stop me" in Path(result.log).with_suffix(".stderr.txt").read_text()


def test_a_stopped_run_writes_down_what_it_was_doing(runs: Runs, work: Path) -> None:
    """An interrupt first: Claude ends with 0 then, which is no success."""
    seen = threading.Event()
    id = runs.start(RunRequest("claude-code", Ask(f"slow {work / 'never'}", work)), seen=lambda *_: seen.set())
    assert seen.wait(30)
    runs.stop(id)
    result = runs.wait(id, 30)
    assert result is not None
    assert (result.state, result.exit_code, result.reason) == ("cancelled", 0, "Stopped by you.")
    assert result.session_key is not None
    assert "[Request interrupted by user]" in Path(result.session_key).read_text()
    runs.stop(id)  # again is nothing


def test_one_run_per_session(runs: Runs, run: Callable[..., RunResult], work: Path, tmp_path: Path) -> None:
    """003-28: not in this Playhead, not in another one, not beside a program that has it open; a fork is another."""
    session = run("Say hello").outcome.session
    assert session is not None
    gate = work / "go"
    id = runs.start(RunRequest("claude-code", Ask(f"wait {gate}", work, session)))
    again = RunRequest("claude-code", Ask("me too", work, session))
    other = Runs(tmp_path / "data")
    for one_ in (runs, other):
        with pytest.raises(StoreError, match="at work in this session"):
            one_.start(again)
        assert one_.holder(session) == id
    fork = other.start(RunRequest("claude-code", Ask("me too", work, session, fork=True)))
    found = other.wait(fork, 30)
    assert found is not None
    assert found.state == "ok"
    other.close()
    gate.touch()
    assert runs.wait(id, 30) is not None
    assert runs.holder(session) is None
    last = runs.start(again)
    assert runs.wait(last, 30) is not None


def test_a_fresh_run_holds_the_session_it_made(runs: Runs, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And tells others of it, who may show it."""
    told: list[str] = []
    monkeypatch.setattr(word, "tell", lambda _, name: told.append(name))
    gate = work / "go"
    seen: SimpleQueue[tuple[str, Path | None]] = SimpleQueue()
    id = runs.start(RunRequest("claude-code", Ask(f"slow {gate}", work)), seen=lambda *told: seen.put(told))
    session, file = seen.get(timeout=30)
    while file is None:
        session, file = seen.get(timeout=30)
    assert len(told) > 1, "with its beginning"
    with pytest.raises(StoreError, match="at work"):
        runs.start(RunRequest("claude-code", Ask("me too", work, session)))
    gate.touch()
    assert runs.wait(id, 30) is not None


def test_a_program_that_has_it_open_elsewhere(runs: Runs, run: Callable[..., RunResult], work: Path) -> None:
    session = run("Say hello").outcome.session
    entry = Path(os.environ["CLAUDE_CONFIG_DIR"]) / "sessions" / f"{os.getpid()}.json"
    entry.parent.mkdir(exist_ok=True)
    entry.write_text(json.dumps({"sessionId": session, "status": "idle", "procStart": runs_who.token_of(os.getpid())}))
    with pytest.raises(StoreError, match=f"process {os.getpid()}"):
        runs.start(RunRequest("claude-code", Ask("hi", work, session or "")))
    entry.unlink()
    assert run("hi", resume=session).state == "ok"


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (RunRequest("nobody", Ask("hi", REPO)), "no runner called nobody"),
        (RunRequest("claude-code", Ask("hi", REPO / "gone")), "is no folder"),
        (RunRequest("claude-code", Ask(" ", REPO)), "no prompt"),
        (RunRequest("claude-code", Ask("a\0b", REPO)), "NUL"),
        (RunRequest("claude-code", Ask("hi", REPO, permission="yolo")), "no permission mode called yolo"),
        (RunRequest("codex", Ask("hi", REPO, "x", compact=True)), "compacts by itself"),
        (RunRequest("gemini", Ask("hi", REPO, "x", fork=True)), "no command that copies"),
        (RunRequest("shell", Ask("ls", REPO, "x")), "no session"),
        (RunRequest("shell", Ask("echo 'oops", REPO)), "no command line"),
        (RunRequest("opencode", Ask("hi", REPO)), "opencode was not found on your PATH"),
        (RunRequest("claude-code", Ask("hi", REPO, fork=True)), "fork needs"),
    ],
)
def test_what_cannot_be_is_said(request_: RunRequest, why: str, runs: Runs, work: Path) -> None:
    """003-18: nothing asked for is dropped silently, and nothing is started or left behind."""
    with pytest.raises(StoreError, match=why):
        runs.start(request_)
    assert listed(runs.db) == []
    assert runs.running() == []
    assert list((runs.data / "runs").glob("run-*")) == []


def test_a_resumed_session_gains_agents_and_turns(run: Callable[..., RunResult], runs: Runs) -> None:
    """X-05, 000-07, 003-101: one session in the database, its turns numbered on, the new agent in its figures."""
    first = run("Say hello")
    assert first.session_key is not None
    path = Path(first.session_key)
    take_in(runs.db, path)
    with closing(reads.connect(runs.db)) as connection:
        [(number,)] = connection.execute("SELECT id FROM session").fetchall()
    run("Ask a helper", resume=first.outcome.session)
    found = figures(path, runs.db, lambda *_: None)
    assert found is not None
    with closing(found):
        assert [bool(agent) for agent in found.agents] == [False, True]
        assert [turn.idx for turn in found.turns if not turn.agent] == [0, 1]
    with closing(reads.connect(runs.db)) as connection:
        assert connection.execute("SELECT id FROM session").fetchall() == [(number,)]
        rows = [seq - reads.key_of(number, 0) for (seq,) in connection.execute("SELECT seq FROM item ORDER BY seq")]
    assert rows == list(range(len(rows)))
    assert [row.agent_session for row in listed(runs.db, session=str(path))] == [first.outcome.session] * 2


def test_a_shell_command_and_what_it_is_given(run: Callable[..., RunResult], runs: Runs) -> None:
    result = run("sh -c 'cat; exit 3'", "shell", input=b'{"a": 1}')
    assert (result.state, result.exit_code) == ("failed", 3)
    assert result.log is not None
    assert Path(result.log).read_bytes() == b'{"a": 1}'
    assert Path(result.log).parent.name == "journals", "its output is its session"
    assert run("echo $HOME; ls", "shell").outcome.text == "$HOME; ls", "no shell expands anything"


def test_what_would_be_started_is_shown_before(runs: Runs, work: Path) -> None:
    command = runs.preview(RunRequest("claude-code", Ask("it's", work, "abc", permission="plan")))
    assert shown(command, work) == (
        f"cd {work} && claude -p --output-format stream-json --verbose --include-partial-messages "
        "--permission-mode plan --resume abc <<< 'it'\"'\"'s'"
    )


OWNER = """
import sys
from pathlib import Path
from store.runs import RunRequest, Runs
from store.runners.base import Ask
runs = Runs(Path(sys.argv[1]))
def seen(*_):
    print(id, flush=True)
id = "00000000000000000000000000000042"
runs.start(RunRequest("claude-code", Ask(sys.argv[2], Path(sys.argv[3]), sys.argv[4]), id=id), seen=seen)
runs.wait(id)
"""


def test_a_killed_playhead_leaves_an_interrupted_run(runs: Runs, run: Callable[..., RunResult], work: Path) -> None:
    """X-06: kill -9 in the middle: at the next start it is "interrupted", its agent ended, its session usable."""
    session = run("Say hello").outcome.session or ""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(runs.data), "hang", str(work), session], stdout=subprocess.PIPE, cwd=REPO
    )
    assert owner.stdout is not None
    id = owner.stdout.readline().decode().strip()
    assert len(started(work)) == 2
    assert runs.sweep() == 0, "its owner lives"
    owner.kill()
    owner.wait()
    owner.stdout.close()
    agent = started(work)[1]["pid"]
    assert runs_who.left(runs.data)
    assert runs.sweep() == 1
    row = one(runs.db, id)
    assert row is not None
    assert (row.state, row.ended is not None) == ("interrupted", True)
    assert runs_who.token_of(agent) is None
    assert runs.sweep() == 0
    assert not runs_who.left(runs.data)
    assert run("Say hello", resume=session).state == "ok"


def test_closing_ends_what_runs(tmp_path: Path, work: Path) -> None:
    runs = Runs(tmp_path / "data")
    ended: list[RunResult] = []
    runs.start(RunRequest("claude-code", Ask("hang", work)), ended.append)
    runs.close("Playhead was closed.")
    assert [(result.state, result.reason) for result in ended] == [("cancelled", "Playhead was closed.")]
    assert [row.state for row in listed(runs.db)] == ["cancelled"]
    with pytest.raises(StoreError, match="being closed"):
        runs.start(RunRequest("claude-code", Ask("hi", work)))


TALKATIVE = """#!/bin/sh
export FROM_LOGIN=yes PATH=/from/login:$PATH
echo noise
while [ $# -gt 1 ]; do shift; done
exec /bin/sh -c "$1"
"""


@pytest.mark.parametrize(
    ("shell", "how"),
    [
        (TALKATIVE, ""),
        ("#!/bin/sh\nsleep 600\n", "did not say its environment"),
        ("#!/bin/sh\nexit 3\n", "did not say its environment"),
        (None, "cannot be started"),
    ],
)
def test_the_login_shell_is_asked_once(shell: str | None, how: str, tmp_path: Path, monkeypatch: Any) -> None:
    """A window from a menu finds agents; a shell that hangs or is broken costs seconds once, and is said."""
    program = tmp_path / "shell"
    if shell is not None:
        program.write_text(shell)
        program.chmod(0o755)
    monkeypatch.setenv("SHELL", str(program))
    monkeypatch.setattr(runs_shell, "PATIENCE", 0.7)
    monkeypatch.delenv("FROM_LOGIN", raising=False)
    runs_shell.forget()
    found = runs_shell.environment()
    assert how in found.how
    assert bool(found.how) == bool(how)
    assert found.find("git") is not None, "our own PATH always counts"
    if not how:
        assert found.values["FROM_LOGIN"] == "yes"
        assert found.values["PATH"].endswith("/from/login")
    program.unlink(missing_ok=True)
    assert runs_shell.environment() is found, "asked once"
    runs_shell.forget()


def test_rows_of_runs_in_a_file_and_on_a_server(database: Path) -> None:
    """Written once, ended once, found by the beginning of its id, by its session, and while it runs."""
    row = RunRow(
        id="abcdef12", runner="codex", argv=("codex", "exec", "it's 100 %"), origin="hand", state="running", queued=5,
        asked_session="s1", prompt="hi", session_key="/k",
    )  # fmt: skip
    assert listed(database) == []
    with closing(RunRows(database)) as rows:
        rows.add(row)
        rows.add(msgspec.structs.replace(row, id="abcd0000", queued=6, session_key=None, asked_session=None))
        rows.change("abcdef12", pid=7, pid_token="t")  # noqa: S106 - no password
        alive = sorted((one.id, one.pid, one.pid_token) for one in unfinished(database))
        assert alive == [("abcd0000", None, None), ("abcdef12", 7, "t")]
        assert [found.id for found in unfinished(database, "s1")] == ["abcdef12"]
        assert rows.finish("abcdef12", state="ok", ended=9, cost_micros=3)
        assert not rows.finish("abcdef12", state="interrupted"), "how it ended is said once"
    assert [found.id for found in listed(database)] == ["abcd0000", "abcdef12"]
    assert listed(database, session="/k") == [
        msgspec.structs.replace(row, state="ok", ended=9, cost_micros=3, pid=7, pid_token="t")  # noqa: S106
    ]
    assert (one(database, "abcd"), one(database, "%")) == (None, None)
    found = one(database, "abcde")
    assert found is not None
    assert found.argv == row.argv
