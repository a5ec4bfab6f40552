"""What a first content is, and that a session gets its row with it, once: real databases, threads and processes."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from builders import assistant, line, lines, user
from drafts import made
from sqlalchemy import Engine, event, text

from store import events as ev
from store.db.sessions import ensure_session
from store.db.writer import Writer
from store.draft import KINDS, LONGEST, Draft, has_content, valid_title
from store.errors import StoreError
from store.events import At, Event
from store.intake import take_in
from store.known import known
from store.report import sessions
from store.sources.journal import Journal, draft_of

AT = At(ts=1)
BOOKKEEPING: dict[str, Event] = {
    "connected": ev.SessionNamed(AT, id="s", cwd="/w"),
    "handshake": ev.Called(AT, 1, "initialize"),
    "handshake answered": ev.Answered(AT, 1),
    "ping": ev.Called(AT, 2, "ping"),
    "start refused": ev.Answered(AT, 1, error="no such session"),
    "config": ev.ConfigChanged(AT, mode="plan", llm="opus"),
    "adapter": ev.AdapterSeen(AT, "claude", "2"),
    "usage": ev.Usage(AT, 10, 100),
    "tokens": ev.Spent(AT, "r", ev.Tokens("opus", 1, 2)),
    "hook": ev.NoticeAdded(AT, "h", "hook", "SessionStart"),
    "hook's words": ev.PromptText(AT, "hp", "context", "injected"),
    "api error": ev.NoticeAdded(AT, "e", "api_error", "overloaded", "error"),
    "failed start": ev.TurnEnded(AT, "error"),
    "compacting": ev.Compacting(AT, on=True),
    "title": ev.SessionNamed(AT, title="Mine", rank=3),
    "nothing streamed yet": ev.TextDelta(AT, "m", ""),
}
CONTENT: dict[str, Event] = {
    "prompt": ev.PromptText(AT, "p", "go"),
    "command": ev.PromptText(AT, "p", "/clear", "command"),
    "prompt sent": ev.PromptSent(AT, 1, "p", "go"),
    "piece of a message": ev.TextDelta(AT, "m", "a"),
    "message": ev.MessageDone(AT, "m", "all"),
    "message whose text is not understood": ev.MessageDone(AT, "n", ""),
    "piece of a thought": ev.ThoughtDelta(AT, "t", "a"),
    "hidden thought": ev.ThoughtDone(AT, "t", "", hidden=True),
    "tool": ev.ToolStarted(AT, "c", "Bash"),
    "tool input": ev.ToolInput(AT, "c", "{"),
    "tool result": ev.ToolUpdated(AT, "c", "ok"),
    "plan": ev.PlanSet(AT, "l", (("do", "pending"),)),
    "question": ev.Asked(AT, 3, "c", "May I?"),
    "compacted": ev.Compacted(AT, "k", "so far"),
    "rewound": ev.Rewound(AT, "p"),
    "not understood": ev.Unreadable(AT, "u", "x", "unknown"),
}


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "data" / "playhead.db"


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Everything that anybody asks any database to write."""
    told: list[str] = []

    def listen(*arguments: object) -> None:
        told.append(str(arguments[2]))

    event.listen(Engine, "before_cursor_execute", listen)
    yield told
    event.remove(Engine, "before_cursor_execute", listen)


def ask(db: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(db)) as connection:
        return connection.execute(sql).fetchall()


# ---- what content is


def test_001_01_every_kind_of_event_is_content_or_not() -> None:
    """One place says it; whoever adds a kind of event has to say it there."""
    kinds = {kind for base in (Event, ev.Event) for kind in base.__subclasses__()}
    assert set(KINDS) == kinds
    assert {type(one) for one in (*BOOKKEEPING.values(), *CONTENT.values())} == kinds


@pytest.mark.parametrize("name", BOOKKEEPING)
def test_001_01_bookkeeping_makes_no_session(tmp_path: Path, name: str) -> None:
    assert not has_content([BOOKKEEPING[name]])


@pytest.mark.parametrize("name", CONTENT)
def test_001_01_a_first_word_does(name: str) -> None:
    assert has_content([CONTENT[name]])
    assert has_content([*BOOKKEEPING.values(), CONTENT[name]])
    assert not has_content(BOOKKEEPING.values())


# ---- nothing before it


def test_002_01_a_thousand_drafts_cost_no_statement(statements: list[str], tmp_path: Path) -> None:
    """Nothing is asked of a database, and there is none."""
    drafts = [Draft(str(tmp_path / f"{number}.jsonl"), "run", number) for number in range(1000)]
    assert not any(draft.saved for draft in drafts)
    assert statements == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "records",
    [
        [{"type": "custom-title", "customTitle": "Nothing yet", "sessionId": "s"}],
        [{"type": "system", "subtype": "init", "session_id": "s", "model": "opus", "cwd": "/w"}],
        [
            {"type": "system", "subtype": "init", "session_id": "s"},
            {"type": "result", "subtype": "error_during_execution", "is_error": True, "session_id": "s"},
        ],
    ],
    ids=["title", "connected", "failed start"],
)  # fmt: skip
def test_002_02_a_start_that_came_to_nothing_leaves_no_row(db: Path, tmp_path: Path, records: list[object]) -> None:
    """001-01, through the import that a window uses: 0 rows, before it is committed and after."""
    path = tmp_path / "s.jsonl"
    path.write_bytes(b"".join(map(line, records)))
    outcome = take_in(db, path)
    assert outcome.session is None
    assert ask(db, "SELECT count(*) FROM session") == [(0,)]
    assert ask(db, "SELECT count(*) FROM item") == [(0,)]
    assert ask(db, "SELECT seq FROM sqlite_sequence") == [], "no number was ever given"


def test_x02_the_row_comes_in_with_its_first_content_and_what_came_before_it(db: Path, tmp_path: Path) -> None:
    """X-02: nothing of the draft is lost, and its order is kept: tokens, model and title from before the first word."""
    events = [*BOOKKEEPING.values(), CONTENT["prompt"], CONTENT["message"]]
    with closing(Writer(db)) as writer:
        assert writer.admit([made(str(tmp_path / "s.jsonl"), *events)]) == [True]
    ((kinds),) = [ask(db, "SELECT kind FROM item ORDER BY seq")]
    assert [kind for (kind,) in kinds] == [
        "notice.hook", "prompt.injected", "notice.api_error", "message", "prompt",  # it was begun with nothing
    ]  # fmt: skip
    assert ask(db, "SELECT title, llm, cwd, rows FROM session") == [("Mine", "opus", "/w", 5)]


def test_002_04_row_and_first_rows_are_one_transaction(db: Path, tmp_path: Path) -> None:
    """What fails leaves neither, and once more neither twice (unique session and ordinal)."""
    one = made(str(tmp_path / "s.jsonl"), CONTENT["prompt"])
    with closing(Writer(db)) as writer:
        with writer._tx() as tx:
            tx.execute(text("CREATE TRIGGER full BEFORE INSERT ON source BEGIN SELECT RAISE(ABORT, 'disk'); END"))
        for _ in range(2):
            with pytest.raises(StoreError):
                writer.admit([one])
            assert ask(db, "SELECT (SELECT count(*) FROM session), (SELECT count(*) FROM item)") == [(0, 0)]
        with writer._tx() as tx:
            tx.execute(text("DROP TRIGGER full"))
        assert writer.admit([one]) == [True]
        assert one.draft.saved
        assert writer.admit([one]) == [False], "there is one of this key"
    assert ask(db, "SELECT (SELECT count(*) FROM session), (SELECT count(*) FROM item)") == [(1, 1)]


def test_002_04_a_big_session_is_begun_with_its_first_content(db: Path, tmp_path: Path) -> None:
    """In stages, too: no row of it before, and what is seen of it is all of it."""
    path = tmp_path / "s.jsonl"
    title = {"type": "custom-title", "customTitle": "Big", "sessionId": "s"}
    path.write_bytes(line(title) + b"".join(line(user(f"{n}", uuid=f"u{n}")) for n in range(2500)))
    seen: list[tuple[object, ...]] = []

    def tell(_done: int, _total: int, rows: int) -> None:
        if db.exists():
            seen.extend(ask(db, "SELECT state, (SELECT count(*) > 0 FROM item) FROM session"))

    outcome = take_in(db, path, None, tell)
    assert outcome.rows == 2500
    assert set(seen) <= {("staged", 1)}, "never without content"
    assert ask(db, "SELECT state, rows, title FROM session") == [("ready", 2500, "Big")]


# ---- once


def test_001_06_fifty_first_messages_from_threads_are_one_row(db: Path, tmp_path: Path) -> None:
    Writer(db).close()
    key = str(tmp_path / "s.jsonl")
    gate = threading.Barrier(50)
    told: list[bool] = []
    numbers: list[int | None] = []

    def first() -> None:
        draft = Draft(key, "run")
        with closing(Writer(db)) as writer:
            gate.wait()
            with writer._tx() as tx:
                told.append(ensure_session(tx, draft))
                assert not ensure_session(tx, draft), "and again is nothing"
        numbers.append(draft.session)

    threads = [threading.Thread(target=first) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [False] * 49 + [True]
    assert set(numbers) == {1}
    assert ask(db, "SELECT count(*) FROM session") == [(1,)]


def _first_message(db: str, key: str, number: int) -> bool:
    with closing(Writer(Path(db))) as writer:
        return writer.admit([made(key, ev.PromptText(At(ts=number), f"p{number}", f"{number}"))])[0]


def test_001_06_fifty_first_messages_from_processes_are_one_row(db: Path, tmp_path: Path) -> None:
    """Each with content of its own: one is the first, the others are told so and write nothing."""
    Writer(db).close()
    key = str(tmp_path / "s.jsonl")
    with multiprocessing.get_context("spawn").Pool(5) as pool:
        told = pool.starmap(_first_message, [(str(db), key, number) for number in range(50)])
    assert sum(told) == 1
    assert ask(db, "SELECT (SELECT count(*) FROM session), (SELECT count(*) FROM item)") == [(1, 1)]


# ---- what it is saved with


@pytest.mark.parametrize("origin", ["", "run", "stdin", "file", "webhook"])
def test_001_10_every_origin_has_its_columns(db: Path, tmp_path: Path, origin: str) -> None:
    """002-06: and everything else that the draft holds. No origin is 'unknown'."""
    key = str(tmp_path / "s.jsonl")
    with closing(Writer(db)) as writer:
        writer.admit([made("before", CONTENT["prompt"])])
        draft = Draft(
            key, origin, 7, "ada" if origin else None, "host", "before", '{"argv":["x"]}', "Be brief.", "Mine"
        )
        writer.admit([made(key, CONTENT["prompt"], draft=draft)])
    told = ask(
        db,
        "SELECT origin, user_id, created, host, parent_session_id, model_config, system_prompt, user_title, status "
        "FROM session WHERE id = 2",
    )
    user_id = "ada" if origin else None
    assert told == [(origin or "unknown", user_id, 7, "host", 1, '{"argv":["x"]}', "Be brief.", "Mine", "paused")]


def test_002_05_a_continuation_has_its_row_and_its_parent(db: Path, tmp_path: Path) -> None:
    """Also when the parent was read anew meanwhile, and has another number."""
    before, after = str(tmp_path / "before.jsonl"), str(tmp_path / "after.jsonl")
    with closing(Writer(db)) as writer:
        writer.admit([made(before, CONTENT["prompt"])])
        draft = Draft(after, "run", parent=before)
        again = made(before, CONTENT["prompt"], CONTENT["message"])
        state, facts = again.state, again.facts
        writer.publish(again.draft, again.rows, again.taken, state, facts, "claude-code", again.sources)
        writer.admit([made(after, CONTENT["compacted"], draft=draft)])
    assert ask(db, "SELECT id, parent_session_id FROM session WHERE state = 'ready' ORDER BY id") == [(2, None), (3, 2)]


@pytest.mark.parametrize("bad", ["", "  \n ", "x" * (LONGEST + 1), "a\x1b[31mb", "\ud800"])
def test_002_08_a_title_that_cannot_be_is_refused_and_dropped(bad: str) -> None:
    draft = Draft("s")
    draft.rename("  The\nfirst ")
    with pytest.raises(StoreError, match="title"):
        draft.rename(bad)
    assert draft.title == "The first"
    assert valid_title("x" * LONGEST) == "x" * LONGEST


def test_001_05_a_draft_that_was_never_used_is_one_after_a_restart(tmp_path: Path, db: Path) -> None:
    """Saved is what the database says, not what a file or a flag says."""
    journal = Journal(tmp_path / "journals", "agent", ["agent"], origin="run")
    journal.write(line({"type": "system", "subtype": "init", "session_id": "s", "model": "opus"}))
    journal.end("exit code 0")
    again = draft_of(journal.path)
    assert (again.saved, again.origin, again.end_reason) == (False, "run", "exit code 0")
    assert take_in(db, journal.path).session is None
    assert ask(db, "SELECT count(*) FROM session") == [(0,)]


def test_a_draft_whose_first_word_comes_later_is_saved_with_it(tmp_path: Path, db: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(line({"type": "custom-title", "customTitle": "Nothing yet", "sessionId": "s"}))
    assert take_in(db, path).session is None
    assert [(one["state"], one["title"]) for one in sessions([tmp_path])] == [("draft", "Nothing yet")]
    with path.open("ab") as file:
        file.write(lines(user("go"), assistant("ok")))
    assert take_in(db, path).rows == 2
    assert [one["state"] for one in sessions([tmp_path])] == ["live"]
    found = known(path, db)
    assert found is not None
    with closing(found.window):
        assert found.facts.title == "Nothing yet"
