"""How a session gets its row: `ensure_session`, for everything that writes. A part of the caller's transaction.

The row comes in with the first content, never before, and once, however many are at it: the database decides.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from store.draft import UNKNOWN, Draft

_COLUMNS: Final = (
    "key", "state", "token", "status", "origin", "user_id", "host", "created", "user_title", "model_config",
    "system_prompt",
)  # fmt: skip
_PARENT: Final = "(SELECT max(id) FROM session WHERE key = :parent AND state = 'ready')"
# One ready session per key (ix_session_key_ready): who comes second adds nothing.
_ENSURE: Final = text(
    f"INSERT INTO session ({', '.join(_COLUMNS)}, parent_session_id) "  # noqa: S608 - names from above
    f"VALUES ({', '.join(f':{name}' for name in _COLUMNS)}, {_PARENT}) ON CONFLICT DO NOTHING RETURNING id"
)
_THERE: Final = text("SELECT id FROM session WHERE key = :key AND state = 'ready'")


def ensure_session(tx: Connection, draft: Draft, *, staged: str | None = None) -> bool:
    """The draft has a row from here on, and knows its number. True: it is new; False: there was one.

    Idempotent, and safe with any number of threads and processes. `staged`: nobody sees the row before its importer,
    which holds the lock of this name, makes it ready; until then there may be others of its key. A draft whose
    transaction fails is to be given its number back (`session = None`): the database has not got it.
    """
    if draft.session is not None:
        return False
    seen = staged is None
    values = {
        "key": draft.key, "state": "ready" if seen else "staged", "token": draft.token if seen else staged or None,
        "status": draft.status, "origin": draft.origin or UNKNOWN,
        "user_id": draft.user, "host": draft.host, "created": draft.created, "user_title": draft.title or None,
        "model_config": draft.config, "system_prompt": draft.system_prompt, "parent": draft.parent,
    }  # fmt: skip
    added = tx.execute(_ENSURE, values).scalar()
    draft.session = int(tx.execute(_THERE, {"key": draft.key}).scalar_one() if added is None else added)
    return added is not None
