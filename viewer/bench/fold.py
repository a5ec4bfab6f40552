"""`bench fold`: bytes on disk to rows, on one core, against a bare parse of the same bytes in the same run.

With `--agent`, of another agent's session: its recording, grown to that size; `all` is every agent there is one of.
`agent.db` is the same session in a database that was never read. `with_entries_per_s` is the same with the entries that
figures are made of, as an import does it. `scaled_…` is what the machine of the goals would do, by a yardstick that was
taken before and behind each repeat. Python looks for no garbage meanwhile, as in every process of ours that folds: that
of an import, of an archive's, and a window's.
"""

from __future__ import annotations

import argparse
import gc
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import orjson
from msgspec import Struct

from viewer.bench.apart import folder, session
from viewer.bench.common import GOAL, Figure, Report, beat, figure, report

NAME: Final = "fold"
HELP: Final = "disk → lines → records → events → rows, on one core"
ALL: Final = ((), ("--agent", "all", "--records", "10000", "--repeat", "5"))
STORED: Final = ".db"  # behind an agent's name: its session in a database


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--path", type=Path, help="a session of your own instead of a made-up one")
    parser.add_argument("--agent", default="", help="a session of these agents (comma), out of their recordings; all")


class Grown(Struct):
    """A session to fold."""

    agent: str  # '' is the made-up one
    path: Path
    records: int
    lines: Path  # its records as lines, for the bare parse
    stored: str = ""  # name of the session in `path`, which is a database
    times: int = 0

    def fresh(self) -> Path:
        """What to read: of a database one that was never looked at."""
        if not self.stored:
            return self.path
        self.times += 1
        again = self.path.parent / str(self.times) / self.path.name
        again.parent.mkdir()
        os.link(self.path, again)
        return again / self.stored


def measure(arguments: argparse.Namespace) -> list[Report]:
    from viewer.bench.grown import recordings

    if not arguments.agent:
        with folder() as home:
            path = arguments.path or session(home, records=arguments.records)
            with path.open("rb") as file:
                count = sum(1 for _ in file)
            with _no_search():
                return [_one(arguments, Grown("", path, count, path))]
    found = recordings()
    known = sorted([*found, *(f"{agent}{STORED}" for agent in found if _stored(found[agent]))])
    wanted = known if arguments.agent == "all" else arguments.agent.split(",")
    reports = []
    for agent in wanted:
        if agent not in known:
            raise SystemExit(f"There is no recording of {agent}. There are: {', '.join(known) or 'none'}.")
        with folder() as home:
            grown = _grown(agent, found[agent.removesuffix(STORED)], arguments.records, home)
            with _no_search():
                reports.append(_one(arguments, grown))
    return reports


def _stored(recording: Path) -> bool:
    from viewer.bench.grown_db import has_tables

    return has_tables(recording)


def _grown(agent: str, recording: Path, records: int, home: Path) -> Grown:
    from viewer.bench.grown import grow
    from viewer.bench.grown_db import stored

    lines = home / "session.jsonl"
    count = grow(recording, records, lines)
    if not agent.endswith(STORED):
        return Grown(agent, lines, count, lines)
    database = home / "opencode.db"
    name, count = stored(lines, database)
    return Grown(agent, database, count, lines, name)


@contextmanager
def _no_search() -> Iterator[None]:
    searched = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searched:
            gc.enable()


def _one(arguments: argparse.Namespace, grown: Grown) -> Report:
    from store.fold import State, fold_run
    from store.formats import named
    from store.ledger import Ledger
    from store.whole import Whole, events_of

    taken: dict[str, list[float]] = {
        "records_per_s": [], "scaled_records_per_s": [], "with_entries_per_s": [], "scaled_with_entries_per_s": [],
        "rows_per_s": [], "mb_per_s": [], "times_a_bare_parse": [], "yardstick_s": [],
    }  # fmt: skip
    rows = 0
    count, size = grown.records, grown.path.stat().st_size

    def whole() -> Whole:
        path = grown.fresh()
        return Whole(path, named(grown.agent.removesuffix(STORED))) if grown.agent else events_of(path)

    for _ in range(arguments.repeat):
        before = time.process_time()
        with grown.lines.open("rb") as file:
            for line in file:
                orjson.loads(line)
        bare = time.process_time() - before
        first = beat()
        before = time.process_time()
        state = State()
        for events in whole():
            fold_run(state, events)
        spent = time.process_time() - before
        second = beat()
        rows = state.rows
        before = time.process_time()
        state, ledger = State(), Ledger()
        for events in whole():
            ledger.fold(state, events)
            ledger.take()
        noted = time.process_time() - before
        third = beat()
        taken["records_per_s"].append(count / spent)
        taken["scaled_records_per_s"].append(count / spent * (first + second) / 2 / GOAL)
        taken["with_entries_per_s"].append(count / noted)
        taken["scaled_with_entries_per_s"].append(count / noted * (second + third) / 2 / GOAL)
        taken["rows_per_s"].append(rows / spent)
        taken["mb_per_s"].append(size / spent / 1e6)
        taken["times_a_bare_parse"].append(spent / bare)
        taken["yardstick_s"] += (first, second, third)
        del state, ledger
    params = {
        "agent": grown.agent or "made up", "records": count, "rows": rows, "bytes": size, "repeat": arguments.repeat,
    }  # fmt: skip
    figures: dict[str, Figure] = {name: figure(values) for name, values in taken.items()}
    return report(NAME, params, figures)
