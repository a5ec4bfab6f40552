"""`playhead doctor`: what it finds, what it says, and a rebuild that loses nothing."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import orjson
import pytest
from imports import Folded, check, stored
from msgspec import structs

from store import doctor, rebuild
from store.catalog import Catalog
from store.db import engine, reads
from store.db.engine import open_engine
from store.delta import Row
from store.errors import StoreError
from store.intake import take_in
from store.known import known
from store.paths import data_dir
from store.whole import Whole
from viewer import cli
from viewer.bench.make_session import write_session


@pytest.fixture
def db() -> Path:
    return data_dir() / "playhead.db"


@pytest.fixture
def paths(tmp_path: Path, db: Path) -> list[Path]:
    """Three imported sessions."""
    made = [tmp_path / "projects" / "-w" / f"{number}1111111-2222-4333-8444-555555555555.jsonl" for number in range(3)]
    for number, path in enumerate(made):
        write_session(path, records=150, seed=number, agents=number)
        take_in(db, path)
    return made


def change(db: Path, *statements: str) -> None:
    with closing(sqlite3.connect(db)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def delete(path: Path) -> None:
    path.unlink()
    shutil.rmtree(path.with_suffix(""), ignore_errors=True)


def test_a_sound_database(db: Path, paths: list[Path], capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    delete(paths[0])
    next(paths[2].with_suffix("").rglob("*.jsonl")).unlink()
    with paths[1].open("ab") as file:
        file.write(b"\n")
    before = db.read_bytes()
    assert cli.main(["doctor", "--json"]) == 0
    told = orjson.loads(capfdbinary.readouterr().out)
    counts = {"sessions": 3, "only_copies": 1, "parts_only_here": 1, "grown": 1, "unchanged": 1, "rewritten": 0}
    assert {name: told[name] for name in counts} == counts
    assert told["trouble"] == []
    assert told["rows"] == sum(len(stored(db, path)) for path in paths)
    assert db.read_bytes() == before
    assert cli.main(["doctor"]) == 0
    assert b"1  whose files are gone: this is the only copy" in capfdbinary.readouterr().out


def test_no_database_is_no_trouble(db: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    for arguments in (["doctor"], ["doctor", "--rebuild"]):
        assert cli.main(arguments) == 0
        assert b"there is no database yet" in capfdbinary.readouterr().out
    assert not db.exists()


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("DELETE FROM item WHERE seq = (SELECT max(seq) - 7 FROM item)", "rows in a row"),
        ("DELETE FROM strip WHERE session_id = 2", "the figures of its rows do not match"),
        ("DELETE FROM session WHERE id = 2", "rows belong to 1 sessions that are not there"),
        ("INSERT INTO agent (session_id, agent, name) VALUES (99, 0, '')", "entries of agent belong to sessions"),
    ],
    ids=["a row is gone", "figures are gone", "a session is gone", "an entry of nobody"],
)
def test_what_does_not_fit_together_is_said_and_made_anew(
    db: Path, paths: list[Path], statement: str, sentence: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    wanted = [Folded(Whole(path)).rows for path in paths]
    delete(paths[0])
    change(db, statement)
    assert cli.main(["doctor"]) == 1
    assert sentence in capfdbinary.readouterr().out.decode()
    assert cli.main(["doctor", "--rebuild", "--json"]) == 1  # there was trouble
    assert cli.main(["doctor"]) == 0
    assert stored(db, paths[0]) == wanted[0]
    take_in(db, paths[1])  # if nobody could know any more that it was there
    assert [stored(db, path) for path in paths] == wanted


@pytest.mark.parametrize("tail", [True, False])
def test_broken_pages_are_trouble(
    db: Path, paths: list[Path], capfdbinary: pytest.CaptureFixture[bytes], tail: bool
) -> None:
    """What cannot be counted is unknown, and not 0; a file without its first page is no missing one."""
    wanted = [Folded(Whole(path)).rows for path in paths]
    change(db, "PRAGMA wal_checkpoint(TRUNCATE)")
    with db.open("r+b") as file:
        file.seek(db.stat().st_size - 16_384 if tail else 0)
        file.write(b"\xff" * 16_384)
    assert cli.main(["doctor"]) == 1
    said = capfdbinary.readouterr().out
    assert b"trouble: The file is damaged" in said
    assert b"no database" not in said
    assert cli.main(["doctor", "--json"]) == 1
    told = orjson.loads(capfdbinary.readouterr().out)
    assert told["counted"] == (told["rows"] is not None)
    assert told["counted"] == (b" 0 rows" not in said and "– rows".encode() not in said)
    assert tail or not told["counted"]
    assert cli.main(["doctor", "--rebuild"]) == 1
    assert (b"playhead import reads every session" in capfdbinary.readouterr().out) == (not tail)
    assert cli.main(["doctor"]) == 0
    assert not tail or [stored(db, path) for path in paths] == wanted


def test_what_cannot_be_said_is_one_line(db: Path, paths: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    change(db, "PRAGMA user_version = 99")
    before = db.read_bytes()
    for arguments in (["doctor"], ["doctor", "--rebuild"]):
        assert cli.main(arguments) == 2
        assert "belongs to a newer Playhead" in capsys.readouterr().err
    assert db.read_bytes() == before


def test_a_rebuild_makes_the_same_and_keeps_only_copies(db: Path, paths: list[Path]) -> None:
    """000-05, 002-06: rows, what no file says, the books and the list; the old file is a backup."""
    wanted = [Folded(Whole(path)).rows for path in paths]
    delete(paths[0])
    next(paths[2].with_suffix("").rglob("*.jsonl")).unlink()
    catalog = Catalog(db)
    catalog.save({str(paths[1]): (1, 2, Row(str(paths[1]), title="t"))})
    catalog.close()
    change(
        db,
        "UPDATE session SET status = 'archived', user_title = 'Mine ' || id, fold_version = 0 WHERE id <> 3",
        "UPDATE session SET parent_session_id = 1 WHERE id = 3",
        "INSERT INTO turn (session_id, agent, idx, start_row) VALUES (1, 0, 0, 0)",
        "INSERT INTO audit (ts, actor, action, session_id) VALUES (7, 'me', 'archived', 1)",
        "DELETE FROM sqlite_sequence WHERE name = 'session'",
        "INSERT INTO sqlite_sequence (name, seq) VALUES ('session', 50)",
    )
    told: list[str] = []
    done = rebuild.rebuild(db, lambda _done, total, key: told.append(key))
    assert told == [str(path) for path in paths]
    assert (done.made, done.copied, done.rows, done.differs) == (1, 2, sum(map(len, wanted)), [])
    assert [stored(db, path) for path in paths] == wanted
    assert doctor.examine(db).trouble == []
    ask = "SELECT s.key, s.status, s.user_title, p.key FROM session s LEFT JOIN session p ON p.id = s.parent_session_id"
    with closing(sqlite3.connect(db)) as connection:
        assert connection.execute(f"{ask} ORDER BY s.key").fetchall() == [
            (str(paths[0]), "archived", "Mine 1", None),
            (str(paths[1]), "archived", "Mine 2", None),
            (str(paths[2]), "paused", None, str(paths[0])),
        ]
        number = connection.execute("SELECT id FROM session WHERE key = ?", (str(paths[0]),)).fetchone()
        assert connection.execute("SELECT session_id FROM turn").fetchall() == [number]
        assert connection.execute("SELECT ts, session_id FROM audit").fetchall() == [(7, *number)]
    found = known(paths[0], db)
    assert found is not None
    assert found.kept
    assert len(found.window.weights()) == found.rows
    found.window.close()
    assert str(paths[1]) in Catalog(db).load()
    with closing(sqlite3.connect(db.with_name(done.backup))) as connection:
        assert connection.execute("SELECT count(*) FROM session").fetchone() == (3,)
    assert sorted(path.name for path in db.parent.glob("*.rebuild*")) == []


def test_a_rebuild_says_what_differs(db: Path, paths: list[Path], capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Kinds that an older fold called otherwise; rows that say something else, but not how often they were told; a
    file that has grown is no difference of ours."""
    first = "(SELECT payload FROM item ORDER BY seq LIMIT 1)"
    change(
        db, "UPDATE item SET kind = 'odd' WHERE seq = (SELECT min(seq) FROM item)",
        "UPDATE item SET payload = " + first + " WHERE seq IN (SELECT seq FROM item ORDER BY seq LIMIT 2 OFFSET 1)",  # noqa: S608
    )  # fmt: skip
    with closing(sqlite3.connect(db)) as connection:
        rows = connection.execute("SELECT seq, payload FROM item ORDER BY seq LIMIT 3 OFFSET 3").fetchall()
        told_often = [(reads.press(structs.replace(reads.unpress(payload), rev=77)), seq) for seq, payload in rows]
        connection.executemany("UPDATE item SET payload = ? WHERE seq = ?", told_often)
        connection.commit()
    write_session(paths[1], records=170, seed=1, agents=1)
    assert cli.main(["doctor", "--rebuild", "--json"]) == 1
    told = orjson.loads(capfdbinary.readouterr().out)["rebuild"]
    ours, second = told["differs"]
    assert ours["key"] == str(paths[0])
    assert ours["kinds"]["odd"] == [1, 0]
    assert ours["other"] == 2
    assert ours["because"] == ""
    assert second["key"] == str(paths[1])
    assert second["because"] == "its file has changed"
    assert cli.main(["doctor", "--rebuild"]) == 0
    said = capfdbinary.readouterr().out
    assert b"Made anew: 3 sessions; copied: 0" in said
    assert b"Nothing differs" in said


def test_others_cannot_write_into_what_is_being_replaced(db: Path, paths: list[Path]) -> None:
    locked: list[str] = []

    def tell(_done: int, _total: int, _key: str) -> None:
        with closing(sqlite3.connect(db, timeout=0, isolation_level=None)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                locked.append(str(error))

    rebuild.rebuild(db, tell)
    assert locked == ["database is locked"] * 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and kill -9")
@pytest.mark.parametrize("where", ["made", "moved"])
def test_killed_in_the_middle_nothing_is_lost(db: Path, paths: list[Path], where: str) -> None:
    """X-06: either the old database is still there, or the new one takes its place with the next opening."""
    wanted = Folded(Whole(paths[0])).rows
    delete(paths[0])

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def killed() -> None:
        if where == "made":
            rebuild.swap = die  # type: ignore[assignment]
        else:
            move: Callable[[Path, Path], None] = engine._move
            engine._move = lambda *names: (move(*names), die())  # type: ignore[assignment,return-value,func-returns-value]
        rebuild.rebuild(db)

    pid = os.fork()
    if pid == 0:
        try:
            killed()
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert db.exists() == (where == "made")
    open_engine(db).dispose()
    assert stored(db, paths[0]) == wanted
    assert doctor.examine(db).sessions == 3
    rebuild.rebuild(db)
    assert stored(db, paths[0]) == wanted
    for path in paths[1:]:
        found = known(path, db)
        assert found is not None
        found.window.close()


def test_an_older_database_is_looked_at_as_it_is(db: Path) -> None:
    old = Path(__file__).resolve().parents[1] / "databases" / "1.sql"
    db.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(db)) as connection:
        connection.executescript(old.read_text("utf-8"))
    found = doctor.examine(db)
    assert (found.schema, found.sessions, found.only_copies, found.trouble) == (1, 3, 3, [])
    assert rebuild.rebuild(db).copied == 3
    assert doctor.examine(db).schema == reads.SCHEMA


def test_another_programs_database_is_none_of_its_business(db: Path) -> None:
    db.parent.mkdir(parents=True, exist_ok=True)
    change(db, "CREATE TABLE mine (a)")
    with pytest.raises(StoreError, match="belongs to another program"):
        doctor.examine(db)


def test_checks_are_those_of_the_import_tests(db: Path, tmp_path: Path) -> None:
    """One session alone, after a rebuild: rows, weights, places and `find` as of a fold in memory."""
    path = tmp_path / "projects" / "-w" / "71111111-2222-4333-8444-555555555555.jsonl"
    write_session(path, records=200, seed=7, agents=2)
    take_in(db, path)
    rebuild.rebuild(db)
    check(db, path, Folded(Whole(path)).rows)
