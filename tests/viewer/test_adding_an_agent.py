"""docs/adding-an-agent.md is true: the file that it builds is dropped into a copy of this tree, and seen everywhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import REPO

PAGE = REPO / "docs" / "adding-an-agent.md"
SCRIPT = """
import contextlib, io, json, sys
from pathlib import Path
from viewer import cli

session, answers = Path(sys.argv[1]), {}

class Out(io.StringIO):
    def __init__(self):
        super().__init__()
        self.buffer = io.BytesIO()

def ask(*words):
    out = Out()
    with contextlib.redirect_stdout(out):
        code = cli.main([str(word) for word in words])
    assert code == 0, (words, code)
    return [json.loads(line) for line in out.buffer.getvalue().splitlines()] if "--json" in words else (
        out.buffer.getvalue().decode()
    )

answers["sessions"] = ask("sessions", "--json")
answers["rows"] = ask("show", session, "--json")
answers["coverage"] = ask("coverage", session, "--json", "--drift")
answers["drift"] = ask("coverage", session, "--drift")
answers["usage"] = ask("usage", "--json", "--utc")
answers["import"] = ask("import", "--json")[-1]
from store.db.search import catch_up
from store.paths import data_dir
catch_up(data_dir() / "playhead.db")
answers["found"] = ask("search", "what is in this folder", "--json")
from store.formats import sniff
answers["sniffed"] = {
    f"{file.parent.name}/{file.name}": sniff(file.read_bytes()[:65536], file).agent
    for file in sorted(Path(sys.argv[2]).glob("*/*.jsonl"))
}
sys.path.insert(0, "scripts")
import make_docs
answers["docs"] = make_docs.format_table()
print(json.dumps(answers))
"""


def block(language: str) -> str:
    found = re.search(rf"```{language} acme\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what is imported, compiled as it is, with one file more."""
    root = tmp_path / "tree"
    for name in ("store", "scripts"):
        shutil.copytree(REPO / name, root / name, ignore=shutil.ignore_patterns("*.pyc.*"))  # being written
    for name in ("viewer", "resources"):
        (root / name).symlink_to(REPO / name)
    (root / "store" / "formats" / "acme.py").write_text(block("python"), "utf-8")
    return root


@pytest.fixture
def session(home: Path) -> Path:
    path = home / ".acme" / "sessions" / "s1.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(block("jsonl"), "utf-8")
    return path


def run(tree: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def test_one_file_is_all_it_takes(tree: Path, session: Path) -> None:
    """The list, the rows, coverage and drift, figures, the archive and its search, the docs; and no other agent's file
    is taken for its."""
    (tree / "ask.py").write_text(SCRIPT, "utf-8")
    told: dict[str, Any] = json.loads(run(tree, "ask.py", session, REPO / "tests" / "recorded").stdout)
    (listed,) = told["sessions"]
    assert (listed["agent"], listed["id"], listed["title"], listed["cwd"]) == (
        "acme", "s1", "What is in this folder?", "/w/demo",
    )  # fmt: skip
    assert [row["kind"] for row in told["rows"]] == ["prompt", "tool.shell", "message", "raw"]
    assert told["rows"][1]["tool"]["status"] == "ok"
    assert told["rows"][2]["source"][0]["file"] == str(session)
    (covered,) = told["coverage"]
    assert (covered["understood"], covered["raw"], covered["damaged"]) == (6, 1, 0)
    assert {one["type"]: one["hidden"] for one in covered["classes"]}
    assert "acme 1.4.0: 7 records" in told["drift"]
    assert "green" not in told["drift"]
    (usage,) = told["usage"]
    assert (usage["total"]["in"], usage["total"]["out"]) == (900, 20)
    assert usage["total"]["cost_usd"] is not None
    assert len(told["found"]) == 1
    wrong = {name: agent for name, agent in told["sniffed"].items() if agent == "acme"}
    assert wrong == {}
    assert "| Acme CLI | `acme` | `~/.acme/sessions` | `store/formats/acme.py` |" in told["docs"]


def test_it_opens_in_the_window(tree: Path, session: Path, tmp_path: Path) -> None:
    picture = tmp_path / "acme.png"
    run(tree, "-m", "viewer", session, "--screenshot", picture)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_recipe_names_what_there_is() -> None:
    """Files, modules and commands that the page speaks of."""
    page = PAGE.read_text("utf-8")
    for path in re.findall(r"`((?:store|tests|docs|scripts)/[\w./-]+)`", page):
        assert (REPO / path).exists() or "acme" in path, path
    for module in re.findall(r"`(\w+\.py)`", page):
        assert (REPO / "store" / "formats" / module).exists(), module
