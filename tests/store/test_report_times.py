"""Times on the wire: what `datetime` would say, without making one for each."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.report import iso

FIRST, LAST = (round(datetime(year, 1, 2, tzinfo=UTC).timestamp()) * 1_000_000 for year in (1, 9999))


@given(st.integers(FIRST, LAST))
def test_a_time_as_datetime_says_it(ts: int) -> None:
    when = datetime.fromtimestamp(ts // 1_000_000, UTC).replace(microsecond=ts % 1_000_000)
    assert iso(ts) == when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.mark.parametrize("ts", [-(10**18), 10**18, 2**80, -(2**80)])
def test_years_that_there_are_not(ts: int) -> None:
    assert iso(ts) is None


def test_unknown_is_unknown() -> None:
    assert iso(None) is None
