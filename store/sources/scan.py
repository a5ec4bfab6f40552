"""Which files below some folders are sessions, newest first, without opening any. For `sources.discover`."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Final, NamedTuple, TypeAlias

from msgspec import Struct

from store.sources import views

log = logging.getLogger(__name__)

# Folders in which agents keep what belongs to a session but is none, and folders of programmers that are just big.
SKIPPED: Final = frozenset(
    {"subagents", "tool-results", "workflows", "memory", ".git", "node_modules", "__pycache__", ".venv"}
)
COPIED: Final = frozenset({"projects"})  # a folder of this name is its agent's wherever it lies
_ENDS: Final = (".jsonl", ".ndjson")
_ALONE: Final = (*_ENDS, ".eval")  # endings that say enough
_NAMES: Final = (*_ENDS, ".json", ".eval")
_DATABASE: Final = ".db"
FRESH_NS: Final = 2_000_000_000  # since a write, in which a database is asked again: what was written may not count yet
_inside: dict[str, tuple[object, dict[str, tuple[int, int]]]] = {}  # database → how it looked, and what was in it
Owns: TypeAlias = Callable[[PurePath], bool]


class Found(Struct, frozen=True, gc=False):
    """A session file. `new`: it is not known, or not as it is now."""

    path: str
    size: int
    mtime_ns: int
    new: bool = True


def roots(extra: Iterable[Path] = ()) -> list[Path]:
    """Where to look: the places that agents use, which need not exist yet, and what the user gave."""
    found = list(_places())
    for path in extra:
        inner = path / "projects"
        # A whole ~/.claude: only its sessions are meant, not its todo lists and backups.
        found.append(inner if path.name == ".claude" and inner.is_dir() else path)
    unique: dict[str, Path] = {}
    for path in found:
        unique.setdefault(os.path.realpath(path), path.expanduser().absolute())
    return list(unique.values())


def _places() -> Iterator[Path]:
    """The folders of all agents; the first named are looked at first."""
    # Here, because whoever opens one file needs no list of all formats.
    from store.formats import formats

    for format_ in formats():
        for place in format_.where:
            path = expanded(place)
            if path is not None:
                yield path


def expanded(place: str) -> Path | None:
    """A folder as formats name it; None when its variable is not set."""
    name, _, rest = place.partition("/")
    if name.startswith("$"):
        home = os.environ.get(name[1:], "")
        if not home:
            return None
        place = f"{home}/{rest}"
    return Path(place).expanduser().absolute()


class _Rule(NamedTuple):
    owns: Owns
    deep: int = 64  # folders below the root that are looked into


@lru_cache(maxsize=256)
def _rule(root: str) -> _Rule:
    """What names are sessions below a folder that was given: an agent's own rule, if it is that agent's folder."""
    from store.formats import formats

    real, name = os.path.realpath(root), root.rpartition(os.sep)[2]
    copied = _Rule(_lines)
    for format_ in formats():
        for place in format_.where:
            rule = _Rule(format_.owns or _lines, format_.deep)
            if (path := expanded(place)) is not None and os.path.realpath(path) == real:
                return rule
            if name in COPIED and place.endswith(f"/{name}") and copied.owns is _lines:
                copied = rule
    return copied


def _lines(path: PurePath) -> bool:
    return path.name.endswith(_ALONE)


def is_session(path: str, root: str) -> bool:
    """Whether the name says so. In an agent's folder it has a say in it; elsewhere any JSON lines may be."""
    if is_database(root):
        return path.startswith(root + os.sep)
    below = PurePath(path[len(root) :].lstrip(os.sep))
    *above, name = below.parts or ("",)
    if not name.endswith(_NAMES) or name.endswith(".timed.jsonl") or name.startswith("agent-"):
        return False
    return SKIPPED.isdisjoint(above) and _rule(root).owns(below)


def scan(
    places: Iterable[Path], known: Mapping[str, tuple[int, int]], over: Callable[[], bool] = lambda: False
) -> Iterator[Found]:
    """Every session file, newest first. `known` is (size, mtime_ns) by path. One `stat` per file, none is opened.

    `over` is asked for every file and folder: when it says so, what was found so far is all there will be.
    """
    found: dict[str, Found] = {}
    for place in places:
        root = os.fspath(place)
        for path, size, mtime_ns in _files(root, over):
            if path not in found:
                found[path] = Found(path, size, mtime_ns, known.get(path) != (size, mtime_ns))
    yield from sorted(found.values(), key=lambda one: one.mtime_ns, reverse=True)


def look(path: str, known: tuple[int, int] | None = None) -> Found | None:
    """One file as `scan` would find it; None when it is gone or no regular file."""
    try:
        if (db := _database(path)) is not None:
            size, mtime_ns = inside(db).get(path, (-1, 0))
            return None if size < 0 else Found(path, size, mtime_ns, known != (size, mtime_ns))
        st = os.stat(path if os.path.lexists(path) else path + views.PACKED)  # noqa: PTH116
    except OSError:
        return None
    if not stat.S_ISREG(st.st_mode):
        return None
    return Found(path, st.st_size, st.st_mtime_ns, known != (st.st_size, st.st_mtime_ns))


def is_database(place: Path | str) -> bool:
    """Whether a place is a database with sessions in it, by its name: there may be none yet."""
    return os.fspath(place).endswith(_DATABASE)


def _database(path: str) -> str | None:
    """The database that a session lies in."""
    above = path.rpartition(os.sep)[0]
    return above if is_database(above) else None


def inside(db: str) -> dict[str, tuple[int, int]]:
    """(size, mtime_ns) of the sessions in a database, by path; a size is a guess. While somebody has it to himself,
    what was in it last. Raises OSError."""
    from store.formats import formats

    def stamp() -> tuple[tuple[int, int, int], ...]:
        there = [os.stat(file) for file in (db, f"{db}-wal") if os.path.lexists(file)]  # noqa: PTH116
        return tuple((st.st_ino, st.st_size, st.st_mtime_ns) for st in there)

    before = stamp() or ((0, 0, 0),)
    known = _inside.get(db)
    if known is not None and known[0] == before and time.time_ns() - FRESH_NS > max(one[2] for one in before):
        return known[1]
    found: dict[str, tuple[int, int]] = {}
    trouble: OSError | None = None
    for format_ in formats():
        if format_.inside is None:
            continue
        try:
            found.update((os.fspath(one.path), (one.size, one.mtime_ns)) for one in format_.inside(Path(db)))
        except OSError as error:  # perhaps it is another agent's
            trouble = error
    if not found and trouble is not None:
        if known is None or isinstance(trouble, FileNotFoundError):
            _inside.pop(db, None)
            raise trouble
        return known[1]
    _inside[db] = (before, found)
    return found


def _files(root: str, over: Callable[[], bool]) -> Iterator[tuple[str, int, int]]:
    if is_database(root):
        try:
            yield from ((path, *looks) for path, looks in inside(root).items())
        except OSError as error:
            log.info("not listed: %s", error)  # there is none, or it is none of ours
        return
    deepest = _rule(root).deep
    todo = [(root, 0)]
    real: set[str] = set()
    while todo:
        here, depth = todo.pop()
        try:
            entries = os.scandir(here)
        except OSError:
            continue  # not there, not ours to read, or gone since: nothing to list
        with entries:
            for entry in entries:
                if over():
                    return
                name = entry.path.removesuffix(views.PACKED)
                if name.endswith(_NAMES):
                    try:
                        if name != entry.path and os.path.lexists(name):
                            continue  # the one that is not packed is the newer one
                        if is_session(name, root) and entry.is_file():
                            st = entry.stat()
                            yield name, st.st_size, st.st_mtime_ns
                    except OSError:
                        continue  # deleted between the listing and the look
                elif depth < deepest and entry.name not in SKIPPED and _is_folder(entry, real):
                    todo.append((entry.path, depth + 1))


def _is_folder(entry: os.DirEntry[str], real: set[str]) -> bool:
    """A folder to go into; each target of a symbolic link once, so that circles end."""
    try:
        if not entry.is_dir():
            return False
    except OSError:
        return False
    if not entry.is_symlink():
        return True
    target = os.path.realpath(entry.path)
    if target in real or entry.path.startswith(target + os.sep):
        return False
    real.add(target)
    return True
