"""A run in the window that asks: the same row and buttons as of any agent, answered while the run goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from composer_kit import WAIT, composed, idle, opened, rows, say, session_file, started, texts
from hooks import agents
from PySide6.QtTest import QSignalSpy
from pytestqt.qtbot import QtBot

from store.formats import claude_asks
from store.items import Tool
from viewer.app import App


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return agents(tmp_path, monkeypatch)


@pytest.fixture
def app(work: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    with composed(session_file(work), qtbot, monkeypatch) as made:
        yield made


def asked(app: App) -> Tool | None:
    return next((item for item in rows(app) if isinstance(item, Tool) and item.status == "waiting"), None)


def answer(app: App, qtbot: QtBot, name: str) -> None:
    """Press the button of that name, in its row."""
    qtbot.waitUntil(lambda: (found := asked(app)) is not None and name in [one.name for one in found.options],
                    timeout=WAIT)  # fmt: skip
    item = asked(app)
    assert item is not None
    option = next(one.id for one in item.options if one.name == name)
    app.window.on_acted(item.id, f"answer:{option}")


def test_a_run_asks_and_is_answered(app: App, work: Path, qtbot: QtBot) -> None:
    """Allow once, deny, and for this session where that is offered; each says so, and the row stays in its place."""
    opened(app, qtbot)
    told = QSignalSpy(app.live.question)
    always = "Allow for this session: all edits"
    for number, (name, words, there) in enumerate(
        (
            ("Allow once", "Allowed once", True),
            ("Deny", "Denied", False),
            (always, always.replace("Allow", "Allowed"), True),
        )
    ):
        file = work / f"guarded-{number}.txt"
        say(app.window.composing, f"ask {file}")
        qtbot.waitUntil(lambda: asked(app) is not None, timeout=WAIT)
        item = asked(app)
        assert item is not None
        assert [one.name for one in item.options] == ["Allow once", always, "Deny"]
        row = next(at for at, one in enumerate(rows(app)) if one.id == item.id)
        header = app.window.composing.header
        assert header is not None
        assert header.state == "waiting"
        assert not file.exists()
        answer(app, qtbot, name)
        qtbot.waitUntil(lambda: idle(app) and asked(app) is None, timeout=WAIT)
        done = rows(app)[row]
        assert isinstance(done, Tool)
        assert (done.id, done.answer, done.status) == (item.id, words, "ok" if there else "failed")
        assert file.exists() is there
    assert told.count() == 3
    assert "updatedPermissions" in texts(app)[-1]
    assert all("stdio" in one["argv"] for one in started(work))


def test_questions_with_several_answers_come_one_after_the_other(app: App, work: Path, qtbot: QtBot) -> None:
    opened(app, qtbot)
    say(app.window.composing, "question")
    for name in ("Green", "Large", "That is all"):
        answer(app, qtbot, name)
    qtbot.waitUntil(lambda: idle(app) and asked(app) is None, timeout=WAIT)
    item = next(one for one in rows(app) if isinstance(one, Tool))
    assert item.answer == "Answered: Green; Large"
    assert str(item.output) == '{"Which colour?": "Green", "Which sizes?": "Large"}'


def test_stop_takes_an_open_question_back(app: App, work: Path, qtbot: QtBot) -> None:
    """By the protocol, before any signal: the program writes down that it was interrupted."""
    opened(app, qtbot)
    say(app.window.composing, f"ask {work / 'never'}")
    qtbot.waitUntil(lambda: asked(app) is not None, timeout=WAIT)
    item = asked(app)
    assert item is not None
    app.window.composing.pane.stop.click()
    qtbot.waitUntil(lambda: idle(app), timeout=WAIT)
    done = next(one for one in rows(app) if one.id == item.id)
    assert isinstance(done, Tool)
    assert (done.status, done.answer, done.options) == ("cancelled", "Not answered before the run ended", ())
    assert "[Request interrupted by user]" in Path(app.window.composing.key).read_text("utf-8")
    assert not (work / "never").exists()


def test_what_is_remembered_is_for_this_session_only() -> None:
    """The program proposes to write rules into the user's settings: only the session's are taken."""
    rule = {"type": "addRules", "rules": [{"toolName": "Bash", "ruleContent": "npm test:*"}], "behavior": "allow",
            "destination": "localSettings"}  # fmt: skip
    request = {"subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": "npm test"},
               "permission_suggestions": [rule]}  # fmt: skip
    title, options = claude_asks.step(request) or ("", ())
    assert (title, options[1].name) == ("Bash: npm test", "Allow for this session: Bash npm test:*")
    assert claude_asks.response(request, ["always"]) == {
        "behavior": "allow", "updatedInput": {"command": "npm test"},
        "updatedPermissions": [{**rule, "destination": "session"}],
    }  # fmt: skip
    assert claude_asks.response(request, ["deny"])["behavior"] == "deny"
    assert [one.kind for one in options] == ["allow_once", "allow_always", "reject_once"]
