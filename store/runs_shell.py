"""The environment of the user's login shell: a window started from a menu has no PATH that finds an agent.

Asked once per process, in bounded time; what cannot be had is said, and our own environment serves instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from store.child import kill

PATIENCE: Final = 5.0  # seconds that a shell's start files may take
MARK: Final = b"\0playhead-environment\0"
_OURS: Final = ("_", "SHLVL", "PWD", "OLDPWD", "TERM", "PLAYHEAD_ENVIRONMENT")


class Environment(Struct, frozen=True):
    """The variables a run gets. `how`: one sentence when it is not the login shell's, else ''."""

    values: Mapping[str, str]
    how: str = ""

    def find(self, program: str) -> str | None:
        """Where a program is on its PATH; None: nowhere."""
        return shutil.which(program, path=self.values.get("PATH"))


_lock = threading.Lock()
_known: dict[str, Environment] = {}


def environment() -> Environment:
    """The login shell's environment with ours on top. Blocks up to PATIENCE the first time; not for the GUI thread."""
    shell = _shell()
    with _lock:
        if shell not in _known:
            _known[shell] = _ask(shell)
        return _known[shell]


def forget() -> None:
    """Ask again next time."""
    with _lock:
        _known.clear()


def _shell() -> str:
    if sys.platform == "win32":
        return ""
    if shell := os.environ.get("SHELL"):
        return shell
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_shell
    except KeyError:
        return ""


def _ask(shell: str) -> Environment:
    ours = dict(os.environ)
    if not shell:
        return Environment(ours)
    name = os.path.basename(shell)  # noqa: PTH119 - a name, no path of ours
    script = f"printf '\\0playhead-environment\\0'; {shlex_env()} -0; printf '\\0playhead-environment\\0'"
    # Interactive too: most people extend PATH in the file that only such shells read. fish reads all of them anyway.
    flags = ["-l", "-c"] if name in ("fish", "sh", "dash") else ["-i", "-l", "-c"]
    try:
        process = subprocess.Popen(
            [shell, *flags, script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**ours, "PLAYHEAD_ENVIRONMENT": "1"}, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        return Environment(ours, f"{shell} cannot be started ({error.strerror or error}): the window's own variables.")
    try:
        out, _ = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired as error:  # maybe only of what it left running
        out = error.output or b""
    finally:
        kill(process)  # what its start files left running holds the pipe
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    parts = out.split(MARK)
    if len(parts) < 3:
        return Environment(ours, f"{name} did not say its environment in {PATIENCE:g} s: the window's own variables.")
    told = dict(_pair(line) for line in parts[1].split(b"\0") if b"=" in line)
    login = {key: value for key, value in told.items() if key and key not in _OURS}
    return Environment({**login, **ours, "PATH": _joined(ours.get("PATH", ""), login.get("PATH", ""))})


def shlex_env() -> str:
    """`env`, whatever the user calls by that name."""
    return "command env" if shutil.which("env") is None else str(shutil.which("env"))


def _pair(line: bytes) -> tuple[str, str]:
    key, _, value = os.fsdecode(line).partition("=")
    return key, value


def _joined(*paths: str) -> str:
    """Folders of several PATHs, each once: ours first, then what only the login shell knows."""
    return os.pathsep.join(dict.fromkeys(part for path in paths for part in path.split(os.pathsep) if part))
