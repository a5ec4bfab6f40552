"""What `playhead bench` and `make bench` run: one file per measure, the real code, figures with spread and machine.

A bench is a module with `NAME`, `HELP`, `options(parser)`, `measure(arguments) -> list[Report]`, and `ALL`: the command
lines that `playhead bench all` measures it with.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

import msgspec

BENCHES: Final = (
    "stream",
    "open",
    "scroll",
    "tail",
    "tails",
    "start",
    "idle",
    "fold",
    "twenty",
    "search",
    "archive",
    "digest",
    "drafts",
    "deliveries",
    "million",
    "storage",
)


def main(arguments: Sequence[str]) -> int:
    """Run benches and print their reports: a table each, or with --json one object per line."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    parser = argparse.ArgumentParser(prog="playhead bench", description="Measure Playhead on this machine.")
    parser.add_argument("--json", action="store_true", help="one JSON object per report")
    commands = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    commands.add_parser("all", help="all of them, with their defaults").add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS
    )
    found = [importlib.import_module(f"viewer.bench.{name}") for name in BENCHES]
    modules = {module.NAME: module for module in found}
    for name, module in modules.items():
        one = commands.add_parser(name, help=module.HELP, description=module.HELP)
        one.add_argument("--json", action="store_true", default=argparse.SUPPRESS)
        module.options(one)
    chosen = parser.parse_args(arguments)
    from viewer.bench.common import table

    if chosen.name == "all":
        # A process each: memory and warm caches of one bench must not be in the figures of the next.
        flag = ["--json"] if chosen.json else []
        lines = [[name, *line, *flag] for name, module in modules.items() for line in module.ALL]
        return max(subprocess.call([sys.executable, "-m", "viewer", "bench", *line]) for line in lines)
    for report in modules[chosen.name].measure(chosen):
        sys.stdout.write((msgspec.json.encode(report).decode() if chosen.json else table(report) + "\n") + "\n")
        sys.stdout.flush()
    return 0
