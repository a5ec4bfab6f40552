"""Starting `viewer.bench.child` and listening to it; session files for it that are made once per bench run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import orjson

from viewer.bench.make_session import write_session

if sys.platform != "win32":
    import fcntl

PREFIX: Final = "playhead-bench-"


def clean_environment(home: Path) -> dict[str, str]:
    """An environment in which Playhead sees nothing of this machine's sessions and settings.

    Its modules are compiled once, by the first run, as in every installation, also where this shell forbids that: then
    they lie in a place of their own, and else where they always do.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    if sys.dont_write_bytecode:
        kept["PYTHONPYCACHEPREFIX"] = str(home / "bytecode")
    return {
        **kept,
        "HOME": str(home),
        "PLAYHEAD_DATA_DIR": str(home / "playhead"),
        "CLAUDE_CONFIG_DIR": str(home / "claude"),
        "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen"),
    }


def compile_modules(home: Path) -> None:
    """What a first run would do on the way: for a bench that has only one."""
    root = Path(__file__).parents[2]
    folders = [str(root / name) for name in ("store", "viewer", "resources")]
    subprocess.run([sys.executable, "-m", "compileall", "-q", *folders], env=clean_environment(home), check=False)


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder for one bench. Those of benches that were killed, up to gigabytes, go first."""
    _sweep()
    with ExitStack() as stack:
        while True:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)))
            if stack.enter_context(_held(path)):
                break  # else a sweep came between the two
        yield path


@contextmanager
def _held(path: Path) -> Iterator[bool]:
    """A lock on the folder itself, which ends with its holder. Whether it was free, and the folder is still there."""
    if sys.platform == "win32":  # where no folder can be locked, and none is swept
        yield True
        return
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:  # gone, or somebody else's
        yield False
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield path.exists()
    except BlockingIOError:
        yield False
    finally:
        os.close(handle)


def _sweep() -> None:
    if sys.platform == "win32":
        return
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with _held(path) as abandoned:
            if abandoned:
                shutil.rmtree(path, ignore_errors=True)


def session(where: Path, *, records: int | None = None, size: int | None = None) -> Path:
    """A made-up session file, its pages in the page cache."""
    path = where / "projects" / "-bench" / "00000000-0000-4000-8000-000000000000.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_session(path, records=records, size=size, seed=1)
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass
    return path


class Child:
    """One run of the app. `started` is when the process was asked for, on the clock that the child also uses."""

    def __init__(self, home: Path, path: Path, seconds: float = 0.0, rows: int = 0) -> None:
        self.started = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "viewer.bench.child", str(seconds), str(rows), str(path)],
            env=clean_environment(home),
            stdout=subprocess.PIPE,
        )

    def wait(self, what: str) -> Any:
        """The value of the next message of this name."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            name, value = orjson.loads(line)
            if name == what:
                return value
        raise RuntimeError(f"the app ended before it said {what}")

    def end(self) -> None:
        """Wait until it has ended by itself; end it when it does not."""
        try:
            self._process.wait(60)
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
