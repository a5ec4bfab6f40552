"""`playhead digest`, `turns` and `requests`: what sessions took, and turn by turn, for people and scripts. No Qt."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from store import report
from viewer import wording
from viewer.usage import prices_line

Lines = Callable[[Iterable[dict[str, Any]]], None]
Print = Callable[[Iterable[str]], None]


def digest_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sessions", metavar="PATH|ID", nargs="+")
    parser.add_argument("--agent", metavar="ID", default="", help="of this agent alone; main is the one that was asked")
    parser.add_argument("--json", action="store_true", help="one JSON object per session")


def digest(chosen: argparse.Namespace, lines: Lines, print_: Print) -> int:
    """Raises StoreError."""
    figures = report.digests(chosen.sessions, chosen.agent)
    if chosen.json:
        lines(figures)
    else:
        print_(_told(figures))
    return 0


def turns_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", metavar="PATH|ID")
    parser.add_argument("--after", type=int, default=0, metavar="SEQ", help="those that start behind this start_seq")
    parser.add_argument("--limit", type=int, default=None, metavar="N", help="at most so many")
    parser.add_argument("--json", action="store_true", help="one JSON object per turn")


def turns(chosen: argparse.Namespace, lines: Lines, print_: Print) -> int:
    """Raises StoreError."""
    limit = None if chosen.limit is None else max(0, chosen.limit)
    found = report.turns(chosen.session, chosen.after, limit)
    if chosen.json:
        lines(found)
    else:
        print_(map(_turn_line, found))
    return 0


def requests_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", metavar="PATH|ID")
    parser.add_argument("--json", action="store_true", help="one JSON object per request")


def requests(chosen: argparse.Namespace, lines: Lines, print_: Print) -> int:
    """Raises StoreError."""
    from store.requests_report import requests as found

    if chosen.json:
        lines(found(chosen.session))
    else:
        print_(map(_request_line, found(chosen.session)))
    return 0


Figures = tuple[Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace, Lines, Print], int]]
COMMANDS: Final[dict[str, Figures]] = {
    "digest": (digest_options, digest),
    "turns": (turns_options, turns),
    "requests": (requests_options, requests),
}


def _request_line(one: dict[str, Any]) -> str:
    context = "–" if one["context"] is None else f"{one['context']:,}"
    cache = f"cache {one['cache_read']:,} read, {one['cache_create']:,} written"
    return (
        f"{one['request']:>5}  {one['ts'] or '–':<24}  {one['agent']:<8}  {one['model'] or '–'}: context {context}, "
        f"{one['in']:,} in, {one['out']:,} out, {cache}, {_dollars(one['cost_usd'])}"
    )


def _told(figures: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The figures of each, and at the end where their costs come from."""
    prices = None
    for entry in figures:
        yield from _digest_lines(entry)
        prices = entry["prices"]
    if prices is not None:
        yield prices_line(prices)


def _digest_lines(entry: dict[str, Any]) -> Iterator[str]:
    yield entry.get("session_id") or entry["agent_id"]
    times = f"{_seconds(entry['active_ms'])} of {_seconds(entry['duration_ms'])}"
    yield (
        f"  {_plural(entry['turn_count'], 'turn')}, {times}, "
        f"cost {_dollars(entry['cost_usd'])}{' at least' if entry['unpriced_requests'] else ''}"
    )
    for llm, used in entry["by_model"].items():
        cache = f"cache {used['cache_read']:,} read, {used['cache_create']:,} written"
        yield f"  {llm}: {used['in']:,} in, {used['out']:,} out, {cache}, {_dollars(used['cost_usd'])}"
    if entry["cache_share"] is not None:
        context = entry["context"]
        full = "" if context["most"] is None else f", context {context['last']:,} tokens, at most {context['most']:,}"
        yield f"  {100 * entry['cache_share']:.0f} % out of the cache{full}"
    changes = entry["model_changes"]
    for label, ts in zip(changes["sample_labels"][:5], changes["sample_ts"][:5], strict=True):
        yield f"  model changed: {label}{f' at {ts}' if ts else ''}"
    yield f"  {_plural(entry['tool_total'], 'tool call')}, {entry['tool_failed']:,} failed"
    for name, samples in {**entry["errors"], **entry["issues"]}.items():
        rows = ", ".join(str(row) for row in samples["sample_ordinals"][:5])
        yield f"  {samples['count']:,} × {name} at row {rows}{' …' if samples['count'] > 5 else ''}"


def _turn_line(turn: dict[str, Any]) -> str:
    return (
        f"{turn['agent']:<17} {turn['idx']:>4}  {turn['start_ts'] or '':<24}  {_seconds(turn['duration_ms']):>9}  "
        f"{turn['status'] or 'open':<10}  {_plural(turn['tool_count'], 'call'):>10}  "
        f"{_plural(turn['error_count'], 'error'):>10}  "
        f"{_dollars(turn['cost_usd'])}"
    )


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _seconds(millis: int | None) -> str:
    return "–" if millis is None else f"{millis / 1000:,.1f} s"


def _dollars(usd: float | None) -> str:
    return wording.money(None if usd is None else round(usd * 1_000_000))
