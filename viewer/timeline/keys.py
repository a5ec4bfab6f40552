"""What keys do in the transcript. Called by the view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView

from viewer.rows import question

if TYPE_CHECKING:
    from viewer.timeline.view import TimelineView

Key = Qt.Key
Action = QAbstractItemView.CursorAction


def press(view: TimelineView, event: QKeyEvent) -> bool:
    """Do what a key asks for. False: it is somebody else's."""
    if event.matches(QKeySequence.StandardKey.Copy):
        view.copy()
        return True
    if event.matches(QKeySequence.StandardKey.SelectAll):
        view.selectAll()
        return True
    key = event.key()
    if event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier) and _answer(view, key):
        return True
    shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
    others = event.modifiers() & ~(Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier)
    if key in (Key.Key_Home, Key.Key_End) and others == Qt.KeyboardModifier.ControlModifier:
        others = Qt.KeyboardModifier.NoModifier
    if others != Qt.KeyboardModifier.NoModifier:
        return False
    match key:
        case Key.Key_Home:
            _home(view)
        case Key.Key_End:
            view.set_follow(True)
        case Key.Key_G:
            if shift:
                view.set_follow(True)
            else:
                _home(view)
        case Key.Key_F:
            view.set_follow(not view.follow)
        case Key.Key_PageUp:
            view.scroll_by(-view.page)
        case Key.Key_PageDown:
            view.scroll_by(view.page)
        case Key.Key_Space:
            view.scroll_by(-view.page if shift else view.page)
        case Key.Key_J:
            step(view, 1)
        case Key.Key_K:
            step(view, -1)
        case Key.Key_Down:
            _arrow(view, 1)
        case Key.Key_Up:
            _arrow(view, -1)
        case Key.Key_Return | Key.Key_Enter:
            _fold(view, None)
        case Key.Key_Left:
            _fold(view, False)
        case Key.Key_Right:
            _fold(view, True)
        case Key.Key_C:
            view.copy()
        case Key.Key_Escape:
            if view.selection.ends is None:
                return False
            view.clearSelection()
        case _:
            return False
    return True


def _answer(view: TimelineView, key: int) -> bool:
    """Answer the question in the current row, if it asks one that this key answers."""
    row = current(view)
    if row is None or view.scene.placed(row) is None:  # nobody answers what is out of sight
        return False
    item = view.item(row)
    option = question.choice(item, key)
    if option:
        view.act(row, f"answer:{option}")
    return bool(option)


def _home(view: TimelineView) -> None:
    view.jump_to(0)
    first = view.geo.heights.after(-1)
    if first is not None:
        view.set_current(first)


def current(view: TimelineView) -> int | None:
    """The current row, if it is shown and near enough to go on from."""
    row = view.currentIndex().row()
    return row if view.scene.shown(row) else None


def step(view: TimelineView, by: int) -> None:
    """Make the next or previous row current. Without one in sight, start with what is."""
    heights = view.geo.heights
    row = current(view)
    if heights.total <= 0:
        return
    if row is None or view.scene.placed(row) is None:
        placed = view.geo.placed
        seen = [one.row for one in placed if one.top >= 0] or [one.row for one in placed]
        target = seen[-1] if by < 0 else seen[0]
        if by < 0 and view.follow and len(seen) > 1:
            target = seen[-2]  # up from the end means away from it
    else:
        next_row = heights.after(row) if by > 0 else heights.before(row)
        if next_row is None:
            view.scroll_by(view.page * by)
            return
        target = next_row
    if by < 0 and not view.geo.fits:
        view.set_follow(False)
    view.set_current(target)
    view.show_row(target)


def _arrow(view: TimelineView, by: int) -> None:
    """Like j and k, but a row that is taller than what is in sight is read to its end first."""
    row = current(view)
    placed = None if row is None else view.scene.placed(row)
    if placed is not None:
        hidden = placed.bottom - (view.viewport().height() - view.geo.foot) if by > 0 else -placed.top
        if hidden > 0:
            view.scroll_by(by * min(hidden, 3 * view.line))
            return
    step(view, by)


def _fold(view: TimelineView, wanted: bool | None) -> None:
    """Open or close the current row; a subagent's own row shows its rows. Left on a closed row goes to its parent."""
    row = current(view)
    if row is None:
        return
    steps = view.folds.steps(row)
    is_open = view.folds.shows_children(row) if steps else view.scene.is_open(row)
    if wanted is None or wanted != is_open:
        view.act(row, "children" if steps else "fold")
    elif not wanted:
        parent = view.folds.parent(row)
        if parent is not None:
            view.set_current(parent)
            view.show_row(parent)


def target(view: TimelineView, action: QAbstractItemView.CursorAction) -> int | None:
    """Where Qt's own ideas of moving lead, for assistive technology. None: no row is shown."""
    heights = view.geo.heights
    row = current(view)
    first, last = heights.after(-1), heights.before(len(heights))
    if row is None or first is None:
        return view.geo.placed[0].row if view.geo.placed else first
    match action:
        case Action.MoveHome:
            return first
        case Action.MoveEnd:
            return last
        case Action.MovePageUp | Action.MovePageDown:
            way = -view.page if action == Action.MovePageUp else view.page
            return heights.find(heights.prefix(row) + way)
        case Action.MoveUp | Action.MoveLeft | Action.MovePrevious:
            above = heights.before(row)
            return first if above is None else above
        case _:
            below = heights.after(row)
            return last if below is None else below
