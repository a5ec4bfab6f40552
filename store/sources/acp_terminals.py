"""Terminals of an ACP session: commands that we run for the agent, in the session's folder. For `store.sources.acp`."""

from __future__ import annotations

import codecs
import os
import shlex
import threading
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from store.errors import StoreError
from store.sources.acp_files import RefusedError
from store.sources.process import Closed, Exited, Fact, Killed, Process

MOST: Final = 16  # terminals at a time
LIMIT: Final = 1 << 20  # bytes of output that are kept for the agent
TOLD: Final = 4 << 20  # bytes of output that are shown and recorded
KEPT: Final = 100  # terminals that the agent has not released; of those that are over, the oldest are forgotten
WAITERS: Final = 100  # requests that wait for the end of one
_UNSEEN: Final = ("Cc", "Cf", "Zl", "Zp")
_SHELL: Final = frozenset(" \t|&;<>()$`\"'*?\n")


class Terminal:
    """One command. `tell` gets notes for the journal; `number` is that of the request that it was started for."""

    def __init__(
        self,
        id: str,
        number: int,
        argv: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        limit: int,
        tell: Callable[[dict[str, Any]], None],
        around: Mapping[str, str] | None = None,
    ) -> None:
        self.id = id
        self._name = {"terminal": id, "n": number}
        self._limit = min(max(0, limit), LIMIT)
        self._tell = tell
        self._lock = threading.Lock()
        self._kept = bytearray()
        self._cut = False
        self._told = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._closed = False
        self._exit: Exited | Killed | None = None
        self._waiters: list[Callable[[dict[str, Any]], None]] = []
        self._enders: list[Callable[[], None]] = []
        self._process = Process(
            argv, cwd, {**(os.environ if around is None else around), **env},
            out=self._more, err=self._more, fact=self._fact,
        )  # fmt: skip  # raises StoreError

    @property
    def alive(self) -> bool:
        return self._exit is None

    def output(self) -> dict[str, Any]:
        """What `terminal/output` answers."""
        with self._lock:
            data, cut = bytes(self._kept), self._cut
        while cut and data and data[0] & 0xC0 == 0x80:  # the first character was cut in two
            data = data[1:]
        return {"output": data.decode("utf-8", "replace"), "truncated": cut, "exitStatus": self._status()}

    def wait(self, done: Callable[[dict[str, Any]], None]) -> None:
        """Call `done` with the exit status, now or when there is one. Raises RefusedError."""
        with self._lock:
            if self._exit is None:
                _bounded(self._waiters)
                self._waiters.append(done)
                return
        done(self._status() or {})

    def kill(self) -> None:
        """End it with all that it started. Blocks until that is done."""
        self._process.terminate()

    def end(self, done: Callable[[], None]) -> None:
        """The same on a thread, one however often it is asked for; then `done`. Raises RefusedError."""
        with self._lock:
            _bounded(self._enders)
            self._enders.append(done)
            if len(self._enders) > 1:
                return
        threading.Thread(target=self._end, name="acp-kill", daemon=True).start()

    def _end(self) -> None:
        if self.alive:
            self.kill()
        with self._lock:
            enders, self._enders = self._enders, []
        for done in enders:
            done()

    def _status(self) -> dict[str, Any] | None:
        match self._exit:
            case Exited(code=code):
                return {"exitCode": code, "signal": None}
            case Killed(signal=number):
                return {"exitCode": None, "signal": str(number)}
        return None

    def _more(self, data: bytes) -> None:
        with self._lock:
            self._kept += data
            if len(self._kept) > self._limit:
                del self._kept[: len(self._kept) - self._limit]
                self._cut = True
            if self._told >= TOLD:
                return
            text = self._decoder.decode(data)
            self._told += len(data)
            if self._told >= TOLD:
                text += f"\n[More than {TOLD >> 20} MB: the rest is not shown.]\n"
        if text:
            self._tell({"is": "output", **self._name, "output": text})

    def _fact(self, fact: Fact) -> None:
        if isinstance(fact, Closed):
            return
        with self._lock:
            self._exit = fact
            waiters, self._waiters = self._waiters, []
        status = self._status() or {}
        self._tell({"is": "exit", **self._name, **status})
        for done in waiters:
            done(status)


class Terminals:
    """All of a session. Methods raise RefusedError."""

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self.around: Mapping[str, str] | None = None  # the environment that commands begin with; None: ours
        self._tell = tell
        self._lock = threading.Lock()
        self._all: dict[str, Terminal] = {}
        self._released: list[Terminal] = []  # and still at their end
        self._count = 0
        self._closed = False

    def start(self, number: int, argv: Sequence[str], cwd: Path, env: Mapping[str, str], limit: int) -> str:
        """Start a command; the id of its terminal."""
        with self._lock:
            if self._closed:  # nobody would end it
                raise RefusedError("The session is closing.", -32603)
            return self._start(number, argv, cwd, env, limit)

    def _start(self, number: int, argv: Sequence[str], cwd: Path, env: Mapping[str, str], limit: int) -> str:
        if sum(terminal.alive for terminal in self._all.values()) >= MOST:
            raise RefusedError(f"{MOST} terminals are open; that is the most.", -32603)
        self._count += 1
        id = f"term-{self._count}"
        try:
            self._all[id] = Terminal(id, number, argv, cwd, env, limit, self._tell, self.around)
        except StoreError as error:
            raise RefusedError(str(error), -32603) from error
        while len(self._all) > KEPT:
            del self._all[next(id for id, terminal in self._all.items() if not terminal.alive)]
        return id

    def get(self, id: Any) -> Terminal:
        terminal = self._all.get(id) if isinstance(id, str) else None
        if terminal is None:
            raise RefusedError(f"There is no terminal {id}.")
        return terminal

    def release(self, id: Any) -> Terminal:
        """Forget it; whoever asked still has it, to end it."""
        terminal = self.get(id)
        with self._lock:
            del self._all[terminal.id]
            self._released = [one for one in (*self._released, terminal) if one.alive]
        return terminal

    def close(self) -> None:
        """End all of them, and start none any more. Blocks until that is done."""
        with self._lock:
            self._closed = True
            every = [*self._all.values(), *self._released]
        for terminal in every:
            if terminal.alive:
                terminal.kill()


def _bounded(waiting: Sequence[object]) -> None:
    if len(waiting) >= WAITERS:
        raise RefusedError(f"{WAITERS} requests wait for its end; that is the most.", -32603)


def shown(argv: Sequence[str], env: Mapping[str, str], folder: str = "") -> str:
    """A command as the user is asked about it: all that decides what it does, and no sign that hides or turns any."""
    line = argv[2] if len(argv) == 3 and tuple(argv[:2]) == ("/bin/sh", "-c") else shlex.join(argv)
    words = [f"{name}={shlex.quote(value)}" for name, value in sorted(env.items())]
    return plain(" ".join([*words, line]) + (f" in {folder}" if folder else ""))


def plain(text: str) -> str:
    """A text of the agent's in one line, with signs that cannot be seen written out."""
    return "".join(
        one.encode("unicode_escape").decode() if unicodedata.category(one) in _UNSEEN else one for one in text
    )


def command_of(params: Mapping[str, Any]) -> tuple[str, ...]:
    """The words of `terminal/create`. A line with signs of a shell in it, and no arguments, is one for the shell."""
    command, args = params.get("command"), params.get("args")
    if not isinstance(command, str) or not command.strip() or "\0" in command:
        raise RefusedError("There is no command.")
    if args and (not isinstance(args, list) or not all(isinstance(word, str) and "\0" not in word for word in args)):
        raise RefusedError("The arguments are no list of words.")
    if not args and not _SHELL.isdisjoint(command) and os.name != "nt":
        return ("/bin/sh", "-c", command)
    return (command, *(args or ()))


def env_of(params: Mapping[str, Any]) -> dict[str, str]:
    """The environment that a terminal gets besides ours."""
    given = params.get("env")
    found = {}
    for one in given if isinstance(given, list) else ():
        if isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("value"), str):
            name, value = one["name"], one["value"]
            if name and "=" not in name and "\0" not in name + value:
                found[name] = value
    return found
