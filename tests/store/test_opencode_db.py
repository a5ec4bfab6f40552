"""OpenCode's own storage: its database, read live and without a trace, and its older folder of files."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import opencode_kit as kit
import orjson
import pytest
from builders import picture
from imports import Folded, check
from ingest_screen import Screen

from store import around, empties
from store.errors import StoreError
from store.events import Compacted, Event, NoticeAdded, PromptText, Rewound, Spent, TurnEnded
from store.feeds import read_spans
from store.fold import Put, State, fold_run
from store.formats import named, opencode_rows
from store.intake import take_in
from store.items import Prompt, Tool, text_of
from store.pipe import Pipe
from store.prices import unknown
from store.report import show
from store.requests_report import requests
from store.sources import database, pieces, scan, views
from store.sources.discover import Discovery
from store.sources.listing import row_of
from store.sources.watch import Watcher
from store.whole import Whole, events_of

RECORDED = Path(__file__).parents[1] / "recorded"
Start = Callable[..., kit.Database]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Start]:
    """An OpenCode that has its database open until the end of the test."""
    made: list[kit.Database] = []

    def start(*exports: dict[str, Any], name: str = "opencode.db") -> kit.Database:
        made.append(kit.Database(tmp_path / "share" / name, *exports))
        return made[-1]

    yield start
    for one in made:
        one.close()


def events(path: Path) -> list[Event]:
    return [event for batch in events_of(path) for event in batch]


def of(kind: type[Event], path: Path) -> list[Any]:
    return [event for event in events(path) if type(event) is kind]


# ---- the same session, however it lies there


def test_an_export_a_database_and_a_folder_show_the_same_rows(running: Start, tmp_path: Path) -> None:
    for name, told in (
        ("tour", kit.tour()),
        ("recorded", orjson.loads((RECORDED / "opencode" / "export.jsonl").read_bytes())),
    ):
        db = running(told, name=f"{name}.db")
        path = tmp_path / "export.json"
        kit.write(path, told)
        shown = picture(path)
        assert picture(db.session(told["info"]["id"])) == shown
        assert picture(kit.folder(tmp_path / name, told)) == shown
    assert '[main] (ok) "ls\\nok"' in picture(db.path.with_name("tour.db") / "ses_1")


def test_prompts_injections_images_and_ends(running: Start) -> None:
    path = running(kit.tour()).session()
    said = [(one.text, one.origin, one.images) for one in of(PromptText, path)]
    assert said == [
        ("Go", "human", 0), ("Go\n[a.png]", "human", 1), ("<file>", "injected", 0), ("More", "human", 0),
    ]  # fmt: skip
    rows = [row for row in Folded(events_of(path)).rows if isinstance(row, Prompt) and row.origin == "human"]
    assert [(row.text, row.images) for row in rows] == [("Go\n[a.png]", 1), ("More", 0)]
    ends = of(TurnEnded, path)
    assert [(one.status, one.reason) for one in ends] == [("success", "end_turn"), ("cancelled", "")]
    assert ends[0].cost_usd == pytest.approx(0.00771)
    assert {one.key for one in of(Spent, path)} == {"opencode prt_4", "opencode prt_6"}


def test_a_prompt_is_one_row_whatever_it_is_made_of(running: Start) -> None:
    pictures = [
        kit.part("file", f"prt_{name}", "msg_1", mime="image/png", filename=f"{name}.png", url="data:x")
        for name in ("0", "p")
    ]
    told = kit.user("Look", "msg_1", 100, *pictures)
    told["parts"].sort(key=lambda part: part["id"])
    alone = {**kit.user("", "msg_4", 2000), "parts": [{**pictures[0], "id": "prt_x", "messageID": "msg_4"}]}
    db = running(kit.export(told, kit.answer(kit.part("text", text="Nice."), kit.step()), alone, title=""))
    (first, last) = [row for row in Folded(events_of(db.session())).rows if isinstance(row, Prompt)]
    assert (first.text, first.images, first.turn) == ("[0.png]\nLook\n[p.png]", 2, 1)
    assert (last.text, last.origin, last.images, last.turn) == ("[0.png]", "human", 1, 2)
    assert row_of(db.session()).title == "Look"
    view = views.at(db.session())
    assert view is not None
    with views.opened(db.session()) as held:
        pipe = Pipe(named("opencode"))
        told_ = pipe.feed(held.read(1 << 20))
        db.parts([pictures[1], kit.part("text", "prt_late", "msg_1", text="Wait")])  # told again, and one that is new
        view.looks()
        late = [one for one in pipe.feed(held.read(1 << 20)) if isinstance(one, PromptText)]
    assert [one.origin for one in told_ if isinstance(one, PromptText)] == ["human"] * 4
    assert [(one.item, one.text, one.origin) for one in late] == [("prt_late", "Wait", "steer")]


def test_a_fork_counts_what_it_copied_where_it_was_made(running: Start) -> None:
    fork = kit.tour()
    fork["info"] = kit.info(time={"created": kit.BORN + 1800, "updated": kit.BORN + 1900}, title="A title (fork #1)")
    path = running(fork).session()
    assert of(Spent, path) == []
    assert len(Folded(events_of(path)).rows) == len(Folded(events_of(running(kit.tour(), name="o.db").session())).rows)


def test_a_compaction_shows_its_summary(running: Start) -> None:
    told = kit.export(
        kit.user("Go"), kit.answer(kit.part("text", text="Hi"), kit.step()),
        {"info": kit.user("x", "msg_3", 1000)["info"], "parts": [kit.part("compaction", "prt_c", "msg_3", auto=True)]},
        kit.answer(kit.part("text", "prt_d", text="All of it."), id="msg_4", at=1100, done=1200, summary=True),
    )  # fmt: skip
    path = running(told).session()
    assert [one.text for one in of(Compacted, path)] == ["All of it."]
    assert [one.text for one in of(PromptText, path)] == ["Go"]


def test_what_was_reverted_left_the_path(running: Start) -> None:
    told = kit.tour()
    told["info"] = kit.info(revert={"messageID": "msg_4"})
    path = running(told).session()
    assert [one.item for one in of(Rewound, path)] == ["prt_0msg_4"]
    assert [text_of(row) for row in Folded(events_of(path)).rows][-2:] == ["Done.", "Reverted to an earlier message"]


def test_subagents_nest_where_they_were_called(running: Start, tmp_path: Path) -> None:
    calls = kit.tool("prt_t", name="task", metadata={"sessionId": "ses_2"})
    told = kit.export(kit.user("Go"), kit.answer(calls, kit.step()))
    deeper = kit.tool("prt_u", name="task", metadata={"sessionId": "ses_3"})
    child = kit.export(kit.user("Help", "msg_7"), kit.answer(deeper, id="msg_8"), id="ses_2", parentID="ses_1")
    last = kit.export(
        kit.user("Deep", "msg_9"), kit.answer(kit.part("text", text="Yes"), id="msg_a"), id="ses_3", parentID="ses_2"
    )
    db = running(told, child, last)
    for one in (child, last):
        kit.folder(tmp_path, one)
    for path in (db.session(), kit.folder(tmp_path, told)):
        rows = Folded(events_of(path)).rows
        assert [(row.agent, row.parent) for row in rows if text_of(row) == "Help"] == [("ses_2", "prt_t")]
    assert {Path(found.path).name for found in scan.scan([db.path], {})} == {"ses_1", "ses_2", "ses_3"}
    assert [row_of(db.session(id)).state for id in ("ses_2", "ses_3")] == ["draft", "draft"], "shown in their parent"


# ---- without a trace, and without being in the way


def test_reading_leaves_nothing_behind(running: Start) -> None:
    db = running(kit.tour())
    before = kit.left(db.path.parent)
    assert any(name.endswith("-wal") for name in before)
    picture(db.session())
    assert kit.left(db.path.parent) == before
    db.close()  # it is checkpointed: no log, and no reader makes one
    before = kit.left(db.path.parent)
    assert list(before) == ["opencode.db"]
    assert "Done." in picture(db.session())
    assert kit.left(db.path.parent) == before
    assert not list(db.path.parent.glob("*-shm"))


def test_what_a_killed_program_left_stays_as_it_was(tmp_path: Path) -> None:
    """Its log and the index of it, too: the first reader that may write would make that anew."""
    path = tmp_path / "opencode.db"
    code = (
        "import os, sys, orjson, opencode_kit as kit\n"
        "from pathlib import Path\n"
        "kit.Database(Path(sys.argv[1]), kit.tour())\n"
        "os.kill(os.getpid(), 9)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code, str(path)], env=environment, check=False, timeout=60)
    before = {file.name: (file.stat().st_mtime_ns, file.read_bytes()) for file in tmp_path.iterdir()}
    assert set(before) == {"opencode.db", "opencode.db-wal", "opencode.db-shm"}
    assert "Done." in picture(path / "ses_1")
    assert {file.name: (file.stat().st_mtime_ns, file.read_bytes()) for file in tmp_path.iterdir()} == before


def test_a_log_without_its_index_is_read_elsewhere(running: Start, tmp_path: Path) -> None:
    db = running(kit.tour())
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("opencode.db", "opencode.db-wal"):
        shutil.copy(db.path.with_name(name), moved / name)
    before = kit.left(moved)
    assert "Done." in picture(moved / "opencode.db" / "ses_1")
    assert kit.left(moved) == before
    assert not list(moved.glob("*-shm"))


def test_a_reader_never_blocks_the_writer_nor_a_checkpoint_of_what_it_has_read(running: Start) -> None:
    db = running(kit.tour())
    inside, go = threading.Event(), threading.Event()

    def work(connection: sqlite3.Connection) -> int:
        count = connection.execute("SELECT count(*) FROM part").fetchone()[0]
        inside.set()
        assert go.wait(30)
        return int(connection.execute("SELECT count(*) FROM part").fetchone()[0]) - int(count)

    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(database.read(db.path, work)))
    thread.start()
    assert inside.wait(30)
    db.connection.execute("PRAGMA busy_timeout = 0")  # it would fail at once
    for number in range(20):
        db.parts([kit.part("text", f"prt_n{number}", "msg_3", text="x")])
    go.set()
    thread.join()
    assert seen == [0], "a reader sees one moment"
    busy, _, _ = db.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert busy == 0, "nobody is left reading"


def test_what_is_no_database_of_opencode(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE session (x)")
    other.close()
    (tmp_path / "text.db").write_text("no database")
    for name in ("other.db", "text.db", "none.db"):
        assert list(scan.scan([tmp_path / name], {})) == []
        with pytest.raises(OSError, match=r"database|such file"):
            views.stat(tmp_path / name / "ses_1")
    assert views.at(tmp_path / "other.db") is None


# ---- live, listed, imported


def test_what_a_running_program_adds_and_changes(running: Start, screens: Callable[..., Screen]) -> None:
    db = running(kit.export(kit.user("Go")))
    screen = screens(db.session())
    screen.until(lambda: screen.texts() == ["Go"])
    db.message(kit.answer(done=None)["info"])
    db.parts([{**kit.part("text", "prt_2", text=""), "messageID": "msg_2"}])
    db.parts([kit.tool("prt_3", status="running", output="")])
    screen.until(lambda: len(screen.rows) == 2)
    assert [row.status for row in screen.rows if isinstance(row, Tool)] == ["running"]
    db.parts([kit.part("text", "prt_2", text="Said."), kit.tool("prt_3", output="a.txt"), kit.step("prt_4")])
    db.message(kit.answer()["info"])
    screen.until(lambda: len(screen.rows) == 3 and "Said." in screen.texts())
    screen.until(lambda: [row.status for row in screen.rows if isinstance(row, Tool)] == ["ok"])
    tool = next(row for row in screen.rows if isinstance(row, Tool))
    for where, _, data in read_spans([db.session()], tool.spans):
        assert where == str(db.session())
        assert all(orjson.loads(one)["id"] == "prt_3" for one in data.splitlines() if b'"prt_3"' in one)
    assert any(b'"a.txt"' in data for _, _, data in read_spans([db.session()], tool.spans))
    db.row(kit.info(revert={"messageID": "msg_2"}))
    screen.until(lambda: screen.texts() == ["Go", "Reverted to an earlier message"])
    db.row(kit.info())
    screen.until(lambda: "Said." in screen.texts())


def test_what_counts_only_after_its_news_came_is_shown_all_the_same(
    running: Start, screens: Callable[..., Screen], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log tells of a commit when its first byte is written; on a busy machine it counts much later."""
    monkeypatch.setattr(around, "AROUND", 0.0)  # nobody looks for subagents a second later
    db = running(kit.export(kit.user("Go")))
    screen = screens(db.session())
    screen.until(lambda: screen.texts() == ["Go"])
    for name in ("watch", "watch_tree"):
        monkeypatch.setattr(screen.watcher, name, lambda *_: None)  # from now on nobody tells anything
    (tell, *_) = [call for place, call in screen.ingest._follower._places.items() if place.name.endswith("-wal")]
    for place in (db.path, db.path.with_name(f"{db.path.name}-wal")):
        screen.watcher.unwatch(place)
    tell(db.path)
    screen.until(lambda: not screen.ingest._bell.is_set())
    with screen.ingest._turn:  # who was woken has looked
        pass
    db.message(kit.user("Now", "msg_n", 3000)["info"])
    db.parts([kit.part("text", "prt_n", "msg_n", text="Now")])
    screen.until(lambda: "Now" in screen.texts())


def test_what_a_running_program_writes_into_its_folder(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    path = kit.folder(tmp_path, kit.export(kit.user("Go")))
    screen = screens(path)
    screen.until(lambda: screen.texts() == ["Go"])
    storage = tmp_path / "storage"
    kit.write(storage / "message" / "ses_1" / "msg_2.json", kit.answer(done=None)["info"])
    screen.until(lambda: storage / "part" / "msg_2" in views.watched(path).folders)
    kit.write(storage / "part" / "msg_2" / "prt_3.json", kit.tool("prt_3", status="running", output=""))
    screen.until(lambda: [row.status for row in screen.rows if isinstance(row, Tool)] == ["running"])
    kit.write(storage / "part" / "msg_2" / "prt_3.json", kit.tool("prt_3", output="a.txt"))
    screen.until(lambda: [row.status for row in screen.rows if isinstance(row, Tool)] == ["ok"])
    tool = screen.rows[-1]
    assert isinstance(tool, Tool)
    where = {file for file, _, _ in read_spans([path], tool.spans)}
    assert where == {str(storage / "part" / "msg_2" / "prt_3.json")}, "the file that the bytes lie in"


def test_it_is_listed_and_goes_when_it_is_deleted(running: Start) -> None:
    db = running(kit.tour())
    rows: dict[str, Any] = {}
    news = threading.Condition()

    def listed(delta: Any) -> None:
        with news:
            rows.update({row.session: row for row in delta.put})
            for gone in delta.gone:
                rows.pop(Path(gone).name)
            news.notify_all()

    watcher = Watcher()
    search = Discovery([db.path], watcher, listed)
    search.start()
    try:
        with news:
            assert news.wait_for(lambda: set(rows) == {"ses_1"}, 20)
        assert (rows["ses_1"].title, rows["ses_1"].agent, rows["ses_1"].cwd) == ("A title", "opencode", "/w/demo")
        other = kit.export(kit.user("New one", "msg_x"), id="ses_2", title="New session - 2026-11-21T00:00:00.000Z")
        db.put(other)
        with news:
            assert news.wait_for(lambda: set(rows) == {"ses_1", "ses_2"}, 20)
        assert rows["ses_2"].title == "New one"
        for table in ("part", "message"):
            db.connection.execute(f"DELETE FROM {table} WHERE session_id = 'ses_1'")  # noqa: S608
        db.connection.execute("DELETE FROM session WHERE id = 'ses_1'")
        with news:
            assert news.wait_for(lambda: set(rows) == {"ses_2"}, 20)
    finally:
        search.stop()
        watcher.stop()


def test_it_is_imported_once_and_on_from_there(running: Start, tmp_path: Path) -> None:
    db, ours = running(kit.tour()), tmp_path / "playhead.db"
    assert take_in(ours, db.session()).anew
    check(ours, db.session(), Folded(events_of(db.session())).rows)
    assert take_in(ours, db.session()).read == 0
    db.message(kit.user("Again", "msg_6", 3000)["info"])
    db.parts([kit.part("text", "prt_8", "msg_6", text="Again")])
    take_in(ours, db.session())
    rows = Folded(events_of(db.session())).rows
    assert text_of(rows[-1]) == "Again"
    check(ours, db.session(), rows)


def test_it_is_shown_by_path_and_accounted_for(running: Start) -> None:
    path = running(kit.tour()).session()
    source = {(one["source"][0]["file"], one["kind"]) for one in show(path)}
    assert {file for file, _ in source} == {str(path)}
    whole = Whole(path)
    list(whole)
    assert whole.pipes[0].raw == whole.pipes[0].damaged == 0
    assert whole.pipes[0].fed == views.stat(path).st_size


def test_its_requests_are_told_out_of_the_program_s_database(running: Start, tmp_path: Path) -> None:
    path = running(kit.tour()).session()
    told = list(requests(str(path), unknown))
    assert [(one["in"], one["out"]) for one in told] == [(1200, 17), (1200, 17)]
    with pytest.raises(StoreError):
        list(requests(str(path.with_name("ses_9")), unknown))


def test_nobody_calls_a_session_over_that_is_at_work(running: Start) -> None:
    db = running(kit.export(kit.user("Go")))
    db.now, path = int(time.time() * 1000), db.session()
    db.parts([kit.part("text", "prt_2", "msg_1", text="Wait")])
    assert not empties._over(path, "opencode")
    assert empties._over(path.with_name("ses_9"), "opencode")


def test_a_database_that_is_damaged_says_so_and_nothing_worse(running: Start, tmp_path: Path) -> None:
    db = running(kit.tour())
    db.close()
    data, rng, seen = db.path.read_bytes(), random.Random(7), set()
    for number in range(60):
        bad = bytearray(data)
        for _ in range(rng.randint(1, 30)):
            bad[rng.randrange(len(bad))] = rng.randrange(256)
        cut = rng.choice((len(bad), len(bad) // 2, 5000, 100, 0))
        path = tmp_path / f"{number}" / "opencode.db"
        path.parent.mkdir()
        path.write_bytes(bad[:cut])
        try:
            found = list(scan.scan([path], {}))
            seen.add(bool(found) and len(picture(path / "ses_1")) > 100)
        except StoreError:
            seen.add("refused")
        assert {file.name for file in path.parent.iterdir()} == {"opencode.db"}
    assert {True, False} <= seen


def test_a_session_that_is_written_while_it_is_read_loses_nothing(running: Start) -> None:
    """Rows are added and changed by another thread, at every moment of many readings."""
    db = running(kit.export(kit.user("Go"), kit.answer()))
    over = threading.Event()

    def write() -> None:
        for number in range(300):
            db.parts([{**kit.part("text", f"prt_{number:04}", text=f"{number}"), "messageID": "msg_2"}])
            db.parts([kit.part("text", f"prt_{number // 2:04}", text=f"again {number // 2}")])
        over.set()

    view = views.at(db.session())
    assert view is not None
    holder = views.File(view)
    pipe = Pipe(named("opencode"))
    told: list[Event] = []
    thread = threading.Thread(target=write)
    thread.start()
    last = False
    while not last:
        last = over.is_set()
        size = view.looks().st_size
        while pipe.fed < size:
            told += pipe.feed(view.read(pipe.fed, min(777, size - pipe.fed)))
    thread.join()
    told += pipe.finish()
    holder.close()
    state = State()
    rows: dict[int, Any] = {}
    for change in fold_run(state, told):
        assert isinstance(change, Put)
        rows[change.row] = change.item
    texts = sorted(text_of(row) for row in rows.values() if row.id.startswith("prt_0") and row.id[4:].isdigit())
    assert texts == sorted([f"again {n}" for n in range(150)] + [f"{n}" for n in range(150, 300)])
    assert pipe.raw == pipe.damaged == 0


def test_a_look_while_it_is_written_costs_what_is_new(running: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part is looked at once; then the last messages only, until the news are over. Then nothing is missing."""
    long = [kit.answer(kit.part("text", f"prt_{n:03}", text=f"{n}"), id=f"msg_{n:03}", at=n) for n in range(100)]
    db = running(kit.export(*long))
    rows = opencode_rows.Rows(db.path, "ses_1")
    view = pieces.Log(db.session(), rows)
    holder = views.File(view)
    monkeypatch.setattr(opencode_rows, "EVERY", 1e9)
    monkeypatch.setattr(opencode_rows, "BUSY", 1e9)  # somebody writes all the time
    whole = view.looks().st_size
    for number in range(5):
        db.parts([{**kit.part("text", f"prt_1{number:02}", text=f"new {number}"), "messageID": "msg_099"}])
        db.parts([{**kit.part("text", "prt_098", text=f"longer {number}"), "messageID": "msg_098"}])
        db.parts([{**kit.part("text", "prt_003", text=f"pruned {number}"), "messageID": "msg_003"}])
        size = view.looks().st_size
        assert f"new {number}".encode() in (news := view.read(whole, size - whole))
        assert f"longer {number}".encode() in news
        assert b"pruned" not in news  # of an old message: that is found when all are looked at
        whole = size
    assert rows.looked == 1
    db.parts([{**kit.part("text", "prt_004", text="of an old one"), "messageID": "msg_004"}])
    db.parts([{**kit.part("text", "prt_200", text="late"), "messageID": "msg_004"}])
    size = view.looks().st_size
    assert rows.looked == 2  # a new part of an old message: all are looked at at once
    assert all(word in view.read(whole, size - whole) for word in (b"pruned 4", b"of an old one", b"late"))
    whole = size
    db.parts([{**kit.part("text", "prt_005", text="at the end"), "messageID": "msg_005"}])
    assert view.looks().st_size == whole
    monkeypatch.setattr(opencode_rows, "BUSY", 0)  # the news are over
    assert b"at the end" in view.read(whole, view.looks().st_size - whole)
    holder.close()


def test_old_versions_of_rows_are_forgotten_but_never_in_the_way(
    running: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "KEPT", 500)
    db = running(kit.tour())
    view = views.at(db.session())
    assert view is not None
    holder = views.File(view)
    before = view.read(0, view.looks().st_size)
    for number in range(20):
        db.parts([kit.tool("prt_3", status="running", output="x" * number)])
        view.looks()
    now = view.read(0, view.looks().st_size)
    assert len(now) > len(before)
    assert now.startswith(before[: before.index(b'"prt_3"') - 40])
    assert b"x" * 19 in now
    assert all(not line.strip() or orjson.loads(line) for line in now.splitlines())
    holder.close()
    del holder
    with views.opened(db.session()):  # nobody remembers an offset: it is put together anew
        assert view.looks().st_size < len(now)


def test_rows_that_are_no_good(running: Start) -> None:
    db = running(kit.tour())
    for number, data in enumerate(("no json", "[1]", "{\n}", "null", '{"type":"new"}', '{"type":"text","text":3}')):
        db.connection.execute("INSERT INTO part VALUES (?, 'msg_3', 'ses_1', 0, 0, ?)", (f"prt_x{number}", data))
    db.connection.execute("INSERT INTO part VALUES ('prt_y', 'gone', 'ses_1', 'x', 'y', '{\"type\":\"text\"}')")
    rows = Folded(events_of(db.session())).rows
    assert sum(type(row).__name__ == "Raw" for row in rows) == 5
    assert not [one for one in events(db.session()) if type(one) is NoticeAdded and "reader" in one.text]
