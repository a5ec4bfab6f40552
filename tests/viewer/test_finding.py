"""`playhead search`: what it prints, for people and scripts, and how it ends."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from imports import REPO

from store.db.search import catch_up
from store.intake import take_in
from store.paths import data_dir
from viewer.cli import main

RECORDED = REPO / "tests" / "recorded" / "claude-code"


@pytest.fixture
def sessions(tmp_path: Path) -> list[Path]:
    """Two sessions in the database of this test's home, not indexed yet."""
    paths = []
    for name in ("tour", "compact"):
        paths.append(Path(shutil.copy(RECORDED / f"{name}.jsonl", tmp_path)))
        take_in(data_dir() / "playhead.db", paths[-1])
    return paths


def test_found_rows_are_printed_newest_first(sessions: list[Path], capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    catch_up(data_dir() / "playhead.db")
    assert main(["search", '"the tour"', "--json"]) == 0
    out, err = capsysbinary.readouterr()
    rows = [orjson.loads(line) for line in out.splitlines()]
    assert err == b""
    assert {row["session"] for row in rows} == {str(path) for path in sessions}
    assert [row["ts"] for row in rows] == sorted((row["ts"] for row in rows), reverse=True)
    for row in rows:
        assert list(row) == [
            "session", "id", "agent", "title", "project", "cwd", "row", "item", "kind", "tool", "ts", "is_error", "in",
            "snippet", "matches",
        ]  # fmt: skip
        start, end = row["matches"][0]
        assert row["snippet"][start:end].lower() == "the tour"
        assert len(row["snippet"]) <= 160
    assert main(["search", '"the tour"']) == 0
    out, err = capsysbinary.readouterr()
    assert out.decode().splitlines()[-1] == f"{len(rows)} rows"
    assert main(["search", '"the tour"', "--limit", "1"]) == 0
    assert capsysbinary.readouterr().out.decode().splitlines()[-1] == f"{len(rows)} rows; these are 1 of them"


def test_options_narrow_it(sessions: list[Path], capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    catch_up(data_dir() / "playhead.db")

    def rows(*arguments: str) -> list[dict[str, object]]:
        code = main(["search", "--json", *arguments])
        found = [orjson.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
        assert code == (0 if found else 1)
        return found

    assert {row["tool"] for row in rows("--tool", "Bash", "--tool", "edit")} == {"Bash", "Edit"}
    failed = rows("--is-error")
    assert failed
    assert all(row["is_error"] for row in failed)
    assert rows("--is-error", "--kind", "tool", "--agent", "claude") == [row for row in failed if row["tool"]]
    assert {row["kind"] for row in rows("tour", "--kind", "prompt")} == {"prompt"}
    assert rows("tour", "--since", "2100-01-01") == []
    assert rows("tour", "--project", "nowhere") == []
    assert len(rows("tour", "-tour")) == 0
    assert len(rows("kind:prompt", "-tour")) < len(rows("kind:prompt"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["(tour"], "The ( at character 1 is not closed."),
        (['say "so'], "The quote at character 5 is not closed."),
        ([], "Say what to look for."),
        (["-tour"], "NOT at character 1 takes away from something"),
        (["tour", "--kind", "nonsense"], "There is no kind “nonsense”. There are: prompt,"),
        (["tour", "--since", "some day"], "“some day” is no time"),
        (["tour", "--limit", "x"], "argument --limit"),
        (["tour", "--nonsense"], "unrecognized arguments"),
    ],
)
def test_what_is_no_query_is_one_line(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("playhead: ")
    assert sentence in err
    assert err.count("\n") == 1


def test_nothing_found_is_1(sessions: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    catch_up(data_dir() / "playhead.db")
    assert main(["search", "zyzzyva"]) == 1
    assert capsys.readouterr() == ("", "playhead: Nothing was found.\n")


def test_without_any_session_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "word"]) == 1
    assert capsys.readouterr() == ("", "playhead: No session is in the database yet.\n")


def test_what_is_not_indexed_yet_is_said_and_can_be_waited_for(
    sessions: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["search", "tour"]) == 1
    assert capsys.readouterr().err == (
        "playhead: Nothing was found.\n"
        "playhead: 2 sessions are still being indexed: what they hold may be missing here.\n"
    )
    assert main(["search", "tour", "--wait"]) == 0
    out, err = capsys.readouterr()
    assert "Give me the tour" in out
    assert err == ""


def test_it_loads_no_qt_and_reading_needs_no_sqlalchemy(sessions: list[Path]) -> None:
    program = (
        "import sys; from viewer.cli import main; code = main(sys.argv[1:]); "
        "print(code, *sorted({name.partition('.')[0] for name in sys.modules} & {'PySide6', 'sqlalchemy', 'alembic'}))"
    )
    for arguments, wanted in ((["zyzzyva"], "1"), (["--wait", "zyzzyva"], "1 sqlalchemy")):
        command = [sys.executable, "-c", program, "search", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPO)
        assert done.stdout.splitlines()[-1] == wanted, done.stderr
