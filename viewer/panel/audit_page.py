"""The audit log: time, who, action, detail, newest first, with a filter. For the panel's page."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from store import audit
from store.audit import Books, Entry
from viewer import wording
from viewer.jobs import Jobs
from viewer.panel.lists import Cell, Column, Lines, LinesView
from viewer.panel.parts import FAILED, MUTED, Part
from viewer.theme.look import Look

COLUMNS: Final = (Column("Time", 168), Column("By", 76), Column("Action", 150), Column("Detail", 0))
MOST: Final = 1000  # entries that are read


def cells(row: Entry) -> tuple[Cell, ...]:
    """An entry as a line of the table."""
    detail = row.detail or (Path(row.session).name if row.session else "")
    return (
        Cell(wording.full(row.ts), tone="text.muted"),
        Cell(row.actor, tone="text.muted"),
        Cell(row.action),
        Cell(detail, f"{detail}\n{row.session}".strip()),
    )


def _line(row: Entry) -> str:
    return " ".join((*(cell.text for cell in cells(row)), row.session)).casefold()


class AuditPage(Part):
    """See the module."""

    def __init__(self, jobs: Jobs, db: Path, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(look, parent)
        self._jobs, self._db = jobs, db
        self.books = Books((), 0)
        self.model = Lines(COLUMNS, cells, look, self)
        self.table = LinesView("Audit log", self.model, look)
        self.filter_box = QLineEdit()
        self.filter_box.setPlaceholderText("Filter the log…")
        self.filter_box.setProperty("quiet", True)
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
        column.addWidget(self.label("Settings, resets, stopped runs, cleanups, triggers, and what was archived, "
                                    "deleted or removed.",
                                    MUTED, "meta", wrap=True))  # fmt: skip
        column.addWidget(self.stack, 1)
        self.retry_button.hide()
        self.filter_box.textChanged.connect(lambda _: self._show())
        self.retry_button.clicked.connect(self.load)
        self.set_look(look)

    @override
    def set_look(self, look: Look) -> None:
        super().set_look(look)
        self.table.set_look(look)
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
        words = self.filter_box.text().casefold().split()
        self.model.set_rows([row for row in self.books.rows if all(word in _line(row) for word in words)])
        shown, total = len(self.model.rows), self.books.total
        self.count.setText(f"{shown:,} of {total:,}" if shown != total else wording.many(total, "entry", "entries"))
        self.nothing.setText(
            "No entry has all of these words." if total else "Nothing yet. What you change here is written down."
        )
        self.stack.setCurrentIndex(1 if shown else 0)
