"""Which sessions and times a search is narrowed to. Plain SQL on the reader's connection; for store.search."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from store.db import reads
from store.query import Sessions

_ALL: Final = "SELECT id, agent, cwd, key, updated, started FROM session WHERE state = 'ready'"
_BY_NEWS: Final = "SELECT id, updated FROM session WHERE state = 'ready' AND updated IS {} ORDER BY updated DESC"
# What was done is a short table, and sessions are not: there is no index by their status.
_GONE: Final = (
    "SELECT s.id FROM session AS s WHERE s.status = 'deleted' AND s.id IN "
    "(SELECT a.session_id FROM audit AS a WHERE a.action = 'delete')"
)


class Scope(Struct, frozen=True):
    """Where hits count. `allowed`: session → its last news, and whether all of it lies within the times; None: all."""

    allowed: dict[int, tuple[int | None, bool]] | None = None
    since: int | None = None
    until: int | None = None
    note: str = ""  # for the user
    gone: frozenset[int] = frozenset()  # sessions that are deleted, which are in the index for when they are restored

    def holds(self, ts: int | None) -> bool:
        """Whether a row of that time counts. One without a time counts where no time is asked for."""
        if self.since is None and self.until is None:
            return True
        return ts is not None and (self.since is None or ts >= self.since) and (self.until is None or ts <= self.until)

    def old(self, ts: int | None) -> bool:
        return self.since is not None and ts is not None and ts < self.since

    def by_news(self, connection: reads.Connection) -> Iterator[tuple[int, int | None]]:
        """Sessions with the time of their last news: those without first, then the newest."""
        if self.allowed is None:
            for what in ("NULL", "NOT NULL"):
                for number, updated in connection.execute(_BY_NEWS.format(what)):
                    if number not in self.gone:
                        yield number, updated
            return
        yield from newest_first([(number, updated) for number, (updated, _) in self.allowed.items()])


def newest_first(sessions: list[tuple[int, int | None]]) -> list[tuple[int, int | None]]:
    return sorted(sessions, key=lambda one: (one[1] is not None, -(one[1] or 0), -one[0]))


def scope_of(connection: reads.Connection, wanted: Sessions, within: str | None) -> Scope:
    """The sessions that are wanted; `within` is the key of a single one."""
    gone = frozenset(number for (number,) in connection.execute(_GONE))
    if wanted.all and within is None:
        return Scope(gone=gone)
    allowed: dict[int, tuple[int | None, bool]] = {}
    agents: set[str] = set()
    projects: set[str] = set()
    since, until = wanted.since, wanted.until
    for number, agent, cwd, key, updated, started in connection.execute(_ALL):
        if number in gone or (within is not None and key != within):
            continue
        agents.add(agent)
        projects.add(project_of(cwd, key))
        if (
            _agent(agent, wanted.agents, True)
            and not _agent(agent, wanted.not_agents, False)
            and _in(cwd, key, wanted.projects, True)
            and not _in(cwd, key, wanted.not_projects, False)
            and not (since is not None and updated is not None and updated < since)
            and not (until is not None and started is not None and started > until)
        ):
            begun = since is None or (started is not None and started >= since)
            over = until is None or (updated is not None and updated <= until)
            allowed[number] = (updated, begun and over)
    note = ""
    if not allowed:
        note = _unknown("agent", wanted.agents, agents) or _unknown("project", wanted.projects, projects)
    return Scope(allowed, since, until, note, gone)


def project_of(cwd: str, key: str) -> str:
    """As the list of sessions calls it."""
    return Path(cwd).name if cwd else Path(key).parent.name


def _unknown(sort: str, names: tuple[str, ...], there: set[str]) -> str:
    known = {one.casefold() for one in there}
    for name in names:
        if name.casefold() not in known and "/" not in name:
            some = ", ".join(sorted(one for one in there if one)[:8])
            return f"No session has the {sort} {name}." + (f" There are: {some}." if some else "")
    return ""


def _agent(agent: str, names: tuple[str, ...], empty: bool) -> bool:
    """By its name, or its beginning: claude is claude-code."""
    return any(f"{agent}-".casefold().startswith(f"{name}-".casefold()) for name in names) if names else empty


def _in(cwd: str, key: str, names: tuple[str, ...], empty: bool) -> bool:
    """By the name of the project's folder, or by the path of a folder that it is or lies in."""
    if not names:
        return empty
    project, folder = project_of(cwd, key).casefold(), cwd.rstrip("/")
    for name in names:
        path = name.rstrip("/")
        if "/" in name and folder and (folder == path or folder.startswith(f"{path}/")):
            return True
        if project == path.casefold():
            return True
    return False
