"""One session in the list, from its head and tail alone. For discovery and the commands; reads 128 KB at most."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from store.delta import Row
from store.errors import StoreError, sentence
from store.events import Event, NoticeAdded, SessionNamed
from store.facts import renames
from store.formats import HEAD, sniff
from store.formats.base import Format
from store.pipe import Pipe
from store.sources import journal, views
from store.sources.scan import expanded
from store.whole import FRESH_S, open_file


def summary(path: Path, format: Format | None = None, now: float | None = None) -> Row:
    """The session's row. Raises StoreError.

    Its state: 'live' while a living program says it works on it, 'idle' while one says it waits; without such a word
    'live' if the file was written to within the last minute and is no journal of a stream that is over, 'failed' if its
    last record is an end with an error, else 'ended'. `records` is exact for a file that was read whole and None for a
    longer one.
    """
    with open_file(path) as file:
        try:
            stat = views.looks_of(file)
            head = file.read(HEAD) or b""
            tail_at = max(len(head), stat.st_size - HEAD)
            if tail_at < stat.st_size:
                file.seek(tail_at)
                tail = file.read(HEAD) or b""
            else:
                tail = b""
        except OSError as error:
            raise StoreError(sentence(error, path)) from error
    format = format or sniff(head, path)
    first = Pipe(format)
    events = first.feed(head)
    if format.named is not None and (named := format.named(path)) is not None:
        events.append(named)
    whole = tail_at == len(head)
    records: int | None = None
    if whole:
        events += first.feed(tail) + first.finish()
        records = first.records
        late: list[Event] = []
    else:
        cut = tail.find(b"\n") + 1
        last = Pipe(format, start=tail_at + cut)
        late = last.feed(tail[cut:]) + last.finish()
    title, rank = "", -1
    session = cwd = ""
    for event in (*events, *late):
        if type(event) is SessionNamed and not event.at.agent:
            if renames(event, rank):
                title, rank = event.title, event.rank
            session = event.id or session
            cwd = cwd or event.cwd
    started = next((event.at.ts for event in events if event.at.ts is not None), None)
    updated = next((event.at.ts for event in reversed((*events, *late)) if event.at.ts is not None), None)
    written = int(stat.st_mtime * 1_000_000)
    last_events = late or events
    return Row(
        id=str(path),
        agent=format.agent,
        title=title,
        cwd=cwd,
        project=project_of(cwd, path, format.where),
        started=started,
        updated=updated if updated is not None else written,
        state=_state(path, format, stat.st_mtime, last_events, time.time() if now is None else now),
        bytes=stat.st_size,
        path=str(path),
        records=records,
        session=session,
    )


def project_of(cwd: str, path: Path, places: Sequence[str]) -> str:
    """What a session belongs to: the folder it works in, else the one it lies in; '' where its agent has named that.

    `places` are the agent's own. It calls folders in them after days, hashes and kinds of files.
    """
    if cwd:
        return Path(cwd).name
    own = filter(None, map(expanded, places))
    return "" if any(path.is_relative_to(place) for place in own) else path.parent.name


def _state(path: Path, format: Format, mtime: float, events: list[Event], now: float) -> str:
    told = format.alive(path) if format.alive is not None else None
    if told is not None:
        return "live" if told == "busy" else "idle"
    if 0 <= now - mtime < FRESH_S and not journal.is_over(path):
        return "live"
    for event in reversed(events):
        if type(event) is NoticeAdded:
            return "failed" if event.kind == "result" and event.level == "error" else "ended"
    return "ended"
