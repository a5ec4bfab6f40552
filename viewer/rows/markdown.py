"""Markdown that may still grow: closed pieces stay as they are, only the open tail is made again. For message rows."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter
from typing_extensions import override

from store.items import Item
from store.text import Text
from viewer.rows import simple
from viewer.rows.base import Fold, Pos
from viewer.rows.clean import clean
from viewer.rows.grid import mono
from viewer.rows.parts import Part, Span
from viewer.rows.pieces import PROSE_MIN, Piece, Splitter, fence_at, fits, references
from viewer.rows.prose import Prose
from viewer.rows.same import woven
from viewer.rows.sheet import Sheet, size_text
from viewer.rows.syntax import lex
from viewer.rows.typeset import gap
from viewer.rows.words import Words
from viewer.theme.look import Look

# Characters and lines of a long message that are laid out at first, and with every further page.
FIRST, PAGE = 32_000, 64_000
FIRST_LINES, PAGE_LINES = 1_000, 1_500
MAX_PAGES = 8
EAGER = 2_000  # an open piece longer than this is not parsed again with every flush
TOKENS = {kind: f"syntax.{kind}" for kind in ("keyword", "string", "number", "comment", "name", "type", "tag")} | {
    "add": "diff.add_text",
    "cut": "diff.cut_text",
    "hunk": "diff.hunk",
}


class _Panel(NamedTuple):
    """The ground of a fenced block."""

    top: int
    bottom: int
    number: int


class StreamDoc(Sheet):
    """A sheet of Markdown. `start_text` lays out what is there, `grow` takes what is new at the cost of what is new."""

    # What most rows never change is the class's: a row is made for every message that comes into sight.
    open = False
    cut_off = False
    _text = Text()
    _start = 0  # where in the text the splitter began
    _splitter: Splitter  # of what has more than one piece, or may have
    _last = ""  # the kind of the last closed block
    _state = ""  # of the code lexer, between two pieces of one block
    _references = ""
    _closed: tuple[int, int, int, int, str, str] | None = None  # what there was before the tail
    _tail_zones = 0
    _kind_below = ""
    _partial_tail: Prose | None = None
    _spare: Prose | None = None  # the tail there was, to be grown instead of made again
    _end: tuple[int, int, int] | None = None  # the caret, since the text changed last
    _unparsed = 0

    def __init__(self, item: Item, width: int, look: Look, fold: Fold, colour: str = "text.main") -> None:
        super().__init__(item, width, look, fold)
        self.colour = colour
        self._pad = 0
        self._panels: list[_Panel] = []

    # ---- laying out ------------------------------------------------------------------------------------------------

    def start_text(self, text: Text, is_open: bool, pad: int) -> None:
        """Lay out a text: all of it, or the page of a long one that is wanted. An open one shows its end."""
        self._text, self.open, self._pad = text, is_open, pad
        if not is_open and text.length < PROSE_MIN:
            shown = str(text)
            if "```" not in shown and "~~~" not in shown and "]:" not in shown:  # one piece, whatever it says
                if shown.strip():
                    self._place(Piece("prose", shown), final=True)
                self._finish()
                return
        self._splitter = Splitter()
        pages = min(max(self.fold.pages, 0), MAX_PAGES)
        budget, lines = FIRST + PAGE * pages, FIRST_LINES + PAGE_LINES * pages
        if is_open:
            start = max(0, text.length - budget)
            last = text.since(start).rsplit("\n", lines)
            start += len(last[0]) + 1 if len(last) > lines else 0
            shown = self._from_end(text, start) if start else str(text)
        else:
            shown = text.head(budget)
            if len(shown) < text.length:
                shown = shown[: shown.rfind("\n", budget // 2) + 1] or shown
            rest = shown.split("\n", lines)
            if len(rest) > lines:
                shown = shown[: len(shown) - len(rest[-1])]
        left = text.length - len(shown)
        if not is_open:
            self._references = references(shown)
        for piece in self._splitter.feed(shown):
            self._close(piece)
        if is_open:
            self._lay_tail()
        else:
            for piece in self._splitter.finish():
                self._close(piece)
            if left > 0:
                self.cut_off = True
                self._more(left)
        self._finish()

    def _from_end(self, text: Text, left: int) -> str:
        whole = str(text)
        start = whole.find("\n\n", left, left + 8_000)
        # A border between blocks if one is near, else at least a whole line.
        start = start + 2 if start >= 0 else whole.find("\n", left, left + 8_000) + 1 or left
        fence, language = fence_at(whole, start)
        self._splitter = Splitter(fence, language)
        self._start = start
        self._more(start)
        self.y += self.look.px(8)
        return whole[start:]

    def _more(self, left: int) -> None:
        said = f"{size_text(left)} before this" if self.open else f"{size_text(left)} more"
        if self.fold.pages >= MAX_PAGES:
            self.more(f"{said} · in the inspector", "inspect", self.left)
        else:
            self.more(said, "more", self.left)

    def _finish(self) -> None:
        self.done(0)
        self.height = self.y + self._pad

    def _close(self, piece: Piece) -> None:
        """A piece that will not change any more."""
        self._place(piece, final=True)
        self._last = self._kind_below

    def _place(self, piece: Piece, final: bool) -> Part:
        look = self.look
        if piece.kind == "code":
            return self._place_code(piece, final)
        source = piece.source
        spare = self._spare
        if spare is not None:
            self._spare = None
        if spare is not None and spare.become(source):
            spare.y = self.y + gap(look, self._last, spare.first)
            self._kind_below = spare.last
            return self.add(spare)
        if self._references and "[" in source:
            source = f"{source}\n\n{self._references}"
        elif final and spare is None and (read := simple.read(clean(source))) is not None:
            words = Words(read, look, self.colour, self.left, self.y, self.right - self.left)
            if words.widest <= words.width:
                words.y += gap(look, self._last, words.first)
                self._kind_below = words.last
                return self.add(words)
        if not fits(source):
            # Quadratic in the engine, or unreadable: as it was written.
            self.y += gap(look, self._last, "code")
            part: Part = mono(clean(piece.source), look, "code.text", self.left, self.y, self.right - self.left)
            self._kind_below = "para"
            return self.add(part)
        prose = Prose(source, look, self.colour, self.left, self.y, self.right - self.left)
        between = gap(look, self._last, prose.first)
        prose.y += between
        self._kind_below = prose.last
        return self.add(prose)

    def _place_code(self, piece: Piece, final: bool) -> Part:
        look = self.look
        px = look.px
        if piece.first:
            self.y += gap(look, self._last, "fence")
            self._state = ""
        top = self.y
        self.y += px(10) if piece.first else 0
        code = clean(piece.source)
        tokens, state = lex(code, piece.language, self._state)
        spans = [
            Span(token.start, token.length, look.colour(TOKENS[token.kind]).rgba()) for token in tokens
        ]  # fmt: skip
        x = self.left + px(12)
        part = self.add(mono(code, look, "code.text", x, self.y, self.right - x - px(32), spans=spans))
        if final:
            self._state = state
        if piece.last or not final:
            self.y += px(10)
        if piece.first:
            self._panels.append(_Panel(top, self.y, piece.number))
            side = px(28)
            self.zone(self.right - side, top, side, px(36), f"copy:{piece.number}", "Copy this block")
        else:
            self._panels[-1] = self._panels[-1]._replace(bottom=self.y)
        self._kind_below = "fence"
        return part

    # ---- the open tail ---------------------------------------------------------------------------------------------

    def _lay_tail(self) -> None:
        panel = self._panels[-1].bottom if self._panels else 0
        self._closed = (len(self.parts), self.y, len(self._panels), panel, self._last, self._state)
        zones = len(self.zones)
        self._tail_zones = zones
        piece = self._splitter.tail()
        self._partial_tail = None
        self._unparsed = 0
        if piece is not None:
            part = self._place(piece, final=False)
            if isinstance(part, Prose):
                self._partial_tail = part

    def _drop_tail(self) -> None:
        if self._closed is None:
            return
        parts, self.y, panels, bottom, self._last, self._state = self._closed
        del self.parts[parts:]
        del self._panels[panels:]
        del self.zones[self._tail_zones :]
        if self._panels:
            self._panels[-1] = self._panels[-1]._replace(bottom=bottom)
        self.segments = len(self.parts)
        if self._tops is not None:
            del self._tops[parts:]
        self._closed = None

    def take(self, item: Item, text: Text, is_open: bool) -> bool:
        """A newer version of the text. False when it is not this text grown longer, or needs another look."""
        old = self._text
        if not self.open or self.cut_off or text.length < old.length:
            return False
        if not is_open and not str(text).startswith(str(old)):
            return False
        seam = max(0, old.length - 64)
        if is_open and text.since(seam)[: old.length - seam] != old.since(seam):
            return False
        new = text.since(old.length)
        if not is_open and "]:" in str(text) and references(str(text)):
            return False  # a link may be defined below the text that uses it
        caret = self._caret()[1]
        self._end = None
        self.item, self._text, self.open = item, text, is_open
        closed = self._splitter.feed(new)
        tail = self._partial_tail
        if is_open and not closed and tail is not None and self._splitter.tail_size > EAGER:
            self._unparsed += len(new)
            if self._unparsed * 8 < self._splitter.tail_size:
                self.grown_from = tail.y if woven(tail.source) or woven(tail.stale) or woven(new) else caret
                tail.append(new)
                self.grown_from -= tail.reach()
                self.y = tail.y + tail.height
                self._finish_growing()
                return True
        count = self._closed[0] if self._closed is not None else len(self.parts)
        self.grown_from = self._closed[1] if self._closed is not None else self.y
        before = self.parts[count] if count < len(self.parts) else None
        self._drop_tail()
        self._spare = tail
        for piece in closed:
            self._close(piece)
        if is_open:
            self._lay_tail()
        else:
            for piece in self._splitter.finish():
                self._close(piece)
        self._spare = None
        after = self.parts[count] if count < len(self.parts) else None
        if before is not None and before is after:
            # Words behind what was there; its lines above the caret are as they were.
            self.grown_from = before.y if woven(tail.source if tail is not None else "") else caret
        elif before is not None and after is not None:
            self.grown_from = before.same_until(after)
        # What is new stands where the caret was; below, it may have moved up.
        self.grown_from = min(self.grown_from, caret, self._caret()[1])
        self.grown_from -= max((part.reach() for part in (before, after) if part is not None), default=self.look.px(20))
        self._finish_growing()
        return True

    def _caret(self) -> tuple[int, int, int]:
        """Where the next character comes: x, y, height. Asked with every flush, by the next one and by the painter."""
        end = self._end
        if end is None:
            end = self._end = self.parts[-1].caret() if self.parts else (self.left, self.y, self.look.px(20))
        return end

    def _finish_growing(self) -> None:
        self.height = self.y + self._pad

    # ---- the contract ----------------------------------------------------------------------------------------------

    @override
    def paint(self, painter: QPainter, top: int, bottom: int, selected: tuple[Pos | None, Pos | None] | None) -> None:
        look = self.look
        px = look.px
        for panel in self._panels:
            if panel.top < bottom and panel.bottom > top:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(look.colour("code.background"))
                box = QRectF(self.left, panel.top, self.right - self.left, panel.bottom - panel.top)
                painter.drawRoundedRect(box, px(6), px(6))
                painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
                self.draw_icon(painter, "copy", "text.faint", self.right - px(24), panel.top + px(10), 14)
        super().paint(painter, top, bottom, selected)
        if self.open:
            x, y, height = self._caret()
            painter.fillRect(x + px(2), y + px(3), px(7), height - px(5), look.colour("accent.main"))

    @override
    def block(self, number: int) -> str:
        """The code of one fenced block, for 'copy:N'."""
        splitter = Splitter()
        text = str(self._text)[self._start :]
        if self._start:
            splitter = Splitter(*fence_at(str(self._text), self._start))
        pieces = [*splitter.feed(text), *splitter.finish()]
        return "\n".join(piece.source for piece in pieces if piece.number == number)
