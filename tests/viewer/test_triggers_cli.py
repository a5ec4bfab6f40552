"""`playhead triggers`, `threads` and `settings`, as a script meets them: the same code as the panel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hooks import agents, comment

from store.audit import entries
from store.paths import config_dir, data_dir
from store.settings import CLEANUP_HOUR, Settings
from viewer import cli

Printed = pytest.CaptureFixture[bytes]


def told(capfdbinary: Printed, *arguments: str, code: int = 0) -> list[Any]:
    assert cli.main(list(arguments)) == code
    return [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return agents(tmp_path, monkeypatch)


def test_a_trigger_from_its_making_to_its_end(work: Path, capfdbinary: Printed) -> None:
    """003-07, 003-20, 003-42, 003-43, 003-71: made, tried out, fired twice, reset, fired anew, removed."""
    payload = work / "payload.json"
    payload.write_bytes(comment(text="Say hello"))
    (made,) = told(
        capfdbinary, "triggers", "add", "name=Review bot", f"cwd={work}", "prompt={{comment.body}}",
        'filter={"action": "created"}', "resume_sessions=on", "--json",
    )  # fmt: skip
    assert (made["slug"], made["secret_ref"], len(made["secret"])) == ("review-bot", "file", 64)
    (tried,) = told(capfdbinary, "triggers", "test", "review-bot", str(payload), "--json")
    assert (tried["verdict"], tried["key"], tried["prompt"]) == ("accepted", "github:ada/project:pr:12", "Say hello")
    (first,) = told(capfdbinary, "triggers", "fire", "1", str(payload), "--json")
    assert first["reason"] == "Fresh session. It ended well."
    (again,) = told(capfdbinary, "triggers", "fire", "Review bot", "--delivery", "1", "--json")
    assert again["thread_key"] == "github:ada/project:pr:12"
    assert [one["resumed"] for one in told(capfdbinary, "runs", "--json")] == ["resumed", "fresh"]
    (thread,) = told(capfdbinary, "threads", "list", "--json")
    assert (thread["turns"], thread["resume_hits"], thread["last_outcome"]) == (2, 1, "resumed")
    assert thread["fresh"]["n"] == thread["resumed"]["n"] == 1
    (reset,) = told(capfdbinary, "threads", "reset", str(thread["id"]), "--json")
    assert reset == {"id": 1, "key": "github:ada/project:pr:12", "trigger": "Review bot", "waits": False}
    told(capfdbinary, "triggers", "fire", "1", str(payload), "--json")
    (after,) = told(capfdbinary, "threads", "list", "--json")
    assert (after["parent_session"], after["session"] != thread["session"]) == (thread["session"], True)
    assert len(told(capfdbinary, "triggers", "deliveries", "--json")) == 3
    assert told(capfdbinary, "triggers", "payload", "1")[0]["comment"]["body"] == "Say hello"
    (clean,) = told(capfdbinary, "threads", "cleanup", "--dry-run", "--json")
    assert (clean["deleted"], clean["days"], clean["dry_run"]) == (0, 7, True)
    told(capfdbinary, "triggers", "edit", "1", "enabled=off", "--json")
    (row,) = told(capfdbinary, "triggers", "list", "--json")
    assert row["enabled"] is False
    told(capfdbinary, "triggers", "remove", "1", "--json")
    assert told(capfdbinary, "threads", "list", "--json") == []
    for command in (("triggers", "list"), ("threads", "list"), ("triggers", "deliveries"), ("threads", "cleanup")):
        assert cli.main(list(command)) == 0  # and in words
    assert b"No triggers yet" in capfdbinary.readouterr().out


def test_trouble_is_one_line(work: Path, capfdbinary: Printed) -> None:
    for arguments, words in (
        (("triggers", "add", "name=x"), b"cwd: A working directory is needed."),
        (("triggers", "add", "x"), b"NAME=VALUE"),
        (("triggers", "show", "x"), b"There is no trigger x"),
        (("threads", "reset", "7"), b"There is no thread 7"),
        (("threads", "cleanup", "--days", "0"), b"at least 1"),
        (("settings", "set", "threads.cleanup_hour=24"), b"at most 23"),
        (("settings", "set", "threads.cleanup_hour"), b"a value is needed"),
        (("settings", "get", "colour"), b"There is no setting colour"),
    ):
        assert cli.main(list(arguments)) == 2
        caught = capfdbinary.readouterr()
        assert words in caught.err
        assert caught.out == b""
        assert len(caught.err.splitlines()) == 1


def test_settings_are_read_and_set(capfdbinary: Printed) -> None:
    """003-41, S-04, S-07: 0 works, others stay, and it is in the audit log."""
    assert told(capfdbinary, "settings", "set", "threads.cleanup_hour=0", "receiver.on=on", "--json") == [
        {"threads.cleanup_hour": 0, "receiver.on": True}
    ]
    assert Settings(config_dir() / "settings.toml")[CLEANUP_HOUR] == 0
    (every,) = told(capfdbinary, "settings", "get", "--json")
    assert (every["threads.cleanup_hour"], every["threads.cleanup_days"]) == (0, 7)
    assert sorted(entry.detail for entry in entries(data_dir() / "playhead.db").rows) == [
        "receiver.on: false → true", "threads.cleanup_hour: 3 → 0"
    ]  # fmt: skip
