"""The columns beside the transcript give way to it: in a narrow window the one asked for last stays. Made by frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from PySide6.QtCore import QEvent, QObject, QSettings, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDockWidget, QMainWindow
from typing_extensions import override

from viewer.theme.look import Look

Side: TypeAlias = Literal["left", "right"]

TEXT: Final = 480  # px at zoom 1: narrower than this the transcript is no longer read
PANEL: Final = 600  # and narrower than this tables have no room for their columns
LEAST: Final = 220  # px at zoom 1 of a column
WIDTHS: Final[dict[Side, int]] = {"left": 280, "right": 320}  # px at zoom 1, until a border is dragged
MOST_LEFT: Final = 360
KEY: Final = "window/columns"
ASKED: Final = "window/docks"


class Column(QDockWidget):
    """A dock that has room made before it is seen: Qt makes the window wider for it, and leaves it so."""

    room: Callable[[QDockWidget], None] | None = None

    @override
    def setVisible(self, visible: bool) -> None:
        if visible and self.room is not None and self.isHidden():
            self.room(self)
        super().setVisible(visible)


class Docks(QObject):
    """Which docks are asked for, which of them there is room for, and how wide they are.

    A dock that gives way is hidden and still asked for: it is back as soon as there is room, so a wider window and a
    closed neighbour need no second key. Widths are kept without the zoom: docks that grew with it shrink with it.
    """

    def __init__(self, window: QMainWindow, left: Column, right: tuple[Column, ...]) -> None:
        super().__init__(window)
        self._window = window
        self._sides: dict[Side, tuple[QDockWidget, ...]] = {"left": (left,), "right": right}
        self._asked: dict[QDockWidget, bool] = {dock: not dock.isHidden() for dock in (left, *right)}
        self._newest: Side | None = "left"
        self._before: Side | None = None  # what was asked for last before the middle needed more
        self._text = TEXT
        self._widths: dict[Side, float] = dict(WIDTHS)
        self._zoom = 1.0
        self._stacked: dict[Side, list[QDockWidget]] = {}  # docks that share a column, as they were shared last
        self._fitting = False
        self._fitted = -1  # width of the window for which the docks stand as they do
        for dock in (left, *right):
            dock.installEventFilter(self)
            dock.room = self._make_room

    def asked(self, dock: QDockWidget) -> bool:
        """Whether the user wants to see it, also while there is no room."""
        return self._asked[dock]

    def set_look(self, look: Look) -> None:
        """Another zoom: the columns keep their share of it."""
        self._zoom = look.zoom
        for dock in self._asked:
            dock.setMinimumWidth(look.px(LEAST))
        self._sides["left"][0].setMaximumWidth(look.px(MOST_LEFT))
        self._fitted = -1
        self.fit()

    def need(self, text: int) -> None:
        """What stands in the middle needs so much, in px at zoom 1. Who needs more than before was asked for last."""
        if text == self._text:
            return
        if text > self._text:
            self._before, self._newest = self._newest, None
        elif self._newest is None:
            self._newest = self._before
        self._text = text
        self._fitted = -1
        self.fit()

    def fit(self) -> None:
        """Make room for the transcript. Costs nothing while the window is as wide as before."""
        width = self._window.width()
        if self._fitting or width == self._fitted:
            return
        self._fitting = True
        try:
            shown = self._choose(width)
            self._hide_all_but(shown)
            for side in shown:
                for dock in self._sides[side]:
                    if self._asked[dock] and dock.isHidden():
                        dock.setVisible(True)
            self._share(shown, width)
            self._stack(shown)
            self._fitted = width
        finally:
            self._fitting = False

    def _hide_all_but(self, shown: list[Side]) -> None:
        for side, docks in self._sides.items():
            for dock in docks:
                if not dock.isHidden() and not (self._asked[dock] and side in shown):
                    dock.setVisible(False)

    def _make_room(self, dock: QDockWidget) -> None:
        """What will have to give way to it goes first."""
        if self._fitting:
            return
        self._fitting = True
        try:
            self._asked[dock], self._newest = True, self._side(dock)
            self._hide_all_but(self._choose(self._window.width()))
        finally:
            self._fitting = False

    def _choose(self, width: int) -> list[Side]:
        """The columns that there is room for, the one asked for last first; that one is always shown."""
        order: tuple[Side, Side] = ("right", "left") if self._newest == "right" else ("left", "right")
        shown: list[Side] = []
        for side in order:
            wanted = any(self._asked[dock] for dock in self._sides[side])
            if wanted and (side == self._newest or (len(shown) + 1) * self._px(LEAST) + self._px(self._text) <= width):
                shown.append(side)
        return shown

    def _share(self, shown: list[Side], width: int) -> None:
        """Columns are as wide as they were made; where the transcript would be too narrow, they share the rest."""
        least = self._px(LEAST)
        room = max(width - self._px(self._text), least * len(shown))
        more = {side: max(0, self._px(self._widths[side]) - least) for side in shown}
        over = max(0, sum(more.values()) + least * len(shown) - room)
        docks, widths = [], []
        for side in shown:
            cut = over * more[side] // max(1, sum(more.values()))
            for dock in self._sides[side]:
                if self._asked[dock]:
                    docks.append(dock)
                    widths.append(least + more[side] - cut)
        if docks:
            self._window.resizeDocks(docks, widths, Qt.Orientation.Horizontal)

    def _stack(self, shown: list[Side]) -> None:
        """Docks above each other share their column; Qt would leave all of it to the one that was there first."""
        for side in shown:
            docks = [dock for dock in self._sides[side] if self._asked[dock]]
            if docks != self._stacked.get(side) and len(docks) > 1:
                self._window.resizeDocks(docks, [1000] * len(docks), Qt.Orientation.Vertical)
            self._stacked[side] = docks

    def _px(self, units: float) -> int:
        return round(units * self._zoom)

    @override
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Shown, hidden and dragged by whomever: that is what is asked for from now on."""
        if self._fitting or not isinstance(watched, QDockWidget):
            return False
        match event.type():
            case QEvent.Type.ShowToParent | QEvent.Type.HideToParent:
                self._asked[watched] = event.type() == QEvent.Type.ShowToParent
                if self._asked[watched]:
                    self._newest = self._side(watched)
                self._fitted = -1
                self.fit()
            case QEvent.Type.Resize if self._dragged():
                self._widths[self._side(watched)] = watched.width() / self._zoom
        return False

    def _side(self, dock: QDockWidget) -> Side:
        return "left" if dock in self._sides["left"] else "right"

    def _dragged(self) -> bool:
        """A dock got another width in a window that has not: somebody drags its border."""
        pressed = QGuiApplication.mouseButtons() & Qt.MouseButton.LeftButton
        return bool(pressed) and self._window.width() == self._fitted

    # ---- remembered

    def remember(self, kept: QSettings) -> None:
        """What is asked for and how wide: the window's own state only knows what there was room for."""
        kept.setValue(ASKED, [dock.objectName() for dock, asked in self._asked.items() if asked])
        kept.setValue(KEY, [f"{side}:{width:.0f}" for side, width in self._widths.items()])

    def restore(self, kept: QSettings) -> None:
        """After the window has its size again."""
        names = kept.value(ASKED)
        if names is not None:
            # One name is read back as a text, none as nothing.
            some = {names} if isinstance(names, str) else set(names or ())
            for dock in self._asked:
                self._asked[dock] = dock.objectName() in some
        for entry in kept.value(KEY) or ():
            side, _, width = str(entry).partition(":")
            if side in self._widths and width.isdigit():
                self._widths[side] = float(width)
        self._newest = "right" if any(self._asked[dock] for dock in self._sides["right"]) else "left"
        self._fitted = -1
        self.fit()
