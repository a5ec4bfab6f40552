"""`playhead usage`: what sessions took, by day, model, session or project, for people and scripts. No Qt."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

TROUBLE: Final = 2
BY: Final = ("day", "model", "session", "project")
_HEAD: Final = ("in", "out", "cache written", "cache read", "cost", "sessions")

Lines = Callable[[Iterable[dict[str, Any]]], None]
Print = Callable[[Iterable[str]], None]


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sessions", metavar="PATH|ID", nargs="*", help="sessions, or folders of them; without: all")
    parser.add_argument("--root", action="append", metavar="DIR", help="look here, not in the agents' own folders")
    parser.add_argument("--by", choices=BY, default="day", help="what a line is about (default: day)")
    parser.add_argument("--since", type=_day, default="", metavar="DAY", help="from this day on, as 2026-11-21")
    parser.add_argument("--until", type=_day, default="", metavar="DAY", help="up to this day, and with it")
    parser.add_argument("--agent", default="", metavar="NAME", help="of this program alone, as claude-code or codex")
    parser.add_argument("--utc", action="store_true", help="days of UTC, not of this machine's time zone")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(chosen: argparse.Namespace, lines: Lines, print_: Print, say: Callable[[str], None]) -> int:
    """0: all was read. 2: some of it was not, and it was said which. Raises StoreError."""
    from store.usage_report import Usage, usage

    troubles: list[str] = []
    roots = [Path(root) for root in chosen.root] if chosen.root else None
    reading = Usage(
        chosen.sessions, roots, chosen.agent, chosen.since, utc=chosen.utc, trouble=troubles.append
    ).sessions()
    report = usage(reading, chosen.by, chosen.since, chosen.until)
    if chosen.json:
        lines([report])
    else:
        print_(told(report))
    for trouble in troubles:
        say(trouble)
    return TROUBLE if troubles else 0


def told(report: dict[str, Any]) -> Iterator[str]:
    """The report as people read it: a line per group, its models below it where there are several."""
    by = report["by"]
    rows: list[tuple[str, tuple[str, ...]]] = [(by, _HEAD)]
    for group in report["groups"]:
        rows += _rows(_name(group, by), group, models=by != "model")
    if report["groups"]:
        rows += _rows("total", report["total"], models=by != "model")
    else:
        yield "No session has told of any tokens."
        return
    first = min(48, max(len(name) for name, _ in rows))
    widths = [max(len(cells[index]) for _, cells in rows) for index in range(len(_HEAD))]
    for name, cells in rows:
        shown = name if len(name) <= first else f"{name[: first - 1]}…"
        numbers = "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        yield f"{shown.ljust(first)}  {numbers}".rstrip()
    for model in report["unpriced"]:
        count = model["requests"]
        yield f"– {count:,} request{'' if count == 1 else 's'} without a price. {model['reason']}"
    yield prices_line(report["prices"])


def prices_line(prices: dict[str, Any]) -> str:
    """Where costs come from, in a sentence."""
    source = f"Costs are estimates by list price: {prices['source']}, of {prices['date'] or 'an unknown day'}"
    if prices["own"]:
        dated = f", of {prices['own_date']}" if prices["own_date"] else ""
        return f"{source}, and before it your own in {prices['own']}{dated}."
    return f"{source}."


def _name(group: dict[str, Any], by: str) -> str:
    name = group[by]
    if by == "session":
        return f"{name}  {group['title']}".rstrip() if name else "–"
    return name or ("no day told" if by == "day" else "–")


def _rows(name: str, figures: dict[str, Any], *, models: bool) -> list[tuple[str, tuple[str, ...]]]:
    rows = [(name, _cells(figures, str(figures["sessions"])))]
    of_models = figures["by_model"]
    if models:
        if len(of_models) == 1:
            rows[0] = (f"{name}  {next(iter(of_models))}", rows[0][1])
        else:
            rows += [(f"  {llm}", _cells(one, "")) for llm, one in of_models.items()]
    return rows


def _cells(figures: dict[str, Any], sessions: str) -> tuple[str, ...]:
    cost, unpriced = figures["cost_usd"], figures["unpriced_requests"]
    amount = "" if cost is None else "< $0.01" if 0 < cost < 0.01 else f"${cost:,.2f}"
    dollars = f"{'≥ ' if unpriced else ''}{amount}" if amount else "–"
    counts = (figures["in"], figures["out"], figures["cache_create"], figures["cache_read"])
    return (*(f"{count:,}" for count in counts), dollars, sessions)


def _day(text: str) -> str:
    if not text:
        return ""
    digits = text.replace("-", "")
    try:
        if len(digits) != 8:
            raise ValueError
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no day, write it like 2026-11-21") from None
