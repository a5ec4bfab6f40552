"""What figures cost, and what they do not depend on: the length of a session, its texts, what is kept of its agents."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from builders import answer, assistant, call, lines, user
from raw import ask, change

from store import archive, report
from store.about import Reader
from store.db import reads
from store.digest_report import session_wire, turn_wire
from store.figures import Figures, agents_of, figures
from store.intake import take_in
from store.prices import unknown
from viewer.bench.make_session import write_session


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "data" / "playhead.db"


def told(path: Path, db: Path) -> bytes:
    """Everything that is told of a session, as bytes."""
    found = figures(path, db, unknown)
    assert found is not None
    with closing(found):
        wire = session_wire(found.id, found.digest, found.agents)
        return json.dumps([wire, [turn_wire(turn) for turn in found.turns], found.agents]).encode()


@pytest.mark.parametrize("state", ["active", "paused"])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_kept_of_a_session_that_may_grow_is_ever_used(tmp_path: Path, db: Path, seed: int, state: str) -> None:
    """000-09: to the byte the same as without a kept agent set, whatever stands in its place."""
    path = tmp_path / "s.jsonl"
    write_session(path, records=200, seed=seed, agents=2)
    os.utime(path, (1, 1))
    take_in(db, path)
    change(db, "UPDATE session SET status = ?", (state,))
    without = told(path, db)
    for kept in ('["nobody"]', '["a", "a"]', "{", "[]"):
        change(db, "UPDATE session SET agent_ids_json = ?", (kept,))
        assert told(path, db) == without
        assert ask(db, "SELECT agent_ids_json FROM session") == [(kept,)]


def test_the_agents_of_an_archived_session_cost_the_same_however_long_it_is(
    tmp_path: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """000-12: one statement each, of as many steps of SQLite's machine."""
    paths = [tmp_path / "short.jsonl", tmp_path / "long.jsonl"]
    for path, records in zip(paths, (60, 3_000), strict=True):
        write_session(path, records=records, seed=5, agents=3)
        take_in(db, path)
        archive.archive(db, path, unknown)
    statements: list[str] = []
    steps = [0]
    connect = reads.connect

    def step() -> int:
        steps[0] += 1
        return 0

    def counted(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        assert isinstance(connection, sqlite3.Connection)
        connection.set_trace_callback(lambda sql: None if sql.startswith("-- ") else statements.append(sql))
        connection.set_progress_handler(step, 1)
        return connection

    monkeypatch.setattr(reads, "connect", counted)
    taken = []
    with closing(Reader(db)) as reader:
        assert agents_of(reader, paths[0])  # opens the database
        for path in paths:
            statements.clear()
            steps[0] = 0
            found = agents_of(reader, path)
            assert found
            taken.append((len(found), len(statements), steps[0]))
    assert taken[0] == taken[1]
    assert taken[0][1] == 1


def test_a_reader_sees_another_database_in_the_place_of_its_own(tmp_path: Path, db: Path) -> None:
    """One that was set aside and made anew, or moved away: what it keeps open is not the truth any more."""
    path = tmp_path / "s.jsonl"
    write_session(path, records=50, seed=5)
    take_in(db, path)
    with closing(Reader(db)) as reader:
        assert reader.about(path) is not None
        db.rename(db.with_name("old.db"))
        assert reader.about(path) is None
        other = tmp_path / "other.jsonl"
        write_session(other, records=50, seed=6)
        take_in(db, other)
        assert reader.about(path) is None
        assert reader.about(other) is not None


def test_digest_and_turns_ask_one_function(tmp_path: Path, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """000-14: each of them for the agents of the session, once."""
    monkeypatch.setenv("PLAYHEAD_DATA_DIR", str(db.parent.parent))
    path = tmp_path / "s.jsonl"
    write_session(path, records=100, seed=5, agents=2)
    os.utime(path, (1, 1))
    take_in(db, path)
    calls: list[str] = []
    real = Figures.__dict__["agents"].func

    def counted(found: Figures) -> list[str]:
        calls.append(found.id)
        names: list[str] = real(found)
        return names

    monkeypatch.setattr(Figures, "agents", property(counted))
    (wire,) = report.digests([str(path)])
    assert len(calls) == 1
    rows = list(report.turns(str(path)))
    assert len(calls) == 2
    assert {row["agent"] for row in rows} <= set(wire["agent_ids"])


def test_texts_are_none_of_the_figures(tmp_path: Path, db: Path) -> None:
    """000-42: bodies of 50 KB give the digest of empty ones, and what it is folded from is not a byte longer."""
    wires, sizes = [], []
    for name, body in (("short", "x"), ("long", "words and words " * 3_200)):
        path = tmp_path / name / "s.jsonl"
        path.parent.mkdir()
        path.write_bytes(
            lines(
                user(body),
                assistant(body, id="m1"),
                assistant(call("Bash"), id="m2", uuid="a2", seconds=2),
                answer(body, seconds=3),
                assistant(body, id="m3", uuid="a3", seconds=4),
            ).replace(b"msg_", name.encode())
        )
        os.utime(path, (1, 1))
        own = tmp_path / f"{name}-data" / "playhead.db"  # requests are counted once per database
        take_in(own, path)
        wires.append(told(path, own))
        sizes.append(ask(own, "SELECT sum(length(data)) FROM entry"))
    assert wires[0] == wires[1]
    assert sizes[0] == sizes[1]


def test_who_resumes_a_session_works_in_the_same_one(tmp_path: Path, db: Path) -> None:
    """X-05: its turns are numbered on, its rows stay dense, and its agents become more."""
    path = tmp_path / "s.jsonl"
    path.write_bytes(lines(user("go"), assistant("done", id="m1", seconds=2)))
    os.utime(path, (1, 1))
    take_in(db, path)
    (number,) = ask(db, "SELECT id FROM session")[0]
    archive.resume(db, path)
    file = path.with_suffix("") / "subagents" / "agent-b.jsonl"
    file.parent.mkdir(parents=True)
    file.write_bytes(lines(assistant("helping", id="b1", uuid="b1", seconds=9, isSidechain=True, agentId="b")))
    with path.open("ab") as more:
        more.write(lines(user("on", uuid="u2", seconds=8), assistant("again", id="m2", uuid="a2", seconds=10)))
    os.utime(path, (1, 1))
    found = figures(path, db, unknown)
    assert found is not None
    with closing(found):
        assert found.agents == ["", "b"]
        assert [turn.idx for turn in found.turns if not turn.agent] == [0, 1]
    assert ask(db, "SELECT id, status FROM session") == [(number, "active")]
    rows = [seq - reads.key_of(number, 0) for (seq,) in ask(db, "SELECT seq FROM item ORDER BY seq")]
    assert rows == list(range(len(rows)))
    assert len(rows) == 5
