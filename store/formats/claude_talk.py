"""What is said between a person, Claude and its tools: user and assistant records. For claude_*.py only."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final
from zlib import crc32

from store.decode import unreadable
from store.events import (
    AdapterSeen,
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
    ToolUpdated,
    TurnEnded,
    Usage,
)
from store.formats.base import Record
from store.formats.claude_notes import item_of
from store.formats.claude_tools import result, started
from store.formats.claude_usage import tokens_of
from store.formats.values import count, one_line, string, table, tag, texts

_CONTEXT: Final = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
MESSAGES: Final = 256  # messages whose blocks are still counted
_CALLS: Final = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
_INJECTED: Final = (
    "<system-reminder>", "<ide_opened_file>", "<ide_selection>", "<local-command-caveat>", "Caveat: The messages below",
    "<user-memory-input>", "<teammate-message", "<session-start-hook>", "<tick>", "<goal>",
)  # fmt: skip
_SUMMARY: Final = "This session is being continued from a previous conversation"
_HUMAN: Final = frozenset({"human", "queued", "command"})


class Talk:
    """What a reader of Claude's records remembers; none of it grows with the session."""

    def __init__(self) -> None:
        self.record = Record(None, At())  # the one that is being read
        self.llm = ""
        self.mode = ""
        self.version = ""
        self.place = ("", "", "")  # session id, cwd, branch
        self.used: int | None = None
        self.prompted = False  # a first prompt was seen; it is the title until there is a better one
        self.boundary: Compacted | None = None
        self.trouble = ""  # the last error that got a row of its own
        self._spent: tuple[Any, ...] = ()  # the last request that was told, and how far it was
        self._command = False  # a command of the program runs; its output ends the turn
        self._blocks: OrderedDict[str, dict[int, int]] = OrderedDict()  # message id → block → its index
        self._queued: OrderedDict[str, bool] = OrderedDict()  # queued prompt → told by an attachment

    # ---- the envelope

    def place_is(self, at: At, out: list[Event], session: str, cwd: str = "", branch: str = "") -> None:
        """Where the session is; told when it changes."""
        old = self.place
        new = (session or old[0], cwd or old[1], branch or old[2])
        if new != old:
            self.place = new
            out.append(SessionNamed(at, new[0], cwd=new[1], branch=new[2]))

    def version_is(self, at: At, out: list[Event], version: str) -> None:
        if version and version != self.version:
            self.version = version
            out.append(AdapterSeen(at, "claude-code", version))

    def config_is(self, at: At, out: list[Event], mode: str = "", llm: str = "") -> None:
        if mode and mode != self.mode:
            self.mode = mode
            out.append(ConfigChanged(at, mode=mode))
        if llm and llm != self.llm:
            self.llm = llm
            out.append(ConfigChanged(at, llm=llm))

    def used_is(self, at: At, out: list[Event], usage: dict[str, Any]) -> None:
        """Context in use: what the last request of the main chain read."""
        get: Any = usage.get
        try:
            total = get("input_tokens") + get("cache_read_input_tokens") + get("cache_creation_input_tokens")
        except TypeError:
            total = None
        if type(total) is not int:  # hardly ever
            total = sum([count(get(key)) or 0 for key in _CONTEXT])
        if total != self.used and 0 < total < 1 << 62:
            self.used = total
            out.append(Usage(at, total))

    def spends(self, at: At, out: list[Event], key: str, usage: dict[str, Any], llm: str) -> None:
        """What a request took so far; told when it is another one or has grown."""
        told = (key, usage.get("output_tokens"), usage.get("input_tokens"))
        if told != self._spent or not key:  # every block of an answer says the same again
            self._spent = told
            tokens = tokens_of(usage, llm)
            if tokens.output or tokens.input or tokens.cache_read or tokens.cache_write or tokens.searches:
                out.append(Spent(at, key, tokens))

    # ---- assistant

    def assistant(self, data: dict[str, Any], at: At, out: list[Event], index: int | None = None) -> None:
        """The blocks of an answer. `index` is the first one's place in the message, when the wire says it."""
        message = data.get("message")
        if type(message) is not dict:
            out.append(unreadable(self.record, "assistant", "no message", at))
            return
        content = message.get("content")
        usage = message.get("usage")
        llm = message.get("model")
        if type(llm) is not str or "\0" in llm:  # `string`, without the call
            llm = string(message, "model")
        synthetic = llm == "<synthetic>"
        error = data.get("error")
        if data.get("isApiErrorMessage") is True or (synthetic and type(error) is str):
            text = texts(content)[0] or (error if type(error) is str else "API error")
            out.append(NoticeAdded(at, item_of(data, at), "api_error", text, "error", string(data, "errorDetails")))
            self.trouble = text
            if not at.agent:
                out.append(TurnEnded(at, "error"))
            return
        if synthetic:
            llm = ""
            text = texts(content)[0]
            if text == "No response requested.":
                out.append(NoticeAdded(at, item_of(data, at), "info", text))
                return
        elif not at.agent:
            if llm != self.llm:
                self.config_is(at, out, llm=llm)
            if type(usage) is dict:
                self.used_is(at, out, usage)
        if type(content) is not list:
            content = [] if content is None else [content]  # none: only what it took
        id_ = message.get("id")
        if type(id_) is not str or not id_ or "\0" in id_:
            id_ = string(message, "id") or string(data, "uuid")
        name = id_ or f"@{at.file}:{at.offset}"
        for block in content:
            if type(block) is str:
                block = {"type": "text", "text": block}
            if type(block) is not dict:
                out.append(unreadable(self.record, "assistant", "no content", at))
                continue
            if index is None:
                place = self._place(name, block)
            else:
                place = index
                index += 1
            self._block(block, f"{name}:{place}", llm, at, out)
        if type(usage) is dict:
            request = string(data, "requestId")
            self.spends(at, out, f"{id_} {request}" if request else id_, usage, llm)

    def called(self, block: dict[str, Any], at: At) -> None:
        """A tool call has been read."""

    def _block(self, block: dict[str, Any], item: str, llm: str, at: At, out: list[Event]) -> None:
        kind = block.get("type")
        if kind == "text":
            text = string(block, "text")
            if text:
                out.append(MessageDone(at, item, text, llm))
            return
        if kind == "thinking":
            text = string(block, "thinking")
            out.append(ThoughtDone(at, item, text, not text))
            return
        kind = string(block, "type")
        if kind in _CALLS:
            out += started(block, at)
            self.called(block, at)
        elif kind == "redacted_thinking":
            out.append(ThoughtDone(at, item, "", hidden=True))
        elif kind.endswith("tool_result"):
            out.append(result(block, block.get("content"), {}, at))
        elif kind in ("image", "document", "tool_reference"):
            out.append(MessageDone(at, item, f"[{kind.replace('_', ' ')}]", llm))
        elif kind == "fallback":
            llms = " → ".join(filter(None, (string(table(block, key), "model") for key in ("from", "to"))))
            out.append(NoticeAdded(at, item, "info", f"Another model answers{f': {llms}' if llms else ''}"))
        else:
            out.append(unreadable(self.record, f"assistant/{kind}", "unknown content", at))

    def _place(self, name: str, block: dict[str, Any]) -> int:
        """The block's index in its message, counted: an answer comes in several records. The same block said again, as
        in a copied history, is the same one."""
        places = self._blocks.get(name)
        if places is None:
            places = self._blocks[name] = {}
            if len(self._blocks) > MESSAGES:
                self._blocks.popitem(last=False)
        kind = block.get("type")
        said = block.get("id") or block.get("text") or block.get("thinking") or block.get("signature")
        key = -1 - len(places)  # another one
        if type(said) is str:
            # Not `hash`: that is another one in the next process, for which this is kept (`store.reader_state`).
            start = crc32(kind.encode(errors="replace")) if type(kind) is str else 0
            key = len(said) << 32 | crc32(said.encode(errors="replace"), start)
        return places.setdefault(key, len(places))

    # ---- user

    def user(self, data: dict[str, Any], at: At, out: list[Event], details: Any) -> None:
        """A prompt, the results of tools, or what the program put between."""
        message = data.get("message")
        content = message.get("content") if type(message) is dict else None
        if content is None:
            out.append(unreadable(self.record, "user", "no content", at))
            return
        if data.get("isCompactSummary") is True:
            self._summary(texts(content)[0], data, at, out)
            return
        item = item_of(data, at)
        if type(content) is str:
            self._said(texts(content)[0], 0, data, item, at, out)
            return
        if type(content) is not list:
            out.append(unreadable(self.record, "user", "no content", at))
            return
        results = [block for block in content if type(block) is dict and block.get("type") == "tool_result"]
        if results:
            details = details if len(results) == 1 else None
            out += [result(block, details, data, at) for block in results]
            if len(results) == len(content):
                return
        own: list[Any] = []
        injected: list[str] = []
        for block in content:
            if type(block) is dict and block.get("type") == "tool_result":
                continue
            if type(block) is dict and block.get("type") == "text" and string(block, "text").startswith(_INJECTED):
                injected.append(string(block, "text"))
            else:
                own.append(block)
        if injected:
            # An editor puts its context beside the words of the person: two rows, one of them quiet.
            out.append(PromptText(at, f"{item}:context" if own else item, "\n".join(injected), "injected"))
        text, images = texts(own)
        if text or images:
            self._said(text, images, data, item, at, out, beside=bool(results))

    def _said(
        self, text: str, images: int, data: dict[str, Any], item: str, at: At, out: list[Event], beside: bool = False
    ) -> None:
        """Words in a user record: who said them is in the record, or in how they begin."""
        if text.startswith("[Request interrupted"):
            out.append(NoticeAdded(at, item, "interruption", "Interrupted by the user", "warning"))
            if not at.agent:
                out.append(TurnEnded(at, "cancelled"))
        elif text.startswith("<local-command-std"):
            self._local(text, "local-command", item, at, out)
        elif text.startswith("<bash-std"):
            self._local(text, "bash", item, at, out)
        elif text.startswith(_SUMMARY) and data.get("isMeta") is not True and not at.agent:
            self._summary(text, data, at, out)
        elif text.startswith("<task-notification>"):
            self._task(text, item, at, out)
        else:
            origin = self._origin(text, data, at, beside)
            if text.startswith(("<command-name>", "<command-message>")):
                text = f"{tag(text, 'command-name')} {tag(text, 'command-args')}".strip() or text
            elif text.startswith("<bash-input>"):
                text = f"! {tag(text, 'bash-input')}"
            if origin == "queued" and self._told(text, by_attachment=False):
                return
            self.prompt(PromptText(at, item, text, origin, images), out)

    def prompt(self, prompt: PromptText, out: list[Event]) -> None:
        """A prompt's row; the first one of a person names the session."""
        out.append(prompt)
        if not prompt.at.agent and prompt.origin != "injected":
            self._command = prompt.origin == "command"
        if not self.prompted and prompt.origin in _HUMAN and not prompt.at.agent and prompt.text:
            rank = 0 if prompt.origin == "command" else 1
            self.prompted = rank == 1
            out.append(SessionNamed(prompt.at, title=one_line(prompt.text, 200), rank=rank))

    def _origin(self, text: str, data: dict[str, Any], at: At, beside: bool) -> str:
        kind = string(table(data, "origin"), "kind")
        if any(data.get(flag) is True for flag in ("isMeta", "isVisibleInTranscriptOnly", "isSynthetic")):
            return "injected"
        if text.startswith(_INJECTED):
            return "injected"
        if text.startswith(("<command-name>", "<command-message>", "<bash-input>")):
            return "command"
        if at.agent:
            return "agent"
        if kind and kind != "human":
            return "task" if kind == "task-notification" else "injected"
        if beside and not kind:
            return "injected"
        source = data.get("promptSource")
        return "queued" if source == "queued" else "injected" if source == "system" and not kind else "human"

    def queued(self, body: dict[str, Any], data: dict[str, Any], at: At, out: list[Event]) -> None:
        """A prompt that was typed while the agent worked, told by an attachment."""
        text, images = texts(body.get("prompt"))
        item = item_of(data, at)
        kind = string(table(body, "origin"), "kind")
        if text.startswith("<task-notification>"):
            self._task(text, item, at, out)
        elif kind not in ("", "human") or body.get("isMeta") is True:
            out.append(PromptText(at, item, text, "injected", images))
        elif not self._told(text, by_attachment=True):
            self.prompt(PromptText(at, item, text, "queued", images), out)

    def _told(self, text: str, *, by_attachment: bool) -> bool:
        """A queued prompt may stand in two records: whether the other one was there already."""
        if self._queued.get(text) is (not by_attachment):
            del self._queued[text]
            return True
        self._queued[text] = by_attachment
        if len(self._queued) > 32:
            self._queued.popitem(last=False)
        return False

    def _task(self, text: str, item: str, at: At, out: list[Event]) -> None:
        """Background work is over: that is told to the agent like a prompt."""
        call = tag(text, "tool-use-id").strip()
        status = tag(text, "status").strip()
        answer = tag(text, "result").strip()
        if call and status in ("completed", "failed", "killed", "stopped"):
            end = "ok" if status == "completed" else "failed" if status == "failed" else "cancelled"
            out.append(ToolUpdated(at, call, end, answer or None))  # type: ignore[arg-type]
        summary = tag(text, "summary").strip()
        out.append(PromptText(at, item, "\n\n".join(part for part in (summary, answer) if part) or text, "task"))

    def _local(self, text: str, name: str, item: str, at: At, out: list[Event]) -> None:
        """Output of a command that ran in the program itself."""
        said = tag(text, f"{name}-stdout").strip()
        errors = tag(text, f"{name}-stderr").strip()
        if said or errors:
            level = "error" if errors and not said else "info"
            out.append(NoticeAdded(at, item, "info", "\n".join(part for part in (said, errors) if part), level))  # type: ignore[arg-type]
        if self._command and not at.agent:
            self._command = False
            out.append(TurnEnded(at))

    def _summary(self, text: str, data: dict[str, Any], at: At, out: list[Event]) -> None:
        """The summary that a compaction leaves: the detail of its boundary's row."""
        boundary, self.boundary = self.boundary, None
        if boundary is not None:
            out.append(Compacted(at, boundary.item, text, boundary.before, boundary.after))
        else:
            out.append(Compacted(at, item_of(data, at), text))
