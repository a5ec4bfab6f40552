"""The end of a watcher's round: a record is waited for where the writer keeps a rhythm, and nowhere else. No clock."""

from __future__ import annotations

import random
from collections.abc import Sequence

from store.sources.rhythm import AFTER, MOST, SELDOM, Rhythm
from store.sources.watch import PACE

TOLD = 0.0007  # seconds that telling of a round takes


def rounds(arrivals: Sequence[float]) -> list[tuple[float, float]]:
    """Rounds as the watcher has them, on a clock of our own: (when one ended, what was waited at its end)."""
    rhythm, found, at, now = Rhythm(), [], 0, 1.0
    while at < len(arrivals):
        now = max(now, arrivals[at])  # after a quiet time: told at once
        waited = 0.0
        while at < len(arrivals) and arrivals[at] <= now:
            found.append((now, waited))
            while at < len(arrivals) and arrivals[at] <= now:
                at += 1
            now += TOLD
            now += rhythm.nap(PACE, now)
            waited = 0.0
            if at == len(arrivals) or arrivals[at] > now:
                rhythm.lost()
            elif patience := rhythm.patience():
                later = next((arrival for arrival in arrivals[at:] if arrival > now), now + 1)
                came = later <= now + patience
                waited = later - now if came else patience
                now += waited
                rhythm.waited(waited if came else None, now)
    return found


def late(arrivals: Sequence[float], found: Sequence[tuple[float, float]]) -> list[float]:
    """How long each record waited for its round, sorted."""
    ends = [end for end, _ in found]
    return sorted(next(end for end in ends if end >= arrival) - arrival for arrival in arrivals)


def test_rounds_of_a_steady_writer_end_with_its_records() -> None:
    arrivals = [1 + number * 0.02 for number in range(600)]
    found = rounds(arrivals)
    assert len(found) <= len(arrivals) / 3 + SELDOM
    # Once the rhythm is sure it is waited for in every eighth round; the others are over when the record has come.
    assert sum(waited > 0 for _, waited in found) <= len(found) / SELDOM + SELDOM
    waits = late(arrivals, found)
    assert waits[len(waits) // 2] <= 0.02 + 2 * AFTER
    assert waits[-SELDOM] <= 0.04 + 2 * AFTER


def test_a_record_that_is_late_now_and_then_does_not_end_a_rhythm() -> None:
    odds = random.Random(1)
    arrivals = sorted(1 + number * 0.02 + (0.003 if odds.random() < 0.05 else 0.0) for number in range(600))
    found = rounds(arrivals)
    assert len(found) <= len(arrivals) / 3 * 1.1
    assert late(arrivals, found)[300] <= 0.027


def test_a_writer_that_changes_its_pace_is_followed() -> None:
    arrivals = [1 + number * 0.02 for number in range(300)]
    arrivals += [arrivals[-1] + (number + 1) / 55 for number in range(300)]
    assert late(arrivals, rounds(arrivals))[300] <= 0.024


def test_records_at_random_are_seldom_waited_for() -> None:
    odds, now, arrivals = random.Random(2), 1.0, []
    for _ in range(600):
        now += odds.expovariate(50)
        arrivals.append(now)
    found = rounds(arrivals)
    assert sum(waited > 0 for _, waited in found) < len(found) / 2
    assert max(waited for _, waited in found) <= MOST


def test_a_rhythm_is_found_wherever_a_round_begins_in_it() -> None:
    """Where rounds drift through it by the same way each time, luck would find it late or never."""
    for phase in range(0, 60, 3):
        for before in range(SELDOM):
            # So many rounds of one record each, then a steady writer that is first heard of in the middle of a round.
            quick = [1 + number * 0.04 for number in range(before)]
            began = 1 + before * 0.05 + phase / 1000
            arrivals = [*quick, *(began + number * 0.0201 for number in range(300))]
            found = rounds(arrivals)
            assert len(found) <= before + 300 / 3 + SELDOM, (phase, before)
