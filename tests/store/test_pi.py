"""pi: the tree of a session, what is typed and what is added, requests that are counted once, and its stream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from builders import rows, told

from store.entries import Used
from store.events import (
    AdapterSeen,
    Compacted,
    Compacting,
    ConfigChanged,
    Event,
    NoticeAdded,
    PromptText,
    Rewound,
    SessionNamed,
    Spent,
    Tokens,
    TurnEnded,
    Usage,
)
from store.fold import State
from store.formats import named, sniff
from store.formats.pi_tools import numbered
from store.formats.tree import KEPT
from store.items import Message, Notice, Prompt, Thought, Tool
from store.ledger import Ledger
from store.pipe import Pipe
from store.requests import Requests

RECORDED = Path(__file__).parents[1] / "recorded" / "pi"
HEAD = {"type": "session", "version": 3, "id": "s1", "timestamp": "2026-10-08T08:00:00.000Z", "cwd": "/w/demo"}
USED = {"input": 10, "output": 2, "cacheRead": 300, "cacheWrite": 40, "totalTokens": 352, "cost": {"total": 0.5}}


def entry(id: str, parent: str | None, kind: str, **body: Any) -> dict[str, Any]:
    return {"type": kind, "id": id, "parentId": parent, "timestamp": "2026-10-08T08:00:01.000Z", **body}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": text}], "timestamp": 1}


def said(*blocks: Any, stop: str = "stop", **more: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": block} if isinstance(block, str) else block for block in blocks]
    return {
        "role": "assistant", "content": content, "model": "m1", "stopReason": stop, "timestamp": 1791446400000, **more,
    }  # fmt: skip


def call(name: str = "bash", id: str = "c1", **given: Any) -> dict[str, Any]:
    return {"type": "toolCall", "id": id, "name": name, "arguments": given}


def result(text: str, error: bool = False, id: str = "c1", **more: Any) -> dict[str, Any]:
    return {
        "role": "toolResult",
        "toolCallId": id,
        "content": [{"type": "text", "text": text}],
        "isError": error,
        **more,
    }


def chain(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    """Messages as entries, each after the one before: 'e0', 'e1', …"""
    return [
        entry(f"e{n}", f"e{n - 1}" if n else None, "message", message=message) for n, message in enumerate(messages)
    ]


def events(*records: Any, start: int = 0) -> list[Event]:
    pipe = Pipe(named("pi"), start=start)
    return pipe.feed(b"".join(orjson.dumps(one) + b"\n" for one in records)) + pipe.close()


# ---- the tree


def test_an_entry_that_goes_on_from_an_earlier_one_leaves_what_followed_it() -> None:
    talk = chain(user("One"), said("1"), user("Two"), said("2"))
    found = events(HEAD, *talk, entry("x", "e1", "message", message=user("Other")))
    assert [one.item for one in found if isinstance(one, Rewound)] == ["e2#prompt"]
    assert told(rows(found)) == [
        "prompt: One", "message: 1", "notice.branch: Went on from an earlier entry", "prompt: Other",
    ]  # fmt: skip


def test_the_first_prompt_said_anew() -> None:
    talk = chain(user("One"), said("1"))
    found = rows(events(HEAD, *talk, entry("x", None, "message", message=user("Other"))))
    assert told(found) == ["notice.branch: Went on from an earlier entry", "prompt: Other"]


def test_a_branch_that_was_left_comes_back_whole() -> None:
    talk = chain(user("One"), said("1"), user("Two"), said("2", call(), usage=USED), result("ok"))
    other = [entry("x", "e1", "message", message=user("Other")), entry("y", "x", "message", message=said("3"))]
    back = entry("z", "e4", "message", message=user("Three"))
    found = events(HEAD, *talk, *other, back)
    assert told(rows(found)) == [
        "prompt: One", "message: 1", "prompt: Two", "message: 2", "tool.shell: \nok",
        "notice.branch: Went on from an earlier entry", "prompt: Three",
    ]  # fmt: skip
    spent = [one for one in found if isinstance(one, Spent)]
    assert len(spent) == 1  # what came back was paid for once


def test_a_summary_of_what_was_left_is_the_sign_of_the_branch() -> None:
    talk = chain(user("One"), said("1"), user("Two"), said("2"))
    left = entry("b", "e1", "branch_summary", fromId="e3", summary="Two was said.")
    (sign,) = rows(events(HEAD, *talk, left))[2:]
    assert isinstance(sign, Notice)
    assert (sign.kind, sign.detail) == ("branch", "Two was said.")


def test_entries_without_rows_are_no_branch() -> None:
    talk = [*chain(user("One"), said("1")), entry("l", "e1", "label", targetId="e0", label="here")]
    found = events(HEAD, *talk, entry("x", "e1", "message", message=user("Two")))
    assert not [one for one in found if isinstance(one, Rewound | NoticeAdded)]


def test_a_parent_that_nobody_knows_changes_nothing() -> None:
    found = events(HEAD, *chain(user("One")), entry("x", "lost", "message", message=user("Two")))
    assert told(rows(found)) == ["prompt: One", "prompt: Two"]


def test_only_so_much_is_kept_of_what_was_left() -> None:
    """A branch whose records are forgotten cannot come back, so what is shown stays."""
    big = chain(user("One"), said("1"), user("Two"), said("x" * (KEPT // 2)), user("y" * (KEPT // 2)))
    other = entry("x", "e1", "message", message=user("Other"))
    again = entry("z", "e4", "message", message=user("Three"))
    found = rows(events(HEAD, *big, other, again))
    assert [row.text for row in found if isinstance(row, Prompt)] == ["One", "Other", "Three"]


def test_a_branch_that_came_back_has_the_same_figures() -> None:
    """The digest's entries: every request once, whatever was left and came back."""
    ledger = Ledger(Requests())
    ledger.fold(State(), Pipe(named("pi")).feed((RECORDED / "branches.jsonl").read_bytes()))
    assert len([one for one in ledger.take() if isinstance(one, Used)]) == 4


# ---- what is said


def test_a_skill_is_a_command_and_its_text_was_added() -> None:
    text = '<skill name="release" location="/x/SKILL.md">\nTag it.\n</skill>\n\n0.2.0'
    found = events(HEAD, *chain(user(text)))
    assert [(one.origin, one.text) for one in found if isinstance(one, PromptText)] == [
        ("injected", text), ("command", "/skill:release 0.2.0"),
    ]  # fmt: skip
    assert [one.title for one in found if isinstance(one, SessionNamed) and one.title] == ["/skill:release 0.2.0"]


@pytest.mark.parametrize("role", ["custom", "hookMessage"])
def test_what_an_extension_says_was_not_typed(role: str) -> None:
    message = {"role": role, "content": "CI is green.", "display": False}
    added = entry("x", "e0", "custom_message", customType="ci", content=[{"type": "text", "text": "Hm."}])
    found = rows(events(HEAD, *chain(message), added))
    assert [row.origin for row in found if isinstance(row, Prompt)] == ["injected", "injected"]


def test_a_command_of_the_user_is_a_turn_of_its_own() -> None:
    run = {"role": "bashExecution", "command": "false", "output": "no", "exitCode": 1, "excludeFromContext": True}
    found = events(HEAD, *chain(run))
    prompt, tool = rows(found)
    assert isinstance(prompt, Prompt)
    assert isinstance(tool, Tool)
    assert (prompt.text, prompt.origin, tool.status, tool.exit_code) == ("!! false", "command", "failed", 1)
    assert [one.status for one in found if isinstance(one, TurnEnded)] == ["success"]


def test_thoughts_that_are_kept_back() -> None:
    blocks = [{"type": "thinking", "thinking": "", "redacted": True}, {"type": "thinking", "thinking": "Hm."}]
    found = rows(events(HEAD, *chain(said(*blocks, {"type": "thinking", "thinking": ""}))))
    assert [(type(row), row.hidden) for row in found if isinstance(row, Thought)] == [(Thought, True), (Thought, False)]


@pytest.mark.parametrize(
    ("stop", "status", "notices"),
    [("stop", ["success"], 0), ("toolUse", [], 0), ("length", ["success"], 0), ("aborted", ["cancelled"], 1),
     ("error", ["error"], 1), ("", [], 0)],
)  # fmt: skip
def test_how_an_answer_ends(stop: str, status: list[str], notices: int) -> None:
    found = events(HEAD, *chain(user("Go"), said("Hi", stop=stop)))
    assert [one.status for one in found if isinstance(one, TurnEnded)] == status
    assert len([one for one in found if isinstance(one, NoticeAdded)]) == notices


def test_a_request_counts_once_also_in_a_copy_of_the_session() -> None:
    answer = said("Hi", usage=USED)
    stream = {"type": "message_end", "message": answer}
    copies = [*events(HEAD, *chain(answer)), *events(HEAD, entry("other", None, "message", message=answer))]
    found = [one for one in (*copies, *events(stream)) if isinstance(one, Spent)]
    assert len({one.key for one in found}) == 1
    assert found[0].tokens == Tokens("m1", 10, 2, 300, 40, cost_usd=0.5)
    assert {one.used for one in copies if isinstance(one, Usage)} == {352}


def test_compaction_and_its_own_request() -> None:
    found = events(HEAD, entry("k", None, "compaction", summary="Short.", tokensBefore=5000, usage=USED))
    assert [(one.text, one.before) for one in found if isinstance(one, Compacted)] == [("Short.", 5000)]
    assert len([one for one in found if isinstance(one, Spent)]) == 1


def test_names_and_models() -> None:
    named_ = entry("n", None, "session_info", name="Mine")
    found = events(HEAD, *chain(user("Go")), named_, entry("m", "n", "model_change", provider="p", modelId="m2"))
    titles = [(one.title, one.rank) for one in found if isinstance(one, SessionNamed) and one.title]
    assert titles == [("Go", 1), ("Mine", 6)]
    assert [one.llm for one in found if isinstance(one, ConfigChanged)] == ["m2"]


# ---- tools


@pytest.mark.parametrize(
    ("text", "error", "status", "code"),
    [
        ("ok", False, "ok", None),
        ("no\n\n\nCommand exited with code 3", True, "failed", 3),
        ("Command exited with code 1", True, "failed", 1),
        ("a\n\nCommand aborted", True, "cancelled", None),
        ("Command exited with code 3", False, "ok", None),
    ],
)
def test_results(text: str, error: bool, status: str, code: int | None) -> None:
    found = rows(events(HEAD, *chain(said(call(command="x")), result(text, error))))
    (row,) = found
    assert isinstance(row, Tool)
    assert (row.status, row.exit_code, str(row.output)) == (status, code, text)


def test_a_diff_with_numbers_in_it() -> None:
    diff = "  1 one\n-  2 two\n+  2 2\n   3 three\n     ...\n+ 40 new\n  40 old"
    first, second = numbered(diff)
    assert (first.old_start, first.new_start, first.lines) == (1, 1, (" one", "-two", "+2", " three"))
    assert (second.old_start, second.new_start, second.lines) == (40, 40, ("+new", " old"))
    assert numbered("") == numbered("nothing\nlike it") == []


def test_a_change_shows_what_is_asked_until_its_result_does() -> None:
    edit = call("edit", path="a", edits=[{"oldText": "a", "newText": "b"}, 3])
    (before,) = rows(events(HEAD, *chain(said(edit))))
    (after,) = rows(events(HEAD, *chain(said(edit), result("ok", details={"diff": "-7 a\n+7 b"}))))
    assert isinstance(before, Tool)
    assert isinstance(after, Tool)
    assert [hunk.old_start for hunk in before.hunks or ()] == [0]
    assert [hunk.old_start for hunk in after.hunks or ()] == [7]


# ---- the stream


def test_the_stream_ends_a_turn_when_nothing_is_tried_again() -> None:
    pipe = Pipe(named("pi"))
    found = pipe.feed((RECORDED / "stream.jsonl").read_bytes()) + pipe.close()
    assert [one.status for one in found if isinstance(one, TurnEnded)] == ["success"]
    assert [one.on for one in found if isinstance(one, Compacting)] == [True, False]
    assert len([one for one in found if isinstance(one, Spent)]) == 2


def test_pieces_and_the_whole_are_one_row() -> None:
    answer = said("Hello!", call("read", path="a"))

    def grown(**piece: Any) -> dict[str, Any]:
        return {"type": "message_update", "assistantMessageEvent": {"contentIndex": 0, **piece}}

    begun = {"type": "message_start", "message": said(stop="pending")}
    pieces = [begun, grown(type="text_delta", delta="Hel"), grown(type="text_delta", delta="lo")]
    pieces += [grown(type="toolcall_start", contentIndex=1, id="c1", toolName="read")]
    pieces += [grown(type="toolcall_delta", contentIndex=1, delta='{"pa')]
    first = rows(events(*pieces))
    assert isinstance(first[0], Message)
    assert (str(first[0].text), first[0].open) == ("Hello", False)
    assert isinstance(first[1], Tool)
    assert (first[1].status, str(first[1].input)) == ("pending", '{"pa')
    whole = rows(events(*pieces, {"type": "message_end", "message": answer}))
    assert isinstance(whole[0], Message)
    assert isinstance(whole[1], Tool)
    assert [row.id for row in whole] == [row.id for row in first]
    assert (str(whole[0].text), whole[1].title, str(whole[1].input)) == ("Hello!", "a", '{"path":"a"}')


def test_a_stream_that_is_met_in_the_middle_of_a_message() -> None:
    piece = {"type": "message_update", "assistantMessageEvent": {"type": "text_delta", "delta": "lo"}}
    assert told(rows(events(piece, {"type": "message_end", "message": said("Hello")}, start=900))) == ["message: Hello"]


def test_a_result_is_told_once_by_the_stream() -> None:
    end = {"type": "tool_execution_end", "toolCallId": "c1", "toolName": "bash", "isError": False}
    end["result"] = {"content": [{"type": "text", "text": "ok"}]}
    found = events(
        {"type": "message_end", "message": said(call())}, end, {"type": "message_end", "message": result("ok")}
    )
    assert len([one for one in found if getattr(one, "status", "") == "ok"]) == 1


@pytest.mark.parametrize(
    ("record", "text", "level"),
    [
        ({"type": "auto_retry_start", "attempt": 1, "maxAttempts": 3, "delayMs": 2500, "errorMessage": "busy"},
         "Retry 1/3 in 2.5 s: busy", "warning"),
        ({"type": "auto_retry_end", "success": False, "attempt": 3, "finalError": "busy"}, "busy", "error"),
        ({"type": "compaction_end", "result": None, "aborted": True}, "Compaction was stopped", "warning"),
        ({"type": "auto_compaction_end", "errorMessage": "quota"}, "Compaction failed: quota", "error"),
        ({"type": "extension_error", "extensionPath": "/x/y.ts", "error": "no"}, "Extension y.ts: no", "error"),
    ],
)  # fmt: skip
def test_trouble(record: dict[str, Any], text: str, level: str) -> None:
    found = [one for one in events(record) if isinstance(one, NoticeAdded)]
    assert [(one.text, one.level) for one in found] == [(text, level)]


# ---- whose file it is


def test_the_program_is_named_once() -> None:
    for name in ("tour", "stream", "stream-old", "version-1"):
        pipe = Pipe(named("pi"))
        found = pipe.feed((RECORDED / f"{name}.jsonl").read_bytes()) + pipe.close()
        assert [one.adapter for one in found if isinstance(one, AdapterSeen)] == ["pi"]


def test_what_looks_like_it_and_is_not() -> None:
    openclaw = [HEAD, entry("m1", "s1", "message", message=user("Hi"))]
    droid = [{"type": "session_start", "id": "d"}, *chain(user("Hi"))]
    for records in (openclaw, droid, [{"type": "message", "message": user("Hi")}]):
        assert sniff(b"".join(orjson.dumps(one) + b"\n" for one in records)).agent == "raw"
