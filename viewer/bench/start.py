"""`bench start`: from process start to what the user wants to see."""

from __future__ import annotations

import argparse
import shutil
from typing import Final

from viewer.bench.apart import Child, folder, session
from viewer.bench.common import Report, figure, report, yardstick

NAME: Final = "start"
STICK: Final = 0.1  # seconds: the yardstick of the machine that the goals are meant for
HELP: Final = "process start to the first paint: a session that was never seen, and one that is known"
ALL: Final = ((),)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--records", type=int, default=100_000, help="records of the session")
    parser.add_argument("--repeat", type=int, default=5)


def measure(arguments: argparse.Namespace) -> list[Report]:
    fresh: list[float] = []
    known: list[float] = []
    share: list[float] = []  # of that machine's speed, at the time: shared ones change by a factor of three in a minute
    with folder() as home:
        path = session(home, records=arguments.records)
        for turn in range(arguments.repeat + 1):  # the first run compiles and fills the page cache
            shutil.rmtree(home / "playhead", ignore_errors=True)
            child = Child(home, path)
            painted = (child.wait("painted") - child.started) * 1e3
            child.wait("done")  # the import is over: now the session is known
            child.end()
            again = Child(home, path)
            seen = (again.wait("painted") - again.started) * 1e3
            again.wait("done")
            again.end()
            if turn:
                share.append(STICK / yardstick())
                fresh.append(painted)
                known.append(seen)
    params = {"records": arguments.records, "repeat": arguments.repeat}
    figures = {"never_seen_painted_ms": figure(fresh), "known_painted_ms": figure(known)}
    for name, values in (("never_seen", fresh), ("known", known)):
        scaled = (value * now for value, now in zip(values, share, strict=True))
        figures[f"{name}_painted_at_yardstick_100_ms"] = figure(scaled)
    return [report(NAME, params, figures)]
