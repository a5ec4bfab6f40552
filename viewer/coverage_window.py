"""The window that says what of every session was understood, and what not: a line per agent, version and type.

Opened by commands. A process of its own reads the sessions (`store.coverage_hand`); a place leads to its record.
"""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QSplitter,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from store.coverage import drift
from store.coverage_hand import FAILED, CoverageHand
from viewer import tips, wording
from viewer.coverage_lines import COLUMNS, Line, summary, tree
from viewer.theme.look import Look

PLACES: Final = ("Record", "At byte", "Size", "Why")
LineRole: Final = Qt.ItemDataRole.UserRole
_MARKS: Final = {"damaged": "state.failed", "raw": "state.waiting", "new": "accent.main", "": "text.main"}


class CoverageWindow(QDialog):
    """See the module. `chosen` is a place: file, offset, length."""

    chosen = Signal(str, object, object)
    _told = Signal(object)

    def __init__(self, look: Look, session: str = "", parent: QWidget | None = None, version: str = "") -> None:
        """`session` is the path of the session that is shown, if it has one."""
        super().__init__(parent)
        self.setWindowTitle("Coverage")
        self.setModal(False)
        self._version = version
        self._session = session
        self._report: dict[str, Any] | None = None
        self._failed = False  # what the note says
        self._look = look
        self._hand = CoverageHand(self._told.emit)
        self._told.connect(self.on_told, Qt.ConnectionType.QueuedConnection)
        self._build()
        self.set_look(look)
        self._idle("Reads the files of sessions and says how much of every record is understood, and what is not.")

    def _build(self) -> None:
        self.scope = QComboBox()
        self.scope.addItem("Every session", [])
        if self._session:
            self.scope.insertItem(0, "This session", [self._session])
            self.scope.setCurrentIndex(0)
        self.scope.setAccessibleName("What to read")
        self.look_button = QPushButton("Check")
        self.look_button.setDefault(True)
        self.look_button.setToolTip("Read the files; nothing is changed")
        self.stop_button = QPushButton("Stop")
        self.stop_button.setToolTip("Read no further")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("How much is read")
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.tree = QTreeWidget()
        self.tree.setAccessibleName("Agents, versions and types of records")
        self.tree.setHeaderLabels(list(COLUMNS))
        self.places = QTreeWidget()
        self.places.setAccessibleName("Records that were not understood")
        self.places.setHeaderLabels(list(PLACES))
        self.places.setRootIsDecorated(False)
        self.places.setToolTip("Enter or a double click shows the record")
        for list_ in (self.tree, self.places):
            list_.setUniformRowHeights(True)
            list_.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
            list_.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
            list_.setTextElideMode(
                Qt.TextElideMode.ElideMiddle if list_ is self.places else Qt.TextElideMode.ElideRight
            )
            list_.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            list_.header().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
            list_.header().setSectionsMovable(False)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for list_, columns in ((self.tree, (1, 2, 3)), (self.places, (1, 2))):
            for column in columns:
                list_.headerItem().setTextAlignment(column, right)
        self.copy_button = QPushButton("Copy drift report")
        self.copy_button.setToolTip("Types, names of fields and counts, and nothing that a session says")
        self.close_button = QPushButton("Close")
        top = QHBoxLayout()
        for widget in (self.scope, self.look_button, self.stop_button):
            top.addWidget(widget)
        top.addWidget(self.progress, 1)
        top.addStretch()
        self.split = QSplitter(Qt.Orientation.Vertical)
        self.split.addWidget(self.tree)
        self.split.addWidget(self.places)
        self.split.setStretchFactor(0, 3)
        self.split.setStretchFactor(1, 2)
        self.split.setChildrenCollapsible(False)
        self.rest = QWidget()  # in its place while there is nothing to show
        bottom = QHBoxLayout()
        bottom.addWidget(self.copy_button)
        bottom.addStretch()
        bottom.addWidget(self.close_button)
        self._whole = QVBoxLayout(self)
        self._whole.addLayout(top)
        self._whole.addWidget(self.note)
        self._whole.addWidget(self.split, 1)
        self._whole.addWidget(self.rest, 1)
        self._whole.addLayout(bottom)
        self.look_button.clicked.connect(self.on_look)
        self.stop_button.clicked.connect(self.on_stop)
        self.copy_button.clicked.connect(self.on_copy)
        self.close_button.clicked.connect(self.close)
        self.tree.currentItemChanged.connect(self.on_line)
        self.places.itemActivated.connect(self.on_place)
        for button in (self.stop_button, self.copy_button, self.close_button):
            button.setAutoDefault(False)

    # ---- looking

    def on_look(self) -> None:
        """Read what is chosen; what was found before stays until there is something new."""
        self.look_button.hide()
        self.stop_button.show()
        self.progress.setRange(0, 0)
        self.progress.show()
        self.scope.setEnabled(False)
        self._say("Looking for sessions…")
        self._hand.look(self.scope.currentData())

    def on_stop(self) -> None:
        self._hand.end()
        self._idle("Stopped. What was found so far is not shown." if self._report is None else summary(self._report))

    def on_told(self, told: dict[str, Any]) -> None:
        """A word of the process that reads."""
        if FAILED in told:
            self._idle(told[FAILED], failed=True)
        elif "report" in told:
            self.show_report(told["report"])
        else:
            thousandths = 1000 * told["done"] // max(1, told["total"])
            self.progress.setRange(0, 1000)
            self.progress.setValue(thousandths)
            sizes = f"{wording.size(told['done'])} of {wording.size(told['total'])}"
            self.note.setText(f"Reading {told['files']:,} of {told['of']:,} files, {sizes}")

    def show_report(self, report: dict[str, Any]) -> None:
        """What was found, in place of what was there."""
        self._report = report
        self.tree.clear()
        for agent in tree(report["classes"]):
            item = self._item(agent)
            self.tree.addTopLevelItem(item)
            for version in agent.below:
                inner = self._item(version)
                item.addChild(inner)
                inner.addChildren([self._item(line) for line in version.below])
                inner.setExpanded(version.mark != "")
            item.setExpanded(True)
        words = summary(report)
        troubles = report.get("troubles", [])
        if troubles:
            more = f" {len(troubles) - 1:,} more cannot be read." if len(troubles) > 1 else ""
            words = f"{words}\n{troubles[0]}{more}"
        self._idle(words)
        first = self.tree.topLevelItem(0)
        if first is not None:
            self.tree.setCurrentItem(first)
        self.tree.setFocus(Qt.FocusReason.OtherFocusReason)

    def _idle(self, words: str, *, failed: bool = False) -> None:
        self._say(words, failed=failed)
        self.look_button.setText("Check" if self._report is None else "Check again")
        self.look_button.show()
        self.stop_button.hide()
        self.progress.hide()
        self.scope.setEnabled(True)
        there = self._report is not None and bool(self._report["files"])
        self.split.setVisible(there)
        self.rest.setVisible(not there)
        self.copy_button.setEnabled(there)

    def _say(self, words: str, *, failed: bool = False) -> None:
        self._failed = failed
        palette = self.note.palette()
        palette.setColor(self.note.foregroundRole(), self._look.colour("state.failed" if failed else "text.main"))
        self.note.setPalette(palette)
        self.note.setText(words)

    # ---- lines and places

    def _item(self, line: Line) -> QTreeWidgetItem:
        item = QTreeWidgetItem(list(line.texts))
        item.setData(0, LineRole, line)
        item.setData(0, Qt.ItemDataRole.AccessibleTextRole, line.spoken)
        item.setToolTip(4, tips.plain(line.note))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for column in (1, 2, 3):
            item.setTextAlignment(column, right)
        self._paint(item, line)
        return item

    def _paint(self, item: QTreeWidgetItem, line: Line) -> None:
        look = self._look
        if line.mark:
            item.setForeground(0, look.colour(_MARKS[line.mark]))
        for column in (2, 3):
            item.setForeground(column, look.colour(_MARKS["raw" if column == 2 else "damaged"]))
        item.setForeground(4, look.colour(_MARKS["new"] if line.new and not line.below else "text.muted"))

    def on_line(self, item: QTreeWidgetItem | None, _: QTreeWidgetItem | None = None) -> None:
        """The places of what was not understood in this line."""
        self.places.clear()
        line = None if item is None else item.data(0, LineRole)
        for place in line.places if isinstance(line, Line) else ():
            name = wording.name_of(place["file"])
            texts = [name, f"{place['offset']:,}", wording.size(place["length"]), place["reason"]]
            found = QTreeWidgetItem(texts)
            found.setData(0, LineRole, place)
            found.setToolTip(0, tips.plain(place["file"]))
            for column in (1, 2):
                found.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.places.addTopLevelItem(found)
        self.places.setVisible(bool(self.places.topLevelItemCount()))

    def on_place(self, item: QTreeWidgetItem) -> None:
        place = item.data(0, LineRole)
        self.chosen.emit(place["file"], place["offset"], place["length"])

    def on_copy(self) -> None:
        if self._report is not None:
            QGuiApplication.clipboard().setText(drift(self._report, self._version))
            self.note.setText("The drift report is in the clipboard: types, names of fields and counts only.")

    # ---- the window

    def set_look(self, look: Look) -> None:
        self._look = look
        self._whole.setContentsMargins(look.px(16), look.px(16), look.px(16), look.px(16))
        self._whole.setSpacing(look.px(12))
        self.progress.setMaximumHeight(look.px(6))
        self.note.setFont(look.font("ui"))
        self._say(self.note.text(), failed=self._failed)
        for list_ in (self.tree, self.places):
            list_.setStyleSheet(  # a cell has 3 px of its own, a section of the header has not
                f"QTreeView {{ background: {look.colour('surface.window').name()}; border: 1px solid "
                f"{look.colour('line.hair').name()}; selection-color: {look.colour('text.strong').name()}; "
                f"selection-background-color: {look.colour('surface.selected').name()}; }} "
                f"QTreeView::item {{ padding: {look.px(3)}px {look.px(6)}px; }} "
                f"QHeaderView::section {{ background: {look.colour('surface.panel').name()}; border: 0; "
                f"border-bottom: 1px solid {look.colour('line.hair').name()}; "
                f"padding: {look.px(4)}px {look.px(6) + 3}px; "
                f"color: {look.colour('text.muted').name()}; }}"
            )
        self.tree.setIndentation(look.px(14))
        self._widths()
        every = Qt.MatchFlag.MatchWildcard | Qt.MatchFlag.MatchRecursive
        for item in self.tree.findItems("*", every):
            self._paint(item, item.data(0, LineRole))
        if not self.isVisible():
            self.resize(look.px(860), look.px(620))

    def _widths(self) -> None:
        """Columns by the room there is: numbers as wide as they may be, names and words share the rest."""
        wide = self._look.metrics("ui").horizontalAdvance("0")
        for list_, numbers in ((self.tree, (10, 7, 10)), (self.places, (14, 9))):
            header = list_.header()
            header.setStretchLastSection(True)
            header.setMinimumSectionSize(wide * 4)
            header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
            room = max(self.width() - 2 * self._look.px(18) - wide * sum(numbers), wide * 24)
            header.resizeSection(0, max(wide * 18, room // 2))
            for column, signs in enumerate(numbers, 1):
                header.resizeSection(column, wide * signs)

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._widths()

    @override
    def closeEvent(self, event: QCloseEvent) -> None:
        self._hand.close()
        super().closeEvent(event)

    @override
    def reject(self) -> None:
        """Escape ends what is read first, then the window."""
        if self._hand.running:
            self.on_stop()
        else:
            super().reject()
