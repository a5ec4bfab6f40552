"""How long turns take, as counts in fixed buckets: sums of sessions stay exact, and a digest stays small."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

BOUNDS: Final = (100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 120_000, 300_000)  # ms, upper and inclusive
BUCKETS: Final = len(BOUNDS) + 1  # the last one is for everything longer


def bucket(micros: int) -> int:
    """The bucket of a duration."""
    return bisect_left(BOUNDS, micros / 1000)


def percentile(counts: Sequence[int], share: float) -> float | None:
    """Milliseconds that so much of all samples (0.5, 0.95) did not pass; None without samples.

    Linear inside the bucket; the last bucket is taken to end at twice the last bound.
    """
    rank = share * sum(counts)
    before = 0
    for index, count in enumerate(counts):
        if count and before + count >= rank:
            low = BOUNDS[index - 1] if index else 0
            high = BOUNDS[index] if index < len(BOUNDS) else 2 * BOUNDS[-1]
            return low + (high - low) * (rank - before) / count
        before += count
    return None
