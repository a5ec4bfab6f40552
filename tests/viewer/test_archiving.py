"""`playhead archive`: what it prints and does, for people and scripts."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from builders import SESSION, answer, assistant, call, lines, user

from viewer.cli import main


@pytest.fixture
def session(tmp_path: Path) -> Path:
    path = tmp_path / f"{SESSION}.jsonl"
    path.write_bytes(lines(user("go"), assistant(call("Bash")), answer("ok", seconds=3)))
    return path


def told(capfdbinary: pytest.CaptureFixture[bytes], *arguments: str | Path) -> list[dict[str, object]]:
    assert main(["archive", *map(str, arguments), "--json"]) == 0
    out, err = capfdbinary.readouterr()
    assert err == b""
    return [orjson.loads(line) for line in out.splitlines()]


def test_archived_deleted_and_back(session: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """By path and by id; a session that was never imported is read first, and its file is never touched."""
    before = session.read_bytes()
    archived = {"session": str(session), "status": "archived", "refused": 0}
    deleted = archived | {"status": "deleted"}
    assert told(capfdbinary) == []
    assert told(capfdbinary, session) == [archived]
    assert told(capfdbinary) == [archived]
    assert told(capfdbinary, "--delete", SESSION) == [deleted]
    assert told(capfdbinary) == [deleted]
    assert told(capfdbinary, "--restore", SESSION) == [archived]
    (forked,) = told(capfdbinary, "--fork", session)
    assert forked["fork"] == {
        "parent": 1, "agent": "claude-code", "id": SESSION, "cwd": "/w/demo", "branch": "main", "llm": "claude-opus-5",
        "model_config": None, "system_prompt": None,
    }  # fmt: skip
    assert session.read_bytes() == before


def test_what_cannot_be_done_is_said_and_keeps_nobody_from_it(
    session: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    other = tmp_path / "other.jsonl"
    other.write_bytes(session.read_bytes())
    told(capfdbinary, session)
    assert main(["archive", str(session), str(tmp_path / "none.jsonl"), str(other)]) == 1
    out, err = capfdbinary.readouterr()
    assert out.decode() == f"archived  {other}\n"
    assert b"that is archived has no archive: it is there already" in err
    assert b"none.jsonl" in err
    assert main(["archive", "--delete"]) == 2
    assert b"no session to delete" in capfdbinary.readouterr().err
    assert main(["archive", "--delete", "--restore", str(session)]) == 2


def test_what_came_too_late_is_told(session: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """X-03: refused by whoever looks at the file next, and counted."""
    told(capfdbinary, session)
    with session.open("ab") as file:
        file.write(lines(assistant("late", id="m9", uuid="a9", seconds=9), user("more", uuid="u9", seconds=10)))
    assert main(["import", "--root", str(session.parent)]) == 0
    capfdbinary.readouterr()
    (entry,) = told(capfdbinary)
    assert isinstance(entry["refused"], int)
    assert entry["refused"] >= 2
    assert main(["archive"]) == 0
    assert f"archived  {session}  ({entry['refused']} events came too late)" in capfdbinary.readouterr().out.decode()
