"""What sessions took by day and model, folded from their entries: the other reading of what a digest sums up by turn.

A request counts on the day on which it was made. Where an agent tells at the end of a turn what it took, that counts in
its place, as it does in a digest: the sums over all days are those of the digest, to the last token (a test compares).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final, TypeAlias

from store import entries as en
from store.digest import Digest, step
from store.digest_parts import Money, Part, Sum, merge_sums
from store.entries import Entry
from store.prices import Price

Key: TypeAlias = tuple[str, str]  # day as 2026-11-21, '' is not known; model as the agent tells it
Days: TypeAlias = Callable[[int | None], str]
"""(microseconds UTC) → the day"""

_QUARTER: Final = 900_000_000  # microseconds: no time zone is told in smaller pieces


def days(*, utc: bool = False) -> Days:
    """The days of this machine's time zone, or of UTC."""
    known: dict[int, str] = {}

    def day(ts: int | None) -> str:
        if ts is None:
            return ""
        slot = ts // _QUARTER
        found = known.get(slot)
        if found is None:
            found = known[slot] = _day(slot * _QUARTER // 1_000_000, utc=utc)
        return found

    return day


def _day(seconds: int, *, utc: bool) -> str:
    try:
        when = datetime.fromtimestamp(seconds, UTC)
        return (when if utc else when.astimezone()).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return ""  # a time that no calendar has


def spent(entries: Iterable[Entry], price: Price, day: Days) -> dict[Key, Sum]:
    """The sums of one session. Where an end corrects what an earlier day counted, the difference is of its own day."""
    noted = list(entries)
    if any(type(entry) is en.Ended and (entry.used or entry.cost is not None) for entry in noted):
        return _told(noted, price, day)
    sums: dict[Key, Sum] = {}
    for entry in noted:
        if type(entry) is en.Used:
            tokens = entry.tokens
            key = (day(entry.ts), tokens.llm)
            total = sums.get(key)
            if total is None:
                total = sums[key] = Sum()
            total.add(tokens, price(tokens, entry.ts, entry.whole))
    return sums


def _told(entries: Iterable[Entry], price: Price, day: Days) -> dict[Key, Sum]:
    """The same where ends tell figures: what each entry changes in the digest."""
    digest = Digest()
    sums: dict[Key, Sum] = {}
    for entry in entries:
        if type(entry) not in (en.Used, en.Ended):
            step(digest, entry, price)
            continue
        before, paid = _totals(digest.parts.get(entry.agent))
        step(digest, entry, price)
        after, pays = _totals(digest.parts[entry.agent])
        today = day(entry.ts)
        for llm, total in before.items():
            after.setdefault(llm, Sum()).merge(total, -1)
        pays.merge(paid, -1)
        changed = {llm: total for llm, total in after.items() if total != Sum()}
        for llm, total in changed.items():
            pays.merge(total.money, -1)
            sums.setdefault((today, llm), Sum()).merge(total)
        if pays != Money():  # the cost of a whole turn: of the model that did most of it
            llm = max(changed or _models(digest.parts[entry.agent]) or {"": Sum()}, key=lambda llm: _size(after, llm))
            sums.setdefault((today, llm), Sum()).money.merge(pays)
        digest.turns.clear()
    return {key: total for key, total in sums.items() if total != Sum()}


def _totals(part: Part | None) -> tuple[dict[str, Sum], Money]:
    sums: dict[str, Sum] = {}
    money = Money()
    if part is not None:
        merge_sums(sums, part.llms)
        money.merge(part.money)
        if part.turn is not None:
            merge_sums(sums, part.turn.llms)
            money.merge(part.turn.money)
    return sums, money


def _models(part: Part) -> dict[str, Sum]:
    turn = part.turn or part.last
    return turn.llms if turn is not None else {}


def _size(sums: dict[str, Sum], llm: str) -> int:
    total = sums.get(llm)
    return 0 if total is None else total.input + total.output + total.cache_read + total.cache_write
