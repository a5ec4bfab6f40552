"""Helpers of the timeline's tests: a window over a list, a renderer of heights told by hand, real mouse events."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QWheelEvent
from PySide6.QtWidgets import QApplication

from store.delta import Delta, Rebase
from store.items import Item, Message, Tool, size_of, text_of
from store.text import Text
from viewer.rows import base
from viewer.rows.base import Fold, Hit, Laid, Pos
from viewer.theme import make_look
from viewer.theme.look import Look
from viewer.timeline.model import TimelineModel
from viewer.timeline.view import TimelineView

LINE = 16
CHAR = 8
PAD = 8


class ListWindow:
    """A Window over a list. Counts what is read of it."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.rows_read = 0
        self.finds = 0
        self._rows: dict[str, int] | None = None

    @property
    def length(self) -> int:
        return len(self.items)

    def read(self, first: int, count: int) -> Sequence[Item]:
        self.rows_read += count
        return self.items[first : first + count]

    def weights(self) -> array[int]:
        return array("H", (min(65535, size_of(item)) for item in self.items))

    def nested(self) -> array[int]:
        found = array("i")
        for row, item in enumerate(self.items):
            owner = None if item.parent is None else self.find(item.parent)
            if owner is not None:
                found.extend((row, owner))
        return found

    def find(self, item: str) -> int | None:
        self.finds += 1
        if self._rows is None:
            self._rows = {item.id: row for row, item in enumerate(self.items)}
        return self._rows.get(item)


class Slate(Laid):
    """Plain text in cells of 8 by 16 px. A tool call shows its title until it is opened; its first line folds it."""

    segments = 1
    fail_paint = False

    def __init__(self, item: Item, width: int, look: Look, fold: Fold) -> None:
        self.item, self.fold = item, fold
        self.columns = max(10, width // CHAR)
        self._wrap()

    def _wrap(self) -> None:
        item = self.item
        text = text_of(item)
        if isinstance(item, Tool) and not self.fold.open:
            text = item.title
        elif self.fold.open is False:
            text = text.split("\n")[0]
        if self.fold.steps:
            text += f"\n{self.fold.steps} steps"
        if "explode when laid out" in text:
            raise RuntimeError("as asked")
        self.lines: list[tuple[int, str]] = []
        start = 0
        for part in text.split("\n"):
            for at in range(0, max(1, len(part)), self.columns):
                self.lines.append((start + at, part[at : at + self.columns]))
            start += len(part) + 1
        self.shown = text
        self.reach = CHAR * max(len(line) for _, line in self.lines)
        self.height = 0 if text == "nothing" else PAD + LINE * len(self.lines)

    def paint(self, painter: QPainter, top: int, bottom: int, selected: tuple[Pos | None, Pos | None] | None) -> None:
        if "explode when painted" in self.shown:
            raise RuntimeError("as asked")
        for number, (start, line) in enumerate(self.lines):
            y = PAD // 2 + number * LINE
            if y + LINE <= top or y >= bottom:
                continue
            if selected is not None:
                first = 0 if selected[0] is None else max(0, selected[0].char - start)
                last = len(line) if selected[1] is None else min(len(line), selected[1].char - start)
                if first < last:
                    painter.fillRect(first * CHAR, y, (last - first) * CHAR, LINE, Qt.GlobalColor.yellow)
            painter.setPen(Qt.GlobalColor.black)
            for column, char in enumerate(line):
                if not char.isspace():
                    # A pattern of its own per character: no font, so that pictures can be compared.
                    painter.fillRect(
                        column * CHAR + 1, y + 2 + ord(char) % 5, 5, 3 + ord(char) % 7, Qt.GlobalColor.black
                    )

    def hit(self, x: int, y: int) -> Hit:
        number = min(max((y - PAD // 2) // LINE, 0), len(self.lines) - 1)
        start, line = self.lines[number]
        pos = Pos(0, start + min(max(round(x / CHAR), 0), len(line)))
        word = next((word for word in line.split() if (":" in word and "/" in word) or word.startswith("mailto:")), "")
        at = line.find(word) if word else -1
        link = word if word and at * CHAR <= x < (at + len(word)) * CHAR else ""
        action = ""
        if isinstance(self.item, Tool) and number == 0 and 0 <= y < self.height:
            action = "children" if self.fold.steps else "fold"
        if line == "[answer]":
            action = "answer:yes"
        return Hit(pos, link, action, link)

    def text(self, start: Pos | None, end: Pos | None) -> str:
        if start is None and end is None:
            return text_of(self.item)
        return self.shown[0 if start is None else start.char : None if end is None else end.char]

    def word(self, pos: Pos) -> tuple[Pos, Pos]:
        first = last = min(pos.char, len(self.shown))
        while first > 0 and self.shown[first - 1].isalnum():
            first -= 1
        while last < len(self.shown) and self.shown[last].isalnum():
            last += 1
        return Pos(0, first), Pos(0, last)

    def paragraph(self, pos: Pos) -> tuple[Pos, Pos]:
        first = self.shown.rfind("\n", 0, pos.char) + 1
        last = self.shown.find("\n", pos.char)
        return Pos(0, first), Pos(0, len(self.shown) if last < 0 else last)

    def grow(self, item: Item) -> bool:
        if not isinstance(item, Message) or not isinstance(self.item, Message) or not self.item.open:
            return False
        if not str(item.text).startswith(str(self.item.text)):
            return False
        self.grown_from = PAD // 2 + LINE * (len(self.lines) - 1)
        self.item = item
        self._wrap()
        return True


@pytest.fixture
def slate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind of row is laid out by Slate, whatever renderers other tests brought in."""
    monkeypatch.setattr(base, "_layers", {"unknown": Slate})


@pytest.fixture
def look(qapp: QApplication) -> Look:
    return make_look("light")


def words(row: int, lines: int | None = None) -> str:
    """Text of a height that differs from row to row."""
    count = 1 + row * 7 % 5 if lines is None else lines
    return "\n".join(f"row {row} line {line}" for line in range(count))


def message(row: int, text: str | None = None, rev: int = 0, open: bool = False, parent: str | None = None) -> Message:
    return Message(id=f"m{row}", rev=rev, text=Text(words(row) if text is None else text), open=open, parent=parent)


def tool(row: int, output: int = 5, rev: int = 0, parent: str | None = None) -> Tool:
    text = "\n".join(f"output {line}" for line in range(output))
    return Tool(id=f"t{row}", rev=rev, name="Bash", title=f"run {row}", output=Text(text), status="ok", parent=parent)


def window_model(count: int) -> TimelineModel:
    """A model of so many messages that lie in a window."""
    model = TimelineModel()
    model.apply(rebase(ListWindow([message(row) for row in range(count)])))
    return model


def rebase(window: ListWindow | None, tail: Sequence[Item] = (), overlay: dict[int, Item] | None = None) -> Delta:
    return Delta("s", rebase=Rebase(window, overlay or {}, tuple(tail)))


def added(model: TimelineModel, *items: Item) -> Delta:
    return Delta("s", first=model.length, added=items)


def changed(*rows: tuple[int, Item]) -> Delta:
    return Delta("s", changed=rows)


def tops(view: TimelineView) -> dict[str, int]:
    """Where the visible rows stand, by item."""
    return {placed.what.item: placed.top for placed in view.geo.placed}


@contextmanager
def still(view: TimelineView, *but: str) -> Iterator[None]:
    """What is visible before and after stands still (but for some items)."""
    before = tops(view)
    yield
    after = tops(view)
    both = before.keys() & after.keys() - set(but)
    assert both, (before, after)
    moved = {item: (before[item], after[item]) for item in both if before[item] != after[item]}
    assert not moved


def make_view(qtbot, look: Look, model: TimelineModel, width: int = 500, height: int = 400) -> TimelineView:
    view = TimelineView(look)
    qtbot.addWidget(view)
    view.resize(width, height)
    view.setModel(model)
    with qtbot.waitExposed(view):
        view.show()
    return view


def wheel(view: TimelineView, notches: float = 0, pixels: int = 0) -> None:
    """Turn the wheel; up is positive."""
    point = QPointF(50, 50)
    event = QWheelEvent(
        point, view.viewport().mapToGlobal(point), QPoint(0, pixels), QPoint(0, round(notches * 120)),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(view.viewport(), event)


def mouse(
    view: TimelineView,
    kind: QEvent.Type,
    x: int,
    y: int,
    held: bool = True,
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
    timestamp: int = 0,
) -> None:
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    moving = kind == QEvent.Type.MouseMove
    point = QPointF(x, y)
    event = QMouseEvent(
        kind, point, view.viewport().mapToGlobal(point), none if moving else left, left if held else none, modifiers
    )
    event.setTimestamp(timestamp)
    QApplication.sendEvent(view.viewport(), event)


def drag(view: TimelineView, start: tuple[int, int], *way: tuple[int, int], release: bool = True) -> None:
    mouse(view, QEvent.Type.MouseButtonPress, *start)
    for point in way:
        mouse(view, QEvent.Type.MouseMove, *point)
    if release:
        mouse(view, QEvent.Type.MouseButtonRelease, *(way or (start,))[-1], held=False)


def click(view: TimelineView, x: int, y: int, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    mouse(view, QEvent.Type.MouseButtonPress, x, y, modifiers=modifiers, timestamp=1)
    mouse(view, QEvent.Type.MouseButtonRelease, x, y, held=False, modifiers=modifiers, timestamp=2)


def spot(view: TimelineView, item: str, char: int = 0, line: int = 0) -> tuple[int, int]:
    """The point left of a character of a visible row."""
    placed = next(placed for placed in view.geo.placed if placed.what.item == item)
    return char * CHAR, placed.top + placed.what.lead + PAD // 2 + line * LINE + LINE // 2


def same_pixels(view: TimelineView) -> None:
    """What is on the screen by moving and patching is what painting everything anew gives."""
    QApplication.processEvents()
    screen = view.viewport().screen().grabWindow(view.window().winId()).toImage() if view.windowHandle() else None
    window = view.window()
    origin = view.viewport().mapTo(window, QPoint(0, 0))
    assert screen is not None
    shown = screen.copy(QRect(origin, view.viewport().size()))
    fresh = view.viewport().grab().toImage().convertToFormat(shown.format())
    assert shown == fresh
