"""What `playhead bench` and `make bench` run: one file per measure, the real code, figures with spread and machine.

A bench is a module with `NAME`, `HELP`, `options(parser)`, `measure(arguments) -> list[Report]`, and `ALL`: the command
lines that `playhead bench all` measures it with.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final

import orjson

BENCHES: Final = ("stream", "open", "scroll", "tail", "start", "idle", "fold")


def main(arguments: Sequence[str]) -> int:
    """Run benches and print their reports: a table each, or with --json one object per line."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    parser = argparse.ArgumentParser(prog="playhead bench", description="Measure Playhead on this machine.")
    parser.add_argument("--json", action="store_true", help="one JSON object per report")
    commands = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    commands.add_parser("all", help="all of them, with their defaults").add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS
    )
    modules = {name: importlib.import_module(f"viewer.bench.{name}") for name in BENCHES}
    for name, module in modules.items():
        one = commands.add_parser(name, help=module.HELP, description=module.HELP)
        one.add_argument("--json", action="store_true", default=argparse.SUPPRESS)
        module.options(one)
    chosen = parser.parse_args(arguments)
    from viewer.bench.common import table

    chosen_ones = [chosen]
    if chosen.name == "all":
        chosen_ones = [parser.parse_args([name, *line]) for name, module in modules.items() for line in module.ALL]
    for one_of_them in chosen_ones:
        for report in modules[one_of_them.name].measure(one_of_them):
            text = orjson.dumps(report).decode() if chosen.json else table(report) + "\n"
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
    return 0
