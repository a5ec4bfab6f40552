"""What the user calls a session, in the database: whatever is typed, and whoever reads the session anew meanwhile."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from builders import assistant, lines, user

from store.db.writer import Writer
from store.errors import StoreError
from store.intake import take_in
from store.titles import LONGEST, names, rename


@pytest.fixture
def db(database: Path) -> Path:
    """In a file, and on a server."""
    return database


@pytest.fixture
def session(tmp_path: Path) -> Path:
    path = tmp_path / "one.jsonl"
    path.write_bytes(lines(user("go"), assistant("gone")))
    return path


def test_a_name_is_one_line_of_what_can_be_kept(db: Path, session: Path) -> None:
    """A NUL is no text to a server, half a surrogate none to any database; an escape code is none to a reader."""
    for typed, kept in (
        ("  a\x00b\n\tc\x1b[31m\ud800 ", "a b c [31m"),
        ("👩‍👩‍👧 שלום", "👩‍👩‍👧 שלום"),
        ("long " * LONGEST, ("long " * 60).strip()),
    ):
        rename(db, session, typed)
        assert names(db) == {str(session): kept}
    rename(db, session, " \x00 ")
    assert names(db) == {}, "nothing is no name"


def test_a_name_that_is_given_while_the_session_is_read_anew_is_kept(db: Path, session: Path) -> None:
    """It is given to the session of that file, and not to the row that was looked at before."""
    rename(db, session, "first")
    with closing(Writer(db)) as writer:
        take_in(db, session, anew=True)  # what was looked at is another one's row now, until it is swept
        writer.rename(session, "second")
        assert names(db) == {str(session): "second"}
        with pytest.raises(StoreError, match="not in the database"):
            writer.rename(session.with_name("other.jsonl"), "nobody's")


def test_what_nobody_has_written_in_has_no_name(db: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nothing in it yet"):
        rename(db, tmp_path / "never.jsonl", "mine")
