"""`playhead search`: the newest rows of all sessions that match, for people and scripts. No Qt."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from store.report import iso
from store.search import MOST, Found, Hit, Limits, Search, catch_up

PATIENCE: Final = 600.0  # seconds that --wait waits for another process that indexes

HELP: Final = """\
Words are found in what was said and thought, in what tools were given and what they gave back. All of them must be in a
row; OR, NOT (or a -) and parentheses say it otherwise. "several words" are a phrase, pars* is the beginning of a word.
said:word, thought:word, input:word and output:word look there only. kind:prompt, tool:Bash, is:error, agent:claude,
project:atlas, since:2d and until:2026-09-01 narrow it, as the options do."""


def options(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.formatter_class = HELP, argparse.RawDescriptionHelpFormatter
    parser.add_argument("query", metavar="QUERY", nargs="*", help="what to look for")
    parser.add_argument("--json", action="store_true", help="one JSON object per row")
    parser.add_argument("--agent", action="append", default=[], help="sessions of this agent")
    parser.add_argument("--project", action="append", default=[], help="sessions of this project, by name or folder")
    parser.add_argument("--kind", action="append", default=[], help="rows of this kind: prompt, message, tool.shell, …")
    parser.add_argument("--tool", action="append", default=[], help="calls of this tool; a * ends a beginning")
    parser.add_argument("--since", default="", help="rows since then: 2d, 3h, 2026-09-01")
    parser.add_argument("--is-error", action="store_true", help="calls that failed, and errors")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many rows (50)")
    parser.add_argument("--relevance", action="store_true", help=f"the best first, if there are at most {MOST:,}")
    parser.add_argument("--wait", action="store_true", help="first wait until everything there is can be found")


Lines = Callable[[Iterable[dict[str, Any]]], None]
Print = Callable[[Iterable[str]], None]


def run(chosen: argparse.Namespace, lines: Lines, print_: Print, say: Callable[[str], None]) -> int:
    """0: found something. 1: nothing. Raises StoreError."""
    limits = Limits(
        agents=tuple(chosen.agent), projects=tuple(chosen.project), kinds=tuple(chosen.kind), tools=tuple(chosen.tool),
        since=chosen.since, errors=chosen.is_error,
    )  # fmt: skip
    query = " ".join(word.strip() if word.startswith(" -") else word for word in chosen.query)
    search = Search()
    try:
        if chosen.wait:
            _wait(search)
        found = search.find(query, limits, limit=max(1, chosen.limit), relevance=chosen.relevance)
        if chosen.json:
            lines(map(as_json, found.hits))
        else:
            count = search.count(query, limits) if found.hits else 0
            print_(_told(found, count))
    finally:
        search.close()
    for note in _notes(found):
        say(note)
    return 0 if found.hits else 1


def _wait(search: Search) -> None:
    """Index what is waiting, or wait while another process does."""
    end = time.monotonic() + PATIENCE
    while True:
        catch_up(search.path)
        if not search.waiting() or time.monotonic() > end:
            return
        time.sleep(0.2)


def as_json(hit: Hit) -> dict[str, Any]:
    return {
        "session": hit.session,
        "id": hit.id,
        "agent": hit.agent,
        "title": hit.title,
        "project": hit.project,
        "cwd": hit.cwd,
        "row": hit.row,
        "item": hit.item,
        "kind": hit.kind,
        "tool": hit.tool or None,
        "ts": iso(hit.ts),
        "is_error": hit.error,
        "in": hit.snippet.column or None,
        "snippet": hit.snippet.text,
        "matches": [list(match) for match in hit.snippet.matches],
    }


def _told(found: Found, count: int) -> Iterator[str]:
    last = ""
    for hit in found.hits:
        if hit.session != last:
            yield f"{hit.project}: {hit.title or hit.id or hit.session}  ({hit.session})"
            last = hit.session
        what = f"{hit.kind} {hit.tool}".rstrip() + (" failed" if hit.error else "")
        yield f"  {(iso(hit.ts) or '')[:19]:<19}  {hit.row:>6}  {what:<18}  {hit.snippet.text}"
    if found.hits:
        many = f"more than {MOST:,} rows" if count > MOST else f"{count:,} row{'' if count == 1 else 's'}"
        shown = len(found.hits)
        yield many if shown == count else f"{many}; these are {shown:,} of them"


def _notes(found: Found) -> Iterator[str]:
    if found.note:
        yield found.note
    elif not found.hits:
        yield "Nothing was found."
    if found.waiting:
        many = "1 session is" if found.waiting == 1 else f"{found.waiting:,} sessions are"
        yield f"{many} still being indexed: what they hold may be missing here."
