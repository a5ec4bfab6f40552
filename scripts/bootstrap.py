"""Makes .venv from the lock file with nothing but Python's own library; called by scripts/setup, never imported."""

from __future__ import annotations

import fcntl
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PIPS = 4  # at once
# Folders of packages; what the folder of this project is called says nothing.
UNREAD = r"site-packages/(.*/)?(mypyc?|scripts|testing|tests?|lexers|mssql|mysql|oracle|v1|orm|cffi|pycparser)/"
LOCKS = {"run": "requirements.lock", "dev": "requirements-dev.lock"}
_asked: dict[tuple[str | Path, ...], str] = {}

sys.path.insert(0, str(ROOT / "scripts"))  # python -I leaves the script's folder out
import qt_libraries  # noqa: E402


def main() -> None:
    level = sys.argv[1]
    # Two terminals may say `make` at once: the second waits, then finds the work done.
    with (ROOT / "Makefile").open() as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        _check_libc()
        qt_libraries.ensure()
        if not _usable():
            _make_venv()
        _install(level)


def _check_libc() -> None:
    """pip would say 'no matching distribution'; this says why."""
    name, version = platform.libc_ver()
    if name != "glibc":
        return
    floor = (2, 39) if platform.machine() == "aarch64" else (2, 34)
    if tuple(map(int, version.split(".")[:2])) < floor:
        sys.exit(
            f"setup: PySide6 6.11 needs glibc {floor[0]}.{floor[1]} on {platform.machine()}; here it is {version}. "
            "On x86-64 that means Debian 12, Ubuntu 22.04 or newer; on arm64 Debian 13, Ubuntu 24.04 or newer."
        )


def _usable() -> bool:
    """Is there an environment, with a Python that runs, is new enough, and is the one that was asked for?"""
    if not PYTHON.exists():
        return False
    ask = "import sys; print(*sys.version_info[:2])"
    answer = subprocess.run([PYTHON, "-I", "-c", ask], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        return False
    major, minor = map(int, answer.stdout.split())
    return (major, minor) == sys.version_info[:2] if os.environ.get("PYTHON") else (major, minor) >= (3, 11)


def _make_venv() -> None:
    print(f"setup: making .venv with Python {platform.python_version()}", flush=True)
    if VENV.exists():
        shutil.rmtree(VENV)
    # Without pip: Debian's python3 has no ensurepip, and the pip that is already here can install into it.
    if subprocess.run([sys.executable, "-m", "venv", "--without-pip", VENV], check=False).returncode == 0:
        return
    sys.exit(
        f"setup: {sys.executable} cannot make virtual environments. On Debian and Ubuntu type\n"
        "    sudo apt-get install -y python3-venv\nand then the same make command again."
    )


def _install(level: str) -> None:
    with _compiling("store", "viewer", "resources"):  # beside pip, which waits for the network and the disk
        pip = _pip()
        print(f"setup: installing {LOCKS[level]} into .venv", flush=True)
        lock = ROOT / LOCKS[level]
        uv = _uv(pip, lock)
        if uv is None or not _install_by_uv(uv, lock):
            _install_by_pip(pip, lock)
    with _compiling("-j", "0", "-x", UNREAD, *map(str, VENV.glob("lib/python*/site-packages"))):
        pass
    _unpack_support()


def _uv(pip: list[str | Path], lock: Path) -> str | None:
    """What installs in a sixth of pip's time: it looks at the file it wants where pip looks at every file there is.

    The one that is here, or the one of the lock. None: pip does it all, as where its settings say how to reach the
    registry, which uv does not read.
    """
    if re.search(r"\.(index-url|no-index|proxy|client-cert|trusted-host)=", _settings(*pip) or ""):
        return None
    found = shutil.which("uv") or shutil.which("uv", path=VENV / "bin")
    block = next((block for block in _blocks(lock) if block.startswith("uv==")), None)
    if found is not None or block is None:
        return found
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder) / "uv.lock"
        alone.write_text(block + "\n", "utf-8")
        # Only what is ready to run: to build it takes a compiler and minutes.
        command = [*_by_pip(pip), "--quiet", "--only-binary", ":all:", "--no-deps", "--require-hashes", "-r", alone]
        # What it says is of no use: pip, which is tried next, says it again.
        subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return shutil.which("uv", path=VENV / "bin")


def _install_by_uv(uv: str, lock: Path) -> bool:
    """Whether it could: a network that lets only pip through is met here."""
    common: list[str | Path] = [uv, "pip", "install", "--python", PYTHON, "--no-deps", *_quiet()]
    # Tried once more and not five times: pip stands behind it. Believes who the machine believes, as pip does.
    environ = {"UV_SYSTEM_CERTS": "true", **os.environ, "UV_HTTP_RETRIES": "1"}
    steps: tuple[list[str | Path], ...] = (
        ["--require-hashes", "-r", lock],
        ["--no-build-isolation", "--editable", "."],
    )
    for what in steps:
        if subprocess.run([*common, *what], cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, check=False).returncode:
            print("setup: uv could not do it; pip does", flush=True)
            return False
    return True


def _install_by_pip(pip: list[str | Path], lock: Path) -> None:
    common = _by_pip(pip)
    _install_locked(common, lock)
    # The build backend is in the lock as well: nothing is fetched that is not hashed there.
    editable = [*common, *_quiet(), "--no-deps", "--no-build-isolation", "--editable", "."]
    subprocess.run(editable, cwd=ROOT, check=True)


def _by_pip(pip: list[str | Path]) -> list[str | Path]:
    return [*pip, "install", "--disable-pip-version-check", "--no-input", "--no-compile"]


def _blocks(lock: Path) -> list[str]:
    """One per package, with its hashes."""
    return [block for block in re.split(r"\n(?=\S)", lock.read_text("utf-8")) if "==" in block]


@contextmanager
def _compiling(*what: str) -> Iterator[None]:
    """Nobody compiles what is installed: with PYTHONDONTWRITEBYTECODE set, every start would compile all of it again.

    compileall writes all the same; what does not compile is for the run itself to tell. Left out is a third that nobody
    imports, or that lies there as machine code.
    """
    with subprocess.Popen([PYTHON, "-I", "-m", "compileall", "-qq", *what], cwd=ROOT, stdin=subprocess.DEVNULL):
        yield


def _install_locked(pip: list[str | Path], lock: Path) -> None:
    """In several processes: most of pip's time is spent on a single core, over the lists of every project's files.

    The lock names all there is to install, so no process has to look for what another one's packages depend on.
    """
    blocks = [block for block in _blocks(lock) if not block.startswith("uv==")]
    blocks.sort(key=lambda block: block.count("--hash="), reverse=True)  # many hashes: many files to look through
    running = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(PIPS):
            part = Path(folder) / f"{lock.stem}-{number}.lock"
            part.write_text("\n".join(blocks[number::PIPS]) + "\n", "utf-8")
            # One of them shows how far it is, where somebody looks: the one with Qt, most of all bytes.
            quiet = _quiet() if any(block.startswith("pyside6") for block in blocks[number::PIPS]) else ["--quiet"]
            command = [*pip, *quiet, "--no-deps", "--require-hashes", "-r", part]
            running.append(subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL))
        failed = [process.returncode for process in running if process.wait()]
    if failed:
        raise subprocess.CalledProcessError(failed[0], [*pip])


def _quiet() -> list[str]:
    return [] if sys.stdout.isatty() else ["--quiet"]


def _unpack_support() -> None:
    """PySide6 carries 120 KB of Python inside a library and compiles it with every import, a fifteenth of a start.

    With its own switch SBK_EMBED it writes them beside the library, where Python keeps them compiled: 1 takes away what
    an older version left there, 0 writes them. A PySide6 that does not do that starts as it came.
    """
    older = next(VENV.glob("lib/python*/site-packages/shiboken6/files.dir"), None)
    for switch in ("0",) if older is None else ("1", "0"):
        again = {**os.environ, "SBK_EMBED": switch}
        subprocess.run([PYTHON, "-I", "-c", "import PySide6.QtCore"], env=again, capture_output=True, check=False)
    for folder in VENV.glob("lib/python*/site-packages/shiboken6/files.dir"):
        subprocess.run([PYTHON, "-m", "compileall", "-q", folder], check=False)


def _pip() -> list[str | Path]:
    """A pip that installs into .venv: its own, or the one of the Python that runs this, or a new one."""
    own: list[str | Path] = [PYTHON, "-m", "pip"]
    other: list[str | Path] = [sys.executable, "-m", "pip", "--python", PYTHON]  # pip 22.3 and newer
    for pip in (own, other):
        if _settings(*pip) is not None:
            return pip
    if subprocess.run([PYTHON, "-m", "ensurepip"], capture_output=True, check=False).returncode == 0:
        return own
    sys.exit(
        f"setup: {sys.executable} has no pip that is 22.3 or newer. On Debian and Ubuntu type\n"
        "    sudo apt-get install -y python3-pip\nand then the same make command again."
    )


def _settings(*pip: str | Path) -> str | None:
    """What this pip's settings are; None when it cannot be run. Asked once: it takes a second to start."""
    if pip not in _asked:
        done = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return None
        _asked[pip] = done.stdout
    return _asked[pip]


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"setup: pip failed with {error.returncode}; what it said is above.")
