"""The end of a watcher's round: a record is waited for where the writer keeps a rhythm, and nowhere else. No clock."""

from __future__ import annotations

import random
from collections.abc import Sequence

from store.sources.rhythm import MOST, SELDOM, Rhythm
from store.sources.watch import PACE


def rounds(arrivals: Sequence[float]) -> list[tuple[float, float]]:
    """Rounds as the watcher has them, on a clock of our own: (when one ended, what was waited at its end)."""
    rhythm, found, at, now = Rhythm(), [], 0, 0.0
    while at < len(arrivals):
        now = max(now, arrivals[at])
        waited = 0.0
        if found and found[-1][0] + PACE > arrivals[at]:  # not after a quiet time: the round's time is over
            now = max(now, found[-1][0] + PACE)
            patience = rhythm.patience()
            if patience:
                later = next((arrival for arrival in arrivals[at:] if arrival > now), None)
                came = later is not None and later <= now + patience
                waited = later - now if came and later is not None else patience
                rhythm.waited(waited if came else None)
        now += waited
        found.append((now, waited))
        while at < len(arrivals) and arrivals[at] <= now:
            at += 1
    return found


def test_rounds_of_a_steady_writer_end_with_its_records() -> None:
    arrivals = [number * 0.02 for number in range(1000)]
    found = rounds(arrivals)
    assert len(found) <= len(arrivals) / 3 + SELDOM
    assert {round(waited, 3) for _, waited in found[SELDOM:]} == {0.013}


def test_a_record_that_is_late_now_and_then_does_not_end_a_rhythm() -> None:
    odds = random.Random(1)
    arrivals = sorted(number * 0.02 + (0.006 if odds.random() < 0.05 else 0.0) for number in range(1000))
    assert len(rounds(arrivals)) <= len(arrivals) / 3 * 1.1


def test_records_at_random_are_seldom_waited_for() -> None:
    odds, now, arrivals = random.Random(2), 0.0, []
    for _ in range(1000):
        now += odds.expovariate(50)
        arrivals.append(now)
    found = rounds(arrivals)
    assert sum(waited > 0 for _, waited in found) < len(found) / 2
    assert max(waited for _, waited in found) <= MOST
