"""One piece of Markdown as a QTextDocument in the theme. It loads nothing, ever. Made by viewer.rows.markdown."""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QPainter,
    QPalette,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
)
from typing_extensions import override

from viewer.rows.calm import calm, runs
from viewer.rows.clean import BREAK, breakable, clean, plain
from viewer.rows.dress import Block, Document, Dresser, keep_shapes
from viewer.rows.parts import COUNT, Part, around, char_format, reach
from viewer.rows.same import Blocks, documents
from viewer.rows.typeset import measure
from viewer.theme import icons
from viewer.theme.look import Look

KEPT = 256  # documents that stay laid out; others keep their height only and are made again when they are painted


class Prose(Part):
    """A laid out piece of Markdown. Its document may be dropped and made again; its height stays."""

    __slots__ = (
        "_bars",
        "_blocks",
        "_calm",
        "_document",
        "_look",
        "_panels",
        "_rules",
        "_tasks",
        "colour",
        "first",
        "last",
        "source",
        "stale",
    )

    def __init__(self, source: str, look: Look, colour: str, x: int, y: int, width: int) -> None:
        self.source = source
        self.colour = colour
        self.x, self.y, self.width = x, y, max(width, 32)
        self._look = look
        self._document: Document | None = None
        self._blocks: Blocks = ()
        self._bars: list[QRectF] = []
        self._panels: list[QRectF] = []
        self._rules: list[QRectF] = []
        self._tasks: list[tuple[int, int, bool]] = []
        self.first = self.last = "para"
        self.stale = ""  # text that was appended as it is, since the source was parsed
        self._calm: bool | None = None  # whether more words only add to it; None: nobody asked
        self.height = 0
        self._made()

    # ---- making ----------------------------------------------------------------------------------------------------

    def _made(self) -> Document:
        document = self._document
        if document is not None:
            if self in _kept:
                _kept.move_to_end(self)
            return document
        dresser = Dresser(self.source, self._look, self.colour, self.width)
        document, blocks = dresser.document, dresser.blocks
        self.first, self.last = dresser.first, dresser.last
        if self.stale:
            self._insert(document, self.stale)
        keep_shapes(document)
        document.setTextWidth(self.width)
        self._measure(document, blocks)
        self._document, self._blocks = document, blocks
        _kept[self] = None
        while len(_kept) > KEPT:
            _kept.popitem(last=False)[0].drop()
        return document

    def drop(self) -> None:
        """Let the document go; painting makes it again."""
        self._document = None

    def reparse(self, source: str) -> None:
        """Take another text at the same place."""
        self.drop()
        self.source, self.stale = source, ""
        self._calm = None
        self._made()

    def become(self, source: str) -> bool:
        """Take the text grown longer without a parse, if the result is the same. False: nothing was done."""
        old = self.source
        if self.stale or not source.startswith(old):
            return False
        if len(source) == len(old):
            return True
        new = source[len(old) :]
        if not new.isascii() and old.isascii():
            return False  # laid out with another font
        bare = new.rstrip("\n")
        if self._calm is None:
            self._calm = calm(old)
        added = runs(old, bare) if self._calm else None
        if added is None:
            return False
        document = self._made()
        if self._blocks[-1][1] not in _GROWING:
            return False
        self.source = source
        self._calm = bare is new or len(bare) == len(new)
        if added:
            cursor = QTextCursor(document)
            cursor.movePosition(QTextCursor.MoveOperation.End)
            forms = _forms(self._look, self.colour)
            cursor.beginEditBlock()  # the paragraph is laid out again once, not for every run
            for run in added:
                cursor.insertText(run.text, forms[run.look])
            cursor.endEditBlock()
            COUNT.parsed_chars += len(new)
            COUNT.laid_chars += document.lastBlock().length()
            self.height = round(document.size().height())
        return True

    def append(self, text: str) -> None:
        """Add text as it is, until the next `reparse`: far cheaper for a long open piece."""
        document = self._made()
        self.stale += text
        self._insert(document, text)
        self.height = round(document.size().height())

    def _insert(self, document: QTextDocument, text: str) -> None:
        cursor = QTextCursor(document)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        added = breakable(clean(text))
        if not added.isascii():  # it may need the engine that ASCII was spared
            document.setDefaultFont(self._look.font("prose"))
        cursor.insertText(added)
        COUNT.parsed_chars += len(text)

    def _measure(self, document: QTextDocument, blocks: list[tuple[int, Block]]) -> None:
        """Lay out, and note where quotes, code and rules are: their grounds are painted by us."""
        look = self._look
        px = look.px
        self.height = round(document.size().height())
        COUNT.laid_chars += document.characterCount()
        COUNT.laid_lines += document.blockCount()
        self._bars, self._panels, self._rules, self._tasks = [], [], [], []
        layout = document.documentLayout()
        previous = ""
        for at, what in blocks:
            if what.kind in ("quote", "code", "rule") or (what.kind == "item" and what.level):
                block = document.findBlock(at)
                box = layout.blockBoundingRect(block)
                if what.kind == "code":
                    left = float(block.blockFormat().indent() * px(20))  # a list's own column
                    if previous == "code":
                        self._panels[-1].setBottom(box.bottom())
                    else:
                        self._panels.append(QRectF(left, box.top(), self.width - left, box.height()))
                elif what.kind == "item":
                    x = block.blockFormat().indent() * px(20) - px(20)
                    self._tasks.append((round(x), round(box.top() + block.layout().lineAt(0).y()), what.level == 2))
                elif what.kind == "rule":
                    self._rules.append(QRectF(0, round(box.top()), min(self.width, measure(look)), 1))
                else:
                    lines = block.layout()
                    count = lines.lineCount()
                    # The room of a line's height lies above its words, outside of the block's own box.
                    bottom = box.top() + (lines.lineAt(count - 1).rect().bottom() if count else box.height())
                    top = box.top() + px(2)
                    if previous == "quote" and self._bars:
                        top = self._bars[-1].bottom()
                    for level in range(min(what.level, 6)):
                        self._bars.append(QRectF(px(16) * level, round(top), px(2), round(bottom) - round(top)))
            previous = what.kind

    # ---- the part --------------------------------------------------------------------------------------------------

    @override
    def paint(self, painter: QPainter, clip: QRectF, selected: tuple[int, int] | None) -> None:
        document = self._made()
        look = self._look
        painter.save()
        painter.translate(self.x, self.y)
        inner = clip.translated(-self.x, -self.y)
        for box in self._panels:
            painter.fillRect(box.adjusted(0, -look.px(4), 0, look.px(4)), look.colour("code.background"))
        for bar in self._bars:
            painter.fillRect(bar, look.colour("line.strong"))
        for rule in self._rules:
            painter.fillRect(rule, look.colour("line.hair"))
        for x, y, done in self._tasks:
            name, token = ("circle-check", "state.ok") if done else ("circle", "text.faint")
            icons.draw(painter, name, look.colour(token), x, y + look.px(1), look.px(15))
        context = QAbstractTextDocumentLayout.PaintContext()
        context.palette = _palette(look, self.colour)
        reach = self.reach()  # lines next to the clip are drawn too
        context.clip = inner.adjusted(0, -reach, 0, reach)
        if selected is not None and selected[0] < selected[1]:
            chosen = QAbstractTextDocumentLayout.Selection()
            cursor = QTextCursor(document)
            last = document.characterCount() - 1
            cursor.setPosition(min(selected[0], last))
            cursor.setPosition(min(selected[1], last), QTextCursor.MoveMode.KeepAnchor)
            chosen.cursor = cursor
            chosen.format = char_format(
                look.colour("selection.text").rgba(), look.colour("selection.background").rgba()
            )  # fmt: skip
            context.selections = [chosen]
        painter.setClipRect(inner, Qt.ClipOperation.IntersectClip)
        document.documentLayout().draw(painter, context)
        painter.restore()

    @override
    def same_until(self, new: Part) -> int:
        top = min(self.y, new.y)
        if not isinstance(new, Prose) or (self.x, self.y, self.width) != (new.x, new.y, new.width):
            return top
        if self._document is None or new._document is None:
            return top
        return top + documents(self._document, self._blocks, new._document, new._blocks)

    @override
    def reach(self) -> int:
        return reach(self._look, self.source + self.stale)

    @override
    def at(self, x: float, y: float) -> int:
        place = QPointF(x - self.x, min(max(y - self.y, 0), self.height))
        return max(0, self._made().documentLayout().hitTest(place, Qt.HitTestAccuracy.FuzzyHit))

    @override
    def end(self) -> int:
        return self._made().characterCount() - 1

    @override
    def cut(self, start: int, end: int) -> str:
        document = self._made()
        last = document.characterCount() - 1
        cursor = QTextCursor(document)
        cursor.setPosition(min(max(start, 0), last))
        cursor.setPosition(min(max(end, 0), last), QTextCursor.MoveMode.KeepAnchor)
        return plain(cursor.selection().toPlainText())

    @override
    def around(self, char: int, whole: bool) -> tuple[int, int]:
        document = self._made()
        block = document.findBlock(min(max(char, 0), document.characterCount() - 1))
        text = block.text().replace("\u2028", "\n")
        if not text.isascii():  # count in units
            text = "".join(c if ord(c) < 0x10000 else "xx" for c in text)
        first, last = around(text, char - block.position(), whole)
        return block.position() + first, block.position() + last

    @override
    def link(self, x: float, y: float) -> str:
        return self._made().documentLayout().anchorAt(QPointF(x - self.x, y - self.y)).replace(BREAK, "")

    @override
    def caret(self) -> tuple[int, int, int]:
        document = self._made()
        block = document.lastBlock()
        box = document.documentLayout().blockBoundingRect(block)
        layout = block.layout()
        count = layout.lineCount()
        if count == 0:
            return self.x, self.y + round(box.top()), self._look.px(21)
        line = layout.lineAt(count - 1)
        x = line.position().x() + line.naturalTextWidth()
        return self.x + round(x), self.y + round(box.top() + line.y()), round(line.height())


_GROWING = (Block("para"), Block("item"))


@lru_cache(maxsize=8)
def _forms(look: Look, colour: str) -> dict[str, QTextCharFormat]:
    """The formats of plain, bold and code words in a paragraph, as a parse makes them."""
    made = Dresser("a **b** `c`", look, colour, 400)
    found = {run.start: QTextCharFormat(run.format) for run in made.document.begin().textFormats()}
    return {"plain": found[0], "strong": found[2], "code": found[4]}


_kept: OrderedDict[Prose, None] = OrderedDict()


def kept() -> int:
    """How many documents are laid out now."""
    return len(_kept)


@lru_cache(maxsize=16)
def _palette(look: Look, colour: str) -> QPalette:
    made = QPalette()
    made.setColor(QPalette.ColorRole.Text, look.colour(colour))
    made.setColor(QPalette.ColorRole.WindowText, look.colour(colour))
    made.setColor(QPalette.ColorRole.Base, look.colour("surface.window"))
    made.setColor(QPalette.ColorRole.Link, look.colour("text.link"))
    return made
