"""What a search answers: newest first over all sessions, narrowed, counted, and what is said besides."""

from __future__ import annotations

import random
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from archive import Archive
from hypothesis import example, given, settings
from hypothesis import strategies as st
from raw import IN_A_FILE
from thorough import examples

from store import hits, search
from store.db import reads
from store.db.search import catch_up
from store.errors import StoreError
from store.items import Item, Message, Prompt, Tool
from store.query import Limits, parse
from store.query_tokens import QueryError
from store.search import Found, Search
from store.snippet import WIDTH, Finder, fold
from store.text import Text

HOUR = 3_600_000_000
T0 = 1_780_000_000_000_000


@pytest.fixture
def archive(database: Path, tmp_path: Path) -> Archive:
    made = Archive(tmp_path)
    assert made.db == database
    return made


def said(row: int, text: str, ts: int | None) -> Message:
    return Message(id=f"m{row}", text=Text(text), ts=ts)


def places(found: Found) -> list[tuple[str, int]]:
    return [(hit.id, hit.row) for hit in found.hits]


# ---- newest first


class Many:
    """Sessions that overlap in time, each in order of its own, imported in any order."""

    def __init__(self, archive: Archive, seed: int, sessions: int = 25, rows: int = 30) -> None:
        rng = random.Random(seed)
        self.rows: list[tuple[int, str, int, str, str, str]] = []  # time, session, row, text, agent, project
        self.keys: dict[str, str] = {}
        for number in range(sessions):
            name = f"s{number:02}"
            agent, project = rng.choice(["claude-code", "codex"]), rng.choice(["atlas", "api", "web"])
            at = T0 + rng.randrange(300) * HOUR
            items: list[Item] = []
            rare = number == 0
            for row in range(rng.randrange(1, rows)):
                at += rng.randrange(1, 2 * HOUR)
                text = f"common {rng.choice(['red', 'green', 'blue'])}" + (" rare" if rare and row % 3 == 0 else "")
                items.append(said(row, text, at))
                self.rows.append((at, name, row, text, agent, project))
            self.keys[name] = archive.session(name, items, agent, f"/w/{project}")
        catch_up(archive.db)

    def newest(self, wanted: str, keep: object = None) -> list[tuple[str, int]]:
        found = [one for one in self.rows if wanted in one[3] and (keep is None or keep(one))]  # type: ignore[operator]
        return [(name, row) for _, name, row, *_ in sorted(found, reverse=True)]


WAYS = [(1_000, 200), (10, 200), (10, 3), (0, 1)]  # how many hits are few, and how many sessions are looked into first


@pytest.mark.parametrize(
    ("database", "few", "probes", "seed"),
    [(where, *way, 0) for where in ("file", "server") for way in WAYS],
    indirect=["database"],
)
def test_the_newest_of_all_sessions_come_first(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, seed: int, few: int, probes: int
) -> None:
    """However many hits there are, and wherever they lie: by the time of the row, not of the import."""
    monkeypatch.setattr(hits, "FEW", few)
    monkeypatch.setattr(hits, "PROBES", probes)
    monkeypatch.setattr(hits, "WALK", probes // 100)
    monkeypatch.setattr(hits, "GLANCE", few)
    many = Many(archive, seed)
    asked = Search(archive.db)
    for word in ("common", "red", "rare", "nowhere"):
        wanted = many.newest(word)
        for limit in (1, 7, 50, 1_000):
            assert places(asked.find(word, limit=limit)) == wanted[:limit], (word, limit)
        assert asked.count(word) == len(wanted)
    since = T0 + 150 * HOUR
    iso = datetime.fromtimestamp(since / 1e6, UTC).isoformat()
    for query, word, keep in (
        ("red project:atlas", "red", lambda one: one[5] == "atlas"),
        ("red agent:claude", "red", lambda one: one[4] == "claude-code"),
        ("red -project:api", "red", lambda one: one[5] != "api"),
        ("red agent:codex project:web project:api", "red", lambda one: one[4] == "codex" and one[5] in ("web", "api")),
        ("co* project:atlas", "common", lambda one: one[5] == "atlas"),
        ("r*", "r", lambda one: " r" in one[3]),
        (f"common since:{iso}", "common", lambda one: one[0] >= since),
        (f"common until:{iso}", "common", lambda one: one[0] <= since),
        (f"red since:{iso} project:/w/web", "red", lambda one: one[0] >= since and one[5] == "web"),
    ):
        wanted = many.newest(word, keep)
        for limit in (1, 7, 1_000):
            assert places(asked.find(query, limit=limit)) == wanted[:limit], (query, limit)
        assert asked.count(query) == len(wanted), query
    for name, key in many.keys.items():
        wanted = many.newest("green", lambda one, name=name: one[1] == name)
        assert places(asked.find("green", within=key, limit=5)) == wanted[:5]
        assert asked.count("green", within=key) == len(wanted)
    asked.close()


def test_rows_without_a_time_are_as_new_as_their_session(archive: Archive) -> None:
    archive.session("old", [said(0, "word", T0)])
    archive.session("none", [said(0, "word", None)])
    archive.session("some", [said(0, "x", T0 + HOUR), said(1, "word", None)])
    catch_up(archive.db)
    asked = Search(archive.db)
    assert places(asked.find("word")) == [("some", 1), ("old", 0), ("none", 0)]
    assert places(asked.find("word since:2020-01-01")) == [("old", 0)]
    asked.close()


def test_a_hit_says_where_it_is(archive: Archive) -> None:
    given, output = Text('{"command":"make it"}'), Text("No such rule")
    tool = Tool(id="c1", name="Bash", kind="tool.shell", input=given, output=output, status="failed", ts=T0)
    key = archive.session("one", [Prompt(id="p", text="do", ts=T0), tool], cwd="/home/ada/atlas", title="Fix it")
    catch_up(archive.db)
    asked = Search(archive.db)
    (hit,) = asked.find("output:rule").hits
    assert (hit.session, hit.id, hit.agent, hit.title, hit.project) == (key, "one", "claude-code", "Fix it", "atlas")
    assert (hit.row, hit.item, hit.kind, hit.tool, hit.ts, hit.error) == (1, "c1", "tool.shell", "Bash", T0, True)
    assert (hit.snippet.column, hit.snippet.text, hit.snippet.matches) == ("output", "No such rule", ((8, 12),))
    asked.close()


def test_options_and_fields_say_the_same(archive: Archive) -> None:
    calls = [("Bash", "tool.shell", "ok"), ("Bash", "tool.shell", "failed"), ("Edit", "tool.edit", "failed")]
    tools = [
        Tool(id=f"c{number}", name=name, kind=kind, input=Text('{"a":"word"}'), status=status, ts=T0 + number)
        for number, (name, kind, status) in enumerate(calls)
    ]
    archive.session("one", tools)
    catch_up(archive.db)
    asked = Search(archive.db)
    for query, limits, rows in (
        ("word tool:Bash", Limits(tools=("bash",)), [1, 0]),
        ("word is:error", Limits(errors=True), [2, 1]),
        ("word (tool:Bash OR tool:Edit)", Limits(tools=("Bash", "Edit")), [2, 1, 0]),
        ("word kind:tool.edit", Limits(kinds=("tool.edit",)), [2]),
        ("word tool:bash is:error", Limits(tools=("Bash",), errors=True, agents=("claude",), projects=("DEMO",)), [1]),
    ):
        assert [hit.row for hit in asked.find(query).hits] == rows
        assert [hit.row for hit in asked.find("word", limits).hits] == rows
    asked.close()


# ---- many hits


def test_hits_are_counted_up_to_a_number_and_relevance_ends_there(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST", 20)
    monkeypatch.setattr(hits, "MOST", 20)
    many = "word " * 30
    archive.session("a", [said(row, many if row == 3 else f"word and {row} others of no interest", T0 + row)
                          for row in range(20)])  # fmt: skip
    catch_up(archive.db)
    asked = Search(archive.db)
    assert asked.count("word") == 20
    best = asked.find("word", relevance=True)
    assert (best.hits[0].row, best.note) == (3, "")
    assert asked.find("word").hits[0].row == 19
    assert places(asked.find("word project:demo", relevance=True, limit=3)) == places(best)[:3]
    archive.session("b", [said(0, "word", T0 + 99)])
    catch_up(archive.db)
    assert asked.count("word") == 21  # more than that
    found = asked.find("word", relevance=True)
    assert (found.hits[0].id, found.note) == ("b", "More than 20 hits: shown newest first.")
    asked.close()


def test_rows_of_replaced_sessions_are_no_hits(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.session("a", [said(row, "word", T0 + row) for row in range(30)])
    archive.session("b", [said(0, "word", T0)])
    catch_up(archive.db)
    archive.session("a", [said(0, "another", T0), said(1, "word", T0 + 1)])
    asked = Search(archive.db)
    found = asked.find("word")
    assert (places(found), found.waiting) == ([("b", 0)], 1)
    assert asked.count("word") == 1
    monkeypatch.setattr(hits, "MOST", 10)
    assert asked.count("word") == 1
    catch_up(archive.db)
    assert places(asked.find("word")) == [("a", 1), ("b", 0)]
    assert sorted(places(asked.find("word", relevance=True))) == [("a", 1), ("b", 0)]
    archive.sweep()
    assert asked.count("word") == 2
    assert asked.waiting() == 0
    asked.close()


def test_beginnings_of_words_are_found_however_many_there_are(archive: Archive) -> None:
    """Few words are spelled out, of many the index makes one list: the answer is the same."""
    rows = [said(row, f"word{row} WORDS wor\u00e9 {'other' if row % 2 else 'another'}", T0 + row) for row in range(120)]
    archive.session("a", rows)
    archive.session(
        "b", [Tool(id=f"c{n}", name=f"mcp__t{n % 60}", input=Text('{"x":"word1"}'), ts=T0) for n in range(90)]
    )
    catch_up(archive.db)
    asked = Search(archive.db)
    for query, count in {
        "word1*": 31 + 90, "WORD*": 120 + 90, "word11*": 11, "wore*": 120, "wor\u00e9*": 120, "oth*": 60, "nothing*": 0,
        "said:word1*": 31, "word1* NOT oth*": 15 + 90, "(word5* OR word6*) another*": 11, '"words wor"*': 120,
        "tool:mcp*": 90, "tool:mcp__t1*": 22, "word1* tool:mcp__t1*": 22,
    }.items():  # fmt: skip
        assert asked.count(query) == count, query
        found = places(asked.find(query, limit=1_000))
        assert len(found) == count, query
        assert places(asked.find(query, limit=5)) == found[:5], query
    asked.close()


# ---- what is not there


def test_without_a_database_nothing_is_found(tmp_path: Path) -> None:
    asked = Search(tmp_path / "no.db")
    assert asked.find("word") == Found((), 0, "No session is in the database yet.")
    assert (asked.count("word"), asked.waiting()) == (0, 0)
    (tmp_path / "no.db").touch()
    assert asked.find("word").note == "No session is in the database yet."
    with pytest.raises(QueryError):
        asked.find("(")


@IN_A_FILE
def test_a_database_of_another_version(archive: Archive) -> None:
    archive.session("a", [said(0, "word", T0)])
    for version, sentence in ((reads.SCHEMA - 1, ""), (reads.SCHEMA + 1, "newer Playhead")):
        with closing(sqlite3.connect(archive.db)) as connection:
            connection.execute(f"PRAGMA user_version={version}")
        asked = Search(archive.db)
        if sentence:
            with pytest.raises(StoreError, match=sentence):
                asked.find("word")
        else:
            assert asked.find("word").hits == ()
        asked.close()


def test_what_is_no_project_is_said(archive: Archive) -> None:
    archive.session("a", [said(0, "word", T0)], cwd="/w/atlas")
    catch_up(archive.db)
    asked = Search(archive.db)
    assert asked.find("word project:atlsa").note == "No session has the project atlsa. There are: atlas."
    assert asked.find("word agent:codex").note == "No session has the agent codex. There are: claude-code."
    asked.close()


@IN_A_FILE
def test_a_search_is_ended_from_another_thread(archive: Archive) -> None:
    archive.session("a", [said(row, "word", T0) for row in range(10)])
    catch_up(archive.db)
    asked = Search(archive.db)
    asked.find("word")
    assert asked._connection is not None
    asked._connection.set_progress_handler(asked.interrupt, 1)  # in the middle of it, on any machine
    with pytest.raises(StoreError, match="ended"):
        asked.find("word")
    asked._connection.set_progress_handler(None, 1)
    assert len(asked.find("word").hits) == 10
    asked.close()


# ---- the piece of text


def shown(query: str, *columns: str) -> tuple[str, list[str]]:
    finder = Finder(parse(query, datetime.now(UTC)).node)
    one = finder.snippet((*columns, "", "", "", "")[:4])
    return one.text, [one.text[start:end] for start, end in one.matches]


@pytest.mark.parametrize(
    ("query", "text", "matches"),
    [
        ("parser", "The Parser of parsers", ["Parser"]),
        ("pars*", "The Parser of parsers", ["Parser", "parsers"]),
        ('"the parser"', "In the\n\n  parser", ["the parser"]),
        ("retry_limit", "x = retry_limit + retry", ["retry_limit"]),
        ("retry limit", "limit the retry", ["limit", "retry"]),
        ("uber", "Das Übermaß, über", ["über"]),
        ("cafe", "ein CAFÉ", ["CAFÉ"]),
        ("日本", "これは日本語です", ["日本"]),
        ("a NOT b", "a b", ["a"]),
        ("x.y(z)", "call x.y(z)", ["x.y(z"]),
    ],
)
def test_matches_are_marked(query: str, text: str, matches: list[str]) -> None:
    assert shown(query, text)[1] == matches


def test_the_column_that_was_asked_for_is_shown() -> None:
    assert shown("output:word", "", "", "word in", "word out")[0] == "word out"
    assert shown("word", "", "", "word in", "word out")[0] == "word in"
    assert shown("kind:tool", "", "", "some input", "out")[0] == "some input"


def test_a_hit_far_into_a_long_output_is_shown_in_one_short_line() -> None:
    text = "lorem ipsum\n" * 100_000 + "the \x1b[31mneedle\x1b[0m here\t\tand" + " more" * 1_000
    line, matches = shown("needle", "", "", "", text)
    assert len(line) <= WIDTH
    assert matches == ["needle"]
    assert line.startswith("…")
    assert line.endswith("…")
    assert line.isprintable()


PLAIN = st.text(st.characters(exclude_characters="\x1b"), max_size=400)


@settings(max_examples=examples(100), deadline=None)
@given(before=PLAIN, after=PLAIN, word=st.sampled_from(["needle", "Nadel", "été"]))
@example(before="İ" * 200, after="ŉ", word="needle")
@example(before="x" * 300, after="x" * 300, word="needle")
def test_a_snippet_is_short_and_has_the_word(before: str, after: str, word: str) -> None:
    finder = Finder(parse(word, datetime.now(UTC)).node)
    one = finder.snippet((f"{before} {word} {after}", "", "", ""))
    assert len(one.text) <= WIDTH
    assert one.text.isprintable()
    assert any(fold(one.text[start:end]) == fold(word) for start, end in one.matches)
    for (_, end), (start, _) in zip(one.matches, one.matches[1:], strict=False):
        assert end <= start


def test_folding_keeps_every_place() -> None:
    text = "".join(map(chr, range(0x20, 0x3000))) + "İŉßﬁ𝔘"
    assert len(fold(text)) == len(text)
    assert re.sub("[^a-z]", "", fold("ÀÉÎõü")) == "aeiou"
