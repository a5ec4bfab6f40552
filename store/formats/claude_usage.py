"""What Claude's requests took, as its records tell it. For claude_*.py only."""

from __future__ import annotations

from typing import Any, Final

from store.events import Tokens
from store.formats.values import count, number, string, table

MOST: Final = 10**12  # tokens that are believed of one request; more is damage, and would not fit into a sum
LIKELY: Final = 1 << 39  # below MOST
LLMS: Final = 64  # whose sums are remembered


def tokens_of(usage: dict[str, Any], llm: str) -> Tokens:
    """The usage of one request. What a record leaves out is 0: another record of the request tells it."""
    if not usage:
        return Tokens(llm)
    get = usage.get
    fresh, output, read = get("input_tokens"), get("output_tokens"), get("cache_read_input_tokens")
    written, split, served = get("cache_creation_input_tokens"), get("cache_creation"), get("server_tool_use")
    hour = split.get("ephemeral_1h_input_tokens") if type(split) is dict else 0
    if not (
        # Of every answer, and nearly always so: all five at once. The bits of one that is negative make it negative.
        type(fresh) is int and type(output) is int and type(read) is int and type(written) is int
        and type(hour) is int and 0 <= fresh | output | read | written | hour < LIKELY
    ):  # fmt: skip
        fresh, output, read, written, hour = map(_some, (fresh, output, read, written, hour))
    searches = _some(served.get("web_search_requests")) if type(served) is dict else 0
    tier = "batch" if get("service_tier") == "batch" else "fast" if get("speed") == "fast" else ""
    return Tokens(llm, fresh, output, read, written if written > hour else hour, hour, searches, tier)


class Totals:
    """What results of one program tell: sums since it was started. Gives what each turn added to them."""

    def __init__(self) -> None:
        self._cost = 0.0
        self._used: dict[str, Tokens] = {}

    def turn(self, data: dict[str, Any]) -> tuple[float | None, tuple[Tokens, ...]]:
        """The cost of the turn that a result ends, and its tokens per LLM; smaller sums are those of a new program."""
        total = number(data.get("total_cost_usd"))
        cost = None
        if total is not None:
            cost = total if total < self._cost else total - self._cost
            self._cost = total
        told = table(data, "modelUsage")
        used: list[Tokens] = []
        for llm in told:
            now = _total(llm, table(told, llm))
            before = self._used.get(llm)
            if before is not None or len(self._used) < LLMS:
                self._used[llm] = now
            gained = now if before is None else _less(now, before)
            if gained != Tokens(llm) and gained != Tokens(llm, cost_usd=0.0):
                used.append(gained)
        return cost, tuple(used)


def _total(llm: str, usage: dict[str, Any]) -> Tokens:
    return Tokens(
        llm,
        _some(usage.get("inputTokens")),
        _some(usage.get("outputTokens")),
        _some(usage.get("cacheReadInputTokens")),
        _some(usage.get("cacheCreationInputTokens")),
        searches=_some(usage.get("webSearchRequests")),
        cost_usd=number(usage.get("costUSD")),
    )


def _less(now: Tokens, before: Tokens) -> Tokens:
    pairs = [
        (now.input, before.input), (now.output, before.output), (now.cache_read, before.cache_read),
        (now.cache_write, before.cache_write), (now.searches, before.searches),
    ]  # fmt: skip
    if any(one < other for one, other in pairs):
        return now
    fresh, output, read, write, searches = (one - other for one, other in pairs)
    cost = None if now.cost_usd is None else max(0.0, now.cost_usd - (before.cost_usd or 0.0))
    return Tokens(now.llm, fresh, output, read, write, searches=searches, cost_usd=cost)


def key_of(message: dict[str, Any], data: dict[str, Any]) -> str:
    """What names a request wherever it is told; '' when nothing does."""
    id_ = string(message, "id") or string(data, "uuid")
    request = string(data, "requestId")
    return f"{id_} {request}" if request else id_


def _some(value: Any) -> int:
    if type(value) is not int:
        value = count(value)
    return value if value is not None and 0 < value <= MOST else 0
