"""The life of a session: which state leads where, what archiving does, and that nothing comes in afterwards."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from itertools import product
from pathlib import Path
from threading import Event, Thread

import pytest
from builders import answer, assistant, call, lines, user
from raw import IN_A_FILE, ask, change

from store import archive
from store.about import about, closed, parse_names
from store.archive_plan import plan
from store.db import place, reads
from store.db.search import catch_up
from store.db.writer import Writer
from store.digest_report import Session, session_wire, turn_wire
from store.errors import StoreError
from store.figures import Figures, figures, patiently
from store.intake import take_in
from store.prices import unknown
from store.rebuild import rebuild
from store.search import Search
from store.states import ACTIONS, MOVES, STATES, Closed


@pytest.fixture
def db(database: Path) -> Path:
    return database


@pytest.fixture
def session(tmp_path: Path, db: Path) -> Path:
    """With a subagent, and a turn that nobody ended."""
    path = tmp_path / "s.jsonl"
    path.write_bytes(lines(user("go"), assistant(call("Task")), user("and?", uuid="u2", seconds=4)))
    helper(path, "a1")
    take_in(db, path)
    return path


def helper(path: Path, name: str) -> None:
    file = path.with_suffix("") / "subagents" / f"agent-{name}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    more = {"isSidechain": True, "agentId": name}
    file.write_bytes(lines(assistant(call("Bash", f"t{name}"), id=name, uuid=name, seconds=2, **more)))


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(lines(answer("late", seconds=50), assistant("later", id="m9", uuid="a9", seconds=51)))


def put(db: Path, sql: str, *values: object) -> None:
    change(db, sql, values)


def cached(db: Path) -> object:
    return ask(db, "SELECT agent_ids_json FROM session WHERE state = 'ready'")[0][0]


def look(path: Path, db: Path) -> Figures:
    found = figures(path, db, unknown)
    assert found is not None
    return found


def agents(path: Path, db: Path) -> list[str]:
    with closing(look(path, db)) as found:
        return found.agents


# ---- states


@IN_A_FILE
@pytest.mark.parametrize(("state", "action"), list(product(STATES, ACTIONS)))
def test_every_state_and_every_action(session: Path, db: Path, state: str, action: str) -> None:
    """000-08: archived is for ever, but for a fork and deleting it, and taking that back leads to archived again. A
    refusal changes nothing."""
    put(db, "UPDATE session SET status = ?", state)
    do = getattr(archive, action)
    if (state, action) in MOVES:
        do(db, session)
        assert ask(db, "SELECT status FROM session") == [(MOVES[state, action],)]
    else:
        with pytest.raises(StoreError, match=f"that is {state} has no {action}: "):
            do(db, session)
        assert ask(db, "SELECT status FROM session") == [(state,)]
        assert ask(db, "SELECT count(*) FROM audit") == [(0,)]
    leads = {after for (before, _), after in MOVES.items() if before == "archived"}
    assert leads == {"archived", "deleted"}
    assert {after for (before, _), after in MOVES.items() if before == "deleted"} == {"deleted", "archived"}


def test_a_fork_takes_over_where_and_with_what(session: Path, db: Path) -> None:
    """It writes nothing: a session without a message is none."""
    archive.archive(db, session, unknown)
    put(db, "UPDATE session SET system_prompt = 'be brief'")
    seed = archive.fork(db, session)
    assert (seed.agent, seed.cwd, seed.system_prompt) == ("claude-code", "/w/demo", "be brief")
    assert ask(db, "SELECT id FROM session") == [(seed.parent,)]


def test_deleting_twice_is_deleting_once(session: Path, db: Path) -> None:
    archive.archive(db, session, unknown)
    archive.delete(db, session)
    archive.delete(db, session)
    assert [action for (action,) in ask(db, "SELECT action FROM audit ORDER BY id")] == ["archive", "delete"]
    assert cached(db) is None


def test_deleting_touches_no_file_and_can_be_taken_back(session: Path, db: Path) -> None:
    """Its agents and figures are what they were, and it is archived as before: nothing comes in."""
    archive.archive(db, session, unknown)
    with closing(look(session, db)) as found:
        before = session_wire(found.id, found.digest, found.agents)
    files = {path: path.read_bytes() for path in session.parent.rglob("*.jsonl")}
    archive.delete(db, session)
    assert closed(db) == {str(session): Closed("deleted")}
    archive.restore(db, session)
    assert closed(db) == {str(session): Closed("archived")}
    assert {path: path.read_bytes() for path in session.parent.rglob("*.jsonl")} == files
    with closing(look(session, db)) as found:
        assert session_wire(found.id, found.digest, found.agents) == before
    grow(session)
    assert take_in(db, session).read == 0
    assert closed(db)[str(session)].refused > 0


def test_what_is_deleted_is_not_found_and_found_again_when_it_is_restored(session: Path, db: Path) -> None:
    """By no way of searching: newest first, by relevance, narrowed, counted."""
    archive.archive(db, session, unknown)
    other = session.with_name("other.jsonl")
    other.write_bytes(lines(user("go on")))
    take_in(db, other)
    catch_up(db)

    def found() -> list[tuple[set[str], int]]:
        with closing(Search(db)) as search:
            ways = (("go", False), ("go", True), ("go agent:claude", False), ("g*", False))
            return [
                ({hit.session for hit in search.find(query, relevance=relevance).hits}, search.count(query))
                for query, relevance in ways
            ]

    both = found()
    assert all(sessions == {str(session), str(other)} for sessions, _ in both)
    archive.delete(db, session)
    assert found() == [({str(other)}, 1)] * 4
    archive.restore(db, session)
    assert found() == both


def test_a_session_that_nobody_imported_is_read_first(session: Path, db: Path) -> None:
    other = session.with_name("other.jsonl")
    other.write_bytes(session.read_bytes())
    archive.archive(db, other, unknown)
    assert closed(db) == {str(other): Closed("archived")}


def test_a_session_with_nothing_in_it_cannot_be_archived(tmp_path: Path, db: Path) -> None:
    path = tmp_path / "draft.jsonl"
    path.write_bytes(lines({"type": "permission-mode", "permissionMode": "default", "sessionId": "s"}))
    with pytest.raises(StoreError, match="nothing in it that could be kept"):
        archive.archive(db, path)


def test_what_is_not_there_cannot_be_archived(tmp_path: Path, session: Path, db: Path) -> None:
    with pytest.raises(StoreError, match="is not in the database"):
        archive.archive(db, tmp_path / "other.jsonl")


# ---- archiving


def test_archiving_drains_and_seals(tmp_path: Path, db: Path) -> None:
    """X-03, 000-41: what the file says by then is in it; figures are complete and the first look folds nothing."""
    session = tmp_path / "alone.jsonl"
    session.write_bytes(lines(user("go"), assistant(call("Task")), user("and?", uuid="u2", seconds=4)))
    take_in(db, session)
    grow(session)
    archive.archive(db, session, unknown)
    one = about(session, db)
    assert one is not None
    assert (one.status, one.fresh, parse_names(one.names)) == ("archived", True, [""])
    with closing(look(session, db)) as found:
        wire, rows = session_wire(found.id, found.digest, found.agents), [turn_wire(turn) for turn in found.turns]
    os.utime(session, (1, 1))  # over for whoever looks at the file
    wanted = Session(session, list_price=unknown)
    assert wire == session_wire(wanted.id, wanted.digest)
    assert rows == [turn_wire(turn) for turn in wanted.turns]
    assert not any(row["open"] for row in rows)
    assert ask(db, "SELECT status, closed IS NOT NULL FROM session") == [("archived", 1)]


def test_what_comes_late_is_refused_and_counted(session: Path, db: Path) -> None:
    """X-03: also in a new subagent's file, and also when the session is read anew."""
    archive.archive(db, session, unknown)
    rows = ask(db, "SELECT * FROM item")
    with closing(look(session, db)) as found:
        before = session_wire(found.id, found.digest, found.agents)
    grow(session)
    assert take_in(db, session).read == 0
    ((refused,),) = ask(db, "SELECT refused FROM ledger")
    assert isinstance(refused, int)
    assert refused >= 2
    take_in(db, session)
    assert ask(db, "SELECT refused FROM ledger") == [(refused,)]  # once each, however often somebody looks
    assert ask(db, "SELECT * FROM item") == rows
    put(db, "UPDATE session SET fold_version = 0")
    outcome = take_in(db, session)
    assert (outcome.anew, outcome.rows) == (True, len(rows))
    with closing(look(session, db)) as found:
        assert session_wire(found.id, found.digest, found.agents) == before
    assert ask(db, "SELECT status FROM session WHERE state = 'ready'") == [("archived",)]


def test_what_comes_late_is_looked_at_once(session: Path, db: Path) -> None:
    """X-03: an import counts it in whichever file it is, and the next one opens nothing."""
    archive.archive(db, session, unknown)
    counted = []
    for late in (grow, lambda path: grow(next(path.parent.rglob("agent-*.jsonl"))), grow):
        late(session)
        assert [task.path for task in plan(db, [session.parent]).tasks] == [os.fsencode(session)]
        take_in(db, session)
        counted.append(closed(db)[str(session)].refused)
        assert plan(db, [session.parent]).tasks == []
    assert counted[0] > 0
    assert counted[0] < counted[1] < counted[2]


def test_another_file_under_its_name_is_none_of_it(session: Path, db: Path) -> None:
    """X-03: what was archived stays what it was, whatever its agent makes of the file."""
    archive.archive(db, session, unknown)
    rows = ask(db, "SELECT * FROM item")
    with closing(look(session, db)) as found:
        before = session_wire(found.id, found.digest, found.agents)
    session.write_bytes(lines(user("something else"), assistant("of the same name", id="m7", uuid="a7")) * 9)
    assert take_in(db, session).read == 0
    assert ask(db, "SELECT * FROM item") == rows
    with closing(look(session, db)) as found:
        assert session_wire(found.id, found.digest, found.agents) == before


def test_who_was_about_to_write_is_refused(session: Path, db: Path) -> None:
    """X-03: archived between an import's look and its transaction."""
    grow(session)
    meanwhile = [session]

    def tell(_done: int, _total: int, _rows: int) -> None:
        while meanwhile:
            put(db, "UPDATE session SET status = 'archived' WHERE key = ?", place.key_of(meanwhile.pop(), db))

    rows = ask(db, "SELECT * FROM item")
    assert take_in(db, session, None, tell).read == 0
    assert ask(db, "SELECT * FROM item") == rows


@IN_A_FILE
def test_a_rebuild_keeps_it_archived_and_as_long_as_it_was(session: Path, db: Path) -> None:
    archive.archive(db, session, unknown)
    with closing(look(session, db)) as found:
        before = session_wire(found.id, found.digest, found.agents)
    grow(session)
    rebuild(db)
    with closing(look(session, db)) as found:
        assert found.about.status == "archived"
        assert session_wire(found.id, found.digest, found.agents) == before


# ---- the agent set


@pytest.mark.parametrize("state", ["active", "paused"])
def test_only_archived_sessions_keep_their_agents(session: Path, db: Path, state: str) -> None:
    """000-03, 000-06, 000-07, 000-13, 000-14: while a session may grow a new agent is seen at once; afterwards nobody
    scans, and digest and turns know the same agents."""
    put(db, "UPDATE session SET status = ?", state)
    assert agents(session, db) == ["", "a1"]
    assert cached(db) is None
    helper(session, "a2")  # resumed, and another agent works in it
    assert agents(session, db) == ["", "a1", "a2"]
    with closing(look(session, db)) as found:
        assert "a2" in {turn.agent for turn in found.turns}
    assert cached(db) is None
    put(db, "UPDATE session SET status = 'archived'")  # as if it had been archived before there was such a column
    assert agents(session, db) == ["", "a1", "a2"]
    assert json.loads(str(cached(db))) == ["", "a1", "a2"]
    put(db, "INSERT INTO agent (session_id, agent, name) VALUES (1, 9, 'a3')")
    put(db, "INSERT INTO turn (session_id, agent, idx, start_row, start_seq) VALUES (1, 9, 0, 1, 1)")
    assert agents(session, db) == ["", "a1", "a2"]
    with closing(look(session, db)) as found:
        assert {turn.agent for turn in found.turns} == {"", "a1", "a2"}


@IN_A_FILE
def test_a_cached_set_touches_no_entries(session: Path, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """000-02: one row is looked up and parsed; neither entries nor rows nor the digest are read."""
    archive.archive(db, session, unknown)
    told: list[str] = []
    connect = reads.connect

    def traced(path: Path, _patience: int | None = None) -> reads.Connection:
        connection = connect(path)
        assert reads.is_file(connection)
        connection.set_trace_callback(told.append)
        return connection

    monkeypatch.setattr(reads, "connect", traced)
    assert agents(session, db) == ["", "a1"]
    assert any("agent_ids_json" in sql for sql in told)
    words = " ".join(" ".join(told).split())
    for table in ("FROM entry", "FROM item", "JOIN entry", "JOIN item", "figures FROM", "FROM agent"):
        assert table not in words


BAD = ["", "null", "[]", "{", "{}", '"main"', "[1]", '["a", 1]', '["a", "a"]', "[[]]", b"\xff[", b'["\xff"]', 7, 2.5]


@IN_A_FILE
@pytest.mark.parametrize("blob", BAD, ids=repr)
def test_what_nobody_can_read_is_repaired(session: Path, db: Path, blob: object) -> None:
    """000-11: not only read around, as for ever after would cost a scan each."""
    archive.archive(db, session, unknown)
    if isinstance(blob, bytes):
        put(db, "UPDATE session SET agent_ids_json = CAST(? AS TEXT)", blob)
    else:
        put(db, "UPDATE session SET agent_ids_json = ?", blob)
    assert agents(session, db) == ["", "a1"]
    assert cached(db) == '["","a1"]'


@IN_A_FILE
def test_the_repair_waits_for_a_busy_database(session: Path, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """000-10: by the writer, in a transaction that has the lock from its start; delayed, never lost."""
    archive.archive(db, session, unknown)
    put(db, "UPDATE session SET agent_ids_json = NULL")
    monkeypatch.setattr("store.db.engine.BUSY_MS", 1)
    tried, waits = Event(), Event()
    begun: list[str] = []
    real = Writer.name_agents

    def named(writer: Writer, number: int, names: list[str]) -> None:
        begun.append("try")
        if len(begun) == 2:
            tried.set()
            assert waits.wait(30)
        real(writer, number, names)

    monkeypatch.setattr(Writer, "name_agents", named)
    with closing(sqlite3.connect(db, isolation_level=None, check_same_thread=False)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        found: list[list[str]] = []
        thread = Thread(target=lambda: found.append(agents(session, db)))
        thread.start()
        assert tried.wait(30)
        assert cached(db) is None
        holder.execute("ROLLBACK")
        waits.set()
        thread.join(30)
    assert found == [["", "a1"]]
    assert len(begun) == 2
    assert cached(db) == '["","a1"]'


@IN_A_FILE
def test_a_database_that_stays_busy_is_said(session: Path, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """000-10: never swallowed."""
    monkeypatch.setattr("store.db.engine.BUSY_MS", 1)
    tries: list[int] = []
    with closing(sqlite3.connect(db, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked by another program"):
            patiently(db, lambda writer: tries.append(1) or writer.note("x", "y"))
    assert len(tries) == 4


def test_a_subagent_that_comes_late_is_counted_alone(session: Path, db: Path) -> None:
    """X-03: nothing else of the session has changed; counted once, and the next import opens nothing."""
    archive.archive(db, session, unknown)
    rows = ask(db, "SELECT * FROM item")
    counted = []
    for name in ("late", "later"):
        helper(session, name)
        assert [task.path for task in plan(db, [session.parent]).tasks] == [os.fsencode(session)]
        assert take_in(db, session).read == 0
        counted.append(closed(db)[str(session)].refused)
        assert plan(db, [session.parent]).tasks == []
        take_in(db, session)
        assert closed(db)[str(session)].refused == counted[-1], "once"
    assert 0 < counted[0] < counted[1]
    assert ask(db, "SELECT * FROM item") == rows
    put(db, "UPDATE session SET fold_version = 0")
    assert take_in(db, session).rows == len(rows), "also when it is read anew"
