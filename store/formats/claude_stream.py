"""What `claude -p` prints: stream-json with or without partial messages, one json object, or an array of all messages.

The rows have the same ids as those of the same session's file. Found by folder; nothing imports it by name. Rests on
recordings of 2.1.329, published streams of 2.0.14 to 2.1.29, and the types of the agent SDK (0.3.329).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from typing_extensions import override

from store.decode import clean, type_of, unreadable
from store.events import (
    Answered,
    Asked,
    At,
    Called,
    Compacted,
    Event,
    MessageDone,
    NoticeAdded,
    PromptText,
    Rewound,
    TextDelta,
    ThoughtDelta,
    ThoughtDone,
    ToolInput,
    ToolStarted,
    ToolUpdated,
    TurnEnded,
    Unreadable,
)
from store.formats.base import Format, Record
from store.formats.claude_asks import step
from store.formats.claude_hidden import HIDDEN, is_hidden
from store.formats.claude_notes import item_of, rate_limit, system
from store.formats.claude_sniff import stream
from store.formats.claude_talk import Talk
from store.formats.claude_tools import KINDS, denials, kind_of, questions_of, result
from store.formats.claude_usage import Totals
from store.formats.values import (
    micros,
    moment,
    number,
    one_line,
    plural,
    string,
    table,
)

_CALLS: Final = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
_ROWS: Final = (TextDelta, ThoughtDelta, MessageDone, ThoughtDone, PromptText, NoticeAdded, ToolStarted, Unreadable)


class Live:
    """A message that is being streamed."""

    __slots__ = ("blocks", "delta", "id", "index", "told")

    def __init__(self, id_: str) -> None:
        self.id = id_
        self.blocks: dict[int, tuple[str, str]] = {}  # index → kind, item
        self.index = 0  # of the block that is open
        self.told: set[int] = set()  # blocks whose complete record came
        self.delta = False  # a message_delta came: it ended as it should


class Reader(Talk):
    """One per stream."""

    def __init__(self) -> None:
        super().__init__()
        self._live: dict[str, Live] = {}  # by the call that the subagent runs for; '' is the main chain
        self._row: str = ""  # item of the newest row
        self._texts: deque[str] = deque(maxlen=16)  # the last whole answers of the main chain
        self._agents: deque[str] = deque(maxlen=64)  # calls that started a subagent
        self._totals = Totals()
        self._call: dict[str | int, str] = {}  # open question → its tool call

    def events(self, record: Record) -> Sequence[Event]:
        self.record = record
        data = record.data
        base = record.at
        if type(data) is not dict:
            return (unreadable(record, type(data).__name__, "not an object"),)
        kind = data.get("type")
        caller = data.get("parent_tool_use_id")
        agent, parent = (caller, caller) if type(caller) is str and caller else (base.agent, base.parent)
        stamp = data.get("timestamp")
        if stamp is None and agent is base.agent:
            at = base  # every piece of a message
        else:
            at = At(None if stamp is None else moment(stamp), base.file, base.offset, base.length, agent, parent)
        out: list[Event] = []
        if kind == "stream_event":
            if not self._streamed(data, at, out):
                label = type_of(data)
                if not is_hidden(label):
                    out.append(unreadable(record, label, "unknown type", at))
        elif kind == "assistant":
            self._assistant(data, at, out)
        elif kind == "user":
            details = data.get("tool_use_result")
            self.user(data, at, out, details if details is not None else data.get("toolUseResult"))
        elif not self._other(data, kind, at, out):
            label = "recording" if kind is None and "_recording" in data else type_of(data)
            if not is_hidden(label):
                out.append(unreadable(record, label, "unknown type", at))
        for event in reversed(out):
            if isinstance(event, _ROWS):
                self._row = event.item
                break
        return out

    # ---- messages in pieces

    def _streamed(self, data: dict[str, Any], at: At, out: list[Event]) -> bool:
        event = table(data, "event")
        kind = event.get("type")
        live = self._live.get(at.agent)
        if kind == "content_block_delta":
            index = event.get("index")
            place = index if type(index) is int else live.index if live is not None else 0
            if live is None:  # the beginning was not seen
                live = self._live[at.agent] = Live(string(data, "api_message_id") or f"@{at.file}:{at.offset}")
            return self._piece(table(event, "delta"), live, place, at, out)
        if kind == "message_start":
            self._broken(live, at, out)
            message = table(event, "message")
            live = self._live[at.agent] = Live(string(message, "id") or item_of(data, at))
            if not at.agent:
                self.config_is(at, out, llm=string(message, "model"))
                self.used_is(at, out, table(message, "usage"))
            return True
        if kind == "content_block_start":
            if live is None:
                live = self._live[at.agent] = Live(string(data, "api_message_id") or f"@{at.file}:{at.offset}")
            index = event.get("index")
            live.index = index if type(index) is int else 0
            return self._begun(table(event, "content_block"), live, at, out)
        if kind == "message_delta":
            if live is not None:
                live.delta = True
            if not at.agent:
                self.used_is(at, out, table(event, "usage"))
            if live is not None:
                self.spends(at, out, live.id, table(event, "usage"), "" if at.agent else self.llm)
            return True
        if kind == "message_stop":
            if live is not None and not live.delta:
                self._broken(live, at, out)
            self._live.pop(at.agent, None)
            return True
        if kind == "error":
            text = string(table(event, "error"), "message") or "The stream broke"
            out.append(NoticeAdded(at, item_of(data, at), "api_error", f"API error: {text}", "warning"))
            return True
        return False

    def _begun(self, block: dict[str, Any], live: Live, at: At, out: list[Event]) -> bool:
        kind = string(block, "type")
        item = f"{live.id}:{live.index}"
        if kind in _CALLS:
            item = string(block, "id") or item
            name = string(block, "name")
            out.append(ToolStarted(at, item, name, kind_of(name), status="pending"))
        elif kind == "text" and block.get("text"):
            out.append(TextDelta(at, item, string(block, "text")))
        elif kind == "thinking" and block.get("thinking"):
            out.append(ThoughtDelta(at, item, string(block, "thinking")))
        elif kind.endswith("tool_result"):
            out.append(result(block, block.get("content"), {}, at))
        live.blocks[live.index] = (kind, item)
        return True

    def _piece(self, delta: dict[str, Any], live: Live, index: int, at: At, out: list[Event]) -> bool:
        kind = delta.get("type")
        if kind == "text_delta":
            text = delta.get("text")
            if type(text) is str and text:
                out.append(TextDelta(at, self._item(live, index, "text"), clean(text)))
            return True
        if kind == "thinking_delta":
            text = delta.get("thinking")
            if type(text) is str and text:
                out.append(ThoughtDelta(at, self._item(live, index, "thinking"), clean(text)))
            return True
        if kind == "input_json_delta":
            text = delta.get("partial_json")
            if type(text) is str and text and index in live.blocks:
                out.append(ToolInput(at, live.blocks[index][1], clean(text)))
            return True
        return kind in ("signature_delta", "citations_delta")

    @staticmethod
    def _item(live: Live, index: int, kind: str) -> str:
        """The row of a piece. One string for all of them: whoever compares two of them is done at once."""
        block = live.blocks.get(index)
        if block is not None and block[0] == kind:
            return block[1]
        item = f"{live.id}:{index}"
        if block is None:
            live.blocks[index] = (kind, item)
        return item

    @override
    def spends(self, at: At, out: list[Event], key: str, usage: dict[str, Any], llm: str) -> None:
        # A result tells the sum of everything, so what a helper takes is counted where that sum will take its place.
        super().spends(At(at.ts, at.file, at.offset, at.length) if at.agent else at, out, key, usage, llm)

    def _broken(self, live: Live | None, at: At, out: list[Event]) -> None:
        """A message that broke off is said again under another id: what no complete record confirmed leaves the path.
        Only when nothing else came after it, because everything behind a cut would go as well."""
        if live is None:
            return
        items = [item for index, (_, item) in sorted(live.blocks.items()) if index not in live.told]
        if items and self._row in items:
            out.append(Rewound(at, items[0]))
        live.blocks.clear()

    def _assistant(self, data: dict[str, Any], at: At, out: list[Event]) -> None:
        message = table(data, "message")
        live = self._live.get(at.agent)
        index: int | None = None
        if live is not None and message.get("id") == live.id:
            waiting = [place for place in live.blocks if place not in live.told]
            content = message.get("content")
            blocks = len(content) if type(content) is list else 1
            if blocks == 1 and waiting:
                index = live.index if live.index in waiting else waiting[0]
                live.told.add(index)
            elif blocks > 1:
                index = 0
                live.told.update(range(blocks))
        elif live is not None and live.blocks and not live.told:
            # The same answer, now without a stream and under another id.
            self._broken(live, at, out)
        self.assistant(data, at, out, index)
        if not at.agent:
            for event in out:
                if type(event) is MessageDone:
                    self._texts.append(event.text.strip())

    # ---- the rest

    def _other(self, data: dict[str, Any], kind: Any, at: At, out: list[Event]) -> bool:
        """Everything besides messages. False when it is not understood here."""
        match kind:
            case "system":
                subtype = data.get("subtype")
                if subtype == "init":
                    self._init(data, at, out)
                    return True
                if subtype == "task_started":
                    call = string(data, "tool_use_id")
                    if call and data.get("task_type") not in ("local_bash", "bash"):
                        self._agents.append(call)
                        out.append(ToolUpdated(at, call, "running", child_agent=call))
                    return True
                known = system(data, at, out)
                if subtype == "task_notification" and string(data, "tool_use_id") in self._agents and len(out) == 2:
                    out.pop()  # the subagent's own rows say it
                if out and type(out[-1]) is Compacted:
                    self.boundary = out[-1]
                return known
            case "result":
                self._result(data, at, out)
                return True
            case "rate_limit_event":
                return rate_limit(data, at, out)
            case "control_request":
                return self._asks(data, at, out)
            case "control_response":
                response = table(data, "response")
                rpc = _rpc(response.get("request_id"))
                if rpc is None:
                    return False
                self._call.pop(rpc, None)
                out.append(Answered(at, rpc, error=string(response, "error")))
                return True
            case "control_cancel_request":
                rpc = _rpc(data.get("request_id"))
                if rpc is not None:
                    out.append(Called(at, rpc, "control_cancel_request"))
                    asked = self._call.pop(rpc, None)
                    if asked is not None:
                        out.append(ToolUpdated(at, asked, "running"))
                return rpc is not None
            case "conversation_reset":
                self.place_is(at, out, string(data, "new_conversation_id"))
                out.append(NoticeAdded(at, item_of(data, at), "info", "Conversation cleared"))
                return True
            case "error":
                text = string(data, "error") or string(table(data, "error"), "message") or string(data, "message")
                code = string(data, "code")
                out.append(NoticeAdded(at, item_of(data, at), "api_error", text or "Error", "error", code))
                return True
            case _:
                return False

    def _init(self, data: dict[str, Any], at: At, out: list[Event]) -> None:
        if at.agent:
            return
        self.version_is(at, out, string(data, "claude_code_version"))
        self.place_is(at, out, string(data, "session_id"), string(data, "cwd"))
        self.config_is(at, out, string(data, "permissionMode"), string(data, "model"))

    def _result(self, data: dict[str, Any], at: At, out: list[Event]) -> None:
        """The end of a turn. Its text is a row only where no message said it: with `--output-format json` none did."""
        item = item_of(data, at)
        self.place_is(at, out, string(data, "session_id"))
        errors = data.get("errors")
        said = "\n".join(error for error in errors if type(error) is str) if type(errors) is list else ""
        text = string(data, "result")
        subtype = string(data, "subtype")
        failed = data.get("is_error") is True or subtype.startswith("error")
        if text and not failed and text.strip() not in self._texts:
            out.append(MessageDone(at, f"{item}:text", text))
        cost = number(data.get("total_cost_usd"))
        duration = micros(data.get("duration_ms"))
        own, used = self._totals.turn(data)
        aborted = data.get("terminal_reason") in ("aborted_streaming", "aborted_tools")
        if aborted:
            out.append(NoticeAdded(at, item, "result", _ending("Stopped", data, duration, cost)))
        elif failed:
            what = clean(said) or text or subtype.replace("_", " ") or "error"
            why = "" if what == self.trouble else f": {one_line(what)}"  # that has a row already
            out.append(NoticeAdded(at, item, "result", f"Ended with an error{why}", "error", what))
        else:
            detail = denials(data.get("permission_denials"))
            out.append(NoticeAdded(at, item, "result", _ending("Finished", data, duration, cost), "info", detail))
        status = "cancelled" if aborted else "success" if not failed else subtype if subtype != "success" else "error"
        out.append(TurnEnded(at, status or "success", duration, own, used, string(data, "stop_reason"), True))

    def _asks(self, data: dict[str, Any], at: At, out: list[Event]) -> bool:
        request = table(data, "request")
        rpc = _rpc(data.get("request_id"))
        if rpc is None:
            return False
        method = string(request, "subtype")
        call = string(request, "tool_use_id")
        if method == "can_use_tool":
            call = call or f"@{at.file}:{at.offset}"
            self._call[rpc] = call
            if len(self._call) > 64:
                del self._call[next(iter(self._call))]
            title, options = step(request) or (questions_of(request), ())
            out.append(Asked(at, rpc, call, title, options))
        else:
            out.append(Called(at, rpc, method))
        return True


def _rpc(value: Any) -> str | int | None:
    return value if type(value) in (str, int) else None


def _ending(how: str, data: dict[str, Any], duration: int | None, cost: float | None) -> str:
    parts = []
    turns = data.get("num_turns")
    if type(turns) is int:
        parts.append(plural(turns, "turn"))
    if duration is not None:
        parts.append(f"{duration / 1_000_000:.1f} s")
    if cost is not None:
        parts.append(f"${cost:.2f}")
    return how + (f": {', '.join(parts)}" if parts else "")


FORMAT = Format(
    agent="claude-stream",
    title="Claude Code stream",
    reader=Reader,
    claims=stream,
    kinds=KINDS,
    hidden=HIDDEN,
)
