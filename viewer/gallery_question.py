"""An agent of the pictures that asks for permission and waits: a small program that talks ACP. For the gallery."""

from __future__ import annotations

import sys
from typing import Final

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
            told = {"protocolVersion": 1, "agentCapabilities": {}, "authMethods": []}
            send(id=asked["id"], result=told | {"agentInfo": {"name": "atlas-agent", "version": "1.4"}})
        case "session/new":
            send(id=asked["id"], result={"sessionId": "s"})
        case "session/prompt":
            update("agent_message_chunk", content=text("The half build is in `build/`. I remove it, then import."))
            call = {"toolCallId": "c1", "title": "rm -rf build", "kind": "execute"}
            call["rawInput"] = {"command": call["title"]}
            update("tool_call", status="pending", **call)
            asks = {"sessionId": "s", "toolCall": call, "options": OPTIONS}
            send(id=1, method="session/request_permission", params=asks)
"""
COMMAND: Final = (sys.executable, "-c", _AGENT)
