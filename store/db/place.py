"""Where an archive lies: in the file that its path names, or on a server that stands in for that file. Nothing loaded.

The path stays the archive's name on this machine: its locks, notes and the list of last time lie beside it. On a server
several hosts share one archive, so a session's key begins with its host there: `//HOST/path/of/its/file`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from store.errors import StoreError

VARIABLE: Final = "PLAYHEAD_DATABASE_URL"
HOST: Final = "PLAYHEAD_HOST"
_OTHER: Final = re.compile(r"[^A-Za-z0-9._-]+")


def server(db: Path) -> str | None:
    """The address of the server that our own archive lies on; None: this path is a file like any other."""
    url = os.environ.get(VARIABLE)
    if not url:
        return None
    from store.paths import data_dir

    if db != data_dir() / "playhead.db":
        return None
    if not url.startswith(("postgresql://", "postgres://")):
        raise StoreError(f"{VARIABLE} is no address of a PostgreSQL server: postgresql://USER@HOST/DATABASE is needed.")
    return url


def name_of(url: str) -> str:
    """The address as people may read it: without the password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "the server in " + VARIABLE
    where = (parts.hostname or "") + (f":{port}" if port else "")
    return f"{parts.scheme}://{where}{parts.path}"


def host() -> str:
    """What this machine is called in an archive that several share."""
    own = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    name = os.environ.get(HOST) or own
    return _OTHER.sub("-", name) or "localhost"


def key_of(path: Path | str, db: Path) -> str:
    """What a session's row says for its main file. A key stays what it is."""
    text = os.fspath(path)
    if server(db) is None or text.startswith("//"):
        return text
    return f"//{host()}{text if text.startswith('/') else '/' + text}"


def path_of(key: str, db: Path) -> str:
    """The file of a key: for a session of another host the key itself, which is no file here."""
    if server(db) is None:
        return key
    mine = f"//{host()}/"
    if not key.startswith(mine):
        return key
    path = key[len(mine) - 1 :]
    return path[1:] if os.name == "nt" else path


def host_of(path: Path | str, db: Path) -> str:
    """The other host that such a path belongs to; '' for a file of this one."""
    text = os.fspath(path)
    if server(db) is None or not text.startswith("//"):
        return ""
    name = text[2:].partition("/")[0]
    return "" if name == host() else name


def mine(db: Path, table: str = "session") -> str:
    """For a WHERE: only sessions of this host."""
    return "" if server(db) is None else f" AND {table}.host = '{host()}'"
