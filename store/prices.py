"""What a request costs by list price, in whole micro-dollars, when it was made. Called by whoever folds a digest.

The table is that of genai-prices, as installed: nothing is downloaded. It is loaded when the first price is asked for,
because that takes longer than opening a window. Its own sum takes 60 µs a request; the rates of a model at a time are
looked up once and multiplied here (a test compares the two, model by model). What the user wrote into `prices.toml`
(`store.prices_own`) goes before the table.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from msgspec import Struct

from store import prices_own
from store.events import Tokens

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice

log = logging.getLogger(__name__)

Price: TypeAlias = Callable[[Tokens, int | None, int], int | None]
"""(tokens, microseconds UTC or None for now, all input of the request) → micro-dollars, or None: not known"""

DAY: Final = 86_400_000_000  # microseconds
SLOT: Final = 900_000_000  # microseconds: some prices change with the hour of the day
TABLES: Final = {"0.2.3": "2026-11-10"}  # version of genai-prices → the day on which it came out
_used: Final[dict[str, dict[int, dict[str, tuple[Rates, ...]]]]] = {}  # model → day → which list → what it says
_PICO: Final = 1_000_000  # pico-dollars in a micro-dollar; dollars per million tokens are as many per token
_HEAD: Final = re.compile(r"^(?:.*/)?(?:(?:[a-z-]+\.)?anthropic\.)?")
_TAIL: Final = re.compile(r"(?:-v\d+(?::\d+)?)?(?:\[[^\[\]]*\])?$")  # Bedrock's version, and a window: `[1m]`
_DATE: Final = re.compile(r"[-@](?:\d{4}-\d\d-\d\d|\d{8})$")
_CONTEXT: Final = {"batch": {"processing": "batch"}, "fast": {"speed": "fast"}}


class Rates(Struct, frozen=True):
    """Pico-dollars per token, which are micro-dollars per million, from so many tokens of input on; a search is in
    pico-dollars as well."""

    above: int
    input: int
    cache_read: int
    cache_write: int
    cache_write_1h: int
    output: int
    search: int


def price(tokens: Tokens, ts: int | None = None, whole: int = 0) -> int | None:
    """What the tokens cost: micro-dollars, None when nobody knows a price for that model.

    `whole` is all the input of the request, where these tokens are only a part of it.
    """
    fresh = tokens.input + tokens.cache_read + tokens.cache_write
    steps = _rates(tokens.llm, tokens.tier, None if ts is None else ts // SLOT, prices_own.own().edition)
    if not steps:
        return None
    size = max(whole, fresh)
    rates = steps[0]
    for step in steps[1:]:
        if size > step.above:
            rates = step
    hour = tokens.cache_write_1h
    pico = (
        tokens.input * rates.input
        + tokens.cache_read * rates.cache_read
        + (tokens.cache_write - hour) * rates.cache_write
        + hour * rates.cache_write_1h
        + tokens.output * rates.output
        + tokens.searches * rates.search
    )
    return (pico + _PICO // 2) // _PICO


def used(llm: str, first: int | None, last: int | None) -> dict[int, dict[str, tuple[Rates, ...]]]:
    """What this process has counted with between two times, and today for what says no time: day (its first
    microsecond UTC) → which list → rates, those of small requests first."""
    today = time.time_ns() // 1000 // DAY * DAY
    days = (0, -1) if first is None or last is None else (first // DAY * DAY, last)
    return {
        day: dict(lists) for day, lists in list(_used.get(llm, {}).items()) if days[0] <= day <= days[1] or day == today
    }


def unknown(_tokens: Tokens, _ts: int | None = None, _whole: int = 0) -> int | None:
    """A price list without prices: the figures of a digest besides its costs do not depend on one."""
    return None


def edition() -> int:
    """Which of the user's own prices hold now, as a number that a database can keep; 0: there are none."""
    return prices_own.look().edition


def table() -> dict[str, Any]:
    """Where prices come from, and of which day they are: for whoever shows costs. Days are None where nobody says."""
    source, own = _source(), prices_own.look()
    return {
        "source": source,
        "date": TABLES.get(source.rpartition(" ")[2]),
        "own": str(prices_own.path()) if own.rates else None,
        "own_date": own.date or None,
    }


def reason(llm: str) -> str:
    """Why a model has no price: a sentence."""
    if not llm:
        return "The agent does not say which model it asked."
    return f"No price is known for {llm}: write one into {prices_own.path()}."


@lru_cache(maxsize=4096)
def _rates(llm: str, tier: str, slot: int | None, edition: int) -> tuple[Rates, ...]:
    """The rates of a model at a time, for small requests first; nothing for one that is not known."""
    if edition:
        for name in _names(llm):
            mine = prices_own.own().rates.get(name)
            if mine is not None:
                return _noted(llm, slot, prices_own.FILE, (_of_user(mine),))
    model = _model(llm) if llm else None
    if model is None:
        log.info("no price is known for %r", llm)
        return ()
    try:
        when = datetime.now(UTC) if slot is None else datetime.fromtimestamp(slot * SLOT // 1_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        when = datetime.now(UTC)
    prices = model.get_prices(when, _CONTEXT.get(tier))
    if prices.input_mtok is None and prices.output_mtok is None:
        return ()  # priced by the hour, the page, the picture
    starts = {0}
    for value in vars(prices).values():
        starts.update(step.start for step in getattr(value, "tiers", ()))
    return _noted(llm, slot, _source(), tuple(_at(prices, start) for start in sorted(starts)))


def _noted(llm: str, slot: int | None, source: str, rates: tuple[Rates, ...]) -> tuple[Rates, ...]:
    day = (time.time_ns() // 1000 if slot is None else slot * SLOT) // DAY * DAY
    lists = _used.setdefault(llm, {}).setdefault(day, {})
    lists[source] = tuple(dict.fromkeys((*lists.get(source, ()), *rates)))
    return rates


@lru_cache(maxsize=1)
def _source() -> str:
    from importlib import metadata

    return f"genai-prices {metadata.version('genai-prices')}"


def _names(llm: str) -> Iterable[str]:
    """The name as it is told, without what clouds and routers put around it, and then without its date."""
    bare = _TAIL.sub("", _HEAD.sub("", llm))
    plain = _DATE.sub("", bare)
    return dict.fromkeys((llm, bare, bare.replace(".", "-"), plain, plain.replace(".", "-")))


def _of_user(rates: Mapping[str, int]) -> Rates:
    fresh = rates["input"]
    write = rates.get("cache_write", fresh)
    read, hour = rates.get("cache_read", fresh), rates.get("cache_write_1h", write)
    return Rates(0, fresh, read, write, hour, rates["output"], rates.get("search", 0))


def _model(llm: str) -> ModelInfo | None:
    """The model of that name, or of the name without what a cloud or a router puts around it."""
    from genai_prices.data_snapshot import get_snapshot  # 0.1 s and 60 modules: only for whoever asks for a price

    table = get_snapshot()
    for name in _names(llm):
        try:
            return table.find_provider_model(name, None, None, None)[1]
        except LookupError:
            continue
    return None


def _at(prices: ModelPrice, start: int) -> Rates:
    def rate(name: str, other: int) -> int:
        value = getattr(prices, name)
        if value is None:
            return other
        if hasattr(value, "tiers"):
            value = next((step.price for step in reversed(value.tiers) if start >= step.start), value.base)
        return int(value * _PICO)

    fresh = rate("input_mtok", 0)
    write = rate("cache_write_mtok", fresh)  # what has no price of its own costs what it is a part of
    return Rates(
        above=start,
        input=fresh,
        cache_read=rate("cache_read_mtok", fresh),
        cache_write=write,
        cache_write_1h=rate("cache_write_1h_mtok", write),
        output=rate("output_mtok", 0),
        search=rate("web_searches_kcount", 0) * 1000,  # that one is per thousand
    )
