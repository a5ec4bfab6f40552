"""What of triggers makes a session, and what does not; how a thread is found and what an output says of its session."""

from __future__ import annotations

from pathlib import Path

import pytest
from hooks import Web
from raw import ask
from sqlalchemy import event

from store.db import threads_db
from store.db.engine import open_engine
from store.intake import take_in
from store.report import sessions
from store.runners import named
from store.sources.process import Exited
from store.threads import reset
from store.triggers import deliveries

NOW = 1_790_000_000_000_000


def saved(web: Web) -> int:
    """Sessions in the database, when everything that can be found was taken in."""
    for found in list(sessions()):
        take_in(web.db, Path(found["path"]))
    return int(ask(web.db, "SELECT count(*) FROM session")[0][0])


def test_001_04_a_ping_is_logged_and_makes_no_session(web: Web) -> None:
    """What a platform sends to see whether somebody is there: a row in the log, and nothing is started or kept."""
    web.trigger()
    assert web.post(b'{"zen": "Keep it logically awesome.", "hook_id": 1}', headers={"X-GitHub-Event": "ping"}) == 200
    web.until(lambda: deliveries(web.db))
    (told,) = deliveries(web.db)
    assert (told.verdict, told.event, told.run_id) == ("skipped", "ping", None)
    assert told.handled is not None
    assert (web.started(), web.runs_made(), web.threads(), saved(web)) == ([], [], [], 0)


def test_001_08_a_reset_makes_no_session_before_the_next_event(web: Web) -> None:
    web.trigger()
    web.sent_and_done()
    assert saved(web) == 1
    reset(web.db, web.thread().id)
    assert (saved(web), len(web.runs_made())) == (1, 1)
    web.sent_and_done()
    assert saved(web) == 2


def test_a_thread_is_found_with_one_query(web: Web) -> None:
    """003-11: by trigger and key, in an index."""
    trigger = web.trigger()
    web.sent_and_done()
    engine, said = open_engine(web.db), list[str]()
    event.listen(engine, "before_cursor_execute", lambda *told: said.append(told[2]))
    with engine.begin() as tx:
        found = threads_db.claim(tx, trigger.id, web.thread().key, "x|y", NOW)
        (statement,) = (one for one in said if "trigger_session_threads" in one)
        tx.rollback()
    engine.dispose()
    assert found is not None
    assert found.session == web.thread().session
    where = statement[statement.index("WHERE") : statement.index("RETURNING")].replace("?", "1")
    plan = ask(web.db, f"EXPLAIN QUERY PLAN SELECT 1 FROM trigger_session_threads {where}")  # noqa: S608
    assert "(trigger_id=? AND dedup_key=?)" in plan[0][3]


@pytest.mark.parametrize("told", ["", ', "session_id": null', ', "session_id": 7', ', "session_id": {"a": 1}'])
def test_an_output_without_an_id_names_no_session(told: str) -> None:
    """003-13: absent, null or malformed is none."""
    line = f'{{"type": "result", "subtype": "success", "is_error": false, "result": "Done."{told}}}'
    out = named("claude-code").outcome([b"no json", b"{broken", line.encode(), b"[1]"], b"", Exited(0))
    assert (out.session, out.text) == (None, "Done.")
