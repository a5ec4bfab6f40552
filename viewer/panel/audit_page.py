"""The audit log: time, who, action, detail, newest first, with a filter. For the panel's page."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from store import audit
from store.audit import Books, Entry
from viewer import tips, wording
from viewer.jobs import Jobs
from viewer.panel.parts import FAILED, MUTED, Part, table_sheet
from viewer.theme.look import Look

Index = QModelIndex | QPersistentModelIndex
HEADS: Final = ("Time", "By", "Action", "Detail")
WIDTHS: Final = (150, 76, 150)
MOST: Final = 1000  # entries that are read


class AuditModel(QAbstractTableModel):
    """The entries that have all words of the filter."""

    def __init__(self, look: Look, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.look = look
        self._all: tuple[Entry, ...] = ()
        self._words: list[str] = []
        self.rows: list[Entry] = []

    def show_entries(self, rows: tuple[Entry, ...], text: str) -> None:
        words = text.casefold().split()
        if rows == self._all and words == self._words:
            return
        self._all, self._words = rows, words
        found = [row for row in rows if all(word in _line(row) for word in words)]
        self.beginResetModel()
        self.rows = found
        self.endResetModel()

    @override
    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self.rows)

    @override
    def columnCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(HEADS)

    @override
    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Vertical:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return HEADS[section] if role == Qt.ItemDataRole.DisplayRole else None

    @override
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, column = self.rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return cells(row)[column]
        if role == Qt.ItemDataRole.ToolTipRole:
            return tips.plain(f"{cells(row)[3]}\n{row.session}".strip() if column == 3 else cells(row)[column])
        if role == Qt.ItemDataRole.ForegroundRole:
            return self.look.colour("text.main" if column in (2, 3) else "text.muted")
        return None


def cells(row: Entry) -> tuple[str, str, str, str]:
    detail = row.detail or (Path(row.session).name if row.session else "")
    return wording.full(row.ts), row.actor, row.action, detail


def _line(row: Entry) -> str:
    return " ".join((*cells(row), row.session)).casefold()


class AuditTable(QTableView):
    """Copies its line."""

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        model, at = self.model(), self.currentIndex().row()
        if event.matches(QKeySequence.StandardKey.Copy) and isinstance(model, AuditModel) and at >= 0:
            QGuiApplication.clipboard().setText("\t".join(cells(model.rows[at])))
            return
        super().keyPressEvent(event)


class AuditPage(Part):
    """See the module."""

    def __init__(self, jobs: Jobs, db: Path, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(look, parent)
        self._jobs, self._db = jobs, db
        self.books = Books((), 0)
        self.model = AuditModel(look, self)
        self.table = AuditTable()
        self.table.setModel(self.model)
        self.table.setAccessibleName("Audit log")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(3, QHeaderView.ResizeMode.Stretch)
        self.filter_box = QLineEdit()
        self.filter_box.setPlaceholderText("Filter the log…")
        self.filter_box.setAccessibleName("Filter the audit log")
        self.filter_box.setClearButtonEnabled(True)
        self.count = self.label("", MUTED, "meta")
        self.nothing = self.label("Loading the log…", MUTED, wrap=True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.retry_button = QPushButton("Try again")
        blank = QWidget()
        below = self.spaced(QVBoxLayout(blank), 8, (24, 24, 24, 24))
        below.addWidget(self.nothing)
        below.addWidget(self.retry_button, 0, Qt.AlignmentFlag.AlignHCenter)
        below.addStretch()
        self.stack = QStackedWidget()
        self.stack.addWidget(blank)
        self.stack.addWidget(self.table)
        top = self.line()
        top.addWidget(self.label("Audit log", font="ui.bold"))
        top.addWidget(self.count)
        top.addStretch(1)
        top.addWidget(self.filter_box, 2)
        column = QVBoxLayout(self)
        self.spaced(column, 8, (16, 12, 16, 12))
        column.addLayout(top)
        column.addWidget(self.label("Settings, resets, cleanups, triggers, and what was archived, deleted or removed.",
                                    MUTED, "meta", wrap=True))  # fmt: skip
        column.addWidget(self.stack, 1)
        self.retry_button.hide()
        self.filter_box.textChanged.connect(lambda _: self._show())
        self.retry_button.clicked.connect(self.load)
        self.set_look(look)

    @override
    def set_look(self, look: Look) -> None:
        super().set_look(look)
        self.model.look = look
        self.table.setFont(look.font("ui"))
        self.table.horizontalHeader().setFont(look.font("meta"))
        self.table.setStyleSheet(table_sheet(look))
        self.table.verticalHeader().setDefaultSectionSize(look.px(26))
        for column, width in enumerate(WIDTHS):
            self.table.horizontalHeader().resizeSection(column, look.px(width))
        self.filter_box.setMaximumWidth(look.px(320))

    def load(self) -> None:
        """Read it, in a job; what is shown stays until then."""
        db = self._db
        self._jobs.run(lambda: audit.entries(db, MOST), self.show_books, self._failed)

    def show_books(self, books: Books) -> None:
        """This is the log now."""
        self.books = books
        self.retry_button.hide()
        self.tone(self.nothing, MUTED)
        self._show()

    def _failed(self, error: Exception) -> None:
        self.nothing.setText(f"The log cannot be read. {error}")
        self.tone(self.nothing, FAILED)
        self.retry_button.show()
        self.stack.setCurrentIndex(0)

    def _show(self) -> None:
        self.model.show_entries(self.books.rows, self.filter_box.text())
        shown, total = len(self.model.rows), self.books.total
        self.count.setText(f"{shown:,} of {total:,}" if shown != total else wording.many(total, "entry", "entries"))
        self.nothing.setText(
            "No entry has all of these words." if total else "Nothing yet. What you change here is written down."
        )
        self.stack.setCurrentIndex(1 if shown else 0)
