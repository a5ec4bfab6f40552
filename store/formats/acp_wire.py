"""One line of an ACP wire log, unwrapped: which way it went, when, and what else was noted with it. For acp*.py only.

Understood are bare JSON-RPC lines, lines with a direction ({"t" or "ts", "dir", "msg"}: recorders, and our own
journals), and the lines that PostHog keeps ({"type", "ts" or "timestamp", "message" or "notification"}). A bare line
says nothing about its direction: requests are told by their method, answers by what they answer.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from store.formats.values import count, moment, string

SECONDS_FROM: Final = 10**8  # a smaller "t" counts from the start of a recording, and is no time of day

# What the client asks of the agent; everything else that is asked comes from the agent.
CLIENT: Final = frozenset(
    {
        "initialize", "authenticate", "logout", "auth/login", "auth/logout", "session/new", "session/load",
        "session/resume", "session/list", "session/delete", "session/close", "session/fork", "session/set_mode",
        "session/set_model", "session/set_config_option", "session/prompt", "session/cancel", "providers/list",
        "providers/set", "providers/disable",
    }
)  # fmt: skip
EDITOR: Final = ("document/", "nes/")  # what an editor tells: its open files, and which edits it wants suggested
AGENT: Final = frozenset(
    {
        "session/update", "session/request_permission", "fs/read_text_file", "fs/write_text_file", "terminal/create",
        "terminal/output", "terminal/release", "terminal/wait_for_exit", "terminal/kill", "elicitation/create",
        "elicitation/complete",
    }
)  # fmt: skip


class Frame(NamedTuple):
    """`way`: 'in' from the agent, 'out' to it, 'note' of ours, '' not said."""

    way: str
    ts: int | None
    body: Any  # the message, or the note
    wrapped: dict[str, Any]  # what was noted with it; empty for a bare line


def unwrap(data: dict[str, Any]) -> Frame | None:
    """The frame of a record; None for what is none."""
    way = data.get("dir")
    if type(way) is str and ("msg" in data or "note" in data or "text" in data):
        ts = data.get("ts")
        if type(ts) is not int:
            at = data.get("t")
            ts = moment(at) if isinstance(at, (int, float)) and at > SECONDS_FROM else moment(ts)
        body = data.get("msg") if "msg" in data else data.get("note")
        return Frame(way, ts, body, data)
    if "jsonrpc" in data:
        return Frame("", None, data, {})
    kind = data.get("type")
    if kind == "acp_message" or "notification" in data:
        body = data.get("message") if "message" in data else data.get("notification")
        if type(body) is dict:
            return Frame("", moment(data.get("ts") or data.get("timestamp")), body, {})
    if type(data.get("sessionUpdate")) is str:  # an update by itself, as documentation shows it
        return Frame("in", None, {"method": "session/update", "params": {"update": data}}, {})
    return None


def way_of(frame: Frame, method: str) -> str:
    """The direction of a request or notification."""
    if frame.way in ("in", "out"):
        return frame.way
    return "out" if method in CLIENT or method.startswith(EDITOR) else "in"


def name_of(rpc: Any) -> str:
    """An id as a key: 1 and "1" are two."""
    return f'"{rpc}"' if type(rpc) is str else str(rpc)


def own(data: dict[str, Any]) -> int:
    """How sure a record is of this format: 1 for sure, 0 perhaps, -1 no."""
    frame = unwrap(data)
    if frame is None:
        return -1
    if frame.way == "note":
        return 1 if type(frame.body) is dict and "is" in frame.body else -1
    body = frame.body
    if type(body) is not dict:
        return 0 if frame.way else -1
    method = string(body, "method")
    params = body.get("params")
    given = params if type(params) is dict else {}
    if method == "initialize":  # MCP and the language server protocol begin with a method of that name, too
        return 1 if count(given.get("protocolVersion")) is not None else -1
    if method.startswith("session/") and (method in CLIENT or method in AGENT):
        return 1
    if not method and "sessionUpdate" in data:
        return 1
    result = body.get("result")
    if type(result) is dict and "agentCapabilities" in result:
        return 1
    return 0
