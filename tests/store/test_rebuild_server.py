"""`playhead doctor --rebuild` on a server: this host's sessions, in place; what others have is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from imports import Folded
from raw import ask, change

from store.db import place, reads
from store.db.search import waiting
from store.doctor import answer
from store.intake import take_in
from store.whole import Whole
from viewer.bench.make_session import write_session

pytestmark = pytest.mark.parametrize("database", ["server"], indirect=True)


def session(folder: Path, seed: int = 1) -> Path:
    path = folder / "projects" / "-w" / "11111111-2222-4333-8444-555555555555.jsonl"
    write_session(path, records=200, seed=seed)
    return path


def test_a_rebuild_on_a_server_makes_what_has_files_here(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYHEAD_HOST", "here")
    other = session(tmp_path / "one")
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("PLAYHEAD_HOST", "there")
        take_in(database, other)
    theirs = f"//there{other}"
    mine, gone = session(tmp_path / "two", 2), session(tmp_path / "three", 3)
    for path in (mine, gone):
        take_in(database, path)
    number = {key: id for id, key in ask(database, "SELECT id, key FROM session WHERE state = 'ready'")}
    was = number[place.key_of(mine, database)]
    assert isinstance(was, int)
    change(database, "UPDATE item SET kind = 'odd' WHERE seq = ?", (reads.key_of(was, 0),))
    change(database, "UPDATE session SET title = 'kept' WHERE key = ?", (place.key_of(gone, database),))
    gone.unlink()
    told: list[str] = []
    found = answer(database, rebuild=True, tell=told.append)
    rebuilt = found.told["rebuild"]
    assert (rebuilt["made"], rebuilt["copied"], rebuilt["backup"]) == (1, 1, "")
    (differs,) = rebuilt["differs"]
    assert (differs["key"], differs["because"], differs["kinds"]["odd"]) == (str(mine), "", (1, 0))
    assert not found.well, "it was not what its file says"
    assert f"1 of 2: {mine}" in told
    assert any("left as they are: 1" in line for line in found.lines)
    after = {key: id for id, key in ask(database, "SELECT id, key FROM session WHERE state = 'ready'")}
    assert after[theirs] == number[theirs], "another host's"
    assert after[place.key_of(gone, database)] == number[place.key_of(gone, database)], "the only copy"
    assert ask(database, "SELECT title FROM session WHERE title = 'kept'") == [("kept",)]
    now = after[place.key_of(mine, database)]
    assert isinstance(now, int)
    span = (reads.key_of(now, 0), reads.key_of(now + 1, 0))
    counted = ask(database, "SELECT count(*) FROM item WHERE seq >= ? AND seq < ?", span)
    assert counted == [(len(Folded(Whole(mine)).rows),)]
    assert not waiting(database), "and it is searchable"
    again = answer(database, rebuild=True)
    assert again.well
    assert again.told["rebuild"]["differs"] == []
