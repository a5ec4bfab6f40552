"""The sessions panel of the pictures: threads, storage and a log that were made up. For the gallery."""

from __future__ import annotations

import time
from typing import Final

from store.audit import Books, Entry
from store.service import ReceiverStatus
from store.stops import CANCELLED, AtWork
from store.storage import Agent, Own, Part, Storage
from store.threads import Cleanup, Figures, ThreadRow, Threads
from store.triggers import Delivery, Trigger
from viewer.panel.overview import Times
from viewer.panel.triggers_page import Loaded
from viewer.wording import DAY, HOUR, MINUTE, SECOND, local

NOW: Final = time.time_ns() // 1000
FRESH: Final = Figures(1, 313 * SECOND, 16_144, 1_280_000)
RESUMED: Final = Figures(3, 124 * SECOND, 7_639, 440_000)
# (trigger, thread, state, age, turns, last outcome, session, fresh, resumed)
MADE: Final = (
    ("review-bot", "github:acme/atlas:pr:12", "running", 4 * SECOND, 14, "resumed", "a23a41d1-6df2-4f0e-9b1c", 1),
    ("review-bot", "github:acme/atlas:pr:9", "resumable", 41 * MINUTE, 6, "ok", "0b77c2aa-01e4-4c4f-8a0d", 1),
    ("triage", "linear:issue:9f31c7d2-8f6e-4b7a-9d1e-5a6b7c8d9e0f", "resumable", 2 * HOUR, 3, "ok", "77b0c2aa-01e1", 0),
    ("triage", "linear:issue:77aa01", "fresh", 5 * HOUR, 0, "reset", "", 0),
    ("nightly import", "schedule:nightly import", "stale", 26 * HOUR, 31, "session was gone", "51d9e4f0-9c21", 0),
    ("triage", "linear:issue:42b0", "resumable", 9 * DAY, 6, "timeout", "9d51e4f0-9c2b-4f00-8000-aa00", 0),
    ("review-bot", "github:acme/a-repository-with-long-name:pr:4711", "resumable", 30 * DAY, 120, "ok", "1f51e4f0", 1),
)  # fmt: skip


def threads() -> Threads:
    """Some of every state."""
    rows = tuple(
        ThreadRow(
            number, 1, trigger, trigger, key, state, session or None, None, NOW - age, NOW - age, age, turns,
            turns % 50, turns // 3 + 1, last, turns * 5000, turns * 90_000, turns // 4, 0,
            "claude-code", "/home/dev/atlas-api", None, age > 7 * DAY, False,
            FRESH if both else Figures(), RESUMED if both else Figures(),
        )
        for number, (trigger, key, state, age, turns, last, session, both) in enumerate(MADE, 1)
    )  # fmt: skip
    return Threads(rows, len(rows), 6, 2)


def storage() -> Storage:
    """A machine with some work on it."""
    claude = (
        Part("/home/dev/atlas-api", 702, 1_310_000_000), Part("/home/dev/beacon-web", 311, 480_000_000),
        Part("/home/dev/dotfiles", 57, 31_000_000), Part("", 32, 9_000_000),
    )  # fmt: skip
    agents = (
        Agent("claude-code", "Claude Code", 1102, 1_830_000_000, claude, ("/home/dev/.claude/projects",)),
        Agent("codex", "Codex", 88, 214_000_000, (Part("/home/dev/atlas-api", 88, 214_000_000),), ()),
        Agent("gemini", "Gemini CLI", 12, 3_400_000, (Part("/home/dev/dotfiles", 12, 3_400_000),), ()),
    )
    own = Own("/home/dev/.local/share/playhead/playhead.db", 288_000_000, 4_200_000, 12_000_000, 9, 65_000,
              {"archived": 3, "paused": 1196}, 41, 104_000_000, 12, 0)  # fmt: skip
    refused = ("/home/dev/.claude/projects/-root",)
    return Storage(NOW - 3 * MINUTE, 1202, 2_047_400_000, agents, own, refused, 1, 412_000)


def times() -> Times:
    """The next cleanup is at three, as the setting beside it says, and the last one was."""
    three = local(NOW).replace(hour=3, minute=0, second=0, microsecond=0)
    last = int(three.timestamp()) * SECOND
    last -= DAY if last > NOW else 0
    return Times(last + DAY, Cleanup(3, 1, last - 7 * DAY, 7, last))


def triggers() -> Loaded:
    """Three triggers, and what came in for one of them."""
    made = (
        Trigger(id=1, name="review-bot", slug="review-bot", cwd="/tmp", prompt="Review: {{issue.title}}",  # noqa: S108
                resume_sessions=True, filter={"event": ("issue_comment", "pull_request"), "action": ("created",)},
                own_authors=("acme-bot",), secret_ref=KEPT, permission="default"),
        Trigger(id=2, name="triage", slug="triage", source="linear", resume_sessions=True, secret_ref=KEPT,
                cwd="/home/dev/atlas-api"),
        Trigger(id=3, name="nightly import", slug="nightly-import", source="schedule", schedule="daily 02:30",
                cwd="/home/dev/atlas-api", action="script", runner="shell", prompt="make import", enabled=False),
    )  # fmt: skip
    came = (
        (0, "issue_comment", "created", "grace", "accepted", "github:acme/atlas:pr:9", WAITS),
        (0, "issue_comment", "created", "ada", "accepted", "github:acme/atlas:pr:7", JUDGED % 7),
        (1, "issue_comment", "created", "linus", "accepted", "github:acme/atlas:pr:12", JUDGED % 12),
        (2, "issue_comment", "created", "grace", "accepted", "github:acme/atlas:pr:12", "Resumed. It ended well."),
        (3, "issue_comment", "created", "ada", "cancelled", "github:acme/atlas:pr:7", CANCELLED),
        (4, "issue_comment", "created", "acme-bot", "skipped", None, "Caused by acme-bot, one of its own accounts."),
        (9, "push", "", "grace", "skipped", None, "event is push, not issue_comment or pull_request."),
        (12, "issue_comment", "created", "linus", "refused", None, f"{REPLAYED} d-6. {MEANT}"),
        (70, "", "", "", "refused", None, "The signature is wrong: check the secret."),
    )
    log = tuple(
        Delivery(10 - at, 1, NOW - age * MINUTE, NOW if at > 2 else None, "github", f"d-{at}", event, action, sender,
                 verdict, 4200, "run" if at > 1 else None, key, reason, at == 1)
        for at, (age, event, action, sender, verdict, key, reason) in enumerate(came)
    )  # fmt: skip
    return Loaded(made, log)


def at_work() -> AtWork:
    """A run in the session that is shown."""
    return AtWork("run", "review-bot", "github:acme/atlas:pr:12", NOW - 75 * SECOND, False, 2)


def receiver() -> ReceiverStatus:
    return ReceiverStatus("on", "http://127.0.0.1:8787", "", 12, 1, 0, 1, 11)


WAITS: Final = "Waits: its session is open in another claude (process 4711). It runs when that ends."
JUDGED: Final = "Thread github:acme/atlas:pr:%d (from repository.full_name and issue.number)."
KEPT: Final = "keyring:trigger-1"
HEADERS: Final = "X-GitHub-Event: issue_comment"
REPLAYED: Final = "A replay: the very same signed body was here before, as delivery"
MEANT: Final = "If its sender means it twice, let the trigger take the same body again (repeats)."
PAYLOAD: Final = """{
  "action": "created",
  "issue": {"number": 12, "title": "Use the lock", "pull_request": {"url": "https://example.org/12"}},
  "comment": {"id": 7, "body": "Please test it twice.", "user": {"login": "grace"}},
  "repository": {"id": 1, "full_name": "acme/atlas", "name": "atlas"},
  "sender": {"login": "grace"}
}"""


def books() -> Books:
    """A log of a few days."""
    told = (
        (2 * MINUTE, "user", "settings", "threads.cleanup_days: 7 → 14; threads.compact_turns: 50 → 80"),
        (12 * MINUTE, "user", "run stopped", "review-bot: github:acme/atlas:pr:12"),
        (40 * MINUTE, "user", "thread reset", "triage: linear:issue:77aa01"),
        (17 * HOUR, "playhead", "cleanup", "3 forgotten, 1 in use skipped; not used since 2026-05-01 03:00:00 UTC"),
        (19 * HOUR, "user", "trigger changed", "review-bot: prompt, own_authors"),
        (26 * HOUR, "user", "remove empty", "12 sessions"),
        (5 * DAY, "user", "trigger added", "review-bot"),
    )  # fmt: skip
    return Books(tuple(Entry(NOW - age, actor, action, detail) for age, actor, action, detail in told), len(told))
