"""The full-text index of both dialects: the same rows for the same words."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from builders import assistant, lines, user
from imports import Folded, check
from raw import ask, change

from store.db import fts_postgres, fts_sqlite, place, reads, reads_postgres
from store.db.search import catch_up
from store.document import Document, facet, spaced
from store.intake import take_in
from store.query import And, Facet, Node, Or, Words
from store.search import Search
from store.whole import Whole

pytestmark = pytest.mark.parametrize("database", ["server"], indirect=True)

WORDS = (
    "run", "runs", "running", "Straße", "STRASSE", "naïve", "naive", "café", "cafe\u0301", "x1", "1.5", "don't",
    "foo_bar", "foo-bar", "ﬁne", "İstanbul", "日本語", "日", "한국어", "Ω", "ω", "a", "to", "snake_case_name",
    "https://example.org/a/b?c=d", "user@example.org", "C:\\dir\\file", "'quoted'", "50%", "\0", "\ue000", "½", "²",
)  # fmt: skip
COLUMNS = ("", "said", "thought", "input", "output")


class Execute:
    """A transaction, as the index wants one."""

    def __init__(self, url: str) -> None:
        self.connection = reads_postgres.connected(url)

    def exec_driver_sql(self, statement: str, parameters: Any = (), /) -> object:
        sql = reads_postgres.translated(statement)
        with self.connection.cursor() as cursor:
            return (
                cursor.executemany(sql, parameters) if isinstance(parameters, list) else cursor.execute(sql, parameters)
            )


class Both:
    """One corpus in both."""

    def __init__(self, db: Path, documents: list[Document]) -> None:
        self.file = sqlite3.connect(":memory:")
        for statement in fts_sqlite.CREATE:
            self.file.execute(statement)
        self.file.execute(fts_sqlite.VOCABULARY)
        numbered = list(enumerate(documents, 1))
        self.file.executemany(fts_sqlite.ADD, [(number, *one) for number, one in numbered])
        url = place.server(db)
        assert url is not None
        self.tx = Execute(url)
        fts_postgres.add(self.tx, numbered)
        self.server = reads.connect(db)

    def close(self) -> None:
        self.file.close()
        self.tx.connection.close()
        self.server.close()

    def found(self, node: Node) -> tuple[list[int], list[int]]:
        """Rows of the file, and rows of the server."""
        plain, _ = fts_sqlite.spelled_out(self.file, node)
        here = self.file.execute(fts_sqlite.EVERY, (fts_sqlite.match(plain),)).fetchall()
        asked = fts_postgres.asked(node)
        there = self.server.execute(asked.every, asked.values).fetchall()
        return [row for (row,) in here], [row for (row,) in there]


def said(text: str) -> Document:
    return spaced(text), "", "", "", facet("k", "message")


def some(rng: random.Random, words: int) -> Document:
    texts = [spaced(" ".join(rng.choices(WORDS, k=rng.randint(0, words)))) for _ in range(4)]
    facets = " ".join(facet(sort, rng.choice(("tool", "tool.shell", "failed"))) for sort in "kts")
    return texts[0], texts[1], texts[2], texts[3], facets


def node(rng: random.Random, depth: int = 2) -> Node:
    kind = rng.random() if depth else 0.0
    if kind < 0.5:
        text = " ".join(rng.choices([word for word in WORDS if word != "\0"], k=rng.choice((1, 1, 1, 2, 3))))
        column = rng.choice(COLUMNS) if rng.random() < 0.4 else ""
        return Words(text if rng.random() < 0.8 else text[: rng.randint(1, 3)], rng.random() < 0.3, column)
    if kind < 0.6:
        return Facet(rng.choice("kts"), rng.choice(("tool", "tool.", "failed", "tool.shell")), rng.random() < 0.3)
    nodes = tuple(node(rng, depth - 1) for _ in range(rng.randint(1, 3)))
    if kind < 0.75:
        return Or(nodes)
    return And(nodes, tuple(node(rng, depth - 1) for _ in range(rng.randint(0, 2))))


@pytest.fixture
def corpus(database: Path) -> Iterator[Both]:
    rng = random.Random(7)
    with closing(Both(database, [some(rng, 12) for _ in range(300)])) as both:
        yield both


def test_any_query_finds_the_same_rows(corpus: Both) -> None:
    """Words of any script, phrases, beginnings, columns, facets, AND, OR and NOT, in any shape."""
    rng = random.Random(1)
    hits = 0
    for number in range(400):
        asked = node(rng)
        here, there = corpus.found(asked)
        assert there == here, (number, asked)
        hits += 0 < len(here) < 300
    assert hits > 150


def test_phrases_far_behind_and_words_said_often_are_found(database: Path) -> None:
    """A tsvector forgets places after the 16,383rd, and of each word after the 256th."""
    far = " ".join(f"w{number}" for number in range(20_000))
    often = "the end " * 400 + "the cat"
    with closing(Both(database, [said(far), said(often), said("cat the")])) as both:
        for text, rows in (("w18000 w18001", [1]), ("w18001 w18000", []), ("the cat", [2]), ("w19999", [1])):
            assert both.found(Words(text)) == (rows, rows), text


def test_a_text_with_more_words_than_a_tsvector_holds(database: Path) -> None:
    """All of them are found, in any combination, and no neighbour is."""
    rng = random.Random(3)
    many = " ".join(f"{rng.getrandbits(60):015x}" for _ in range(120_000)).split()
    huge = "z" * 5_000
    documents = [said(" ".join([*many, huge])), said(f"{many[0]} {many[-1]}"), said("zzz")]
    with closing(Both(database, documents)) as both:
        last = Words(many[-1])
        for asked, rows in (
            (last, [2, 1]),
            (Words(f"{many[-2]} {many[-1]}"), [1]),
            (And((last,), (Words(many[1]),)), [2]),
            (And((last, Words(many[70_000]))), [1]),
            (Or((Words("zzz"), Words(many[90_000]))), [3, 1]),
            (Words(many[-1][:12], True), [2, 1]),
            (Words(huge), [1]),
            (Words(huge[:40], True), [1]),
            (Words(huge[:-1]), []),
        ):
            assert both.found(asked) == (rows, rows), str(asked)[:80]


def test_forgotten_rows_are_found_no_more(corpus: Both, database: Path) -> None:
    word = Words("run")
    before = corpus.found(word)[1]
    fts_postgres.remove(corpus.tx, [(before[0], ("", "", "", "", ""))])
    assert corpus.found(word)[1] == before[1:]
    change(database, "DELETE FROM fts_row")
    assert corpus.found(word)[1] == []


def test_a_session_with_characters_that_a_server_refuses(database: Path, tmp_path: Path) -> None:
    """NUL has no place in its texts. Rows are kept as they were; a title shows that there was something."""
    path = tmp_path / "projects" / "11111111-2222-4333-8444-555555555555.jsonl"
    path.parent.mkdir()
    title = b'{"type":"custom-title","customTitle":"a\\u0000b","sessionId":"11111111-2222-4333-8444-555555555555"}\n'
    path.write_bytes(title + lines(user("before\0after"), assistant("fine")))
    take_in(database, path)
    catch_up(database)
    check(database, path, Folded(Whole(path)).rows)
    change(database, "UPDATE session SET cwd = ?", ("a\0b",))
    assert ask(database, "SELECT cwd FROM session") == [("a\ufffdb",)]
    with closing(Search(database)) as search:
        assert [hit.row for hit in search.find("after").hits] == [0]
