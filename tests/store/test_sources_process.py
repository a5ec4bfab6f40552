"""Processes: their bytes, their three kinds of end, and that nothing of them is left. Real processes only."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store.errors import StoreError
from store.sources.process import KEPT, Closed, Exited, Fact, Killed, Process, wording

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals and groups of POSIX"),
    pytest.mark.timeout(60),
]
WAIT = 20.0


class Run:
    """A Python one-liner as an agent."""

    def __init__(self, code: str, *more: str, **how: object) -> None:
        self.out = b""
        self.err = b""
        self.facts: list[Fact] = []
        self.news = threading.Condition()
        cwd = how.get("cwd")
        env = how.get("env")
        self.process = Process(
            [sys.executable, "-c", code, *more],
            cwd if isinstance(cwd, Path) else None,
            env if isinstance(env, dict) else None,
            out=self._out,
            err=self._err,
            fact=self._fact,
        )

    def _out(self, data: bytes) -> None:
        with self.news:
            self.out += data
            self.news.notify_all()

    def _err(self, data: bytes) -> None:
        with self.news:
            self.err += data
            self.news.notify_all()

    def _fact(self, fact: Fact) -> None:
        with self.news:
            self.facts.append(fact)
            self.news.notify_all()

    def until(self, condition: Callable[[], bool]) -> None:
        with self.news:
            assert self.news.wait_for(condition, WAIT), (self.out[-300:], self.err[-300:], self.facts)


@pytest.fixture
def runs() -> Iterator[list[Run]]:
    runs: list[Run] = []
    yield runs
    for run in runs:
        run.process.terminate(0.1)


def start(runs: list[Run], code: str, *more: str, **how: object) -> Run:
    runs.append(Run(code, *more, **how))
    return runs[-1]


def alive(pid: int) -> bool:
    """Whether it still runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_bytes_exit_code_and_closed(runs: list[Run]) -> None:
    run = start(runs, "import sys; sys.stdout.write('{}\\nhalf'); sys.stderr.write('uh'); sys.exit(3)")
    assert run.process.join(WAIT) == Exited(3)
    run.until(lambda: len(run.facts) == 2)
    assert run.facts == [Closed(), Exited(3)]
    assert (run.out, run.err, run.process.stderr()) == (b"{}\nhalf", b"uh", b"uh")
    assert not run.process.alive
    assert wording(Exited(3)) == "ended with exit code 3"


def test_a_signal_is_not_an_exit_code(runs: list[Run]) -> None:
    run = start(runs, "import os; os.kill(os.getpid(), 9)")
    assert run.process.join(WAIT) == Killed(signal.SIGKILL)
    assert wording(Killed(9)) == "was killed by SIGKILL"


def test_closed_comes_before_the_end_when_output_is_closed_first(runs: list[Run]) -> None:
    run = start(runs, "import os, signal; os.close(1); os.close(2); signal.pause()")
    run.until(lambda: run.facts == [Closed()])
    assert run.process.alive
    assert run.process.terminate()
    assert run.process.ended == Killed(signal.SIGTERM)


def test_output_comes_as_it_is_written(runs: list[Run]) -> None:
    run = start(runs, "import os, signal\nos.write(1, b'one')\nsignal.pause()")
    run.until(lambda: run.out == b"one")


def test_stdin_is_empty(runs: list[Run]) -> None:
    run = start(runs, "import sys; print(repr(sys.stdin.read()))")
    assert run.process.join(WAIT) == Exited(0)
    assert run.out == b"''\n"


def test_cwd_and_environment(runs: list[Run], tmp_path: Path) -> None:
    run = start(runs, "import os; print(os.getcwd(), os.environ['WORD'])", cwd=tmp_path, env={"WORD": "hi"})
    run.process.join(WAIT)
    assert run.out.decode() == f"{tmp_path} hi\n"


def test_chatty_stderr_does_not_block_and_its_end_is_kept(runs: list[Run]) -> None:
    """003-22"""
    run = start(runs, "import sys; sys.stderr.write('x' * 3_000_000 + 'END'); print('done')")
    assert run.process.join(WAIT) == Exited(0)
    assert run.out == b"done\n"
    run.until(lambda: len(run.err) == 3_000_003)
    assert len(run.process.stderr()) == KEPT
    assert run.process.stderr().endswith(b"END")


def test_a_flood_arrives_complete(runs: list[Run]) -> None:
    run = start(runs, "import os\nfor n in range(80): os.write(1, bytes([n % 256]) * 65536)")
    assert run.process.join(WAIT) == Exited(0)
    run.until(lambda: Closed() in run.facts)
    assert run.out == b"".join(bytes([n % 256]) * 65536 for n in range(80))


def test_interrupt_reaches_the_group_and_may_be_survived(runs: list[Run]) -> None:
    run = start(
        runs,
        "import signal\n"
        "def said(*_): print('stopped', flush=True)\n"
        "signal.signal(signal.SIGINT, said)\nprint('ready', flush=True)\n"
        "while True: signal.pause()",
    )
    run.until(lambda: b"ready" in run.out)
    run.process.interrupt()
    run.until(lambda: b"stopped" in run.out)
    assert run.process.alive


def test_who_ignores_sigterm_is_killed_after_the_grace(runs: list[Run]) -> None:
    run = start(
        runs,
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready', flush=True)\n"
        "while True: signal.pause()",
    )
    run.until(lambda: b"ready" in run.out)
    began = time.monotonic()
    assert run.process.terminate(grace=0.3)
    assert 0.25 < time.monotonic() - began < WAIT
    assert run.process.ended == Killed(signal.SIGKILL)


GRANDCHILD = (
    "import os, signal, subprocess, sys\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import signal\\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\\n"
    'print("child", flush=True)\\nwhile True: signal.pause()\'])\n'
    "print('pid', child.pid, flush=True)\n"
)


def child_of(run: Run) -> int:
    run.until(lambda: b"child" in run.out and b"pid" in run.out)
    return int(run.out.split(b"pid ")[1].split()[0])


def test_grandchildren_that_ignore_sigterm_go_too(runs: list[Run]) -> None:
    run = start(runs, GRANDCHILD + "while True: signal.pause()")
    child = child_of(run)
    assert alive(child)
    run.process.terminate(grace=0.3)
    run.until(lambda: not alive(child))
    assert run.process.ended == Killed(signal.SIGTERM)
    assert not alive(run.process.pid)


def test_orphans_that_hold_the_output_neither_hide_the_exit_nor_survive(runs: list[Run]) -> None:
    run = start(runs, GRANDCHILD + "os._exit(5)")
    child = child_of(run)
    assert run.process.join(WAIT) == Exited(5)
    run.until(lambda: run.facts == [Exited(5)])
    assert alive(child)
    run.process.terminate(grace=0.2)
    run.until(lambda: not alive(child))
    run.until(lambda: run.facts == [Exited(5), Closed()])


def test_a_stopped_process_can_be_ended(runs: list[Run]) -> None:
    run = start(runs, "import os, signal\nprint('ready', flush=True)\nsignal.pause()")
    run.until(lambda: b"ready" in run.out)
    os.kill(run.process.pid, signal.SIGSTOP)
    assert run.process.terminate(grace=5)
    assert run.process.ended == Killed(signal.SIGTERM)


def test_terminate_after_the_end_does_nothing(runs: list[Run]) -> None:
    run = start(runs, "pass")
    run.process.join(WAIT)
    assert run.process.terminate()
    assert run.process.terminate()


def test_a_callback_that_fails_does_not_hang_the_process(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: bytes) -> None:
        raise ValueError("a bug of ours")

    process = Process([sys.executable, "-c", "print('x' * 1_000_000)"], out=broken)
    assert process.join(WAIT) is not None
    assert "a bug of ours" in caplog.text


@pytest.mark.parametrize(
    ("argv", "cwd", "words"),
    [
        (["no-such-agent-anywhere"], None, "not found"),
        ([os.fspath(Path(__file__))], None, "permission denied"),
        ([sys.executable], Path("/no/such/folder"), "no folder"),
        ([], None, "no command"),
        (["a\0b"], None, "cannot be started"),
    ],
)
def test_what_cannot_be_started_is_a_sentence(argv: list[str], cwd: Path | None, words: str) -> None:
    """X-10: also an agent that is not installed."""
    with pytest.raises(StoreError, match=words):
        Process(argv, cwd, out=lambda _: None)
