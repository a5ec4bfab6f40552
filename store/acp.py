"""An ACP agent as a live session: its journal is a stream like any other, prompts go to it. Part of `store.feeds`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from store import secrets
from store.errors import StoreError
from store.formats.acp import FORMAT
from store.sources.acp import AcpAgent
from store.streams import Stream

__all__ = ["FORMAT", "begin", "check", "title"]

LONGEST: Final = 200  # characters of a title


def check(argv: Sequence[str], cwd: Path) -> None:
    """Raises StoreError when there is nothing to start, or nowhere."""
    if not argv:
        raise StoreError("There is no command to run. Write it behind --: playhead acp -- COMMAND …")
    if not cwd.is_dir():
        raise StoreError(f"{cwd} is no folder, so {argv[0]} cannot be started in it.")


def title(argv: Sequence[str]) -> str:
    """What the session is called until it has a name."""
    return " ".join(shlex.join(argv).split())[:LONGEST]


def begin(stream: Stream, argv: Sequence[str], cwd: Path, load: str, files: bool) -> AcpAgent:
    """Start the agent of a stream; `load`, `files` as in `Feeds.acp`. Raises StoreError, and the stream is over."""

    def ready(on: bool) -> None:
        stream.hub.put(stream.key, lambda session: session.connect(on=on))
        if on:
            stream.say(state="idle")

    def ended(how: str, ok: bool) -> None:
        stream.end(how, ok, "The agent ")

    def unsent(id: str, why: str) -> None:
        stream.hub.put(stream.key, lambda session: session.not_sent(id, why))

    agent = AcpAgent(cwd, stream.last, stream.say, ready, ended, load, files=files, unsent=unsent)
    stream.say(cwd=str(cwd))
    try:
        around = secrets.around()
        agent.around(around)
        agent.start(argv, around)
    except StoreError as error:
        stream.end(str(error), ok=False)
        raise
    stream.conversation = agent
    stream.stop_source = agent.stop
    return agent
