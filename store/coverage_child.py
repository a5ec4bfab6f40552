"""The process that reads every session for the coverage in the window: `python -m store.coverage_child [PATH …]`.

It says how far it is, one JSON object per line, and at the end what it found; whoever wants no more of it ends it. A
process of its own, because reading gigabytes beside the painter would hold the interpreter against it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import orjson

from store.child import step_back
from store.coverage import Coverage
from store.errors import StoreError
from store.report import files_below, session_files
from store.sources import views
from store.whole import format_of

PACE_S: Final = 0.1  # between two words of how far it is


def files_of(paths: Sequence[Path]) -> Iterator[Path]:
    """The files of some sessions or folders; without any, of every session that the window would list."""
    if not paths:
        for path in session_files():
            yield path
            yield from children_of(path)
    for path in paths:
        if path.is_dir():
            yield from files_below(path)
        else:
            yield path
            yield from children_of(path)


def children_of(path: Path) -> Iterator[Path]:
    """The files of a session's subagents; none of one that cannot be read, which is said of the session itself."""
    with suppress(StoreError):
        children = format_of(path).children
        if children is not None:
            yield from (child.path for child in children(path))


def survey(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """How far it is, now and then, and at last the report."""
    troubles: list[str] = []
    files: dict[Path, int] = {}
    try:
        for path in files_of(paths):
            with suppress(OSError):  # gone meanwhile
                files[path] = views.stat(path).st_size
    except StoreError as error:
        troubles.append(str(error))
    total, done = sum(files.values()), 0
    yield {"done": 0, "total": total, "files": 0, "of": len(files)}
    coverage = Coverage()
    said = time.monotonic()
    for count, path in enumerate(files):
        try:
            for size in coverage.read(path):
                done += size
                if time.monotonic() - said >= PACE_S:
                    said = time.monotonic()
                    yield {"done": done, "total": total, "files": count, "of": len(files)}
        except StoreError as error:
            troubles.append(str(error))
    yield {"report": {**coverage.told, "troubles": troubles}}


def main(arguments: Sequence[str]) -> int:
    step_back()
    for told in survey([Path(name) for name in arguments]):
        sys.stdout.buffer.write(orjson.dumps(told, default=str) + b"\n")
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        sys.exit(main(sys.argv[1:]))
