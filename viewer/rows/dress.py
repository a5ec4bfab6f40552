"""Makes a QTextDocument of Markdown and dresses it: spaces, fonts, tables, images as words. For viewer.rows.prose."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from typing import Any, NamedTuple

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import (
    QBrush,
    QFont,
    QImage,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrameFormat,
    QTextTable,
)
from typing_extensions import override

from viewer.rows.clean import breakable, clean
from viewer.rows.parts import COUNT, char_format
from viewer.rows.same import list_of
from viewer.rows.typeset import HEADINGS, PIXELS, gap, measure, mono_form, prose_option, strong_form
from viewer.theme.look import Look

_Feature = QTextDocument.MarkdownFeature
# GitHub's tables and task lists; HTML stays text, or '<system-reminder>' would vanish.
MARKDOWN = QTextDocument.MarkdownFeature(_Feature.MarkdownDialectGitHub.value | _Feature.MarkdownNoHTML.value)
_Property = QTextFormat.Property
_KEEP = QTextCursor.MoveMode.KeepAnchor  # looked up once: an enum member costs as much as the call it is for
_UNMARKED = QTextBlockFormat.MarkerType.NoMarker
_NORMAL = QFont.Weight.Normal
_FENCE = _Property.BlockCodeFence.value
_FAMILIES = _Property.FontFamilies.value
_QUOTE = _Property.BlockQuoteLevel.value
_RULER = _Property.BlockTrailingHorizontalRulerWidth.value
_ADJUST = _Property.FontSizeAdjustment.value
_ALT = _Property.ImageAltText.value
_RICH = ("`", "[", "<", "_", "*", "~", "http", "www.", "    ", "@")  # what may become another font, or a link
_LINE_HEIGHT = QTextBlockFormat.LineHeightTypes.MinimumHeight.value
_FIXED_HEIGHT = QTextBlockFormat.LineHeightTypes.FixedHeight.value


class Document(QTextDocument):
    """A document that has no resources: an image in a transcript must not make us read a file or ask the network."""

    @override
    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        return _nothing()


@lru_cache(maxsize=1)
def _nothing() -> QImage:
    # A valid image: for None Qt would go on and read the file itself.
    image = QImage(1, 1, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    return image


class Block(NamedTuple):
    """What a block is, for the space around it."""

    kind: str  # para, heading, item, code, quote, rule, table, none
    level: int = 0


_CELL = Block("cell")


class Dresser:
    """Dresses one document. Formats are set before anything is laid out, so that it is laid out once."""

    def __init__(self, source: str, look: Look, colour: str, width: int) -> None:
        self.source, self._look, self.colour, self.width = source, look, colour, width
        self.first = self.last = "para"  # what the document begins and ends with
        self.blocks: list[tuple[int, Block]] = []
        self.document = self._make()

    def _make(self) -> Document:
        look = self._look
        document = Document()
        document.setUndoRedoEnabled(False)
        document.setDocumentMargin(0)
        document.setIndentWidth(look.px(20))
        source = breakable(clean(self.source))
        document.setDefaultFont(look.font_for("prose", source))
        document.setDefaultTextOption(prose_option())
        # The GitHub dialect swallows what stands between two '---' at the start.
        document.setMarkdown("\n" + source if source.startswith("---") else source, MARKDOWN)
        COUNT.parsed_chars += len(source)
        self.blocks = self._dress(document)
        return document

    def _dress(self, document: QTextDocument) -> list[tuple[int, Block]]:
        """Give every block its space and every run its font. Formats are set before anything is laid out."""
        source = self.source
        cursor = QTextCursor(document)
        cursor.beginEditBlock()
        if "![" in source:
            self._images(document)
        tables: list[QTextTable] = []
        if "|" in source:
            tables = [frame for frame in document.rootFrame().childFrames() if isinstance(frame, QTextTable)]
        spans = [(table.firstPosition(), table.lastPosition()) for table in tables]
        starts = [first for first, _ in spans]
        ends = {first - 1 for first, _ in spans} | {last + 1 for _, last in spans}
        found: list[tuple[int, Block]] = []
        rich = any(sign in source for sign in _RICH)
        indented = "    " in source
        # Blocks of one format become blocks of one other: each is made once, and set on all that follow each other.
        known: dict[tuple[int, str, bool], tuple[Block, QTextBlockFormat, bool]] = {}
        since, last, shape = 0, 0, None
        before = ""
        block = document.begin()
        while block.isValid():
            at, length = block.position(), block.length()
            above = bisect_right(starts, at) - 1 if starts else -1
            if above >= 0 and at <= spans[above][1]:
                if shape is not None:
                    _set_blocks(cursor, since, last, shape)
                    shape = None
                found.append((at, _CELL))
                before = "table"
                if rich and length > 1:
                    self._runs(cursor, block, code=False, strong=False)
                block = block.next()
                continue
            key = (block.blockFormatIndex(), before, length == 1)
            made = known.get(key)
            if made is None:
                form = block.blockFormat()
                what = self._kind(block, form, ends)
                own = form.marker() != _UNMARKED
                if own and shape is not None:
                    _set_blocks(cursor, since, last, shape)  # it leaves its list below: not while others wait
                    shape = None
                code = what.kind == "code"
                what = self._form(block, form, what, before)
                made = what, form, code
                if not own and what.kind != "none" and not (indented and what.kind in ("para", "code")):
                    known[key] = made
            what, form, code = made
            kind = what.kind
            if kind in ("none", "rule"):
                _font_pixels(cursor, block, 1)
            elif kind == "heading":
                self._heading(cursor, block, what.level)
            if (rich or code) and length > 1:
                self._runs(cursor, block, code=code, strong=kind != "heading")
            if shape is not form:
                if shape is not None:
                    _set_blocks(cursor, since, last, shape)
                since, shape = at, form
            last = at
            if kind != "none":
                before = kind
            elif at + 1 in starts:
                before = "table"
            found.append((at, what))
            block = block.next()
        if shape is not None:
            _set_blocks(cursor, since, last, shape)
        kinds = [what.kind for _, what in found if what.kind != "none"]
        self.first = "table" if kinds and kinds[0] == "cell" else (kinds[0] if kinds else "para")
        self.last = "table" if kinds and kinds[-1] == "cell" else (kinds[-1] if kinds else "para")
        for table in tables:
            self._table(table, first=self.first == "table" and table is tables[0])
        cursor.endEditBlock()
        return found

    def _form(self, block: QTextBlock, form: QTextBlockFormat, what: Block, before: str) -> Block:
        """Fill in the format of a block of this kind after one of that kind."""
        px = self._look.px
        if what.kind == "none":
            form.setLineHeight(1, _FIXED_HEIGHT)
            return what
        margin = max(0, self.width - measure(self._look))
        lists = list_of(block)
        if lists is not None and lists.format().indent() > 8:
            shape = lists.format()
            shape.setIndent(8)  # an item at depth 50 would have no room left
            lists.setFormat(shape)
        if form.indent() > 8:
            form.setIndent(8)
        code = what.kind == "code"
        form.setLineHeight(px(18) if code else px(21), _LINE_HEIGHT)
        if margin and not code:
            form.setRightMargin(margin)
        if code:
            form.setLeftMargin(px(12))
            form.setNonBreakableLines(False)
        elif what.kind == "quote":
            form.setLeftMargin(px(16) * min(what.level, 6))
            form.setRightMargin(margin)
        if form.marker() != _UNMARKED:
            if lists is not None:
                # Our own box, in the colours of the theme: the item leaves its list, so that no bullet is drawn.
                done = form.marker() == QTextBlockFormat.MarkerType.Checked
                indent = min(lists.format().indent(), 8)
                lists.remove(block)
                form.setIndent(indent)
                form.setObjectIndex(-1)
                what = Block("item", 2 if done else 1)
            form.setMarker(_UNMARKED)  # Qt lets a task's box leak into what follows
        form.setTopMargin(gap(self._look, before, what.kind))
        if what.kind == "rule":
            form.clearProperty(_RULER)
            form.setLineHeight(px(1), _FIXED_HEIGHT)
        if what.kind == "heading":
            form.setLineHeight(px(HEADINGS.get(what.level, 14) * 1.35), _LINE_HEIGHT)
        return what

    def _kind(self, block: QTextBlock, form: QTextBlockFormat, ends: set[int]) -> Block:
        if block.length() == 1:
            if form.hasProperty(_RULER):
                return Block("rule")
            if block.position() in ends:
                return Block("none")  # Qt's own paragraphs around a table
        level = form.headingLevel()
        if level:
            return Block("heading", level)
        if form.hasProperty(_FENCE):
            return Block("code")
        if list_of(block) is not None:
            return Block("item")
        quote = form.intProperty(_QUOTE)
        if quote:
            return Block("quote", quote)
        if block.length() > 1 and "    " in self.source:
            parts = block.textFormats()
            if len(parts) == 1 and _fixed(parts[0].format) and f"`{block.text()}`" not in self.source:
                return Block("code")  # indented by four spaces
        return Block("para")

    def _heading(self, cursor: QTextCursor, block: QTextBlock, level: int) -> None:
        look = self._look
        ink = look.colour("text.strong" if self.colour == "text.main" else self.colour)
        at = block.position()
        for run in block.textFormats():
            form = QTextCharFormat(run.format)
            form.clearProperty(_ADJUST)  # it would win over the size
            form.setProperty(PIXELS, look.px(HEADINGS.get(level, 14)))
            form.setFontWeight(QFont.Weight.DemiBold)
            form.setForeground(ink)
            cursor.setPosition(at + run.start)
            cursor.setPosition(at + run.start + run.length, _KEEP)
            cursor.setCharFormat(form)

    def _runs(self, cursor: QTextCursor, block: QTextBlock, code: bool, strong: bool) -> None:
        at = block.position()
        for run in block.textFormats():
            form = run.format
            if form.propertyCount() == 0 and not code:
                continue
            if code or form.fontFixedPitch():  # Qt does not call a fence inside a list fixed
                cursor.setPosition(at + run.start)
                cursor.setPosition(at + run.start + run.length, _KEEP)
                cursor.mergeCharFormat(mono_form(self._look, code, form.isAnchor()))
            elif form.isAnchor():
                cursor.setPosition(at + run.start)
                cursor.setPosition(at + run.start + run.length, _KEEP)
                cursor.mergeCharFormat(char_format(self._look.colour("text.link").rgba(), underline=True))
            elif strong and form.fontWeight() > _NORMAL:
                cursor.setPosition(at + run.start)
                cursor.setPosition(at + run.start + run.length, _KEEP)
                cursor.mergeCharFormat(strong_form())

    def _images(self, document: QTextDocument) -> None:
        """Say in words what images stood here, and where they pointed."""
        found: list[tuple[int, int, str, str, str]] = []
        block = document.begin()
        while block.isValid():
            for run in block.textFormats():
                if run.format.isImageFormat():
                    form = run.format.toImageFormat()
                    start = block.position() + run.start
                    said, target, around = form.stringProperty(_ALT), form.name(), form.anchorHref()
                    if found and found[-1][1] == start and found[-1][3:] == (target, around):
                        # Emphasis in its words makes one image several.
                        start, said = found[-1][0], found.pop()[2] + said
                    found.append((start, block.position() + run.start + run.length, said, target, around))
            block = block.next()
        for start, end, said, target, around in reversed(found):
            link = QTextCharFormat()
            link.setAnchor(True)
            link.setAnchorHref(around or target)
            shown = target if len(target) <= 60 else target[:57] + "…"
            cursor = QTextCursor(document)
            cursor.setPosition(start)
            cursor.setPosition(end, _KEEP)
            words = clean(said[:200]) or "image"
            cursor.insertText(f"[image: {words}]" + (f" ({clean(shown)})" if shown else ""), link)

    def _table(self, table: QTextTable, first: bool) -> None:
        look = self._look
        form = table.format()
        form.setBorder(1)
        form.setBorderCollapse(True)
        form.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        form.setBorderBrush(QBrush(look.colour("line.hair")))
        form.setCellPadding(look.px(6))
        form.setCellSpacing(0)
        form.setTopMargin(0 if first else look.px(8))
        form.setBottomMargin(0)
        table.setFormat(form)
        ground = look.colour("surface.raised")
        for column in range(min(table.columns(), 100)):
            cell = table.cellAt(0, column)
            shape = cell.format()
            shape.setBackground(ground)
            cell.setFormat(shape)
            if table.rows() > 1:  # Qt aligns a column's cells, but not its head
                below = table.cellAt(1, column).firstCursorPosition().blockFormat().alignment()
                if below & (Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignHCenter):
                    aligned = QTextBlockFormat()
                    aligned.setAlignment(below)
                    cell.firstCursorPosition().mergeBlockFormat(aligned)


def keep_shapes(document: QTextDocument) -> None:
    """Let paragraphs keep what the font engine found out: else every paint of one line asks again for all of them."""
    block = document.begin()
    while block.isValid():
        block.layout().setCacheEnabled(True)
        block = block.next()


def _set_blocks(cursor: QTextCursor, first: int, last: int, form: QTextBlockFormat) -> None:
    """Give the blocks from one to another a format."""
    cursor.setPosition(first)
    if last != first:
        cursor.setPosition(last, _KEEP)
    cursor.setBlockFormat(form)


def _font_pixels(cursor: QTextCursor, block: QTextBlock, size: int) -> None:
    """The height of a block that holds nothing."""
    form = QTextCharFormat()
    form.setProperty(PIXELS, size)
    cursor.setPosition(block.position())
    cursor.mergeBlockCharFormat(form)


def _fixed(form: QTextCharFormat) -> bool:
    """Whether Qt's reader took it for code: it says so of a span, and gives a block a font and nothing else."""
    return form.fontFixedPitch() or form.hasProperty(_FAMILIES)
