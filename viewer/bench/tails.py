"""`bench tails`: a record of any agent is put behind a watched file; when is it on the screen, and what does that cost?

Recordings that are grown, as `bench fold --agent` has them. `gemini.json` is a chat that is written whole each time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from viewer.bench.apart import Child, compile_modules, folder
from viewer.bench.common import Report, figure, percentile, report

NAME: Final = "tails"
HELP: Final = "record of any agent put behind a watched file → painted, and the CPU of the whole process"
ALL: Final = ((),)
WHOLE: Final = "gemini.json"


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--records", type=int, default=400, help="records before")
    parser.add_argument("--appends", type=int, default=60)
    parser.add_argument("--rate", type=float, default=30.0, help="appends per second")
    parser.add_argument("--agent", default="all", help="of these (comma); all: of each that tells record by record")


def measure(arguments: argparse.Namespace) -> list[Report]:
    """A report for each agent."""
    from viewer.bench.grown import recordings

    found = recordings()
    wanted = sorted([*found, WHOLE]) if arguments.agent == "all" else arguments.agent.split(",")
    if unknown := [agent for agent in wanted if agent not in found and agent != WHOLE]:
        raise SystemExit(f"There is no recording of {', '.join(unknown)}. There are: {', '.join(found) or 'none'}.")
    reports = []
    with folder() as home:
        compile_modules(home)
        for agent in wanted:
            steps = list(_rewritten(arguments)) if agent == WHOLE else _lines(found[agent], home, arguments)
            if len(steps) > arguments.appends:  # else it is a document that is written once
                reports.append(_one(arguments, agent, steps, home))
    return reports


def _lines(recording: Path, home: Path, arguments: argparse.Namespace) -> list[bytes]:
    """What is written one after the other: the past as one piece, then records."""
    from viewer.bench.grown import grow

    path = home / "grown.jsonl"
    grow(recording, arguments.records + arguments.appends, path)
    lines = path.read_bytes().splitlines(keepends=True)
    first = len(lines) - arguments.appends
    return [b"".join(lines[:first]), *lines[first:]] if first > 0 else []


def _rewritten(arguments: argparse.Namespace) -> Iterator[bytes]:
    """The whole of a chat, each time with one message more."""
    head = {"sessionId": "s", "projectHash": "p", "startTime": "2026-11-21T10:00:00.000Z", "lastUpdated": ""}
    told = [_message(number) for number in range(arguments.records + arguments.appends)]
    for count in range(arguments.records, len(told) + 1):
        yield orjson.dumps({**head, "messages": told[:count]}, option=orjson.OPT_INDENT_2)


def _message(number: int) -> dict[str, Any]:
    said = {"type": "gemini" if number % 2 else "user", "content": f"Step {number}: looked at `store/retry.py`."}
    return {"id": f"m{number}", "timestamp": "2026-11-21T10:00:00.000Z", **said}


def _one(arguments: argparse.Namespace, agent: str, steps: list[bytes], home: Path) -> Report:
    whole = agent == WHOLE
    path = home / f"session-{agent}{'' if whole else '.jsonl'}"
    path.write_bytes(steps[0])
    rows, news = _news(agent.removesuffix(".json"), steps, whole)
    child = Child(home, path, arguments.appends / arguments.rate + 5, rows)
    child.wait("ready")
    due = time.monotonic() + 0.3
    written: list[float] = []
    for step in steps[1:]:
        time.sleep(max(0.0, due - time.monotonic()))
        written.append(time.monotonic())
        with path.open("wb" if whole else "ab", buffering=0) as file:
            file.write(step)
        due += 1 / arguments.rate
    done = child.wait("done")
    child.end()
    late = [(at - written[news[item]]) * 1e3 for item, at in done["painted"].items() if item in news]
    figures = {"cpu_ms_per_append": figure([done["cpu"] * 1e3 / arguments.appends])}
    if late:  # else these records have only changed rows that were there
        figures["append_to_paint_p50_ms"] = figure([percentile(late, 0.5)])
        figures["append_to_paint_p95_ms"] = figure([percentile(late, 0.95)])
        figures["append_to_paint_ms"] = figure(late)
    params = {
        "agent": agent, "records": arguments.records, "bytes": path.stat().st_size, "appends": arguments.appends,
        "rate": arguments.rate, "rows": rows, "painted": len(late),
    }  # fmt: skip
    return report(NAME, params, figures)


def _news(agent: str, steps: list[bytes], whole: bool) -> tuple[int, dict[str, int]]:
    """How many rows come behind the past, and which step has each of them first."""
    from store.fold import Put, State, fold_run
    from store.formats import named
    from store.pipe import Pipe

    pipe, state = Pipe(named(agent)), State()
    again: Callable[[bytes], Any] = pipe.again if whole else pipe.feed
    fold_run(state, [*pipe.feed(steps[0]), *pipe.finish()])
    before = state.rows
    news: dict[str, int] = {}
    for number, step in enumerate(steps[1:]):
        for change in fold_run(state, again(step) or []):
            if isinstance(change, Put) and change.row >= before:
                news.setdefault(change.item.id, number)
    return state.rows - before, news
