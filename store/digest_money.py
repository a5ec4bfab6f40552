"""Tokens and money of turns: what requests tell while a turn runs, and what its end says in their place.

For `store.digest` only. Every request is in one turn or in none; an agent has the sums of its closed turns.
"""

from __future__ import annotations

from store import entries as en
from store.digest_parts import Digest, Money, Part, Sum, Turn, merge_sums
from store.prices import Price


def used(digest: Digest, part: Part, entry: en.Used, seq: int, price: Price) -> None:
    """A request: of the turn that runs, else a late word about the last one, else of nobody's."""
    tokens = entry.tokens
    given = entry.whole or tokens.input + tokens.cache_read + tokens.cache_write
    if given:
        part.context = given
        if given > part.context_most:
            part.context_most = given
    if tokens.llm and tokens.llm != part.llm:
        if part.llm:
            part.switches.add(seq, entry.row, entry.ts, f"{part.llm} → {tokens.llm}")
        part.llm = tokens.llm
    cost = price(tokens, entry.ts, entry.whole)
    turn = part.turn or part.last
    if turn is not None:
        turn.llms.setdefault(tokens.llm, Sum()).add(tokens, cost)
        turn.used.add(tokens, cost)
    if part.turn is None:
        part.llms.setdefault(tokens.llm, Sum()).add(tokens, cost)
        part.untold.setdefault(tokens.llm, Sum()).add(tokens, cost)
        if turn is None or turn.told is None:
            part.money.add(cost)
        if turn is not None:
            digest.turns[part.agent, turn.idx] = turn


def charge(part: Part, turn: Turn, entry: en.Ended, price: Price) -> None:
    """What the agent says of an open turn takes the place of what was counted while it ran."""
    llms, cost = _told(part, entry, price)
    if llms:
        _replace(turn, llms)
        turn.charged = True
    if cost is not None:
        turn.told = Money(cost, 1)
        turn.charged = True


def book(part: Part, turn: Turn) -> None:
    """A turn is closed: its figures are the agent's."""
    merge_sums(part.llms, turn.llms)
    part.money.merge(turn.money)
    if not turn.charged:
        merge_sums(part.untold, turn.llms)


def amend(digest: Digest, part: Part, entry: en.Ended, price: Price) -> None:
    """The figures of an end that was told before, or of one without a turn."""
    if not entry.used and entry.cost is None:
        return
    last = part.last
    if last is not None and not last.charged:
        for llm, total in last.llms.items():
            part.llms[llm].merge(total, -1)
            if llm in part.untold:
                part.untold[llm].merge(total, -1)
        part.money.merge(last.money, -1)
        charge(part, last, entry, price)
        merge_sums(part.llms, last.llms)
        part.money.merge(last.money)
    else:  # on top of what was told
        llms, cost = _told(part, entry, price)
        merge_sums(part.llms, llms)
        more = Money(cost, 1) if cost is not None else _money(llms)
        part.money.merge(more)
        if last is not None:
            money = last.money
            last.told = Money(money.micros + more.micros, money.priced + more.priced, money.unpriced + more.unpriced)
            merge_sums(last.llms, llms)
            _replace(last, last.llms)
    if last is not None:
        digest.turns[part.agent, last.idx] = last


def _told(part: Part, entry: en.Ended, price: Price) -> tuple[dict[str, Sum], int | None]:
    """The figures of an end: its own, without those that belong to turns before it."""
    llms: dict[str, Sum] = {}
    for tokens in entry.used:
        told = None if tokens.cost_usd is None else round(tokens.cost_usd * 1_000_000)
        llms.setdefault(tokens.llm, Sum()).add(tokens, price(tokens, entry.ts, 0) if told is None else told)
    cost = entry.cost
    if entry.since:
        before, part.untold = part.untold, {}
        if cost is not None:
            cost = max(0, cost - _money(before).micros)
        llms = {llm: total.rest(before[llm]) if llm in before else total for llm, total in llms.items()}
    return llms, cost


def _money(llms: dict[str, Sum]) -> Money:
    money = Money()
    for total in llms.values():
        money.merge(total.money)
    return money


def _replace(turn: Turn, llms: dict[str, Sum]) -> None:
    turn.llms, turn.used = llms, Sum()
    for total in llms.values():
        turn.used.merge(total)
