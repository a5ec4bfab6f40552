"""The prices that costs were counted with lie beside them, and stay when a list says otherwise."""

from __future__ import annotations

from pathlib import Path

import orjson
from builders import assistant, lines, user
from raw import ask

from store import prices, prices_own
from store.figures import figures
from store.intake import take_in

LLM = "claude-opus-4-6"
DAYS = ("2026-05-01", "2026-05-03")
FIRST = 1_777_593_600_000_000  # the first microsecond of DAYS[0]
DAY = 86_400_000_000


def said(number: int, llm: str = LLM) -> list[dict[str, object]]:
    at = f"{DAYS[number]}T10:00:00Z"
    spoken = assistant("ok", id=f"m{llm}{number}", uuid=f"a{llm}{number}", timestamp=at)
    spoken["message"] |= {"model": llm}
    return [user("go", uuid=f"u{llm}{number}", timestamp=at), spoken]


def kept(db: Path) -> dict[tuple[str, int], dict[str, list[dict[str, int]]]]:
    return {(llm, day): orjson.loads(told) for llm, day, told in ask(db, "SELECT llm, day, prices FROM price")}


def test_what_was_counted_with_is_kept_by_model_and_day(tmp_path: Path, database: Path) -> None:
    """In whole micro-dollars per million tokens; nothing for a model without a price. On a server as in a file."""
    prices._used.clear()  # what other tests have counted with on these days
    prices._rates.cache_clear()
    path = tmp_path / "s.jsonl"
    path.write_bytes(lines(*said(0), *said(1, "nobody-knows-it")))
    take_in(database, path)
    assert kept(database) == {}, "an import counts nothing"
    assert figures(path, database) is not None
    ((key, lists),) = kept(database).items()
    assert key == (LLM, FIRST)
    ((name, rates),) = lists.items()
    assert name.startswith("genai-prices ")
    assert [(one["above"], one["input"], one["output"]) for one in rates] == [(0, 5_000_000, 25_000_000)]

    prices_own.path().parent.mkdir(parents=True, exist_ok=True)
    prices_own.path().write_text(f'["{LLM}"]\ninput = 1\noutput = 2\n', "utf-8")
    with path.open("ab") as file:
        file.write(lines(*said(1)))
    take_in(database, path)
    assert figures(path, database) is not None
    found = kept(database)
    assert set(found) == {(LLM, FIRST), (LLM, FIRST + 2 * DAY)}
    assert sorted(found[LLM, FIRST]) == [name, prices_own.FILE], "what was counted with before stays beside it"
    assert [one["input"] for one in found[LLM, FIRST + 2 * DAY][prices_own.FILE]] == [1_000_000]
