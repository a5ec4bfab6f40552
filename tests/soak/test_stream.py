"""Minutes of streaming: nothing is lost and memory stays flat. `make soak`; PLAYHEAD_SOAK_SECONDS shortens it."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from store import events as ev
from store.events import At
from store.hub import Hub
from store.session import Session

SECONDS = float(os.environ.get("PLAYHEAD_SOAK_SECONDS", "120"))
WORDS = 40  # chunks per message
STATM = Path("/proc/self/statm")

pytestmark = pytest.mark.soak


def resident_mb() -> float:
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def turn(number: int) -> list[ev.Event]:
    """A prompt, its answer in chunks, the end of the turn."""
    at = At(ts=number)
    events: list[ev.Event] = [ev.PromptText(at, f"p{number}", "go on")]
    events += [ev.TextDelta(at, f"m{number}", f"word {word} ") for word in range(WORDS)]
    events.append(ev.TurnEnded(at, "success"))
    return events


@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.skipif(not STATM.exists(), reason="reads /proc")
def test_four_streams_for_minutes_lose_nothing_and_stay_small() -> None:
    woken = threading.Event()
    hub = Hub(woken.set)
    keys = ["a", "b", "c", "d"]
    for key in keys:
        hub.sessions[key] = Session(key)
    end = time.monotonic() + SECONDS
    put = dict.fromkeys(keys, 0)

    def stream(key: str) -> None:
        number = 0
        while time.monotonic() < end:
            hub.room.wait(1)  # as sources do: a full hub holds its writers back
            events = turn(number)
            number += 1
            hub.put(key, events)
            put[key] += len(events)

    workers = [threading.Thread(target=stream, args=(key,)) for key in keys]
    for worker in workers:
        worker.start()
    sizes: list[float] = []
    rows = dict.fromkeys(keys, 0)
    next_look = time.monotonic()
    while any(worker.is_alive() for worker in workers) or hub.pending:
        woken.wait(0.1)
        woken.clear()
        for delta in hub.flush():
            rows[delta.session] += len(delta.added)
        if hub.pending:
            woken.set()
        if time.monotonic() >= next_look:
            sizes.append(resident_mb())
            next_look += max(0.1, SECONDS / 100)
    for worker in workers:
        worker.join()

    assert hub.folded == sum(put.values())
    assert hub.backlog == 0
    turns = {key: put[key] // len(turn(0)) for key in keys}
    assert all(rows[key] >= 2 * turns[key] for key in keys), "a prompt and a message for every turn"
    half = len(sizes) // 2
    assert max(sizes[half:]) - max(sizes[:half]) < 32, f"MB over time: {[round(size) for size in sizes]}"
