"""The search in pictures: before anything is typed, with what it found, with nothing found. For gallery."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from store.search import Found, Hit, Snippet
from viewer.app import App
from viewer.screenshot import wait_until_loaded

_MINUTE: Final = 60_000_000
_MADE: Final = (
    ("Run the settings migration against the staging dump and tell me", "beacon-web", "tool.shell", 2, True,
     "sqlite3.OperationalError: database is locked, exit code 1"),
    ("Run the settings migration against the staging dump and tell me", "beacon-web", "message", 3, False,
     "The database is locked. I will try once more after closing the preview server."),
    ("Bump orjson and drop the old fallback", "atlas-api", "prompt", 45, False,
     "When the archive is locked by another process, what does the import say? Find out."),
    ("Why does the nightly import run twice?", "atlas-api", "thought", 200, False,
     "Two timers, one lock: whoever finds it locked goes away, and that is only one of them."),
)  # fmt: skip


def found(word: str = "locked") -> Found:
    """What a search for a word might find."""
    now = time.time_ns() // 1000
    hits: list[Hit] = []
    for number, (title, project, kind, age, failed, text) in enumerate(_MADE):
        at = text.find(word)
        hits.append(
            Hit(
                session=f"/{title}", id="", agent="claude-code", title=title, project=project, cwd="", row=number,
                item=str(number), kind=kind, tool="", ts=now - age * _MINUTE, error=failed,
                snippet=Snippet(text, ((at, at + len(word)),), "output"),
            )
        )  # fmt: skip
    return Found(tuple(hits), waiting=1)


def search(app: App, session: Path) -> Iterator[str]:
    """Beside a session. Nothing is asked of a database: what stands there is made up."""
    window = app.window
    window.open_path(str(session))
    wait_until_loaded(app)
    window.actions_["search"].trigger()
    page = window.search
    yield "search-empty"
    page.box.blockSignals(True)  # it would be looked for
    page.box.setText("locked")
    page.on_answered(found())
    page.list.setCurrentIndex(page.list.hits.index(1))
    yield "search"
    page.search("retention")
    page.on_answered(Found((), 0))
    yield "search-nothing"
    page.box.setText("")
    page.box.blockSignals(False)
    window.close_search()
    window.actions_["close"].trigger()
