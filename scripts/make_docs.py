"""Writes the reference tables in docs/ from the declarations in the code; `--check` only says which are stale."""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import pkgutil
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import checklist  # noqa: E402  lies beside this file

import store.formats as formats  # noqa: E402
import viewer.rows as rows  # noqa: E402
from store import settings  # noqa: E402
from viewer.rows import base  # noqa: E402

MADE = "<!-- Made by scripts/make_docs.py from the code. Change it there. -->\n\n"


def modules(package: ModuleType) -> Iterator[ModuleType]:
    """The modules of a package but its base, by name: one per agent, or one per row kind."""
    for found in sorted(pkgutil.iter_modules(package.__path__), key=lambda module: module.name):
        if found.name != "base" and not found.name.startswith("_"):
            yield importlib.import_module(f"{package.__name__}.{found.name}")


def about(module: ModuleType) -> str:
    """The first sentence of a module's file, without its full stop."""
    text = " ".join((inspect.getdoc(module) or "").split())
    return re.split(r"\.(?:\s|$)", text)[0].replace("|", "\\|")


def format_table() -> str:
    lines = ["| agent | name | looked for in | file |", "|---|---|---|---|"]
    for module in modules(formats):
        for found in vars(module).values():
            if isinstance(found, formats.base.Format):
                where = ", ".join(f"`{folder}`" for folder in found.where) or "–"
                file = f"`{module.__name__.replace('.', '/')}.py`"
                lines.append(f"| {found.title} | `{found.agent}` | {where} | {file} |")
    return "\n".join(lines) + "\n"


def format_notes() -> str:
    """Per format what it rests on, and which records it understands and does not show, with the reason."""
    parts = []
    listed: dict[int, str] = {}  # a table of hidden records → the format that it stands at
    for module in modules(formats):
        _, _, rest = (inspect.getdoc(module) or "").partition("\n\n")
        words = re.sub(r"\s*Found by folder[^.]*\.", "", " ".join(rest.split())).strip()
        for found in vars(module).values():
            if isinstance(found, formats.base.Format) and (words or found.hidden):
                same = listed.setdefault(id(found.hidden), found.agent)
                table = hidden_table(found.hidden) if same == found.agent else f"Not shown is the same as of `{same}`."
                parts += [f"## {found.title} (`{found.agent}`)", words, table]
    return "\n\n".join(part for part in parts if part) + "\n"


def hidden_table(hidden: Mapping[str, str]) -> str:
    by: dict[str, list[str]] = {}
    for kind, why in hidden.items():
        by.setdefault(why, []).append(f"`{kind}`")
    rows = [f"| {why} | {', '.join(kinds)} |" for why, kinds in by.items()]
    return "\n".join(("| understood, and not shown because | records |", "|---|---|", *rows)) if rows else ""


def kind_table() -> str:
    lines = ["| kinds | file | what it shows |", "|---|---|---|"]
    for module in modules(rows):
        kinds = [kind for kind, layer in base._layers.items() if layer.__module__ == module.__name__]
        if kinds:
            shown = ", ".join(f"`{kind}`" for kind in sorted(kinds))
            lines.append(f"| {shown} | `{module.__name__.replace('.', '/')}.py` | {about(module)} |")
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """File name in docs/ → what it must contain."""
    return {
        "settings.md": f"# Settings\n\n{MADE}{settings.table()}",
        "formats.md": f"# Agent formats\n\n{MADE}{format_table()}\n{format_notes()}",
        "row-kinds.md": f"# Row kinds\n\n{MADE}A kind is looked up from the right: `tool.edit`, `tool`, `unknown`.\n\n"
        f"{kind_table()}",
        "checklist.md": f"# Checklist\n\n{MADE}What was promised, and the tests that prove it.\n\n"
        f"{checklist.page(ROOT / 'tests')}",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; leave with 1 when a page is stale")
    check = parser.parse_args().check
    stale = []
    for name, text in pages().items():
        file = ROOT / "docs" / name
        if file.exists() and file.read_text("utf-8") == text:
            continue
        stale.append(f"docs/{name}")
        if not check:
            file.write_text(text, "utf-8")
    if stale:
        print(("stale, run scripts/make_docs.py: " if check else "written: ") + " ".join(stale))
    missing = checklist.missing(ROOT / "tests")
    for row in missing:
        print(f"no test names {row} of the checklist ({checklist.ROWS[row]})")
    return 1 if missing or (stale and check) else 0


if __name__ == "__main__":
    sys.exit(main())
