"""When something is due by the clock on the wall: `daily 03:00`, `weekdays 09:30`, `mon,thu 18:00`, `every 15m`. Pure.

Local times stay right over changes of the clock: an hour that is left out comes when it would have been, one that comes
twice counts once. Times are microseconds UTC.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo
from typing import Final

from msgspec import Struct

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EVERY: Final = re.compile(r"every\s+(\d{1,4})\s*(m|min|h|d)")
_AT: Final = re.compile(r"(?:(.+?)\s+)?(\d{1,2}):(\d{2})")
_UNITS: Final = {"m": 60, "min": 60, "h": 3600, "d": 86_400}
SECOND: Final = 1_000_000


class Schedule(Struct, frozen=True):
    """`every` seconds, or at a time of these days of the week (0 is Monday)."""

    every: int = 0
    days: tuple[int, ...] = tuple(range(7))
    hour: int = 0
    minute: int = 0


def parsed(text: str) -> Schedule:
    """Raises ValueError with one sentence."""
    plain = " ".join(text.lower().split())
    if found := _EVERY.fullmatch(plain):
        seconds = int(found[1]) * _UNITS[found[2]]
        if seconds < 60:
            raise ValueError("A schedule is every minute at most: every 1m.")
        return Schedule(every=seconds)
    found = _AT.fullmatch(plain)
    if found is None or int(found[2]) > 23 or int(found[3]) > 59:
        raise ValueError("A schedule is a time of day, such as 03:00, mon,thu 18:00 or weekdays 09:30, or every 15m.")
    return Schedule(days=_days(found[1] or "daily"), hour=int(found[2]), minute=int(found[3]))


def _days(text: str) -> tuple[int, ...]:
    match text:
        case "daily" | "every day":
            return tuple(range(7))
        case "weekdays":
            return tuple(range(5))
        case "weekends":
            return (5, 6)
    chosen: set[int] = set()
    for part in re.split(r"[,\s]+", text):
        first, _, last = part.partition("-")
        if first[:3] not in DAYS or (last and last[:3] not in DAYS):
            raise ValueError(f"{part!r} is no day: use mon, tue, wed, thu, fri, sat, sun, weekdays or daily.")
        start, end = DAYS.index(first[:3]), DAYS.index((last or first)[:3])
        chosen |= {(start + step) % 7 for step in range((end - start) % 7 + 1)}
    return tuple(sorted(chosen))


def next_due(schedule: Schedule, now: int, zone: tzinfo | None = None) -> int:
    """The first time after `now`. `zone` None: the one of this system."""
    if schedule.every:
        step = schedule.every * SECOND
        return (now // step + 1) * step
    return _beside(schedule, now, zone, forward=True)


def last_due(schedule: Schedule, now: int, zone: tzinfo | None = None) -> int:
    """The last time up to `now`."""
    if schedule.every:
        step = schedule.every * SECOND
        return now // step * step
    return _beside(schedule, now, zone, forward=False)


def _beside(schedule: Schedule, now: int, zone: tzinfo | None, *, forward: bool) -> int:
    today = datetime.fromtimestamp(now / SECOND, zone).date()
    for step in range(-1, 10):  # the day before: its time may lie on this one, where an hour is left out
        day = today + timedelta(days=step if forward else -step)
        if day.weekday() in schedule.days:
            at = _instant(day.year, day.month, day.day, schedule, zone)
            if (at > now) if forward else (at <= now):
                return at
    raise AssertionError("every week has the day")


def _instant(year: int, month: int, day: int, schedule: Schedule, zone: tzinfo | None) -> int:
    """Without a zone Python asks the system; either way the first of two equal hours, and a missing one moves on."""
    local = datetime(year, month, day, schedule.hour, schedule.minute, tzinfo=zone)
    return int(local.timestamp()) * SECOND
