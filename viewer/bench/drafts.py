"""`bench drafts`: a day of starts, a third of which come to nothing; what is saved of them, and what eager rows cost.

The share is that of the original (3,564 of 10,985); the starts are made here. Lazy is the way of every import and
stream: no row before there is content. Eager is what it is compared with: a row with every start, filled in later.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from store import events as ev
from store.db.rows import Rows
from store.db.session_rows import write_about, write_rows
from store.db.sessions import ensure_session
from store.db.writer import Made, Writer
from store.draft import Draft, has_content
from store.events import At, Event
from store.facts import Facts
from store.fold import State
from store.known import Source
from viewer.bench.apart import folder
from viewer.bench.common import Report, figure, report

NAME: Final = "drafts"
HELP: Final = "starts that come to nothing: rows avoided, and the others equal to eager ones"
ALL: Final = ((),)
STARTS: Final = 10_985
EMPTY: Final = 3_564
TOGETHER: Final = 200  # starts whose content comes at about the same time: one transaction
ORIGINS: Final = ("run", "stdin", "webhook", "")


class Start(Struct, frozen=True):
    """One start: what is known of it before anything is said, and everything that came."""

    draft: Draft
    events: list[Event]


class Replayed(Struct, frozen=True):
    """What is in a database after all starts."""

    seconds: float
    columns: list[str]
    sessions: dict[str, tuple[Any, ...]]  # key → every column of its row but its number
    rows: list[tuple[Any, ...]]  # of all items: key, row, payload
    empty: int  # sessions without an item


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--starts", type=int, default=STARTS)
    parser.add_argument("--empty", type=int, default=EMPTY, help="of them, in which nothing is said")


def measure(arguments: argparse.Namespace) -> list[Report]:
    with folder() as home:
        lazy = replay(home / "lazy.db", starts(arguments.starts, arguments.empty), eager=False)
        eager = replay(home / "eager.db", starts(arguments.starts, arguments.empty), eager=True)
    figures: dict[str, float] = {
        "lazy_s": lazy.seconds, "eager_s": eager.seconds, "sessions": len(lazy.sessions), "empty_sessions": lazy.empty,
        "rows_avoided": len(eager.sessions) - len(lazy.sessions), "columns_compared": len(lazy.columns),
        "sessions_that_differ": len(differing(lazy, eager)),
    }  # fmt: skip
    params = {"starts": arguments.starts, "empty": arguments.empty}
    return [report(NAME, params, {name: figure([value]) for name, value in figures.items()})]


def differing(lazy: Replayed, eager: Replayed) -> list[str]:
    """Sessions with content that are not the same in every column and every row."""
    used = {key for key, _, _ in eager.rows}
    wrong = [key for key in used | lazy.sessions.keys() if lazy.sessions.get(key) != eager.sessions.get(key)]
    if lazy.rows != eager.rows:
        wrong += sorted({str(row[0]) for row in set(lazy.rows) ^ set(eager.rows)} - set(wrong))
    return wrong


def replay(db: Path, all_: Iterator[Start], *, eager: bool) -> Replayed:
    began = time.perf_counter()
    batch: list[Start] = []
    with closing(Writer(db)) as writer:
        for start in all_:
            batch.append(start)
            if len(batch) == TOGETHER:
                _write(writer, batch, eager=eager)
                batch = []
        _write(writer, batch, eager=eager)
    seconds = time.perf_counter() - began
    with closing(sqlite3.connect(db)) as connection:
        found = connection.execute("SELECT s.*, p.key FROM session s LEFT JOIN session p ON p.id = s.parent_session_id")
        names = [str(column[0]) for column in found.description]
        skip = {names.index("id"), names.index("parent_session_id")}  # numbers: the parent is compared by its key
        at = names.index("key")
        sessions = {row[at]: tuple(value for n, value in enumerate(row) if n not in skip) for row in found}
        rows = connection.execute(
            "SELECT s.key, i.seq & 4294967295, i.payload FROM item i JOIN session s ON s.id = i.seq >> 32 "
            "ORDER BY s.key, i.seq"
        ).fetchall()
    columns = [name for n, name in enumerate(names) if n not in skip]
    return Replayed(seconds, columns, sessions, rows, len(sessions) - len({key for key, _, _ in rows}))


def _write(writer: Writer, batch: Sequence[Start], *, eager: bool) -> None:
    if eager:
        with writer._tx() as tx:
            for start in batch:
                ensure_session(tx, start.draft)
    many = [_made(start, writer) for start in batch if has_content(start.events)]
    if not eager:
        writer.admit(many)
        return
    with writer._tx() as tx:
        for one in many:
            number = one.draft.session or 0
            one.rows.session = number
            fresh = [(number << 32 | record[0], *record[1:]) for record in one.taken.fresh]
            write_rows(tx, number, type(one.taken)(None, [], fresh))
            write_about(tx, one.rows, one.state, one.facts, one.agent, one.sources)
            if one.book is not None:
                one.book.close(tx, number)


def _made(start: Start, writer: Writer) -> Made:
    state, facts = State(), Facts().named(start.draft.title)
    rows, book = Rows(0, state), writer.first_book(start.draft.key)
    rows.add(book.fold(state, start.events))
    facts.add(start.events)
    source = Source(Path(start.draft.key), "", None, "1", 1, 1, 1, b"", b"")
    return Made(start.draft, rows, rows.take(), state, facts, "claude-stream", [source], book=book)


# ---- the starts


def starts(count: int, empty: int) -> Iterator[Start]:
    """`count` starts, `empty` of them without content, mixed, always the same."""
    rng = random.Random(count)
    silent = set(rng.sample(range(count), empty))
    before = ""
    for number in range(count):
        draft = Draft(
            f"/w/start-{number:06}.jsonl", ORIGINS[number % len(ORIGINS)], 1_790_000_000_000_000 + number * 1_000_000,
            "ada" if number % 3 else None, None, before if number % 5 == 0 else "",
            '{"model":"opus"}' if number % 2 else None, "Be brief." if number % 7 == 0 else None,
            f"Task {number}" if number % 11 == 0 else "",
        )  # fmt: skip
        events = list(_opening(number))
        if number not in silent:
            events += _talk(number, rng.randrange(1, 4))
            before = draft.key
        yield Start(draft, events)


def _at(number: int, step: int) -> At:
    return At(ts=1_790_000_000_000_000 + number * 1_000_000 + step, offset=step * 100, length=99)


def _opening(number: int) -> Iterator[Event]:
    """What comes with every start, and is nobody's word: all kinds of it in turn."""
    yield ev.SessionNamed(_at(number, 0), id=f"s{number}", cwd=f"/w/p{number % 40}", branch="main")
    kinds: tuple[Callable[[], list[Event]], ...] = (
        lambda: [
            ev.ConfigChanged(_at(number, 1), "default", "claude-opus-5"),
            ev.AdapterSeen(_at(number, 2), "x", "1"),
        ],
        lambda: [ev.Called(_at(number, 1), 1, "initialize"), ev.Answered(_at(number, 2), 1)],
        lambda: [ev.Usage(_at(number, 1), 900, 200_000), ev.Called(_at(number, 2), 2, "ping")],
        lambda: [ev.NoticeAdded(_at(number, 1), f"h{number}", "hook", "SessionStart")],
        lambda: [ev.SessionNamed(_at(number, 1), title=f"Title {number}", rank=3)],
        lambda: [ev.Spent(_at(number, 1), f"r{number}", ev.Tokens("claude-opus-5", 10, 1))],
        lambda: [
            ev.NoticeAdded(_at(number, 1), f"e{number}", "api_error", "overloaded", "error"),
            ev.TurnEnded(_at(number, 2), "error"),
        ],
    )
    yield from kinds[number % len(kinds)]()


def _talk(number: int, turns: int) -> list[Event]:
    said: list[Event] = []
    for turn in range(turns):
        step, name = 10 + turn * 10, f"{number}-{turn}"
        said += [
            ev.PromptText(_at(number, step), f"p{name}", f"Do {name}"),
            ev.ToolStarted(_at(number, step + 1), f"c{name}", "Bash", "tool.shell", "ls"),
            ev.ToolUpdated(_at(number, step + 2), f"c{name}", "ok", "a\nb"),
            ev.Spent(_at(number, step + 3), f"q{name}", ev.Tokens("claude-opus-5", 1000, 50)),
            ev.MessageDone(_at(number, step + 4), f"m{name}", f"Done {name}.", "claude-opus-5"),
            ev.TurnEnded(_at(number, step + 5)),
        ]
    return said
