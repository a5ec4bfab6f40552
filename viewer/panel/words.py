"""How the panel words ages, moments, sums and comparisons. Pure."""

from __future__ import annotations

from typing import Final

from store.threads import Figures, saved
from viewer import wording
from viewer.wording import DAY, HOUR, MINUTE, SECOND

UNKNOWN: Final = "–"
LEAST: Final = 12  # characters of an id that tell sessions apart


def age(us: int | None) -> str:
    """'59 s', '1 min', '23 h', '9 d'; a moment that lies ahead (another machine's clock) is 'now'."""
    if us is None:
        return UNKNOWN
    if us < SECOND:
        return "now"
    for unit, word, below in ((SECOND, "s", MINUTE), (MINUTE, "min", HOUR), (HOUR, "h", DAY)):
        if us < below:
            return f"{us // unit} {word}"
    return f"{us // DAY:,} d"


def duration(us: int | None) -> str:
    """'0.4 s', '12 s', '5 min 13 s', '2 h 10 min', '3 d 4 h'."""
    if us is None or us < 0:
        return UNKNOWN
    if us < 10 * SECOND:
        return f"{us / SECOND:.1f} s"
    seconds = round(us / SECOND)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86400:,} d {seconds % 86400 // 3600} h"


def size(count: int | None) -> str:
    """'2.1 GB', in powers of 1000 as file managers have it; what is unknown or makes no sense is '–'."""
    return UNKNOWN if count is None or count < 0 else wording.size(count)


def money(micros: int | None) -> str:
    """'$1.28'; below a cent with what is needed."""
    if micros is None:
        return UNKNOWN
    return f"${micros / 1e6:,.2f}" if micros >= 10_000 or micros == 0 else f"${micros / 1e6:.4f}"


def count(number: float | None) -> str:
    return UNKNOWN if number is None else f"{number:,.0f}"


def change(percent: int | None) -> str:
    """'−60 %' is 60 % less, '+4 %' more, '±0 %' the same."""
    if percent is None:
        return UNKNOWN
    return f"−{-percent} %" if percent < 0 else f"+{percent} %" if percent else "±0 %"


def short(session: str | None) -> str:
    """As much of an id as one needs."""
    return session[:LEAST] if session else UNKNOWN


def brief(text: str, most: int = 120) -> str:
    """A name that a sender made up, short enough for a sentence."""
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 2 :]}"


def moment(us: int | None, now: int) -> str:
    """'today 03:00', 'tomorrow 03:00', 'Sat 03:00', '5 Jun 03:00'."""
    if us is None:
        return UNKNOWN
    when, today = wording.local(us), wording.local(now).date()
    days = (when.date() - today).days
    names = {-1: "yesterday", 0: "today", 1: "tomorrow"}
    if days in names:
        return f"{names[days]} {when:%H:%M}"
    if abs(days) < 7:
        return f"{when:%a %H:%M}"
    return f"{when.day} {when:%b %H:%M}" if when.year == wording.local(now).year else f"{when:%Y-%m-%d %H:%M}"


def next_words(next_us: int | None, last: str) -> str:
    """The line below the cleanup's fields."""
    import time

    told = f"Next: {moment(next_us, time.time_ns() // 1000)}" if next_us is not None else ""
    return " · ".join(part for part in (told, f"last: {last}" if last else "never run yet") if part)


def compared(fresh: Figures, resumed: Figures) -> str:
    """Both kinds of runs of a thread below each other: means per run, with how many there were."""
    lines = [
        f"{title}: {wording.many(kind.n, 'run')} · {duration(kind.duration_us)} · {count(kind.tokens)} tokens · "
        f"{money(kind.cost_micros)}"
        for title, kind in (("Fresh", fresh), ("Resumed", resumed))
        if kind.n
    ]
    if fresh.n and resumed.n:
        less = saved(fresh, resumed)
        lines.append(f"Difference: {change(less.time)} time · {change(less.tokens)} tokens · {change(less.cost)} cost")
        lines.append("Means per run that ended well. The events were different ones: no experiment.")
    return "\n".join(lines) or "No run of this thread has ended well yet."
