"""How thorough tests of random input are: enough with every run, which are never the same, and far more in a soak."""

from __future__ import annotations

import os

import pytest

TIMES = int(os.environ.get("PLAYHEAD_EXAMPLES", "1"))  # `make soak` sets it


def examples(count: int) -> int:
    """For hypothesis: so many with every run."""
    return count * TIMES


def seeds(count: int, soak: int) -> list[object]:
    """For `parametrize`: so many with every run, and up to `soak` in a soak."""
    return [*range(count), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(count, soak))]
