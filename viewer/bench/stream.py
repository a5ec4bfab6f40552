"""`bench stream`: what one streamed second costs, at any length of the transcript before it.

`store_write_ms` is the GUI thread's part of the store: all that waits in the hub becomes rows and one Delta.
`worker_decode_ms` is the worker's: bytes to events, and their way into the hub. `decode_and_store_ms` is both.
`flush_ms` is one tick without its painting: the store's part, the model, the rows' layouts, what must be painted.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Final

import orjson

from viewer.bench.apart import folder
from viewer.bench.common import Report, figure, percentile, report, rss_mb

NAME: Final = "stream"
HELP: Final = "what one streamed second costs: store write, main thread, frames, signals"
ALL: Final = (
    ("--rows", "10000"),
    ("--rows", "100000"),
    ("--rows", "1000000"),
    ("--rows", "10000", "--message-kb", "1000"),
)
CHUNK: Final = "and then it goes on with "  # 25 characters, as a fast model's chunks


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=10_000, help="rows before the stream")
    parser.add_argument("--flushes", type=int, default=60, help="ticks per streamed second")
    parser.add_argument("--chunks", type=int, default=15, help="chunks per tick")
    parser.add_argument("--mode", choices=("coalesced", "per-event"), default="coalesced")
    parser.add_argument("--repeat", type=int, default=7, help="streamed seconds")
    parser.add_argument("--message-kb", type=int, default=0, help="size of the message before the measured second")


def measure(arguments: argparse.Namespace) -> list[Report]:
    """One report."""
    with folder() as home:
        return [_one(arguments, arguments.rows, home)]


def _line(event: object, **more: object) -> bytes:
    return orjson.dumps({"type": "stream_event", "event": event, "session_id": "s", **more}) + b"\n"


def _wire(number: int, name: str, index: int) -> bytes:
    text = CHUNK + ("\n\n" if number % 40 == 39 else "**x** " if number % 17 == 3 else "")
    event = {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}}
    return _line(event, parent_tool_use_id=None, uuid=f"{name}-{number}")


def _begin(name: str) -> bytes:
    message = {"id": name, "type": "message", "role": "assistant", "content": [], "model": "opus", "usage": {}}
    events = (
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    )
    return b"".join(map(_line, events))


def _one(arguments: argparse.Namespace, rows: int, home: Path) -> Report:
    from store.formats import named
    from store.pipe import Pipe
    from viewer.bench.rig import KEY, Rig
    from viewer.bench.seed import seeded

    before = rss_mb()
    window = seeded(rows, home)
    rig = Rig(window, rows)
    pipe = Pipe(named("claude-stream"))
    decode: list[float] = []
    store: list[float] = []
    main: list[float] = []
    flush: list[float] = []
    paint: list[float] = []
    both: list[float] = []
    inserted: list[int] = []
    changed: list[int] = []
    frames: list[float] = []
    worst: list[float] = []
    p50: list[float] = []
    for second in range(arguments.repeat + 1):  # the first one warms fonts and caches up and does not count
        name = f"msg-{second}"
        rig.step(pipe.feed(_begin(name)))
        if arguments.message_kb:
            body = [_wire(number, name, 0) for number in range(arguments.message_kb * 1024 // len(CHUNK))]
            for first in range(0, len(body), 500):
                rig.step(pipe.feed(b"".join(body[first : first + 500])))
            while rig.hub.pending:
                rig.step()
        rig.inserted = rig.changed = 0
        decoded = written = flushed = whole = 0.0
        per_frame: list[float] = []
        for tick in range(arguments.flushes):
            lines = [_wire(tick * arguments.chunks + n, name, 0) for n in range(arguments.chunks)]
            if arguments.mode == "coalesced":
                read = b"".join(lines)
                start = time.thread_time()
                rig.hub.put(KEY, pipe.feed(read))
                decoded += time.thread_time() - start
                cost = rig.step()
            else:
                start = time.thread_time()
                runs = [pipe.feed(line) for line in lines]
                decoded += time.thread_time() - start
                cost = rig.each(runs)
            written += cost.store
            flushed += cost.flush
            whole += cost.whole
            per_frame.append(cost.whole * 1e3)
        if second == 0:
            continue
        decode.append(decoded * 1e3)
        store.append(written * 1e3)
        main.append(whole * 1e3)
        flush.append(flushed * 1e3 / arguments.flushes)
        paint.append((whole - flushed) * 1e3 / arguments.flushes)
        both.append(whole * 1e3 / arguments.flushes)
        inserted.append(rig.inserted)
        changed.append(rig.changed)
        p50.append(percentile(per_frame, 0.5))
        frames.append(percentile(per_frame, 0.99))
        worst.append(max(per_frame))
    figures = {
        "store_write_ms": figure(store),
        "main_thread_ms": figure(main),
        "frame_cpu_p50_ms": figure(p50),
        "frame_cpu_p99_ms": figure(frames),
        "frame_cpu_max_ms": figure(worst),
        "rows_inserted_signals": figure(inserted),
        "data_changed_signals": figure(changed),
        "worker_decode_ms": figure(decode),
        "decode_and_store_ms": figure(map(sum, zip(decode, store, strict=True))),
        "flush_ms": figure(flush),
        "paint_ms": figure(paint),
        "flush_and_paint_ms": figure(both),
        "rss_mb": figure([rss_mb()]),
        "rss_gained_mb": figure([rss_mb() - before]),
    }
    rig.pane.close()
    if window is not None:
        window.close()
    params = {
        "rows": rows, "flushes": arguments.flushes, "chunks": arguments.chunks, "mode": arguments.mode,
        "repeat": arguments.repeat, "message_kb": arguments.message_kb,
    }  # fmt: skip
    return report(NAME, params, figures)
