"""Gemini CLI's chats: one JSON object, rewritten whole, or JSON lines that replace each other. Found by folder.

Rests on recordings of 0.61, published chats of real runs, and Gemini CLI's source (`chatRecordingService.ts`). A chat
that is written whole with each message is told by what is new; one of more than 4 MB is read from its start each time,
in at most a fifth of the time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Final

import orjson

from store.decode import clean, unreadable
from store.events import (
    AdapterSeen,
    At,
    ConfigChanged,
    Event,
    MessageDone,
    NoticeAdded,
    PromptText,
    Rewound,
    SessionNamed,
    Spent,
    ThoughtDone,
    Tokens,
    Usage,
)
from store.formats import gemini_tools as tools
from store.formats.base import Child, Format, Record
from store.formats.rewritten import Told
from store.formats.values import count, moment, one_line, string, table

MESSAGES: Final = 8192  # that are remembered: a later line may replace one
HIDDEN: Final[Mapping[str, str]] = {
    "header": "who and when: in the header of the session",
    "projects": "the program's list of folders, which lies beside its sessions",
    "$set": "bookkeeping of the program; messages in it are shown if they are new",
    "user/functionResponse": "results stand in the calls",
}
HEAD: Final = 1 << 20  # bytes in which a file begins, and nothing can have been told before
_INJECTED: Final = ("<session_context>", "This is the Gemini CLI. We are setting up")
_ANSWERS: Final = ("gemini", "model", "assistant")
_NOTICES: Final = {"info": "info", "warning": "warning", "error": "error"}


class Reader:
    """One per file. Remembers what it told of a message, so that a line that replaces one tells what is new."""

    def __init__(self) -> None:
        self._told: OrderedDict[str, str] = OrderedDict()  # message → its first row
        self._session = ""
        self._llm = ""
        self._named = False
        self._setup = ""  # the message that tells the model where it is
        self._whole = Told("id")  # of a chat that is one object

    def events(self, record: Record) -> Sequence[Event]:
        data, at = record.data, record.at
        if type(data) is not dict:
            return (unreadable(record, type(data).__name__, "not an object"),)
        out: list[Event] = []
        if "sessionId" in data or (type(data.get("messages")) is list and "projectHash" in data):
            self._header(data, at, out)
            self._all(data.get("messages"), at, out, first=True)
            self._whole.tell(data.get("messages"))
        elif "$set" in data:
            told = table(data, "$set")
            self._header(told, at, out)
            begins = not self._told and at.offset < HEAD
            if begins and type(told.get("messages")) is list and told["messages"][:1]:
                first = told["messages"][0]
                self._setup = string(first, "id") if type(first) is dict else ""
            self._all(told.get("messages"), at, out, first=begins)
        elif "$rewindTo" in data:
            self._rewind(string(data, "$rewindTo"), at, out)
        elif type(data.get("history")) is list:  # before there were sessions
            for index, message in enumerate(data["history"]):
                if type(message) is dict:
                    self._message({"type": message.get("role"), "content": message.get("parts"), "id": f"h{index}",
                                   "timestamp": message.get("ts")}, at, out)  # fmt: skip
        elif type(data.get("projects")) is not dict and not self._message(data, at, out):
            kind = string(data, "type") or "no type"
            return (unreadable(record, kind, "unknown type"),)
        return out

    @property
    def whole(self) -> bool:
        """Whether it was one object, so that `rewritten` can tell what is new in another one."""
        return bool(self._whole)

    def rewritten(self, record: Record) -> Sequence[Event] | None:
        """The same chat, written whole once more: what is new in it. None: another one, or some of it is gone."""
        data = record.data
        if type(data) is not dict or not self._session or string(data, "sessionId") != self._session:
            return None
        fresh = self._whole.fresh(data.get("messages"), lambda one: string(one, "type") in _ANSWERS)
        if fresh is None:
            return None
        out: list[Event] = []
        self._header(data, record.at, out)
        for one in fresh:
            self._message(one, record.at, out)
        return out

    def _header(self, data: dict[str, Any], at: At, out: list[Event]) -> None:
        session = string(data, "sessionId")
        if session and session != self._session:
            self._session = session
            if not at.agent:
                out.append(AdapterSeen(_at(at, data.get("startTime")), "gemini"))
                out.append(SessionNamed(at, session, cwd=_cwd(data)))
        title = string(data, "summary")
        if title and not at.agent:
            out.append(SessionNamed(at, title=one_line(title, 200), rank=5))

    def _all(self, messages: Any, at: At, out: list[Event], *, first: bool) -> None:
        """A checkpoint: what is known in it stays as it is; what follows the last known message is new."""
        if type(messages) is not list:
            return
        known = [index for index, one in enumerate(messages) if type(one) is dict and string(one, "id") in self._told]
        if not known and not first:
            return  # in the middle of a file: all of it was told before
        for message in messages[known[-1] + 1 if known else 0 :]:
            if type(message) is dict:
                self._message(message, at, out)

    def _rewind(self, message: str, at: At, out: list[Event]) -> None:
        keys = list(self._told)
        first = keys.index(message) if message in self._told else 0
        rows = [row for key in keys[first:] if (row := self._told.pop(key))]
        if rows:
            out.append(Rewound(at, rows[0]))
        out.append(NoticeAdded(at, f"@{at.file}:{at.offset}", "branch", "Rewound to an earlier message"))

    # ---- messages

    def _message(self, data: dict[str, Any], at: At, out: list[Event]) -> bool:
        kind = string(data, "type") or string(data, "role")
        own = string(data, "id") or f"@{at.file}:{at.offset}"
        at = _at(at, data.get("timestamp"))
        before = len(out)
        if kind == "user":
            self._user(data, own, at, out)
        elif kind in _ANSWERS:
            self._answer(data, own, at, out)
        elif kind in _NOTICES:
            text = one_line(_texts(data.get("content"))[0], 1000)
            level = _NOTICES[kind]
            notice = "api_error" if level == "error" else "info"
            out.append(NoticeAdded(at, own, notice, text, level))  # type: ignore[arg-type]
        else:
            return False
        rows = [row for event in out[before:] if (row := getattr(event, "item", ""))]
        if own not in self._told or not self._told[own]:
            self._told[own] = rows[0] if rows else ""
            if len(self._told) > MESSAGES:
                self._told.popitem(last=False)
        return True

    def _user(self, data: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        content = data.get("content")
        answers = [table(part, "functionResponse") for part in _parts(content) if "functionResponse" in part]
        text, images = _texts(content)
        if own in self._told or (answers and not text and not images):
            return
        injected = own == self._setup or text.lstrip()[:64].startswith(_INJECTED)
        if not injected and not at.agent and not self._named and text.strip():
            self._named = True
            out.append(SessionNamed(at, title=one_line(text, 200), rank=1))
        origin = "injected" if injected else "agent" if at.agent else "human"
        out.append(PromptText(at, f"{own}#prompt", text, origin, images))

    def _answer(self, data: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        llm = string(data, "model")
        if llm and llm != self._llm:
            self._llm = llm
            if not at.agent:
                out.append(ConfigChanged(at, None, llm))
        thoughts = data.get("thoughts")
        said = [text for one in thoughts if (text := _thought(one))] if type(thoughts) is list else []
        if said:
            out.append(ThoughtDone(at, f"{own}#thought", "\n\n".join(said)))
        content = data.get("content")
        text, images = _texts(content)
        if text:
            out.append(MessageDone(at, own, text, llm))
        elif images:
            out.append(MessageDone(at, own, f"[{images} image{'s' if images > 1 else ''}]", llm))
        calls = data.get("toolCalls")
        for index, call in enumerate(calls if type(calls) is list else ()):
            if type(call) is dict:
                out += tools.recorded(call, string(call, "id") or f"{own}#{index}", at)
        if type(calls) is not list:
            for part in _parts(content):
                made = table(part, "functionCall")
                if made:
                    out += tools.started(string(made, "id") or own, string(made, "name"), made.get("args"), at)
        used = data.get("tokens")
        if type(used) is dict:
            tokens, filled = _tokens(used, llm or self._llm)
            out.append(Spent(at, f"{self._session} {own}", tokens))
            if filled and not at.agent:
                out.append(Usage(at, filled))


def _tokens(used: dict[str, Any], llm: str) -> tuple[Tokens, int]:
    """What a request took, and how full the context was. The thoughts are in the total, not always in the output."""
    given, output, cached, thoughts, tool, total = (
        max(0, count(used.get(key)) or 0) for key in ("input", "output", "cached", "thoughts", "tool", "total")
    )
    whole = total - given - tool if total >= given + tool + output else output + thoughts
    return Tokens(llm, max(0, given - cached) + tool, whole, cached), given + tool + whole


def _thought(one: Any) -> str:
    if type(one) is str:
        return clean(one)
    if type(one) is not dict:
        return ""
    subject, text = string(one, "subject"), string(one, "description")
    return f"**{subject}**\n\n{text}" if subject and text else subject or text


def _parts(content: Any) -> Iterable[dict[str, Any]]:
    if type(content) is dict:
        return (content,)
    return [part for part in content if type(part) is dict] if type(content) is list else ()


def _texts(content: Any) -> tuple[str, int]:
    """The text of a content, and how many images and the like it has."""
    if type(content) is str:
        return clean(content), 0
    texts, images = [], 0
    for part in content if type(content) is list else (content,):
        if type(part) is str:
            texts.append(clean(part))
        elif type(part) is dict:
            if type(part.get("text")) is str and part.get("thought") is not True:
                texts.append(string(part, "text"))
            images += "inlineData" in part or "fileData" in part
    return "\n".join(texts), images


def _cwd(data: dict[str, Any]) -> str:
    folders = data.get("directories")
    return clean(folders[0]) if type(folders) is list and folders and type(folders[0]) is str else ""


def _at(at: At, stamp: Any) -> At:
    ts = None if stamp is None else moment(stamp)
    return at if ts is None else At(ts, at.file, at.offset, at.length, at.agent, at.parent)


def claims(head: bytes, path: Path | None) -> int:
    """How surely these are the bytes of a chat."""
    first = head.lstrip(b" \t\r\n\xef\xbb\xbf")
    if path is not None and path.name.endswith("projects.json") and b'"projects":' in first[:64]:
        return 60
    line = first.split(b"\n", 1)[0]
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        value = None
    if type(value) is dict:
        return 90 if "sessionId" in value and ("projectHash" in value or "startTime" in value) else 0
    if not first.startswith(b"{") or b'"type": "gemini"' not in first + b" ":
        around = sum(
            key in first[:4096] for key in (b'"projectHash"', b'"sessionId"', b'"startTime"', b'"lastUpdated"')
        )
        return 85 if first.startswith(b"{") and around >= 3 else 60 if b'"role":"gemini"' in first[:4096] else 0
    return 85


def owns(path: PurePath) -> bool:
    return path.parent.name == "chats" and path.name.startswith("session-") and path.suffix in (".jsonl", ".json")


def children(path: Path) -> Iterable[Child]:
    """The chats of a session's subagents: in a folder that is named like the session."""
    session = _session_of(path)
    folder = path.parent / session if session else None
    if folder is None or not folder.is_dir():
        return
    for file in sorted(folder.glob("*.jsonl")):
        yield Child(file, file.stem)


def beside(path: Path, session: str = "") -> Iterable[Path]:
    session = session or _session_of(path)
    return (path.parent / session,) if session else ()


def _session_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            told = orjson.loads(file.readline(1 << 16))
    except (OSError, ValueError):
        return ""
    session = told.get("sessionId") if isinstance(told, dict) else None
    return session if isinstance(session, str) and session and "/" not in session and session not in (".", "..") else ""


def names(data: dict[str, Any]) -> str:
    for kind in ("$set", "$rewindTo", "history", "projects"):
        if kind in data:
            return kind
    if "sessionId" in data or "projectHash" in data:
        return "chat" if data.get("messages") else "header"
    kind, content = string(data, "type") or string(data, "role"), data.get("content")
    answers = (
        type(content) is list and content and all(type(one) is dict and "functionResponse" in one for one in content)
    )
    return f"{kind}/functionResponse" if answers else kind


FORMAT = Format(
    agent="gemini",
    title="Gemini CLI",
    reader=Reader,
    claims=claims,
    where=("~/.gemini/tmp",),
    owns=owns,
    children=children,
    beside=beside,
    kinds=tools.KINDS,
    hidden=HIDDEN,
    names=names,
)
