"""An ACP agent as a live source: a real child process that is shaken hands with, asked, answered, cancelled, ended."""

from __future__ import annotations

from pathlib import Path

import pytest
from acp_kit import AGENT, talking

from store.items import Message, Notice, Prompt, Tool
from store.known import known
from store.paths import data_dir
from store.report import rows_of, sessions, turns
from store.sources import acp
from store.sources.journal import folder
from store.told import Completed, Question

PERMIT = "def on_prompt(m):\n say(permit('c1', 'rm -rf build'))\n done(m)"
SLOW = "import threading\nstopped = threading.Event()\non_cancel = stopped.set\n"


def test_a_session_is_opened_and_a_prompt_answered(tmp_path: Path) -> None:
    with talking("", tmp_path) as talk:
        talk.ready()
        header = talk.session.header
        assert (header.id, header.adapter, header.version, header.mode) == ("sess-1", "scripted", "1.0", "ask")
        assert (header.state, header.cwd, header.agent) == ("idle", str(tmp_path), "acp")
        talk.session.sent(_queued("p1", "Hello"), None)
        assert talk.agent.send("Hello", "p1")
        talk.until(lambda: talk.said())
        talk.idle()
        prompt, answer = talk.rows()
        assert isinstance(prompt, Prompt)
        assert (prompt.id, prompt.text, prompt.sending) == ("p1", "Hello", False)  # its echo took its place
        assert isinstance(answer, Message)
        assert str(answer.text) == "You said: Hello"
        assert [fact.stop_reason for fact in talk.facts if isinstance(fact, Completed)] == ["end_turn"]


def _queued(id: str, text: str):  # type: ignore[no-untyped-def]
    from store.told import Queued

    return Queued(id, text)


def test_a_second_prompt_waits_for_the_end_of_the_first(tmp_path: Path) -> None:
    script = SLOW + "def on_prompt(m):\n stopped.wait()\n done(m, 'cancelled')"
    with talking(script, tmp_path) as talk:
        talk.ready().prompt("One", "p1")
        assert not talk.agent.send("Two", "p2")
        talk.agent.cancel()
        talk.idle()
        assert "Cancelled" in talk.notices()
        talk.until(lambda: talk.agent.send("Two", "p2"))


def test_the_journal_shows_the_same_session_again(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n")
    script = f"""
def on_prompt(m):
    update("plan", entries=[dict(content="Look", status="completed", priority="low")])
    update("tool_call", toolCallId="t1", title="grep", kind="search", status="in_progress")
    update("tool_call_update", toolCallId="t1", status="completed", rawOutput="a.txt:1")
    ask("fs/read_text_file", path={str(tmp_path / "a.txt")!r})
    say(permit("c1", "make"))
    say("Done.")
    done(m, usage=dict(inputTokens=5, outputTokens=2, totalTokens=7))
"""
    with talking(script, tmp_path) as talk:
        talk.ready().prompt()
        talk.answer("once")
        talk.answer("no")
        talk.idle()
        talk.stop()
        shown, again = talk.rows(), talk.again()
    assert [(one.id, type(one), getattr(one, "status", "")) for one in shown] == [
        (one.id, type(one), getattr(one, "status", "")) for one in again
    ]
    answers = [tool.answer for tool in again if isinstance(tool, Tool)]
    assert answers == ["", "Allowed once", "Refused: Reject"]


def test_a_permission_request_is_a_question_with_its_options(tmp_path: Path) -> None:
    with talking(PERMIT, tmp_path) as talk:
        talk.ready().prompt()
        asked = talk.question()
        assert (asked.title, asked.kind) == ("rm -rf build", "tool.shell")
        assert [option.name for option in asked.options] == ["Allow once", "Always allow", "Reject"]
        assert talk.session.header.state == "waiting"
        assert [fact.item for fact in talk.facts if isinstance(fact, Question)] == ["c1"]
        talk.answer("ever")
        talk.idle()
        assert talk.said() == "ever"
        [tool] = talk.tools()
        assert (tool.answer, tool.options, tool.rpc) == ("Allowed: Always allow", (), "")
        talk.agent.answer(asked.rpc, "no")  # a second answer changes nothing
        talk.agent.answer("a:#99", "no")
        talk.agent.answer("nonsense", "no")
        assert talk.agent.send("Again", "p2")


def test_cancel_answers_what_is_open(tmp_path: Path) -> None:
    script = (
        SLOW
        + f"""
def on_prompt(m):
    threading.Thread(target=lambda: ask("fs/read_text_file", path={str(tmp_path / "a")!r}), daemon=True).start()
    say(permit("c1", "make"))
    stopped.wait()
    done(m, "cancelled")
"""
    )
    with talking(script, tmp_path) as talk:
        talk.ready().prompt()
        talk.until(lambda: len(talk.asking()) == 2)
        assert talk.agent.may_cancel()
        assert not talk.agent.may_cancel()  # once is enough: the next time it is ended
        talk.idle()
        assert talk.said() == "cancelled"
        # The agent is told first, and may end its turn before we have noted that one of them is ours to refuse.
        talk.until(lambda: {tool.answer for tool in talk.tools()} == {"Cancelled before it was answered"})
        assert {tool.status for tool in talk.tools()} == {"cancelled"}


def test_a_question_that_is_taken_back_or_overtaken_says_so(tmp_path: Path) -> None:
    script = """
def on_prompt(m):
    begin_permit("c1", "one")
    begin_permit("c2", "two")
    send({"method": "$/cancel_request", "params": {"requestId": 0}})
    update("tool_call_update", toolCallId="c2", status="in_progress", title="two, still")
    update("tool_call_update", toolCallId="c2", status="completed")
    update("tool_call_update", toolCallId="c1", title="one, no more")
    done(m)
"""
    with talking(script, tmp_path) as talk:
        talk.ready().prompt()
        talk.idle()
        talk.until(lambda: not talk.asking())
        answers = sorted(tool.answer for tool in talk.tools())
        assert answers == ["The agent took its question back", "The agent went on without an answer"]


def test_a_question_after_the_end_of_the_turn_is_still_one(tmp_path: Path) -> None:
    script = "def on_prompt(m):\n done(m)\n say(permit('late', 'git push'))"
    with talking(script, tmp_path) as talk:
        talk.ready().prompt()
        talk.answer("no")
        talk.until(lambda: talk.said() == "no")


@pytest.mark.parametrize(
    ("caps", "method"),
    [({"loadSession": True}, "session/load"), ({"sessionCapabilities": {"resume": {}}}, "session/resume")],
)
def test_a_session_is_loaded_by_what_the_agent_can(tmp_path: Path, caps: dict[str, object], method: str) -> None:
    script = f"""
CAPS = {caps!r}
def load(m):
    update("user_message_chunk", content=dict(type="text", text="Do it"), messageId="u1")
    update("user_message_chunk", content=dict(type="text", text=" now"), messageId="u1")
    say("Did it.")
    update("user_message_chunk", content=dict(type="text", text="And?"), messageId="u2")
    say("Nothing.")
    return {{}}
SESSION = "old-1"
handlers[{method!r}] = load
"""
    with talking(script, tmp_path, "old-1") as talk:
        talk.ready()
        assert [getattr(row, "text", "") and str(row.text) for row in talk.rows()] == [
            "Do it now", "Did it.", "And?", "Nothing.",
        ]  # fmt: skip
        assert talk.session.header.id == "old-1"
        assert not talk.session.header.pending
        assert not [fact for fact in talk.facts if isinstance(fact, Completed)]  # the past is no news
        talk.prompt("Go on")
        talk.until(lambda: "You said: Go on" in talk.said())


@pytest.mark.parametrize(
    ("script", "trouble"),
    [
        ("CAPS = {}", "cannot load an earlier session"),
        ("handlers['session/load'] = lambda m: send({'id': m['id'], 'error': {'code': -32002, 'message': 'gone'}})",
         "refused “session/load”: gone"),
        ("handlers['initialize'] = lambda m: {'protocolVersion': 2}", "speaks version 2"),
        ("handlers['initialize'] = lambda m: 7", "speaks version None"),
        ("handlers['session/load'] = lambda m: send({'id': m['id'], 'error': {'code': -32000, 'message': 'x'}})\n"
         "handlers['initialize'] = lambda m: {'protocolVersion': 1, 'agentCapabilities': CAPS, 'authMethods': "
         "[{'id': 'a', 'description': 'Run `x login`'}]}", "log in first (Run `x login`)"),
    ],
)  # fmt: skip
def test_a_handshake_that_fails_says_what_to_do(tmp_path: Path, script: str, trouble: str) -> None:
    with talking(script, tmp_path, "old-1") as talk:
        talk.until(lambda: trouble in talk.session.header.trouble)
        assert not talk.session.connected
        assert not talk.agent.send("Hello", "p1")


def test_an_agent_that_does_not_answer_the_handshake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acp, "SLOW", 0.05)
    script = "gate = threading.Event()\nhandlers['initialize'] = lambda m: None\non_end = lambda: None"
    with talking(script, tmp_path) as talk:
        talk.until(lambda: "has not answered “initialize”" in talk.session.header.trouble)
        assert not talk.session.connected


def test_mode_and_model_are_set_by_what_the_agent_offers(tmp_path: Path) -> None:
    with talking("", tmp_path) as talk:
        talk.ready()
        assert talk.agent.chosen.modes == (("ask", "Ask"), ("code", "Code"))
        assert talk.agent.abilities.modes == ("ask", "code")
        talk.agent.choose("mode", "code")
        talk.until(lambda: talk.session.header.mode == "code")
    both = [{"value": "one", "name": "One"}, {"value": "two", "name": "Two"}]
    choices = [{"group": "g", "name": "G", "options": both}]
    options = [{"id": "m", "category": "model", "type": "select", "currentValue": "one", "options": choices}]
    script = f"""
options = {options!r}
handlers["session/new"] = lambda m: dict(sessionId=SESSION, configOptions=options)
def choose(m):
    options[0]["currentValue"] = m["params"]["value"]
    return dict(configOptions=options)
handlers["session/set_config_option"] = choose
"""
    with talking(script, tmp_path) as talk:
        talk.ready()
        assert talk.session.header.llm == "one"
        assert talk.agent.chosen.llms == (("one", "One"), ("two", "Two"))
        talk.agent.choose("model", "two")
        talk.until(lambda: talk.session.header.llm == "two")


def test_an_agent_made_with_the_protocol_library(tmp_path: Path) -> None:
    """It checks all that we say against the schema, and does all that an agent can ask of us."""
    with talking("", tmp_path, agent=AGENT.with_name("acp_library_agent.py")) as talk:
        talk.ready()
        assert talk.session.header.adapter == "library"
        talk.agent.choose("mode", "code")
        talk.until(lambda: talk.session.header.mode == "code")
        talk.prompt()
        for option in ("yes", "once", "always", "once"):
            talk.answer(option)
        talk.idle()
        assert talk.said().split("\n") == ["selected ", "read two ", "exit 0: 2 ", "refused -32602"]
        assert [(tool.kind, tool.status) for tool in talk.tools()] == [
            ("tool.edit", "ok"), ("tool.edit", "ok"), ("tool.read", "ok"), ("tool.shell", "ok"), ("tool.shell", "ok"),
            ("tool.read", "failed"),
        ]  # fmt: skip
        assert not talk.raw()
        talk.prompt("Wait", "p2")
        talk.agent.cancel()
        talk.idle()
        assert "Cancelled" in talk.notices()


def test_it_is_recorded_and_listed_like_any_stream(tmp_path: Path) -> None:
    """What is saved while it runs, and after its first save, is what the journal gives when it is read anew."""
    script = """
def on_prompt(m):
    for n in range(5): say("a ")
    say(permit("c1", "make"))
    for n in range(5): say("b ")
    done(m, usage=dict(inputTokens=50, outputTokens=5, cachedReadTokens=7, totalTokens=62))
"""
    with talking(script, tmp_path, database=True) as talk:
        talk.ready()
        assert talk.session.header.draft  # nothing was said in it: nothing is kept
        talk.prompt("Make it")
        talk.until(lambda: not talk.session.header.draft)
        talk.answer("yes")
        talk.idle()
        talk.stop()
        shown, journal = talk.rows(), talk.journal
    database = data_dir() / "playhead.db"
    before = known(journal, database)
    assert before is not None
    assert before.unchanged
    saved = before.window.read(0, 99)
    assert [item.id for item in saved] == [item.id for item in shown] == [item.id for item in rows_of(journal)[0]]
    assert [getattr(item, "answer", "") for item in saved] == ["", "", "Allowed: Allow once", ""]
    [row] = [entry for entry in sessions([folder(data_dir())]) if entry["agent"] == "acp"]
    assert (row["title"], row["cwd"]) == ("Make it", str(tmp_path))
    [turn] = turns(str(journal))
    assert (turn["in_tokens"], turn["out_tokens"], turn["cache_read_tokens"]) == (50, 5, 7)


def test_files_are_offered_or_not(tmp_path: Path) -> None:
    script = "def start(m):\n global caps\n caps = m['params']['clientCapabilities']\n del handlers['initialize']\n"
    script += " return _answer(m)\nhandlers['initialize'] = start\ndef on_prompt(m):\n say(json.dumps(caps))\n done(m)"
    for files in (True, False):
        with talking(script, tmp_path, files=files) as talk:
            talk.ready().prompt()
            talk.idle()
            assert f'"writeTextFile": {str(files).lower()}' in talk.said()


def test_an_agent_that_dies_in_a_turn(tmp_path: Path) -> None:
    script = """
def on_prompt(m):
    update("tool_call", toolCallId="t1", title="make", kind="execute", status="in_progress")
    begin_permit("c1", "rm")
    say("I am")
    print("Panic: out of cheese", file=sys.stderr, flush=True)
    leave(3)
"""
    with talking(script, tmp_path) as talk:
        talk.ready().prompt()
        talk.until(lambda: talk.ended)
        talk.until(lambda: talk.session.header.state == "failed")
        assert [(one.ok, one.how) for one in talk.ended] == [(False, "ended with exit code 3: Panic: out of cheese")]
        assert "The agent ended with exit code 3: Panic: out of cheese" in talk.notices()
        assert {tool.status for tool in talk.tools()} == {"cancelled"}
        assert not talk.session.header.pending
        assert not talk.agent.send("Hello?", "p2")
        assert "exit code 3" in talk.session.header.trouble
        assert [type(row) for row in talk.again()] == [type(row) for row in talk.rows()]


def test_closing_ends_the_agent_with_its_children(tmp_path: Path) -> None:
    import os

    script = """
import subprocess
child = subprocess.Popen(["sleep", "600"])
handlers["session/new"] = lambda m: dict(sessionId=str(child.pid))
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
SESSION = str(child.pid)
"""
    with talking(script, tmp_path) as talk:
        talk.ready()
        child = int(talk.session.header.id)
        talk.feeds.shutdown()
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)
    assert isinstance(talk.again(), list)


def test_the_end_is_told_once_and_a_notice_is_shown_for_a_stubborn_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acp, "STUBBORN", 0.05)
    with talking("def on_prompt(m):\n say('never')", tmp_path) as talk:
        talk.ready().prompt()
        talk.agent.cancel()
        talk.until(lambda: any("has not stopped" in text for text in talk.notices()))
        assert talk.session.header.pending
        talk.stop()
        assert len(talk.ended) == 1
        talk.idle()
        assert isinstance(talk.rows()[-1], Notice | Message)
