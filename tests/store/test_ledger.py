"""Events to entries: the same however they are cut and whatever is saved in between."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thorough import examples

from store import entries as en
from store import events as ev
from store.digest import Digest, dump, fold
from store.entries import Entry
from store.events import At, Event, Tokens
from store.fold import HANDLERS, State
from store.ledger import NOTES, Ledger
from store.prices import unknown
from store.requests import Requests
from store.whole import events_of

RECORDED = sorted((Path(__file__).parents[1] / "recorded").glob("*/*.jsonl"))
S = 1_000_000
SILENT = {  # events that no figure depends on
    ev.ToolInput, ev.Usage, ev.ConfigChanged, ev.AdapterSeen, ev.Compacting, ev.SessionNamed,
    ev.Rewound,  # the ledger takes it apart from the rest
}  # fmt: skip


def noted(found: Sequence[Event], cuts: Sequence[int] = (), restart: bool = False) -> list[Entry]:
    """The entries of some events, fed in pieces; with `restart`, everything is saved and loaded in between."""
    state, ledger, out = State(), Ledger(), []
    before = 0
    for cut in [*sorted({cut % (len(found) + 1) for cut in cuts}), len(found)]:
        ledger.fold(state, found[before:cut])
        out += ledger.take()
        before = cut
        if restart:
            requests = Requests()
            requests.counted = ledger.requests.counted
            state, ledger = State.load(state.dump()), Ledger.load(ledger.dump(), requests)
    return out


def test_every_event_is_noted_or_known_not_to_count() -> None:
    assert set(NOTES) | SILENT == set(HANDLERS)
    assert set(NOTES) & SILENT == set()


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_any_cut_gives_the_same_entries(path: Path) -> None:
    found = [event for batch in events_of(path) for event in batch]
    whole = noted(found)
    assert noted(found, range(len(found))) == whole
    assert noted(found, range(0, len(found), 7), restart=True) == whole
    assert [entry.row for entry in whole if entry.row >= 0] != []


ENDS = ["ok", "failed", "cancelled", "running", None]
NOTICES = ["info", "api_error", "result"]


def some_event(rng: random.Random, number: int) -> Event:
    at = At(number * S, 0, number * 100, 99, rng.choice(["", "", "h1"]), "t1")
    item, tool = f"i{rng.randrange(5)}", f"t{rng.randrange(5)}"
    kinds = [
        lambda: ev.TextDelta(at, item, "x"),
        lambda: ev.MessageDone(at, item, "done"),
        lambda: ev.ThoughtDone(at, "h" + item, ""),
        lambda: ev.PromptText(at, f"u{number}", "say", rng.choice(["human", "queued", "task", "injected", "agent"])),
        lambda: ev.PromptSent(at, number % 3, f"p{number}", "say", rng.random() < 0.3),
        lambda: ev.ToolStarted(at, tool, "Bash"),
        lambda: ev.ToolUpdated(at, tool, rng.choice(ENDS), rng.choice([None, "o"])),
        lambda: ev.Asked(at, number % 4, tool, "may I?"),
        lambda: ev.Answered(at, number % 4, rng.choice(["end_turn", "refusal", None]), rng.choice(["", "broke"])),
        lambda: ev.Called(at, number % 4, "cancel"),
        lambda: ev.NoticeAdded(at, f"n{number % 6}", rng.choice(NOTICES), "x", rng.choice(["info", "error"])),
        lambda: ev.PlanSet(at, "plan", ()),
        lambda: ev.Compacted(at, f"c{number}", "sum"),
        lambda: ev.Unreadable(at, f"@{number}", "odd", "unknown"),
        lambda: ev.Rewound(at, rng.choice([item, tool])),
        lambda: ev.TurnEnded(at, rng.choice(["success", "error", "cancelled"]), None, 0.5),
        lambda: ev.Spent(at, f"r{rng.randrange(4)}", Tokens("m", rng.randrange(9), rng.randrange(9))),
        lambda: ev.Usage(at, 7),
    ]  # fmt: skip
    return rng.choice(kinds)()  # type: ignore[no-any-return, no-untyped-call]


@settings(max_examples=examples(100), deadline=None)
@given(st.integers(0, 1 << 32), st.lists(st.integers(0, 1000), max_size=12), st.booleans())
def test_random_events_however_cut(seed: int, cuts: list[int], restart: bool) -> None:
    rng = random.Random(seed)
    found = [some_event(rng, number) for number in range(rng.randrange(1, 80))]
    whole = noted(found)
    assert noted(found, cuts, restart) == whole
    live = Digest()
    for entry in noted(found, range(len(found))):
        live = fold(live, [entry], unknown)
    assert dump(live) == dump(fold(Digest(), whole, unknown))


def test_more_rows_than_the_fold_remembers() -> None:
    found = [ev.MessageDone(At(number * S), f"i{number}", "x") for number in range(9000)]
    assert [entry.row for entry in noted(found)] == list(range(9000))


def test_a_prompt_that_was_sent_from_here_starts_its_turn_when_its_echo_comes() -> None:
    from store.fold import sending

    state, ledger = State(), Ledger()
    sending(state, "mine", "go", 1 * S)
    ledger.fold(state, [ev.MessageDone(At(2 * S), "i", "late words"), ev.PromptSent(At(3 * S), 7, "mine", "go")])
    assert [(type(entry), entry.row) for entry in ledger.take()] == [(en.Said, 1), (en.Started, 0)]


def test_an_error_is_noted_by_its_kind_and_what_only_informs_is_none() -> None:
    """An error that names no kind has none, and a failed end is told by the end."""
    kinds = (("api-error", "error"), ("info", "error"), ("api-error", "info"), ("result", "error"))
    found = noted([ev.NoticeAdded(At(number), f"n{number}", kind, "x", level)
                   for number, (kind, level) in enumerate(kinds)])  # fmt: skip
    assert [entry.kind if isinstance(entry, en.Failed) else None for entry in found] == ["api-error", "", None, None]


def test_a_late_answer_ends_no_turn() -> None:
    """G.1, row 6: only the answer of the running prompt does."""
    prompt = [ev.PromptSent(At(1), 8, "p8", "go"), ev.MessageDone(At(2), "i", "x")]
    assert en.Ended not in map(type, noted([*prompt, ev.Answered(At(3), 7, "end_turn")]))
    assert type(noted([*prompt, ev.Answered(At(3), 8, "end_turn")])[-1]) is en.Ended
