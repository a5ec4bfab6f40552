"""A file that is given in the composer, as the model of a real agent gets it: from the window to the request."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from apps import running
from composer_kit import WAIT, composed, composing, idle, opened, rows, say
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from real_cli import Real, real_agents

from store.items import Message, Prompt
from store.runners.base import Ask
from store.runs import RunRequest, Runs
from viewer.app import App
from viewer.options import Options

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]
ANSWER = "Hello! The demo model is here and ready."


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Real]:
    with real_agents(tmp_path, monkeypatch, request.param) as made:
        yield made


def paste(app: App, image: QImage) -> None:
    data = QMimeData()
    data.setImageData(image)
    QGuiApplication.clipboard().setMimeData(data)
    QTest.keyClick(composing(app).pane.editor, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    QGuiApplication.clipboard().clear()


def picture() -> QImage:
    image = QImage(40, 30, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.darkCyan)
    return image


def shows(data: str) -> bool:
    """Whether that, as a model gets it, is the picture, however it was written down on the way."""
    return QImage.fromData(base64.b64decode(data)).convertToFormat(QImage.Format.Format_RGB32) == picture()


def images(body: object) -> list[str]:
    """Every image of a request, wherever it stands: of Anthropic (`source`), of Gemini (`inlineData`)."""
    if isinstance(body, list):
        return [one for part in body for one in images(part)]
    if not isinstance(body, dict):
        return []
    if body.get("type") == "image" and isinstance(body.get("source"), dict):
        return [body["source"]["data"]]
    inline = body.get("inlineData")
    if isinstance(inline, dict) and str(inline.get("mimeType")).startswith("image/"):
        return [inline["data"]]
    return [one for part in body.values() for one in images(part)]


def given(app: App, qtbot: QtBot, prompts: int) -> Prompt:
    """Paste, say something, wait for the answer; the prompt's row. What Claude adds of the image is nobody's."""
    found = opened(app, qtbot)
    paste(app, picture())
    qtbot.waitUntil(lambda: len(found.pane.files.files) == 1, timeout=WAIT)
    say(found, "Say hello")

    def answered() -> bool:
        told = persons(app)
        said = [row for row in rows(app) if isinstance(row, Message) and str(row.text) == ANSWER]
        return idle(app) and len(told) == prompts == len(said) and not told[-1].sending

    qtbot.waitUntil(answered, timeout=2 * WAIT)
    return persons(app)[-1]


def persons(app: App) -> list[Prompt]:
    return [row for row in rows(app) if isinstance(row, Prompt) and row.origin == "human"]


@pytest.mark.parametrize("real", ["claude"], indirect=True)
def test_claude_is_given_an_image(real: Real, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Runs(tmp_path / "first")) as runs:
        first = runs.wait(runs.start(RunRequest("claude-code", Ask("Say hello", real.project))), 120)
    assert first is not None
    assert first.session_key is not None
    with composed(Path(first.session_key), qtbot, monkeypatch) as app:
        prompt = given(app, qtbot, 2)
    assert (str(prompt.text), prompt.images) == ("Say hello", 1)
    before, last = [images(one) for one in real.requests("/v1/messages")]
    assert (before, [shows(one) for one in last]) == ([], [True])
    kept = [json.loads(line) for line in Path(first.session_key).read_text("utf-8").splitlines()]
    told = [one["message"]["content"] for one in kept if one["type"] == "user" and not one.get("isMeta")]
    assert [block["type"] for block in told[-1]] == ["text", "image"]


@pytest.mark.parametrize("real", ["opencode", "gemini"], indirect=True)
def test_an_agent_that_talks_acp_is_given_an_image(
    real: Real, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.params["real"]
    command = {"opencode": ("opencode", "acp"), "gemini": ("gemini", "--acp")}[name]
    options = Options(acp=(str(real.shims / command[0]), *command[1:]), cwd=str(real.project), size=(900, 600))
    with running(options, show=False) as app:
        app.start(restore=False)
        qtbot.waitUntil(lambda: app.window.desk.current is not None and composing(app).connected, timeout=2 * WAIT)
        prompt = given(app, qtbot, 1)
        monkeypatch.setattr("viewer.asking.may_end", lambda *_: True)
    assert (str(prompt.text), prompt.images) == ("Say hello", 1)
    asked = real.requests("/v1/messages" if name == "opencode" else "GenerateContent")
    assert [shows(one) for one in images(asked[-1])] == [True]
