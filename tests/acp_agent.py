"""An agent that talks ACP, good or bad as a test wants it: `python acp_agent.py SCRIPT`, SCRIPT being Python's text.

The script is run with the functions below. What it does not handle is answered as a small good agent would. It knows
nothing of Playhead's code.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

Message = dict[str, Any]
_lock = threading.Lock()
_answers: dict[Any, tuple[threading.Event, list[Message]]] = {}
_ids = iter(range(1_000_000))
SESSION = "sess-1"
CAPS: Message = {"loadSession": True, "sessionCapabilities": {"resume": {}}}
prompts: list[str] = []
on_prompt: Callable[[Message], None] | None = None
on_cancel: Callable[[], None] | None = None
on_end: Callable[[], None] | None = None
handlers: dict[str, Callable[[Message], Any]] = {}


def raw(data: bytes) -> None:
    """Write these bytes."""
    with _lock:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def send(message: Message) -> None:
    raw(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")


def update(name: str, /, **more: Any) -> None:
    send({"method": "session/update", "params": {"sessionId": SESSION, "update": {"sessionUpdate": name, **more}}})


def say(text: str) -> None:
    update("agent_message_chunk", content={"type": "text", "text": text})


def begin(method: str, id: Any = None, **params: Any) -> Callable[[], Message]:
    """Ask the client. What is returned waits for its answer."""
    key = next(_ids) if id is None else id
    waits = _answers[key] = (threading.Event(), [])
    send({"id": key, "method": method, "params": {"sessionId": SESSION, **params}})

    def answer() -> Message:
        waits[0].wait()
        return waits[1][0]

    return answer


def ask(method: str, id: Any = None, **params: Any) -> Message:
    """Ask the client and wait for its answer."""
    return begin(method, id, **params)()


def begin_permit(call: str, title: str, kind: str = "execute") -> Callable[[], Message]:
    """Ask for permission. What is returned waits for the answer."""
    options = [
        {"optionId": "yes", "name": "Allow once", "kind": "allow_once"},
        {"optionId": "ever", "name": "Always allow", "kind": "allow_always"},
        {"optionId": "no", "name": "Reject", "kind": "reject_once"},
    ]
    tool = {"toolCallId": call, "title": title, "kind": kind}
    return begin("session/request_permission", toolCall=tool, options=options)


def permit(call: str, title: str, kind: str = "execute") -> str:
    """Ask for permission: the id of the option that was chosen, or 'cancelled'."""
    outcome = begin_permit(call, title, kind)()["result"]["outcome"]
    return str(outcome.get("optionId", outcome["outcome"]))


def done(message: Message, reason: str = "end_turn", **more: Any) -> None:
    send({"id": message["id"], "result": {"stopReason": reason, **more}})


def leave(code: int) -> None:
    os._exit(code)


def _prompt(message: Message) -> None:
    text = "".join(block.get("text", "") for block in message["params"]["prompt"])
    prompts.append(text)
    if on_prompt is not None:
        on_prompt(message)
    else:
        say(f"You said: {text}")
        done(message)


def _answer(message: Message) -> Any:
    method = message["method"]
    if method in handlers:
        return handlers[method](message)
    if method == "initialize":
        info = {"name": "scripted", "version": "1.0"}
        return {"protocolVersion": 1, "agentCapabilities": CAPS, "agentInfo": info, "authMethods": []}
    if method == "session/new":
        return {"sessionId": SESSION, "modes": {"currentModeId": "ask", "availableModes": [
            {"id": "ask", "name": "Ask"}, {"id": "code", "name": "Code"}]}}  # fmt: skip
    return {}


def _take(message: Message) -> None:
    method = message.get("method")
    if method is None:
        waits = _answers.get(message.get("id"))
        if waits is not None:
            waits[1].append(message)
            waits[0].set()
    elif method == "session/prompt":
        threading.Thread(target=_prompt, args=(message,), daemon=True).start()
    elif method == "session/cancel":
        if on_cancel is not None:
            on_cancel()
    elif "id" in message:
        result = _answer(message)
        if result is not None:
            send({"id": message["id"], "result": result})


def main(script: str) -> None:
    exec(script, globals())  # noqa: S102 - the test's own text
    for line in sys.stdin.buffer:
        _take(json.loads(line))
    if on_end is not None:
        on_end()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
