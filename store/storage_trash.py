"""Which old transcripts could go, and why others stay: a plan that moves nothing. The panel shows it, asks, and moves.

What is in use stays, whatever its age: a session at work, one that a thread goes on in, one that is named by a newer
file. By default only goes what Playhead has a whole copy of.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from msgspec import Struct

from store.db import place, reads
from store.errors import StoreError
from store.formats import named
from store.sources import views
from store.storage_walk import File, Walk, grounds
from store.whole import live_state

DAY_NS: Final = 86_400_000_000_000
_COPIES: Final = """
SELECT f.path, f.size, s.key FROM source AS f JOIN session AS s ON s.id = f.session_id
WHERE s.state = 'ready' AND s.rows > 0{mine}
"""
_THREADS: Final = "SELECT claude_session_id FROM trigger_session_threads WHERE claude_session_id IS NOT NULL"
NEWER, IN_USE, THREAD, NO_COPY = "newer", "at work", "a thread goes on in it", "no whole copy in Playhead"
DATABASE: Final = "in a file with all sessions of an agent (delete them there)"
PARTS: Final = "in many small files (delete them with their agent)"


class Plan(Struct, frozen=True):
    """What would go, oldest first, and how many files stay for which reason. Sizes in bytes, times in ns."""

    files: tuple[File, ...] = ()
    bytes: int = 0
    kept: dict[str, int] = {}
    agents: tuple[tuple[str, str], ...] = ()  # (name, title) of those that have transcripts


def plan(
    db: Path,
    days: int,
    agent: str = "",
    *,
    only_copied: bool = True,
    now_ns: int | None = None,
    over: Callable[[], bool] = lambda: False,
) -> Plan:
    """Transcripts that were not written for so many days. Raises StoreError when the database cannot be asked."""
    if days < 1:
        raise StoreError("At least one day: what was written today may be in use.")
    cutoff = (time.time_ns() if now_ns is None else now_ns) - days * DAY_NS
    copies, threads = _known(db)
    places = grounds()
    found = list(Walk(over).files(places))
    newest = _newest(found, copies)
    going: list[File] = []
    kept: dict[str, int] = {}
    live: dict[str, bool] = {}
    for file in found:
        if agent and file.agent != agent:
            continue
        main = _main(file.path, copies)
        why = ""
        if not file.single:
            why = DATABASE
        elif views.at(file.path) is not None:
            why = PARTS
        elif newest[main] >= cutoff:
            why = NEWER
        elif any(id in main for id in threads):
            why = THREAD
        elif only_copied and copies.get(file.path, ("", -1))[1] != file.size:
            why = NO_COPY
        elif _works(main, file.agent, live):
            why = IN_USE
        if why:
            kept[why] = kept.get(why, 0) + 1
        else:
            going.append(file)
    going.sort(key=lambda file: (file.mtime_ns, file.path))
    there = {file.agent for file in found}
    titles = tuple(dict.fromkeys((ground.agent, ground.title) for ground in places if ground.agent in there))
    return Plan(tuple(going), sum(file.size for file in going), kept, titles)


def _known(db: Path) -> tuple[dict[str, tuple[str, int]], list[str]]:
    """Path → (main file of its session, bytes that are in the database); and the sessions that threads go on with."""
    if not reads.there(db):
        return {}, []
    try:
        with closing(reads.connect(db)) as archive:
            version = archive.execute(reads.VERSION).fetchone()[0]
            if version != reads.SCHEMA:
                raise reads.unfit(db, version)
            rows = archive.execute(_COPIES.format(mine=place.mine(db, "s"))).fetchall()
            threads = [str(id) for (id,) in archive.execute(_THREADS).fetchall()]
    except sqlite3.Error as error:
        raise reads.trouble(error, db) from error
    return {place.path_of(path, db): (place.path_of(key, db), size) for path, size, key in rows}, threads


def _main(path: str, copies: dict[str, tuple[str, int]]) -> str:
    """The main file of the session that a file is part of, as the database says or as it lies."""
    if path in copies:
        return copies[path][0]
    for folder in Path(path).parents:
        beside = f"{folder}.jsonl"
        if beside in copies or Path(beside).is_file():
            return beside
        if folder.name in ("projects", "sessions"):
            break
    return path


def _newest(found: list[File], copies: dict[str, tuple[str, int]]) -> dict[str, int]:
    """Main file → when any file of that session was written last."""
    newest: dict[str, int] = {}
    for file in found:
        main = _main(file.path, copies)
        newest[main] = max(newest.get(main, 0), file.mtime_ns)
    return newest


def _works(main: str, agent: str, live: dict[str, bool]) -> bool:
    if main not in live:
        live[main] = live_state(Path(main), named(agent)) != "ended"
    return live[main]
