"""Sessions put into a database row by row, and what its full-text index holds: for tests of search."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from raw import ask

from store.db import place, reads
from store.db.rows import Rows
from store.db.search import catch_up, forget
from store.db.writer import Writer
from store.draft import Draft
from store.facts import Facts
from store.fold import Change, Put, State
from store.items import Item
from store.known import known, source_of

_STRAY = "SELECT chunk FROM fts_run UNION SELECT chunk FROM fts_mark EXCEPT SELECT id FROM fts_chunk"


class Archive:
    """A database whose sessions have a file each, of no use but for being there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.db = folder / "data" / "playhead.db"
        folder.mkdir(parents=True, exist_ok=True)

    def session(
        self, name: str, items: Sequence[Item], agent: str = "claude-code", cwd: str = "/w/demo", title: str = ""
    ) -> str:
        """A session that was read from its beginning; one of the same name is replaced. Returns its key."""
        path = self.folder / f"{name}.jsonl"
        path.write_bytes(b"{}\n")
        with closing(Writer(self.db)) as writer:
            state = State()
            rows = Rows(0, state)
            rows.add(Put(row, item) for row, item in enumerate(items))
            state.rows = rows.rows
            times = [item.ts for item in items if item.ts is not None]
            facts = Facts(
                id=name, title=title, cwd=cwd, started=min(times, default=None), updated=max(times, default=None)
            )
            sources = [source_of(path, agent, None, 0)]
            writer.publish(Draft(str(path)), rows, rows.take(), state, facts, agent, sources)
        return str(path)

    def change(self, key: str, changes: Iterable[Change]) -> None:
        """What an import of a session that grew does."""
        before = known(Path(key), self.db)
        assert before is not None
        with closing(before.window), closing(Writer(self.db)) as writer:
            state = before.state()
            rows = Rows(before.session, state, lambda first: writer.strip(before.session, first), before.window.find)
            rows.add(changes)
            state.rows = rows.rows
            writer.extend(before, rows, rows.take(), state, before.facts, before.sources)

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        return ask(self.db, sql)

    def words(self) -> list[tuple[object, ...]]:
        """Everything the index holds: each word with row, column and place."""
        with closing(sqlite3.connect(self.db)) as connection:
            connection.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, fts_row, 'instance')")
            return connection.execute('SELECT term, doc, col, "offset" FROM temp.vocabulary').fetchall()

    def marked(self) -> None:
        marked(self.db)

    def afresh(self) -> list[tuple[object, ...]]:
        """The same of an index that is made anew."""
        with closing(Writer(self.db)) as writer, writer._tx() as tx:
            forget(tx)
        catch_up(self.db)
        return self.words()

    def sweep(self) -> None:
        with closing(Writer(self.db)) as writer:
            writer.sweep(writer.leftovers())

    def number(self, key: str) -> int:
        with closing(reads.connect(self.db)) as connection:
            wanted = "SELECT id FROM session WHERE key = ? AND state = 'ready'"
            found = connection.execute(wanted, (place.key_of(key, self.db),)).fetchone()
        return int(found[0])


def marked(db: Path) -> None:
    """Every row of the index is in one chunk of marks, or waits for one; and nothing else is in either."""
    with closing(sqlite3.connect(db)) as connection:
        runs = connection.execute("SELECT first, count FROM fts_loose").fetchall()
        for number, rows, live in connection.execute("SELECT id, rows, live FROM fts_chunk"):
            held = connection.execute("SELECT at, count, first FROM fts_run WHERE chunk = ? ORDER BY at", (number,))
            end, left = 0, 0
            for at, count, first in held:
                assert at >= end
                end, left = at + count, left + count
                runs.append((first, count))
            assert end <= rows
            assert left == live
        assert connection.execute(_STRAY).fetchall() == []
        keys = sorted(seq for first, count in runs for seq in range(first, first + count))
        assert keys == [seq for (seq,) in connection.execute("SELECT id FROM fts_row_docsize ORDER BY id")]
