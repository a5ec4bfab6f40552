"""Which sessions of a database changed, for the list. For `sources.discover` only."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path

from store.sources import scan
from store.sources.database import AGAIN, watched
from store.sources.folders import above
from store.sources.memory import Seen

log = logging.getLogger(__name__)


class Databases:
    """Those among the places. Belongs to one thread."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._looked: dict[str, float] = {}  # when their sessions were looked through

    def __contains__(self, path: str) -> bool:
        return path in self._names

    def find(self, places: Iterable[Path]) -> None:
        self._names = {os.fspath(place.absolute()) for place in places if scan.is_database(place)}

    def files(self, root: Path) -> tuple[Path, ...]:
        """What shows that something was written to it; nothing for a folder."""
        return watched(root) if os.fspath(root.absolute()) in self._names else ()

    def hold(self, path: str) -> bool:
        """Whether a session lies in one of them."""
        return bool(self._names) and above(path) in self._names

    def seen(self, path: str) -> float:
        """When it was looked through last."""
        return self._looked.get(path, -math.inf)

    def look(self, database: str, sessions: Mapping[str, Seen], due: MutableMapping[str, float], pace: float) -> None:
        """Say of each session that is not as it was when it is to be visited."""
        self._looked[database] = time.monotonic()
        try:
            there = scan.inside(database)
        except OSError as error:
            log.info("not listed: %s", error)
            there = {}
        with suppress(OSError):
            written = max(file.stat().st_mtime for file in watched(Path(database)) if file.exists())
            if 0 <= time.time() - written < AGAIN:
                due[database] = time.monotonic() + AGAIN  # what is being written now may count a moment later
        for path, looks in there.items():
            session = sessions.get(path)
            if session is None or (session.size, session.mtime_ns) != looks:
                due[path] = -math.inf if session is None else session.seen + pace
        for path in sessions:
            if path not in there and above(path) == database:
                due[path] = -math.inf
