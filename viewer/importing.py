"""`playhead import`: every session there is into the database, in the foreground, for people and scripts. No Qt."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from store.archive_import import ArchiveImport, Progress, Totals, index_behind
from store.errors import StoreError
from store.paths import data_dir
from store.report import session_places

HELP: str = """\
Reads every session that the database does not have, or has an older state of, newest first. What did not change is not
opened. Sessions with nothing in them are not kept. Ended at any moment, the next one goes on; the text can be found by
playhead search a little later. Exit code 1: some sessions could not be read. 130: ended with Ctrl-C."""
CANCELLED = 130

Lines = Callable[[Iterable[dict[str, Any]]], None]
Print = Callable[[Iterable[str]], None]


def options(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.formatter_class = HELP, argparse.RawDescriptionHelpFormatter
    parser.add_argument("--root", action="append", metavar="DIR", help="look here, not in the agents' own folders")
    parser.add_argument("--wait", action="store_true", help="until everything can be found by playhead search, too")
    parser.add_argument("--json", action="store_true", help="one JSON object: what was read")


def run(chosen: argparse.Namespace, lines: Lines, print_: Print, say: Callable[[str], None]) -> int:
    """See HELP. Raises StoreError."""
    db = data_dir() / "playhead.db"
    roots = [Path(root) for root in chosen.root] if chosen.root else None
    shown = _Line() if not chosen.json and sys.stderr is not None and sys.stderr.isatty() else None
    work = ArchiveImport(db, session_places(roots), shown)
    try:
        with _ctrl_c(work.cancel):
            totals = work.run()
    finally:
        if shown is not None:
            shown.clear()
    for why in totals.failed:
        say(why)
    if chosen.json:
        lines([as_json(totals)])
    else:
        print_(told(totals))
    if totals.state == "cancelled":
        say("Stopped. What was read is kept; playhead import goes on from there.")
        return CANCELLED
    if totals.sessions or chosen.wait:
        _make_searchable(db, say, wait=chosen.wait)
    return 1 if totals.failed else 0


@contextmanager
def _ctrl_c(cancel: Callable[[], None]) -> Iterator[None]:
    """The first one is an order, and no exception: that could come half way into a transaction. A second one kills."""
    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # nobody's, or ignored: a shell did that to what runs behind it
        return

    def on_signal(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        cancel()

    signal.signal(signal.SIGINT, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _make_searchable(db: Path, say: Callable[[str], None], *, wait: bool) -> None:
    try:
        index_behind(db, wait=wait)
    except StoreError as error:  # what was read is read
        say(str(error))


def as_json(totals: Totals) -> dict[str, Any]:
    return {
        "files": totals.files,
        "files_parsed": totals.files_parsed,
        "bytes": totals.bytes,
        "records": totals.records,
        "sessions": totals.sessions,
        "seconds": totals.seconds,
    }


def told(totals: Totals) -> Iterator[str]:
    """The same for people."""
    read = f"{_many(totals.records, 'record')}, {totals.bytes / 1e6:,.1f} MB, {totals.seconds:,.1f} s"
    yield f"{_many(totals.sessions, 'session')} read ({read})"
    if totals.unchanged:
        yield f"{_many(totals.unchanged, 'session')} unchanged"
    if totals.drafts:
        yield f"{_many(totals.drafts, 'session')} with nothing in {'it' if totals.drafts == 1 else 'them'}, not kept"
    if totals.failed:
        yield f"{_many(len(totals.failed), 'session')} not read"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


class _Line:
    """The progress on a terminal: one line, written again and again."""

    def __call__(self, now: Progress) -> None:
        left = "" if now.left is None else f", {clock(now.left)} left"
        percent = 100 * now.bytes // now.size if now.size else 100
        text = f"{percent:3} %  {now.done:,} of {now.total:,} sessions, {now.rate:,.0f} records/s{left}"
        sys.stderr.write(f"\r{text}\x1b[K")
        sys.stderr.flush()

    def clear(self) -> None:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def clock(seconds: float) -> str:
    """3 s, 2:05 min, 1:20 h: how long it will take."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    unit, small = (("min", whole % 60), ("h", whole // 60 % 60))[whole >= 3600]
    return f"{whole // (3600 if unit == 'h' else 60)}:{small:02} {unit}"
