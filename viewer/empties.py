"""`playhead sessions empties`: sessions that were saved with nothing in them; preview, removal, undo. No Qt."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import to_builtins

from store.empties import KEPT_DAYS, Empties, empties, remove, restore
from store.paths import data_dir
from viewer import wording

HELP: str = f"""\
Lists sessions that lie in the database with nothing in them: nobody has said or done anything in them, they are over,
have no title, and no other session goes on from them. Playhead saves none of these; earlier versions did. --remove
takes them out, --undo brings back what was taken out in the last {KEPT_DAYS} days. Files are left alone."""

Lines = Callable[[Iterable[dict[str, Any]]], None]
Print = Callable[[Iterable[str]], None]


def options(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.formatter_class = HELP, argparse.RawDescriptionHelpFormatter
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--remove", action="store_true", help="take them out of the database")
    what.add_argument("--undo", action="store_true", help="bring back what was taken out")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(chosen: argparse.Namespace, lines: Lines, print_: Print) -> int:
    """See HELP. Raises StoreError."""
    db = data_dir() / "playhead.db"
    found = empties(db)
    removed = remove(db, [one.number for one in found.sessions]) if chosen.remove else 0
    restored = restore(db) if chosen.undo else 0
    if chosen.json:
        told = to_builtins(found.sessions)
        by_llm = {llm or "unknown": {"empty": some, "sessions": total} for llm, (some, total) in found.by_llm.items()}
        can_undo = found.removed + removed - restored
        count = {"count": len(told), "removed": removed, "restored": restored, "can_be_restored": can_undo}
        lines([{**count, "sessions": told, "by_model": by_llm}])
    else:
        print_(_told(found, removed, restored, chosen))
    return 0


def _told(found: Empties, removed: int, restored: int, chosen: argparse.Namespace) -> Iterator[str]:
    if chosen.undo:
        yield f"{_many(restored)} brought back."
        return
    for one in found.sessions:
        yield f"{wording.full(one.updated or one.started or one.created) or '–':<19}  {one.agent or '–':<14}  {one.key}"
    if chosen.remove:
        yield f"{_many(removed)} with nothing in {'it' if removed == 1 else 'them'} removed."
        if removed:
            yield f"playhead sessions empties --undo brings {'it' if removed == 1 else 'them'} back."
        return
    count = len(found.sessions)
    yield f"{_many(count)} with nothing in {'it' if count == 1 else 'them'}."
    for llm, (some, total) in found.by_llm.items():
        if some:
            yield f"  {llm or 'unknown model'}: {some:,} of {total:,} ({100 * some / total:.1f} %)"
    if count:
        yield "playhead sessions empties --remove takes them out of the database."


def _many(count: int) -> str:
    return f"{count:,} session{'' if count == 1 else 's'}"
