"""Every format with every recording of it, found by folder: a new agent adds no test code.

A `.rows.txt` that is missing is written, and the test fails once: look at what was written before it is committed.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from builders import (
    SESSION,
    answer,
    assistant,
    attached,
    begun,
    call,
    ended,
    events,
    init,
    lines,
    opened,
    over,
    picture,
    piece,
    rows,
    said,
    system,
    told,
    user,
)

from store import agents
from store import events as ev
from store.formats import formats, named, sniff
from store.items import Message, Notice, Prompt, Raw, Thought, Tool
from store.whole import format_of

RECORDED = Path(__file__).parents[1] / "recorded"
CASES = sorted(RECORDED.glob("*/*.jsonl"))


def test_there_are_formats_with_recordings() -> None:
    names = [format_.agent for format_ in formats()]
    assert names == sorted(names)
    assert {"claude-code", "claude-stream", "raw"} <= set(names)
    assert {path.parent.name for path in CASES} <= set(names)
    with pytest.raises(KeyError):
        named("nobody")


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_recording_shows_its_rows(path: Path) -> None:
    expected = path.with_name(f"{path.stem}.rows.txt")
    shown = picture(path)
    if not expected.exists():
        expected.write_text(shown)
        pytest.fail(f"{expected.name} is new: look at it, then commit it")
    assert shown == expected.read_text()


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_recording_is_told_by_its_head(path: Path) -> None:
    assert format_of(path).agent == path.parent.name


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_subagent_file_alone_is_told_too(path: Path) -> None:
    for child in path.with_suffix("").rglob("*.jsonl"):
        assert format_of(child).agent == path.parent.name


@pytest.mark.parametrize(
    "head",
    [b"", b"\n", b"plain text\n", b'{"type":"step.started","thread_id":"x"}\n', b"\x7fELF\0\0", b"[]", b"{}", b"42",
     b'{"timestamp":"x","type":"session_meta","body":{"id":"y"}}\n', b'{"t":0.1,"line":"{}"}\n', b"{" * 70_000,
     b'{"jsonrpc":"2.0","id":1,"method":"initialize"}\n'],
)  # fmt: skip
def test_what_nobody_claims_is_raw(head: bytes) -> None:
    assert sniff(head).agent == "raw"


def test_a_first_line_longer_than_the_head_is_told() -> None:
    assert sniff(lines(user("x" * 200_000))[: 64 << 10]).agent == "claude-code"
    assert sniff(lines(said("x" * 200_000))[: 64 << 10]).agent == "claude-stream"


def test_hidden_types_give_a_reason() -> None:
    for format_ in formats():
        assert all(len(why) > 5 for why in format_.hidden.values())


def test_each_agent_states_in_the_docs_what_it_rests_on_and_what_it_hides() -> None:
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
    for format_ in formats():
        if format_.agent != "raw":
            section = page.partition(f"(`{format_.agent}`)\n\n")[2].partition("\n## ")[0]
            assert re.search(r"\b(Rests on|After |No schema is published)", section.partition("\n")[0]), format_.agent
            shared = page if "Not shown is the same as of" in section else section
            assert [kind for kind in format_.hidden if f"`{kind}`" not in shared] == []


# ---- one session, two ways in


def test_stream_and_file_name_the_same_rows() -> None:
    """What is printed and what is written of the same session has the same ids."""
    blocks = ({"type": "thinking", "thinking": "Hm."}, "Looking.", call("Bash", command="ls"))
    disk: list[object] = [user("Go", "u1")]
    disk += [assistant(block, uuid=f"a{i}", apiBlockIndex=i) for i, block in enumerate(blocks)]
    disk += [answer("ok"), assistant("Done.", id="msg_2", apiBlockIndex=0)]
    stream: list[object] = [init(), {**user("Go", "u1"), "isReplay": True}]
    stream += [begun(), opened(0, type="thinking", thinking=""), piece("Hm.", 0, "thinking"), said(blocks[0])]
    stream += [opened(1), piece("Look", 1), piece("ing.", 1), said(blocks[1])]
    stream += [opened(2, type="tool_use", id="toolu_1", name="Bash", input={}), piece('{"command":"ls"}', 2, "json")]
    stream += [said(blocks[2]), *ended(), answer("ok"), said("Done.", id="msg_2")]
    one, two = rows(lines(*disk)), rows(lines(*stream), "claude-stream")
    assert [(item.id, type(item)) for item in one] == [(item.id, type(item)) for item in two]
    assert told(one) == told(two)
    old = [{**record, "apiBlockIndex": None} for record in disk if isinstance(record, dict)]
    assert [item.id for item in rows(lines(*old))] == [item.id for item in one]


def test_pieces_and_the_whole_are_one_row() -> None:
    """B1: the complete record replaces what was streamed, even when it differs."""
    first = lines(begun(), opened(), piece("Hel"), piece("lo"))
    (item,) = rows(first, "claude-stream")
    assert isinstance(item, Message)
    assert (str(item.text), item.open) == ("Hello", True)
    (whole,) = rows(first + lines(said("Hello!"), *ended()), "claude-stream")
    assert isinstance(whole, Message)
    assert (str(whole.text), whole.open, whole.id) == ("Hello!", False, item.id)


def test_streams_of_parallel_subagents_do_not_mix() -> None:
    data = lines(
        begun("m1", "t1"), begun("m2", "t2"), opened(0, "t1"), opened(0, "t2"), piece("a", parent="t1"),
        piece("b", parent="t2"), piece("A", parent="t1"), piece("B", parent="t2"),
        said("aA", id="m1", parent="t1"), said("bB", id="m2", parent="t2"),
    )  # fmt: skip
    assert [(item.agent, item.parent, str(item.text)) for item in rows(data, "claude-stream") if isinstance(item,
    Message)] == [
        ("t1", "t1", "aA"), ("t2", "t2", "bB"),
    ]  # fmt: skip


def test_a_broken_message_leaves_when_it_is_said_again() -> None:
    """AGENT-CLI-NOTES: a streamed message that got no complete record was retried under another id."""
    broken = lines(begun("m1"), opened(), piece("Half a"), *ended(delta=False))
    again = lines(begun("m2"), opened(), piece("A whole."), said("A whole.", id="m2"), *ended())
    assert told(rows(broken + again, "claude-stream")) == ["message: A whole."]
    # Without an end, and said again without a stream.
    assert told(rows(lines(begun("m1"), opened(), piece("Half a"), said("A whole.", id="m2")), "claude-stream")) == [
        "message: A whole."
    ]


def test_a_broken_message_with_rows_behind_it_stays() -> None:
    """Nothing of others may go with it."""
    data = lines(
        begun("m1"), opened(), piece("Half a"), user("sub", "u9", parent_tool_use_id="t1"), *ended(delta=False)
    )
    assert told(rows(data, "claude-stream")) == ["message: Half a", "prompt.agent: sub"]


def test_an_interrupted_stream_keeps_what_was_said() -> None:
    data = lines(
        begun(), opened(), piece("Half"), said("Half", aborted=True), user([{"type": "text",
        "text": "[Request interrupted by user]"}]),
        *ended(), over("", subtype="error_during_execution", is_error=True, terminal_reason="aborted_streaming"),
    )  # fmt: skip
    assert [line.split(":")[0] for line in told(rows(data, "claude-stream"))] == [
        "message", "notice.interruption", "notice.result",
    ]  # fmt: skip
    ends = [event.status for event in events(data, "claude-stream") if isinstance(event, ev.TurnEnded)]
    assert ends == ["cancelled", "cancelled"]


# ---- tools


@pytest.mark.parametrize(
    ("name", "kind"),
    [("Bash", "tool.shell"), ("KillShell", "tool.shell"), ("MultiEdit", "tool.edit"), ("NotebookEdit", "tool.edit"),
     ("Read", "tool.read"), ("LS", "tool.search"), ("WebSearch", "tool.web"), ("Task", "tool.agent"),
     ("Agent", "tool.agent"), ("TaskCreate", "tool.todo"), ("mcp__a__b", "tool.mcp"), ("Brand", "tool")],
)  # fmt: skip
def test_kinds(name: str, kind: str) -> None:
    (item,) = rows(lines(assistant(call(name))))
    assert isinstance(item, Tool)
    assert (item.kind, item.name, item.status) == (kind, name, "running")


@pytest.mark.parametrize(
    ("block", "more", "status", "code"),
    [
        ({}, {"toolUseResult": {"stdout": "x"}}, "ok", None),
        ({"error": True}, {"toolUseResult": "Error: Exit code 3\nno"}, "failed", 3),
        ({}, {"toolUseResult": {"exitCode": 0}}, "ok", 0),
        ({}, {"toolUseResult": {"interrupted": True}}, "cancelled", None),
        ({"error": True}, {"toolUseResult": "User rejected tool use"}, "cancelled", None),
        ({"error": True}, {"toolDenialKind": "interrupted"}, "cancelled", None),
        ({"error": True}, {"toolDenialKind": "permission-rule"}, "failed", None),
        ({"error": True}, {"toolUseResult": "Cancelled: parallel tool call Bash errored"}, "cancelled", None),
        ({}, {"toolUseResult": {"isAsync": True, "status": "async_launched", "agentId": "ab"}}, "running", None),
        ({"error": None}, {"toolUseResult": "InputValidationError: x"}, "failed", None),
    ],
)
def test_results(block: dict[str, object], more: dict[str, object], status: str, code: int | None) -> None:
    """A7."""
    (item,) = rows(lines(assistant(call("Bash", command="x")), answer("out", **block, **more)))
    assert isinstance(item, Tool)
    assert (item.status, item.exit_code, str(item.output)) == (status, code, "out")


def test_an_exit_code_is_found_in_the_output() -> None:
    (item,) = rows(lines(assistant(call("Bash", command="x")), answer("Exit code 3\nno such file", error=True)))
    assert isinstance(item, Tool)
    assert (item.status, item.exit_code) == ("failed", 3)


def test_a_result_without_its_call_is_an_orphan() -> None:
    """004-19: a visible orphan, not a crash."""
    (item,) = rows(lines(answer("late")))
    assert isinstance(item, Tool)
    assert (item.orphan, item.id, item.status) == (True, "toolu_1", "ok")


def test_background_work_ends_with_its_notification() -> None:
    """A3: the result of a background agent arrives only in a notification."""
    launched = answer("started", toolUseResult={"isAsync": True, "status": "async_launched", "agentId": "ab12"})
    note = (
        "<task-notification><task-id>ab12</task-id><tool-use-id>toolu_1</tool-use-id><status>completed</status>"
        "<summary>Agent done</summary><result>42</result></task-notification>"
    )
    items = rows(lines(assistant(call("Agent", description="Count", prompt="x")), launched, user(note, "u2")))
    assert told(items) == ["tool.agent: Count\n42", "prompt.task: Agent done\n\n42"]
    assert isinstance(items[0], Tool)
    assert (items[0].status, items[0].child_agent) == ("ok", "ab12")


# ---- prompts


@pytest.mark.parametrize(
    ("content", "more", "origin", "text"),
    [
        ("fix it", {}, "human", "fix it"),
        ("fix it", {"origin": {"kind": "human"}, "promptSource": "typed"}, "human", "fix it"),
        ("fix it", {"promptSource": "sdk"}, "human", "fix it"),
        ("fix it", {"promptSource": "queued", "origin": {"kind": "human"}}, "queued", "fix it"),
        ("note", {"isMeta": True}, "injected", "note"),
        ("note", {"isVisibleInTranscriptOnly": True}, "injected", "note"),
        ("note", {"origin": {"kind": "coordinator"}}, "injected", "note"),
        ("<system-reminder>x</system-reminder>", {}, "injected", "<system-reminder>x</system-reminder>"),
        ("<command-name>/x</command-name><command-message>x</command-message><command-args>a b</command-args>", {},
         "command", "/x a b"),
        ("<command-message>x</command-message>\n<command-name>/x</command-name>", {}, "command", "/x"),
        ("<bash-input>ls</bash-input>", {}, "command", "! ls"),
        ("do it", {"isSidechain": True, "agentId": "ab"}, "agent", "do it"),
    ],
)  # fmt: skip
def test_who_said_it(content: str, more: dict[str, object], origin: str, text: str) -> None:
    """A3: is it a human turn?"""
    (item,) = rows(lines(user(content, **more)))
    assert isinstance(item, Prompt)
    assert (item.origin, item.text) == (origin, text)
    assert item.turn == (origin in ("human", "queued", "command"))


def test_a_queued_prompt_is_shown_once() -> None:
    """A3."""
    waiting = {"type": "queue-operation", "operation": "enqueue", "content": "then this"}
    by_attachment = attached({"type": "queued_command", "prompt": "then this"})
    by_record = user("then this", "u2", promptSource="queued")
    for records in ([by_attachment, by_record], [by_record, by_attachment], [by_attachment], [by_record]):
        assert told(rows(lines(waiting, *records))) == ["prompt.queued: then this"]


def test_a_copied_history_is_shown_once() -> None:
    """A8: an old resume repeats the lines, with or without the same uuid."""
    talk = [user("a", "u1"), assistant("b", call("Bash")), answer("c"), user("d", "u2"), assistant("e", id="msg_2")]
    copies = [{**record, "sessionId": "other"} for record in talk]
    again = [{**record, "uuid": f"x{i}"} if record["type"] == "assistant" else record for i, record in enumerate(talk)]
    assert told(rows(lines(*talk, *copies))) == told(rows(lines(*talk)))
    assert told(rows(lines(*talk, *again))) == told(rows(lines(*talk)))


# ---- the session


def test_titles_by_rank() -> None:
    """A2: what the person chose beats what was generated beats what was typed."""
    records = [
        {"type": "custom-title", "customTitle": "chosen"}, {"type": "ai-title", "aiTitle": "generated"},
        {"type": "agent-name", "agentName": "name"}, {"type": "last-prompt", "lastPrompt": "last"},
        {"type": "summary", "summary": "old"}, user("first"),
    ]  # fmt: skip
    named_ = [event for event in events(lines(*records)) if isinstance(event, ev.SessionNamed) and event.title]
    assert [event.title for event in sorted(named_, key=lambda event: -event.rank)] == [
        "chosen", "generated", "name", "last", "old", "first",
    ]  # fmt: skip


def test_what_the_header_needs() -> None:
    found = events(lines(user("x", permissionMode="plan"), assistant("y"), assistant("z", uuid="a2")))
    assert [event.used for event in found if isinstance(event, ev.Usage)] == [1100]  # said once, it did not change
    place = next(event for event in found if isinstance(event, ev.SessionNamed))
    assert (place.id, place.cwd, place.branch) == (SESSION, "/w/demo", "main")
    modes = [(event.mode, event.llm) for event in found if isinstance(event, ev.ConfigChanged)]
    assert modes == [("plan", None), (None, "claude-opus-5")]
    assert [event.version for event in found if isinstance(event, ev.AdapterSeen)] == ["2.1.300"]


def test_a_compaction_is_one_row_with_the_summary() -> None:
    """A5."""
    boundary = system("compact_boundary", compactMetadata={"trigger": "auto", "preTokens": 120000, "postTokens": 9000})
    summary = user(
        "This session is being continued from a previous conversation. All is well.", "u2", isCompactSummary=True
    )
    (item,) = rows(lines(boundary, summary))
    assert isinstance(item, Notice)
    assert item.text == "Conversation compacted: 120,000 → 9,000 tokens"
    assert item.detail.endswith("All is well.")
    assert len(item.spans) == 1  # both records, which are neighbours
    status = {"type": "system", "subtype": "status", "session_id": SESSION}
    found = events(
        lines({**status, "status": "compacting"}, {**status, "status": None, "compact_result": "success"}),
        "claude-stream",
    )
    assert [event.on for event in found if isinstance(event, ev.Compacting)] == [True, False]


def test_questions_are_asked_and_taken_back() -> None:
    """B2."""
    ask = {"type": "control_request", "request_id": "r1", "request": {
        "subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": "rm x"},
        "tool_use_id": "toolu_1"}}  # fmt: skip
    data = lines(said(call("Bash", command="rm x")), ask)
    (item,) = rows(data, "claude-stream")
    assert isinstance(item, Tool)
    assert (item.status, [option.id for option in item.options]) == ("waiting", ["allow", "deny"])
    asked = next(event for event in events(data, "claude-stream") if isinstance(event, ev.Asked))
    assert (asked.rpc, asked.title) == ("r1", "Bash: rm x")
    (item,) = rows(data + lines({"type": "control_cancel_request", "request_id": "r1"}), "claude-stream")
    assert isinstance(item, Tool)
    assert (item.status, item.options) == ("running", ())
    reply = {"type": "control_response", "response": {"subtype": "error", "request_id": "r9", "error": "no"}}
    assert [
        event.error for event in events(lines(init(), reply), "claude-stream") if isinstance(event, ev.Answered)
    ] == ["no"]


def test_one_json_object_is_the_answer_and_the_end() -> None:
    """B: `--output-format json` prints the result alone; beside messages its text is not said twice."""
    assert told(rows(lines(over("Hello.")), "claude-stream")) == [
        "message: Hello.",
        "notice.result: Finished: 1 turn, 1.5 s, $0.02",
    ]
    assert len(rows(lines(said("Hello."), over("Hello.")), "claude-stream")) == 2


def test_an_end_with_an_error() -> None:
    """B1, B3: errors have no result key."""
    record = {
        "type": "result",
        "subtype": "error_during_execution",
        "is_error": True,
        "errors": ["No conversation found"],
    }
    (item,) = rows(lines(record), "claude-stream")
    assert isinstance(item, Notice)
    assert (item.level, item.text) == ("error", "Ended with an error: No conversation found")


def test_hidden_thinking() -> None:
    """A4."""
    items = rows(
        lines(
            assistant(
                {"type": "thinking", "thinking": "", "signature": "x"}, {"type": "redacted_thinking", "data": "y"}
            )
        )
    )
    assert [item.hidden for item in items if isinstance(item, Thought)] == [True, True]


def test_no_row_of_an_unknown_type_is_empty() -> None:
    (item,) = rows(lines({"type": "brand-new", "sessionId": SESSION, "words": "of wisdom"}))
    assert isinstance(item, Raw)
    assert item.type == "brand-new"
    assert "of wisdom" in item.text


def test_an_agent_is_called_what_its_format_says() -> None:
    assert {name: agents.title(name) for name in ("opencode", "pi", "atif", "claude-code")} == {
        "opencode": "OpenCode", "pi": "pi", "atif": "ATIF", "claude-code": "Claude Code",
    }  # fmt: skip
    assert agents.title("new-agent") == "New Agent"
