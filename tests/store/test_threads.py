"""Threads: what a run goes on with, what is kept of it, forgotten and brought back; with runs of a scripted agent."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hooks import SECRET, Web, agents, comment
from sqlalchemy import Connection, update

from store.audit import entries
from store.db import threads_db
from store.db.run_tables import trigger_session_threads as table
from store.db.serving import Serving, once
from store.db.tables import session
from store.errors import StoreError
from store.intake import take_in
from store.threads import ThreadRow, reset, undo
from store.triggers import deliveries, save_trigger

NOW = 1_790_000_000_000_000


def asked(web: Web) -> list[str | None]:
    return [run.asked_session for run in web.runs_made()]


# ---- what a run goes on with: G.6


def test_resume_off_writes_no_thread(web: Web) -> None:
    """G.6, 003-23: the command is what it always was."""
    web.trigger(resume_sessions=False)
    web.sent_and_done()
    told = web.sent_and_done()
    assert web.threads() == []
    assert asked(web) == [None, None]
    assert "Resume is off" in told.reason
    assert [one["argv"] for one in web.started()] == [[
        "claude", "-p", "--output-format", "stream-json", "--verbose", "--include-partial-messages",
        "--permission-mode", "default",
    ]] * 2  # fmt: skip


def test_no_key_is_a_fresh_run_and_says_so(web: Web) -> None:
    """003-08."""
    web.trigger(prompt="Say hello")
    before = web.last
    web.post(b'{"ref": "refs/heads/main", "repository": {"full_name": "ada/project"}}')
    told = web.done(before)
    assert (told.verdict, told.thread_key) == ("accepted", None)
    assert "No thread key" in told.reason
    assert web.threads() == []


def test_an_error_that_only_speaks_of_a_session_is_not_retried(web: Web) -> None:
    """003-17, G.6: one attempt, and the mapping stays."""
    web.trigger()
    web.sent_and_done()
    session = web.thread().session
    for text in ("fail", "refuse this"):
        web.sent_and_done(text)
    assert [(run.state, run.resumed) for run in web.runs_made()] == [("ok", 0), ("failed", 1), ("failed", 1)]
    assert web.thread().session == session
    assert web.thread().last_outcome == "failed"


def test_a_run_that_is_ended_leaves_the_mapping(web: Web) -> None:
    """003-21, 003-22, G.6: its time is over, or somebody stops it."""
    web.trigger(timeout_s=1)
    web.sent_and_done()
    session = web.thread().session
    told = web.sent_and_done("hang")
    assert "timeout" in told.reason
    assert (web.thread().session, web.thread().last_outcome) == (session, "timeout")
    assert web.sent_and_done("Say hello").reason.endswith("It ended well.")
    assert asked(web)[-1] == session


def test_a_failed_run_with_a_session_is_gone_on_with(web: Web) -> None:
    """003-103."""
    web.trigger()
    web.sent_and_done("refuse this")
    assert web.thread().session is not None
    web.sent_and_done()
    assert asked(web) == [None, web.thread().session]


def test_skills_are_resumed_and_scripts_never(web: Web) -> None:
    """003-19: the payload of a script is on its standard input, and nowhere else."""
    web.trigger(action="skill", prompt="/review {{issue.number}}")
    web.sent_and_done()
    web.sent_and_done()
    assert asked(web) == [None, web.thread().session]
    assert web.runs_made()[0].prompt == "/review 12"
    values = {"name": "script", "source": "github", "cwd": str(web.work), "action": "script", "runner": "shell",
              "prompt": "tee said"}  # fmt: skip
    refused = save_trigger(web.db, {**values, "resume_sessions": True})
    assert "no session" in refused.errors["resume_sessions"]
    assert "standard input" in save_trigger(web.db, {**values, "prompt": "echo {{comment.body}}"}).errors["prompt"]
    assert save_trigger(web.db, values, secret=SECRET).trigger is not None
    web.service.apply()
    before = web.last
    web.post(comment(text="; touch pwned; $(touch pwned)"), slug="script")
    assert "ended well" in web.done(before).reason
    assert b"touch pwned" in (web.work / "said").read_bytes()
    assert not (web.work / "pwned").exists()
    assert web.runs_made()[-1].argv == ("tee", "said")


def test_a_payload_makes_no_slash_command(web: Web) -> None:
    web.trigger()
    web.sent_and_done("/clear")
    assert web.started()[0]["prompt"] == "Event: /clear"


def test_a_runner_that_cannot_resume_says_so(web: Web) -> None:
    """003-18: refused in the form, never dropped in silence."""
    saved = save_trigger(
        web.db,
        {"name": "x", "cwd": str(web.work), "prompt": "x", "runner": "shell", "action": "script",
         "resume_sessions": "on"},
    )  # fmt: skip
    assert saved.trigger is None
    assert "resume_sessions" in saved.errors


def test_another_runner_begins_anew(web: Web) -> None:
    trigger = web.trigger()
    web.sent_and_done()
    first = web.thread().session
    save_trigger(web.db, {"runner": "codex", "permission": ""}, trigger.id)
    told = web.sent_and_done()
    assert "claude-code" in told.reason
    assert web.thread().parent_session == first
    web.sent_and_done()
    assert [one["argv"][0] for one in web.started()] == ["claude", "codex", "codex"]
    assert asked(web) == [None, None, web.thread().session]


# ---- compaction


def test_an_archived_session_is_not_gone_on_with(web: Web) -> None:
    """Nothing is added to it, so nothing of the run would be shown. Those after it go on with the new one."""
    web.trigger()
    web.sent_and_done()
    first = web.thread().session
    (file,) = Path(os.environ["HOME"]).glob(f".claude/projects/*/{first}.jsonl")
    take_in(web.db, file)
    once(web.db, lambda tx: tx.execute(update(session).values(status="archived")))
    told = web.sent_and_done()
    assert told.reason.startswith(f"The session {first[:12]} is archived" if first else "–")
    assert "Fresh session. It ended well." in told.reason
    web.sent_and_done()
    assert asked(web) == [None, None, web.thread().session]
    assert web.thread().session != first


def test_compaction_at_the_limit(web: Web) -> None:
    """S-03, with a limit of 50: at 49 not yet, at 50 and beyond; the counter starts again."""
    web.choose(threads__compact_turns=50)
    web.trigger()
    web.sent_and_done()
    kinds = []
    for turns, left in ((49, 50), (50, 1), (51, 1)):
        once(web.db, lambda tx, turns=turns: tx.execute(table.update().values(compact_turns=turns)))
        before = len(web.runs_made())
        told = web.sent_and_done()
        kinds.append([run.resumed for run in web.runs_made()[before:]])
        assert ("Compacted after" in told.reason) is (turns >= 50)
        assert web.thread().compact_turns == left
    assert kinds == [[1], [3, 1], [3, 1]]
    assert web.thread().turns == 4
    assert web.started()[2]["prompt"].startswith("/compact")


def test_a_runner_without_compaction_begins_anew_with_a_summary(web: Web) -> None:
    """S-03: what was said before is handed over, and it is visible."""
    web.choose(threads__compact_turns=2)
    web.trigger(runner="codex", permission="")
    web.sent_and_done("The token is heliotrope")
    web.sent_and_done("Second")
    old = web.thread().session
    told = web.sent_and_done("Third")
    prompt = web.started()[2]["prompt"]
    assert "You said: The token is heliotrope" in prompt
    assert "You said: Second" in prompt
    assert prompt.endswith("Third")
    assert "begun anew with a summary" in told.reason
    assert [run.resumed for run in web.runs_made()] == [0, 1, 3]
    thread = web.thread()
    assert (thread.parent_session, thread.compact_turns, thread.turns) == (old, 1, 3)
    assert thread.session != old


# ---- reset


def test_a_reset_waits_for_the_run_and_is_not_undone_by_it(web: Web) -> None:
    """003-73, X-04: what it was doing goes on in its own session; the next event begins a new one after that."""
    web.trigger()
    web.sent_and_done()
    gate, before = web.work / "gate", web.last
    web.post(comment(text=f"wait {gate}"))
    web.until(lambda: web.thread().state == "running" and len(web.started()) == 2)
    thread = web.thread()
    done = reset(web.db, thread.id)
    assert done.waits
    assert (web.thread().state, web.thread().session) == ("running", None)
    gate.touch()
    web.done(before)
    assert (web.thread().session, web.thread().state) == (None, "fresh")
    assert web.thread().parent_session == thread.session
    web.sent_and_done()
    assert asked(web) == [None, thread.session, None]
    assert web.thread().session not in (None, thread.session)


def test_a_reset_can_be_taken_back(web: Web) -> None:
    """003-74: also while the run goes on; but not once another session was begun."""
    web.trigger()
    web.sent_and_done()
    first = web.thread()
    done = reset(web.db, first.id)
    assert undo(web.db, done.undo) == 1
    now = web.thread()
    assert now == _aged(first, now)
    web.sent_and_done()
    assert asked(web)[-1] == first.session

    gate, before = web.work / "gate", web.last
    web.post(comment(text=f"wait {gate}"))
    web.until(lambda: len(web.started()) == 3)
    assert undo(web.db, reset(web.db, first.id).undo) == 1
    gate.touch()
    web.done(before)
    assert web.thread().session == first.session

    done = reset(web.db, first.id)
    web.sent_and_done()
    with pytest.raises(StoreError, match="gone on in a new session"):
        undo(web.db, done.undo)
    assert [entry.action for entry in entries(web.db).rows if entry.action.startswith(("thread", "reset"))] == [
        "thread reset", "reset undone", "thread reset", "reset undone", "thread reset"
    ]  # fmt: skip


def _aged(before: ThreadRow, now: ThreadRow) -> ThreadRow:
    import msgspec

    return msgspec.structs.replace(before, age_us=now.age_us)


def test_a_thread_that_is_not_there(web: Web) -> None:
    """003-43."""
    with pytest.raises(StoreError, match="no thread 77"):
        reset(web.db, 77)


# ---- one at a time


def test_one_run_per_thread_and_others_beside_it(web: Web) -> None:
    """003-28: in order; a second thread does not wait."""
    web.choose(runs__parallel=3)
    web.trigger(max_parallel=3)
    gate = web.work / "gate"
    before = web.last
    web.post(comment(12, f"wait {gate}"))
    web.until(lambda: len(web.started()) == 1)
    web.post(comment(12, "Second"))
    web.post(comment(13, f"wait {gate} other"))
    web.until(lambda: len(web.started()) == 2)
    assert [one["prompt"] for one in web.started()] == [f"wait {gate}", f"wait {gate} other"]
    web.until(lambda: web.service.queue.waiting() == 1)
    gate.touch()
    web.done(before)
    lanes: dict[int | None, list[Any]] = {}
    for run in web.runs_made():
        lanes.setdefault(run.thread_id, []).append(run)
    assert sorted(map(len, lanes.values())) == [1, 2]
    first, second = next(lane for lane in lanes.values() if len(lane) == 2)
    assert second.started >= first.ended
    assert second.asked_session == first.agent_session


def test_a_session_that_is_open_in_a_terminal_is_waited_for(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """003-28: never two in one session; the log says whom it waits for, and later what became of it."""
    monkeypatch.setattr("store.deliver.BUSY_S", 0.05)
    web.trigger()
    web.sent_and_done()
    session, before = web.thread().session, web.last
    entry = Path(os.environ["HOME"]) / ".claude" / "sessions" / f"{os.getpid()}.json"
    start = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    entry.write_text(json.dumps({"sessionId": session, "procStart": start, "status": "idle"}))
    web.post(comment(text=f"slow {web.work / 'gate'}"))
    waits = web.until(lambda: next((one for one in deliveries(web.db) if one.reason.startswith("Waits:")), None))
    assert (waits.handled, waits.run_id, len(web.started())) == (None, None, 1)
    assert waits.reason.endswith(f"open in another claude (process {os.getpid()}). It runs when that ends.")
    entry.unlink()
    web.until(lambda: len(web.started()) == 2)
    assert "Waits" not in deliveries(web.db)[0].reason
    (web.work / "gate").touch()
    assert web.done(before).reason == "Resumed. It ended well."
    assert asked(web) == [None, session]


def test_a_full_queue_refuses_and_says_so(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.deliver.LANE", 2)
    web.trigger()
    gate, before = web.work / "gate", web.last
    web.post(comment(text=f"wait {gate}"))
    web.until(lambda: len(web.started()) == 1)
    for _ in range(3):
        web.post(comment(text="Say hello"))
    web.until(lambda: len(deliveries(web.db)) == 4)
    assert [one.verdict for one in deliveries(web.db)] == ["refused", "accepted", "accepted", "accepted"]
    assert "wait already" in deliveries(web.db)[0].reason
    gate.touch()
    web.done(before)
    assert len(web.started()) == 3


def test_only_one_of_many_takes_a_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """003-14: however many connections ask at once, there is one row and one holder, and nothing is rolled back."""
    web = Web(tmp_path / "data", agents(tmp_path, monkeypatch))
    trigger = web.trigger()
    import threading

    taken: list[str] = []
    start = threading.Barrier(6)

    def ask(name: str) -> None:
        with closing(Serving(web.db)) as serving:
            start.wait()

            def take(tx: Connection) -> None:
                threads_db.ensure(tx, trigger.id, "k:1", NOW, "claude-code", "")
                if threads_db.claim(tx, trigger.id, "k:1", name, NOW) is not None:
                    taken.append(name)

            serving.write(take)

    workers = [threading.Thread(target=ask, args=(f"h{number}|r",)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(taken) == 1
    assert (web.thread().holder, web.thread().state) == (f"{taken[0]}|0", "running")
    web.close()
