"""Which sessions and times a search is narrowed to. Plain SQL on the reader's connection; for store.search."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Final, TypeAlias

from store.db import reads
from store.query import Sessions

_SESSION: Final = "SELECT id, updated, agent, cwd, key, started FROM session WHERE state = 'ready'"
_UNDATED: Final = "SELECT id, updated FROM session WHERE state = 'ready' AND updated IS NULL"
_DATED: Final = (
    "SELECT id, updated FROM session WHERE state = 'ready' AND updated IS NOT NULL ORDER BY updated DESC, id DESC"
)
# What was done is a short table, and sessions are not: there is no index by their status.
_GONE: Final = (
    "SELECT s.id FROM session AS s WHERE s.status = 'deleted' AND s.id IN "
    "(SELECT a.session_id FROM audit AS a WHERE a.action = 'delete')"
)

# number, last news, agent, folder, key, start
_Session: TypeAlias = tuple[int, int | None, str, str, str, int | None]


class Scope:
    """Where hits count. What it is narrowed to is looked up as far as the walk over the sessions gets, no further."""

    def __init__(self, connection: reads.Connection, wanted: Sessions, key: str | None, gone: frozenset[int]) -> None:
        self._connection = connection
        self._wanted = wanted
        self._key = key  # of the only session that counts
        self.gone = gone  # sessions that are deleted, which are in the index for when they are restored
        self.narrow = not wanted.all or key is not None
        self.since, self.until = wanted.since, wanted.until

    @cached_property
    def allowed(self) -> dict[int, tuple[int | None, bool]]:
        """Every session that counts, with its last news and whether all of it lies within the times."""
        return {one[0]: (one[1], self._whole(one)) for one in self._all() if self._fits(one)}

    def holds(self, ts: int | None) -> bool:
        """Whether a row of that time counts. One without a time counts where no time is asked for."""
        if self.since is None and self.until is None:
            return True
        return ts is not None and (self.since is None or ts >= self.since) and (self.until is None or ts <= self.until)

    def old(self, ts: int | None) -> bool:
        return self.since is not None and ts is not None and ts < self.since

    def by_news(self) -> Iterator[tuple[int, int | None]]:
        """Sessions with the time of their last news: those without first, then the newest."""
        if not self.narrow:
            for sql in (_UNDATED, _DATED):
                for number, updated in self._connection.execute(sql):
                    if number not in self.gone:
                        yield number, updated
            return
        for one in self._all():
            if self._fits(one):
                yield one[0], one[1]

    def note(self) -> str:
        """For the user, where nothing was found: what is asked for and not there."""
        if not self.narrow or any(self._fits(one) for one in self._all()):
            return ""
        there = [one for one in self._connection.execute(_SESSION) if one[0] not in self.gone]
        agents, projects = {one[2] for one in there}, {project_of(one[3], one[4]) for one in there}
        return _unknown("agent", self._wanted.agents, agents) or _unknown("project", self._wanted.projects, projects)

    def _all(self) -> Iterator[_Session]:
        if self._key is not None:
            yield from self._connection.execute(f"{_SESSION} AND key = ?", (self._key,))
            return
        yield from self._connection.execute(f"{_SESSION} AND updated IS NULL")
        if self.since is None:
            yield from self._connection.execute(f"{_SESSION} AND updated IS NOT NULL ORDER BY updated DESC, id DESC")
        else:
            since = f"{_SESSION} AND updated >= ? ORDER BY updated DESC, id DESC"
            yield from self._connection.execute(since, (self.since,))

    def _fits(self, one: _Session) -> bool:
        number, updated, agent, cwd, key, started = one
        wanted = self._wanted
        return (
            number not in self.gone
            and _agent(agent, wanted.agents, True)
            and not _agent(agent, wanted.not_agents, False)
            and _in(cwd, key, wanted.projects, True)
            and not _in(cwd, key, wanted.not_projects, False)
            and not (self.since is not None and updated is not None and updated < self.since)
            and not (self.until is not None and started is not None and started > self.until)
        )

    def _whole(self, one: _Session) -> bool:
        _, updated, _, _, _, started = one
        begun = self.since is None or (started is not None and started >= self.since)
        return begun and (self.until is None or (updated is not None and updated <= self.until))


def newest_first(sessions: list[tuple[int, int | None]]) -> list[tuple[int, int | None]]:
    return sorted(sessions, key=lambda one: (one[1] is not None, -(one[1] or 0), -one[0]))


def scope_of(connection: reads.Connection, wanted: Sessions, within: str | None) -> Scope:
    """The sessions that are wanted; `within` is the key of a single one."""
    return Scope(connection, wanted, within, frozenset(number for (number,) in connection.execute(_GONE)))


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
