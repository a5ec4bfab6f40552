"""What the mouse does in the transcript: select, follow links, press what rows offer, scroll. Called by the view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from PySide6.QtCore import QObject, QPoint, Qt, QTimer, Slot
from PySide6.QtGui import QCursor, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

from viewer.rows.base import Hit, Laid, Pos

if TYPE_CHECKING:
    from viewer.timeline.view import TimelineView

SCHEMES: Final = frozenset({"http", "https", "mailto"})
TICK_MS: Final = 30  # between two steps of a drag beyond the edge


def may_open(link: str) -> bool:
    """Whether a link may be opened by a click. Everything else is only shown."""
    try:
        return urlsplit(link.strip()).scheme.lower() in SCHEMES
    except ValueError:
        return False


class Mouse(QObject):
    """The only timer in here runs while a drag is held beyond the viewport's edge."""

    def __init__(self, view: TimelineView) -> None:
        super().__init__(view)
        self._view = view
        self._pressed: tuple[int, Hit] | None = None
        self._press_at = QPoint()
        self._dragging = False
        self._unit = 1  # 1 characters, 2 words, 3 paragraphs
        self._last = QPoint()
        self._hint = ""
        self._wheel = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self.on_tick)
        self._since_double = QPoint()
        self._triple_until = 0

    @property
    def scrolling(self) -> bool:
        """Whether the drag timer runs."""
        return self._timer.isActive()

    # ---- buttons

    def press(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        view = self._view
        point = event.position().toPoint()
        self._press_at = self._last = point
        self._pressed = view.hit(point)
        self._dragging = False
        if self._pressed is None:
            return
        row, hit = self._pressed
        view.set_current(row)
        third = event.timestamp() < self._triple_until and (point - self._since_double).manhattanLength() < 6
        self._triple_until = 0
        if hit.pos is None:
            if not hit.action and not hit.link:
                self._clear()
            return
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and view.selection.anchored:
            self._select(row, hit.pos, extend=True)
            self._dragging = True
        else:
            self._unit = 3 if third else 1
            self._select(row, hit.pos, extend=False)
            self._dragging = third

    def double(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        point = event.position().toPoint()
        self._last = self._since_double = point
        self._pressed = found = self._view.hit(point)
        self._triple_until = event.timestamp() + QApplication.doubleClickInterval()
        if found is None or found[1].pos is None or found[1].action:
            return
        self._unit = 2
        self._dragging = True
        self._pressed = None
        self._select(found[0], found[1].pos, extend=False)

    def move(self, event: QMouseEvent) -> None:
        point = event.position().toPoint()
        self._last = point
        if not event.buttons() & Qt.MouseButton.LeftButton:
            self._hover(point)
            return
        if not self._dragging:
            far = (point - self._press_at).manhattanLength() >= QApplication.startDragDistance()
            if self._pressed is None or self._pressed[1].pos is None or not far:
                return
            self._dragging = True
        self._drag(point)

    def _drag(self, point: QPoint) -> None:
        view = self._view
        if view.follow and not view.geo.fits:
            view.set_follow(False)  # new rows must not move what is being selected
        height = view.viewport().height()
        outside = point.y() < 0 or point.y() >= height
        if outside != self._timer.isActive():
            if outside:
                self._timer.start()
            else:
                self._timer.stop()
        found = view.hit(QPoint(point.x(), min(max(point.y(), 0), height - 1)))
        if found is not None and found[1].pos is not None:
            self._select(found[0], found[1].pos, extend=True)

    @Slot()
    def on_tick(self) -> None:
        """The drag is held beyond the edge: scroll, the faster the farther."""
        height = self._view.viewport().height()
        y = self._last.y()
        beyond = y if y < 0 else max(0, y - height + 1)
        if not beyond or not self._dragging:
            self._timer.stop()
            return
        self._view.scroll_by(max(-height, min(height, beyond)))
        self._drag(self._last)

    def release(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        self._timer.stop()
        pressed, dragging = self._pressed, self._dragging
        self._pressed, self._dragging = None, False
        if pressed is None or dragging:
            return
        found = self._view.hit(event.position().toPoint())
        if found is None or found[0] != pressed[0]:
            return
        row, hit = found
        if hit.action and hit.action == pressed[1].action:
            self._view.act(row, hit.action)
        elif hit.link and hit.link == pressed[1].link:
            self._open(hit.link)

    def _open(self, link: str) -> None:
        if may_open(link):
            self._view.link_clicked.emit(link.strip())
        else:
            self._say(f"Not opened: {link}")

    # ---- selection

    def _select(self, row: int, pos: Pos, *, extend: bool) -> None:
        view = self._view
        old = view.selection.ends
        start, end = self._unit_around(row, pos)
        if extend:
            view.selection.extend(row, start, end)
        else:
            view.selection.begin(row, start, end)
        new = view.selection.ends
        if old == new:
            return
        rows = [place.row for ends in (old, new) if ends is not None for place in ends]
        if old is not None and new is not None:  # one end moved: only what lies between its places differs
            moved = [(one.row, other.row) for one, other in zip(old, new, strict=True) if one != other]
            rows = [row for pair in moved for row in pair]
        view.update_rows(min(rows), max(rows))

    def _unit_around(self, row: int, pos: Pos) -> tuple[Pos, Pos]:
        placed = self._view.scene.placed(row)
        if self._unit == 1 or placed is None:
            return pos, pos
        laid: Laid = placed.what.laid
        return laid.word(pos) if self._unit == 2 else laid.paragraph(pos)

    def _clear(self) -> None:
        if self._view.selection.ends is not None:
            self._view.clearSelection()

    # ---- hover and wheel

    def _hover(self, point: QPoint) -> None:
        view = self._view
        found = view.hit(point) if view.indexAt(point).isValid() else None
        hit = Hit() if found is None else found[1]
        shape = Qt.CursorShape.ArrowCursor
        if hit.link or hit.action:
            shape = Qt.CursorShape.PointingHandCursor
        elif hit.pos is not None:
            shape = Qt.CursorShape.IBeamCursor
        if view.viewport().cursor().shape() != shape:
            view.viewport().setCursor(QCursor(shape))
        self._say(hit.link or hit.tip)

    def _say(self, hint: str) -> None:
        if hint != self._hint:
            self._hint = hint
            self._view.hinted.emit(hint)

    def on_moved(self) -> None:
        """The rows moved under a pointer that did not: what it was over may be elsewhere now."""
        if self._hint:
            self._say("")

    def wheel(self, event: QWheelEvent) -> None:
        pixels = event.pixelDelta().y()
        if pixels:
            self._view.scroll_by(-pixels)
            return
        lines = QApplication.wheelScrollLines()
        self._wheel -= event.angleDelta().y() / 120 * lines * self._view.line
        whole = int(self._wheel)  # fine wheels send parts of a pixel
        if whole:
            self._wheel -= whole
            self._view.scroll_by(whole)
