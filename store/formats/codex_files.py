"""Where Codex keeps the rollouts of subagents: beside the session's own, told by their first line. For codex*.py."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Final

import orjson

from store.formats.base import Child
from store.formats.values import count, string, table
from store.sources import views

HEAD: Final = 64 << 10  # bytes in which the first line names the parent
LONGEST: Final = 4 << 20  # bytes of a first line, which holds the instructions
FORKS: Final = 16  # of forks
QUARTER: Final = 900  # seconds: wherever one is, days begin with one of these
FILES: Final = 65_536  # first lines that are remembered: they never change
_THREAD: Final = re.compile(r"([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})(?:_\w+)?\.jsonl$")
_PARENT: Final = re.compile(rb'"parent_thread_id"\s*:\s*"([0-9a-f-]{36})"')
_TITLE: Final = re.compile(rb'"agent_(?:nickname|path)"\s*:\s*"([^"\\]{1,200})"')
_bases: dict[str, tuple[str, int]] = {}  # path → the thread that it goes on from, and how far
_known: dict[str, tuple[str, str]] = {}  # path → (parent's thread or '', what the subagent is called)


def owns(path: PurePath) -> bool:
    return path.name.startswith("rollout-") and path.suffix == ".jsonl"


def thread_of(path: Path) -> str:
    """The thread that a file's name tells; ''."""
    found = _THREAD.search(path.name)
    return found[1] if found is not None else ""


def part_of(path: Path) -> str:
    """The thread of the session that this rollout is shown in, a subagent's of a subagent as well; '' for a session of
    its own, as is a subagent's whose session is gone."""
    top = ""
    for _ in range(FORKS):
        parent = _told(path)[0]
        file = _file_of(parent, path) if parent else None
        if file is None:
            break
        top, path = parent, file
    return top


def children(path: Path) -> Iterable[Child]:
    """The rollouts of a session's subagents and of theirs, as they are now. They lie in the folder of the day they
    began."""
    own = thread_of(path)
    if not own:
        return
    threads = {own}
    for folder in beside(path):
        for name in _names(folder):
            if name > path.name or folder != path.parent:  # a subagent begins after its parent
                file = folder / name
                parent, title = _told(file)
                if parent in threads:
                    threads.add(thread_of(file))
                    yield Child(file, thread_of(file), None, title)


def base(path: Path) -> Sequence[tuple[Path, int]]:
    """The rollouts that a fork goes on from without a copy of them, and how far; the earliest first."""
    found: list[tuple[Path, int]] = []
    while len(found) < FORKS:
        thread, upto = _base_of(path)
        file = _file_of(thread, path) if thread and upto > 0 else None
        if file is None or any(file == known for known, _ in found):
            break
        found.insert(0, (file, upto))
        path = file
    return found


def _base_of(path: Path) -> tuple[str, int]:
    """The thread whose records come before this file's, and how many bytes of them."""
    key = os.fspath(path)
    known = _bases.get(key)
    if known is not None:
        return known
    try:
        with views.opened(path) as file:
            line, end, _ = file.read(LONGEST).partition(b"\n")
    except OSError:
        return "", 0
    told = ("", 0)
    if b'"history_base"' in line:
        with suppress(orjson.JSONDecodeError):
            named = table(table(table({"": orjson.loads(line)}, ""), "payload"), "history_base")
            told = (string(named, "thread_id"), count(named.get("end_byte_offset")) or 0)
    if end:
        if len(_bases) >= FILES:
            _bases.clear()
        _bases[key] = told
    return told


def _file_of(thread: str, path: Path) -> Path | None:
    """A thread's rollout: beside this one, in the folder of the day it began, or archived."""
    dated = len(path.parts) > 5 and path.parent.name.isdigit()
    home = path.parents[4] if dated else path.parent.parent
    folders = [path.parent, home / "archived_sessions"]
    with suppress(ValueError, OverflowError, OSError):
        born = int(thread[:8] + thread[9:13], 16) / 1000
        days = [time.strftime("%Y/%m/%d", time.localtime(born + day * 86400)) for day in (0, -1, 1)]
        folders += [home / "sessions" / day for day in days]
    for folder in folders:
        for name in _names(folder):
            if thread_of(folder / name) == thread and folder / name != path:
                return folder / name
    return None


def beside(path: Path, _session: str = "") -> Iterable[Path]:
    """The folders in which subagents' rollouts may lie: of its first day, of the day it was last written, of today."""
    if not thread_of(path):
        return (path.parent,)
    try:
        written = views.stat(path).st_mtime
    except OSError:
        return (path.parent,)
    days = _day(int(written // QUARTER)), _day(int(time.time() // QUARTER))
    return _days(os.path.dirname(path), *days)  # noqa: PTH120 - many ask


@lru_cache(maxsize=4096)
def _day(quarter: int) -> str:
    return time.strftime("%Y/%m/%d", time.localtime(quarter * QUARTER))


@lru_cache(maxsize=1024)
def _days(own: str, *days: str) -> Sequence[Path]:
    folder = Path(own)
    if len(folder.parts) < 4 or not folder.name.isdigit():
        return (folder,)
    top = folder.parents[2]
    return (folder, *(top / day for day in sorted(set(days)) if top / day != folder))


def joins(name: str) -> bool:
    return owns(PurePath(name)) and _THREAD.search(name) is not None


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            names = {entry.name.removesuffix(views.PACKED) for entry in entries if entry.name.startswith("rollout-")}
            return sorted(name for name in names if _THREAD.search(name))
    except OSError:
        return []


def _told(path: Path) -> tuple[str, str]:
    key = os.fspath(path)
    known = _known.get(key)
    if known is not None:
        return known
    try:
        with views.opened(path) as file:
            head = file.read(HEAD)
    except OSError:
        return "", ""
    line, end, _ = head.partition(b"\n")
    parent, title = _PARENT.search(line), _TITLE.search(line)
    told = (parent[1].decode() if parent else "", title[1].decode("utf-8", "replace") if title else "")
    if end or len(head) >= HEAD:  # a first line that is being written is looked at again
        if len(_known) >= FILES:
            _known.clear()
        _known[key] = told
    return told
