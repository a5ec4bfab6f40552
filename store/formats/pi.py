"""pi's session files, which are trees of entries, and what `pi --mode json` prints. Found by folder.

Rests on pi's published source and docs (`session-format.md`, `json.md`; files of version 1 to 3), one published session
of its author (version 1), and published fixtures of other readers; no newer session of a real run was at hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Final

from store.decode import unreadable
from store.events import AdapterSeen, At, Event, NoticeAdded, Rewound, SessionNamed
from store.formats import pi_stream, pi_tools
from store.formats.base import Format, Record
from store.formats.heads import head_of
from store.formats.pi_talk import NAME, Talk
from store.formats.tree import Tree
from store.formats.values import moment, one_line, string, table

HIDDEN: Final[Mapping[str, str]] = {
    "thinking_level_change": "how much the model may think; no row is made of it",
    "label": "a bookmark of the user at another entry",
    "custom": "state of an extension, which the model never sees",
    **pi_stream.HIDDEN,
}
_ENTRIES: Final = frozenset({
    "message", "model_change", "thinking_level_change", "compaction", "branch_summary", "custom", "custom_message",
    "label", "session_info",
})  # fmt: skip
_ROLES: Final = frozenset({
    "user", "assistant", "toolResult", "bashExecution", "custom", "hookMessage", "branchSummary", "compactionSummary",
})  # fmt: skip


class Reader:
    """One per file or stream."""

    def __init__(self) -> None:
        self._talk = Talk()
        self._stream = pi_stream.Stream(self._talk)
        self._tree = Tree()
        self._known = False  # which program this is was said

    def events(self, record: Record) -> Sequence[Event]:
        data, base = record.data, record.at
        if type(data) is not dict:
            return (unreadable(record, type(data).__name__, "not an object"),)
        stamp = data.get("timestamp")
        ts = None if stamp is None else moment(stamp)
        at = base if ts is None else At(ts, base.file, base.offset, base.length, base.agent, base.parent)
        kind = string(data, "type")
        out: list[Event] = []
        if kind == "session":
            self._header(data, at, out)
        elif kind in pi_stream.TELLING:
            if not self._stream.event(kind, data, at, out):
                role = string(table(data, "message"), "role") or "no role"
                out.append(unreadable(record, f"{kind}/{role}", "unknown type", at))
        elif kind in pi_stream.HIDDEN:
            self._adapter(at, out)
        else:
            self._entry(kind, data, record, at, out)
        return out

    def _header(self, data: dict[str, Any], at: At, out: list[Event]) -> None:
        self._adapter(at, out)
        out.append(SessionNamed(at, string(data, "id"), cwd=string(data, "cwd")))
        self._talk.use(string(data, "modelId"), at, out)  # version 1

    def _adapter(self, at: At, out: list[Event]) -> None:
        if not self._known:
            self._known = True
            out.append(AdapterSeen(at, "pi"))

    # ---- entries of a file

    def _entry(self, kind: str, data: dict[str, Any], record: Record, at: At, out: list[Event]) -> None:
        id = string(data, "id")
        own = id or f"@{at.file}:{at.offset}"
        told: list[Event] = []
        if not self._tell(kind, data, own, at, told):
            label = f"{kind}/{string(table(data, 'message'), 'role')}" if kind == "message" else kind or "no type"
            told.append(unreadable(record, label, "unknown type", at))
        parent = data.get("parentId")
        if id and "parentId" in data and (parent is None or type(parent) is str):
            turn = self._tree.turn(parent)
            if turn is not None and (turn.rewound or turn.again):
                if turn.rewound:
                    out.append(Rewound(at, turn.rewound))
                out += turn.again
                if kind != "branch_summary":
                    told.insert(0, NoticeAdded(at, f"{id}#branch", "branch", "Went on from an earlier entry"))
            self._tree.add(id, parent, told, at.length)
        out += told

    def _tell(self, kind: str, data: dict[str, Any], own: str, at: At, out: list[Event]) -> bool:
        if kind == "message":
            message = table(data, "message")
            if not self._talk.message(message, own, at, out):
                return False
            if message.get("role") == "assistant":
                self._talk.end(at, out)
        elif kind == "model_change":
            self._talk.use(string(data, "modelId"), at, out)
        elif kind == "compaction":
            self._talk.compacted(data, own, at, out)
        elif kind == "branch_summary":
            self._talk.branched(data, own, at, out)
        elif kind == "custom_message":
            self._talk.added(data, own, at, out)
        elif kind == "session_info":
            title = one_line(string(data, "name"), 200)
            if title:
                out.append(SessionNamed(at, title=title, rank=NAME))
        else:
            return kind in HIDDEN
        return True


def claims(head: bytes, path: Path | None) -> int:
    """How surely these are the bytes of a session file, which begins with its header, or of the stream."""
    found = seen = told = 0
    session = ""
    for value in head_of(head).records:
        kind = string(value, "type")
        seen += 1
        if seen == 1 and kind == "session" and string(value, "id") and "payload" not in value:
            session = string(value, "id")
        elif session and value.get("parentId") == session:
            return 0  # OpenClaw, which grew out of pi, hangs its entries on the header
        message = table(value, "message")
        if kind in pi_stream.TELLING:
            own = message.get("role") if kind.startswith("message_") else None
            telling = "toolCallId" in value or "assistantMessageEvent" in value or "messages" in value
            good = telling or (type(own) is str and own in _ROLES)
        elif session and kind == "message":
            good = string(message, "role") in _ROLES
        else:
            good = (bool(session) and (kind in _ENTRIES or kind == "session")) or kind in ("agent_start", "turn_start")
        told += good and kind not in ("agent_start", "turn_start", "session")
        found += good
    if not seen:
        return 0
    return (90 if told else 60 if session and b'"cwd"' in head else 30) * found // seen


def owns(path: PurePath) -> bool:
    return path.suffix == ".jsonl"


FORMAT = Format(
    agent="pi",
    title="pi",
    reader=Reader,
    claims=claims,
    where=("$PI_CODING_AGENT_DIR/sessions", "$PI_CODING_AGENT_SESSION_DIR", "~/.pi/agent/sessions"),
    owns=owns,
    kinds=pi_tools.KINDS,
    hidden=HIDDEN,
)
