"""The digest's figures: the hand-checked vectors of SYSTEMS G.2 and G.3, and what our corrections of B.9 demand."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from store import entries as en
from store.digest import Digest, Turn, dump, fold, load, step
from store.digest_parts import SAMPLES, Samples
from store.entries import Entry, pack, unpack
from store.events import Tokens
from store.latency import BOUNDS, bucket, percentile
from store.prices import unknown

S = 1_000_000
START = 1_780_272_000 * S  # 2026-06-01T00:00:00Z
Maker: TypeAlias = Callable[[int], Entry]

# ---- one short word per event; the number it is given is its seq, and its row


def ts(turn: str = "t1") -> Maker:
    return lambda n: en.Started(n, n * S, turn=turn)


def call(id_: str, name: str = "Bash", shape: str = "id") -> Maker:
    return lambda n: en.Called(n, n * S, id=id_, name=name, shape=shape)


def res(id_: str, name: str = "", status: str = "ok") -> Maker:
    return lambda n: en.Answered(n, n * S, id=id_, name=name, status=status, shape="tool_use_id")


def upd(id_: str, status: str = "") -> Maker:
    return lambda n: en.Answered(n, n * S, id=id_, status=status, update=True, shape="toolCallId")


def end(status: str | None = None, reason: str = "") -> Maker:
    return lambda n: en.Ended(n, n * S, status=status, reason=reason)


def text(agent: str = "") -> Maker:
    return lambda n: en.Said(n, n * S, agent)


def shown(n: int) -> Entry:
    return en.Shown(n, n * S)


def sealed(n: int) -> Entry:
    return en.Sealed()


def run(*makers: Maker) -> list[Entry]:
    return [make(number) for number, make in enumerate(makers, 1)]


def folded(*makers: Maker) -> Digest:
    return fold(Digest(), run(*makers), unknown)


def found(kinds: dict[str, Samples]) -> list[tuple[str, int, str]]:
    """(class, anchor, label) of every sample; the lists beside them are aligned."""
    for name, samples in kinds.items():
        sizes = {len(samples.seqs), len(samples.rows), len(samples.ts), len(samples.labels)}
        assert sizes == {min(samples.count, SAMPLES)}, name
        assert samples.rows == samples.seqs
        assert samples.ts == [seq * S for seq in samples.seqs]
    return sorted((name, seq, label) for name, s in kinds.items() for seq, label in zip(s.seqs, s.labels, strict=True))


def only_turn(digest: Digest) -> Turn:
    part = digest.parts[""]
    turn = part.turn or part.last
    assert turn is not None
    assert part.opened == 1
    return turn


SWEEP = [
    ((ts(), call("c1", "Bash"), call("c2", "Read"), res("c2"), end("success")), ["missing_tool_result@2 Bash"], 1),
    ((ts(), res("ghost", "Edit"), end("success")), ["orphan_tool_result@2 Edit"], 1),
    (
        (ts(), call("p1", "mcp__termipod__permission_prompt"), end("success")),
        ["unanswered_permission@2 mcp__termipod__permission_prompt"],
        1,
    ),
    ((ts(), call("p1", "permission_prompt"), res("p1"), end("success")), [], 0),
    ((ts(), call("c1", "Bash"), sealed), ["incomplete_turn@1 ", "missing_tool_result@2 Bash"], 2),
    ((ts(), call("c1", "Bash")), [], 0),
    ((ts(), end(reason="error_max_turns")), ["abnormal_stop@1 error_max_turns"], 1),
    ((ts(), end(reason="end_turn")), [], 0),
    ((ts(), end(reason="cancelled")), [], 0),
    ((ts(), end("failed", "refusal")), [], 0),
    (
        (call("c1"), res("c1"), call("c2", shape="toolCallId"), res("c2")),
        ["mixed_id_shape@3 tool_call.toolCallId"],
        1,
    ),
    ((call("c1"), res("c1"), call("c2"), upd("c2", "completed")), [], 0),
    ((ts(), call("c1"), upd("c1", "in_progress"), upd("c1", "completed"), end()), [], 0),
    ((ts(), call("c1"), res("c1"), upd("c1", "completed"), end()), [], 0),
    ((ts(), call("c1"), upd("c1"), end()), ["missing_tool_result@2 Bash"], 1),
    (
        (ts(), call("c1", "First"), call("c2", "Second"), call("c3", "Third"), end()),
        ["missing_tool_result@2 First", "missing_tool_result@3 Second", "missing_tool_result@4 Third"],
        3,
    ),
]


@pytest.mark.parametrize(("makers", "issues", "count"), SWEEP, ids=range(1, 17))
def test_issue_sweep(makers: tuple[Maker, ...], issues: list[str], count: int) -> None:
    """000-22: G.2: exactly these findings, in this order, and fed one at a time through bytes the same."""
    digest = folded(*makers)
    assert [f"{name}@{seq} {label}" for name, seq, label in found(digest.parts[""].issues)] == issues
    assert only_turn(digest).issues == count
    one = Digest()
    for entry in run(*makers):
        one = load(dump(fold(one, unpack(pack([entry])), unknown)))
    assert dump(one) == dump(digest)


def test_what_the_sweep_says_of_errors() -> None:
    """000-19, 22: G.2, rows 7 and 10: a stop without a status is no error, and a failed turn is no issue."""
    assert folded(ts(), end(reason="error_max_turns")).parts[""].errors == {}
    digest = folded(ts(), end("failed", "refusal"))
    assert found(digest.parts[""].errors) == [("failed_turn", 1, "failed")]
    assert only_turn(digest).errors == 1


def vector() -> list[Entry]:
    """G.3: eleven events in two turns."""
    at = [START + offset * S for offset in (0, 0, 1, 1, 1, 2, 10, 11, 12, 13, 15)]
    used = (Tokens("claude-x", 100, 50),)
    return [
        en.Started(1, at[0], turn="t1"),
        en.Said(2, at[1]),
        en.Called(3, at[2], id="c1", name="bash"),
        en.Answered(4, at[3], id="c1"),
        en.Used(5, at[4], tokens=used[0]),
        en.Ended(6, at[5], status="success", cost=10_000, used=used),
        en.Started(7, at[6], turn="t2"),
        en.Called(8, at[7], id="c2", name="edit"),
        en.Answered(9, at[8], id="c2", status="failed"),
        en.Failed(10, at[9], kind="timeout"),
        en.Ended(11, at[10], status="error", cost=20_000),
    ]


def test_digest_vector() -> None:
    """000-16…21, G.3: counts and spans, tokens, cost, errors, tools, latency."""
    digest = fold(Digest(), vector(), unknown)
    part = digest.parts[""]
    assert (part.events, part.closed, digest.watermark) == (11, 2, 11)
    assert part.last_ts is not None
    assert part.first_ts == START
    assert part.last_ts - part.first_ts == 15 * S
    assert part.active == 7 * S
    assert part.money.known == 30_000
    assert {name: (use.calls, use.failed) for name, use in part.tools.items()} == {"bash": (1, 0), "edit": (1, 1)}
    places = {name: samples.seqs for name, samples in part.errors.items()}
    assert places == {"tool_error": [8], "error:timeout": [10], "failed_turn": [7]}
    assert part.errors["tool_error"].labels == ["edit"]
    assert part.errors["error:timeout"].labels == ["timeout"]
    assert list(part.llms) == ["claude-x"]
    assert (part.llms["claude-x"].input, part.llms["claude-x"].output) == (100, 50)  # not twice
    assert part.issues == {}
    first, second = digest.turns["", 0], digest.turns["", 1]
    assert (first.start_seq, first.end_seq, second.start_seq, second.end_seq) == (1, 6, 7, 11)
    assert (first.used.input, first.used.output, second.used.input, second.used.output) == (100, 50, 0, 0)
    assert (first.tools, first.tools_failed, first.errors) == (1, 0, 0)
    assert (second.tools, second.tools_failed, second.errors) == (1, 1, 3)
    assert (first.duration, second.duration) == (2 * S, 5 * S)
    assert (first.status, second.status) == ("success", "error")
    assert (first.money.known, second.money.known) == (10_000, 20_000)
    assert sum(part.latency) == 2
    # by hand: one sample in (1 s, 2.5 s], one in (2.5 s, 5 s]; the median ends the first, 95 % is 9/10 into the second
    assert percentile(part.latency, 0.5) == 2500
    assert percentile(part.latency, 0.95) == 4750


def test_an_open_turn_counts_what_it_used_so_far() -> None:
    """000-17."""
    digest = fold(Digest(), vector()[:5], unknown)
    part = digest.parts[""]
    assert part.turn is not None
    assert (part.turn.used.input, part.turn.used.output, part.llms) == (100, 50, {})
    assert part.turn.money.known is None  # no price is known, which is not 0


# ---- turns


@pytest.mark.parametrize("makers", [(shown,), (end(),), (lambda n: en.Used(tokens=Tokens("x", 1)),)])
def test_only_content_opens_a_turn(makers: tuple[Maker, ...]) -> None:
    """000-28: B.9: a status line after the end would put the idle time into the next turn."""
    digest = folded(ts(), text(), end(), *makers)
    assert digest.parts[""].turn is None
    assert digest.parts[""].opened == 1
    assert folded(*makers).parts[""].opened == 0


def test_a_start_adopts_what_came_before_it() -> None:
    """000-28."""
    digest = folded(lambda n: en.Said(n, n * S, what="input"), ts("t9"), text(), end())
    turn = only_turn(digest)
    assert (turn.id, turn.synthetic, turn.start_seq, turn.duration) == ("t9", False, 1, 3 * S)


def test_a_late_start_closes_the_open_turn() -> None:
    """000-28."""
    digest = folded(ts("t1"), text(), ts("t2"), call("c1"), ts("t3"))
    first, second = digest.turns["", 0], digest.turns["", 1]
    assert (first.status, first.end_seq, first.duration) == (
        "success",
        2,
        S,
    )  # up to its answer, not to the next prompt
    assert (second.status, second.issues) == ("closed", 1)  # and not a failure: nobody said so
    assert digest.parts[""].errors == {}
    assert digest.parts[""].turn is not None


def test_a_prompt_closes_a_turn_that_content_opened() -> None:
    """000-28."""
    digest = folded(text(), lambda n: en.Started(n, n * S, turn="u", prompt=True), text(), end())
    assert [turn.id for turn in digest.turns.values()] == ["syn-1", "u"]


def test_what_is_typed_meanwhile_belongs_to_the_turn_that_runs() -> None:
    queued: Maker = lambda n: en.Started(n, n * S, turn="q", prompt=True, joins=True)  # noqa: E731
    assert only_turn(folded(ts(), text(), queued, text(), end())).id == "t1"
    assert only_turn(folded(queued, text(), end())).id == "q"


def test_the_seal_closes_what_is_open_once() -> None:
    once = folded(ts(), text(), call("c1"), sealed)
    twice = folded(ts(), text(), call("c1"), sealed, sealed)
    assert only_turn(once).status == "incomplete"
    assert once.sealed
    assert once.parts == twice.parts
    assert only_turn(folded(ts(), text(), sealed)).status == "success"  # many programs write no end
    again = folded(ts(), call("c1"), sealed, text())
    assert not again.sealed
    assert again.parts[""].turn is not None


def test_a_second_word_about_an_end_only_adds_figures() -> None:
    told: Maker = lambda n: en.Ended(n, n * S, status="error", cost=70_000, used=(Tokens("m", 7, 3),))  # noqa: E731
    for first in (end("error"), end()):
        digest = folded(ts(), text(), lambda n: en.Used(tokens=Tokens("m", 5, 1)), first, told)
        part = digest.parts[""]
        assert part.errors["failed_turn"].count == 1
        assert part.money.known == 70_000
    digest = folded(ts(), text(), lambda n: en.Used(tokens=Tokens("m", 5, 1)), end("error"), told)
    assert (digest.parts[""].closed, digest.parts[""].llms["m"].input) == (1, 7)


def test_a_wire_without_times_tells_durations() -> None:
    digest = fold(Digest(), [en.Said(0), en.Ended(duration=3 * S)], unknown)
    part = digest.parts[""]
    assert (part.active, sum(part.latency), part.first_ts) == (3 * S, 1, None)


# ---- agents


def test_each_agent_has_figures_of_its_own() -> None:
    """000-29, B.9: and a helper's turn ends when its caller has the answer."""
    digest = fold(
        Digest(),
        [
            en.Started(0, 0, turn="t"),
            en.Called(1, 1 * S, id="a", name="Task"),
            en.Joined(agent="h1", parent="a"),
            en.Started(2, 2 * S, "h1", turn="x", prompt=True),
            en.Called(3, 3 * S, "h1", id="b", name="Bash"),
            en.Answered(3, 4 * S, "h1", id="b", status="failed"),
            en.Said(4, 5 * S, "h1"),
            en.Answered(1, 6 * S, id="a"),
            en.Ended(ts=7 * S),
        ],
        unknown,
    )
    main, helper = digest.parts[""], digest.parts["h1"]
    assert (main.events, helper.events) == (4, 4)
    assert (list(main.tools), list(helper.tools)) == (["Task"], ["Bash"])
    assert (main.errors, helper.errors["tool_error"].rows) == ({}, [3])
    assert helper.turn is None
    assert (digest.turns["h1", 0].status, digest.turns["h1", 0].duration) == ("success", 3 * S)
    assert main.active == 7 * S


def test_background_work_owes_nothing_at_the_end_of_the_turn() -> None:
    launched: Maker = lambda n: en.Answered(n, n * S, id="c1", status="background", known=True)  # noqa: E731
    digest = folded(ts(), call("c1", "Task"), launched, text(), end())
    assert digest.parts[""].issues == {}
    late = fold(digest, [en.Answered(2, 9 * S, id="c1", status="failed", known=True)], unknown)
    part = late.parts[""]
    assert part.turn is None  # no turn of its own
    assert part.issues == {}
    assert (part.errors["tool_error"].seqs, part.tools["Task"].failed) == ([2], 1)
    assert late.turns["", 0].tools_failed == 1


def test_a_call_fails_once() -> None:
    digest = folded(ts(), call("c1"), upd("c1", "failed"), res("c1", status="failed"), end())
    assert digest.parts[""].errors["tool_error"].count == 1
    assert folded(ts(), call("c1"), res("c1", status="cancelled"), end()).parts[""].errors == {}


def test_a_question_that_nobody_answered() -> None:
    asked: Maker = lambda n: en.Asked(n, n * S, id="c1", name="Bash")  # noqa: E731
    settled: Maker = lambda n: en.Settled(n, n * S, id="c1")  # noqa: E731
    assert found(folded(ts(), call("c1"), asked, end()).parts[""].issues) == [("unanswered_permission", 2, "Bash")]
    assert found(folded(ts(), call("c1"), asked, settled, end()).parts[""].issues) == [
        ("missing_tool_result", 2, "Bash")
    ]
    assert found(folded(ts(), asked, settled, end()).parts[""].issues) == []
    first = folded(ts(), asked, call("c1"), settled, res("c1"), end())
    assert first.parts[""].issues == {}
    assert first.parts[""].tools["Bash"].calls == 1


def test_calls_of_a_message_that_broke_off_are_none() -> None:
    taken: Maker = lambda n: en.Taken(3, n * S)  # noqa: E731
    digest = folded(ts(), call("c1"), call("c2", "Read"), taken, res("c1"), end())
    part = digest.parts[""]
    assert (list(part.tools), part.issues, digest.turns["", 0].tools) == (["Bash"], {}, 1)


def test_samples_are_bounded_and_the_count_is_not() -> None:
    """000-19."""
    digest = Digest()
    for _ in range(3 * SAMPLES):
        step(digest, en.Failed(kind="x"), unknown)
    samples = digest.parts[""].errors["error:x"]
    assert (samples.count, len(samples.seqs), samples.seqs[-1]) == (3 * SAMPLES, SAMPLES, SAMPLES)


def test_open_calls_are_bounded() -> None:
    digest = folded(ts())
    for number in range(5000):
        step(digest, en.Called(id=f"c{number}", name="Bash"), unknown)
    part = digest.parts[""]
    assert len(part.calls) == 1000
    assert len(part.past) < 1000
    assert part.tools["Bash"].calls == 5000
    assert len(part.tools["Bash"].seqs) == 25


# ---- latency


@pytest.mark.parametrize(
    ("millis", "index"), [(0, 0), (100, 0), (100.001, 1), (2500, 4), (300_000, 10), (300_001, 11), (1e9, 11)]
)
def test_bounds_are_inclusive(millis: float, index: int) -> None:
    """000-21."""
    assert bucket(round(millis * 1000)) == index


def test_percentiles_by_hand() -> None:
    """000-21."""
    assert percentile([0] * 12, 0.5) is None
    assert percentile([4] + [0] * 11, 0.5) == 50  # two of four: half of the first bucket
    assert percentile([0] * 11 + [2], 0.5) == 450_000  # the overflow ends at twice the last bound
    assert percentile([1, 0, 0, 3] + [0] * 8, 0.95) == pytest.approx(500 + 500 * 2.8 / 3)
    assert BOUNDS == (100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 120_000, 300_000)
