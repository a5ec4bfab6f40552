"""What ACP messages hold: content blocks, diffs, results, tokens, settings of a session. For acp*.py only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from store.decode import clean, dump
from store.events import Hunk, Option, Tokens
from store.formats.diffs import between, unified
from store.formats.values import count, number, one_line, string, table, tokens

KINDS: Final[Mapping[str, str]] = {
    "read": "tool.read", "edit": "tool.edit", "delete": "tool.edit", "move": "tool.edit", "search": "tool.search",
    "execute": "tool.shell", "fetch": "tool.web",
}  # fmt: skip
# How agents name their tools: for what ACP has no kind, and where they give none.
NAMES: Final[Mapping[str, str]] = {
    "Task": "tool.agent", "Agent": "tool.agent", "task": "tool.agent", "spawn_agent": "tool.agent",
    "TodoWrite": "tool.todo", "todowrite": "tool.todo", "write_todos": "tool.todo", "update_plan": "tool.todo",
    "exec_command": "tool.shell", "shell": "tool.shell", "bash": "tool.shell", "Bash": "tool.shell",
    "run_shell_command": "tool.shell", "apply_patch": "tool.edit",
}  # fmt: skip
_FENCE: Final = re.compile(r"\A```[^\n`]*\n(.*?)\n?```\s*\Z", re.DOTALL)
_EXIT: Final = re.compile(r"\A(?:Error: )?Exit code:? (-?\d{1,9})\b", re.IGNORECASE)
_TEXTS: Final = ("aggregated_output", "formatted_output", "output", "stdout", "text", "message", "error")


def kind_of(kind: str, name: str) -> str:
    """The dotted kind of a tool call."""
    named = NAMES.get(name, "")
    if named in ("tool.agent", "tool.todo"):
        return named
    return "tool.mcp" if name.startswith("mcp__") else KINDS.get(kind) or named or "tool"


def block_text(block: Any) -> str | None:
    """A content block as text; None for one that is not understood."""
    if type(block) is str:
        return clean(block)
    if type(block) is not dict:
        return None
    match block.get("type"):
        case "text":
            return string(block, "text")
        case "image":
            return f"[image{' ' + string(block, 'uri') if string(block, 'uri') else ''}]"
        case "audio":
            return "[audio]"
        case "resource_link":
            name, uri = string(block, "title") or string(block, "name"), string(block, "uri")
            return f"[{name}]({uri})" if name else uri
        case "resource":
            inner = table(block, "resource")
            text = string(inner, "text") or (f"[{string(inner, 'mimeType') or 'data'}]" if "blob" in inner else "")
            return f"{string(inner, 'uri')}\n{text}"
        case _:
            return None


def prompt_text(prompt: Any) -> str:
    """The words of a prompt: its blocks, or what is there instead."""
    if type(prompt) is str:
        return clean(prompt)
    blocks = prompt if type(prompt) is list else [prompt]
    return "\n".join(clean(dump(block)) if (text := block_text(block)) is None else text for block in blocks)


class Said(NamedTuple):
    """A prompt: its words, with a line per file that goes along; its images; the texts of files, apart from them."""

    text: str
    images: int = 0
    beside: tuple[str, ...] = ()
    typed: str = ""  # the words alone


def _link(uri: str) -> str:
    return f"[{one_line(unquote(uri.rstrip('/').rpartition('/')[2]), 200) or uri}]({uri})"


def said_in(prompt: Any) -> Said:
    """What a person said with these blocks. What a client put in besides is told apart: nobody typed it."""
    parts: list[str] = []
    beside: list[str] = []
    typed: list[str] = []
    images = 0
    for block in prompt if type(prompt) is list else [prompt]:
        kind = block.get("type") if type(block) is dict else ""
        if kind == "image":
            images += 1
            if uri := string(block, "uri"):
                parts.append(_link(uri))
        elif kind == "resource" and (uri := string(table(block, "resource"), "uri")):
            parts.append(_link(uri))
            beside.append(block_text(block) or "")
        else:
            text = block_text(block)
            parts.append(clean(dump(block)) if text is None else text)
            if kind in ("", "text"):
                typed.append(parts[-1])
    return Said("\n".join(parts), images, tuple(beside), "\n".join(typed))


class Shown:
    """What a call's `content` shows: text, diffs, terminals, images. `text` is None where there is no content."""

    __slots__ = ("hunks", "images", "terminals", "text")

    def __init__(self, content: Any) -> None:
        parts: list[str] = []
        self.hunks: list[Hunk] = []
        self.terminals: list[str] = []
        self.images = 0
        self.text: str | None = None
        if type(content) is not list:
            return
        for part in content:
            if type(part) is not dict:
                parts.append(clean(dump(part)))
                continue
            kind = part.get("type")
            if kind == "diff":
                self.hunks += diff_of(part)
            elif kind == "terminal":
                self.terminals.append(string(part, "terminalId"))
            else:
                block = part.get("content") if kind == "content" else part
                self.images += type(block) is dict and block.get("type") == "image"
                text = block_text(block)
                parts.append(clean(dump(block)) if text is None else text)
        self.text = "\n".join(part for part in parts if part)


def diff_of(part: dict[str, Any]) -> list[Hunk]:
    """The hunks of a diff: old and new text, or the changes and patch of version 2."""
    path = string(part, "path")
    if "newText" in part or "oldText" in part:
        return between(string(part, "oldText"), string(part, "newText"), path)
    patch = table(part, "patch")
    changes = part.get("changes")
    files = [change for change in changes if type(change) is dict] if type(changes) is list else []
    where = path or (string(files[0], "path") if len(files) == 1 else "")
    found = unified(string(patch, "text"), where)
    if not found:
        lines = [f" {string(change, 'operation') or 'change'} {string(change, 'path')}" for change in files]
        found = [Hunk(0, 0, tuple(lines), where)] if lines else []
    return found


def unfenced(text: str) -> str:
    """Output that stands in one code fence, without it."""
    found = _FENCE.match(text) if text.startswith("```") and text.count("```") == 2 else None
    return text if found is None else found[1]


def result_text(raw: Any) -> str:
    """The output in a `rawOutput`, in any of the ways agents tell it; '' for none."""
    if type(raw) is str:
        return clean(raw)
    if type(raw) is not dict:
        return ""
    for key in _TEXTS:
        text = string(raw, key)
        if text:
            return f"{text}\n{string(raw, 'stderr')}".rstrip("\n") if key == "stdout" and raw.get("stderr") else text
    return string(raw, "stderr")


def exit_of(raw: Any, meta: dict[str, Any], text: str) -> int | None:
    """The exit code of a command."""
    code = count(table(meta, "terminal_exit").get("exit_code"))
    if code is None and type(raw) is dict:
        code = count(raw.get("exit_code", raw.get("exitCode")))
        if code is None:
            code = count(table(raw, "metadata").get("exit"))
    if code is None:
        told = _EXIT.match(text[:60])
        code = int(told[1]) if told else None
    return code


def options_of(given: Any) -> tuple[Option, ...]:
    """The answers that may be given to a permission request."""
    found = [option for option in given if type(option) is dict] if type(given) is list else []
    return tuple(
        Option(string(one, "optionId"), string(one, "name") or string(one, "optionId"), string(one, "kind"))
        for one in found
        if string(one, "optionId")
    )


def spent(result: dict[str, Any], llm: str) -> tuple[Tokens, ...]:
    """What a turn took, per LLM. `usage` is of this turn; what some agents say per model may be of the session."""
    quota = table(table(result, "_meta"), "quota")
    told = quota.get("model_usage")
    models = [one for one in told if type(one) is dict] if type(told) is list else []
    usage = table(result, "usage")
    if usage:
        llm = string(models[0], "model") if len(models) == 1 else llm
        used = Tokens(
            llm, tokens(usage.get("inputTokens")), tokens(usage.get("outputTokens")),
            tokens(usage.get("cachedReadTokens")), tokens(usage.get("cachedWriteTokens")),
        )  # fmt: skip
        return (used,) if used != Tokens(llm) else ()
    found = []
    for one in models:
        counts = table(one, "token_count")
        cached = tokens(counts.get("cached_input_tokens"))
        given = tokens(counts.get("input_tokens"))
        found.append(
            Tokens(string(one, "model") or llm, max(0, given - cached), tokens(counts.get("output_tokens")), cached)
        )
    return tuple(one for one in found if one != Tokens(one.llm))


def dollars(update: dict[str, Any]) -> float | None:
    """The cost of a session so far, where it is told in dollars."""
    cost = table(update, "cost")
    amount = number(cost.get("amount"))
    return amount if amount is not None and amount >= 0 and string(cost, "currency").upper() in ("USD", "") else None


def config_of(result: dict[str, Any]) -> tuple[str | None, str | None]:
    """Mode and model that a session has, as its options say them, else as its modes and models do."""
    mode = string(table(result, "modes"), "currentModeId") or None
    llm = string(table(result, "models"), "currentModelId") or None
    options = result.get("configOptions")
    for option in options if type(options) is list else ():
        if type(option) is dict and string(option, "currentValue"):
            category = string(option, "category") or string(option, "id") or string(option, "configId")
            if category == "mode":
                mode = string(option, "currentValue")
            elif category == "model":
                llm = string(option, "currentValue")
    return mode, llm


def failure(error: Any) -> str:
    """An error of JSON-RPC in words."""
    if type(error) is not dict:
        return clean(dump(error))
    text = string(error, "message") or "no message"
    data = error.get("data")
    more = data if type(data) is str else ""
    if type(data) is dict:
        more = next((string(data, key) for key in ("details", "message", "error", "reason") if string(data, key)), "")
    code = count(error.get("code"))
    return f"{text}{f': {clean(more)}' if more and more not in text else ''}{f' ({code})' if code is not None else ''}"
