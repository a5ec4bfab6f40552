"""What the window shows of a session's figures: its turns in a line each, and where each error and tool call stands.

Made in the process of `store.insight_child`, from the database or from the session's files; no Qt, no clock.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from store.about import Reader
from store.db import reads
from store.digest import Digest, step
from store.digest_parts import Turn as Folded
from store.digest_report import session_wire
from store.draft import has_content
from store.entries import Sealed
from store.errors import StoreError
from store.figures import Ahead, Figures, fold_on, folded, look
from store.fold import Cut, State
from store.insight_talk import FAILED, FOLD, FOLLOW, KEEP, NONE, Order, Spot, Told, Trouble, Turn, Use
from store.items import Item, Message, Prompt, text_of
from store.ledger import Ledger
from store.prices import Price, price, table, unknown
from store.whole import events_of, live_state

log = logging.getLogger(__name__)

PRICES: Final = "genai_prices.data_snapshot"  # the module with the price list
WORDS: Final = 120  # characters of a prompt that a line may show
SPOTS: Final = 20  # places of a class of errors that are told; the count beside them is exact
ASKED: Final = 500  # rows per statement

Seen: TypeAlias = tuple[str, str]  # a row: the id of its item, and the first words of it


class Insights:
    """Answers orders, one after the other. It remembers what it told of the last session, to tell only what is new."""

    def __init__(self, db: Path, list_price: Price = price) -> None:
        self._db = db
        self._reader = Reader(db)  # kept: of an archived session it is all that is opened
        self._price = list_price
        self._key = ""
        self._sent: list[Turn] = []
        self._rows: dict[int, Seen] = {}  # of the last session, by its rows
        self._number = 0  # the last session's in the database
        self._later: list[Ahead] = []  # folded and not written yet

    def answer(self, order: Order) -> Told:
        """Never raises what a user can do something about: that is in the answer."""
        if order.key != self._key:
            self._key, self._sent, self._rows, self._number = order.key, [], {}, 0
        try:
            told = self._answer(order, Path(os.fsdecode(order.path)))
        except (StoreError, sqlite3.Error, OSError) as error:
            return Told(order.key, FAILED, str(error))
        return told

    def sketch(self, order: Order) -> Told | None:
        """What can be told at once, before the price list is loaded, which takes as long as the rest; None: nothing
        that `answer` would not tell as fast."""
        if order.how not in (KEEP, FOLLOW) or PRICES in sys.modules:
            return None
        try:
            about = self._reader.about(Path(os.fsdecode(order.path)))
            if about is None or not about.complete or about.fresh:
                return None
            ahead = Ahead(about.number, "", *folded(self._reader.rows, about.number, unknown))
            told = self._of_figures(order, Figures(self._reader, about, unknown, ahead=ahead))
        except (StoreError, sqlite3.Error, OSError):
            return None  # the answer says why
        self._sent = []
        return msgspec.structs.replace(told, priced=False)

    def finish(self) -> None:
        """Write what was folded for answers: those that are out, for they need not wait for it."""
        later, self._later = self._later, []
        for ahead in later:
            self._reader.close()
            try:
                ahead.write(self._db)
            except StoreError as error:
                log.info("the figures of session %d are not kept: %s", ahead.number, error)

    def _answer(self, order: Order, path: Path) -> Told:
        if order.how in (FOLD, FOLLOW):
            return self._of_stream(order, path)
        if order.how == KEEP:
            return self._of_file(order, path)
        return self._told(order, *_read(path, self._price))

    def _of_stream(self, order: Order, path: Path) -> Told:
        """Its recorder writes the entries: they are folded, and its file is left alone."""
        reader = self._reader
        about = reader.about(path)
        if about is None or not about.complete:
            return Told(order.key, NONE)
        if not about.fresh:
            fold_on(self._db, about.number, self._price)
            about = reader.about(path)
        if about is None or order.how == FOLD:
            return Told(order.key)
        return self._of_figures(order, Figures(reader, about, self._price))

    def _of_file(self, order: Order, path: Path) -> Told:
        found = look(self._reader, path, self._price, later=self._later)
        if found is None:
            from store.intake import take_in

            self._reader.close()
            take_in(self._db, path)
            found = look(self._reader, path, self._price, later=self._later)
        return Told(order.key, NONE) if found is None else self._of_figures(order, found)

    def _of_figures(self, order: Order, found: Figures) -> Told:
        reader = self._reader
        if found.about.number != self._number:  # it was read anew: its rows may be others
            self._number, self._rows = found.about.number, {}
        wire = {**session_wire(found.id, found.digest, found.agents), "prices": table()}
        turns = _main(found.turns)
        wanted = {turn.start_row for turn in turns} | set(_places(wire))
        self._rows |= _rows_of(reader, found.about.number, sorted(wanted - self._rows.keys()))
        if turns and turns[-1].open:  # its first row may still change
            self._rows.pop(turns[-1].start_row, None)
            self._rows |= _rows_of(reader, found.about.number, [turns[-1].start_row])
        return self._told(order, turns, wire, self._rows)

    def _told(self, order: Order, turns: Sequence[Folded], wire: dict[str, Any], rows: Mapping[int, Seen]) -> Told:
        if not turns and not wire["event_count"]:
            return Told(order.key, NONE)
        lines = [_turn(number, turn, rows) for number, turn in enumerate(turns, 1)]
        first = 0
        for old, new in zip(self._sent[: order.have], lines, strict=False):
            if old != new:
                break
            first += 1
        self._sent = lines
        tools = [_use(name, use, rows) for name, use in wire.pop("tools").items()]
        troubles = [_trouble(name, "error", found, rows) for name, found in wire.pop("errors").items()]
        troubles += [_trouble(name, found["severity"], found, rows) for name, found in wire.pop("issues").items()]
        return Told(order.key, first=first, turns=lines[first:], figures=wire, tools=tools, troubles=troubles)


def _read(path: Path, list_price: Price) -> tuple[list[Folded], dict[str, Any], dict[int, Seen]]:
    """The same from the session's files alone. Raises StoreError."""
    whole = events_of(path)
    state, ledger, digest = State(), Ledger(), Digest()
    rows: dict[int, Seen] = {}
    content = False
    for batch in whole:
        content = content or has_content(batch)
        for change in ledger.fold(state, batch):
            if isinstance(change, Cut):
                for row in [row for row in rows if row >= change.row]:
                    del rows[row]
            else:
                rows[change.row] = _seen(change.item)
        for entry in ledger.take():
            step(digest, entry, list_price)
    if not content:
        return [], session_wire("", Digest()), {}
    if live_state(path, whole.format) == "ended":
        step(digest, Sealed(), list_price)
    open_ = [part.turn for part in digest.parts.values() if part.turn is not None]
    turns = sorted([*digest.turns.values(), *open_], key=lambda turn: turn.start_seq)
    return _main(turns), {**session_wire(path.stem, digest), "prices": table()}, rows


def _rows_of(reader: Reader, session: int, rows: Sequence[int]) -> dict[int, Seen]:
    """Rows of a session in the database; what another version wrote and nobody understands is left out."""
    found: dict[int, Seen] = {}
    for at in range(0, len(rows), ASKED):
        keys = tuple(reads.key_of(session, row) for row in rows[at : at + ASKED] if row >= 0)
        if not keys:
            continue
        marks = ", ".join("?" * len(keys))
        for key, payload in reader.ask(f"SELECT seq, payload FROM item WHERE seq IN ({marks})", keys):  # noqa: S608
            try:
                found[key & (1 << reads.ROW_BITS) - 1] = _seen(reads.unpress(payload))
            except reads.BROKEN:
                continue
    return found


def _seen(item: Item) -> Seen:
    words = " ".join(text_of(item)[: 4 * WORDS].split())[:WORDS] if isinstance(item, Prompt | Message) else ""
    return str(item.id), words


def _main(turns: Sequence[Folded]) -> list[Folded]:
    """The turns that the user sees: those of the main agent, or all of them where nobody is."""
    return [turn for turn in turns if not turn.agent] or list(turns)


def _places(wire: Mapping[str, Any]) -> Iterable[int]:
    for found in (*wire["errors"].values(), *wire["issues"].values()):
        yield from found["sample_ordinals"][:SPOTS]
    for use in wire["tools"].values():
        yield from use["sample_ordinals"][:1]


def _turn(number: int, turn: Folded, rows: Mapping[int, Seen]) -> Turn:
    item, words = rows.get(turn.start_row, ("", ""))
    money = turn.money
    return Turn(
        number, item, words, turn.start_ts, None if turn.open else turn.duration, "" if turn.open else turn.status,
        money.known, bool(money.priced and money.unpriced), turn.used.output, turn.tools, turn.tools_failed,
        turn.errors, turn.issues, turn.used.input, turn.used.cache_read, turn.used.cache_write,
    )  # fmt: skip


def _trouble(name: str, severity: str, found: Mapping[str, Any], rows: Mapping[int, Seen]) -> Trouble:
    places = zip(found["sample_ordinals"][:SPOTS], found["sample_labels"], strict=False)
    return Trouble(
        name, severity, found["count"], [Spot(rows.get(row, ("", ""))[0], row, label) for row, label in places]
    )


def _use(name: str, use: Mapping[str, Any], rows: Mapping[int, Seen]) -> Use:
    first = next(iter(use["sample_ordinals"]), None)
    spot = None if first is None else Spot(rows.get(first, ("", ""))[0], first, name)
    return Use(name, use["calls"], use["failed"], spot)
