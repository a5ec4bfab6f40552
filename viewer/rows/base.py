"""The contract between the view, which owns geometry and selection, and the rows, which own their pixels.

A row kind is one file in this package with one function decorated by `@row("kind")`. The view asks `lay_out`, keeps the
answer in its cache by (item id, rev, width, fold, look generation), and paints it. Nothing here knows the model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, NamedTuple

from PySide6.QtGui import QPainter

from store.items import Item, kind_of
from viewer.theme.look import Look


class Pos(NamedTuple):
    """A place between two characters: which text segment of the row, and how many characters into it."""

    segment: int
    char: int


class Hit(NamedTuple):
    """What lies under a point of a row. `pos` is the nearest text place, if the row has text."""

    pos: Pos | None = None
    link: str = ""  # target, exactly as written; the view shows it and decides whether it may be opened
    action: str = ""  # fold, more, all, children, copy:N, answer:ID, …
    tip: str = ""


class Fold(NamedTuple):
    """What the reader has opened or closed. None is the kind's own default."""

    open: bool | None = None
    pages: int = 0  # further pages of a long output that were asked for
    children: bool = False  # a subagent's rows are shown below it
    steps: int = 0  # how many rows the subagent has (set by the view, shown by the row)
    depth: int = 0  # nesting, for indentation
    over: bool = False  # the session has ended: what has no result will have none (set by the view)


PAINTED: Final = 1 << 30  # below every row's end
ANYWHERE: Final = 1 << 30  # right of every row's edge


class Laid(ABC):
    """One item laid out at one width. Coordinates are the row's own: (0, 0) is its top left corner."""

    height: int  # px, at least 0
    segments: int  # text segments that can be selected, top to bottom
    grown_from: int = 0  # after `grow`: the first y whose pixels may differ; above it nothing is painted
    tidy: bool = False  # paints nothing outside of its height, and leaves the painter as it was but for pen and font
    reach: int = ANYWHERE  # unless text of it is selected, it paints nothing from this x on
    unpainted: int = PAINTED  # the least of them since the view last asked for a paint; the view's own

    @abstractmethod
    def paint(self, painter: QPainter, top: int, bottom: int, selected: tuple[Pos | None, Pos | None] | None) -> None:
        """Paint what lies between top and bottom. `selected`: (start, end); None in it is the row's own end."""

    def draw(self, painter: QPainter, y: int) -> None:
        """Paint all of a row that is `tidy`, its top at that y of the painter."""
        painter.translate(0, y)
        self.paint(painter, 0, self.height, None)
        painter.translate(0, -y)

    @abstractmethod
    def hit(self, x: int, y: int) -> Hit:
        """What lies at a point; points outside the row give the nearest text place."""

    @abstractmethod
    def text(self, start: Pos | None, end: Pos | None) -> str:
        """The characters between two places, as copied. (None, None): the original, such as the Markdown source."""

    def word(self, pos: Pos) -> tuple[Pos, Pos]:
        """The word around a place, for a double click."""
        return pos, pos

    def paragraph(self, pos: Pos) -> tuple[Pos, Pos]:
        """The paragraph around a place, for a triple click."""
        return pos, pos

    def block(self, number: int) -> str:
        """What the action copy:N copies."""
        return ""

    def grow(self, item: Item) -> bool:
        """Take a newer version of the same item in place, at the cost of what is new. False: lay it out anew."""
        return False


Layer = Callable[[Item, int, Look, Fold], Laid]
_layers: dict[str, Layer] = {}


def row(*kinds: str) -> Callable[[Layer], Layer]:
    """Register the renderer of one or more kinds. Lookup falls back: tool.edit → tool → unknown."""

    def register(layer: Layer) -> Layer:
        for kind in kinds:
            if kind in _layers:
                raise ValueError(f"two renderers for {kind}")
            _layers[kind] = layer
        return layer

    return register


def layer_for(kind: str) -> Layer:
    while kind:
        found = _layers.get(kind)
        if found is not None:
            return found
        kind = kind.rpartition(".")[0]
    return _layers["unknown"]


def lay_out(item: Item, width: int, look: Look, fold: Fold) -> Laid:
    """The item laid out at a width in px. Never raises on any item."""
    kind = kind_of(item)
    return (_layers.get(kind) or layer_for(kind))(item, width, look, fold)
