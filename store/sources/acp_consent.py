"""What an ACP agent may do in the session's folder: asked of the user once, or once for the session.

A request waits here between its question and the answer. For `store.sources.acp`; the thread that works is here too.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from store.sources.acp_files import Folder, RefusedError
from store.sources.acp_terminals import Terminals, command_of, env_of, plain, shown
from store.sources.acp_wire import Asked, Wire

log = logging.getLogger(__name__)

ALWAYS: Final = {
    "read": "Allow reading in this folder for this session",
    "write": "Allow writing in this folder for this session",
    "run": "Allow this command for this session",
}
FAILED: Final = -32603
PENDING: Final = 1_000  # requests that are not worked on yet; then nothing more is read of the agent
CANCELLED: Final = -32800
_TERMINAL: Final = ("terminal/output", "terminal/wait_for_exit", "terminal/kill", "terminal/release")
METHODS: Final = frozenset({"fs/read_text_file", "fs/write_text_file", "terminal/create", *_TERMINAL})


class Wish:
    """A request that waits for the user. `do` is what is done then, on our thread."""

    def __init__(self, asked: Asked, kind: str, key: str, do: Callable[[], Any]) -> None:
        self.asked, self.kind, self.key, self.do = asked, kind, key, do


class Consent:
    """See the module. `ready` says which session's requests are answered."""

    def __init__(self, wire: Wire, cwd: Path) -> None:
        self._wire = wire
        self.folder = Folder(cwd)
        self.terminals = Terminals(wire.note_now)
        self.rule: Callable[[str], bool] | None = None  # answers instead of a user: read, write, run
        self.refusal = "The user refused."
        self._allowed: set[str] = set()
        self._waiting: dict[int, Wish] = {}
        self._lock = threading.Lock()
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None  # made with the first request

    # ---- the agent's side, on the reader's thread

    def take(self, asked: Asked) -> None:
        """A request for a file or a terminal."""
        while self._work.qsize() > PENDING and not self._over.wait(0.05):
            pass  # it asks faster than we can answer: let it wait, as a full pipe would
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="acp-files", daemon=True)
            self._thread.start()
        self._later(asked, lambda: self._begin(asked))

    def withdrawn(self, id: Any) -> bool:
        """The agent takes a request back. False: it does not wait here."""
        with self._lock:
            found = next((number for number, wish in self._waiting.items() if wish.asked.id == id), None)
            wish = self._waiting.pop(found) if found is not None else None
        if wish is None:
            return False
        self._wire.error(wish.asked, CANCELLED, "cancelled")
        return True

    @property
    def open(self) -> int:
        return len(self._waiting)

    # ---- the user's side

    def answer(self, number: int, option: str) -> bool:
        """Once, always, or no. False: nothing waits under that number."""
        with self._lock:
            wish = self._waiting.pop(number, None)
        if wish is None:
            return False
        if option == "always":
            self._allowed.add(wish.key)
        if option in ("once", "always"):
            text = "Allowed once" if option == "once" else f"Allowed: {ALWAYS[wish.kind].removeprefix('Allow ')}"
            self._wire.note({"is": "consented", "n": number, "ok": True, "text": text})
            self._later(wish.asked, lambda: self._wire.result(wish.asked, wish.do()))
        else:
            self._wire.note({"is": "consented", "n": number, "ok": False, "text": "Refused"})
            self._wire.error(wish.asked, FAILED, self.refusal)
        return True

    def cancel(self) -> None:
        """The turn is cancelled: nobody will answer what waits."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for number, wish in waiting.items():
            self._wire.note({"is": "consented", "n": number, "ok": False, "text": "Cancelled before it was answered"})
            self._wire.error(wish.asked, CANCELLED, "cancelled")

    def close(self) -> None:
        """Nothing more is begun; terminals end. Blocks until they have. A file that is being written is written."""
        self._over.set()
        self._work.put(None)
        self.terminals.close()

    # ---- our thread

    def _later(self, asked: Asked, do: Callable[[], None]) -> None:
        def work() -> None:
            try:
                do()
            except RefusedError as error:
                self._wire.error(asked, error.code, str(error))

        self._work.put(work)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            self._wire.room()
            if self._over.is_set():
                return  # what was allowed a moment ago is not done behind the back of whoever ended the session
            try:
                work()
            except Exception:  # ours: the agent is not left without an answer for ever by the next one
                log.exception("a request of an ACP agent failed")

    def _begin(self, asked: Asked) -> None:
        params, wire = asked.params, self._wire
        match asked.method:
            case "fs/read_text_file":
                path = _text(params, "path")
                self.folder.inside(path)
                line, limit = _count(params, "line"), _count(params, "limit")
                self._ask(asked, "read", "read", f"Read {plain(path)}?",
                          lambda: {"content": self.folder.read(path, line, limit)}, {})  # fmt: skip
            case "fs/write_text_file":
                path, text = _text(params, "path"), params.get("content")
                if not isinstance(text, str):
                    raise RefusedError("There is no content to write.")
                self.folder.inside(path)

                def write() -> dict[str, str]:
                    self.folder.write(path, text)
                    return {}

                more = {"old": self.folder.before(path), "new": text, "path": path}
                self._ask(asked, "write", "write", f"Write {plain(path)}?", write, more)
            case "terminal/create":
                self._create(asked)
            case "terminal/output":
                wire.result(asked, self.terminals.get(params.get("terminalId")).output())
            case "terminal/wait_for_exit":
                self.terminals.get(params.get("terminalId")).wait(lambda status: wire.result(asked, status))
            case method:
                known, id = self.terminals, params.get("terminalId")
                terminal = known.release(id) if method == "terminal/release" else known.get(id)
                terminal.end(lambda: wire.result(asked, {}))  # it may take two seconds

    def _create(self, asked: Asked) -> None:
        argv, env = command_of(asked.params), env_of(asked.params)
        given = asked.params.get("cwd")
        cwd = self.folder.inside(given) if isinstance(given, str) and given else self.folder.root
        limit = _count(asked.params, "outputByteLimit")

        def start() -> dict[str, str]:
            where = self.folder.inside(str(cwd))  # it may have become a link since
            most = 1 << 20 if limit is None else limit
            return {"terminalId": self.terminals.start(asked.number, argv, where, env, most)}

        below = "" if cwd == self.folder.root else str(cwd.relative_to(self.folder.root))
        key = "run " + "\0".join([*argv, str(cwd), *(f"{name}={value}" for name, value in sorted(env.items()))])
        self._ask(asked, "run", key, f"Run {shown(argv, env, below)}?", start, {})

    def _ask(self, asked: Asked, kind: str, key: str, title: str, do: Callable[[], Any], more: dict[str, Any]) -> None:
        """Do it, if it is allowed already; else ask."""
        if key in self._allowed:
            if more:
                self._wire.note({"is": "consented", "n": asked.number, "ok": True, "text": "Allowed for this session",
                                 **more})  # fmt: skip
            self._wire.result(asked, do())
            return
        options = [
            {"optionId": "once", "name": "Allow once", "kind": "allow_once"},
            {"optionId": "always", "name": ALWAYS[kind], "kind": "allow_always"},
            {"optionId": "no", "name": "Refuse", "kind": "reject_once"},
        ]
        with self._lock:
            self._waiting[asked.number] = Wish(asked, kind, key, do)
        self._wire.note({"is": "consent", "n": asked.number, "title": title, "options": options, **more})
        if self.rule is not None:
            self.answer(asked.number, "once" if self.rule(kind) else "no")


def _text(params: dict[str, Any], key: str) -> str:
    value = params.get(key)
    if not isinstance(value, str):
        raise RefusedError(f"{key} is missing.")
    return value


def _count(params: dict[str, Any], key: str) -> int | None:
    value = params.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
