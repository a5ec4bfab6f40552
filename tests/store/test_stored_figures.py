"""Figures out of the database: what the session's file gives, at every moment, and nothing is read or folded twice."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from builders import answer, assistant, call, lines, user
from hypothesis import given, settings
from hypothesis import strategies as st
from imports import cuts
from raw import IN_A_FILE, ask, change
from sqlalchemy import Engine, event
from thorough import examples, seeds

from store import archive
from store import entries as en
from store.about import about
from store.db import reads
from store.db.figures import Book
from store.db.rows import Rows
from store.db.writer import Writer
from store.digest import Digest, dump, fold, load
from store.digest_report import Session, session_wire, turn_wire
from store.draft import Draft, has_content
from store.entries import Entry
from store.errors import StoreError
from store.events import Tokens
from store.facts import Facts
from store.figures import Figures, figures, fold_on
from store.fold import State
from store.intake import take_in
from store.known import source_of
from store.ledger import Ledger
from store.prices import unknown
from store.report import digests, turns
from store.whole import events_of
from viewer.bench.make_session import write_session

RECORDED = sorted((Path(__file__).parents[1] / "recorded").glob("*/*.jsonl"))


@pytest.fixture
def db(database: Path) -> Path:
    return database


@pytest.fixture
def session(tmp_path: Path) -> Path:
    path = tmp_path / "projects" / "s.jsonl"
    path.parent.mkdir()
    path.write_bytes(lines(user("go"), assistant(call("Bash")), answer("no", error=True), assistant("ok", id="m2")))
    os.utime(path, (1, 1))
    return path


def stored(path: Path, db: Path) -> tuple[object, ...]:
    found = figures(path, db, unknown)
    assert found is not None
    with closing(found):
        return _wire(found)


def read(path: Path) -> tuple[object, ...]:
    return _wire(Session(path, list_price=unknown))


def _wire(found: Figures | Session) -> tuple[object, ...]:
    return session_wire(found.id, found.digest, found.agents), [turn_wire(turn) for turn in found.turns], found.agents


@contextmanager
def statements() -> Iterator[list[str]]:
    """Everything that anybody asks any database, by either way."""
    told: list[str] = []
    connect = reads.connect

    def traced(path: Path, _patience: int | None = None) -> reads.Connection:
        connection = connect(path)
        assert reads.is_file(connection)
        connection.set_trace_callback(told.append)
        return connection

    def listen(*arguments: object) -> None:
        told.append(str(arguments[2]))

    event.listen(Engine, "before_cursor_execute", listen)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reads, "connect", traced)
        yield told
    event.remove(Engine, "before_cursor_execute", listen)


def touching(told: list[str], *tables: str) -> list[str]:
    words = [f"{verb} {table} " for table in tables for verb in ("FROM", "JOIN", "INTO", "UPDATE")]
    return [sql for sql in told if any(word in " ".join(f"{sql} ".split()) for word in words)]


# ---- the same as the file


@IN_A_FILE
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_figures_of_the_file(path: Path, tmp_path: Path, db: Path) -> None:
    """X-07, 000-15: digest, turns and agents, for every recording."""
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    if path.with_suffix("").is_dir():
        for file in path.with_suffix("").rglob("*.jsonl"):
            target = copy.with_suffix("") / file.relative_to(path.with_suffix(""))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    os.utime(copy, (1, 1))
    assert figures(copy, db) is None
    if take_in(db, copy).session is None:  # nothing was said in it: it is a draft, and read from its file
        assert figures(copy, db) is None
        assert not any(map(has_content, events_of(copy)))
    else:
        assert stored(copy, db) == read(copy)


@pytest.mark.parametrize("seed", seeds(2, 8))
def test_incremental_equals_full_wherever_a_file_is_cut(tmp_path: Path, db: Path, seed: int) -> None:
    """000-24: through real storage, with everything saved and loaded again at each step; also while it runs."""
    whole = tmp_path / "whole.jsonl"
    write_session(whole, records=200, seed=seed)
    data = whole.read_bytes()
    path = tmp_path / "projects" / "s.jsonl"
    path.parent.mkdir()
    rng = random.Random(seed)
    at = 0
    for end in [*sorted(rng.sample(range(len(data)), 6)), len(data)]:
        with path.open("ab") as file:
            file.write(data[at:end])
        at = end
        if rng.random() < 0.5:
            os.utime(path, (1, 1))
        if not db.exists():
            take_in(db, path)
        assert stored(path, db) == read(path)
    assert ask(db, "SELECT count(*) FROM session") == [(1,)]


TOKENS = st.builds(Tokens, st.sampled_from(["m1", "m2"]), st.integers(0, 9), st.integers(0, 9))
HEAD = {
    "row": st.integers(-1, 50), "ts": st.none() | st.integers(0, 9).map(lambda second: second * 1_000_000),
    "agent": st.sampled_from(["", "", "h1", "h2"]),
}  # fmt: skip
ID = st.sampled_from("abc")
ENTRY: st.SearchStrategy[Entry] = st.one_of(
    st.builds(en.Joined, **HEAD, parent=ID),
    st.builds(en.Started, **HEAD, turn=ID, prompt=st.booleans()),
    st.builds(en.Said, **HEAD),
    st.builds(en.Called, **HEAD, id=ID, name=st.just("Bash")),
    st.builds(en.Answered, **HEAD, id=ID, status=st.sampled_from(["ok", "failed", "running"])),
    st.builds(en.Failed, **HEAD),
    st.builds(en.Used, **HEAD, tokens=TOKENS),
    st.builds(en.Ended, **HEAD, status=st.sampled_from([None, "error"]), cost=st.none() | st.integers(0, 9)),
    st.builds(en.Taken, **HEAD),
)


@settings(max_examples=examples(8), deadline=None)
@given(st.lists(st.tuples(ENTRY, st.booleans()), min_size=1, max_size=16))
def test_incremental_equals_full_at_every_prefix(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[Entry, bool]]
) -> None:
    """000-24: whatever comes, in chunks of whatever size."""
    db = tmp_path_factory.mktemp("p") / "playhead.db"
    path = db.with_name("s.jsonl")
    path.touch()
    with closing(Writer(db)) as writer:
        draft, rows, book = Draft(str(path)), Rows(0, State()), Book(Ledger())
        writer.publish(
            draft, rows, rows.take(), State(), Facts(), "claude-code", [source_of(path, "", None, 0)], book=book
        )
        number = rows.session
        for upto, (entry, cut) in enumerate(entries, 1):
            book.ledger.entries.append(entry)
            if not cut and upto < len(entries):
                continue
            with writer._tx() as tx:
                book.close(tx, number)
            fold_on(db, number, unknown)
            full = fold(Digest(), [one for one, _ in entries[:upto]], unknown)
            ((data,),) = ask(db, "SELECT figures FROM digest")
            assert isinstance(data, bytes)
            assert dump(load(data)) == dump(full)
            found = about(path, db)
            kept = ask(db, "SELECT count(*), coalesce(sum(end_seq IS NULL), 0) FROM turn")
            running = sum(part.turn is not None for part in full.parts.values())
            assert kept == [(len(full.turns) + running, running)]
            assert found is not None
            assert found.fresh


@pytest.mark.parametrize("many", [1, 15, 16, 17, 160, 161, 501])
def test_requests_are_asked_about_in_any_number(session: Path, db: Path, many: int) -> None:
    """However many a statement takes: who has counted them is told of each, and of no other."""
    take_in(db, session)
    ((number,),) = ask(db, "SELECT id FROM session")
    theirs = list(range(1, 2 * many, 2))
    with closing(Writer(db)) as writer:
        writer.run("INSERT INTO request (number, session_id) VALUES (?, ?)", [(one, number) for one in theirs])
        assert writer.counted()(list(range(2 * many))) == set(theirs)
        assert writer.counted(str(session))(theirs) == set()


# ---- nothing twice


@IN_A_FILE
def test_a_fresh_digest_is_not_folded_again(session: Path, db: Path) -> None:
    """000-26, 000-40: the second time no entry is read, by nobody, and nothing is written."""
    take_in(db, session)
    with statements() as told:
        first = stored(session, db)
        assert touching(told, "entry")
        assert touching(told, "digest")
    with statements() as told:
        assert stored(session, db) == first
    assert told
    assert not touching(told, "entry", "item")
    assert not [sql for sql in told if sql.startswith(("INSERT", "UPDATE", "DELETE", "BEGIN IMMEDIATE"))]


def test_only_what_is_new_is_folded(tmp_path: Path, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.jsonl"
    write_session(path, records=300, seed=1)
    upto = cuts(path, 3)[2]
    take_in(db, path, upto)
    one = about(path, db)
    assert one is not None
    fold_on(db, one.number, unknown)
    take_in(db, path)
    folded: list[int] = []
    real = en.unpress
    monkeypatch.setattr(en, "unpress", lambda data: folded.append(len(real(data))) or real(data))
    assert stored(path, db) == read(path)
    ((there,),) = ask(db, "SELECT entries FROM ledger")
    assert isinstance(there, int)
    assert 0 < sum(folded) < there / 2


def test_another_version_is_folded_anew(session: Path, db: Path) -> None:
    """000-23: and the outcome is what it was, as everything else."""
    take_in(db, session)
    before = stored(session, db)
    for broken in (
        "UPDATE digest SET schema_version = 0, figures = x'c1'",
        "UPDATE digest SET figures = x'c1', watermark = 1",
    ):
        change(db, broken)
        (number,) = ask(db, "SELECT id FROM session")[0]
        insert = "INSERT INTO turn (session_id, agent, idx, start_row, start_seq) VALUES (?, 0, 99, 1, 1)"
        change(db, insert, (number,))
        assert stored(session, db) == before
        assert ask(db, "SELECT idx FROM turn") == [(0,)]


# ---- sessions from before, and such whose files are gone


def test_a_session_without_entries_is_read_when_figures_are_asked_for(session: Path, db: Path) -> None:
    take_in(db, session)
    for table in ("entry", "ledger"):
        change(db, f"DELETE FROM {table}")  # noqa: S608
    with session.open("ab") as file:
        file.write(lines(user("more", uuid="u2", seconds=9)))
    os.utime(session, (1, 1))
    take_in(db, session)  # it goes on without
    assert ask(db, "SELECT count(*) FROM ledger") == [(0,)]
    assert stored(session, db) == read(session)
    assert ask(
        db, "SELECT count(*) FROM ledger AS l JOIN session AS s ON s.id = l.session_id AND s.state = 'ready'"
    ) == [(1,)]


def test_a_gone_file_has_figures_by_path_and_id(session: Path, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYHEAD_DATA_DIR", str(db.parent.parent))
    take_in(db, session)
    (wanted,) = digests([str(session)])
    rows = list(turns(str(session)))
    session.unlink()
    assert list(digests([str(session)])) == list(digests([str(wanted["session_id"])])) == [wanted]
    assert list(turns(str(wanted["session_id"]))) == rows
    change(db, "DELETE FROM ledger")
    with pytest.raises(StoreError, match="before Playhead made figures"):
        list(digests([str(session)]))


@IN_A_FILE
def test_a_locked_database_is_no_reason_for_no_figures(
    session: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come from the file then, and are written down the next time."""
    monkeypatch.setenv("PLAYHEAD_DATA_DIR", str(db.parent.parent))
    monkeypatch.setattr("store.db.engine.BUSY_MS", 20)
    take_in(db, session)
    with closing(sqlite3.connect(db, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        (held,) = digests([str(session)])
        assert ask(db, "SELECT count(*) FROM digest") == [(0,)]
    assert list(digests([str(session)])) == [held]
    assert ask(db, "SELECT count(*) FROM digest") == [(1,)]


# ---- each request once, each session its own


def test_a_request_counts_once_across_files(tmp_path: Path, db: Path) -> None:
    """FORMATS A6: a fork begins with a copy of what its parent said, and has only what is its own."""
    common = [user("go"), assistant("one", id="m1")]
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for path, own in zip(paths, "ab", strict=True):
        more = [user("on", uuid="u2", seconds=5), assistant(own, id=own, uuid=own, seconds=6, requestId=own)]
        path.write_bytes(lines(*common, *more))
        os.utime(path, (1, 1))
        take_in(db, path)

    def given() -> list[int]:
        found = []
        for path in paths:
            wire = json.loads(json.dumps(stored(path, db)[0]))
            found.append(sum(used["in"] for used in wire["by_model"].values()))
        return found

    assert given() == [20, 10]
    take_in(db, paths[0], anew=True)  # the one that counts it goes on counting it
    take_in(db, paths[1], anew=True)
    assert given() == [20, 10]
    with paths[1].open("ab") as file:  # told once more, long after: still not its own
        file.write(lines(assistant("one", id="m1", uuid="again", seconds=9)))
    os.utime(paths[1], (1, 1))
    assert given() == [20, 10]


def test_who_counted_first_is_deleted(tmp_path: Path, db: Path) -> None:
    """FORMATS A6: what it shared is counted by who tells it too, at once; restored, it has only what is its own."""
    common = [user("go"), assistant("one", id="m1")]
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl", tmp_path / "c.jsonl"]
    for path, own in zip(paths, "abc", strict=True):
        more = [user("on", uuid="u2", seconds=5), assistant(own, id=own, uuid=own, seconds=6, requestId=own)]
        path.write_bytes(lines(*common, *more))
        os.utime(path, (1, 1))
        take_in(db, path)
    assert tokens(paths, db) == [20, 10, 10]
    archive.archive(db, paths[0], unknown)
    archive.delete(db, paths[0])
    assert tokens(paths[1:], db) == [20, 10]
    archive.restore(db, paths[0])
    assert tokens(paths, db) == [10, 20, 10]
    archive.archive(db, paths[2], unknown)
    archive.delete(db, paths[2])  # it counted nothing that others tell
    assert tokens(paths[:2], db) == [10, 20]
    archive.restore(db, paths[2])
    assert tokens(paths, db) == [10, 20, 10]


def test_who_counted_first_is_rewritten_without_it(tmp_path: Path, db: Path) -> None:
    """FORMATS A6: then who tells it too counts it; but what is the only copy of a file stays as it is."""
    common = [user("go"), assistant("one", id="m1")]
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl", tmp_path / "c.jsonl"]
    for path in paths:
        path.write_bytes(lines(*common))
        os.utime(path, (1, 1))
        take_in(db, path)
    assert tokens(paths, db) == [10, 0, 0]
    paths[1].unlink()
    paths[0].write_bytes(lines(user("something else"), assistant("new", id="m9", uuid="a9", requestId="r9")) * 2)
    os.utime(paths[0], (1, 1))
    take_in(db, paths[0])
    assert tokens(paths, db) == [10, 0, 10]


def tokens(paths: list[Path], db: Path) -> list[int]:
    """Input tokens of each session."""
    wires = [json.loads(json.dumps(stored(path, db)[0])) for path in paths]
    return [sum(used["in"] for used in wire["by_model"].values()) for wire in wires]


def test_two_imports_at_once_count_a_request_once(tmp_path: Path, db: Path) -> None:
    """Neither saw the other's: the second one to be done reads its file again."""
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for path in paths:
        path.write_bytes(lines(user("go"), assistant("one", id="m1")))
        os.utime(path, (1, 1))

    meanwhile = [paths[1]]

    def tell(_done: int, _total: int, _rows: int) -> None:
        while meanwhile:
            take_in(db, meanwhile.pop())

    take_in(db, paths[0], None, tell)
    wires = [json.loads(json.dumps(stored(path, db)[0])) for path in paths]
    assert [sum(used["in"] for used in wire["by_model"].values()) for wire in wires] == [0, 10]


def test_an_agent_of_two_sessions_counts_in_each_for_what_it_did_there(tmp_path: Path, db: Path) -> None:
    """000-29."""
    for name, calls in (("a", 1), ("b", 2)):
        path = tmp_path / f"{name}.jsonl"
        side = {"isSidechain": True, "agentId": "a1"}
        records = [user("go", uuid=f"{name}u"), assistant(call("Task", f"{name}task"), id=f"{name}m", uuid=f"{name}a")]
        inner = tmp_path / name / "subagents" / "agent-a1.jsonl"
        inner.parent.mkdir(parents=True)
        inner.write_bytes(lines(*[
            assistant(call("Bash", f"{name}{n}"), id=f"{name}{n}", uuid=f"{name}{n}x", **side) for n in range(calls)
        ]))  # fmt: skip
        path.write_bytes(lines(*records))
        os.utime(path, (1, 1))
        take_in(db, path)
        found = figures(path, db, unknown)
        assert found is not None
        with closing(found):
            assert found.agents == ["", "a1"]
            assert found.digest.parts["a1"].tools["Bash"].calls == calls
    assert ask(db, "SELECT session_id, agent, name FROM agent ORDER BY 1, 2") == [
        (1, 0, ""), (1, 1, "a1"), (2, 0, ""), (2, 1, "a1"),
    ]  # fmt: skip
