"""A PostgreSQL server for the tests: its own cluster in a temporary folder, on a socket, gone with who started it."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg

# The server runs under a shell that reads from a pipe of ours: when we end, however, it ends, and its folder goes.
_SCRIPT = """
folder=$1; bin=$2
"$bin/initdb" -D "$folder/data" -U playhead --auth=trust -E UTF8 --locale=C --no-sync >"$folder/log" 2>&1 || {
    cat "$folder/log" >&2; rm -rf "$folder"; exit 1
}
"$bin/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c fsync=off -c synchronous_commit=off \
    -c full_page_writes=off -c max_connections=60 -c autovacuum=off >>"$folder/log" 2>&1 &
server=$!
read -r _
kill -QUIT "$server" 2>/dev/null
[ -f "$folder/data/postmaster.pid" ] && kill -QUIT "$(head -n 1 "$folder/data/postmaster.pid")" 2>/dev/null
wait
cd / && rm -rf "$folder"
"""


def programs() -> Path | None:
    """The folder of initdb and postgres; None: no server is installed."""
    found = shutil.which("initdb")
    if found is not None and shutil.which("postgres") is not None:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return folders[-1].parent if folders else None


class Cluster:
    """See the module. `close` it; an end without that does as well."""

    def __init__(self, programs: Path) -> None:
        who = _unprivileged()
        self.folder = Path(tempfile.mkdtemp(prefix="playhead-pg-"))
        if who is not None:
            os.chown(self.folder, who.pw_uid, who.pw_gid)
        self._numbers = itertools.count()
        self._made: str | None = None
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT, "sh", str(self.folder), str(programs)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True, cwd="/",
            user=None if who is None else who.pw_uid, group=None if who is None else who.pw_gid,
            extra_groups=None if who is None else [],
        )  # fmt: skip
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://playhead@/{database}?host={self.folder}"

    def database(self, template: str = "template0") -> str:
        """A new database; returns its name."""
        name = f"t{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def made(self) -> str:
        """A new database with our tables in it."""
        if self._made is None:
            from store.db.engine_postgres import open_engine

            self._made = self.database()
            open_engine(self.url(self._made)).dispose()
        return self.database(self._made)

    def drop(self, database: str) -> None:
        self._run(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _wait(self) -> None:
        """Until it takes connections."""
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=5).close()
            except psycopg.OperationalError as error:
                try:
                    self._process.wait(0.05)
                except subprocess.TimeoutExpired:
                    continue
                raise RuntimeError("the server did not start") from error
            else:
                return


def _unprivileged() -> pwd.struct_passwd | None:
    """Who runs the server where we are root, whom it refuses; None: we do."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("nobody else than root is on this machine")
