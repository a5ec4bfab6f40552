"""Texts of agents and senders are shown to the letter: no markup, and nothing that is named in it is loaded."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import Qt as Gui
from PySide6.QtGui import QTextDocumentFragment
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from store.delta import Header, Row, SessionsDelta
from viewer import theme, tips, wording
from viewer.header import HeaderBar
from viewer.panel.lists import Cell, Column, Lines
from viewer.sessions.model import SessionsModel
from viewer.status import StatusLine

EVIL = "<img src='//somewhere/share/a.png'> & <b>bold</b>"


def told(tip: str) -> str:
    """What is read of a tip."""
    return QTextDocumentFragment.fromHtml(tip).toPlainText() if Gui.mightBeRichText(tip) else tip


@pytest.mark.parametrize("text", ["plain", "List<int> and a < b", EVIL, f"{EVIL}\nsecond line", ""])
def test_a_tip_says_what_it_was_given(text: str) -> None:
    tip = tips.plain(text)
    assert told(tip) == text
    assert "<img" not in tip
    assert (tip == text) == (text != EVIL and "second" not in text)


def test_titles_names_and_links_are_no_markup(qtbot: QtBot) -> None:
    look = theme.make_look("light")
    header = HeaderBar(look)
    status = StatusLine(look)
    for widget in (header, status):
        qtbot.addWidget(widget)
    header.show_header(Header(title=EVIL, cwd=f"/w/{EVIL}", id=EVIL, agent=EVIL))
    for widget in (header.title, header.project, header.state):
        assert EVIL in told(widget.toolTip())
        assert "<img" not in widget.toolTip()
    status.set_hint(EVIL)
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in status.findChildren(QLabel) if label.text())
    model = SessionsModel()
    model.apply(SessionsDelta((Row("/s", title=EVIL, agent="claude-code", cwd="/w", path="/s"),)))
    rows = [model.index(row).data(Qt.ItemDataRole.ToolTipRole) for row in range(model.rowCount())]
    assert any(tip and EVIL in told(tip) and "<img" not in tip for tip in rows)
    lines = Lines((Column("Sender", 0),), lambda _: (Cell(EVIL),), look)
    lines.rows = [object()]
    assert told(lines.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)) == EVIL


@pytest.mark.parametrize(
    ("path", "name"),
    [("/w/atlas-api", "atlas-api"), ("/w/atlas-api/", "atlas-api"), ("//host/w/x.jsonl", "x.jsonl"), ("", ""),
     ("C:\\Users\\ada\\shop", "shop"), ("stream:1", "stream:1"), ("tests/a.jsonl", "a.jsonl"), ("/w/a\\b", "a\\b")],
)  # fmt: skip
def test_the_last_part_of_a_path_of_any_system(path: str, name: str) -> None:
    assert wording.name_of(path) == name
