"""An ACP agent as a run: nobody is there, so the mode answers; what came of it is what the agent answered."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hooks import Web

from store import runs_shell
from store.continuing import continued
from store.db.runs_db import one
from store.errors import StoreError
from store.items import Message, Notice, Prompt, Tool
from store.paths import data_dir
from store.report import rows_of, sessions
from store.runners import named
from store.runners.base import Ask, refuse
from store.runs import RunRequest, RunResult, Runs
from store.sources import acp, acp_headless
from store.sources.journal import folder

AGENT = Path(__file__).parents[1] / "acp_agent.py"
PAID = """
def on_prompt(m):
    update("usage_update", used=900, size=200000, cost=dict(amount=0.5, currency="USD"))
    update("tool_call", toolCallId="t1", title="look", kind="search", status="completed")
    say("It is ")
    say("green.")
    done(m, usage=dict(inputTokens=70, outputTokens=5, cachedReadTokens=9, totalTokens=84))
"""


def command(script: str) -> str:
    return shlex.join([sys.executable, "-S", "-E", str(AGENT), script])


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHELL", "/bin/sh")
    runs_shell.forget()
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def runs(tmp_path: Path, home: Path) -> Iterator[Runs]:
    made = Runs(data_dir())
    yield made
    made.close()


@pytest.fixture
def run(runs: Runs, work: Path) -> Callable[..., RunResult]:
    def run(script: str = "", prompt: str = "Go", timeout_s: float = 60, **asked: Any) -> RunResult:
        request = RunRequest("acp", Ask(prompt, work, command=command(script), **asked), timeout_s=timeout_s)
        result = runs.wait(runs.start(request), 60)
        assert result is not None
        return result

    return run


def test_one_prompt_and_its_answer(run: Callable[..., RunResult], runs: Runs, work: Path) -> None:
    """Its journal is its log and the session that is listed; the figures are what the agent told."""
    result = run(PAID, "What colour?")
    out = result.outcome
    assert (result.state, result.exit_code, result.reason) == ("ok", 0, "")
    assert (out.session, out.text, out.turns, out.cost_micros) == ("sess-1", "It is green.", 1, 500_000)
    assert (out.input_tokens, out.output_tokens, out.cache_read_tokens, out.cache_write_tokens) == (70, 5, 9, None)
    row = one(runs.db, result.run_id)
    assert row is not None
    assert (row.state, row.agent_session, row.argv[-1], row.prompt) == ("ok", "sess-1", PAID, "What colour?")
    (listed,) = sessions([folder(data_dir())])
    assert (listed["title"], listed["path"]) == ("What colour?", row.log)
    items, _ = rows_of(Path(row.log or ""))
    assert [type(item) for item in items] == [Prompt, Tool, Message]


@pytest.mark.parametrize(
    ("mode", "answers"),
    [("", "no no no no"), ("read", "yes no no no"), ("edit", "yes yes no no"), ("all", "yes yes yes yes")],
)
def test_the_mode_answers_what_nobody_is_there_to(
    mode: str, answers: str, run: Callable[..., RunResult], work: Path
) -> None:
    """Refused unless it was allowed openly; never for longer than once; and it is told how often."""
    script = f"""
def on_prompt(m):
    say(" ".join(permit(kind, kind, kind) for kind in ("read", "edit", "execute", "odd")))
    ask("fs/write_text_file", path={str(work / "new.txt")!r}, content="new")
    done(m)
"""
    result = run(script, permission=mode)
    assert (result.state, result.outcome.text) == ("ok", answers)
    refused = answers.split().count("no") + (mode in ("", "read"))
    assert (work / "new.txt").exists() == (mode in ("edit", "all"))
    words = f"{refused} questions were refused: the permission mode of this run is {mode or 'refuse'}."
    assert result.reason == (words if refused else "")
    items, _ = rows_of(Path(result.log or ""))
    assert [item.text for item in items if isinstance(item, Notice)] == ([words] if refused else [])
    assert not [item for item in items if isinstance(item, Tool) and item.status == "waiting"]


def test_what_would_hold_for_longer_is_never_chosen(run: Callable[..., RunResult]) -> None:
    script = """
def on_prompt(m):
    ever = [dict(optionId="ever", name="Always", kind="allow_always")]
    answer = ask("session/request_permission", toolCall=dict(toolCallId="c"), options=ever)
    say(answer["result"]["outcome"]["outcome"])
    done(m)
"""
    result = run(script, permission="all")
    assert (result.outcome.text, "1 question was refused" in result.reason) == ("cancelled", True)


def test_a_session_is_loaded_and_only_the_new_answer_counts(run: Callable[..., RunResult]) -> None:
    script = """
def load(m):
    assert m["params"]["sessionId"] == SESSION
    update("user_message_chunk", content=dict(type="text", text="Before"))
    say("An old answer.")
    update("usage_update", used=1, size=2, cost=dict(amount=0.25, currency="USD"))
    return {}
handlers["session/load"] = load
"""
    out = run(script + PAID, resume="sess-1").outcome
    assert (out.ok, out.session, out.text, out.cost_micros) == (True, "sess-1", "It is green.", 250_000)


REFUSES = 'import json\ndef refuse(m):\n send(dict(id=m["id"], error=dict(code={code}, message="Sorry")))\n'


@pytest.mark.parametrize(
    ("script", "stale", "why"),
    [
        ("CAPS = {}", True, "cannot load"),
        (REFUSES.format(code=-32002) + 'handlers["session/load"] = refuse', True, "Sorry"),
        (REFUSES.format(code=-32603) + 'handlers["session/load"] = refuse', True, "Sorry"),  # most agents say this
        (REFUSES.format(code=-32000) + 'handlers["session/load"] = refuse', False, "log in"),
        (REFUSES.format(code=-32603) + "def on_prompt(m):\n refuse(m)", False, "Sorry"),
        ("def on_prompt(m):\n done(m, 'refusal')", False, "refused to go on"),
        ("def on_prompt(m):\n done(m, 'cancelled')", False, "broke the turn off"),
        ("def on_prompt(m):\n sys.stderr.write('No space left'); sys.stderr.flush(); leave(3)", False, "exit code 3"),
        ("leave(4)", False, "exit code 4"),
    ],
)
def test_why_it_failed(script: str, stale: bool, why: str, run: Callable[..., RunResult]) -> None:
    """A session that is gone is told by the agent's answer to loading it, and by nothing else."""
    result = run(script, resume="sess-1")
    assert (result.state, result.outcome.stale) == ("failed", stale)
    assert why in result.reason


def test_the_model_is_one_that_it_offers(run: Callable[..., RunResult]) -> None:
    script = """
def new(m):
    models = [dict(modelId="big", name="Big"), dict(modelId="small", name="Small")]
    return dict(sessionId=SESSION, models=dict(currentModelId="big", availableModels=models))
handlers["session/new"] = new
def choose(m):
    chosen.append(m["params"]["modelId"])
    return {}
chosen = []
handlers["session/set_model"] = choose
def on_prompt(m):
    say(str(chosen))
    done(m)
"""
    assert run(script, llm="small").outcome.text == "['small']"
    assert "no model called huge. It offers big, small." in run(script, llm="huge").reason
    assert "no choice of models" in run(llm="small").reason


def test_stopped_it_is_cancelled_and_leaves(runs: Runs, work: Path) -> None:
    script = "import threading\ngone = threading.Event()\non_cancel = gone.set\n"
    script += "def on_prompt(m):\n say('working')\n gone.wait()\n done(m, 'cancelled')"
    id, said = "f" * 32, list[bytes]()

    def out(data: bytes) -> None:
        said.append(data)
        if b"working" in b"".join(said):
            runs.stop(id)

    runs.start(RunRequest("acp", Ask("Go", work, command=command(script)), id=id), out=out)
    result = runs.wait(id, 60)
    assert result is not None
    assert (result.state, result.reason, result.exit_code) == ("cancelled", "Stopped by you.", 0)


@pytest.mark.parametrize("script", ["handlers['initialize'] = lambda m: None", "def on_prompt(m):\n pass"])
def test_its_time_is_over(script: str, run: Callable[..., RunResult], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also before there is a session; and one that does not leave is ended."""
    monkeypatch.setattr(acp, "LEAVE", 0.1)
    result = run("on_end = threading.Event().wait\n" + script, timeout_s=0.5)
    assert (result.state, result.signal) == ("timeout", 15)


def test_one_that_will_say_nothing_any_more_is_not_waited_for(
    run: Callable[..., RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acp_headless, "MUTE", 0.1)
    monkeypatch.setattr(acp, "LEAVE", 0.1)
    result = run("def on_prompt(m):\n os.close(1)\n threading.Event().wait()", timeout_s=0)
    assert (result.state, result.reason) == ("failed", "The agent has closed its output without an answer.")


def test_what_cannot_be_asked_is_said(runs: Runs, work: Path) -> None:
    acp = named("acp")
    for asked, why in (
        (Ask("Go", work), "Its command line is needed"),
        (Ask("Go", work, command="a 'b"), "no command line"),
        (Ask("Go", work, command="no-such-agent-here acp"), "was not found on your PATH"),
        (Ask("Go", work, "s", fork=True, command="x"), "no stable way"),
        (Ask("", work, "s", compact=True, command="x"), "no command that makes"),
        (Ask("Go", work, permission="yolo", command="x"), "use one of refuse, read, edit, all"),
    ):
        with pytest.raises(StoreError, match=why):
            runs.start(RunRequest("acp", asked))
    assert "knows its program" in refuse(Ask("Go", work, command="x"), named("codex").abilities, "Codex")
    assert acp.command(Ask("A prompt", work, command="my agent --acp")).argv == ("my", "agent", "--acp")


def test_its_journal_says_how_to_go_on(run: Callable[..., RunResult], work: Path) -> None:
    result = run()
    assert continued(Path(result.log or "")) == ("acp", "sess-1", work, command(""))


def test_a_thread_of_events_goes_on_in_its_session(tmp_path: Path, work: Path) -> None:
    """From a trigger: loaded the second time; begun anew, and said so, once its agent cannot load it any more."""
    web = Web(tmp_path / "data", work)
    web.service.start()
    try:
        script = f"""
from pathlib import Path
log, gone = Path({str(tmp_path / "log")!r}), Path({str(tmp_path / "gone")!r})
if gone.exists(): CAPS = {{}}
def note(m):
    with log.open("a") as file: file.write(m["method"] + "\\n")
def load(m):
    note(m)
    return {{}}
handlers["session/load"] = load
def on_prompt(m):
    note(m)
    say(permit("c", "make"))
    done(m)
"""
        (tmp_path / "agent.py").write_text(script)
        line = command(f"exec(open({str(tmp_path / 'agent.py')!r}).read(), globals())")
        web.trigger(runner="acp", command=line, permission="refuse")
        first = web.sent_and_done("Ignore this: `$(touch owned)`")
        assert "1 question was refused" in first.reason
        web.sent_and_done("Again")
        (tmp_path / "gone").touch()
        third = web.sent_and_done("And again")
        assert "tried again afresh" in third.reason
        assert (tmp_path / "log").read_text().split() == [
            "session/prompt", "session/load", "session/prompt", "session/prompt",
        ]  # fmt: skip
        assert [(row.state, row.resumed) for row in web.runs_made()] == [
            ("ok", 0), ("ok", 1), ("failed", 1), ("ok", 2),
        ]  # fmt: skip
        assert (web.thread().session, web.thread().stale_retries) == ("sess-1", 1)
        assert list(work.iterdir()) == []
    finally:
        web.close()


@pytest.mark.parametrize(
    ("log", "ends"),
    [
        ("claude-load", (True, 1200, None)),  # what the session had cost before is not told
        ("claude-tour", (True, 16770, 118_880)),
        ("codex-refused", (False, 1200, None)),
        ("gemini-tour", (True, 16770, None)),
        ("opencode-tour", (True, 6400, 86_550)),
        ("zed-tour", (True, None, None)),
    ],
)
def test_what_recorded_conversations_mean(log: str, ends: tuple[bool, int | None, int | None]) -> None:
    lines = (AGENT.parent / "recorded" / "acp" / f"{log}.jsonl").read_bytes().splitlines()
    out = named("acp").outcome(lines, b"", None)
    assert (out.ok, out.input_tokens, out.cost_micros) == ends
    assert out.session
