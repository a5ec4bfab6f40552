"""A server that is away, stops, or is slow: one sentence, nothing lost, and it goes on when it is back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from cluster import Cluster
from imports import REPO, Folded, check
from raw import ask

from store.catalog import Catalog
from store.db import place, reads
from store.db.writer import Writer
from store.errors import StoreError
from store.intake import take_in
from store.known import known
from store.search import Search
from store.whole import Whole
from viewer.bench.make_session import write_session

NAME = "11111111-2222-4333-8444-555555555555.jsonl"


@pytest.fixture
def session(tmp_path: Path) -> Path:
    path = tmp_path / "projects" / "-w" / NAME
    write_session(path, records=150, seed=4)
    return path


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nobody listens there."""
    monkeypatch.setenv("PLAYHEAD_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PLAYHEAD_DATABASE_URL", f"postgresql://ada:secret@/team?host={tmp_path / 'no-socket'}")
    return tmp_path / "data" / "playhead.db"


@pytest.fixture
def server(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    monkeypatch.setenv("PLAYHEAD_DATA_DIR", str(tmp_path))
    name = cluster.made()
    monkeypatch.setenv("PLAYHEAD_DATABASE_URL", cluster.url(name))
    yield tmp_path / "data" / "playhead.db", name
    cluster.drop(name)


def test_everything_says_so_in_a_sentence_without_the_password(away: Path, session: Path) -> None:
    for attempt in (
        lambda: take_in(away, session), lambda: Writer(away), lambda: Search(away).find("x"),
    ):  # fmt: skip
        with pytest.raises(StoreError, match="cannot be reached: check that the server runs") as caught:
            attempt()
        assert "secret" not in str(caught.value)
    assert known(session, away) is None  # so its file is read


@pytest.mark.parametrize(
    "command",
    [["import", "--root", "."], ["search", "x"], ["doctor"]],
    ids=lambda command: command[0],
)
def test_commands_end_with_2_and_one_line(away: Path, session: Path, command: list[str]) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "viewer", *command], cwd=session.parent, capture_output=True, text=True, timeout=60,
        env=_environment(),
    )  # fmt: skip
    assert process.returncode == 2, process.stderr
    assert process.stderr.count("\n") == 1
    assert "cannot be reached" in process.stderr
    assert "secret" not in process.stderr


def _environment() -> dict[str, str]:
    import os

    return os.environ | {"PYTHONPATH": str(REPO)}


def test_the_list_of_this_machine_is_there_all_the_same(away: Path, session: Path) -> None:
    """What it learns is remembered on this machine; what is said of files that are gone comes later."""
    from store.summary import summary

    row = summary(session)
    with closing(Catalog(away)) as catalog:
        catalog.save({str(session): (1, 1, row)})
        assert catalog.load() == {str(session): (1, 1, row)}
        assert catalog.kept(str(session)) is None


def test_an_address_of_something_else_is_refused(
    tmp_path: Path, session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYHEAD_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PLAYHEAD_DATABASE_URL", "mysql://localhost/x")
    with pytest.raises(StoreError, match="is no address of a PostgreSQL server"):
        take_in(tmp_path / "data" / "playhead.db", session)


def test_only_our_own_archive_is_on_it(away: Path, tmp_path: Path, session: Path) -> None:
    """Another file, as benches and rebuilds make them, is a file."""
    other = tmp_path / "other" / "playhead.db"
    take_in(other, session)
    check(other, session, Folded(Whole(session)).rows)
    assert not away.exists()


def test_readers_go_on_after_the_server_was_restarted(
    server: tuple[Path, str], session: Path, cluster: Cluster
) -> None:
    """All connections are lost; the next look makes one anew."""
    db, name = server
    take_in(db, session)
    found = known(session, db)
    assert found is not None
    with closing(found.window) as window, closing(Search(db)) as search:
        rows = window.read(0, found.rows)
        assert search.find("the").waiting == 1
        _end_all(cluster, name)
        assert window.read(0, found.rows) == rows
        assert search.find("the").waiting == 1


def test_an_import_that_loses_the_server_leaves_no_half_session(
    server: tuple[Path, str], session: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, name = server
    monkeypatch.setattr("store.intake.BATCH", 10)
    monkeypatch.setattr("store.whole.CHUNK", 4_096)
    lost: list[int] = []

    def tell(_done: int, _total: int, rows: int) -> None:
        if rows > 50 and not lost:
            lost.append(rows)
            _end_all(cluster, name)

    with pytest.raises(StoreError):
        take_in(db, session, None, tell)
    assert lost
    assert known(session, db) is None
    outcome = take_in(db, session)
    check(db, session, Folded(Whole(session)).rows)
    with closing(Writer(db)) as writer:
        writer.sweep([*outcome.leftovers, *writer.leftovers()])
    assert ask(db, "SELECT count(*) FROM session") == [(1,)]
    assert ask(db, "SELECT count(*) FROM item") == [(outcome.rows,)]


def test_a_slow_server_is_not_waited_for_longer_than_a_moment(
    server: tuple[Path, str], session: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window asks with a limit: a table that somebody holds is a sentence, and then is read after all."""
    db, name = server
    take_in(db, session)
    monkeypatch.setattr("store.known.PATIENCE", 50)
    found = known(session, db)
    assert found is not None
    with closing(found.window) as window:
        with psycopg.connect(cluster.url(name)) as holder:
            holder.execute("LOCK TABLE item IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(StoreError, match="answers too slowly"):
                window.read(0, 5)
        assert len(window.read(0, 5)) == 5


def test_a_host_that_another_one_keeps_waiting_says_so(
    server: tuple[Path, str], session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two Playheads of one host take turns; two hosts do not wait for each other."""
    db, _ = server
    monkeypatch.setattr("store.db.engine_postgres.LOCK_MS", 50)
    monkeypatch.setenv("PLAYHEAD_HOST", "one")
    with closing(Writer(db)) as first, first._tx(), closing(Writer(db)) as second:
        with pytest.raises(reads.BusyError, match="another Playhead of this host"):
            second.has("x")
        monkeypatch.setenv("PLAYHEAD_HOST", "two")
        assert second.has(str(session)) is False


def _end_all(cluster: Cluster, name: str) -> None:
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))


def test_the_driver_that_is_missing_is_named(tmp_path: Path, session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYHEAD_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PLAYHEAD_DATABASE_URL", "postgresql://localhost/x")
    script = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from pathlib import Path; from store.intake import take_in; from store.errors import StoreError\n"
        "try: take_in(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "except StoreError as error: print(error)"
    )
    db = tmp_path / "data" / "playhead.db"
    command = [sys.executable, "-c", script, str(db), str(session)]
    out = subprocess.run(command, capture_output=True, text=True, timeout=60, env=_environment(), check=True).stdout
    assert "psycopg is missing: install playhead[postgres]" in out
    assert place.server(db) is not None
