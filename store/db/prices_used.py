"""The prices that costs were counted with, beside them: lists change, and what a session cost does not.

Keys are a model and a day, as its first microsecond UTC. A value is JSON: which list → its rates of that day, in
micro-dollars per million tokens; of a model with other rates for large requests, for batches or by the hour, all that
were asked for.
"""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import Connection, select, text, update

from store import prices
from store.db.tables import price
from store.digest import Digest

_PUT: Final = text(  # as text: on a server another host may be faster
    "INSERT INTO price (llm, day, prices) VALUES (:llm, :day, :prices) ON CONFLICT (llm, day) DO NOTHING"
)


def keep(tx: Connection, digest: Digest) -> None:
    """Write down what this process has counted the requests of a session with. What another list said before stays
    beside it."""
    parts = digest.parts.values()
    first = min((part.first_ts for part in parts if part.first_ts is not None), default=None)
    last = max((part.last_ts for part in parts if part.last_ts is not None), default=None)
    llms = {llm for part in parts for llm in part.llms}
    llms |= {llm for part in parts if part.turn is not None for llm in part.turn.llms}
    c = price.c
    for llm in sorted(filter(str.isprintable, llms)):  # a server takes no others
        told = prices.used(llm, first, last)
        if not told:
            continue
        wanted = select(c.day, c.prices).where(c.llm == llm, c.day >= min(told), c.day <= max(told))
        wanted = wanted.order_by(c.day).with_for_update()  # on a server hosts do not wait for each other
        there: dict[int, str] = {day: text for day, text in tx.execute(wanted).all()}  # noqa: C416 - rows have no types
        fresh = []
        for day, lists in sorted(told.items()):  # in one order, or two hosts could wait for each other for ever
            if day not in there:
                fresh.append({"llm": llm, "day": day, "prices": _json(lists)})
                continue
            known: dict[str, list[prices.Rates]] = msgspec.json.decode(there[day], type=dict[str, list[prices.Rates]])
            both = {**known}
            for name, rates in lists.items():
                both[name] = list(dict.fromkeys((*known.get(name, ()), *rates)))
            if both != known:
                tx.execute(update(price).where(c.llm == llm, c.day == day).values(prices=_json(both)))
        if fresh:
            tx.execute(_PUT, fresh)


def _json(lists: object) -> str:
    return msgspec.json.encode(lists).decode()
