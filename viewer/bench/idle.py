"""`bench idle`: what Playhead costs while nothing happens in the session that it shows."""

from __future__ import annotations

import argparse
from typing import Final

from viewer.bench.apart import Child, folder, session
from viewer.bench.common import Report, figure, report

NAME: Final = "idle"
HELP: Final = "CPU with one quiet session open"
ALL: Final = ((),)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--records", type=int, default=1000)


def measure(arguments: argparse.Namespace) -> list[Report]:
    with folder() as home:
        child = Child(home, session(home, records=arguments.records), arguments.seconds)
        done = child.wait("done")
        child.end()
    share = 100 * done["cpu"] / done["seconds"]
    params = {"seconds": arguments.seconds, "records": arguments.records}
    return [report(NAME, params, {"cpu_percent": figure([share]), "cpu_s": figure([done["cpu"]])})]
