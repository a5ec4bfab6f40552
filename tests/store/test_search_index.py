"""The full-text index says what the rows say: whatever was changed, cut, replaced or killed in between."""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import threading
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import pytest
from archive import Archive
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from imports import REPO, SESSION
from sqlalchemy import Engine, event
from thorough import examples

from store.db import fts_sqlite as fts
from store.db import reads, search
from store.db import words as words_of
from store.db.lock import hold
from store.db.search import Batch, Indexer, catch_up, mark_up, waiting
from store.document import document, spaced
from store.errors import StoreError
from store.events import Hunk
from store.fold import Cut, Put
from store.importer import Import
from store.intake import take_in
from store.items import Item, Message, Notice, Plan, Prompt, Raw, Thought, Tool
from store.query import Words
from store.search import Search
from store.text import Text
from viewer.bench.make_session import write_session

RECORDED = REPO / "tests" / "recorded"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def said(row: int, text: str, ts: int | None = None) -> Message:
    return Message(id=f"m{row}", text=Text(text), ts=ts)


# ---- everything is found


def imported(db: Path, files: list[Path]) -> None:
    for file in files:
        try:
            take_in(db, file)
        except StoreError:
            continue  # one of the bad ones; other tests see to what is said then
    catch_up(db)


def check_words(db: Path) -> int:
    """Every word of every row is found in exactly the rows and columns that have it; returns how many there were."""
    wanted: dict[tuple[str, int], set[int]] = defaultdict(set)
    with closing(reads.connect(db)) as connection:
        for seq, payload in connection.execute("SELECT seq, payload FROM item"):
            for column, text in enumerate(document(reads.unpress(payload))[:4]):
                # Words of plain letters: others are the tokenizer's business.
                for word in re.findall(r"(?<![^\W_])[a-z0-9]+(?![^\W_])", text.lower()):
                    wanted[word, column].add(seq)
        asked = random.Random(1).sample(sorted(wanted), min(len(wanted), 3_000))
        for word, column in asked:
            match = fts.match(Words(word, column=("said", "thought", "input", "output")[column]))
            found = {seq for (seq,) in connection.execute(fts.NEWEST, (match, 1_000_000))}
            assert wanted[word, column] <= found, (word, column)
            extra = found - wanted[word, column]
            for seq in extra:  # letters of other kinds that are folded to it: é is e
                (payload,) = connection.execute("SELECT payload FROM item WHERE seq = ?", (seq,)).fetchone()
                assert not document(reads.unpress(payload))[column].isascii(), (word, column, seq)
    return len(asked)


def test_every_word_of_recorded_sessions_is_found(tmp_path: Path) -> None:
    db = tmp_path / "playhead.db"
    imported(db, sorted(RECORDED.glob("*/*.jsonl"))[::2])
    assert check_words(db) > 250


def test_every_word_of_good_and_bad_files_is_found(data_dir: Path, tmp_path: Path) -> None:
    db = tmp_path / "playhead.db"
    files = [file for folder in ("claude-code", "claude-stream-json") for file in (data_dir / folder).rglob("*.jsonl")]
    imported(db, sorted(files)[:60:4])
    assert check_words(db) > 250


def test_every_kind_of_row_is_found(archive: Archive) -> None:
    hunk = Hunk(1, 1, (" context alpha", "-gone beta", "+new gamma"))
    items: list[Item] = [
        Prompt(id="p", text="Prompted words"),
        said(1, "Answered words"),
        Thought(id="t", text=Text("Thought words")),
        Tool(id="c", name="Bash", kind="tool.shell", input=Text('{"command":"echo \\"a\\nquoted\\"","n":7}'),
             output=Text("\x1b[31mredword\x1b[0m fine"), status="failed"),
        Tool(id="e", name="Edit", kind="tool.edit", input=Text('{"old":"gone beta"}'), hunks=(hunk,), status="ok"),
        Plan(id="l", entries=(("Planned words", "pending"),)),
        Notice(id="n", kind="api", text="Noticed", detail="detailed words", level="error"),
        Raw(id="r", type="odd", text='{"strange": "rawword"}'),
        Tool(id="b", name="mcp__git__log", input=Text('{"broken": "halfword'), status="running"),
        said(9, "日本語のテキスト und Ünïcödé \U0010fffdkhidden"),
    ]  # fmt: skip
    archive.session("one", items)
    catch_up(archive.db)
    asked = Search(archive.db)
    for query, rows in {
        "prompted": [0], "answered": [1], "said:thought": [], "thought:thought": [2], "quoted": [3], "7": [3],
        "nquoted": [], "command": [], "redword": [3], "31mredword": [], "alpha": [4], "output:gamma": [4],
        "output:beta": [], "input:beta": [4], "planned": [5], "detailed": [6], "strange": [7], "halfword": [8],
        "日本": [9], "語のテ": [9], "本日": [], "unicode": [9], "ÜNICODE": [9], "hidden": [], "khidden": [9],
        "tool:bash": [3], "tool:mcp*": [8], "tool:mcp__git__log": [8], "kind:tool": [8, 4, 3], "kind:tool.edit": [4],
        "is:error": [6, 3], "is:running": [8], "kind:notice": [6], "kind:raw": [7],
        "words NOT kind:tool": [6, 5, 2, 1, 0], "thou*": [2], '"thought word"*': [2], '"words thought"': [],
        "facets": [], "tool": [],
    }.items():  # fmt: skip
        assert [hit.row for hit in asked.find(query).hits] == rows, query
        assert asked.count(query) == len(rows), query
    asked.close()


# ---- whatever happens to rows


VOCABULARY = ("alpha", "beta", "gamma", "delta", "epsilon", "Ünïcödé", "日本語", "x_y")
WORDS = st.lists(st.sampled_from(VOCABULARY), max_size=6).map(" ".join)


def items(draw_words: st.SearchStrategy[str]) -> st.SearchStrategy[Item]:
    def made(words: str, sort: int) -> Item:
        match sort:
            case 0:
                return Prompt(id=words, text=words)
            case 1:
                return Tool(id=words, name=words[:3], input=Text(words), output=Text(words * 2), status="ok")
            case _:
                return Message(id=words, text=Text(words))

    return st.builds(made, draw_words, st.integers(0, 2))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 14), items(WORDS)),
        st.tuples(st.just("cut"), st.integers(0, 14)),
        st.tuples(st.just("index"), st.integers(1, 5)),
        st.tuples(st.just("again"), st.lists(items(WORDS), max_size=6)),
        st.tuples(st.just("sweep")),
    ),
    max_size=12,
)


@settings(max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.lists(items(WORDS), max_size=12), steps=STEPS)
def test_any_edits_leave_the_index_as_a_new_one(
    tmp_path_factory: pytest.TempPathFactory, first: list[Item], steps: list[tuple[object, ...]]
) -> None:
    archive = Archive(tmp_path_factory.mktemp("archive"))
    key = archive.session("one", first)
    archive.session("other", first)
    rows = len(first)
    for step in steps:
        match step:
            case ("put", int(row), item):
                row = min(row, rows)
                rows = max(rows, row + 1)
                archive.change(key, [Put(row, item)])  # type: ignore[arg-type]
            case ("cut", int(row)):
                rows = min(row, rows)
                archive.change(key, [Cut(rows)])
            case ("index", int(count)):
                indexer = Indexer(archive.db)
                before, search.BATCH = search.BATCH, count  # type: ignore[misc]
                indexer.step(archive.number(key))
                if count > 2:
                    indexer.seal()
                search.BATCH = before  # type: ignore[misc]
                indexer.close()
            case ("again", list(others)):
                key, rows = archive.session("one", others), len(others)
            case _:
                archive.sweep()
        archive.marked()
    archive.sweep()
    catch_up(archive.db)
    assert not waiting(archive.db)
    archive.marked()
    now = archive.words()
    assert now == archive.afresh()
    assert archive.ask("SELECT count(*) FROM fts_row_docsize") == archive.ask("SELECT count(*) FROM item")


def test_a_real_session_that_grows_is_indexed_as_one_that_was_read_whole(tmp_path: Path) -> None:
    """Late results, open messages and all: the fold changes rows that are in the index."""
    whole = tmp_path / "whole" / f"{SESSION}.jsonl"
    write_session(whole, records=400, seed=9, agents=2)
    data = whole.read_bytes()
    ends = [at + 1 for at, byte in enumerate(data) if byte == 10]
    archive = Archive(tmp_path)
    path = tmp_path / f"{SESSION}.jsonl"
    late = 0

    @event.listens_for(Engine, "before_cursor_execute")
    def on_statement(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal late
        late += statement == fts.REMOVE

    try:
        for end in [*sorted(random.Random(2).sample(ends[:-1], 8)), len(data)]:
            path.write_bytes(data[:end])
            take_in(archive.db, path)
            catch_up(archive.db)
    finally:
        event.remove(Engine, "before_cursor_execute", on_statement)
    assert late  # it was not a test of nothing
    assert archive.words() == archive.afresh()


# ---- killed, at once, damaged


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and kill -9")
def test_killed_anywhere_it_goes_on(archive: Archive) -> None:
    """X-06: batches are in the index or not, never half, never twice."""
    for name in "abc":
        archive.session(name, [said(row, f"{name} word{row} and more") for row in range(40)])
    kills = 0
    for turn, point in enumerate((1, 2, 3, 2, 5, 4, 3, 2, 1, 6, 3, 2)):
        pid = os.fork()
        if pid == 0:
            try:
                search.BATCH = 7  # type: ignore[misc]
                kill_at(point)
                catch_up(archive.db)
                mark_up(archive.db)
            finally:
                os._exit(0)
        kills += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        there = "SELECT coalesce(sum(rows), 0) FROM indexed"
        assert archive.ask("SELECT count(*) FROM fts_row_docsize") == archive.ask(there)
        archive.marked()
        if turn % 4 == 3:
            archive.change(archive.session("a", [said(row, f"a word{row}") for row in range(30)]), [Cut(20)])
    assert kills >= 8
    assert archive.ask("PRAGMA integrity_check") == [("ok",)]
    archive.sweep()
    catch_up(archive.db)
    assert archive.words() == archive.afresh()


def kill_at(statement: int) -> None:
    left = statement

    @event.listens_for(Engine, "before_cursor_execute")
    def on_statement(*_: object) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


def test_only_one_indexes(archive: Archive) -> None:
    archive.session("a", [said(0, "word")])
    lock = hold(archive.db.with_name(archive.db.name + ".index"), wait=False)
    assert lock is not None
    assert catch_up(archive.db) == 0  # whoever holds it looks again before it goes
    lock.drop(remove=False)
    assert catch_up(archive.db) == 1
    assert catch_up(archive.db) == 0


def test_rows_that_change_while_they_are_read_are_read_again(archive: Archive) -> None:
    """The text is taken without the lock; what somebody writes meanwhile must not be missed."""
    key = archive.session("a", [said(row, f"old{row}") for row in range(10)])

    class Meddled(Indexer):
        times = 0

        def _next(self, number: int) -> Batch | None:
            found = super()._next(number)
            if self.times < 2:
                self.times += 1
                archive.change(key, [Put(4, said(4, f"new{self.times}")), Cut(9 - self.times)])
            return found

    indexer = Meddled(archive.db)
    indexer.run()
    indexer.close()
    assert indexer.times == 2
    terms = {term for term, *_ in archive.words()}
    assert "new2" in terms
    assert not {"old4", "new1", "old8", "old7"} & terms
    assert archive.words() == archive.afresh()


def test_others_write_and_read_while_it_indexes(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "BATCH", 5)
    key = archive.session("a", [said(row, f"word{row}") for row in range(300)])
    worker = threading.Thread(target=catch_up, args=(archive.db,))
    worker.start()
    for row in range(20):
        archive.change(key, [Put(row * 3, said(row, f"changed{row}"))])
    worker.join()
    catch_up(archive.db)
    assert archive.words() == archive.afresh()


def break_index(archive: Archive) -> None:
    with closing(sqlite3.connect(archive.db)) as connection:
        connection.execute("UPDATE fts_row_data SET block = x'ffffffffffffffff' WHERE id > 100")
        connection.commit()


def test_a_damaged_index_is_said_and_made_anew(archive: Archive) -> None:
    """It is not the database that is damaged: nothing of that is set aside."""
    archive.session("a", [said(row, f"word{row} every") for row in range(50)])
    catch_up(archive.db)
    whole = archive.words()
    break_index(archive)
    asked = Search(archive.db)
    with pytest.raises(StoreError, match=r"search index of .* is damaged"):
        asked.find("every")
    asked.close()
    assert not reads.mark(archive.db).exists()
    assert catch_up(archive.db) == 50
    assert archive.words() == whole
    assert not fts.damaged(archive.db).exists()


def test_a_damaged_index_keeps_no_row_from_being_written(archive: Archive) -> None:
    key = archive.session("a", [said(row, f"word{row} every") for row in range(50)])
    catch_up(archive.db)
    break_index(archive)
    archive.change(key, [Put(3, said(3, "newer")), Cut(40), Put(40, said(40, "last"))])
    assert not reads.mark(archive.db).exists()
    fts.damaged(archive.db).touch()  # as whoever searches would
    catch_up(archive.db)
    assert archive.words() == archive.afresh()
    assert archive.ask("SELECT count(*) FROM fts_row_docsize") == [(41,)]


def test_another_way_to_see_rows_makes_it_anew(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    key = archive.session("a", [said(row, f"word{row}") for row in range(9)])
    archive.session("b", [said(0, "other")])
    catch_up(archive.db)
    monkeypatch.setattr(search, "VERSION", search.VERSION + 1)
    archive.change(key, [Put(3, said(3, "newer"))])  # what it would be told to forget is not what it was told
    assert archive.words() == []
    assert catch_up(archive.db) == 10
    monkeypatch.setattr(search, "VERSION", search.VERSION + 1)
    assert catch_up(archive.db) == 10
    assert archive.words() == archive.afresh()


def test_a_row_that_cannot_be_read_is_passed_over(archive: Archive, caplog: pytest.LogCaptureFixture) -> None:
    key = archive.session("a", [said(row, f"word{row}") for row in range(3)])
    with closing(sqlite3.connect(archive.db)) as connection:
        connection.execute("UPDATE item SET payload = x'c1c1' WHERE seq = ?", (reads.key_of(archive.number(key), 1),))
        connection.commit()
    assert catch_up(archive.db) == 3
    assert "row 1 of session" in caplog.text
    assert {term for term, *_ in archive.words() if str(term).startswith("word")} == {"word0", "word2"}


def test_an_index_of_many_pieces_is_put_together(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """When much of it is new; not for every row that comes in."""
    monkeypatch.setattr(search, "BATCH", 10)
    archive.session("a", [said(row, f"word{row} and all") for row in range(400)])
    catch_up(archive.db)
    assert archive.ask(fts.PIECES) == [(1,)]
    for number in range(3):
        archive.session(f"b{number}", [said(0, "one more")])
        catch_up(archive.db)
    assert archive.ask(fts.PIECES) == [(4,)]
    assert archive.words() == archive.afresh()


def test_rows_that_are_not_there_hold_nothing_up(archive: Archive) -> None:
    """Another program was at work: what is there is found, and nobody looks for the rest for ever."""
    key = archive.session("a", [said(row, f"word{row}") for row in range(6)])
    with closing(sqlite3.connect(archive.db)) as connection:
        first = reads.key_of(archive.number(key), 0)
        connection.execute("DELETE FROM item WHERE seq IN (?, ?)", (first + 2, first + 5))
        connection.commit()
    assert catch_up(archive.db) == 4
    assert not waiting(archive.db)
    assert {term for term, *_ in archive.words() if str(term).startswith("word")} == {
        "word0",
        "word1",
        "word3",
        "word4",
    }
    archive.session("b", [])
    assert catch_up(archive.db) == 0


def test_the_import_of_a_session_makes_it_searchable(tmp_path: Path) -> None:
    """Behind the insert, in the same process, when the window has been told."""
    path = tmp_path / f"{SESSION}.jsonl"
    write_session(path, records=200, seed=4)
    db = tmp_path / "data" / "playhead.db"
    outcomes: list[str] = []
    child = Import(path, lambda *_: None, outcomes.append, db=db)
    child.start()
    assert child.wait(100)
    assert outcomes == [""]
    assert not waiting(db)
    asked = Search(db)
    assert asked.find("parser").hits
    asked.close()


@given(st.text(max_size=200) | st.text(st.characters(max_codepoint=127), max_size=200))
@example("a" * (words_of.CUT + 1))
@example("é" * (words_of.CUT // 2 + 1) + " end")
@example("don't foo_bar foo-bar\x00x1 1.5\x7f\x1fEND")
@example("Übermaß—naïve cafe\u0301 \u0301x ½² Straße…x İ ﬁ 日本 x\u00adz")
def test_text_is_taken_apart_as_fts5_would(text: str) -> None:
    """What is ASCII is taken apart here, and what is between: the same words, in the same order."""
    text = spaced(text.encode("utf-8", "replace").decode())
    ((_, words),) = words_of.taken_apart([(0, (text, "", "", "", ""))])
    assert words[0] == next((words for _, _, words in words_of.by_fts5([(0, (text, "", "", "", ""))])), "")
