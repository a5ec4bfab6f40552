"""Inspect's logs: a zip and one object show what the members say, in progress, damaged and huge ones too."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path
from typing import Any

import orjson
import pytest
from builders import picture
from imports import Folded, check

from store.coverage import Coverage
from store.errors import StoreError
from store.events import Event, SessionNamed, Spent, Tokens, TurnEnded
from store.feeds import read_spans
from store.formats import inspect_files
from store.intake import take_in
from store.items import Raw, text_of
from store.report import sessions
from store.sources import pieces, views
from store.whole import events_of, format_of

RECORDED = Path(__file__).parents[1] / "recorded" / "inspect" / "tour.jsonl"
START, FIRST, SECOND, SUMMARIES, REDUCTIONS, HEADER = map(orjson.loads, RECORDED.read_bytes().splitlines())
MEMBERS = {
    "_journal/start.json": START, "samples/1_epoch_1.json": FIRST, "samples/2_epoch_1.json": SECOND,
    "_journal/summaries/1.json": SUMMARIES, "summaries.json": SUMMARIES, "reductions.json": REDUCTIONS,
    "header.json": HEADER,
}  # fmt: skip


def packed(path: Path, members: dict[str, Any]) -> Path:
    """As Inspect writes it: compressed members, indented."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in members.items():
            archive.writestr(name, orjson.dumps(value, option=orjson.OPT_INDENT_2))
    return path


def of(path: Path, kind: type[Event]) -> list[Any]:
    return [event for batch in events_of(path) for event in batch if type(event) is kind]


def test_a_zip_and_one_object_show_the_same_rows(tmp_path: Path) -> None:
    whole = tmp_path / "log.json"
    whole.write_bytes(orjson.dumps({**HEADER, "samples": [FIRST, SECOND]}, option=orjson.OPT_INDENT_2))
    log = packed(tmp_path / "log.eval", MEMBERS)
    assert picture(log) == picture(whole) == picture(RECORDED)
    assert format_of(log).agent == format_of(whole).agent == "inspect"
    (listed,) = [one for one in sessions([tmp_path]) if one["path"] == str(log)]
    assert (listed["title"], listed["agent"], listed["id"]) == ("find_file · openai/gpt-4o-mini", "inspect", "ev1")


def test_figures_and_ends(tmp_path: Path) -> None:
    log = packed(tmp_path / "log.eval", MEMBERS)
    used = [Tokens("openai/gpt-4o-mini", 150, 8, 20), Tokens("openai/gpt-4o-mini", 10, 1)]
    assert [one.tokens for one in of(log, Spent)] == used
    assert len({one.key for one in of(log, Spent)}) == 2
    assert [(one.status, one.duration_us) for one in of(log, TurnEnded)] == [("success", 8_500_000), ("error", None)]
    bare = packed(tmp_path / "bare.eval", {"header.json": HEADER})  # nothing tells it but the run
    assert [one.tokens.input for one in of(bare, Spent)] == [160]


def test_a_run_in_progress_grows(tmp_path: Path) -> None:
    members = dict(list(MEMBERS.items())[:3])
    log = packed(tmp_path / "log.eval", members)
    rows = Folded(events_of(log)).rows
    assert [one.id for one in of(log, SessionNamed) if one.id] == ["ev1"]
    packed(log, MEMBERS)
    more = Folded(events_of(log)).rows
    assert [row.id for row in more[: len(rows)]] == [row.id for row in rows]
    assert text_of(more[-1]).startswith("Evaluation: error; includes accuracy 0.5; 1 sample failed")


def test_rows_point_into_their_member(tmp_path: Path) -> None:
    log = packed(tmp_path / "log.eval", MEMBERS)
    rows = Folded(events_of(log)).rows
    answer = next(row for row in rows if text_of(row) == "notes.txt")
    ((where, offset, data),) = read_spans([log], answer.spans)
    assert (where, offset) == (f"{log}/samples/1_epoch_1.json", 0)
    assert orjson.loads(data)["uuid"] == "u1"


def test_every_byte_of_every_member_is_accounted_for(tmp_path: Path) -> None:
    log = packed(tmp_path / "log.eval", {**MEMBERS, "samples/9_epoch_1.json": {"odd": 1}})
    coverage = Coverage()
    coverage.add(log)
    told = coverage.result
    assert told["bytes"] == views.stat(log).st_size
    assert (told["records"], told["understood"], told["raw"], told["damaged"]) == (8, 7, 1, 0)


def test_it_is_imported(tmp_path: Path) -> None:
    log = packed(tmp_path / "log.eval", MEMBERS)
    take_in(tmp_path / "playhead.db", log)
    check(tmp_path / "playhead.db", log, Folded(events_of(log)).rows)
    assert take_in(tmp_path / "playhead.db", log).read == 0


@pytest.mark.parametrize("cut", [0, 1, 30, -40, -1])
def test_what_is_no_zip_says_so(tmp_path: Path, cut: int) -> None:
    log = packed(tmp_path / "log.eval", MEMBERS)
    log.write_bytes(log.read_bytes()[:cut] if cut else b"")
    with pytest.raises(StoreError, match=r"log\.eval"):
        list(events_of(log))


def test_members_that_are_damaged_or_huge_are_said_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = packed(tmp_path / "log.eval", MEMBERS)
    data = bytearray(log.read_bytes())
    first = data.index(b"samples/1_epoch_1.json") + 40
    data[first : first + 30] = b"\xff" * 30
    log.write_bytes(data)
    rows = Folded(events_of(log)).rows
    assert ["cannot be unpacked" in row.text for row in rows if isinstance(row, Raw)] == [True]
    assert any(text_of(row) == "Again?" for row in rows)
    monkeypatch.setattr(inspect_files, "MOST", 100)
    huge = packed(tmp_path / "huge.eval", MEMBERS)
    assert {type(row) for row in Folded(events_of(huge)).rows} == {Raw}


@pytest.mark.parametrize("way", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_whatever_bytes_flip_the_log_is_read_or_refused(way: int, tmp_path: Path) -> None:
    log, rng, said = tmp_path / "log.eval", random.Random(way), set()
    with zipfile.ZipFile(log, "w", way) as archive:
        for name, value in {**MEMBERS, "samples/3é_epoch_1.json": SECOND}.items():
            archive.writestr(name, orjson.dumps(value))
    good = log.read_bytes()
    for _ in range(50):
        bad = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            bad[rng.randrange(len(bad))] = rng.randrange(256)
        log.write_bytes(bad)
        try:
            found = [text_of(row) for row in Folded(events_of(log)).rows if isinstance(row, Raw)]
            said.add("unpacked" if any("cannot be unpacked" in text for text in found) else "read")
        except StoreError:
            said.add("refused")
    assert "unpacked" in said


def test_members_are_unpacked_a_few_times_however_big_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "KEPT", 10_000)
    samples = {f"samples/{n}_epoch_1.json": {**FIRST, "id": n, "input": "x" * 3000} for n in range(60)}
    log = packed(tmp_path / "log.eval", {"_journal/start.json": START, **samples})
    view = views.at(log)
    assert isinstance(view, pieces.Log)
    with views.opened(log) as file:
        assert view.fetches == 61
        while file.read(1000):
            assert view._held_bytes <= 10_000
    assert view.fetches <= 3 * 61


def test_a_member_of_many_lines_and_many_megabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect_files, "LONG", 100)
    log = packed(tmp_path / "log.eval", MEMBERS)
    assert picture(log) == picture(RECORDED)


def test_the_shared_logs(data_dir: Path) -> None:
    for path in sorted((data_dir / "inspect").iterdir()):
        coverage = Coverage()
        coverage.add(path)
        assert coverage.result["raw"] == coverage.result["damaged"] == 0, path
        assert Folded(events_of(path)).rows
