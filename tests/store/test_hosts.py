"""One archive on a server, written by several hosts: each its own sessions, all read all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from imports import REPO, Folded
from raw import ask, change

from store import report
from store.catalog import Catalog
from store.db import place, reads
from store.db.search import catch_up
from store.db.writer import Writer
from store.digest_report import session_wire
from store.figures import figures
from store.intake import take_in, tidy
from store.known import known
from store.search import Search
from store.whole import Whole
from viewer.bench.make_session import write_session

pytestmark = pytest.mark.parametrize("database", ["server"], indirect=True)
NAME = "11111111-2222-4333-8444-555555555555.jsonl"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYHEAD_HOST", "here")


def from_there(database: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Another host reads a session, and its files are none of ours; returns what we call it."""
    with monkeypatch.context() as other:
        other.setenv("PLAYHEAD_HOST", "there")
        take_in(database, path)
    return f"//there{path}"


def session(folder: Path, seed: int = 1, records: int = 200) -> Path:
    path = folder / "projects" / "-w" / NAME
    write_session(path, records=records, seed=seed)
    return path


@pytest.mark.usefixtures("here")
def test_two_hosts_have_a_session_of_the_same_path(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = session(tmp_path)
    theirs = from_there(database, path, monkeypatch)
    their_rows = Folded(Whole(path)).rows
    write_session(path, records=120, seed=2)
    take_in(database, path)
    for one, rows, host in ((path, Folded(Whole(path)).rows, ""), (Path(theirs), their_rows, "there")):
        found = known(one, database)
        assert found is not None
        with closing(found.window):
            assert found.window.read(0, found.rows) == rows
            assert found.host == host
            assert found.only_copy == bool(host)
    assert ask(database, "SELECT host, key FROM session WHERE state = 'ready' ORDER BY host") == [
        ("here", f"//here{path}"), ("there", theirs),
    ]  # fmt: skip


@pytest.mark.usefixtures("here")
def test_the_list_has_all_and_says_whose(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of another host is never looked for here: it is neither gone nor the only copy."""
    path = session(tmp_path)
    theirs = from_there(database, path, monkeypatch)
    take_in(database, path)
    gone = session(tmp_path / "gone", 3)
    take_in(database, gone)
    gone.unlink()
    with closing(Catalog(database)) as catalog:
        rows = {row.path: row for _, _, row in catalog.load().values()}
        assert (rows[theirs].host, rows[theirs].missing) == ("there", False)
        assert (rows[str(gone)].host, rows[str(gone)].missing) == ("", True)
        assert str(path) not in rows  # the search for sessions brings it
        assert catalog.kept(theirs) == rows[theirs]
        # What the list learns of this machine's files stays on this machine, but which of them are gone.
        catalog.save({row.path: (1, 1, row) for row in rows.values()})
    assert ask(database, "SELECT count(*) FROM catalog") == [(0,)]
    assert ask(database, "SELECT host, missing FROM session WHERE missing <> 0") == [("here", 1)]


@pytest.mark.usefixtures("here")
def test_what_another_host_has_is_found_and_summed_up(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = session(tmp_path)
    theirs = from_there(database, path, monkeypatch)
    assert catch_up(database) == 0  # theirs to index
    with monkeypatch.context() as other:
        other.setenv("PLAYHEAD_HOST", "there")
        assert catch_up(database) > 0
        with closing(figures(path, database)) as mine:  # type: ignore[arg-type]
            wanted = session_wire("", mine.digest, mine.agents)
    path.unlink()
    with closing(Search(database)) as search:
        hits = search.find("the", limit=5).hits
        assert {hit.session for hit in hits} == {theirs}
        assert search.find("the", within=theirs).hits
    with closing(figures(Path(theirs), database)) as found:  # type: ignore[arg-type]
        assert session_wire("", found.digest, found.agents) == wanted


@pytest.mark.usefixtures("here")
def test_nobody_sweeps_what_another_host_is_at(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that is being read is held by the connection of its importer, wherever that runs."""
    path = session(tmp_path)
    seen: list[list[int]] = []

    def tell(_done: int, _total: int, rows: int) -> None:
        if rows > 50 and not seen:
            with monkeypatch.context() as other, closing(Writer(database)) as writer:
                other.setenv("PLAYHEAD_HOST", "there")
                assert ask(database, "SELECT count(*) FROM session WHERE state = 'staged'") == [(1,)]
                seen.append(writer.leftovers())

    monkeypatch.setattr("store.intake.BATCH", 10)
    monkeypatch.setattr("store.whole.CHUNK", 4_096)
    outcome = take_in(database, path, None, tell)
    assert seen == [[]]
    change(database, "UPDATE session SET state = 'staged', token = 'nobody'")
    with closing(Writer(database)) as writer:
        assert writer.leftovers() == [outcome.session]
    tidy(database, [outcome.session])
    assert ask(database, "SELECT count(*) FROM item") == [(0,)]


@pytest.mark.usefixtures("here")
def test_what_another_host_read_again_is_that_hosts_to_sweep(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = session(tmp_path)
    from_there(database, path, monkeypatch)
    change(database, "UPDATE session SET state = 'old'")
    with closing(Writer(database)) as writer:
        assert writer.leftovers() == []
        monkeypatch.setenv("PLAYHEAD_HOST", "there")
        assert len(writer.leftovers()) == 1


@pytest.mark.long
def test_two_hosts_import_at_once(database: Path, tmp_path: Path) -> None:
    """Sessions that share requests too, as copies do: each is counted once, whoever comes first."""
    url = place.server(database)
    assert url is not None
    shared = session(tmp_path / "shared", 9)
    processes = []
    for digit, host in enumerate(("one", "two")):
        folder = tmp_path / host / "projects" / "-w"
        folder.mkdir(parents=True)
        for number in range(12):
            write_session(folder / f"{number:08x}-0000-4000-8000-{digit:012}.jsonl", records=120, seed=number)
        shutil.copy(shared, folder / NAME)
        environment = os.environ | {
            "PLAYHEAD_HOST": host, "PLAYHEAD_DATA_DIR": str(tmp_path / host), "PLAYHEAD_DATABASE_URL": url,
        }  # fmt: skip
        command = [sys.executable, "-m", "viewer", "import", "--root", str(folder.parent), "--json", "--wait"]
        processes.append(subprocess.Popen(command, env=environment, cwd=REPO, stdout=subprocess.PIPE))
    for process in processes:
        out, _ = process.communicate(timeout=100)
        assert process.returncode == 0
        assert b'"sessions":13' in out.replace(b" ", b"")
    counted = "SELECT host, count(*), sum(rows) FROM session WHERE state = 'ready' GROUP BY host ORDER BY host"
    (one, two) = ask(database, counted)
    assert (one[0], two[0]) == ("one", "two")
    assert one[1:] == two[1:]
    assert {entry["state"] for entry in report.sessions()} == {"on one", "on two"}
    # Of those that came in at the same moment one is read again: what it replaced goes with the next import.
    assert ask(database, "SELECT count(*) FROM session WHERE state NOT IN ('ready', 'old')") == [(0,)]
    assert ask(database, "SELECT count(*), count(DISTINCT number) FROM request")[0][0] > 0
    rows = ask(database, "SELECT id, rows FROM session")
    for number, count in rows:
        low, end = reads.key_of(number, 0), reads.key_of(number + 1, 0)
        assert ask(database, "SELECT count(*) FROM item WHERE seq >= ? AND seq < ?", (low, end)) == [(count,)]
