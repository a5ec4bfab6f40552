"""Timestamps of Claude's records: the short way, by the hour that is known, gives what the long way gives."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.formats.values import moment

MILLIS = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)).map(  # noqa: DTZ001 - made aware below
    lambda when: when.replace(tzinfo=UTC, microsecond=when.microsecond // 1000 * 1000)
)


SIXTY = st.integers(0, 59)


@given(st.lists(st.tuples(MILLIS, SIXTY, SIXTY, st.integers(0, 999)), min_size=1, max_size=6))
def test_short_way_equals_long_way(days: list[tuple[datetime, int, int, int]]) -> None:
    for when, minute, second, milli in days:
        for other in (when, when.replace(minute=minute, second=second, microsecond=milli * 1000)):  # of a known hour
            text = other.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            assert moment(text) == round(other.timestamp() * 1_000_000)


ODD = (
    "2026-09-14T15:07:99.000Z",
    "2026-09-14T15:07:0a.000Z",
    "2026-09-14T15:07:08,158",
    "2026-09-14T15:07.08.158Z",
    "",
)


@pytest.mark.parametrize("text", ODD)
def test_odd_ones_are_not_guessed(text: str) -> None:
    assert moment("2026-09-14T15:07:08.158Z") == 1789398428158000
    assert moment(text) in (None, 1789398428158000)


def test_a_second_beyond_the_minute_is_no_time() -> None:
    moment("2026-09-14T15:07:08.158Z")
    assert moment("2026-09-14T15:07:60.000Z") is None
