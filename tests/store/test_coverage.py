"""Coverage, show and sessions: every byte has a place, and what the commands print says where."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from builders import SESSION, assistant, call, lines, user
from hypothesis import given
from hypothesis import strategies as st

from store import report
from store.errors import StoreError
from store.formats import formats, named
from store.formats.base import Damage, Record
from store.pipe import Pipe
from store.summary import summary

RECORDED = Path(__file__).parents[1] / "recorded"
KEYS = [
    "files", "bytes", "records", "understood", "raw", "damaged", "bytes_understood", "bytes_raw", "bytes_damaged",
    "bytes_blank", "by_type", "damage",
]  # fmt: skip


def cover(*paths: Path) -> dict[str, Any]:
    coverage = report.Coverage()
    for path in paths:
        for file in report.files_below(path):
            coverage.add(file)
    return coverage.result


def check(result: dict[str, Any]) -> None:
    assert list(result) == KEYS
    parts = [result[f"bytes_{name}"] for name in ("understood", "raw", "damaged", "blank")]
    assert sum(parts) == result["bytes"]
    assert min(parts) >= 0
    assert result["understood"] + result["raw"] == result["records"]
    assert sum(counts["understood"] for counts in result["by_type"].values()) == result["understood"]
    assert sum(counts["raw"] for counts in result["by_type"].values()) == result["raw"]


def spans_are_exact(data: bytes, agent: str) -> None:
    """Pieces lie in order without overlap, and what lies between them is white space."""
    seen: list[Record | Damage] = []
    pipe = Pipe(named(agent), watch=lambda piece, events: seen.append(piece))
    pipe.feed(data)
    pipe.close()
    end = 0
    for piece in seen:
        assert piece.at.offset >= end
        assert piece.at.length > 0
        assert not data[end : piece.at.offset].strip(b" \t\r\n\x0b\x0c")
        assert piece.raw.replace(b"\r\n", b"\n") == data[piece.at.offset :][: piece.at.length].replace(b"\r\n", b"\n")
        end = piece.at.offset + piece.at.length
    assert not data[end:].strip(b" \t\r\n\x0b\x0c")


FRAGMENTS = st.sampled_from([
    b'{"a":1}', b'{"type":"user"', b"\n", b"\r\n", b" ", b"\0\0", b"# x", b"[", b"]", b"{", b"}", b'"\xff"',
    b"\xef\xbb\xbf",
    b'{"t":"\\ud83d"}', b"NaN", b"text", "ä".encode(), b"\xe2", b'  "x": [', b'{"type":"a"},', lines(user("x")),
    b"\x0c",
])  # fmt: skip


@given(st.lists(FRAGMENTS, max_size=25).map(b"".join), st.sampled_from(["claude-code", "claude-stream", "raw"]))
def test_every_byte_has_one_place(data: bytes, agent: str) -> None:
    spans_are_exact(data, agent)


@pytest.mark.parametrize("path", sorted(RECORDED.rglob("*.jsonl")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_recordings_to_the_byte(path: Path) -> None:
    result = cover(path)
    check(result)
    # What it is called is what `hidden` lists it by, also where the record has no `type`.
    assert {name for name, seen in result["by_type"].items() if seen["understood"]} & {"no type", "NoneType"} == set()
    for format_ in formats():
        spans_are_exact(path.read_bytes(), format_.agent)


def test_the_figures(tmp_path: Path) -> None:
    good, unknown = lines(user("x")), lines({"type": "brand-new", "sessionId": SESSION})
    file = tmp_path / "a.jsonl"
    file.write_bytes(good + unknown + b"\n# note\n" + good[:50])
    result = cover(file)
    check(result)
    assert (result["bytes_understood"], result["bytes_raw"], result["bytes_damaged"]) == (
        len(good) - 1, len(unknown) - 1, 6 + 50,
    )  # fmt: skip
    assert result["bytes_blank"] == 4
    assert result["by_type"] == {"brand-new": {"understood": 0, "raw": 1}, "user": {"understood": 1, "raw": 0}}
    assert [(entry["reason"], entry["length"]) for entry in result["damage"]] == [("comment", 6), ("cut off", 50)]
    assert all(entry["file"] == str(file) for entry in result["damage"])
    json.dumps(result)


def test_what_can_be_given(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    check(cover(empty))
    assert cover(empty)["files"] == 1
    binary = tmp_path / "binary.jsonl"
    binary.write_bytes(bytes(range(256)) * 40)
    check(cover(binary))
    assert cover(binary)["bytes_understood"] == 0
    folder = tmp_path / "below" / "deep"
    folder.mkdir(parents=True)
    (folder / "x.ndjson").write_bytes(lines(user("x")))
    (folder / "note.txt").write_text("no session")
    assert cover(tmp_path)["files"] == 3
    (tmp_path / "bare").mkdir()
    with pytest.raises(StoreError, match="no session files"):
        cover(tmp_path / "bare")
    with pytest.raises(StoreError, match="does not exist"):
        cover(tmp_path / "gone")


def test_shared_data_is_understood(data_dir: Path) -> None:
    """At least 99.5 % of the records of real files, and every byte of them accounted for."""
    for folder in ("claude-code", "claude-stream-json"):
        result = cover(data_dir / folder)
        check(result)
        assert result["understood"] / result["records"] >= 0.995, folder


def test_shared_recordings_are_understood(recordings: Path) -> None:
    """All that a real CLI wrote; what is no JSON by design and the timing files are somebody else's format."""
    files = [
        path
        for path in (recordings / "claude").rglob("*.jsonl")
        if path.name == "stdout.jsonl" or "projects" in path.parts
        if path.parent.name not in ("03-text", "01-tui") and "agents-json" not in path.parts
    ]
    assert len(files) > 100
    result = cover(*files)
    check(result)
    assert result["raw"] == 0
    assert [entry["reason"] for entry in result["damage"]] == [
        "not JSON",
        "cut off",
    ]  # one file is garbage on purpose


def test_every_shared_file_opens(data_dir: Path, recordings: Path) -> None:
    """Files of every agent, whoever may read them one day."""
    for root in (data_dir, recordings):
        for path in root.rglob("*"):
            if path.is_file() and path.suffix in report.SUFFIXES and path.stat().st_size < 3 << 20:
                check(cover(path))


# ---- show and sessions


def test_show(tmp_path: Path) -> None:
    file = tmp_path / f"{SESSION}.jsonl"
    first, second = lines(user("hi")), lines(assistant("hello", call("Bash", command="ls"), uuid="a1"))
    file.write_bytes(first + second)
    rows = list(report.show(file))
    assert list(rows[0]) == ["row", "kind", "agent", "turn", "ts", "text", "tool", "parent", "source"]
    assert rows[0] == {
        "row": 0, "kind": "prompt", "agent": "main", "turn": 1, "ts": "2026-09-14T15:07:00.000Z", "text": "hi",
        "tool": None, "parent": None, "source": [{"file": str(file), "offset": 0, "length": len(first) - 1}],
    }  # fmt: skip
    assert rows[2]["tool"] == {"id": "toolu_1", "name": "Bash", "status": "running"}
    for row in report.show(RECORDED / "claude-code" / "two-helpers.jsonl"):
        for source in row["source"]:
            data = Path(source["file"]).read_bytes()[source["offset"] :][: source["length"]]
            assert data.startswith(b"{")
            assert data.endswith(b"}")
        assert (row["parent"] is None) == (row["agent"] == "main")


def test_sessions(home: Path) -> None:
    project = home / ".claude" / "projects" / "-w-demo"
    project.mkdir(parents=True)
    file = project / f"{SESSION}.jsonl"
    file.write_bytes(lines(user("first words"), assistant("x", seconds=9), {"type": "ai-title", "aiTitle": "A title"}))
    (project / "agent-ab12.jsonl").write_bytes(lines(user("x", isSidechain=True)))
    (project / "sessions-index.json").write_text("{}")
    (project / "notes.jsonl").write_text("{}")
    os.utime(file, (1_000_000, 1_000_000))
    (entry,) = report.sessions()
    assert entry == {
        "id": SESSION, "agent": "claude-code", "title": "A title", "cwd": "/w/demo",
        "started": "2026-09-14T15:07:00.000Z",
        "updated": "2026-09-14T15:07:09.000Z", "state": "ended", "records": 3, "bytes": file.stat().st_size,
        "path": str(file),
    }  # fmt: skip
    for root in (home / ".claude", home / ".claude" / "projects"):
        assert [entry["id"] for entry in report.sessions([root])] == [SESSION]
    with pytest.raises(StoreError, match="does not exist"):
        list(report.sessions([home / "gone"]))


def test_sessions_of_a_plain_folder(tmp_path: Path) -> None:
    for path in ("claude-stream/tour.jsonl", "claude-code/tour.jsonl"):
        (tmp_path / path.replace("/", "-")).write_bytes((RECORDED / path).read_bytes())
    found = {entry["agent"]: entry for entry in report.sessions([tmp_path])}
    assert set(found) == {"claude-code", "claude-stream"}
    assert found["claude-code"]["title"] == "Give me the tour"


def test_a_summary_reads_only_the_ends(tmp_path: Path) -> None:
    file = tmp_path / f"{SESSION}.jsonl"
    middle = b"".join(lines(assistant("x" * 1000, id=f"m{index}", uuid=f"a{index}")) for index in range(2000))
    title = {"type": "custom-title", "customTitle": "Named late"}
    file.write_bytes(lines(user("first")) + middle + lines(assistant("last", id="z", seconds=90), title))
    row = summary(file, now=file.stat().st_mtime + 10)
    assert (row.title, row.cwd, row.records, row.state) == ("Named late", "/w/demo", None, "live")
    assert (row.started, row.updated) == (1789398420000000, 1789398510000000)
    assert summary(file, now=file.stat().st_mtime + 100).state == "ended"
    (entry,) = report.sessions([tmp_path])
    assert entry["records"] == 2003


def test_a_stream_that_failed(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_bytes((RECORDED / "claude-stream" / "unknown-session.jsonl").read_bytes())
    assert summary(file, now=file.stat().st_mtime + 100).state == "failed"
