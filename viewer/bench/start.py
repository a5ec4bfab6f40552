"""`bench start`: from process start to what the user wants to see."""

from __future__ import annotations

import argparse
import shutil
from typing import Final

from viewer.bench.apart import Child, folder, session
from viewer.bench.common import Report, figure, report

NAME: Final = "start"
HELP: Final = "process start to the first paint: a session that was never seen, and one that is known"
ALL: Final = ((),)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--records", type=int, default=100_000, help="records of the session")
    parser.add_argument("--repeat", type=int, default=5)


def measure(arguments: argparse.Namespace) -> list[Report]:
    fresh: list[float] = []
    known: list[float] = []
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
                fresh.append(painted)
                known.append(seen)
    params = {"records": arguments.records, "repeat": arguments.repeat}
    return [report(NAME, params, {"never_seen_painted_ms": figure(fresh), "known_painted_ms": figure(known)})]
