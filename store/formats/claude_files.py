"""Where Claude keeps what: session files, the subagents' files of a session, who is alive. For claude_*.py only."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Final

import orjson

from store.events import At, SessionNamed
from store.formats.base import Child
from store.formats.values import one_line, string

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
HEAD: Final = 4096


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, by name; nothing when it cannot be read, it may be gone by now."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def owns(path: PurePath) -> bool:
    """Whether the name of a file below `projects` is that of a session: a UUID, in the folder of its project."""
    return len(path.parts) == 2 and path.suffix == ".jsonl" and _UUID.fullmatch(path.stem) is not None


def children(path: Path) -> Iterable[Child]:
    """The subagents' files of a session, as they are now."""
    own = path.with_suffix("") / "subagents"
    if own.is_dir():
        for file in sorted(own.rglob("agent-*.jsonl")):
            yield _child(file)
    if path.name.startswith("agent-"):
        return
    # Up to 2.0.x they lie beside the sessions of a project; which session is theirs stands inside.
    session = path.stem.encode()
    if not _UUID.fullmatch(path.stem):
        return
    for entry in _entries(path.parent):
        if entry.name.startswith("agent-") and entry.name.endswith(".jsonl") and entry.is_file():
            file = Path(entry.path)
            if session in _head(file):
                yield _child(file)


def named(path: Path) -> SessionNamed | None:
    """The title that the user gave with /rename, where a file of the session's folder has it."""
    try:
        with (path.with_suffix("") / "custom-title.json").open("rb") as file:
            told = orjson.loads(file.read(HEAD))
    except (OSError, ValueError):
        return None  # most have none
    title = one_line(string(told, "customTitle"), 200) if isinstance(told, dict) else ""
    return SessionNamed(At(), title=title, rank=6) if title else None


def beside(path: Path, _session: str = "") -> Iterable[Path]:
    """The folder below which the subagents' files of a session appear; it may not exist yet."""
    return (path.with_suffix(""),)


def joins(name: str) -> bool:
    """The other files there are books of workflows."""
    return name.startswith("agent-")


def _child(file: Path) -> Child:
    meta: object = None
    try:
        meta = orjson.loads(file.with_suffix(".meta.json").read_bytes())
    except (OSError, ValueError):
        meta = None  # older versions write none, and it may be half written
    agent = file.stem.removeprefix("agent-")
    if not isinstance(meta, dict):
        return Child(file, agent)
    call, title = meta.get("toolUseId"), meta.get("description")
    return Child(file, agent, call if isinstance(call, str) and call else None, title if isinstance(title, str) else "")


def _head(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(HEAD)
    except OSError:
        return b""


def alive(path: Path) -> str | None:
    """What the registry of running programs says of a session file: 'busy', 'idle', 'waiting', or None."""
    found = _living(path)
    return None if found is None else found[1]


def holder(path: Path) -> int | None:
    """The process that has the session of a file open, as that registry says; None: none that runs."""
    found = _living(path)
    return None if found is None else found[0]


def _living(path: Path) -> tuple[int, str] | None:
    registry = path.parent.parent.parent / "sessions"
    for entry in _entries(registry):
        if entry.name.endswith(".json") and entry.name[:-5].isdigit():
            try:
                told = orjson.loads(Path(entry.path).read_bytes())
            except (OSError, ValueError):
                continue  # it is rewritten in place, and may be seen empty
            pid = int(entry.name[:-5])
            if isinstance(told, dict) and told.get("sessionId") == path.stem and _runs(pid, told):
                status = told.get("status")
                return pid, status if isinstance(status, str) else "idle"
    return None


if sys.platform == "win32":  # there os.kill ends a process, and 0 is Ctrl-C for a whole console

    def _there(pid: int) -> bool:
        import ctypes

        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = ctypes.c_void_p
        handle = ctypes.c_void_p(kernel.OpenProcess(0x1000, False, pid & 0xFFFFFFFF))  # QUERY_LIMITED_INFORMATION
        if handle.value is None:
            return ctypes.get_last_error() == 5  # ERROR_ACCESS_DENIED: it is somebody else's
        code = ctypes.c_ulong()
        known = kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        kernel.CloseHandle(handle)
        return not known or code.value == 259  # STILL_ACTIVE

else:

    def _there(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except OSError:
            pass  # it is somebody else's
        return True


def _runs(pid: int, told: dict[str, object]) -> bool:
    """Whether that process lives and is the same one; a killed program leaves its entry behind."""
    if not _there(pid):
        return False
    start = told.get("procStart")
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return True  # no such place on this system: the number has to do
    fields = stat.rpartition(")")[2].split()
    if fields[0] in ("Z", "X"):  # it has ended, and nobody has asked how
        return False
    return not isinstance(start, (str, int)) or str(start) == fields[19]
