"""`bench fold`: bytes on disk to rows, on one core, against a bare parse of the same bytes in the same run."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Final

import orjson

from viewer.bench.apart import folder, session
from viewer.bench.common import Report, figure, report

NAME: Final = "fold"
HELP: Final = "disk → lines → records → events → rows, on one core"
ALL: Final = ((),)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--path", type=Path, help="a session of your own instead of a made-up one")


def measure(arguments: argparse.Namespace) -> list[Report]:
    from store.fold import State, fold_run
    from store.whole import events_of

    rates: list[float] = []
    ratios: list[float] = []
    speeds: list[float] = []
    with folder() as home:
        path = arguments.path or session(home, records=arguments.records)
        size = path.stat().st_size
        for _ in range(arguments.repeat):
            before = time.process_time()
            with path.open("rb") as file:
                count = sum(1 for line in file if orjson.loads(line) is not None)
            bare = time.process_time() - before
            before = time.process_time()
            state = State()
            whole = events_of(path)
            for events in whole:
                fold_run(state, events)
            spent = time.process_time() - before
            rates.append(count / spent)
            speeds.append(size / spent / 1e6)
            ratios.append(spent / bare)
    params = {"records": count, "bytes": size, "repeat": arguments.repeat}
    figures = {"records_per_s": figure(rates), "mb_per_s": figure(speeds), "times_a_bare_parse": figure(ratios)}
    return [report(NAME, params, figures)]
