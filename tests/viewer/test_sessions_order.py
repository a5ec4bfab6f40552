"""The order of the session list while many sessions go on: what is held, what settles, and what of it is painted."""

from __future__ import annotations

import random

import pytest
from PySide6.QtCore import QPersistentModelIndex
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from sessions_kit import expected, lines, model, pane, row
from thorough import seeds

from store.delta import Row, SessionsDelta
from viewer.sessions.model import SessionsModel
from viewer.sessions.pane import SessionsPane

__all__ = ["model", "pane"]  # fixtures


def at_rest(pane: SessionsPane) -> None:
    """Everything that waits to be painted is."""
    painted = -1
    while painted != pane.list.painted:
        painted = pane.list.painted
        for _ in range(3):  # a layout that was put off, what it asks for, and the painting
            QApplication.processEvents()


@pytest.mark.parametrize("seed", seeds(2, 8))
def test_what_is_held_stands_where_it_was_until_all_of_it_is_settled(model: SessionsModel, seed: int) -> None:
    """Changed lines do not move, new ones are where they belong; one change of the layout puts the others there."""
    rng = random.Random(seed)
    rows: dict[str, Row] = {}
    for _ in range(40):
        model.holds = rng.random() < 0.8
        before = lines(model)
        put = [row(f"s{rng.randrange(15)}", rng.choice(["atlas", "xp"]), rng.choice([1, 5, 9, 99])) for _ in range(3)]
        known = {id: old.project for id, old in rows.items()}
        rows.update((each.id, each) for each in put)
        model.apply(SessionsDelta(tuple(put)))
        if model.holds:
            moved = {each.id for each in put if known.get(each.id) != each.project}
            for project in ("atlas", "xp"):
                stayed = [id for id in before if known.get(id) == project and id not in moved]
                assert [id for id in lines(model) if id in stayed] == stayed
        if rng.random() < 0.3:
            kept = [(QPersistentModelIndex(model.index(n)), line) for n, line in enumerate(lines(model))]
            spies = [QSignalSpy(model.layoutChanged), QSignalSpy(model.rowsMoved)]
            was = lines(model)
            moved_some = model.settle()
            assert lines(model) == expected(rows)
            assert [spy.count() for spy in spies] == [int(moved_some), 0]
            assert moved_some == (was != lines(model))
            assert all(lines(model)[index.row()] == line for index, line in kept)
    model.settle()
    assert lines(model) == expected(rows)


def test_sessions_that_all_go_on_change_places_now_and_then_only(pane: SessionsPane, qtbot: QtBot) -> None:
    """Which rows can be hit. The first one goes up at once; a line that changes is painted, and no other."""
    pane.apply(SessionsDelta(tuple(row(f"s{n}", age_s=n) for n in range(12))))
    pane.list.select(pane.sessions.index_of("s5"))
    pane.apply(SessionsDelta((row("s9", age_s=-1),)))
    assert lines(pane.sessions)[1:3] == ["s9", "s0"]
    pane.apply(SessionsDelta((row("s8", age_s=-2), row("new", age_s=-3))))
    assert lines(pane.sessions)[1:4] == ["new", "s9", "s0"], "what is new is there at once, what goes on waits"
    at_rest(pane)
    before = pane.list.painted
    pane.apply(SessionsDelta((row("s7", age_s=-4, title="Another"),)))
    at_rest(pane)
    assert pane.list.painted == before + 1
    with qtbot.waitSignal(pane.sessions.layoutChanged):
        pane._order.start(0)
    assert lines(pane.sessions)[1:6] == ["s7", "new", "s8", "s9", "s0"]
    assert pane.list.current_id() == "s5"
    with qtbot.waitSignal(pane._order.timeout):
        pane._order.start(0)
    assert not pane._order.isActive(), "nothing moved: no further look"
