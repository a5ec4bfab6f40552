"""A session before it is saved: all that is known of it, in memory, until somebody says or does something in it.

What that is says `has_content`, here and nowhere else. A draft whose first content never comes leaves no trace.
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec import Struct

from store import events as ev
from store.errors import StoreError
from store.events import Event

UNKNOWN: Final = "unknown"  # the origin of a session that nobody has named one for
USER_RANK: Final = 100  # of a title that the user gave: above whatever a format says
KEPT_DAYS: Final = 30  # that an empty session which was removed can be brought back
LONGEST: Final = 200  # characters of a title that a user gives

# Bookkeeping: connecting, handshakes, pings and their answers, settings, usage, hooks, titles, the end of a start that
# failed. Whoever adds a kind of event says here what it is (a test asks).
_NEVER: Final = (
    ev.SessionNamed, ev.ConfigChanged, ev.AdapterSeen, ev.Usage, ev.Spent, ev.NoticeAdded, ev.TurnEnded,
    ev.Compacting, ev.Answered, ev.Called,
)  # fmt: skip
_ALWAYS: Final = (
    ev.MessageDone, ev.ThoughtDone, ev.ToolStarted, ev.ToolInput, ev.ToolUpdated, ev.PlanSet, ev.Compacted,
    ev.Rewound, ev.Unreadable, ev.PromptSent, ev.Asked,
)  # fmt: skip


def _says(event: Any) -> bool:
    return bool(event.text)


def _is_prompt(event: Any) -> bool:
    return bool(event.origin != "injected")  # what a hook adds is nobody's word


_SOMETIMES: Final[dict[type[Event], Callable[[Any], bool]]] = {
    ev.TextDelta: _says, ev.ThoughtDelta: _says, ev.PromptText: _is_prompt,
}  # fmt: skip
KINDS: Final[dict[type[Event], Callable[[Any], bool] | bool]] = {
    **dict.fromkeys(_NEVER, False), **dict.fromkeys(_ALWAYS, True), **_SOMETIMES,
}  # fmt: skip
"""Per kind of event whether it is content, or how to tell. A kind that is not in here is: nothing is hidden."""


def has_content(run: Iterable[Event]) -> bool:
    """Whether any of these is more than bookkeeping. The one definition, for the list, imports and live streams.

    A session without such an event is a draft: nobody has said or done anything in it, so it is not listed or kept.
    """
    for event in run:
        told = KINDS.get(type(event), True)
        if told is True or (told is not False and told(event)):
            return True
    return False


class Draft(Struct):
    """What a session is besides what its events say. None and '' are unknown.

    `session` is the one sign of being saved, and only `ensure_session` sets it, from what the database has: a draft
    that is lost with its process was never saved, and nothing can be taken for saved that is not.
    """

    key: str  # the path of its main file
    origin: str = ""  # file, run, stdin, webhook, …
    created: int | None = None  # microseconds UTC
    user: str | None = None
    host: str | None = None
    parent: str = ""  # key of the session that it goes on from
    config: str | None = None  # JSON: what its agent was started with
    system_prompt: str | None = None
    title: str = ""  # as the user calls it
    status: str = "paused"  # active while somebody works in it
    token: str | None = None  # names the lock that says so
    ended: int | None = None
    end_reason: str | None = None
    session: int | None = None

    @property
    def saved(self) -> bool:
        return self.session is not None

    def rename(self, title: str) -> None:
        """Keep a title until there is something to save it with. Raises StoreError for one that cannot be; it is
        dropped, and the one before stays."""
        self.title = valid_title(title)


def valid_title(title: str) -> str:
    """A title as it is kept: one line. Raises StoreError with a sentence for the user."""
    line = " ".join(title.split())
    if not line:
        raise StoreError("A title needs at least one letter.")
    if len(line) > LONGEST:
        raise StoreError(f"This title has {len(line):,} characters, and {LONGEST} is the most.")
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in line):
        raise StoreError("A title cannot hold control characters.")
    return line


def too_old() -> int:
    """Microseconds UTC: an empty session that was removed before then is gone for good."""
    return (time.time_ns() - KEPT_DAYS * 86_400_000_000_000) // 1000
