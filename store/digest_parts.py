"""What a digest is made of: sums of tokens and money, samples of what went wrong, turns, the figures of one agent.

No rules in here; the fold (`store.digest` and its siblings) changes these in place.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from store.events import Tokens
from store.latency import BUCKETS
from store.prices import edition

DIGEST_VERSION: Final = 3
SAMPLES: Final = 200  # of an error or issue; the count beside them stays exact
CALLS: Final = 25  # samples of a tool
CLOSED: Final = "closed"  # a turn that ended without a word about how
INCOMPLETE: Final = "incomplete"  # nothing more will come of it


def version() -> int:
    """What makes a digest: the fold, and the user's own prices. One of another version is folded anew."""
    return DIGEST_VERSION + (edition() << 8)


class Money(Struct, array_like=True):
    """Micro-dollars, and how many requests have no known price: with those it is a lower bound."""

    micros: int = 0
    priced: int = 0
    unpriced: int = 0

    def add(self, cost: int | None) -> None:
        if cost is None:
            self.unpriced += 1
        else:
            self.micros += cost
            self.priced += 1

    def merge(self, other: Money, sign: int = 1) -> None:
        self.micros += sign * other.micros
        self.priced += sign * other.priced
        self.unpriced += sign * other.unpriced

    @property
    def known(self) -> int | None:
        """None when nothing in it has a price: not known is not free."""
        return self.micros if self.priced else None


class Sum(Struct, array_like=True):
    """Tokens of one LLM or of a turn."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    money: Money = field(default_factory=Money)

    def add(self, tokens: Tokens, cost: int | None) -> None:
        self.input += tokens.input
        self.output += tokens.output
        self.cache_read += tokens.cache_read
        self.cache_write += tokens.cache_write
        self.money.add(cost)

    def merge(self, other: Sum, sign: int = 1) -> None:
        self.input += sign * other.input
        self.output += sign * other.output
        self.cache_read += sign * other.cache_read
        self.cache_write += sign * other.cache_write
        self.money.merge(other.money, sign)

    def rest(self, before: Sum) -> Sum:
        """What is left of it without what was counted before, at least nothing."""
        money = Money(max(0, self.money.micros - before.money.micros), self.money.priced, self.money.unpriced)
        return Sum(
            max(0, self.input - before.input),
            max(0, self.output - before.output),
            max(0, self.cache_read - before.cache_read),
            max(0, self.cache_write - before.cache_write),
            money,
        )


def merge_sums(into: dict[str, Sum], more: dict[str, Sum]) -> None:
    """Add the sums per LLM."""
    for llm, total in more.items():
        into.setdefault(llm, Sum()).merge(total)


class Samples(Struct, array_like=True):
    """One class of errors or issues: how many, and where the first ones are. The lists are of equal length."""

    count: int = 0
    seqs: list[int] = []
    rows: list[int] = []
    ts: list[int | None] = []
    labels: list[str] = []

    def add(self, seq: int, row: int, ts: int | None, label: str) -> None:
        self.count += 1
        if len(self.seqs) < SAMPLES:
            self.seqs.append(seq)
            self.rows.append(row)
            self.ts.append(ts)
            self.labels.append(label)


class ToolUse(Struct, array_like=True):
    """One tool: its calls, and the first of them."""

    calls: int = 0
    failed: int = 0
    seqs: list[int] = []
    rows: list[int] = []


class Call(Struct, array_like=True):
    """A tool call that news may still reach."""

    seq: int
    row: int
    ts: int | None
    name: str
    gate: bool = False  # the user is asked
    counted: bool = True  # the call itself was seen, not only the question about it
    failed: bool = False  # its failure is counted


class Turn(Struct):
    """From a prompt until the agent is idle again."""

    agent: str
    idx: int  # per agent, from 0
    id: str
    synthetic: bool  # it was opened by content, not by a start
    start_seq: int
    start_row: int
    start_ts: int | None
    end_seq: int = 0  # 0: it is open
    end_row: int = -1
    end_ts: int | None = None
    duration: int | None = None  # microseconds
    status: str = ""
    reason: str = ""
    used: Sum = field(default_factory=Sum)
    llms: dict[str, Sum] = {}
    told: Money | None = None  # what the agent says it cost; then that counts
    charged: bool = False  # the agent said something of its figures
    tools: int = 0
    tools_failed: int = 0
    errors: int = 0
    issues: int = 0
    tail: str = "input"  # the last content
    worked: bool = False  # the agent did or said something

    @property
    def open(self) -> bool:
        return self.end_seq == 0

    @property
    def money(self) -> Money:
        return self.told or self.used.money


class Part(Struct):
    """The figures of one agent."""

    agent: str
    parent: str = ""  # the call that started it
    first: int = 0  # seq of its first entry: the order of agents
    events: int = 0
    first_ts: int | None = None
    last_ts: int | None = None
    closed: int = 0  # turns
    opened: int = 0
    active: int = 0  # microseconds
    latency: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    llms: dict[str, Sum] = {}  # of closed turns
    untold: dict[str, Sum] = {}  # of it, what came after the last end that told figures
    money: Money = field(default_factory=Money)
    tools: dict[str, ToolUse] = {}
    errors: dict[str, Samples] = {}
    issues: dict[str, Samples] = {}
    calls: dict[str, Call] = {}  # without an answer, in the order of the calls
    past: dict[str, Call] = {}  # answered, given up, or running in the background
    orphans: dict[str, Call] = {}  # answers to calls that were not seen so far in this turn
    shapes: dict[str, str] = {}
    llm: str = ""  # of the last request that told one
    switches: Samples = field(default_factory=Samples)  # to another one
    context: int = 0  # tokens that the last request was given, cached or not; 0 is not known
    context_most: int = 0
    turn: Turn | None = None
    last: Turn | None = None  # the closed one before, which late news still belongs to


class Digest(Struct):
    """The figures of a session so far. `turns` collects those that changed, for whoever keeps them: take and clear."""

    version: int = field(default_factory=version)
    watermark: int = 0  # entries folded; the seq of the last one
    sealed: bool = False
    parts: dict[str, Part] = {}  # by agent, in the order of their first entries
    helpers: dict[str, list[str]] = {}  # call → the subagents that it started
    turns: dict[tuple[str, int], Turn] = {}  # by agent and idx
