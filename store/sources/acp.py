"""An agent that we started and talk to over its standard input and output, by the Agent Client Protocol.

It shakes hands, opens or loads a session, sends prompts, and answers what the agent asks: permission and files only by
what the user says. Everything said goes into the journal first, and the rows are read from there: `store.formats.acp`.
Nothing here waits but `stop`; callbacks run on threads of the process.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from store.attach import Attached, refused
from store.conversation import Choice
from store.errors import StoreError
from store.runners.base import YES, Abilities, Ability
from store.sources import acp_prompt
from store.sources.acp_choices import Choices
from store.sources.acp_consent import METHODS, Consent
from store.sources.acp_wire import Asked, Wire
from store.sources.process import Closed, Exited, Fact, Killed, Process, wording

log = logging.getLogger(__name__)

VERSION: Final = 1
SLOW: Final = 60.0  # seconds without an answer to a handshake, after which the user is told
STUBBORN: Final = 10.0  # seconds that an agent may take to stop a turn
LEAVE: Final = 2.0  # seconds that it has to end by itself once nobody talks to it any more
QUESTIONS: Final = 100  # open at a time; an agent that asks more is not asking
NO_METHOD: Final = -32601
INVALID: Final = -32602
GONE: Final = (-32002, -32603)  # what agents answer when they are to load a session that they do not have
_NO: Final = Ability(False, "The agent says itself what it can do, once it has been started.")


class AcpAgent:
    """A conversation (`store.conversation`) with one agent in one session.

    `keep` takes the journal, `say` changes the session's header, `ready` is told when prompts can be sent (and when
    they can not any more), `ended` once, how it ended.
    """

    def __init__(
        self,
        cwd: Path,
        keep: Callable[[bytes], None],
        say: Callable[..., None],
        ready: Callable[[bool], None],
        ended: Callable[[str, bool], None],
        load: str = "",
        *,
        files: bool = True,
        unsent: Callable[[str, str], None] = lambda _id, _why: None,
    ) -> None:
        """`files`: offer the agent to read and write files for it; without that it does so itself, unasked by us.

        `unsent` hears of a prompt, by its id, that could not be sent after all, and why.
        """
        self.cwd = cwd
        self.session = ""
        self.chosen = Choices()
        self._say, self._ready, self._ended, self._load = say, ready, ended, load
        self._files, self._unsent = files, unsent
        self._wire = Wire(keep, self._write, self._heard)
        self._consent = Consent(self._wire, cwd)
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._caps: dict[str, Any] = {}
        self._auth: list[dict[str, Any]] = []
        self._asked: dict[int, Asked] = {}  # open permission requests, by our number
        self._prompt = 0  # id of the one that is worked on
        self._reading = ""  # the prompt's own id, while its files are read
        self._cancelled = 0
        self._patience: threading.Timer | None = None
        self._closing = False
        self._closed = False
        self._end: Exited | Killed | None = None
        self._over = False

    # ---- the conversation, on the GUI thread

    @property
    def abilities(self) -> Abilities:
        modes = tuple(id for id, _ in self.chosen.modes)
        return acp_prompt.abilities(self._caps, resume=YES if self.session else _NO, modes=modes)

    @property
    def busy(self) -> bool:
        """A prompt is being worked on."""
        return self._prompt != 0 or self._reading != ""

    def shown(self, text: str, files: Sequence[Attached]) -> tuple[str, int]:
        said = acp_prompt.shown(text, files, self.abilities)
        return said.text, said.images

    def send(self, text: str, id: str, files: Sequence[Attached] = ()) -> bool:
        able = self.abilities
        if why := refused(files, able):
            raise StoreError(why)
        with self._lock:
            if not self.session or self._prompt or self._reading or self._closing:
                return False
            if not files:
                self._turn(acp_prompt.blocks(text, (), able), id)
                return True
            self._reading = id
        threading.Thread(target=self._read, args=(text, id, files, able), name="acp-read", daemon=True).start()
        return True

    def _turn(self, blocks: list[dict[str, Any]], id: str) -> None:
        params = {"sessionId": self.session, "prompt": blocks}
        self._prompt = self._wire.request("session/prompt", params, self._prompted, id)

    def _read(self, text: str, id: str, files: Sequence[Attached], able: Abilities) -> None:
        """On a thread: its files may lie on a disk that is slow or gone."""
        blocks: list[dict[str, Any]] = []
        try:
            blocks, why = acp_prompt.blocks(text, files, able), ""
        except StoreError as error:
            why = str(error)
        with self._lock:
            if self._reading != id:
                return  # it was stopped meanwhile
            self._reading = ""
            why = why or ("" if self.session and not self._closing else "The agent ended before it was sent.")
            if not why:
                self._turn(blocks, id)
        if why:
            self._unsent(id, why)

    def cancel(self) -> None:
        with self._lock:
            reading, self._reading = self._reading, ""
            if not self._prompt and not reading:
                return
        if reading:
            self._unsent(reading, "Stopped by you before it was sent.")
            return
        with self._lock:
            if not self._prompt:
                return
            self._cancelled = self._prompt
            asked, self._asked = self._asked, {}
            self._wire.notify("session/cancel", {"sessionId": self.session})
            for one in asked.values():
                self._wire.result(one, {"outcome": {"outcome": "cancelled"}})
        self._consent.cancel()
        self._expect(STUBBORN, self._stubborn)

    def may_cancel(self) -> bool:
        """Cancel the turn, if one runs that was not cancelled yet. False: only the end of the agent will stop it."""
        if not self.busy or (self._cancelled == self._prompt != 0):
            return False
        self.cancel()
        return True

    def answer(self, rpc: str | int, option: str) -> None:
        """`rpc` as in the question: a:#NUMBER. A question that is not open any more is left alone."""
        number = int(text) if (text := str(rpc).removeprefix("a:#")).isdigit() else 0
        with self._lock:
            asked = self._asked.pop(number, None)
        if asked is not None:
            self._wire.result(asked, {"outcome": {"outcome": "selected", "optionId": option}})
        else:
            self._consent.answer(number, option)

    @property
    def choices(self) -> Sequence[Choice]:
        found = (Choice("mode", self.chosen.modes), Choice("model", self.chosen.llms)) if self.session else ()
        return [choice for choice in found if choice.options]

    def choose(self, category: str, id: str, done: Callable[[Any], None] = lambda _: None) -> None:
        """`done` gets the error that it was answered with, or None; on the reader's thread."""

        def answered(result: Any, error: Any) -> None:
            if error is None and isinstance(result, dict):
                self.chosen.take(result)
            done(error)

        if self.session:
            method, params = self.chosen.request(category, id)
            self._wire.request(method, {"sessionId": self.session, **params}, answered)

    def close(self) -> None:
        """Nobody looks any more: it is for who started it to stop it."""

    # ---- its life

    def start(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Raises StoreError when there is nothing to start."""
        with self._lock:
            self._process = Process(argv, self.cwd, env, out=self._wire.feed, fact=self._fact, talk=True)
        self._wire.start()
        self._request("initialize", {
            "protocolVersion": VERSION,
            "clientCapabilities": {"fs": {"readTextFile": self._files, "writeTextFile": self._files}, "terminal": True},
            "clientInfo": {"name": "playhead", "title": "Playhead", "version": "1"},
        }, self._initialized)  # fmt: skip

    def around(self, env: Mapping[str, str]) -> None:
        """The environment that its terminals begin with."""
        self._consent.terminals.around = env

    def stop(self) -> None:
        """End it: politely, then not. Blocks until the whole group is gone."""
        with self._lock:
            self._closing = True
            asked, self._asked = self._asked, {}
            process = self._process
        for one in asked.values():
            self._wire.result(one, {"outcome": {"outcome": "cancelled"}})
        self._consent.cancel()
        self._calm()
        self._wire.drain(0.5)
        self._wire.close()
        self._consent.close()
        if process is not None:
            if self._wire.done():  # else it is still at a write that the agent does not read
                process.hush()
                process.join(LEAVE)
            process.terminate()
        self._finish()

    def _write(self, data: bytes) -> bool:
        return self._process is not None and self._process.write(data)

    def _fact(self, fact: Fact) -> None:
        with self._lock:
            if isinstance(fact, Closed):
                self._closed = True
            else:
                self._end = fact
            over = self._closed and self._end is not None
        if over:
            self._finish()
        elif isinstance(fact, Closed):
            return
        elif not self._closing:
            self._say(trouble=f"The agent {wording(fact)}; what it started is still running.")

    def _finish(self) -> None:
        """It is gone: nothing that is open will ever be answered."""
        with self._lock:
            if self._over:
                return
            self._over = True
            self.session, self._prompt = "", 0
            closing, end = self._closing, self._end
        self._calm()
        self._ready(False)
        self._wire.finish()
        self._wire.close()
        if not closing:
            threading.Thread(target=self._consent.close, name="acp-end", daemon=True).start()
        ok = closing or end == Exited(0)
        how = "ended" if closing or end is None else wording(end)
        said = [] if ok or self._process is None else self._process.stderr().decode("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(said) if line.strip()), "")
        text = f"The agent {how}{f': {last}' if last else ''}"
        self._wire.note_now({"is": "ended", "ok": ok, "text": text, "detail": "\n".join(said[-200:]).strip()})
        self._ended(f"{how}{f': {last}' if last else ''}", ok)

    # ---- handshake, on the reader's thread

    def _request(self, method: str, params: dict[str, Any], done: Callable[[dict[str, Any]], None]) -> None:
        def answered(result: Any, error: Any) -> None:
            self._calm()
            if error is not None:
                self._refused(method, error)
            else:
                done(result if isinstance(result, dict) else {})

        self._expect(SLOW, lambda: self._say(trouble=f"The agent has not answered “{method}” for {SLOW:.0f} s."))
        self._wire.request(method, params, answered)

    def _initialized(self, result: dict[str, Any]) -> None:
        self._say(trouble="")
        version = result.get("protocolVersion")
        if version != VERSION:
            self._stuck(f"The agent speaks version {version} of the protocol, and Playhead talks version {VERSION}.")
            return
        caps, auth = result.get("agentCapabilities"), result.get("authMethods")
        self._caps = caps if isinstance(caps, dict) else {}
        self._auth = [one for one in auth if isinstance(one, dict)] if isinstance(auth, list) else []
        params: dict[str, Any] = {"cwd": str(self.cwd), "mcpServers": []}
        if not self._load:
            self._request("session/new", params, self._opened)
            return
        more = self._caps.get("sessionCapabilities")
        method = "session/load" if self._caps.get("loadSession") is True else "session/resume"
        if method == "session/resume" and not (isinstance(more, dict) and isinstance(more.get("resume"), dict)):
            self._stuck("This agent cannot load an earlier session. Start it without one.", gone=True)
            return
        self._request(method, {**params, "sessionId": self._load}, self._opened)

    def _opened(self, result: dict[str, Any]) -> None:
        id = result.get("sessionId")
        self.chosen.take(result)
        with self._lock:
            self.session = id if isinstance(id, str) and id else self._load
            known = bool(self.session)
        if known:
            self._ready(True)
        else:
            self._stuck("The agent opened a session and did not say which: no prompt can be sent to it.")

    def _refused(self, method: str, error: Any) -> None:
        code = error.get("code") if isinstance(error, dict) else None
        said = error.get("message") if isinstance(error, dict) else None
        if code == -32000:
            ways = [str(one.get("description") or one.get("name") or one.get("id")) for one in self._auth]
            how = f" ({'; '.join(ways[:4])})" if ways else ""
            self._stuck(f"The agent wants you to log in first{how}. Do that in a terminal, then start it again.")
        else:
            gone = code in GONE and method in ("session/load", "session/resume")
            self._stuck(f"The agent refused “{method}”: {said or error}", gone=gone)

    def _stuck(self, why: str, *, gone: bool = False) -> None:
        """It goes no further. `gone`: because the session that was to be loaded cannot be had."""
        self._say(trouble=why)

    # ---- prompts

    def _prompted(self, result: Any, error: Any) -> None:
        with self._lock:
            self._prompt = 0
        self._calm()
        self._say(trouble="")
        if isinstance(error, dict) and error.get("code") == -32000:
            self._refused("session/prompt", error)

    def _stubborn(self) -> None:
        text = f"The agent has not stopped {STUBBORN:.0f} s after it was asked to. End the session to stop it."
        self._wire.note({"is": "notice", "kind": "agent_error", "level": "warning", "text": text})

    def _expect(self, seconds: float, late: Callable[[], None]) -> None:
        self._calm()
        timer = threading.Timer(seconds, late)
        timer.daemon = True
        self._patience = timer
        timer.start()

    def _calm(self) -> None:
        timer, self._patience = self._patience, None
        if timer is not None:
            timer.cancel()

    # ---- what the agent asks, on the reader's thread

    def _heard(self, asked: Asked) -> None:
        if not asked.answerable:
            if asked.method == "session/update" and asked.params.get("sessionId") == self.session:
                self.chosen.take(asked.params["update"])
            elif asked.method == "$/cancel_request":
                self._withdrawn(asked.params.get("requestId", asked.params.get("id")))
            return
        if self._closing or asked.id is None:
            self._wire.error(
                asked, INVALID, "A request needs an id." if asked.id is None else "The session is closing."
            )
        elif asked.method not in METHODS and asked.method != "session/request_permission":
            self._wire.error(asked, NO_METHOD, f"Method not found: {asked.method}")
        elif asked.params.get("sessionId") not in (self.session, self._load) or not self.session:
            self._wire.error(asked, INVALID, f"There is no session {asked.params.get('sessionId')}.")
        elif len(self._asked) + self._consent.open >= QUESTIONS:
            self._wire.error(asked, INVALID, f"{QUESTIONS} questions are open; that is the most.")
        elif asked.method == "session/request_permission":
            self._permission(asked)
        else:
            self._consent.take(asked)

    def _permission(self, asked: Asked) -> None:
        options = asked.params.get("options")
        if not isinstance(options, list) or not any(isinstance(one, dict) and one.get("optionId") for one in options):
            self._wire.error(asked, INVALID, "There are no options to choose from.")
            return
        with self._lock:
            self._asked[asked.number] = asked

    def _withdrawn(self, id: Any) -> None:
        with self._lock:
            found = next((number for number, one in self._asked.items() if one.id == id), 0)
            asked = self._asked.pop(found, None)
        if asked is not None:
            self._wire.error(asked, -32800, "cancelled")
        else:
            self._consent.withdrawn(id)
