"""`bench tail`: a record is appended to a watched file; when is it on the screen, and what does that cost?"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from pathlib import Path
from typing import Final

import orjson

from viewer.bench.apart import Child, compile_modules, folder, session
from viewer.bench.common import GOAL, Report, beat, figure, percentile, report

NAME: Final = "tail"
HELP: Final = "record appended to a watched file → painted, and the CPU of the whole process"
BEAT: Final = 25  # appends from one look at the machine to the next
ALL: Final = (("--records", "1000"), ("--records", "100000"))


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--records", type=int, default=1000, help="records before")
    parser.add_argument("--appends", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=50.0, help="appends per second")
    parser.add_argument("--irregular", action="store_true", help="with random gaps, on average at that rate")


def measure(arguments: argparse.Namespace) -> list[Report]:
    return [_one(arguments, arguments.records)]


def _line(number: int) -> bytes:
    block = {"type": "text", "text": f"Step {number}: looked at `store/retry.py`, nothing to change there."}
    record = {
        "type": "assistant", "uuid": f"bench-{number}", "sessionId": "s", "timestamp": "2026-11-21T10:00:00.000Z",
        "message": {"id": f"bench-{number}", "role": "assistant", "model": "opus", "content": [block], "usage": {}},
    }  # fmt: skip
    return orjson.dumps(record) + b"\n"


def _one(arguments: argparse.Namespace, records: int) -> Report:
    with folder() as home:
        compile_modules(home)
        path = session(home, records=records)
        child = Child(home, path, arguments.appends / arguments.rate + 10, arguments.appends)
        child.wait("ready")
        written, beats = _append(path, arguments.appends, arguments.rate, arguments.irregular)
        done = child.wait("done")
        child.end()
    # An item's id is its message's and the number of the block in it.
    ours = [(item.partition(":")[0], at) for item, at in done["painted"].items()]
    late = [(at - written[message]) * 1e3 for message, at in ours if message in written]
    cpu = done["cpu"] * 1000 / max(1, len(late))
    meanwhile = statistics.median(beats)
    figures = {
        "append_to_paint_p50_ms": figure([percentile(late, 0.5)]),
        "append_to_paint_p95_ms": figure([percentile(late, 0.95)]),
        "append_to_paint_ms": figure(late),
        "frames": figure([len(set(done["painted"].values()))]),
        "cpu_s": figure([done["cpu"]]),
        "cpu_s_per_1000": figure([cpu]),
        # A shared machine gives half as much a second later: the yardstick behind the run says little about the run.
        "yardstick_meanwhile_s": figure(beats),
        "cpu_scaled_s_per_1000": figure([cpu * GOAL / meanwhile]),
    }
    params = {
        "records": records, "appends": arguments.appends, "rate": arguments.rate, "irregular": arguments.irregular,
        "painted": len(late),
    }  # fmt: skip
    return report(NAME, params, figures)


def _append(path: Path, count: int, rate: float, irregular: bool) -> tuple[dict[str, float], list[float]]:
    """Append at a steady rate, or with gaps as of independent events; returns when each record was written, and what
    the machine gave meanwhile."""
    written: dict[str, float] = {}
    beats = [beat()]
    gaps = random.Random(1)  # the same gaps in every run
    due = time.monotonic() + 0.5
    with path.open("ab", buffering=0) as file:
        for number in range(count):
            time.sleep(max(0.0, due - time.monotonic()))
            written[f"bench-{number}"] = time.monotonic()
            file.write(_line(number))
            if number % BEAT == BEAT - 1:
                beats.append(beat())
            due += gaps.expovariate(rate) if irregular else 1 / rate
    return written, beats
