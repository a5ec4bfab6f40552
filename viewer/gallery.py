"""Every state of the window as a picture, from sessions made up here and the demo. Run by `viewer.screenshot --all`."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
from PySide6.QtGui import QCursor

from store import settings as st
from viewer.app import App
from viewer.options import Options
from viewer.screenshot import save, turn, wait_until_loaded
from viewer.settings_dialog import SettingsDialog
from viewer.shortcuts import ShortcutSheet

# (project, title, minutes ago)
MADE: Final = (
    ("atlas-api", "Bump orjson and drop the old fallback", 4),
    ("atlas-api", "Why does the nightly import run twice?", 190),
    ("atlas-api", "Write the changelog for 2.4", 60 * 26),
    ("beacon-web", "Migrate settings to TOML", 12),
    ("beacon-web", "The login page flickers on first paint in Safari, find out what repaints", 60 * 30),
    ("dotfiles", "tmux: keep the working directory in new panes", 60 * 24 * 9),
)
SIZES: Final = {"narrow": (900, 640), "main": (1440, 900), "wide": (1600, 1000)}


class Writer:
    """Writes one Claude Code session file, record by record."""

    def __init__(self, root: Path, number: int, project: str, age_min: int) -> None:
        self.id = f"00000000-0000-4000-8000-{number:012}"
        self.cwd = f"/home/dev/{project}"
        folder = root / "projects" / self.cwd.replace("/", "-")
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{self.id}.jsonl"
        self.now = time.time() - 60 * age_min
        self._count = 0
        self._lines: list[bytes] = []

    def add(self, kind: str, message: dict[str, Any], **more: Any) -> None:
        self._count += 1
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(self.now - 60 + self._count))
        record = {
            "parentUuid": None, "isSidechain": False, "userType": "external", "cwd": self.cwd, "sessionId": self.id,
            "version": "2.1.300", "gitBranch": "main", "type": kind, "timestamp": stamp,
            "uuid": f"{self._count:08}-{self.id[9:]}", "message": message,
        }  # fmt: skip
        self._lines.append(orjson.dumps(record | more))

    def user(self, content: Any) -> None:
        self.add("user", {"role": "user", "content": content})

    def agent(self, *blocks: dict[str, Any], **more: Any) -> None:
        for block in blocks:
            message = {"id": f"msg_{self._count}", "type": "message", "role": "assistant", "model": "claude-opus-5-5"}
            usage = {"input_tokens": 4, "cache_read_input_tokens": 80_000 + 900 * self._count, "output_tokens": 240}
            self.add("assistant", message | {"content": [block], "usage": usage}, **more)

    def close(self) -> Path:
        self.path.write_bytes(b"\n".join(self._lines) + b"\n")
        os.utime(self.path, (self.now, self.now))
        return self.path


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def write_sessions(root: Path) -> Path:
    """A machine with some work on it. Returns the session that goes wrong."""
    for number, (project, title, age) in enumerate(MADE, 1):
        session = Writer(root, number, project, age)
        session.user(title)
        for step in range(3):
            session.agent(text(f"Looked at part {step + 1}. Nothing unusual so far."))
        session.close()
    broken = Writer(root, 90, "beacon-web", 2)
    broken.user("Run the settings migration against the staging dump and tell me what it would change.")
    for attempt in range(3):
        call = f"toolu_{attempt}"
        command = "python -m beacon.migrate --dry-run staging.sqlite"
        broken.agent({"type": "tool_use", "id": call, "name": "Bash", "input": {"command": command}})
        output = "Traceback (most recent call last):\n  …\nsqlite3.OperationalError: database is locked\nExit code 1"
        result = {"type": "tool_result", "tool_use_id": call, "is_error": True, "content": output}
        broken.add("user", {"role": "user", "content": [result]}, toolUseResult=f"Error: {output}")
        broken.agent(text("The database is locked. I will try once more after closing the preview server."))
    broken.agent(text("API Error: 529 Overloaded"), isApiErrorMessage=True)
    return broken.close()


def states(app: App, broken: Path) -> Iterator[str]:
    """Bring the window into one state after the other."""
    window = app.window
    window.resize(*SIZES["main"])
    turn(60)
    yield "empty"
    app.live.discover([])
    window.start(lambda: app.live.demo(0))
    wait_until_loaded(app, ended=True)
    wait_for_list(app)
    for name, size in SIZES.items():
        window.resize(*size)
        yield name
    window.resize(*SIZES["main"])
    view = window.pane.view
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)
    yield "reading-back"
    view.set_current(view.indexAt(view.viewport().rect().center()).row())
    window.actions_["inspector"].setChecked(True)
    turn(200)
    yield "inspector"
    window.actions_["inspector"].setChecked(False)
    window.open_path(str(broken))
    wait_until_loaded(app)
    yield "failing"
    window.open_path(str(broken.with_name("gone.jsonl")))
    wait_until_loaded(app)
    yield "trouble"
    window.desk.close_session(str(broken.with_name("gone.jsonl")))
    window.sessions.filter_box.setText("nothing like this")
    yield "filtered"
    window.sessions.filter_box.clear()


def wait_for_list(app: App) -> None:
    """The search for sessions runs beside everything else."""
    for _ in range(200):
        if app.window.sessions.sessions.total >= len(MADE) + 2:
            return
        turn(20)


def every_state(folder: Path) -> int:
    """Write STATE-THEME.png for all of them."""
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="playhead-pictures-") as scratch:
        home = Path(scratch)
        # Nothing of the user's own sessions or settings may get into a picture.
        os.environ["CLAUDE_CONFIG_DIR"] = str(home / "claude")
        os.environ["PLAYHEAD_DATA_DIR"] = str(home / "playhead")
        os.environ["HOME"] = str(home)
        broken = write_sessions(home / "claude")
        for scheme in ("light", "dark"):
            app = App(Options(theme=scheme))
            QCursor.setPos(-100, -100)  # nothing is hovered in a picture
            app.window.restore(None)
            app.window.show()
            wrong = [name for name in states(app, broken) if not _shoot(app, folder / f"{name}-{scheme}.png")]
            for name, dialog in (
                ("settings", SettingsDialog(app.settings, app.look, app.window)),
                ("shortcuts", ShortcutSheet(app.look, app.window)),
            ):
                dialog.show()
                turn(30)
                if not save(dialog, folder / f"{name}-{scheme}.png"):
                    wrong.append(name)
                dialog.close()
            zoomed(app, folder / f"zoomed-{scheme}.png")
            app.window.close()
            app.shutdown()
            app.window.deleteLater()
            if wrong:
                sys.stderr.write(f"not written: {', '.join(wrong)}\n")
                return 2
    return 0


def zoomed(app: App, target: Path) -> None:
    app.settings.put({st.ZOOM.name: 1.5})
    turn(60)
    save(app.window, target)
    app.settings.put({st.ZOOM.name: 1.0})


def _shoot(app: App, target: Path) -> bool:
    turn(60)
    return save(app.window, target)
