"""A session that is gone on with anywhere is the session read as a whole: its rows, its figures, and what is told."""

from __future__ import annotations

import logging
import os
import pickle
import random
import subprocess
import sys
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from imports import Folded

from store import reader_state, resume
from store.about import Reader
from store.figures import look
from store.formats import named
from store.intake import take_in
from store.known import Source, known
from store.pipe import Pipe
from store.reader_state import dump, load
from store.resume import pipe_at
from store.whole import events_of

RECORDED = Path(__file__).parents[1] / "recorded"
CASES = sorted(RECORDED.glob("*/*.jsonl"))
IDS = [f"{path.parent.name}/{path.stem}" for path in CASES]


def pieces(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize("path", CASES, ids=IDS)
def test_a_reader_that_is_kept_after_every_record_tells_the_same(path: Path) -> None:
    format = named(path.parent.name)
    one, other = Pipe(format), Pipe(format)
    for piece in pieces(path):
        wanted = one.feed(piece)
        kept = load(other.reading(), format)
        assert kept is not None
        other._reader = kept
        assert other.feed(piece) == wanted
    assert other.close() == one.close()


SAID = [
    b'{"type":"assistant","message":{"id":"m","role":"assistant","content":[{"type":"text","text":"%s"}]}}\n' % word
    for word in (b"one", b"two")
]


def test_a_reader_that_is_kept_is_the_same_in_another_process() -> None:
    """A block that is said again there is the one of here; the hash of a text differs between two."""
    code = (
        "import sys; from store.formats import named; from store.pipe import Pipe; pipe = Pipe(named('claude-code'));"
        f"pipe.feed({b''.join(SAID)!r}); sys.stdout.buffer.write(pipe.reading())"
    )
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    child = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True
    )
    format = named("claude-code")
    here = Pipe(format)
    here.feed(b"".join(SAID))
    kept = load(child.stdout, format)
    assert kept is not None
    there = Pipe(format, start=here.fed, reader=kept)
    assert there.feed(SAID[1]) == here.feed(SAID[1]) != []


FIRST = [next(RECORDED.glob(f"{agent}/*.jsonl")) for agent in sorted({path.parent.name for path in CASES})]


@pytest.mark.parametrize(("path", "kept"), [(path, True) for path in CASES] + [(path, False) for path in FIRST])
def test_going_on_anywhere_tells_what_the_whole_tells(
    path: Path, kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through `pipe_at`, as importers and windows do; also where nothing was kept, as in an older database."""
    monkeypatch.setattr(reader_state, "MOST", reader_state.MOST if kept else 0)
    format = named(path.parent.name)
    lines = pieces(path)
    data = b"".join(lines)
    pipe = Pipe(format)
    told = [(pipe.fed, pipe.feed(piece)) for piece in lines]
    rest = pipe.close()
    file = tmp_path / "session.jsonl"
    file.write_bytes(data)
    steps = range(1, len(lines), max(1, len(lines) // 3))
    for step in steps:
        offset = told[step][0]
        before = Pipe(format)
        before.feed(data[:offset])
        if before.offset != offset:
            offset = before.offset  # in the middle of a value of many lines: it is read from its start
        source = source_at(file, before)
        on = pipe_at(format, 0, source)
        assert on.feed(data[offset:]) + on.close() == [event for _, events in told[step:] for event in events] + rest


def source_at(path: Path, pipe: Pipe) -> Source:
    return Source(path, "", None, "", 0, 0, pipe.offset, b"", b"", reader=pipe.reading())


AGENTS = ("claude-code", "codex", "pi")


@pytest.mark.parametrize("agent", AGENTS)
def test_an_import_in_two_goes_has_the_rows_and_figures_of_one(agent: str, tmp_path: Path) -> None:
    for case in sorted(RECORDED.glob(f"{agent}/*.jsonl"))[:1]:
        lines = pieces(case)
        folder = tmp_path / case.stem
        folder.mkdir()
        path, db = folder / case.name, folder / "playhead.db"
        for stop in (len(lines) // 3 or 1, len(lines) * 2 // 3 or 1, len(lines)):
            path.write_bytes(b"".join(lines[:stop]))
            take_in(db, path)
        found = known(path, db)
        if found is None:
            continue  # a draft
        rows = [msgspec.structs.replace(row, rev=0) for row in found.window.read(0, found.rows)]
        found.window.close()
        assert rows == [msgspec.structs.replace(row, rev=0) for row in Folded(events_of(path)).rows]
        assert all(source.reader for source in found.reading())
        whole = folder / "whole.db"
        take_in(whole, path)
        assert figures(db, path) == figures(whole, path)


def figures(db: Path, path: Path) -> Any:
    with closing(Reader(db)) as reader:
        found = look(reader, path)
        assert found is not None
        return found.digest


# ---- what is kept


def test_bytes_of_other_formats_and_damaged_ones_are_not_believed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    format = named("claude-code")
    good = dump(format.reader())
    assert load(good, format) is not None
    assert load(good, named("codex")) is None, "another agent's"
    for bad in (b"", good[:8], good[:-3], good[:8] + b"junk", b"x" * 8 + good[8:], good[:8] + zlib.compress(b"junk")):
        assert load(bad, format) is None
    monkeypatch.setattr(reader_state, "mark", lambda: b"newer!!!")
    assert load(good, format) is None, "of formats as they were"
    assert caplog.record_tuples
    assert {level for _, level, _ in caplog.record_tuples} == {logging.WARNING}


def as_told(told: Any, *classes: tuple[str, str]) -> bytes:
    return reader_state.mark() + zlib.compress(msgspec.msgpack.encode((classes, told)))


@pytest.mark.parametrize(
    "name",
    [
        ("pathlib", "Path"), ("subprocess", "Popen"), ("builtins", "eval"),
        ("store.formats.inspect_files", "zipfile.ZipFile"), ("store.formats.inspect_files", "Path"),
        ("store.formats.claude_code", "FORMAT"), ("store.formats.base", "Reader"), ("store.sources.file", "Tail"),
    ],
)  # fmt: skip
def test_nothing_but_readers_is_made_of_what_is_kept(name: tuple[str, str], tmp_path: Path) -> None:
    """An archive on a server is shared: these are bytes that somebody else may have written."""
    victim = tmp_path / "theirs"
    victim.write_text("kept")
    for told in ([9, 0, str(victim), "w"], [3, 0, str(victim), "w"], [10, 0], [10, 0, "x", [10, 0]]):
        assert load(as_told(told, name), named("claude-code")) is None
    assert victim.read_text() == "kept"
    assert load(reader_state.mark() + zlib.compress(pickle.dumps(named("codex").reader())), named("codex")) is None


def test_a_method_is_nothing_that_a_reader_remembers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reader = ("store.formats.raw", "Reader")
    assert load(as_told([10, 0], reader), named("raw")) is not None
    for name in ("events", "__class__", "__dict__", 3):
        assert load(as_told([10, 0, name, "x"], reader), named("raw")) is None
    deep = reader_state.mark() + zlib.compress(b"\x91" * 100_000 + b"\xc0")
    assert load(deep, named("raw")) is None
    monkeypatch.setattr(reader_state, "UNPACKED", 1000)
    bomb = reader_state.mark() + zlib.compress(b"\xc0" * 1001)
    assert load(bomb, named("raw")) is None
    assert "too much" in caplog.text


def test_what_flipped_is_a_miss_and_no_exception() -> None:
    format = named("opencode")
    pipe = Pipe(format)
    pipe.feed((RECORDED / "opencode" / "export.jsonl").read_bytes())
    good = pipe.reading()
    plain, rng = zlib.decompress(good[8:]), random.Random(5)
    made = 0
    for _ in range(400):
        bad = bytearray(plain)
        bad[rng.randrange(len(bad))] = rng.randrange(256)
        found = load(good[:8] + zlib.compress(bytes(bad)), format)  # also where no checksum tells
        if found is not None:
            made += 1
            Pipe(format, reader=found).feed(b'{"table":"session","id":"ses_1","directory":"/w"}\n')
        packed = bytearray(good)
        packed[rng.randrange(8, len(packed))] ^= 1 << rng.randrange(8)
        found = load(bytes(packed), format)
        assert found is None or dump(found) == good, "a hint for whoever unpacks"
    assert 0 < made < 400


def test_too_much_is_not_kept_but_read_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(reader_state, "MOST", 10)
    path = RECORDED / "codex" / "tour.jsonl"
    take_in(tmp_path / "playhead.db", path)
    found = known(path, tmp_path / "playhead.db")
    assert found is not None
    found.window.close()
    (source,) = found.reading()
    assert source.reader == b""
    again = pipe_at(named("codex"), 0, source)
    assert (again.offset, again.records) == (source.offset, len(pieces(path)))
    assert resume.LOOKBACK > 1 << 20
