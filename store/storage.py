"""Where the bytes lie: transcript files per agent and project, and what is our own. For the panel and the bench.

Slow on a big machine, so it is done on a worker, told of as it goes on, and can be ended; the last result is kept.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from store.catalog import Catalog
from store.db import place, reads
from store.empties import empties
from store.errors import StoreError
from store.paths import put, state_dir
from store.sources import views
from store.sources.journal import folder
from store.storage_walk import Walk, grounds

__all__ = ["Agent", "Own", "Part", "Progress", "Storage", "last", "scan"]
log = logging.getLogger(__name__)
EVERY: Final = 0.1  # seconds between two words about how far it is
FILE: Final = "storage.json"
_CWDS: Final = """
SELECT f.path, s.cwd FROM source AS f JOIN session AS s ON s.id = f.session_id WHERE s.state = 'ready' AND s.cwd <> ''
"""
_STATES: Final = "SELECT status, count(*) FROM session WHERE state = 'ready' GROUP BY status ORDER BY status"
_KEPT: Final = """
SELECT s.key, CAST(coalesce(sum(f.size), 0) AS BIGINT) FROM session AS s LEFT JOIN source AS f ON f.session_id = s.id
WHERE s.state = 'ready' AND s.rows > 0{mine} GROUP BY s.id, s.key
"""
_SERVER: Final = "SELECT pg_database_size(current_database())"


class Progress(Struct, frozen=True, gc=False):
    """How far a scan is."""

    files: int  # transcripts
    bytes: int
    looked: int  # entries of folders


class Part(Struct, frozen=True, gc=False):
    """What one agent has of one project. `cwd` '' is not known: nobody has read that session yet."""

    cwd: str
    files: int
    bytes: int


class Agent(Struct, frozen=True):
    """What one agent has. Biggest projects first."""

    name: str  # the format's
    title: str
    files: int
    bytes: int
    parts: tuple[Part, ...]
    places: tuple[str, ...]  # its folders


class Own(Struct, frozen=True):
    """What Playhead has. Bytes; None is unknown."""

    place: str  # the database's file or server
    database: int | None = None
    wal: int = 0  # what was written and is not in the file yet, and its index
    journals: int = 0  # streams as they came
    journal_files: int = 0
    rest: int = 0  # copies of before an upgrade, notes, locks, logs of runs
    states: dict[str, int] = {}  # sessions in the database by what they are: active, paused, archived, deleted
    only: int | None = None  # sessions whose file is gone: what is here is the only copy
    only_bytes: int = 0  # as big as their files were
    empties: int | None = None  # saved with nothing in them
    removed: int = 0  # of these, taken out, and not for ever yet
    trouble: str = ""  # why the database could not be asked


class Storage(Struct, frozen=True):
    """The whole of it. Biggest agent first; those without a file are left out."""

    at: int  # microseconds UTC
    files: int
    bytes: int
    agents: tuple[Agent, ...]
    own: Own
    refused: tuple[str, ...] = ()  # folders and files that could not be looked at; the first hundred
    refused_count: int = 0
    took_us: int = 0


def scan(
    db: Path, tell: Callable[[Progress], None] = lambda _: None, over: Callable[[], bool] = lambda: False
) -> Storage | None:
    """Look at everything, on this thread; None when `over` said so. `tell` is called about ten times a second."""
    begun, at = time.monotonic(), time.time_ns() // 1000
    places = grounds()
    cwds = _cwds(db)
    walk = Walk(over)
    sums: dict[tuple[str, str], list[int]] = {}
    files = size = 0
    due = begun + EVERY
    for found in walk.files(places):
        files += 1
        size += found.size
        held = sums.setdefault((found.agent, cwds.get(found.path, "")), [0, 0])
        held[0] += 1
        held[1] += found.size
        if time.monotonic() >= due:
            due = time.monotonic() + EVERY
            tell(Progress(files, size, walk.looked))
    if over():
        return None
    agents = []
    for name, title in {ground.agent: ground.title for ground in places}.items():
        parts = [Part(cwd, *held) for (agent, cwd), held in sums.items() if agent == name]
        if parts:
            parts.sort(key=lambda part: (-part.bytes, part.cwd))
            roots = tuple(ground.root for ground in places if ground.agent == name)
            total = sum(part.bytes for part in parts)
            agents.append(Agent(name, title, sum(part.files for part in parts), total, tuple(parts), roots))
    agents.sort(key=lambda agent: (-agent.bytes, agent.title))
    refused = tuple(walk.refused[:100])
    took = int((time.monotonic() - begun) * 1e6)
    done = Storage(at, files, size, tuple(agents), own(db), refused, len(walk.refused), took)
    if over():
        return None
    tell(Progress(files, size, walk.looked))
    _keep(done)
    return done


def own(db: Path) -> Own:
    """What is ours, now."""
    name = os.fspath(db)
    sizes: dict[str, int] = {}
    for path in _below(db.parent):
        try:
            sizes[path] = Path(path).lstat().st_size
        except OSError:
            continue  # gone meanwhile
    journals = os.fspath(folder(db.parent)) + os.sep
    streams = [size for path, size in sizes.items() if path.startswith(journals)]
    main, wal = sizes.pop(name, None), sum(sizes.pop(name + end, 0) for end in ("-wal", "-shm"))
    rest = sum(size for path, size in sizes.items() if not path.startswith(journals))
    url = place.server(db)
    told = Own(name if url is None else place.name_of(url), main or 0, wal, sum(streams), len(streams), rest)
    if not reads.there(db):
        return told
    try:
        with closing(reads.connect(db)) as archive:
            if archive.execute(reads.VERSION).fetchone()[0] != reads.SCHEMA:
                return told  # it is just being made, or of another version
            states = dict(archive.execute(_STATES).fetchall())
            kept = archive.execute(_KEPT.format(mine=place.mine(db, "s"))).fetchall()
            if url is not None:
                ((size,),) = archive.execute(_SERVER).fetchall()
                told = msgspec.structs.replace(told, database=size)
        found = empties(db)
        only = [size for key, size in kept if not views.exists(place.path_of(key, db))]
    except (sqlite3.Error, StoreError) as error:
        why = reads.trouble(error, db) if isinstance(error, sqlite3.Error) else error
        return msgspec.structs.replace(told, database=told.database if url is None else None, trouble=str(why))
    return msgspec.structs.replace(
        told, states=states, only=len(only), only_bytes=sum(only), empties=len(found.sessions), removed=found.removed
    )


def last() -> Storage | None:
    """What the last scan found, in whichever start that was."""
    try:
        return msgspec.json.decode((state_dir() / FILE).read_bytes(), type=Storage)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        log.info("the last look at the storage is forgotten: %s", error)
        return None


def _keep(done: Storage) -> None:
    """For the next start. It saves waiting and no more, so a full disk is no trouble."""
    try:
        put(state_dir() / FILE, msgspec.json.encode(done))
    except OSError as error:
        log.info("the look at the storage is not kept: %s", error)


def _cwds(db: Path) -> dict[str, str]:
    """Transcript → the folder its agent worked in, as far as somebody has read it."""
    found = {path: row.cwd for path, (_, _, row) in Catalog(db).listed().items() if row.cwd}
    if reads.there(db):
        try:
            with closing(reads.connect(db)) as archive:
                for key, cwd in archive.execute(_CWDS):
                    found[place.path_of(key, db)] = cwd
        except (sqlite3.Error, StoreError) as error:
            log.info("not all projects are known: %s", error)
    return found


def _below(root: Path) -> list[str]:
    """Every file below a folder, links not followed."""
    return [f"{here}{os.sep}{name}" for here, _, names in os.walk(root) for name in names]
