"""`playhead usage`: what many sessions took, by day, model, session or project. Each request counts once over all.

Sessions that lie in the database as their files are now come from there; the others, and files of subagents whose
session is gone, are read. Raises StoreError.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeAlias

from msgspec import Struct

from store import entries as en
from store import prices_own
from store.about import Reader
from store.db import place, reads
from store.digest_parts import Money, Sum
from store.digest_report import usd
from store.errors import StoreError
from store.facts import Facts
from store.fold import State
from store.formats import named
from store.known import known
from store.ledger import LEDGER_VERSION, Ledger, shared_of
from store.paths import data_dir
from store.prices import Price, price, reason, table
from store.report import find_session, session_files, session_places
from store.requests import Requests
from store.sources import journal, views
from store.usage import Days, Key, days, spent
from store.whole import events_of, format_of

BY: Final = ("day", "model", "session", "project")
_OURS: Final = """
SELECT s.id, s.key, s.agent, s.agent_session, s.title, s.cwd FROM pragma_user_version AS v, session AS s
JOIN ledger AS l ON l.session_id = s.id
WHERE v.user_version = ? AND s.state = 'ready' AND s.status <> 'deleted' AND l.version = ?
"""
_ENTRIES: Final = "SELECT data FROM entry WHERE session_id = ? ORDER BY first"
_STATE: Final = "SELECT state FROM ledger WHERE session_id = ?"
_COUNTED: Final = "SELECT number, session_id FROM request WHERE number IN ({})"
_FILES: Final = "SELECT path FROM source WHERE session_id = ?"
DAY: Final = 86_400_000_000  # microseconds: a file is written a little after its last record tells
_SOME: Final = 500  # values that a statement takes
_Ours: TypeAlias = tuple[int, str, str, str, str, str]  # number, key, agent, the agent's id, title, folder


class Told(Struct, frozen=True):
    """One session, or a part of one that is left."""

    id: str
    agent: str
    title: str
    project: str  # the folder in which it worked
    sums: dict[Key, Sum]


class Usage:
    """Reads on `sessions`; `trouble` is told of each file that cannot be read."""

    def __init__(
        self,
        names: Sequence[str] = (),
        roots: Sequence[Path] | None = None,
        agent: str = "",
        since: str = "",
        *,
        utc: bool = False,
        trouble: Callable[[str], None] = lambda _: None,
        list_price: Price = price,
    ) -> None:
        self._names, self._roots, self._agent, self._since = names, roots, agent, since
        self._day: Days = days(utc=utc)
        self._trouble, self._price = trouble, list_price
        self._reader = Reader(data_dir() / "playhead.db")
        self._requests = Requests(self._elsewhere)
        self._kept: set[int] = set()  # sessions whose entries come from the database
        self._shares: dict[int, set[int]] = {}  # session → those that count what it tells, too
        self._read: set[str] = set()  # files
        self._ids: set[str] = set()  # sessions that their agents have kept themselves

    def sessions(self) -> Iterator[Told]:
        """What each took."""
        prices_own.check()
        with closing(self._reader):
            paths, folders = self._chosen()
            ours = {Path(place.path_of(one[1], self._reader.db)): one for one in self._ours()}
            if not self._names and self._roots is None:
                known_ = {path.absolute() for path in paths}
                paths += [path for path in ours if path not in known_ and not views.exists(path)]  # the only copies
            there = set(paths)
            streams = {path for path in paths if path.parent.name == journal.FOLDER and path.exists()}
            found = {path: one for path in paths if path not in streams and (one := ours.get(path.absolute()))}
            stored = self._settled({path: one for path, one in found.items() if self._as_it_is(path, one)})
            for one in stored.values():
                told = self._stored(one)
                if told is not None:
                    yield told
            files = [path for path in paths if path not in stored and path not in streams]
            parts = {path for path in files if _is_part(path)}  # subagents' own files: they count with their callers
            # The files that are left are looked for when all others are read; our own records come last of all.
            for path in chain(sorted(files, key=parts.__contains__), self._left(folders, there), sorted(streams)):
                if (path in parts or path not in there) and os.path.realpath(path) in self._read:
                    continue
                try:
                    read = self._of_file(path, stream=path in streams)
                except StoreError as error:
                    self._trouble(str(error))
                    continue
                if read is not None:
                    yield read

    # ---- what there is

    def _chosen(self) -> tuple[list[Path], list[Path]]:
        """Session files, and the folders whose other files may hold what is left of sessions."""
        if not self._names:
            folders = session_places(self._roots)
            return self._whole(session_files(self._roots)), folders
        paths: list[Path] = []
        folders = []
        for name in self._names:
            path = Path(name)
            if path.is_dir():
                folders += session_places([path])
                paths += self._whole(session_files([path]))
            else:
                paths.append(find_session(name))
        return list(dict.fromkeys(paths)), folders

    def _whole(self, paths: Iterable[Path]) -> list[Path]:
        """Those that may have something of the days that are asked for."""
        found = []
        for path in paths:
            try:
                late = (
                    not self._since or self._day(views.stat(path).st_mtime_ns // 1000 + 86_400_000_000) >= self._since
                )
            except OSError:
                continue  # deleted since the folder was read
            if late:
                found.append(path)
        return found

    def _ours(self) -> list[_Ours]:
        return self._reader.ask(_OURS, (reads.SCHEMA, LEDGER_VERSION))

    def _as_it_is(self, path: Path, one: tuple[Any, ...]) -> bool:
        """Whether the database has all that the session's files say now."""
        if place.host_of(one[1], self._reader.db):
            return True
        found = known(path, self._reader.db)
        if found is None:
            return False
        found.window.close()
        if found.only_copy:
            return True
        had = {source.path for source in found.sources}
        children = named(found.agent).children
        return found.unchanged and (children is None or all(child.path in had for child in children(path)))

    def _settled(self, stored: dict[Path, _Ours]) -> dict[Path, _Ours]:
        """Those whose entries are all that is to be counted of them. What a request took stands with one session only:
        where that one is not among them (our own record of the same run, a fork that nobody asked for), files are read.
        """
        self._shares = {one[0]: self._counters(one[0]) for one in stored.values()}
        while True:
            self._kept = {one[0] for one in stored.values()}
            less = {path: one for path, one in stored.items() if self._is_all(one[0]) or not views.exists(path)}
            if len(less) == len(stored):
                return stored
            stored = less

    def _is_all(self, session: int) -> bool:
        return self._shares[session] <= self._kept

    def _counters(self, session: int) -> set[int]:
        """The sessions that count what this one tells, too."""
        found: set[int] = set()
        for (state,) in self._reader.ask(_STATE, (session,)):
            numbers = sorted(shared_of(state))
            for at in range(0, len(numbers), _SOME):
                some = numbers[at : at + _SOME]
                asked = self._reader.ask(_COUNTED.format(", ".join("?" * len(some))), tuple(some))
                found.update(counter for _, counter in asked)
        return found - {session}

    def _left(self, folders: Iterable[Path], there: Set[Path]) -> Iterator[Path]:
        """Files of subagents that no session has named so far."""
        for folder in folders:
            for here, below, names in os.walk(folder):
                below.sort()
                for name in sorted(names):
                    file = Path(here, name)
                    if not name.endswith(".jsonl") or file in there or os.path.realpath(file) in self._read:
                        continue
                    if self._whole([file]):
                        yield file

    # ---- what one took

    def _stored(self, one: _Ours) -> Told | None:
        number, _, agent, id_, title, cwd = one
        self._read.update(os.path.realpath(path) for (path,) in self._reader.ask(_FILES, (number,)))
        if self._agent and agent != self._agent:
            return None
        if self._is_all(number):
            self._ids.add(id_)
        entries = (entry for (data,) in self._reader.ask(_ENTRIES, (number,)) for entry in en.unpress(data))
        return Told(id_, agent, title, cwd, spent(entries, self._price, self._day))

    def _of_file(self, path: Path, *, stream: bool) -> Told | None:
        whole = events_of(path)
        name = whole.format.agent
        if name == "raw" or (self._agent and name != self._agent):
            return None
        state, ledger, facts = State(), Ledger(self._requests), Facts()
        noted: list[en.Entry] = []
        for batch in whole:
            ledger.fold(state, batch)
            facts.add(batch)
            noted += (entry for entry in ledger.take() if type(entry) in KEPT)
        self._read.update(os.path.realpath(file) for file in whole.files)
        id_ = facts.id or path.stem
        if self._again(id_, stream=stream):
            return None
        return Told(id_, name, facts.title, facts.cwd, spent(noted, self._price, self._day))

    def _again(self, id_: str, *, stream: bool) -> bool:
        """Whether this is our record of a session that its agent has kept too: then the agent's counts."""
        if not stream:
            self._ids.add(id_)
        return stream and id_ in self._ids

    def _elsewhere(self, numbers: Sequence[int]) -> set[int]:
        """Which requests the sessions out of the database have counted here."""
        if not self._kept:
            return set()
        found: set[int] = set()
        for at in range(0, len(numbers), _SOME):
            some = numbers[at : at + _SOME]
            asked = self._reader.ask(_COUNTED.format(", ".join("?" * len(some))), tuple(some))
            found.update(number for number, session in asked if session in self._kept)
        return found


def _is_part(path: Path) -> bool:
    """Whether it is a file of a subagent that lies among the sessions. One that cannot be read is said elsewhere."""
    try:
        part_of = format_of(path).part_of
    except StoreError:
        return False
    return part_of is not None and bool(part_of(path))


KEPT: Final = frozenset({en.Joined, en.Started, en.Said, en.Called, en.Answered, en.Used, en.Ended, en.Failed})


def usage(told: Iterable[Told], by: str = "day", since: str = "", until: str = "") -> dict[str, Any]:
    """The report as one object. `by` is one of BY; days are inclusive, and what has no day is in when none is asked."""
    groups: dict[str, dict[str, Sum]] = {}
    members: dict[str, set[str]] = {}
    about: dict[str, dict[str, Any]] = {}
    unpriced: dict[str, int] = {}
    everybody: set[str] = set()
    for one in told:
        for (day, llm), total in one.sums.items():
            if (since and day < since) or (until and (day > until or not day)):
                continue
            name = {"day": day, "model": llm, "session": one.id, "project": one.project}[by]
            groups.setdefault(name, {}).setdefault(llm, Sum()).merge(total)
            members.setdefault(name, set()).add(one.id)
            everybody.add(one.id)
            if by == "session":
                about[name] = {"title": one.title, "agent": one.agent, "project": one.project}
            if total.money.unpriced > 0:
                unpriced[llm] = unpriced.get(llm, 0) + total.money.unpriced
    over: dict[str, Sum] = {}
    wire = []
    for name in sorted(groups):
        for llm, total in groups[name].items():
            over.setdefault(llm, Sum()).merge(total)
        wire.append({by: name or None, **about.get(name, {}), **_figures(groups[name], len(members[name]))})
    return {
        "by": by,
        "since": since or None,
        "until": until or None,
        "groups": wire,
        "total": _figures(over, len(everybody)),
        "unpriced": [
            {"model": llm or None, "requests": count, "reason": reason(llm)} for llm, count in sorted(unpriced.items())
        ],
        "prices": table(),
    }


def _figures(llms: dict[str, Sum], sessions: int) -> dict[str, Any]:
    whole = Sum()
    for total in llms.values():
        whole.merge(total)
    models = {llm or "unknown": _one(total) for llm, total in sorted(llms.items())}
    return {"sessions": sessions, **_one(whole), "by_model": models}


def _one(total: Sum) -> dict[str, Any]:
    money: Money = total.money
    return {
        "in": total.input,
        "out": total.output,
        "cache_read": total.cache_read,
        "cache_create": total.cache_write,
        "cost_usd": usd(money),
        "unpriced_requests": max(0, money.unpriced),
    }
