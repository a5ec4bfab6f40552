"""`playhead import`: what it prints, for people and scripts, and how it ends."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import orjson
import pytest
from imports import REPO

from store.db.lock import hold
from store.db.writer import Writer
from store.paths import data_dir
from store.sources.watch import Watcher
from viewer.cli import main
from viewer.importing import clock

RECORDED = REPO / "tests" / "recorded" / "claude-code"
KEYS = ["files", "files_parsed", "bytes", "records", "sessions", "seconds"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "sessions"
    root.mkdir()
    for name in ("tour", "compact"):
        shutil.copy(RECORDED / f"{name}.jsonl", root)
    return root


def test_json_says_what_was_read(root: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["import", "--root", str(root), "--json", "--wait"]) == 0
    out, err = capsysbinary.readouterr()
    told = orjson.loads(out)
    assert err == b""
    assert list(told) == KEYS
    files = list(root.iterdir())
    assert (told["files"], told["files_parsed"], told["sessions"]) == (2, 2, 2)
    assert told["bytes"] == sum(file.stat().st_size for file in files)
    assert told["records"] == sum(len(file.read_bytes().splitlines()) for file in files)
    assert told["seconds"] > 0
    assert main(["import", "--root", str(root), "--json"]) == 0
    told = orjson.loads(capsysbinary.readouterr().out)
    assert (told["files"], *(told[key] for key in KEYS[1:5])) == (2, 0, 0, 0, 0)
    assert main(["search", '"the tour"', "--json"]) == 0  # --wait: it can be found


def test_people_are_told_in_words(root: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    draft = b'{"type":"custom-title","customTitle":"Nothing yet","sessionId":"00000000-0000-4000-8000-000000000009"}\n'
    (root / "draft.jsonl").write_bytes(draft)
    assert main(["import", "--root", str(root), "--wait"]) == 0
    lines = capsysbinary.readouterr().out.decode().splitlines()
    assert lines[0].startswith("2 sessions read (")
    assert lines[1] == "1 session with nothing in it, not kept"
    assert main(["import", "--root", str(root)]) == 0
    assert "3 sessions unchanged" in capsysbinary.readouterr().out.decode()


def test_a_root_that_is_not_there_is_one_sentence(root: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["import", "--root", str(root / "nothing")]) == 2
    out, err = capsysbinary.readouterr()
    assert out == b""
    assert err.decode() == f"playhead: {root / 'nothing'} does not exist (any more).\n"


def written(db: Path, sql: str, by: subprocess.Popen[bytes]) -> bool:
    """Wait until the statement finds a row that another process writes; False: it has ended without."""
    news = threading.Event()
    watcher = Watcher()
    # Before the first look: what is written after it rings. The end of the process rings as well.
    watcher.watch(db.with_name(f"{db.name}-wal"), lambda _: news.set())
    ended = threading.Thread(target=lambda: (by.wait(), news.set()), daemon=True)
    ended.start()
    try:
        with closing(sqlite3.connect(db)) as connection:
            while connection.execute(sql).fetchone() is None:
                if by.poll() is not None:
                    return False
                assert news.wait(120)
                news.clear()
        return True
    finally:
        watcher.stop()


def test_ctrl_c_leaves_a_sound_database_and_says_how_to_go_on(root: Path) -> None:
    db = data_dir() / "playhead.db"
    Writer(db).close()
    turn = hold(db.with_name(f"{db.name}.archive-turn"), wait=True)  # nothing comes in while we have it
    assert turn is not None
    process = subprocess.Popen(
        [sys.executable, "-m", "viewer", "import", "--root", str(root), "--json"],
        cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        assert written(db, "SELECT 1 FROM import_run WHERE state = 'running'", process)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
        out, err = process.communicate(timeout=60)
    finally:
        turn.drop(remove=False)
    assert process.returncode == 130
    assert orjson.loads(out)["sessions"] == 0
    assert err.decode() == "playhead: Stopped. What was read is kept; playhead import goes on from there.\n"
    with closing(sqlite3.connect(db)) as connection:
        assert connection.execute("SELECT state FROM import_run").fetchall() == [("cancelled",)]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert main(["import", "--root", str(root), "--json", "--wait"]) == 0


def test_two_at_once(root: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    db = data_dir() / "playhead.db"
    db.parent.mkdir(parents=True, exist_ok=True)
    other = hold(db.with_name(f"{db.name}.archive"), wait=True)
    assert other is not None
    try:
        assert main(["import", "--root", str(root)]) == 2
    finally:
        other.drop(remove=False)
    assert capsysbinary.readouterr().err == (
        b"playhead: Another import of the archive is running: wait for it, or end it.\n"
    )


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (125, "2:05 min"), (3599, "59:59 min"), (4810, "1:20 h")]
)
def test_how_long_it_will_take(seconds: float, text: str) -> None:
    assert clock(seconds) == text
