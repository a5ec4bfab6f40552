"""Bytes to lines, however they are cut."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from store.lines import Lines

CONTENT = "a\u2028b\u2029c\u0085d\x0b\x0c\x1c\x1d\x1ee".encode()


def feed_all(data: bytes, cuts: list[int], start: int = 0) -> tuple[list[tuple[int, bytes]], bytes]:
    lines = Lines(start)
    found: list[tuple[int, bytes]] = []
    before = 0
    for cut in [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]:
        found += lines.feed(data[before:cut])
        before = cut
    return found, lines.rest


def test_only_the_newline_byte_ends_a_line() -> None:
    """FORMATS 0.1: separators that str.splitlines knows stand inside lines."""
    lines = Lines()
    assert lines.feed(CONTENT + b"\n" + CONTENT + b"\n") == [(0, CONTENT), (len(CONTENT) + 1, CONTENT)]
    assert lines.rest == b""


def test_crlf_and_blank_lines_and_offsets() -> None:
    """FORMATS 0.1: a CR belongs to the line end, and still counts in the offsets; one inside a line stays."""
    lines = Lines()
    assert lines.feed(b"a\r\n\r\n\nb\rc\r\n") == [(0, b"a"), (3, b""), (5, b""), (6, b"b\rc")]
    assert lines.start == 11


def test_a_rest_waits_and_is_taken_at_the_end() -> None:
    """FORMATS 0.2."""
    lines = Lines(100)
    assert lines.feed(b"ab") == []
    assert lines.feed("ä".encode()[:1]) == []
    assert (lines.rest, lines.start, lines.offset) == (b"ab\xc3", 100, 103)
    assert lines.feed("ä".encode()[1:] + b"\nx") == [(100, "abä".encode())]
    assert lines.finish() == (105, b"x")
    assert (lines.rest, lines.start) == (b"", 106)
    assert lines.feed(b"y\n") == [(106, b"y")]


@given(
    st.binary(max_size=200).map(lambda data: data.replace(b"q", b"\n").replace(b"z", b"\r\n")),
    st.lists(st.integers(0, 200)),
)
def test_any_cut_gives_the_same_lines(data: bytes, cuts: list[int]) -> None:
    whole = feed_all(data, [], 7)
    assert feed_all(data, cuts, 7) == whole
    for offset, line in whole[0]:
        assert data[offset - 7 :].startswith(line)


def test_a_giant_line_costs_its_length() -> None:
    """FORMATS 0.6: 32 MB in pieces of 4 KB; with a growing buffer this would copy 128 GB."""
    lines = Lines()
    piece = b"x" * 4096
    began = time.process_time()
    for _ in range(8192):
        assert lines.feed(piece) == []
    ((offset, line),) = lines.feed(b"\n")
    assert (offset, len(line)) == (0, 8192 * 4096)
    assert time.process_time() - began < 5  # the quadratic way takes minutes
