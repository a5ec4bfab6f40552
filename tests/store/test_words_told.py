"""Who changes what another Playhead shows tells it: each command its word, behind the commit and never before it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import assistant, call, lines, user
from hooks import Web, comment
from sqlalchemy import insert

from store import archive, stops, threads, titles, triggers, word
from store.db.run_tables import trigger_session_threads as table
from store.db.serving import ask, once
from store.runners.base import Ask
from store.runs import RunRequest, Runs

STATE = (
    'SELECT (SELECT count(*) FROM audit), (SELECT sum(enabled) FROM "trigger"), '
    "(SELECT count(*) FROM trigger_session_threads), (SELECT group_concat(state) FROM run), "
    "(SELECT max(coalesce(user_title, '') || status) FROM session)"
)


class Told(list[tuple[str, tuple[object, ...]]]):
    """Each word, with what another connection finds at that moment."""

    def __init__(self) -> None:
        super().__init__()
        self._came = threading.Condition()

    def tell(self, data: Path, name: str) -> None:
        found = ask(data / "playhead.db", STATE)[0]
        with self._came:
            self.append((name, found))
            self._came.notify_all()

    def until(self, there: Callable[[], bool]) -> None:
        with self._came:
            assert self._came.wait_for(there, 60), [*self]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    heard = Told()
    monkeypatch.setattr(word, "tell", heard.tell)
    return heard


def test_every_command_tells_its_word(tmp_path: Path, told: Told) -> None:
    web = Web(tmp_path / "data", tmp_path)
    db = web.db
    web.service.queue.stop()  # what comes in waits
    one = web.trigger()
    row = {"trigger_id": one.id, "dedup_key": "old", "last_used_at": 1, "created_at": 1}
    old = int(once(db, lambda tx: tx.execute(insert(table).values(row).returning(table.c.id)).scalar_one()))
    found = web.service.inbox.put(one, comment(), {"x-github-event": "issue_comment"}, hand=True)[0]
    assert found is not None
    gone: list[threads.Undo] = []
    steps: tuple[tuple[Callable[[], object], list[str]], ...] = (
        (lambda: triggers.set_enabled(db, one.id, False), [word.TRIGGERS]),
        (lambda: triggers.save_trigger(db, {"name": "another"}, id=one.id), [word.TRIGGERS]),
        (lambda: threads.cleanup(db, 7, dry_run=True), []),
        (lambda: threads.reset(db, old), [word.RUNS]),
        (lambda: gone.append(threads.cleanup(db, 7).undo), [word.RUNS]),  # type: ignore[arg-type]
        (lambda: threads.undo(db, gone[0]), [word.RUNS]),
        (lambda: stops.cancel(db, found), [word.QUEUE, word.RUNS]),
        (lambda: stops.bring_back(db, (found,)), [word.QUEUE, word.RUNS]),
        (lambda: triggers.delete_trigger(db, one.id), [word.TRIGGERS]),
    )
    for number, (step, words) in enumerate(steps):
        told.clear()
        step()
        assert told == [(name, ask(db, STATE)[0]) for name in words], number
    web.close()


def test_a_run_tells_when_it_begins_when_it_is_over_and_when_others_may_go_on(tmp_path: Path, told: Told) -> None:
    runs, gate = Runs(tmp_path), tmp_path / "gate"
    os.mkfifo(gate)
    id = runs.start(RunRequest("shell", Ask(f"cat {gate}", tmp_path), kept=True))
    told.until(lambda: bool(told))
    assert (told[0][0], told[0][1][3]) == (word.RUNS, "running")
    gate.write_text("go")  # it ends, and not before
    assert runs.wait(id, 60) is not None
    told.until(lambda: told[-1][1][3] == "ok")  # told by the run's own thread, which nobody waits for here
    assert runs.owned(id)
    told.clear()
    runs.let_go(id)
    assert ([name for name, _ in told], runs.owned(id)) == ([word.RUNS], False)
    runs.close()


def test_what_becomes_of_a_session_is_told(tmp_path: Path, told: Told) -> None:
    db, path = tmp_path / "data" / "playhead.db", tmp_path / "one.jsonl"
    path.write_bytes(lines(user("go"), assistant(call("Bash"))))
    titles.rename(db, path, "mine")
    for act in (archive.archive, archive.delete, archive.restore):
        act(db, path)
    assert [(name, state[-1]) for name, state in told] == [
        (word.SESSIONS, f"mine{status}") for status in ("paused", "archived", "deleted", "archived")
    ]
