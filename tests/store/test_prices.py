"""What a request costs: micro-dollars, by the library's table and equal to the library's own sum."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot

from store.events import Tokens
from store.prices import price, unknown

DAY = 86_400_000_000
SIZES = [
    (2_036, 11_295, 2_463_655, 74_840, 0, 0),
    (0, 0, 0, 0, 0, 3),
    (199_999, 1, 0, 1, 1, 0),
    (200_000, 1, 0, 1, 1, 0),
    (5, 400, 190_000, 9_996, 4_000, 1),
    (1, 1, 0, 0, 0, 0),
]
MODELS = [
    model.id
    for provider in get_snapshot().providers
    if provider.id in ("anthropic", "openai", "deepseek")
    for model in provider.models
]


def when(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def test_the_sum_of_a_real_result() -> None:
    """000-18: FORMATS G: what the program itself said of this run, 1.9921325 dollars, rounded."""
    assert price(Tokens("claude-opus-4-5", 2_036, 11_295, 2_463_655, 74_840), when("2026-02-01")) == 1_992_133


@pytest.mark.parametrize("llm", MODELS)
def test_equal_to_the_library(llm: str) -> None:
    """Long requests, the cache, writes for an hour, searches, and prices that change with the date."""
    compared = 0
    for text in ("2025-06-01T12:00", "2026-03-12T23:59", "2026-03-13T00:00", "2026-11-20T17:00"):
        for fresh, output, read, write, hour, searches in SIZES:
            usage = Usage(
                input_tokens=fresh + read + write, cache_read_tokens=read, cache_write_tokens=write,
                cache_write_1h_tokens=hour, output_tokens=output, web_searches=searches,
            )  # fmt: skip
            at = datetime.fromisoformat(text).replace(tzinfo=UTC)
            try:
                told = calc_price(usage, llm, genai_request_timestamp=at)
            except (LookupError, ValueError):
                continue  # another provider's name for it, or a price per page
            if told.model_price.input_mtok is None:
                continue
            ours = price(Tokens(llm, fresh, output, read, write, hour, searches), when(text))
            assert ours is not None
            assert abs(ours - told.total_price * 1_000_000) <= 0.5
            compared += 1
    if llm.startswith("claude-"):
        assert compared == 4 * len(SIZES)


def test_a_part_is_priced_like_its_request() -> None:
    """From 200,000 tokens of input on everything costs more, also the words that are told later than the input."""
    alone = price(Tokens("claude-sonnet-4-5", output=1_000_000), 0)
    assert alone == 15_000_000
    assert price(Tokens("claude-sonnet-4-5", output=1_000_000), 0, whole=200_001) == 22_500_000


def test_tiers_have_prices_of_their_own() -> None:
    at = when("2026-11-01")
    costs = [price(Tokens("claude-fable-5-2", input=1_000_000, tier=tier), at) for tier in ("", "fast", "batch")]
    assert costs == [8_000_000, 16_000_000, 4_000_000]


@pytest.mark.parametrize("llm", ["claude-x", "", "<synthetic>", "nobody-knows-this", "\ud83d"])
def test_an_unknown_model_has_no_price(llm: str) -> None:
    """000-18."""
    assert price(Tokens(llm, 100, 50), when("2026-06-01")) is None


def test_names_as_transcripts_spell_them() -> None:
    known = price(Tokens("claude-sonnet-4-5", 1_000_000), 0)
    assert known == 6_000_000  # a request of a million is a long one
    for llm in (
        "claude-sonnet-4-5-20250929", "claude-sonnet-4-5[1m]", "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic/claude-sonnet-4.5", "claude-sonnet-4-5@20250929",
    ):  # fmt: skip
        assert price(Tokens(llm, 1_000_000), 0) == known
    dated = price(Tokens("gpt-5.5-2031-01-01", 1_000))  # a date that is not listed
    assert dated == price(Tokens("gpt-5.5", 1_000)) is not None


def test_times_beyond_the_calendar_are_now() -> None:
    now = price(Tokens("claude-opus-4-8", 1_000_000))
    assert now == price(Tokens("claude-opus-4-8", 1_000_000), 1 << 62) == 5_000_000
    assert unknown(Tokens("claude-opus-4-8", 1)) is None


def test_the_table_is_not_loaded_before_it_is_asked() -> None:
    program = "import sys, store.prices; print([m for m in sys.modules if m.startswith(('genai', 'pydantic'))])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
