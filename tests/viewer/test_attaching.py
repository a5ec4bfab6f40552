"""Files with a prompt in a real window: pasted, dropped, chosen; as chips, in the queue, in the draft, in the row."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from apps import running
from composer_kit import WAIT, composed, composing, idle, opened, rows, say, session_file, texts
from hooks import agents
from PySide6.QtCore import QEvent, QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from store.attach import pasted_dir
from store.items import Prompt
from viewer.app import App
from viewer.composer.drafts import Drafts
from viewer.options import Options

ACP = Path(__file__).resolve().parents[1] / "acp_agent.py"
ECHO = """
CAPS["promptCapabilities"] = {"image": True, "embeddedContext": True}
import threading
go = threading.Event()
def on_prompt(message):
    say(" ".join(block["type"] for block in message["params"]["prompt"]))
    if "wait" in str(message["params"]["prompt"]): go.wait()
    done(message)
def on_cancel(): go.set()
"""
Key = Qt.Key


def paste(app: App, fill: Callable[[QMimeData], None]) -> None:
    data = QMimeData()
    fill(data)
    QGuiApplication.clipboard().setMimeData(data)
    QTest.keyClick(composing(app).pane.editor, Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    QGuiApplication.clipboard().clear()


def picture() -> QImage:
    image = QImage(8, 6, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    return image


def names(app: App) -> list[str]:
    return [file.name for file in composing(app).pane.files.files]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return agents(tmp_path, monkeypatch)


@pytest.fixture
def claude(work: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[App, Path]]:
    session = session_file(work)
    with composed(session, qtbot, monkeypatch) as made:
        yield made, session


@pytest.fixture
def talk(tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    options = Options(acp=(sys.executable, str(ACP), ECHO), cwd=str(tmp_path), size=(900, 600))
    with running(options, show=False) as made:
        made.start(restore=False)
        qtbot.waitUntil(lambda: made.window.desk.current is not None and composing(made).connected, timeout=WAIT)
        opened(made, qtbot)
        yield made
        monkeypatch.setattr("viewer.asking.may_end", lambda *_: True)


def test_an_image_goes_to_claude_as_an_image(claude: tuple[App, Path], work: Path, qtbot: QtBot) -> None:
    """Pasted: a chip, then a block of the message, then the same row as the file has; other files are told by path."""
    app, session = claude
    found = opened(app, qtbot)
    paste(app, lambda data: data.setImageData(picture()))
    qtbot.waitUntil(lambda: names(app) == ["Pasted image.png"], timeout=WAIT)
    log = work / "build.log"
    log.write_text("red\n")
    paste(app, lambda data: data.setUrls([QUrl.fromLocalFile(str(log))]))
    qtbot.waitUntil(lambda: names(app) == ["Pasted image.png", "build.log"], timeout=WAIT)
    image, text = found.pane.files.chips
    assert (image.accessibleDescription(), text.accessibleDescription()) == (
        "The agent gets the image.", "The agent is told where it lies.",
    )  # fmt: skip
    say(found, "look at this")
    assert not found.pane.files.files
    qtbot.waitUntil(lambda: idle(app) and len(rows(app)) == 4, timeout=WAIT)
    prompt = rows(app)[2]
    assert isinstance(prompt, Prompt)
    assert (prompt.text, prompt.images, prompt.sending) == (f"look at this\n[build.log]({log})", 1, False)
    records = [json.loads(line) for line in session.read_text().splitlines()]
    contents = [one["message"]["content"] for one in records if one["type"] == "user"]
    content = contents[-1]
    assert [block["type"] for block in content] == ["text", "image"]
    assert content[1]["source"]["media_type"] == "image/png"


def test_chips_are_handled_by_keys_and_refused_with_a_reason(
    claude: tuple[App, Path], work: Path, qtbot: QtBot
) -> None:
    app, _ = claude
    found = opened(app, qtbot)
    for name in ("a.txt", "b.txt", "c.txt"):
        (work / name).write_text(name)
    found.on_attach()
    [dialog] = [one for one in QApplication.topLevelWidgets() if isinstance(one, QFileDialog)]
    dialog.filesSelected.emit([str(work / "a.txt"), str(work), str(work / "b.txt")])
    dialog.reject()
    qtbot.waitUntil(lambda: names(app) == ["a.txt", "b.txt"], timeout=WAIT)
    assert "is a folder" in found.pane.hint.text()
    pane = found.pane
    enter = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, drop := QMimeData(), Qt.MouseButton.LeftButton,
                            Qt.KeyboardModifier.NoModifier)  # fmt: skip
    drop.setUrls([QUrl.fromLocalFile(str(work / "c.txt"))])
    QApplication.sendEvent(pane, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(pane, QDropEvent(QPoint(5, 5), Qt.DropAction.CopyAction, drop, Qt.MouseButton.LeftButton,
                                            Qt.KeyboardModifier.NoModifier, QEvent.Type.Drop))  # fmt: skip
    qtbot.waitUntil(lambda: names(app) == ["a.txt", "b.txt", "c.txt"], timeout=WAIT)
    app.window.show()
    pane.files.chips[0].setFocus()
    QTest.keyClick(pane.files.chips[0], Key.Key_Right)
    QTest.keyClick(pane.files.chips[1], Key.Key_Delete)
    assert names(app) == ["a.txt", "c.txt"]
    QTest.mouseClick(pane.files.chips[0].remove, Qt.MouseButton.LeftButton)
    assert names(app) == ["c.txt"]
    assert pane.send.isEnabled()
    found.on_given([str(work / "a.txt")] * 3)
    qtbot.waitUntil(lambda: names(app) == ["c.txt", "a.txt"], timeout=WAIT)
    for number in range(25):
        (work / f"{number}.txt").touch()
    found.on_given([str(work / f"{number}.txt") for number in range(25)])
    qtbot.waitUntil(lambda: len(names(app)) == 20, timeout=WAIT)
    assert "the others were left out" in pane.hint.text()


def test_files_stay_with_the_queue_the_draft_and_a_failed_send(talk: App, tmp_path: Path, qtbot: QtBot) -> None:
    """004-11: queued with its files, edited with them, back with them when one is gone, kept for the next start."""
    found = composing(talk)
    note = tmp_path / "note.md"
    note.write_text("one\n")
    paste(talk, lambda data: data.setImageData(picture()))
    qtbot.waitUntil(lambda: len(names(talk)) == 1, timeout=WAIT)
    say(found, "wait")
    qtbot.waitUntil(lambda: "text image" in texts(talk), timeout=WAIT)
    first = rows(talk)[0]
    assert isinstance(first, Prompt)
    assert (first.text, first.images) == ("wait", 1)
    found.on_given([str(note)])
    qtbot.waitUntil(lambda: names(talk) == ["note.md"], timeout=WAIT)
    say(found, "then this")
    qtbot.waitUntil(lambda: found.pane.waiting.list.count() == 1, timeout=WAIT)
    assert found.pane.waiting.list.item(0).text() == "1  then this  + 1 file"
    assert names(talk) == []
    assert found.header is not None
    found.edit(found.header.queued[0].id)
    assert names(talk) == ["note.md"]
    say(found, "then this, please")
    path = found.drafts.path
    assert path is not None
    found.save()
    qtbot.waitUntil(lambda: path.exists() and bool(Drafts(path).typed(found.key).files), timeout=WAIT)
    note.unlink()
    found.on_stop()
    qtbot.waitUntil(lambda: idle(talk), timeout=WAIT)
    found.send()  # a cancel holds the queue
    qtbot.waitUntil(lambda: "note.md is not there" in found.pane.hint.text(), timeout=WAIT)
    [waits] = found.header.queued
    assert (waits.text, [file.name for file in waits.files]) == ("then this, please", ["note.md"])
    found.save_now()
    kept = Drafts(path).typed(found.key)
    assert (kept.text, [file.name for file in kept.files]) == ("then this, please", ["note.md"])
    assert len(list(pasted_dir().iterdir())) == 1


def test_the_mode_is_chosen_and_the_agent_confirms_it(talk: App, qtbot: QtBot) -> None:
    """004-14: what stands there is what the header has."""
    pane = composing(talk).pane
    mode, model = pane.choosers
    qtbot.waitUntil(lambda: mode.text() == "Mode: Ask", timeout=WAIT)
    assert (mode.isHidden(), model.isHidden()) == (False, True)
    assert [action.text() for action in mode.menu().actions()] == ["Ask", "Code"]
    mode.menu().actions()[1].trigger()
    qtbot.waitUntil(lambda: mode.text() == "Mode: Code", timeout=WAIT)
    assert [action.isChecked() for action in mode.menu().actions()] == [False, True]
    header = composing(talk).header
    assert header is not None
    assert header.mode == "code"


def test_before_the_agent_has_said_what_it_takes_nothing_is_refused(
    tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prompt with a pasted image waits for the handshake, and goes out with it."""
    os.mkfifo(tmp_path / "go")
    slow = ECHO.replace("import threading\n", f"import threading\nopen({str(tmp_path / 'go')!r}).read()\n")
    options = Options(acp=(sys.executable, str(ACP), slow), cwd=str(tmp_path), size=(900, 600))
    with running(options, show=False) as made:
        made.start(restore=False)
        qtbot.waitUntil(lambda: made.window.desk.current is not None and composing(made).connected, timeout=WAIT)
        found = opened(made, qtbot)
        paste(made, lambda data: data.setImageData(picture()))
        qtbot.waitUntil(lambda: len(names(made)) == 1, timeout=WAIT)
        assert found.pane.files.chips[0].accessibleDescription().startswith("How it is sent is known when")
        assert found.pane.send.isEnabled()
        say(found, "look")
        assert found.header is not None
        assert [len(one.files) for one in found.header.queued] == [1]
        (tmp_path / "go").write_text("")
        qtbot.waitUntil(lambda: "text image" in texts(made), timeout=WAIT)
        qtbot.waitUntil(lambda: idle(made), timeout=WAIT)
        monkeypatch.setattr("viewer.asking.may_end", lambda *_: True)
