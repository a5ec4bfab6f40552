"""Bytes to events in one place: lines, records, and what a format makes of them. For sources, importers and reports.

One pipe per stream (per file), owned by one worker. It takes any bytes, cut anywhere, and never raises on them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import orjson

from store.decode import decode, unreadable
from store.events import At, Event, ItemId, Unreadable
from store.formats.base import Damage, Format, Reader, Record
from store.lines import MOST, Lines

log = logging.getLogger(__name__)

CR: Final = 13
FAILED: Final = "reader of %s failed at %d:%d"
BLOCK: Final = 64_000_000  # bytes of one JSON value spread over lines that are waited for
KEPT: Final = 64  # lines of a bigger one that are kept

Watch: TypeAlias = Callable[[Record | Damage, Sequence[Event]], None]


class Pipe:
    """See the module. `start` is the offset of the first byte that will be fed."""

    def __init__(
        self,
        format: Format,
        file: int = 0,
        agent: str = "",
        parent: ItemId | None = None,
        start: int = 0,
        watch: Watch | None = None,
        reader: Reader | None = None,
    ) -> None:
        self.format = format
        self.file = file
        self.agent = agent
        self.parent = parent
        self.watch = watch
        self.records = 0
        self.raw = 0  # of them not understood
        self.damaged = 0  # pieces of bytes that are no record
        self.ended = False  # what follows in the file is none of this session's
        self._lines = Lines(start)
        self._reader = format.reader() if reader is None else reader
        self._block: list[tuple[int, bytes]] = []  # lines of a value that is printed over several
        self._block_size = 0

    @property
    def offset(self) -> int:
        """How far this pipe has come: the offset behind the last finished line, or value of many lines."""
        return self._block[0][0] if self._block else self._lines.start

    @property
    def fed(self) -> int:
        """The offset behind everything that was fed, finished or not."""
        return self._lines.offset

    @property
    def rest(self) -> bytes:
        """What waits for the end of its line, and may be one."""
        return b"" if self._lines.too_long else self._lines.rest

    def reading(self) -> bytes:
        """What the reader remembers, for whoever goes on at `offset`; b"" is nothing that is worth it."""
        from store.reader_state import dump  # here, because most pipes end with their file

        return dump(self._reader)

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete, in order."""
        if len(data) > MOST:
            return [one for at in range(0, len(data), MOST) for one in self.feed(data[at : at + MOST])]
        out: list[Event] = []
        loads, read, watch = orjson.loads, self._reader.events, self.watch
        file, agent, parent = self.file, self.agent, self.parent
        end = self._lines.start
        records = 0
        lines = self._lines.cut(data)
        if self._lines.long is not None:
            end = self._too_long(*self._lines.long, out)
            self._lines.long = None
        for line in lines:
            offset, length = end, len(line) - 1
            end = offset + length + 1
            if length and line[length - 1] == CR:
                length -= 1
            if self._block or (length == 1 and line[0] in b"{["):
                self._gather(offset, line[:length], out)
                continue
            at = At(None, file, offset, length, agent, parent)
            try:
                value = loads(line)
            except orjson.JSONDecodeError:
                value = None
            if type(value) is not dict:
                for piece in decode(line[:length], at):
                    self._one(piece, out)
                continue
            # The way of nearly every line: `_one`, without the call.
            record = Record(value, at, line[:length])
            records += 1
            try:
                events = read(record)
            except Exception:  # a reader's mistake must not cost the session
                log.exception(FAILED, self.format.agent, file, offset)
                events = (unreadable(record, "record", "reader failed"),)
            if Unreadable in map(type, events):
                self.raw += 1
            if watch is not None:
                watch(record, events)
            out += events
        self.records += records
        return out

    @property
    def one(self) -> bool:
        """Whether all that was read is one value, and its reader can tell what is new when that is written anew.

        Of a reader that was kept, nothing was read here.
        """
        return self.records <= 1 and not (self.raw or self.damaged) and getattr(self._reader, "whole", False)

    def again(self, data: bytes) -> list[Event] | None:
        """The file is one value and was written anew, as `data`: what is new in it, and this pipe stands behind it.

        None: it does not go on from the one before. Raises ValueError when it is not whole, or no longer one value.
        """
        value = orjson.loads(data)
        try:
            events = self._reader.rewritten(Record(value, self._at(0, len(data.rstrip())), data))  # type: ignore[attr-defined]
        except Exception:  # a reader's mistake costs no more than reading all of it
            log.exception(FAILED, self.format.agent, self.file, 0)
            return None
        if events is None:
            return None
        self._lines = Lines(len(data))
        return list(events)

    def finish(self) -> list[Event]:
        """No more bytes for now: a rest that is a whole value counts. One that is not stays and may grow."""
        out: list[Event] = []
        rest = self._lines.rest
        if self._lines.too_long:
            length = self._lines.offset - self._lines.start
            self._too_long(self._lines.finish()[0], length, rest, out)
        elif self._block:
            if rest.startswith((b"}", b"]")):
                self._gather(*self._lines.finish(), out)
        elif rest:
            at = self._at(self._lines.start, len(rest))
            pieces = decode(rest, at)
            if pieces and all(isinstance(piece, Record) for piece in pieces):
                self._lines.finish()
                for piece in pieces:
                    self._one(piece, out)
        return out

    def close(self) -> list[Event]:
        """There never will be more bytes: what is left is damage."""
        out = self.finish()
        if self._block:
            self._replay(self._lines.start - 1, out)
            out += self.finish()
        if self._lines.rest:
            offset, line = self._lines.finish()
            for piece in decode(line, self._at(offset, len(line))):
                self._one(piece, out)
        return out

    # ---- one record or damage

    def _one(self, piece: Record | Damage, out: list[Event]) -> None:
        if type(piece) is Record:
            self.records += 1
            try:
                events = self._reader.events(piece)
            except Exception:  # as above
                log.exception(FAILED, self.format.agent, piece.at.file, piece.at.offset)
                events = (unreadable(piece, "record", "reader failed"),)
            if Unreadable in map(type, events):
                self.raw += 1
        else:
            self.damaged += 1
            assert isinstance(piece, Damage)  # noqa: S101 - for the type checker
            events = (unreadable(piece, "text" if piece.reason == "not JSON" else "damage", piece.reason),)
        if self.watch is not None:
            self.watch(piece, events)
        out += events

    def _at(self, offset: int, length: int) -> At:
        return At(None, self.file, offset, length, self.agent, self.parent)

    def _too_long(self, offset: int, length: int, head: bytes, out: list[Event]) -> int:
        """A line of which only the beginning was kept; the offset behind it."""
        if self._block:
            self._replay(offset - 1, out)
        self._one(Damage(self._at(offset, length), _too_big(length, MOST), head), out)
        return offset + length + 1

    # ---- values that are printed over several lines

    def _gather(self, offset: int, line: bytes, out: list[Event]) -> None:
        """Collect indented lines up to the closing bracket in the first column."""
        block = self._block
        if not block:
            block.append((offset, line))
            self._block_size = len(line)
            return
        first = line[:1]
        if self._block_size <= BLOCK:
            block.append((offset, line))
        elif len(block) > KEPT:
            del block[KEPT:]
        self._block_size += len(line) + 1
        if self._block_size > BLOCK:
            if first and first not in b" \t":
                end = first in b"}]"
                self._replay(offset + len(line) if end else offset - 1, out)
                if not end:
                    for piece in decode(line, self._at(offset, len(line))):
                        self._one(piece, out)
        elif first == (b"}" if block[0][1] == b"{" else b"]"):
            start = block[0][0]
            size = offset + len(line) - start
            whole = b"\n".join([text for _, text in block])
            if len(whole) < size:
                whole = b"\r\n".join([text for _, text in block])
            pieces = decode(whole, self._at(start, size))
            if len(whole) == size and all(isinstance(piece, Record) for piece in pieces):
                self._block = []
                for piece in pieces:
                    self._one(piece, out)
            else:
                self._replay(offset + len(line), out)
        elif first and first not in b" \t":
            self._replay(offset + len(line), out)

    def _replay(self, end: int, out: list[Event]) -> None:
        """It was no such value: line by line after all, up to `end`. A line that could begin another one may do so."""
        block, self._block = self._block, []
        if self._block_size > BLOCK:  # it was one, and too big
            start = block[0][0]
            head = b"\n".join([text for _, text in block[:KEPT]])
            self._one(Damage(self._at(start, end - start), _too_big(end - start, BLOCK), head), out)
            return
        for offset, line in block:
            for piece in decode(line, self._at(offset, len(line))):
                self._one(piece, out)


def _too_big(length: int, most: int) -> str:
    return f"a record of {length / 1e6:,.0f} MB; more than {most / 1e6:,.0f} MB are not read"
