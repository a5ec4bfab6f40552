"""Runs of triggers that are stopped: by the command, as from any other process, with what waits behind them."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from hooks import Web, comment

from store import runs_who, stops, word
from store.audit import entries
from store.db import deliveries_db
from store.db.run_tables import trigger_session_threads as table
from store.db.serving import once
from store.errors import StoreError
from store.service import Service
from store.triggers import deliveries
from viewer import cli

Printed = pytest.CaptureFixture[bytes]


@pytest.fixture
def web(web: Web, monkeypatch: pytest.MonkeyPatch) -> Web:
    """Whose data the commands work on too: another set of objects, as in another process."""
    monkeypatch.setenv("PLAYHEAD_DATA_DIR", str(web.db.parent.parent))
    return web


def told(capfdbinary: Printed, *arguments: str) -> Any:
    (one,) = told_all(capfdbinary, *arguments)
    return one


def told_all(capfdbinary: Printed, *arguments: str) -> list[Any]:
    capfdbinary.readouterr()
    assert cli.main([*arguments, "--json"]) == 0
    return [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]


def test_a_run_is_stopped_and_what_waits_goes_on(web: Web, capfdbinary: Printed) -> None:
    """003-21, 003-28, 003-87: outcome stopped, the mapping kept, the queue goes on, and it is written down; once."""
    web.trigger()
    web.sent_and_done()
    session, before = web.thread().session, web.last
    web.post(comment(text=f"wait {web.work / 'gate'}"))
    web.until(lambda: len(web.started()) == 2)
    web.post(comment(text="Say hello"))
    web.until(lambda: web.service.queue.waiting() == 1)
    thread = web.thread()
    run = told(capfdbinary, "threads", "stop", str(thread.id))
    assert (run["key"], run["state"], run["reason"], run["waiting"]) == (thread.key, "stopped", "Stopped by you.", 1)
    web.done(before)
    last, stopped, _ = deliveries(web.db)
    assert (stopped.reason, last.reason) == ("Resumed. Stopped by you.", "Resumed. It ended well.")
    assert [one.state for one in web.runs_made()] == ["ok", "stopped", "ok"]
    assert [one.asked_session for one in web.runs_made()] == [None, session, session]
    assert (web.thread().session, web.thread().runs, web.thread().turns) == (session, 3, 2)
    (note,) = [one for one in entries(web.db).rows if one.action == "run stopped"]
    assert (note.actor, note.detail) == ("cli", f"review: {thread.key}")
    assert not list((web.db.parent / "runs").glob("*.stop"))
    assert cli.main(["threads", "stop", str(thread.id)]) == 2
    assert b"Nothing runs there now" in capfdbinary.readouterr().err


def test_one_that_will_not_stop_is_killed_with_its_group(
    web: Web, capfdbinary: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a thread: by its delivery. It ignores both signals that ask."""
    for name in ("POLITE", "GRACE"):
        monkeypatch.setattr(f"store.runs_work.{name}", 0.1)
    web.trigger(resume_sessions=False)
    before = web.last
    web.post(comment(text="stubborn"))
    web.until(lambda: web.started() and deliveries(web.db)[0].state == "running")
    run = told(capfdbinary, "triggers", "stop", str(deliveries(web.db)[0].id))
    assert (run["state"], run["trigger"]) == ("stopped", "review")
    assert web.done(before).reason.endswith("Stopped by you.")
    assert web.runs_made()[0].signal == signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.killpg(web.started()[0]["pid"], 0)


def test_a_compaction_is_shown_as_one_and_stopped_with_its_run(web: Web, capfdbinary: Printed) -> None:
    """S-03: the delivery is compacting, not waiting; ended there, its run is not begun, and the next one compacts."""
    web.choose(threads__compact_turns=50)
    web.trigger()
    web.sent_and_done()
    session, before = web.thread().session, web.last
    once(web.db, lambda tx: tx.execute(table.update().values(compact_turns=50)))
    slow = web.work / "compacting"
    slow.touch()
    web.post(comment())
    web.until(lambda: deliveries(web.db)[0].state == "compacting" and len(web.started()) == 2)
    work = stops.of_thread(web.db, web.thread().id)
    assert work is not None
    assert (work.compacts, work.thread) == (True, web.thread().key)
    with pytest.raises(StoreError, match="does not wait"):
        stops.cancel(web.db, deliveries(web.db)[0].id)
    assert told(capfdbinary, "threads", "stop", str(web.thread().id))["state"] == "stopped"
    assert web.done(before).reason == "Stopped by you."
    thread = web.thread()
    assert (thread.session, thread.compact_turns, thread.last_outcome) == (session, 50, "stopped")
    slow.unlink()
    assert "Compacted after 50 turns" in web.sent_and_done().reason
    assert web.thread().compact_turns == 1


def test_who_asks_too_late_leaves_nothing(tmp_path: Path) -> None:
    """A run whose owner is gone, and one that has just ended."""
    assert not runs_who.ask_to_stop(tmp_path, "gone")
    lock = runs_who.hold_run(tmp_path, "there")
    assert runs_who.ask_to_stop(tmp_path, "there")
    lock.drop(remove=True)
    assert runs_who.asked_to_stop(tmp_path, "there")
    runs_who.forget_stops(tmp_path)
    assert not runs_who.asked_to_stop(tmp_path, "there")


def test_what_waits_is_cancelled_and_brought_back(web: Web, capfdbinary: Printed) -> None:
    """003-28, 003-87: by its number, or all of a thread; it leaves the queue, is noted, and comes back where it was."""
    web.trigger()
    web.sent_and_done()
    before, gate = web.last, web.work / "gate"
    web.post(comment(text=f"wait {gate}"))
    web.until(lambda: len(web.started()) == 2)
    for text in ("one", "two", "three"):
        web.post(comment(text=text))
    web.until(lambda: web.service.queue.waiting() == 3)
    three, two, one, working, _ = deliveries(web.db)
    (told_of,) = told_all(capfdbinary, "triggers", "cancel", str(one.id))
    assert (told_of["delivery"], told_of["key"], told_of["state"]) == (one.id, web.thread().key, "cancelled")
    web.until(lambda: web.service.queue.waiting() == 2)  # its owner was told: it takes no place in the queue any more
    for number in (one.id, working.id, 999):
        assert cli.main(["triggers", "cancel", str(number)]) == 2
    said = capfdbinary.readouterr().err
    assert (said.count(b"does not wait"), said.count(b"There is no delivery 999")) == (2, 1)
    assert [done["delivery"] for done in told_all(capfdbinary, "threads", "cancel", str(web.thread().id))] == [
        two.id, three.id,
    ]  # fmt: skip
    web.until(lambda: web.service.queue.waiting() == 0)
    assert cli.main(["threads", "cancel", str(web.thread().id)]) == 2
    assert b"Nothing waits in thread" in capfdbinary.readouterr().err
    for number in (three.id, one.id):
        assert told_all(capfdbinary, "triggers", "cancel", "--undo", str(number))[0]["state"] == "waiting"
    web.until(lambda: web.service.queue.waiting() == 2)
    assert cli.main(["triggers", "cancel", "--undo", str(working.id)]) == 2
    gate.touch()
    web.done(before)
    assert [row["prompt"] for row in web.started()] == ["Say hello", f"wait {gate}", "one", "three"]
    assert [(row.state, row.reason) for row in deliveries(web.db)[:3]] == [
        ("done", "Resumed. It ended well."), ("cancelled", "Cancelled by you before its run began."),
        ("done", "Resumed. It ended well."),
    ]  # fmt: skip
    notes = [note for note in reversed(entries(web.db).rows) if "cancel" in note.action]
    key = web.thread().key
    assert [(note.actor, note.action, note.detail) for note in notes] == [
        ("cli", "delivery cancelled", f"{key}: 1 delivery"), ("cli", "delivery cancelled", f"{key}: 2 deliveries"),
        ("cli", "cancelling undone", f"{key}: 1 delivery"), ("cli", "cancelling undone", f"{key}: 1 delivery"),
    ]  # fmt: skip


def waiting(web: Web) -> int:
    """A delivery that waits behind one that works."""
    web.trigger()
    web.post(comment(text=f"wait {web.work / 'gate'}"))
    web.until(lambda: web.started() != [])
    web.post(comment(text="never"))
    web.until(lambda: web.service.queue.waiting() == 1)
    return deliveries(web.db)[0].id


def test_what_came_with_it_is_needed_to_bring_it_back(web: Web, capfdbinary: Printed) -> None:
    """The log keeps the payloads of the newest only: without its own it would be run as something else."""
    number = waiting(web)
    stops.cancel(web.db, number)
    once(web.db, lambda tx: deliveries_db.prune(tx, 0, 0))
    assert cli.main(["triggers", "cancel", "--undo", str(number)]) == 2
    assert b"its payload is gone" in capfdbinary.readouterr().err
    assert deliveries(web.db)[0].state == "cancelled"


def test_one_that_is_cancelled_while_nobody_serves_is_not_run(web: Web) -> None:
    """Nobody hears of it; whoever serves next finds it handled, and another one's claim comes too late."""
    number = waiting(web)
    web.service.stop()
    stops.cancel(web.db, number)
    assert not once(web.db, lambda tx: deliveries_db.begin(tx, number, "late", None))
    web.service = Service(web.db, web.file, web.runs, web._told)
    web.service.start()
    assert (web.service.queue.waiting(), deliveries(web.db)[0].state) == (0, "cancelled")


def test_a_stop_is_heard_and_nothing_else_makes_it_look(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nobody asks for its end a run is not looked at: each look is a word that was told, whoever told it."""
    looks = 0
    look = runs_who.asked_to_stop

    def counted(data: Path, id: str) -> bool:
        nonlocal looks
        looks += 1
        return look(data, id)

    monkeypatch.setattr(runs_who, "asked_to_stop", counted)
    web.trigger()
    before = web.last
    web.post(comment(text=f"wait {web.work / 'gate'}"))
    web.until(lambda: web.started() and deliveries(web.db)[0].state == "running")
    ear = web.runs.ear
    for others in (word.RUNS, word.TRIGGERS):
        heard = ear.heard[others]
        word.tell(web.db.parent, others)
        web.until(lambda others=others, heard=heard: ear.heard[others] > heard)
    assert (ear.heard[word.STOPS], looks) == (0, 1)  # once as it began: it might have been asked for before
    word.tell(web.db.parent, word.STOPS)
    web.until(lambda: looks == 2)
    work = stops.of_delivery(web.db, deliveries(web.db)[0].id)
    assert work is not None
    assert stops.stop(web.db, work)
    row = stops.over(web.db, work, 60)
    assert row is not None
    assert row.state == "stopped"
    assert ear.heard[word.STOPS] + 1 == looks == 3
    web.done(before)
