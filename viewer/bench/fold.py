"""`bench fold`: bytes on disk to rows, on one core, against a bare parse of the same bytes in the same run.

With `--agent`, of another agent's session: its recording, grown to that size; `all` is every agent there is one of.
`with_entries_per_s` is the same with the entries that figures are made of, as an import does it. Python looks for no
garbage meanwhile, as in every process of ours that folds: that of an import, of an archive's, and a window's.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import orjson

from viewer.bench.apart import folder, session
from viewer.bench.common import Figure, Report, figure, report

NAME: Final = "fold"
HELP: Final = "disk → lines → records → events → rows, on one core"
ALL: Final = ((), ("--agent", "all", "--records", "20000", "--repeat", "3"))


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--path", type=Path, help="a session of your own instead of a made-up one")
    parser.add_argument("--agent", default="", help="a session of this agent, out of its recording; all: of each")


def measure(arguments: argparse.Namespace) -> list[Report]:
    from viewer.bench.grown import grow, recordings

    if not arguments.agent:
        with folder() as home:
            path = arguments.path or session(home, records=arguments.records)
            with path.open("rb") as file:
                count = sum(1 for _ in file)
            with _no_search():
                return [_one(arguments, path, count)]
    found = recordings()
    wanted = list(found) if arguments.agent == "all" else [arguments.agent]
    reports = []
    for agent in wanted:
        if agent not in found:
            raise SystemExit(f"There is no recording of {agent}. There are: {', '.join(found) or 'none'}.")
        with folder() as home:
            path = home / "session.jsonl"
            count = grow(found[agent], arguments.records, path)
            with _no_search():
                reports.append(_one(arguments, path, count, agent))
    return reports


@contextmanager
def _no_search() -> Iterator[None]:
    searched = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searched:
            gc.enable()


def _one(arguments: argparse.Namespace, path: Path, count: int, agent: str = "") -> Report:
    from store.fold import State, fold_run
    from store.formats import named
    from store.ledger import Ledger
    from store.whole import Whole, events_of

    rates: list[float] = []
    noted: list[float] = []
    shown: list[float] = []
    ratios: list[float] = []
    speeds: list[float] = []
    rows = 0
    size = path.stat().st_size

    def whole() -> Whole:
        return Whole(path, named(agent)) if agent else events_of(path)

    for _ in range(arguments.repeat):
        before = time.process_time()
        with path.open("rb") as file:
            for line in file:
                orjson.loads(line)
        bare = time.process_time() - before
        before = time.process_time()
        state = State()
        for events in whole():
            fold_run(state, events)
        spent = time.process_time() - before
        rows = state.rows
        rates.append(count / spent)
        shown.append(rows / spent)
        speeds.append(size / spent / 1e6)
        ratios.append(spent / bare)
        before = time.process_time()
        state, ledger = State(), Ledger()
        for events in whole():
            ledger.fold(state, events)
            ledger.take()
        noted.append(count / (time.process_time() - before))
    params = {"agent": agent or "made up", "records": count, "rows": rows, "bytes": size, "repeat": arguments.repeat}
    figures: dict[str, Figure] = {
        "records_per_s": figure(rates),
        "with_entries_per_s": figure(noted),
        "rows_per_s": figure(shown),
        "mb_per_s": figure(speeds),
        "times_a_bare_parse": figure(ratios),
    }
    return report(NAME, params, figures)
