"""Issue 2, bad input: what a path may turn out to be, in the real window and in the commands. Real files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import line, lines, user
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from store.items import text_of
from viewer import cli
from viewer.app import App
from viewer.options import Options
from viewer.window import MainWindow

NESTED = b'{"type":"user","message":{"role":"user","content":"deep"},"x":' + b'{"x":' * 100 + b"1" + b"}" * 101 + b"\n"
READABLE = {
    # name → bytes, and words of a row that must be on the screen
    "empty": (b"", None),
    "binary": (bytes(range(256)) * 400, None),
    "zeros": (b"\0" * 5000 + b"\n" + line(user("after the zeros")), "after the zeros"),
    "lone": (b'{"type":"user","message":{"role":"user","content":"\\ud83d lone"}}\n', "lone"),
    "nan": (b'{"type":"user","cost":NaN,"message":{"role":"user","content":"not a number"}}\n', "not a number"),
    "nested": (NESTED, "deep"),
    "text": (b"just some notes\nof two lines", "just some notes"),
}


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    before = sys.getswitchinterval()
    app = App(Options(safe=True, size=(700, 500)))
    app.window.show()
    broken: list[object] = []
    app.broke.connect(broken.append)
    yield app.window
    app.window.close()
    app.shutdown()
    app.window.deleteLater()
    sys.setswitchinterval(before)
    assert broken == []


def texts(window: MainWindow) -> list[str]:
    current = window.desk.current
    assert current is not None
    return [text_of(current.model.item(row)) for row in range(current.model.length)]


def read(window: MainWindow, qtbot: QtBot, path: Path) -> list[str]:
    """Open it, wait until it is read or refused, paint it; returns its rows."""
    window.open_path(str(path))
    current = window.desk.current
    assert current is not None
    qtbot.waitUntil(lambda: current.header is not None and current.header.state != "opening", timeout=30_000)
    window.render(QImage(window.size(), QImage.Format.Format_ARGB32))
    return texts(window)


@pytest.mark.parametrize("name", READABLE)
def test_odd_files_are_shown_and_add_up(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], name: str
) -> None:
    data, words = READABLE[name]
    path = tmp_path / f"{name}.jsonl"
    path.write_bytes(data)
    rows = read(window, qtbot, path)
    assert not window.notice.isVisible()
    assert words is None or any(words in row for row in rows)
    capfdbinary.readouterr()
    assert cli.main(["show", str(path), "--json"]) == 0
    shown = [json.loads(row)["text"] for row in capfdbinary.readouterr().out.splitlines()]
    # The command reads what is there; the last line of a file that is watched may still grow.
    assert shown[: len(rows)] == rows
    assert cli.main(["coverage", str(path), "--json"]) == 0
    found = json.loads(capfdbinary.readouterr().out)
    assert (
        found["bytes"] == len(data) == sum(found[f"bytes_{part}"] for part in ("understood", "raw", "damaged", "blank"))
    )
    assert cli.main(["sessions", "--root", str(tmp_path), "--json"]) == 0
    assert json.loads(capfdbinary.readouterr().out)["bytes"] == len(data)


@pytest.mark.parametrize(
    "size", [20_000_000, pytest.param(200_000_000, marks=[pytest.mark.soak, pytest.mark.timeout(600)])]
)
def test_one_line_of_many_megabytes(window: MainWindow, qtbot: QtBot, tmp_path: Path, size: int) -> None:
    """Shown, bounded on the screen, and accounted for to the byte."""
    path = tmp_path / "long.jsonl"
    path.write_bytes(line(user("short")) + line(user("x" * size, "u2")) + line(user("after it", "u3")))
    window.open_path(str(path))
    qtbot.waitUntil(lambda: "after it" in texts(window), timeout=300_000)
    qtbot.waitUntil(lambda: "short" in texts(window), timeout=300_000)
    window.render(QImage(window.size(), QImage.Format.Format_ARGB32))
    view = window.pane.view
    _, laid = view.scene.laid(1)
    assert laid.height < 100_000
    assert not window.notice.isVisible()


@pytest.mark.parametrize("what", ["pipe", "folder", "device", "gone", "dangling"])
def test_what_is_no_file_is_a_sentence(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    path = tmp_path / f"{what}.jsonl"
    match what:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "device":
            path = Path("/dev/zero")
        case "dangling":
            path.symlink_to(tmp_path / "nowhere")
    if what != "folder":  # which is looked through for sessions
        assert read(window, qtbot, path) == []
        assert window.notice.isVisible()
        assert path.name in window.notice.text.text()
        assert window.header.state.text() == "failed"
    for command in ("show", "coverage"):
        refused(capsys, command, path)
    if what != "folder":
        refused(capsys, "sessions", "--root", path)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> None:
    """Exit code 2 and one line."""
    capsys.readouterr()
    assert cli.main([str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("playhead: ")
    assert error.count("\n") == 1


def test_a_file_deleted_and_made_anew_while_it_is_open(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    """What was read stays, the header says so, and a file of that name is read again when it comes back."""
    path = tmp_path / "s.jsonl"
    path.write_bytes(lines(user("before")))
    assert read(window, qtbot, path) == ["before"]
    path.unlink()
    qtbot.waitUntil(lambda: "was deleted" in window.notice.text.text(), timeout=20_000)
    assert texts(window) == ["before"]
    path.write_bytes(lines(user("anew", "u9")))
    qtbot.waitUntil(lambda: texts(window) == ["anew"], timeout=20_000)


OPEN = """
from viewer.app import App
from viewer.options import Options
from viewer.screenshot import wait_until_loaded
app = App(Options(safe=True))
app.window.show()
app.window.open_path({file!r})
assert wait_until_loaded(app)
print(app.window.notice.text.text())
print(app.window.header.state.text())
app.window.close()
app.shutdown()
"""


def bound() -> list[str]:
    """What makes a file's mode count for root as well: root without the right to pass over it."""
    if os.geteuid():
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may read everything, and there is no setpriv to take that from it")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


def test_without_permission(tmp_path: Path) -> None:
    """A sentence in the window, exit code 2 and one line in the commands; what can be read is told all the same."""
    for name in ("secret", "fine"):
        (tmp_path / f"{name}.jsonl").write_bytes(lines(user(name)))
    secret = tmp_path / "secret.jsonl"
    secret.chmod(0)
    prefix = bound()
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(Path(cli.__file__).parents[1])}

    def may_not(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*prefix, sys.executable, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    for arguments in (
        ["show", str(secret)],
        ["coverage", str(secret)],
        ["sessions", "--json", "--root", str(tmp_path)],
    ):
        done = may_not("-m", "viewer.cli", *arguments)
        assert done.returncode == 2, done.stderr
        assert done.stderr.count("\n") == 1
        assert "permission denied" in done.stderr
    assert [json.loads(row)["title"] for row in done.stdout.splitlines()] == ["fine"]
    done = may_not("-c", OPEN.format(file=str(secret)))
    assert "permission denied" in done.stdout, done.stderr
    assert done.stdout.splitlines()[-1] == "failed"
