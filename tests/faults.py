"""X-06 for tests: what must hold of a database whatever became of its writers, and how to kill and choke them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from archive import marked
from imports import REPO, Folded
from sqlalchemy import Engine, event

from store import entries as en
from store.db.search import catch_up
from store.digest_report import Session, session_wire, turn_wire
from store.doctor import examine
from store.errors import StoreError
from store.figures import figures
from store.known import known
from store.prices import Price, unknown
from store.whole import Whole

REFUSED = 3  # exit code of a fork whose work ended with a sentence for the user
LOCKER = (
    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN IMMEDIATE'); "
    "print('locked', flush=True); sys.stdin.readline(); c.execute('ROLLBACK')"
)


def sound(db: Path) -> list[str]:
    """No half session, no row twice, no empty one, and everything that is kept beside the rows fits them.

    Returns the keys of the sessions that are to be seen.
    """
    if not db.exists():
        return []
    with closing(sqlite3.connect(db)) as connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'session'").fetchone() is None:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return []  # whoever was making it did not come so far
    assert examine(db).trouble == []  # integrity_check, foreign keys, dense rows
    with closing(sqlite3.connect(db)) as connection:
        ready = connection.execute("SELECT id, key, rows FROM session WHERE state = 'ready' ORDER BY key").fetchall()
        keys = [key for _, key, _ in ready]
        # Of a database that was set aside, with its file there to be read anew: only what no file says came over.
        unread = {number for (number,) in connection.execute("SELECT id FROM session WHERE fold_version = 0")}
        assert len(set(keys)) == len(keys), "a session twice"
        for number, key, rows in ready:
            assert rows > 0 or number in unread, f"nothing in {key}"
            _entries(connection, number)
        behind = "SELECT 1 FROM indexed AS i JOIN session AS s ON s.id = i.session_id WHERE i.rows > s.rows"
        assert connection.execute(behind).fetchone() is None
        words = "SELECT count(*) FROM fts_row_docsize"
        assert connection.execute(words).fetchone() == (
            connection.execute("SELECT coalesce(sum(rows), 0) FROM indexed").fetchone()
        )
        connection.execute("INSERT INTO fts_row (fts_row) VALUES ('integrity-check')")  # raises
        marked(db)
        # What is archived is sealed in the same transaction.
        half = (
            "SELECT s.key FROM session AS s JOIN digest AS d ON d.session_id = s.id AND d.agent = 0 "
            "WHERE s.state = 'ready' AND s.status = 'archived' AND (s.closed IS NULL OR d.sealed IS NULL)"
        )
        assert connection.execute(half).fetchall() == []
    return keys


def _entries(connection: sqlite3.Connection, number: int) -> None:
    """They follow each other without a gap, and nothing was folded that is not there."""
    told = connection.execute("SELECT entries FROM ledger WHERE session_id = ?", (number,)).fetchone()
    at = 0
    wanted = "SELECT first, data FROM entry WHERE session_id = ? ORDER BY first"
    for first, data in connection.execute(wanted, (number,)):
        assert first == at
        at += len(en.unpress(data))
    assert told is None or told == (at,)
    folded = connection.execute("SELECT watermark FROM digest WHERE session_id = ?", (number,)).fetchall()
    assert all(watermark <= at for (watermark,) in folded)


def whole(db: Path, paths: Iterable[Path], list_price: Price = unknown) -> None:
    """Each of these sessions shows what its file says: rows, figures and words.

    `list_price`: a window folds figures with real prices, and those are loaded only where there was one.
    """
    catch_up(db)
    keys = sound(db)
    for path in paths:
        assert str(path) in keys
        found = known(path, db)
        assert found is not None
        with closing(found.window):
            assert found.window.read(0, found.rows) == Folded(Whole(path)).rows
        assert told(path, db, list_price) == _wire(Session(path, list_price=list_price))
    with closing(sqlite3.connect(db)) as connection:
        rows = connection.execute("SELECT sum(rows) FROM session WHERE state = 'ready'").fetchone()
        indexed = "SELECT sum(i.rows) FROM indexed AS i JOIN session AS s ON s.id = i.session_id AND s.state = 'ready'"
        assert connection.execute(indexed).fetchone() == rows


def told(path: Path, db: Path, list_price: Price = unknown) -> object:
    """What the database says of a session's digest and turns."""
    found = figures(path, db, list_price)
    assert found is not None
    with closing(found):
        return _wire(found)


def _wire(found: object) -> object:
    digest = session_wire(found.id, found.digest, found.agents)  # type: ignore[attr-defined]
    return digest, [turn_wire(turn) for turn in found.turns]  # type: ignore[attr-defined]


# ---- in a fork


def forked(work: Callable[[], object]) -> int:
    """Do it in a child of this process. Returns 0, REFUSED for a sentence, 1 for any other error, or minus a signal."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except StoreError:
            code = REFUSED
        except BaseException:  # noqa: BLE001  it is said, and the exit code is what the test looks at
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def statements(work: Callable[[], object]) -> int:
    """How many statements a writer makes for it: the points at which it can die."""
    count = 0

    def on_statement(*_: object) -> None:
        nonlocal count
        count += 1

    event.listen(Engine, "before_cursor_execute", on_statement)
    try:
        work()
    finally:
        event.remove(Engine, "before_cursor_execute", on_statement)
    return count


def killed_at(statement: int, work: Callable[[], object]) -> int:
    """Do it in a fork that dies before its n-th statement, as if by kill -9; returns as `forked`."""

    def dying() -> None:
        left = statement

        @event.listens_for(Engine, "before_cursor_execute")
        def on_statement(*_: object) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

        work()

    return forked(dying)


# ---- in processes


@contextlib.contextmanager
def locked(db: Path) -> Iterator[Callable[[], None]]:
    """Another process holds the database; call what is given to have it let go."""
    with subprocess.Popen(
        [sys.executable, "-c", LOCKER, str(db)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "locked\n"
        try:
            yield lambda: holder.communicate("go\n")[0] and None
        finally:
            if holder.poll() is None:
                holder.kill()


def powerless() -> list[str] | None:
    """What to put before a command so that file modes bind it, also when this is root; None: not here."""
    if not hasattr(os, "geteuid"):
        return None
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    return None if setpriv is None else [setpriv, "--bounding-set", "-dac_override,-dac_read_search"]


def playhead(*arguments: object, before: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """The command line, in a process of its own."""
    command = [*before, sys.executable, "-m", "viewer", *map(str, arguments)]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=120, check=False)
