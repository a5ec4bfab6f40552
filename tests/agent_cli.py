"""An agent's CLI, scripted: prints, writes and ends like the recorded ones. Started by tests under an agent's own name.

`playhead` finds it as `claude`, `codex`, … on a PATH that `installed` makes. What it does is in the prompt:
`Say hello`, `hang`, `deaf`, `garbage`, `flood`, `stubborn`, `forks`, `fail`, `refuse`, `die`, `slow N`, `wait FILE`,
`silent`, `bigcost`, `ask FILE`, `background FILE` and `question` (Claude, with somebody there); anything else is
answered with the prompt itself. Imports nothing of ours.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HOLDER = "import signal; signal.pause()"
MODEL = "claude-opus-5-5"

blocks: list[object] = []  # of a prompt that is more than words


def installed(folder: Path, *names: str) -> Path:
    """A folder for the PATH in which this file is found as each of these programs."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -E "{__file__}" {name} "$@"\n')
        program.chmod(0o755)
    return folder


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def put(record: dict[str, object] | bytes) -> None:
    data = record if isinstance(record, bytes) else json.dumps(record, separators=(",", ":")).encode() + b"\n"
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def option(argv: list[str], name: str) -> str:
    return argv[argv.index(name) + 1] if name in argv else ""


def noted(argv: list[str], prompt: str) -> None:
    """Who asks what it was started with finds it here."""
    if log := os.environ.get("AGENT_CLI_LOG"):
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"argv": argv, "prompt": prompt, "cwd": str(Path.cwd()), "pid": os.getpid()}) + "\n")


def misbehave(prompt: str) -> None:
    """What every agent may do before it says anything."""
    match prompt.split(" ")[0]:
        case "hang":
            signal.pause()
        case "stubborn":
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            sys.stderr.write("you cannot stop me\n" * 20_000)
            signal.pause()
        case "garbage":
            put(bytes(range(256)) * 300 + b'\nnot json\n\0\0\0\n\xff\xfe{}\n{"type":\n')
        case "flood":
            sys.stderr.write("session much to complain about\n" * 50_000)
        case "forks":
            child = subprocess.Popen([sys.executable, "-c", HOLDER])
            if log := os.environ.get("AGENT_CLI_LOG"):
                Path(log + ".child").write_text(str(child.pid))
        case "wait":
            if not opened(Path(prompt.split(" ")[1])):
                raise KeyboardInterrupt


def opened(gate: Path) -> bool:
    """Wait until a test has made this file. False: an interrupt came before it. The kernel says when to look again."""
    news = {signal.SIGIO, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, news)
    folder = os.open(gate.parent, os.O_RDONLY)
    fcntl.fcntl(folder, fcntl.F_NOTIFY, fcntl.DN_CREATE | fcntl.DN_RENAME | fcntl.DN_MULTISHOT)
    try:
        while not gate.exists():
            if signal.sigwait(news) == signal.SIGINT:
                return False
        return True
    finally:
        os.close(folder)
        signal.signal(signal.SIGIO, signal.SIG_IGN)  # one that is still on its way
        signal.pthread_sigmask(signal.SIG_UNBLOCK, news)


def answer_to(prompt: str, before: int) -> str:
    if prompt == "Say hello":
        return "Hello! The demo model is here and ready."
    if prompt == "What did we do?":
        return f"You have asked {before} times before."
    return f"You said: {prompt[:200]}"


# ---- Claude


def told() -> dict[str, Any]:
    """The next line of standard input: what is said to a program that is answered while it runs."""
    while line := sys.stdin.buffer.readline():
        record: dict[str, Any] = json.loads(line)
        if record.get("type") != "control_request":
            return record
        put({"type": "control_response", "response": {"subtype": "success", "request_id": record["request_id"]}})
        raise KeyboardInterrupt  # interrupt is the only one that there is
    return {}


class Claude:
    def __init__(self, argv: list[str]) -> None:
        self.argv = argv
        self.asked = option(argv, "--resume")
        self.fork = "--fork-session" in argv
        self.session = self.asked or str(uuid.uuid4())
        self.root = Path(os.environ.get("CLAUDE_CONFIG_DIR") or Path("~/.claude").expanduser())
        self.file = self.root / "projects" / re.sub("[^A-Za-z0-9]", "-", str(Path.cwd())) / f"{self.session}.jsonl"
        self.parent: str | None = None
        self.cost = 0.0

    def found(self) -> bool:
        at = next((self.root / "projects").glob(f"*/{self.asked}.jsonl"), None)
        if at is None or b'"type":"user"' not in at.read_bytes():
            return False
        self.file = at
        return True

    def main(self, prompt: str) -> int:
        if "--verbose" not in self.argv:
            sys.stderr.write("Error: When using --print, --output-format=stream-json requires --verbose\n")
            return 1
        if self.asked and not self.found():
            why = f"No conversation found with session ID: {self.asked}"
            sys.stderr.write(why + "\n")
            put({"type": "result", "subtype": "error_during_execution", "is_error": True, "num_turns": 0,
                 "session_id": self.asked, "total_cost_usd": 0, "errors": [why],
                 "usage": {"input_tokens": 0, "output_tokens": 0}})  # fmt: skip
            return 1
        before = self.file.read_text("utf-8").splitlines() if self.asked else []
        if self.fork:
            self.session = str(uuid.uuid4())
            self.file = self.file.with_name(f"{self.session}.jsonl")
            before = [line.replace(self.asked, self.session) for line in before]
            if not prompt.startswith("late "):
                self.file.write_text("".join(line + "\n" for line in before), "utf-8")
        for line in before:
            record = json.loads(line)
            self.parent = record.get("uuid", self.parent)
            self.cost = record.get("totalCostUSD", self.cost)
        asked = sum('"type":"user"' in line for line in before)
        if prompt.startswith("slow "):  # who reads its id may interrupt it at once: it is heard at the gate
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        put({"type": "system", "subtype": "init", "session_id": self.session, "cwd": str(Path.cwd()), "model": MODEL,
             "permissionMode": option(self.argv, "--permission-mode") or "default", "tools": [],
             "claude_code_version": "2.1.329"})  # fmt: skip
        if prompt.startswith("late "):  # said before it is written, as the real one does
            if not opened(Path(prompt.split(" ")[1])):
                raise KeyboardInterrupt
            self.file.write_text("".join(line + "\n" for line in before), "utf-8")
        self.live("busy")
        try:
            code = self.turn(prompt, asked)
            while "stdio" in self.argv and sys.stdin.buffer.readline():
                pass  # it ends when nothing more can come
            return code
        finally:
            self.entry.unlink(missing_ok=True)

    @property
    def entry(self) -> Path:
        return self.root / "sessions" / f"{os.getpid()}.json"

    def live(self, status: str) -> None:
        self.entry.parent.mkdir(parents=True, exist_ok=True)
        start = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
        self.entry.write_text(
            json.dumps({"pid": os.getpid(), "sessionId": self.session, "procStart": start, "status": status})
        )

    def write(self, **record: object) -> None:
        own = str(record.pop("uuid", uuid.uuid4()))
        whole = {"parentUuid": self.parent, "isSidechain": False, "cwd": str(Path.cwd()), "sessionId": self.session,
                 "version": "2.1.329", "timestamp": now(), "uuid": own, **record}  # fmt: skip
        self.parent = own
        self.append(whole)

    def append(self, record: dict[str, object]) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, separators=(",", ":")) + "\n")

    def turn(self, prompt: str, before: int) -> int:
        if prompt.startswith("/compact"):
            put({"type": "system", "subtype": "status", "status": "compacting", "session_id": self.session})
            if Path("compacting").exists():  # until a test has seen it
                signal.pause()
            self.write(type="system", subtype="compact_boundary", content="Conversation compacted",
                       compactMetadata={"trigger": "manual", "preTokens": 900, "postTokens": 90})  # fmt: skip
            self.write(type="user", isCompactSummary=True, isVisibleInTranscriptOnly=True,
                       message={"role": "user", "content": "This session is being continued: a summary."})  # fmt: skip
            return self.result("", turns=0, tokens=0)
        if prompt == "deaf":  # hangs before the prompt is taken down
            signal.pause()
        self.write(type="user", promptSource="sdk", message={"role": "user", "content": blocks or prompt})
        misbehave(prompt)
        if prompt == "Ask a helper":
            self.helper()
        if prompt.startswith("background "):  # its turn is over; when that is done the model is called again
            told_of = {"type": "system", "subtype": "background_tasks_changed", "session_id": self.session}
            put({**told_of, "tasks": [{"task_id": "b1"}]})
            self.result("It runs in the background.", turns=1, tokens=5)
            put({**told_of, "tasks": []})
            put({"type": "system", "subtype": "init", "session_id": self.session})
            prompt = f"ask {prompt[11:]}"
        if prompt.startswith("refuse"):
            put({"type": "result", "subtype": "success", "is_error": True, "num_turns": 1, "session_id": self.session,
                 "result": "API Error: 400 session refused", "total_cost_usd": self.cost,
                 "usage": {"input_tokens": 0, "output_tokens": 0}})  # fmt: skip
            return 1
        if prompt.startswith(("ask ", "question")):
            try:
                prompt = self.ask(prompt)
            except KeyboardInterrupt:
                return self.interrupted("aborted_tools")
        message = f"msg_{uuid.uuid4().hex[:20]}"
        text = answer_to(prompt, before)
        stopped = False

        def stop(number: int, frame: object) -> None:
            nonlocal stopped
            stopped = True

        signal.signal(signal.SIGINT, stop if not prompt.startswith("stubborn") else signal.SIG_IGN)
        self.event({"type": "message_start", "message": {"id": message, "role": "assistant", "model": MODEL,
                    "usage": {"input_tokens": 1200, "output_tokens": 1}}})  # fmt: skip
        self.event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
        said = ""
        gate = prompt.split(" ")[1] if prompt.startswith("slow ") else ""
        for word in re.findall(r"\S+\s*", text):
            self.event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}})
            said += word
            if gate and not opened(Path(gate)):  # half an answer, until the test has seen it
                stopped = True
            if stopped:
                break
        if prompt.startswith("die"):
            os.kill(os.getpid(), signal.SIGKILL)
        body = {"id": message, "type": "message", "role": "assistant", "model": MODEL,
                "content": [{"type": "text", "text": said}]}  # fmt: skip
        own = str(uuid.uuid4())
        put({"type": "assistant", "message": {**body, "stop_reason": None}, "session_id": self.session, "uuid": own,
             "parent_tool_use_id": None})  # fmt: skip
        self.event({"type": "content_block_stop", "index": 0})
        self.event({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
                    "usage": {"input_tokens": 1200, "output_tokens": 17}})  # fmt: skip
        self.event({"type": "message_stop"})
        self.write(type="assistant", uuid=own, message={**body, "stop_reason": None if stopped else "end_turn",
                   "usage": {"input_tokens": 1200, "output_tokens": 17}})  # fmt: skip
        if stopped:
            return self.interrupted("aborted_streaming")
        return self.result(text, turns=1, tokens=17, cost=0.5 if prompt == "bigcost" else 0.00514)

    def interrupted(self, how: str) -> int:
        self.write(type="user", message={"role": "user", "content": "[Request interrupted by user]"})
        put({"type": "result", "subtype": "error_during_execution", "is_error": True, "num_turns": 1,
             "session_id": self.session, "terminal_reason": how, "errors": [],
             "total_cost_usd": self.cost, "usage": {"input_tokens": 1200, "output_tokens": 2}})  # fmt: skip
        return 0

    def ask(self, prompt: str) -> str:
        """A call that is asked about, as 2.1.329 does it: the file has the call, and only stdout the question."""
        call = f"toolu_{uuid.uuid4().hex[:12]}"
        name, given = "Write", {"file_path": prompt[4:], "content": "guarded\n"}
        more: dict[str, Any] = {
            "permission_suggestions": [{"type": "setMode", "mode": "acceptEdits", "destination": "session"}]
        }
        if prompt == "question":
            name, more = "AskUserQuestion", {"requires_user_interaction": True}
            colours = [{"label": "Blue", "description": ""}, {"label": "Green", "description": ""}]
            sizes = [{"label": "Small", "description": ""}, {"label": "Large", "description": ""}]
            given = {"questions": [
                {"question": "Which colour?", "header": "Colour", "multiSelect": False, "options": colours},
                {"question": "Which sizes?", "header": "Sizes", "multiSelect": True, "options": sizes}]}  # fmt: skip
        content = [{"type": "tool_use", "id": call, "name": name, "input": given}]
        message = {"id": f"msg_{call}", "role": "assistant", "model": MODEL, "content": content}
        put({"type": "assistant", "message": message, "session_id": self.session, "parent_tool_use_id": None})
        own = str(uuid.uuid4())
        request = {"subtype": "can_use_tool", "tool_name": name, "input": given, "tool_use_id": call, **more}
        put({"type": "control_request", "request_id": own, "request": request})
        self.write(type="assistant", message={**message, "stop_reason": "tool_use"})
        answer = told()["response"]
        assert answer["request_id"] == own, answer
        said = answer["response"]
        if said["behavior"] == "allow" and name == "Write":
            Path(given["file_path"]).write_text(given["content"])
        text = {"Write": "File created"}.get(name, json.dumps(said.get("updatedInput", {}).get("answers")))
        failed = said["behavior"] == "deny"
        result = [{"type": "tool_result", "tool_use_id": call, "is_error": failed,
                   "content": said.get("message", text)}]  # fmt: skip
        self.write(type="user", message={"role": "user", "content": result})
        put({"type": "user", "message": {"role": "user", "content": result}, "session_id": self.session})
        return json.dumps(said)

    def helper(self) -> None:
        """A subagent: its call in the main file, its own file beside it."""
        call, agent = f"toolu_{uuid.uuid4().hex[:12]}", f"a{uuid.uuid4().hex[:12]}"
        content = [{"type": "tool_use", "id": call, "name": "Agent", "input": {"prompt": "survey"}}]
        self.write(type="assistant", message={"id": f"msg_{call}", "role": "assistant", "model": MODEL,
                   "content": content, "stop_reason": "tool_use"})  # fmt: skip
        own = self.file.with_suffix("") / "subagents" / f"agent-{agent}.jsonl"
        own.parent.mkdir(parents=True, exist_ok=True)
        told = {"type": "assistant", "isSidechain": True, "agentId": agent, "sessionId": self.session,
                "uuid": str(uuid.uuid4()), "timestamp": now(),
                "message": {"id": f"msg_{agent}", "role": "assistant", "model": MODEL,
                            "content": [{"type": "text", "text": "surveyed"}]}}  # fmt: skip
        own.write_text(json.dumps(told) + "\n", "utf-8")
        own.with_suffix(".meta.json").write_text(json.dumps({"toolUseId": call, "agentType": "Explore"}), "utf-8")
        result = [{"type": "tool_result", "tool_use_id": call, "content": "surveyed"}]
        self.write(type="user", message={"role": "user", "content": result})

    def event(self, event: dict[str, object]) -> None:
        put({"type": "stream_event", "event": event, "session_id": self.session, "parent_tool_use_id": None,
             "uuid": str(uuid.uuid4())})  # fmt: skip

    def result(self, text: str, *, turns: int, tokens: int, cost: float = 0.0) -> int:
        self.cost = round(self.cost + cost, 6)
        self.append({"type": "cost-state", "sessionId": self.session, "totalCostUSD": self.cost})
        put({"type": "result", "subtype": "success", "is_error": False, "num_turns": turns, "result": text,
             "session_id": self.session, "total_cost_usd": self.cost, "terminal_reason": "completed",
             "stop_reason": "end_turn", "duration_ms": 12,
             "usage": {"input_tokens": 1200 if turns else 0, "output_tokens": tokens, "cache_read_input_tokens": 0,
                       "cache_creation_input_tokens": 0}})  # fmt: skip
        return 0


# ---- Codex


def codex(argv: list[str], prompt: str) -> int:
    root = Path(os.environ.get("CODEX_HOME") or Path("~/.codex").expanduser()) / "sessions" / "2026" / "01" / "01"
    words = [word for word in argv[1:] if not word.startswith("-") and word not in ("read-only", "workspace-write")]
    asked = words[1] if words[:1] in (["resume"], ["fork"]) else ""
    sys.stderr.write("Reading additional input from stdin...\n")
    if asked and not any(root.glob(f"rollout-*-{asked}.jsonl")):
        sys.stderr.write(
            f"Error: thread/resume: thread/resume failed: no rollout found for thread id {asked} (code -32600)\n"
        )
        return 1
    thread = asked if words[:1] == ["resume"] else str(uuid.uuid4())
    put({"type": "thread.started", "thread_id": thread})
    root.mkdir(parents=True, exist_ok=True)
    file = next(root.glob(f"rollout-*-{thread}.jsonl"), root / f"rollout-2026-01-01T00-00-00-{thread}.jsonl")
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps({"timestamp": now(), "type": "session_meta", "payload": {"id": thread}}) + "\n")
    put({"type": "turn.started"})
    misbehave(prompt)
    if prompt.startswith("refuse"):
        put({"type": "error", "message": "Reconnecting... 1/2 (session)"})
        put({"type": "turn.failed", "error": {"message": "unexpected status 401 Unauthorized"}})
        return 1
    put({"type": "item.completed", "item": {"id": "item_0", "type": "agent_message", "text": answer_to(prompt, 0)}})
    put({"type": "turn.completed", "usage": {"input_tokens": 1200, "cached_input_tokens": 200, "output_tokens": 17}})
    return 0


# ---- Gemini


def gemini(argv: list[str], prompt: str) -> int:
    asked = option(argv, "--resume")
    chats = Path("~/.gemini/tmp/demo/chats").expanduser()
    if asked and not any(chats.glob(f"session-*-{asked[:8]}.jsonl")):
        sys.stderr.write(f'Error resuming session: Invalid session identifier "{asked}".\n  Use --list-sessions\n')
        return 42
    session = asked or str(uuid.uuid4())
    chats.mkdir(parents=True, exist_ok=True)
    with (chats / f"session-2026-01-01T00-00-{session[:8]}.jsonl").open("a", encoding="utf-8") as out:
        out.write(json.dumps({"sessionId": session, "kind": "main"}) + "\n")
    put({"type": "init", "session_id": session, "model": "gemini-2.5-pro"})
    misbehave(prompt)
    if prompt.startswith("refuse"):
        put({"type": "result", "status": "error", "error": {"type": "unknown", "message": "[API Error: 401]"}})
        return 145
    put({"type": "message", "role": "assistant", "content": answer_to(prompt, 0), "delta": True})
    put({"type": "result", "status": "success", "stats": {"input": 1000, "cached": 200, "output_tokens": 17}})
    return 0


def main() -> int:
    name, argv = sys.argv[1], sys.argv[2:]
    prompt = told()["message"]["content"] if "stdio" in argv else sys.stdin.buffer.read().decode()
    if isinstance(prompt, list):  # with images
        blocks.extend(prompt)
        prompt = "".join(block.get("text", "") for block in prompt)
    noted([name, *argv], prompt)
    if "--no-such-flag" in argv:
        sys.stderr.write("error: unknown option '--no-such-flag'\n")
        return 1
    if prompt.startswith("silent"):
        return 0
    if prompt.startswith("fail"):
        sys.stderr.write("the session went wrong\n")
        return 3
    match name:
        case "codex":
            return codex(argv, prompt)
        case "gemini":
            return gemini(argv, prompt)
    return Claude(argv).main(prompt)


if __name__ == "__main__":
    sys.exit(main())
