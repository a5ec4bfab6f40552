"""A `claude` that is answered while it runs: how long it is listened to, and when its input is closed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from threading import Event

import pytest
from hooks import agents

from store.runners.base import Ask
from store.runs import RunRequest, Runs


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return agents(tmp_path, monkeypatch)


def test_what_was_left_in_the_background_may_ask_when_it_is_done(tmp_path: Path, work: Path) -> None:
    """Its turn has had its result; the one that comes of the task has another, and its question is answered."""
    asked, said = Event(), bytearray()

    def out(data: bytes) -> None:
        said.extend(data)
        if b"can_use_tool" in said:
            asked.set()

    with closing(Runs(tmp_path / "data")) as runs:
        wanted = RunRequest("claude-code", Ask(f"background {work / 'made'}", work, attended=True), timeout_s=60)
        id = runs.start(wanted, out=out)
        assert asked.wait(30)
        assert said.count(b'"type":"result"') == 1
        question = said.split(b'"request_id":"')[1].split(b'"')[0].decode()
        reply = runs.answer(id, question, "allow")
        assert reply is not None
        result = runs.wait(id, 60)
    assert result is not None
    assert (result.state, result.exit_code, (work / "made").read_text()) == ("ok", 0, "guarded\n")
    assert result.outcome.turns == 2


@pytest.mark.parametrize("prompt", ["Say hello", "silent"])
def test_its_input_is_closed_when_its_turn_is_over(tmp_path: Path, work: Path, prompt: str) -> None:
    """So it ends by itself, and nothing holds the session until the next prompt."""
    with closing(Runs(tmp_path / "data")) as runs:
        id = runs.start(RunRequest("claude-code", Ask(prompt, work, attended=True), timeout_s=60))
        result = runs.wait(id, 60)
    assert result is not None
    assert result.exit_code == 0
