"""What may be typed to search: it gives a tree or a sentence, and what gives a tree is no error of SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from thorough import examples

from store.db import fts_sqlite as fts
from store.query import DEEPEST, LONGEST, MOST, And, Facet, Limits, Or, Query, Sessions, Words, parse
from store.query_tokens import QueryError

NOW = datetime(2026, 9, 14, 15, 0, tzinfo=UTC)
DAY = 86_400_000_000
AT = int(NOW.timestamp() * 1_000_000)


@pytest.fixture(scope="module")
def index() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in fts.CREATE:
            connection.execute(statement)
        yield connection


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("retry", Words("retry")),
        ("retry limit", And((Words("retry"), Words("limit")))),
        ("retry AND limit", And((Words("retry"), Words("limit")))),
        ("retry OR limit", Or((Words("retry"), Words("limit")))),
        ("a b OR c", Or((And((Words("a"), Words("b"))), Words("c")))),
        ("a (b OR c)", And((Words("a"), Or((Words("b"), Words("c")))))),
        ("a NOT b", And((Words("a"),), (Words("b"),))),
        ("a -b", And((Words("a"),), (Words("b"),))),
        ("a AND NOT b", And((Words("a"),), (Words("b"),))),
        ("NOT b a", And((Words("a"),), (Words("b"),))),
        ("a -(b OR c)", And((Words("a"),), (Or((Words("b"), Words("c"))),))),
        ('"retry the limit"', Words("retry the limit")),
        ('"re try*', None),
        ("pars*", Words("pars", prefix=True)),
        ('"the pars"*', Words("the pars", prefix=True)),
        ("retry_limit", Words("retry_limit")),
        ("main(argv)", Words("main(argv)")),
        ("(main(argv))", Words("main(argv)")),
        ("f() -> x", And((Words("f()"), Words("x")))),
        ("--no-verify", Words("--no-verify")),
        ("not and or", And((Words("not"), Words("and"), Words("or")))),
        ("http://localhost:8080/x", Words("http://localhost:8080/x")),
        ("localhost:8080", Words("localhost:8080")),
        ("std::vector", Words("std::vector")),
        ("output:passed", Words("passed", column="output")),
        ('input:"git push"', Words("git push", column="input")),
        ("thinking:maybe", Words("maybe", column="thought")),
        ("said:AND", Words("AND", column="said")),
        ("tool:Bash", Facet("t", "Bash")),
        ("tool:mcp*", Facet("t", "mcp", prefix=True)),
        ("kind:tool.shell", Facet("k", "tool.shell")),
        ("kind:answer", Facet("k", "message")),
        ("is:error", Facet("s", "failed")),
        ("tool:Bash OR tool:Edit", Or((Facet("t", "Bash"), Facet("t", "Edit")))),
        ("日本 語", And((Words("日本"), Words("語")))),
    ],
)
def test_what_is_typed_is_a_tree(text: str, node: object) -> None:
    if node is None:
        with pytest.raises(QueryError, match="not closed"):
            parse(text, NOW)
    else:
        assert parse(text, NOW) == Query(node)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "sessions"),
    [
        ("a agent:claude", Sessions(agents=("claude",))),
        ("project:atlas a project:api", Sessions(projects=("atlas", "api"))),
        ("a -project:atlas NOT agent:codex", Sessions(not_projects=("atlas",), not_agents=("codex",))),
        ("since:2d a", Sessions(since=AT - 2 * DAY)),
        ("since:2d a since:1w", Sessions(since=AT - 2 * DAY)),
        ("a since:2026-09-01T00:00Z", Sessions(since=AT - 13 * DAY - 15 * DAY // 24)),
        ("a until:1d", Sessions(until=AT - DAY)),
        ('a project:"my project"', Sessions(projects=("my project",))),
    ],
)
def test_sessions_and_times_narrow_the_whole(text: str, sessions: Sessions) -> None:
    assert parse(text, NOW) == Query(Words("a"), sessions)


def test_options_say_the_same_as_fields() -> None:
    limits = Limits(("claude",), ("atlas",), ("tool",), ("Bash", "Edit"), "2d", errors=True)
    said = parse("x agent:claude project:atlas kind:tool (tool:Bash OR tool:Edit) is:error since:2d", NOW)
    found = parse("x", NOW, limits)
    assert found.sessions == said.sessions
    assert fts.match(found.node) == fts.match(said.node)
    assert parse("", NOW, Limits(errors=True)) == parse("is:error", NOW)


@pytest.mark.parametrize(
    ("text", "sentence", "at"),
    [
        ("", "Say what to look for", 0),
        ("   ", "Say what to look for", 0),
        ('say "so', "The quote at character 5 is not closed", 4),
        ("a (b", r"The \( at character 3 is not closed", 2),
        ("a) b", r"There is no \( for the \) at character 2", 1),
        ("a ( ) b", "nothing in the parentheses at character 3", 2),
        ("a OR", "OR at character 3 needs a word on both sides", 2),
        ("OR a", "OR at character 1 needs a word on both sides", 0),
        ("a AND", "AND at character 3 needs a word on both sides", 2),
        ("AND a", "AND at character 1 needs", 0),
        ("a AND AND b", "AND at character 3 needs", 2),
        ("a NOT", "NOT at character 3 needs a word behind it", 2),
        ("NOT a", "say also what to find", 0),
        ("a OR NOT b", "say also what to find", 5),
        ("-tour", "say also what to find", 0),
        ("pa*rs", "A \\* can only end a word.*character 3", 0),
        ("a *", r"The \* at character 3 needs the beginning of a word", 2),
        ("kind:nonsense", "There is no kind “nonsense” .character 6.*There are: prompt, message", 5),
        ("is:blue", "There is no state “blue”.*There are: error", 3),
        ("knd:tool a", "There is no field knd: at character 1. Is it kind:", 0),
        ("since:whenever a", "“whenever” is no time: write 2d", 6),
        ("since:99999999999d a", "is no time", 6),
        ("since:2026-13-45 a", "is no time", 6),
        ("tool: Bash", "tool: at character 1 needs a word right behind it", 0),
        ("a project:x OR b", "project: at character 3 narrows the whole search", 2),
        ("a -(since:2d)", "since: at character 5 narrows the whole search", 4),
        ("project:x", "Say also what to look for there", 0),
        ("-> =", "letters and digits", 0),
        ("x" * (LONGEST + 1), "too long", LONGEST),
        ("a " * (MOST + 1), "too many words", 2 * MOST),
        ("(" * (DEEPEST + 1) + "a" + ")" * (DEEPEST + 1), "too deep", DEEPEST),
    ],
)
def test_what_is_no_query_is_told_with_its_place(text: str, sentence: str, at: int) -> None:
    with pytest.raises(QueryError, match=sentence) as caught:
        parse(text, NOW)
    assert caught.value.at == at
    assert "\n" not in str(caught.value)


def test_options_that_are_none_are_told_without_a_place() -> None:
    with pytest.raises(QueryError, match=r"There is no kind “nix”\. There are"):
        parse("a", NOW, Limits(kinds=("nix",)))
    with pytest.raises(QueryError, match="“gestern” is no time"):
        parse("a", NOW, Limits(since="gestern"))


# What looks like syntax, of ours, of FTS5 and of SQL, in any order.
PIECES = st.sampled_from(
    [
        "a", "b*", "AND", "OR", "NOT", "NEAR", "(", ")", '"', '""', "*", "-", "+", "^", ":", "{", "}", "'", ";", "--",
        "/*", "\\", "said:", "facets:", "fts_row", "kind:", "kind:tool", "is:error", "tool:", "since:2d", "project:x",
        "a:b", "é", "日本", "\U0010fffd", "\U0010fffcx", "\u0301", "_", ".", "\U0001d518", "ß", "İ", "NEAR(a b, 2)",
        "col : x", "{said} : x", "\x00", "\ud800", " ", "  ", "\t", "\n", "x" * 40,
    ]
)  # fmt: skip


@settings(max_examples=examples(250), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=14).map("".join), st.lists(PIECES).map(" ".join)))
@example(text="((((((((((((a OR b) c) OR d) e) OR f) g) OR h) i) OR j) k) OR l) m)")
@example(text=" ".join(["a"] * MOST))
@example(text=" OR ".join(["(a -b)"] * (MOST // 3)))
@example(text='"' + "a " * (LONGEST // 2 - 2) + '"')
@example(text='"' + "日" * (LONGEST - 2) + '"')
@example(text="x" * LONGEST)
def test_whatever_is_typed_is_a_query_or_a_sentence(index: sqlite3.Connection, text: str) -> None:
    try:
        query = parse(text, NOW)
    except QueryError as error:
        told = error
    else:
        index.execute(fts.NEWEST, (fts.match(query.node), 10)).fetchall()
        return
    assert str(told)
    assert 0 <= told.at <= len(text)
