"""With what a session on the disk is gone on with, by its own program or another one: for the command line."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import NamedTuple

from store.errors import StoreError
from store.paths import data_dir
from store.runners import apart, named, way_on
from store.sources.journal import read_meta


class Continued(NamedTuple):
    """`session`: as its agent calls it. `command`: the agent's own, for a runner that needs one."""

    runner: str
    session: str
    cwd: Path
    command: str


def continued(path: Path, runner: str = "", command: str = "", *, fork: bool = False) -> Continued:
    """`runner`: instead of the session's own agent's; `command`: instead of the one that it was begun with.

    Raises StoreError where no program can, and of a session that nothing is added to any more, unless in a copy.
    """
    from store.about import about
    from store.summary import summary

    row = summary(path)
    own = named(runner) if runner else apart(row.agent) if row.session else None
    if own is None:
        own, why = way_on(row.agent, row.session or path.stem, is_file=True)
        if own is None:
            raise StoreError(why)
    known = about(path, data_dir() / "playhead.db")
    if known is not None and known.closed and not fork:
        raise StoreError(f"This session is {known.status}: nothing is added to it. Go on with a copy: --fork.")
    meta = read_meta(path)  # of a journal of ours
    if own.abilities.command.ok and not command and meta is not None:
        command = shlex.join(meta.argv)
    cwd = row.cwd or ("" if meta is None else meta.cwd)
    return Continued(own.name, row.session or path.stem, Path(cwd) if cwd else Path.cwd(), command)
