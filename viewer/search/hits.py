"""What a search found as a list: a heading per session, below it a line per row with the words that match. For pane."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from typing_extensions import override

from store.search import Hit
from viewer import tips, wording

HitRole: Final = Qt.ItemDataRole.UserRole + 1  # Hit, or None for a heading
HeadRole: Final = Qt.ItemDataRole.UserRole + 2  # (title, project) of a heading, or None
_ROOT: Final = QModelIndex()
_WORDS: Final = {
    "prompt": "You", "message": "Agent", "thought": "Thought", "tool.shell": "Command", "tool.edit": "Edit",
    "tool.read": "Read", "tool.search": "Search", "tool.agent": "Subagent", "plan": "Plan", "notice": "Notice",
    "raw": "Raw record",
}  # fmt: skip


class Head(NamedTuple):
    """The session that the hits below are in."""

    title: str
    project: str


def kind(hit: Hit) -> str:
    """What kind of row it is, in words: 'Command failed'."""
    known = _WORDS.get(hit.kind) or hit.tool or _WORDS.get(hit.kind.partition(".")[0]) or hit.kind.partition(".")[2]
    return f"{known or hit.kind} failed" if hit.error and hit.kind.startswith("tool") else known or hit.kind


def grouped(hits: Sequence[Hit]) -> list[Head | Hit]:
    """Sessions in the order of their newest hit; the hits of each as they were found, newest first."""
    sessions: dict[str, list[Hit]] = {}
    for hit in hits:
        sessions.setdefault(hit.session, []).append(hit)
    lines: list[Head | Hit] = []
    for some in sessions.values():
        lines.append(Head(wording.named(some[0].title) or "Untitled session", some[0].project))
        lines += some
    return lines


class HitModel(QAbstractListModel):
    """See the module."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lines: list[Head | Hit] = []

    def show(self, hits: Sequence[Hit]) -> None:
        self.beginResetModel()
        self._lines = grouped(hits)
        self.endResetModel()

    def next_hit(self, row: int, by: int) -> int:
        """The next row from there that is a hit; -1 when there is none."""
        row += by
        while 0 <= row < len(self._lines):
            if isinstance(self._lines[row], Hit):
                return row
            row += by
        return -1

    @override
    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._lines)

    @override
    def flags(self, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        if isinstance(self._lines[index.row()], Head):
            return Qt.ItemFlag.ItemNeverHasChildren
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren

    @override
    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or not 0 <= index.row() < len(self._lines):
            return None
        line = self._lines[index.row()]
        if isinstance(line, Head):
            if role == HeadRole:
                return line
            texts = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole)
            return f"{line.title}, {line.project}" if role in texts else None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return line.snippet.text
            case Qt.ItemDataRole.ToolTipRole:
                return tips.plain(f"{line.snippet.text}\n{kind(line)} · {wording.full(line.ts)}".rstrip(" ·"))
            case Qt.ItemDataRole.AccessibleTextRole:
                when = wording.ago(line.ts, time.time_ns() // 1000)[0]
                return ", ".join(part for part in (kind(line), line.snippet.text, when) if part)
            case _ if role == HitRole:
                return line
        return None
