"""Tool calls of an ACP session: made by whatever tells of them first, asked about, updated, ended. For acp.py only."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from store.decode import clean, dump
from store.events import TERMINAL, Asked, At, Event, Option, Status, ToolStarted, ToolUpdated
from store.formats import acp_content as content
from store.formats.calls import proposed, title_of
from store.formats.values import micros, one_line, string, table

MOST: Final = 2_048  # calls that are remembered; the fold remembers more
STATUS: Final[dict[str, Status]] = {
    "pending": "pending", "in_progress": "running", "completed": "ok", "failed": "failed", "cancelled": "cancelled",
}  # fmt: skip
WENT_ON = "The agent went on without an answer"


class Call:
    """What is known of one call, as far as its next update needs it."""

    __slots__ = ("asked", "hunks", "item", "kind", "name", "output", "status", "title", "turn")

    def __init__(self, item: str, turn: int) -> None:
        self.item = item
        self.turn = turn
        self.name = self.title = ""
        self.kind = "tool"
        self.status: Status = "pending"
        self.asked: set[str] = set()  # open questions about it
        self.output = False  # there is some
        self.hunks = False


class Calls:
    """The calls of one session. `prefix` keeps the ids of several sessions apart."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.turn = 0
        self.joined: list[tuple[str, str]] = []  # terminals that a call shows from now on, and its row
        self._calls: OrderedDict[str, Call] = OrderedDict()
        self._terminals: OrderedDict[str, str] = OrderedDict()  # id of a terminal → row that shows it

    def knows(self, id: str) -> bool:
        return id in self._calls

    def get(self, id: str) -> Call | None:
        return self._calls.get(id)

    def shown_in(self, terminal: str) -> str:
        """The row of the call that shows a terminal; '' for none."""
        return self._terminals.get(terminal, "")

    def _new(self, id: str, at: At, again: bool) -> Call:
        item = f"{self.prefix}{id}"
        call = self._calls[id] = Call(f"{item}@{at.offset}" if again else item, self.turn)
        if len(self._calls) > MOST:
            self._calls.popitem(last=False)
        return call

    def take(self, update: dict[str, Any], at: At, out: list[Event], *, creates: bool = False) -> Call | None:
        """A `tool_call` (creates), a `tool_call_update`, or the call in a permission request. None: it has no id."""
        id = string(update, "toolCallId")
        if not id:
            return None
        meta = table(update, "_meta")
        call = self._calls.get(id)
        fresh = call is None or (creates and call.status in TERMINAL and call.turn != self.turn)  # an id used anew
        if call is None or fresh:
            call = self._new(id, at, call is not None)
        self._describe(call, update, meta, at, out, fresh)
        self._go_on(call, update, meta, at, out)
        return call

    def _describe(
        self, call: Call, update: dict[str, Any], meta: dict[str, Any], at: At, out: list[Event], fresh: bool
    ) -> None:
        """Name, kind, title and input, where they are new."""
        name = string(update, "name") or string(table(meta, "claudeCode"), "toolName") or call.name
        said = string(update, "kind")
        title = one_line(string(update, "title")) or call.title
        raw = update.get("rawInput")
        if title in content.NAMES:  # some say what a tool is called instead of what it does
            name, title = name or title, title_of(raw) or title
        kind = content.kind_of(said, name) if said or name != call.name else call.kind
        kind = call.kind if kind == "tool" else kind
        given = "" if raw is None or raw in ({}, "", []) else clean(raw if type(raw) is str else dump(raw))
        status = STATUS.get(string(update, "status"))
        if fresh:
            if status in TERMINAL:  # told whole: its end follows
                status = "running"
            call.status = status or ("running" if "sessionUpdate" not in update else "pending")
            out.append(ToolStarted(at, call.item, name or said, kind, title, given, call.status))
        elif given or (name, kind, title) != (call.name, call.kind, call.title):
            first: Status = call.status if call.status not in TERMINAL else "running"
            out.append(ToolStarted(at, call.item, name, kind, title, given, first))
        call.name, call.kind, call.title = name, kind, title
        if given and kind == "tool.edit" and not call.hunks and "content" not in update:
            hunks = proposed(raw)  # what is asked for, where no diff is told
            if hunks:
                out.append(ToolUpdated(at, call.item, hunks=hunks))

    def _go_on(self, call: Call, update: dict[str, Any], meta: dict[str, Any], at: At, out: list[Event]) -> None:
        """Status, output, diffs."""
        raw = update.get("rawOutput")
        shown = content.Shown(update.get("content"))
        for terminal in shown.terminals:
            if self._terminals.get(terminal) != call.item:
                self.joined.append((terminal, call.item))
            self._terminals[terminal] = call.item
            if len(self._terminals) > MOST:
                self._terminals.popitem(last=False)
        delta = string(table(meta, "terminal_output_delta"), "data")
        text: str | None = content.result_text(raw) or None
        if text is None and shown.text is not None and not shown.terminals and (shown.text or call.output):
            text = content.unfenced(shown.text)
        if delta:
            out.append(ToolUpdated(at, call.item, output=clean(delta), append=True))
            call.output, text = True, None if text is None else text
        status = STATUS.get(string(update, "status"))
        if call.asked and status not in TERMINAL:
            status = None  # it waits for the answer, whatever it is called meanwhile
        code = content.exit_of(raw, meta, text or "")
        took = table(raw, "duration") if type(raw) is dict else {}
        duration = micros(took.get("secs"), 1_000_000)
        if duration is not None:
            duration += (micros(took.get("nanos"), 1) or 0) // 1000
        if status is None and code is not None and call.status not in TERMINAL and not call.asked:
            status = "failed" if code else "ok"  # of a past that is told again, nothing else says that it is over
        answer = None
        if call.asked and status in TERMINAL:
            call.asked.clear()
            answer = WENT_ON
        hunks = tuple(shown.hunks) or None
        call.hunks = call.hunks or hunks is not None
        if status == "ok" and code and call.kind == "tool.shell":
            status = "failed"  # some call every command that ended completed
        news = status is not None and status != call.status
        if news or answer or text is not None or hunks or code is not None or duration is not None or shown.images:
            out.append(
                ToolUpdated(
                    at, call.item, status if news else None, text, exit_code=code, hunks=hunks, duration_us=duration,
                    images=shown.images, answer=answer,
                )
            )  # fmt: skip
        if status is not None:
            call.status = status
        call.output = call.output or bool(text)

    # ---- questions

    def ask(self, call: Call, rpc: str, title: str, options: tuple[Option, ...], at: At, out: list[Event]) -> None:
        """The call waits for an answer."""
        call.asked.add(rpc)
        out.append(Asked(at, rpc, call.item, title or call.title or call.name or "The agent asks", options))

    def settle(self, call: Call, rpc: str, answer: str, status: Status, at: At, out: list[Event]) -> None:
        """The question is answered or taken back."""
        if rpc in call.asked:
            call.asked.discard(rpc)
            if call.status not in TERMINAL:
                call.status = status
            out.append(ToolUpdated(at, call.item, call.status, answer=answer))

    def past(self, at: At, out: list[Event]) -> None:
        """The past was told: what has no end in it is over all the same."""
        for call in self._calls.values():
            if call.status not in TERMINAL and not call.asked:
                call.status = "ok"
                out.append(ToolUpdated(at, call.item, "ok", answer="How it ended is not told"))

    def close(self, at: At, out: list[Event], answer: str = "") -> None:
        """The turn was cancelled, or the agent is gone: what still runs will never say so."""
        for call in self._calls.values():
            if call.status not in TERMINAL and (call.turn == self.turn or call.asked or answer):
                call.status = "cancelled"
                out.append(ToolUpdated(at, call.item, "cancelled", answer=answer if call.asked and answer else None))
                call.asked.clear()
