"""The real ccusage, pinned, out of the npm registry: what it says of a home, beside what Playhead says of it."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from store.usage_report import Usage, usage

VERSION: Final = "20.0.24"
FOLDERS: Final = {"claude": ".claude/projects", "codex": ".codex/sessions"}
Sums: TypeAlias = dict[tuple[str, str, str], tuple[int, int, int, int]]
"""(agent, day of UTC, model) → input, output, read from the cache, written to it"""


@cache
def program() -> Path:
    """Its script, installed once per machine; skips with the reason where that cannot be done."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node and npm are not here")
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)  # not the home of the test: npm's settings lie in the real one
    folder = home / ".cache" / "playhead-tests" / f"ccusage-{VERSION}"
    script = folder / "node_modules" / "ccusage" / "src" / "cli.js"
    if not script.exists():
        folder.mkdir(parents=True, exist_ok=True)
        order = [npm, "install", "--no-audit", "--no-fund", "--include=optional", "--prefix", str(folder)]
        done = subprocess.run(
            [*order, f"ccusage@{VERSION}"], env={**os.environ, "HOME": str(home)}, capture_output=True, text=True
        )
        if done.returncode or not script.exists():
            pytest.skip(f"ccusage {VERSION} cannot be installed: {done.stderr.strip()[-200:]}")
    told = subprocess.run([node, str(script), "--version"], capture_output=True, text=True)
    if VERSION not in told.stdout:
        pytest.skip(f"ccusage does not run here: {(told.stdout + told.stderr).strip()[-200:]}")
    return script


def theirs(home: Path) -> Sums:
    """What ccusage says of the sessions of a home. It calls a model that ran in fast mode by another name."""
    found: Sums = {}
    for agent, folder in FOLDERS.items():
        if not (home / folder).is_dir():
            continue
        places = {"CLAUDE_CONFIG_DIR": str(home / ".claude"), "CODEX_HOME": str(home / ".codex")}
        more = ["--breakdown"] if agent == "claude" else []
        told = subprocess.run(
            ["node", str(program()), agent, "daily", "--json", "--offline", "--timezone", "UTC", *more],
            env={**os.environ, **places, "HOME": str(home), "NO_COLOR": "1"},
            capture_output=True,
            check=True,
        )
        for day in json.loads(told.stdout)["daily"]:
            models = day.get("models") or {one["modelName"]: one for one in day.get("modelBreakdowns", ())}
            for model, one in models.items():
                key = (agent, day["date"], model.removesuffix("-fast"))
                counts = [one[f"{name}Tokens"] for name in ("input", "output", "cacheRead", "cacheCreation")]
                before = found.get(key, (0, 0, 0, 0))
                found[key] = tuple(map(sum, zip(before, counts, strict=True)))  # type: ignore[assignment]
    return {key: sums for key, sums in found.items() if any(sums)}


def ours(home: Path) -> Sums:
    """What `playhead usage --by day --utc` says of them."""
    found: Sums = {}
    for agent, folder in FOLDERS.items():
        if not (home / folder).is_dir():
            continue
        report = usage(Usage(roots=[home / folder], utc=True).sessions())
        for group in report["groups"]:
            for model, one in group["by_model"].items():
                sums = (one["in"], one["out"], one["cache_read"], one["cache_create"])
                if any(sums):
                    found[agent, group["day"], model] = sums
    return found


def differences(home: Path) -> dict[tuple[str, str, str], tuple[object, object]]:
    """Where the two do not say the same: ours, theirs."""
    mine, other = ours(home), theirs(home)
    keys = sorted(set(mine) | set(other))
    return {key: (mine.get(key), other.get(key)) for key in keys if mine.get(key) != other.get(key)}
