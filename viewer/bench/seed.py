"""Seeded transcripts of any length in a database of their own, for benches: written once, read as the window does."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

import msgspec

from store.db.rows import Rows
from store.db.writer import Writer
from store.draft import Draft
from store.events import Hunk
from store.facts import Facts
from store.fold import Put, State
from store.items import Item, Message, Prompt, Thought, Tool
from store.known import source_of
from store.text import Text
from store.window import DbWindow

BATCH: Final = 10_000
_SENTENCES: Final = (
    "The loop stopped one attempt early because the limit was counted from zero. ",
    "I will look at `store/retry.py` first, then at the test that fails one time in ten. ",
    "**Two things** are left: the back-off table, and a note in the changelog. ",
    "See [the issue](https://example.com/issues/12) for the whole story. ",
)
_BLOCKS: Final = (
    "\n\n```python\ndef retry(limit: int) -> None:\n    for n in range(limit + 1):\n        attempt(n)\n```\n\n",
    "\n\n| case | before | after |\n|---|---|---|\n| flaky | 1 in 10 | 0 in 500 |\n\n",
    "\n\n- first the reader\n- then the writer\n- then the test\n\n",
    "\n\n",
)


def item_at(row: int, rng: random.Random) -> Item:
    """A believable row: of every ten, one prompt, three answers, a thought and five tool calls."""
    ts = 1_770_000_000_000_000 + row * 3_000_000
    turn = row // 10 + 1
    kind = row % 10
    if kind == 0:
        return Prompt(id=f"u{row}", ts=ts, turn=turn, text=rng.choice(_SENTENCES) * rng.randint(1, 3))
    if kind in (1, 5, 9):
        parts = (rng.choice(_SENTENCES) * rng.randint(1, 4) + rng.choice(_BLOCKS) for _ in range(rng.randint(1, 4)))
        text = "".join(parts)
        return Message(id=f"m{row}", ts=ts, turn=turn, text=Text(text), llm="opus")
    if kind == 2:
        return Thought(id=f"t{row}", ts=ts, turn=turn, text=Text(rng.choice(_SENTENCES) * 3), ended=ts + 2_000_000)
    if kind == 4:
        lines = tuple(rng.choice(" +-") + f"    value = table[{n}]" for n in range(rng.randint(3, 30)))
        hunks = (Hunk(10, 10, lines),)
        return Tool(id=f"c{row}", ts=ts, turn=turn, name="Edit", kind="tool.edit", title="store/retry.py", status="ok",
                    ended=ts + 40_000, hunks=hunks)  # fmt: skip
    output = "\n".join(f"tests/test_{n}.py::test_case PASSED [{n:3}%]" for n in range(rng.randint(1, 40)))
    return Tool(id=f"c{row}", ts=ts, turn=turn, name="Bash", kind="tool.shell", title=f"pytest tests -x -k case_{row}",
                status="ok", ended=ts + 900_000, exit_code=0, output=Text(output))  # fmt: skip


def seeded(rows: int, folder: Path) -> DbWindow | None:
    """A window on so many rows, in a database in this folder; None for none."""
    if rows == 0:
        return None
    path = folder / "bench.db"
    return filled(path, rows, "bench", path)


def filled(path: Path, rows: int, key: str, file: Path) -> DbWindow:
    """The same in a database that is named, as a session of this key that was read from this file."""
    rng = random.Random(rows)
    templates = [item_at(row, rng) for row in range(200)]
    writer = Writer(path)
    draft, state = Draft(key), State()
    written = Rows(0, state)
    for first in range(0, rows, BATCH):
        end = min(rows, first + BATCH)
        written.add(
            Put(row, msgspec.structs.replace(templates[row % 200], id=f"r{row}", turn=row // 10 + 1))
            for row in range(first, end)
        )
        if end < rows:
            writer.put(draft, written, written.take())
    state.rows = rows
    state.turn = rows // 10 + 1
    source = source_of(file, "", None, 0 if file == path else file.stat().st_size)
    writer.publish(draft, written, written.take(), state, Facts(), "claude-code", [source])
    writer.close()
    return DbWindow(path, written.session, rows)
