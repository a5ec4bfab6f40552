"""Threads in a list, and cleaned up: two statements, the exact limit, what is skipped, and what resuming saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hooks import Web
from sqlalchemy import Connection, insert

from store import threads
from store.audit import entries
from store.db.run_tables import run as run_table
from store.db.run_tables import trigger_session_threads as table
from store.db.serving import once
from store.threads import DAY, Figures, cleanup, last_cleanup, list_threads, saved, undo

NOW = 1_790_000_000_000_000


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
    (told,) = (entry for entry in entries(filled.db).rows if entry.action == "cleanup")
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
