"""`bench import`: an archive that was never seen into the database, and a look at one in which nothing has changed."""

from __future__ import annotations

import argparse
import os
import random
import sys
import sysconfig
import time
import uuid
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import orjson

from store.archive_import import ArchiveImport, Totals
from store.db import reads
from store.db.search import catch_up
from store.relay import cores
from viewer.bench.apart import folder
from viewer.bench.common import GOAL, Report, figure, report, yardstick, yardstick_of_all
from viewer.bench.make_session import lines, write_printing

NAME: Final = "import"
HELP: Final = "every session of an archive into the database, and a look at an unchanged one"
ALL: Final = ((),)
FOLDERS: Final = 20  # projects that the sessions are of
SHARED: Final = 8 << 20  # bytes of made-up lines that sessions are cut from: what differs between them is where


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sessions", type=int, default=500, help="sessions of the archive")
    parser.add_argument("--size-mb", type=int, default=300, help="size of the archive")
    parser.add_argument(
        "--unchanged", type=int, default=15_000, help="small sessions of the one that is looked at again"
    )
    parser.add_argument("--repeat", type=int, default=3, help="imports, and looks at the unchanged one")
    parser.add_argument("--index", action="store_true", help="also how long until the first is searchable")


def measure(arguments: argparse.Namespace) -> list[Report]:
    figures: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        figures.setdefault(name, []).append(value)

    with folder() as home:
        archive = home / "archive" / "projects"
        make(archive, arguments.sessions, arguments.size_mb * 1_000_000)
        for turn in range(arguments.repeat):
            before = yardstick()
            bare = _bare(archive)
            spent = _spent()
            totals, seconds = _run(home / f"import-{turn}" / "playhead.db", archive)
            note("import_cpu_s", _spent() - spent)
            scale = GOAL / ((before + yardstick()) / 2)  # the machine may be busy: both before and after
            assert (totals.sessions, totals.failed) == (arguments.sessions, [])
            note("import_s", seconds)
            note("records_per_s", totals.records / seconds)
            note("scaled_records_per_s", totals.records / (seconds * scale))
            all_cores = yardstick_of_all(cores())
            note("yardstick_of_all_cores_s", all_cores)
            note("scaled_by_all_cores_records_per_s", totals.records / (seconds * GOAL / all_cores))
            note("orjson_loads_s", bare)
            note("times_orjson_loads", seconds / bare)
            if arguments.index:
                start = time.perf_counter()
                catch_up(home / f"import-{turn}" / "playhead.db")
                note("index_s", time.perf_counter() - start)
        bare_bytes, stored = _packed(home / "import-0" / "playhead.db")
        note("payloads_packed_ratio", bare_bytes / stored)
        note("database_by_archive", (home / "import-0" / "playhead.db").stat().st_size / (arguments.size_mb * 1e6))
        note("big_payloads_packed_ratio", _big(home / "big"))
        _look_again(home, arguments, note)
    params = {"sessions": arguments.sessions, "size_mb": arguments.size_mb, "unchanged": arguments.unchanged}
    return [report(NAME, {**params, "cores": cores()}, {name: figure(values) for name, values in figures.items()})]


def _packed(db: Path) -> tuple[int, int]:
    """Bytes of all payloads as they are, and as they lie there."""
    bare = stored = 0
    with closing(reads.connect_file(db)) as connection:
        for (payload,) in connection.execute("SELECT payload FROM item"):
            bare += len(zlib.decompress(payload)) if payload[0] == reads.ZLIB else len(payload)
            stored += len(payload)
    return bare, stored


def _big(home: Path) -> float:
    """How much smaller big payloads lie there: a session whose commands print real text, Python's own source."""
    path = home / "projects" / "-bench" / "00000000-0000-4000-8000-0000000000b1.jsonl"
    write_printing(path, sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")))
    _run(home / "playhead.db", home / "projects")
    bare, stored = _packed(home / "playhead.db")
    return bare / stored


def _look_again(home: Path, arguments: argparse.Namespace, note: Callable[[str, float], None]) -> None:
    if not arguments.unchanged:
        return
    places, db = home / "many" / "projects", home / "many" / "playhead.db"
    make(places, arguments.unchanged, arguments.unchanged * 4_000)
    _run(db, places)
    for _ in range(arguments.repeat):
        before = yardstick()
        totals, seconds = _run(db, places)
        assert totals.unchanged == arguments.unchanged
        note("look_again_s", seconds)
        note("scaled_look_again_s", seconds * 0.1 / ((before + yardstick()) / 2))
        note("look_again_parsed_files", totals.files_parsed)


def _run(db: Path, archive: Path) -> tuple[Totals, float]:
    start = time.perf_counter()
    totals = ArchiveImport(db, [archive]).run()
    return totals, time.perf_counter() - start


def _spent() -> float:
    """CPU seconds of all that we have started, and of us: what others do on this machine is not in it."""
    if sys.platform == "win32":
        return float("nan")
    import resource

    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, who))


def _bare(archive: Path) -> float:
    """What it costs to decode every line of the same files, and nothing else; the files are then in the page cache."""
    files = sorted(archive.glob("*/*.jsonl"))
    loads = orjson.loads
    start = time.perf_counter()
    for path in files:
        with path.open("rb") as file:
            for line in file:
                loads(line)
    return time.perf_counter() - start


def make(archive: Path, sessions: int, size: int) -> None:
    """So many sessions, of unequal sizes, of about so many bytes in all, as Claude Code lays them out."""
    rng = random.Random(7)
    pool: list[bytes] = []
    pooled = 0
    source = lines(seed=1, session=str(uuid.UUID(int=0)))
    while pooled < SHARED:
        pool.append(next(source))
        pooled += len(pool[-1])
    shares = [rng.lognormvariate(0, 1) for _ in range(sessions)]
    scale = size / sum(shares)
    old = str(uuid.UUID(int=0)).encode()
    for number, share in enumerate(shares):
        id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        path = archive / f"-home-dev-project-{number % FOLDERS}" / f"{id}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        at, wanted, part = rng.randrange(len(pool)), max(2_000, int(share * scale)), []
        while wanted > 0:
            part.append(pool[at % len(pool)])
            wanted -= len(part[-1])
            at += 1
        text = b"".join(part).replace(old, id.encode())
        for kind in (b'"req_', b'"msg_', b'"toolu_'):  # no session has counted another one's requests
            text = text.replace(kind, b"%s%x_" % (kind, number))
        path.write_bytes(text)
        when = 1_700_000_000 + number
        os.utime(path, (when, when))
