"""Agents of the pictures that ask and wait: a small program that talks ACP, and Claude's question. For the gallery."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from store.attach import IMAGE, Attached, look
from store.events import Asked, At, Event, Option, ToolStarted
from store.preflight import Again, Check, Preflight

PROMPT: Final = "The nightly import leaves half a build behind. Clean up and run it again."
_AGENT: Final = """
import json, sys
def send(**said):
    print(json.dumps({"jsonrpc": "2.0", **said}), flush=True)
def update(name, **more):
    send(method="session/update", params={"sessionId": "s", "update": {"sessionUpdate": name, **more}})
def text(said):
    return {"type": "text", "text": said}
KINDS = (("Allow once", "allow_once"), ("Allow always in atlas-api", "allow_always"), ("Reject", "reject_once"))
OPTIONS = [{"optionId": kind, "name": name, "kind": kind} for name, kind in KINDS]
for line in sys.stdin:
    asked = json.loads(line)
    match asked.get("method"):
        case "initialize":
            told = {"protocolVersion": 1, "authMethods": []}
            told["agentCapabilities"] = {"promptCapabilities": {"image": True}}
            send(id=asked["id"], result=told | {"agentInfo": {"name": "atlas-agent", "version": "1.4"}})
        case "session/new":
            modes = [{"id": "ask", "name": "Ask first"}, {"id": "code", "name": "Change files"}]
            told = {"modes": {"currentModeId": "ask", "availableModes": modes}}
            send(id=asked["id"], result={"sessionId": "s"} | told)
        case "session/prompt":
            update("agent_message_chunk", content=text("The half build is in `build/`. I remove it, then import."))
            call = {"toolCallId": "c1", "title": "rm -rf build", "kind": "execute"}
            call["rawInput"] = {"command": call["title"]}
            update("tool_call", status="pending", **call)
            asks = {"sessionId": "s", "toolCall": call, "options": OPTIONS}
            send(id=1, method="session/request_permission", params=asks)
"""
COMMAND: Final = (sys.executable, "-c", _AGENT)


def asks() -> list[Event]:
    """What a run of Claude's says that has a question, as it is told ahead of the session's file."""
    question = "How long may a preview server stay up without a request?"
    names = ("15 minutes", "1 hour (as now)", "Until the branch is merged")
    answers = [Option(f"0:{at}", name) for at, name in enumerate(names)]
    options = (*answers, Option("deny", "Do not answer", "reject_once"))
    call = ToolStarted(At(), "toolu_asks", "AskUserQuestion", "tool", question, status="waiting")
    return [call, Asked(At(), "asks-1", "toolu_asks", f"{question} (1 of 2)", options)]


def loads(session: str) -> Preflight:
    """One look at a session of an ACP agent that is over."""
    again = Again("acp", ("opencode", "acp"), "/home/dev/atlas-api", session)
    checks = (
        Check("folder", "ok", "atlas-api"),
        Check("size", "ok", "212 kB transcript"),
        Check("age", "ok", "Last used 3 d ago"),
        Check("changes", "ok", "No uncommitted changes"),
    )
    why = "An ACP agent cannot be told to copy a session: load it into a new one."
    return Preflight(
        session, "acp", "opencode", checks=checks, fork_why=why, command=again.command, cwd=again.cwd, again=again
    )


def files(where: Path) -> tuple[Attached, ...]:
    """Files of a prompt: an image, a text, something else, and an image that is too large."""
    (where / "half-build.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(83_000))
    (where / "import.log").write_text("stopped at 41 %\n" * 2_600)
    (where / "build.tar").write_bytes(bytes(4_194_304))
    found = [look(str(where / name)) for name in ("half-build.png", "import.log", "build.tar")]
    large = Attached("/x/large.png", "Pasted image.png", IMAGE + 2_100_000, "image/png", pasted=True)
    return (*found, large)
