"""The command line as a user meets it: real processes, real files, one line of trouble."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from builders import SESSION, assistant, lines, user

from viewer import cli
from viewer.options import Options

REPO = Path(__file__).resolve().parents[2]
RECORDED = REPO / "tests" / "recorded"
TOUR = RECORDED / "claude-code" / "tour.jsonl"


def playhead(*arguments: str | Path, code: int = 0, **more: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "viewer.cli", *map(str, arguments)],
        cwd=REPO, capture_output=True, text=True, timeout=60, check=False, **more,
    )  # type: ignore[call-overload]  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def trouble(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one line that is said before exit code 2."""
    assert cli.main([str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("playhead: ")
    assert error.count("\n") == 1
    return error


def test_show_as_json() -> None:
    rows = [json.loads(line) for line in playhead("show", TOUR, "--json").stdout.splitlines()]
    assert [row["row"] for row in rows] == list(range(14))
    assert (rows[0]["kind"], rows[0]["text"]) == ("prompt", "Give me the tour")
    assert {row["agent"] for row in rows} == {"main"}


def test_show_as_text(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert cli.main(["show", str(TOUR)]) == 0
    first = capfdbinary.readouterr().out.decode().splitlines()[0]
    assert first.split() == ["0", "prompt", "Give", "me", "the", "tour"]


def test_coverage(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert cli.main(["coverage", "--json", str(RECORDED / "claude-code"), str(RECORDED / "claude-stream")]) == 0
    result = json.loads(capfdbinary.readouterr().out)
    assert result["files"] > 20
    assert sum(result[f"bytes_{name}"] for name in ("understood", "raw", "damaged", "blank")) == result["bytes"]
    assert cli.main(["coverage", str(RECORDED / "claude-code" / "damaged.jsonl")]) == 0
    text = capfdbinary.readouterr().out.decode()
    assert "NUL bytes" in text
    assert "brand-new" in text


def test_sessions(home: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    project = home / ".claude" / "projects" / "-w"
    project.mkdir(parents=True)
    for index in (1, 2):
        name = SESSION[:-1] + str(index)
        (project / f"{name}.jsonl").write_bytes(lines(user("x", seconds=index), assistant("y", seconds=10 * index)))
    assert cli.main(["sessions", "--json"]) == 0
    found = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [Path(entry["path"]).stem[-1] for entry in found] == ["2", "1"]  # the newest first
    keys = ["id", "agent", "title", "cwd", "started", "updated", "state", "records", "bytes", "path"]
    assert list(found[0]) == keys
    assert cli.main(["sessions", "--root", str(project), "--root", str(home / ".claude")]) == 0
    assert len(capfdbinary.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["show"], ["show", "a", "b"], ["coverage"], ["sessions", "x"], ["--what"], ["--size", "big"], ["--theme",
        "pink"],
        ["run"], ["run", "--"], ["show", "--jsn", "x"], ["/nonexistent/a.jsonl"], ["--screenshot",
        "/nonexistent/x.png", "--demo"],
        ["show", "/nonexistent/a.jsonl"], ["coverage", "/nonexistent"], ["sessions", "--root", "/nonexistent"],
    ],
)  # fmt: skip
def test_trouble_is_one_line_and_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    trouble(capsys, *arguments)


def test_an_agent_to_be_prompted_needs_a_window(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert "no display" in trouble(capsys, "acp", "--", "some-agent")


def test_what_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A named pipe never blocks; a folder, a device and a file without permission are said in a sentence."""
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    assert "not a regular file" in trouble(capsys, "show", pipe)
    assert "not a regular file" in trouble(capsys, "coverage", pipe)
    assert "is a folder" in trouble(capsys, "show", tmp_path)
    assert "no session files" in trouble(capsys, "coverage", tmp_path)
    assert "not a regular file" in trouble(capsys, "show", "/dev/null")
    assert "not a folder" in trouble(capsys, "sessions", "--root", TOUR)
    secret = tmp_path / "secret.jsonl"
    secret.write_bytes(lines(user("x")))
    secret.chmod(0)
    if not os.access(secret, os.R_OK):  # root may read everything
        assert "permission denied" in trouble(capsys, "show", secret)


def test_one_bad_file_does_not_hide_the_others(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert cli.main(["coverage", "--json", str(tmp_path / "gone"), str(TOUR)]) == 2
    out, error = capfdbinary.readouterr()
    assert json.loads(out)["files"] == 1
    assert error.count(b"\n") == 1


def test_an_empty_file_is_fine(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    assert cli.main(["show", str(empty), "--json"]) == 0
    assert cli.main(["coverage", str(empty), "--json"]) == 0
    assert json.loads(capfdbinary.readouterr().out)["bytes"] == 0


def test_names_that_a_terminal_would_obey(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "\x1b" not in trouble(capsys, "show", tmp_path / "\x1b[2Jx")


def test_a_reader_that_has_enough_is_no_trouble(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_bytes(b"".join(lines(user("x" * 200, f"u{index}")) for index in range(5000)))
    command = f"'{sys.executable}' -m viewer.cli show '{file}' --json | head -c 100"
    done = subprocess.run(["bash", "-c", command], cwd=REPO, capture_output=True, text=True, timeout=60, check=False)
    assert len(done.stdout) == 100
    assert done.stderr == ""


@pytest.mark.parametrize(("where", "words"), [(">&-", "is closed"), ("> /dev/full", "takes no more")])
@pytest.mark.parametrize("command", ["show '{file}'", "show '{file}' --json", "coverage '{file}' --json"])
def test_nowhere_to_write_to_is_one_line(command: str, where: str, words: str) -> None:
    script = f"'{sys.executable}' -m viewer.cli {command.format(file=TOUR)} {where}"
    done = subprocess.run(["bash", "-c", script], cwd=REPO, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


def test_sessions_are_those_of_the_window_also_our_own(home: Path, tmp_path: Path) -> None:
    """From any folder, with several roots, through links that go in circles; the journals of streams are among them."""
    from store.paths import data_dir
    from store.sources.journal import Journal, folder

    journal = Journal(folder(data_dir()), "some-agent", ["some-agent", "-p"], Path("/w"))
    journal.write(lines(user("asked", sessionId="s-1")))
    journal.flush()
    journal.note(title="Mine")
    before = json.loads(playhead("sessions", "--json").stdout)
    assert (before["title"], before["state"]) == ("Mine", "live")
    journal.note(title="")
    journal.end("ended")
    assert json.loads(playhead("sessions", "--json").stdout)["state"] == "ended", "however lately that was"
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (deep / "x.jsonl").write_bytes(lines(user("deep")))
    (deep / "circle").symlink_to(tmp_path / "a")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "y.jsonl").write_bytes(lines(user("beside")))
    (tmp_path / "link").symlink_to(tmp_path / "other")

    def listed(*arguments: str) -> list[str]:
        done = playhead("sessions", "--json", *arguments)
        return sorted(json.loads(line)["title"] for line in done.stdout.splitlines())

    assert listed() == ["asked"]
    assert listed("--root", str(tmp_path / "a")) == ["deep"]
    assert listed("--root", str(tmp_path / "link"), "--root", str(folder(data_dir()))) == ["asked", "beside"]


def test_the_commands_import_no_qt(home: Path) -> None:
    for arguments in (["show", TOUR], ["coverage", TOUR], ["sessions"]):
        call = f"cli.main({[str(argument) for argument in arguments]!r})"
        code = f"import sys; from viewer import cli; {call}; print([name for name in sys.modules if 'PySide' in name])"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stdout.splitlines()[-1] == "[]"


def test_version_and_help() -> None:
    assert playhead("--version").stdout.startswith("playhead ")
    text = playhead("--help").stdout
    for word in (
        "run --",
        "show PATH",
        "coverage PATH",
        "sessions",
        "bench",
        "--demo",
        "--screenshot",
        "--safe-mode",
    ):
        assert word in text


# ---- what the window is asked for


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    found: list[Options] = []
    monkeypatch.setattr(cli, "_open", lambda options: found.append(options) or 0)
    return found


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], Options()),
        (["-"], Options(stdin=True)),
        (["--demo", "--follow"], Options(demo=True, follow=True)),
        (["--safe-mode", "--theme", "dark", "--size", "800x600"], Options(safe=True, theme="dark", size=(800, 600))),
        (["run", "--title", "Mine", "claude"], Options(command=("claude",), title="Mine")),
        (["run", "--", "claude", "-p", "--json"], Options(command=("claude", "-p", "--json"))),
        (["run", "--theme", "light", "echo", "--size"], Options(command=("echo", "--size"), theme="light")),
        (["run", "--", "a", "--", "b"], Options(command=("a", "--", "b"))),
    ],
)
def test_options(arguments: list[str], options: Options, asked: list[Options]) -> None:
    assert cli.main(arguments) == 0
    assert asked == [options]


def test_a_path_named_like_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[Options]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "show").touch()
    assert cli.main(["./show", "--screenshot", "x.png"]) == 0
    assert asked == [Options(paths=("./show",), screenshot="x.png")]


def test_our_own_folders(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from store import paths

    below = home / "playhead"
    assert {place().parent for place in (paths.data_dir, paths.state_dir, paths.config_dir)} == {below}
    monkeypatch.delenv("PLAYHEAD_DATA_DIR")
    assert paths.data_dir() == home / ".local" / "share" / "playhead"
    assert paths.config_dir() == home / ".config" / "playhead"
