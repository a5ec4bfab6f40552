"""Copilot's tokens: output with each answer, everything when the program ends. For copilot*.py only.

An end tells all of its run, subagents too; a run that was killed tells none. Digests take what was counted since the
last end off it: so what subagents told is taken off before, and what killed runs told is added.
"""

from __future__ import annotations

from typing import Any

from store.decode import clean
from store.events import Tokens
from store.formats.values import table
from store.formats.values import tokens as taken


class Runs:
    """What was told of output since the last end: (model, tokens) by request."""

    def __init__(self) -> None:
        self._main: dict[str, tuple[str, int]] = {}
        self._aside: dict[str, tuple[str, int]] = {}  # by subagents
        self._lost: dict[str, int] = {}  # by the main agent in runs that told no end, per model

    def answered(self, key: str, llm: str, output: int, *, aside: bool) -> None:
        """An answer of this run."""
        (self._aside if aside else self._main)[key] = (llm, output)

    def begin(self) -> None:
        """Another run begins."""
        for llm, output in self._main.values():
            self._lost[llm] = self._lost.get(llm, 0) + output
        self._main.clear()
        self._aside.clear()

    def end(self, metrics: dict[str, Any]) -> tuple[Tokens, ...]:
        """What an end tells, per model; nothing where it tells no tokens."""
        used = [tokens_of(table(table(metrics, llm), "usage"), clean(llm)) for llm in metrics]
        used = [tokens for tokens in used if tokens.input or tokens.output or tokens.cache_read or tokens.cache_write]
        if not used:
            return ()
        off: dict[str, int] = {}
        for llm, output in self._aside.values():
            off[llm] = off.get(llm, 0) + output
        lost, self._lost = self._lost, {}
        self._main.clear()
        self._aside.clear()
        told = tuple(
            Tokens(
                tokens.llm, tokens.input, max(0, tokens.output - off.get(tokens.llm, 0)) + lost.pop(tokens.llm, 0),
                tokens.cache_read, tokens.cache_write,
            )
            for tokens in used
        )  # fmt: skip
        return (*told, *(Tokens(llm, 0, output) for llm, output in lost.items()))


def tokens_of(usage: dict[str, Any], llm: str) -> Tokens:
    """A usage: its input includes what was read from the cache and written to it."""
    keys = ("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens")
    given, output, read, written = (taken(usage.get(key)) for key in keys)
    return Tokens(llm, max(0, given - read - written), output, read, written)
