"""One sample of an evaluation: its messages as rows, with the times that its events tell. For inspect.py only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from store.decode import clean
from store.events import At, Event, MessageDone, PromptText, ThoughtDone, ToolUpdated
from store.formats.calls import started
from store.formats.values import moment, string, table

KINDS: Final[Mapping[str, str]] = {
    "bash": "tool.shell", "python": "tool.shell", "bash_session": "tool.shell", "text_editor": "tool.edit",
    "apply_patch": "tool.edit", "web_search": "tool.web", "web_browser": "tool.web", "read_file": "tool.read",
    "list_files": "tool.search", "grep": "tool.search", "todo_write": "tool.todo", "update_plan": "tool.todo",
    "agent": "tool.agent", "task": "tool.agent", "handoff": "tool.agent",
}  # fmt: skip


class Talk:
    """The messages of one sample, told into `out`."""

    def __init__(
        self, own: str, at: At, events: list[dict[str, Any]], attached: dict[str, Any], out: list[Event]
    ) -> None:
        self._own, self._at, self._attached, self._out = own, at, attached, out
        models = [one for one in events if one.get("event") == "model"]
        self._answers = iter([moment(one.get("completed")) or moment(one.get("timestamp")) for one in models])
        self._calls = {
            string(one, "id"): moment(one.get("completed")) or moment(one.get("timestamp"))
            for one in events if one.get("event") == "tool"
        }  # fmt: skip
        self._prompted = False
        self._called: set[str] = set()

    def tell(self, messages: list[Any]) -> None:
        for index, message in enumerate(messages):
            if type(message) is not dict:
                continue
            item = f"{self._own}:{string(message, 'id') or index}"
            role = string(message, "role")
            if role == "assistant":
                self._answer(message, item)
            elif role == "tool":
                self._result(message, item)
            else:
                self._prompt(message, item, role)

    def _prompt(self, message: dict[str, Any], item: str, role: str) -> None:
        text, _, images = self._content(message.get("content"))
        origin = "injected" if role == "system" else "steer" if self._prompted else "human"
        self._prompted = self._prompted or role != "system"
        self._out.append(PromptText(self._at, item, text, origin, images))

    def _answer(self, message: dict[str, Any], item: str) -> None:
        self._at = stamped(self._at, next(self._answers, None))
        text, thought, images = self._content(message.get("content"))
        thought = thought or string(message, "reasoning")
        if thought:
            self._out.append(ThoughtDone(self._at, f"{item}#thought", thought))
        if text or images:
            self._out.append(MessageDone(self._at, item, text or "[image]", string(message, "model")))
        calls = message.get("tool_calls")
        for number_, call in enumerate(calls if type(calls) is list else ()):
            if type(call) is dict:
                name = string(call, "function")
                own = f"{self._own}:{string(call, 'id') or f'{item}#{number_}'}"
                given = call.get("arguments")
                if type(given) is dict:
                    given = {key: resolved(one, self._attached) for key, one in given.items()}
                self._called.add(own)
                self._out += started(own, name, KINDS.get(name, "tool"), given, self._at)

    def _result(self, message: dict[str, Any], item: str) -> None:
        call, name = string(message, "tool_call_id"), string(message, "function")
        own = f"{self._own}:{call}" if call else item
        self._at = stamped(self._at, self._calls.get(call))
        text, _, images = self._content(message.get("content"))
        error = table(message, "error")
        if own not in self._called:
            self._called.add(own)
            self._out += started(own, name, KINDS.get(name, "tool"), None, self._at)  # its call is not in the log
        told = "\n".join(part for part in (text, string(error, "message")) if part)
        self._out.append(ToolUpdated(self._at, own, "failed" if error else "ok", told, images=images))

    def _content(self, content: Any) -> tuple[str, str, int]:
        """A content's text, its reasoning, and how many images it has."""
        if type(content) is str:
            return clean(resolved(content, self._attached)), "", 0
        texts, thoughts, images = [], [], 0
        for part in content if type(content) is list else ():
            if type(part) is dict:
                kind = string(part, "type")
                images += kind == "image"
                if kind == "reasoning":
                    thoughts.append(resolved(string(part, "reasoning") or string(part, "summary"), self._attached))
                elif kind != "image":
                    texts.append(resolved(string(part, "text"), self._attached))
        return "\n".join(filter(None, texts)), "\n\n".join(filter(None, thoughts)), images


def resolved(value: Any, attached: dict[str, Any]) -> Any:
    """A text that stands elsewhere in the log."""
    if type(value) is str and value.startswith(("attachment://", "tc://")):
        found = attached.get(value.partition("://")[2])
        return clean(found) if type(found) is str else value
    return value


def stamped(at: At, ts: int | None) -> At:
    return at if ts is None else At(ts, at.file, at.offset, at.length, at.agent, at.parent)
