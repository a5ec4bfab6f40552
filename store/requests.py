"""Each request is counted once, however often and wherever its records tell it. For `store.ledger`.

The records of one answer say its usage again and again, growing; forks and resumed sessions copy lines of other files.
What is new of a request is handed on, what was counted is not.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence, Set
from hashlib import blake2b
from typing import Final, TypeAlias

import msgspec

from store.events import Tokens

RECENT: Final = 512  # requests whose figures may still grow; of older ones it is only known that they were counted


Elsewhere: TypeAlias = Callable[[Sequence[int]], Set[int]]
"""Which of these requests, by their numbers, another session has counted."""


class Requests:
    """See the module. `expect` first what is taken then: that asks once for many."""

    def __init__(self, elsewhere: Elsewhere | None = None) -> None:
        self.counted: set[int] = set()
        self.shared: set[int] = set()  # told here too, and counted by another session
        self._recent: OrderedDict[int, Tokens] = OrderedDict()
        self._elsewhere = elsewhere
        self._numbers: dict[str, int] = {}  # by key, of those that are expected
        self._asked: Set[int] = frozenset()  # of these, those that `elsewhere` was asked about, and what it said
        self._theirs: Set[int] = frozenset()

    def expect(self, keys: Iterable[str]) -> None:
        """These are taken next."""
        self._numbers = {key: number_of(key) for key in set(keys) if key}
        if self._elsewhere is not None:
            new = [one for one in self._numbers.values() if one not in self._recent and one not in self.counted]
            self._asked = frozenset(new)
            self._theirs = self._elsewhere(new) if new else frozenset()

    def take(self, key: str, told: Tokens) -> Tokens | None:
        """What is new of a request, or None. One without a key is new."""
        if not key:
            return told
        number = self._number(key)
        before = self._recent.get(number)
        if before is None:
            if number in self.counted:
                return None
            if self._is_theirs(number):
                self.shared.add(number)
                return None
            self.counted.add(number)
            self._recent[number] = told
            if len(self._recent) > RECENT:
                self._recent.popitem(last=False)
            return told
        self._recent.move_to_end(number)
        if told == before:
            return None
        # Field by field the most: the last record has it, and one that says less leaves out what another one told.
        now = Tokens(
            before.llm or told.llm,
            before.input if before.input > told.input else told.input,
            before.output if before.output > told.output else told.output,
            before.cache_read if before.cache_read > told.cache_read else told.cache_read,
            before.cache_write if before.cache_write > told.cache_write else told.cache_write,
            before.cache_write_1h if before.cache_write_1h > told.cache_write_1h else told.cache_write_1h,
            before.searches if before.searches > told.searches else told.searches,
            before.tier or told.tier,
        )
        if now == before:
            return None
        self._recent[number] = now
        return Tokens(
            now.llm,
            now.input - before.input,
            now.output - before.output,
            now.cache_read - before.cache_read,
            now.cache_write - before.cache_write,
            now.cache_write_1h - before.cache_write_1h,
            now.searches - before.searches,
            now.tier,
        )

    def whole(self, key: str) -> int:
        """All input of a request so far; 0 when it is not known any more."""
        tokens = self._recent.get(self._number(key))
        return 0 if tokens is None else whole_of(tokens)

    def _number(self, key: str) -> int:
        number = self._numbers.get(key)
        return number_of(key) if number is None else number

    def _is_theirs(self, number: int) -> bool:
        if self._elsewhere is None:
            return False
        return number in (self._theirs if number in self._asked else self._elsewhere((number,)))

    def dump(self) -> bytes:
        """What must be known to go on later, but for `counted`, which is kept where it can be asked."""
        return msgspec.msgpack.encode(list(self._recent.items()))

    def load(self, data: bytes) -> None:
        """What `dump` gave."""
        self._recent = OrderedDict(msgspec.msgpack.decode(data, type=list[tuple[int, Tokens]]))
        self.counted.update(self._recent)


def whole_of(tokens: Tokens) -> int:
    """All input of one request, cached or not."""
    return tokens.input + tokens.cache_read + tokens.cache_write


def number_of(key: str) -> int:
    """A request's key as a number that a database can index: the same on every machine."""
    return int.from_bytes(blake2b(key.encode("utf-8", "replace"), digest_size=8).digest(), "big", signed=True)
