"""What is due by the clock: once a local day, over changes of the clock, after a sleep; triggers with a schedule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import pytest
from hooks import Web
from sqlalchemy import insert

from store import clock
from store.audit import entries
from store.db.run_tables import trigger_session_threads as table
from store.db.serving import Serving, once
from store.errors import StoreError
from store.scheduler import Scheduler
from store.threads import DAY, cleanup, cleanup_due, list_threads, next_cleanup
from store.trigger import Trigger

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3_600_000_000


def us(text: str, zone: ZoneInfo | None = None) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone or UTC).timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("now", "hour", "wanted"),
    [
        ("2026-01-10 01:00", 3, "2026-01-10 03:00"),
        ("2026-01-10 03:00", 3, "2026-01-11 03:00"),
        ("2026-01-10 23:59", 0, "2026-01-11 00:00"),  # 0 works
        ("2026-01-10 00:00", 0, "2026-01-11 00:00"),
        ("2026-01-10 12:00", 23, "2026-01-10 23:00"),
        ("2026-03-28 12:00", 3, "2026-03-29 03:00"),  # the night of 23 hours
        ("2026-10-24 12:00", 3, "2026-10-25 03:00"),  # the night of 25 hours
    ],
)
def test_the_next_cleanup_is_at_the_local_hour(now: str, hour: int, wanted: str) -> None:
    """S-04."""
    assert next_cleanup(us(now, BERLIN), hour, BERLIN) == us(wanted, BERLIN)


def test_an_hour_that_is_left_out_and_one_that_comes_twice() -> None:
    """S-04: 02:00 does not exist on 2026-03-29 in Berlin and comes twice on 2026-10-25; either is once."""
    spring = next_cleanup(us("2026-03-29 00:30", BERLIN), 2, BERLIN)
    assert datetime.fromtimestamp(spring / 1e6, BERLIN).isoformat() == "2026-03-29T03:00:00+02:00"
    for date, hours in (("2026-03-28", 24 * 4 - 1), ("2026-10-24", 24 * 4 + 1)):
        at, due = us(f"{date} 00:00", BERLIN), []
        for _ in range(hours):
            if cleanup_due(due[-1] if due else us(f"{date} 00:00", BERLIN) - 1, at, 2, BERLIN):
                due.append(at)
            at += HOUR
        assert len(due) == 4


@pytest.mark.parametrize(
    ("text", "now", "wanted"),
    [
        ("03:00", "2026-01-10 04:00", "2026-01-11 03:00"),
        ("daily 03:00", "2026-01-10 02:59", "2026-01-10 03:00"),
        ("weekdays 09:30", "2026-01-09 10:00", "2026-01-12 09:30"),
        ("weekends 9:30", "2026-01-09 10:00", "2026-01-10 09:30"),
        ("mon,thu 18:00", "2026-01-13 10:00", "2026-01-15 18:00"),
        ("fri-mon 18:00", "2026-01-13 10:00", "2026-01-16 18:00"),
        ("every 15m", "2026-01-13 10:01", "2026-01-13 10:15"),
        ("every 2 h", "2026-01-13 10:01", "2026-01-13 12:00"),
    ],
)
def test_schedules(text: str, now: str, wanted: str) -> None:
    schedule = clock.parsed(text)
    zone = ZoneInfo("UTC")
    assert clock.next_due(schedule, us(now), zone) == us(wanted)
    assert clock.last_due(schedule, us(wanted), zone) == us(wanted)
    assert clock.last_due(schedule, us(wanted) - 1, zone) < us(wanted)


@pytest.mark.parametrize("text", ["", "25:00", "3", "every 0m", "someday 10:00", "every 5 s", "10:60", "* * * * *"])
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(ValueError, match=r"schedule|is no day"):
        clock.parsed(text)


# ---- the scheduler itself, with a clock of ours


class Clock:
    def __init__(self, now: int) -> None:
        self.now = now
        self.hour = 3
        self.triggers: list[Trigger] = []
        self.fired: list[tuple[str, bytes]] = []


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    made = Web(tmp_path / "data", tmp_path)
    yield made
    made.close()


def scheduler(web: Web, serving: Serving, own: Clock) -> Scheduler:
    return Scheduler(
        web.db, serving, lambda: own.triggers, lambda trigger, body: own.fired.append((trigger.name, body)),
        lambda: 7, lambda: own.hour, now=lambda: own.now, zone=BERLIN,
    )  # fmt: skip


def test_once_a_day_and_after_a_sleep(web: Web) -> None:
    """S-04, 003-84: as the button does it; three nights asleep are one cleanup, whoever does it."""
    trigger = web.trigger()
    own = Clock(us("2026-01-10 12:00", BERLIN))
    values = {"trigger_id": trigger.id, "dedup_key": "k", "last_used_at": own.now - 30 * DAY, "created_at": 0}
    once(web.db, lambda tx: tx.execute(insert(table).values(values)))
    with closing(Serving(web.db)) as serving:
        one, other = scheduler(web, serving, own), scheduler(web, serving, own)
        one.tick()
        assert list_threads(web.db).total == 1  # nothing was due since it began
        own.now = us("2026-01-11 02:59", BERLIN)
        one.tick()
        assert list_threads(web.db).total == 1
        own.now = us("2026-01-13 18:00", BERLIN)
        other.tick()  # the first one has the lock
        assert list_threads(web.db).total == 1
        one.tick()
        assert list_threads(web.db).total == 0
        one.tick()
        one.stop()
        other.tick()  # it takes over, and knows what was done
        other.stop()
    assert [(entry.actor, entry.detail[:11]) for entry in entries(web.db).rows if entry.action == "cleanup"] == [
        ("scheduler", "1 forgotten")
    ]


def test_the_first_cleanup_does_not_need_a_night(web: Web) -> None:
    """S-04: who only ever works by day has one, too; and one that a wrong clock wrote in the future counts nothing."""
    trigger = web.trigger()
    noon = us("2026-01-10 12:00", BERLIN)
    values = {"trigger_id": trigger.id, "dedup_key": "k", "last_used_at": noon - 30 * DAY, "created_at": 0}
    once(web.db, lambda tx: tx.execute(insert(table).values(values)))
    cleanup(web.db, 365, noon + 900 * DAY, actor="scheduler")  # not so long ago that it was forgotten
    once(web.db, lambda tx: tx.execute(insert(table).values(values)))
    own = Clock(noon)
    own.triggers = [Trigger(id=trigger.id, source="hand", created=noon - DAY)]
    with closing(Serving(web.db)) as serving:
        one = scheduler(web, serving, own)
        for _ in range(3):
            one.tick()
        one.stop()
    assert list_threads(web.db).total == 0
    assert [entry.actor for entry in entries(web.db).rows if entry.action == "cleanup"] == ["scheduler"] * 2


def test_a_clock_that_was_wrong_stops_no_schedule(web: Web) -> None:
    """It was a year ahead when the trigger was saved and when it fired; nothing is fired twice when it is right."""
    own = Clock(us("2027-01-12 10:00", BERLIN))
    own.triggers = [Trigger(id=5, name="tick", source="schedule", schedule="daily 09:00", updated=own.now - DAY)]
    with closing(Serving(web.db)) as serving:
        one = scheduler(web, serving, own)
        for now in ("2027-01-12 10:00", "2026-01-12 10:00", "2026-01-12 10:01", "2026-01-13 08:00", "2026-01-13 09:00"):
            own.now = us(now, BERLIN)
            one.tick()
        one.stop()
    assert [orjson.loads(body)["scheduled"][:10] for _, body in own.fired] == ["2027-01-12", "2026-01-12", "2026-01-13"]


def test_one_that_cannot_be_fired_does_not_stop_the_others(web: Web) -> None:
    """Its schedule came from elsewhere, or the database would not take its delivery."""
    own = Clock(us("2026-01-12 10:00", BERLIN))
    made = own.now - DAY
    own.triggers = [
        Trigger(id=1, name="nonsense", source="schedule", schedule="at noon", updated=made),
        Trigger(id=2, name="refused", source="schedule", schedule="daily 09:00", updated=made),
        Trigger(id=3, name="fine", source="schedule", schedule="daily 09:00", updated=made),
    ]

    def fire(trigger: Trigger, body: bytes) -> None:
        if trigger.name == "refused":
            raise StoreError("The disk is full.")
        own.fired.append((trigger.name, body))

    with closing(Serving(web.db)) as serving:
        one = Scheduler(
            web.db, serving, lambda: own.triggers, fire, lambda: 7, lambda: 3, now=lambda: own.now, zone=BERLIN
        )
        one.tick()
        one.stop()
    assert [name for name, _ in own.fired] == ["fine"]


def test_a_schedule_fires_once_per_time(web: Web) -> None:
    """Not for times before it was made; after a sleep once; not again by a Playhead that starts anew."""
    own = Clock(us("2026-01-12 08:00", BERLIN))
    tick = Trigger(id=5, name="tick", source="schedule", schedule="daily 09:00", updated=own.now)
    own.triggers = [tick]
    with closing(Serving(web.db)) as serving:
        one = scheduler(web, serving, own)
        one.tick()
        assert own.fired == []
        for now in ("2026-01-12 09:00", "2026-01-12 09:01", "2026-01-15 12:00", "2026-01-15 12:01"):
            own.now = us(now, BERLIN)
            one.tick()
        assert [name for name, _ in own.fired] == ["tick", "tick"]
        assert b'"delivery":"schedule:2026-01-15T08:00:00+00:00"' in own.fired[1][1]
        one.stop()


def test_a_scheduled_and_a_file_trigger_run(web: Web, tmp_path: Path) -> None:
    """Through the service: the script finds what happened on its standard input."""
    base = {"action": "script", "runner": "shell", "prompt": "tee -a said", "cwd": str(tmp_path), "permission": "",
            "resume_sessions": False}  # fmt: skip
    watched = tmp_path / "inbox"
    watched.mkdir()
    web.service.start()
    web.trigger(**base, name="files", source="file", watch_path=str(watched))
    (watched / "task.md").write_text("do it")
    web.until(lambda: (tmp_path / "said").exists() and b"task.md" in (tmp_path / "said").read_bytes())
    web.until(lambda: web.service.queue.settled(0))
    (run,) = web.runs_made()
    assert run.state == "ok"
