"""A PostgreSQL server for the tests: one per run, in a temporary folder, on a socket, gone with those who use it."""

from __future__ import annotations

import fcntl
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psycopg

PREFIX = "playhead-pg-"
HOUR = 3600  # seconds

# The server runs behind a shell that reads from a pipe which every worker holds open: when the last of them ends,
# however, it ends, and its folder goes. By another pipe it says when the server takes connections; or closes it.
_SCRIPT = """
folder=$1; bin=$2
serve() {
    exec 3<"$folder/held" 4>"$folder/up"
    "$bin/initdb" -D "$folder/data" -U playhead --auth=trust -E UTF8 --locale=C --no-sync \\
        >"$folder/log" 2>&1 3<&- 4>&- || {
        cat "$folder/log" >&2; rm -rf "$folder"; exit 1
    }
    "$bin/pg_ctl" start -w -t 120 -D "$folder/data" -l "$folder/log" -o "-k '$folder' -c listen_addresses= \\
        -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200 -c autovacuum=off" \\
        >/dev/null 3<&- 4>&- &&
        echo up >&4
    exec 4>&-
    read -r _ <&3
    "$bin/pg_ctl" stop -w -m immediate -D "$folder/data" >/dev/null 2>&1
    cd /
    tries=0  # what ends with the server may still write for a moment
    until rm -rf "$folder" 2>/dev/null || [ $tries = 100 ]; do tries=$((tries + 1)); sleep 0.1; done
}
serve </dev/null >/dev/null &
"""
_SHAPE = """
SELECT md5(string_agg(attrelid::regclass || ' ' || attnum || attname || atttypid, ' '
    ORDER BY attrelid::regclass::text, attnum)),
    (SELECT string_agg(version_num, ' ') FROM alembic_version), (SELECT count(*) FROM pg_class)
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE attnum > 0 AND relnamespace = 'public'::regnamespace
"""
_FULL = """
SELECT string_agg(quote_ident(relname), ', ') FROM pg_class WHERE relkind = 'r'
    AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0
"""
_ALONE = (
    "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def programs() -> Path | None:
    """The folder of initdb and postgres; None: no server is installed."""
    found = shutil.which("initdb")
    if found is not None and shutil.which("postgres") is not None:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return folders[-1].parent if folders else None


class Cluster:
    """See the module. `shared` is the path of a note that says where the run's server is, once there is one.

    `close` it; an end without that does as well.
    """

    def __init__(self, programs: Path, shared: Path) -> None:
        self._numbers = itertools.count()
        self._spare: list[str] = []
        self._shape: object = None
        with shared.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if shared.exists():
                self.folder = Path(shared.read_text("utf-8"))
                self._held = os.open(self.folder / "held", os.O_RDWR)
            else:
                self._start(programs)
                shared.write_text(str(self.folder), "utf-8")

    def close(self) -> None:
        os.close(self._held)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://playhead@/{database}?host={quote(str(self.folder))}"

    def made(self) -> str:
        """A database with our tables and nothing in them, under a name that no other has had; returns that."""
        name = f"t{os.getpid()}_{next(self._numbers)}"
        if self._spare and self._renamed(self._spare.pop(), name):
            return name
        self._run(f"CREATE DATABASE {name} TEMPLATE made")
        with psycopg.connect(self.url(name)) as connection:
            self._shape = connection.execute(_SHAPE.encode()).fetchone()
        return name

    def _renamed(self, spare: str, name: str) -> bool:
        """False: somebody of an earlier test has come back to it, and has it no more."""
        try:
            self._run(f"ALTER DATABASE {spare} RENAME TO {name}")
        except psycopg.errors.ObjectInUse:
            self._run(f"DROP DATABASE {spare} WITH (FORCE)")
            return False
        return True

    def drop(self, database: str) -> None:
        """Emptied for the next who wants one: that takes a fifth of the time of a new one."""
        if self._emptied(database):
            self._spare.append(database)
        else:
            self._run(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def _emptied(self, database: str) -> bool:
        """Whether it has the tables of a new one, and now nothing in them."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            if connection.info.server_version < 140_000:  # it does not wait for those that it ends
                return False
            connection.execute(_ALONE)
            if connection.execute(_SHAPE.encode()).fetchone() != self._shape:
                return False
            (full,) = connection.execute(_FULL.encode()).fetchone() or (None,)
            if full is not None:
                connection.execute(f"TRUNCATE {full} RESTART IDENTITY CASCADE".encode())
        return True

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _start(self, programs: Path) -> None:
        _sweep()
        who = _unprivileged()
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        pipes = self.folder / "held", self.folder / "up"
        for pipe in pipes:
            os.mkfifo(pipe, 0o600)
        if who is not None:
            for path in (self.folder, *pipes):
                os.chown(path, who.pw_uid, who.pw_gid)
        self._held = os.open(self.folder / "held", os.O_RDWR)  # for both: so it waits for nobody
        try:
            subprocess.run(
                ["/bin/sh", "-c", _SCRIPT, "sh", str(self.folder), str(programs)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True, cwd="/", check=True,
                user=None if who is None else who.pw_uid, group=None if who is None else who.pw_gid,
                extra_groups=None if who is None else [],
            )  # fmt: skip
            if not (self.folder / "up").read_bytes():
                raise RuntimeError("the server did not start")
            from store.db.engine_postgres import open_engine

            self._run("CREATE DATABASE made TEMPLATE template0")
            open_engine(self.url("made")).dispose()
        except BaseException:
            self.close()
            raise


def _sweep() -> None:
    """What a server left that was killed, and its shell with it: old, and nobody's."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # gone, or somebody else's
            if time.time() - folder.stat().st_mtime > HOUR and not _runs(folder / "data" / "postmaster.pid"):
                shutil.rmtree(folder, ignore_errors=True)


def _runs(note: Path) -> bool:
    try:
        os.kill(int(note.read_text("utf-8").split("\n")[0]), 0)
    except (FileNotFoundError, ProcessLookupError):
        return False
    except PermissionError:  # it is another user's
        return True
    return True


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
