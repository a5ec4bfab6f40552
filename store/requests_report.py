"""`playhead requests`: every request of a session, with how full its context was. Raises StoreError."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any, Final

from store import entries as en
from store import prices_own
from store.about import Reader
from store.digest_parts import Sum
from store.digest_report import usd
from store.errors import StoreError
from store.fold import State
from store.ledger import Ledger
from store.paths import data_dir
from store.prices import Price, price
from store.report import find_session, iso
from store.sources import views
from store.whole import events_of

_ENTRIES: Final = "SELECT data FROM entry WHERE session_id = ? ORDER BY first"


def requests(name: str, list_price: Price = price) -> Iterator[dict[str, Any]]:
    """One object per request, in order. Of a session whose file is gone the database is asked."""
    prices_own.check()
    path = find_session(name)
    if views.exists(path):
        state, ledger = State(), Ledger()
        noted: list[en.Entry] = []
        for batch in events_of(path):
            ledger.fold(state, batch)
            noted += (entry for entry in ledger.take() if type(entry) is en.Used)
        yield from told(noted, list_price)
        return
    with closing(Reader(data_dir() / "playhead.db")) as reader:
        about = reader.about(path)
        if about is None:
            raise StoreError(f"{path} does not exist (any more).")
        found = reader.ask(_ENTRIES, (about.number,))
        yield from told((entry for (data,) in found for entry in en.unpress(data)), list_price)


def told(entries: Iterable[en.Entry], list_price: Price) -> Iterator[dict[str, Any]]:
    """The requests among some entries. What is only more output of the last one of the same agent grows that one."""
    last: dict[str, list[en.Used]] = {}
    found: list[list[en.Used]] = []
    for entry in entries:
        if type(entry) is not en.Used:
            continue
        before, tokens = last.get(entry.agent), entry.tokens
        fresh = tokens.input or tokens.cache_read or tokens.cache_write
        if before and not fresh and entry.whole and entry.whole == before[0].whole:
            before.append(entry)
        else:
            last[entry.agent] = [entry]
            found.append(last[entry.agent])
    for number, parts in enumerate(found, 1):
        first = parts[0]
        total = Sum()
        for part in parts:
            total.add(part.tokens, list_price(part.tokens, part.ts, part.whole))
        yield {
            "request": number,
            "ts": iso(first.ts),
            "agent": first.agent or "main",
            "model": first.tokens.llm or None,
            "in": total.input,
            "out": total.output,
            "cache_read": total.cache_read,
            "cache_create": total.cache_write,
            "context": first.whole or total.input + total.cache_read + total.cache_write or None,
            "cost_usd": usd(total.money),
        }
