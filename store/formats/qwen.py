"""Qwen Code's chats: records that name their parents, with Gemini's parts inside. Found by folder.

Rests on Qwen Code's published source (`chatRecordingService.ts`, `agent-transcript.ts`; up to 0.24) and published
fixtures of another reader (0.21); no session of a real run was at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

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
    TurnEnded,
    Usage,
)
from store.formats import gemini_tools as tools
from store.formats.base import Format, Record
from store.formats.qwen_files import beside, children, claims, owns
from store.formats.qwen_system import HIDDEN, KINDS, System
from store.formats.tree import Tree
from store.formats.values import count, moment, one_line, string, table, tokens

_TASKS: Final = frozenset({"notification", "background_task_completed", "cron"})
_INJECTED: Final = ("<system-reminder>", "<qwen:", "This is the Qwen Code.", "--- Content from referenced files ---")
_PROGRAM: Final = frozenset({"goal_control", "goal_runtime", "system"})  # provenances of what no person said


class Reader:
    """One per file. Remembers the tree, and what of the session was told."""

    def __init__(self) -> None:
        self._tree = Tree()
        self._system = System()
        self._session = ("", "", "")  # id, folder, branch
        self._version = ""
        self._llm = ""
        self._named = False

    def events(self, record: Record) -> Sequence[Event]:
        data, base = record.data, record.at
        if type(data) is not dict:
            return (unreadable(record, type(data).__name__, "not an object"),)
        at = At(moment(data.get("timestamp")), base.file, base.offset, base.length, base.agent, base.parent)
        kind, subtype = string(data, "type"), string(data, "subtype")
        out: list[Event] = []
        own = string(data, "uuid") or f"@{at.file}:{at.offset}"
        told: list[Event] = []
        if not self._tell(kind, subtype, data, own, at, told):
            label = f"{kind}/{subtype}" if subtype else kind or "no type"
            told.append(unreadable(record, label, "unknown type", at))
        else:
            self._about(data, at, out)
        self._follow(data, subtype, told, at, out)
        return out + told

    def _tell(self, kind: str, subtype: str, data: dict[str, Any], own: str, at: At, out: list[Event]) -> bool:
        if kind == "user":
            self._user(data, subtype, own, at, out)
        elif kind == "assistant":
            self._answer(data, own, at, out)
        elif kind == "tool_result":
            _results(data, own, at, out)
        elif kind == "system" and subtype in _TASKS:
            self._user(data, subtype, own, at, out)
        elif kind == "system":
            return self._system.event(subtype, data, own, at, out)
        else:
            return False
        return True

    def _about(self, data: dict[str, Any], at: At, out: list[Event]) -> None:
        """What every record says about the session."""
        if at.agent:
            return
        get, (id, cwd, branch) = data.get, self._session
        if (
            get("sessionId") == id and get("cwd") == cwd and get("gitBranch") == branch
            and get("version") == self._version
        ):  # fmt: skip
            return  # as nearly every record
        session = (string(data, "sessionId"), string(data, "cwd"), string(data, "gitBranch"))
        if session != self._session:
            self._session = session
            out.append(SessionNamed(at, session[0], cwd=session[1], branch=session[2]))
        version = string(data, "version")
        if version != self._version:
            self._version = version
            out.append(AdapterSeen(at, "qwen", version))

    def _follow(self, data: dict[str, Any], subtype: str, told: list[Event], at: At, out: list[Event]) -> None:
        """A record that goes on from an earlier one leaves behind what followed that."""
        id, parent = string(data, "uuid"), data.get("parentUuid")
        if not id or id == parent:
            return
        rewind = subtype == "rewind"
        if type(parent) is str or (parent is None and rewind):
            turn = self._tree.turn(parent)
            if turn is not None and (turn.rewound or turn.again):
                if turn.rewound:
                    out.append(Rewound(at, turn.rewound))
                out += turn.again
                if not rewind:
                    told.insert(0, NoticeAdded(at, f"{id}#branch", "branch", "Went on from an earlier message"))
        self._tree.add(id, parent if type(parent) is str else None, told, at.length)

    # ---- what is said

    def _user(self, data: dict[str, Any], subtype: str, own: str, at: At, out: list[Event]) -> None:
        shown = string(table(data, "systemPayload"), "displayText")
        said: list[str] = []
        added: list[str] = []
        images = 0
        for part in _parts(data):
            text = string(part, "text")
            images += "inlineData" in part or "fileData" in part
            if text.strip() and part.get("thought") is not True:
                hidden = text.lstrip()[:64].startswith(_INJECTED) if not shown else text != shown
                (added if hidden else said).append(text)
        if added and (said or shown):  # what hooks and the program put beside the prompt
            out.append(PromptText(at, f"{own}#added", "\n".join(added), "injected"))
            added = []
        origin = "human"
        if at.agent or subtype == "agent_launch_prompt":
            origin = "agent"
        elif subtype in _TASKS:
            origin = "task"
        elif subtype == "mid_turn_user_message":
            origin = "queued"
        elif added or subtype == "goal_runtime" or string(data, "provenance") in _PROGRAM:
            origin = "injected"
        text = shown or "\n".join(said or added)
        if not text and not images:
            return
        if origin == "human" and not self._named and text.strip():
            self._named = True
            out.append(SessionNamed(at, title=one_line(text, 200), rank=1))
        out.append(PromptText(at, f"{own}#prompt", text, origin, images))

    def _answer(self, data: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        llm = string(data, "model")
        if llm and llm != self._llm:
            self._llm = llm
            if not at.agent:
                out.append(ConfigChanged(at, None, llm))
        calls = said = False
        for index, part in enumerate(_parts(data)):
            item, text, made = f"{own}#{index}", string(part, "text"), table(part, "functionCall")
            if made:
                calls = True
                name, given = string(made, "name"), made.get("args")
                out += tools.started(string(made, "id") or item, name, given, at, kinds=KINDS)
            elif text.strip():
                if part.get("thought") is True:
                    out.append(ThoughtDone(at, item, text))
                else:
                    said = True
                    out.append(MessageDone(at, item, text, llm))
            elif "inlineData" in part or "fileData" in part:
                said = True
                out.append(MessageDone(at, item, "[1 image]", llm))
        used = data.get("usageMetadata")
        if type(used) is dict:
            spent, filled = tokens_of(used, llm or self._llm)
            if filled:
                out.append(Spent(at, f"qwen {own}" if "uuid" in data else "", spent))
                if not at.agent:
                    out.append(Usage(at, filled, count(data.get("contextWindowSize")) or None))
        if said and not calls:
            out.append(TurnEnded(at))  # nobody says so, but there is nothing that it waits for


def _results(data: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
    told = table(data, "toolCallResult")
    for index, part in enumerate(_parts(data)):
        made = table(part, "functionResponse")
        if made:
            call = string(made, "id") or string(told, "callId") or f"{own}#{index}"
            known = told if string(told, "callId") in ("", call) else {}
            response = table(made, "response")
            if not response and string(table(known, "error"), "message"):
                response = {"error": string(table(known, "error"), "message")}
            status = tools.status_of(string(known, "status"))
            out.append(tools.answered(call, status, response, known.get("resultDisplay"), at))
        elif string(part, "text").strip():  # what the program adds to results
            out.append(PromptText(at, f"{own}#{index}", string(part, "text"), "injected"))


def _parts(data: dict[str, Any]) -> list[dict[str, Any]]:
    parts = table(data, "message").get("parts")
    if type(parts) is not list:
        return []
    if {dict}.issuperset(map(type, parts)):
        return parts  # as it nearly always is
    return [{"text": clean(part)} if type(part) is str else part for part in parts if type(part) in (dict, str)]


def tokens_of(used: dict[str, Any], llm: str) -> tuple[Tokens, int]:
    """What a request took, and how full the context was. The input is with what came from the cache.

    Where the total says so, the thoughts are beside the output, else they are in it.
    """
    get = used.get
    given, output = tokens(get("promptTokenCount")), tokens(get("candidatesTokenCount"))
    cached, thoughts = tokens(get("cachedContentTokenCount")), tokens(get("thoughtsTokenCount"))
    tool, total = tokens(get("toolUsePromptTokenCount")), tokens(get("totalTokenCount"))
    if total >= given + tool + output + thoughts:
        output += thoughts
    return Tokens(llm, max(0, given - cached) + tool, output, cached), given + tool + output


FORMAT = Format(
    agent="qwen",
    title="Qwen Code",
    reader=Reader,
    claims=claims,
    where=("~/.qwen/projects", "~/.qwen/tmp"),
    owns=owns,
    children=children,
    beside=beside,
    kinds=KINDS,
    hidden=HIDDEN,
)
