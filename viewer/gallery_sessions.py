"""The made-up machine of the pictures: sessions of several projects, one that goes wrong, one with everything."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import orjson

from store.delta import Row, Spent

# (project, title, minutes ago)
MADE: Final = (
    ("atlas-api", "Bump orjson and drop the old fallback", 4),
    ("atlas-api", "Why does the nightly import run twice?", 190),
    ("atlas-api", "Write the changelog for 2.4", 60 * 26),
    ("beacon-web", "Migrate settings to TOML", 12),
    ("beacon-web", "The login page flickers on first paint in Safari, find out what repaints", 60 * 30),
    ("dotfiles", "tmux: keep the working directory in new panes", 60 * 24 * 9),
)
STRANGE: Final = (
    '<b>not bold</b> <img src="file:///etc/passwd"> <script>alert(1)</script> [a link](javascript:alert(1))\n\n'
    "עברית: הבדיקה נכשלת פעם אחת מתוך עשר, ו־`retry()` סופר לא נכון.\n\nالعربية: فشل الاختبار مرة من كل عشر مرات.\n\n"
    "日本語：十回に一回テストが失敗します。中文：测试十次失败一次。 한국어: 실패합니다. "
    "👩🏽‍💻🚀✅ naïve ẞ\n\n"
    "rlo\u202etxt.exe bell\x07 " + "averylongwordwithoutanybreak" * 12
)


def made_costs(rows: Iterable[Row]) -> dict[str, Spent]:
    """What they cost, by path: one is not known, one has failed, one has gone on since."""
    costs = (1_280_000, None, 70_000, 440_000, 12_310_000)
    by_title = enumerate(sorted(rows, key=lambda row: row.title))
    return {row.path or row.id: Spent(costs[n % 5], failed=n == 2, bytes=row.bytes - (n == 4)) for n, row in by_title}


class Writer:
    """Writes one Claude Code session file, record by record; with `agent`, the file of one of its subagents."""

    def __init__(self, root: Path, number: int, project: str, age_min: float, agent: str = "") -> None:
        self.id = f"00000000-0000-4000-8000-{number:012}"
        self.cwd = f"/home/dev/{project}"
        folder = root / "projects" / self.cwd.replace("/", "-")
        self.path = folder / f"{self.id}.jsonl"
        self.more: dict[str, Any] = {"isSidechain": False}
        if agent:
            self.path = folder / self.id / "subagents" / f"agent-{agent}.jsonl"
            self.more = {"isSidechain": True, "agentId": agent}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.now = time.time() - 60 * age_min
        self._count = 0
        self._calls = 0
        self._lines: list[bytes] = []

    def add(self, kind: str, message: dict[str, Any], **more: Any) -> None:
        self._count += 1
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(self.now - 60 + self._count))
        record = {
            "parentUuid": None, "userType": "external", "cwd": self.cwd, "sessionId": self.id, "version": "2.1.300",
            "gitBranch": "main", "type": kind, "timestamp": stamp, "uuid": f"{self._count:08}-{self.path.stem[-27:]}",
            "message": message,
        }  # fmt: skip
        self._lines.append(orjson.dumps(record | self.more | more))

    def user(self, content: Any, **more: Any) -> None:
        self.add("user", {"role": "user", "content": content}, **more)

    def agent(self, *blocks: dict[str, Any], **more: Any) -> None:
        for block in blocks:
            message = {"id": f"msg_{self._count}", "type": "message", "role": "assistant", "model": "claude-opus-5-5"}
            usage = {"input_tokens": 4, "cache_read_input_tokens": 80_000 + 900 * self._count, "output_tokens": 240}
            self.add("assistant", message | {"content": [block], "usage": usage}, **more)

    def call(self, tool: str, given: dict[str, Any], output: str, *, error: bool = False, **result: Any) -> None:
        """A tool call and its result."""
        self._calls += 1
        call = f"toolu_{self.path.stem[-6:]}_{self._calls}"
        self.agent({"type": "tool_use", "id": call, "name": tool, "input": given})
        block = {"type": "tool_result", "tool_use_id": call, "is_error": error, "content": output}
        self.user([block], toolUseResult=f"Error: {output}" if error else {"stdout": output} | result)

    def close(self) -> Path:
        self.path.write_bytes(b"\n".join(self._lines) + b"\n")
        os.utime(self.path, (self.now, self.now))
        return self.path


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def write_sessions(root: Path) -> tuple[Path, Path]:
    """A machine with some work on it. Returns the session that goes wrong, and the one with everything in it."""
    for number, (project, title, age) in enumerate(MADE, 1):
        session = Writer(root, number, project, age)
        session.user(title)
        for step in range(3):
            session.agent(text(f"Looked at part {step + 1}. Nothing unusual so far."))
        session.close()
    return _broken(root), _everything(root)


def _broken(root: Path) -> Path:
    session = Writer(root, 90, "beacon-web", 2)
    session.user("Run the settings migration against the staging dump and tell me what it would change.")
    output = "Traceback (most recent call last):\n  …\nsqlite3.OperationalError: database is locked\nExit code 1"
    for _ in range(3):
        session.call("Bash", {"command": "python -m beacon.migrate --dry-run staging.sqlite"}, output, error=True)
        session.agent(text("The database is locked. I will try once more after closing the preview server."))
    session.agent(text("API Error: 529 Overloaded"), isApiErrorMessage=True)
    return session.close()


def _everything(root: Path) -> Path:
    session = Writer(root, 91, "atlas-api", 45)
    session.user("Have somebody look for other loops that count wrong, then test with odd names.")
    child = Writer(root, 91, "atlas-api", 45, agent="a1b2c3d4")
    child.user("Look for loops that count the first try as a retry.")
    child.call("Grep", {"pattern": "range\\(limit\\)"}, "atlas/queue.py:41\natlas/sync.py:12", numFiles=2)
    child.call("Read", {"file_path": "/home/dev/atlas-api/atlas/queue.py"}, "\n".join(f"line {n}" for n in range(90)))
    child.agent(text("Only `atlas/queue.py` is like it. It counts **right**."))
    child.close()
    given = {"description": "Look for other loops", "subagent_type": "Explore", "prompt": "Look for loops …"}
    session.call("Task", given, "Only atlas/queue.py is like it.", agentId="a1b2c3d4", status="completed")
    listing = "\n".join(f"tests/test_{n:03}.py::test_name  \x1b[32mPASSED\x1b[0m  {n / 7:.2f}s" for n in range(120))
    session.call("Bash", {"command": "pytest -v tests"}, listing)
    session.call("Bash", {"command": "rm -rf /home/dev/atlas-api/build/" + "very-long-folder-name/" * 9}, "")
    session.agent(text(STRANGE))
    session.user([{"type": "text", "text": "[Request interrupted by user]"}])
    return session.close()


def write_drifted(root: Path) -> Path:
    """A session of a version that is newer than what Playhead knows, for the coverage window."""
    session = Writer(root, 92, "atlas-api", 45)
    for version in ("2.1.300", "2.3.0"):
        session.user("Why does the nightly import run twice?", version=version)
        for kind in ("mode", "file-history-snapshot", "progress", "last-prompt"):
            session.add(kind, {}, version=version)
        for step in range(20):
            session.call("Bash", {"command": f"pytest -k part_{step}"}, "1 passed")
    for count, kind in ((14, "memory-link"), (3, "context-lease")):
        for _ in range(count):
            session.add(kind, {"weight": 3}, version="2.3.0")
    path = session.close()
    damaged = path.read_bytes() + b'{"type":"user","message":{"role":"us\n# a note by hand\n'
    path.write_bytes(damaged)
    return path
