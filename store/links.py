"""Which session came after which in a thread: written down once both are in the database, for the list and its tree."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text

from store.db.serving import Serving, ask, host_here
from store.errors import StoreError

log = logging.getLogger(__name__)

MOST: Final = 1_000  # that wait for their session to be imported
_LINK: Final = text(
    "UPDATE session SET parent_session_id = (SELECT max(p.id) FROM session AS p WHERE p.agent_session = :parent AND "
    "p.state = 'ready') WHERE agent_session = :child AND state = 'ready' AND parent_session_id IS NULL "
    "AND EXISTS (SELECT 1 FROM session AS p WHERE p.agent_session = :parent AND p.state = 'ready')"
)
_THERE: Final = "SELECT agent_session, parent_session_id FROM session WHERE state = 'ready' AND agent_session IN ({})"
_KNOWN: Final = (
    'SELECT t.claude_session_id, t.parent_session FROM trigger_session_threads AS t JOIN "trigger" AS g '
    "ON g.id = t.trigger_id WHERE g.host = ? AND t.claude_session_id IS NOT NULL AND t.parent_session IS NOT NULL "
    "ORDER BY t.last_used_at DESC LIMIT ?"
)


class Links:
    """Pairs that are not written yet; any thread adds, one writes."""

    def __init__(self, db: Path) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._pairs: dict[str, str] = {}

    def load(self) -> None:
        """What earlier runs of Playhead may have left."""
        try:
            found = ask(self._db, _KNOWN, (host_here(self._db), MOST))
        except StoreError as error:
            log.warning("the parents of sessions cannot be read: %s", error)
            return
        for child, parent in found:
            self.add(child, parent)

    def add(self, child: str, parent: str) -> None:
        """Both are ids of the agent."""
        if child == parent:
            return
        with self._lock:
            self._pairs[child] = parent
            while len(self._pairs) > MOST:
                del self._pairs[next(iter(self._pairs))]

    def write(self, serving: Serving) -> int:
        """Those whose sessions are there. Returns how many are still waited for."""
        with self._lock:
            pairs = dict(self._pairs)
        if not pairs:
            return 0
        there = ask(self._db, _THERE.format(", ".join("?" * len(pairs))), tuple(pairs))
        wanted = [child for child, parent in there if parent is None and child in pairs]
        done = [child for child, parent in there if parent is not None]

        def link(tx: Connection) -> list[str]:
            return [one for one in wanted if tx.execute(_LINK, {"child": one, "parent": pairs[one]}).rowcount]

        done += serving.write(link) if wanted else []
        with self._lock:
            for child in done:
                self._pairs.pop(child, None)
            return len(self._pairs)
