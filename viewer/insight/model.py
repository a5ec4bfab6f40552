"""Lines as a list model: a change of some lines is a change of those, so that what is selected stays. For the pane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from typing_extensions import override

from viewer import tips
from viewer.insight.lines import Line

LineRole: Final = Qt.ItemDataRole.UserRole + 1
_ROOT: Final = QModelIndex()


class LineModel(QAbstractListModel):
    """See the module."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lines: list[Line] = []

    @override
    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._lines)

    def line(self, row: int) -> Line:
        return self._lines[row]

    @override
    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or not 0 <= index.row() < len(self._lines):
            return None
        line = self._lines[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return line.text
            case Qt.ItemDataRole.ToolTipRole:
                return tips.plain(line.tip) or None
            case Qt.ItemDataRole.AccessibleTextRole:
                return spoken(line)
            case int() if role == LineRole:
                return line
            case _:
                return None

    @override
    def flags(self, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        if self._lines[index.row()].kind == "head":
            return Qt.ItemFlag.ItemNeverHasChildren
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren

    def show(self, lines: Sequence[Line], keep: int = 0) -> None:
        """These lines, of which the first `keep` are as they were."""
        old, new = self._lines, list(lines)
        first = min(keep, len(old), len(new))
        both = min(len(old), len(new))
        while first < both and old[first] == new[first]:
            first += 1
        last = 0  # lines at the end that are as they were
        while last < both - first and old[-1 - last] == new[-1 - last]:
            last += 1
        gone, come = len(old) - last - first, len(new) - last - first
        changed = min(gone, come)
        if changed:
            old[first : first + changed] = new[first : first + changed]
            self.dataChanged.emit(self.index(first), self.index(first + changed - 1))
        at = first + changed
        if gone > changed:
            self.beginRemoveRows(_ROOT, at, at + gone - changed - 1)
            del old[at : at + gone - changed]
            self.endRemoveRows()
        elif come > changed:
            self.beginInsertRows(_ROOT, at, at + come - changed - 1)
            old[at:at] = new[at : at + come - changed]
            self.endInsertRows()


def spoken(line: Line) -> str:
    """A line as it is read aloud: nothing in it is told by colour or place alone."""
    wrong = f"{line.bad} failed" if line.bad else ""
    number = f"Turn {line.number}" if line.kind == "turn" else ""
    return ", ".join(part for part in (number, line.text, line.under, wrong, line.value) if part)
