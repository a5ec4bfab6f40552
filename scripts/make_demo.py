"""Writes resources/demo/demo.timed.jsonl, the recording behind `playhead --demo`. Run by hand: scripts/make_demo.py

The shapes and the order of the records are those of real recordings of Claude Code 2.1.329 with `--output-format
stream-json --include-partial-messages --replay-user-messages`; every word in them is ours. The same bytes every time.
"""

from __future__ import annotations

import hashlib
import json
import random
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import demo_story as story

TARGET: Final = Path(__file__).parents[1] / "resources" / "demo" / "demo.timed.jsonl"
SESSION: Final = "5c1f6a52-9d0e-4b7a-8a43-2f6f0c9d7e11"
LLM: Final = "claude-opus-5-5"
BEGAN: Final = datetime(2026, 11, 20, 10, 41, 7, tzinfo=UTC)
TYPING: Final = 0.062  # seconds between two deltas


class Recording:
    """Records in the order in which they were printed, each with its time."""

    def __init__(self) -> None:
        self.now = 0.02
        self.lines: list[str] = []
        self.count = 0
        self.messages = 0
        self.calls = 0
        self.chance = random.Random(41)  # noqa: S311 - the same demo every time

    def put(self, **record: Any) -> None:
        self.count += 1
        record.setdefault("session_id", SESSION)
        record["uuid"] = str(uuid.UUID(hashlib.sha256(f"demo {self.count}".encode()).hexdigest()[:32]))
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        self.lines.append(json.dumps({"t": round(self.now, 3), "line": line}, ensure_ascii=False))

    def wait(self, seconds: float) -> None:
        self.now += seconds

    @property
    def stamp(self) -> str:
        when = BEGAN + timedelta(seconds=self.now)
        return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def system(self, subtype: str, **more: Any) -> None:
        self.put(type="system", subtype=subtype, **more)

    def hook(self, name: str, event: str, output: str) -> None:
        hook = str(uuid.UUID(hashlib.sha256(f"hook {self.count}".encode()).hexdigest()[:32]))
        self.system("hook_started", hook_id=hook, hook_name=name, hook_event=event)
        self.wait(0.01)
        self.system("hook_response", hook_id=hook, hook_name=name, hook_event=event, output=output, stdout=output,
                    stderr="", exit_code=0, outcome="success")  # fmt: skip

    def user(self, content: object, **more: Any) -> None:
        more.setdefault("parent_tool_use_id", None)
        self.put(type="user", message={"role": "user", "content": content}, timestamp=self.stamp, **more)

    def result(self, call: str, content: object, data: object, *, failed: bool = False, **more: Any) -> None:
        block = {"tool_use_id": call, "type": "tool_result", "content": content, "is_error": failed}
        self.user([block], tool_use_result=data, **more)

    def work(self, call: str, name: str, seconds: float) -> None:
        """A tool runs for a while and says so."""
        passed = 0.0
        while passed + 1.5 < seconds:
            self.wait(1.5)
            passed += 1.5
            self.put(type="tool_progress", tool_use_id=call, tool_name=name, parent_tool_use_id=None,
                     elapsed_time_seconds=passed)  # fmt: skip
        self.wait(seconds - passed)

    def call_id(self) -> str:
        self.calls += 1
        return f"toolu_demo{self.calls:04}"


class Message:
    """One answer of the LLM, streamed: blocks as deltas, each followed by its complete record."""

    def __init__(self, to: Recording, used: int, parent: str | None = None) -> None:
        self.to = to
        self.parent = parent
        self.index = -1
        to.messages += 1
        self.id = f"msg_demo{to.messages:04}"
        self.usage = {"input_tokens": 12, "cache_creation_input_tokens": 900, "cache_read_input_tokens": used - 912,
                      "output_tokens": 1, "service_tier": "standard"}  # fmt: skip
        to.system("status", status="requesting")
        to.wait(1.1)
        self.event(
            type="message_start",
            message={"id": self.id, "type": "message", "role": "assistant", "model": LLM, "content": [],
                     "stop_reason": None, "stop_sequence": None, "usage": self.usage},
        )  # fmt: skip

    def event(self, **event: Any) -> None:
        self.to.put(type="stream_event", event=event, parent_tool_use_id=self.parent, api_message_id=self.id)

    def stream(self, start: dict[str, Any], kind: str, key: str, text: str, block: dict[str, Any], pace: float) -> None:
        self.index += 1
        self.event(type="content_block_start", index=self.index, content_block=start)
        at = 0
        while at < len(text):
            size = self.to.chance.randint(4, 14)
            self.to.wait(pace * self.to.chance.uniform(0.4, 1.6))
            self.event(type="content_block_delta", index=self.index, delta={"type": kind, key: text[at : at + size]})
            at += size
        self.complete(block)
        self.event(type="content_block_stop", index=self.index)

    def complete(self, block: dict[str, Any], **more: Any) -> None:
        message = {"id": self.id, "type": "message", "role": "assistant", "model": LLM, "content": [block],
                   "stop_reason": None, "stop_sequence": None, "usage": self.usage}  # fmt: skip
        self.to.put(type="assistant", message=message, parent_tool_use_id=self.parent, timestamp=self.to.stamp, **more)

    def think(self, text: str) -> None:
        signature = "ZGVtbw=="
        self.stream({"type": "thinking", "thinking": "", "signature": ""}, "thinking_delta", "thinking", text,
                    {"type": "thinking", "thinking": text, "signature": signature}, TYPING)  # fmt: skip

    def say(self, text: str, pace: float = TYPING) -> None:
        self.stream({"type": "text", "text": ""}, "text_delta", "text", text, {"type": "text", "text": text}, pace)

    def call(self, name: str, pace: float = 0.02, **given: Any) -> str:
        call = self.to.call_id()
        text = json.dumps(given, ensure_ascii=False)
        self.stream({"type": "tool_use", "id": call, "name": name, "input": {}}, "input_json_delta", "partial_json",
                    text, {"type": "tool_use", "id": call, "name": name, "input": given}, pace)  # fmt: skip
        return call

    def end(self, reason: str = "tool_use") -> None:
        usage = {**self.usage, "output_tokens": 60 + 40 * (self.index + 1)}
        self.event(type="message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage=usage)
        self.event(type="message_stop")


def todo(to: Recording, message: Message, done: int, before: int | None) -> None:
    def entries(count: int) -> list[dict[str, str]]:
        status = ["completed"] * count + ["in_progress"] + ["pending"] * len(story.TODO)
        return [
            {"content": text, "status": state, "activeForm": active}
            for (text, active), state in zip(story.TODO, status, strict=False)
        ]

    call = message.call("TodoWrite", pace=0.003, todos=entries(done))
    old = [] if before is None else entries(before)
    to.result(call, "Todos have been modified successfully.", {"oldTodos": old, "newTodos": entries(done)})


def helper(to: Recording, call: str) -> None:
    """The subagent: its records carry the call that started it."""
    agent = "a7d31c0e94b2f685"
    mine: dict[str, Any] = {"parent_tool_use_id": call, "agent_id": agent, "subagent_type": "Explore",
                            "task_description": "Find the callers"}  # fmt: skip
    task: dict[str, Any] = {"task_id": agent, "tool_use_id": call}
    to.system("task_started", **task, description="Find the callers", subagent_type="Explore", is_backgrounded=False,
              spawn_depth=1, task_type="local_agent", prompt=story.HELPER_PROMPT)  # fmt: skip
    to.user([{"type": "text", "text": story.HELPER_PROMPT}], **mine)
    steps = [
        ("Grep", {"pattern": story.HELPER_GREP, "output_mode": "content", "-n": True}, story.HELPER_GREP_OUTPUT,
         {"mode": "content", "numFiles": 0, "filenames": [], "content": story.HELPER_GREP_OUTPUT, "numLines": 7}),
        ("Read", {"file_path": f"{story.CWD}/tests/conftest.py", "offset": 12, "limit": 12}, story.HELPER_READ, None),
    ]  # fmt: skip
    for name, given, output, data in steps:
        to.wait(1.7)
        message = record_only(to, call)
        inner = to.call_id()
        message.complete({"type": "tool_use", "id": inner, "name": name, "input": given}, **without_parent(mine))
        to.system("task_progress", **task, description=f"Running {name}", subagent_type="Explore", last_tool_name=name,
                  usage={"total_tokens": 4200, "tool_uses": 1, "duration_ms": int(to.now * 1000)})  # fmt: skip
        to.wait(1.1)
        message.to.result(inner, output, data or {}, **mine)
    to.wait(1.6)
    record_only(to, call).complete({"type": "text", "text": story.HELPER_ANSWER}, **without_parent(mine))
    to.wait(0.2)
    to.system("task_notification", **task, status="completed", summary="Found the callers",
              usage={"total_tokens": 6120, "tool_uses": 2, "duration_ms": 7300})  # fmt: skip
    data = {"status": "completed", "agentId": agent, "agentType": "Explore", "prompt": story.HELPER_PROMPT,
            "content": [{"type": "text", "text": story.HELPER_ANSWER}], "totalDurationMs": 7300, "totalTokens": 6120,
            "totalToolUseCount": 2}  # fmt: skip
    to.result(call, [{"type": "text", "text": story.HELPER_ANSWER}], data)


def record_only(to: Recording, parent: str | None = None) -> Message:
    """An answer of a subagent: complete records, no deltas."""
    message = Message.__new__(Message)
    message.to, message.parent, message.index = to, parent, -1
    to.messages += 1
    message.id = f"msg_demo{to.messages:04}"
    message.usage = {"input_tokens": 900, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 2100,
                     "output_tokens": 1, "service_tier": "standard"}  # fmt: skip
    return message


def without_parent(mine: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mine.items() if key != "parent_tool_use_id"}


def edit(to: Recording, message: Message, name: str, old: str, new: str, patch: tuple[str, ...], line: int) -> None:
    path = f"{story.CWD}/{name}"
    call = message.call("Edit", file_path=path, old_string=old, new_string=new)
    message.end()
    to.wait(0.15)
    before = sum(not text.startswith("+") for text in patch)
    after = sum(not text.startswith("-") for text in patch)
    hunk = {"oldStart": line, "oldLines": before, "newStart": line, "newLines": after, "lines": list(patch)}
    data = {"filePath": path, "oldString": old, "newString": new, "originalFile": None, "structuredPatch": [hunk],
            "userModified": False, "replaceAll": False}  # fmt: skip
    to.result(call, f"The file {path} has been updated successfully.", data)


def shell(to: Recording, call: str, output: str, *, failed: bool = False) -> None:
    good = {"stdout": output, "stderr": "", "interrupted": False, "isImage": False}
    data: object = f"Error: {output}" if failed else good
    to.result(call, output, data, failed=failed)


def make() -> list[str]:
    to = Recording()
    to.system(
        "init", cwd=story.CWD, tools=["Task", "Bash", "Edit", "Grep", "Read", "TodoWrite", "Write"], mcp_servers=[],
        model=LLM, permissionMode="acceptEdits", slash_commands=["compact", "context"], apiKeySource="none",
        claude_code_version="2.1.329", output_style="default", agents=["Explore", "general-purpose"], skills=[],
        plugins=[],
    )  # fmt: skip
    to.wait(0.05)
    to.user(story.PROMPT, isReplay=True)
    to.wait(0.04)
    to.hook("SessionStart:startup", "SessionStart", "")

    first = Message(to, 14_200)
    first.think(story.THOUGHT_START)
    first.say(story.START)
    todo(to, first, 0, None)
    call = first.call("Bash", command=story.LOOP, description="Run the test in a loop until it fails")
    first.end()
    to.work(call, "Bash", 8.2)
    shell(to, call, story.LOOP_OUTPUT, failed=True)

    second = Message(to, 16_800)
    second.say(story.READ_TEXT)
    call = second.call("Read", file_path=f"{story.CWD}/atlas/retry.py")
    second.end()
    to.wait(0.1)
    plain = "\n".join(line.partition("\t")[2] for line in story.RETRY_PY.splitlines())
    to.result(call, story.RETRY_PY, {"type": "text", "file": {"filePath": f"{story.CWD}/atlas/retry.py",
              "content": plain, "numLines": 28, "startLine": 1, "totalLines": 28}})  # fmt: skip

    third = Message(to, 19_500)
    third.think(story.THOUGHT_CAUSE)
    third.say(story.ASK_HELPER)
    call = third.call("Agent", description="Find the callers", prompt=story.HELPER_PROMPT, subagent_type="Explore")
    third.end()
    to.wait(0.1)
    helper(to, call)

    to.system("status", status="requesting")
    to.wait(0.4)
    to.system("api_retry", attempt=1, max_retries=10, retry_delay_ms=611, error_status=529, error="overloaded")
    to.wait(0.65)
    fourth = Message(to, 24_100)
    fourth.say(story.FOUND)
    todo(to, fourth, 2, 0)
    edit(to, fourth, "atlas/retry.py", story.OLD, story.NEW, story.PATCH, 18)
    to.hook("PostToolUse:Edit", "PostToolUse", story.HOOK_OUTPUT)
    fifth = Message(to, 26_700)
    edit(to, fifth, "tests/conftest.py", story.CLOCK_OLD, story.CLOCK_NEW, story.CLOCK_PATCH, 15)

    sixth = Message(to, 28_000)
    todo(to, sixth, 3, 2)
    call = sixth.call("Bash", command=story.PROVE, description="200 repetitions, then the whole suite")
    sixth.end()
    to.work(call, "Bash", 11.4)
    shell(to, call, story.PROVE_OUTPUT)

    to.system("status", status="compacting")
    to.wait(1.8)
    to.system("status", status=None, compact_result="success")
    to.system("compact_boundary", compact_metadata={"trigger": "auto", "pre_tokens": 28_900, "post_tokens": 3_400,
                                                    "duration_ms": 1800})  # fmt: skip
    to.user(story.SUMMARY, isSynthetic=True)

    last = Message(to, 5_300)
    todo(to, last, 4, 3)
    last.say(story.ANSWER, pace=0.075)
    last.end("end_turn")
    to.wait(0.05)
    usage = {"input_tokens": 96, "output_tokens": 2410, "cache_read_input_tokens": 121_300,
             "cache_creation_input_tokens": 9_800}  # fmt: skip
    to.put(
        type="result", subtype="success", is_error=False, duration_ms=int(to.now * 1000), duration_api_ms=51_000,
        num_turns=8, result=story.ANSWER, stop_reason="end_turn", total_cost_usd=0.2184, usage=usage,
        permission_denials=[], terminal_reason="completed",
    )  # fmt: skip
    return to.lines


if __name__ == "__main__":
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text("\n".join(make()) + "\n", "utf-8")
