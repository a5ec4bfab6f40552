"""What the user calls a session: kept in the database, over whatever its agent calls it. For the window."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from typing import Final

from store import word
from store.about import Reader, about
from store.db import place, reads
from store.errors import StoreError
from store.figures import patiently
from store.intake import take_in
from store.sources import views

LONGEST: Final = 300  # characters of a name
_UNKEPT: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # what no list can show, nor a server keep
_NAMES: Final = """
SELECT s.key, s.user_title FROM pragma_user_version AS v, session AS s
WHERE v.user_version = ? AND s.state = 'ready' AND s.user_title IS NOT NULL
"""


def names(db: Path) -> dict[str, str]:
    """Those that the user has named, by the path of their main file. Raises StoreError."""
    with closing(Reader(db)) as reader:
        found = reader.ask(_NAMES, (reads.SCHEMA,))
    return {place.path_of(key, db): name for key, name in found if name}


def rename(db: Path, path: Path, name: str) -> None:
    """Call a session so; '' is as its agent calls it. What the database does not have yet is read first.

    Raises StoreError.
    """
    path = path.absolute()
    if host := place.host_of(path, db):
        raise StoreError(f"This session is on {host}: a Playhead there can rename it.")
    found = about(path, db)
    if found is None and views.exists(path) and take_in(db, path).session is not None:
        found = about(path, db)
    if found is None:
        raise StoreError(f"{path} has nothing in it yet: name it when something was said.")
    line = " ".join(_UNKEPT.sub(" ", name).split())[:LONGEST].strip()
    patiently(db, lambda writer: writer.rename(path, line))
    word.tell(db.parent, word.SESSIONS)
