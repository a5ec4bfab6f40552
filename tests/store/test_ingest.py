"""An open session file: its past at once, its end first when it is big, every new byte, and what happens to the file.

Real files, the real watcher, a real import in a child process; only the tick is made by hand.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import SESSION, answer, assistant, call, line, lines, user
from imports import Folded
from ingest_screen import WAIT, Screen

from store import ingest
from store.archive import archive
from store.around import AROUND
from store.events import Event
from store.formats import claude_code
from store.growth import Growth
from store.intake import take_in
from store.items import Item, Tool, text_of
from store.paths import data_dir
from store.pipe import Pipe
from store.prices import unknown
from store.whole import events_of
from viewer.bench.make_session import write_session


def plain(items: list[Item]) -> list[tuple[str, str]]:
    return [(item.id, text_of(item)) for item in items]


def whole(path: Path) -> list[Item]:
    return Folded(events_of(path)).rows


def test_small_session_and_what_is_appended(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    path.write_bytes(lines(user("hello"), assistant("hi")))
    before = path.stat().st_mtime_ns
    screen = screens(path)
    screen.until(lambda: screen.texts() == ["hello", "hi"])
    assert path.stat().st_mtime_ns == before, "reading never changes a file"
    torn = line(assistant("three €", id="msg_3", uuid="a3"))
    cut = torn.index("€".encode()) + 1  # in the middle of a character
    with path.open("ab") as file:
        file.write(torn[:cut])
        file.flush()
        screen.until(lambda: screen.ingest.growth.tails[0].offset == path.stat().st_size)
        assert len(screen.rows) == 2, "a torn line is held"
        file.write(torn[cut:])
    screen.until(lambda: screen.texts() == ["hello", "hi", "three €"])
    assert screen.rebases == 1
    assert plain(screen.rows) == plain(whole(path))


def test_a_record_is_read_by_the_thread_that_heard_of_it(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    path.write_bytes(line(user("hello")))
    screen = screens(path)
    screen.until(lambda: screen.texts() == ["hello"])
    before = len(screen.threads)
    for number in range(1, 31):
        with path.open("ab") as file:
            file.write(line(user(f"more {number}", f"n{number}")))
        screen.until(lambda: len(screen.rows) == number + 1)  # noqa: B023 - called before the next round
    # Not all of them: the worker still looks for subagents' files now and then, and may meet a record there.
    assert screen.threads[before:].count("watcher") > 15
    assert screen.texts() == ["hello", *(f"more {number}" for number in range(1, 31))]


def test_what_is_more_than_a_record_is_left_to_the_worker(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    path.write_bytes(line(user("hello")))
    screen = screens(path)
    screen.until(lambda: screen.texts() == ["hello"])
    before = len(screen.threads)
    with path.open("ab") as file:
        file.write(b"".join(line(user(f"{number} " + "x" * 1000, f"n{number}")) for number in range(1, 501)))
    screen.until(lambda: len(screen.rows) == 501)
    assert any(name.startswith("ingest") for name in screen.threads[before:])
    assert plain(screen.rows) == plain(whole(path))


def test_an_error_of_ours_ends_one_session_and_says_so(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    """Also when it happens on the watcher's thread, which other sessions need."""
    path, other = tmp_path / f"{SESSION}.jsonl", tmp_path / "other.jsonl"
    for file in (path, other):
        file.write_bytes(line(user("hello")))
    screen = screens(path)
    screen.until(lambda: screen.texts() == ["hello"])
    heard = threading.Event()
    screen.watcher.watch(other, lambda _: heard.set())
    screen.ingest.growth.pipes.clear()  # no state that it could be in
    for number in range(2):
        with path.open("ab") as appended:
            appended.write(line(user("lost", f"n{number}")))
    screen.until(lambda: "error of Playhead" in screen.session.header.trouble)
    other.write_bytes(lines(user("hello"), user("more", "n2")))
    assert heard.wait(WAIT)
    assert screen.texts() == ["hello"]


def test_nothing_comes_after_stop(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    path.write_bytes(line(user("hello")))
    screen = screens(path)
    screen.until(lambda: screen.texts() == ["hello"])
    heard = threading.Event()
    screen.watcher.watch(path, lambda _: heard.set())
    with path.open("ab") as file:
        file.write(line(user("more", "n1")))
        screen.ingest.stop()
        screen.tick()
        rows = len(screen.rows)
        heard.clear()
        file.write(line(user("later", "n2")))
    assert heard.wait(WAIT)
    screen.tick()
    assert len(screen.rows) == rows


def test_a_record_without_its_newline_counts(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    path.write_bytes(lines(user("hello"), assistant("hi"))[:-1])
    screen = screens(path)
    screen.until(lambda: screen.texts() == ["hello", "hi"])
    with path.open("ab") as file:
        file.write(b"\n" + line(user("more", uuid="u9"))[:-1])
    screen.until(lambda: screen.texts() == ["hello", "hi", "more"])


def test_big_session_end_first_then_the_whole(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    """004-37: its end is there from one megabyte, the rest comes from the database, what came meanwhile is kept."""
    path = tmp_path / f"{SESSION}.jsonl"
    write_session(path, size=4 << 20, seed=3, agents=2)
    size = path.stat().st_size
    screen = screens(path)
    screen.until(lambda: bool(screen.rows))
    first = list(screen.rows)
    assert screen.deltas[0].rebase is not None
    assert screen.deltas[0].rebase.window is None
    assert min(span.offset for item in first for span in item.spans) >= size - ingest.FIRST
    with path.open("ab") as file:
        file.write(line(assistant("while the import runs", id="msg_x", uuid="ax")))
    screen.until(lambda: screen.whole and "while the import" in screen.texts()[-1])
    assert screen.rows[0] == whole(path)[0]
    assert plain(screen.rows) == plain(whole(path))
    rebase = next(delta.rebase for delta in screen.deltas if delta.rebase is not None and delta.rebase.window)
    assert rebase.window is not None
    assert rebase.window.length > 1000
    with path.open("ab") as file:
        file.write(line(assistant("and after it", id="msg_y", uuid="ay")))
    screen.until(lambda: screen.texts()[-1] == "and after it")
    assert screen.progress[-1] == (1, 1)
    assert plain(screen.rows) == plain(whole(path))
    told = [delta.header.partial for delta in screen.deltas if delta.header is not None]
    assert [was for number, was in enumerate(told) if told[number - 1 : number] != [was]] == [True, False]


def test_more_of_the_end_is_read_while_the_import_runs(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    write_session(path, size=24 << 20, seed=13)
    size = path.stat().st_size
    screen = screens(path)
    screen.until(lambda: screen.rebases == 2)
    assert not screen.whole
    assert screen.ingest._import is not None, "it is still running"
    first = [span.offset for item in screen.rows for span in item.spans]
    assert size - ingest.SMALL <= min(first) < size - ingest.FIRST
    count = len(screen.rows) - 5  # the first ones may be results whose call lies before them
    assert plain(screen.rows[-count:]) == plain(whole(path)[-count:])


def test_what_a_known_session_gained_reaches_rows_in_its_window(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    """The window is shown first; a late result and new rows come on top of it, in one tick or two."""
    path = tmp_path / f"{SESSION}.jsonl"
    path.write_bytes(lines(user("go"), assistant(call("Bash", id="toolu_late", command="sleep 9"), id="m1", uuid="a1")))
    with path.open("ab") as file:
        file.write(line(user("wait", uuid="u2")))
    take_in(data_dir() / "playhead.db", path)
    with path.open("ab") as file:
        file.write(lines(answer("done", id="toolu_late", uuid="r1"), assistant("finished", id="m2", uuid="a2")))
    screen = screens(path)
    screen.until(lambda: bool(screen.rows) and screen.texts()[-1] == "finished")
    assert screen.whole
    rebase = screen.deltas[0].rebase
    assert rebase is not None
    assert (rebase.overlay, rebase.tail) == ({}, ())
    tool = screen.rows[1]
    assert isinstance(tool, Tool)
    assert tool.status == "ok"
    assert plain(screen.rows) == plain(whole(path))
    with path.open("ab") as file:  # and it goes on from there
        file.write(line(user("thanks", uuid="u3")))
    screen.until(lambda: screen.texts()[-1] == "thanks")
    assert plain(screen.rows) == plain(whole(path))


def test_a_known_session_is_there_at_once(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    write_session(path, size=3 << 20, seed=4)
    first = screens(path)
    first.until(lambda: first.whole)
    first.close()
    with path.open("ab") as file:
        file.write(line(user("next day", uuid="un")))
    again = screens(path)
    again.until(lambda: bool(again.rows))
    assert again.rebases == 1
    rebase = again.deltas[0].rebase
    assert rebase is not None
    assert rebase.window is not None
    assert rebase.tail == (), "what is in the database is shown before anything is folded"
    again.until(lambda: again.texts()[-1] == "next day")
    assert sum(len(delta.added) for delta in again.deltas) == 1, "only the new bytes were folded"
    assert again.session.header.title
    assert plain(again.rows) == plain(whole(path))


def test_a_late_result_reaches_a_row_in_the_window(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    write_session(path, size=2 << 20, seed=5)
    with path.open("ab") as file:
        file.write(line(assistant(call("Bash", id="toolu_late", command="sleep 9"), id="msg_l", uuid="al")))
    screen = screens(path)
    screen.until(lambda: screen.whole)
    row = len(screen.rows) - 1
    with path.open("ab") as file:
        file.write(line(answer("done", id="toolu_late", uuid="rl")))
    screen.until(lambda: isinstance(screen.rows[row], Tool) and screen.rows[row].status == "ok")
    assert len(screen.rows) == row + 1


@pytest.mark.parametrize("how", ["truncated", "replaced", "rewritten"])
def test_another_file_under_the_same_name(tmp_path: Path, screens: Callable[..., Screen], how: str) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    path.write_bytes(lines(user("old one"), assistant("old two"), user("old three", uuid="u3")))
    screen = screens(path)
    screen.until(lambda: len(screen.rows) == 3)
    new = lines(user("new", uuid="n1"))
    if how == "truncated":
        with path.open("r+b") as file:
            file.truncate(0)
            file.write(new)
    elif how == "replaced":
        other = tmp_path / "other"
        other.write_bytes(new + lines(assistant("x" * 4000, id="m9", uuid="a9")))
        other.replace(path)
    else:
        with path.open("r+b") as file:
            file.write(new + lines(assistant("y" * 4000, id="m8", uuid="a8")))
            file.truncate()
    screen.until(lambda: screen.texts()[:1] == ["new"])
    screen.until(lambda: "again" in screen.session.header.trouble)


def test_deleted_while_open_keeps_what_was_read(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    path.write_bytes(lines(user("keep me")))
    screen = screens(path)
    screen.until(lambda: screen.texts() == ["keep me"])
    path.unlink()
    screen.until(lambda: "deleted" in screen.session.header.trouble)
    assert screen.texts() == ["keep me"]


@pytest.mark.parametrize("what", ["missing", "folder", "fifo"])
def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path: Path, screens: Callable[..., Screen], what: str) -> None:
    path = tmp_path / "thing.jsonl"
    if what == "folder":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    screen = screens(path)
    screen.until(lambda: bool(screen.session.header.trouble))
    assert str(path) in screen.session.header.trouble


def test_a_file_that_appears_later_is_read(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    screen = screens(path)
    screen.until(lambda: "does not exist" in screen.session.header.trouble)
    path.write_bytes(lines(user("here I am")))
    screen.until(lambda: screen.texts() == ["here I am"])
    assert screen.session.header.trouble == ""


def test_an_archived_session_shows_what_was_archived_and_counts_the_rest(
    tmp_path: Path, screens: Callable[..., Screen]
) -> None:
    """X-03: nothing comes in, neither what came since nor what comes while it is looked at, and both is said."""
    path = tmp_path / "archived.jsonl"
    path.write_bytes(line(user("hello", "u1")) + line(assistant("hi", "a1")))
    archive(data_dir() / "playhead.db", path, unknown)
    wanted = whole(path)
    with path.open("ab") as file:
        file.write(line(user("late", "u2")))
    screen = screens(path)
    screen.until(lambda: screen.session.header.state == "archived")
    first = screen.session.header.trouble
    assert first == "This session is archived: 1 event that came later is not part of it."
    with path.open("ab") as file:
        file.write(line(assistant("later still", "a2")))
    screen.until(lambda: screen.session.header.trouble != first)
    assert screen.session.header.trouble.endswith("events that came later are not part of it.")
    assert plain(screen.rows) == plain(wanted)


def test_a_folder_is_not_searched_for_each_record_that_is_appended(
    tmp_path: Path, screens: Callable[..., Screen]
) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    path.write_bytes(line(user("go", "u0")))
    screen = screens(path)
    screen.until(lambda: len(screen.rows) == 1)
    searches, began = screen.ingest.around.searches, time.monotonic()
    for number in range(1, 31):
        with path.open("ab") as file:
            file.write(line(user(f"more {number}", f"u{number}")))
        screen.until(lambda: len(screen.rows) == number + 1)  # noqa: B023 - called before the next round
    assert screen.ingest.around.searches - searches <= 2 + (time.monotonic() - began) / AROUND
    # Older versions keep a subagent's file beside the session's, which nothing announces: it is found all the same.
    told = line({"type": "assistant", "isSidechain": True, "agentId": "abcdef1", **assistant("found", "s1")})
    (tmp_path / "agent-abcdef1.jsonl").write_bytes(told)
    with path.open("ab") as file:
        file.write(line(user("the last word", "u99")))
    screen.until(lambda: len(screen.ingest.growth.files) == 2)


def test_a_subagents_file_that_appears_is_nested(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    path.write_bytes(lines(user("go"), assistant(call("Task", id="toolu_a", description="look", prompt="look"))))
    screen = screens(path)
    screen.until(lambda: len(screen.rows) == 2)
    folder = tmp_path / SESSION / "subagents"
    folder.mkdir(parents=True)
    (folder / "agent-abcdef1.meta.json").write_bytes(line({"agentType": "explore", "toolUseId": "toolu_a"}))
    child = folder / "agent-abcdef1.jsonl"
    child.write_bytes(lines(user("look", uuid="c1", isSidechain=True, agentId="abcdef1")))
    screen.until(lambda: len(screen.rows) == 3)
    with child.open("ab") as file:
        file.write(line(assistant("found it", id="msg_c", uuid="c2", isSidechain=True, agentId="abcdef1")))
    screen.until(lambda: len(screen.rows) == 4)
    assert [item.parent for item in screen.rows[2:]] == ["toolu_a", "toolu_a"]
    assert screen.ingest.growth.files[1] == child
    assert screen.rows[3].spans[0].file == 1


def test_news_of_one_file_is_a_look_at_that_file(tmp_path: Path) -> None:
    """The others have news of their own. A file that is none of ours has the worker look at all of them."""
    paths = [tmp_path / f"{name}.jsonl" for name in "abc"]
    got: list[Event] = []
    growth = Growth(paths[0], got.extend, lambda why: pytest.fail(why))
    for path in paths:
        path.write_bytes(line(user(path.stem, path.stem)))
    growth.adopt(paths, [Pipe(claude_code.FORMAT, number) for number in range(3)])
    assert not growth.take(told=paths[1])
    assert (growth.reads, [event.at.file for event in got]) == (1, [1] * len(got))
    assert growth.take(told=tmp_path / "other.jsonl")
    assert growth.reads == 1
    assert not growth.take()
    assert growth.reads == 4
    assert {event.at.file for event in got} == {0, 1, 2}


def test_without_a_database_a_big_session_is_kept_in_memory(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    write_session(path, size=2 << 20, seed=6)
    screen = screens(path, database=False)
    screen.until(lambda: screen.rebases == 2)
    assert plain(screen.rows) == plain(whole(path))


def test_a_database_that_cannot_be_made_is_no_loss(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    path = tmp_path / f"{SESSION}.jsonl"
    write_session(path, size=2 << 20, seed=7)
    blocked = tmp_path / "blocked"
    blocked.write_bytes(b"")  # a file where the data folder should be
    os.environ["PLAYHEAD_DATA_DIR"] = str(blocked)
    screen = screens(path)
    screen.until(lambda: "memory only" in screen.session.header.trouble)
    assert plain(screen.rows) == plain(whole(path))


def test_quiet_file_costs_a_look_and_no_read(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    """Idle costs nothing: without news the worker does not look at all."""
    path = tmp_path / f"{SESSION}.jsonl"
    path.write_bytes(lines(user("hello")))
    screen = screens(path)
    screen.until(lambda: screen.texts() == ["hello"])
    screen.until(lambda: screen.ingest.growth.reads > 0)
    reads = screen.ingest.growth.reads
    other = tmp_path / "other.jsonl"
    seen = threading.Event()
    screen.watcher.watch(other, lambda _: seen.set())
    other.write_bytes(b"{}\n")
    assert seen.wait(WAIT)
    assert screen.ingest.growth.reads == reads, "somebody else's file is not our news"


def test_a_file_in_which_nobody_has_said_anything_is_not_saved_yet(
    tmp_path: Path, screens: Callable[..., Screen]
) -> None:
    """001-12: for a file as for a stream, and no longer than until its first content."""
    path = tmp_path / "s.jsonl"
    path.write_bytes(lines({"type": "summary", "summary": "x", "leafUuid": "y"}))
    os.utime(path, (1, 1))
    screen = screens(path)
    screen.until(lambda: screen.session.header.draft)
    assert screen.session.header.state == "idle"
    with path.open("ab") as file:
        file.write(lines(user("Hello")))
    screen.until(lambda: not screen.session.header.draft and len(screen.rows) > 0)
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    other = screens(empty)
    other.until(lambda: other.session.header.draft)
    empty.write_bytes(lines(user("Hello")))
    other.until(lambda: not other.session.header.draft and len(other.rows) == 1)
