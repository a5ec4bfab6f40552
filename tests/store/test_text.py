"""Text: every version stays valid, and growing costs the new piece."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from store.text import Text


@given(st.lists(st.tuples(st.integers(0, 30), st.text(max_size=8)), max_size=60), st.integers(-3, 60))
def test_versions_never_disturb_each_other(steps: list[tuple[int, str]], start: int) -> None:
    versions = [(Text(), "")]
    for pick, piece in steps:
        text, plain = versions[pick % len(versions)]
        if pick % 3 == 0:
            assert str(text) == plain
        versions.append((text.append(piece), plain + piece))
    for text, plain in versions:
        assert text.length == len(plain)
        assert text.since(start) == plain[max(0, start) :]
        assert text.head(5) == plain[:5]
    for text, plain in versions:
        assert str(text) == plain
        assert text == Text(plain)


def test_fifty_thousand_chunks_copy_nothing_old() -> None:
    """004-18: growing is linear. Counted in characters joined, not in seconds."""
    text = Text()
    seen = 0
    for number in range(50_000):
        text = text.append(f"{number % 10}")
        seen += len(text.since(text.length - 1))
    assert seen == 50_000
    assert len(str(text)) == 50_000
