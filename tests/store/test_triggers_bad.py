"""Triggers when things go wrong: payloads that cannot be kept, ends between two steps, floods, two at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hooks import SECRET, Web, agents, comment
from sqlalchemy import update

from store import calm, inbox, runs_shell, runs_work, secrets
from store.calm import Calm
from store.db import deliveries_db
from store.db.run_tables import delivery
from store.db.serving import Serving, once
from store.errors import StoreError
from store.file_triggers import FileTriggers
from store.judge import judged, prompt_of
from store.runs import Runs
from store.service import Service
from store.spool import Arrived
from store.trigger import Trigger
from store.triggers import deliveries, find, save_trigger

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    made = Web(tmp_path / "data", agents(tmp_path, monkeypatch))
    yield made
    made.close()


def test_a_payload_that_is_nested_too_deeply_holds_nobody_up(web: Web) -> None:
    """It can be read and not be written again: it is refused, and what comes behind it is run."""
    web.service.start()
    web.trigger()
    deep = json.loads(comment())
    body = json.dumps(deep)[:-1].encode() + b',"x":' + b"[" * 300 + b"]" * 300 + b"}"
    assert web.post(body) == 200
    told = web.sent_and_done()
    assert "ended well" in told.reason
    assert "nested too deeply" in deliveries(web.db)[1].reason


@pytest.mark.parametrize("before", ["", "\ufeff", "\n\u200b ", "\u2028\x0b"])
def test_what_is_blank_to_an_agent_hides_no_command(before: str) -> None:
    trigger = Trigger(prompt="{{comment.body}}", source="github", cwd="/")
    found = judged(trigger, {"x-github-event": "issue_comment"}, comment(text=f"{before}/clear"))
    assert prompt_of(trigger, found).text == "Event: /clear"


def test_a_kill_before_a_run_has_a_row_loses_nothing(web: Web) -> None:
    """X-06: it was taken by a Playhead that was killed before it could start anything: it is run once, by the next."""
    trigger = web.trigger()
    code = (
        "import os, sys; from pathlib import Path; import store.runs as runs; from store.service import Service\n"
        "def die(*_, **__): os.kill(os.getpid(), 9)\n"
        "runs.Journal = die\n"
        "one = Service(Path(sys.argv[1]), Path(sys.argv[2]), runs.Runs(Path(sys.argv[1])), quiet=True)\n"
        "one.start(); one.fire(int(sys.argv[3]), sys.argv[4].encode(), 'issue_comment'); one.queue.settled(30)"
    )
    words = [str(web.db), str(web.file), str(trigger.id), comment().decode()]
    dead = subprocess.run([sys.executable, "-c", code, *words], cwd=REPO, check=False)
    assert dead.returncode == -9
    (left,) = deliveries(web.db)
    assert (left.handled, left.run_id is None) == (None, False)
    web.service.start()
    web.until(lambda: deliveries(web.db)[0].handled is not None)
    assert "ended well" in deliveries(web.db)[0].reason
    assert [run.state for run in web.runs_made()] == ["ok"]


def test_one_that_is_about_to_start_is_not_called_interrupted(web: Web) -> None:
    """It waited for long, and the login shell takes its time: a look for dead runs leaves it alone."""
    asked, go = threading.Event(), threading.Event()

    def slow() -> runs_shell.Environment:
        asked.set()
        go.wait(60)
        return runs_shell.environment()

    web.runs._environment = slow
    web.service.start()
    web.trigger()
    web.post(comment())
    assert asked.wait(60)
    once(web.db, lambda tx: tx.execute(update(delivery).values(received=1)))
    web.service.sweep()
    assert deliveries(web.db)[0].handled is None
    go.set()
    assert "ended well" in web.done(0).reason


def test_what_had_not_begun_at_the_end_is_for_the_next(web: Web) -> None:
    """Between two steps of a delivery Playhead is closed: no run is started any more, and nothing is lost."""
    web.service.start()
    web.trigger()
    web.service._attempts.end()
    web.post(comment())
    web.until(lambda: web.service.queue.done == 1)
    (left,) = deliveries(web.db)
    assert (left.handled, left.run_id, web.runs_made(), web.thread().state) == (None, None, [], "fresh")
    web.close()
    web.runs = Runs(web.db)
    web.service = Service(web.db, web.file, web.runs, web._told)
    web.service.start()
    assert "ended well" in web.done(0).reason


def test_what_a_killed_one_acknowledged_is_taken_over(web: Web) -> None:
    """By a Playhead that lives already: it need not be started anew for that."""
    web.service.start()
    trigger = web.trigger()
    code = (
        "import os, sys; from pathlib import Path; from store.spool import Arrived, Spool\n"
        "body = sys.argv[3].encode()\n"
        "one = Arrived(1, int(sys.argv[2]), 'review', len(body), {'x-github-delivery': 'd'}, body)\n"
        "Spool(Path(sys.argv[1])).put(one)\n"
        "os.kill(os.getpid(), 9)"
    )
    words = [str(web.db), str(trigger.id), comment().decode()]
    assert subprocess.run([sys.executable, "-c", code, *words], cwd=REPO, check=False).returncode == -9
    web.service.scheduler.look()  # as it does every minute
    assert "ended well" in web.done(0).reason


def test_a_flood_of_refused_ones_does_not_fill_the_log(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "REFUSED_STEP", 4)
    monkeypatch.setattr(deliveries_db, "REFUSALS", 3)
    web.service.start()
    web.trigger()
    for _ in range(12):
        assert web.post(comment(), headers={"X-Hub-Signature-256": "sha256=0"}) == 200
    web.until(lambda: web.service.inbox.spool.waiting == 0)
    kept = deliveries(web.db)
    assert 3 <= len(kept) <= 7
    assert {one.verdict for one in kept} == {"refused"}


def test_a_flood_without_an_end_does_not_hold_up_what_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work waits for the end of a burst, but not once per batch for one that has no end."""

    class Counting(Calm):
        waits = 0

        def wait(self) -> bool:
            self.waits += 1
            return super().wait()

    monkeypatch.setattr(calm, "QUIET_S", 1_000.0)
    monkeypatch.setattr(calm, "MOST_S", 0.01)
    flood = Counting()
    flood.stir()
    db = tmp_path / "data" / "playhead.db"
    with closing(Serving(db)) as serving:
        taken = threading.Event()
        one = inbox.Inbox(db, serving, lambda _: None, lambda *_: "", taken.set, flood)
        for number in range(300):
            one.spool.put(Arrived(number, None, "x", 2, refused="no"))
        one.start()
        while one.spool.waiting:
            assert taken.wait(30)
        one.stop()
    assert len(deliveries(db, limit=1_000)) == 300
    assert flood.waits <= 2


def test_a_number_is_never_taken_for_a_name(web: Web) -> None:
    made = save_trigger(web.db, {"name": "99", "cwd": str(web.work), "prompt": "x"}, secret=SECRET).trigger
    assert made is not None
    assert find(web.db, "99").id == made.id
    with pytest.raises(StoreError, match="no trigger 99"):
        find(web.db, 99)


def test_secrets_that_are_kept_at_the_same_time(tmp_path: Path) -> None:
    db = tmp_path / "data" / "playhead.db"
    refs: list[tuple[str, str]] = []

    def some(who: int) -> None:
        refs.extend((name, secrets.keep(db, name)[0]) for name in [f"s-{who}-{number}" for number in range(10)])

    threads = [threading.Thread(target=some, args=(who,)) for who in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(refs) == 40
    assert all(secrets.fetch(db, ref) == secret for secret, ref in refs)


def test_secrets_are_not_given_to_what_is_run(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes a comment could ask the agent for its environment."""
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    values = {"name": "env", "source": "github", "cwd": str(web.work), "action": "script", "runner": "shell",
              "prompt": "env"}  # fmt: skip
    made = save_trigger(web.db, values, secret="env:HOOK_SECRET").trigger  # noqa: S106
    web.service.start()
    before = web.last
    assert web.post(comment(), slug="env") == 200
    assert made is not None
    assert "ended well" in web.done(before).reason
    log = web.runs_made()[0].log
    assert log is not None
    said = Path(log).read_text()
    assert "PATH=" in said
    assert SECRET not in said


def test_a_line_without_an_end_is_not_remembered_whole(tmp_path: Path) -> None:
    """A program can print for ten minutes without a line break; the lines around it are read as ever."""
    path = tmp_path / "log"
    path.write_bytes(b"first\n" + b"x" * 100_000 + b"\nlast\n" + b"y" * 50)
    assert list(runs_work.lines_of(path, 20)) == [b"first\n", b"x" * 20, b"last\n", b"y" * 20]


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are Unicode here")
def test_a_file_whose_name_is_no_text(tmp_path: Path) -> None:
    payloads: list[bytes] = []
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    path.write_text("x")
    files = FileTriggers(lambda _, payload: payloads.append(payload))
    files.set([Trigger(id=1, source="file", watch_path=str(tmp_path), enabled=True)])
    files._tell(1, path)
    files.stop()
    assert json.loads(payloads[0])["file"] == "caf\ufffd.txt"
