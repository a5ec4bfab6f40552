"""Turns and figures for the window: from the database, from files and from streams, by a real process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest
from builders import answer, assistant, begun, call, lines, said, user
from raw import ask, change
from recorded_stream import Live

from store.about import about
from store.archive import archive
from store.due import Due
from store.figures import figures
from store.insight import Insights
from store.insight_hand import InsightHand, Question
from store.insight_talk import FAILED, FOLLOW, KEEP, NONE, READ, READY, Order, Told
from store.intake import take_in
from store.prices import unknown
from store.report import rows_of

ONE = (
    user("Why does it fail?"), assistant(call("Bash", command="pytest")), answer("boom", error=True),
    assistant("Because.", id="msg_2", uuid="a2", seconds=3),
)  # fmt: skip
TWO = (user("Fix it", uuid="u2", seconds=9), assistant("Done.", id="msg_3", uuid="a3", seconds=12))


def written(path: Path, *records: object, over: bool = True) -> Path:
    path.write_bytes(lines(*records))
    if over:
        os.utime(path, (1, 1))
    return path


def order(path: Path, how: str, have: int = 0) -> Order:
    return Order(str(path), os.fsencode(path), how, have)


@pytest.mark.parametrize("how", [READ, KEEP])
def test_turns_and_errors_lead_to_their_rows(how: str, tmp_path: Path) -> None:
    """000-19, 000-27: the same from the database and from the file alone."""
    path = written(tmp_path / "s.jsonl", *ONE, *TWO)
    db = tmp_path / "own" / "playhead.db"
    told = Insights(db, unknown).answer(order(path, how))
    assert (told.state, told.first) == (READY, 0)
    items = [item.id for item in rows_of(path)[0]]
    assert [(turn.number, turn.words, turn.item) for turn in told.turns] == [
        (1, "Why does it fail?", items[0]), (2, "Fix it", items[3]),
    ]  # fmt: skip
    assert [(turn.tools, turn.failed, turn.cost) for turn in told.turns] == [(1, 1, None), (0, 0, None)]
    assert [(use.name, use.calls, use.failed) for use in told.tools] == [("Bash", 1, 1)]
    (trouble,) = told.troubles
    assert (trouble.name, trouble.severity, trouble.count) == ("tool_error", "error", 1)
    assert trouble.spots[0].item == items[1], "the call, not its result"
    assert db.exists() == (how == KEEP), "what is not to be kept is not"


def test_only_what_is_new_is_told_again(tmp_path: Path) -> None:
    path = written(tmp_path / "s.jsonl", *ONE, over=False)
    insights = Insights(tmp_path / "playhead.db", unknown)
    first = insights.answer(order(path, KEEP))
    assert [turn.status for turn in first.turns] == [""], "it may go on"
    with path.open("ab") as file:
        file.write(lines(*TWO))
    second = insights.answer(order(path, KEEP, have=1))
    assert (second.first, [turn.number for turn in second.turns]) == (0, [1, 2]), "the first has ended now"
    third = insights.answer(order(path, KEEP, have=2))
    assert (third.first, third.turns) == (2, [])
    assert third.figures["turn_count"] == second.figures["turn_count"] == 1
    assert insights.answer(order(path, KEEP, have=0)).first == 0, "who knows nothing is told everything"


def test_nobody_has_said_anything(tmp_path: Path) -> None:
    path = written(tmp_path / "s.jsonl", {"type": "summary", "summary": "x", "leafUuid": "y"})
    insights = Insights(tmp_path / "playhead.db", unknown)
    assert [insights.answer(order(path, how)).state for how in (READ, KEEP, FOLLOW)] == [NONE] * 3
    lost = insights.answer(order(tmp_path / "lost.jsonl", KEEP))
    assert (lost.state, "does not exist" in lost.why) == (FAILED, True)


@pytest.fixture
def hand(tmp_path: Path) -> Iterator[tuple[InsightHand, SimpleQueue[Told]]]:
    told: SimpleQueue[Told] = SimpleQueue()
    made = InsightHand(tmp_path / "playhead.db", told.put)
    yield made, told
    made.close()


def whole(told: SimpleQueue[Told]) -> Told:
    """The next answer that is no sketch."""
    while True:
        answer = told.get(timeout=60)
        if answer.priced:
            return answer


def test_the_process_is_asked_again_when_it_has_died(
    hand: tuple[InsightHand, SimpleQueue[Told]], tmp_path: Path
) -> None:
    """000-41: what is asked of a process that is killed is asked of the next; nothing of it is lost."""
    asking, told = hand
    path = written(tmp_path / "s.jsonl", *ONE, *TWO)
    asking.ask(Question(order(path, KEEP)))
    assert len(whole(told).turns) == 2
    process = asking._process
    assert process is not None
    process.kill()
    process.wait()
    asking.ask(Question(order(path, KEEP, have=2)))
    again = whole(told)
    assert (again.first, len(again.turns), asking.started) == (0, 2, 2), "the other process does not know what was told"
    asking.ask(Question(Order("stream", b"", READ), lines(*ONE), "x.jsonl", over=True))
    assert [turn.status for turn in whole(told).turns] == ["success"], "a stream without a file"


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    monkeypatch.setenv("PLAYHEAD_DATA_DIR", str(tmp_path / "own"))
    from store.paths import data_dir

    made = Live(data_dir())
    yield made
    made.shutdown()


def test_x_01_the_digest_of_a_live_stream_is_folded_without_anybody_asking(live: Live) -> None:
    """X-01, 000-25: the mark of a commit makes the digest due, and a process folds it; young streams start none."""
    told: list[Told] = []
    live.feeds._figured = told.append
    live.write(begun(), said("Hello"))
    live.until(lambda: live.sessions() == [(1,)])
    recorder = live.feeds.recorder
    assert recorder is not None
    assert live.feeds._insights is None, "it is over in a moment, as far as anybody knows"
    journal = live.feeds.files(live.key)[0]
    first = about(journal, live.db)
    assert first is not None
    assert not first.fresh
    recorder._young = 0.0
    live.write(said("again", id="msg_2", uuid="a2"))

    def fresh() -> bool:
        found = about(journal, live.db)
        return found is not None and found.fresh and (found.entries or 0) > (first.entries or 0)

    live.until(fresh)
    live.feeds.figures(live.key)
    live.until(lambda: any(answer.turns for answer in told))
    assert figures(journal, live.db, unknown) is not None


def test_due_bounds_what_a_fast_stream_costs() -> None:
    """000-25: many entries wait a little all the same, and a closed turn does not."""
    due: Due[str] = Due(least=0.25)
    due.note("a", 1.0, 100)
    assert due.next() == 1.25
    assert due.collect(1.2) == {}
    due.note("a", 1.2, closed=True)
    assert due.collect(1.2) == {"a": 101}


@pytest.mark.parametrize("archived", [False, True])
def test_what_is_told_before_it_is_written_is_what_is_written(archived: bool, tmp_path: Path) -> None:
    """000-24, 000-40: an answer does not wait for the writer, and the next one folds nothing."""
    path = written(tmp_path / "s.jsonl", *ONE, *TWO)
    db = tmp_path / "playhead.db"
    take_in(db, path)
    if archived:
        archive(db, path, unknown)
        change(db, "DELETE FROM digest")
        change(db, "DELETE FROM turn")
        change(db, "UPDATE session SET agent_ids_json = NULL")
    first = Insights(db, unknown)
    told = first.answer(order(path, KEEP))
    assert not ask(db, "SELECT * FROM digest"), "nothing is written before it is told"
    first.finish()
    assert len(ask(db, "SELECT * FROM turn")) == 2
    assert ask(db, "SELECT agent_ids_json FROM session") == [('[""]' if archived else None,)]
    again = Insights(db, unknown)
    assert again.answer(order(path, KEEP)) == told
    assert again._later == [], "it is fresh"
    with path.open("ab") as file:
        file.write(lines(user("More", uuid="u9", seconds=20)))
    more = again.answer(order(path, KEEP))
    again.finish()
    assert len(more.turns) == (2 if archived else 3)
    assert Insights(db, unknown).answer(order(path, KEEP)) == more


def test_turns_are_told_before_the_price_list_is_loaded(
    hand: tuple[InsightHand, SimpleQueue[Told]], tmp_path: Path
) -> None:
    """000-01: at once without a cost, then with it; the sketch is written nowhere."""
    asking, told = hand
    path = written(tmp_path / "s.jsonl", *ONE, *TWO)
    take_in(tmp_path / "playhead.db", path)
    asking.ask(Question(order(path, KEEP)))
    sketch, whole = told.get(timeout=60), told.get(timeout=60)
    assert (sketch.priced, sketch.figures["cost_usd"], len(sketch.turns)) == (False, None, 2)
    assert (whole.priced, whole.first, len(whole.turns)) == (True, 0, 2)
    assert whole.figures["cost_usd"] > 0
    asking.ask(Question(order(path, KEEP, have=2)))
    again = told.get(timeout=60)
    assert (again.priced, again.first, again.figures) == (True, 2, whole.figures)
