"""Questions of an agent in the window: buttons and keys, answered through the store, and what became of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from acp_kit import AGENT
from msgspec.structs import replace
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from store.events import Option
from store.items import Message, Prompt, Tool
from viewer.app import App
from viewer.options import Options
from viewer.rows import question
from viewer.rows.base import Fold, lay_out
from viewer.rows.parts import Lines
from viewer.theme.look import Look
from viewer.timeline.spoken import spoken

WAIT = 30_000
ASKS = (
    Option("y", "Allow once", "allow_once"), Option("a", "Always allow", "allow_always"),
    Option("n", "Reject", "reject_once"),
)  # fmt: skip
Key = Qt.Key


def asking(*options: Option, kind: str = "tool.shell", **more: object) -> Tool:
    return Tool(
        id="c", name="Bash", kind=kind, title="rm -rf build", status="waiting", options=options, rpc="a:#1", **more
    )  # type: ignore[arg-type]


# ---- one row


@pytest.mark.parametrize("kind", ["tool", "tool.shell", "tool.edit", "tool.agent", "tool.todo", "tool.mcp"])
@pytest.mark.parametrize("width", [260, 1100])
def test_every_answer_is_a_button_inside_the_row(look: Look, kind: str, width: int) -> None:
    laid = lay_out(asking(*ASKS, kind=kind), width, look, Fold())
    found: dict[str, str] = {}
    for y in range(0, laid.height, 4):
        for x in range(0, width, 4):
            hit = laid.hit(x, y)
            if hit.action.startswith("answer:"):
                found[hit.action] = hit.tip
    assert found == {
        "answer:y": "Allow once (1 or Enter)", "answer:a": "Always allow (2)", "answer:n": "Reject (3 or Esc)",
    }  # fmt: skip


def test_no_answer_is_left_out(look: Look) -> None:
    many = tuple(Option(f"o{n}", "x" * n) for n in range(50))
    laid = lay_out(asking(*many), 500, look, Fold())
    actions = {laid.hit(x, y).action for y in range(0, laid.height, 6) for x in range(0, 500, 6)}
    assert {f"answer:o{n}" for n in range(50)} <= actions


@pytest.mark.parametrize("kind", ["tool", "tool.shell", "tool.edit", "tool.agent", "tool.mcp"])
def test_what_is_asked_about_is_there_to_its_end(look: Look, kind: str) -> None:
    """A command that is allowed is read before, also in a narrow window; once it is answered it is one line again."""
    title = "tar cf - build | ssh backup 'cat > build.tar' && " * 6 + "rm -rf ~"

    def shown(title: str, **more: object) -> str:
        item = asking(*ASKS, kind=kind)
        laid = lay_out(replace(item, title=title, **more), 400, look, Fold())
        return "\n".join(part.text for part in laid.parts if isinstance(part, Lines))

    assert shown(title) == title
    assert "…" in shown(title, status="ok", options=())
    assert shown("x" * 9_000).endswith("\n… 5,000 more characters: open it to read them")


def test_what_became_of_it_stays_in_the_row(look: Look) -> None:
    plain = Tool(id="c", kind="tool.shell", title="ls", status="ok")
    told = Tool(id="c", kind="tool.shell", title="ls", status="ok", answer="Allowed: Always allow")
    one, other = (lay_out(item, 600, look, Fold()) for item in (plain, told))
    assert other.height > one.height
    assert other.hit(100, other.height - 8).tip == "Allowed: Always allow"


def test_keys_choose_and_never_for_longer_than_this_question() -> None:
    asked = asking(*ASKS)
    keys = (Key.Key_1, Key.Key_2, Key.Key_3, Key.Key_4, Key.Key_Return, Key.Key_Enter, Key.Key_Escape, Key.Key_A)
    assert [question.choice(asked, key) for key in keys] == ["y", "a", "n", "", "y", "y", "n", ""]
    lasting = asking(ASKS[1], Option("never", "Never", "reject_always"))
    assert [question.choice(lasting, key) for key in (Key.Key_1, Key.Key_Return, Key.Key_Escape)] == ["a", "", ""]
    assert not question.choice(Tool(id="c", status="running", options=ASKS), Key.Key_1)
    assert not question.choice(Message(id="m"), Key.Key_1)


def test_a_screen_reader_says_what_can_be_answered() -> None:
    assert spoken(asking(*ASKS)) == "The agent asks, answers are 1 Allow once, 2 Always allow, 3 Reject"
    assert spoken(asking()) == "Tool Bash, waiting"


# ---- the window with a real agent


@pytest.fixture
def acp(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[App]]:
    made: list[App] = []
    before = sys.getswitchinterval()

    class Running(App):
        def __init__(self, script: str) -> None:
            command = (sys.executable, str(AGENT), script)
            super().__init__(Options(acp=command, cwd=str(tmp_path), size=(900, 600)))
            made.append(self)
            self.start()
            qtbot.waitUntil(lambda: self.window.desk.current is not None, timeout=WAIT)
            current = self.window.desk.current
            assert current is not None
            self.key, self.model = current.key, current.model
            self.tester = QAbstractItemModelTester(self.model, QAbstractItemModelTester.FailureReportingMode.Fatal)
            qtbot.waitUntil(lambda: self.live.hub.sessions[self.key].connected, timeout=WAIT)

        def items(self) -> list[object]:
            return [self.model.item(row) for row in range(self.model.length)]

        def asks(self) -> bool:
            return any(question.is_open(item) for item in self.items())  # type: ignore[arg-type]

    yield Running
    for app in made:
        monkeypatch.setattr("viewer.asking.may_end", lambda *_: True)
        app.window.close()
        app.shutdown()
        app.window.deleteLater()
    sys.setswitchinterval(before)


PERMIT = """
def on_prompt(m):
    while True:
        chosen = permit("c%d" % next(numbers), "rm -rf build")
        say(chosen + " ")
        if chosen == "no": break
    done(m)
numbers = iter(range(99))
"""


def test_a_question_is_answered_with_keys_and_mouse(acp: type[App], qtbot: QtBot, tmp_path: Path) -> None:
    app = acp(PERMIT)
    window, view = app.window, app.window.pane.view
    app.live.prompt(app.key, "Go")
    qtbot.waitUntil(app.asks, timeout=WAIT)  # type: ignore[attr-defined]
    assert isinstance(app.items()[0], Prompt)  # type: ignore[attr-defined]
    qtbot.keyClick(view, Key.Key_1)  # it is not the current row: nobody answers by accident
    qtbot.waitUntil(lambda: window.header.isVisible(), timeout=WAIT)
    assert app.asks()  # type: ignore[attr-defined]
    app.live.discover([])  # the search tells of the journal, and its file does not say that somebody is waited for
    listed = window.sessions.sessions
    qtbot.waitUntil(lambda: any(row.path for row in listed.sessions()), timeout=WAIT)
    qtbot.waitUntil(lambda: [row.state for row in listed.sessions()] == ["waiting"], timeout=WAIT)
    assert [row.project for row in listed.sessions()] == [tmp_path.name]
    assert listed.live == 1
    window.on_question()
    qtbot.keyClick(view, Key.Key_2)
    qtbot.waitUntil(lambda: tool(app, "c0").answer == "Allowed: Always allow", timeout=WAIT)
    qtbot.waitUntil(app.asks, timeout=WAIT)  # type: ignore[attr-defined]
    window.on_question()
    qtbot.keyClick(view, Key.Key_Return)
    qtbot.waitUntil(lambda: tool(app, "c1").answer == "Allowed: Allow once", timeout=WAIT)
    qtbot.waitUntil(lambda: "c2" in view_rows(app) and app.asks(), timeout=WAIT)  # type: ignore[attr-defined]
    row = app.model.position_of("c2")  # type: ignore[attr-defined]
    view.show_row(row)
    _, laid = view.scene.laid(row)
    where = view.scene.placed(row)
    assert where is not None
    spot = next(
        QPoint(x, where.top + y) for y in range(laid.height) for x in range(0, 800, 4)
        if laid.hit(x, y).action == "answer:no"
    )  # fmt: skip
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    qtbot.waitUntil(lambda: tool(app, "c2").answer == "Refused: Reject", timeout=WAIT)
    qtbot.waitUntil(lambda: not app.live.hub.sessions[app.key].header.pending, timeout=WAIT)  # type: ignore[attr-defined]


def view_rows(app: App) -> set[str]:
    return {item.id for item in app.items()}  # type: ignore[attr-defined]


def tool(app: App, id: str) -> Tool:
    row = app.model.position_of(id)  # type: ignore[attr-defined]
    item = None if row is None else app.model.item(row)  # type: ignore[attr-defined]
    return item if isinstance(item, Tool) else Tool(id="")


def test_the_window_stays_alive_in_a_flood_and_ends_its_agent(acp: type[App], qtbot: QtBot) -> None:
    app = acp("""
def on_prompt(m):
    line = json.dumps({"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": SESSION, "update":
        {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "word "}}}}).encode() + b"\\n"
    while True: raw(line * 500)
""")
    app.live.prompt(app.key, "Go")  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: app.live.hub.folded > 20_000, timeout=WAIT)
    app.window.on_question()
    assert "Nothing waits" in app.window.status.hint.text()
    key = app.key  # type: ignore[attr-defined]
    stopping = app.jobs.run(lambda: app.live.stop(key), lambda _: None)
    assert stopping is not None
    qtbot.waitUntil(lambda: key in app.live.busy(), timeout=WAIT)  # it was only asked to stop
    app.jobs.run(lambda: app.live.stop(key), lambda _: None)
    qtbot.waitUntil(lambda: app.live.hub.sessions[key].header.state == "ended", timeout=WAIT)


def test_the_command_line_starts_an_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from viewer import cli

    asked: list[Options] = []
    monkeypatch.setattr(cli, "_open", lambda options: asked.append(options) or 0)
    assert cli.main(["acp", "--cwd", str(tmp_path), "--load", "s1", "--theme", "dark", "agent", "--acp"]) == 0
    assert cli.main(["acp", "--", "agent", "--cwd"]) == 0
    assert (asked[0].acp, asked[0].cwd, asked[0].load) == (("agent", "--acp"), str(tmp_path), "s1")
    assert (asked[1].acp, asked[1].cwd) == (("agent", "--cwd"), str(Path.cwd()))
    assert cli.main(["acp"]) == 2
    assert cli.main(["acp", "--cwd", "/no/such/folder", "agent"]) == 2
