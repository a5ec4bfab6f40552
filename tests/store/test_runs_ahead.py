"""What an agent prints, shown ahead of its file: the records take the places of those rows, and nothing is twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from ahead_kit import Rows, begin, file_rows, stream

from store.events import At, MessageDone
from store.formats import named
from store.items import Message, Notice, Prompt, text_of
from store.pipe import Pipe
from store.runs_talk import Ahead
from store.session import Session
from store.told import Completed, Drain, Queued


def both(prompt: str, stdout: Sequence[bytes], disk: Sequence[bytes], *, late: bool) -> Rows:
    """The same run as a window sees it: the file is written after each message, or only when all is over."""
    made = Rows()
    made.session.run_began("r", 0)
    made.session.sent(Queued("q", prompt), 0)
    made.take()
    ahead, pipe, waiting = Ahead("s", made.hub, "claude-stream"), Pipe(named("claude-code")), list(disk)
    seen: set[str] = set()
    for line in stdout:
        ahead.take(line)
        made.take()
        record = json.loads(line)
        seen.add(record.get("uuid"))
        event = record.get("event", {}).get("type")
        if not late and (record["type"] in ("user", "result") or event == "message_stop"):
            there = [index for index, kept in enumerate(waiting) if json.loads(kept).get("uuid") in seen]
            count = there[-1] + 1 if there else 0
            made.hub.put("s", [event for kept in waiting[:count] for event in pipe.feed(kept)])
            made.take()
            del waiting[:count]
    made.hub.put("s", [event for kept in waiting for event in pipe.feed(kept)] + pipe.close())
    made.hub.put("s", lambda session: session.run_over("r", "ok", 9))
    made.take()
    return made


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    "run",
    ["tour/01-tour", "subagent/02-two-parallel", "image/01-image", "permission/01-denied", "sigint/01-sigint-text"],
)
def test_the_end_is_what_the_file_says(run: str, late: bool, recordings: Path) -> None:
    folder = recordings / "claude" / run
    stdout = (folder / "stdout.jsonl").read_bytes().splitlines(keepends=True)
    session = json.loads(stdout[0])["session_id"]
    [file] = [path for path in folder.parent.rglob(f"{session}.jsonl") if "end" in path.parts]
    disk = file.read_bytes().splitlines(keepends=True)
    argv = json.loads((folder / "cmd.json").read_text())["argv"]
    if run.startswith("sigint"):  # the file was gone on with later: this run's records only
        disk = disk[: next(index for index, line in enumerate(disk) if b"interrupted by user" in line) + 1]
    found, wanted = both(argv[argv.index("-p") + 1], stdout, disk, late=late), file_rows(disk)
    assert found.told() == wanted.told()
    assert [item.spans for item in found.rows if isinstance(item, (Prompt, Message))] == [
        item.spans for item in wanted.rows if isinstance(item, (Prompt, Message))
    ], "every row has its bytes"
    assert [fact.stop_reason for fact in found.hub.facts if isinstance(fact, Completed)] != []
    assert len(found.hub.facts) == 1, "the end of the turn is told once"


def test_an_answer_that_broke_off_stays_in_its_place() -> None:
    """The agent says it again under another id; the rows behind it do not move, and it is not there twice."""
    made = Rows()
    ahead = Ahead("s", made.hub, "claude-stream")
    ahead.take(
        stream(*begin("m1", "Half an ", "answ"), {"type": "content_block_stop", "index": 0}, {"type": "message_stop"})
    )
    ahead.take(stream(*begin("m2", "A whole ", "answer.")))
    made.take()
    [first, second] = made.rows
    assert isinstance(first, Notice)
    assert (first.text, first.detail) == ("An answer broke off and was begun anew", "Half an answ")
    assert text_of(second) == "A whole answer."
    made.hub.put("s", [MessageDone(At(5, 0, 10, 90), "m2:0", "A whole answer.", "m")])
    made.take()
    assert len(made.rows) == 2
    assert made.rows[1].spans


def test_what_comes_before_a_fork_is_open_waits_for_it() -> None:
    made = Rows()
    ahead = Ahead("", made.hub, "claude-stream")
    ahead.take(stream(*begin("m1", "one ")))
    assert not made.hub.pending
    ahead.go_to("s")
    ahead.take(stream({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "two"}}))
    made.take()
    assert [text_of(item) for item in made.rows] == ["one two"]


def test_an_old_run_ends_no_new_turn() -> None:
    """004-10: the late end of a run that was stopped changes nothing in the one that came after it."""
    session = Session("s")
    session.connected = True
    session.run_began("r1", 1_000_000)
    session.run_over("r1", "cancelled", 2_000_000)
    session.run_began("r2", 3_000_000)
    session.run_over("r1", "ok", 4_000_000)
    assert session.header.pending
    session.put_prompt(Queued("q", "next"))
    session.run_over("r2", "ok", 8_000_000)
    assert session.facts == [Completed("s", "cancelled", 1_000_000, 0), Drain("s")]


@pytest.mark.parametrize(("state", "reason"), [("failed", "error"), ("timeout", "error"), ("cancelled", "cancelled")])
def test_a_run_that_did_not_end_well_holds_what_waits(state: str, reason: str) -> None:
    """G.1-13 for runs: what waits is not thrown at an agent that fails."""
    session = Session("s")
    session.connected = True
    session.run_began("r", 0)
    session.put_prompt(Queued("q", "next"))
    session.run_over("r", state, 5_000_000, "why")
    assert session.facts == [Completed("s", reason, 5_000_000, 0)]
    assert session.header.trouble == ("" if state == "cancelled" else "why")
    session.go_on()
    assert session.facts[1:] == [Drain("s")]
