"""Each request is counted once (FORMATS A6): in files, in forks, in streams whose results tell sums."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from builders import assistant, begun, call, ended, events, line, lines, opened, piece, said, user

from store import entries as en
from store import events as ev
from store.digest import Digest, fold
from store.entries import Entry
from store.events import Event, Tokens
from store.fold import State
from store.ledger import Ledger
from store.requests import RECENT, Requests, number_of


def noted(found: Sequence[Event]) -> list[Entry]:
    ledger = Ledger()
    ledger.fold(State(), found)
    return ledger.take()


def usage(fresh: int = 10, output: int = 5, read: int = 0, written: int = 0) -> dict[str, int]:
    return {
        "input_tokens": fresh, "output_tokens": output, "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
    }  # fmt: skip


def spent(
    *blocks: str, id: str = "msg_1", request: str = "req_1", tokens: dict[str, int], **more: object
) -> dict[str, object]:
    record = assistant(*blocks, id=id, requestId=request, **more)
    record["message"]["usage"] = tokens
    return record


def used(entries: Sequence[Entry]) -> list[tuple[int, int]]:
    return [(entry.tokens.input, entry.tokens.output) for entry in entries if type(entry) is en.Used]


def test_an_answer_in_several_records_is_one_request() -> None:
    """FORMATS A6: every line repeats the usage, the last one has all of it, and others may stand in between."""
    data = lines(
        user("go"),
        spent("a", tokens=usage(output=1)),
        spent("b", tokens=usage(output=1)),
        spent("other", id="msg_2", request="req_2", tokens=usage(3, 3)),
        spent("c", tokens=usage(output=40)),
    )
    assert used(noted(events(data, "claude-code"))) == [(10, 1), (3, 3), (0, 39)]


def test_the_same_message_id_of_another_request_is_another_one() -> None:
    data = lines(spent("a", tokens=usage()), spent("b", request="req_9", tokens=usage()))
    assert used(noted(events(data, "claude-code"))) == [(10, 5), (10, 5)]


def test_what_has_no_name_counts_as_often_as_it_is_told() -> None:
    record = assistant("a")
    record["message"] = {key: value for key, value in record["message"].items() if key != "id"}
    record["message"]["usage"] = usage()
    del record["uuid"]
    assert used(noted(events(line(record) * 2, "claude-code"))) == [(10, 5), (10, 5)]


def test_an_answer_of_which_only_the_figures_are_left_counts() -> None:
    record = spent("a", tokens=usage(7, 3))
    del record["message"]["content"]  # type: ignore[attr-defined]
    assert used(noted(events(line(record), "claude-code"))) == [(7, 3)]


def test_a_synthetic_answer_was_no_request() -> None:
    record = spent("Nothing.", tokens=usage(0, 0))
    record["message"]["model"] = "<synthetic>"  # type: ignore[index]
    assert used(noted(events(line(record), "claude-code"))) == []


def test_a_copied_history_is_not_counted_again() -> None:
    first, fork = Requests(), Requests()
    told = Tokens("m", 10, 5)
    assert first.take("msg req", told) == told
    assert fork.take("msg req", told) == told
    fork = Requests(elsewhere=first.counted.intersection)
    assert fork.take("msg req", told) is None
    assert fork.take("msg other", told) == told


def test_requests_are_remembered_in_bounds() -> None:
    requests = Requests()
    for number in range(3 * RECENT):
        assert requests.take(f"r{number}", Tokens("m", 1)) is not None
    assert requests.take("r0", Tokens("m", 9)) is None  # too old to grow, and still counted
    assert len(requests.dump()) < RECENT * 40
    assert number_of("r0") == 6509208671456214821  # on every machine


def test_how_long_a_write_is_kept_and_what_served_it() -> None:
    record = spent("a", tokens=usage(written=30))
    told = record["message"]["usage"]  # type: ignore[index]
    told["cache_creation"] = {"ephemeral_1h_input_tokens": 20, "ephemeral_5m_input_tokens": 10}
    told["server_tool_use"] = {"web_search_requests": 2}
    told["speed"] = "fast"
    (event,) = (event for event in events(line(record), "claude-code") if isinstance(event, ev.Spent))
    assert event.tokens == Tokens("claude-opus-5", 10, 5, 0, 30, 20, 2, "fast")


@pytest.mark.parametrize("bad", [None, "7", -5, 1.5e300, True, [], {}, 1 << 62])
def test_usage_that_makes_no_sense(bad: object) -> None:
    record = spent("a", tokens={**usage(), "input_tokens": bad, "cache_creation": bad, "server_tool_use": bad})  # type: ignore[dict-item]
    assert used(noted(events(line(record), "claude-code"))) == [(0, 5)]


# ---- streams


def result(cost: float, **llms: tuple[int, int]) -> dict[str, object]:
    usage = {name: {"inputTokens": fresh, "outputTokens": output} for name, (fresh, output) in llms.items()}
    return {
        "type": "result",
        "subtype": "success",
        "total_cost_usd": cost,
        "modelUsage": usage,
        "stop_reason": "end_turn",
    }


def test_a_result_tells_sums_and_a_turn_is_what_it_added() -> None:
    """FORMATS B1: `modelUsage` and the cost are of the whole process; helpers' models are nowhere else."""
    data = lines(
        said("one", id="m1"), result(0.5, opus=(100, 10)),
        said("two", id="m2"), result(0.75, opus=(150, 30), haiku=(7, 1)),
        said("new program", id="m3"), result(0.25, opus=(20, 2)),
    )  # fmt: skip
    ends = [entry for entry in noted(events(data, "claude-stream")) if type(entry) is en.Ended]
    assert [end.cost for end in ends] == [500_000, 250_000, 250_000]
    assert [[(used.llm, used.input, used.output) for used in end.used] for end in ends] == [
        [("opus", 100, 10)],
        [("opus", 50, 20), ("haiku", 7, 1)],
        [("opus", 20, 2)],
    ]


def test_a_result_takes_the_place_of_what_was_counted_since_the_last_one() -> None:
    """Two prompts, one result: the first turn keeps its estimate, and the sum is what the result says."""
    data = lines(
        user("one", "u1"), spent("x", id="m1", tokens=usage(10, 1)), user("two", "u2"),
        spent("y", id="m2", tokens=usage(20, 2)), result(0.5, **{"claude-opus-5": (30, 90)}),
    )  # fmt: skip
    digest = fold(Digest(), noted(events(data, "claude-stream")), lambda tokens, ts, whole: 100_000)
    part = digest.parts[""]
    assert (part.llms["claude-opus-5"].input, part.llms["claude-opus-5"].output) == (30, 90)
    assert part.money.known == 500_000
    assert [turn.used.output for turn in digest.turns.values()] == [1, 89]


def test_partial_messages_have_the_figures_that_complete_ones_lack() -> None:
    end = ended()
    end[0]["event"]["usage"] = {"output_tokens": 77}
    data = lines(begun(), opened(), piece("Hi"), said("Hi", id="msg_1"), *end)
    assert sum(output for _, output in used(noted(events(data, "claude-stream")))) == 77


def test_a_helper_in_a_stream_is_counted_where_the_result_is() -> None:
    data = lines(
        said(call("Task"), id="m1"), spent("x", id="m2", tokens=usage(), parent_tool_use_id="toolu_1", type="assistant")
    )
    assert {entry.agent for entry in noted(events(data, "claude-stream")) if type(entry) is en.Used} == {""}
