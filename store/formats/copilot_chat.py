"""Copilot's chats in VS Code: one object per chat (`chatSessions/*.json`), rewritten whole. Found by folder.

No schema is published: after fixtures of version 3 and the parts that microsoft/vscode serializes
(`chatToolInvocation.ts`). Tokens are not told. The `.jsonl` journals of newer versions (changes by key path) are not
read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from store.decode import type_of, unreadable
from store.events import (
    AdapterSeen,
    At,
    ConfigChanged,
    Event,
    MessageDone,
    NoticeAdded,
    PromptText,
    SessionNamed,
    ThoughtDone,
    ToolUpdated,
    TurnEnded,
)
from store.formats.base import Format, Record
from store.formats.calls import started
from store.formats.rewritten import Told
from store.formats.values import micros, moment, one_line, string, table

DENIED: Final = 0  # VS Code's ToolConfirmKind: the user said no
HIDDEN: Final[Mapping[str, str]] = {
    "prepareToolInvocation": "the call follows", "undoStop": "a place to go back to", "codeblockUri": "in the answer",
    "inlineReference": "stands in the text around it", "reference": "a file that was looked at: in the raw record",
    "progressMessage": "an intermediate state", "progressTaskSerialized": "an intermediate state",
    "mcpServersStarting": "bookkeeping of the program", "references": "files that were looked at: in the raw record",
}  # fmt: skip
KINDS: Final[Mapping[str, str]] = {
    "run_in_terminal": "tool.shell", "copilot_runInTerminal": "tool.shell", "runTests": "tool.shell",
    "copilot_readFile": "tool.read", "copilot_getErrors": "tool.read", "vscode.open": "tool.read",
    "copilot_replaceString": "tool.edit", "copilot_multiReplaceString": "tool.edit", "copilot_createFile": "tool.edit",
    "copilot_applyPatch": "tool.edit", "copilot_insertEdit": "tool.edit", "editFile": "tool.edit",
    "vscode_editFile_internal": "tool.edit",
    "copilot_findTextInFiles": "tool.search", "copilot_findFiles": "tool.search",
    "copilot_listDirectory": "tool.search", "copilot_searchCodebase": "tool.search",
    "copilot_fetchWebPage": "tool.web", "vscode_fetchWebPage_internal": "tool.web",
    "manage_todo_list": "tool.todo", "runSubagent": "tool.agent",
}  # fmt: skip


class Reader:
    """One per file: the file is one record."""

    def __init__(self) -> None:
        self._session = ""
        self._whole = Told("requestId")

    def events(self, record: Record) -> Sequence[Event]:
        data, at = record.data, record.at
        if type(data) is not dict or type(data.get("requests")) is not list:
            return (unreadable(record, type_of(data), "no chat"),)
        out: list[Event] = [
            SessionNamed(at, string(data, "sessionId"), title=string(data, "customTitle"), rank=5),
            AdapterSeen(at, "vscode-copilot"),
        ]
        self._session = string(data, "sessionId")
        self._whole.tell(data["requests"])
        for index, request in enumerate(data["requests"]):
            if type(request) is dict:
                own = string(request, "requestId") or f"@{at.file}:{at.offset}/{index}"
                _request(request, own, At(moment(request.get("timestamp")), at.file, at.offset, at.length), out)
        return out

    @property
    def whole(self) -> bool:
        """Whether `rewritten` can tell what is new in another one."""
        return bool(self._whole)

    def rewritten(self, record: Record) -> Sequence[Event] | None:
        """The same chat, written whole once more: the requests that are new. None: what was told has changed."""
        data, at = record.data, record.at
        if type(data) is not dict or string(data, "sessionId") != self._session:
            return None
        fresh = self._whole.fresh(data.get("requests"), lambda _: False)  # the end of its turn was told
        if fresh is None:
            return None
        out: list[Event] = [SessionNamed(at, self._session, title=string(data, "customTitle"), rank=5)]
        for request in fresh:
            at_ = At(moment(request.get("timestamp")), at.file, at.offset, at.length)
            _request(request, string(request, "requestId"), at_, out)
        return out


def _request(request: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
    text, llm = string(table(request, "message"), "text"), string(request, "modelId").removeprefix("copilot/")
    if llm:
        out.append(ConfigChanged(at, None, llm))
    out.append(SessionNamed(at, title=one_line(text, 200), rank=1))
    out.append(PromptText(at, own, text))
    said: list[str] = []
    first = 0
    response = request.get("response")
    parts = response if type(response) is list else ()
    for index, part in enumerate(parts):
        if type(part) is not dict:
            continue
        text = _words(part)
        if text:
            first = first if said else index
            said.append(text)
        elif string(part, "kind") not in HIDDEN:
            _say(said, f"{own}#{first}", llm, at, out)
            _part(part, string(part, "kind"), f"{own}#{index}", at, out)
    _say(said, f"{own}#{first}", llm, at, out)
    result = table(request, "result")
    why = string(table(result, "errorDetails"), "message")
    if why and request.get("isCanceled") is not True:
        out.append(NoticeAdded(at, f"{own}#error", "api_error", one_line(why, 1000), "error"))
    if request.get("isCanceled") is True:
        out.append(NoticeAdded(at, f"{own}#end", "interruption", "Interrupted"))
    status = "cancelled" if request.get("isCanceled") is True else "error" if why else "success"
    out.append(TurnEnded(at, status, micros(table(result, "timings").get("totalElapsed"))))


def _words(part: dict[str, Any]) -> str:
    """The piece of the answer's text that a part is; '' for anything else."""
    kind = string(part, "kind")
    if kind in ("", "markdownContent", "markdownVuln"):
        return string(part, "value") or string(table(part, "value"), "value") or string(table(part, "content"), "value")
    if kind == "inlineReference":
        return f"`{string(part, 'name')}`" if string(part, "name") else ""
    return ""


def _say(said: list[str], item: str, llm: str, at: At, out: list[Event]) -> None:
    if said:
        out.append(MessageDone(at, item, "".join(said), llm))
        said.clear()


def _part(part: dict[str, Any], kind: str, item: str, at: At, out: list[Event]) -> None:
    if kind == "thinking":
        told = part.get("value")
        text = "".join(one for one in told if type(one) is str) if type(told) is list else string(part, "value")
        out.append(ThoughtDone(at, item, text, hidden=not text))
    elif kind == "toolInvocationSerialized":
        name, data = string(part, "toolId"), table(part, "toolSpecificData")
        said = _label(part, "pastTenseMessage") or _label(part, "invocationMessage")
        command = table(data, "commandLine") or {"original": string(data, "commandLine")}
        title = string(command, "original") or string(data, "command") or string(data, "path")
        given = data or None
        row = string(part, "toolCallId") or item
        out.extend(started(row, name, KINDS.get(name, "tool"), given, at, said, title=title))
        details = table(part, "resultDetails")
        output, images = _output(details.get("output"))
        refused = part.get("isConfirmed") is False or table(part, "isConfirmed").get("type") == DENIED
        status = "cancelled" if refused else "failed" if details.get("isError") is True else "ok"
        out.append(ToolUpdated(at, row, status, output or None, images=images))  # type: ignore[arg-type]
    elif kind in ("textEditGroup", "notebookEditGroup"):
        uri = table(part, "uri")
        path = string(uri, "path") or string(uri, "fsPath")
        out.extend(started(item, "edit", "tool.edit", None, at, title=path))
        out.append(ToolUpdated(at, item, "ok"))
    else:
        text = _label(part, "content") or _label(part, "message") or string(part, "title") or kind
        level = "error" if "error" in kind.lower() else "warning" if "warning" in kind.lower() else "info"
        out.append(NoticeAdded(at, item, "info", one_line(text, 1000), level))  # type: ignore[arg-type]


def _output(told: Any) -> tuple[str, int]:
    """What a call gave, where that is kept: parts with a value, which is an image's bytes where it says so."""
    parts = [part for part in told if type(part) is dict] if type(told) is list else []
    images = sum(string(part, "mimeType").startswith("image/") for part in parts)
    texts = [string(part, "value") for part in parts if not string(part, "mimeType").startswith("image/")]
    return "\n".join(text for text in texts if text), images


def _label(part: dict[str, Any], key: str) -> str:
    """A text, or a Markdown object with one."""
    return string(part, key) or string(table(part, key), "value")


def claims(head: bytes, path: Path | None) -> int:
    """How surely this is a chat."""
    first = head.lstrip(b" \t\r\n\xef\xbb\xbf")
    if not first.startswith(b"{") or b'"requests"' not in head:
        return 0
    return 85 if b'"sessionId"' in head and b'"message"' in head and b'"response"' in head else 0


def names(data: dict[str, Any]) -> str:
    return "chat" if "requests" in data else ""


FORMAT = Format(
    agent="copilot-chat",
    title="Copilot in VS Code",
    reader=Reader,
    claims=claims,
    kinds=KINDS,
    hidden=HIDDEN,
    names=names,
)
