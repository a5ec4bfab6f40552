"""`playhead coverage`: account for every byte of some files, for people and scripts. No Qt."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from store import report
from store.errors import StoreError

TROUBLE: Final = 2

Lines = Callable[[Iterable[dict[str, Any]]], None]
Print = Callable[[Iterable[str]], None]


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", metavar="PATH", nargs="+")
    parser.add_argument("--json", action="store_true")


def run(chosen: argparse.Namespace, lines: Lines, print_: Print, say: Callable[[str], None]) -> int:
    """0: every file was read. 2: some were not, and it was said which."""
    coverage = report.Coverage()
    code = 0
    for name in chosen.paths:
        try:
            for file in report.files_below(Path(name)):
                try:
                    coverage.add(file)
                except StoreError as error:
                    say(str(error))
                    code = TROUBLE
        except StoreError as error:
            say(str(error))
            code = TROUBLE
    result = coverage.result
    if chosen.json:
        lines([result])
    elif coverage.files:
        print_(told(result))
    return code


def told(result: dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    share = 100 * result["understood"] / result["records"] if result["records"] else 100.0
    files = f"{result['files']:,} file{'' if result['files'] == 1 else 's'}"
    sizes = f"{files}, {result['bytes']:,} bytes, {result['records']:,} records"
    yield f"{sizes}: {share:.2f} % understood"
    for name in ("understood", "raw", "damaged", "blank"):
        yield f"  {name:<10} {result['bytes_' + name]:>16,} bytes"
    for name, counts in result["by_type"].items():
        if counts["raw"]:
            yield f"  raw: {counts['raw']:,} × {name}"
    for entry in result["damage"][:20]:
        yield f"  damage: {entry['reason']}, {entry['length']:,} bytes at {entry['offset']:,} of {entry['file']}"
