"""The import rules that lint-imports cannot see, and the page that describes them."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]

# Imports the modules it is given, one after the other, and prints which of Qt's modules came with each.
IMPORTS = """
import importlib, json, sys
came, before = {}, set()
for name in sys.argv[1:]:
    importlib.import_module(name)
    qt = {module for module in sys.modules if module.startswith(("PySide6.", "shiboken6."))}
    if qt - before:
        came[name] = sorted(qt - before)
    before |= qt
print(json.dumps(came))
"""

# Runs the command line in this process and prints, last, whether it loaded Qt.
COMMAND = """
import sys
from viewer.cli import main
try:
    code = main()
except SystemExit as left:
    code = left.code
print("\\nQT", sorted(name for name in sys.modules if name.startswith("PySide6")), "CODE", code or 0)
"""

# What the viewer may know of the store. Its benches measure the inside, so they may look there.
FACE = {
    "",
    "agents",
    "about",
    "archive",
    "archive_child",
    "archive_import",
    "attach",
    "audit",
    "continuing",
    "conversation",
    "coverage",
    "coverage_hand",
    "delta",
    "doctor",
    "due",
    "empties",
    "errors",
    "events",
    "insight_talk",
    "items",
    "live",
    "offers",
    "paths",
    "prices_own",
    "preflight",
    "report",
    "runs",
    "requests_report",
    "search",
    "service",
    "settings",
    "states",
    "stops",
    "storage",
    "storage_trash",
    "text",
    "threads",
    "titles",
    "trigger",
    "triggers",
    "usage_report",
    "word",
}

LINE = {
    "type": "user",
    "uuid": "11111111-1111-4111-8111-111111111111",
    "sessionId": "22222222-2222-4222-8222-222222222222",
    "timestamp": "2026-01-01T00:00:00.000Z",
    "cwd": "/home/ada/project",
    "message": {"role": "user", "content": "hello"},
}


def modules(package: str) -> list[str]:
    """Dotted names of all modules of a package."""
    names = []
    for file in sorted((REPO / package).rglob("*.py")):
        parts = file.relative_to(REPO).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def python(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter: what the tests have imported is not in it."""
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPO)


def came_with(*names: str) -> dict[str, list[str]]:
    done = python(IMPORTS, *names)
    assert done.returncode == 0, done.stderr
    answer: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_store_needs_no_qt() -> None:
    """P-03: the data can be tested, measured and asked without a window."""
    # Migrations are loaded by Alembic, by file name, with its own context.
    names = [name for name in modules("store") if name != "store.live" and ".migrations" not in name]
    assert len(names) > 10
    assert came_with(*names) == {}


def test_live_needs_qtcore_only() -> None:
    came = came_with("store.live")
    assert {name for names in came.values() for name in names if name.startswith("PySide6.Qt")} == {"PySide6.QtCore"}


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """All below a node, however deep: imports are among them, and expressions, most of a file, are not looked into."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        below = getattr(node, field, None)
        for child in below if isinstance(below, list) else ():
            yield child
            yield from statements(child)


def test_viewer_sees_the_face_of_store_only() -> None:
    strangers = []
    for file in sorted((REPO / "viewer").rglob("*.py")):
        for node in statements(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
                if node.module == "store":  # from store import settings: the module counts, not the package
                    modules = {path.stem for path in (REPO / "store").glob("*")}
                    names = [f"store.{alias.name}" for alias in node.names if alias.name in modules] or ["store"]
            else:
                continue
            for name in names:
                package, _, module = name.partition(".")
                if package == "store" and module.split(".")[0] not in FACE and file.parent.name != "bench":
                    strangers.append(f"{file.relative_to(REPO)}:{node.lineno} imports {name}")
    assert strangers == []


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["sessions"], ["show"], ["coverage"], ["digest"], ["turns"], ["doctor"]],
)
def test_commands_without_a_window_load_no_qt(arguments: list[str], home: Path) -> None:
    project = home / ".claude" / "projects" / "-tmp-project"
    project.mkdir(parents=True)
    session = project / f"{LINE['sessionId']}.jsonl"
    session.write_text(json.dumps(LINE) + "\n", "utf-8")
    if arguments in (["sessions"], ["doctor"]):
        arguments = [*arguments, "--json"]
    elif not arguments[0].startswith("-"):
        arguments = [*arguments, str(session), "--json"]
    done = python(COMMAND, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "QT [] CODE 0", done.stdout + done.stderr


HOT = ["lines", "pipe", "fold", "fold_state", "fold_talk", "fold_tools", "batch", "session", "hub"]


@pytest.mark.parametrize("name", HOT)
def test_hot_modules_do_not_parse_with_json(name: str) -> None:
    """P-01: orjson decodes, in store.decode; a second parser on the hot path would be four times as slow."""
    file = REPO / "store" / f"{name}.py"
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            assert "json" not in [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.module != "json"


@pytest.mark.parametrize("package", ["store", "viewer"])
def test_architecture_names_every_module(package: str) -> None:
    """ARCHITECTURE.md is kept true: who adds a module or a folder says there what it is for."""
    page = (REPO / "ARCHITECTURE.md").read_text("utf-8")
    known = set(re.findall(rf"`{package}/([\w/]+?)(?:\.py|/)`", page))
    there = {file.stem for file in (REPO / package).glob("*.py") if not file.stem.startswith("__")}
    there |= {file.parent.name for file in (REPO / package).glob("*/__init__.py")}
    assert sorted(there - known) == [], f"not in ARCHITECTURE.md: {sorted(there - known)}"
    assert sorted(known - there) == [], f"in ARCHITECTURE.md, but gone: {sorted(known - there)}"


def test_every_file_says_what_it_is_for() -> None:
    for package in ("store", "viewer", "resources"):
        for file in (REPO / package).rglob("*.py"):
            source = file.read_text("utf-8")
            if source.strip():
                # Its first statement; all of it need not be parsed for that.
                assert re.match(r'(\s*#.*\n)*\s*r?"""\s*\S', source), f"{file} has no docstring"


def test_no_test_folder_shadows_a_package() -> None:
    """tests/ is on the path for its helpers: an __init__.py in tests/store would be taken for `store` itself."""
    shadows = [name for name in ("store", "viewer", "resources") if (REPO / "tests" / name / "__init__.py").exists()]
    assert shadows == []
