"""The composer loses nothing: what was typed, queued or sent outlives switches, closes, crashes and failed forks."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from composer_kit import WAIT, composed, idle, opened, say, session_file, started, texts
from hooks import agents
from pytestqt.qtbot import QtBot

from viewer.app import App
from viewer.composer.drafts import Drafts, Typed

OTHER = "5e551014-0000-4000-8000-00000000001f"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return agents(tmp_path, monkeypatch)


@pytest.fixture
def session(work: Path) -> Path:
    session_file(work, OTHER)
    return session_file(work)


@pytest.fixture
def app(session: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    with composed(session, qtbot, monkeypatch) as app:
        yield app


def other(session: Path) -> str:
    return str(session.with_name(f"{OTHER}.jsonl"))


def test_permissions_can_still_be_chosen_after_a_switch(app: App, session: Path, work: Path, qtbot: QtBot) -> None:
    found = opened(app, qtbot)
    found.pane.strip.choose_mode("plan")
    say(found, "one")
    qtbot.waitUntil(lambda: len(started(work)) == 1 and idle(app), timeout=WAIT)
    modes = found.pane.strip.modes
    strip = found.pane.strip
    assert modes.isVisibleTo(app.window), (found.pane.opened, strip.told, strip.sentence.text(), found.connected)
    app.window.open_path(other(session))
    assert found.pane.strip.permission == "", "what may be done there is another matter"
    app.window.open_path(str(session))
    assert modes.isVisibleTo(app.window)
    assert modes.text() == "Permissions: plan"
    assert not found.pane.strip.here.isVisibleTo(app.window)
    found.pane.strip.choose_mode("acceptEdits")
    say(found, "two")
    qtbot.waitUntil(lambda: len(started(work)) == 2 and idle(app), timeout=WAIT)
    assert ["plan" in str(one["argv"]) for one in started(work)] == [True, False]
    assert "acceptEdits" in str(started(work)[1]["argv"])


def test_a_prompt_that_is_edited_stays_so_over_a_switch(app: App, session: Path, work: Path, qtbot: QtBot) -> None:
    """Held, with the words that it has by now; also when the session is closed, and after a crash."""
    found = opened(app, qtbot)
    say(found, "hang")
    say(found, "two")
    qtbot.waitUntil(lambda: len(found.header.queued) == 1, timeout=WAIT)  # type: ignore[union-attr]
    found.pane.editor.setPlainText("half typed")
    [waiting] = [one.id for one in found.header.queued]  # type: ignore[union-attr]
    found.edit(waiting)
    found.pane.editor.setPlainText("two, better")
    app.window.open_path(other(session))
    assert found.pane.editor.toPlainText() == ""
    queue = app.live.hub.sessions[str(session)].queue
    assert [(one.text, one.held) for one in queue] == [("two", True)]
    app.window.open_path(str(session))
    assert found.pane.editor.toPlainText() == "two, better"
    assert found.pane.send.text() == "Save"
    path = found.drafts.path
    assert path is not None
    # What a start after a crash would find; the timer of what is typed brings it there.
    qtbot.waitUntil(lambda: Drafts(path)[str(session)].endswith("two, better\n\nhalf typed"), timeout=WAIT)
    app.window.desk.close_session(str(session))
    assert found.drafts[str(session)].endswith("two, better\n\nhalf typed")


def test_a_prompt_sent_at_the_last_moment_is_a_draft_and_starts_nothing(
    app: App, session: Path, work: Path, qtbot: QtBot
) -> None:
    found = opened(app, qtbot)
    say(found, "too late")
    qtbot.waitUntil(lambda: "too late" in texts(app), timeout=WAIT)
    path = found.drafts.path
    assert path is not None
    app.shutdown()
    for thread in threading.enumerate():
        if thread.name.startswith(("send ", "run ")):
            thread.join()
    assert Drafts(path)[str(session)] == "too late" or b"too late" in session.read_bytes()
    for one in started(work):
        assert not Path(f"/proc/{one['pid']}").exists(), "nothing is left running"


def test_a_fork_that_says_who_it_is_before_it_is_written_is_shown(
    app: App, session: Path, work: Path, qtbot: QtBot
) -> None:
    found = opened(app, qtbot)
    found.pane.strip.fork.click()
    gate = work / "go"
    say(found, f"late {gate}")
    runs = app.live.feeds.talks.runs()
    qtbot.waitUntil(lambda: any(row.agent_session for row in runs.running()), timeout=WAIT)
    assert found.key == str(session)
    gate.touch()
    qtbot.waitUntil(lambda: found.key != str(session) and found.connected, timeout=WAIT)
    qtbot.waitUntil(lambda: texts(app)[-1:] == [f"You said: late {gate}"] and idle(app), timeout=WAIT)


def test_each_fork_has_its_own_prompt(app: App, session: Path, work: Path, qtbot: QtBot) -> None:
    """Two at once, and the second comes to nothing: its prompt comes back, not the other's."""
    found = opened(app, qtbot)
    found.pane.strip.fork.click()
    gate = work / "go"
    say(found, f"late {gate}")
    qtbot.waitUntil(lambda: len(started(work)) == 1, timeout=WAIT)
    (work.parent / "bin" / "claude").rename(work.parent / "bin" / "gone")
    say(found, "the second")
    qtbot.waitUntil(lambda: "The fork was not made" in found.pane.hint.text(), timeout=WAIT)
    assert found.pane.editor.toPlainText() == "the second"
    gate.touch()
    qtbot.waitUntil(lambda: found.key != str(session), timeout=WAIT)
    assert found.drafts[str(session)] == "the second"


def test_another_windows_drafts_stay(tmp_path: Path) -> None:
    path = tmp_path / "drafts.json"
    one, two = Drafts(path), Drafts(path)
    assert one["a"] == two["b"] == ""
    one.put("a", "of one")
    two.put("b", "of two")
    two.put("c", "gone again")
    two.put("c", "")
    one.save()
    two.save()
    assert (Drafts(path)["a"], Drafts(path)["b"], Drafts(path)["c"]) == ("of one", "of two", "")
    older, newer = one.writer({"a": Typed("waits")}), one.writer({})
    newer()
    older()
    assert Drafts(path)["a"] == "of one", "jobs overlap: the newer one wins"


def test_opening_the_composer_brings_no_database_to_the_gui_thread() -> None:
    """SQLAlchemy takes a third of a second to come in: a job of the first look has that, and no paint."""
    wanted = "import sys, viewer.composer.strip, viewer.composer.unsent; print('sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", wanted], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
