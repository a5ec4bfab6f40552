"""The set-up that `make run` and `make test` do: the lock files, the stamp that makes a second call free, the wheel."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

REPO = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["project"]


def locked(name: str) -> dict[str, str]:
    """Normalised project name → its block in that lock file."""
    blocks = re.split(r"\n(?=\S)", (REPO / name).read_text("utf-8").strip())
    return {re.sub(r"[-_.]+", "-", block.split("==")[0]).lower(): block for block in blocks}


@pytest.fixture
def qt_libraries() -> ModuleType:
    return script("qt_libraries")


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, REPO / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_lock_has_hashes_and_no_addresses(name: str) -> None:
    for block in locked(name).values():
        assert re.match(r"[\w.-]+==[\w.!+]+", block), block
        assert "--hash=sha256:" in block, block
        assert "://" not in block
        assert "file:" not in block


def test_everything_declared_is_locked() -> None:
    """A dependency that was added without `scripts/lock` is not installed by make."""
    runtime, dev = locked("requirements.lock"), locked("requirements-dev.lock")
    for wanted in [*PROJECT["dependencies"], "hatchling"]:
        assert re.sub(r"[-_.]+", "-", re.split(r"[<>=\[ ;]", wanted)[0]).lower() in runtime
    for wanted in PROJECT["optional-dependencies"]["dev"]:
        assert re.sub(r"[-_.]+", "-", re.split(r"[<>=\[ ;]", wanted)[0]).lower() in dev
    assert {name: block for name, block in runtime.items() if dev.get(name) != block} == {}, "tested is not what is run"


def test_ci_runs_every_check_and_every_suite() -> None:
    """000-43: lint, types and all tests, the ones of digest, turns, agents, migrations and figures among them."""
    steps = (REPO / ".ci" / "run").read_text("utf-8").splitlines()
    assert {"make check", "make test"} <= {" ".join(step.split()[:2]) for step in steps}
    made = (REPO / "Makefile").read_text("utf-8")
    check = made[made.index("\ncheck:") :].split("\n\n")[0]
    for tool in ("ruff check", "mypy", "lint-imports"):
        assert tool in check
    test = made[made.index("\ntest:") :].split("\n\n")[0]
    assert "--ignore" not in test
    assert "--deselect" not in test
    for suite in ("digest", "digest_fold", "stored_figures", "archive", "migrations"):
        assert (REPO / "tests" / "store" / f"test_{suite}.py").is_file()


def test_make_alone_lists_the_vocabulary() -> None:
    said = subprocess.run(["make", "-C", REPO], capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^make (\w+) ", said, re.MULTILINE) == ["run", "test", "check", "bench", "soak"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the set-up reads, with a python3.11 that only writes down what it was asked to do."""
    shutil.copytree(REPO / "scripts", tmp_path / "scripts")
    for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml", "Makefile"):
        shutil.copy(REPO / name, tmp_path)
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python3.11"
    makes = 'mkdir -p .venv/bin && cp "$0" .venv/bin/python'
    python.write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path}/asked"\n{makes}\n', "utf-8")
    python.chmod(0o755)
    return tmp_path


def set_up(checkout: Path, level: str, **environ: str) -> list[str]:
    """Runs scripts/setup; gives what it asked of Python."""
    asked = checkout / "asked"
    asked.unlink(missing_ok=True)
    clean = {"PATH": f"{checkout}/bin:/usr/bin:/bin", **environ}
    subprocess.run([checkout / "scripts" / "setup", level], env=clean, check=True)
    return asked.read_text("utf-8").splitlines() if asked.exists() else []


def test_second_set_up_asks_no_python(checkout: Path) -> None:
    assert "-I scripts/bootstrap.py run" in set_up(checkout, "run")
    assert set_up(checkout, "run") == []
    assert "-I scripts/bootstrap.py dev" in set_up(checkout, "dev")
    assert set_up(checkout, "dev") == []
    assert set_up(checkout, "run") == []


def test_changed_lock_moved_folder_or_new_display_sets_up_again(checkout: Path) -> None:
    set_up(checkout, "dev")
    with (checkout / "requirements-dev.lock").open("a") as lock:
        lock.write("# newer\n")
    assert set_up(checkout, "dev") != []
    assert set_up(checkout, "dev") == []
    assert set_up(checkout, "dev", DISPLAY=":0") != [], "a window needs more system libraries than tests do"
    moved = checkout.rename(checkout.with_name("moved"))
    # The stand-in writes to where it was made for.
    (moved / "bin" / "python3.11").write_text(f'#!/bin/sh\necho "$@" >> "{moved}/asked"\n', "utf-8")
    assert set_up(moved, "dev", DISPLAY=":0") != []


def test_failed_set_up_is_tried_again(checkout: Path) -> None:
    python = checkout / "bin" / "python3.11"
    good = python.read_text("utf-8")
    python.write_text(good + 'case "$*" in *bootstrap*) exit 3;; esac\n', "utf-8")
    with pytest.raises(subprocess.CalledProcessError):
        set_up(checkout, "run")
    python.write_text(good, "utf-8")
    assert set_up(checkout, "run") != []


def said_by(path: Path, text: str, code: int = 0) -> str:
    """A program that says this whatever it is asked."""
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\nexit {code}\n", "utf-8")
    path.chmod(0o755)
    return str(path)


def test_uv_installs_unless_pips_settings_say_how_to_reach_the_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    bootstrap = script("bootstrap")
    lock = REPO / "requirements.lock"
    uv = said_by(tmp_path / "uv", "", code=2)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert bootstrap._uv([said_by(tmp_path / "plain", "global.extra-index-url='file:///more'")], lock) == uv
    assert bootstrap._uv([said_by(tmp_path / "behind", ":env:.index-url='https://mirror.invalid'")], lock) is None
    assert not bootstrap._install_by_uv(uv, lock)
    assert "pip does" in capfd.readouterr().out
    assert any(block.startswith("uv==") for block in bootstrap._blocks(lock))
    packages = "/home/tests/scripts/playhead/.venv/lib/python3.11/site-packages"
    found = [
        bool(re.search(bootstrap.UNREAD, f"{packages}/{file}")) for file in ("orjson/a.py", "b/tests/a.py", "v1/a.py")
    ]
    assert found == [False, True, True], "what is compiled does not depend on where the project lies"


def test_no_python_says_how_to_name_one(checkout: Path) -> None:
    done = subprocess.run(
        [checkout / "scripts" / "setup", "run"],
        env={"PATH": "/usr/bin:/bin", "PYTHON": "/nowhere/python"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "PYTHON=" in done.stderr


def test_line_to_type_names_the_packages(qt_libraries: ModuleType) -> None:
    lacking = ["libEGL.so.1", "libxcb-cursor.so.0"]
    apt = qt_libraries.by_hand(lacking, {"apt-get": "/usr/bin/apt-get"})
    assert apt == "sudo apt-get update && sudo apt-get install -y --no-install-recommends libegl1 libxcb-cursor0"
    assert "'libEGL.so.1()(64bit)'" in qt_libraries.by_hand(lacking, {"dnf": "/usr/bin/dnf"})
    assert "xcb-util-cursor" in qt_libraries.by_hand(lacking, {"pacman": "/usr/bin/pacman"})
    assert "libEGL.so.1" in qt_libraries.by_hand(lacking, {})


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems' wheels carry all they need")
def test_libraries_are_looked_for_as_the_loader_does(qt_libraries: ModuleType) -> None:
    assert qt_libraries.missing(["libc.so.6", "libplayhead-nowhere.so.7"]) == ["libplayhead-nowhere.so.7"]
    assert set(qt_libraries.wanted({})) < set(qt_libraries.wanted({"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}))
    # Qt runs here, so nothing that it always needs may be reported.
    assert qt_libraries.missing(qt_libraries.ALWAYS) == []


def test_wheel_has_the_resources_and_licences(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=REPO, check=True, capture_output=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    (wheel,) = tmp_path.glob("playhead-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for file in sorted((REPO / "resources").rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            assert str(file.relative_to(REPO)) in names
    for file in (REPO / "store" / "db" / "migrations").rglob("*.py"):  # no module imports them
        assert str(file.relative_to(REPO)) in names
    assert any(name.endswith("licenses/resources/fonts/Inter-OFL.txt") for name in names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"store", "viewer", "resources", "playhead"}


def test_every_resource_is_found_by_name() -> None:
    import resources

    assert resources.path("icons/bot.svg").read_bytes().startswith(b"<")
    assert resources.path("fonts/Inter-Regular.ttf").is_file()
    with pytest.raises(FileNotFoundError):
        resources.path("icons/nothing.svg")


def test_what_pyside_would_compile_with_each_import_lies_compiled() -> None:
    """A fifteenth of a start: see `_unpack_support` in scripts/bootstrap.py."""
    if Path(sys.prefix) != REPO / ".venv":
        pytest.skip("this Python was not set up by make")
    ask = "import sys, PySide6.QtCore; print(sys.modules['shibokensupport.signature.loader'].__file__)"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    loader = Path(done.stdout.strip())
    assert loader.is_file()
    assert Path(importlib.util.cache_from_source(str(loader))).is_file()
