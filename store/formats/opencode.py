"""OpenCode's sessions: rows of its database, its older folder of files, and `opencode export`. Found by folder.

Rests on exports of 1.18 recorded here, its published schema (`session.sql.ts`) and types, and published folders of 1.3
and 0.1. The same message and part may be told again: what it says then replaces what was said.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Final

from store.decode import type_of, unreadable
from store.events import (
    AdapterSeen,
    At,
    Event,
    NoticeAdded,
    Rewound,
    SessionNamed,
    TurnEnded,
)
from store.formats import opencode_db, opencode_files, opencode_rows
from store.formats.base import Child, Format, Inside, Record
from store.formats.heads import head_of, share
from store.formats.opencode_parts import GOES_ON, HIDDEN_PARTS, PARTS, Message, Parts, failure
from store.formats.opencode_tools import KINDS
from store.formats.values import moment, one_line, string, table
from store.sources.pieces import Pieces

HIDDEN: Final[Mapping[str, str]] = {
    "session": "who, where and when: in the header of the session",
    "message": "the model, the mode and the figures of its parts",
    **HIDDEN_PARTS,
}
MESSAGES: Final = 8192  # that are remembered: their parts may come late
_UNNAMED: Final = re.compile(r"(?:New|Child) session - \d{4}-\d\d-\d\dT")
_SURE: Final = (b'"projectID":', b'"directory":', b'"version":')


class Reader:
    """One per session. Remembers whose parts are whose, and which end is still to be told."""

    def __init__(self) -> None:
        self._id = ""
        self._born: int | None = None  # messages from before are copies, of the session that this one forked
        self._named = ("", "")
        self._messages: OrderedDict[str, Message] = OrderedDict()
        self._last: Message | None = None
        self._reverted = ""
        self._parts = Parts()

    def events(self, record: Record) -> Sequence[Event]:
        data, at = record.data, record.at
        if type(data) is not dict:
            return (unreadable(record, type(data).__name__, "not an object"),)
        out: list[Event] = []
        kind = data.get("table")
        if kind == "part" and type(data.get("data")) is dict:
            made = moment(data.get("time_created"))
            if not self._part(data["data"], string(data, "id"), string(data, "message_id"), at, out, made):
                return (unreadable(record, _label(data["data"]), "unknown type", _at(at, made)),)
        elif kind == "message" and type(data.get("data")) is dict:
            self._message(data["data"], string(data, "id"), _when(at, data.get("time_created")), out)
        elif kind == "session":
            self._session(data, at, out)
        elif type(data.get("info")) is dict and (type(data.get("messages")) is list or type(data.get("parts")) is list):
            return self._export(data, record, out)
        elif string(data, "role") in ("user", "assistant"):
            self._message(data, string(data, "id"), at, out)
        elif string(data, "type") in PARTS or "messageID" in data:
            if not self._part(data, string(data, "id"), string(data, "messageID"), at, out):
                return (unreadable(record, _label(data), "unknown type", at),)
        elif "id" in data and ("directory" in data or "projectID" in data):
            self._session(data, at, out)
        else:
            return (unreadable(record, f"{kind}" if type(kind) is str else type_of(data), "unknown type"),)
        return out

    def _export(self, data: dict[str, Any], record: Record, out: list[Event]) -> Sequence[Event]:
        """A whole session in one object, or a message with its parts."""
        at, info = record.at, table(data, "info")
        messages = data.get("messages")
        whole = type(messages) is list
        if whole:
            self._session(info, at, out)
        for one in messages if type(messages) is list else [data]:
            if type(one) is not dict or type(one.get("info")) is not dict:
                out.append(unreadable(record, "message", "not an object", at))
                continue
            id_ = string(one["info"], "id")
            self._message(one["info"], id_, at, out)
            parts = one.get("parts")
            for part in parts if type(parts) is list else ():
                if type(part) is not dict or not self._part(part, string(part, "id"), id_, at, out):
                    out.append(unreadable(record, _label(part), "unknown type", at))
        if whole:
            self._session(info, at, out)
        return out

    # ---- the session

    def _session(self, info: dict[str, Any], at: At, out: list[Event]) -> None:
        """Its row. Told again, it says that all messages were told, and what has changed."""
        self._settle(out)
        time = table(info, "time")
        again = bool(self._id)
        at = _when(at, info.get("time_updated") or time.get("updated"))
        if not again:
            self._id = string(info, "id") or f"@{at.file}:{at.offset}"
            self._born = moment(info.get("time_created") or time.get("created"))
            if not at.agent:
                begun = _at(at, self._born)
                out.append(AdapterSeen(begun, "opencode", string(info, "version")))
                out.append(SessionNamed(begun, self._id, cwd=string(info, "directory")))
        title = one_line(string(info, "title"), 200)
        if title and not at.agent and not _UNNAMED.match(title) and self._named[1] != title:
            self._named = (self._named[0], title)
            out.append(SessionNamed(at, title=title, rank=5))
        if again:
            self._revert(table(info, "revert"), at, out)

    def _revert(self, told: dict[str, Any], at: At, out: list[Event]) -> None:
        """The conversation was taken back to a message: it and what follows is no more part of it."""
        first = string(told, "messageID")
        if first == self._reverted:
            return
        self._reverted = first
        if first not in self._messages:
            return
        left: list[str] = []
        for name in reversed(self._messages):  # it is nearly always one of the last
            left.append(name)
            if name == first:
                break
        left.reverse()
        part = string(told, "partID")
        rows = [row for name in left for row in self._messages.pop(name).rows]
        if part in rows:
            rows = rows[rows.index(part) :]
        if rows:
            out.append(Rewound(at, rows[0]))
            out.append(NoticeAdded(at, f"{first}#revert", "branch", "Reverted to an earlier message"))

    # ---- messages and parts

    def _message(self, info: dict[str, Any], id_: str, at: At, out: list[Event]) -> None:
        time = table(info, "time")
        created = moment(time.get("created"))
        id_ = id_ or f"@{at.file}:{at.offset}"
        at = _at(at, created)
        message = self._messages.get(id_)
        known = message is not None
        if message is None:
            self._settle(out)
            if self._last is not None:
                self._last.said = {}  # its prompt is complete
            message = self._messages[id_] = Message(id_, string(info, "role"))
            message.copied = created is not None and self._born is not None and created < self._born
            if len(self._messages) > MESSAGES:
                self._messages.popitem(last=False)
        self._last = message
        message.ts = created
        message.summary = info.get("summary") is True
        model = table(info, "model")
        message.llm = string(info, "modelID") or string(model, "modelID") or string(model, "id") or message.llm
        mode = string(info, "agent") or string(info, "mode")
        if not at.agent:
            self._parts.settings(message, mode, at, out)
            cwd = string(table(info, "path"), "cwd")
            if cwd and not self._named[0] and not self._id:
                self._named = (cwd, self._named[1])
                out.append(SessionNamed(at, string(info, "sessionID"), cwd=cwd))
        if message.role != "assistant":
            return
        message.error = info.get("error") if type(info.get("error")) is dict else message.error
        message.completed = moment(time.get("completed")) or message.completed
        message.finish = string(info, "finish") or message.finish
        message.at = _at(at, message.completed or created)
        if known:
            self._end(message, out)  # all of it was told before

    def _part(
        self, part: dict[str, Any], id_: str, message_id: str, at: At, out: list[Event], made: int | None = None
    ) -> bool:
        """False: of a kind that is not known. `made`: when its row was."""
        message = self._messages.get(message_id) if message_id else self._last
        if message is None:
            message = Message(message_id, "assistant")
        return self._parts.part(part, id_ or f"@{at.file}:{at.offset}", message, at, out, made)

    def _settle(self, out: list[Event]) -> None:
        """The message that was told last has all of its parts."""
        if self._last is not None and self._last.role == "assistant":
            self._end(self._last, out)

    def _end(self, message: Message, out: list[Event]) -> None:
        if message.error is not None and not message.failed:
            message.failed = True
            kind, level, text, detail = failure(message.error)
            row = f"{message.id}#error"
            message.rows.append(row)
            out.append(NoticeAdded(message.at, row, kind, text, level, detail))  # type: ignore[arg-type]
            if not message.over:
                message.over = True
                status = "cancelled" if kind == "interruption" else "error"
                out.append(TurnEnded(message.at, status, None, self._parts.turn_cost()))
        elif message.completed and message.finish not in GOES_ON and not message.over:
            message.over = True
            out.append(TurnEnded(message.at, "success", None, self._parts.turn_cost()))
        if message.completed:
            self._parts.settled(message, out)


def _label(part: Any) -> str:
    kind = string(part, "type") if type(part) is dict else type(part).__name__
    return f"part/{kind or 'no type'}"


def _at(at: At, ts: int | None) -> At:
    return at if ts is None else At(ts, at.file, at.offset, at.length, at.agent, at.parent)


def _when(at: At, stamp: Any) -> At:
    return _at(at, moment(stamp))


# ---- where they are


def claims(head: bytes, path: Path | None) -> int:
    """How surely these are the bytes of a session, or of one of the files that it is made of."""
    if any(type(record.get("table")) is str for record in head_of(head).records[:4]):
        return share(head, _is_row)
    first = head[:8192].lstrip(b" \t\r\n\xef\xbb\xbf")
    if not first.startswith(b"{"):
        return 0
    first = first.replace(b'": ', b'":')
    if re.match(rb'\{\s*"info":\{\s*"id":"', first) and b'"sessionID":' in first + head[-4096:]:
        return 90
    if b'"part":' in first or b'"jsonrpc":' in first:
        return 0
    if all(word in first for word in _SURE):
        return 90
    if b'"sessionID":' in first and (b'"messageID":' in first or b'"role":' in first) and b'"id":"' in first:
        return 85
    if path is not None and "part" in path.parts[-3:-1] and b'"type":"' in first and b'"id":"' in first:
        return 60
    return 70 if b'"messageID":' in first and b'"callID":' in first else 0


def _is_row(record: dict[str, Any]) -> bool:
    kind = record.get("table")
    if kind == "session":
        return "directory" in record or "project_id" in record
    return kind in ("message", "part") and "session_id" in record and type(record.get("data")) is dict


def owns(path: PurePath) -> bool:
    """A session's file in the older folder."""
    return len(path.parts) == 2 and path.suffix == ".json" and path.name.startswith("ses")


def view(path: Path) -> Pieces | None:
    known = opencode_db.named(path)
    if known is not None:
        return opencode_rows.Rows(*known)
    return opencode_files.Files(path) if opencode_files.is_session(path) else None


def part_of(path: Path) -> str:
    try:
        return opencode_db.parent_of(path) or opencode_files.parent_of(path)
    except OSError:
        return ""


def children(path: Path) -> Iterable[Child]:
    """The sessions that a session's `task` calls started."""
    return opencode_files.children(path) if opencode_files.is_session(path) else opencode_db.children(path)


def inside(path: Path) -> Iterator[Inside]:
    return opencode_db.inside(path)


def names(data: dict[str, Any]) -> str:
    kind = string(data, "table")
    if kind or type(data.get("info")) is dict:
        inner = table(data, "data")
        return kind if kind and not (kind == "part" and inner) else _label(inner) if kind else "export"
    if string(data, "role"):
        return "message"
    return _label(data) if "messageID" in data or string(data, "type") in PARTS else "session"


FORMAT = Format(
    agent="opencode",
    title="OpenCode",
    reader=Reader,
    claims=claims,
    where=(
        "$XDG_DATA_HOME/opencode/opencode.db", "~/.local/share/opencode/opencode.db",
        "$XDG_DATA_HOME/opencode/storage/session", "~/.local/share/opencode/storage/session",
    ),
    owns=owns,
    deep=1,
    part_of=part_of,
    view=view,
    inside=inside,
    children=children,
    kinds=KINDS,
    hidden=HIDDEN,
    names=names,
)  # fmt: skip
