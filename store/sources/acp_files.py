"""Files of an ACP session: read and written below its folder and nowhere else, whatever links lead there.

A path is resolved first, links and all. The file is then opened step by step from the folder, and no step may be a
link: what was put in the way meanwhile is refused, and is not followed out of the folder.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MOST: Final = 16 << 20  # bytes of a file that is read for an agent
SHOWN: Final = 1 << 20  # bytes of a file that is compared with what is to be written
_FOLDER: Final = (
    os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
)
_PLAIN: Final = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)  # else Windows changes the ends of lines
)
_STEPS: Final = os.open in os.supports_dir_fd


class RefusedError(Exception):
    """The agent does not get what it asks for; the sentence says why. `code` is that of JSON-RPC."""

    def __init__(self, why: str, code: int = -32602) -> None:
        super().__init__(why)
        self.code = code


class Folder:
    """The folder of a session. All methods raise RefusedError."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))

    def inside(self, path: str) -> Path:
        """Where a path of the agent's leads, if that is inside."""
        if not path or "\0" in path:
            raise RefusedError("That is no path.")
        if not Path(path).is_absolute():
            raise RefusedError(f"{path} is not absolute, as the protocol wants it.")
        try:
            real = Path(os.path.realpath(path))
        except (OSError, ValueError) as error:
            raise RefusedError(f"{path} cannot be resolved: {error}.") from error
        if real != self.root and self.root not in real.parents:
            raise RefusedError(f"{path} is outside of the session's folder {self.root}.")
        return real

    def read(self, path: str, line: int | None = None, limit: int | None = None) -> str:
        """The text of a file, or `limit` lines of it from `line` on (1 is the first)."""
        data = self._bytes(self.inside(path), path, MOST)
        if data is None:
            raise RefusedError(f"Resource not found: {path}", -32002)
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise RefusedError(f"{path} is no text in UTF-8.") from error
        if line is None and limit is None:
            return text
        lines = list(io.StringIO(text, newline="")) if "\r" in text else text.split("\n")
        first = max(0, (line or 1) - 1)
        some = lines[first : first + limit] if limit is not None and limit >= 0 else lines[first:]
        return "".join(some) if "\r" in text else "\n".join(some)

    def before(self, path: str) -> str | None:
        """What stands in a file that is to be written; None: nothing, or nothing that can be compared."""
        with contextlib.suppress(RefusedError, UnicodeDecodeError):
            data = self._bytes(self.inside(path), path, SHOWN)
            return None if data is None else data.decode("utf-8")
        return None

    def write(self, path: str, text: str) -> None:
        """Replace a file by this text, or make it, with the folders that it needs. Whole or not at all."""
        real = self.inside(path)
        if real == self.root:
            raise RefusedError(f"{path} is a folder.")
        try:
            with self._parent(real, make=True) as folder:
                _replace(folder, real, text.encode("utf-8", "replace"))
        except OSError as error:
            raise RefusedError(f"{path} cannot be written: {error.strerror or error}.", -32603) from error

    # ---- how

    def _bytes(self, real: Path, path: str, most: int) -> bytes | None:
        """What is in a file; None when there is none."""
        if real == self.root:
            raise RefusedError(f"{path} is no file.")
        try:
            with self._parent(real, make=False) as folder:
                where = real.name if folder is not None else str(real)
                file = os.open(where, os.O_RDONLY | _PLAIN, dir_fd=folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RefusedError(f"{path} cannot be read: {error.strerror or error}.", -32603) from error
        look = os.fstat(file)
        if not stat.S_ISREG(look.st_mode):
            os.close(file)
            raise RefusedError(f"{path} is no file.")
        with os.fdopen(file, "rb") as opened:
            if look.st_size > most:
                raise RefusedError(f"{path} has {look.st_size:,} bytes; {most:,} is the most that is read.")
            try:
                return opened.read(most + 1)[:most]
            except OSError as error:
                raise RefusedError(f"{path} cannot be read: {error.strerror or error}.", -32603) from error

    @contextlib.contextmanager
    def _parent(self, real: Path, *, make: bool) -> Iterator[int | None]:
        """The folder that a file lies in, opened without following a link. None where the system cannot do that."""
        if not _STEPS:
            if make:
                real.parent.mkdir(parents=True, exist_ok=True)
            self.inside(str(real))
            yield None
            return
        folder = os.open(self.root, _FOLDER)
        try:
            for name in real.relative_to(self.root).parts[:-1]:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(name, dir_fd=folder)
                step = os.open(name, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = step
            yield folder
        finally:
            os.close(folder)


def _replace(folder: int | None, real: Path, data: bytes) -> None:
    """Write beside it, then put it there: nobody ever sees half of it."""
    beside = f".{real.name[:100]}.{uuid.uuid4().hex[:8]}.part"
    part, target = (beside, real.name) if folder is not None else (str(real.with_name(beside)), str(real))
    mode = 0o666
    with contextlib.suppress(FileNotFoundError):
        look = os.stat(target, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(look.st_mode):
            raise OSError(0, "it is no file")
        mode = stat.S_IMODE(look.st_mode) & 0o777  # what an agent wrote gets nobody's rights
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN
    try:
        with os.fdopen(os.open(part, flags, mode, dir_fd=folder), "wb") as file:
            file.write(data)
            if mode != 0o666 and hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), mode)
        os.replace(part, target, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(part, dir_fd=folder)
        raise
