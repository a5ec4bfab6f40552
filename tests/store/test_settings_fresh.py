"""Settings that others write: read on any thread, taken over by the owner. And the log of what was changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from store import audit
from store import settings as st
from store.paths import data_dir
from store.settings import Settings


def test_what_another_wrote_is_taken_over_and_told(tmp_path: Path) -> None:
    """S-07: two of them on one file; who wrote last has won, and only what differs is told."""
    one, other = Settings(tmp_path / "settings.toml"), Settings(tmp_path / "settings.toml")
    told: list[str] = []
    one.watch(lambda setting: told.append(setting.name))
    other.put({st.CLEANUP_DAYS.name: 20, st.CLEANUP_HOUR.name: 0})
    one.put({st.CLEANUP_DAYS.name: 9})
    values, refused = st.read(one.path)
    one.take(values, one.writes)
    assert refused == []
    assert (one[st.CLEANUP_DAYS], one[st.CLEANUP_HOUR]) == (9, 0)  # 0 is an hour
    assert told == [st.CLEANUP_DAYS.name, st.CLEANUP_HOUR.name]
    one.take({}, one.writes)
    assert one[st.CLEANUP_DAYS] == 7


def test_the_three_steps_of_a_write(tmp_path: Path) -> None:
    """S-05, 003-41: what is wrong names its field and leaves the others; the same value again is no write."""
    settings = Settings(tmp_path / "settings.toml")
    with pytest.raises(ValueError, match="Forget threads not used for"):
        settings.put({st.CLEANUP_DAYS.name: 366, st.COMPACT_TURNS.name: 60})
    assert settings[st.COMPACT_TURNS] == 50
    changed = settings.changed({st.CLEANUP_DAYS.name: 7, st.COMPACT_TURNS.name: 60})
    assert changed == {st.COMPACT_TURNS.name: 60}
    settings.write(changed)
    assert settings[st.COMPACT_TURNS] == 50  # not before it is adopted
    settings.take(st.read(settings.path)[0], settings.writes)  # the watch was quicker
    told: list[str] = []
    settings.watch(lambda setting: told.append(setting.name))
    settings.adopt(changed)
    assert (settings[st.COMPACT_TURNS], told, settings.writes) == (60, [], 1)


def test_what_was_written_since_a_write_of_ours_stays_in_force(tmp_path: Path) -> None:
    """S-07: adopted late, as the window does it, our values would hide what the file says by now."""
    settings = Settings(tmp_path / "settings.toml")
    for late in (True, False):
        changed = settings.changed({st.COMPACT_TURNS.name: 99})
        before = settings.writes
        settings.write(changed)
        settings.path.unlink()
        settings.take(st.read(settings.path)[0], settings.writes if late else before)
        settings.adopt(changed)
        assert settings[st.COMPACT_TURNS] == (50 if late else 99)  # else the watch looks once more


@pytest.mark.parametrize(
    ("setting", "low", "high", "default"),
    [(st.CLEANUP_DAYS, 1, 365, 7), (st.COMPACT_TURNS, 1, 500, 50), (st.CLEANUP_HOUR, 0, 23, 3)],
)
def test_ranges(setting: st.Setting[int], low: int, high: int, default: int) -> None:
    """S-02, S-03, S-04: both ends are right, one beyond is not."""
    assert setting.default == default
    assert (setting.check(low), setting.check(high)) == (low, high)
    for wrong in (low - 1, high + 1, True, "7", 7.5):
        with pytest.raises(ValueError, match=setting.title.split("(")[0].strip()):
            setting.check(wrong)
    assert st.RESUME_NEW.default is False  # S-01


def test_unknown_keys_of_a_newer_version_stay(tmp_path: Path) -> None:
    """S-06: they are kept in the file, and no trouble."""
    path = tmp_path / "settings.toml"
    path.write_text("[threads]\ncleanup_days = 9\nlater = 1\n")
    settings = Settings(path)
    settings.put({st.COMPACT_TURNS.name: 80})
    assert settings.warnings == []
    assert path.read_text() == "[threads]\ncleanup_days = 9\nlater = 1\ncompact_turns = 80\n"


def test_the_log_is_read_newest_first(tmp_path: Path) -> None:
    """003-87: nothing before there is a database; then all of it, in order, with who did it."""
    db = data_dir() / "playhead.db"
    assert audit.entries(db) == audit.Books((), 0)
    for number in range(5):
        audit.note(db, "settings", f"step {number}", actor="cli" if number else "user")
    books = audit.entries(db, limit=2)
    assert books.total == 5
    assert [(entry.actor, entry.detail) for entry in books.rows] == [("cli", "step 4"), ("cli", "step 3")]
