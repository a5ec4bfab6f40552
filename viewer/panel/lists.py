"""Small tables of the panel: triggers, deliveries, the audit log as rows of text; and what every table of it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget
from typing_extensions import override

from viewer import tips
from viewer.panel.parts import paint_ring, table_sheet
from viewer.theme import icons
from viewer.theme.look import Look

Index = QModelIndex | QPersistentModelIndex


class Cell(NamedTuple):
    """What stands in a cell: text, tip, colour's name and icon's name."""

    text: str
    tip: str = ""
    tone: str = "text.main"
    icon: str = ""


class Column(NamedTuple):
    """`width` 0: it takes the rest. Narrower than `least`, it gives way; 0 is never."""

    head: str
    width: int
    least: int = 0


class Table(QAbstractTableModel):
    """Rows below heads. What stands in a cell is for whoever makes one to say."""

    def __init__(self, heads: Sequence[str], look: Look, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.heads, self.look = tuple(heads), look
        self.rows: list[Any] = []

    @override
    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self.rows)

    @override
    def columnCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self.heads)

    @override
    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Vertical:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return self.heads[section] if role == Qt.ItemDataRole.DisplayRole else None


class Lines(Table):
    """Rows with an id each. A refresh changes them in place as long as they are the same rows."""

    def __init__(self, columns: Sequence[Column], cells: Callable[[Any], Sequence[Cell]], look: Look,
                 parent: QObject | None = None) -> None:  # fmt: skip
        super().__init__([column.head for column in columns], look, parent)
        self.columns, self._cells = tuple(columns), cells

    def set_rows(self, rows: Sequence[Any]) -> None:
        if [row.id for row in rows] == [row.id for row in self.rows]:
            self.rows = list(rows)
            if rows:
                self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(self.columns) - 1))
            return
        self.beginResetModel()
        self.rows = list(rows)
        self.endResetModel()

    @override
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        cell = self._cells(self.rows[index.row()])[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return cell.text
            case Qt.ItemDataRole.ToolTipRole:
                return tips.plain(cell.tip or cell.text)
            case Qt.ItemDataRole.ForegroundRole:
                return self.look.colour(cell.tone)
            case Qt.ItemDataRole.DecorationRole if cell.icon:
                return icons.icon(cell.icon, self.look, cell.tone, 14)
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{self.columns[index.column()].head} {cell.text}".strip()
        return None


class LinesView(QTableView):
    """A table that fits its width; Enter and double click open a row, Delete asks for its end."""

    opened = Signal(object)
    ended = Signal(object)
    chosen = Signal(object)  # a row, or None

    def __init__(self, name: str, model: Lines, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lines = model
        self.setModel(model)
        self.setAccessibleName(name)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(24)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.doubleClicked.connect(lambda index: self.opened.emit(self.lines.rows[index.row()]))
        self.selectionModel().currentRowChanged.connect(lambda *_: self.chosen.emit(self.current()))
        model.modelAboutToBeReset.connect(self._note)
        model.modelReset.connect(self._find)
        self._kept: int | None = None
        self.set_look(look)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        paint_ring(self, self.look)

    def set_look(self, look: Look) -> None:
        self.look = self.lines.look = look
        self.setFont(look.font("ui"))
        self.setStyleSheet(table_sheet(look))
        self.horizontalHeader().setFont(look.font("meta"))  # a first style sheet takes away one that was set before it
        self.verticalHeader().setDefaultSectionSize(look.px(26))
        self._fit()

    def current(self) -> Any:
        at = self.currentIndex().row()
        return self.lines.rows[at] if 0 <= at < len(self.lines.rows) else None

    def select_id(self, id: int | None) -> None:
        for at, row in enumerate(self.lines.rows):
            if row.id == id:
                self.setCurrentIndex(self.lines.index(at, 0))

    def _note(self) -> None:
        row = self.current()
        self._kept = None if row is None else row.id

    def _find(self) -> None:
        self.select_id(self._kept)

    def _fit(self) -> None:
        room = self.viewport().width()
        taken, rest = 0, []
        for number, column in enumerate(self.lines.columns):
            hidden = bool(column.least) and room < self.look.px(column.least)
            self.setColumnHidden(number, hidden)
            if column.width and not hidden:
                self.setColumnWidth(number, self.look.px(column.width))
                taken += self.look.px(column.width)
            elif not hidden:
                rest.append(number)
        for number in rest:
            self.setColumnWidth(number, max(self.look.px(70), (room - taken) // len(rest)))

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        row = self.current()
        if event.matches(QKeySequence.StandardKey.Copy) and row is not None:
            cells = (self.lines.index(self.currentIndex().row(), at).data() for at in range(self.lines.columnCount()))
            QGuiApplication.clipboard().setText("\t".join(cells))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and row is not None:
            self.opened.emit(row)
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and row is not None:
            self.ended.emit(row)
        else:
            super().keyPressEvent(event)
