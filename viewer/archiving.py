"""`playhead archive`: close sessions for ever, delete them and take that back, for people and scripts. No Qt."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from store import archive
from store.about import closed
from store.errors import StoreError
from store.paths import data_dir
from store.report import find_session
from store.states import Closed

HELP: Final = """\
An archived session is complete: its figures are sealed, and what its agent writes later is refused and counted. That
cannot be undone. It can be forked, and deleted: then it is hidden, and --restore shows it again. The files of agents
are never touched. Without a session: those that are archived or deleted. Exit code 1: some were refused."""
ACTIONS: Final = {
    "fork": "what a fork of it would begin with",
    "delete": "hide what is archived; its rows stay",
    "restore": "take a deletion back",
}

Lines = Callable[[Iterable[dict[str, Any]]], None]
Print = Callable[[Iterable[str]], None]


def options(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.formatter_class = HELP, argparse.RawDescriptionHelpFormatter
    parser.add_argument("sessions", metavar="PATH|ID", nargs="*")
    chosen = parser.add_mutually_exclusive_group()
    for action, text in ACTIONS.items():
        chosen.add_argument(f"--{action}", dest="action", action="store_const", const=action, help=text)
    parser.set_defaults(action="archive")
    parser.add_argument("--json", action="store_true", help="one JSON object per session")


def run(chosen: argparse.Namespace, lines: Lines, print_: Print, say: Callable[[str], None]) -> int:
    """See HELP. Raises StoreError."""
    db = data_dir() / "playhead.db"
    if not chosen.sessions and chosen.action != "archive":
        raise StoreError(f"There is no session to {chosen.action}.")
    refused: list[str] = []
    found = _done(db, chosen.sessions, chosen.action, refused) if chosen.sessions else list(_all(db))
    if chosen.json:
        lines(found)
    else:
        print_(_line(entry) for entry in found)
    for why in refused:
        say(why)
    return 1 if refused else 0


def _done(db: Path, names: Iterable[str], action: str, refused: list[str]) -> list[dict[str, Any]]:
    """Each for itself: one that is refused keeps no other from it."""
    found = []
    for name in names:
        try:
            path = find_session(name)
            fork = getattr(archive, action)(db, path)
            told = _entry(str(path.absolute()), closed(db)[str(path.absolute())])
            if fork is not None:
                told["fork"] = msgspec.to_builtins(fork)
            found.append(told)
        except StoreError as error:
            refused.append(str(error))
    return found


def _all(db: Path) -> Iterator[dict[str, Any]]:
    return (_entry(path, one) for path, one in closed(db).items())


def _entry(path: str, one: Closed) -> dict[str, Any]:
    return {"session": path, "status": one.status, "refused": one.refused}


def _line(entry: dict[str, Any]) -> str:
    late = f"  ({entry['refused']:,} events came too late)" if entry["refused"] else ""
    return f"{entry['status']:<8}  {entry['session']}{late}"
