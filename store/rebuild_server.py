"""The same for an archive on a server, where others read and write meanwhile: session by session, in place.

Only what has its files on this host is made again, each in one transaction; everything else is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from store.db import place, reads
from store.db.search import catch_up
from store.errors import StoreError
from store.intake import take_in, tidy
from store.known import Source, look
from store.rebuilt import Differs, Rebuilt, compare, said_by

_SESSIONS: Final = "SELECT s.id, s.key, s.rows FROM session AS s WHERE s.state = 'ready'{} ORDER BY s.id"
_SOURCES: Final = (
    'SELECT path, agent, parent, identity, size, mtime_ns, "offset", head, tail FROM source '
    "WHERE session_id = ? ORDER BY file"
)


def rebuild_in_place(db: Path, tell: Callable[[int, int, str], None]) -> Rebuilt:
    """Raises StoreError when the server is away; what was made until then is made."""
    done = Rebuilt()
    leftovers: set[int] = set()
    with closing(reads.connect(db)) as asked:
        sessions = asked.execute(_SESSIONS.format(place.mine(db, "s"))).fetchall()
        for position, (number, key, rows) in enumerate(sessions):
            path = place.path_of(key, db)
            tell(position, len(sessions), path)
            sources = [Source(Path(name), *rest) for name, *rest in asked.execute(_SOURCES, (number,)).fetchall()]
            now = [look(source) for source in sources]
            because = "" if all(one is not None and not one.touched for one in now) else "its file has changed"
            if not now or any(one is not None and one.missing for one in now):
                done.copied += 1
                done.rows += rows
                continue
            before = said_by(asked, number)
            try:
                outcome = take_in(db, Path(path), anew=True)
            except StoreError as error:
                done.copied += 1
                done.rows += rows
                done.differs.append(Differs(path, (rows, rows), {}, str(error)))
                continue
            leftovers.update(outcome.leftovers)
            done.rows += outcome.rows
            if outcome.session is None:  # its file has no content (any more): it stays as it is
                done.copied += 1
                continue
            done.made += 1
            compare(path, before, said_by(asked, outcome.session), because, done)
    tidy(db, sorted(leftovers))
    catch_up(db)
    return done
