"""What an ACP agent may take: terminals, threads and memory have a bound, and a question hides nothing."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from store.sources import acp_terminals, acp_wire
from store.sources.acp_files import RefusedError
from store.sources.acp_terminals import Terminals, shown
from store.sources.acp_wire import Asked, Wire


@pytest.mark.parametrize(
    ("argv", "env", "folder", "wanted"),
    [
        (("git", "status"), {}, "", "git status"),
        (("git", "status"), {"PATH": "/tmp/x", "A": "b c"}, "sub", "A='b c' PATH=/tmp/x git status in sub"),  # noqa: S108
        (("rm", "-rf a"), {}, "", "rm '-rf a'"),
        (("/bin/sh", "-c", "ls | wc"), {}, "", "ls | wc"),
        (("/bin/sh", "-c", '"$@"', "sh", "rm"), {}, "", "/bin/sh -c '\"$@\"' sh rm"),
        (("/bin/sh", "-c", "ls\nrm x\u202e"), {}, "", "ls\\nrm x\\u202e"),
    ],
)
def test_a_question_about_a_command_hides_nothing(
    argv: tuple[str, ...], env: dict[str, str], folder: str, wanted: str
) -> None:
    """What an agent puts into the environment decides as much as the words do."""
    assert shown(argv, env, folder) == wanted


@pytest.fixture
def terminals() -> Any:
    made = Terminals(lambda _: None)
    yield made
    made.close()


def test_nothing_starts_behind_the_end(terminals: Terminals, tmp_path: Path) -> None:
    """A command that was allowed at the last moment would be ended by nobody."""
    id = terminals.start(1, ("sleep", "600"), tmp_path, {}, 10)
    released = terminals.start(2, ("sleep", "600"), tmp_path, {}, 10)
    left = [terminals.get(id), terminals.release(released)]
    terminals.close()
    assert not any(one.alive for one in left)
    with pytest.raises(RefusedError, match="closing"):
        terminals.start(3, ("sleep", "600"), tmp_path, {}, 10)


def test_old_terminals_are_forgotten_and_requests_have_a_limit(
    terminals: Terminals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acp_terminals, "KEPT", 3)
    monkeypatch.setattr(acp_terminals, "WAITERS", 5)
    ids = []
    for number in range(5):
        over = threading.Event()
        ids.append(terminals.start(number, ("true",), tmp_path, {}, 10))
        terminals.get(ids[-1]).wait(lambda _, over=over: over.set())  # type: ignore[misc]
        assert over.wait(30)
    with pytest.raises(RefusedError, match="no terminal"):
        terminals.get(ids[0])
    terminals.get(ids[-1])
    stubborn = terminals.get(terminals.start(9, ("sh", "-c", "trap '' TERM; exec sleep 600"), tmp_path, {}, 10))
    ended, before = threading.Semaphore(0), threading.active_count()
    for _ in range(5):
        stubborn.end(ended.release)
    assert threading.active_count() <= before + 1
    with pytest.raises(RefusedError, match="5 requests"):
        stubborn.end(ended.release)
    for _ in range(5):
        assert ended.acquire(timeout=30)


def test_heavy_answers_hold_back_who_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few messages can be many bytes."""
    monkeypatch.setattr(acp_wire, "HEAVY", 1_000)
    go, through = threading.Event(), threading.Event()
    wire = Wire(lambda _: None, lambda _: go.wait(30), lambda _: None)
    wire.start()
    for number in range(3):
        wire.result(Asked(number, number, "fs/read_text_file", {}, True), {"content": "x" * 900})
    waits = threading.Thread(target=lambda: (wire.room(), through.set()))
    waits.start()
    assert not through.wait(0.05)
    go.set()
    assert through.wait(30)
    wire.close()
    waits.join()
    assert wire.done()
