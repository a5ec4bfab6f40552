"""The shape of every bench: parameters in, figures with median and spread out, and the yardstick of the machine."""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from msgspec import Struct


class Figure(Struct, frozen=True):
    """One measured quantity; its unit is the end of its name (_ms, _mb, _signals, …)."""

    median: float
    min: float
    max: float
    n: int


class Report(Struct, frozen=True):
    """What a bench prints."""

    bench: str
    yardstick_s: float
    machine: dict[str, Any]
    versions: dict[str, str]
    params: dict[str, Any]
    figures: dict[str, Figure]


def figure(values: Iterable[float]) -> Figure:
    """Median and spread of repeated measurements."""
    taken = [float(value) for value in values]
    return Figure(round(statistics.median(taken), 4), round(min(taken), 4), round(max(taken), 4), len(taken))


def percentile(values: Iterable[float], share: float) -> float:
    """The nearest-rank percentile; share is 0..1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


LOOPS: Final = 10_000_000


def yardstick() -> float:
    """Seconds for an empty loop of ten million: the best of three, so that other people's figures can be scaled."""
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        for _number in range(LOOPS):
            pass
        best = min(best, time.perf_counter() - start)
    return round(best * 10_000_000 / LOOPS, 4)


def yardstick_of_all(cores: int) -> float:
    """The same on so many cores at once: some machines give two processes together no more than one alone."""
    code = "from viewer.bench.common import yardstick; print(flush=True); input(); print(yardstick())"
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(cores)
        ]
        for one in running:
            assert one.stdout is not None
            one.stdout.readline()  # it is there: none begins before all are
        for one in running:
            assert one.stdin is not None
            one.stdin.write("\n")
            one.stdin.flush()
        return max(float(one.communicate()[0]) for one in running)


GOAL: Final = 0.1  # the yardstick of the machine that the goals are for, in seconds


def beat() -> float:
    """The yardstick from one short look, in CPU time: for a figure that is scaled by what the machine gave meanwhile.

    A shared machine may give half as much a second later; where both are taken turn by turn, that falls out.
    """
    start = time.process_time()
    for _number in range(LOOPS // 20):
        pass
    return (time.process_time() - start) * 20 * 10_000_000 / LOOPS


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    memory = Path("/proc/meminfo")
    if info.exists():
        told = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        names = [line.split(":", 1)[1].strip() for line in told]
        cpu = f"{names[0]} × {len(names)}" if names else cpu
    total = ""
    if memory.exists():
        total = f"{int(memory.read_text().split()[1]) // 1024} MB"
    return {"system": platform.platform(), "cpu": cpu, "memory": total}


def versions() -> dict[str, str]:
    found = {"python": sys.version.split()[0]}
    for name in ("PySide6-Essentials", "SQLAlchemy", "orjson", "msgspec", "watchfiles"):
        found[name] = metadata.version(name)
    return found


def report(bench: str, params: Mapping[str, Any], figures: Mapping[str, Figure]) -> Report:
    return Report(bench, yardstick(), machine(), versions(), dict(params), dict(figures))


def table(done: Report) -> str:
    """The report as people read it."""
    lines = [
        f"bench {done.bench}  {' '.join(f'{key}={value}' for key, value in done.params.items())}",
        f"yardstick {done.yardstick_s:.3f} s per 10 M empty loops · {done.machine['cpu']} · {done.machine['system']}",
        " · ".join(f"{name} {version}" for name, version in done.versions.items()),
        f"{'figure':34} {'median':>12} {'min':>12} {'max':>12} {'n':>5}",
    ]
    lines += [
        f"{name:34} {one.median:12.3f} {one.min:12.3f} {one.max:12.3f} {one.n:5}" for name, one in done.figures.items()
    ]
    return "\n".join(lines)


def rss_mb() -> float:
    """Resident memory of this process in MB."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * 4096 / 1e6
    if sys.platform == "win32":
        return float("nan")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
