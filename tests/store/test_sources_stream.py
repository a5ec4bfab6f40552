"""Standard input and journals: pipes end, disks fill up, processes die in the middle. Real descriptors and files."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from store.errors import StoreError
from store.sources.journal import Journal, Meta, meta_path, read_meta
from store.sources.stdin import Stdin

WAIT = 20.0
REPO = Path(__file__).parents[2]


class Input:
    """A pipe that is read as if it were standard input."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()
        self.data = b""
        self.ends: list[str] = []
        self.news = threading.Condition()
        self.stdin = Stdin(self._out, self._ended, self.read_end)
        self.stdin.start()

    def _out(self, data: bytes) -> None:
        with self.news:
            self.data += data
            self.news.notify_all()

    def _ended(self, why: str) -> None:
        with self.news:
            self.ends.append(why)
            self.news.notify_all()

    def until(self, data: bytes) -> None:
        with self.news:
            assert self.news.wait_for(lambda: self.data == data, WAIT), self.data


@pytest.mark.timeout(30)
class TestStdin:
    def test_bytes_as_they_come_and_the_end(self) -> None:
        source = Input()
        os.write(source.write_end, b'{"half')
        source.until(b'{"half')
        os.write(source.write_end, b'"}\n')
        source.until(b'{"half"}\n')
        assert source.ends == []
        os.close(source.write_end)
        source.stdin.join(WAIT)
        assert source.ends == [""]

    def test_a_non_blocking_pipe(self) -> None:
        source = Input()
        os.set_blocking(source.read_end, False)
        os.write(source.write_end, b"x")
        source.until(b"x")
        os.close(source.write_end)
        source.stdin.join(WAIT)
        assert source.ends == [""]

    def test_stop_does_not_wait_for_the_writer(self) -> None:
        source = Input()
        source.stdin.stop()
        source.stdin.stop()
        assert source.ends == []
        os.write(source.write_end, b"nobody reads this, and nobody minds")

    def test_a_file_as_standard_input(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        path.write_bytes(b"{}\n" * 100_000)
        got: list[bytes] = []
        ends: list[str] = []
        with path.open("rb") as file:
            stdin = Stdin(got.append, ends.append, file.fileno())
            stdin.start()
            stdin.join(WAIT)
        assert b"".join(got) == path.read_bytes()
        assert ends == [""]

    def test_no_standard_input_is_a_sentence(self) -> None:
        ends: list[str] = []
        read_end, write_end = os.pipe()
        os.close(read_end)
        os.close(write_end)
        stdin = Stdin(lambda _: None, ends.append, read_end)
        stdin.start()
        stdin.join(WAIT)
        assert len(ends) == 1
        assert ends[0].startswith("Standard input cannot be read")


class TestJournal:
    def test_exact_bytes_and_what_they_do_not_say(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path / "journals", "some agent/ü", ["agent", "-p", "hi"], Path("/w"))
        pieces = [b'{"a":1}\n', b"\xff\xfe torn ", "é".encode()[:1], b"\x00\r\n", b""]
        for piece in pieces:
            journal.write(piece)
        before = read_meta(journal.path)
        assert before is not None
        assert before.ended == ""
        journal.end("exit code 1")
        assert journal.path.read_bytes() == b"".join(pieces)
        meta = read_meta(journal.path)
        assert isinstance(meta, Meta)
        assert (meta.argv, meta.cwd, meta.exit, meta.lost) == (("agent", "-p", "hi"), "/w", "exit code 1", 0)
        assert meta.started <= meta.ended
        assert meta.ended.endswith("Z")
        assert journal.path.name.endswith(".jsonl")
        assert journal.key == f"journal:{journal.path.stem}"
        assert "/" not in journal.path.name.replace("some-agent", "")
        journal.end()
        journal.write(b"too late")
        assert journal.path.read_bytes() == b"".join(pieces)

    def test_flush_brings_it_to_the_file_before_the_end(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path, "x")
        for number in range(1000):
            journal.write(b"%d\n" % number)
        assert journal.flush(WAIT)
        assert journal.path.read_bytes() == b"".join(b"%d\n" % number for number in range(1000))
        journal.end()

    def test_what_comes_first_is_written_at_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """X-06: a kill in the first quarter of a second leaves it; what follows is gathered."""
        monkeypatch.setattr("store.sources.journal.EVERY", 3600)
        wrote = threading.Event()
        real = os.write
        monkeypatch.setattr(os, "write", lambda fd, data: (real(fd, data), wrote.set())[0])
        journal = Journal(tmp_path, "x")
        wrote.clear()
        journal.write(b"first\n")
        assert wrote.wait(WAIT)
        assert journal.path.read_bytes() == b"first\n"
        journal.end()

    def test_small_writes_are_few_writes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        count = 0
        real = os.write

        def write(fd: int, data: bytes) -> int:
            nonlocal count
            count += 1
            return real(fd, data)

        journal = Journal(tmp_path, "x")
        monkeypatch.setattr(os, "write", write)
        for _ in range(5000):
            journal.write(b"0123456789" * 29)
        journal.end()
        assert journal.path.stat().st_size == 5000 * 290
        assert count < 50

    def test_only_its_owner_may_read_it(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path, "x")
        journal.write(b"x")
        journal.end()
        if os.name != "nt":
            assert journal.path.stat().st_mode & 0o077 == 0

    def test_two_of_the_same_name_at_once(self, tmp_path: Path) -> None:
        first, second = Journal(tmp_path, "x"), Journal(tmp_path, "x")
        assert first.path != second.path
        first.end()
        second.end()

    def test_no_folder_is_a_sentence(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(StoreError, match="takes no journal"):
            Journal(tmp_path / "file" / "journals", "x")

    def test_a_damaged_sidecar_is_none(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path, "x")
        journal.end()
        meta_path(journal.path).write_text("{")
        assert read_meta(journal.path) is None
        meta_path(journal.path).unlink()
        assert read_meta(journal.path) is None

    @pytest.mark.skipif(sys.platform == "win32", reason="no limit on file sizes there")
    def test_a_full_disk_is_told_once_and_made_good_when_there_is_room(self, tmp_path: Path) -> None:
        """A real write error: the process may write files of 4 KB only, then of any size again."""
        done = subprocess.run([sys.executable, "-c", FULL, os.fspath(tmp_path)], cwd=REPO, capture_output=True,
                              timeout=60, text=True)  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout == "told 1\nwhole\n"

    @pytest.mark.skipif(sys.platform == "win32", reason="no limit on file sizes there")
    def test_a_disk_that_stays_full_leaves_whole_bytes_and_says_what_is_lost(self, tmp_path: Path) -> None:
        code = FULL.replace("resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))", "pass")
        done = subprocess.run([sys.executable, "-c", code, os.fspath(tmp_path)], cwd=REPO, capture_output=True,
                              timeout=60, text=True)  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout == "told 2\n4096 of 10000, lost 5904\n"

    @pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
    def test_a_crash_leaves_a_readable_file(self, tmp_path: Path) -> None:
        """X-06"""
        done = subprocess.run([sys.executable, "-c", CRASH, os.fspath(tmp_path)], cwd=REPO, capture_output=True,
                              timeout=60)  # fmt: skip
        assert done.returncode == -9, done.stderr
        (path,) = tmp_path.glob("*.jsonl")
        assert path.read_bytes() == b'{"n":1}\n' * 1000
        meta = read_meta(path)
        assert meta is not None
        assert meta.ended == ""


FULL = """
import resource, sys
from pathlib import Path
from store.sources import journal
journal.AGAIN = 0.01
told = []
it = journal.Journal(Path(sys.argv[1]), "x", trouble=told.append)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
data = bytes(range(250)) * 40
for at in range(0, len(data), 100):
    it.write(data[at:at + 100])
assert not it.flush(20)
assert len(told) == 1 and "make room" in told[0], told
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
it.end()
print("told", len(told))
got = it.path.read_bytes()
assert got == data[:len(got)]
print("whole" if got == data else f"{len(got)} of {len(data)}, lost {it.lost}")
"""

CRASH = """
import os, signal, sys
from pathlib import Path
from store.sources.journal import Journal
it = Journal(Path(sys.argv[1]), "x")
for _ in range(1000):
    it.write(b'{"n":1}\\n')
assert it.flush(20)
it.write(b"this may be lost")
os.kill(os.getpid(), signal.SIGKILL)
"""
