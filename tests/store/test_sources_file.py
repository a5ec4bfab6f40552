"""The tail of a file: every byte once and in order, and what happens to the file is told. Real files only."""

from __future__ import annotations

import hashlib
import os
import random
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.errors import StoreError
from store.sources.file import REMEMBERED, Tail


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "session.jsonl"
    path.write_bytes(b'{"a":1}\n')
    return path


def test_appended_bytes_come_once_and_mtime_stays(path: Path) -> None:
    tail = Tail(path)
    assert tail.read().data == b'{"a":1}\n'
    append(path, b'{"b"')
    os.utime(path, ns=(1_000_000_000, 2_000_000_000))
    chunk = tail.read()
    assert (chunk.data, chunk.offset, chunk.reset, chunk.more) == (b'{"b"', 8, False, False)
    assert path.stat().st_mtime_ns == 2_000_000_000
    assert tail.read().data == b""
    append(path, b":2}\n")
    assert tail.read().data == b":2}\n"


def test_an_unchanged_file_costs_one_stat(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tail = Tail(path)
    tail.read()
    opened: list[object] = []
    monkeypatch.setattr(os, "open", opened.append)
    for _ in range(5):
        assert tail.read().data == b""
    assert opened == []


def test_a_file_that_is_said_to_have_changed_is_not_asked_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tail = Tail(path)
    asked: list[object] = []
    look = os.stat

    def counted(name: object, **more: object) -> os.stat_result:
        asked.append(name)
        return look(name, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", counted)
    first = tail.read(told=True)
    assert first.data
    assert len(asked) == 1, "what it is must be known before it is opened for the first time"
    append(path, b"more\n")
    assert tail.read(told=True).data == b"more\n"
    assert tail.read(told=True).data == b""
    assert len(asked) == 1
    path.write_bytes(b"anew")
    assert tail.read(told=True).reset
    path.unlink()
    assert tail.read(told=True).gone
    assert tail.read().gone


def test_limit_and_more(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 40)
    tail = Tail(path)
    pieces = []
    while True:
        chunk = tail.read(1000)
        pieces.append(chunk.data)
        assert len(chunk.data) <= 1000
        if not chunk.more:
            break
    assert b"".join(pieces) == path.read_bytes()


def test_a_tail_may_begin_in_mid_file(path: Path) -> None:
    path.write_bytes(b"x" * 10_000 + b"end")
    tail = Tail(path, 10_000)
    assert tail.read().data == b"end"
    append(path, b"more")
    assert tail.read().data == b"more"
    assert Tail(path, 99_999).read().reset


def test_truncation_starts_again(path: Path) -> None:
    tail = Tail(path)
    tail.read()
    path.write_bytes(b"{}\n")
    chunk = tail.read()
    assert (chunk.reset, chunk.offset, chunk.data) == (True, 0, b"{}\n")
    assert "shorter" in chunk.why
    assert not tail.read().reset


def test_rename_over_starts_again(path: Path) -> None:
    tail = Tail(path)
    tail.read()
    other = path.with_name("other")
    other.write_bytes(b'{"a":1}\n{"new":1}\n')
    other.replace(path)
    chunk = tail.read()
    assert (chunk.reset, chunk.data) == (True, b'{"a":1}\n{"new":1}\n')
    assert "replaced" in chunk.why


@pytest.mark.parametrize("grown", [b"", b"and more\n"])
def test_rewrite_in_place_starts_again(path: Path, grown: bytes) -> None:
    path.write_bytes(b"first version\n" * 600)
    tail = Tail(path)
    tail.read()
    with path.open("r+b") as file:
        file.write(b"other version\n" * 600 + grown)
    chunk = tail.read()
    assert chunk.reset
    assert chunk.data == path.read_bytes()
    assert "anew" in chunk.why


def test_a_touch_is_no_change(path: Path) -> None:
    tail = Tail(path)
    tail.read()
    path.touch()
    chunk = tail.read()
    assert (chunk.data, chunk.reset) == (b"", False)


def test_deletion_and_return(path: Path) -> None:
    tail = Tail(path)
    tail.read()
    away = path.rename(path.with_name("away"))
    chunk = tail.read()
    assert chunk.gone
    assert "does not exist" in chunk.why
    assert tail.read().gone
    away.rename(path)  # the same file is back: nothing was lost, nothing is told twice
    append(path, b"x\n")
    chunk = tail.read()
    assert (chunk.data, chunk.reset, chunk.gone) == (b"x\n", False, False)
    path.unlink()
    assert tail.read().gone
    path.write_bytes(b"quite another file\n")
    chunk = tail.read()
    assert (chunk.reset, chunk.data) == (True, b"quite another file\n")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_no_permission_is_a_sentence_and_is_tried_again(path: Path) -> None:
    tail = Tail(path)
    tail.read()
    append(path, b"x\n")
    path.chmod(0)
    with pytest.raises(StoreError, match="permission denied"):
        tail.read()
    path.chmod(0o600)
    assert tail.read().data == b"x\n"


def test_an_error_of_the_disk_is_a_sentence_and_is_tried_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tail = Tail(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", _denied)
        with pytest.raises(StoreError, match="permission denied"):
            tail.read()
    assert tail.read().data == b'{"a":1}\n'


def _denied(path: object, *_: object) -> int:
    raise PermissionError(13, "Permission denied", str(path))


@pytest.mark.skipif(os.name == "nt", reason="no named pipes in the file system")
@pytest.mark.timeout(10)
def test_what_is_no_file_is_refused_and_never_blocked_on(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(StoreError, match="named pipe"):
        Tail(fifo).read()
    with pytest.raises(StoreError, match="folder"):
        Tail(tmp_path).read()
    with pytest.raises(StoreError, match="device"):
        Tail(Path("/dev/zero")).read()
    bound = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(os.fspath(bound))
        with pytest.raises(StoreError, match="socket"):
            Tail(bound).read()


def test_50_mb_appended_fast_arrive_complete(tmp_path: Path) -> None:
    path = tmp_path / "big.jsonl"
    path.touch()
    tail = Tail(path)
    wrote, got = hashlib.sha256(), hashlib.sha256()
    piece = random.Random(1).randbytes(1 << 20)
    total = 0
    for step in range(50):
        data = piece[step:] + piece[:step]
        append(path, data)
        wrote.update(data)
        if step % 7 == 0:
            while data := tail.read(300_000).data:
                got.update(data)
                total += len(data)
    while data := tail.read().data:
        got.update(data)
        total += len(data)
    assert total == 50 << 20
    assert got.digest() == wrote.digest()


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300), st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=30), st.integers(1, 50))
def test_any_way_of_writing_and_reading_gives_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, text: str, sizes: list[tuple[int, bool]], limit: int
) -> None:
    """Torn UTF-8 and half lines included: a tail knows bytes only."""
    data = text.encode("utf-8", "surrogatepass") + b"\xf0\x9f\x98\x80\n"
    path = tmp_path_factory.mktemp("torn") / "s.jsonl"
    path.touch()
    tail = Tail(path)
    got = b""
    at = 0
    for size, told in [*sizes, (len(data), True)]:
        append(path, data[at : at + size])
        at += size
        chunk = tail.read(limit, told=told)
        assert chunk.offset == len(got)
        got += chunk.data
    while piece := tail.read(limit).data:
        got += piece
    assert got == data


def test_only_the_last_bytes_are_compared(path: Path) -> None:
    """A rewrite further back than that cannot be seen, by design: it would cost a read of everything."""
    path.write_bytes(b"a" * (2 * REMEMBERED))
    tail = Tail(path)
    tail.read()
    with path.open("r+b") as file:
        file.write(b"b")
    append(path, b"more")
    assert tail.read().data == b"more"
