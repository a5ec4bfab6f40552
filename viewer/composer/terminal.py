"""The user's own terminal, opened with a command in it. For the composer; finding one blocks a little: a job."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from typing import Final

from store.errors import StoreError

# The first that is there. {} is where the words of the command go.
LINUX: Final = (
    ("x-terminal-emulator", "-e", "{}"),
    ("gnome-terminal", "--", "{}"),
    ("ptyxis", "--", "{}"),
    ("kgx", "--", "{}"),
    ("konsole", "-e", "{}"),
    ("xfce4-terminal", "-x", "{}"),
    ("kitty", "{}"),
    ("alacritty", "-e", "{}"),
    ("foot", "{}"),
    ("wezterm", "start", "--", "{}"),
    ("xterm", "-e", "{}"),
)


def words(command: str) -> list[str]:
    """What is started so that a terminal runs that command line and then stays. Raises StoreError."""
    shell = os.environ.get("SHELL") or "/bin/sh"
    inner = [shell, "-l", "-c", f"{command}; exec {shlex.quote(shell)} -l"]
    if sys.platform == "darwin":
        quoted = command.replace("\\", "\\\\").replace('"', '\\"')
        script = f'tell app "Terminal" to do script "{quoted}"'
        return ["osascript", "-e", script, "-e", 'tell app "Terminal" to activate']
    if sys.platform == "win32":
        raise StoreError("Copy the command and paste it into your terminal: it cannot be opened from here on Windows.")
    own = os.environ.get("TERMINAL", "")
    for name, *rest in ((own, "-e", "{}"), *LINUX):
        found = shutil.which(name) if name else None
        if found is not None:
            at = rest.index("{}")
            return [found, *rest[:at], *inner, *rest[at + 1 :]]
    raise StoreError("No terminal was found: set TERMINAL to the name of yours, or copy the command.")


def open_terminal(command: str) -> None:
    """Open it, and let go of it. Raises StoreError."""
    argv = words(command)
    try:
        subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except OSError as error:
        raise StoreError(f"{argv[0]} cannot be started: {error.strerror or error}.") from error
