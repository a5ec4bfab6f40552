"""One rule for a session's title and one for its freshness, wherever they are shown."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from store.events import At, SessionNamed, TextDelta
from store.facts import Facts
from store.session import Session
from store.summary import summary

S = 1_000_000


@pytest.mark.parametrize(
    ("told", "title"),
    [
        ([(0, "/clear"), (1, "first prompt")], "first prompt"),
        ([(1, "first prompt"), (1, "late prompt")], "first prompt"),
        ([(2, "made"), (2, "made anew")], "made anew"),
        ([(4, "given"), (2, "made")], "given"),
        ([(1, "first"), (3, "")], "first"),
    ],
)
def test_list_header_and_database_call_it_the_same(told: list[tuple[int, str]], title: str) -> None:
    events = [SessionNamed(At(ts=S), title=text, rank=rank) for rank, text in told]
    session = Session("s")
    session.feed(events)
    facts = Facts()
    facts.add(events)
    assert session.header.title == facts.title == title


def test_a_long_file_is_listed_by_its_first_prompt(tmp_path: Path) -> None:
    """Its end is read on its own, and finds a first prompt there too."""
    lines = []
    for number in range(900):
        content = f"prompt {number} " + "x" * 400
        message = {"role": "user", "content": content}
        stamp = f"2026-01-01T00:{number // 60:02}:{number % 60:02}.000Z"
        record = {"type": "user", "uuid": f"u{number}", "sessionId": "s", "timestamp": stamp, "cwd": "/w"}
        lines.append(orjson.dumps(record | {"message": message}))
    path = tmp_path / "s.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    assert summary(path).title.startswith("prompt 0 ")


def test_a_title_given_in_a_file_beside_the_session(tmp_path: Path) -> None:
    """FORMATS A1: Claude's /rename leaves `custom-title.json` in the session's folder."""
    record = {"type": "user", "uuid": "u1", "sessionId": "s", "message": {"role": "user", "content": "Hello"}}
    path = tmp_path / "projects" / "-w" / "00000000-0000-4000-8000-000000000001.jsonl"
    path.with_suffix("").mkdir(parents=True)
    path.write_bytes(orjson.dumps(record | {"timestamp": "2026-01-01T00:00:00.000Z"}) + b"\n")
    assert summary(path).title == "Hello"
    for told, title in ((b'{"customTitle": "Mine"}', "Mine"), (b'["x"]', "Hello"), (b'{"customT', "Hello")):
        (path.with_suffix("") / "custom-title.json").write_bytes(told)
        assert summary(path).title == title


def test_the_header_is_as_fresh_as_the_newest_record_and_new_once_a_second() -> None:
    session = Session("s")
    session.feed([SessionNamed(At(ts=5 * S), title="t")])
    assert session.take() is not None
    headers = 0
    for step in range(40):  # four seconds, ten records each
        session.feed([TextDelta(At(ts=6 * S + step * S // 10), "m", "x")])
        delta = session.take()
        headers += delta is not None and delta.header is not None
    assert session.header.updated == 9 * S
    assert headers == 4
    session.feed([TextDelta(At(ts=2 * S), "m", "y"), TextDelta(At(), "m", "z")])
    assert session.header.updated == 9 * S
