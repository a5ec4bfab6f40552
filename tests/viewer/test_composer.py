"""Going on with a session in the real window: composer, preflight, queue, stop, fork; the agent is a scripted CLI."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from composer_kit import SESSION, WAIT, composed, composing, idle, opened, rows, say, session_file, started, texts
from hooks import agents
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QSignalSpy, QTest
from pytestqt.qtbot import QtBot

from store import settings as st
from store.delta import Header
from store.items import Item, Message, Prompt, text_of
from store.report import rows_of
from store.sources.journal import read_meta
from viewer.app import App
from viewer.composer.drafts import Drafts

ACP = Path(__file__).resolve().parents[1] / "acp_agent.py"
ACP_SCRIPT = """
def on_prompt(message):
    text = message["params"]["prompt"][0]["text"]
    if text == "ask":
        permit("c1", "rm -rf build")
    say(f"did {text}")
    done(message)
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return agents(tmp_path, monkeypatch)


@pytest.fixture
def session(work: Path) -> Path:
    return session_file(work)


@pytest.fixture
def app(session: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    with composed(session, qtbot, monkeypatch) as made:
        yield made


def test_a_finished_session_goes_on(app: App, session: Path, work: Path, qtbot: QtBot) -> None:
    """004-09: the prompt is there at once, "sending", and its echo takes its place; what streams is the file's row."""
    found = opened(app, qtbot)
    finished = QSignalSpy(app.live.finished)
    added: list[tuple[int, Item]] = []
    app.live.changed.connect(lambda delta: added.extend(enumerate(delta.added, delta.first)))
    gate = work / "go"
    say(found, f"slow {gate}")
    assert found.pane.editor.toPlainText() == ""
    qtbot.waitUntil(lambda: len(rows(app)) == 4 and not getattr(rows(app)[2], "sending", True), timeout=WAIT)
    assert texts(app)[:3] == ["first question", "first answer", f"slow {gate}"]
    assert texts(app)[3] == "You ", "as it streams, before the file has any of it"
    assert not rows(app)[3].spans
    assert b"You " not in session.read_bytes()
    assert found.pane.stop.isVisibleTo(app.window)
    assert app.window.actions_["stop"].isEnabled()
    [(row, sent), *rest] = added
    assert isinstance(sent, Prompt)
    assert (row, sent.text, sent.sending) == (2, f"slow {gate}", True), "at once, before its agent has said anything"
    assert [type(item) for _, item in rest] == [Message], "its echo takes its place"
    gate.touch()
    qtbot.waitUntil(lambda: idle(app), timeout=WAIT)
    assert texts(app)[3] == f"You said: slow {gate}"
    assert len(rows(app)) == 4, "nothing twice"
    assert rows(app)[3].spans, "the record took its place"
    [*_, (key, completed)] = [finished.at(index) for index in range(finished.count())]
    assert (key, completed.stop_reason, completed.duration_us is not None) == (str(session), "", True) or (
        completed.stop_reason in ("success", "end_turn")
    )
    assert finished.count() == 1, "announced once"
    assert texts(app) == [text_of(item) for item in rows_of(session)[0]], "as a reader of the file sees it"
    [told] = started(work)
    assert told["argv"][-2:] == ["--resume", SESSION]
    assert told["cwd"] == str(work)


def test_prompts_queue_and_go_one_per_turn(app: App, session: Path, work: Path, qtbot: QtBot) -> None:
    """004-11, G.1-11: typed during a turn they wait, can be edited, moved and taken back, and go in order."""
    found = opened(app, qtbot)
    finished = QSignalSpy(app.live.finished)
    gate = work / "go"
    say(found, f"wait {gate}")
    qtbot.waitUntil(lambda: len(started(work)) == 1, timeout=WAIT)
    for text in ("one", "two", "three", "four"):
        say(found, text)
    waiting = found.pane.waiting.list
    assert [waiting.item(row).text() for row in range(4)] == ["1  one", "2  two", "3  three", "4  four"]
    assert found.pane.send.text() == "Queue"
    found.pane.editor.setPlainText("half typed")
    high = found.pane.sizeHint().height()
    app.settings.put({st.THEME.name: "dark" if not app.look.dark else "light"})
    assert found.pane.strip.here.isHidden(), "another look shows what is there, and nothing that was put away"
    qtbot.waitUntil(lambda: found.pane.sizeHint().height() == high, timeout=WAIT)
    waiting.setFocus()
    waiting.setCurrentRow(3)
    QTest.keyClick(waiting, Qt.Key.Key_Up, Qt.KeyboardModifier.ControlModifier)
    assert [one.text for one in found.header.queued] == ["one", "two", "four", "three"]  # type: ignore[union-attr]
    waiting.setCurrentRow(3)
    QTest.keyClick(waiting, Qt.Key.Key_Delete)
    waiting.setCurrentRow(1)
    QTest.keyClick(waiting, Qt.Key.Key_Return)
    assert found.pane.editor.toPlainText() == "two"
    assert "being edited" in waiting.item(1).text()
    gate.touch()
    qtbot.waitUntil(lambda: len(started(work)) == 2 and idle(app), timeout=WAIT)
    assert [told["prompt"] for told in started(work)][1:] == ["one"], "one that is edited holds back all behind it"
    assert finished.count() == 1, "nothing sendable waits any more"
    say(found, "two, better")
    assert found.pane.editor.toPlainText() == "half typed"
    qtbot.waitUntil(lambda: len(started(work)) == 4 and idle(app), timeout=WAIT)
    assert [told["prompt"] for told in started(work)][2:] == ["two, better", "four"]
    assert finished.count() == 2, "silent between two queued prompts"
    assert [text for text in texts(app) if not text.startswith("You said")][2:] == [
        f"wait {gate}", "one", "two, better", "four"
    ]  # fmt: skip
    assert texts(app) == [text_of(item) for item in rows_of(session)[0]]


def test_stop_holds_what_waits(app: App, work: Path, qtbot: QtBot) -> None:
    """G.1-13: a cancelled turn drains nothing; Send goes on with what waits."""
    found = opened(app, qtbot)
    finished = QSignalSpy(app.live.finished)
    say(found, f"slow {work / 'never'}")
    qtbot.waitUntil(lambda: len(rows(app)) == 4, timeout=WAIT)
    strip = found.pane.strip
    assert strip.starts.isVisibleTo(app.window), "also of the next one it is shown what it starts"
    assert strip.starts.text().endswith(f"--resume {SESSION}")
    say(found, "next")
    QTest.mouseClick(found.pane.stop, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: idle(app), timeout=WAIT)
    assert [told.stop_reason for _, told in [finished.at(0)]] == ["cancelled"]
    assert "Interrupted by the user" in texts(app)
    assert len(started(work)) == 1
    assert [one.text for one in found.header.queued] == ["next"]  # type: ignore[union-attr]
    QTest.mouseClick(found.pane.send, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(started(work)) == 2 and idle(app), timeout=WAIT)
    assert started(work)[1]["prompt"] == "next"


def test_a_prompt_that_was_not_sent_is_not_lost(app: App, work: Path, qtbot: QtBot) -> None:
    """004-11: the failed send leaves it first in the queue with the reason, and no row; it goes when it can."""
    found = opened(app, qtbot)
    (work.parent / "bin" / "claude").rename(work.parent / "bin" / "gone")
    say(found, "Say hello")
    say(found, "and this")
    qtbot.waitUntil(lambda: "not found on your PATH" in found.pane.hint.text(), timeout=WAIT)
    assert texts(app) == ["first question", "first answer"]
    assert [one.text for one in found.header.queued] == ["Say hello", "and this"]  # type: ignore[union-attr]
    assert idle(app)
    (work.parent / "bin" / "gone").rename(work.parent / "bin" / "claude")
    QTest.mouseClick(found.pane.send, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(started(work)) == 2 and idle(app), timeout=WAIT)
    assert [told["prompt"] for told in started(work)] == ["Say hello", "and this"]
    found.pane.strip.choose_mode("plan")
    say(found, "Say hello")
    qtbot.waitUntil(lambda: len(started(work)) == 3 and idle(app), timeout=WAIT)
    modes = ["--permission-mode" in told["argv"] for told in started(work)]
    assert modes == [False, False, True], "from the next prompt on"


def test_a_failed_run_says_why_and_holds_what_waits(app: App, work: Path, qtbot: QtBot) -> None:
    found = opened(app, qtbot)
    say(found, "refuse this")
    say(found, "next")
    qtbot.waitUntil(lambda: len(started(work)) == 1 and idle(app), timeout=WAIT)
    assert "API Error: 400" in app.window.notice.text.text()
    assert [one.text for one in found.header.queued] == ["next"]  # type: ignore[union-attr]
    assert not getattr(rows(app)[2], "sending", True)


def test_a_fork_is_another_session(app: App, session: Path, work: Path, qtbot: QtBot) -> None:
    """The copy is shown and goes on there; this one stays as it is, byte for byte."""
    before = session.read_bytes()
    found = opened(app, qtbot)
    strip = found.pane.strip
    assert strip.starts.text().startswith("claude -p --output-format stream-json")
    assert strip.starts.text().endswith(f"--resume {SESSION}")
    strip.fork.click()
    assert strip.starts.text().endswith(f"--resume {SESSION} --fork-session"), "what is started is shown before"
    strip.choose_mode("plan")
    assert " --permission-mode plan " in strip.starts.text()
    strip.choose_mode("")
    assert found.pane.send.text() == "Fork"
    gate = work / "go"
    say(found, f"slow {gate}")
    qtbot.waitUntil(lambda: composing(app).key != str(session), timeout=WAIT)
    qtbot.waitUntil(lambda: texts(app)[-1:] == ["You "], timeout=WAIT)
    assert texts(app)[:3] == ["first question", "first answer", f"slow {gate}"]
    gate.touch()
    qtbot.waitUntil(lambda: texts(app)[-1] == f"You said: slow {gate}" and idle(app), timeout=WAIT)
    assert session.read_bytes() == before
    assert app.live.can_send(composing(app).key)
    say(composing(app), "Say hello")
    qtbot.waitUntil(lambda: len(started(work)) == 2 and idle(app), timeout=WAIT)
    assert started(work)[1]["argv"][-1] == Path(composing(app).key).stem


def test_preflight_says_what_is_in_the_way(app: App, session: Path, work: Path, qtbot: QtBot) -> None:
    """Open elsewhere: here is off with the reason, a fork is offered; the folder gone: nothing is."""
    entry = Path(os.environ["CLAUDE_CONFIG_DIR"]) / "sessions" / f"{os.getpid()}.json"
    entry.parent.mkdir(exist_ok=True)
    entry.write_text(json.dumps({"sessionId": SESSION, "status": "idle"}))
    found = opened(app, qtbot)
    strip = found.pane.strip
    assert strip.told is not None
    levels = {check.name: check.level for check in strip.told.checks}
    assert (levels["elsewhere"], levels["folder"]) == ("stop", "ok")
    assert (strip.here.isEnabled(), strip.way, found.pane.send.text()) == (False, "fork", "Fork")
    assert f"process {os.getpid()}" in strip.here.toolTip()
    entry.unlink()
    work.rename(work.with_name("away"))
    strip.again.click()
    qtbot.waitUntil(lambda: strip.told is not None and not strip.told.pid, timeout=WAIT)
    assert (strip.way, found.pane.send.isEnabled()) == ("", False)
    assert "is gone" in strip.sentence.text()
    say(found, "hello?")
    assert found.pane.editor.toPlainText() == "hello?", "nothing typed is lost"
    strip.copy.click()
    assert QGuiApplication.clipboard().text() == f"cd {work} && claude --resume {SESSION}"
    work.with_name("away").rename(work)
    strip.again.click()
    qtbot.waitUntil(lambda: strip.way == "here", timeout=WAIT)
    assert found.pane.send.isEnabled()
    assert found.header is not None
    found.header = msgspec.structs.replace(found.header, state="archived")
    strip.again.click()
    qtbot.waitUntil(lambda: "is archived" in strip.sentence.text(), timeout=WAIT)
    assert (strip.here.isEnabled(), strip.fork.isEnabled()) == (False, True), "what it would say is refused"


def test_what_the_beginning_says_is_not_missed_before_it_is_read(app: App, qtbot: QtBot) -> None:
    """Of a big session the end is there first, and its id may stand in its first record only."""
    opened(app, qtbot)
    key, header = composing(app).key, Header(agent="codex")
    assert "does not say its id" in app.live.why_not(key, header)
    assert "still being read" in app.live.why_not(key, msgspec.structs.replace(header, partial=True))
    assert app.live.why_not(key, Header(agent="claude-code", id=SESSION, partial=True)) == ""


def test_drafts_stay_with_their_session(app: App, session: Path, qtbot: QtBot) -> None:
    other = session.with_name("5e551014-0000-4000-8000-00000000001f.jsonl")
    other.write_bytes(session.read_bytes())
    found = opened(app, qtbot)
    found.pane.editor.setPlainText("for the first")
    app.window.open_path(str(other))
    assert found.pane.editor.toPlainText() == ""
    app.window.open_path(str(session))
    assert found.pane.editor.toPlainText() == "for the first"
    QTest.keyClick(found.pane.editor, Qt.Key.Key_Escape)
    assert not found.pane.opened
    assert found.pane.bar.text().strip() == "Draft: for the first"
    app.window.keep_prompts()
    path = found.drafts.path
    assert path is not None
    assert Drafts(path)[str(session)] == "for the first"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(b"{damaged")
    assert Drafts(path)[str(session)] == ""


def test_what_waits_is_a_draft_when_the_session_is_closed(app: App, session: Path, work: Path, qtbot: QtBot) -> None:
    found = opened(app, qtbot)
    say(found, "deaf")
    say(found, "later")
    found.pane.editor.setPlainText("half")
    qtbot.waitUntil(lambda: len(started(work)) == 1, timeout=WAIT)
    app.window.desk.close_session(str(session))
    assert found.drafts[str(session)] == "deaf\n\nlater\n\nhalf", "also the one that its agent has not taken down"


def test_the_editor_grows_to_eight_lines_and_keys_do_what_they_say(app: App, qtbot: QtBot) -> None:
    found = opened(app, qtbot)
    editor = found.pane.editor
    heights = []
    for count in (1, 2, 8, 20):
        editor.setPlainText("\n".join("x" * count))
        QGuiApplication.processEvents()
        heights.append(editor.height())
    line = editor.fontMetrics().lineSpacing()
    assert heights[1] - heights[0] == line
    assert heights[2] - heights[0] == 7 * line
    assert heights[3] == heights[2]
    editor.clear()
    QTest.keyClick(editor, Qt.Key.Key_A)
    QTest.keyClick(editor, Qt.Key.Key_Return)
    assert editor.toPlainText() == "a\n"
    editor.clear()
    QTest.keyClick(editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert idle(app), "nothing is sent of nothing"


def test_in_a_narrow_window_prompt_and_reason_stand_there_whole(app: App, qtbot: QtBot) -> None:
    """Both wrap: neither is cut, and no reason, however long, makes the window wider."""
    found = opened(app, qtbot)
    pane, window = found.pane, app.window
    pane.editor.setPlainText("some words of a prompt " * 6)
    window.resize(1440, 640)
    window.show()
    qtbot.waitUntil(lambda: pane.editor.height() == pane.editor.line_height(1), timeout=WAIT)
    least = window.minimumSizeHint().width()
    pane.show_hint("Pasted image.png cannot be sent. " * 12, failed=True)
    window.resize(900, 640)
    qtbot.waitUntil(lambda: pane.editor.document().size().height() > 1, timeout=WAIT)
    qtbot.waitUntil(lambda: pane.editor.height() == pane.editor.sizeHint().height(), timeout=WAIT)
    qtbot.waitUntil(lambda: pane.hint.height() >= pane.hint.heightForWidth(pane.hint.width()), timeout=WAIT)
    assert (window.width(), window.minimumSizeHint().width()) == (900, least)


def test_in_a_small_window_the_composer_takes_its_room_from_the_transcript(app: App, qtbot: QtBot) -> None:
    """On a small screen, or with everything twice as large: the window stays what it is, or Send is below its edge."""
    window = app.window
    assert window.home is not None  # it has been shown once
    window.resize(690, 512)
    found = opened(app, qtbot)
    found.pane.editor.setPlainText("some words of a prompt " * 6)
    qtbot.waitUntil(lambda: found.pane.editor.height() == found.pane.editor.sizeHint().height(), timeout=WAIT)
    qtbot.waitUntil(lambda: found.pane.strip.here.isVisible(), timeout=WAIT)
    app.qt.processEvents()
    assert window.height() == 512
    assert window.minimumSizeHint().height() < 512
    assert window.pane.view.height() >= window.pane.view.minimumSizeHint().height()


def test_an_acp_session_is_talked_to(app: App, work: Path, qtbot: QtBot) -> None:
    """The same composer for an agent that is connected: a prompt, one that waits, and the permission it asks for."""
    found = composing(app)
    told: list[str] = []
    app.window.notifier.told.connect(lambda _key, _title, text: told.append(text))
    app.window.start(lambda: app.live.acp([sys.executable, str(ACP), ACP_SCRIPT], str(work)))
    app.window.actions_["compose"].trigger()
    assert found.pane.opened
    assert not found.pane.strip.isVisibleTo(app.window), "there is nothing to look at before"
    say(found, "one")
    say(found, "two")
    qtbot.waitUntil(lambda: idle(app) and "did two" in texts(app), timeout=WAIT)
    assert [text for text in texts(app) if text in ("one", "two", "did one", "did two")] == [
        "one", "did one", "two", "did two"
    ]  # fmt: skip
    assert not any(getattr(item, "sending", False) for item in rows(app))
    say(found, "ask")
    qtbot.waitUntil(lambda: found.header is not None and found.header.state == "waiting", timeout=WAIT)
    QTest.mouseClick(found.pane.stop, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: idle(app), timeout=WAIT)
    if not app.window.isActiveWindow():
        assert any(text.startswith("Needs your answer") for text in told)
    app.window.on_notified("")  # the one of several runs of triggers
    assert app.window.panel_shown
    assert app.window.panel.tabs.currentIndex() == 1


def test_an_acp_session_that_is_over_is_loaded_into_a_new_one(app: App, work: Path, qtbot: QtBot) -> None:
    """Where its agent offers that; the old one stays as it is, and is the new one's parent. Else it says why not."""
    found = composing(app)
    command = [sys.executable, str(ACP), ACP_SCRIPT]
    app.window.start(lambda: app.live.acp(command, str(work)))
    old = found.key
    app.window.actions_["compose"].trigger()
    say(found, "one")
    qtbot.waitUntil(lambda: idle(app) and "did one" in texts(app), timeout=WAIT)
    app.live.stop(old)
    qtbot.waitUntil(lambda: found.pane.strip.told is not None, timeout=WAIT)
    told = found.pane.strip.told
    assert told is not None
    assert (told.why, found.pane.strip.here.text(), found.pane.strip.fork.isEnabled()) == (
        "", "Load in a new session", False
    )  # fmt: skip
    assert told.command.startswith(f"cd {work} && playhead acp --load ")
    before = texts(app)
    say(found, "two")
    qtbot.waitUntil(lambda: found.key != old and idle(app) and "did two" in texts(app), timeout=WAIT)
    stream = app.live.feeds._streams[found.key]
    journal = app.live.feeds.path_of(old)
    assert stream.journal is not None
    assert journal is not None
    assert stream.journal.flush()
    assert b'"session/load"' in stream.journal.path.read_bytes()
    assert read_meta(stream.journal.path).parent == str(journal)  # type: ignore[union-attr]
    app.window.desk.show_session(old)
    qtbot.waitUntil(lambda: texts(app) == before, timeout=WAIT)
    cannot = "CAPS.clear()\n" + ACP_SCRIPT
    app.window.start(lambda: app.live.acp([sys.executable, str(ACP), cannot], str(work)))
    qtbot.waitUntil(lambda: found.connected and bool(found.header and found.header.id), timeout=WAIT)
    app.live.stop(found.key)
    found.open()
    qtbot.waitUntil(lambda: found.pane.strip.told is not None, timeout=WAIT)
    assert found.pane.strip.sentence.text() == "This agent cannot load a session that is over: start it anew."
    assert not found.pane.send.isEnabled()


def test_a_session_without_a_runner_says_so(app: App, work: Path, qtbot: QtBot) -> None:
    """The output of a command is no session of an agent's; of a recording there is nothing to say."""
    found = composing(app)
    app.window.start(lambda: app.live.run([sys.executable, "-c", "print('{}')"]))
    qtbot.waitUntil(lambda: not found.pane.bar.isEnabled(), timeout=WAIT)
    assert "open the session's own file" in found.pane.bar.toolTip()
    found.open()
    assert not found.pane.opened
    assert found.pane.isVisibleTo(app.window)
    app.window.start(lambda: app.live.demo(0))
    assert not found.pane.isVisibleTo(app.window)
