"""The contract of a runner: one file per agent CLI in this package, found by folder; nothing else names a program.

A runner says what its CLI can, how a prompt becomes a command line, and what the end of a run means. It starts nothing
itself: that is `store.runs`. A prompt is exactly one argument, or standard input; no shell ever sees it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

import orjson
from msgspec import Struct

from store.attach import Attached
from store.errors import StoreError
from store.events import Option
from store.sources.process import Exited, Killed

BELIEVED: Final = 10**15  # tokens, turns, millionths of a dollar
ARGUMENT: Final = 120_000  # bytes of one argument: Linux takes 128 KiB
CHATTER: Final = frozenset({"Reading additional input from stdin..."})  # said in runs that are well
LINE: Final = 64 << 20  # bytes of one line of output that are looked at as a record


_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}")


class Ability(Struct, frozen=True):
    """Whether something can be had; `why` is one sentence for the user when it cannot."""

    ok: bool
    why: str = ""


YES: Final = Ability(True)


class Abilities(Struct, frozen=True):
    """What a runner can do. `modes`: permission modes, the most cautious first; none: nothing to choose."""

    resume: Ability
    fork: Ability
    compact: Ability
    permissions: Ability
    live: Ability  # whether a prompt can be given to a process that runs already
    modes: tuple[str, ...] = ()
    command: Ability = Ability(False, "This runner knows its program: it takes no command.")  # whether it needs one
    images: Ability = Ability(False, "It takes no images with a prompt from here.")  # as images, not as their paths
    texts: Ability = Ability(False)  # whether the text of a file can go along, apart from what was typed
    unsaid: str = "The program's own default"  # what no permission mode means; '': the first of them


class Ask(Struct, frozen=True):
    """What a run is to do. `resume`: the agent's session id to go on from; '' begins a new one.

    `permission`: one of the runner's `modes`; '' is the program's own default. `llm`: '' is the program's own.
    `compact`: the conversation is to be compacted, `prompt` being instructions for that. `input`: what a shell command
    finds on its standard input. `command`: the agent's own command line, for a runner that needs one.
    """

    prompt: str
    cwd: Path
    resume: str = ""
    fork: bool = False
    permission: str = ""
    llm: str = ""
    compact: bool = False
    input: bytes | None = None
    command: str = ""
    images: tuple[Attached, ...] = ()  # that go along; other files are named in the prompt
    attended: bool = False  # somebody is there to answer what the agent asks, where its runner can be answered


class Command(Struct, frozen=True):
    """What is started: no shell in between. `stdin` None: nothing to read there. `env`: besides the user's own."""

    argv: tuple[str, ...]
    stdin: bytes | None = None
    env: Mapping[str, str] = {}


class Outcome(Struct, frozen=True):
    """What came of a run, from its own result record where it printed one.

    `stale`: the session it was to go on from is not there any more. `session`: the id that came back; None: none did.
    Figures are of this run; None is unknown, never zero. `cost_micros`: millionths of a dollar; `in_all`: of the whole
    session, as it was told, which only `store.runs` sees: it takes off what was spent before.
    """

    ok: bool
    stale: bool = False
    session: str | None = None
    text: str = ""
    errors: tuple[str, ...] = ()
    turns: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cost_micros: int | None = None
    in_all: bool = False
    note: str = ""  # what else there is to say of a run that went well
    told: bool = False  # the agent itself said how it ended, so that nobody need have seen its process end


End = Exited | Killed | None  # how the process ended; None: it never ran, or nobody saw


class Child(Protocol):
    """What runs: a process, or what stands for one."""

    pid: int

    @property
    def ended(self) -> Exited | Killed | None: ...
    def stderr(self) -> bytes: ...
    def join(self, timeout: float | None = None) -> Exited | Killed | None: ...
    def interrupt(self) -> None: ...
    def terminate(self, grace: float = 2.0) -> bool: ...


class Reply(Struct, frozen=True):
    """What came of an answer: with `options` the next question, without any what became of it, in words."""

    text: str
    options: tuple[Option, ...] = ()


@runtime_checkable
class Answering(Protocol):
    """What runs and can be answered while it runs."""

    def answer(self, rpc: str, option: str) -> Reply | None: ...


class Runner(Struct, frozen=True):
    """One CLI. `agent`: the format of the sessions it goes on with. `program`: looked for on the user's PATH."""

    name: str
    title: str
    agent: str
    program: str
    abilities: Abilities
    command: Callable[[Ask], Command]
    outcome: Callable[[Iterable[bytes], bytes, End], Outcome]  # (lines of stdout, end of stderr, how it ended)
    transcript: Callable[[str, Path], Path | None] | None = None
    """(session id, cwd) → its file as it is now. None instead of a function: this agent keeps no file that we know."""
    provisional: bool = False  # rows of its stdout have the ids of its file's: they may be shown before it is written
    terminal: Callable[[str, bool], tuple[str, ...]] = lambda session, fork: ()
    """(session id, as a fork) → the words with which a person goes on with it in a terminal; none: there is no way."""
    compaction: bytes = b""  # what stands in the record of a compaction in its file
    script: bool = False  # what it runs is a command of the user's: it takes triggers of that kind, and no others
    over: bytes = b""  # what stands in the record of its stdout that says how it ended
    stream: str = ""  # the format of its stdout, where it has one
    apart: str = ""  # the format of its sessions, where each run makes one of its own and none is gone on with in place
    elsewhere: str = ""  # then: the sentence that says how to go on, with {id} for the session's
    spent: Callable[[Path], int | None] | None = None  # transcript → micros its session has cost so far; None: unknown
    holder: Callable[[Path], int | None] | None = None  # transcript → pid of a program that has it open, or None
    launch: Callable[..., Child] | None = None
    """(ask, argv, cwd, env, out=, fact=) → what runs, for an agent that is talked to; its output is what `out` gets."""
    talk: Callable[..., Child] | None = None  # the same of an agent that asks, when somebody is there to answer


def words_of(line: str, missing: str) -> tuple[str, ...]:
    """A command line taken apart; no shell sees it. Raises StoreError: it is none, or, as `missing`, has no words."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise StoreError(f"This is no command line: {error}.") from error
    if not words:
        raise StoreError(missing)
    return tuple(words)


def is_id(session: str) -> bool:
    """Whether that can be a session's id on a command line: never an option, a path or words."""
    return _ID.fullmatch(session) is not None


def refuse(asked: Ask, abilities: Abilities, title: str) -> str:
    """The sentence that says why this cannot be asked of a runner; '' when it can. Nothing is dropped silently."""
    wanted = (
        (bool(asked.resume), abilities.resume),
        (asked.fork, abilities.fork),
        (asked.compact, abilities.compact),
        (bool(asked.permission), abilities.permissions),
        (bool(asked.command), abilities.command),
        (bool(asked.images), abilities.images),
    )
    for is_wanted, ability in wanted:
        if is_wanted and not ability.ok:
            return ability.why
    if asked.permission and asked.permission not in abilities.modes:
        return f"{title} has no permission mode called {asked.permission}: use one of {', '.join(abilities.modes)}."
    if asked.resume and not is_id(asked.resume):
        return "The id of this session is none that could be given to a program."  # it comes from a file's records
    if asked.fork and not asked.resume:
        return "A fork needs the session that it is made of."
    if not asked.prompt.strip() and not asked.compact and not asked.images:
        return "There is no prompt to send."
    if "\0" in asked.prompt:
        return "A prompt cannot have NUL characters in it: remove them."
    return ""


def records(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The JSON objects among the lines of an output. What is none is passed over: CLIs print all sorts of things."""
    for line in lines:
        line = line.strip()
        if line[:1] != b"{" or len(line) > LINE:
            continue
        try:
            record = orjson.loads(line)
        except ValueError:
            continue
        if type(record) is dict:
            yield record


def count(value: Any) -> int | None:
    """A figure of a record; None where there is none, or more than is believed: it would not fit into a row."""
    return value if type(value) is int and 0 <= value <= BELIEVED else None


def micros(dollars: Any) -> int | None:
    """What something cost, in millionths of a dollar; None as above."""
    known = type(dollars) in (int, float) and 0 <= dollars * 1_000_000 <= BELIEVED
    return round(dollars * 1_000_000) if known else None


def text(value: Any) -> str:
    return value if type(value) is str else ""


def tail(stderr: bytes, lines: int = 3) -> tuple[str, ...]:
    """The last lines of what a program complained about, for the user."""
    said = [line.strip() for line in plain(stderr).splitlines() if line.strip()]
    return tuple(line for line in said if line not in CHATTER)[-lines:]


def plain(data: bytes) -> str:
    """Text without colour codes."""
    return re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", data.decode("utf-8", "replace"))


def ended_well(end: End) -> bool:
    return isinstance(end, Exited) and end.code == 0
