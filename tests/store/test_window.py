"""Windows and `known`: rows by number, few statements, no SQLAlchemy, and the file must still be the same."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from imports import ListWindow

from store.db import reads
from store.db.rows import FIGURES
from store.errors import StoreError
from store.events import Hunk
from store.facts import Facts
from store.fold import State
from store.intake import take_in
from store.items import Item, Message, Notice, Plan, Prompt, Raw, Span, Thought, Tool, kind_of, size_of
from store.known import Known, known
from store.text import Text
from store.window import WEIGHT, DbWindow
from viewer.bench.make_session import write_session

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "playhead.db"


@pytest.fixture
def session(tmp_path: Path, db: Path) -> Path:
    path = tmp_path / "projects" / "s.jsonl"
    write_session(path, records=900, seed=4, agents=2)
    take_in(db, path)
    return path


def must(path: Path, db: Path) -> Known:
    found = known(path, db)
    assert found is not None
    return found


ITEMS: list[Item] = [
    Prompt(id="p", ts=1, text="fix it", images=2),
    Message(id="m", text=Text("so **be** it\n" * 3000), llm="x"),
    Thought(id="t", text=Text("hm"), hidden=True, ended=5),
    Tool(
        id="c", name="Edit", kind="tool.edit", title="a.py", input=Text('{"a":1}'), output=Text("ok" * 40_000),
        status="ok", hunks=(Hunk(1, 1, ("-a", "+b")),), spans=(Span(0, 5, 9), Span(1, 0, 3)), duration_us=7,
    ),
    Plan(id="l", entries=(("one", "completed"), ("two", "pending"))),
    Notice(id="n", kind="hook", text="é\u2028…", level="warning", detail="d"),
    Raw(id="@0:1", type="odd", reason="unknown type", text="\x00{"),
]  # fmt: skip


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: type(item).__name__)
def test_every_kind_of_item_lies_in_the_database_as_it_is(item: Item) -> None:
    payload = reads.press(item)
    assert reads.unpress(payload) == item
    assert len(payload) < max(reads.BIG, size_of(item) / 10)


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: type(item).__name__)
def test_figures_of_a_row_are_those_of_its_item(item: Item) -> None:
    assert FIGURES[type(item)](item)[:2] == (kind_of(item), size_of(item))


def test_every_kind_of_item_has_figures() -> None:
    assert set(FIGURES) == set(get_args(Item)) == {type(item) for item in ITEMS}


def test_list_window() -> None:
    items: list[Item] = [
        Prompt(id="a"),
        Tool(id="c"),
        Message(id="x", agent="s", parent="c"),
        Message(id="y", agent="s", parent="?"),
        Message(id="long", text=Text("a" * 70_000)),
    ]
    window = ListWindow(items)
    assert window.length == 5
    assert [item.id for item in window.read(1, 2)] == ["c", "x"]
    assert window.read(-1, 2) == window.read(0, 1)
    assert list(window.read(4, 9)) == [window.read(4, 1)[0]]
    assert list(window.weights()) == [0, 0, 0, 0, 65_535]
    assert list(window.nested()) == [2, 1, 3, -1]
    assert window.find("x") == 2
    assert window.find("nothing") is None


def test_reads_stay_inside(session: Path, db: Path) -> None:
    window = must(session, db).window
    rows = window.length
    everything = window.read(0, rows)
    assert len(everything) == rows
    assert window.read(rows - 3, 64) == everything[-3:]
    assert window.read(rows, 64) == []
    assert window.read(5, 0) == []
    assert window.read(-10, 20) == everything[:10]
    assert window.find("nothing") is None
    assert all(min(WEIGHT, size_of(item)) == weight for item, weight in zip(everything, window.weights(), strict=True))
    window.close()


def test_first_paint_costs_few_statements_and_one_page(
    session: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening a known session costs what is shown, not what is stored."""
    statements: list[str] = []
    connect = reads.connect

    def counted(path: Path, _patience: int | None = None) -> reads.Connection:
        connection = connect(path)
        assert reads.is_file(connection)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(reads, "connect", counted)
    decoded: list[bytes] = []
    unpress = reads.unpress

    def seen(payload: bytes) -> Item:
        decoded.append(payload)
        return unpress(payload)

    monkeypatch.setattr(reads, "unpress", seen)
    found = must(session, db)
    found.window.weights()
    found.window.read(found.rows - 64, 64)
    assert len(statements) <= 5, statements
    assert len(decoded) == 64
    found.window.close()


def test_an_older_window_never_changes(session: Path, db: Path) -> None:
    """Rows that came after it was opened are not in it."""
    found = must(session, db)
    before = found.window.read(0, found.rows)
    weights, nested = found.window.weights(), found.window.nested()
    with session.open("ab") as file:
        file.write(b'{"type":"user","uuid":"new","message":{"role":"user","content":"more"},"sessionId":"s"}\n')
    take_in(db, session)
    later = must(session, db)
    assert later.rows == found.rows + 1
    assert found.window.read(0, found.rows + 9) == before
    assert (found.window.weights(), found.window.nested()) == (weights, nested)
    assert found.window.find("new") is None
    assert later.window.find("new") == found.rows
    found.window.close()
    later.window.close()


def test_rows_that_are_gone_are_a_sentence(session: Path, db: Path) -> None:
    window = must(session, db).window
    connection = sqlite3.connect(db)
    connection.execute("DELETE FROM item")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="open the session again"):
        window.read(0, 1)
    window.close()


def test_a_missing_database_is_a_sentence_for_a_window_and_none_for_known(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        DbWindow(tmp_path / "nothing.db", 1, 5)
    assert known(tmp_path / "s.jsonl", tmp_path / "nothing.db") is None
    (tmp_path / "odd.db").write_bytes(b"x" * 9_000)
    assert known(tmp_path / "s.jsonl", tmp_path / "odd.db") is None


def test_known_is_asked_in_the_data_folder(session: Path, db: Path, home: Path) -> None:
    assert known(session) is None
    folder = home / "playhead" / "data"
    folder.mkdir(parents=True)
    db.rename(folder / "playhead.db")
    found = known(session)
    assert found is not None
    found.window.close()


def test_known_says_what_it_knows(session: Path, db: Path) -> None:
    found = must(session, db)
    assert found.agent == "claude-code"
    assert found.sources[0].path == session
    assert [source.agent for source in found.sources] == ["", "a000004000000", "a000004000001"]
    assert [source.offset for source in found.sources] == [source.path.stat().st_size for source in found.sources]
    assert found.unchanged
    assert found.turn > 3
    state = found.state()
    assert isinstance(state, State)
    assert (state.rows, state.turn) == (found.rows, found.turn)
    assert all(item == found.window.read(row, 1)[0] for row, item in list(state.recent.values())[::50])
    assert found.facts.updated is not None
    found.window.close()


def test_a_touched_file_is_known_but_not_unchanged(session: Path, db: Path) -> None:
    os.utime(session, ns=(1, 1))
    found = must(session, db)
    assert [source.touched for source in found.sources] == [True, False, False]
    assert not found.unchanged
    found.window.close()
    take_in(db, session)
    found = must(session, db)
    assert found.unchanged
    found.window.close()


def test_a_rewritten_subagent_makes_the_session_unknown(session: Path, db: Path) -> None:
    child = must(session, db).sources[1].path
    child.write_bytes(child.read_bytes()[:500])
    assert known(session, db) is None


def test_another_fold_version_is_not_known(session: Path, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.known.FOLD_VERSION", 999)
    assert known(session, db) is None


def test_first_paint_needs_no_sqlalchemy(session: Path, db: Path) -> None:
    """SQLAlchemy costs twice what Qt does; a known session is painted without it."""
    code = (
        "import sys; from pathlib import Path; from store.known import known; from store.importer import Import; "
        "from store.catalog import Catalog; db = Path(sys.argv[2]); found = known(Path(sys.argv[1]), db); "
        "found.window.read(0, 64); found.state(); Catalog(db).load(); "
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'sqlalchemy', 'PySide6'}))"
    )
    command = [sys.executable, "-c", code, str(session), str(db)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPO, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_facts_keep_the_last_word() -> None:
    from store import events as ev
    from store import facts as module

    at, sub = ev.At(ts=10), ev.At(ts=30, agent="s")
    facts = Facts()
    facts.add(
        [
            ev.SessionNamed(at, id="i", title="low", rank=1, cwd="/a"),
            ev.SessionNamed(at, title="high", rank=5),
            ev.SessionNamed(at, title="lower again", rank=2, branch="b"),
            ev.SessionNamed(sub, title="not mine", rank=9),
            ev.PromptText(at, "p", "x"),
            ev.Usage(at, 5, 100),
            ev.Usage(at, 7, None),
            ev.Usage(sub, 99, None),
            ev.ConfigChanged(at, None, "llm-1"),
            ev.ConfigChanged(at, "plan", None),
            ev.Compacting(at, on=True),
        ]
    )
    assert (facts.id, facts.title, facts.cwd, facts.branch) == ("i", "high", "/a", "b")
    assert (facts.used, facts.size, facts.llm, facts.mode) == (7, 100, "llm-1", "plan")
    assert (facts.compacting, facts.pending, facts.started, facts.updated) == (True, True, 10, 30)
    facts.add([ev.Compacted(at, "c", ""), ev.TurnEnded(at)])
    assert (facts.compacting, facts.pending) == (False, False)
    assert module.load(module.dump(facts)) == facts
    again = Facts()
    again.add(facts.events())
    assert msgspec.structs.replace(again, started=10) == facts


def test_many_finds_read_the_hashes_once_and_again_when_the_database_changed(session: Path, db: Path) -> None:
    """What a rebase asks for at its end: 34 items, one reading of their strip."""
    found = must(session, db)
    window, told = found.window, list[str]()
    ids = [item.id for item in window.read(found.rows - 34, 34)]
    window._connection.set_trace_callback(told.append)
    assert [window.find(id) for id in ids] == list(range(found.rows - 34, found.rows))
    assert sum("SELECT ids" in sql for sql in told) == 1
    with sqlite3.connect(db) as other:
        other.execute("INSERT INTO catalog (path, size, mtime_ns, row) VALUES ('p', 1, 1, x'00')")
    other.close()
    assert window.find(ids[0]) == found.rows - 34
    assert sum("SELECT ids" in sql for sql in told) == 2
    window.close()
