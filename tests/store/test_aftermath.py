"""X-06 for runs that ended well: `playhead serve` is killed before it has written that down, and nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hooks import Web, agents, comment

from store import runs_who
from store.aftermath import CUT_OFF
from store.db.runs_db import listed
from store.sources.process import Exited, Killed, ended_as, wording
from store.triggers import deliveries

REPO = Path(__file__).resolve().parents[2]
SERVE = """
import json, os, sys
import store.aftermath, store.runs, store.service, viewer.serving
from viewer.cli import main
def die(*_, **__): os.kill(os.getpid(), 9)
for line in sys.stdin:
    port, own, point = json.loads(line)
    if (one := os.fork()) == 0:
        os.environ.clear()
        os.environ.update(own)
        exec(f"{point} = die")
        sys.exit(main(["serve", "--port", port]))
    print("ended", os.waitstatus_to_exitcode(os.waitpid(one, 0)[1]), flush=True)
"""


class Serves:
    """Makes a `playhead serve` from one that has imported all of it and done nothing: importing costs most of one."""

    def __init__(self) -> None:
        self.mother = subprocess.Popen(
            [sys.executable, "-c", SERVE], cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def killed_at(self, web: Web, point: str, body: bytes, slug: str = "review") -> None:
        """One that is killed when it comes to that line, with a webhook that leads it there."""
        own = {**os.environ, "PLAYHEAD_DATA_DIR": str(web.db.parent.parent)}
        put, told = self.mother.stdin, self.mother.stdout
        assert put is not None
        assert told is not None
        put.write(json.dumps([str(web.port), own, point]) + "\n")
        assert "Listening on" in told.readline()
        assert web.post(body, slug) == 200
        assert next(line for line in told if line.startswith("ended")) == "ended -9\n"

    def close(self) -> None:
        self.mother.communicate()  # its input ends


@pytest.fixture(scope="module")
def serves() -> Iterator[Serves]:
    made = Serves()
    yield made
    made.close()


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Web:
    return Web(tmp_path / "root" / "data", agents(tmp_path, monkeypatch))


@pytest.mark.parametrize("point", ["store.runs.Runs.ended", "store.aftermath.conclude"])
def test_a_run_that_ended_well_is_said_so_after_a_kill(web: Web, serves: Serves, point: str) -> None:
    """X-06: before its row, and between its row and its thread: the log tells, once, and the thread goes on with it."""
    web.trigger()
    web.service.sweep()
    serves.killed_at(web, point, comment(text="bigcost"))
    (left,) = deliveries(web.db)
    assert (left.handled, web.thread().state, web.thread().session) == (None, "running", None)
    web.service.start()
    (run,), (left,), row = web.runs_made(), deliveries(web.db), web.thread()
    assert (run.state, run.turns, run.input_tokens, run.cost_micros) == ("ok", 1, 1200, 500_000)
    assert "ended well" in left.reason
    assert (row.state, row.session, row.turns, row.runs, row.tokens) == ("resumable", run.agent_session, 1, 1, 1217)
    assert (row.cost_micros, row.last_outcome) == (500_000, "fresh")
    web.service.sweep()
    assert (web.thread().runs, web.thread().tokens) == (1, 1217), "said once"
    second = web.sent_and_done(text="bigcost")
    assert "ended well" in second.reason
    assert web.started()[1]["argv"].count("--resume") == 1
    web.close()
    if point != "store.runs.Runs.ended":
        return
    serves.killed_at(web, point, comment(text="bigcost"))  # and of one that was resumed
    web.service = type(web.service)(web.db, web.file, type(web.runs)(web.db), web._told)
    web.service.start()
    assert [one.cost_micros for one in listed(web.db)] == [500_000] * 3
    assert (web.thread().turns, web.thread().last_outcome) == (3, "resumed")
    web.service.stop()


def test_a_reset_before_the_kill_stays_a_reset(web: Web, serves: Serves) -> None:
    """003-73: what a killed one had not written down does not bring a forgotten session back."""
    from store import threads

    web.trigger()
    serves.killed_at(web, "store.aftermath.conclude", comment())
    threads.reset(web.db, web.thread().id)
    web.service.start()
    assert (web.thread().session, web.thread().state) == (None, "fresh")
    assert "ended well" in deliveries(web.db)[0].reason
    web.close()


def test_a_session_that_was_gone_is_tried_afresh_by_the_next(web: Web, serves: Serves) -> None:
    """003-15: the retry that a killed one could not make is made, once."""
    web.trigger()
    web.service.start()
    web.sent_and_done()
    web.close()
    (file,) = Path(os.environ["HOME"]).glob(f".claude/projects/*/{web.thread().session}.jsonl")
    file.write_bytes(b"")
    serves.killed_at(web, "store.aftermath.lost", comment())
    web.service = type(web.service)(web.db, web.file, type(web.runs)(web.db), web._told)
    web.service.start()
    web.until(lambda: deliveries(web.db)[0].handled is not None)
    assert "ended well" in deliveries(web.db)[0].reason
    assert [run.state for run in reversed(listed(web.db))] == ["ok", "failed", "ok"]
    assert web.thread().stale_retries == 1
    web.service.stop()


def test_without_a_thread_it_is_said_too(web: Web, serves: Serves) -> None:
    """And of a program that says nothing itself, when its end was seen: the log's sidecar has it."""
    web.trigger(resume_sessions=False)
    web.trigger(name="own", action="script", runner="shell", prompt="echo done", permission="", resume_sessions=False)
    serves.killed_at(web, "store.runs.Runs.ended", comment())
    serves.killed_at(web, "store.runs.Runs.ended", comment(), "own")
    web.service.start()
    assert [run.state for run in web.runs_made()] == ["ok", "ok"]
    assert all("ended well" in one.reason for one in deliveries(web.db))
    web.close()


@pytest.mark.parametrize("fact", [Exited(0), Exited(3), Exited(-1), Killed(15), Killed(200)])
def test_the_words_of_an_end_say_which(fact: Exited | Killed) -> None:
    assert ended_as(wording(fact)) == fact
    assert ended_as("never started") is None


def test_a_kill_a_moment_after_the_start_is_an_interrupted_run(web: Web, serves: Serves) -> None:
    """X-06: before its process was written down, and before its output was: it is found and ended, and all is seen."""
    web.trigger()
    web.trigger(name="own", action="script", runner="shell", prompt="sleep 600", permission="", resume_sessions=False)
    pid = None
    for slug in ("review", "own"):
        serves.killed_at(web, "store.runs.Runs.began", comment(text="hang"), slug)
        left = web.runs_made()[-1]
        assert (left.state, left.pid) == ("running", None)
        pid, token = runs_who.process_of(left.id, left.pid, left.pid_token)
    assert pid is not None
    assert runs_who.lives(pid, token)
    web.service.start()
    assert [run.state for run in web.runs_made()] == ["interrupted"] * 2
    assert "went on alone" in web.runs_made()[1].reason  # the other found no prompt, and may have ended by itself
    assert runs_who.token_of(pid) is None
    assert {one.reason for one in deliveries(web.db)} == {CUT_OFF}
    assert (web.thread().state, web.thread().last_outcome) == ("fresh", "interrupted")
    assert "ended well" in web.sent_and_done().reason
    web.close()
