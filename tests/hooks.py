"""Webhooks for tests: payloads of the senders' shapes, signed and sent; a service with a scripted agent behind it."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from agent_cli import installed

from store import runs_shell
from store.db.runs_db import RunRow, listed
from store.runs import Runs
from store.service import Service
from store.threads import ThreadRow, list_threads
from store.trigger import Trigger
from store.triggers import Delivery, deliveries, save_trigger

SECRET = "It's a Secret to Everybody"  # noqa: S105 - of the documentation of GitHub
PROMPT = "{{comment.body}}"


_comments = itertools.count(7)  # no two are alike: what is, is a replay


def signed(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def comment(number: int = 12, text: str = "Say hello", login: str = "grace", pr: bool = True, **more: Any) -> bytes:
    """What GitHub sends for a comment on a pull request (or an issue), with what matters of its shape."""
    issue: dict[str, Any] = {"number": number, "title": "Use the lock", "html_url": f"https://example.org/{number}"}
    if pr:
        issue["pull_request"] = {"url": f"https://example.org/pulls/{number}"}
    payload = {
        "action": "created", "issue": issue,
        "comment": {"id": next(_comments), "body": text, "user": {"login": login, "id": 9}},
        "repository": {"id": 1, "full_name": "ada/project", "name": "project"}, "sender": {"login": login, "id": 9},
        **more,
    }  # fmt: skip
    return json.dumps(payload).encode()


class Web:
    """A service that listens, a trigger, and what was sent to it."""

    def __init__(self, data: Path, work: Path, **settings: object) -> None:
        self.work, self.db = work, data / "playhead.db"
        data.parent.mkdir(parents=True, exist_ok=True)
        self.file = data.parent / "settings.toml"
        self.settings: dict[str, object] = {"receiver.on": True, "receiver.port": free_port(), **settings}
        self.choose()
        self.runs = Runs(data)
        self.changed = threading.Condition()
        self.service = Service(self.db, self.file, self.runs, self._told)
        self.sent = 0

    def choose(self, **settings: object) -> None:
        self.settings |= {name.replace("__", "."): value for name, value in settings.items()}
        groups: dict[str, list[str]] = {}
        for name, value in self.settings.items():
            group, _, key = name.partition(".")
            groups.setdefault(group, []).append(f"{key} = {json.dumps(value)}\n")
        self.file.write_text("".join(f"[{group}]\n{''.join(lines)}" for group, lines in groups.items()))

    def _told(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def until(self, there: Callable[[], Any], timeout: float = 60) -> Any:
        """What `there` says as soon as it says something."""
        end = time.monotonic() + timeout
        with self.changed:
            while not (found := there()):
                left = end - time.monotonic()
                assert left > 0, "it never came"
                self.changed.wait(min(left, 0.2))
        return found

    def close(self) -> None:
        self.service.stop()
        self.runs.close()

    def trigger(self, **values: object) -> Trigger:
        fields = {"name": "review", "source": "github", "cwd": str(self.work), "prompt": PROMPT,
                  "resume_sessions": True, "permission": "default", **values}  # fmt: skip
        saved = save_trigger(self.db, fields, secret=SECRET)
        assert saved.trigger is not None, saved.errors
        self.service.apply()
        return saved.trigger

    @property
    def port(self) -> int:
        return int(str(self.settings["receiver.port"]))

    def post(self, body: bytes, slug: str = "review", headers: Mapping[str, str] | None = None) -> int:
        """As GitHub does it; returns the status."""
        self.sent += 1
        told = {
            "Content-Type": "application/json", "X-GitHub-Event": "issue_comment",
            "X-GitHub-Delivery": f"d-{self.sent}", "X-Hub-Signature-256": "sha256=" + signed(body), **(headers or {}),
        }  # fmt: skip
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", f"/hooks/{slug}", body, {name: text for name, text in told.items() if text})
            answer = connection.getresponse()
            assert answer.status != 200 or answer.read() == b'{"status":"ok"}\n'
            return answer.status
        finally:
            connection.close()

    def sent_and_done(self, text: str = "Say hello", **how: Any) -> Delivery:
        """A comment, and what became of it."""
        before = self.last
        assert self.post(comment(text=text, **how)) == 200
        return self.done(before)

    @property
    def last(self) -> int:
        return max((one.id for one in deliveries(self.db)), default=0)

    def done(self, before: int) -> Delivery:
        def over() -> Delivery | None:
            rows = [one for one in deliveries(self.db) if one.id > before]
            quiet = rows and all(one.handled is not None for one in rows) and self.service.queue.settled(0)
            return rows[0] if quiet else None

        found: Delivery = self.until(over)
        return found

    def runs_made(self) -> list[RunRow]:
        """Oldest first."""
        return list(reversed(listed(self.db, 1000)))

    def threads(self, **how: Any) -> list[ThreadRow]:
        return list(list_threads(self.db, **how).rows)

    def thread(self) -> ThreadRow:
        (row,) = self.threads()
        return row

    def started(self) -> list[dict[str, Any]]:
        """What the agent's CLI was started with, by itself."""
        log = self.work.parent / "started.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which agents work; they are on the PATH, and log what they were started with."""
    folder = tmp_path / "project"
    folder.mkdir()
    programs = installed(tmp_path / "bin", "claude", "codex", "gemini")
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("AGENT_CLI_LOG", str(tmp_path / "started.jsonl"))
    monkeypatch.setenv("SHELL", "/bin/sh")
    runs_shell.forget()
    return folder
