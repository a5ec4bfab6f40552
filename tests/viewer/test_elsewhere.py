"""What other Playheads and commands do to sessions, in a window that is open: seen at once, and never contradicted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from apps import running
from builders import answer, assistant, call, lines, user
from conftest import REPO
from pytestqt.qtbot import QtBot

from store.delta import Row, SessionsDelta
from store.paths import data_dir
from store.titles import names
from viewer.app import App
from viewer.options import Options

WAIT = 20_000
# Another process, as another Playhead is: what it is told to do, one line after the other.
OTHER = """
import sys
from pathlib import Path
from store import archive, titles
db, path = Path(sys.argv[1]), Path(sys.argv[2])
for line in sys.stdin:
    what, _, name = line.rstrip("\\n").partition(" ")
    titles.rename(db, path, name) if what == "rename" else getattr(archive, what)(db, path)
"""


@pytest.fixture
def session(tmp_path: Path) -> Path:
    path = tmp_path / "one.jsonl"
    path.write_bytes(lines(user("go"), assistant(call("Bash")), answer("ok", seconds=3)))
    return path


@pytest.fixture
def app(session: Path, qtbot: QtBot) -> Iterator[App]:
    """With one session, which is open."""
    with running(Options()) as made:
        made.hear()
        qtbot.waitSignal(made.hearing.listens, timeout=WAIT).wait()
        one = Row(str(session), "claude-code", "one", "/w/demo", "demo", updated=1, path=str(session), state="ended")
        made.window.on_sessions(SessionsDelta(put=(one,), total=1))
        made.window.open_listed(str(session))
        current = made.window.desk.current
        assert current is not None
        qtbot.waitUntil(lambda: current.header is not None and current.header.state != "opening", timeout=WAIT)
        qtbot.waitUntil(lambda: bool(made.window.shelf._answered and made.window.naming._answered), timeout=WAIT)
        yield made


@pytest.fixture
def do(session: Path) -> Iterator[Callable[[str], None]]:
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(data_dir() / "playhead.db"), str(session)],
        cwd=REPO, stdin=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert other.stdin is not None
    stdin = other.stdin

    def told(line: str) -> None:
        stdin.write(f"{line}\n")
        stdin.flush()

    yield told
    stdin.close()
    assert other.wait(60) == 0


def test_what_another_playhead_does_to_a_session_is_seen(
    app: App, session: Path, do: Callable[[str], None], qtbot: QtBot
) -> None:
    """Its name, that it is archived, deleted and restored: in list, header, and for what is open. Nobody asks."""
    window, path = app.window, str(session)

    def listed() -> str:
        index = window.sessions.sessions.index_of(path)
        return str(index.data()) if index.isValid() else ""

    do("rename theirs")
    qtbot.waitUntil(lambda: (listed(), window.header.title.text()) == ("theirs", "theirs"), timeout=WAIT)
    assert "theirs" in window.windowTitle()
    with qtbot.waitSignal(window.naming.renamed, timeout=WAIT):
        window.naming.rename(path, "ours")
    do("rename theirs again")
    qtbot.waitUntil(lambda: listed() == "theirs again", timeout=WAIT)
    window.actions_["undo"].trigger()
    qtbot.waitUntil(lambda: "nothing was taken back" in window.notice.text.text(), timeout=WAIT)
    assert names(data_dir() / "playhead.db") == {path: "theirs again"}, "what others called it since stays"

    do("archive")
    qtbot.waitUntil(lambda: window.header.state.text() == "archived", timeout=WAIT)
    assert window.notice.text.text() == "“theirs again” was archived in another window."
    assert window.desk.current is not None
    assert window.desk.current.key == path
    do("delete")
    qtbot.waitUntil(lambda: not listed(), timeout=WAIT)
    qtbot.waitUntil(lambda: "deleted in another window" in window.notice.text.text(), timeout=WAIT)
    assert window.desk.opened(path) is not None, "whoever reads it reads on"
    do("restore")
    qtbot.waitUntil(lambda: listed() == "theirs again", timeout=WAIT)
    assert not window.notice.isVisible(), "it is no longer so"

    with qtbot.waitSignal(window.shelf.moved, timeout=WAIT):
        window.shelf.do("delete", path)
    assert window.actions_["undo"].text() == "Undo deletion of “theirs again”"
    do("restore")
    qtbot.waitUntil(lambda: listed() == "theirs again", timeout=WAIT)
    assert "deletion" not in window.actions_["undo"].text(), "a button that would do nothing"
    assert window.notice.text.text() == "Restored in another window. It is archived as before."


def test_what_is_done_here_is_not_told_as_somebody_elses(app: App, session: Path, qtbot: QtBot) -> None:
    window, elsewhere = app.window, list[tuple[str, str]]()
    window.shelf.elsewhere.connect(lambda path, state: elsewhere.append((path, state)))
    for action in ("archive", "delete", "restore"):
        before = window.shelf._answered
        with qtbot.waitSignals([window.shelf.moved, app.hearing.sessions], timeout=WAIT):
            window.shelf.do(action, str(session))
        qtbot.waitUntil(lambda before=before: window.shelf._answered >= before + 2, timeout=WAIT)
    assert elsewhere == []
