"""`playhead coverage`: account for every byte of some files, for people and scripts. No Qt."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from store import coverage as covering
from store import report
from store.errors import StoreError

TROUBLE: Final = 2

Lines = Callable[[Iterable[dict[str, Any]]], None]
Print = Callable[[Iterable[str]], None]


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", metavar="PATH", nargs="+", help="files, or folders of them")
    parser.add_argument("--drift", action="store_true", help="what was not understood, without anything that is said")
    parser.add_argument("--hidden", action="store_true", help="which records are understood and not shown, and why")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(chosen: argparse.Namespace, lines: Lines, print_: Print, say: Callable[[str], None]) -> int:
    """0: every file was read. 2: some were not, and it was said which."""
    coverage = covering.Coverage()
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
    if chosen.json:
        lines([coverage.told if chosen.drift or chosen.hidden else coverage.result])
    elif coverage.files and chosen.drift:
        print_(covering.drift(coverage.told, version()).splitlines())
    elif coverage.files:
        print_(told(coverage.told, hidden=chosen.hidden))
    return code


def told(result: dict[str, Any], *, hidden: bool = False) -> Iterator[str]:
    """The same for people."""
    share = 100 * result["understood"] / result["records"] if result["records"] else 100.0
    share = share if result["understood"] == result["records"] else min(share, 99.99)  # all is said of all only
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
    reasons: dict[tuple[str, str, str], int] = {}
    for one in result["classes"]:
        if one["hidden"]:
            key = (one["agent"], one["type"], one["hidden"])
            reasons[key] = reasons.get(key, 0) + one["understood"]
    if hidden:
        yield from (
            f"  not shown: {count:,} × {agent} {type_}: {why}" for (agent, type_, why), count in reasons.items()
        )
    elif reasons:
        count = sum(reasons.values())
        yield f"  not shown on purpose: {count:,} records of {len(reasons):,} types (--hidden says why)"


def version() -> str:
    """Ours; '' where it is not installed."""
    from importlib import metadata

    try:
        return metadata.version("playhead")
    except metadata.PackageNotFoundError:
        return ""
