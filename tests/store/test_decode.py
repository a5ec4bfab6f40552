"""Lines to records: what good and bad bytes become, to the byte."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from store.decode import clean, decode, dump, excerpt, type_of
from store.events import At
from store.formats.base import Damage, Record


def pieces(line: bytes) -> list[tuple[Any, int, int, str]]:
    """(data or reason, offset, length, note) of each piece; the line starts at 1000."""
    found: list[tuple[Any, int, int, str]] = []
    for piece in decode(line, At(offset=1000, length=len(line))):
        data = piece.data if isinstance(piece, Record) else None
        note = piece.note if isinstance(piece, Record) else piece.reason
        found.append((data, piece.at.offset - 1000, piece.at.length, note))
        assert piece.raw == line[piece.at.offset - 1000 :][: piece.at.length]
    return found


def test_a_good_line_is_one_record() -> None:
    assert pieces(b'{"a":1}') == [({"a": 1}, 0, 7, "")]
    assert pieces('{"a":"\u2028ä"}'.encode()) == [({"a": "\u2028ä"}, 0, 13, "")]


@pytest.mark.parametrize("line", [b"", b"   ", b"\t\r"])
def test_a_blank_line_is_nothing(line: bytes) -> None:
    """FORMATS 0.1."""
    assert pieces(line) == []


@pytest.mark.parametrize(("line", "value"), [(b'"text"', "text"), (b"42", 42), (b"null", None), (b"[1]", [1])])
def test_a_line_may_be_any_value(line: bytes, value: object) -> None:
    """FORMATS 0.5."""
    assert pieces(line) == [(value, 0, len(line), "")]


def test_lone_surrogates_become_encodable() -> None:
    """FORMATS 0.7: orjson refuses them; a pair stays the character it is."""
    ((data, _, _, note),) = pieces(rb'{"a\udc00":["x\ud83d","\ud83d\ude00"],"b":{"c":"\udfff"}}')
    assert data == {"a\ufffd": ["x\ufffd", "😀"], "b": {"c": "\ufffd"}}
    assert note == "repaired text"
    json.dumps(data, ensure_ascii=False).encode()


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    ((data, _, length, _),) = pieces(b'{"a":"x\xff\xc3y\xed\xa0\x80"}')
    assert data["a"].startswith("x\ufffd\ufffdy")
    data["a"].encode()
    assert length == 15


def test_numbers_that_json_has_not() -> None:
    ((data, _, _, note),) = pieces(b'{"a":NaN,"b":Infinity,"c":-Infinity,"d":1e999}')
    assert math.isnan(data["a"])
    assert [data["b"], data["c"], data["d"]] == [math.inf, -math.inf, math.inf]
    assert note == "odd number"


@pytest.mark.parametrize("digits", [30, 5000])
def test_huge_integers(digits: int) -> None:
    ((data, _, _, _),) = pieces(b'{"a":%s}' % (b"9" * digits))
    assert data["a"] > 1e29


def test_a_byte_order_mark_is_part_of_its_record() -> None:
    assert pieces(b'\xef\xbb\xbf{"a":1}') == [({"a": 1}, 0, 10, "bom")]


def test_two_records_on_one_line() -> None:
    """FORMATS 0.4: the newline between them is missing; each has its own bytes, counted in bytes."""
    assert pieces('{"a":"ä"}  {"b":"ö"} {"c":3}'.encode()) == [
        ({"a": "ä"}, 0, 12, "joined"),
        ({"b": "ö"}, 12, 11, "joined"),
        ({"c": 3}, 23, 7, "joined"),
    ]


def test_a_record_cut_off_before_a_good_one() -> None:
    """FORMATS 0.4: cut inside a string, and the next record follows on the same line."""
    assert pieces(b'{"a":{"b":"cut {"type":"user","x":{"y":1}}') == [
        (None, 0, 15, "not JSON"),
        ({"type": "user", "x": {"y": 1}}, 15, 27, "joined"),
    ]


def test_a_record_cut_off_at_the_end() -> None:
    assert pieces(b'{"a":1}{"b":"cut') == [({"a": 1}, 0, 7, "joined"), (None, 7, 9, "cut off")]
    assert pieces(b'{"type":"user"') == [(None, 0, 14, "cut off")]


def test_rubbish_between_records() -> None:
    assert pieces(b'{"a":1}xx{"b":2}') == [
        ({"a": 1}, 0, 7, "joined"),
        (None, 7, 2, "not JSON"),
        ({"b": 2}, 9, 7, "joined"),
    ]


def test_leading_nul_bytes() -> None:
    """FORMATS 0.4: a hole that a crash left."""
    assert pieces(b'\0\0\0{"a":1}') == [(None, 0, 3, "NUL bytes"), ({"a": 1}, 3, 7, "")]
    assert pieces(b"\0\0") == [(None, 0, 2, "NUL bytes")]


@pytest.mark.parametrize("line", [b"# by hand", b"// by hand", b"  # by hand"])
def test_comment_lines(line: bytes) -> None:
    """FORMATS 0.4."""
    assert pieces(line) == [(None, 0, len(line), "comment")]


@pytest.mark.parametrize(
    "line", [b"25 items found", b"plain text", b"[INFO] started", b"\xff\xfe\x00", b"true story", b'"a" b']
)
def test_text_is_no_record(line: bytes) -> None:
    assert pieces(line) == [(None, 0, len(line), "not JSON")]


@pytest.mark.parametrize("depth", [100, 1000])
def test_nesting_that_is_deep_but_fine(depth: int) -> None:
    line = b'{"a":' * depth + b"1" + b"}" * depth
    (piece,) = decode(line, At(length=len(line)))
    assert isinstance(piece, Record)
    assert dump(piece.data)


@pytest.mark.parametrize("line", [b"[" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b'{"a":' * 3000])
def test_nesting_without_end_is_damage(line: bytes) -> None:
    (piece,) = decode(line, At(length=len(line)))
    assert isinstance(piece, Damage)
    assert piece.reason in ("nested too deep", "cut off")
    assert piece.at.length == len(line)


def test_an_array_of_records_is_taken_apart() -> None:
    """FORMATS B: `--output-format json --verbose`; brackets and commas belong to their neighbours."""
    line = '[{"type":"a","x":"ä"} , {"type":"b"}]'.encode()
    assert pieces(line) == [({"type": "a", "x": "ä"}, 0, 24, "listed"), ({"type": "b"}, 24, 14, "listed")]


def test_many_broken_records_on_one_line_end_soon() -> None:
    line = b'{"a":{"b":' * 20_000
    assert sum(piece.at.length for piece in decode(line, At(length=len(line)))) == len(line)


def test_a_line_of_very_many_records_is_bounded() -> None:
    line = b'{"a":"' + b'{"b":1}' * 200_000
    found = decode(line, At(length=len(line)))
    assert len(found) == 10_001
    assert sum(piece.at.length for piece in found) == len(line)


def test_clean_and_excerpt() -> None:
    text = "plain"
    assert clean(text) is text
    assert clean("a\0b") == "a␀b"
    assert excerpt(b"\0\xff") == "␀\ufffd"
    assert len(excerpt(b"x" * 100_000)) == 2001


def test_type_of() -> None:
    assert type_of({"type": "system", "subtype": "init"}) == "system/init"
    assert type_of({"type": "attachment", "attachment": {"type": "date"}}) == "attachment/date"
    assert type_of({"type": 7}) == "int"
    assert type_of({}) == "no type"
    assert type_of([1]) == "list"
