"""The import: the same rows as a fold in memory, however the file grew; nothing is read twice."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path

import pytest
from imports import SESSION, Folded, ListWindow, check, count, cuts, stored, take_in_anew
from thorough import seeds

from store.events import Event
from store.facts import Facts
from store.fold import Change, State, fold_run
from store.intake import take_in, tidy
from store.known import known
from store.pipe import Pipe
from store.resume import pipe_at
from store.whole import Whole
from viewer.bench.make_session import write_session


@pytest.fixture
def session(tmp_path: Path) -> Path:
    path = tmp_path / "projects" / f"{SESSION}.jsonl"
    write_session(path, records=600, seed=5)
    return path


@pytest.fixture
def db(database: Path) -> Path:
    return database


# ---- the same rows


def test_window_has_the_rows_of_a_fold_in_memory(session: Path, db: Path) -> None:
    told: list[tuple[int, int, int]] = []
    outcome = take_in(db, session, None, lambda *figures: told.append(figures))
    wanted = Folded(Whole(session)).rows
    assert (outcome.rows, outcome.read, outcome.anew) == (len(wanted), session.stat().st_size, True)
    check(db, session, wanted)
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] == session.stat().st_size


def test_subagents_are_in_and_know_their_parents(tmp_path: Path, db: Path) -> None:
    path = tmp_path / "projects" / f"{SESSION}.jsonl"
    write_session(path, records=300, seed=2, agents=3, agent_records=60)
    take_in(db, path)
    wanted = Folded(Whole(path)).rows
    check(db, path, wanted)
    nested = ListWindow(wanted).nested()
    assert len(nested) > 100
    assert {wanted[parent].id for parent in nested[1::2]} == {f"toolu_agent000002{n:06}" for n in range(3)}


def test_several_batches_and_strips_join_up(tmp_path: Path, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.intake.BATCH", 7)
    monkeypatch.setattr("store.whole.CHUNK", 4_096)
    monkeypatch.setattr("store.db.rows.STRIP", 32)
    path = tmp_path / "projects" / f"{SESSION}.jsonl"
    write_session(path, records=300, seed=3, agents=2)
    take_in(db, path)
    check(db, path, Folded(Whole(path)).rows)


@pytest.mark.parametrize("seed", seeds(3, 12))
def test_going_on_gives_what_reading_as_a_whole_gives(tmp_path: Path, db: Path, seed: int) -> None:
    """The file grows between imports, anywhere in a line, too."""
    whole = tmp_path / "whole" / f"{SESSION}.jsonl"
    write_session(whole, records=400, seed=seed)
    data = whole.read_bytes()
    path = tmp_path / "projects" / f"{SESSION}.jsonl"
    path.parent.mkdir()
    rng = random.Random(seed)
    at = 0
    for end in [*sorted(rng.sample(range(len(data)), 4)), len(data)]:
        with path.open("ab") as file:
            file.write(data[at:end])
        at = end
        outcome = take_in(db, path)
        check(db, path, Folded(Whole(path)).rows)
    assert not outcome.anew
    assert outcome.read < len(data)
    assert stored(db, path) == Folded(Whole(whole)).rows


@pytest.mark.parametrize("cut", range(5))
def test_live_goes_on_exactly_where_the_import_was_told_to_stop(session: Path, db: Path, cut: int) -> None:
    upto = cuts(session, 5)[cut]
    take_in(db, session, upto)
    found = known(session, db)
    assert found is not None
    assert found.sources[0].offset == upto
    assert not found.unchanged
    live = Folded()
    live.state = found.state()
    live.rows = list(found.window.read(0, found.rows))
    pipe = pipe_at(Whole(session).format, 0, found.sources[0])
    assert pipe.offset == upto
    live.add([pipe.feed(session.read_bytes()[upto:])])
    whole = Folded(Whole(session))
    assert live.rows == whole.rows
    assert live.state.dump() == whole.state.dump()


def test_facts_are_those_of_the_whole_session(session: Path, db: Path) -> None:
    take_in(db, session, cuts(session, 1)[0])
    take_in(db, session)
    found = known(session, db)
    facts = Facts()
    for events in Whole(session):
        facts.add(events)
    assert found is not None
    assert found.facts == facts
    assert facts.cwd == "/home/dev/made-up"
    assert facts.llm == "claude-opus-5"
    again = Facts()
    again.add(facts.events())
    assert (again.id, again.title, again.cwd, again.llm, again.used) == (
        facts.id, facts.title, facts.cwd, facts.llm, facts.used,
    )  # fmt: skip


# ---- nothing twice


def test_an_unchanged_session_parses_nothing(session: Path, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """000-01: a second look costs a stat per file."""
    take_in(db, session)
    fed: list[int] = []
    feed = Pipe.feed

    def counted(pipe: Pipe, data: bytes) -> list[Event]:
        if threading.current_thread() is threading.main_thread():  # not what another test has left at work
            fed.append(len(data))
        return feed(pipe, data)

    monkeypatch.setattr(Pipe, "feed", counted)
    outcome = take_in(db, session)
    assert (outcome.read, outcome.anew, fed) == (0, False, [])


def test_only_new_bytes_are_folded(session: Path, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upto = cuts(session, 3)[2]
    take_in(db, session, upto)
    folded: list[int] = []

    def counted(state: State, run: list[Event]) -> list[Change]:
        folded.append(len(run))
        return fold_run(state, run)

    monkeypatch.setattr("store.ledger.fold_run", counted)
    outcome = take_in(db, session)
    assert outcome.read == session.stat().st_size - upto
    assert 0 < sum(folded) < sum(map(len, Whole(session))) / 2


def test_a_session_that_grew_a_lot_is_read_anew(session: Path, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take_in(db, session, cuts(session, 1)[0])
    monkeypatch.setattr("store.intake.AT_ONCE", 10)
    assert take_in(db, session).anew
    check(db, session, Folded(Whole(session)).rows)


@pytest.mark.parametrize("how", ["rewritten", "shorter", "replaced"])
def test_another_file_of_that_name_is_read_anew(session: Path, db: Path, how: str) -> None:
    """FORMATS 0.3: shrunk, another inode, or other bytes before the offset."""
    old = take_in(db, session)
    if how == "rewritten":
        data = session.read_bytes().replace(b"made-up", b"made-on")
        with session.open("r+b") as file:
            file.write(data)
    elif how == "shorter":
        os.truncate(session, cuts(session, 1)[0])
    else:
        other = session.with_name("other")
        other.write_bytes(session.read_bytes())
        other.replace(session)
    assert known(session, db) is None
    outcome = take_in(db, session)
    assert outcome.anew
    assert outcome.session != old.session
    check(db, session, Folded(Whole(session)).rows)
    assert count(db, old.session) == old.rows  # a window may still show them
    tidy(db, take_in(db, session).leftovers)
    again = take_in_anew(db, session)
    tidy(db, again.leftovers)
    assert count(db, old.session) == 0


def test_a_new_subagent_of_a_known_session_comes_in(tmp_path: Path, db: Path) -> None:
    path = tmp_path / "projects" / f"{SESSION}.jsonl"
    write_session(path, records=300, seed=2, agents=2, agent_records=30)
    late = path.parent / SESSION / "subagents" / "agent-a000002000001.jsonl"
    away = tmp_path / "away"
    late.rename(away)
    first = take_in(db, path)
    away.rename(late)
    outcome = take_in(db, path)
    assert not outcome.anew
    assert outcome.read == late.stat().st_size
    assert outcome.rows > first.rows
    by_id = {item.id: item for item in stored(db, path)}
    assert set(by_id) == {item.id for item in Folded(Whole(path)).rows}
    found = known(path, db)
    assert found is not None
    assert set(found.window.nested()[1::2]) == {found.window.find(f"toolu_agent000002{n:06}") for n in range(2)}


def test_rows_of_a_deleted_session_stay(session: Path, db: Path) -> None:
    take_in(db, session)
    wanted = Folded(Whole(session)).rows
    session.unlink()
    found = known(session, db)
    assert found is not None
    assert found.sources[0].missing
    assert found.window.read(0, found.rows) == wanted
    assert take_in(db, session).read == 0
