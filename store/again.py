"""Going on with a session of an agent whose runs make one each: it is started again, and loads what was said.

Its journal says with which command it was started, where, and whether it can load a session. For `store.preflight`.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

from msgspec import Struct

from store.errors import StoreError
from store.formats.acp_wire import unwrap, way_of
from store.formats.values import string, table
from store.runners import apart
from store.runners.base import records
from store.sources.journal import read_meta

HEAD: Final = 200  # lines in which an agent has said what it can
_NO_COMMAND: Final = "This is the wire log of another program, which does not say how its agent is started."


class Again(Struct, frozen=True):
    """How an agent is started again. `argv`: its own command; `load`: its session."""

    runner: str
    argv: tuple[str, ...]
    cwd: str
    load: str

    @property
    def command(self) -> str:
        """For a terminal."""
        return f"cd {shlex.quote(self.cwd)} && playhead acp --load {shlex.quote(self.load)} -- {shlex.join(self.argv)}"


def again(path: Path, agent: str, session: str) -> Again | None:
    """How the session of a journal is gone on with; None: its agent is none of that kind. Raises StoreError."""
    runner = apart(agent)
    if runner is None:
        return None
    meta = read_meta(path)
    if meta is None or not meta.argv:
        raise StoreError(_NO_COMMAND)
    if not session:
        raise StoreError("This agent never opened a session: there is nothing to go on with.")
    if not _loads(path):
        raise StoreError("This agent cannot load a session that is over: start it anew.")
    return Again(runner.name, meta.argv, meta.cwd, session)


def _loads(path: Path) -> bool:
    """Whether its answer to the handshake offers that. What is not said there is not offered."""
    from store.runs_work import lines_of  # with runs, which the window need not have for a look

    try:
        asked = ""
        for number, record in enumerate(records(lines_of(path))):
            frame = unwrap(record)
            body = frame.body if frame is not None and type(frame.body) is dict else {}
            method = string(body, "method")
            if frame is not None and method == "initialize" and way_of(frame, method) == "out":
                asked = str(body.get("id"))
            elif asked and not method and str(body.get("id")) == asked:
                offered = table(table(body, "result"), "agentCapabilities")
                resumes = table(offered, "sessionCapabilities").get("resume")
                return offered.get("loadSession") is True or type(resumes) is dict
            if number > HEAD:
                break
    except OSError:
        pass
    return False
