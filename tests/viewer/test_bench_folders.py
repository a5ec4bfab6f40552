"""Benches leave nothing behind: what a killed one had, up to gigabytes, goes with the next one."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from viewer.bench import main
from viewer.bench.apart import PREFIX, folder

_HELD = """
import sys
from viewer.bench.apart import folder
with folder() as home:
    (home / "big").write_bytes(bytes(1000))
    print(home, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_what_a_killed_bench_left_goes_and_what_another_one_works_in_stays(temporary: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", _HELD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdout is not None
        its = Path(child.stdout.readline().strip())
        assert its.parent == temporary
        with folder() as mine, folder() as another:
            assert {*temporary.glob(f"{PREFIX}*")} == {its, mine, another}
            assert (its / "big").stat().st_size == 1000
        child.kill()
        child.wait()
    assert [*temporary.glob(f"{PREFIX}*")] == [its]
    with folder() as mine:
        assert [*temporary.glob(f"{PREFIX}*")] == [mine]
    assert not [*temporary.iterdir()]


@pytest.mark.parametrize("line", [("stream", "--rows", "30", "--repeat", "1", "--flushes", "2"),
                                  ("scroll", "--rows", "30", "--steps", "1")])  # fmt: skip
def test_a_bench_over_rows_takes_its_database_away(
    line: tuple[str, ...], temporary: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("viewer.bench.common.LOOPS", 10_000)  # the yardstick takes a second
    assert main(line) == 0
    assert line[0] in capsys.readouterr().out
    assert not [*temporary.glob(f"{PREFIX}*")]
