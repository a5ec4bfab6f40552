"""pi's messages: prompts, answers, results, what extensions add; in files and in the stream alike. For pi*.py only."""

from __future__ import annotations

import re
from typing import Any, Final

from store.decode import clean
from store.events import (
    At,
    Compacted,
    ConfigChanged,
    Event,
    MessageDone,
    NoticeAdded,
    PromptText,
    SessionNamed,
    Spent,
    ThoughtDone,
    Tokens,
    ToolStarted,
    ToolUpdated,
    TurnEnded,
    Usage,
)
from store.formats import pi_tools as tools
from store.formats.values import count, number, one_line, string, table, texts, tokens

PROMPT: Final = 1  # ranks of titles
NAME: Final = 6
_SKILL: Final = re.compile(r'<skill name="([^"]{1,200})" location="[^"]*">\n.*?\n</skill>(?:\n\n(.+))?\Z', re.DOTALL)
_ENDS: Final = {"stop": "success", "length": "success", "error": "error", "aborted": "cancelled"}


class Talk:
    """One per reader. Remembers the model and how the last answer ended."""

    def __init__(self) -> None:
        self.llm = ""
        self.stop = ""  # why the last answer ended; 'toolUse' is no end
        self._named = False

    def message(self, data: dict[str, Any], own: str, at: At, out: list[Event]) -> bool:
        """A message; False for one of a kind that is not known."""
        role = string(data, "role")
        if role == "user":
            self._prompt(data, own, at, out)
        elif role == "assistant":
            self._answer(data, own, at, out)
        elif role == "toolResult":
            call = string(data, "toolCallId") or own
            out.append(tools.answered(call, data, data.get("isError") is True, at))
            self.spent(data, f"{call} {data.get('timestamp')}", "", at, out)
        elif role == "bashExecution":
            _shell(data, own, at, out)
        elif role in ("custom", "hookMessage"):
            self.added(data, own, at, out)
        elif role == "branchSummary":
            self.branched(data, own, at, out)
        elif role == "compactionSummary":
            self.compacted(data, own, at, out)
        else:
            return False
        return True

    def end(self, at: At, out: list[Event]) -> None:
        """The turn is over if the last answer said so."""
        status = _ENDS.get(self.stop)
        if status is not None:
            out.append(TurnEnded(at, status, reason="max_tokens" if self.stop == "length" else ""))
            self.stop = ""

    # ---- what is said to the agent

    def _prompt(self, data: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        text, images = texts(data.get("content"))
        origin = "human"
        skill = _SKILL.match(text) if text.startswith("<skill ") else None
        if skill is not None:  # the program puts the skill's text in the place of the command
            out.append(PromptText(at, f"{own}#skill", text, "injected"))
            text, origin = f"/skill:{skill[1]} {skill[2] or ''}".strip(), "command"
        if not self._named and text.strip():
            self._named = True
            out.append(SessionNamed(at, title=one_line(text, 200), rank=PROMPT))
        out.append(PromptText(at, f"{own}#prompt", text, origin, images))

    def added(self, data: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        """What an extension says to the model."""
        text, images = texts(data.get("content"))
        out.append(PromptText(at, f"{own}#prompt", text, "injected", images))

    # ---- what the agent says

    def _answer(self, data: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        llm = string(data, "model")
        self.use(llm, at, out)
        content = data.get("content")
        if type(content) is str:
            content = [{"type": "text", "text": content}]
        for index, block in enumerate(content if type(content) is list else ()):
            if type(block) is not dict:
                continue
            kind, item = string(block, "type"), f"{own}#{index}"
            if kind == "text":
                text = string(block, "text")
                if text.strip():
                    out.append(MessageDone(at, item, text, llm))
            elif kind == "thinking":
                text = string(block, "thinking")
                if text.strip() or block.get("redacted") is True or block.get("thinkingSignature"):
                    out.append(ThoughtDone(at, item, text, hidden=not text.strip()))
            elif kind == "toolCall":
                out += tools.started(string(block, "id") or item, string(block, "name"), block.get("arguments"), at)
            elif kind == "image":
                out.append(MessageDone(at, item, "[1 image]", llm))
            else:
                out.append(MessageDone(at, item, f"[{clean(kind) or 'no type'}]", llm))
        self._ended(data, own, at, out)
        stamp = data.get("timestamp")
        self.spent(data, "" if stamp is None else f"{llm} {stamp}", llm, at, out, context=True)

    def _ended(self, data: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        self.stop = string(data, "stopReason")
        message = string(data, "errorMessage")
        if self.stop == "aborted":
            out.append(
                NoticeAdded(at, f"{own}#end", "interruption", one_line(message, 1000) or "Interrupted", "warning")
            )
        elif self.stop == "error":
            text = one_line(message, 1000) or "The request failed."
            out.append(NoticeAdded(at, f"{own}#end", "api_error", text, "error"))

    def use(self, llm: str, at: At, out: list[Event]) -> None:
        """The model that answers from now on."""
        if llm and llm != self.llm:
            self.llm = llm
            out.append(ConfigChanged(at, None, llm))

    def spent(
        self, data: dict[str, Any], name: str, llm: str, at: At, out: list[Event], *, context: bool = False
    ) -> None:
        """What a request took. Copies of it in other files have the same figures and the same name."""
        used = data.get("usage")
        if type(used) is not dict:
            return
        cost = number(table(used, "cost").get("total"))
        given, output = tokens(used.get("input")), tokens(used.get("output"))
        read, write = tokens(used.get("cacheRead")), tokens(used.get("cacheWrite"))
        whole = given + output + read + write
        if not whole:
            return
        key = f"pi {name} {given} {output} {read} {write}" if name else ""
        told = cost if cost is not None and cost > 0 else None  # 0 is a model whose price pi does not know
        out.append(Spent(at, key, Tokens(llm, given, output, read, write, cost_usd=told)))
        if context:
            out.append(Usage(at, whole))

    # ---- what happens to the conversation

    def compacted(self, data: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        after = count(data.get("estimatedTokensAfter"))
        out.append(Compacted(at, own, string(data, "summary"), count(data.get("tokensBefore")), after))
        self.spent(data, f"{self.llm} {data.get('timestamp')}", self.llm, at, out)

    def branched(self, data: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        """The conversation goes on from an earlier entry, and knows in short what was left."""
        out.append(NoticeAdded(at, own, "branch", "Went on from an earlier entry", detail=string(data, "summary")))
        self.spent(data, f"{self.llm} {data.get('timestamp')}", self.llm, at, out)


def _shell(data: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
    """A command that the user ran: a turn of its own."""
    command, code = string(data, "command"), count(data.get("exitCode"))
    sign = "!!" if data.get("excludeFromContext") is True else "!"
    stopped = data.get("cancelled") is True
    out.append(PromptText(at, f"{own}#prompt", f"{sign} {command}", "command"))
    out.append(ToolStarted(at, f"{own}#run", "bash", "tool.shell", one_line(command)))
    status = "cancelled" if stopped else "failed" if code else "ok"
    out.append(ToolUpdated(at, f"{own}#run", status, string(data, "output"), exit_code=code))  # type: ignore[arg-type]
    out.append(TurnEnded(at, "cancelled" if stopped else "success"))
