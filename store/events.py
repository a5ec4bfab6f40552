"""What an agent did: one small immutable fact per class. Formats make them, the fold takes them.

Times are integer microseconds UTC, or None when the record says nothing. Item ids are made by the format from the
record's own ids, so that reading the same bytes twice names the same items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, Union

from msgspec import Struct

ItemId: TypeAlias = str
Status: TypeAlias = Literal["pending", "running", "ok", "failed", "cancelled", "waiting"]
TERMINAL: frozenset[str] = frozenset({"ok", "failed", "cancelled"})


class At(Struct, frozen=True, gc=False, array_like=True):
    """Where an event comes from: one per record, shared by all of its events."""

    ts: int | None = None  # microseconds UTC
    file: int = 0  # index into the session's files; 0 is the main one
    offset: int = 0  # byte offset of the record in that file
    length: int = 0  # bytes of the record, without the newline
    agent: str = ""  # '' is the main agent, else the subagent's id
    parent: ItemId | None = None  # the tool call that started the subagent


class Hunk(Struct, frozen=True, gc=False, omit_defaults=True):
    """One piece of a diff; every line starts with ' ', '+' or '-'."""

    old_start: int
    new_start: int
    lines: tuple[str, ...]
    path: str = ""  # the file, where one call may change several


class Option(Struct, frozen=True, gc=False):
    """One answer to a permission question."""

    id: str
    name: str
    kind: str = ""


class Tokens(Struct, frozen=True, gc=False, array_like=True):
    """What requests to one LLM took. `input` is without what was read from the cache or written to it."""

    llm: str = ""
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0  # for five minutes and for one hour together
    cache_write_1h: int = 0
    searches: int = 0  # on the web
    tier: str = ""  # 'batch' and 'fast' have prices of their own
    cost_usd: float | None = None  # as the agent tells it


class Event(Struct, frozen=True, gc=False, array_like=True, tag=True, tag_field="event"):
    at: At  # packed as arrays that begin with the class's name: an import reads in one process and folds in another


# ---- plain notifications: a run of them is one store append -------------------------------------------------------


class PromptText(Event, frozen=True, gc=False):
    """Something said to the agent, as its transcript tells it. Said again with more behind it, it has grown."""

    item: ItemId
    text: str
    origin: str = "human"  # human, command, queued, injected, task, agent (the prompt of a subagent)
    images: int = 0


class TextDelta(Event, frozen=True, gc=False):
    """The next piece of an answer that is being streamed."""

    item: ItemId
    text: str


class ThoughtDelta(Event, frozen=True, gc=False):
    item: ItemId
    text: str


class MessageDone(Event, frozen=True, gc=False):
    """A whole answer; it wins over whatever was streamed under the same id."""

    item: ItemId
    text: str
    llm: str = ""


class ThoughtDone(Event, frozen=True, gc=False):
    item: ItemId
    text: str
    hidden: bool = False  # the provider keeps the text to itself


class ToolStarted(Event, frozen=True, gc=False):
    """A tool call; said again for the same id it fills in what is new."""

    item: ItemId
    name: str
    kind: str = "tool"  # tool, tool.shell, tool.edit, tool.read, tool.search, tool.web, tool.agent, tool.todo, tool.mcp
    title: str = ""  # one line: the command, the path, the query
    input: str = ""  # JSON text; '' while it is still being streamed
    status: Status = "running"


class ToolInput(Event, frozen=True, gc=False):
    """The next piece of a tool call's streamed JSON input."""

    item: ItemId
    text: str


class ToolUpdated(Event, frozen=True, gc=False):
    """News of a tool call: None means 'as before'. A terminal status ends it."""

    item: ItemId
    status: Status | None = None
    output: str | None = None
    append: bool = False  # output is a further piece, not the whole
    title: str | None = None
    kind: str | None = None
    exit_code: int | None = None
    hunks: tuple[Hunk, ...] | None = None
    child_agent: str | None = None  # id of the subagent that this call started
    duration_us: int | None = None
    images: int = 0
    answer: str | None = None  # what became of a question about it, in words
    rest: str | None = None  # folder/name below the session's own: the file that has all of the output (`store.rest`)


class NoticeAdded(Event, frozen=True, gc=False):
    """Something that happened to the session rather than in it."""

    item: ItemId
    kind: str  # compaction, interruption, api_error, hook, info, result, limit, mode, branch
    text: str
    level: Literal["info", "warning", "error"] = "info"
    detail: str = ""


class PlanSet(Event, frozen=True, gc=False):
    """The whole plan, replacing the one before under the same id. Entries are (text, status)."""

    item: ItemId
    entries: tuple[tuple[str, str], ...]


class TurnEnded(Event, frozen=True, gc=False):
    """The agent is idle again, as the format says it."""

    status: str = "success"
    duration_us: int | None = None
    cost_usd: float | None = None  # of this turn
    used: tuple[Tokens, ...] = ()  # by this turn, per LLM: all of it, also what no record tells
    reason: str = ""  # why it stopped, where that is told besides the status
    since: bool = False  # cost and used are of everything since the last end that told them
    past: bool = False  # of a session that was loaded: told again, and news to nobody


class Spent(Event, frozen=True, gc=False):
    """What a request took so far. Said again under its key it has grown; anywhere else, too, it is the same request."""

    key: str  # '' has no name, and is told once
    tokens: Tokens


class Usage(Event, frozen=True, gc=False):
    """Context used and its size in tokens; None or anything not a number is 'unknown'."""

    used: int | None = None
    size: int | None = None


class ConfigChanged(Event, frozen=True, gc=False):
    mode: str | None = None
    llm: str | None = None


class AdapterSeen(Event, frozen=True, gc=False):
    """Which program wrote this, and its version."""

    adapter: str
    version: str = ""


class Compacting(Event, frozen=True, gc=False):
    """Compaction began (on) or is over, whichever way it ended (off)."""

    on: bool


class Compacted(Event, frozen=True, gc=False):
    """The conversation was compacted here."""

    item: ItemId
    text: str
    before: int | None = None
    after: int | None = None


class SessionNamed(Event, frozen=True, gc=False):
    """What is known about the session itself; '' means 'not said'. A higher rank of title wins, then the later one."""

    id: str = ""
    title: str = ""
    rank: int = 0
    cwd: str = ""
    branch: str = ""


class Rewound(Event, frozen=True, gc=False):
    """The conversation goes on before this item: it and everything after it leaves the live path."""

    item: ItemId


class Unreadable(Event, frozen=True, gc=False):
    """A record or line that was not understood. Kept, shown quietly, counted."""

    item: ItemId
    type: str
    reason: str
    excerpt: str = ""


# ---- events with a JSON-RPC id: handled alone, in their place among the runs ---------------------------------------


class PromptSent(Event, frozen=True, gc=False):
    """The echo of a prompt request. A steer joins the running turn and owns none."""

    rpc: str | int
    item: ItemId
    text: str
    steer: bool = False
    images: int = 0


class Answered(Event, frozen=True, gc=False):
    """A response; with a stop reason it ends the turn of the prompt with that id."""

    rpc: str | int
    stop_reason: str | None = None
    error: str = ""
    cost_usd: float | None = None  # of the turn that it ends
    used: tuple[Tokens, ...] = ()  # by that turn, per LLM


class Asked(Event, frozen=True, gc=False):
    """The agent wants permission, or an answer, before it goes on."""

    rpc: str | int
    item: ItemId
    title: str
    options: tuple[Option, ...] = ()


class Called(Event, frozen=True, gc=False):
    """Any other request or response: kept in order, shown only where it says something."""

    rpc: str | int
    method: str
    text: str = ""


WITH_ID: tuple[type[Event], ...] = (PromptSent, Answered, Asked, Called)
if TYPE_CHECKING:
    AnyEvent: TypeAlias = Event
else:
    AnyEvent = Union[tuple(Event.__subclasses__())]  # noqa: UP007 - every kind there is
