"""What the commands without a window tell: coverage, rows and sessions, as plain objects. Called by viewer.cli."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from store.coverage import Coverage as Coverage  # a part of this face
from store.delta import Row
from store.errors import StoreError, sentence
from store.fold import Cut, State, fold_run
from store.formats import named
from store.items import Item, Tool, kind_of, text_of
from store.paths import data_dir
from store.sources import journal, scan, views
from store.sources.listing import is_draft
from store.summary import summary
from store.whole import CHUNK, events_of, open_file

if TYPE_CHECKING:
    from store.about import Reader
    from store.digest_report import Session
    from store.figures import Figures
    from store.requests import Requests

log = logging.getLogger(__name__)

SUFFIXES: Final = (".jsonl", ".ndjson", ".json", ".jsonl.zst", ".eval")
EPOCH: Final = date(1970, 1, 1).toordinal()


def files_below(path: Path) -> Iterator[Path]:
    """The file itself, or every file below a folder that could be a session: by its ending. Raises StoreError."""
    if not path.is_dir():
        sessions = inside(path) if scan.is_database(path) else []
        yield from sessions or [path]
        return
    troubles: list[OSError] = []
    found = False
    for folder, folders, names in os.walk(path, onerror=troubles.append):
        folders.sort()
        for name in sorted(names):
            file = Path(folder, name)
            if name.endswith(SUFFIXES) and file.is_file():
                found = True
                yield file
            elif scan.is_database(name):
                for session in inside(file):
                    found = True
                    yield session
    if troubles:
        raise StoreError(sentence(troubles[0], troubles[0].filename or path))
    if not found:
        raise StoreError(f"{path} has no session files in it (no {', '.join(SUFFIXES)}).")


def inside(db: Path) -> list[Path]:
    """The sessions in a database, in the order of their names; none where it is no agent's."""
    try:
        return sorted(map(Path, scan.inside(os.fspath(db))))
    except OSError:
        return []


def rows_of(path: Path) -> tuple[list[Item], list[Path]]:
    """The rows of a whole session, and the files that their bytes lie in; what was kept, if its agent has deleted it.
    Raises StoreError."""
    kept = None if views.exists(path) else _kept_rows(path.absolute())
    if kept is not None:
        return kept
    whole = events_of(path)
    state = State()
    rows: list[Item] = []
    for batch in whole:
        for change in fold_run(state, batch):
            if isinstance(change, Cut):
                del rows[change.row :]
            elif change.row == len(rows):
                rows.append(change.item)
            else:
                rows[change.row] = change.item
    return rows, whole.files


def _kept_rows(path: Path) -> tuple[list[Item], list[Path]] | None:
    from store.known import known  # not for those who read files

    found = known(path, data_dir() / "playhead.db")
    if found is None:
        return None
    with closing(found.window) as window:
        return list(window.read(0, found.rows)), [source.path for source in found.sources]


def show(path: Path) -> Iterator[dict[str, Any]]:
    """One object per row of a session. Raises StoreError."""
    rows, files = rows_of(path)
    names = [str(file) for file in files]
    for index, item in enumerate(rows):
        tool = {"id": item.id, "name": item.name, "status": item.status} if isinstance(item, Tool) else None
        yield {
            "row": index,
            "kind": kind_of(item),
            "agent": item.agent or "main",
            "turn": item.turn,
            "ts": iso(item.ts),
            "text": text_of(item),
            "tool": tool,
            "parent": item.parent,
            "source": [{"file": names[span.file], "offset": span.offset, "length": span.length} for span in item.spans],
        }


def digests(names: Iterable[str], agent: str = "") -> Iterator[dict[str, Any]]:
    """The figures of each session, or of one of its agents. A request that two of them tell counts in the first, or
    where the database has counted it. Raises StoreError."""
    from store.digest_report import agent_wire, session_wire  # not for those who only look at rows
    from store.prices import table
    from store.prices_own import check
    from store.requests import Requests

    check()
    requests, prices = Requests(), table()
    with _reader() as reader:
        for name in names:
            session = _figures(reader, name, requests)
            figures = (
                agent_wire(agent, session.digest) if agent else session_wire(session.id, session.digest, session.agents)
            )
            if figures is None:
                raise StoreError(f"{name} has no agent {agent}.")
            yield {**figures, "prices": prices}


def turns(name: str, after: int = 0, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """One object per turn of a session, by where they start: at most `limit` of those behind seq `after`. A time would
    be no place to go on from, as several turns may have the same. Raises StoreError."""
    from store.digest_report import turn_wire
    from store.prices_own import check

    check()
    with _reader() as reader:
        found = [turn for turn in _figures(reader, name).turns if turn.start_seq > after]
        return iter([turn_wire(turn) for turn in found[:limit]])


@contextmanager
def _reader() -> Iterator[Reader]:
    from store.about import Reader

    with closing(Reader(data_dir() / "playhead.db")) as reader:
        yield reader


def _figures(reader: Reader, name: str, requests: Requests | None = None) -> Session | Figures:
    """A session's figures out of the database when it lies there as it is now, else out of its file."""
    from store.digest_report import Session
    from store.figures import look

    path = _path(reader, name)
    try:
        stored = look(reader, path)
    except StoreError as error:
        if not views.exists(path):
            raise
        log.warning("the figures of %s are read from its file: %s", path, error)
        stored = None
    return Session(path, requests) if stored is None else stored


def find_session(name: str) -> Path:
    """The main file of a session by its path or its id: where it is, or was when the database kept it. Raises
    StoreError."""
    with _reader() as reader:
        return _path(reader, name)


def _path(reader: Reader, name: str) -> Path:
    return Path(name) if os.path.lexists(name) else reader.path_of(name) or session_path(name)


def session_path(name: str) -> Path:
    """The file of a session: its path, or the id of one that is where agents keep them. Raises StoreError."""
    path = Path(name)
    if views.at(path) is not None:
        return path
    if not os.path.lexists(path) and path.name == name:
        found = next((file for file in session_files() if name in (file.stem, file.name)), None)
        if found is not None:
            return found
        if not path.suffix:
            raise StoreError(f"There is no file and no session {name}.")
    return path


def sessions(
    roots: Iterable[Path] | None = None, refused: Callable[[str], None] = lambda _: None
) -> Iterator[dict[str, Any]]:
    """One object per session below the roots. Without roots: those of the window, also such whose file is gone. A
    draft is one that nobody has said or done anything in.

    Raises StoreError for a root that cannot be read; `refused` is told of an archive or a session that cannot be.
    """
    if roots is None:
        from store.about import kept

        try:
            yield from map(_kept, kept(data_dir() / "playhead.db"))
        except StoreError as error:
            refused(str(error))
    for path in session_files(roots):
        try:
            row = summary(path)
            part_of = named(row.agent).part_of
            if part_of is not None and part_of(path):
                continue  # a subagent's, which is shown in the session that it is part of
            records = row.records if row.records is not None else _lines(path)
            state = "draft" if is_draft(path, row) else row.state
        except StoreError as error:
            if views.exists(path):  # else: deleted since the folder was read, which is nobody's trouble
                refused(str(error))
            continue
        meta = journal.read_meta(path) if path.parent.name == journal.FOLDER else None
        yield {
            "id": row.session or path.stem,
            "agent": row.agent,
            "title": row.title if meta is None else journal.title_of(meta, row.title),
            "cwd": row.cwd or ("" if meta is None else meta.cwd),
            "started": iso(row.started),
            "updated": iso(row.updated),
            "state": state,
            "records": records,
            "bytes": row.bytes,
            "path": row.path,
        }


def _kept(row: Row) -> dict[str, Any]:
    return {
        "id": row.session or Path(row.path).stem,
        "agent": row.agent,
        "title": row.title,
        "cwd": row.cwd,
        "started": iso(row.started),
        "updated": iso(row.updated),
        "state": f"on {row.host}" if row.host else "only copy",
        "records": None,
        "bytes": row.bytes,
        "path": row.path,
    }


def session_files(roots: Iterable[Path] | None = None) -> Iterator[Path]:
    """Session files, as the window's list finds them: the agents' places and our journals, or the roots alone.

    Raises StoreError for a root that cannot be read.
    """
    for found in scan.scan(session_places(roots), {}):
        yield Path(found.path)


def session_places(roots: Iterable[Path] | None = None) -> list[Path]:
    """The folders that `session_files` looks through. Raises StoreError."""
    if roots is None:
        return scan.roots([journal.folder(data_dir())])
    places = []
    for root in roots:
        if scan.is_database(root) and root.is_file():
            places.append(root)
            continue
        try:
            os.scandir(root).close()
        except OSError as error:
            file = isinstance(error, NotADirectoryError)
            raise StoreError(f"{root} is a file, not a folder." if file else sentence(error, root)) from error
        inner = root / "projects"
        places.append(inner if inner.is_dir() else root)  # a whole ~/.claude, whatever its name
    return places


def iso(ts: int | None) -> str | None:
    """Microseconds as ISO-8601 UTC."""
    if ts is None:
        return None
    # By hand: a digest has hundreds of them, and a datetime for each costs more than the rest of it.
    day, millis = divmod(ts // 1000, 86_400_000)
    name = _date(day)
    seconds, millis = divmod(millis, 1000)
    return name and f"{name}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{millis:03}Z"


@lru_cache(1024)
def _date(day: int) -> str | None:
    """A day since 1970; None outside of the years that there are."""
    try:
        return date.fromordinal(EPOCH + day).isoformat()
    except (OverflowError, ValueError):
        return None


def _lines(path: Path) -> int:
    """Lines of a file."""
    total = 0
    with open_file(path) as file:
        while data := file.read(CHUNK):
            total += data.count(b"\n")
    return total
