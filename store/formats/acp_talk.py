"""What is said in one ACP session: prompts, answers, thoughts, plans, settings, the end of turns. For acp.py only."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

import msgspec

from store.decode import clean
from store.events import (
    Answered,
    At,
    ConfigChanged,
    Event,
    MessageDone,
    NoticeAdded,
    PlanSet,
    PromptSent,
    PromptText,
    SessionNamed,
    TextDelta,
    ThoughtDelta,
    ThoughtDone,
    ToolUpdated,
    TurnEnded,
    Usage,
)
from store.formats import acp_content as content
from store.formats.acp_calls import Calls
from store.formats.values import count, one_line, string, table

STOPS: Final = {
    "max_tokens": ("limit", "The answer was cut off: it reached the limit of tokens."),
    "max_turn_requests": ("limit", "The turn was stopped: it reached the limit of requests."),
    "refusal": ("result", "The agent refused to go on."),
}
_PLAN: Final = {"pending": "pending", "in_progress": "in_progress", "completed": "completed", "cancelled": "cancelled"}
MOST: Final = 64  # messages whose whole may still come


class Open:
    """A text that is being streamed."""

    __slots__ = ("files", "id", "images", "item", "kind", "text", "whole")

    def __init__(self, kind: str, id: str, item: str) -> None:
        self.kind, self.id, self.item = kind, id, item
        self.text = ""  # of a snapshot, or of a prompt that is told again
        self.images = self.files = 0  # of such a prompt
        self.whole = False  # its last block is one that no piece goes on with


class Talk:
    """One session. `agent` is '' for the first of a connection; others stand beside it under their id."""

    def __init__(self, id: str, agent: str) -> None:
        self.id = id
        self.agent = agent
        self.calls = Calls(f"{agent}/" if agent else "")
        self.llm = ""
        self.mode: str | None = None
        self.loading = False  # its past is told again
        self._open: dict[str, Open] = {}  # agent → its open text
        self._parts: OrderedDict[tuple[str, str], list[tuple[str, int]]] = OrderedDict()  # message → rows, characters
        self._plans: dict[str, str] = {}
        self._sent = ""  # the prompt that is being worked on
        self._rpc: Any = None
        self._turn = False  # of a past that is told again
        self._children: set[str] = set()
        self._cost: float | None = None
        self._paid: float | None = None  # at the end of the turn before; None is unknown

    # ---- where an event belongs

    def place(self, at: At, update: dict[str, Any], out: list[Event]) -> At:
        """The place of an update: of the session, or of a subagent in it."""
        meta = update.get("_meta")
        parent = string(table(meta, "claudeCode"), "parentToolUseId") if type(meta) is dict else ""
        if parent:
            at = msgspec.structs.replace(at, agent=parent, parent=self.calls.prefix + parent)
            if parent not in self._children:
                self._children.add(parent)
                out.append(
                    ToolUpdated(
                        msgspec.structs.replace(at, agent=self.agent, parent=None),
                        self.calls.prefix + parent,
                        child_agent=parent,
                    )
                )
        return at

    def close(self, agent: str) -> None:
        """Something else begins: what comes next of that text is a new row."""
        self._open.pop(agent, None)

    # ---- texts

    def chunk(self, kind: str, update: dict[str, Any], at: At, out: list[Event]) -> bool:
        """The next piece of an answer ('m') or a thought ('t'). False: it is not understood."""
        block = update.get("content")
        if type(block) is dict and block.get("type") == "text":
            text = block.get("text")
            text = (clean(text) if "\0" in text else text) if type(text) is str else None
        else:
            text = content.block_text(block)
        if text is None:
            return False
        id = update.get("messageId")
        id = id if type(id) is str else ""
        now = self._open.get(at.agent)
        if now is None or now.kind != kind or (id and now.id and id != now.id):
            now = self._open[at.agent] = Open(kind, id, f"@{at.file}:{at.offset}")
        if update.get("partial") is True:  # all of it so far
            if not text.startswith(now.text):
                now.text = text
                out.append(MessageDone(at, now.item, text) if kind == "m" else ThoughtDone(at, now.item, text))
                return True
            text, now.text = text[len(now.text) :], text
        if text:
            out.append(TextDelta(at, now.item, text) if kind == "m" else ThoughtDelta(at, now.item, text))
            if id:
                self._grew(kind, id, now.item, len(text))
        return True

    def whole(self, kind: str, update: dict[str, Any], at: At, out: list[Event]) -> None:
        """A whole answer or thought by its id: it wins over its pieces."""
        text, id = content.prompt_text(update.get("content") or []), string(update, "messageId")
        parts = self._parts.get((kind, id), []) if id else []
        item = parts[-1][0] if parts else f"@{at.file}:{at.offset}"
        rest = text[sum(size for _, size in parts[:-1]) :]
        out.append(MessageDone(at, item, rest) if kind == "m" else ThoughtDone(at, item, rest))
        if id:
            self._parts[(kind, id)] = [*parts[:-1], (item, len(rest))]
        self.close(at.agent)

    def _grew(self, kind: str, id: str, item: str, size: int) -> None:
        parts = self._parts.get((kind, id))
        if parts is None:
            self._parts[(kind, id)] = [(item, size)]
            if len(self._parts) > MOST:
                self._parts.popitem(last=False)
        elif parts[-1][0] == item:
            parts[-1] = (item, parts[-1][1] + size)
        else:
            parts.append((item, size))

    def user(self, update: dict[str, Any], at: At, out: list[Event]) -> bool:
        """A prompt as the agent tells it: of the past, or the echo of one that was sent."""
        block = update.get("content")
        if type(block) is not list and content.block_text(block) is None:
            return False
        said = content.said_in(block)
        id = string(update, "messageId")
        now = self._open.get(at.agent)
        if now is None or now.kind != "u" or id != now.id:
            now = self._open[at.agent] = Open("u", id, f"@{at.file}:{at.offset}")
        piece = type(block) is dict and block.get("type") == "text"
        if update.get("sessionUpdate") == "user_message":
            now.text, now.images = said.text, said.images
        else:
            now.text += f"\n{said.text}" if said.text and now.text and (now.whole or not piece) else said.text
            now.images += said.images
        now.whole = not piece
        if self._rpc is not None and self._sent.startswith(now.text):
            return True  # what was sent is shown
        if now.text or now.images:
            self._end_past(at, out)
            self._turn = self.loading
            out.append(SessionNamed(at, title=one_line(now.text, 200), rank=1))
            out.append(PromptText(at, now.item, now.text, "agent" if at.agent else "human", now.images))
        for file in said.beside:
            now.files += 1
            out.append(PromptText(at, f"{now.item}+{now.files}", file, "injected"))
        return True

    def _end_past(self, at: At, out: list[Event]) -> None:
        if self._turn and self.loading:
            out.append(TurnEnded(at, past=True))
        self._turn = False

    def loaded(self, at: At, out: list[Event]) -> None:
        """The past was told."""
        if self.loading:
            self._end_past(at, out)
            self.calls.past(at, out)
        self.loading = False
        self._open.clear()

    # ---- turns

    def prompt(self, params: dict[str, Any], rpc: Any, item: str, at: At, out: list[Event]) -> None:
        """A prompt goes to the agent."""
        said = content.said_in(params.get("prompt"))
        text = said.text
        steer = table(params, "_meta").get("steer") is True
        self.calls.turn += not steer
        self._open.clear()
        self._plans.clear()
        if self.agent:
            out.append(PromptText(at, item, text, "agent", said.images))
        else:
            out.append(SessionNamed(at, title=one_line(said.typed or text, 200), rank=1))
            out.append(PromptSent(at, rpc, item, text, steer, said.images))
        out += [PromptText(at, f"{item}+{n}", file, "injected") for n, file in enumerate(said.beside, 1)]
        if not steer:
            self._sent, self._rpc = text, rpc

    def stopped(self, rpc: Any, reason: str, result: dict[str, Any], at: At, out: list[Event]) -> None:
        """The turn of a prompt is over; `rpc` is None where only an update says so."""
        own = f"@{at.file}:{at.offset}"
        mine = rpc is None or rpc == self._rpc or self._rpc is None
        if mine and reason == "cancelled":
            self.calls.close(at, out)
            out.append(NoticeAdded(at, own, "interruption", "Cancelled"))
        elif reason in STOPS:
            kind, text = STOPS[reason]
            out.append(NoticeAdded(at, own, kind, text, "warning"))
        cost = None
        if self._cost is not None and self._paid is not None and self._cost >= self._paid:
            cost = self._cost - self._paid
        self._paid = self._cost if self._cost is not None else self._paid
        used = content.spent(result, self.llm)
        if rpc is None or self.agent:
            out.append(TurnEnded(at, reason, cost_usd=cost, used=used))
        else:
            out.append(Answered(at, rpc, reason, "", cost, used))
        if mine:
            self._sent, self._rpc = "", None
            self._open.clear()

    def refused(self, rpc: Any, why: str, at: At, out: list[Event]) -> None:
        """A prompt was answered with an error."""
        out.append(NoticeAdded(at, f"@{at.file}:{at.offset}", "agent_error", f"The prompt failed: {why}", "error"))
        out.append(TurnEnded(at, "error") if self.agent else Answered(at, rpc, error=why))
        if rpc == self._rpc:
            self._sent, self._rpc = "", None
        self._open.clear()

    @property
    def busy(self) -> bool:
        """A prompt is being worked on."""
        return self._rpc is not None

    def idle(self) -> None:
        self._sent, self._rpc = "", None

    # ---- the session itself

    def began(self, known_cost: bool) -> None:
        """A new session has cost nothing so far."""
        self._paid = 0.0 if known_cost else None

    def configure(self, mode: str | None, llm: str | None, at: At, out: list[Event], *, told: bool = False) -> None:
        """Mode and model. `told`: the agent changed them by itself, which is worth a row."""
        if mode is not None and mode != self.mode and told and self.mode is not None:
            out.append(NoticeAdded(at, f"@{at.file}:{at.offset}", "mode", f"Mode: {one_line(mode, 100)}"))
        self.mode = self.mode if mode is None else mode
        if llm:
            self.llm = llm
        if mode is not None or llm:
            out.append(ConfigChanged(at, mode, llm or None))

    def used(self, update: dict[str, Any], at: At, out: list[Event]) -> None:
        out.append(Usage(at, count(update.get("used")), count(update.get("size"))))
        cost = content.dollars(update)
        self._cost = self._cost if cost is None else cost
        llm = string(table(update, "_meta"), "_claude/model")
        if llm and llm != self.llm:
            self.configure(None, llm, at, out)

    def plan(self, given: Any, id: str, at: At, out: list[Event]) -> None:
        """The whole plan; one row per plan and turn."""
        entries = [one for one in given if type(one) is dict] if type(given) is list else []
        item = self._plans.setdefault(id, f"plan@{at.file}:{at.offset}")
        told = tuple((string(one, "content"), _PLAN.get(string(one, "status"), "pending")) for one in entries)
        out.append(PlanSet(at, item, told))
