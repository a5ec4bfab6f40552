"""Two processes import what one does: the same batches of events, the same rows; and either may die."""

from __future__ import annotations

import logging
import os
import random
import resource
import select
import signal
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from imports import SESSION, Folded, check, cuts
from mutations import DATA, mutate

from store import events as ev
from store import fold, relay
from store.db import reads
from store.draft import KINDS
from store.errors import StoreError
from store.events import At, Event
from store.facts import FACTS_ALONE, Facts
from store.fold import HANDLERS
from store.formats import named
from store.importer import Import
from store.intake import take_in
from store.known import known
from store.ledger import NOTES
from store.pipe import Pipe
from store.relay import Brokenoff, End, Piece, Place, Relay, Trouble
from store.whole import Whole
from viewer.bench.make_session import write_session


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "data" / "playhead.db"


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes for any session, however small it is and however few the cores."""
    monkeypatch.setattr("store.intake.TOGETHER", 1)
    monkeypatch.setattr("store.intake.cores", lambda: 2)


def again(message: Piece | End | Trouble) -> Piece | End | Trouble:
    """What comes out of the pipe when this is put in."""
    return relay._decoder.decode(relay._encoder.encode(message))


def relayed(path: Path, upto: int | None = None) -> tuple[list[list[Event]], Relay]:
    with closing(Relay(path, Whole(path).format, upto)) as reading:
        return list(reading), reading


def need(batches: Iterable[list[Event]]) -> list[list[Event]]:
    """What need be told of these, when the facts are told besides."""
    return [[event for event in batch if type(event) not in FACTS_ALONE] for batch in batches]


# ---- what is told


def test_what_is_not_told_makes_neither_rows_nor_entries() -> None:
    """An event that is new in the fold or in the figures is told, whoever forgets to say so here."""
    mute = {kind for kind, handler in HANDLERS.items() if handler is fold._nothing}
    assert mute - set(NOTES) == FACTS_ALONE
    assert not any(KINDS[kind] for kind in FACTS_ALONE)  # nor are they content


def test_every_kind_of_event_can_be_told() -> None:
    """An event that is new in the fold is told without a further word."""
    kinds = set(HANDLERS)
    assert kinds == set(Event.__subclasses__())
    assert len({kind.__struct_config__.tag for kind in kinds}) == len(kinds)
    hunk, option = ev.Hunk(1, 2, ("+a", "-b")), ev.Option("allow", "Allow", "once")
    full = ev.ToolUpdated(
        At(1, 2, 3, 4, "a", "p"), "i", "ok", "…", True, "t", "tool.edit", -1, (hunk,), "c", 1 << 60, 3
    )
    asked = ev.Asked(At(), "7", "i", "may I", (option, option))
    assert again(Piece(5, [[full], [], [asked, ev.Called(At(), 7, "m")]])) == Piece(
        5, [[full], [], [asked, ev.Called(At(), 7, "m")]]
    )


def test_events_of_damaged_recordings_are_told_as_they_are() -> None:
    """Whatever a reader makes of damaged bytes fits through the pipe, and comes out the same, types and all."""
    rng = random.Random(11)
    told = 0
    for number in range(1_800):
        agent, data = DATA[number % len(DATA)]
        pipe = Pipe(named(agent))
        batches = [pipe.feed(mutate(data, rng)), pipe.close()]
        told += sum(map(len, batches))
        assert again(Piece(number, batches)) == Piece(number, batches)
    assert told > 10_000


def test_events_of_every_made_file_are_told_as_they_are(data_dir: Path) -> None:
    for folder in ("claude-code", "claude-stream-json"):
        for path in sorted((data_dir / folder).rglob("*.jsonl")):
            batches = list(Whole(path))
            assert again(Piece(1, batches)) == Piece(1, batches), path


def test_figures_that_no_database_can_hold_are_not_believed() -> None:
    """A duration of 64 bits and more can be neither packed nor kept."""
    line = b'{"type":"system","subtype":"turn_duration","durationMs":%d,"uuid":"u"}\n'
    pipe = Pipe(named("claude-code"))
    (ended,) = (event for event in pipe.feed(line % 10**17) if isinstance(event, ev.TurnEnded))
    assert ended.duration_us is None
    (ended,) = (event for event in pipe.feed(line % 10**15) if isinstance(event, ev.TurnEnded))
    assert ended.duration_us == 10**18


# ---- the same as one process


@pytest.mark.parametrize("agents", [0, 3])
def test_the_batches_are_those_of_a_whole(tmp_path: Path, agents: int) -> None:
    path = tmp_path / "projects" / f"{SESSION}.jsonl"
    write_session(path, size=3_000_000, seed=2, agents=agents, agent_records=60)
    whole = Whole(path)
    wanted = list(whole)
    assert len(wanted) > 2
    facts = Facts()
    for batch in wanted:
        facts.add(batch)
    batches, reading = relayed(path)
    assert batches == need(wanted)
    assert batches != wanted
    assert reading.facts == facts
    assert reading.files == whole.files
    assert reading.read == whole.read
    assert all(place.reading() for place in reading.pipes)
    assert [msgspec.structs.replace(place, reader=b"") for place in reading.pipes] == [
        Place(os.fsencode(file), pipe.agent, pipe.parent, pipe.offset, pipe.fed, pipe.records)
        for file, pipe in zip(whole.files, whole.pipes, strict=True)
    ]


def test_it_reads_no_further_than_it_was_told(tmp_path: Path) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    write_session(path, records=300, seed=4)
    (upto,) = cuts(path, 1)
    batches, reading = relayed(path, upto)
    assert batches == need(Whole(path, upto=upto))
    assert reading.pipes[0].offset == reading.read == upto


def tables(db: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All that an import wrote, with the items unpacked: a default that was told may lie there in full."""
    with closing(sqlite3.connect(db)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}  # noqa: S608
    assert found["item"]
    assert found["strip"]
    found["item"] = [(*row[:-1], reads.unpress(row[-1])) for row in found["item"]]
    found["session"] = [tuple(map(without_readers, row)) for row in found["session"]]
    return found


def without_readers(value: Any) -> Any:
    """What a reader remembers has no one way to be packed: only that it is there is compared."""
    if type(value) is bytes and (told := msgspec.msgpack.decode(value)) and type(told) is list and len(told) == 7:
        return (*map(str, told[:6]), [bool(reader) for reader in told[6]])
    return value


@pytest.mark.usefixtures("together")
@pytest.mark.parametrize(("size", "agents"), [(2_500_000, 0), (700_000, 3)])
def test_two_processes_write_what_one_writes(tmp_path: Path, db: Path, size: int, agents: int) -> None:
    path = tmp_path / "projects" / f"{SESSION}.jsonl"
    write_session(path, size=size, seed=6, agents=agents, agent_records=60)
    told: list[tuple[int, int, int]] = []
    outcome = take_in(db, path, None, lambda *figures: told.append(figures))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] == outcome.read
    check(db, path, Folded(Whole(path)).rows)
    with alone():
        assert take_in(tmp_path / "other" / "playhead.db", path) == outcome
    assert tables(db) == tables(tmp_path / "other" / "playhead.db")


@pytest.mark.usefixtures("together")
@pytest.mark.parametrize(
    "index", [pytest.param(at, marks=() if at % 9 == 0 else pytest.mark.soak) for at in range(0, len(DATA), 3)]
)
def test_two_processes_write_what_one_writes_of_recordings(tmp_path: Path, db: Path, index: int) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    path.write_bytes(DATA[index][1])
    outcome = take_in(db, path)
    with alone():
        assert take_in(tmp_path / "other" / "playhead.db", path) == outcome
    if outcome.session is None:
        return  # nothing was said in it: nobody keeps it
    assert tables(db) == tables(tmp_path / "other" / "playhead.db")


@contextmanager
def alone() -> Iterator[None]:
    """On one core; and no process was started."""
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system does not let us choose a core")
    cores = os.sched_getaffinity(0)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    os.sched_setaffinity(0, {min(cores)})
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("store.intake.cores", relay.cores)
            yield
    finally:
        os.sched_setaffinity(0, cores)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime == before.ru_utime


# ---- one of them dies


def test_a_reader_that_is_killed_is_told_from_one_that_is_done(tmp_path: Path) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    write_session(path, size=12_000_000, seed=1)
    with closing(Relay(path, Whole(path).format)) as reading:
        batches = iter(reading)
        next(batches)
        reading.process.kill()
        with pytest.raises(Brokenoff, match="ended by signal 9"):
            list(batches)


@pytest.mark.usefixtures("together")
def test_a_reader_that_is_killed_costs_nothing(tmp_path: Path, db: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The import goes on alone, and says so in the log."""
    path = tmp_path / f"{SESSION}.jsonl"
    write_session(path, size=12_000_000, seed=1)
    killed: list[int] = []

    def tell(_done: int, _total: int, _rows: int) -> None:
        if not killed:
            killed.extend(children(os.getpid()))
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    with caplog.at_level(logging.WARNING):
        take_in(db, path, None, tell)
    assert len(killed) == 1
    assert "ended by signal 9; reading it here" in caplog.text
    check(db, path, Folded(Whole(path)).rows)


def test_what_is_no_message_is_no_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    write_session(path, records=20)
    monkeypatch.setattr("store.relay._decoder", msgspec.msgpack.Decoder(Trouble))
    with pytest.raises(Brokenoff, match="said something else"):
        relayed(path)


def test_trouble_is_told_in_its_own_words(tmp_path: Path) -> None:
    gone = tmp_path / "gone.jsonl"
    with closing(Relay(gone, named("claude-code"))) as reading, pytest.raises(StoreError, match="does not exist"):
        list(reading)


def children(pid: int) -> list[int]:
    """The processes that read for a process."""
    found = Path(f"/proc/{pid}/task/{pid}/children")
    if not found.exists():
        pytest.skip("this system does not tell whose child a process is")
    started = [int(child) for child in found.read_text("ascii").split()]
    return [child for child in started if b"store.relay" in Path(f"/proc/{child}/cmdline").read_bytes()]


def imported(path: Path, db: Path) -> tuple[Import, int, int]:
    """An import at work: it, its process, and a handle on the one that reads for it."""
    if relay.cores() < 2 or not hasattr(os, "pidfd_open"):
        pytest.skip("needs Linux and two cores")
    found: list[int] = []
    began, over = threading.Event(), threading.Event()

    def on_progress(*_: int) -> None:
        if not began.is_set():
            found.extend(os.pidfd_open(child) for child in children(job.pid or 0))
            began.set()
            over.wait(30)  # it is held back meanwhile: nobody reads what it says

    job = Import(path, on_progress, lambda _: over.set(), db=db)
    job.start()
    assert began.wait(60)
    over.set()
    assert len(found) == 1
    return job, job.pid or 0, found[0]


@pytest.mark.parametrize("how", ["killed", "cancelled"])
def test_a_reader_ends_with_its_import(tmp_path: Path, db: Path, how: str) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    write_session(path, size=30_000_000, seed=1)
    job, pid, reader = imported(path, db)
    if how == "killed":
        os.kill(pid, signal.SIGKILL)
    else:
        job.cancel()
    try:
        assert select.select([reader], [], [], 30)[0]
    finally:
        os.close(reader)
        job.cancel()
    assert known(path, db) is None
