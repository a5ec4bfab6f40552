"""The digest's fold over random entries: incremental = full at every prefix, and the sums agree."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from thorough import examples

from store import entries as en
from store.digest import Digest, Part, Turn, dump, fold, load, step, version
from store.entries import Entry, pack, unpack
from store.events import Tokens

S = 1_000_000

IDS = st.sampled_from("abcdef")
TIME = st.none() | st.integers(0, 600).map(lambda second: second * S)
STATUS = st.sampled_from(["ok", "failed", "cancelled", "running", "background", "completed", "error", ""])
TOKENS = st.builds(
    Tokens, st.sampled_from(["m1", "m2", ""]), st.integers(0, 9), st.integers(0, 9),
    cost_usd=st.none() | st.just(0.5),
)  # fmt: skip
HEAD = {"row": st.integers(-1, 50), "ts": TIME, "agent": st.sampled_from(["", "", "h1", "h2"])}
ENTRY: st.SearchStrategy[Entry] = st.one_of(
    st.builds(en.Joined, **HEAD, parent=IDS),
    st.builds(en.Started, **HEAD, turn=IDS, prompt=st.booleans(), joins=st.booleans()),
    st.builds(en.Said, **HEAD, what=st.sampled_from(["text", "thought", "input"])),
    st.builds(
        en.Called, **HEAD, id=IDS, name=st.sampled_from(["Bash", "x__permission_prompt"]),
        shape=st.sampled_from(["", "id", "toolCallId"]),
    ),
    st.builds(en.Answered, **HEAD, id=IDS, status=STATUS, known=st.booleans(), update=st.booleans()),
    st.builds(en.Asked, **HEAD, id=IDS, name=st.just("Bash")),
    st.builds(en.Settled, **HEAD, id=IDS),
    st.builds(en.Failed, **HEAD, kind=st.sampled_from(["", "timeout"])),
    st.builds(en.Used, **HEAD, tokens=TOKENS),
    st.builds(
        en.Ended, **HEAD, status=st.sampled_from([None, "success", "error"]), reason=st.sampled_from(["", "refusal"]),
        cost=st.none() | st.integers(0, 9), used=st.lists(TOKENS, max_size=2).map(tuple),
    ),
    st.builds(en.Shown, **HEAD),
    st.builds(en.Taken, **HEAD),
    st.builds(en.Sealed),
)  # fmt: skip


def listed(price: int) -> Callable[[Tokens, int | None, int], int | None]:
    return lambda tokens, ts, whole: None if tokens.llm == "m2" else price * (tokens.input + tokens.output)


_LATE = en.Answered(row=0, ts=None, agent="", id="a", status="ok", name="", known=False, update=False, shape="")


@settings(max_examples=examples(100), deadline=None)
@example([_LATE, msgspec.structs.replace(_LATE, status="failed")], {0})
@given(st.lists(ENTRY, max_size=40), st.sets(st.integers(0, 40)))
def test_incremental_equals_full_at_every_prefix(entries: list[Entry], saved: set[int]) -> None:
    """000-24: whatever is saved and loaded in between, and the turns that are handed out are those of one fold."""
    price = listed(3)
    kept: dict[tuple[str, int], Turn] = {}
    going = Digest()
    for number, entry in enumerate(entries):
        step(going, unpack(pack([entry]))[0], price)
        if number in saved:
            kept.update(going.turns)
            going = load(dump(going))
        full = fold(Digest(), entries[: number + 1], price)
        assert dump(going) == dump(full)
        assert {**kept, **going.turns} == full.turns


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(ENTRY, max_size=60))
def test_sums_agree(entries: list[Entry]) -> None:
    """X-07: the digest's figures are those of its turns, added up."""
    digest = fold(Digest(), entries, listed(2))
    for part in digest.parts.values():
        turns = [turn for (agent, _), turn in digest.turns.items() if agent == part.agent]
        assert len(turns) == part.closed
        assert sum(turn.duration or 0 for turn in turns) == part.active
        assert all(turn.end_seq >= turn.start_seq for turn in turns)
        if part.turn is not None:
            turns.append(part.turn)
        assert sum(turn.tools for turn in turns) == sum(use.calls for use in part.tools.values())
        assert sum(turn.issues for turn in turns) == sum(samples.count for samples in part.issues.values())
        assert len(turns) == part.opened
        _same_money(part, turns)


def _same_money(part: Part, turns: list[Turn]) -> None:
    closed = [turn for turn in turns if not turn.open]
    outside = part.money.micros - sum(turn.money.micros for turn in closed)
    assert outside >= 0  # what was used before there was a turn
    assert all(total.input >= 0 and total.money.unpriced >= 0 for total in part.llms.values())


def test_another_version_is_folded_anew() -> None:
    other = dump(Digest(version=version() + 1))
    with pytest.raises(ValueError, match="version"):
        load(other)
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        load(b"\xc1")
