"""The window says nothing twice and nothing that says nothing: signs, words and figures that are left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from store.delta import Header
from store.items import Notice, Tool
from store.text import Text
from viewer import wording
from viewer.drop import DropSign
from viewer.header import HeaderBar
from viewer.home import HomePage
from viewer.rows.base import Fold, lay_out
from viewer.rows.output import paged
from viewer.rows.sheet import Sheet, span_text
from viewer.sessions.pane import SessionsPane
from viewer.status import StatusLine
from viewer.theme import make_look
from viewer.theme.look import Look

FIRST = (40, 6_000)  # lines and characters that show at once


@pytest.fixture(scope="module")
def look(qapp: QApplication) -> Look:
    return make_look("light")


def texts(item: Tool | Notice, look: Look) -> list[str]:
    laid = lay_out(item, 800, look, Fold())
    assert isinstance(laid, Sheet)
    return [part.cut(0, part.end()) for part in laid.parts]


def test_an_ended_session_has_a_word_and_no_sign(look: Look, qtbot: QtBot) -> None:
    bar = HeaderBar(look)
    qtbot.addWidget(bar)
    bar.resize(1200, 40)
    bar.show()
    bar.show_header(Header(title="t", state="ended"))
    assert bar.state.text() == "ended"
    assert not bar.mark.isVisible()
    assert not bar.fresh.isVisible()  # no time is known: nor is there a hole
    bar.show_header(Header(title="t", state="running", updated=1_780_000_000_000_000))
    assert bar.mark.isVisible()
    assert bar.fresh.isVisible()


def test_nothing_live_is_not_said(look: Look, qtbot: QtBot) -> None:
    line = StatusLine(look)
    qtbot.addWidget(line)
    line.show()
    assert not line.facts.isVisible()
    line.set_live(2)
    assert line.facts.isVisible()
    assert line.facts.text() == "2 live"


def test_an_empty_machine_is_said_once(look: Look, qtbot: QtBot) -> None:
    home, pane = HomePage(look), SessionsPane(look)
    qtbot.addWidget(home)
    qtbot.addWidget(pane)
    assert "No sessions" in home.heading.text()
    assert "No sessions" not in pane.nothing.text() + pane.footer.text()


def test_one_last_line_is_not_worth_a_click(look: Look) -> None:
    long = Text("\n".join(f"line {n}" for n in range(41)))
    assert "".join(paged(long, 0, FIRST).pieces) == str(long)
    assert paged(long, 0, FIRST).left_chars == 0
    assert paged(Text("\n".join(f"line {n}" for n in range(42))), 0, FIRST).left_lines == 2
    failed = Tool(id="c", name="Bash", kind="tool.shell", title="x", status="failed", output=Text("a\nError: b\nc\nd"))
    assert texts(failed, look)[1:] == ["a\nError: b\nc\nd"]


def test_a_trouble_is_not_called_what_it_says(look: Look) -> None:
    said = Notice(id="n", kind="api_error", level="error", text="API Error: 529 Overloaded")
    assert texts(said, look) == ["529 Overloaded"]
    assert texts(Notice(id="n", kind="interruption", level="warning", text="Interrupted by the user"), look) == []
    assert texts(Notice(id="n", kind="api_error", level="error", text="API error"), look) == ["API error"]


def test_no_time_at_all_is_no_figure() -> None:
    assert span_text(0) == ""
    assert span_text(700) == "1 ms"


def test_a_path_below_home_is_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert wording.home(tmp_path / "a" / "b.toml") == "~/a/b.toml"
    assert wording.home(Path("/etc/x")) == "/etc/x"


def test_the_drop_sign_covers_the_window_and_takes_no_mouse(look: Look, qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(400, 300)
    window.show()
    sign = DropSign(look, window)
    before = look.colour("surface.window").alpha()
    sign.offer(2)
    assert sign.geometry() == window.rect()
    assert sign.isVisible()
    assert sign.testAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    sign.grab()
    assert look.colour("surface.window").alpha() == before  # the token itself stays as it is
