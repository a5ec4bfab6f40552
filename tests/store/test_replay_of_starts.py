"""The original's share of starts that came to nothing, played again: the others are saved, as ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from viewer.bench.drafts import EMPTY, STARTS, differing, replay, starts


def check(folder: Path, count: int, empty: int) -> None:
    lazy = replay(folder / "lazy.db", starts(count, empty), eager=False)
    eager = replay(folder / "eager.db", starts(count, empty), eager=True)
    assert len(lazy.sessions) == count - empty
    assert (lazy.empty, eager.empty, len(eager.sessions)) == (0, empty, count)
    assert len(eager.sessions) - len(lazy.sessions) == empty, "rows avoided"
    assert differing(lazy, eager) == []
    wanted = {
        "origin", "user_id", "created", "model_config", "system_prompt", "user_title", "llm", "title", "facts", "fold",
    }  # fmt: skip
    assert wanted <= set(lazy.columns)


def test_001_02_a_share_of_the_starts_leaves_the_others(tmp_path: Path) -> None:
    """001-03, 002-06: 32.4 % empty, no row of these, and each column and row of the others equal to eager creation."""
    check(tmp_path, 330, 107)


def test_what_differs_is_seen(tmp_path: Path) -> None:
    """The comparison can fail: other starts are other sessions, column by column."""
    lazy = replay(tmp_path / "lazy.db", starts(60, 20), eager=False)
    other = replay(tmp_path / "other.db", starts(61, 20), eager=True)
    assert differing(lazy, other) != []


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_001_02_all_10985_starts_leave_7421_rows(tmp_path: Path) -> None:
    """001-03, 002-06: at the size of the original."""
    assert STARTS - EMPTY == 7_421
    check(tmp_path, STARTS, EMPTY)
