"""An output that its agent has put into a file beside the session: told in its row, shown when asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apps import running
from builders import answer, assistant, call, lines, user
from pytestqt.qtbot import QtBot

from store.errors import StoreError
from store.items import Tool
from store.report import rows_of
from store.rest import reader
from viewer.app import App
from viewer.options import Options
from viewer.rows.base import Fold, lay_out

SESSION = "5e551014-0000-4000-8000-0000000000aa"
SAID = (
    "<persisted-output>\nOutput too large (54KB). Full output saved to: /Users/x/.claude/projects/-w/other/"
    "tool-results/brn.txt\n\nPreview (first 2KB):\none\n...\n</persisted-output>"
)


@pytest.fixture
def session(tmp_path: Path) -> Path:
    file = tmp_path / "-w" / f"{SESSION}.jsonl"
    file.parent.mkdir()
    hidden = SAID.replace("tool-results/brn.txt", ".REDACTED.txt")
    flow = {"status": "running", "runId": "wf_12345678-abc"}
    told = [user("Go", "u1")]
    for number, (name, said, more) in enumerate(
        (("Bash", SAID, {}), ("Workflow", "begun", flow), ("Bash", hidden, {}))
    ):
        told.append(assistant(call(name, f"t{number}"), uuid=f"a{number}", id=f"msg_{number}"))
        told.append(answer(said, f"t{number}", f"r{number}", toolUseResult=more))
    file.write_bytes(lines(*told))
    return file


def tools(session: Path) -> list[Tool]:
    return [row for row in rows_of(session)[0] if isinstance(row, Tool)]


def test_the_row_names_the_file_and_nothing_else_is_believed(session: Path) -> None:
    first, flow, hidden = tools(session)
    assert str(first.output).startswith("Output too large (54KB). Full output saved to: /Users/x")
    assert str(first.output).endswith("one\n...")
    assert [tool.rest for tool in (first, flow, hidden)] == [
        "tool-results/brn.txt",
        "workflows/wf_12345678-abc.json",
        "",
    ]


def test_what_a_real_agent_has_put_beside_its_session() -> None:
    """A recording of Claude Code 2.1.329, shortened: the path in its record is another machine's."""
    recorded = Path(__file__).parents[1] / "recorded" / "claude-code" / "large-output.jsonl"
    (shell,) = tools(recorded)
    assert shell.rest == "tool-results/bmiykwyp6.txt"
    ((path, _, data),) = reader(recorded, shell.rest)()
    assert path == str(recorded.with_suffix("") / "tool-results" / "bmiykwyp6.txt")
    assert data == b"".join(b"%d\n" % number for number in range(1, 6301))


def test_only_what_lies_there_is_read(session: Path, tmp_path: Path) -> None:
    folder = session.with_suffix("") / "tool-results"
    folder.mkdir(parents=True)
    (folder / "brn.txt").write_text("all of it\n")
    (folder / "link.txt").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe.txt")
    (folder / "dir.txt").mkdir()
    below = session.with_suffix("") / "subagents" / "agent-1.jsonl"
    for path in (session, below):
        assert reader(path, "tool-results/brn.txt")() == [(str(folder / "brn.txt"), 0, b"all of it\n")]
    for name, why in (("none.txt", "does not lie beside"), ("link.txt", "cannot be read"), ("pipe.txt", "is no file"),
                      ("dir.txt", "cannot be read")):  # fmt: skip
        with pytest.raises(StoreError, match=why):
            reader(session, f"tool-results/{name}")()
    for name in ("../../etc/passwd", "tool-results/../x", "/etc/passwd", "a/b/c", ".hidden/x", ""):
        with pytest.raises(StoreError, match="no folder"):
            reader(session, name)()


@pytest.fixture
def app(session: Path, qtbot: QtBot) -> Iterator[App]:
    with running(Options(paths=(str(session),), size=(1000, 800)), show=False) as made:
        made.start(restore=False)
        qtbot.waitUntil(lambda: len(found(made)) == 3, timeout=30_000)
        yield made


def found(app: App) -> list[Any]:
    current = app.window.desk.current
    rows = [] if current is None else [current.model.item(row) for row in range(current.model.length)]
    return [row for row in rows if isinstance(row, Tool)]


def test_it_is_shown_on_request_and_said_when_it_is_gone(app: App, session: Path, qtbot: QtBot) -> None:
    window, view = app.window, app.window.pane.view
    item = found(app)[0]
    zones = lay_out(item, 800, window.look, Fold(open=True)).zones  # type: ignore[attr-defined]
    assert [zone.action for zone in zones if zone.action == "rest"] == ["rest"]
    assert not [
        zone for zone in lay_out(found(app)[2], 800, window.look, Fold(open=True)).zones if zone.action == "rest"
    ]  # type: ignore[attr-defined]
    row = view.timeline.position_of(item.id)  # type: ignore[union-attr]
    assert row is not None
    view.act(row, "rest")
    text, note = window.inspector.text, window.inspector.note
    qtbot.waitUntil(lambda: "brn.txt does not lie beside this session" in note.text(), timeout=30_000)
    folder = session.with_suffix("") / "tool-results"
    folder.mkdir(parents=True)
    (folder / "brn.txt").write_text('{"as": "it is"}\n' + "line\n" * 30_000)
    [action] = [one for one in view.context_menu(row).actions() if one.text() == "Show all of the output"]
    action.trigger()
    qtbot.waitUntil(lambda: '{"as": "it is"}\nline\n' in text.toPlainText(), timeout=30_000)
    assert text.toPlainText().count("line\n") == 30_000
    assert window.inspector.heading.text() == f"Row {row + 1}: all of the output"
    saved = session.parent / "saved.txt"
    window.inspector.save(saved)
    assert saved.read_bytes() == (folder / "brn.txt").read_bytes()
