"""The search for sessions: what is listed, when, and what changes of it. Real folders, processes and watchers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import orjson
import pytest
from typing_extensions import override

from store.catalog import Catalog
from store.delta import Row, SessionsDelta
from store.intake import take_in
from store.sources import discover
from store.sources.discover import Discovery, roots, scan
from store.sources.journal import Journal, folder
from store.sources.listing import row_of
from store.sources.scan import is_session
from store.sources.watch import Watcher

WAIT = 20.0
BOOKKEEPING = b'{"type":"mode","mode":"normal","sessionId":"S"}\n{"type":"permission-mode","permissionMode":"plan"}\n'


def prompt(text: str, session: str = "S", when: str = "2026-09-14T15:07:08.158Z") -> bytes:
    record = {
        "type": "user", "message": {"role": "user", "content": text}, "uuid": str(uuid.uuid4()), "parentUuid": None,
        "timestamp": when, "cwd": "/w/atlas-api", "sessionId": session, "version": "2.1.329", "isSidechain": False,
        "userType": "external", "gitBranch": "main", "origin": {"kind": "human"},
    }  # fmt: skip
    return orjson.dumps(record) + b"\n"


class Listed:
    """The list as its reader would keep it."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.deltas: list[SessionsDelta] = []
        self.news = threading.Condition()

    def __call__(self, delta: SessionsDelta) -> None:
        with self.news:
            self.deltas.append(delta)
            for row in delta.put:
                self.rows[row.id] = row
            for gone in delta.gone:
                del self.rows[gone]
            self.news.notify_all()

    def until(self, condition: Callable[[], bool], seconds: float = WAIT) -> None:
        with self.news:
            assert self.news.wait_for(condition, seconds), (self.rows, self.deltas[-3:])

    def scanned(self) -> None:
        self.until(lambda: any(delta.total is not None for delta in self.deltas))


class Kept(Catalog):
    """Says when the list is saved. It may be, from the beginning or when somebody lets it."""

    def __init__(self, *, may: bool = True) -> None:
        super().__init__()
        self.may, self.saved = threading.Event(), threading.Event()
        if may:
            self.may.set()

    @override
    def warm(self) -> None:
        assert self.may.wait(WAIT)
        super().warm()

    @override
    def save(self, entries: Mapping[str, tuple[int, int, Row]]) -> None:
        super().save(entries)
        self.saved.set()


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    watcher = Watcher()
    yield watcher
    watcher.stop()


@pytest.fixture
def projects(tmp_path: Path) -> Path:
    return tmp_path / ".claude" / "projects"


def session(projects: Path, data: bytes, key: str = "-w-atlas-api", age: float = 0.0) -> Path:
    path = projects / key / f"{uuid.uuid4()}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    if age:
        os.utime(path, (time.time() - age, time.time() - age))
    return path


@pytest.fixture
def listed() -> Listed:
    return Listed()


@pytest.fixture
def start(watcher: Watcher, listed: Listed) -> Iterator[Callable[..., Discovery]]:
    made: list[Discovery] = []

    def start(*places: Path, **how: object) -> Discovery:
        discovery = Discovery(places, watcher, listed, **how)  # type: ignore[arg-type]
        made.append(discovery)
        discovery.start()
        return discovery

    yield start
    for discovery in made:
        discovery.stop()


class TestScan:
    def test_newest_first_and_only_sessions(self, projects: Path) -> None:
        old = session(projects, b"{}\n", age=1000)
        new = session(projects, b"{}\n", key="other", age=10)
        mid = session(projects, b"{}\n", age=500)
        own = mid.with_suffix("") / "subagents"
        own.mkdir(parents=True)
        for name in ("agent-12345678.jsonl", "sessions-index.json", "notes.jsonl", f"../{uuid.uuid4()}.jsonl"):
            (old.parent / name).write_bytes(b"{}\n")
        (own / "agent-1.jsonl").write_bytes(b"{}\n")
        (projects.parent / "history.jsonl").write_bytes(b"{}\n")
        found = list(scan([projects], {}))
        assert [one.path for one in found] == [str(new), str(mid), str(old)]
        assert all(one.new and one.size == 3 for one in found)

    def test_what_is_known_is_not_new(self, projects: Path) -> None:
        path = session(projects, b"{}\n")
        known = {one.path: (one.size, one.mtime_ns) for one in scan([projects], {})}
        assert [one.new for one in scan([projects], known)] == [False]
        path.write_bytes(b"{}\n{}\n")
        assert [one.new for one in scan([projects], known)] == [True]

    def test_no_file_is_opened(self, projects: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        session(projects, b"{}\n")
        monkeypatch.setattr("builtins.open", None)
        monkeypatch.setattr(os, "open", None)
        assert len(list(scan([projects], {}))) == 1

    def test_any_folder_any_depth_and_circles(self, tmp_path: Path) -> None:
        deep = tmp_path / "mine" / "a" / "b"
        deep.mkdir(parents=True)
        (deep / "run.jsonl").write_bytes(b"{}\n")
        (deep / "run.timed.jsonl").write_bytes(b"{}\n")
        (deep / "up").symlink_to(tmp_path / "mine")
        (tmp_path / "mine" / "node_modules").mkdir()
        (tmp_path / "mine" / "node_modules" / "x.jsonl").touch()
        (tmp_path / "mine" / "dangling.jsonl").symlink_to(tmp_path / "nowhere")
        found = scan([tmp_path / "mine", tmp_path / "no such folder"], {})
        assert [Path(one.path).name for one in found] == ["run.jsonl"]

    def test_names(self) -> None:
        assert is_session("/x/projects/k/0a0a0a0a-0000-1111-2222-0123456789ab.jsonl", "/x/projects")
        assert not is_session("/x/projects/k/notes.jsonl", "/x/projects")
        assert is_session("/x/mine/notes.jsonl", "/x/mine")
        assert not is_session("/x/mine", "/x/mine")

    def test_roots(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        home = tmp_path / "home"
        (home / ".claude" / "projects").mkdir(parents=True)
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "cfg"))
        monkeypatch.setenv("CODEX_HOME", str(tmp_path / "codex"))
        given = roots([tmp_path / "a", home / ".claude"])
        assert given[:2] == [tmp_path / "cfg" / "projects", home / ".claude" / "projects"]
        assert given[-1] == tmp_path / "a"
        assert given.count(home / ".claude" / "projects") == 1
        assert {tmp_path / "codex" / "sessions", home / ".codex" / "sessions", home / ".gemini" / "tmp"} <= {*given}
        monkeypatch.setenv("CLAUDE_CONFIG_DIR", "")
        assert roots()[0] == home / ".claude" / "projects"

    def test_each_agent_says_which_names_are_its_sessions(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        codex, gemini = str(tmp_path / ".codex" / "sessions"), str(tmp_path / ".gemini" / "tmp")
        assert is_session(f"{codex}/2026/10/01/rollout-2026-10-01T10-00-00-x.jsonl", codex)
        assert not is_session(f"{codex}/2026/10/01/notes.jsonl", codex)
        assert is_session(f"{gemini}/demo/chats/session-2026-10-01T10-00-x.json", gemini)
        assert not is_session(f"{gemini}/demo/logs.json", gemini)
        assert not is_session("/x/mine/package.json", "/x/mine")

    def test_a_part_of_another_session_is_not_listed(self, tmp_path: Path) -> None:
        own, parent = "019a0000-0000-7000-8000-00000000000b", "01990000-0000-7000-8000-00000000000a"
        path = tmp_path / f"rollout-2026-10-01T10-00-00-{own}.jsonl"
        said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Look"}]}
        for told, state in (
            ({}, "live"),
            ({"parent_thread_id": parent}, "live"),
            ({"parent_thread_id": parent}, "draft"),
        ):
            if state == "draft":  # else that session is gone, and nothing else would show it
                (tmp_path / f"rollout-2026-09-01T10-00-00-{parent}.jsonl").write_bytes(b"{}\n")
            meta = {"timestamp": "2026-10-01T08:00:00Z", "type": "session_meta", "payload": {"id": own, **told}}
            lines = (meta, {"timestamp": "2026-10-01T08:00:01Z", "type": "response_item", "payload": said})
            path = path.with_stem(path.stem + "_1")
            path.write_bytes(b"\n".join(map(orjson.dumps, lines)) + b"\n")
            assert row_of(path).state == state

    @pytest.mark.parametrize(("below", "project"), [("codex/sessions/2026/11/20", ""), ("mine", "mine")])
    def test_a_folder_that_its_agent_has_named_is_no_project(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str, project: str
    ) -> None:
        """Of a session that does not say where it works."""
        monkeypatch.setenv("CODEX_HOME", str(tmp_path / "codex"))
        path = tmp_path / below / "rollout-2026-11-20T10-00-00-019a0000-0000-7000-8000-00000000000b.jsonl"
        path.parent.mkdir(parents=True)
        said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Look"}]}
        line = {"timestamp": "2026-11-20T10:00:00Z", "type": "response_item", "payload": said}
        path.write_bytes(orjson.dumps(line) + b"\n")
        row = row_of(path)
        assert (row.agent, row.title, row.project) == ("codex", "Look", project)
        take_in(tmp_path / "playhead.db", path)
        path.unlink()
        kept = Catalog(tmp_path / "playhead.db").kept(str(path))
        assert kept is not None
        assert (kept.title, kept.project) == ("Look", project)


class TestDiscovery:
    def test_what_is_there(self, projects: Path, listed: Listed, start: Callable[..., Discovery]) -> None:
        old = session(projects, prompt("fix the flaky retry test"), age=5000)
        new = session(projects, prompt("bump orjson"), age=1)
        start(projects)
        listed.scanned()
        assert list(listed.rows) == [str(new), str(old)]
        row = listed.rows[str(old)]
        assert (row.title, row.cwd, row.project, row.state) == (
            "fix the flaky retry test", "/w/atlas-api", "atlas-api", "ended",
        )  # fmt: skip
        assert row.bytes == old.stat().st_size
        assert listed.rows[str(new)].state == "live"
        assert listed.deltas[-1].total == 2

    def test_a_draft_appears_with_its_first_content_record(
        self, projects: Path, listed: Listed, start: Callable[..., Discovery]
    ) -> None:
        """Within a second; before that nobody hears of it."""
        start(projects)  # which does not even exist yet
        listed.scanned()
        path = session(projects, BOOKKEEPING)
        marker = session(projects, prompt("marker"))
        listed.until(lambda: str(marker) in listed.rows)
        assert str(path) not in listed.rows
        with path.open("ab") as file:
            file.write(prompt("hello"))
        began = time.monotonic()
        listed.until(lambda: str(path) in listed.rows)
        assert time.monotonic() - began < 5  # a second on a machine that is not busy with other tests
        assert listed.rows[str(path)].title == "hello"

    def test_growth_is_told_at_most_twice_a_second(
        self, projects: Path, listed: Listed, start: Callable[..., Discovery]
    ) -> None:
        path = session(projects, prompt("hello"))
        discovery = start(projects)
        listed.scanned()
        rounds, began = discovery.rounds, time.monotonic()
        for number in range(200):
            with path.open("ab") as file:
                file.write(prompt(f"more {number}"))
        listed.until(lambda: listed.rows[str(path)].bytes == path.stat().st_size)
        told = sum(row.id == str(path) for delta in listed.deltas for row in delta.put)
        paces = (time.monotonic() - began) / discover.PACE
        assert told <= 3 + paces
        assert discovery.rounds - rounds <= 6 + 2 * paces, "what is looked at soon anyway wakes nobody"

    def test_deletion_of_a_file_and_of_a_folder(
        self, projects: Path, listed: Listed, start: Callable[..., Discovery]
    ) -> None:
        one, two = session(projects, prompt("one")), session(projects, prompt("two"))
        three = session(projects, prompt("three"), key="third")
        start(projects)
        listed.scanned()
        assert len(listed.rows) == 3
        one.unlink()
        listed.until(lambda: list(listed.rows) == [str(path) for path in (three, two) if str(path) in listed.rows])
        two.parent.rename(projects.parent / "away")
        listed.until(lambda: list(listed.rows) == [str(three)])

    def test_truncated_to_bookkeeping_it_is_a_draft_again(
        self, projects: Path, listed: Listed, start: Callable[..., Discovery]
    ) -> None:
        path = session(projects, prompt("one"))
        start(projects)
        listed.scanned()
        path.write_bytes(BOOKKEEPING)
        listed.until(lambda: not listed.rows)

    def test_given_files_come_before_the_archive(
        self, projects: Path, tmp_path: Path, listed: Listed, start: Callable[..., Discovery]
    ) -> None:
        for number in range(30):
            session(projects, prompt(f"archive {number}"))
        mine = tmp_path / "mine.jsonl"
        mine.write_bytes(prompt("mine"))
        start(projects, files=[mine])
        listed.scanned()
        assert [row.id for row in listed.deltas[0].put] == [str(mine)]
        assert len(listed.rows) == 31
        mine.unlink()
        listed.until(lambda: str(mine) not in listed.rows)

    def test_what_is_written_now_comes_before_the_rest_of_the_archive(
        self, projects: Path, listed: Listed, start: Callable[..., Discovery], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also a record that comes so soon after the one before that it has to wait for its turn."""
        for number in range(30):
            session(projects, prompt(f"archive {number}"), age=4000 + number)
        mine = str(session(projects, prompt("mine")))
        monkeypatch.setattr(discover, "PACE", 0.02)
        order: list[str] = []
        visit = Discovery._visit

        def visited(self: Discovery, path: str) -> None:
            visit(self, path)
            order.append(path)
            with self._news.ready:
                if len(order) == 2:
                    with Path(mine).open("ab") as file:
                        file.write(prompt("more"))
                    assert self._news.ready.wait_for(lambda: mine in self._news.changed, WAIT)
                elif len(order) > 2 and order.count(mine) == 1:
                    self._news.ready.wait_for(lambda: time.monotonic() >= self._due[mine], 0.03)

        monkeypatch.setattr(Discovery, "_visit", visited)
        start(projects)
        listed.scanned()
        assert order[0] == mine
        assert mine in order[2:6]

    def test_the_cache_saves_the_reading(
        self, projects: Path, listed: Listed, start: Callable[..., Discovery], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paths = [session(projects, prompt(f"number {n}"), age=4000 + n) for n in range(5)]
        first = start(projects, cache=(kept := Kept()))
        listed.scanned()
        assert kept.saved.wait(WAIT)
        first.stop()
        before = dict(listed.rows)
        assert len(Catalog().load()) == 5
        with paths[3].open("ab") as file:
            file.write(prompt("more"))
        paths[4].unlink()
        read: list[Path] = []

        def counted(path: Path) -> Row:
            read.append(path)
            return row_of(path)

        monkeypatch.setattr(discover, "row_of", counted)
        listed.rows.clear()
        listed.deltas.clear()
        second = start(projects, cache=Catalog())
        listed.scanned()
        second.stop()
        assert read == [paths[3]]
        assert {str(path): before[str(path)] for path in paths[:3]}.items() <= listed.rows.items()
        assert listed.rows[str(paths[3])].bytes == paths[3].stat().st_size
        assert len(listed.rows) == 4
        assert str(paths[4]) not in Catalog().load()

    def test_a_session_is_listed_while_the_database_is_still_brought_in(
        self, projects: Path, listed: Listed, start: Callable[..., Discovery]
    ) -> None:
        """SQLAlchemy takes seconds while a window starts; the list does not wait for it."""
        session(projects, prompt("old"), age=4000)
        start(projects, cache=(kept := Kept(may=False)))
        listed.scanned()
        new = session(projects, prompt("new"))
        listed.until(lambda: str(new) in listed.rows)
        assert not kept.saved.is_set()
        kept.may.set()
        assert kept.saved.wait(WAIT)
        assert str(new) in Catalog().load()

    def test_who_is_alive_says_the_registry(
        self, projects: Path, listed: Listed, start: Callable[..., Discovery]
    ) -> None:
        """Busy, waiting, and killed without a word: the entry stays, the process does not."""
        path = session(projects, prompt("hello"), age=5000)
        start(projects, check=0.2)
        listed.scanned()
        assert listed.rows[str(path)].state == "ended"
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as agent:
            entry = projects.parent / "sessions" / f"{agent.pid}.json"
            entry.parent.mkdir()
            for status, state in (("busy", "live"), ("idle", "idle"), ("busy", "live")):
                entry.write_bytes(orjson.dumps({"pid": agent.pid, "sessionId": path.stem, "status": status}))
                listed.until(lambda state=state: listed.rows[str(path)].state == state)  # type: ignore[misc]
            agent.kill()
        listed.until(lambda: listed.rows[str(path)].state == "ended")

    def test_a_live_session_ends_when_nothing_is_written_any_more(
        self, projects: Path, listed: Listed, start: Callable[..., Discovery]
    ) -> None:
        path = session(projects, prompt("hello"))
        start(projects, check=0.05)
        listed.until(lambda: str(path) in listed.rows)
        assert listed.rows[str(path)].state == "live"
        os.utime(path, (time.time() - 3600, time.time() - 3600))  # an hour later
        listed.until(lambda: listed.rows[str(path)].state == "ended")

    def test_journals_are_sessions_with_a_name(
        self, tmp_path: Path, listed: Listed, start: Callable[..., Discovery]
    ) -> None:
        journal = Journal(folder(tmp_path), "claude", ["claude", "-p", "hi"], Path("/w"))
        journal.write(b"plain text, no prompt anywhere\n")
        journal.end()
        start(folder(tmp_path))
        listed.scanned()
        row = listed.rows[journal.key]
        assert (row.title, row.cwd, row.path) == ("claude -p hi", "/w", str(journal.path))
        assert (row.project, row.state) == ("w", "ended"), "its command's folder, and over however lately"

    def test_what_cannot_be_read_is_not_listed(
        self, projects: Path, listed: Listed, start: Callable[..., Discovery]
    ) -> None:
        session(projects, b"")
        good = session(projects, prompt("good"))
        bad = session(projects, b"\x00\xff not JSON\n")
        start(projects)
        listed.scanned()
        assert str(good) in listed.rows
        assert set(listed.rows) <= {str(good), str(bad)}

    def test_mtime_stays(self, projects: Path, listed: Listed, start: Callable[..., Discovery]) -> None:
        path = session(projects, prompt("hello"), age=1234)
        before = path.stat().st_mtime_ns
        start(projects)
        listed.scanned()
        assert path.stat().st_mtime_ns == before

    def test_a_scan_that_is_over_opens_no_further_folder(self, projects: Path) -> None:
        for number in range(20):
            session(projects / f"-{number}", prompt("hello"))
        asked = 0

        def over() -> bool:
            nonlocal asked
            asked += 1
            return asked > 5

        assert list(scan([projects], {}, over)) == []
        assert asked < 20

    def test_stop_lets_go_of_a_tree_that_is_being_walked(self, projects: Path, watcher: Watcher) -> None:
        for number in range(20):
            (projects / f"-{number}").mkdir(parents=True)

        def callback(_: Path) -> None: ...

        watcher.watch_tree(projects, callback)
        tree = watcher._trees[str(projects)]
        watcher.unwatch(projects, callback)
        before = set(tree.folders)
        (projects / "-later").mkdir()
        assert list(watcher._grow(tree, str(projects))) == []
        assert tree.folders == before

    def test_stop_in_the_middle_of_a_scan_tells_no_more(self, projects: Path, watcher: Watcher, listed: Listed) -> None:
        for number in range(50):
            session(projects, prompt(f"archive {number}"))
        discovery = Discovery([projects], watcher, listed)
        discovery.start()
        discovery.stop()
        count = len(listed.deltas)
        session(projects, prompt("later"))
        assert len(listed.deltas) == count
        assert not any(thread.name == "discovery" for thread in threading.enumerate())
