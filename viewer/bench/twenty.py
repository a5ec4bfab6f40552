"""`bench twenty`: twenty live streams of mixed agents at a hundred records a second each, and one of them is seen.

The real window, its list, models and view; bytes come as those of pipes do, and every tick is taken by hand, so that
its cost is CPU of the GUI thread and nothing else. What the workers spend on decoding is told beside it. `scaled_…` is
what the machine of the goals would take, by a yardstick that is taken before and behind each second.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Final

from viewer.bench.apart import clean_environment, folder
from viewer.bench.common import GOAL, Report, beat, figure, percentile, report, rss_mb

NAME: Final = "twenty"
HELP: Final = "twenty live streams of mixed agents at 100 records/s each: frames, main thread, workers"
ALL: Final = ((),)
TICKS: Final = 60  # per second
# Agents whose wire is told record by record; the others rewrite whole documents.
MIXED: Final = (
    "claude-code", "codex", "claude-stream", "gemini-stream", "pi", "acp", "opencode-stream", "codex-exec", "copilot",
    "kimi", "qwen", "cursor-stream", "cursor",
)  # fmt: skip


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--rate", type=int, default=100, help="records per second of each")
    parser.add_argument("--seconds", type=int, default=6, help="streamed seconds that are measured")
    parser.add_argument("--before", type=int, default=600, help="records of each before that")
    parser.add_argument("--in-view", default="claude-code", help="the agent that is looked at")


def measure(arguments: argparse.Namespace) -> list[Report]:
    """One report."""
    kept = dict(os.environ)
    with folder() as home:
        try:
            os.environ.update(clean_environment(home))
            return [_measure(arguments, home)]
        finally:
            os.environ.clear()
            os.environ.update(kept)


class Stream:
    """One stream: its records, and the pipe of the worker that would read them."""

    def __init__(self, key: str, agent: str, recording: Path, home: Path, records: int) -> None:
        from store.formats import named
        from store.pipe import Pipe
        from viewer.bench.grown import grow

        path = home / f"{key}.jsonl"
        grow(recording, records, path)
        self.key, self.agent = key, agent
        self.lines = path.read_bytes().splitlines(keepends=True)
        self.pipe = Pipe(named(agent))
        self.at = 0

    def take(self, until: int) -> bytes:
        data = b"".join(self.lines[self.at : until])
        self.at = until
        return data


def _measure(arguments: argparse.Namespace, home: Path) -> Report:
    from store.session import Session
    from viewer.app import App
    from viewer.bench.grown import recordings
    from viewer.options import Options

    found = recordings()
    agents = [agent for agent in MIXED if agent in found]
    if not agents:
        raise SystemExit("There are no recordings: this bench runs where the repository lies.")
    memory = rss_mb()
    app = App(Options(theme="dark", size=(1280, 860)))
    app.window.restore(None)
    app.window.show()
    live, desk = app.live, app.window.desk
    most = arguments.before + arguments.rate * (arguments.seconds + 2)
    streams = []
    for number in range(arguments.streams):
        agent = agents[number % len(agents)]
        stream = Stream(f"stream-{number:02}", agent, found[agent], home, most)
        live.hub.sessions[stream.key] = Session(stream.key)
        desk.show_session(stream.key)
        live.hub.put(stream.key, stream.pipe.feed(stream.take(arguments.before)))
        while live.hub.pending:
            live.on_tick()
        streams.append(stream)
    viewed = next((stream for stream in streams if stream.agent == arguments.in_view), streams[0])
    desk.show_session(viewed.key)
    app.window.pane.view.set_follow(True)
    app.qt.processEvents()
    frames: list[float] = []
    per_second: list[float] = []
    decoding: list[float] = []
    scaled: list[float] = []
    beats: list[float] = []
    fed = 0
    last = beat()
    for second in range(arguments.seconds + 1):
        main = decoded = 0.0
        costs: list[float] = []
        due = time.monotonic()
        for tick in range(TICKS):
            due += 1 / TICKS  # at the real pace: what is done in rounds of real time must not look cheaper
            time.sleep(max(0.0, due - time.monotonic()))
            until = arguments.before + (second * TICKS + tick + 1) * arguments.rate // TICKS
            start = time.thread_time()
            for stream in streams:
                events = stream.pipe.feed(stream.take(until))
                if events:
                    live.hub.put(stream.key, events)
            decoded += time.thread_time() - start
            start = time.thread_time()
            while live.hub.pending:
                live.on_tick()
            app.qt.processEvents()
            cost = time.thread_time() - start
            main += cost
            costs.append(cost * 1e3)
        before, last = last, beat()
        if second:  # the first one warms up
            frames += costs
            beats.append((before + last) / 2)
            scaled += [cost * GOAL / beats[-1] for cost in costs if beats[-1]]
            per_second.append(main * 1e3)
            decoding.append(decoded * 1e3)
            fed += arguments.rate * len(streams)
    rows = sum(model.model.length for stream in streams if (model := desk.opened(stream.key)) is not None)
    figures = {
        "frame_cpu_p50_ms": figure([percentile(frames, 0.5)]),
        "frame_cpu_p99_ms": figure([percentile(frames, 0.99)]),
        "frame_cpu_max_ms": figure([max(frames)]),
        "scaled_frame_p50_ms": figure([percentile(scaled or [0.0], 0.5)]),
        "scaled_frame_p99_ms": figure([percentile(scaled or [0.0], 0.99)]),
        "scaled_frame_max_ms": figure([max(scaled or [0.0])]),
        "yardstick_s": figure(beats),
        "main_thread_ms": figure(per_second),
        "worker_decode_ms": figure(decoding),
        "rss_gained_mb": figure([rss_mb() - memory]),
    }
    params = {
        "streams": len(streams), "agents": len({stream.agent for stream in streams}), "rate": arguments.rate,
        "seconds": arguments.seconds, "records": fed, "rows": rows, "in_view": viewed.agent,
    }  # fmt: skip
    app.window.close()
    app.shutdown()
    return report(NAME, params, figures)
