"""What the import does, in the process that calls it: events of a session's files → rows → database.

For the importer's child and for commands that import in the foreground. A known session only gets its new bytes; any
other is read as a whole into rows that nobody sees before the last of them is written.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec
from msgspec import Struct

from store.db.reads import DamagedError
from store.db.rows import Rows
from store.draft import has_content
from store.errors import StoreError, sentence
from store.facts import Facts
from store.fold import State, fold_run
from store.formats import named
from store.formats.base import Child
from store.known import Known, Source, known, source_of
from store.late import behind_seal
from store.pipe import Pipe
from store.relay import Brokenoff, Place, Relay, cores
from store.resume import Rest
from store.sources import views
from store.sources.journal import draft_of
from store.whole import Whole

if TYPE_CHECKING:
    from store.db.writer import Writer

log = logging.getLogger(__name__)

BATCH: Final = 1_000  # rows per transaction: few, because whoever reads for us waits meanwhile
HELD: Final = 16 << 20  # bytes read per transaction, whatever the rows: some are megabytes
TOGETHER: Final = 8 << 20  # bytes from which on another process reads while this one folds and writes
AT_ONCE: Final = 64 << 20  # new bytes of a known session that are held in memory and written in one transaction

Tell: TypeAlias = Callable[[int, int, int], None]  # bytes done, bytes in all, rows


class Outcome(Struct, frozen=True):
    """What an import did."""

    session: int | None  # None: a draft, which is not kept
    rows: int
    read: int  # bytes, the known ones not counted
    anew: bool  # it was read from its beginning
    leftovers: tuple[int, ...] = ()  # for `tidy`
    records: int = 0  # what was read of them
    files: int = 0


def take_in(db: Path, path: Path, upto: int | None = None, tell: Tell | None = None, *, anew: bool = False) -> Outcome:
    """Bring the database up to date with a session; `anew`: also when it is. Raises StoreError; then it is as it was
    before."""
    path = path.absolute()
    alone = cores() < 2
    begun = None if not anew and _is_known(path, db) else begin(path, upto, alone)
    try:
        from store.db.session_rows import Overtaken  # here: somebody reads while this loads all of SQLAlchemy
        from store.db.writer import Writer

        for attempt in range(3):
            writer = Writer(db)
            try:
                return bring_up(writer, path, upto, tell or silent, begun, alone=alone, anew=anew)
            except Overtaken:
                pass  # another Playhead was faster: look again at what there is now
            except Brokenoff as error:
                log.warning("the process that reads %s %s; reading it here", path, error)
                alone = True
            except DamagedError:
                if attempt:
                    raise
                # It is marked: opening it again sets it aside.
            finally:
                writer.close()
            if begun is not None:
                begun.reading.close()
                begun = None
    finally:
        if begun is not None:
            begun.reading.close()
    raise StoreError(f"Another Playhead keeps changing {path.name} in the database: try again in a moment.")


def _is_known(path: Path, db: Path) -> bool:
    found = known(path, db)
    if found is not None:
        found.window.close()
    return found is not None


def bring_up(
    writer: Writer,
    path: Path,
    upto: int | None,
    tell: Tell,
    begun: Begun | None = None,
    *,
    alone: bool = False,
    anew: bool = False,
) -> Outcome:
    """The same with a writer that is there. Also raises Overtaken and Brokenoff: then that writer is to be closed."""
    leftovers = writer.leftovers()
    before = known(path, writer.path)
    try:
        if before is not None and before.only_copy:
            return Outcome(before.session, before.rows, 0, False, tuple(leftovers))
        ends = writer.ends_of(str(path))
        if ends is not None:  # it is archived: nothing comes in any more
            if before is not None and not anew:
                return _refuse(writer, path, before, leftovers)
            if begun is not None:
                begun.reading.close()
            end = next(iter(ends.values()))
            return _from_scratch(writer, path, end, tell, leftovers, begin(path, end, alone, ends))
        if before is not None and not anew and _gained(before, upto) <= AT_ONCE:
            return _go_on(writer, path, before, upto, tell)
        return _from_scratch(writer, path, upto, tell, leftovers, begun or begin(path, upto, alone))
    finally:
        if before is not None:
            before.window.close()


def tidy(db: Path, leftovers: Sequence[int]) -> None:
    """Delete what an import found left over. What it replaced itself stays for now: a window may still show it."""
    if leftovers:
        from store.db.writer import Writer

        writer = Writer(db)
        try:
            writer.sweep(leftovers)
        finally:
            writer.close()


class Begun(Struct, frozen=True):
    """A session that is about to be read from its beginning, and what its files looked like before."""

    reading: Whole | Relay  # who reads it: this process, or one beside it, which has begun already
    agent: str
    looks: dict[Path, Look]
    total: int  # bytes


def begin(path: Path, upto: int | None, alone: bool, ends: Mapping[Path, int] | None = None) -> Begun:
    """`ends`: as for a Whole."""
    whole = Whole(path, upto=upto, ends=ends)
    looks: dict[Path, Look] = {}
    bases = whole.format.base(path) if whole.format.base is not None else ()
    nested = [child.path for child in (whole.format.children or _no_children)(path)]
    for file in (path, *(file for file, _ in bases), *nested):
        looks[file] = _look(file)
    total = sum(look.size for look in looks.values())
    if upto is not None:
        total -= max(0, looks[path].size - upto)
    reading: Whole | Relay = whole
    if total >= TOGETHER and not alone and ends is None:
        try:
            reading = Relay(path, whole.format, upto)
        except OSError as error:
            log.warning("no process to read %s: %s; reading it here", path, error)
    return Begun(reading, whole.format.agent, looks, total)


def _from_scratch(
    writer: Writer, path: Path, upto: int | None, tell: Tell, leftovers: Sequence[int], begun: Begun
) -> Outcome:
    draft, state = draft_of(path), State()
    facts = Facts()
    written = 0
    content = False
    with closing(begun.reading) as reading:
        relayed = isinstance(reading, Relay)  # whoever reads for us collects the facts as well
        rows = Rows(0, state)
        book = writer.first_book(str(path))
        for events in reading:
            content = content or has_content(events)
            rows.add(book.fold(state, events if relayed else facts.sift(events)))
            if content and (len(rows.pending) >= BATCH or reading.read - written >= HELD):
                # In this thread: one of its own was no faster (300 MB, 2 cores).
                writer.put(draft, rows, rows.take(), book)
                written = reading.read
            tell(reading.read, begun.total, rows.rows)
    sources = sources_of(reading, begun.looks, upto)
    records = sum(pipe.records for pipe in reading.pipes)
    if isinstance(reading, Relay):
        facts = reading.facts
    facts.named(draft.title)  # the user's word, above all that was read
    if content:
        writer.publish(draft, rows, rows.take(), state, facts, begun.agent, sources, book=book)
    return Outcome(draft.session, rows.rows, reading.read, True, tuple(leftovers), records, len(reading.files))


def _go_on(writer: Writer, path: Path, before: Known, upto: int | None, tell: Tell) -> Outcome:
    joined = [child.path for child in (named(before.agent).children or _no_children)(path)]
    looks = {file: _look(file) for file in (*(source.path for source in before.sources), *joined)}
    known_sources = before.reading()
    rest = Rest(path, msgspec.structs.replace(before, sources=known_sources), named(before.agent), upto)
    total = max(1, _gained(before, upto))
    state, facts = before.state(), before.facts
    rows = Rows(before.session, state, lambda first: writer.strip(before.session, first), before.window.find)
    offsets = [source.offset for source in before.sources]
    book = writer.book(before.session)
    fold = fold_run if book is None else book.fold
    again = sum(pipe.records for pipe in rest.pipes)  # what the readers were shown once more
    for events in rest:
        rows.add(fold(state, events))
        facts.add(events)
        tell(rest.read - sum(offsets), total, rows.rows)
    read = rest.read - sum(offsets)
    if read or not before.unchanged or len(rest.files) > len(offsets):
        sources = sources_of(rest, looks, upto, known_sources)
        writer.extend(before, rows, rows.take(), state, facts, sources, book)
    records = sum(pipe.records for pipe in rest.pipes) - again
    files = sum(pipe.fed > (offsets[n] if n < len(offsets) else 0) for n, pipe in enumerate(rest.pipes))
    return Outcome(before.session, rows.rows, read, anew=False, records=records, files=files)


def _refuse(writer: Writer, path: Path, before: Known, leftovers: Sequence[int]) -> Outcome:
    """What came too late is counted. It stays where it is, in the file."""
    had = {source.path for source in before.sources}
    children = named(before.agent).children or _no_children
    if not before.unchanged or any(child.path not in had for child in children(path)):
        looks = [_look(source.path) for source in before.sources]
        rest = behind_seal(path, before)
        events = sum(map(len, rest))
        joined = [
            source_of(file, pipe.agent, pipe.parent, 0)
            for file, pipe in list(zip(rest.files, rest.pipes, strict=True))[len(looks) :]
            if file.exists()
        ]
        writer.refuse(before.session, events, [(now.size, now.mtime_ns) for now in looks], joined)
    return Outcome(before.session, before.rows, 0, False, tuple(leftovers))


# ---- what the files looked like -------------------------------------------------------------------------------------


class Look(Struct, frozen=True):
    """A file before it was read; what is appended meanwhile then shows as a change the next time."""

    identity: str = ""
    size: int = 0
    mtime_ns: int = 0


def _look(path: Path) -> Look:
    try:
        now = views.stat(path)
    except OSError:
        return Look()
    return Look(str(now.st_ino), now.st_size, now.st_mtime_ns)


def sources_of(
    whole: Whole | Relay, looks: dict[Path, Look], upto: int | None, before: Sequence[Source] = ()
) -> list[Source]:
    """What to remember of each file. Raises Overtaken when the main file was replaced while it was read."""
    found: list[Source] = []
    pipes: Sequence[Pipe | Place] = whole.pipes
    for index, (path, pipe) in enumerate(zip(whole.files, pipes, strict=True)):
        look = looks.get(path, Look())
        old = before[index] if index < len(before) else None
        if old is not None and (old.missing or not old.touched):
            found.append(old)
            continue
        try:
            source = source_of(path, pipe.agent, pipe.parent, pipe.offset)
        except OSError as error:
            if index == 0:
                raise StoreError(sentence(error, path)) from error
            # Gone while we looked at it: its rows stay, and it counts as another file should it come back.
            found.append(Source(path, pipe.agent, pipe.parent, "", 0, 0, pipe.offset, b"", b""))
            continue
        if index == 0 and (source.identity != look.identity or source.size < pipe.fed):
            from store.db.session_rows import Overtaken

            raise Overtaken
        # Only a file that was read to its end is 'unchanged' when it looks the same the next time.
        whole_read = look.identity and (pipe.ended or pipe.fed >= look.size) and source.identity == look.identity
        found.append(Source(
            path, pipe.agent, pipe.parent, source.identity, look.size, look.mtime_ns if whole_read else 0, pipe.offset,
            source.head, source.tail, reader=b"" if pipe.ended else pipe.reading(),
        ))  # fmt: skip
    return found


def _gained(before: Known, upto: int | None) -> int:
    """Bytes behind what the database holds."""
    total = 0
    for index, source in enumerate(before.sources):
        if source.touched and not source.missing:
            size = _look(source.path).size
            total += max(0, (size if index or upto is None else min(size, upto)) - source.offset)
    return total


def _no_children(_path: Path) -> Sequence[Child]:
    return ()


def silent(_done: int, _total: int, _rows: int) -> None:
    """Nobody asked."""
