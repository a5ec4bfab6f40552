"""One look before a session is gone on with: is somebody else in it, is all there, what is it like. It blocks: a job.

What is not known is left out of the sentence or said to be unknown; only what would go wrong for certain stops anybody.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import orjson
from msgspec import Struct

from store.again import Again, again
from store.delta import Header
from store.errors import StoreError
from store.runners import named, way_on
from store.runners.base import Abilities, Ask, Runner
from store.sources import views

if TYPE_CHECKING:  # the composer imports this on the GUI thread, and runs bring SQLAlchemy
    from store.runs import Runs

__all__ = ["Abilities", "Again", "Check", "Level", "Preflight", "able", "last_compaction", "look", "starts"]

Level: TypeAlias = Literal["ok", "warn", "stop"]
GIT_S: Final = 3.0  # seconds that git has: a repository on a network disk must not hold anything up
PIECE: Final = 1 << 20
FAR: Final = 64 << 20  # bytes from the end in which a compaction is looked for


class Check(Struct, frozen=True):
    """One thing that was looked at. `level` stop: going on here would fail or do harm; `text` says so in a few words.

    `tip`: the same in a sentence, with what to do.
    """

    name: str  # archive, elsewhere, folder, transcript, program, model, size, age, compaction, changes
    level: Level
    text: str
    tip: str = ""


SEALED: Final = Check(
    "archive", "stop", "Archived", "This session is archived: nothing is added to it. Go on with a copy: As a fork."
)


class Preflight(Struct, frozen=True):
    """What one look has found. `why` says why this session cannot be gone on with at all; '' if it can.

    `fork_why`: why not as a fork either. `command`, `fork_command`: for a terminal; '' where there is none.
    """

    session: str
    runner: str = ""
    title: str = ""
    why: str = ""
    fork_why: str = ""
    checks: tuple[Check, ...] = ()
    modes: tuple[str, ...] = ()
    command: str = ""
    fork_command: str = ""
    cwd: str = ""
    pid: int | None = None  # of the other program that has it open
    again: Again | None = None  # its agent is started again, and loads it into a new session


def look(runs: Runs, path: Path, header: Header, now: Callable[[], float] = time.time) -> Preflight:
    """Look at everything. Raises nothing that the world could cause."""
    try:
        other = again(path, header.agent, header.id)
    except StoreError as error:
        return Preflight(header.id, why=str(error), fork_why=str(error))
    if other is not None:
        return _again(other, path, header, runs, now())
    runner, why = way_on(header.agent, header.id, is_file=True)
    if runner is None:
        return Preflight(header.id, why=why)
    cwd = Path(header.cwd) if header.cwd else None
    checks = [SEALED] if header.state == "archived" else []
    pid = _elsewhere(runs, runner, header.id, path, checks)
    _there(runner, path, cwd, runs, checks)
    if header.llm:
        checks.append(Check("model", "ok", header.llm, "The model that answered last. The program may choose another."))
    _file(path, header, runner, checks, now())
    if cwd is not None and cwd.is_dir():
        checks += _changes(cwd)
    stops = [check for check in checks if check.level == "stop"]
    fork_stops = [check for check in stops if check.name not in ("archive", "elsewhere")]
    fork = runner.abilities.fork
    here = cwd or Path.home()
    return Preflight(
        session=header.id,
        runner=runner.name,
        title=runner.title,
        why=stops[0].tip if stops else "",
        fork_why=fork.why if not fork.ok else fork_stops[0].tip if fork_stops else "",
        checks=tuple(checks),
        modes=runner.abilities.modes if runner.abilities.permissions.ok else (),
        command=_command(runner, header.id, here, fork=False),
        fork_command=_command(runner, header.id, here, fork=True) if fork.ok else "",
        cwd=str(here),
        pid=pid,
    )


def able(told: Preflight) -> Abilities | None:
    """What the agent can that would be started; None: it says so itself, and only then."""
    return named(told.runner).abilities if told.runner and told.again is None else None


# ---- the checks


def starts(told: Preflight, permission: str, *, fork: bool) -> str:
    """The command line that a prompt would start, `…` being the prompt; '' where nothing can be."""
    if told.again is not None:
        return shlex.join(told.again.argv)
    if not told.runner or not told.session:
        return ""
    try:
        asked = Ask("…", Path(told.cwd), told.session, fork, permission, attended=True)
        return shlex.join(named(told.runner).command(asked).argv).replace("'…'", "…")
    except StoreError:
        return ""


def _again(other: Again, path: Path, header: Header, runs: Runs, now: float) -> Preflight:
    runner = named(other.runner)
    checks: list[Check] = []
    cwd = Path(other.cwd) if other.cwd else None
    program = other.argv[0]
    if not runs.has(program):
        tip = f"{program} was not found on your PATH: install it, then try again."
        checks.append(Check("program", "stop", f"{program} is not installed", tip))
    _there(runner, path, cwd, runs, checks)
    _file(path, header, runner, checks, now)
    if cwd is not None and cwd.is_dir():
        checks += _changes(cwd)
    stops = [check for check in checks if check.level == "stop"]
    return Preflight(
        session=header.id, runner=runner.name, title=Path(program).name, why=stops[0].tip if stops else "",
        fork_why=runner.abilities.fork.why, checks=tuple(checks), command=other.command, cwd=other.cwd, again=other,
    )  # fmt: skip


def _elsewhere(runs: Runs, runner: Runner, session: str, path: Path, checks: list[Check]) -> int | None:
    try:
        ours = runs.holder(session, runner.name)
    except StoreError:
        ours = None  # a database that cannot be read now: the lock is asked again when it is started
    pid = runner.holder(path) if runner.holder is not None else None
    if ours is not None:
        checks.append(
            Check(
                "elsewhere",
                "stop",
                "A run is at work",
                "A run of Playhead is at work in it: wait for its end, or fork.",
            )
        )
    elif pid is not None:
        tip = f"It is open in another {runner.program} (process {pid}): end it there first, or go on as a fork."
        checks.append(Check("elsewhere", "stop", f"Open elsewhere (process {pid})", tip))
    elif runner.holder is not None:
        checks.append(Check("elsewhere", "ok", "Not open elsewhere", "No other program on this machine has it open."))
    return pid


def _there(runner: Runner, path: Path, cwd: Path | None, runs: Runs, checks: list[Check]) -> None:
    if missing := runs.missing(runner):
        checks.append(Check("program", "stop", f"{runner.program} is not installed", missing))
    if cwd is None:
        tip = "Its records do not say in which folder it ran: your home is used."
        checks.append(Check("folder", "warn", "Folder unknown", tip))
    elif not cwd.is_dir():
        tip = f"{cwd} is gone: make the folder again, or go on with the session in a terminal elsewhere."
        checks.append(Check("folder", "stop", "Folder is gone", tip))
    else:
        checks.append(Check("folder", "ok", cwd.name or str(cwd), f"It goes on in {cwd}."))
    if not views.exists(path):
        tip = f"{path.name} was deleted by its agent: it has nothing left to go on from."
        checks.append(Check("transcript", "stop", "Transcript is gone", tip))


def _file(path: Path, header: Header, runner: Runner, checks: list[Check], now: float) -> None:
    try:
        stat = path.stat()
    except OSError:
        return
    if header.used and header.size:
        part = round(100 * header.used / header.size)
        full: Level = "warn" if part >= 80 else "ok"
        tip = f"{header.used:,} of {header.size:,} tokens of context are in use; its file has {stat.st_size:,} bytes."
        checks.append(Check("size", full, f"{part} % of context", tip))
    else:
        checks.append(
            Check("size", "ok", f"{_bytes(stat.st_size)} transcript", f"Its file has {stat.st_size:,} bytes.")
        )
    age = max(0, round(now - (header.updated / 1_000_000 if header.updated else stat.st_mtime)))
    checks.append(Check("age", "ok", f"Last used {_ago(age)} ago", "When its newest record was written."))
    if runner.compaction:
        when = last_compaction(path, runner.compaction)
        if when is not None:
            since = max(0, round(now - when / 1_000_000))
            checks.append(Check("compaction", "ok", f"Compacted {_ago(since)} ago", "What came before is a summary."))


def last_compaction(path: Path, mark: bytes) -> int | None:
    """When a session was compacted last, in microseconds UTC; None: not in the last 64 MB, or it does not say when."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            least = max(0, end - FAR)
            rest = b""
            while end > least:
                start = max(least, end - PIECE)
                file.seek(start)
                data = file.read(end - start) + rest
                at = data.rfind(mark)
                if at >= 0:
                    line = data[data.rfind(b"\n", 0, at) + 1 :].split(b"\n", 1)[0]
                    if (when := _stamp(line)) is not None:
                        return when
                rest = data[: data.find(b"\n") + 1][: 64 << 10]
                end = start
    except OSError:
        pass
    return None


def _stamp(line: bytes) -> int | None:
    try:
        record = orjson.loads(line)
        return round(datetime.fromisoformat(record["timestamp"]).timestamp() * 1_000_000)
    except (ValueError, KeyError, TypeError):
        return None


def _changes(cwd: Path) -> list[Check]:
    """What git says of the folder; nothing when it is no repository, or git is not there or too slow."""
    try:
        told = subprocess.run(
            # A session says which folder it is: no watcher that the folder's own settings name is started.
            ["git", "-C", str(cwd), "-c", "core.fsmonitor=false", "--no-optional-locks", "status", "--porcelain",
             "--branch"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=GIT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return [Check("changes", "ok", "Changes unknown", f"git did not answer within {GIT_S:g} s.")]
    except OSError:
        return []
    if told.returncode != 0:
        return []
    lines = told.stdout.decode("utf-8", "replace").splitlines()
    changed = [line for line in lines if not line.startswith("## ")]
    if not changed:
        return [Check("changes", "ok", "No uncommitted changes", "git has everything in this folder.")]
    first = ", ".join(line[3:] for line in changed[:5]) + (", …" if len(changed) > 5 else "")
    what = "1 uncommitted change" if len(changed) == 1 else f"{len(changed):,} uncommitted changes"
    return [Check("changes", "warn", what, f"The agent works on top of them: {first}")]


def _command(runner: Runner, session: str, cwd: Path, *, fork: bool) -> str:
    """What a terminal is given: the program as a person would start it."""
    words = runner.terminal(session, fork)
    return f"cd {shlex.quote(str(cwd))} && {shlex.join(words)}" if words else ""


def _bytes(size: int) -> str:
    for unit in ("B", "kB", "MB"):  # powers of 1000, as everywhere in the window
        if size < 1000:
            return f"{size} {unit}"
        size = round(size / 1000)
    return f"{size} GB"


def _ago(seconds: int) -> str:
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {name}"
    return f"{seconds} s"
