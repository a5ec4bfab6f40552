"""X-06 for the window: killed at any moment, with all that works for it, it leaves nothing half, and comes back."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from faults import sound, whole
from imports import REPO

from store.archive_import import ArchiveImport
from store.db.lock import hold
from store.known import known
from store.prices import price
from store.sources.journal import folder
from viewer.bench.make_session import write_session

pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups and kill -9")

OLD = (1_700_000_000, 1_700_000_000)
SESSIONS = 6
# The real window: it opens session after session, one of which is read by an importer, keeps copies of all, follows a
# command, saves places, and says a line for whatever happens. It goes on until it is killed.
WINDOW = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
import store.ingest, viewer.desk, viewer.keeping
store.ingest.SMALL = 1 << 14
store.ingest.FIRST = 1 << 12
viewer.desk.RELEASE = 50
viewer.keeping.AFTER = viewer.keeping.QUIET = 0
from viewer.app import App
from viewer.options import Options
root = Path(sys.argv[1])
app = App(Options(paths=(str(root),)))
paths = sorted(map(str, root.rglob("*.jsonl")))
live, window = app.live, app.window
def say(*_):
    print("now", flush=True)
live.changed.connect(say)
live.sessions.connect(say)
live.progress.connect(say)
app.keeping.told.connect(say)
app.keeping.ran.connect(say)
app.start(restore=False)
window.start(lambda: live.run([sys.executable, "-c", sys.argv[2]]))
turn = 0
def on():
    global turn
    turn += 1
    window.open_path(paths[turn % len(paths)])
    window.pane.view.scroll_by(-100)
    app.places.save()
    say()
timer = QTimer(interval=20)
timer.timeout.connect(on)
timer.start()
app.execute()
"""
AGENT = """
import json, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
for n in range(100000):
    print(json.dumps({"type": "assistant", "session_id": "s", "message": {"id": f"m{n}", "role": "assistant",
        "content": [{"type": "text", "text": f"answer {n}"}]}}), flush=True)
    signal.sigwait([signal.SIGALRM])
"""


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    root = tmp_path / "claude" / "projects"
    found = []
    for number in range(SESSIONS):
        path = root / "-p" / f"{number:08x}-0000-4000-8000-000000000000.jsonl"
        write_session(path, records=30 + 30 * number, seed=number)
        os.utime(path, OLD)
        found.append(path)
    return found


def killed(paths: list[Path], data: Path, lines: int) -> None:
    """Run the window and kill it, and all that it has started, after so many lines."""
    command = [sys.executable, "-c", WINDOW, str(paths[0].parents[1]), AGENT]
    environment = {**os.environ, "PLAYHEAD_DATA_DIR": str(data), "QT_QPA_PLATFORM": "offscreen"}
    process = subprocess.Popen(
        command, cwd=REPO, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    for _ in range(lines):
        assert process.stdout.readline(), process.stderr.read().decode()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    process.stderr.close()


def kill_and_look(paths: list[Path], tmp_path: Path, points: list[int]) -> None:
    for point in points:
        data = tmp_path / f"at{point}"
        db = data / "data" / "playhead.db"
        killed(paths, data, point)
        killed(paths, data, 1 + point % 7)  # and again, while what the first has left is put right
        gone = hold(db.with_name(f"{db.name}.archive"), wait=True)  # its import ends by itself, at its next look
        assert gone is not None
        gone.drop(remove=False)
        state = data / "state" / "places.json"
        assert not state.exists() or isinstance(json.loads(state.read_bytes()), dict)
        for key in sound(db):
            found = known(Path(key), db)
            if found is not None:
                found.window.close()
        # What an agent has said lies in the journal, line by line.
        for journal in folder(data / "data").glob("*.jsonl"):
            *lines, _rest = journal.read_bytes().split(b"\n")
            assert [json.loads(line)["message"]["id"] for line in lines] == [f"m{n}" for n in range(len(lines))]
        assert ArchiveImport(db, [paths[0].parents[1]]).run().failed == []
        whole(db, paths, price)
        shutil.rmtree(data)


def test_x06_killed_anywhere_the_window_leaves_nothing_half(paths: list[Path], tmp_path: Path) -> None:
    """kill -9 of the window: sessions, journals, places and the database are whole, and the next one goes on."""
    kill_and_look(paths, tmp_path, random.Random().sample(range(1, 120), 1))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_x06_the_window_killed_a_hundred_times(paths: list[Path], tmp_path: Path, seed: int) -> None:
    kill_and_look(paths, tmp_path, random.Random(seed).sample(range(1, 200), 10))  # each of them twice
