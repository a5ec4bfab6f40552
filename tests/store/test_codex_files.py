"""Codex's files: packed ones under the name they had, forks that name what they go on from, and the archive."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import zstandard
from builders import picture
from imports import Folded, check
from ingest_screen import Screen

from store.coverage import Coverage
from store.events import Event, Spent
from store.feeds import read_spans
from store.formats import named
from store.formats.codex_files import base
from store.intake import take_in
from store.items import text_of
from store.known import known
from store.report import files_below, find_session, sessions
from store.sources import scan, views
from store.sources.packed import BITE, PIECE, Packed, Unpacker
from store.whole import events_of

RECORDED = Path(__file__).parents[1] / "recorded" / "codex"
FIRST = "019a0000-0000-7000-8000-00000000000b"
SECOND = "019a0001-0000-7000-8000-00000000000c"
THIRD = "019a0002-0000-7000-8000-00000000000d"


def line(kind: str, /, **payload: Any) -> bytes:
    return orjson.dumps({"timestamp": "2026-10-01T08:00:00.000Z", "type": kind, "payload": payload}) + b"\n"


def meta(id: str, **more: Any) -> bytes:
    return line("session_meta", id=id, cwd="/w/demo", cli_version="0.160.0", history_mode="paginated", **more)


def said(prompt: str, answer: str, total: int) -> bytes:
    used = {"input_tokens": total, "cached_input_tokens": 0, "output_tokens": 1, "total_tokens": total + 1}
    return b"".join((
        line("event_msg", type="user_message", message=prompt, images=[]),
        line("event_msg", type="agent_message", message=answer),
        line("token_usage_record", response_id=f"r-{prompt}", usage=used, model="gpt-5.5"),
        line("event_msg", type="task_complete", turn_id="t", duration_ms=5),
    ))  # fmt: skip


def rollout(home: Path, id: str, data: bytes) -> Path:
    """In the folder of the day that its id tells, as Codex has it."""
    day = time.strftime("%Y/%m/%d", time.localtime(int(id[:8] + id[9:13], 16) / 1000))
    path = home / "sessions" / day / f"rollout-2026-10-01T10-00-00-{id}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def pack(path: Path) -> Path:
    """As Codex does it: the packed file takes the place of the other."""
    packed = path.with_name(f"{path.name}.zst")
    packed.write_bytes(zstandard.ZstdCompressor(write_content_size=False).compress(path.read_bytes()))
    path.unlink()
    return packed


def texts(path: Path) -> list[str]:
    return [text_of(row) for row in Folded(events_of(path)).rows]


def of(path: Path) -> list[Event]:
    return [event for batch in events_of(path) for event in batch]


# ---- packed


def test_a_packed_rollout_is_the_same_session(tmp_path: Path) -> None:
    data = (RECORDED / "tour.jsonl").read_bytes()
    path = rollout(tmp_path, FIRST, data)
    shown, listed = picture(path), next(iter(sessions([tmp_path])))
    packed = pack(path)
    assert not path.exists()
    assert picture(path) == picture(packed) == shown
    again = next(iter(sessions([tmp_path])))
    assert {key: again[key] for key in ("id", "path", "title", "records", "bytes")} == {
        key: listed[key] for key in ("id", "path", "title", "records", "bytes")
    }
    assert [Path(one.path) for one in scan.scan([tmp_path], {})] == [path]
    path.write_bytes(data)  # the one that is not packed wins: it is the newer one
    assert [Path(one.path) for one in scan.scan([tmp_path], {})] == [path]
    assert views.at(path) is None


def test_spans_and_coverage_are_of_the_unpacked_stream(tmp_path: Path) -> None:
    data = (RECORDED / "tour.jsonl").read_bytes()
    path = rollout(tmp_path, FIRST, data)
    rows = Folded(events_of(path)).rows
    packed = pack(path)
    for row in rows:
        for (_, offset, raw), span in zip(read_spans([path], row.spans), row.spans, strict=True):
            assert raw == data[offset : offset + span.length]
    assert list(files_below(tmp_path)) == [packed]
    coverage = Coverage()
    coverage.add(packed)
    assert coverage.result["bytes"] == len(data) > packed.stat().st_size


def test_a_packed_file_that_is_damaged_or_cut_says_so(tmp_path: Path) -> None:
    data = b"".join(meta(FIRST) + said(f"Go {n}", "Yes" * n, n) for n in range(3000))
    whole = zstandard.ZstdCompressor().compress(data)
    path = tmp_path / "rollout-x.jsonl.zst"
    broken = whole[: len(whole) // 2] + b"\xff\x00" * 20 + whole[len(whole) // 2 + 40 :]
    for bad in (whole[: len(whole) // 2], broken, b"no zstandard", b""):
        path.write_bytes(bad)
        with views.opened(path) as file:
            got = b"".join(iter(lambda: file.read(1 << 16), b""))
        assert len(got) == views.stat(path).st_size
        last = got.rpartition(b"\n")[2]
        assert last.startswith(b"# the packed file is damaged") == bool(bad), got[-100:]
        coverage = Coverage()
        coverage.add(path)
        assert coverage.result["damaged"] == (2 if got[:1] == b"{" else 1 if bad else 0)


def test_a_bomb_is_unpacked_in_small_bites(tmp_path: Path) -> None:
    path, size = tmp_path / "bomb.jsonl.zst", 80 << 20
    path.write_bytes(zstandard.ZstdCompressor().compress(b"{}\n" + bytes(size)))
    assert path.stat().st_size < 4 * BITE
    view = Packed(path)
    assert view.looks().st_size == size + 3
    assert max(len(piece) for piece in iter(Unpacker(path).unpacked, b"")) <= 33 << 20


def test_reading_anywhere_in_it(tmp_path: Path) -> None:
    data = random.Random(1).randbytes(3 * PIECE + 17)
    path = tmp_path / "x.jsonl.zst"
    half = len(data) // 2  # two frames, as when it is packed in two goes
    compressor = zstandard.ZstdCompressor()
    path.write_bytes(compressor.compress(data[:half]) + compressor.compress(data[half:]))
    view = Packed(path)
    assert view.looks().st_size == len(data)
    for offset in (0, PIECE - 1, half - 3, 5, len(data) - 1, len(data), 2 * PIECE, 1):
        got = b""
        while len(got) < 10 and (piece := view.read(offset + len(got), 10 - len(got))):
            got += piece
        assert got == data[offset : offset + 10]


def test_further_frames_are_read_on_and_anything_else_anew(tmp_path: Path) -> None:
    path, compressor = tmp_path / "x.jsonl.zst", zstandard.ZstdCompressor()
    lines = [random.Random(n).randbytes(40_000).hex().encode() + b"\n" for n in range(6)]
    path.write_bytes(compressor.compress(lines[0]) + compressor.compress(lines[1]))
    view = Packed(path)
    first, ahead, reader = view.looks(), view._ahead, view._reader
    assert view.read(0, 1 << 20)
    for line in lines[2:4]:
        with path.open("ab") as file:
            file.write(compressor.compress(line))
    grown = view.looks()
    assert (grown.st_ino, grown.st_size) == (first.st_ino, sum(map(len, lines[:4])))
    got = b""
    while piece := view.read(len(got), 1 << 20):
        got += piece
    assert got == b"".join(lines[:4])
    assert (view._ahead, view._reader) == (ahead, reader)  # nothing was unpacked a second time
    with path.open("ab") as file:
        file.write(compressor.compress(lines[4])[:-100])  # a frame that has no end yet
    assert view.looks().st_ino == first.st_ino
    path.write_bytes(path.read_bytes() + compressor.compress(lines[5]))  # and never will have one
    assert view.looks().st_ino != first.st_ino
    path.write_bytes(compressor.compress(lines[5]))
    assert view.looks().st_size == len(lines[5])
    assert view.read(0, 1 << 20) == lines[5][: 1 << 20]


def test_it_is_imported_under_its_name_and_no_second_time(tmp_path: Path) -> None:
    ours, path = tmp_path / "playhead.db", rollout(tmp_path / ".codex", FIRST, meta(FIRST) + said("Go", "Yes", 10))
    assert take_in(ours, path).anew
    pack(path)
    take_in(ours, path)
    check(ours, path, Folded(events_of(path)).rows)
    before = known(path, ours)
    assert before is not None
    assert before.unchanged
    before.window.close()
    assert find_session(str(path)) == path


def test_an_open_session_survives_packing_and_unpacking(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    path = rollout(tmp_path, FIRST, meta(FIRST) + said("Go", "Yes", 10))
    screen = screens(path, database=False)
    screen.until(lambda: screen.texts() == ["Go", "Yes"])
    packed = pack(path)
    screen.until(lambda: "packed by its agent" in screen.session.header.trouble)
    assert screen.texts() == ["Go", "Yes"]
    path.write_bytes(meta(FIRST) + said("Go", "Yes", 10) + said("On", "Sure", 20))
    packed.unlink()
    screen.until(lambda: screen.texts() == ["Go", "Yes", "On", "Sure"])


# ---- forks


def test_a_paginated_fork_shows_its_base_and_counts_its_own(tmp_path: Path) -> None:
    first = meta(FIRST) + said("One", "1", 10)
    upto = len(first)
    rollout(tmp_path, FIRST, first + said("Never", "seen by the fork", 99))
    own = {"thread_id": FIRST, "end_ordinal_exclusive": 5, "end_byte_offset": upto}
    second = meta(SECOND, forked_from_id=FIRST, history_base=own) + said("Two", "2", 20)
    path = rollout(tmp_path, SECOND, second)
    assert texts(path) == ["One", "1", "Two", "2"]
    assert [one.tokens.input for one in of(path) if type(one) is Spent] == [20]
    deeper = {"thread_id": SECOND, "end_byte_offset": len(second)}
    last = rollout(tmp_path, THIRD, meta(THIRD, history_base=deeper) + said("Three", "3", 30))
    assert texts(last) == ["One", "1", "Two", "2", "Three", "3"]
    assert [one.tokens.input for one in of(last) if type(one) is Spent] == [30]
    rows = Folded(events_of(last)).rows
    assert b'"One"' in read_spans(events_files(last), rows[0].spans)[0][2]


def events_files(path: Path) -> list[Path]:
    whole = events_of(path)
    list(whole)
    return whole.files


def test_a_base_may_be_packed_archived_or_gone(tmp_path: Path) -> None:
    first = meta(FIRST) + said("One", "1", 10)
    base_file = rollout(tmp_path, FIRST, first)
    own = {"thread_id": FIRST, "end_byte_offset": len(first)}
    path = rollout(tmp_path, SECOND, meta(SECOND, history_base=own) + said("Two", "2", 20))
    pack(base_file)
    assert texts(path) == ["One", "1", "Two", "2"]
    archived = tmp_path / "archived_sessions"
    archived.mkdir()
    packed = base_file.with_name(f"{base_file.name}.zst")
    packed.rename(archived / packed.name)
    assert base(path) == [(archived / base_file.name, len(first))]
    assert texts(path) == ["One", "1", "Two", "2"]
    (archived / packed.name).unlink()
    assert texts(path) == ["Two", "2"]


def test_a_fork_of_itself_ends(tmp_path: Path) -> None:
    own = {"thread_id": SECOND, "end_byte_offset": 10}
    path = rollout(tmp_path, FIRST, meta(FIRST, history_base=own) + said("One", "1", 10))
    rollout(tmp_path, SECOND, meta(SECOND, history_base={"thread_id": FIRST, "end_byte_offset": 10}))
    assert texts(path)[-2:] == ["One", "1"]


def test_what_a_base_gains_later_is_none_of_the_forks(tmp_path: Path, screens: Callable[..., Screen]) -> None:
    first = meta(FIRST) + said("One", "1", 10)
    older = rollout(tmp_path, FIRST, first)
    own = {"thread_id": FIRST, "end_byte_offset": len(first)}
    path = rollout(tmp_path, SECOND, meta(SECOND, history_base=own) + said("Two", "2", 20))
    ours = tmp_path / "playhead.db"
    take_in(ours, path)
    screen = screens(path, database=False)
    screen.until(lambda: screen.texts() == ["One", "1", "Two", "2"])
    with older.open("ab") as file:
        file.write(said("Not here", "no", 5))
    with path.open("ab") as file:
        file.write(said("Here", "yes", 40))
    screen.until(lambda: len(screen.rows) == 6)
    assert screen.texts() == ["One", "1", "Two", "2", "Here", "yes"]
    take_in(ours, path)
    check(ours, path, Folded(events_of(path)).rows)


def test_a_subagent_of_a_subagent_is_shown_in_the_session_of_both(tmp_path: Path) -> None:
    """However deep: nothing else would show it. One whose session is gone is one of its own."""
    home = tmp_path / ".codex"
    threads = (FIRST, SECOND, THIRD)
    paths = [
        rollout(home, thread, meta(thread, **({"parent_thread_id": above} if above else {})) + said(thread, "Done.", 5))
        for thread, above in zip(threads, ("", FIRST, SECOND), strict=True)
    ]
    part_of = named("codex").part_of
    assert part_of is not None
    assert [part_of(path) for path in paths] == ["", FIRST, FIRST]
    assert [thread for thread in threads if thread in texts(paths[0])] == list(threads)
    paths[0].unlink()
    assert [part_of(path) for path in paths[1:]] == ["", SECOND]
    assert THIRD in texts(paths[1])
