"""What the parts of OpenCode's messages say: prompts, answers, thoughts, calls, steps. For opencode.py only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from store.decode import clean
from store.events import (
    At,
    Compacted,
    Compacting,
    ConfigChanged,
    Event,
    MessageDone,
    NoticeAdded,
    PromptText,
    SessionNamed,
    Spent,
    ThoughtDone,
    TurnEnded,
    Usage,
)
from store.formats import opencode_tools as tools
from store.formats.opencode_stream import tokens_of
from store.formats.values import moment, number, one_line, string, table

HIDDEN_PARTS: Final[Mapping[str, str]] = {
    "part/step-start": "a step begins with its first part",
    "part/step-finish": "in the figures of the session, and in its gauge",
    "part/snapshot": "basis of the program's own undo",
    "part/patch": "the edits of the step are shown one by one",
    "part/agent": "who is spoken to stands in the prompt",
    "part/compaction": "the summary that follows is shown",
}
PARTS: Final = frozenset({
    "text", "reasoning", "tool", "file", "subtask", "retry", "step-start", "step-finish", "snapshot", "patch", "agent",
    "compaction",
})  # fmt: skip
_SILENT: Final = frozenset({"step-start", "snapshot", "patch", "agent"})  # of HIDDEN_PARTS: nothing is made of them
GOES_ON: Final = frozenset({"", "tool-calls", "unknown"})  # reasons of a step that another one follows
_REASONS: Final[Mapping[str, str]] = {"stop": "end_turn"}
_ROWS: Final[frozenset[type[Event]]] = frozenset({PromptText, MessageDone, ThoughtDone, NoticeAdded, Compacted})


class Message:
    """What is known of one."""

    __slots__ = (
        "at", "completed", "copied", "error", "failed", "finish", "id", "joined", "llm", "over", "prompt", "role",
        "rows", "said", "summary", "ts",
    )  # fmt: skip

    def __init__(self, id_: str, role: str) -> None:
        self.id = id_
        self.role = role
        self.ts: int | None = None
        self.at = At()
        self.llm = ""
        self.summary = False  # an answer that is the summary of what was before
        self.copied = False  # by a fork: what it took is counted where it was made
        self.prompt = ""  # the row that began the turn
        self.joined: set[str] = set()  # the parts that it is made of
        self.said: dict[str, tuple[str, int]] = {}  # what they say, text and images, until another message begins
        self.over = False  # the end of its turn was told
        self.failed = False  # and how
        self.error: dict[str, Any] | None = None
        self.completed: int | None = None
        self.finish = ""
        self.rows: list[str] = []


class Parts:
    """One per reader. Remembers the settings that were told, and what the turn has cost so far."""

    def __init__(self) -> None:
        self._set = ("", "")  # model, mode
        self._titled = False
        self._compacting = False
        self._cost: float | None = 0.0  # None: a step did not tell
        self._costs: dict[str, float] = {}  # of steps, as one may be told twice

    def settings(self, message: Message, mode: str, at: At, out: list[Event]) -> None:
        now = (message.llm or self._set[0], mode if not message.summary and mode else self._set[1])
        if now != self._set:
            self._set = now
            out.append(ConfigChanged(at, now[1] or None, now[0] or None))

    def part(
        self, part: dict[str, Any], own: str, message: Message, at: At, out: list[Event], made: int | None = None
    ) -> bool:
        """False: of a kind that is not known. `made`: when its row was."""
        kind = string(part, "type")
        if kind in _SILENT:
            return True
        time = table(part, "time")
        told = (moment(time.get("end")) or moment(time.get("start")) or moment(time.get("created"))) if time else None
        ts = told or made or at.ts or message.ts
        at = at if ts == at.ts else At(ts, at.file, at.offset, at.length, at.agent, at.parent)
        before = len(out)
        if kind == "text":
            self._text(part, own, message, at, out)
        elif kind == "reasoning":
            text = string(part, "text")
            if text.strip() or time.get("end") is not None:
                out.append(ThoughtDone(at, own, text, hidden=not text.strip()))
        elif kind == "tool":
            out += tools.tool(part, own, at)
            message.rows.append(own)
        elif kind == "step-finish":
            self._stepped(part, own, message, at, out)
        elif kind == "file":
            self._file(part, own, message, at, out)
        elif kind == "subtask":
            self._prompt(string(part, "prompt") or string(part, "description"), own, message, at, out, "command")
        elif kind == "retry":
            _, _, text, detail = failure(table(part, "error"))
            out.append(NoticeAdded(at, own, "api_error", text, "warning", detail))
        elif kind == "compaction":
            self._compacting = True
            out.append(Compacting(at, True))
        elif kind not in PARTS:
            return False
        for index in range(before, len(out)):
            event = out[index]
            if type(event) in _ROWS:
                message.rows.append(event.item)  # type: ignore[attr-defined]
        return True

    def _text(self, part: dict[str, Any], own: str, message: Message, at: At, out: list[Event]) -> None:
        text = string(part, "text")
        if message.role == "user":
            injected = part.get("synthetic") is True or part.get("ignored") is True
            self._prompt(text, own, message, at, out, "injected" if injected else "human")
        elif message.summary:
            if text.strip():
                out.append(Compacted(at, own, text))
        elif text.strip():
            out.append(MessageDone(at, own, text, message.llm))

    def _prompt(
        self, text: str, own: str, message: Message, at: At, out: list[Event], origin: str, images: int = 0
    ) -> None:
        """The parts of a prompt are one row, whatever it is made of: words, files, pictures."""
        if origin == "injected":
            if text.strip():
                out.append(PromptText(at, own, text, origin))
            return
        if not (text.strip() or images):
            return
        first = not message.prompt
        if first:
            message.prompt = own
            self._cost = 0.0
            self._costs.clear()
        if not self._titled and text.strip() and not at.agent:
            self._titled = not images
            out.append(SessionNamed(at, title=one_line(text, 200), rank=0 if images else 1))  # words are better
        if origin == "human" and (first or message.said):
            message.joined.add(own)
            message.said[own] = (text, images)
            own, text = message.prompt, "\n".join(words for words, _ in message.said.values() if words)
            images = sum(count for _, count in message.said.values())
        elif own in message.joined:
            return  # told again, when what stood beside it is not known any more
        elif not first:
            origin = "steer"  # what a subagent is asked, or what was added much later
        out.append(PromptText(at, own, text, "agent" if at.agent else origin, images))

    def _file(self, part: dict[str, Any], own: str, message: Message, at: At, out: list[Event]) -> None:
        mime = string(part, "mime")
        url = string(part, "url")
        name = string(part, "filename") or ("" if url.startswith("data:") else one_line(url)) or mime or "file"
        if message.role == "user":
            image = mime.startswith("image/")
            self._prompt(f"[{name}]", own, message, at, out, "human" if image else "injected", int(image))
        else:
            out.append(NoticeAdded(at, own, "info", f"File: {name}"))

    def _stepped(self, part: dict[str, Any], own: str, message: Message, at: At, out: list[Event]) -> None:
        used, cost = part.get("tokens"), number(part.get("cost"))
        if type(used) is dict:
            spent = tokens_of(used, message.llm, cost)
            whole = spent.input + spent.cache_read + spent.cache_write + spent.output
            if whole and not at.agent:
                out.append(Usage(at, whole))
            if not message.copied:
                out.append(Spent(at, f"opencode {own}", spent))
                if spent.cost_usd is None and whole:
                    self._cost = None
                elif spent.cost_usd is not None:
                    self._costs[own] = spent.cost_usd
        reason = string(part, "reason")
        if reason not in GOES_ON and not message.over:
            message.over = True
            out.append(TurnEnded(at, "success", None, self.turn_cost(), reason=_REASONS.get(reason, reason)))

    def turn_cost(self) -> float | None:
        """Of the turn that ends here; None is not known."""
        cost = sum(self._costs.values()) if self._cost is not None else None
        self._costs.clear()
        self._cost = 0.0
        return cost or None

    def settled(self, message: Message, out: list[Event]) -> None:
        """An answer is complete: a compaction is over with its summary."""
        if self._compacting and message.summary:
            self._compacting = False
            out.append(Compacting(message.at, False))


def failure(error: dict[str, Any]) -> tuple[str, str, str, str]:
    """An error as (kind of notice, level, text, detail)."""
    name, told = string(error, "name"), table(error, "data")
    text = one_line(string(told, "message") or string(error, "message") or name, 1000) or "The model's answer failed."
    if name == "MessageAbortedError":
        return "interruption", "warning", clean(text), ""
    return "api_error", "error", clean(text), string(told, "responseBody")
