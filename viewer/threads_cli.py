"""`playhead threads`: list, stop, cancel, reset and cleanup, as in the sessions panel. No Qt."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import to_builtins

from store import settings, stops, threads
from store.errors import StoreError
from store.paths import config_dir, data_dir
from store.service import Chosen
from store.threads import ThreadRow
from viewer import stopping, wording

HELP: str = """\
A thread is what a trigger's events have in common, such as a pull request; it maps to the session that its next run
goes on with. `stop` ends the run that works in it, also that of another Playhead on this machine; what waits in the
thread goes on. `cancel` drops what waits instead. `reset` forgets the session, so that the next event begins a new one;
`cleanup` forgets threads that were not used for the days of threads.cleanup_days. None of them touches a transcript."""

Lines = Callable[[Iterable[dict[str, Any]]], None]
Print = Callable[[Iterable[str]], None]


def options(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.formatter_class = HELP, argparse.RawDescriptionHelpFormatter
    what = parser.add_subparsers(dest="what", required=True, metavar="list|stop|cancel|reset|cleanup")
    one = what.add_parser("list", help="the threads used last", allow_abbrev=False)
    one.add_argument("--limit", type=int, default=threads.MOST, metavar="N", help="at most so many")
    one.add_argument("--json", action="store_true", help="one JSON object per thread")
    one = what.add_parser("stop", help="end the run that works in this thread", allow_abbrev=False)
    one.add_argument("id", type=int, metavar="ID", help="its number, as list says it")
    one.add_argument("--json", action="store_true", help="one JSON object")
    one = what.add_parser("cancel", help="drop all that waits in this thread; a run goes on", allow_abbrev=False)
    one.add_argument("id", type=int, metavar="ID", help="its number, as list says it")
    one.add_argument("--json", action="store_true", help="one JSON object per delivery")
    one = what.add_parser("reset", help="the next event of this thread begins a new session", allow_abbrev=False)
    one.add_argument("id", type=int, metavar="ID", help="its number, as list says it")
    one.add_argument("--json", action="store_true", help="one JSON object")
    one = what.add_parser("cleanup", help="forget threads that were not used for days", allow_abbrev=False)
    one.add_argument("--days", type=int, metavar="N", help="instead of threads.cleanup_days")
    one.add_argument("--dry-run", action="store_true", help="only say how many")
    one.add_argument("--json", action="store_true", help="one JSON object")


def run(chosen: argparse.Namespace, lines: Lines, print_: Print) -> int:
    """See HELP. Raises StoreError."""
    db = data_dir() / "playhead.db"
    days = Chosen(config_dir() / "settings.toml")[settings.CLEANUP_DAYS]
    match chosen.what:
        case "list":
            found = threads.list_threads(db, days, max(1, chosen.limit))
            if chosen.json:
                lines(_object(row) for row in found.rows)
            else:
                print_(_table(found))
        case "stop":
            return stopping.run(db, stops.of_thread(db, chosen.id), chosen.json, lines, print_)
        case "cancel":
            done = stops.cancel_thread(db, chosen.id, actor="cli")
            return stopping.cancelled(done, chosen.json, lines, print_)
        case "reset":
            reset = threads.reset(db, chosen.id, actor="cli")
            if chosen.json:
                lines([{"id": chosen.id, "key": reset.key, "trigger": reset.trigger, "waits": reset.waits}])
            else:
                later = " A run goes on in it; it takes effect when that ends." if reset.waits else ""
                print_([f"{reset.trigger}: {reset.key} begins a new session with its next event.{later}"])
        case _:
            tidied = threads.cleanup(db, _days(chosen.days, days), dry_run=chosen.dry_run, actor="cli")
            told = {"deleted": tidied.deleted, "skipped": tidied.skipped, "days": tidied.days, "dry_run": tidied.dry}
            if chosen.json:
                lines([{**told, "cutoff": wording.full(tidied.cutoff), "cutoff_us": tidied.cutoff}])
            else:
                print_([_cleaned(tidied)])
    return 0


def _days(given: int | None, usual: int) -> int:
    if given is None:
        return usual
    try:
        return settings.CLEANUP_DAYS.check(given)
    except ValueError as error:
        raise StoreError(str(error)) from error


def _object(row: ThreadRow) -> dict[str, Any]:
    told: dict[str, Any] = to_builtins(row)
    told["saved_per_cent"] = to_builtins(threads.saved(row.fresh, row.resumed))
    told["age_seconds"] = row.age_us // 1_000_000
    return told


def _table(found: threads.Threads) -> Iterator[str]:
    if not found.rows:
        yield "No threads yet: a trigger with resume switched on makes one with its first event."
        return
    yield f"{'id':>6}  {'state':<9}  {'used':<12}  {'turns':>5}  {'last':<10}  {'session':<12}  trigger  key"
    now = time.time_ns() // 1000
    for row in found.rows:
        state = "stale" if row.stale else row.state
        age, _ = wording.ago(row.last_used, now)
        yield (
            f"{row.id:>6}  {state:<9}  {age:<12}  {row.turns:>5}  {row.last_outcome or '–':<10}  "
            f"{(row.session or '–')[:12]:<12}  {row.trigger}  {row.key}"
        )
    if found.total > len(found.rows):
        yield f"{len(found.rows):,} of {found.total:,} threads."


def _cleaned(done: threads.Cleanup) -> str:
    many = f"{done.deleted:,} thread{'' if done.deleted == 1 else 's'}"
    verb = "would be forgotten" if done.dry else "forgotten"
    skipped = f" {done.skipped:,} in use {'would stay' if done.dry else 'stayed'}." if done.skipped else ""
    if done.deleted:
        return f"{many} not used since {wording.full(done.cutoff)} {verb}.{skipped}"
    which = "every other thread" if done.skipped else "every thread"
    return f"Nothing is stale: {which} was used since {wording.full(done.cutoff)}.{skipped}"
