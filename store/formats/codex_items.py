"""Codex's response items, and its own items of newer versions: what is said and done. For codex*.py only.

Nearly everything is told twice, once for the model and once for the screen. Calls have an id in common; texts are
paired here, whichever of the two comes first.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from store.decode import clean, dump
from store.events import (
    At,
    Event,
    MessageDone,
    NoticeAdded,
    PromptText,
    SessionNamed,
    Status,
    ThoughtDone,
    ToolStarted,
    ToolUpdated,
)  # fmt: skip
from store.formats import codex_tools as tools
from store.formats.codex_hidden import is_injected
from store.formats.values import count, one_line, string, table

PAIRS: Final = 64  # texts that wait for their twin
CALLS: Final = 512  # calls that are remembered
PROMPTS: Final = 4096  # of a session, that a rollback may go behind


class Items:
    """One per file; `llm` and `agent_path` are kept by whoever reads the records around the items."""

    def __init__(self) -> None:
        self.llm = ""
        self.path = "/root"  # of this agent among the others
        self.prompts: list[str] = []  # items of what the person said: a rollback counts them from the end
        self._alone: OrderedDict[tuple[str, str], str] = OrderedDict()  # (what, text) → who said it
        self._calls: OrderedDict[str, str] = OrderedDict()  # call → tool
        self._done: OrderedDict[str, None] = OrderedDict()  # calls whose end an event told in full
        self._running: OrderedDict[str, str] = OrderedDict()  # process → the call that started it
        self._stdin: OrderedDict[str, str] = OrderedDict()  # call of `write_stdin` → process

    def twin(self, side: str, what: str, text: str) -> bool:
        """Whether the other side has said the same; else it is remembered that this one did."""
        key = (what, text.strip())
        if self._alone.get(key, side) != side:
            del self._alone[key]
            return True
        _keep(self._alone, key, side, PAIRS)
        return False

    # ---- for the model

    def response(self, item: dict[str, Any], at: At, out: list[Event]) -> bool:
        """The events of a response item. False: not understood."""
        kind = item.get("type")
        if kind == "message" or (kind is None and type(item.get("role")) is str):
            return self._message(item, at, out)
        if kind == "reasoning":
            self._reasoning(item, at, out)
        elif kind in ("function_call", "custom_tool_call", "tool_search_call", "local_shell_call"):
            self._call(item, str(kind), at, out)
        elif kind in ("function_call_output", "custom_tool_call_output", "tool_search_output"):
            self._output(item, at, out)
        elif kind == "web_search_call":
            self._search(string(item, "id"), table(item, "action"), "model", at, out, string(item, "status"))
        elif kind == "image_generation_call":
            self._image(string(item, "id"), item, at, out)
        elif kind == "agent_message":
            self._between(item, at, out)
        else:
            return False
        return True

    def _message(self, item: dict[str, Any], at: At, out: list[Event]) -> bool:
        role = item.get("role")
        content = item.get("content")
        blocks = content if type(content) is list else [content]
        texts = [text for block in blocks if (text := _text(block)) is not None]
        images = sum(type(block) is dict and block.get("type") in ("input_image", "image") for block in blocks)
        own = string(item, "id") or place(at)
        if role == "assistant":
            text = "\n".join(texts)
            if not self.twin("model", "message", text) and text:
                out.append(MessageDone(at, own, text, self.llm))
            return True
        if role not in ("user", "developer", "system"):
            return False
        kinds = table(item, "internal_chat_message_metadata_passthrough").get("content_item_kinds")
        typed: list[str] = []
        for index, text in enumerate(texts):
            told = kinds[index] if type(kinds) is list and index < len(kinds) else ""
            if text in ("<image>", "</image>") or text.startswith("<image name="):
                continue  # the brackets around an image
            foreign = type(told) is str and told not in ("", "unknown") and not told.startswith("user.")
            if role != "user" or foreign or is_injected(text):
                out.append(PromptText(at, f"{own}#{index}", text, "injected"))
            else:
                typed.append(text)
        if typed or images:
            self.prompt("\n".join(typed), images, "model", own, at, out)
        return True

    def prompt(self, text: str, images: int, side: str, item: str, at: At, out: list[Event]) -> None:
        """What the person said, told by either side. An image stands in the text of one of them only."""
        if self.twin(side, "prompt", text):
            return
        if not self.prompts and not at.agent and text.strip():
            out.append(SessionNamed(at, title=one_line(text, 200), rank=1))
        self.prompts.append(item)
        if len(self.prompts) > PROMPTS:
            del self.prompts[0]
        out.append(PromptText(at, item, text, "agent" if at.agent else "human", images))

    def _reasoning(self, item: dict[str, Any], at: At, out: list[Event]) -> None:
        own = string(item, "id") or place(at)
        blocks = item.get("summary")
        parts = [string(block, "text") for block in blocks if type(block) is dict] if type(blocks) is list else []
        parts = [part for part in parts if part]
        fresh = [part for part in parts if not self.twin("model", "thought", part)]
        if fresh or not parts:
            out.append(ThoughtDone(at, own, "\n\n".join(fresh), hidden=not fresh))

    def _call(self, item: dict[str, Any], kind: str, at: At, out: list[Event]) -> None:
        call = string(item, "call_id") or string(item, "id") or place(at)
        given: Any
        if kind == "local_shell_call":
            name, given = "local_shell", table(item, "action")
        elif kind == "tool_search_call":
            name, given = "tool_search", item.get("arguments")
        else:
            name = string(item, "name")
            given = tools.given_of(item.get("arguments" if kind == "function_call" else "input"))
        _keep(self._calls, call, name, CALLS)
        if name == "write_stdin" and type(given) is dict:
            _keep(self._stdin, call, str(given.get("session_id")), CALLS)
        dotted = tools.kind_of(name, string(item, "namespace"))
        told = clean(given) if type(given) is str else "" if given is None else clean(dump(given))
        out.append(ToolStarted(at, call, name, dotted, tools.title_of(name, given), told))
        if name == "apply_patch":
            hunks = tools.proposed(given)
            if hunks:
                out.append(ToolUpdated(at, call, hunks=hunks))

    def _output(self, item: dict[str, Any], at: At, out: list[Event]) -> None:
        call = string(item, "call_id") or place(at)
        told = item.get("output") if "output" in item else item.get("tools")
        result = tools.result_of(told)
        name = self._calls.get(call, "")
        process = self._stdin.pop(call, "")
        owner = self._running.get(process) if process else None
        if result.session and name != "write_stdin":
            _keep(self._running, result.session, call, CALLS)
        if owner is not None and result.exit_code is not None:
            # The process that another call left running is over.
            self._running.pop(process, None)
            out.append(ToolUpdated(at, owner, "ok" if result.exit_code == 0 else "failed", exit_code=result.exit_code))
        status = result.status
        if process:
            status = "ok"  # what was typed has arrived, however the process fares
        if call in self._done:
            del self._done[call]
            return  # an event has told it better
        duration = result.duration_us or None
        code = None if process else result.exit_code
        status = status or _guess(result.text)
        out.append(
            ToolUpdated(at, call, status, result.text, False, None, None, code, None, None, duration, result.images)
        )

    def _search(self, item: str, action: dict[str, Any], side: str, at: At, out: list[Event], status: str) -> None:
        said = string(action, "query") or string(action, "url") or string(action, "pattern")
        if self.twin(side, "search", said):
            return
        own = item or place(at)
        out.append(ToolStarted(at, own, "web_search", "tool.web", one_line(said), clean(dump(action))))
        out.append(ToolUpdated(at, own, tools.status_of(status) or "ok"))

    def _image(self, item: str, data: dict[str, Any], at: At, out: list[Event]) -> None:
        own = item or string(data, "call_id") or place(at)
        title = one_line(string(data, "revised_prompt"))
        out.append(ToolStarted(at, own, "image_generation", "tool", title))
        out.append(ToolUpdated(at, own, tools.status_of(string(data, "status")) or "ok", images=1))

    def _between(self, item: dict[str, Any], at: At, out: list[Event]) -> None:
        """Agents speak to each other. What this one says stands in the call it says it with."""
        if string(item, "author") == self.path:
            return
        content = item.get("content")
        texts = [string(block, "text") for block in content if type(block) is dict] if type(content) is list else []
        out.append(PromptText(at, string(item, "id") or place(at), "\n".join(texts), "task"))

    # ---- for the screen: items of newer versions

    def completed(self, item: dict[str, Any], outer: dict[str, Any], at: At, out: list[Event]) -> bool:
        """The events of `item_completed`. False: not understood."""
        kind, own = item.get("type"), string(item, "id") or place(at)
        if kind == "UserMessage":
            content = item.get("content")
            blocks = [block for block in content if type(block) is dict] if type(content) is list else []
            text = "\n".join(string(block, "text") for block in blocks if block.get("type") == "text")
            images = sum(block.get("type") in ("image", "local_image") for block in blocks)
            self.prompt(text, images, "screen", own, at, out)
        elif kind == "AgentMessage":
            content = item.get("content")
            parts = [string(block, "text") for block in content if type(block) is dict] if type(content) is list else []
            self.said("\n".join(parts), own, at, out)
        elif kind == "Reasoning":
            told = item.get("summary_text")
            parts = [clean(part) for part in told if type(part) is str and part] if type(told) is list else []
            fresh = [part for part in parts if not self.twin("screen", "thought", part)]
            if fresh:
                out.append(ThoughtDone(at, own, "\n\n".join(fresh)))
        elif kind == "CommandExecution":
            self.ran(own, item, at, out, _span(outer))
        elif kind == "FileChange":
            self.patched(own, item, at, out)
        elif kind == "McpToolCall":
            self.mcp(own, {"invocation": item, "result": item.get("result"), "status": item.get("status")}, at, out)
        elif kind in ("WebSearch", "Extension"):
            action = table(item, "action") or item
            self._search(own, action if action is not item else {"query": string(item, "query")}, "screen", at, out, "")
        elif kind == "ImageGeneration":
            self._image(own, item, at, out)
        elif kind == "HookPrompt":
            told = item.get("fragments")
            texts = [string(part, "text") for part in told if type(part) is dict] if type(told) is list else []
            out.append(PromptText(at, own, "\n".join(texts), "injected"))
        elif kind == "Plan":
            out.append(MessageDone(at, own, string(item, "text"), self.llm))
        else:
            return False
        return True

    def said(self, text: str, item: str, at: At, out: list[Event]) -> None:
        if not self.twin("screen", "message", text) and text:
            out.append(MessageDone(at, item, text, self.llm))

    def thought(self, text: str, at: At, out: list[Event]) -> None:
        if not self.twin("screen", "thought", text) and text:
            out.append(ThoughtDone(at, place(at), text))

    def ran(self, call: str, data: dict[str, Any], at: At, out: list[Event], duration: int | None = None) -> None:
        """A command has ended."""
        code = count(data.get("exit_code"))
        status = tools.status_of(string(data, "status")) or (None if code is None else "ok" if code == 0 else "failed")
        line = tools.command_line(data.get("command"))
        self._ours(call, "exec_command", "tool.shell", one_line(line), at, out)
        streams = (string(data, "stdout"), string(data, "stderr"))
        output = string(data, "aggregated_output") or "\n".join(text for text in streams if text)
        took = tools.duration_of(data)
        self._ended(call, status, output, at, out, exit_code=code, duration=duration if took is None else took)

    def patched(self, call: str, data: dict[str, Any], at: At, out: list[Event]) -> None:
        """A patch was applied, or was not."""
        success = data.get("success")
        status = tools.status_of(string(data, "status"))
        if status is None and type(success) is bool:
            status = "ok" if success else "failed"
        changes = data.get("changes")
        title = ", ".join(clean(path) for path in changes) if type(changes) is dict else ""
        self._ours(call, "apply_patch", "tool.edit", one_line(title), at, out)
        hunks = tools.changed(changes)
        if hunks:
            out.append(ToolUpdated(at, call, hunks=hunks))
        output = string(data, "stdout") if status != "failed" else string(data, "stderr") or string(data, "stdout")
        self._ended(call, status, output, at, out)

    def mcp(self, call: str, data: dict[str, Any], at: At, out: list[Event]) -> None:
        """A tool of another server has answered."""
        made = table(data, "invocation")
        server, tool = string(made, "server"), string(made, "tool")
        if call not in self._calls:
            given = made.get("arguments")
            told = "" if given is None else clean(dump(given))
            name = f"mcp__{server}__{tool}"
            _keep(self._calls, call, name, CALLS)
            out.append(
                ToolStarted(at, call, name, "tool.mcp", tools.title_of(name, given) or f"{server} · {tool}", told)
            )
        result = data.get("result")
        answer = result.get("Ok", result.get("Err", result)) if type(result) is dict else result
        failed = type(result) is dict and ("Err" in result or (type(answer) is dict and answer.get("isError") is True))
        status = tools.status_of(string(data, "status")) or ("failed" if failed else "ok")
        content = answer.get("content") if type(answer) is dict else answer
        text = tools.result_of(content)
        self._ended(
            call,
            "failed" if failed else status,
            text.text,
            at,
            out,
            duration=tools.duration_of(data),
            images=text.images,
        )

    def _ours(self, call: str, name: str, kind: str, title: str, at: At, out: list[Event]) -> None:
        """A call that only an event tells of: one that a script made."""
        if call not in self._calls:
            _keep(self._calls, call, name, CALLS)
            out.append(ToolStarted(at, call, name, kind, title))

    def _ended(
        self, call: str, status: Status | None, output: str, at: At, out: list[Event], *,
        exit_code: int | None = None, duration: int | None = None, images: int = 0,
    ) -> None:  # fmt: skip
        _keep(self._done, call, None, CALLS)
        out.append(
            ToolUpdated(at, call, status or "ok", output, False, None, None, exit_code, None, None, duration, images)
        )

    def notice(self, kind: str, text: str, at: At, out: list[Event], level: str = "info", detail: str = "") -> None:
        out.append(NoticeAdded(at, place(at), kind, one_line(text, 1000), level, detail))  # type: ignore[arg-type]


def place(at: At) -> str:
    """An id for what has none."""
    return f"@{at.file}:{at.offset}"


def _text(block: Any) -> str | None:
    """What a block says; None for an image and the like."""
    if type(block) is str:
        return clean(block)
    return string(block, "text") if type(block) is dict and type(block.get("text")) is str else None


def _guess(text: str) -> Status:
    """The status of a result that says nothing of it in its head."""
    return "failed" if text.startswith(("Error:", "error:", "failed to ", "Failed to ", "execution error")) else "ok"


def _span(outer: dict[str, Any]) -> int | None:
    began, ended = count(outer.get("started_at_ms")), count(outer.get("completed_at_ms"))
    return (ended - began) * 1000 if began and ended is not None and 0 <= ended - began < 1 << 50 else None


def _keep(known: OrderedDict[Any, Any], key: Any, value: Any, most: int) -> None:
    known[key] = value
    known.move_to_end(key)
    if len(known) > most:
        known.popitem(last=False)
