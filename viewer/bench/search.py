"""`bench search`: how long until a session can be searched, and how long a search takes in so many rows."""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from store.db.engine import open_engine
from store.db.rows import Rows
from store.db.search import Indexer, catch_up, mark_up
from store.db.writer import Writer
from store.draft import Draft
from store.events import Hunk
from store.facts import Facts
from store.fold import Put, State
from store.intake import take_in
from store.items import Item, Message, Prompt, Thought, Tool
from store.known import source_of
from store.search import Search
from store.text import Text
from viewer.bench.apart import folder, session
from viewer.bench.common import GOAL, Report, beat, figure, report
from viewer.bench.make_session import Pools

NAME: Final = "search"
HELP: Final = "the index behind an import, and the newest 50 hits among many rows"
ALL: Final = ((),)
SIZE: Final = 100  # MB of the session that is imported and indexed
MINUTE: Final = 60_000_000
_BATCH: Final = 10_000

# Each with what it is an example of.
QUERIES: Final = {
    "common_word": "parser",
    "rare_word": "needle",
    "one_old_session": "haystack",
    "two_words": "parser token",
    "rare_and_common": "needle parser",
    "never_together": "thought:because self",  # each in half of the rows
    "phrase": '"buffer offset"',
    "phrase_of_column": 'input:"buffer offset"',
    "rare_phrase": '"make the"',
    "no_such_phrase": '"self make"',  # both words are in every fourth row
    "no_such_phrase_of_three": '"buffer offset frame"',  # though its halves are in a row together often enough
    "no_such_phrase_of_four": '"buffer offset frame window"',
    "without": "parser NOT token",
    "either": "needle OR haystack",
    "either_common": "parser OR token",
    "rare_prefix": "needl*",
    "prefix": "pars*",
    "letter": "s*",
    "tool_failed": "parser tool:Bash is:error",
    "fields": "tool:Bash is:error",
    "no_such_fields": "kind:prompt is:error",
    "not_of_kinds": "parser -kind:tool -kind:message",
    "kind": "parser kind:thought",
    "agent": "parser agent:claude",
    "project": "parser project:project-7",
    "since": "parser since:2026-01-20",
    "column": "input:parser",
}
COUNTED: Final = 3  # times that the hits of each are counted


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows in the archive that is searched")
    parser.add_argument("--sessions", type=int, default=500, help="sessions that they belong to")
    parser.add_argument("--size-mb", type=int, default=SIZE, help="size of the session that is imported and indexed")
    parser.add_argument("--repeat", type=int, default=20, help="times that each query is asked")
    parser.add_argument("--keep", type=Path, help="make the archive in this folder, or take what is there")


def measure(arguments: argparse.Namespace) -> list[Report]:
    figures: dict[str, list[float]] = {}
    with folder() as home:
        if arguments.size_mb:
            _behind_an_import(home, arguments.size_mb, figures)
        place: Path = arguments.keep or home
        place.mkdir(parents=True, exist_ok=True)
        db = place / "archive.db"
        seed(db, arguments.rows, arguments.sessions)
        _index(db, figures)
        figures["index_mb"], figures["marks_mb"] = [_size(db, "fts_row_data", "block")], [_size(db, "fts_mark", "bits")]
        with closing(Search(db)) as asked:
            for name, query in QUERIES.items():
                found, scaled, hits = _timed(lambda query=query: len(asked.find(query).hits), arguments.repeat)  # type: ignore[misc]
                figures[f"{name}_ms"], figures[f"{name}_scaled_ms"] = found, scaled
                counted, _, many = _timed(lambda query=query: asked.count(query), COUNTED)  # type: ignore[misc]
                figures[f"{name}_count_ms"], figures[f"{name}_hits"] = counted, [many]
                assert min(hits, 50) == min(many, 50)
    params = {"rows": arguments.rows, "sessions": arguments.sessions, "size_mb": arguments.size_mb}
    return [report(NAME, params, {name: figure(values) for name, values in figures.items()})]


def _behind_an_import(home: Path, size_mb: int, figures: dict[str, list[float]]) -> None:
    """The goal: searchable after the import within twice its time."""
    path = session(home, size=size_mb * 1_000_000)
    db = home / "import.db"
    start = time.perf_counter()
    outcome = take_in(db, path)
    imported = time.perf_counter()
    catch_up(db)
    indexed = time.perf_counter()
    figures["import_s"] = [imported - start]
    figures["index_s"] = [indexed - imported]
    figures["index_times_import"] = [(indexed - imported) / (imported - start)]
    figures["index_rows_per_s"] = [outcome.rows / (indexed - imported)]
    mark_up(db)  # behind all that: whatever is asked is found without it
    figures["marks_times_import"] = [(time.perf_counter() - indexed) / (imported - start)]


def _index(db: Path, figures: dict[str, list[float]]) -> None:
    """The rest of it, batch by batch: how long others have to wait for the lock is a batch at most."""
    indexer = Indexer(db)
    batches: list[float] = []
    last = time.perf_counter()

    def tell(_rows: int) -> None:
        nonlocal last
        now = time.perf_counter()
        batches.append(now - last)
        last = now

    indexer.run(tell)
    start = time.perf_counter()
    if indexer.seal():
        figures["archive_marks_s"] = [time.perf_counter() - start]
    indexer.close()
    if batches:
        figures["archive_index_s"] = [sum(batches)]
        figures["archive_batch_ms"] = [seconds * 1e3 for seconds in batches]


def _timed(ask: Callable[[], int], repeat: int) -> tuple[list[float], list[float], int]:
    """Milliseconds; those of the machine of the goals, by looks at this one before and after each; the answer."""
    taken: list[float] = []
    scaled: list[float] = []
    answer = 0
    before = beat()
    for _ in range(repeat):
        start = time.perf_counter()
        answer = ask()
        spent = (time.perf_counter() - start) * 1e3
        after = beat()
        taken.append(spent)
        scaled.append(spent * GOAL * 2 / (before + after))
        before = after
    return taken, scaled, answer


def _size(db: Path, table: str, column: str) -> float:
    with closing(Indexer(db)) as indexer:
        (size,) = indexer._ask(f"SELECT coalesce(sum(length({column})), 0) FROM {table}")[0]  # noqa: S608 - our own names
    return size / 1e6


# ---- the archive


def seed(db: Path, rows: int, sessions: int) -> None:
    """Sessions of many lengths, imported newest first as from an archive; made once."""
    rng = random.Random(rows)
    pools = Pools(rng)
    templates = [_item(pools, rng, number) for number in range(2_000)]
    open_engine(db).dispose()  # what was kept may be of an earlier version
    with closing(Search(db)) as there:
        if there.waiting() or there.count("parser"):
            return
    lengths = [rng.paretovariate(1.2) for _ in range(sessions)]
    scale = rows / sum(lengths)
    marker = db.with_suffix(".jsonl")
    marker.write_bytes(b"{}\n")
    written = 0
    for number, length in enumerate(lengths):
        count = max(1, min(rows - written - (sessions - number - 1), round(length * scale)))
        if number == sessions - 1:
            count = max(1, rows - written)
        written += count
        # The newest first; each lasts so long that it overlaps with its neighbours.
        start = 1_770_000_000_000_000 - number * 60 * MINUTE
        _session(db, marker, number, count, start, sessions, templates, rng)


def _session(
    db: Path,
    marker: Path,
    number: int,
    count: int,
    start: int,
    sessions: int,
    templates: list[Item],
    rng: random.Random,
) -> None:
    name = f"session-{number:05}"
    with closing(Writer(db)) as writer:
        draft, state = Draft(name), State()
        rows = Rows(0, state)
        facts = Facts(id=name, title=name, cwd=f"/home/dev/project-{number % 40}", started=start)
        step = max(1, 600 * MINUTE // count)
        for first in range(0, count, _BATCH):
            rows.add(
                Put(row, _placed(templates[rng.randrange(len(templates))], number, row, start + row * step, sessions))
                for row in range(first, min(count, first + _BATCH))
            )
            if first + _BATCH < count:
                writer.put(draft, rows, rows.take())
        facts.updated = start + (count - 1) * step
        state.rows = rows.rows
        writer.publish(draft, rows, rows.take(), state, facts, "claude-code", [source_of(marker, "", None, 0)])


def _placed(item: Item, number: int, row: int, ts: int, sessions: int) -> Item:
    made = replace(item, id=f"r{row}", ts=ts, turn=row // 10 + 1)
    if isinstance(made, Message):
        if row % 997 == 5:
            return replace(made, text=Text(f"{made.text} needle"))
        if number == sessions - 1:
            return replace(made, text=Text(f"{made.text} haystack"))
    return made


def _item(pools: Pools, rng: random.Random, number: int) -> Item:
    """Of every ten one prompt, three answers, a thought and five calls; 1.1 KB on average."""

    def cut(pool: str, low: int, high: int) -> str:
        start = rng.randrange(len(pool) - high)
        return pool[start : start + rng.randrange(low, high)]

    match number % 10:
        case 0:
            return Prompt(id="", text=cut(pools.prose, 40, 600))
        case 1 | 5 | 9:
            return Message(id="", text=Text(cut(pools.markdown, 60, 2_000)))
        case 2:
            return Thought(id="", text=Text(cut(pools.prose, 120, 1_600)))
        case 4:
            lines = tuple(f"+{line}" for line in cut(pools.code, 60, 600).split("\n"))
            given = Text('{"file_path":"store/retry.py"}')
            return Tool(id="", name="Edit", kind="tool.edit", input=given, hunks=(Hunk(1, 1, lines),), status="ok")
        case _:
            failed = number % 100 == 7
            given = Text('{"command":"make ' + cut(pools.prose, 10, 40).replace('"', "") + '"}')
            output = Text(cut(pools.code, 40, 2_400))
            status = "failed" if failed else "ok"
            return Tool(id="", name="Bash", kind="tool.shell", input=given, output=output, status=status)
