"""How a file of ours is written: whole or not at all, for the user alone where it matters."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from store.paths import put


def test_a_file_is_written_whole_and_its_folder_made(tmp_path: Path) -> None:
    file = tmp_path / "state" / "places.json"
    put(file, b"one")
    put(file, b"two")
    assert file.read_bytes() == b"two"
    assert [path.name for path in file.parent.iterdir()] == ["places.json"]


def test_what_is_private_was_never_open(tmp_path: Path) -> None:
    file = tmp_path / "data" / "secrets.json"
    put(file, b"{}", private=True, safe=True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    """The folder is a file; the place is a folder. Nothing is left beside it."""
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OSError, match="file"):
        put(tmp_path / "file" / "places.json", b"x")
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="folder"):
        put(tmp_path / "folder", b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_two_threads_write_the_same_file(tmp_path: Path) -> None:
    file, wrong = tmp_path / "storage.json", list[OSError]()

    def write(sign: bytes) -> None:
        try:
            for _ in range(50):
                put(file, sign * 5000)
        except OSError as error:
            wrong.append(error)

    threads = [threading.Thread(target=write, args=(sign,)) for sign in (b"a", b"b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert file.read_bytes() in (b"a" * 5000, b"b" * 5000)
    assert [path.name for path in tmp_path.iterdir()] == ["storage.json"]
