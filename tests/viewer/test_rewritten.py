"""A session of many rows whose file was rewritten: its rows are put anew without a walk, and the reader stays."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QItemSelectionModel
from timeline_kit import ListWindow, added, make_view, message, rebase, tool

from store.items import Item
from viewer.theme.look import Look
from viewer.timeline.model import TimelineModel
from viewer.timeline.pages import PAGE

ROWS = 2_000


@pytest.fixture(autouse=True)
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of them is more than is compared one by one."""
    monkeypatch.setattr("viewer.timeline.model.WALK", ROWS // 4)


def told(first: int = 0) -> list[Item]:
    """Messages, among them a subagent's rows below their call."""
    rows: list[Item] = [message(row) for row in range(first, ROWS)]
    call = ROWS // 2 - first
    rows[call : call + 4] = [tool(ROWS // 2), *(message(ROWS // 2 + at, parent=f"t{ROWS // 2}") for at in range(1, 4))]
    return rows


def test_the_reader_stays_at_the_row(qtbot, look: Look) -> None:
    """With its folds, its selection, the unread line and the current row; what is read does not follow the length."""
    model = TimelineModel()
    model.apply(rebase(ListWindow(told())))
    view = make_view(qtbot, look, model)
    row = ROWS // 2
    view.reveal(message(row - 2).id)
    view.act(row, "children")
    view.mark_unread(row - 1)
    view.selection.rows(row - 3, row + 1)
    view.selectionModel().setCurrentIndex(model.index(row - 1), QItemSelectionModel.SelectionFlag.NoUpdate)
    text = view.selected_text()
    place = view.place()
    window = ListWindow(told(-7))
    model.apply(rebase(window, [message(ROWS)]))
    assert model.length == ROWS + 8
    assert window.rows_read <= 4 * PAGE
    assert window.finds < 64
    assert view.place() == place
    assert view.currentIndex().row() == row - 1 + 7
    assert view.selected_text() == text
    assert view.scene.unread == row - 1 + 7
    assert view.folds.shows_children(row + 7)
    model.apply(added(model, message(ROWS + 1)))
    assert view.place() == place, "what comes at the end goes on"


def test_its_end_comes_first_and_then_the_reader_is_back(qtbot, look: Look) -> None:
    """As a file that is too big to be read at once is read again."""
    model = TimelineModel()
    model.apply(rebase(ListWindow(told())))
    view = make_view(qtbot, look, model)
    view.reveal(message(ROWS // 3).id)
    place = view.place()
    model.apply(rebase(None, told()[-40:]))
    assert view.visible_rows()[-1] == 39
    model.apply(rebase(ListWindow(told(-7))))
    assert view.place() == place


def test_who_follows_goes_on_following(qtbot, look: Look) -> None:
    model = TimelineModel()
    model.apply(rebase(ListWindow(told())))
    view = make_view(qtbot, look, model)
    model.apply(rebase(ListWindow(told()[:100])))
    assert view.follow
    assert view.visible_rows()[-1] == 99
