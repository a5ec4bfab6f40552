"""How times, sizes, counts and states are worded, and when such a text will be wrong. Pure; for all that shows one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path, PureWindowsPath
from typing import Final

from store import agents

SECOND: Final = 1_000_000  # microseconds, as everywhere in the store
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
NEVER: Final = float("inf")
UNKNOWN: Final = "–"
_STEPS: Final = ((10 * SECOND, SECOND, "s"), (MINUTE, 10 * SECOND, "s"), (HOUR, MINUTE, "min"), (DAY, HOUR, "h"))

STATES: Final[Mapping[str, str]] = {
    "live": "live", "opening": "opening", "running": "running", "compacting": "compacting",
    "waiting": "waiting for you", "idle": "idle", "draft": "not saved yet", "ended": "ended", "failed": "failed",
    "archived": "archived", "deleted": "deleted",
}  # fmt: skip
AT_WORK: Final = frozenset(("running", "compacting", "waiting"))  # the states in which an agent is
OVER: Final = frozenset(("ended", "failed", "archived"))  # the states in which nothing more will come of itself


def state(name: str) -> str:
    """The word for a state of a session; one that is new to us stands for itself."""
    return STATES.get(name, name)


def no_rows(state: str, trouble: str, *, draft: bool) -> str:
    """What stands in place of a transcript that has no row: why, or what is waited for. '': the first record is."""
    if trouble:
        return "Nothing could be read."
    return "Reading…" if state == "opening" or (state in OVER and not draft) else ""


def agent(name: str) -> str:
    """'claude-code' as people call it."""
    return agents.title(name)


def home(path: Path) -> str:
    """A path as people write it: '~/…' below the home folder."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):  # elsewhere, or nobody's home
        return str(path)


def name_of(path: str) -> str:
    """The last part of a path, of this system or of the one that a session comes from."""
    if not path.startswith("/") and (other := PureWindowsPath(path)).drive:
        return other.name
    return path.rstrip("/").rpartition("/")[2]


def named(title: str, most: int = 300) -> str:
    """A title as one line: titles come from records, and what cannot be seen or turns letters around is shown."""
    from viewer.rows.clean import clean  # the first title is painted when rows are there

    return clean(" ".join(title[:most].split()))


def title_of(key: str) -> str:
    """What a session is called before it says so itself: its file's name, or its key."""
    return name_of(key) if key.startswith("/") or Path(key).is_absolute() else key


def local(us: int) -> datetime:
    """The moment in the user's zone. Records have been seen with times that no calendar holds."""
    try:
        return datetime.fromtimestamp(us / SECOND).astimezone()
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0).astimezone()


def full(us: int | None) -> str:
    """Date and time to the second, for tooltips."""
    return "" if us is None else local(us).strftime("%Y-%m-%d %H:%M:%S")


def ago(us: int | None, now: int, absolute: bool = False, coarse: bool = False) -> tuple[str, float]:
    """('3 min ago', seconds until that text is wrong). In steps, so that a quiet window has little to do.

    `coarse` has no seconds: for lists, where many of them stand below each other.
    """
    if us is None:
        return "", NEVER
    if absolute:
        same_day = local(us).date() == local(now).date()
        return local(us).strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M"), NEVER
    age = max(0, now - us)  # another machine's clock may be ahead
    if coarse and age < MINUTE:
        return "now", max(1.0, (MINUTE - age) / SECOND)
    if age < 3 * SECOND:
        return "now", max(1.0, (3 * SECOND - age) / SECOND)
    for below, step, unit in _STEPS:
        if age < below:
            rest = (step - age % step) / SECOND
            count = age // step * step // (SECOND if unit == "s" else step)
            return f"{count} {unit} ago", max(0.1, rest)
    days = (local(now).date() - local(us).date()).days
    if days <= 1:
        return "yesterday", 3600.0
    if days < 7:
        return f"{days} days ago", 3600.0
    moment = local(us)
    return f"{moment.day} {moment:%b}" if moment.year == local(now).year else f"{moment:%b %Y}", NEVER


def day(us: int | None, now: int) -> str:
    """The heading a session stands under when the list goes by date."""
    return "Undated" if us is None else _heading(_date(us), _date(now))


def _date(us: int) -> tuple[int, int, int]:
    """Year, month and day in the user's zone, in a tenth of the time of `local`: a list asks for ten thousand."""
    try:
        return time.localtime(us // SECOND)[:3]
    except (ValueError, OverflowError, OSError):
        return time.localtime(0)[:3]


@lru_cache(maxsize=4096)
def _heading(then: tuple[int, int, int], today: tuple[int, int, int]) -> str:
    try:
        there, here = date(*then), date(*today)
    except ValueError:  # a year that no calendar has
        there, here = date(*time.localtime(0)[:3]), date(*today)
    days = (here - there).days
    if days <= 0:
        return "Today"
    if days == 1:
        return "Yesterday"
    return f"{there:%A}" if days < 7 else _month(there.year, there.month)


@lru_cache(maxsize=512)
def _month(year: int, month: int) -> str:
    return f"{date(year, month, 1):%B %Y}"


def size(count: int) -> str:
    """'2.1 GB', in powers of 1000 as file managers have it."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def tokens(count: int) -> str:
    """'41k'; below a thousand as it is."""
    if count < 1000:
        return str(count)
    if count < 999_500:
        return f"{count / 1000:.1f}k" if count < 9950 else f"{count / 1000:.0f}k"
    return f"{count / 1e6:.1f}M"


def money(micros: int | None, *, partial: bool = False) -> str:
    """'$1.28'; '≥ $1.28' when that is not all of it; '–' when nobody knows."""
    if micros is None:
        return UNKNOWN
    dollars = micros / 1_000_000
    text = f"${dollars:,.2f}" if dollars >= 0.0095 or not micros else f"${dollars:.4f}"
    return f"≥ {text}" if partial else text


def many(count: int, one: str, more: str = "") -> str:
    """'1 session', '1,204 sessions'."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"
