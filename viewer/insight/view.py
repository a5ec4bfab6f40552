"""A list of lines in the dock: Enter or a click goes to the row that a line tells of. For the pane."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QSize, Signal
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from viewer.insight.delegate import LineDelegate
from viewer.insight.model import LineModel, LineRole
from viewer.lined import LinedList
from viewer.theme.look import Look


class LineList(LinedList):
    """See the module."""

    chosen = Signal(str)  # id of an item

    def __init__(self, look: Look, *, turns: bool, parent: QWidget | None = None) -> None:
        self.painter_delegate = LineDelegate(look, turns=turns)
        self.lines = LineModel()
        super().__init__(self.lines, self.painter_delegate, self.painter_delegate, parent)
        self.picked.connect(self.on_picked)

    @override
    def minimumSizeHint(self) -> QSize:
        """One line: a scroll area wants room for its scroll bars, also where it has none."""
        return QSize(60, self.painter_delegate.height)

    def on_picked(self, index: QModelIndex) -> None:
        line = index.data(LineRole)
        if line is not None and line.item:
            self.chosen.emit(line.item)
