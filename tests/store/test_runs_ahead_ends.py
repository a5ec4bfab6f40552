"""What is shown ahead of a session's file, when things go wrong: killed, failed, reread in between, in any order."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from ahead_kit import Rows, begin, file_rows, stream

from store.delta import Rebase
from store.events import At, MessageDone, NoticeAdded, PromptText, ToolInput, ToolStarted
from store.fold import State, fold_run
from store.formats import named
from store.hub import Hub
from store.items import Item, Message, Notice, Prompt, Tool, text_of
from store.pipe import Pipe
from store.runs_talk import Ahead
from store.session import Session
from store.told import Completed, Gained, Loaded, Queued


def running(*, ahead: bool = True) -> tuple[Rows, Ahead]:
    """A session with one answer in its file, in which a prompt was just sent."""
    made = Rows()
    made.session.connected = True
    made.hub.put("s", [MessageDone(At(1, 0, 0, 50), "old", "The answer before.", "m")])
    made.take()
    made.session.run_began("r", 0, ahead=ahead)
    made.session.sent(Queued("q", "the prompt"), 1_000_000)
    made.take()
    return made, Ahead("s", made.hub, "claude-stream")


def over(made: Rows, state: str, why: str = "") -> None:
    made.hub.put("s", lambda session: session.run_over("r", state, 9_000_000, why))
    made.take()


def echo(offset: int = 50) -> PromptText:
    return PromptText(At(2_000_000, 0, offset, 20), "u1", "the prompt", "human")


def piece(text: str) -> bytes:
    return stream({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})


def told(made: Rows) -> list[tuple[str, str]]:
    return [(type(item).__name__, text_of(item)) for item in made.rows]


@pytest.mark.parametrize("state", ["failed", "cancelled", "timeout", "ok"])
def test_a_killed_answer_says_so_in_its_place(state: str) -> None:
    made, ahead = running()
    made.hub.put("s", [echo()])
    ahead.take(stream(*begin("m1", "Half an ", "answer")))
    made.take()
    over(made, state, "why")
    assert told(made)[2:] == [("Notice", "An answer broke off, and its agent has not kept it")]
    assert isinstance(made.rows[2], Notice)
    assert made.rows[2].detail == "Half an answer", "and nothing of it is hidden"
    assert made.session.queue == [], "the prompt is in the file"
    made.hub.put("s", [MessageDone(At(8, 0, 70, 90), "m1:0", "Half an answer, and the rest.", "m")])
    made.take()
    assert told(made)[2:] == [("Message", "Half an answer, and the rest.")], "a record that comes after all wins"


def test_a_call_that_was_never_made_is_no_running_call() -> None:
    made, _ = running()
    made.hub.put("s", [echo(), ToolStarted(At(), "t1", "Bash", "tool.bash", "", "{"), ToolInput(At(), "t1", '"comm')])
    made.take()
    over(made, "cancelled")
    assert told(made)[2:] == [("Notice", "A call broke off before it was made: Bash")]


@pytest.mark.parametrize("said", [False, True])
def test_a_prompt_that_never_got_there_waits_again(said: bool) -> None:
    """004-11: the run failed before the agent's file had the prompt: it is first in the queue, with the reason."""
    made, ahead = running()
    if said:
        ahead.take(stream(*begin("m1", "Half")))
    made.session.put_prompt(Queued("q2", "the next"))
    made.take()
    over(made, "failed", "No conversation found")
    assert [(one.text, one.trouble) for one in made.session.queue] == [
        ("the prompt", "No conversation found"), ("the next", "")
    ]  # fmt: skip
    wanted = [("Notice", "Not sent"), ("Notice", "An answer broke off, and its agent has not kept it")]
    assert told(made)[1:] == (wanted if said else [])
    assert not made.session.header.pending
    assert [fact.stop_reason for fact in made.hub.facts if isinstance(fact, Completed)] == ["error"]


def test_a_prompt_that_a_file_shows_in_other_words_is_not_sent_twice() -> None:
    made, _ = running(ahead=False)
    made.hub.put("s", [NoticeAdded(At(3, 0, 50, 9), "n", "info", "the agent took it down so", "info", "")])
    made.take()
    over(made, "failed", "why")
    assert made.session.queue == []
    assert told(made)[1] == ("Prompt", "the prompt")


def test_what_streams_goes_on_behind_a_record_of_something_else() -> None:
    made, ahead = running()
    ahead.take(stream(*begin("m1", "one ")))
    made.take()
    made.hub.put("s", [echo(), NoticeAdded(At(3, 0, 80, 9), "n", "hook", "a hook ran", "info", "")])
    made.take()
    ahead.take(piece("two "))
    ahead.take(piece("three"))
    made.take()
    assert told(made)[2:] == [("Message", "one two three"), ("Notice", "a hook ran")]
    made.hub.put("s", [MessageDone(At(4, 0, 90, 9), "m1:0", "one two three.", "m")])
    made.take()
    ahead.take(piece(" late"))
    made.take()
    assert told(made)[2] == ("Message", "one two three."), "what the file says is not changed by what comes late"


def test_late_pieces_of_a_call_add_nothing_to_its_record() -> None:
    made, _ = running()
    whole = '{"command":"ls"}'
    made.hub.put("s", [echo(), ToolStarted(At(3, 0, 80, 9), "t1", "Bash", "tool.bash", "ls", whole)])
    made.hub.put("s", [ToolStarted(At(), "t1", "Bash", "tool", "Bash", ""), ToolInput(At(), "t1", '{"comm')])
    made.take()
    tool = made.rows[2]
    assert isinstance(tool, Tool)
    assert (tool.title, str(tool.input)) == ("ls", whole)


class Screen(Rows):
    """The same, also of a session that is read anew meanwhile."""

    def take(self) -> None:
        for delta in self.hub.flush(bounded=False):
            if delta.rebase is not None:
                self.rows = list(delta.rebase.tail)
            if delta.keep is not None:
                del self.rows[delta.keep :]
            for row, item in delta.changed:
                self.rows[row] = item
            assert delta.first == len(self.rows)
            self.rows += delta.added


def past(*texts: str) -> tuple[State, list[Item]]:
    """What another reader of the file makes of it."""
    state = State()
    changes = fold_run(state, [MessageDone(At(1, 0, 50 * n, 50), f"old{n}", text, "m") for n, text in enumerate(texts)])
    return state, [change.item for change in changes if hasattr(change, "item")]


@pytest.mark.parametrize("echoed", [False, True])
@pytest.mark.parametrize("gained", [False, True])
def test_a_session_that_is_read_anew_keeps_what_is_ahead(gained: bool, echoed: bool) -> None:
    """The import of a long session ends while a prompt is being sent there: it is neither lost nor shown twice."""
    made = Screen()
    made.hub.put("s", [MessageDone(At(1, 0, 0, 50), "old0", "a", "m")])
    made.take()
    made.session.run_began("r", 0, ahead=True)
    made.session.sent(Queued("q", "the prompt"), 1_000_000)
    ahead = Ahead("s", made.hub, "claude-stream")
    ahead.take(stream(*begin("m1", "one ")))
    made.take()
    assert len(made.rows) == 3
    state, rows = past("a", "b", "c")
    if echoed:
        rows += [change.item for change in fold_run(state, [echo(500)]) if hasattr(change, "item")]
    if gained:
        changes = [change for change in fold_run(State(), []) if change]
        from store.fold import Put

        changes = [Put(row, item) for row, item in enumerate(rows)][1:]
        made.hub.put("s", lambda session: session.gain(Gained(state, changes, [])))
    else:
        made.hub.put("s", Loaded(state, Rebase(None, {}, tuple(rows)), len(rows), []))
    made.take()
    wanted = [("Message", "a"), ("Message", "b"), ("Message", "c"), ("Prompt", "the prompt"), ("Message", "one ")]
    assert told(made) == wanted
    assert made.session.header.pending
    ahead.take(piece("two"))
    if not echoed:
        made.hub.put("s", [echo(500)])
    made.hub.put("s", [MessageDone(At(4, 0, 600, 9), "m1:0", "one two", "m")])
    over(made, "ok")
    assert told(made)[3:] == [("Prompt", "the prompt"), ("Message", "one two")]
    assert all(item.spans for item in made.rows[3:])
    assert not made.session.state.unmatched
    assert not any(isinstance(item, Prompt) and item.sending for item in made.rows)


def told_in_pieces(prompt: str, stdout: list[bytes], disk: list[bytes], rng: random.Random) -> Rows:
    """Output and file come in turns, each in its order and cut anywhere."""
    made = Rows()
    made.session.run_began("r", 0, ahead=True)
    made.session.sent(Queued("q", prompt), 0)
    ahead, pipe, due = Ahead("s", made.hub, "claude-stream"), Pipe(named("claude-code")), rng.choice((0.1, 0.5, 0.9))
    while stdout or disk:
        if stdout and (not disk or rng.random() < due):
            chunk = b"".join(stdout[: (count := rng.randint(1, 20))])
            del stdout[:count]
            cut = rng.randint(0, len(chunk))
            for part in (chunk[:cut], chunk[cut:]):
                ahead.take(part)
        else:
            made.hub.put("s", [event for line in disk[:2] for event in pipe.feed(line)])
            del disk[:2]
        if rng.random() < 0.7:
            made.take()
    made.hub.put("s", pipe.close())
    over(made, "ok")
    return made


@pytest.mark.parametrize("run", ["subagent/02-two-parallel", "permission/01-denied"])
def test_in_any_order_nothing_is_lost_and_nothing_twice(run: str, recordings: Path) -> None:
    folder = recordings / "claude" / run
    stdout = (folder / "stdout.jsonl").read_bytes().splitlines(keepends=True)
    session = json.loads(stdout[0])["session_id"]
    [file] = [path for path in folder.parent.rglob(f"{session}.jsonl") if "end" in path.parts]
    disk = file.read_bytes().splitlines(keepends=True)
    argv = json.loads((folder / "cmd.json").read_text())["argv"]
    wanted = sorted(file_rows(disk).told())
    for seed in range(6):
        found = told_in_pieces(argv[argv.index("-p") + 1], list(stdout), list(disk), random.Random(seed))
        assert sorted(found.told()) == wanted, seed
        assert all(item.spans for item in found.rows if isinstance(item, (Prompt, Message, Tool))), seed


def test_the_sessions_of_one_process_do_not_meet() -> None:
    """Two sessions at work at once: each has its own rows, its own queue and its own end."""
    hub = Hub(lambda: None)
    for key in ("a", "b"):
        session = hub.sessions[key] = Session(key)
        session.connected = True
        session.run_began(f"r{key}", 0, ahead=True)
        session.sent(Queued(f"q{key}", "the same"), 0)
        Ahead(key, hub, "claude-stream").take(stream(*begin("m1", f"of {key}")))
    hub.put("a", lambda live: live.run_over("ra", "failed", 9, "why"))
    hub.put("b", lambda live: live.run_over("ra", "failed", 9, "why"))
    hub.flush(bounded=False)
    assert [one.text for one in hub.sessions["a"].queue] == ["the same"]
    assert hub.sessions["b"].queue == []
    assert hub.sessions["b"].header.pending


@pytest.mark.parametrize("first", ["record", "answer"])
def test_what_the_agent_of_a_fork_says_is_behind_its_prompt(first: str) -> None:
    """The copy is open before its agent has written the prompt down, or after: the record and the stream come by two
    ways, and rows never move."""
    made = Rows()
    made.session.connected = True
    past = [
        PromptText(At(1, 0, 0, 20), "u0", "the prompt", "human"),
        MessageDone(At(2, 0, 20, 30), "old", "Before.", "m"),
    ]
    made.hub.put("s", past)
    made.take()
    ahead = Ahead("", made.hub, "claude-stream")
    ahead.take(stream(*begin("m1", "An ", "answer")))
    sent = Queued("q", "the prompt")
    echo_ = PromptText(At(9_000_500, 0, 50, 20), "u1", "the  prompt", "human")

    def belongs() -> None:
        made.hub.put("s", lambda session: session.sent_before(sent, 9_000_000, ("the prompt", 0)))
        made.hub.put("s", lambda session: session.run_began("r", 9_000_000, ahead=True))
        ahead.go_to("s")

    steps = [lambda: made.hub.put("s", [echo_]), belongs]
    for step in steps if first == "record" else reversed(steps):
        step()
        made.take()
    assert told(made)[2:] == [("Prompt", "the  prompt"), ("Message", "An answer")]
    assert isinstance(made.rows[2], Prompt)
    assert not made.rows[2].sending
    over(made, "ok")
    assert made.session.queue == []
    assert len(made.rows) == 4, "nothing twice"
