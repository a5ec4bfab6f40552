"""The line between us and an ACP agent: JSON-RPC in lines, both ways, each kept before anything is done about it.

What is kept is our journal: {"ts", "dir", "msg"} per message, as it came, with what only we know beside it. Bytes that
are no message are kept as text. For `store.sources.acp`; no thread here but the one that writes.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import orjson

from store.decode import decode
from store.events import At
from store.formats.acp_wire import name_of
from store.formats.base import Record

LONGEST: Final = 64 << 20  # bytes of one line; what is longer is no message, and would only fill the memory
WAITING: Final = 1_000  # messages that wait for an agent that does not read; then we do not read either
HEAVY: Final = 64 << 20  # bytes of them
STEP: Final = 0.2  # seconds between two looks whether it is over


class Asked(NamedTuple):
    """A request or a notification of the agent. `number` is ours: its own ids may come twice."""

    number: int
    id: Any  # None for a notification
    method: str
    params: dict[str, Any]
    answerable: bool


Answer = Callable[[Any, Any], None]  # (result, error), one of them None


class Wire:
    """See the module. `keep` takes journal lines, `write` gives bytes to the agent, `heard` is told of each request.

    `feed` belongs to the reader's thread; all else may be called from any.
    """

    def __init__(
        self, keep: Callable[[bytes], None], write: Callable[[bytes], bool], heard: Callable[[Asked], None]
    ) -> None:
        self._keep = keep
        self._write = write
        self._heard = heard
        self._order = threading.Lock()  # of the journal: lines go into it whole and one after the other
        self._changed = threading.Condition()
        self._out: deque[tuple[bytes, bytes]] = deque()  # journal line, bytes for the agent
        self._open: dict[str, tuple[str, Answer]] = {}  # our requests
        self._heavy = 0  # bytes in `_out`
        self._ids = 0
        self._numbers = 0
        self._rest: list[bytes] = []
        self._size = 0
        self._skipping = False
        self._over = False
        self._writing = False
        self._thread = threading.Thread(target=self._run, name="acp-out", daemon=True)

    def start(self) -> None:
        self._thread.start()

    # ---- in

    def feed(self, data: bytes) -> None:
        """Bytes of the agent, cut anywhere."""
        kept: list[bytes] = []
        heard: list[Callable[[], None]] = []
        ts = time.time_ns() // 1000
        first = 0
        while (end := data.find(b"\n", first)) >= 0:
            line = data[first:end]
            if self._rest:
                line = b"".join([*self._rest, line])
                self._rest, self._size = [], 0
            if self._skipping:
                self._skipping = False
            else:
                self._line(line, ts, kept, heard)
            first = end + 1
        if first < len(data):
            self._hold(data[first:], ts, kept)
        if kept:
            self.keep(b"".join(kept))
        for tell in heard:
            tell()
        self.room()

    def room(self) -> None:
        """Wait for an agent that asks and does not listen."""
        with self._changed:
            while (len(self._out) > WAITING or self._heavy > HEAVY) and not self._over:
                self._changed.wait(STEP)

    def finish(self) -> None:
        """The agent will say no more: what it began to say is kept."""
        rest, self._rest, self._size = b"".join(self._rest), [], 0
        if rest.strip() and not self._skipping:
            kept: list[bytes] = []
            self._line(rest, time.time_ns() // 1000, kept, [])
            self.keep(b"".join(kept))

    def _hold(self, piece: bytes, ts: int, kept: list[bytes]) -> None:
        if self._skipping:
            return
        self._rest.append(piece)
        self._size += len(piece)
        if self._size > LONGEST:
            text = f"The agent sent a line of more than {LONGEST >> 20} MB. It is not kept."
            head = b"".join(self._rest)[:2000].decode("utf-8", "replace")
            kept.append(
                noted({"is": "notice", "kind": "agent_error", "level": "error", "text": text, "detail": head}, ts)
            )
            self._rest, self._size, self._skipping = [], 0, True

    def _line(self, line: bytes, ts: int, kept: list[bytes], heard: list[Callable[[], None]]) -> None:
        line = line.strip(b"\r \t")
        if not line:
            return
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            for piece in decode(line, At()):
                if isinstance(piece, Record) and type(piece.data) is dict:
                    self._message(piece.data, piece.raw.strip(), ts, kept, heard)
                elif piece.raw.strip():
                    text = orjson.dumps(piece.raw.decode("utf-8", "replace"))
                    kept.append(b'{"ts":%d,"dir":"in","text":%b}\n' % (ts, text))
            return
        if type(value) is dict:
            self._message(value, line, ts, kept, heard)
        else:
            kept.append(b'{"ts":%d,"dir":"in","msg":%b}\n' % (ts, line))

    def _message(
        self, value: dict[str, Any], raw: bytes, ts: int, kept: list[bytes], heard: list[Callable[[], None]]
    ) -> None:
        method, id = value.get("method"), value.get("id")
        more = b""
        if type(method) is str:
            params = value.get("params")
            answerable = "id" in value
            number = 0
            if answerable:
                self._numbers += 1
                number = self._numbers
                more = b'"n":%d,' % number
            if answerable or not method.startswith("session/update") or _chooses(params):
                asked = Asked(number, id, method, params if type(params) is dict else {}, answerable)
                heard.append(lambda: self._heard(asked))
        elif "id" in value:
            found = self._open.pop(name_of(id), None)
            if found is not None:
                what, answer = found
                more = b'"re":%b,' % orjson.dumps(what)
                result, error = value.get("result"), value.get("error")
                heard.append(lambda: answer(result, error))
        kept.append(b'{"ts":%d,"dir":"in",%b"msg":%b}\n' % (ts, more, raw))

    # ---- out

    def request(self, method: str, params: dict[str, Any], answer: Answer, item: str = "") -> int:
        """Ask the agent; `answer` is called on the reader's thread. `item` names the row of a prompt."""
        with self._changed:
            self._ids += 1
            id = self._ids
            self._open[name_of(id)] = (method, answer)
        more = b'"item":%b,' % orjson.dumps(item) if item else b""
        self._send({"jsonrpc": "2.0", "id": id, "method": method, "params": params}, more)
        return id

    def notify(self, method: str, params: dict[str, Any]) -> None:
        self._send({"jsonrpc": "2.0", "method": method, "params": params}, b"")

    def result(self, asked: Asked, result: Any) -> None:
        """Answer a request."""
        if asked.answerable:
            self._send({"jsonrpc": "2.0", "id": asked.id, "result": result}, self._re(asked))

    def error(self, asked: Asked, code: int, message: str) -> None:
        """Refuse a request."""
        if asked.answerable:
            body = {"jsonrpc": "2.0", "id": asked.id, "error": {"code": code, "message": message}}
            self._send(body, self._re(asked))

    def note(self, note: dict[str, Any]) -> None:
        """Keep what only we know, in its place among what is said to the agent. Never waits."""
        with self._changed:
            self._out.append((noted(note, time.time_ns() // 1000), b""))
            self._changed.notify_all()

    def note_now(self, note: dict[str, Any]) -> None:
        """The same at once. Waits while nobody takes what is kept: that holds back whoever says too much."""
        self.keep(noted(note, time.time_ns() // 1000))

    def keep(self, lines: bytes) -> None:
        with self._order:
            self._keep(lines)

    def close(self) -> None:
        """Nothing more is written; whoever waits is let go. Notes that were to be kept still are."""
        with self._changed:
            self._over = True
            left, self._out = self._out, deque()
            self._changed.notify_all()
        notes = [line for line, raw in left if not raw]
        if notes:
            self.keep(b"".join(notes))

    def drain(self, timeout: float) -> None:
        """Wait until the agent has read what there is, or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: not self._out and not self._writing, timeout)

    def done(self) -> bool:
        """Whether nothing is being written, after `close`."""
        self._thread.join(0.2)
        return not self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """Messages that the agent has not read."""
        return len(self._out)

    def _re(self, asked: Asked) -> bytes:
        return b'"n":%d,"re":%b,' % (asked.number, orjson.dumps(asked.method))

    def _send(self, body: dict[str, Any], more: bytes) -> None:
        raw = orjson.dumps(body)
        with self._changed:
            if self._over:
                return
            self._out.append((b'{"ts":%d,"dir":"out",%b"msg":%b}\n' % (time.time_ns() // 1000, more, raw), raw + b"\n"))
            self._heavy += len(raw)
            self._changed.notify_all()

    def _run(self) -> None:
        deaf = False  # the agent reads no more
        while True:
            with self._changed:
                while not self._out and not self._over:
                    self._changed.wait()
                if self._over:
                    return
                line, raw = self._out.popleft()
                self._heavy -= max(0, len(raw) - 1)
                self._writing = True
            self.keep(line)  # before the agent can answer it
            deaf = deaf or not (raw == b"" or self._write(raw))
            with self._changed:
                self._writing = False
                self._changed.notify_all()


def _chooses(params: Any) -> bool:
    """Whether an update says what may be chosen, which is all that we listen to there: the rest is for the journal."""
    update = params.get("update") if type(params) is dict else None
    return type(update) is dict and update.get("sessionUpdate") in ("config_option_update", "current_mode_update")


def noted(note: dict[str, Any], ts: int) -> bytes:
    """A note of ours as a line of the journal."""
    return b'{"ts":%d,"dir":"note","note":%b}\n' % (ts, orjson.dumps(note))
