"""What a user types to search, as a tree: words, "phrases", prefix*, AND OR NOT, ( ), and fields like tool:Bash. Pure.

Whatever is typed gives a Query or a QueryError that says where it went wrong; nothing of it reaches the database as
syntax.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn, TypeAlias

from msgspec import Struct

from store.query_tokens import COLUMN_ALIASES, WHOLE, QueryError, Token, tokens, where

LONGEST: Final = 1_000  # characters of a query
DEEPEST: Final = 12  # parentheses in each other
MOST: Final = 100  # words
KINDS: Final = ("prompt", "message", "thought", "tool", "plan", "notice", "raw")
STATES: Final = {
    "error": "failed", "failed": "failed", "ok": "ok", "cancelled": "cancelled", "running": "running",
    "waiting": "waiting", "pending": "pending", "subagent": "subagent",
}  # fmt: skip
_ALIASES: Final = {"answer": "message", "thinking": "thought"}
_NOWHERE: Final = -1  # in an option, not in the query
_AGE: Final = re.compile(r"(\d{1,6})\s*(s|min|m|h|d|w|mo|y)", re.IGNORECASE)
_SECONDS: Final = {
    "s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800, "mo": 2_592_000, "y": 31_536_000,
}  # fmt: skip


class Words(Struct, frozen=True):
    """A word or phrase, perhaps the beginning of one, perhaps in one column only."""

    text: str
    prefix: bool = False
    column: str = ""


class Facet(Struct, frozen=True):
    """A kind ('k'), tool ('t') or state ('s') that a row has."""

    sort: str
    value: str
    prefix: bool = False


class And(Struct, frozen=True):
    """All of these and none of those."""

    nodes: tuple[Node, ...]
    nots: tuple[Node, ...] = ()


class Or(Struct, frozen=True):
    nodes: tuple[Node, ...]


Node: TypeAlias = Words | Facet | And | Or


class Sessions(Struct, frozen=True):
    """Which sessions, and which times. Empty and None are all."""

    agents: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    not_agents: tuple[str, ...] = ()
    not_projects: tuple[str, ...] = ()
    since: int | None = None  # microseconds UTC
    until: int | None = None

    @property
    def all(self) -> bool:
        return self == Sessions()


class Query(Struct, frozen=True):
    node: Node
    sessions: Sessions = Sessions()


class Limits(Struct, frozen=True):
    """What options narrow a search to; several values of one are alternatives."""

    agents: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    since: str = ""
    errors: bool = False


def parse(text: str, now: datetime | None = None, limits: Limits | None = None) -> Query:
    """The query. Raises QueryError. Words of sense are optional where the limits say what to look for."""
    now = now or datetime.now(UTC)
    reader = _Reader(text, now)
    node = reader.query()
    limits = limits or Limits()
    more: list[Node] = []
    for values, make in ((limits.kinds, _kind), (limits.tools, _tool)):
        if values:
            more.append(_any(tuple(make(value, _NOWHERE) for value in values)))
    if limits.errors:
        more.append(Facet("s", "failed"))
    nodes = ([node] if node is not None else []) + more
    if not nodes:
        if reader.sessions.all and limits == Limits() and not text.strip():
            raise QueryError("Say what to look for.")
        if reader.skipped:
            raise QueryError("Words are found by their letters and digits, and there are none.", reader.skipped[0])
        raise QueryError("Say also what to look for there: a word, kind:prompt, tool:Bash, is:error, …")
    told = reader.sessions
    sessions = Sessions(
        told.agents + limits.agents, told.projects + limits.projects, told.not_agents, told.not_projects,
        _later(told.since, time_of(limits.since, now, _NOWHERE) if limits.since else None), told.until,
    )  # fmt: skip
    return Query(nodes[0] if len(nodes) == 1 else And(tuple(nodes)), sessions)


def time_of(value: str, now: datetime, at: int = 0) -> int:
    """Microseconds of '2d' (ago), '2026-09-01' or '2026-09-01T15:00'. Raises QueryError."""
    age = _AGE.fullmatch(value.strip())
    try:
        if age is not None:
            when = now - timedelta(seconds=int(age[1]) * _SECONDS[age[2].lower()])
        else:
            when = datetime.fromisoformat(value.strip())
            if when.tzinfo is None:
                when = when.astimezone()  # as the user's clock says it
        return int(when.timestamp() * 1_000_000)
    except (ValueError, OverflowError, OSError):
        raise QueryError(f"“{_short(value)}” is no time: write 2d, 3h, 1w, or a date like 2026-09-01.", at) from None


class _Reader:
    """Recursive descent over the tokens."""

    def __init__(self, text: str, now: datetime) -> None:
        if len(text) > LONGEST:
            raise QueryError(f"The query is too long: {LONGEST:,} characters are enough.", LONGEST)
        # What no text has, and SQLite could not take.
        text = re.sub("[\x00\ud800-\udfff]", " ", text)
        self._tokens = tokens(text)
        self._index = 0
        self._now = now
        self._deep = 0
        self._words = 0
        self._inside = False  # of OR or NOT or parentheses
        self.skipped: list[int] = []  # where words without letters were
        self.sessions = Sessions()

    def query(self) -> Node | None:
        node = self._or()
        token = self._peek()
        if token is not None:  # only a ) can be left over
            raise QueryError(f"There is no ( for the ) at {where(token.at)}.", token.at)
        return node

    def _peek(self) -> Token | None:
        return self._tokens[self._index] if self._index < len(self._tokens) else None

    def _or(self) -> Node | None:
        inside = self._inside
        self._inside = inside or self._splits()
        nodes = [self._and()]
        while (token := self._peek()) is not None and token.sort == "OR":
            self._index += 1
            nodes.append(self._and(token))
        self._inside = inside
        found = tuple(node for node in nodes if node is not None)
        return _any(found) if found else None

    def _splits(self) -> bool:
        """Whether an OR of this level is ahead."""
        deep = 0
        for token in self._tokens[self._index :]:
            deep += (token.sort == "(") - (token.sort == ")")
            if deep < 0:
                return False
            if deep == 0 and token.sort == "OR":
                return True
        return False

    def _and(self, after: Token | None = None) -> Node | None:
        nodes: list[Node] = []
        nots: list[tuple[Node, int]] = []
        count = 0
        while (token := self._peek()) is not None and token.sort not in ("OR", ")"):
            if token.sort == "AND":
                self._index += 1
                following = self._peek()
                if not count or following is None or following.sort in ("AND", "OR", ")"):
                    raise QueryError(f"AND at {where(token.at)} needs a word on both sides.", token.at)
                continue
            count += 1
            if token.sort == "NOT":
                node = self._not(token)
                if node is not None:
                    nots.append((node, token.at))
            else:
                node = self._one()
                if node is not None:
                    nodes.append(node)
        if not count:
            token = self._peek()
            if after is None and token is not None and token.sort == "OR":
                after = token
            if after is not None:
                raise QueryError(f"OR at {where(after.at)} needs a word on both sides.", after.at)
            return None
        if nots and not nodes:
            at = nots[0][1]
            raise QueryError(f"NOT at {where(at)} takes away from something: say also what to find.", at)
        if not nodes:
            return None
        if len(nodes) == 1 and not nots:
            return nodes[0]
        return And(tuple(nodes), tuple(node for node, _ in nots))

    def _not(self, token: Token) -> Node | None:
        self._index += 1
        following = self._peek()
        if following is None or following.sort in ("AND", "OR", "NOT", ")"):
            raise QueryError(f"NOT at {where(token.at)} needs a word behind it.", token.at)
        if following.sort == "field" and following.text in ("agent", "project") and not self._inside:
            self._index += 1
            self._narrow(following, negative=True)
            return None
        inside, self._inside = self._inside, True
        node = self._one()
        self._inside = inside
        return node

    def _one(self) -> Node | None:
        token = self._tokens[self._index]
        self._index += 1
        self._words += 1
        if self._words > MOST:
            raise QueryError(f"These are too many words: {MOST} are enough.", token.at)
        if token.sort == "(":
            return self._group(token)
        if token.sort == "field":
            return self._field(token)
        return self._text(token)

    def _group(self, token: Token) -> Node | None:
        self._deep += 1
        if self._deep > DEEPEST:
            raise QueryError(f"Parentheses at {where(token.at)} are too deep.", token.at)
        inside, self._inside = self._inside, True
        node = self._or()
        self._inside = inside
        self._deep -= 1
        following = self._peek()
        if following is None:
            raise QueryError(f"The ( at {where(token.at)} is not closed.", token.at)
        self._index += 1
        if node is None and not self.skipped:
            raise QueryError(f"There is nothing in the parentheses at {where(token.at)}.", token.at)
        return node

    def _text(self, token: Token, column: str = "") -> Node | None:
        if not any(map(str.isalnum, token.text)):
            if token.star:
                raise QueryError(f"The * at {where(token.at)} needs the beginning of a word, as in pars*.", token.at)
            self.skipped.append(token.at)
            return None
        return Words(token.text, token.star, column)

    def _field(self, token: Token) -> Node | None:
        if token.text in WHOLE:
            if self._inside:
                why = "narrows the whole search: write it outside of parentheses, as in project:atlas (one OR other)"
                raise QueryError(f"{token.text}: at {where(token.at)} {why}.", token.at)
            self._narrow(token)
            return None
        value = self._value(token)
        match token.text:
            case "kind":
                return _kind(value.text, value.at, value.star)
            case "tool":
                return _tool(value.text, value.at, value.star)
            case "is":
                return _state(value.text, value.at)
            case column:
                return self._text(value, COLUMN_ALIASES.get(column, column))

    def _value(self, field: Token) -> Token:
        value = self._peek()
        if value is None or value.sort not in ("word", "phrase") or value.at != field.at + len(field.text) + 1:
            raise QueryError(f"{field.text}: at {where(field.at)} needs a word right behind it.", field.at)
        self._index += 1
        return value

    def _narrow(self, field: Token, *, negative: bool = False) -> None:
        value = self._value(field)
        told = self.sessions
        text = value.text.strip()
        if not text:
            raise QueryError(f"{field.text}: at {where(field.at)} needs a word right behind it.", field.at)
        agents, projects, not_agents, not_projects = told.agents, told.projects, told.not_agents, told.not_projects
        since, until = told.since, told.until
        match field.text:
            case "agent" if negative:
                not_agents += (text,)
            case "agent":
                agents += (text,)
            case "project" if negative:
                not_projects += (text,)
            case "project":
                projects += (text,)
            case "since":
                since = _later(since, time_of(text, self._now, value.at))
            case _:
                end = time_of(text, self._now, value.at)
                until = end if until is None else min(until, end)
        self.sessions = Sessions(agents, projects, not_agents, not_projects, since, until)


# ---- values


def _kind(value: str, at: int, star: bool = False) -> Facet:
    text = value.strip().lower().rstrip(".")
    first, dot, rest = text.partition(".")
    first = _ALIASES.get(first, first)
    if first not in KINDS and not (star and any(kind.startswith(first) for kind in KINDS)):
        _unknown("kind", value, KINDS, at)
    return Facet("k", first + dot + rest, star)


def _tool(value: str, at: int, star: bool = False) -> Facet:
    text = value.strip()
    if text.endswith("*"):
        text, star = text.rstrip("*"), True
    if not text:
        raise QueryError("A tool is found by the beginning of its name at least, as in tool:Bash or tool:mcp*.", at)
    return Facet("t", text, star)


def _state(value: str, at: int) -> Facet:
    state = STATES.get(value.strip().lower())
    if state is None:
        _unknown("state", value, tuple(STATES), at)
    return Facet("s", state)


def _unknown(sort: str, value: str, known: tuple[str, ...], at: int) -> NoReturn:
    place = "" if at == _NOWHERE else f" ({where(at)})"
    raise QueryError(f"There is no {sort} “{_short(value)}”{place}. There are: {', '.join(known)}.", at)


def _any(nodes: tuple[Node, ...]) -> Node:
    return nodes[0] if len(nodes) == 1 else Or(nodes)


def _later(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else max(one, other)


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
