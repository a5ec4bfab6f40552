"""A session of the list in words: its tooltip, and what a screen reader says of it. Qt-free; for the list."""

from __future__ import annotations

from store.delta import Row, Spent
from store.states import Closed
from viewer import wording


def closed_in_words(closed: Closed | None) -> str:
    """archived, 12 events late"""
    if closed is None:
        return ""
    late = f", {wording.many(closed.refused, 'event')} late" if closed.refused else ""
    return wording.state(closed.status) + late


def current(row: Row, spent: Spent) -> bool:
    """Whether its figures are those of all that there is of it."""
    return spent.bytes >= row.bytes or row.missing or bool(row.host)


def state_of(row: Row, spent: Spent | None) -> str:
    """Its state; one that is over has failed if its last turn did."""
    failed = row.state == "ended" and spent is not None and spent.failed and current(row, spent)
    return "failed" if failed else row.state


def cost(row: Row, spent: Spent | None) -> str:
    """'$1.28'; '≥ $1.28' where it went on since that was added up; '–' when nobody knows."""
    if spent is None:
        return wording.UNKNOWN
    return wording.money(spent.cost, partial=not current(row, spent))


def spoken(row: Row, closed: Closed | None, unread: int, now: int, spent: Spent | None = None) -> str:
    """`unread`: how many, -1 is some; `now` in microseconds UTC."""
    news = "" if not unread else ", unread" if unread < 0 else f", {unread} unread"
    when = wording.ago(row.updated, now)[0]
    title = wording.named(row.title, 500) or "Untitled session"
    copy = "only copy" if row.missing else f"on {row.host}" if row.host else ""
    states = (wording.state(state_of(row, spent)), closed_in_words(closed), copy)
    paid = cost(row, spent) if spent is not None and spent.cost is not None else ""
    parts = (title, *states, row.project, wording.agent(row.agent), paid, when)
    return ", ".join(part for part in parts if part) + news


def tip(row: Row, closed: Closed | None, spent: Spent | None = None) -> str:
    state = wording.state(state_of(row, spent))
    size = wording.size(row.bytes)
    lines = [wording.named(row.title, 500), f"{state} · {size}", cost_in_words(row, spent), row.cwd or row.path]
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


def cost_in_words(row: Row, spent: Spent | None) -> str:
    """The same as a sentence without its end."""
    if spent is None:
        return "" if row.state == "draft" else "cost not added up yet"
    if spent.cost is None:
        return "cost not known: not every model in it has a known price"
    since = "" if current(row, spent) else ", and what it did since"
    return f"cost {wording.money(spent.cost)}{since}"
