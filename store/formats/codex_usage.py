"""What Codex's requests took: differences of the thread's sums, or a record per answer. For codex*.py only."""

from __future__ import annotations

from typing import Any, Final

from store.events import Tokens
from store.formats.values import count, table

MOST: Final = 10**12  # tokens that are believed; more is damage, and would not fit into a sum
_KEYS: Final = ("input_tokens", "output_tokens", "cached_input_tokens", "cache_write_input_tokens")


def tokens_of(usage: dict[str, Any], llm: str) -> Tokens:
    """A usage as Codex tells it: its input is with what came from the cache, its output with the reasoning."""
    given, output, read, written = (_some(usage.get(key)) for key in _KEYS)
    return Tokens(llm, max(0, given - read - written), output, read, written)


def key_of(thread: str, info: dict[str, Any], ts: int | None) -> str:
    """What names a request of a `token_count` in every copy of its file; '' where nothing does.

    The sums alone would not: a thread that is gone on with may begin to count anew, and come to the same ones.
    """
    total = info.get("total_token_usage")
    if type(total) is not dict or ts is None or not thread:
        return ""
    return f"{thread} {ts} {' '.join(str(_some(total.get(key))) for key in _KEYS)}"


def size_of(usage: dict[str, Any]) -> int | None:
    """How full the context was; None where nothing is told."""
    total = count(usage.get("total_tokens"))
    return total if total is not None and total > 0 else (_some(usage.get("input_tokens")) or None)


class Sums:
    """What a thread's `token_count` events say about its requests. The same sum again is the same request again."""

    def __init__(self) -> None:
        self._total: tuple[int, ...] | None = None

    def spent(self, info: dict[str, Any], llm: str) -> Tokens | None:
        """The tokens since the event before; None when there are none.

        Without an event before, in the middle of a file, the last request's own figures are all that is known.
        """
        last = table(info, "last_token_usage")
        told = info.get("total_token_usage")
        if type(told) is not dict:
            return tokens_of(last, llm) if last else None
        now = tuple(_some(told.get(key)) for key in _KEYS)
        before, self._total = self._total, now
        if now == before:
            return None
        if before is None or any(new < old for new, old in zip(now, before, strict=True)):
            return tokens_of(last or told, llm)  # the first, or those of a thread that began to count anew
        return tokens_of({key: new - old for key, new, old in zip(_KEYS, now, before, strict=True)}, llm)


def _some(value: Any) -> int:
    if type(value) is not int:
        value = count(value)
    return value if value is not None and 0 < value <= MOST else 0
