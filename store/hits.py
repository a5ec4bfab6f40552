"""Which rows a search finds: the newest, the most relevant, how many. For store.search, on the reader's connection.

The index knows rows by key, and a key says nothing about time. Few hits are all taken, and the newest sessions among
theirs are looked at; of many the newest sessions of all are looked into first, each from its end. Either ends when no
session that follows can have anything newer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from itertools import groupby, islice
from typing import Final, TypeAlias

from store.db import fts_sqlite, marks_read, reads
from store.db.matching import test_of
from store.query import And, Node, Or, Words
from store.scope import Scope, newest_first

MOST: Final = 20_000  # hits up to which they are counted, and can be ordered by relevance
FEW: Final = 1_500  # hits that are simply taken all
WALK: Final = 40  # sessions that are asked for one by one; among more, all are walked through
PROBES: Final = 60  # sessions looked into before it is asked which ones have hits at all
SOME: Final = 200  # sessions that are counted one by one
AT_ONCE: Final = 100  # times read in one statement
GLANCE: Final = 150  # rows looked at before the index is asked
BROAD: Final = 2  # letters that many words begin with
OLD: Final = 1_000  # hits of a session in a row that are too old: so are those before

_STRANGERS: Final = (
    "SELECT i.session_id FROM indexed AS i LEFT JOIN session AS s ON s.id = i.session_id "
    "WHERE s.id IS NULL OR s.state <> 'ready'"
)
_READY: Final = "SELECT id, updated FROM session WHERE id = ? AND state = 'ready'"

_ROWS: Final = (
    "SELECT i.seq, i.ts, i.payload FROM item AS i WHERE i.seq >= ?1 "
    "AND i.seq < ?1 + coalesce((SELECT rows FROM indexed WHERE session_id = ?2), 0) ORDER BY i.seq DESC"
)

Place: TypeAlias = tuple[int, int | None]  # key and time of a row


class Hits:
    """One search in one state of the database."""

    def __init__(self, connection: reads.Connection, node: Node, scope: Scope) -> None:
        self.connection = connection
        self.node = node
        self.scope = scope
        self.glance = test_of(node) if reads.is_file(connection) and _broad(node) else None
        self._left = 0  # rows that a glance may still look at
        self._bare: list[tuple[int, int]] = []  # keys [first, end) between which there is no hit

    @cached_property
    def sql(self) -> fts_sqlite.Statements:
        """What to ask the index."""
        if reads.is_file(self.connection):
            return fts_sqlite.asked(self.connection, self.node, FEW)
        from store.db import fts_postgres

        return fts_postgres.asked(self.node, FEW)

    # ---- newest first

    def newest(self, limit: int) -> list[Place]:
        if self.glance is not None:
            # What nearly every row has is found by looking at rows; the index would go through all words that begin so.
            self._left = GLANCE
            with suppress(marks_read.Many):
                return self._merged(limit, None, None) or []
            self.glance = None
        if self.sql.slow or self.sql.few:
            return self._merged(limit, self._grouped(self.sql.every), None) or []
        if self.sql.exact is not None and reads.is_file(self.connection):
            few = marks_read.few(self.connection, self.sql.exact)
            if few is not None:
                return self._merged(limit, few, None) or []
        some = self._grouped(self.sql.newest, self.sql.most + 1)
        if sum(map(len, some.values())) <= self.sql.most:
            return self._merged(limit, some, None) or []
        found = self._merged(limit, None, PROBES)
        if found is None:
            # The newest sessions have none of it: ask which ones do. That costs what there are hits.
            there = {number: None for (number,) in self._look(self.sql.sessions)}
            found = self._merged(limit, there, None)
        return found or []

    def _grouped(self, sql: str, *values: object) -> dict[int, list[int]]:
        """Keys by session, in the order that they come in."""
        rows = [seq for (seq,) in self._look(sql, *values)]
        return {number: list(some) for number, some in groupby(rows, lambda seq: seq >> reads.ROW_BITS)}

    def _merged(
        self, limit: int, there: Mapping[int, Iterable[int] | None] | None, probes: int | None
    ) -> list[Place] | None:
        """The newest hits of all sessions, or of those that are there; None: not among so many sessions."""
        best: list[tuple[int, int, int | None]] = []  # time to sort by, key, both negative, time
        for looked, (number, updated) in enumerate(self._sessions(there)):
            # All that follow have nothing newer than this session's last news.
            if len(best) >= limit and updated is not None and -best[limit - 1][0] >= updated:
                break
            if probes is not None and looked >= probes:
                return None
            last = updated if updated is not None else 0
            known = len(best)
            for seq, ts in self._within(number, limit, None if there is None else there[number]):
                best.append((-(last if ts is None else ts), -seq, ts))
            if len(best) > known:
                best.sort()
                del best[limit:]
        return [(-seq, ts) for _, seq, ts in best]

    def _sessions(self, there: Iterable[int] | None) -> Iterable[tuple[int, int | None]]:
        if there is None:
            return self.scope.by_news()
        wanted = set(there)
        if self.scope.narrow or len(wanted) > WALK:
            return (one for one in self.scope.by_news() if one[0] in wanted)
        found = (self._ask(_READY, number).fetchone() for number in wanted if number not in self.scope.gone)
        return newest_first([one for one in found if one is not None])

    def _within(self, number: int, limit: int, rows: Iterable[int] | None) -> Iterator[Place]:
        """The last hits of a session, newest first; `rows` are all there are, if that is known."""
        old = 0
        for seq, ts in self._looked(number) if rows is None else self._times(rows):
            if self.scope.holds(ts):
                yield seq, ts
                limit -= 1
                if not limit:
                    return
            elif self.scope.old(ts):
                old += 1
                if old >= OLD:
                    return

    def _looked(self, number: int) -> Iterator[Place]:
        low, end = reads.key_of(number, 0), reads.key_of(number + 1, 0)
        if self.glance is not None:
            for seq, ts, payload in self._ask(_ROWS, low, number):
                self._left -= 1
                if self._left < 0:
                    raise marks_read.Many
                if marks_read.holds(seq, payload, self.glance):
                    yield seq, ts
            return
        if not self.sql.down:
            yield from self._look(self.sql.within, low, end)
            return
        # FTS5 looks for the next hit wherever that is, also below the range it is asked for; so nothing that it went
        # through is gone through again.
        for first, last in self._bare:
            if first < end <= last:
                end = first
        if end <= low:
            return
        at = end
        for seq, ts in self._look(self.sql.down, end):
            if seq < low:
                self._bare.append((seq + 1, at))
                return
            at = seq
            yield seq, ts
        self._bare.append((0, at))

    def _times(self, rows: Iterable[int]) -> Iterator[Place]:
        left = iter(rows)
        while some := list(islice(left, AT_ONCE)):
            marks = ", ".join("?" * len(some))
            yield from self._ask(f"SELECT seq, ts FROM item WHERE seq IN ({marks}) ORDER BY seq DESC", *some)  # noqa: S608

    # ---- how many, and which matter most

    def count(self) -> int:
        """MOST + 1 is more than MOST."""
        most = MOST + 1
        scope = self.scope
        if not scope.narrow:
            total = int(self._look(self.sql.count, most).fetchone()[0])
            # Those that were replaced are still in the index for a while.
            strangers = {number for (number,) in self._ask(_STRANGERS)} | self.scope.gone
            if not strangers:
                return total
            if total < most and not self.sql.slow:
                return total - sum(self._count_within(number, most) for number in strangers)
        if self.sql.slow or not scope.narrow or len(scope.allowed) > SOME:
            return min(most, self._counted(most))
        total = 0
        for number, (_, inside) in scope.allowed.items():
            total += (
                self._count_within(number, most - total) if inside else sum(1 for _ in self._within(number, most, None))
            )
            if total >= most:
                return most
        return total

    def _counted(self, most: int) -> int:
        """One by one, where asking session by session costs more."""
        total = 0
        allowed = self.scope.allowed if self.scope.narrow else None
        for number, some in groupby(self._look(self.sql.every), lambda row: row[0] >> reads.ROW_BITS):
            inside = allowed.get(number, (None, None))[1] if allowed is not None else self._ready(number)
            if inside:
                total += sum(1 for _ in some)
            elif inside is not None:
                total += sum(1 for _ in self._within(number, most, [seq for (seq,) in some]))
            if total >= most:
                break
        return total

    def _ready(self, number: int) -> bool | None:
        if number in self.scope.gone:
            return None
        return True if self._ask(_READY, number).fetchone() is not None else None

    def _count_within(self, number: int, most: int) -> int:
        low, end = reads.key_of(number, 0), reads.key_of(number + 1, 0)
        return int(self._look(self.sql.count_within, low, end, most).fetchone()[0])

    def relevant(self, limit: int) -> list[Place]:
        found: list[Place] = []
        known: dict[int, bool] = {}
        for (seq,) in self._look(self.sql.relevant, *self.sql.rank):
            number = seq >> reads.ROW_BITS
            if number not in known:
                narrow = self.scope.narrow
                known[number] = number in self.scope.allowed if narrow else self._ready(number) is True
            if known[number]:
                row = self._ask("SELECT ts FROM item WHERE seq = ?", seq).fetchone()
                if row is not None and self.scope.holds(row[0]):
                    found.append((seq, row[0]))
                    if len(found) == limit:
                        break
        return found

    def _look(self, sql: str, *values: object) -> reads.Rows:
        """Ask the index for what is searched."""
        return self._ask(sql, *self.sql.values, *values)

    def _ask(self, sql: str, *values: object) -> reads.Rows:
        return self.connection.execute(sql, values)


def _broad(node: Node) -> bool:
    """Whether it asks for the beginning of so many words that most rows may have one."""
    match node:
        case Words():
            return node.prefix and len(node.text) <= BROAD
        case And():
            return any(map(_broad, node.nodes))
        case Or():
            return any(map(_broad, node.nodes))
        case _:
            return False


def hits(connection: reads.Connection, node: Node, scope: Scope) -> Hits:
    """A search for what the tree says."""
    return Hits(connection, node, scope)
