"""A `claude` that somebody answers: prompt and answers go in as lines of JSON, as its control protocol has it.

To who started it, it is a process like any other. When its turn is over its input is closed, and with that it ends: the
next prompt is a run of its own, so that between two prompts nobody holds the session. What it left in the background
calls the model once more when it is done, and may ask then: until that turn is over, too, it is listened to.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

import orjson

from store.formats.claude_asks import response, step, words
from store.formats.values import string, table
from store.runners.base import Reply
from store.sources.process import Closed, Exited, Fact, Killed, Process

PROTOCOL: Final = 1.0  # seconds that it has to stop when it is asked to, before it gets a signal
LONGEST: Final = 64 << 20  # bytes of a line that is looked at
AGAIN: Final = 5.0  # seconds in which it begins that turn, where there is one
_MARKS: Final = (
    b'"control_request"', b'"control_cancel_request"', b'"result"', b'"background_tasks_changed"', b'"init"',
)  # fmt: skip


class Talked:
    """See the module. `prompt`: its words, or blocks of content. Raises StoreError when there is nothing to start."""

    def __init__(
        self,
        argv: Sequence[str],
        cwd: Path,
        env: Mapping[str, str] | None,
        prompt: str | list[dict[str, Any]],
        *,
        out: Callable[[bytes], None],
        fact: Callable[[Fact], None],
    ) -> None:
        self._out = out
        self._fact = fact
        self._line = bytearray()
        self._said: SimpleQueue[bytes | None] = SimpleQueue()  # what goes in, in order; None: nothing more does
        self._lock = threading.Lock()
        self._open: dict[str, tuple[dict[str, Any], list[str]]] = {}  # question → its request, what was answered so far
        self._background = self._rests = self._stopped = False
        self._later: threading.Timer | None = None
        self._process = Process(argv, cwd, env, out=self._take, fact=self._told, talk=True)
        self.pid = self._process.pid
        # On a thread of its own: it may read nothing for a while, and the window must not wait for it.
        threading.Thread(target=self._write, name=f"stdin-{self.pid}", daemon=True).start()
        self._say({"type": "user", "message": {"role": "user", "content": prompt}})

    @property
    def ended(self) -> Exited | Killed | None:
        return self._process.ended

    def stderr(self) -> bytes:
        return self._process.stderr()

    def join(self, timeout: float | None = None) -> Exited | Killed | None:
        return self._process.join(timeout)

    def terminate(self, grace: float = 2.0) -> bool:
        self._said.put(None)
        return self._process.terminate(grace)

    def interrupt(self) -> None:
        """Ask it to stop as its own interface would; it writes down what it was doing, and ends. Else: the signal."""
        self._stopped = True
        self._say({"type": "control_request", "request_id": "stop", "request": {"subtype": "interrupt"}})
        threading.Thread(target=self._insist, name=f"interrupt-{self.pid}", daemon=True).start()

    def answer(self, rpc: str, option: str) -> Reply | None:
        """Answer an open question. Says what is asked next, or what became of it; None: it is not open (any more)."""
        with self._lock:
            if rpc not in self._open:
                return None
            request, chosen = self._open[rpc]
            chosen.append(option)
            following = step(request, chosen)
            if following is None:
                del self._open[rpc]
        if following is not None:
            return Reply(*following)
        told = {"subtype": "success", "request_id": rpc, "response": response(request, chosen)}
        self._say({"type": "control_response", "response": told})
        return Reply(words(request, chosen))

    # ---- threads

    def _say(self, record: dict[str, Any]) -> None:
        self._said.put(orjson.dumps(record) + b"\n")

    def _write(self) -> None:
        """Its input, until there is nothing more to say or nobody who reads it."""
        while (data := self._said.get()) is not None and self._process.write(data):
            pass
        self._process.hush()

    def _insist(self) -> None:
        if self._process.join(PROTOCOL) is None:
            self._process.interrupt()

    def _told(self, fact: Fact) -> None:
        if not isinstance(fact, Closed):
            self._hush()
        self._fact(fact)

    def _take(self, data: bytes) -> None:
        """Its output, on the reader's thread. Looked at before it is shown: what is asked there can be answered."""
        try:
            self._listen(data)
        finally:
            self._out(data)

    def _listen(self, data: bytes) -> None:
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            self._line += data[start:end]
            if any(mark in self._line for mark in _MARKS):
                self._look(bytes(self._line))
            self._line.clear()
            start = end + 1
        if len(self._line) < LONGEST:
            self._line += data[start:]

    def _look(self, line: bytes) -> None:
        try:
            record = orjson.loads(line)
        except ValueError:
            return
        if type(record) is not dict:
            return
        rpc = string(record, "request_id")
        match record.get("type"):
            case "control_request":
                request = table(record, "request")
                if string(request, "subtype") == "can_use_tool":
                    with self._lock:
                        self._open[rpc] = (request, [])
                else:
                    told = {"subtype": "error", "request_id": rpc, "error": "Playhead does not know this request."}
                    self._say({"type": "control_response", "response": told})
            case "control_cancel_request":
                with self._lock:
                    self._open.pop(rpc, None)
            case "result":
                self._rests = True
                if not self._background or self._stopped:
                    self._hush()
            case "system" if string(record, "subtype") == "init":
                self._rests = False
                self._wait_no_more()
            case "system" if string(record, "subtype") == "background_tasks_changed":
                self._background = bool(record.get("tasks"))
                if self._rests and not self._background:  # the turn that comes of it closes the input, if it comes
                    self._wait_no_more()
                    self._later = threading.Timer(AGAIN, self._hush)
                    self._later.daemon = True
                    self._later.start()

    def _hush(self) -> None:
        self._wait_no_more()
        self._said.put(None)

    def _wait_no_more(self) -> None:
        later, self._later = self._later, None
        if later is not None:
            later.cancel()
