"""Threads: what a run goes on with, what is kept of it, forgotten and brought back; with runs of a scripted agent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hooks import SECRET, Web, agents, comment
from sqlalchemy import Connection, insert

from store import threads
from store.audit import entries
from store.db import threads_db
from store.db.run_tables import run as run_table
from store.db.run_tables import trigger_session_threads as table
from store.db.serving import Serving, once
from store.errors import StoreError
from store.threads import DAY, Figures, ThreadRow, cleanup, last_cleanup, list_threads, reset, saved, undo
from store.triggers import deliveries, save_trigger

NOW = 1_790_000_000_000_000


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    made = Web(tmp_path / "data", agents(tmp_path, monkeypatch))
    made.service.start()
    yield made
    made.close()


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


@pytest.mark.parametrize(("turns", "compacts"), [(1, False), (2, True), (3, True)])
def test_compaction_at_the_limit(web: Web, turns: int, compacts: bool) -> None:
    """S-03, with a limit of 50: one below, the limit, one above; the counter starts again."""
    web.choose(threads__compact_turns=50)
    web.trigger()
    web.sent_and_done()
    once(web.db, lambda tx: tx.execute(table.update().values(compact_turns=48 + turns)))
    told = web.sent_and_done()
    resumed = [run.resumed for run in web.runs_made()]
    assert resumed == ([0, 3, 1] if compacts else [0, 1])
    assert ("Compacted after" in told.reason) is compacts
    assert web.thread().compact_turns == (1 if compacts else 49 + turns)
    assert web.thread().turns == 2
    if compacts:
        assert web.started()[1]["prompt"].startswith("/compact")


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
                if threads_db.claim(tx, trigger.id, "k:1", name, None, NOW) is not None:
                    taken.append(name)

            serving.write(take)

    workers = [threading.Thread(target=ask, args=(f"h{number}|r",)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(taken) == 1
    assert (web.thread().holder, web.thread().state) == (taken[0], "running")
    web.close()


# ---- cleanup


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """Four threads around a cutoff of seven days, and no agent."""
    web = Web(tmp_path / "data", tmp_path)
    trigger = web.trigger()
    for name, used, holder in (("new", 0, None), ("at", 7 * DAY, None), ("old", 7 * DAY + 1_000_000, None),
                               ("used", 9 * DAY, "x|y"), ("young", 7 * DAY - 1_000_000, None)):  # fmt: skip
        add(web, trigger.id, name, NOW - used, holder)
    yield web
    web.close()


def add(web: Web, trigger: int, key: str, used: int, holder: str | None = None, **more: Any) -> int:
    values = {"trigger_id": trigger, "dedup_key": key, "claude_session_id": f"s-{key}", "last_used_at": used,
              "created_at": used, "holder": holder, **more}  # fmt: skip
    return int(once(web.db, lambda tx: tx.execute(insert(table).values(values).returning(table.c.id)).scalar_one()))


def test_cleanup_is_strictly_older_and_skips_what_is_used(filled: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """003-44, 003-81, 003-86, 003-97: the exact limit stays; one DELETE; the number is told beforehand."""
    dry = cleanup(filled.db, 7, NOW, dry_run=True)
    assert (dry.deleted, dry.skipped, dry.cutoff) == (1, 1, NOW - 7 * DAY)
    said: list[str] = []
    plain = Connection.execute

    def listening(self: Connection, statement: Any, *rest: Any, **more: Any) -> Any:
        said.append(str(statement))
        return plain(self, statement, *rest, **more)

    monkeypatch.setattr(Connection, "execute", listening)
    done = cleanup(filled.db, 7, NOW)
    assert sum(one.startswith("DELETE FROM trigger_session_threads") for one in said) == 1
    assert (done.deleted, done.skipped) == (1, 1)
    assert sorted(row.key for row in filled.threads(now=NOW)) == ["at", "new", "used", "young"]
    told = entries(filled.db).rows[0]
    assert told.action == "cleanup"
    assert told.detail.startswith("1 forgotten, 1 in use skipped")
    found = last_cleanup(filled.db)
    assert found is not None
    assert (found.deleted, found.skipped, found.days, found.cutoff) == (1, 1, 7, NOW - 7 * DAY)
    assert undo(filled.db, done.undo) == 1
    assert len(filled.threads(now=NOW)) == 5
    assert undo(filled.db, done.undo) == 0  # they are there


def test_cleanup_leaves_what_waits(filled: Web) -> None:
    """An event of it was accepted and has not run yet."""
    from store.db import deliveries_db

    (trigger,) = {row.trigger_id for row in filled.threads()}
    row = {"trigger_id": trigger, "host": "", "received": NOW, "handled": None, "source": "github",
           "verdict": "accepted", "event": "", "action": "", "sender": "", "bytes": 1, "thread_key": "old",
           "reason": ""}  # fmt: skip
    once(filled.db, lambda tx: deliveries_db.add(tx, row))
    assert cleanup(filled.db, 7, NOW).deleted == 0


# ---- what is shown


def test_the_list_takes_two_statements(filled: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """003-42, 003-64: newest first, how many there are in all, what is stale."""
    said: list[str] = []
    from store.db import serving

    plain = serving.asked

    def listening(path: Path, statements: list[tuple[str, tuple[Any, ...]]]) -> Any:
        said.extend(sql for sql, _ in statements)
        return plain(path, statements)

    monkeypatch.setattr("store.threads.asked", listening)
    found = list_threads(filled.db, days=7, limit=2, now=NOW)
    assert len(said) == 2
    assert [row.key for row in found.rows] == ["new", "young"]
    assert (found.total, found.active, found.stale) == (5, 5, 2)
    every = list_threads(filled.db, days=7, now=NOW).rows
    assert [row.stale for row in every] == [False, False, False, True, False]
    assert [row.age_us for row in every][:2] == [0, 7 * DAY - 1_000_000]


def test_fresh_against_resumed_are_the_originals_figures(filled: Web) -> None:
    """003-95, 003-99: 313 s, 16,144 tokens, $1.28 and 124 s, 7,639, $0.44 are −60, −53 and −66 %; n is told."""
    (row,) = (row for row in filled.threads(now=NOW) if row.key == "new")
    runs = [(0, "ok", 313, 16_144, 1_280_000), (1, "ok", 124, 7_639, 440_000), (1, "failed", 1, 1, 1),
            (3, "ok", 1, 1, 1)]  # fmt: skip
    for number, (resumed, state, seconds, tokens, cost) in enumerate(runs):
        values = {"id": f"r{number}", "runner": "claude-code", "origin": "trigger", "thread_id": row.id, "state": state,
                  "resumed": resumed, "queued": NOW, "started": NOW, "ended": NOW + seconds * 1_000_000,
                  "output_tokens": tokens, "cost_micros": cost}  # fmt: skip
        once(filled.db, lambda tx, values=values: tx.execute(insert(run_table).values(values)))
    (row,) = (row for row in filled.threads(now=NOW) if row.key == "new")
    assert row.fresh == Figures(1, 313_000_000, 16_144, 1_280_000)
    assert row.resumed == Figures(1, 124_000_000, 7_639, 440_000)
    change = saved(row.fresh, row.resumed)
    assert (change.time, change.tokens, change.cost) == (-60, -53, -66)
    nothing = saved(row.fresh, Figures())
    assert (nothing.time, nothing.tokens, nothing.cost) == (None, None, None)


def test_threads_go_with_their_trigger(filled: Web) -> None:
    from store.triggers import delete_trigger

    (trigger,) = {row.trigger_id for row in filled.threads()}
    delete_trigger(filled.db, trigger)
    assert list_threads(filled.db).total == 0
    assert threads.last_cleanup(filled.db) is None
