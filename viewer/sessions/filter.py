"""The filter of the session list: every word must occur somewhere in the session's row. Qt-free; used by the model.

`is:archived` and `is:deleted` are such words. What is deleted is not shown unless it is asked for.
"""

from __future__ import annotations

from typing import Final

from store.delta import Row

ARCHIVED: Final = "is:archived"
DELETED: Final = "is:deleted"


def haystack(row: Row, status: str = "") -> str:
    """Everything a user may type to find this session, folded once."""
    found = "\n".join((row.title, row.project, row.agent, row.cwd, row.path, row.session)).casefold()
    return f"{found}\nis:{status}" if status else found


class Filter:
    """Words that must all occur. Made anew for every text."""

    __slots__ = ("deleted", "words")

    def __init__(self, text: str = "") -> None:
        # The longest word first: it excludes most.
        self.words = tuple(sorted(set(text.casefold().split()), key=len, reverse=True))
        self.deleted = DELETED in self.words  # asks for what is deleted

    def __bool__(self) -> bool:
        return bool(self.words)

    def matches(self, hay: str) -> bool:
        return all(word in hay for word in self.words)

    def narrows(self, other: Filter) -> bool:
        """Whatever this one lets through, the other did too: typing on only looks at what is still there."""
        if self.deleted != other.deleted:
            return False
        return all(any(word in mine for mine in self.words) for word in other.words)
