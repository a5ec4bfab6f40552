"""Paints every row kind in every state to PNG files, to be looked at: `python -m viewer.rows.gallery OUTDIR`."""
# ruff: noqa: E501  (a table of samples reads best as a table)

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication

from store.events import Hunk, Option
from store.items import Item, Message, Notice, Plan, Prompt, Raw, Thought, Tool
from store.text import Text
from viewer.rows.base import Fold, Laid, Pos, lay_out
from viewer.theme import Look, Scheme, apply, make_look

T0 = 1_790_000_000_000_000
S = 1_000_000
OPEN = Fold(open=True)

PROSE = """The loop stopped **one attempt early** because `range(limit)` counts the first try as a retry. I changed it in \
`store/retry.py` and kept the signature, so callers like [the worker](https://example.org/worker) are not touched.

## What I changed

1. `retry()` now makes `limit + 1` attempts.
2. The test waits on the event instead of sleeping.
   - it used to sleep 50 ms
   - which is *not* enough on a busy runner
3. ~~A longer timeout~~ is not needed.

- [x] reproduce
- [ ] run the suite 100 times

> The test fails one time in ten.
> Find out why.

```python
def retry(call: Callable[[], T], limit: int = 3) -> T:
    \"\"\"Call until it works.\"\"\"
    for attempt in range(limit + 1):  # the first one is not a retry
        try:
            return call()
        except TimeoutError as error:
            if attempt == limit:
                raise RetryError(f"gave up after {limit}") from error
    raise AssertionError("unreachable")
```

| case | before | after |
|---|--:|--:|
| happy path | 1 | 1 |
| flaky network, `List<String>` | 2 | **3** |

### Next

Run `make check`; then the branch can be merged. See ![the graph](/home/me/graph.png) and <https://example.org/runs/41>.

***

That is all. <system-reminder>stays visible</system-reminder>"""

HUNKS = (
    Hunk(
        41,
        41,
        (
            " def retry(call, limit=3):",
            '     """Call until it works."""',
            "-    for n in range(limit):",
            "+    for n in range(limit + 1):",
            "         try:",
            "             return call()",
            "-        except Exception:",
            "-            pass",
            "+        except TimeoutError as error:",
            "+            if n == limit:",
            "+                raise RetryError(limit) from error",
        ),
    ),
    Hunk(80, 83, (" # end", "-old = 1", "+new = 1", " ", "\\ No newline at end of file")),
)
FAILURE = "\n".join(
    ["============ test session starts ============", "platform linux -- Python 3.11", "collected 12 items", ""]
    + ["tests/test_retry.py F", "", "    def test_retry():", ">       assert calls == 3", "E       AssertionError: assert 2 == 3", "E        +  where 2 = len(calls)"]
    + [f"line {n} of the rest" for n in range(60)]
)  # fmt: skip
COLOURS = (
    "\x1b[1m\x1b[32mPASSED\x1b[0m tests/test_a.py\n\x1b[31mFAILED\x1b[0m tests/test_b.py \x1b[2mdim\x1b[0m \x1b[7minverse\x1b[0m\n"
    "\x1b[38;5;208morange\x1b[0m \x1b[38:2::120:80:220mtrue colour\x1b[0m \x1b[44mon blue\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x07\n"
    "10%\r50%\r100% done\nbell\x07 nul\x00 rlo\u202etxt.exe"
)


def samples() -> list[tuple[Item, Fold]]:
    """Every kind and state, in the order of a session."""
    ask = (
        Option("y", "Allow once", "allow_once"),
        Option("a", "Always allow pytest", "allow_always"),
        Option("n", "Reject", "reject_once"),
    )
    edit_input = Text('{"file_path": "store/retry.py", "old_string": "a\\nb", "new_string": "b"}')
    shell = Text('{"command": "pytest tests/test_retry.py -x", "description": "Run the failing test"}')
    many = tuple((f"Step {n} of a long plan", "completed" if n < 4 else "pending") for n in range(30))
    nested = Fold(depth=1)
    return [
        (Prompt(id="p1", ts=T0, text="The retry test fails one time in ten.\nFind out why, and fix it.\n\n  - keep the signature\n  - no sleeps"), Fold()),
        (Prompt(id="p2", ts=T0, text="/compact keep the plan", origin="command"), Fold()),
        (Prompt(id="p3", ts=T0, text="<system-reminder>The date is 2026-11-21.</system-reminder> and more that is long " * 4, origin="injected"), Fold()),
        (Prompt(id="p3b", ts=T0, text="<system-reminder>\nThe date is 2026-11-21.\n</system-reminder>", origin="injected"), OPEN),
        (Thought(id="t1", ts=T0, ended=T0 + 6 * S, text=Text("I should look at the loop first.")), Fold()),
        (Thought(id="t2", ts=T0, ended=T0 + 75 * S, text=Text("I should look at `range(limit)` first.\n\nThen run the test again.")), OPEN),
        (Thought(id="t3", ts=T0, hidden=True), Fold()),
        (Thought(id="t4", ts=T0, open=True, text=Text("hm")), Fold()),
        (Tool(id="c1", ts=T0, name="Bash", kind="tool.shell", title="pytest tests/test_retry.py -x", input=shell, output=Text(FAILURE), status="failed", exit_code=1, duration_us=912_000), Fold()),
        (Tool(id="c2", ts=T0, name="Read", kind="tool.read", title="store/retry.py", output=Text("x\n" * 90), status="ok", duration_us=4_000), Fold()),
        (Tool(id="c3", ts=T0, name="Grep", kind="tool.search", title="range\\(limit\\)", status="ok", duration_us=61_000_000), Fold()),
        (Tool(id="c4", ts=T0, name="WebFetch", kind="tool.web", title="https://example.org/a/very/long/path/that/does/not/fit/into/one/line/at/all/index.html?query=1&other=2#anchor-with-a-long-name", status="running"), Fold()),
        (Tool(id="c5", ts=T0, name="mcp__github__create_issue", kind="tool.mcp", title="", input=Text('{"title": "x"}'), status="cancelled", duration_us=3 * S), Fold()),
        (Tool(id="c6", ts=T0, name="Bash", kind="tool.shell", title="ls --color", input=Text('{"command":"ls --color\\nls -la","description":"List","timeout":5}'), output=Text(COLOURS), status="ok", duration_us=31_000), OPEN),
        (Tool(id="c7", ts=T0, name="Edit", kind="tool.edit", title="store/retry.py", hunks=HUNKS, input=edit_input, status="ok", duration_us=12_000), Fold()),
        (Tool(id="c8", ts=T0, name="Edit", kind="tool.edit", title="store/retry.py", hunks=HUNKS, input=edit_input, status="ok", duration_us=12_000), OPEN),
        (Tool(id="c9", ts=T0, name="Bash", kind="tool.shell", title="rm -rf build/", input=Text('{"command":"rm -rf build/"}'), status="waiting", options=ask), Fold()),
        (Tool(id="c9b", ts=T0, name="write file", kind="tool.edit", title="/home/dev/project/store/retry.py", hunks=HUNKS, input=edit_input, status="waiting", rpc="a:#4", options=(Option("once", "Allow once", "allow_once"), Option("always", "Allow writing in this folder for this session", "allow_always"), Option("no", "Refuse", "reject_once"))), Fold()),
        (Tool(id="c9c", ts=T0, name="Bash", kind="tool.shell", title="rm -rf build/", status="cancelled", answer="Refused: No, and tell Codex what to do differently"), Fold()),
        (Tool(id="c9d", ts=T0, name="Bash", kind="tool.shell", title="git push", status="ok", duration_us=1_900_000, answer="Allowed: Yes, and don't ask again for these files"), Fold()),
        (Tool(id="c9e", ts=T0, name="read file", kind="tool.read", title="/etc/passwd", status="failed", output=Text("/etc/passwd is outside of the session's folder /home/dev/project. (-32602)")), Fold()),
        (Tool(id="c9f", ts=T0, name="question", title="How should I approach this refactoring?", status="waiting", rpc="a:#9", options=tuple(Option(f"o{n}", f"Approach number {n} with a rather long name for a button", "") for n in range(11))), Fold()),
        (Tool(id="c10", ts=T0, name="Task", kind="tool.agent", title="Look for other loops like this one", status="running"), Fold(steps=2, children=True)),
        (Tool(id="c11", ts=T0, name="Read", kind="tool.read", title="store/queue.py", status="ok", duration_us=3_000, agent="a"), nested),
        (Message(id="m1", ts=T0, text=Text("Only one other place: `store/queue.py`. It counts **right**."), agent="a"), nested),
        (Tool(id="c12", ts=T0, name="Task", kind="tool.agent", title="Review the change", status="ok", duration_us=95 * S), Fold(steps=14)),
        (Tool(id="c13", ts=T0, name="TodoWrite", kind="tool.todo", title="", input=Text('{"todos":[{"content":"Reproduce","status":"completed"},{"content":"Fix the loop","status":"in_progress"},{"content":"Run the suite","status":"pending"}]}'), status="ok"), Fold()),
        (Plan(id="l1", ts=T0, entries=many), Fold()),
        (Message(id="m2", ts=T0, text=Text(PROSE)), Fold()),
        (Notice(id="n1", ts=T0, kind="compaction", text="Compacted: 182k to 21k tokens"), Fold()),
        (Notice(id="n2", ts=T0, kind="interruption", text="Interrupted by you"), Fold()),
        (Notice(id="n3", ts=T0, kind="api_error", level="error", text="529 overloaded_error: the provider has too much to do. Tried again 3 times.", detail='{"type":"error"}'), Fold()),
        (Notice(id="n4", ts=T0, kind="limit", level="warning", text="5-hour limit reached, resets at 18:00"), Fold()),
        (Notice(id="n5", ts=T0, kind="hook", text="PostToolUse: ruff format", detail="1 file reformatted"), OPEN),
        (Notice(id="n6", ts=T0, kind="result", text="Done in 1 m 12 s · 14 steps · $0.44"), Fold()),
        (Raw(id="r1", ts=T0, type="queue-operation", reason="unknown type", text='{"type":"queue-operation","operation":"enqueue","content":"and then a lot more of it that does not fit"}'), Fold()),
        (Raw(id="r2", ts=T0, type="", reason="not JSON", text="{broken\x00"), OPEN),
        (Prompt(id="p8", ts=T0, text="Why is it red?\n[shot.png](file:///home/me/shot.png)\n[a log with a rather long name that does not fit into a narrow row at all.txt](/home/me/a%20log.txt)", images=2), Fold()),
        (Prompt(id="p9", ts=T0, text="Now run it 100 times.", sending=True, images=2), Fold()),
        (Message(id="m3", ts=T0, text=Text("The loop stopped one attempt early because"), open=True), Fold()),
    ]  # fmt: skip


def stack(rows: Iterable[tuple[Item, Fold]], width: int, look: Look) -> tuple[list[tuple[int, Laid]], int]:
    """The rows laid out below each other, and their whole height."""
    placed: list[tuple[int, Laid]] = []
    y = look.px(8)
    for item, fold in rows:
        laid = lay_out(item, width, look, fold)
        placed.append((y, laid))
        y += laid.height
    return placed, y + look.px(8)


def picture(
    rows: Sequence[tuple[Item, Fold]], width: int, look: Look, *, ratio: float = 1.0, selected: bool = False
) -> QImage:
    """One image of all rows."""
    placed, height = stack(rows, width, look)
    image = QImage(round(width * ratio), round(height * ratio), QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(look.colour("surface.window"))
    with QPainter(image) as painter:
        for y, laid in placed:
            painter.save()
            painter.translate(0, y)
            laid.paint(painter, 0, laid.height, (Pos(0, 3), None) if selected and laid.segments else None)
            painter.restore()
    return image


def main(arguments: Sequence[str]) -> int:
    """Write the pictures: each theme at two widths, in pages short enough to be looked at."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m viewer.rows.gallery OUTDIR\n")
        return 2
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication.instance() or QApplication([])
    out = Path(arguments[0])
    out.mkdir(parents=True, exist_ok=True)
    rows = samples()
    schemes: tuple[Scheme, ...] = ("light", "dark")
    for scheme in schemes:
        look = make_look(scheme)
        if isinstance(app, QApplication):
            apply(app, look)
        for width in (640, 1100):
            for page, start in enumerate(range(0, len(rows), 12)):
                name = f"rows-{scheme}-{width}-{page + 1}.png"
                picture(rows[start : start + 12], width, look).save(str(out / name))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
