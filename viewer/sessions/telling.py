"""A session of the list in words: its tooltip, and what a screen reader says of it. Qt-free; for the list."""

from __future__ import annotations

from store.delta import Row
from store.states import Closed
from viewer import wording


def closed_in_words(closed: Closed | None) -> str:
    """archived, 12 events late"""
    if closed is None:
        return ""
    late = f", {wording.many(closed.refused, 'event')} late" if closed.refused else ""
    return wording.state(closed.status) + late


def spoken(row: Row, closed: Closed | None, unread: int, now: int) -> str:
    """`unread`: how many, -1 is some; `now` in microseconds UTC."""
    news = "" if not unread else ", unread" if unread < 0 else f", {unread} unread"
    when = wording.ago(row.updated, now)[0]
    title = row.title[:500] or "Untitled session"
    copy = "only copy" if row.missing else f"on {row.host}" if row.host else ""
    states = (wording.state(row.state), closed_in_words(closed), copy)
    return ", ".join(part for part in (title, *states, row.project, wording.agent(row.agent), when) if part) + news


def tip(row: Row, closed: Closed | None) -> str:
    lines = [row.title[:500], f"{wording.state(row.state)} · {wording.size(row.bytes)}", row.cwd or row.path]
    if row.updated is not None:
        lines.append(f"last record {wording.full(row.updated)}")
    if row.missing:
        lines.append("its agent has deleted the file: this is the only copy")
    if row.host:
        lines.append(f"its file is on {row.host}: what is shown is what the archive has of it")
    if closed is not None:
        lines.append(f"{closed.status}: nothing that its agent writes is added to it")
        if closed.refused:
            lines.append(f"{wording.many(closed.refused, 'event')} came too late and stayed in its file")
    return "\n".join(line for line in lines if line)
