"""What sessions took by day: equal to their digests, each request once, from files and from the database alike."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from builders import assistant, lines, user
from hypothesis import given
from hypothesis import strategies as st

from store import entries as en
from store.digest import Digest, fold
from store.digest_parts import Money, Sum
from store.digest_report import session_wire
from store.entries import Entry
from store.errors import StoreError
from store.events import Tokens
from store.intake import take_in
from store.prices import unknown
from store.usage import days, spent
from store.usage_report import Usage, usage

ONE, TWO, GONE = (f"1111111{n}-2222-4333-8444-555555555555" for n in range(3))
RECORDED = Path(__file__).parents[1] / "recorded"


def asked(id: str, day: str, output: int, request: str = "", **more: object) -> dict[str, object]:
    record = assistant("words", id=id, uuid=f"{id}-{output}", **({"requestId": request} if request else {}), **more)
    record["timestamp"] = f"{day}T12:00:00.000Z"
    record["message"]["usage"]["output_tokens"] = output
    return record


def report(by: str = "day", *names: object, **more: object) -> dict[str, object]:
    return usage(Usage([str(name) for name in names], utc=True, **more).sessions(), by)


def days_of(told: dict[str, object]) -> dict[str, int]:
    return {group["day"]: group["out"] for group in told["groups"]}


MODELS = st.sampled_from(["", "opus", "haiku"])
TOKENS = st.builds(Tokens, MODELS, *(st.integers(0, 50) for _ in range(4)), cost_usd=st.none() | st.floats(0, 2))
DAYS = st.integers(0, 3).map(lambda day: day * 86_400_000_000) | st.none()
ENTRIES = st.lists(
    st.one_of(
        st.builds(en.Started, st.just(0), DAYS, st.just(""), st.just("t"), st.booleans()),
        st.builds(en.Said, st.just(0), DAYS, st.sampled_from(["", "helper"])),
        st.builds(en.Used, st.just(-1), DAYS, st.sampled_from(["", "helper"]), TOKENS),
        st.builds(
            en.Ended, st.just(-1), DAYS, st.just(""), st.none(), st.just(""), st.none() | st.integers(0, 10**6),
            st.lists(TOKENS, max_size=2).map(tuple), st.none(), st.booleans(),
        ),
    ),
    max_size=30,
)  # fmt: skip


def list_price(tokens: Tokens, _ts: int | None = None, _whole: int = 0) -> int | None:
    return None if tokens.llm == "haiku" else 3 * tokens.input + 15 * tokens.output


@given(ENTRIES)
def test_the_days_add_up_to_the_digest(entries: list[Entry]) -> None:
    """Tokens per model and the money, whatever ends tell, and whenever they tell it."""
    sums = spent(entries, list_price, days(utc=True))
    digest = fold(Digest(), entries, list_price)
    wire = session_wire("s", digest)
    models: dict[str, list[int]] = {}
    money = Money()
    for (_, llm), total in sums.items():
        for index, count in enumerate((total.input, total.output, total.cache_read, total.cache_write)):
            models.setdefault(llm or "unknown", [0] * 4)[index] += count
        money.merge(total.money)
    names = ("in", "out", "cache_read", "cache_create")
    told = {llm: [one[name] for name in names] for llm, one in wire["by_model"].items()}
    assert {llm: sums for llm, sums in models.items() if any(sums)} == {
        llm: sums for llm, sums in told.items() if any(sums)
    }
    assert money.unpriced == wire["unpriced_requests"]
    assert round((wire["cost_usd"] or 0) * 1_000_000) == money.micros or not money.priced


def test_a_request_is_of_its_own_day(tmp_path: Path) -> None:
    """A turn over midnight, an answer in several records, and a copy of the session by a fork."""
    first = [user("go"), asked("m1", "2026-03-01", 5, "r1"), asked("m1", "2026-03-01", 9, "r1")]
    (tmp_path / f"{ONE}.jsonl").write_bytes(lines(*first, asked("m2", "2026-03-02", 4, "r2")))
    (tmp_path / f"{TWO}.jsonl").write_bytes(lines(*first, asked("m3", "2026-03-03", 2, "r3")))
    assert days_of(report("day", tmp_path)) == {"2026-03-01": 9, "2026-03-02": 4, "2026-03-03": 2}
    told = report("session", tmp_path)
    assert told["total"]["sessions"] == 1  # both say the id of the builders' session
    assert days_of(usage(Usage([str(tmp_path)], utc=True).sessions(), "day", "2026-03-02", "2026-03-02")) == {
        "2026-03-02": 4
    }


def test_what_is_left_of_a_session_counts(tmp_path: Path) -> None:
    """A folder of subagents without their session, and a subagent that only its caller still tells of."""
    left = tmp_path / "projects" / "-w" / GONE / "subagents" / "agent-abc.jsonl"
    left.parent.mkdir(parents=True)
    left.write_bytes(lines(asked("m1", "2026-03-01", 5, "r1", isSidechain=True, agentId="abc")))
    heard = asked("m2", "2026-03-02", 3, "r2")
    progress = {
        "type": "progress", "timestamp": "2026-03-02T12:00:01.000Z", "sessionId": ONE, "cwd": "/w", "version": "2.1.38",
        "parentToolUseID": "toolu_1", "data": {"type": "agent_progress", "agentId": "abcd", "message": heard},
    }  # fmt: skip
    main = tmp_path / "projects" / "-w" / f"{ONE}.jsonl"
    main.write_bytes(lines(user("go"), progress, progress))
    told = report(roots=[tmp_path])
    assert days_of(told) == {"2026-03-01": 5, "2026-03-02": 3}
    own = main.with_suffix("") / "subagents" / "agent-abcd.jsonl"
    own.parent.mkdir(parents=True)
    own.write_bytes(lines(asked("m2", "2026-03-02", 8, "r2", isSidechain=True, agentId="abcd")))
    assert days_of(report(roots=[tmp_path])) == {"2026-03-01": 5, "2026-03-02": 8}, "its own file says more"


def test_copies_of_a_rollout_count_once(tmp_path: Path) -> None:
    """Codex: a copy of a thread's file, as an archive or a backup has it, tells the same requests."""
    source = RECORDED / "codex" / "tour.jsonl"
    name = "rollout-2026-11-21T01-00-00-01a1fbc7-53fc-7e20-b432-ad43a4fb383f.jsonl"
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        shutil.copy(source, tmp_path / folder / name)
    once, twice = report("model", tmp_path / "one"), report("model", tmp_path)
    assert once["total"]["in"] > 0
    assert twice["total"]["by_model"] == once["total"]["by_model"]


def test_out_of_the_database_the_same(tmp_path: Path, home: Path) -> None:
    """Files, a part of them kept, all kept, and the only copy of one that is gone: always the same days."""
    folder = home / ".claude" / "projects" / "-w"
    folder.mkdir(parents=True)
    for index, name in enumerate((ONE, TWO)):
        shared = asked("m1", "2026-03-01", 7, "r1")
        records = [user("go"), shared, asked(f"n{index}", "2026-03-02", 3 + index, f"q{index}")]
        (folder / f"{name}.jsonl").write_bytes(lines(*records))
        os.utime(folder / f"{name}.jsonl", (1_800_000_000 + index,) * 2)
    wanted = {"2026-03-01": 7, "2026-03-02": 7}
    db = home / "playhead" / "data" / "playhead.db"
    assert days_of(report()) == wanted
    take_in(db, folder / f"{ONE}.jsonl")
    assert days_of(report()) == wanted
    take_in(db, folder / f"{TWO}.jsonl")
    assert days_of(report()) == wanted
    (folder / f"{ONE}.jsonl").unlink()
    assert days_of(report()) == wanted
    assert days_of(report(agent="codex")) == {}


def test_a_recorded_stream_counts_where_its_agent_kept_nothing(home: Path) -> None:
    """A program's own file goes before our record of the same session."""
    from store.sources import journal

    ours = journal.folder(home / "playhead" / "data")
    ours.mkdir(parents=True)
    stream = RECORDED / "claude-stream" / "tour.jsonl"
    shutil.copy(stream, ours / "20260101-000000-aaaaaaaa.jsonl")
    alone = report()
    assert alone["total"]["out"] > 0
    id_ = next(json.loads(line)["session_id"] for line in stream.read_bytes().splitlines() if b"session_id" in line)
    folder = home / ".claude" / "projects" / "-w"
    folder.mkdir(parents=True)
    records = ({**record, "sessionId": id_} for record in (user("go"), asked("m", "2026-03-01", 2)))
    (folder / f"{id_}.jsonl").write_bytes(lines(*records))
    assert report()["total"]["out"] == 2


def test_what_another_session_counts_is_not_lost_when_that_one_is_not_asked(home: Path) -> None:
    """Our record of a run comes into the database first and counts its requests; so does a session for its forks."""
    from store.sources import journal

    db = home / "playhead" / "data" / "playhead.db"
    ours, folder = journal.folder(db.parent), home / ".claude" / "projects" / "-w"
    for one in (ours, folder):
        one.mkdir(parents=True)
    records = [{**one, "session_id": ONE} for one in (user("go"), asked("m", "2026-03-01", 7, "r1"))]
    stream, own, fork = ours / "20260101-000000-aaaaaaaa.jsonl", folder / f"{ONE}.jsonl", folder / f"{TWO}.jsonl"
    for path in (stream, own):
        path.write_bytes(lines(*records))
    fork.write_bytes(lines(*records, asked("n", "2026-03-02", 3, "r2")))
    for path in (None, stream, own, fork):
        if path is not None:
            take_in(db, path)
        assert days_of(report()) == {"2026-03-01": 7, "2026-03-02": 3}, path
        assert days_of(report("day", fork)) == {"2026-03-01": 7, "2026-03-02": 3}, path
        assert days_of(report("day", own)) == {"2026-03-01": 7}, path
    own.unlink()
    fork.unlink()
    assert days_of(report()) == {"2026-03-01": 7, "2026-03-02": 3}, "the only copies"


def test_prices_of_your_own(tmp_path: Path, home: Path) -> None:
    """000-18: they go before the table, what was counted with others is counted anew, and a mistake is said."""
    from store.figures import figures

    file = home / "playhead" / "config" / "prices.toml"
    session = tmp_path / f"{ONE}.jsonl"
    record = asked("m1", "2026-03-01", 1_000_000, "r1")
    record["message"]["model"] = "our-own-model[1m]"  # FORMATS G: the window in a name makes no other model
    session.write_bytes(lines(user("go"), record))
    db = tmp_path / "playhead.db"
    take_in(db, session)

    def cost() -> float | None:
        found = figures(session, db)
        assert found is not None
        found.digest  # noqa: B018 - what is behind is folded on
        wire = session_wire("s", found.digest)
        found.close()
        return wire["cost_usd"]

    told = report("model", session)
    assert told["total"]["cost_usd"] is None
    assert "our-own-model" in told["unpriced"][0]["reason"]
    assert (told["prices"]["own"], cost()) == (None, None)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('date = 2026-11-01\n["our-own-model"]\ninput = 0\noutput = 2.5\n')
    told = report("model", session)
    assert told["total"]["cost_usd"] == 2.5
    assert told["unpriced"] == []
    assert told["prices"]["own_date"] == "2026-11-01"
    assert cost() == 2.5
    for wrong, word in (("[x", "TOML"), ('["m"]\ninput = 1\n', "no output"), ('["m"]\nout = 1\n', "has out"),
                        ('["m"]\ninput = -1\noutput = 1\n', "is -1"), ('date = "x"\n', "2026-11-01")):  # fmt: skip
        file.write_text(wrong)
        with pytest.raises(StoreError, match=word):
            report("model", session)
    file.unlink()
    assert report("model", session)["total"]["cost_usd"] is None
    assert cost() is None


def test_the_table_of_prices_has_a_day() -> None:
    """000-18: who locks another version of the table says here of which day it is."""
    from store.prices import table

    assert table()["date"], "add the version to store.prices.TABLES"


def test_sums_without_prices(tmp_path: Path) -> None:
    (tmp_path / f"{ONE}.jsonl").write_bytes(lines(user("go"), asked("m1", "2026-03-01", 5, "r1")))
    told = usage(Usage([str(tmp_path)], utc=True, list_price=unknown).sessions(), "project")
    assert told["groups"][0]["project"] == "/w/demo"
    assert (told["total"]["cost_usd"], told["total"]["unpriced_requests"]) == (None, 1)
    assert Sum().money.known is None
