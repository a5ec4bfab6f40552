"""The lines of the storage card: agents with their projects below them, each with a bar for its share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QHeaderView, QStyledItemDelegate, QStyleOptionViewItem, QTreeView, QWidget
from typing_extensions import override

from store.storage import Own, Storage
from viewer import tips, wording
from viewer.panel import words
from viewer.panel.parts import paint_ring
from viewer.theme.look import Look

SHARE: Final = int(Qt.ItemDataRole.UserRole) + 1  # 0..1, of the biggest line
KEY: Final = SHARE + 1  # what a line is about, so that it stays selected and open
HIGH: Final = 10  # lines that are shown without scrolling
RIGHT: Final = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class Bars(QStyledItemDelegate):
    """Paints a share as a bar."""

    look: Look

    @override
    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(self.look.px(60), self.look.metrics("ui").height() + self.look.px(8))

    @override
    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        share = index.data(SHARE)
        if share is None:
            super().paint(painter, option, index)
            return
        rect = QRectF(option.rect).adjusted(self.look.px(12), 0, 0, 0)
        high = self.look.px(4)
        track = QRectF(rect.left(), rect.center().y() - high / 2, rect.width(), high)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.look.colour("line.hair"))
        painter.drawRoundedRect(track, high / 2, high / 2)
        track.setWidth(max(float(high), track.width() * float(share)))
        painter.setBrush(self.look.colour("accent.main" if not index.parent().isValid() else "text.faint"))
        painter.drawRoundedRect(track, high / 2, high / 2)
        painter.restore()


class StorageTree(QTreeView):
    """See the module."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines = QStandardItemModel(0, 4, self)
        self._lines.setHorizontalHeaderLabels(["Agent", "Files", "Size", "Share"])
        self.setModel(self._lines)
        self._bars = Bars(self)
        self._bars.look = look
        self.setItemDelegate(self._bars)
        self.setAccessibleName("Transcript files per agent and project")
        self.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.setUniformRowHeights(True)
        self.setHeaderHidden(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(1)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2, 3):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
        self.expanded.connect(self._fit)
        self.collapsed.connect(self._fit)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        paint_ring(self, self._bars.look)

    def set_look(self, look: Look) -> None:
        self._bars.look = look
        for column, width in ((2, 76), (3, 104)):
            self.header().resizeSection(column, look.px(width))
        self.setIndentation(look.px(16))
        ground, chosen, text = (
            look.colour(token).name() for token in ("surface.window", "surface.selected", "text.strong")
        )
        self.setStyleSheet(
            f"QTreeView {{ background: {ground}; selection-background-color: {chosen}; selection-color: {text}; }}"
        )
        self.setFont(look.font("ui"))
        self._numbers()
        self._fit()

    def _numbers(self) -> None:
        """The column of numbers is as wide as the widest: where there is little room, names need it."""
        metrics = self._bars.look.metrics("ui")
        texts: list[str] = []
        for row in range(self._lines.rowCount()):
            line = self._lines.item(row, 0)
            texts += [self._lines.item(row, 1).text(), *(line.child(n, 1).text() for n in range(line.rowCount()))]
        wide = max(map(metrics.horizontalAdvance, texts), default=0)
        self.header().resizeSection(1, wide + self._bars.look.px(16))

    def show_storage(self, found: Storage) -> None:
        """The same lines stay open and chosen."""
        opened = {
            index.data(KEY) for row in range(self._lines.rowCount())
            if self.isExpanded(index := self._lines.index(row, 0))
        }  # fmt: skip
        chosen = self.currentIndex().siblingAtColumn(0).data(KEY)
        self._lines.removeRows(0, self._lines.rowCount())
        mine = list(_own(found.own))
        biggest = max([agent.bytes for agent in found.agents] + [size or 0 for _, _, _, size, _ in mine])
        for agent in found.agents:
            number = wording.many(agent.files, "file")
            line = _line(agent.name, agent.title, number, agent.bytes, biggest, "\n".join(agent.places))
            for part in agent.parts:
                name = PurePath(part.cwd).name or part.cwd or "not read yet"
                tip = part.cwd or "Sessions that Playhead has not read yet: their project is not known."
                number = wording.many(part.files, "file")
                line[0].appendRow(_line(f"{agent.name}\n{part.cwd}", name, number, part.bytes, agent.bytes, tip))
            self._lines.appendRow(line)
            index = line[0].index()
            if agent.name in opened:
                self.expand(index)
            for below in range(-1, line[0].rowCount()):
                one = index if below < 0 else self._lines.index(below, 0, index)
                if chosen is not None and one.data(KEY) == chosen:
                    self.setCurrentIndex(one)
        for key, title, number, size, tip in mine:
            line = _line(key, title, number, size, biggest, tip)
            self._lines.appendRow(line)
            if key == chosen:
                self.setCurrentIndex(line[0].index())
        self._numbers()
        self._fit()

    def _fit(self) -> None:
        """As high as what is open, up to a limit: a list in a page that scrolls must not scroll as well."""
        lines = self._lines.rowCount()
        for row in range(self._lines.rowCount()):
            if self.isExpanded(self._lines.index(row, 0)):
                lines += self._lines.rowCount(self._lines.index(row, 0))
        high = self._bars.look.metrics("ui").height() + self._bars.look.px(8)
        self.setFixedHeight(min(max(lines, 1), HIGH) * high + self._bars.look.px(2))


def _line(key: str, name: str, number: str, size: int | None, biggest: int, tip: str) -> list[QStandardItem]:
    line = [QStandardItem(text) for text in (name, number, "" if number and size is None else words.size(size), "")]
    line[0].setData(key, KEY)
    for item in line[1:3]:
        item.setTextAlignment(RIGHT)
    if size is not None and biggest:
        line[3].setData(size / biggest, SHARE)
        line[3].setAccessibleText(f"{100 * size / biggest:.0f} % of the biggest")
    for item in line:
        item.setToolTip(tips.plain(tip))
    return line


def _own(own: Own) -> Iterator[tuple[str, str, str, int | None, str]]:
    """Our own lines: key, title, number, bytes, tip."""
    states = ", ".join(f"{many:,} {state}" for state, many in own.states.items())
    tip = f"{own.place}\n{words.size(own.database)}, and {words.size(own.wal)} that wait in its log"
    yield (
        "own.index", "Playhead's database", wording.many(sum(own.states.values()), "session") if own.states else "",
        None if own.database is None else own.database + own.wal, f"{tip}\n{states}".strip(),
    )  # fmt: skip
    if own.journal_files:
        tip = "What came through pipes and from programs started here, as it came."
        yield "own.journals", "Streams that were recorded", wording.many(own.journal_files, "file"), own.journals, tip
    if own.rest:
        yield "own.rest", "Locks, logs, copies", "", own.rest, "Whatever else lies in Playhead's data folder."
    if own.only != 0:
        tip = "Their agent has deleted the file: the copy here is the only one. As big as the files were."
        many = words.UNKNOWN if own.only is None else wording.many(own.only, "session")
        yield "own.only", "Only in Playhead", many, None if own.only is None else own.only_bytes, tip
    many = words.UNKNOWN if own.empties is None else wording.many(own.empties, "session")
    more = f", {own.removed:,} removed" if own.removed else ""
    yield "own.empties", "Never had a message", many + more, None, "Sessions that were saved with nothing in them."
